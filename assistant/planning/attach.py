"""Pieces → a draft: which word belongs to which. A short list of rules, one method each, left to right.

Knows operators, neighbours and scope; not datasets, periods or plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from assistant.errors import Refused
from assistant.planning.draft import (
    DimensionUse,
    Draft,
    EmptyUse,
    ThresholdUse,
    TimeUse,
    ValueUse,
)
from assistant.planning.lattice import Span
from assistant.semantics.lexicon import Lexicon, Meaning, ValueHit
from assistant.semantics.words import singular, split

_COMPARATORS = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}
_AGAINST = {
    "month_over_month": "month",
    "week_over_week": "week",
    "quarter_over_quarter": "quarter",
    "year_over_year": "year",
    "day_over_day": "day",
}
# Operators that say nothing when nothing follows that they could act on.
_HARMLESS = {
    "include", "including", "copula", "conjunction", "followup", "previous", "add", "which", "convert",
    "group", "each_of", "versus", "compare", "between", "above", "sum_up", "breakdown", "same", "count", "reset",
}  # fmt: skip


def attach(spans: Sequence[Span], lexicon: Lexicon) -> Draft:
    """The draft of one message. Raises Refused for what is out of scope."""
    return _Attacher(spans, lexicon).run()


class _Attacher:
    def __init__(self, spans: Sequence[Span], lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.spans = list(spans)
        self.draft = Draft()
        self.used: set[int] = set()
        self.negating = False
        self.readmitting = False
        self.metric_places: list[int] = []

    # --- neighbours ---------------------------------------------------------------------------

    def _next(self, i: int) -> int | None:
        """The following span that carries meaning and is not taken yet."""
        return next((j for j in range(i + 1, len(self.spans)) if not self._passable(j) and j not in self.used), None)

    def _previous(self, i: int) -> int | None:
        j = i - 1
        while j >= 0:
            if not self._passable(j):
                return j
            j -= 1
        return None

    def _passable(self, j: int) -> bool:
        span = self.spans[j]
        return span.hollow and not span.times and span.number is None

    def _between(self, i: int, j: int) -> set[str]:
        return {w for s in self.spans[i + 1 : j] for w in s.words}

    # --- the walk -------------------------------------------------------------------------------

    def run(self) -> Draft:
        self._opening()
        self._same_twice()
        for i, span in enumerate(self.spans):
            if i in self.used:
                continue
            self._refuse(span)
            self._attach(i, span)
        if self.draft.share:
            self._sides_of_share()
        if self.draft.average and self.draft.average_grain is None and self.draft.grains:
            self.draft.average_grain = self.draft.grains.pop()  # "per month, on average"
        if self.draft.grains and self.draft.change and not (self.draft.direction or self.draft.by_rate or self.draft.against):
            self.draft.change = False  # "how did cost move month by month" is a series
        named = [e for e in self.draft.empties if e.names]
        if named:  # "untagged (no squad tag)" says one thing twice
            self.draft.empties = named
        return self.draft

    def _sides_of_share(self) -> None:
        """`what share of AI spend is OpenAI`: AI is the whole, OpenAI the part."""
        share = next(j for j, s in enumerate(self.spans) if s.operator("share"))
        values = [v for v in self.draft.values if not v.negated]
        copula = next(
            (j for j in range(len(self.spans) - 1, share, -1) if self.spans[j].operator("copula")), None
        )
        if len(values) < 2:
            return
        if copula is not None and any(v.place > copula for v in values) and any(v.place < copula for v in values):
            for value in values:
                value.side = "part" if value.place > copula else "whole"
        elif any(v.place < share for v in values) and any(v.place > share for v in values):
            for value in values:
                value.side = "part" if value.place < share else "whole"
        else:
            for place in self.metric_places:
                if any(v.place < place for v in values) and any(v.place > place for v in values):
                    for value in values:
                        value.side = "part" if value.place > place else "whole"

    def _opening(self) -> None:
        """A message that starts like a follow-up; the words themselves carry nothing else."""
        if not self.spans:
            return
        first, last = self.spans[0], self.spans[-1]
        if first.operator("followup", "same", "add") or (last.operator("followup") and not last.hollow):
            self.draft.followup = True

    def _same_twice(self) -> None:
        """`owner squad` names one dimension in two words."""
        for i, (one, other) in enumerate(pairwise(self.spans)):
            first, second = one.of("dimension"), other.of("dimension")
            if first and second and set(first.names) == set(second.names):
                self.used.add(i)

    def _refuse(self, span: Span) -> None:
        meaning = span.of("refusal")
        if meaning is None or meaning.refusal is None:
            return
        if any(m.kind in ("metric", "dimension", "unit_of_work") for m in span.meanings):
            return
        if span.hits and self._looks_like_a_name(span):
            return
        raise Refused(f"{meaning.refusal.says} (“{span.text}”)")

    def _looks_like_a_name(self, span: Span) -> bool:
        """Capitals inside a sentence, or a neighbouring dimension word, mark a name."""
        index = self.spans.index(span)
        if self._named_by_neighbour(index) is not None:
            return True
        first = span.tokens[0]
        if len(span.tokens) > 1 and self._written_as_value(span):
            return True
        written = first.text[:1].isupper() and span.start > 0
        return written and any(first.text in value for hit in span.hits for value in hit.values)

    def _written_as_value(self, span: Span) -> bool:
        """Letter for letter, capitals included."""
        return any(span.text == v for h in span.hits for v in h.values) and not span.text.islower()

    def _named_by_neighbour(self, i: int) -> tuple[int, tuple[str, ...]] | None:
        """The adjacent dimension word of which this span is a value: `team falcon`, `falcon team`."""
        for j in (i - 1, i + 1, *self._through_naming(i)):
            if 0 <= j < len(self.spans) and j not in self.used:
                meaning = self.spans[j].of("dimension")
                if meaning and self._owns(meaning.names, self.spans[i].hits):
                    return j, meaning.names
        return None

    def _through_naming(self, i: int) -> list[int]:
        """`team is Falcon`, `service called X`, `env = prod`: one naming word in between."""
        if i >= 2 and (
            self.spans[i - 1].operator("include", "copula")
            or set(self.spans[i - 1].words) <= {"called", "named", "is", "the", "=", ":", "in", "are"}
        ) and not set(self.spans[i - 1].words) & {"for", "of", "from", "on"}:
            return [i - 2]
        return []

    def _owns(self, names: Sequence[str], hits: Sequence[ValueHit]) -> bool:
        return any(self._is_of(hit, names) for hit in hits)

    def _is_of(self, hit: ValueHit, names: Sequence[str]) -> bool:
        if hit.dimension in names:
            return True
        dimension = self.lexicon.model.dimension(hit.dataset, hit.dimension)
        return dimension.id_of in names if dimension.id_of else False

    # --- one span -------------------------------------------------------------------------------

    def _attach(self, i: int, span: Span) -> None:
        if self._as_number(i, span):
            return
        if self._prefers_value(i, span):
            self._value(i, span)
            return
        if span.times:
            self._time(i, span)
            return
        meaning = self._best(span)
        if meaning is None:
            self._leftover(i, span)
            return
        match meaning.kind:
            case "operator":
                self._operator(i, span)
            case "metric":
                self._metric(i, span, meaning)
            case "dimension":
                self._dimension(i, span, meaning)
            case "value":
                self._value(i, span)
            case "grain":
                self._grain(i, span, meaning)
            case "unit_of_work":
                self._unit(i, span)
            case "currency":
                self._currency(i, meaning)
            case "ignore":
                self._hollow(i, span)
            case "refusal":
                pass

    def _best(self, span: Span) -> Meaning | None:
        """The meaning to act on; operators come first where a word is both hollow and an operator."""
        order = {"operator": 0, "metric": 1, "grain": 1, "unit_of_work": 2, "dimension": 2, "value": 3}
        candidates = [m for m in span.meanings if m.kind != "refusal"]
        if span.of("ignore"):  # "used" is a word before it is a commitment's status
            candidates = [m for m in candidates if m.kind != "value"]
        if not candidates:
            return None
        dimension = span.of("dimension")
        if dimension and span.of("metric") and self._asked_by(span):
            return dimension
        return min(candidates, key=lambda m: (order.get(m.kind, 4), m.cost))

    def _asked_by(self, span: Span) -> bool:
        """`by invoice`, `which invoice`: the word is what rows are split by."""
        i = self.spans.index(span)
        before = [s for s in self.spans[max(0, i - 2) : i] if not s.words == ("the",)]
        return bool(before) and before[-1].operator("group", "each_of", "which")

    def _prefers_value(self, i: int, span: Span) -> bool:
        if not span.hits:
            return False
        others = [m for m in span.meanings if m.kind not in ("value", "refusal")]
        if not others and not span.times and span.number is None:
            return True
        if self._named_by_neighbour(i) is not None and not span.of("dimension"):
            return True
        if span.of("unit_of_work") or span.of("metric"):
            return False
        if span.of("dimension") and len(span.tokens) > 1 and self._written_as_value(span):
            return True
        if span.times:
            return self._looks_like_a_name(span) and any(
                t.times for j, t in enumerate(self.spans) if j != i
            )
        if span.of("ignore") or span.of("operator"):
            return self._looks_like_a_name(span)
        return all(m.kind in ("ignore",) for m in others)

    def _leftover(self, i: int, span: Span) -> None:
        if not span.hollow:
            self.draft.unknown.append(span.text)

    def _hollow(self, i: int, span: Span) -> None:
        return None

    # --- numbers ----------------------------------------------------------------------------------

    def _as_number(self, i: int, span: Span) -> bool:
        if span.number is None:
            return False
        if span.hits and not span.currency:
            self._value(i, span)
            return True
        after, before = self._next(i), self._previous(i)
        neighbours = [self.spans[j] for j in (after, before) if j is not None]
        whole = span.number == span.number.to_integral_value()
        if whole and not span.percent and any(n.operator("top", "bottom") for n in neighbours):
            self.draft.limit = int(span.number)
            return True
        if whole and not span.percent and after is not None and not span.times:
            follower = self.spans[after]
            ranked = any(s.operator("top", "bottom") for s in self.spans)
            if (follower.of("dimension") or follower.of("grain")) and ranked:
                self.draft.limit = int(span.number)
                return True
        if span.times:
            return False
        if span.number == 1 and span.words == ("one",):
            return True
        if span.percent and any(s.operator("share") for s in self.spans):
            return True
        self.draft.unknown.append(span.text)
        return True

    def _threshold(self, i: int, span: Span, op: str) -> bool:
        j = self._next(i)
        if j is None or self.spans[j].number is None:
            return False
        number = self.spans[j]
        if number.times and not number.currency and op in (">", "<") and self._is_year(number):
            return False
        self.used.add(j)
        metric = None
        k = self._next(j)
        if k is not None and (m := self.spans[k].of("metric")) and len(m.names) == 1:
            metric = m.names[0]
        assert number.number is not None
        for threshold in self.draft.thresholds:
            if threshold.value == number.number:
                return True
        self.draft.thresholds.append(
            ThresholdUse(op, number.number, None, number.percent, metric, f"{span.text} {number.text}")  # type: ignore[arg-type]
        )
        after = self._next(j)
        if after is not None and self.spans[after].operator("at_least", "at_most") and op in (">", "<"):
            self.used.add(after)
        return True

    def _is_year(self, span: Span) -> bool:
        return any(t.bare_year for t in span.times)

    def _between_numbers(self, i: int, span: Span) -> bool:
        j = self._next(i)
        k = self._next(j) if j is not None else None
        if j is None or k is None:
            return False
        if self.spans[k].operator("conjunction"):
            k = self._next(k)
        if k is None or self.spans[j].number is None or self.spans[k].number is None or self.spans[j].times:
            return False
        low, high = self.spans[j].number, self.spans[k].number
        assert low is not None
        assert high is not None
        self.used |= {j, k}
        self.draft.thresholds.append(
            ThresholdUse("between", low, high, self.spans[k].percent, None, f"between {low} and {high}")
        )
        return True

    # --- time ---------------------------------------------------------------------------------------

    def _time(self, i: int, span: Span) -> None:
        ends = span.times[0].ends
        compares = any(s.operator("compare", "change", "increase", "decrease", "growth_rate") for s in self.spans)
        compares = compares and not any(s.operator(*_AGAINST) for s in self.spans)
        if ends and compares:  # "grew from January to February" sets two months side by side
            self.draft.compare = True
            for end in ends:
                self.draft.times.append(TimeUse((end,), span.text, i))
        else:
            self.draft.times.append(TimeUse(span.times, span.text, i, self._versus_open(i)))
        self.negating = False

    def _versus_open(self, i: int) -> bool:
        """Whether the nearest operator before this place sets it against something."""
        for j in range(i - 1, -1, -1):
            span = self.spans[j]
            if span.times or span.of("metric") or span.of("value") or span.of("dimension"):
                return False
            if span.operator("versus"):
                return True
            if span.operator("above") and j > 0 and self.spans[j - 1].times:
                self.draft.compare = True  # "Q4 over Q3"
                return True
        return False

    def _grain(self, i: int, span: Span, meaning: Meaning) -> None:
        assert meaning.grain is not None
        bare = meaning.names == ("unit",)
        near = [self.spans[j] for j in (self._previous(i),) if j is not None]
        if self.draft.average and self.draft.average_grain is None:
            self.draft.average_grain = meaning.grain
            return
        if bare:
            counted = any(s.operator("count") for s in near)
            if counted:
                self.draft.unknown.append(span.text)
                return
            context = any(
                s.operator("which", "top", "bottom", "group", "each_of") or s.number is not None for s in self.spans
            )
            if not context:
                self.draft.unknown.append(span.text)
                return
            self.draft.dimensions.append(DimensionUse((), span.text, span.words[-1].endswith("s")))
        if meaning.grain not in self.draft.grains:
            self.draft.grains.append(meaning.grain)
        self.negating = False

    # --- operators ----------------------------------------------------------------------------------

    def _operator(self, i: int, span: Span) -> None:
        names = [m.names[0] for m in span.meanings if m.kind == "operator"]
        for name in sorted(names, key=lambda n: n != "between"):
            if self._act(name, i, span):
                return
        if span.hollow or any(n in _HARMLESS for n in names):
            return
        if span.of("dimension") or span.of("metric") or span.of("value"):
            other = next(m for m in span.meanings if m.kind in ("metric", "dimension", "value"))
            if other.kind == "metric":
                self._metric(i, span, other)
            elif other.kind == "dimension":
                self._dimension(i, span, other)
            else:
                self._value(i, span)
            return
        self.draft.unknown.append(span.text)

    def _act(self, name: str, i: int, span: Span) -> bool:
        """True when the operator found something to act on."""
        draft = self.draft
        match name:
            case "above" | "at_least" | "below" | "at_most":
                return self._threshold(i, span, _COMPARATORS[name])
            case "between":
                return self._between_numbers(i, span)
            case "exclude":
                self.negating, self.readmitting = True, False
                return True
            case "include":
                self.negating = False
                return True
            case "including":
                return self._including(i)
            case "empty" | "filled":
                return self._empty(i, span, filled=name == "filled")
            case "versus":
                return self._versus(i)
            case "compare":
                draft.compare = True
                return True
            case "change":
                draft.change = True
                return True
            case "increase":
                draft.change, draft.direction = True, draft.direction or "up"
                return True
            case "decrease":
                draft.change, draft.direction = True, "down"
                return True
            case "growth_rate":
                draft.change, draft.by_rate = True, True
                return True
            case "share":
                draft.share = True
                return True
            case "average":
                draft.average = True
                return True
            case "count":
                return self._count(i)
            case "top" | "bottom":
                return self._superlative(i, name)
            case "descending" | "ascending":
                draft.sorted = name == "descending"
                return True
            case "which":
                draft.which = True
                return True
            case "trend":
                draft.trend = True
                return True
            case "breakdown":
                draft.breakdown = True
                return True
            case "same":
                draft.same = draft.followup = True
                return True
            case "previous":
                draft.refers = True
                return True
            case "add":
                draft.adds = True
                return True
            case "convert":
                return self._convert(i)
            case "group" | "each_of":
                self.negating = False
                j = self._next(i)
                each = "each" in span.words
                if each and (j is None or self.spans[j].times) and self.draft.values:
                    draft.apart = True  # "RDS, Lambda and CloudWatch: what was billed for each"
                return True
            case "apart":
                draft.apart = True
                return True
            case _ if name in _AGAINST:
                draft.change = True
                draft.against = _AGAINST[name]  # type: ignore[assignment]
                return True
        return False

    def _superlative(self, i: int, name: str) -> bool:
        """`top` decides the order; the count stands before or after it."""
        self.draft.descending = name == "top"
        j = self._next(i)
        if j is not None and self.spans[j].number is not None and not self.spans[j].percent:
            number = self.spans[j].number
            if number is not None and number == number.to_integral_value() and not self.spans[j].currency:
                self.draft.limit = int(number)
                self.used.add(j)
        return True

    def _including(self, i: int) -> bool:
        """`including tax` keeps what is there; it filters nothing."""
        j = self._next(i)
        if j is None:
            return False
        hits = self.spans[j].hits
        if hits and all(h.dimension in ("charge_category", "charge_class") for h in hits):
            self.readmitting = True
            return True
        return False

    def _versus(self, i: int) -> bool:
        j = self._next(i)
        if self.metric_places and j is not None and self.spans[j].of("metric") and not self.spans[j].times:
            self.draft.metrics_listed = True  # "billed versus effective cost" are two measures, not two periods
            return True
        self.draft.compare = True
        self.negating = False
        return True

    def _convert(self, i: int) -> bool:
        j = self._next(i)
        if j is None or not self.spans[j].of("currency") or self.spans[j].number is not None:
            return False
        meaning = self.spans[j].of("currency")
        assert meaning is not None
        self.draft.currency = meaning.names[0]
        self.used.add(j)
        return True

    def _currency(self, i: int, meaning: Meaning) -> None:
        if self.lexicon.catalog.currencies != (meaning.names[0],):
            self.draft.currency = meaning.names[0]

    def _count(self, i: int) -> bool:
        """`how many teams` counts distinct values; `how many tokens` is the metric itself."""
        j = self._next(i)
        while j is not None and (self.spans[j].operator("empty", "filled", "count", "top") or self.spans[j].hits):
            j = self._next(j)
        if j is None:
            return True
        meaning = self.spans[j].of("dimension")
        metric = self.spans[j].of("metric")
        counted = self.lexicon.counted_metric(self.spans[j].words)
        if counted is not None and metric is not None:
            self.draft.metrics.append((counted,))
            self.draft.metric_texts.append(self.spans[j].text)
            self.used.add(j)
            return True
        counts = metric is not None and all(self.lexicon.model.metric(n).counted for n in metric.names)
        if meaning is not None and not counts and not self.spans[j].of("unit_of_work"):
            if self._next_is_value_of(j, meaning.names):
                return True
            self.draft.counted.append(DimensionUse(meaning.names, self.spans[j].text, plural=True))
            self.used.add(j)
        return True

    def _next_is_value_of(self, j: int, names: Sequence[str]) -> bool:
        return j + 1 < len(self.spans) and self._owns(names, self.spans[j + 1].hits) and bool(self.spans[j + 1].hits)

    def _empty(self, i: int, span: Span, filled: bool) -> bool:
        filled = filled != self.negating
        self.negating = False
        j = self._next(i)
        if j is not None:
            meaning = self.spans[j].of("dimension")
            grouped = any(w in ("by", "per", "each") for w in self._between(i, j))
            if meaning and not grouped:
                self.draft.empties.append(EmptyUse(meaning.names, filled, self.spans[j].text))
                self.used.add(j)
                return True
        k = self._previous(i)
        if k is not None and self.draft.dimensions and self.spans[k].of("dimension"):
            meaning = self.spans[k].of("dimension")
            assert meaning is not None
            if self.draft.dimensions[-1].names == meaning.names and not self.draft.dimensions[-1].each and j is None:
                self.draft.dimensions.pop()
                self.draft.empties.append(EmptyUse(meaning.names, filled, self.spans[k].text))
                return True
        if not span.of("ignore"):
            self.draft.empties.append(EmptyUse((), filled, span.text))
        return True

    # --- names ---------------------------------------------------------------------------------------

    def _metric(self, i: int, span: Span, meaning: Meaning) -> None:
        before = self._previous(i)
        if span.of("unit_of_work") and before is not None and self._per(i):
            self._unit(i, span)
            return
        if self.metric_places and self._list_between(self.metric_places[-1], i):
            self.draft.metrics_listed = True
        self.metric_places.append(i)
        self.draft.metrics.append(meaning.names)
        self.draft.metric_texts.append(span.text)
        if self.negating and before is not None and self.spans[before].operator("exclude"):
            self.draft.unknown.append(f"{self.spans[before].text} {span.text}")
        self.negating = False

    def _per(self, i: int) -> bool:
        """Whether this word directly follows `per`, `each` or `for one`."""
        words: list[str] = []
        for span in self.spans[max(0, i - 2) : i]:
            words += span.words
        return bool({"per", "each", "every"} & set(words[-2:])) or words[-1:] == ["a"] or words[-1:] == ["one"]

    def _dimension(self, i: int, span: Span, meaning: Meaning) -> None:
        neighbour = self._value_beside(i, meaning.names)
        if neighbour is not None:
            return  # the value takes this word as its qualifier when it is attached
        before = self._previous(i)
        if before is not None and self.negating and self.spans[before].operator("exclude"):
            self.draft.empties.append(EmptyUse(meaning.names, False, span.text))
            self.negating = False
            return
        last = self.draft.dimensions[-1] if self.draft.dimensions else None
        if (
            last is not None
            and i > 0
            and self.spans[i - 1].of("dimension")
            and i - 1 not in self.used
            and last.text == self.spans[i - 1].text
            and self._best(self.spans[i - 1]) is self.spans[i - 1].of("dimension")
        ):
            self.draft.dimensions.pop()
            self.draft.unknown.append(f"{last.text} {span.text}")
            return
        each = self._each_before(i)
        grouped = self._grouped_before(i)
        if not grouped and i > 0 and self.spans[i - 1].words == ("all",):
            return  # "all providers" restricts nothing and splits nothing
        if not grouped and self._limits_itself(i, meaning.names):
            return
        if any(d.names == meaning.names for d in self.draft.dimensions):
            if each:
                next(d for d in self.draft.dimensions if d.names == meaning.names).each = True
            return
        use = DimensionUse(meaning.names, span.text, self._is_plural(span), bare=not grouped, each=each)
        use.described = use.bare and i > 0 and self._described(i)
        self.draft.dimensions.append(use)
        self.negating = False

    def _described(self, i: int) -> bool:
        """`AWS services`, `compute category services`: a value stands before the word as its adjective."""
        j = i - 1
        while j > 0 and j in self.used:
            j -= 1
        return bool(self.spans[j].hits) and any(v.place == j for v in self.draft.values)

    def _limits_itself(self, i: int, names: Sequence[str]) -> bool:
        """`services other than EC2`: the word only introduces the values that follow it."""
        j = self._next(i)
        if j is None or not self.spans[j].operator("exclude", "include"):
            return False
        k = self._next(j)
        return k is not None and self._owns(names, self.spans[k].hits)

    def _grouped_before(self, i: int) -> bool:
        """Preceded by by/per/each, or by another grouped dimension through and/comma."""
        j = i - 1
        while j >= 0:
            span = self.spans[j]
            if span.operator("group", "each_of", "which", "top", "bottom", "versus"):
                return True
            if span.of("dimension") or span.of("grain") or span.operator("conjunction") or span.hollow or span.number is not None:
                j -= 1
                continue
            return False
        return False

    def _each_before(self, i: int) -> bool:
        for span in reversed(self.spans[max(0, i - 2) : i]):
            if span.operator("each_of", "group"):
                return True
            if not span.hollow:
                return False
        return False

    def _is_plural(self, span: Span) -> bool:
        word = span.words[-1]
        if not word.endswith("s") or word.endswith("ss"):
            return False
        singular = {split(p) for d in self.lexicon.model.dimensions.values() for x in d.values() for p in (x.label, *x.synonyms)}
        return span.words not in singular

    def _value_beside(self, i: int, names: Sequence[str]) -> int | None:
        """The neighbouring span that is a value of this dimension word."""
        for j in (i + 1, i - 1):
            if 0 <= j < len(self.spans):
                span = self.spans[j]
                if span.hits and self._owns(names, span.hits) and self._value_reading(j):
                    return j
        if i + 2 < len(self.spans) and i in self._through_naming(i + 2):
            span = self.spans[i + 2]
            if span.hits and self._owns(names, span.hits):
                return i + 2
        return None

    def _value_reading(self, j: int) -> bool:
        span = self.spans[j]
        return not span.operator("top", "bottom", "group", "which") and span.number is None or bool(span.hits and span.number is not None)

    def _value(self, i: int, span: Span) -> None:
        hits = span.hits
        restricted: tuple[str, ...] = ()
        named = self._named_by_neighbour(i)
        if named is None:
            named = self._named_for_list(i)
        if named is not None:
            place, restricted = named
            self.used.add(place)
            self.draft.dimensions = [d for d in self.draft.dimensions if d.text != self.spans[place].text or d.each]
            restricted = self._exactly_named(restricted, self.spans[place].words, hits)
            hits = tuple(h for h in hits if self._is_of(h, restricted))
        use = ValueUse(hits, span.text, i, restricted=restricted, corrected=span.corrected)
        previous = self.draft.values[-1] if self.draft.values else None
        joined = previous is not None and self._list_between(previous.place, i)
        use.joined = joined
        if joined and previous is not None:
            use.negated = previous.negated
            if not use.restricted and previous.restricted and self._owns(previous.restricted, hits):
                use.restricted = previous.restricted
                use.hits = tuple(h for h in hits if self._is_of(h, previous.restricted))
        elif self.negating:
            use.negated = True
            self.negating = False
        if self.readmitting or (joined and previous is not None and previous in self.draft.readmitted):
            self.draft.readmitted.append(use)
            self.readmitting = False
            return
        self.draft.values.append(use)

    def _exactly_named(
        self, names: tuple[str, ...], words: tuple[str, ...], hits: Sequence[ValueHit]
    ) -> tuple[str, ...]:
        """A dimension of that very name comes before the others of its concept."""
        wanted = tuple(singular(w) for w in words)
        for name in names:
            for dimensions in self.lexicon.model.dimensions.values():
                dimension = dimensions.get(name)
                if dimension is None:
                    continue
                spoken = (dimension.label, *dimension.synonyms)
                if any(tuple(singular(w) for w in split(p)) == wanted for p in spoken) and self._owns((name,), hits):
                    same = tuple(n for n in names if n == name or not any(h.dimension == n and h.dataset == dimension.dataset for h in hits))
                    return same
        return names

    def _named_for_list(self, i: int) -> tuple[int, tuple[str, ...]] | None:
        """`falcon and eagle teams`: the dimension word behind the list names every member."""
        j = i + 1
        while j < len(self.spans) and (
            self.spans[j].hits or self.spans[j].operator("conjunction") or self.spans[j].words == (",",)
        ):
            j += 1
        if j < len(self.spans) and j > i + 1:
            meaning = self.spans[j].of("dimension")
            if meaning and self._owns(meaning.names, self.spans[i].hits) and self._owns(meaning.names, self.spans[j - 1].hits):
                return j, meaning.names
        return None

    def _list_between(self, i: int, j: int) -> bool:
        """Only and/or/comma (and articles) stand between two values."""
        gap = self.spans[i + 1 : j]
        if not gap:
            return False
        joiners = [s for s in gap if s.operator("conjunction") or s.words == (",",)]
        others = [s for s in gap if s not in joiners and s.words not in (("the",), ("any",), ("a",), ("our",), ("both",))]
        return bool(joiners) and all(self.spans.index(s) in self.used for s in others)

    def _unit(self, i: int, span: Span) -> None:
        meaning = span.of("unit_of_work")
        names = tuple(dict.fromkeys(n for m in span.meanings if m.kind == "unit_of_work" for n in m.names))
        assert meaning is not None
        if names not in self.draft.units:
            self.draft.units.append(names)
        if self._per(i):
            self.draft.per_unit = True


