"""Pieces → a draft: which word belongs to which. A short list of rules, one method each, left to right.

Knows operators, neighbours and scope; not datasets, periods or plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from assistant.errors import Refused
from assistant.planning import whole
from assistant.planning.amounts import Amounts
from assistant.planning.draft import (
    Comparator,
    Draft,
    ThresholdUse,
    ValueUse,
)
from assistant.planning.groups import Groups, Negation
from assistant.planning.lattice import Span
from assistant.planning.scope import COST
from assistant.planning.sentence import Sentence
from assistant.planning.times import AGAINST, Times
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.meanings import Meaning

_COMPARATORS: dict[str, Comparator] = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}
# Operators that act on nothing beside them: what each says of the whole message.
_SAYS: dict[str, dict[str, object]] = {
    "compare": {"compare": True},
    "change": {"change": True},
    "decrease": {"change": True, "direction": "down"},
    "growth_rate": {"change": True, "by_rate": True},
    "share": {"share": True},
    "average": {"average": True},
    "descending": {"sorted": True},
    "ascending": {"sorted": False},
    "which": {"which": True, "who": False},
    "who": {"which": True, "who": True},
    "trend": {"trend": True},
    "cumulative": {"cumulative": True, "trend": True},
    "pays_for": {"implies_cost": True},
    "grows_fastest": {"change": True, "direction": "up", "by_rate": True, "descending": True},
    "breakdown": {"breakdown": True},
    "same": {"same": True, "followup": True},
    "previous": {"refers": True},
    "add": {"adds": True},
    "apart": {"apart": True},
    **{name: {"change": True, "against": against} for name, against in AGAINST.items()},
}
# A message that is little more than a number changes the limit of the ranking before it.
MOST_OF_A_NUMBER = 4
# Operators that say nothing when nothing follows that they could act on.
_HARMLESS = {
    "include", "including", "equals", "copula", "conjunction", "followup", "previous", "add", "which", "who", "convert",
    "group", "each_of", "versus", "compare", "between", "sum_up", "breakdown", "same", "count", "reset",
}  # fmt: skip


def attach(spans: Sequence[Span], lexicon: Lexicon, analysis: str | None = None) -> Draft:
    """The draft of one message, of an analysis that is known before. Raises Refused for what is out of scope."""
    return _Attacher(spans, lexicon, analysis).run()


class _Attacher:
    def __init__(self, spans: Sequence[Span], lexicon: Lexicon, analysis: str | None) -> None:
        self.sentence = Sentence(spans, lexicon)
        self.draft = Draft(analysis=analysis)
        named = {m.names[0] for s in spans if (m := s.of("analysis"))} | ({analysis} if analysis else set())
        metrics = {lexicon.model.metric(lexicon.vocabulary.analyses[n].metric).dataset for n in named}
        takes = {part for n in named for part in lexicon.vocabulary.analyses[n].takes}
        # "will Claims run out of tokens" is about a team of that name, not about claims handled.
        self.of_work = not named or "units" in takes or "unit_costs" in metrics
        self.negation = Negation(self.draft)
        self.metric_places: list[int] = []
        self.groups = Groups(self.sentence, self.draft, self.negation)
        self.amounts = Amounts(self.sentence, self.draft)
        self.times = Times(self.sentence, self.draft, self.metric_places)
        self.beside: set[str] = set()  # words that a bundle of metrics explains: the budget "left"

    def run(self) -> Draft:
        whole.open(self.draft, self.sentence)
        self._same_twice()
        for i, span in enumerate(self.sentence.spans):
            if i in self.sentence.used:
                continue
            self._refuse(span)
            self._attach(i, span)
        self.negation.settle()
        if self.amounts.counting and not (self.draft.counted or self.draft.metrics or self.draft.units):
            self.draft.unknown.append(self.amounts.counting)  # how many of what?
        self.draft.unknown = [word for word in self.draft.unknown if word not in self.beside]
        whole.close(self.draft, self.sentence, self.metric_places)
        return self.draft

    def _same_twice(self) -> None:
        """`owner squad` names one dimension in two words."""
        for i, (one, other) in enumerate(pairwise(self.sentence.spans)):
            first, second = one.of("dimension"), other.of("dimension")
            if first and second and set(first.names) == set(second.names):
                self.sentence.used.add(i)

    def _refuse(self, span: Span) -> None:
        meaning = span.of("refusal")
        if meaning is None or meaning.refusal is None:
            return
        if any(m.kind in ("metric", "dimension", "unit_of_work") for m in span.meanings):
            return
        if span.hits and self.sentence.looks_like_a_name(span):
            return
        raise Refused(f"{meaning.refusal.says} (“{span.text}”)")

    def _attach(self, i: int, span: Span) -> None:
        if self._as_number(i, span):
            return
        if self.sentence.prefers_value(i, span):
            self._value(i, span)
            return
        if span.times:
            self.times.take(i, span)
            self.negation.settle()
            return
        narrows = i > 0 and self.sentence.spans[i - 1].operator("include")  # "only Claims" is the team
        if span.hits and span.of("unit_of_work") and (narrows or not self.of_work or self.sentence.is_a_name(i)):
            self._value(i, span)
            return
        meaning = self.sentence.meaning(span)
        if meaning is None:
            if not span.hollow:
                self.draft.unknown.append(span.text)
            return
        flagged = meaning.kind == "dimension" and any(h.dimension in meaning.names for h in span.hits)
        if flagged and self.negation.word:
            self._value(i, span)  # "non batch"
            return
        match meaning.kind:
            case "operator":
                self._operator(i, span)
            case "metric":
                self._metric(i, span, meaning)
            case "dimension":
                self.groups.take(i, span, meaning)
            case "value":
                self._value(i, span)
            case "grain":
                if self.times.grain(i, span, meaning):
                    self.negation.settle()
            case "unit_of_work":
                self._unit(i, span)
            case "currency":
                self.amounts.currency(i, meaning)
            case "analysis":
                self._analysis(span, meaning)

    def _counts(self, i: int) -> bool:
        """`the 2 costliest squads`: a number beside a superlative is how many, even where something is called 2."""
        beside = (self.sentence.after(i), self.sentence.before(i))
        return any(self.sentence.spans[j].operator("top", "bottom") for j in beside if j is not None)

    def _analysis(self, span: Span, meaning: Meaning) -> None:
        if self.draft.analysis not in (None, meaning.names[0]):
            self.draft.unknown.append(span.text)  # two analyses in one question
            return
        self.draft.analysis = meaning.names[0]
        if self.sentence.lexicon.vocabulary.analyses[meaning.names[0]].compares:
            self.draft.change = True

    def _as_number(self, i: int, span: Span) -> bool:
        if span.number is None:
            return False
        if span.hits and not span.currency and not self._counts(i):
            self._value(i, span)
            return True
        after, before = self.sentence.after(i), self.sentence.before(i)
        neighbours = [self.sentence.spans[j] for j in (after, before) if j is not None]
        whole = span.number == span.number.to_integral_value()
        if whole and not span.percent and any(n.operator("top", "bottom") for n in neighbours):
            self.draft.limit = int(span.number)
            return True
        if whole and not span.percent and after is not None and not span.times:
            follower = self.sentence.spans[after]
            ranked = any(s.operator("top", "bottom") for s in self.sentence.spans)
            if (follower.of("dimension") or follower.of("grain")) and ranked:
                self.draft.limit = int(span.number)
                return True
        if span.times:
            return False
        if span.number == 1 and span.words == ("one",):
            return True
        if whole and not span.percent and not span.currency and len(self.sentence.spans) <= MOST_OF_A_NUMBER:
            self.draft.number = int(span.number)  # "make that five", if there is a ranking to change
            return True
        if span.percent and any(s.operator("share") for s in self.sentence.spans):
            return True
        self.draft.unknown.append(span.text)
        return True

    def _operator(self, i: int, span: Span) -> None:
        names = [m.names[0] for m in span.meanings if m.kind == "operator"]
        if {"exclude", "decrease"} <= set(names):  # "drop tax" leaves it out; "why did AWS drop" is a move
            follows = self.sentence.after(i)
            moved = self.draft.analysis or follows is None or bool(self.sentence.spans[follows].times)
            names = ["decrease" if moved else "exclude"]
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
                self.groups.take(i, span, other)
            else:
                self._value(i, span)
            return
        self.draft.unknown.append(span.text)

    def _act(self, name: str, i: int, span: Span) -> bool:
        """True when the operator found something to act on."""
        draft = self.draft
        if name in _SAYS:
            for part, value in _SAYS[name].items():
                setattr(draft, part, value)
            return True
        match name:
            case "above" | "at_least" | "below" | "at_most":
                if self.amounts.threshold(i, span, _COMPARATORS[name]):
                    return True
                if "than" in span.words:
                    return self._against(i)  # "higher than Q2", "cheaper than Azure"
                j = self.sentence.after(i)
                return j is not None and bool(self.sentence.spans[j].times)  # "Q4 over Q3"
            case "between":
                return self.amounts.between(i, span)
            case "exclude":
                self.negation.wait(span.text)
                return True
            case "exclude_behind":
                return self._exclude_behind()
            case "include":
                self.negation.settle()
                return True
            case "including":
                return self._including(i)
            case "empty" | "filled":
                return self.groups.empty(i, span, filled=name == "filled")
            case "versus":
                return self._against(i)
            case "increase":
                draft.change, draft.direction = True, draft.direction or "up"
                return True
            case "count":
                return self.amounts.count(i)
            case "top" | "bottom":
                return self.amounts.superlative(i, name)
            case "own":
                j = self.sentence.after(i)
                draft.own = j is None or self.sentence.spans[j].of("dimension") is None  # "my team" is no person
                return True
            case "convert":
                return self.amounts.convert(i)
            case "group" | "each_of":
                self.negation.settle()
                j = self.sentence.after(i)
                if j is None and self._dangles(i, span):
                    return False
                each = "each" in span.words
                if each and (j is None or self.sentence.spans[j].times) and self.draft.values:
                    draft.apart = True  # "RDS, Lambda and CloudWatch: what was billed for each"
                return True
        return False

    def _dangles(self, i: int, span: Span) -> bool:
        """`cheapest per run`: what it is per means nothing here, which must not be dropped in silence."""
        behind = [s.text for s in self.sentence.spans[i + 1 :] if s.words[0].isalpha()]
        if set(span.words) <= set(self.sentence.lexicon.vocabulary.wording["per"]) and behind:
            self.draft.unknown.append(f"{span.text} {behind[0]}")
        return bool(behind)

    def _exclude_behind(self) -> bool:
        """`staging and dev left out`: the list before the word is excluded."""
        values = list(self.draft.values)
        while values:
            values[-1].negated = True
            if not values.pop().joined:
                return True
        return False

    def _including(self, i: int) -> bool:
        """`including tax` keeps what is there; it filters nothing."""
        j = self.sentence.after(i)
        if j is None:
            return False
        hits = self.sentence.spans[j].hits
        if hits and all(h.dimension in ("charge_category", "charge_class") for h in hits):
            self.negation.readmitting = True
            return True
        return False

    def _against(self, i: int) -> bool:
        if self.times.versus(i):
            self.negation.settle()
        return True

    def _metric(self, i: int, span: Span, meaning: Meaning) -> None:
        before = self.sentence.before(i)
        if span.of("unit_of_work") and before is not None and self.sentence.per_unit(i):
            self._unit(i, span)
            return
        if self.metric_places and self.sentence.list_between(self.metric_places[-1], i):
            self.draft.metrics_listed = True
        said = {w for s in self.sentence.spans for w in s.words}
        for bundle in self.sentence.lexicon.vocabulary.bundles:
            if meaning.names == (bundle.of,) and said & set(bundle.beside):
                meaning = replace(meaning, names=bundle.metrics)
                self.beside |= set(bundle.beside)
        if meaning.having is not None:
            metric, op, value = meaning.having
            self.draft.thresholds.append(ThresholdUse(op, value, None, False, metric, span.text))
        if len(meaning.names) > 1 and COST in meaning.names:
            self.draft.metrics_listed = True
        if self._divides_another(i, span):
            self.draft.unknown.append(span.text)
            return
        self.metric_places.append(i)
        self.draft.metrics.append(meaning.names)
        self.draft.metric_texts.append(span.text)
        self.negation.settle()

    def _divides_another(self, i: int, span: Span) -> bool:
        """`emissions per GPU hour`: the cost of one is kept, other measures of one are not."""
        per = set(self.sentence.lexicon.vocabulary.wording["per"])
        before = self.sentence.before(i)
        last = self.sentence.spans[before].of("metric") if before is not None else None
        return span.words[0] in per and last is not None and COST not in last.names

    def _value(self, i: int, span: Span) -> None:
        hits = span.hits
        restricted: tuple[str, ...] = ()
        named = self.sentence.named_by_neighbour(i)
        if named is None:
            named = self.sentence.named_for_list(i)
        if named is not None:
            place, restricted = named
            self.sentence.used.add(place)
            self.draft.dimensions = [
                d for d in self.draft.dimensions if d.text != self.sentence.spans[place].text or d.each
            ]
            restricted = self.sentence.exactly_named(restricted, self.sentence.spans[place].words, hits)
            hits = tuple(h for h in hits if self.sentence.is_of(h, restricted))
        use = ValueUse(hits, span.text, i, restricted=restricted, corrected=span.corrected)
        previous = self.draft.values[-1] if self.draft.values else None
        joined = previous is not None and self.sentence.list_between(previous.place, i)
        use.joined = joined
        use.anded = previous is not None and (
            self.sentence.anded(previous.place, i) if joined else self.sentence.set_against(previous.place, i)
        )
        if previous is not None and previous.place == i - 1 and _alike(previous, use):
            self.draft.unknown.append(f"{previous.text} {use.text}")  # "Azure OpenAI" is neither of the two
        if joined and previous is not None:
            use.negated = previous.negated
            if not use.restricted and previous.restricted and self.sentence.owns(previous.restricted, hits):
                use.restricted = previous.restricted
                use.hits = tuple(h for h in hits if self.sentence.is_of(h, previous.restricted))
        elif self.negation.word:
            use.negated = True
            self.negation.word = ""
        if self.negation.readmitting or (joined and previous is not None and previous in self.draft.readmitted):
            self.draft.readmitted.append(use)
            self.negation.readmitting = False
            return
        self.draft.values.append(use)

    def _unit(self, i: int, span: Span) -> None:
        meaning = span.of("unit_of_work")
        names = tuple(dict.fromkeys(n for m in span.meanings if m.kind == "unit_of_work" for n in m.names))
        assert meaning is not None
        if names not in self.draft.units:
            self.draft.units.append(names)
        if self.sentence.per_unit(i):
            self.draft.per_unit = True
        else:
            self.draft.volume = True


def _alike(one: ValueUse, two: ValueUse) -> bool:
    """Whether two names may be of the same dimension."""
    first = {(h.dataset, h.dimension) for h in one.hits if h.scan == "primary"}
    return any((h.dataset, h.dimension) in first for h in two.hits if h.scan == "primary")
