"""A message as a row of spans: what stands beside what, which word names which value. Changes nothing it reads."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.planning.lattice import Span
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.meanings import Meaning, ValueHit
from assistant.semantics.words import singular, split


class Sentence:
    """The spans in order, and which of them have been taken by a neighbour."""

    def __init__(self, spans: Sequence[Span], lexicon: Lexicon) -> None:
        self.spans = list(spans)
        self.lexicon = lexicon
        self.used: set[int] = set()

    def after(self, i: int) -> int | None:
        """The following span that carries meaning and is not taken yet."""
        return next((j for j in range(i + 1, len(self.spans)) if not self.passable(j) and j not in self.used), None)

    def before(self, i: int) -> int | None:
        j = i - 1
        while j >= 0:
            if not self.passable(j):
                return j
            j -= 1
        return None

    def passable(self, j: int) -> bool:
        span = self.spans[j]
        return span.hollow and not span.times and span.number is None

    def looks_like_a_name(self, span: Span) -> bool:
        """Capitals inside a sentence, or a neighbouring dimension word, mark a name."""
        index = self.spans.index(span)
        if self.named_by_neighbour(index) is not None or self._in_a_list(index):
            return True
        first = span.tokens[0]
        if len(span.tokens) > 1 and self.written_as_value(span):
            return True
        written = first.text[:1].isupper() and span.start > 0
        return written and any(first.text in value for hit in span.hits for value in hit.values)

    def written_as_value(self, span: Span) -> bool:
        """Letter for letter, capitals included."""
        return any(span.text == v for h in span.hits for v in h.values) and not span.text.islower()

    def is_a_name(self, i: int) -> bool:
        """Of a word that also is a unit of work: `what did Claims spend`, `claims budget`, `claims and motor`."""
        span = self.spans[i]
        if self.per_unit(i) or (i and self.spans[i - 1].operator("count")):
            return False
        if i and self.written_as_value(span):
            return True
        exact = {h.dimension for h in span.hits if h.how == "exact"}
        after = self.after(i)
        if after is None or not exact:
            return False
        follows = self.spans[after]
        if self.list_between(i, after):
            return not follows.of("unit_of_work") and any(h.dimension in exact for h in follows.hits)
        asks = set(self.lexicon.vocabulary.wording["does"]) & {w for s in self.spans[:i] for w in s.words}
        metric = follows.of("metric") if after == i + 1 and not asks else None  # "what do claims cost"
        return metric is not None and any(
            self.lexicon.model.metric(name).dataset != "business_metrics" for name in metric.names
        )

    def is_tag(self, i: int) -> bool:
        """The word `tag` behind the name of one."""
        meaning = self.spans[i].of("dimension")
        return meaning is not None and "any_tag" in meaning.names

    def named_by_neighbour(self, i: int) -> tuple[int, tuple[str, ...]] | None:
        """The adjacent dimension word of which this span is a value: `team falcon`, `falcon team`."""
        for j in (i - 1, i + 1, *self.through_naming(i)):
            if 0 <= j < len(self.spans) and j not in self.used:
                meaning = self.spans[j].of("dimension")
                if meaning and self.owns(meaning.names, self.spans[i].hits):
                    return j, meaning.names
        return None

    def through_naming(self, i: int) -> list[int]:
        """`team is Falcon`, `service called X`, `env != prod`: one naming word in between."""
        if i < 2:
            return []
        link = self.spans[i - 1]
        names = link.operator("include", "equals", "copula", "exclude") or set(link.words) <= {"is", "the", "in", "are"}
        if not names or set(link.words) & {"for", "of", "from", "on"}:
            return []
        grouped = link.operator("exclude") and self.grouped_before(i - 2)  # "by team, excluding Core"
        return [] if grouped else [i - 2]

    def owns(self, names: Sequence[str], hits: Sequence[ValueHit]) -> bool:
        return any(self.is_of(hit, names) for hit in hits)

    def is_of(self, hit: ValueHit, names: Sequence[str]) -> bool:
        if hit.dimension in names:
            return True
        dimension = self.lexicon.model.dimension(hit.dataset, hit.dimension)
        return dimension.id_of in names if dimension.id_of else False

    def asked_by(self, span: Span) -> bool:
        """`by invoice`, `which invoice`: the word is what rows are split by."""
        i = self.spans.index(span)
        before = [s for s in self.spans[max(0, i - 2) : i] if s.words != ("the",)]
        return bool(before) and before[-1].operator("group", "each_of", "which", "who")

    def prefers_value(self, i: int, span: Span) -> bool:
        if not span.hits:
            return False
        others = [m for m in span.meanings if m.kind not in ("value", "refusal")]
        if not others and not span.times and span.number is None:
            return True
        if self.named_by_neighbour(i) is not None and not span.of("dimension"):
            return True
        if span.of("unit_of_work") or span.of("metric"):
            return False
        if span.of("dimension") and len(span.tokens) > 1 and self.written_as_value(span):
            return True
        if span.of("operator") and self._in_a_list(i):
            return True  # "production and development"
        if i + 1 < len(self.spans) and self.spans[i + 1].operator("include") and not span.of("dimension"):
            return True  # "Growth only"
        if span.times:
            return self.looks_like_a_name(span) and any(t.times for j, t in enumerate(self.spans) if j != i)
        if span.of("ignore") or span.of("operator") or span.of("analysis"):
            return self.looks_like_a_name(span)
        return all(m.kind in ("ignore",) for m in others)

    def meaning(self, span: Span) -> Meaning | None:
        """The meaning to act on; operators come first where a word is both hollow and an operator."""
        order = {"analysis": -1, "operator": 0, "metric": 1, "grain": 1, "unit_of_work": 2, "dimension": 2, "value": 3}
        candidates = [m for m in span.meanings if m.kind != "refusal"]
        if span.of("ignore"):  # "used" is a word before it is a commitment's status
            candidates = [m for m in candidates if m.kind != "value"]
        if span.of("ignore") and span.of("metric") and not self._among_measures(self.spans.index(span)):
            candidates = [m for m in candidates if m.kind != "metric"]  # "list the top 5", and "list and effective"
        if not candidates:
            return None
        dimension = span.of("dimension")
        if dimension and span.of("metric") and self.asked_by(span):
            return dimension
        return min(candidates, key=lambda m: (order.get(m.kind, 4), m.cost))

    def _among_measures(self, i: int) -> bool:
        """Joined to another measure by and, or, versus or a comma."""
        for step in (-1, 1):
            joints, j = 0, i + step
            while 0 <= j < len(self.spans) and self._joins(j):
                joints, j = joints + 1, j + step
            if joints and 0 <= j < len(self.spans) and self.spans[j].of("metric"):
                return True
        return False

    def _joins(self, j: int) -> bool:
        span = self.spans[j]
        return bool(span.operator("conjunction", "versus")) or set(span.words) <= {
            ",",
            "and",
            "or",
            "vs",
            "versus",
            "&",
        }

    def next_is_value_of(self, j: int, names: Sequence[str]) -> bool:
        return j + 1 < len(self.spans) and self.owns(names, self.spans[j + 1].hits) and bool(self.spans[j + 1].hits)

    def per_unit(self, i: int) -> bool:
        """Whether this word directly follows `per`, `each` or `for one`."""
        words: list[str] = []
        for span in self.spans[max(0, i - 2) : i]:
            words += span.words
        if self.spans[i - 1].hollow and words[-2:-1] in (["one"], ["per"], ["each"]):
            return True  # "one closed support ticket"
        return bool({"per", "each", "every"} & set(words[-2:])) or words[-1:] == ["a"] or words[-1:] == ["one"]

    def limits_itself(self, i: int, names: Sequence[str]) -> bool:
        """`services other than EC2`: the word only introduces the values that follow it."""
        j = self.after(i)
        if j is None or not self.spans[j].operator("exclude", "include"):
            return False
        k = self.after(j)
        return k is not None and self.owns(names, self.spans[k].hits)

    def grouped_before(self, i: int) -> bool:
        """Preceded by by/per/each, or by another grouped dimension through and/comma."""
        j = i - 1
        while j >= 0:
            span = self.spans[j]
            if span.operator("group", "each_of", "which", "who", "top", "bottom", "versus"):
                return True
            if (
                span.of("dimension")
                or span.of("grain")
                or span.operator("conjunction")
                or span.hollow
                or span.number is not None
            ):
                j -= 1
                continue
            return False
        return False

    def each_before(self, i: int) -> bool:
        for span in reversed(self.spans[max(0, i - 2) : i]):
            if span.operator("each_of", "group"):
                return True
            if not span.hollow:
                return False
        return False

    def is_plural(self, span: Span) -> bool:
        word = span.words[-1]
        if not word.endswith("s") or word.endswith("ss"):
            return False
        singular = {
            split(p) for d in self.lexicon.model.dimensions.values() for x in d.values() for p in (x.label, *x.synonyms)
        }
        return span.words not in singular

    def value_beside(self, i: int, names: Sequence[str]) -> int | None:
        """The neighbouring span that is a value of this dimension word."""
        for j in (i + 1, i - 1):
            if 0 <= j < len(self.spans):
                span = self.spans[j]
                if span.hits and self.owns(names, span.hits) and self.read_as_value(j):
                    return j
        if i + 2 < len(self.spans) and i in self.through_naming(i + 2):
            span = self.spans[i + 2]
            if span.hits and self.owns(names, span.hits):
                return i + 2
        return None

    def _in_a_list(self, i: int) -> bool:
        """Beside another value of the same dimension, joined by and, or, versus or a comma."""
        for step in (-1, 1):
            joint, other = i + step, i + 2 * step
            if 0 <= other < len(self.spans) and self.spans[joint].operator("conjunction", "versus"):
                names = [h.dimension for h in self.spans[other].hits]
                if any(h.dimension in names for h in self.spans[i].hits):
                    return True
        return False

    def read_as_value(self, j: int) -> bool:
        span = self.spans[j]
        return (not span.operator("top", "bottom", "group", "which", "who") and span.number is None) or bool(
            span.hits and span.number is not None
        )

    def exactly_named(
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
                if any(tuple(singular(w) for w in split(p)) == wanted for p in spoken) and self.owns((name,), hits):
                    return tuple(
                        n
                        for n in names
                        if n == name or not any(h.dimension == n and h.dataset == dimension.dataset for h in hits)
                    )
        return names

    def named_for_list(self, i: int) -> tuple[int, tuple[str, ...]] | None:
        """`falcon and eagle teams`: the dimension word behind the list names every member."""
        j = i + 1
        while j < len(self.spans) and (
            self.spans[j].hits or self.spans[j].operator("conjunction") or self.spans[j].words == (",",)
        ):
            j += 1
        if j < len(self.spans) and j > i + 1:
            meaning = self.spans[j].of("dimension")
            if (
                meaning
                and self.owns(meaning.names, self.spans[i].hits)
                and self.owns(meaning.names, self.spans[j - 1].hits)
            ):
                return j, meaning.names
        return None

    def list_between(self, i: int, j: int) -> bool:
        """Only and/or/comma (and articles) stand between two values."""
        gap = self.spans[i + 1 : j]
        if not gap:
            return False
        joiners = [s for s in gap if s.operator("conjunction") or s.words == (",",)]
        # Articles only: "=" carries nothing either, but in "squad != Orion and env = prod" it begins a new condition.
        between = {(word,) for word in self.lexicon.vocabulary.wording["between"]}
        others = [s for s in gap if s not in joiners and s.words not in between]
        return bool(joiners) and all(self.spans.index(s) in self.used for s in others)

    def anded(self, i: int, j: int) -> bool:
        """More than a comma joins two names of a list."""
        return any(s.operator("conjunction") and s.words != (",",) for s in self.spans[i + 1 : j])

    def set_against(self, i: int, j: int) -> bool:
        """Only a `versus` stands between two names."""
        gap = self.spans[i + 1 : j]
        return any(s.operator("versus") for s in gap) and all(s.operator("versus") or s.hollow for s in gap)

    def is_year(self, span: Span) -> bool:
        return any(t.bare_year for t in span.times)
