"""Words → what they can mean in this warehouse: metrics, dimensions, values, operators. Every hit has a cost.

Looks up spans of words; knows nothing about how spans combine into a question.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from rapidfuzz import process
from rapidfuzz.distance import OSA

from assistant.semantics.catalog import Catalog
from assistant.semantics.entries import Entries
from assistant.semantics.meanings import ALIAS, EXACT, INFLECTED, NUMBER, PARTIAL, Indexed, Meaning, ValueHit
from assistant.semantics.model import Dimension, SemanticModel, plural
from assistant.semantics.vocabulary import Vocabulary
from assistant.semantics.words import compact, parts, singular, split, stem

How = Literal["exact", "alias", "inflected", "short"]
LONGEST = 7
START = 3  # letters that no inflection changes


@dataclass
class Lexicon:
    """Everything one warehouse's questions can be made of."""

    model: SemanticModel
    catalog: Catalog
    vocabulary: Vocabulary

    def __post_init__(self) -> None:
        self._known = Entries(self.model, self.catalog, self.vocabulary)

    def meanings(self, words: Sequence[str]) -> list[Meaning]:
        """All meanings of exactly these words, cheapest first; empty when there is none."""
        key = tuple(words)
        found = list(self._known.exact.get(key, ()))
        hits = self.value_hits(compact("".join(key))) if key[0][0].isalnum() and key[-1][-1].isalnum() else ()
        if hits:
            found.append(Meaning("value", _cost(hits), hits=hits))
        self._more(found, self._known.singular.get(tuple(singular(w) for w in key), ()), NUMBER)
        if not found:  # "production" is a value; that it comes from the same stem as "product" is nothing
            self._more(found, self._inflected(key), INFLECTED)
        return sorted(found, key=lambda m: m.cost)

    def _more(self, found: list[Meaning], others: Iterable[Meaning], dearer: float) -> None:
        known = {(m.kind, m.names, m.grain) for m in found}
        for meaning in others:
            if (meaning.kind, meaning.names, meaning.grain) not in known or meaning.kind == "value":
                found.append(replace(meaning, cost=meaning.cost + dearer))

    def value_hits(self, name: str) -> tuple[ValueHit, ...]:
        """Values whose compact form is `name`, an alias of it, or its other number."""
        exact = self._hits(name, "exact")
        for line in self.vocabulary.aliases.get(name, ()):
            covered = {h.dataset for h in exact if h.scan == "primary"}
            found = self._of_line(name, line)
            exact += tuple(h for h in found if h.dataset not in covered)
            if any(h.scan == "primary" for h in found):
                break
        if exact := exact or self._named(self._known.short.get(name, ()), "short"):
            return exact
        if len(name) > 3:
            for other in (name + "s", name.removesuffix("s"), name.removesuffix("es")):
                if other != name and (found := self._hits(other, "inflected")):
                    return found
        return ()

    def _of_line(self, name: str, line: Sequence[str]) -> tuple[ValueHit, ...]:
        """The first spelling of the line that the warehouse has, and the others within the same dimensions."""
        found: tuple[ValueHit, ...] = ()
        for alias in line:
            if alias == name:
                continue
            hits = self._hits(alias, "alias")
            places = {(h.dataset, h.dimension) for h in found if h.scan == "primary"}
            found += hits if not places else tuple(h for h in hits if (h.dataset, h.dimension) in places)
        return found

    def partial_hits(self, words: Sequence[str]) -> tuple[ValueHit, ...]:
        """Values that contain these whole words; a family counts as one hit."""
        candidates: set[int] | None = None
        names = [n for n in words if n.isalnum()]
        for word in names:
            ids = self._by_word.get(word, set())
            candidates = ids if candidates is None else candidates & ids
        hits: list[ValueHit] = []
        by_dimension: dict[tuple[str, str], list[tuple[Indexed, Dimension]]] = defaultdict(list)
        for number in candidates or ():
            indexed = self._known.all[number]
            for dimension in indexed.dimensions:
                if dimension.scan == "primary":
                    by_dimension[dimension.dataset, dimension.name].append((indexed, dimension))
        for (dataset, name), members in by_dimension.items():
            dimension = members[0][1]
            if len(members) > 1 and dimension.families:
                values = tuple(sorted(i.value for i, _ in members))
                hits.append(
                    ValueHit(dataset, name, values, sum(i.weight for i, _ in members), dimension.scan, "family")
                )
            else:
                hits += [ValueHit(dataset, name, (i.value,), i.weight, dimension.scan, "part") for i, _ in members]
        focus = [h for h in hits if h.dimension in self._own_names]
        return tuple(sorted(focus or hits, key=lambda h: -h.weight))

    def partial_alias_hits(self, words: Sequence[str]) -> tuple[ValueHit, ...]:
        """Values that contain another spelling of these words: `k8s` → … Kubernetes Service."""
        for line in self.vocabulary.aliases.get(compact("".join(words)), ()):
            for alias in line:
                if len(alias) > 3 and (hits := self.partial_hits([alias])):
                    return hits
        for alias in self.vocabulary.places.get(compact("".join(words)), ()):
            if hits := self._hits(alias, "alias"):
                return hits
        return ()

    def corrections(self, word: str, limit: int = 4) -> list[tuple[str, int]]:
        """Known words near a misspelt one, as (word, edits). Never for short words, never across digits."""
        if len(word) < 4 or not word.isalpha() or word in self.vocabulary.everyday:
            return []
        most = 1 if len(word) < 8 else 2
        near = process.extract(word, self._words, scorer=OSA.distance, score_cutoff=most, limit=24)
        ranked = []
        for candidate, distance, _ in near:
            if candidate == word or not candidate.isalpha() or len(candidate) < 3:
                continue
            if candidate[0] != word[0] and sorted(candidate) != sorted(word):
                continue
            mended = sorted(candidate) == sorted(word) or (len(candidate) > len(word) and len(word) > 4)
            if candidate in self._small_words and not mended and (len(word) < 7 or distance > 1):
                continue  # "black" is neither "back" nor "blank": a small word changes the whole question
            ranked.append((distance, sorted(candidate) != sorted(word), -len(candidate), candidate))
        return [(c, d) for d, _, _, c in sorted(ranked)[:limit]]

    def near(self, name: str, limit: int = 4) -> list[str]:
        """Names of this warehouse that look like `name`, for "did you mean"."""
        found = process.extract(name, self._display, processor=str.lower, limit=limit, score_cutoff=72)
        return [text for text, _, _ in found]

    def dimension_names(self, words: Sequence[str]) -> tuple[str, ...]:
        for meaning in self.meanings(words):
            if meaning.kind == "dimension":
                return meaning.names
        return ()

    def _hits(self, name: str, how: How) -> tuple[ValueHit, ...]:
        return self._named(self._known.values.get(name, ()), how)

    def _named(self, found: Iterable[Indexed], how: How) -> tuple[ValueHit, ...]:
        return tuple(
            ValueHit(d.dataset, d.name, (i.value,), i.weight, d.scan, how) for i in found for d in i.dimensions
        )

    def _inflected(self, key: tuple[str, ...]) -> list[Meaning]:
        """Meanings of phrases with the same stems. Stemming is slow, so only what starts alike is stemmed."""
        alike = self._by_start.get(tuple(w[:START] for w in key), ())
        stems = tuple(map(stem, key)) if alike else ()
        return [meaning for phrase, meaning in alike if tuple(map(stem, phrase)) == stems]

    @cached_property
    def _by_start(self) -> dict[tuple[str, ...], list[tuple[tuple[str, ...], Meaning]]]:
        starts: dict[tuple[str, ...], list[tuple[tuple[str, ...], Meaning]]] = defaultdict(list)
        for key, meaning in self._known.phrases:
            starts[tuple(w[:START] for w in key)].append((key, meaning))
        return starts

    @cached_property
    def _by_word(self) -> dict[str, set[int]]:
        index: dict[str, set[int]] = defaultdict(set)
        for number, entry in enumerate(self._known.all):
            for word in {*parts(entry.value), *split(entry.value)}:
                index[word].add(number)
        return index

    @cached_property
    def _small_words(self) -> set[str]:
        """Words of operators and fillers."""
        phrases = [*self.vocabulary.ignore, *(p for _, p in self.vocabulary.operator_phrases())]
        return {w for phrase in phrases for w in split(phrase)} - {w for i in self._known.all for w in parts(i.value)}

    @cached_property
    def _spoken(self) -> set[str]:
        """Words that mean something else than a refusal."""
        return {w for key, ms in self._known.exact.items() for w in key if any(m.kind != "refusal" for m in ms)}

    @cached_property
    def _own_names(self) -> set[str]:
        """Dimensions of schemas/; a part of a name is looked for in them before tags."""
        return {
            d.name
            for dimensions in self.model.dimensions.values()
            for d in dimensions.values()
            if d.field and "Tags." not in d.field and not d.field.startswith("x_")
        }

    def counted_metric(self, words: Sequence[str]) -> str | None:
        """The metric that counts such things: "how many charges"."""
        name = " ".join(singular(w) for w in words)
        return next((m.name for m in self.model.metrics.values() if name in m.counts), None)

    def _loaded(self, meaning: Meaning) -> bool:
        """Whether a name belongs to data that are there: "purple" is no misspelt "purpose" without token usage."""
        datasets = [d for d in self.model.datasets.values() if self.catalog.has(*d.tables)]
        if meaning.kind == "dimension":
            return any(n in self.model.dimensions[d.name] for d in datasets for n in meaning.names)
        if meaning.kind == "metric":
            return any(self.model.metric(n).dataset == d.name for d in datasets for n in meaning.names)
        return True

    @cached_property
    def _words(self) -> list[str]:
        """Every single word the lexicon knows, for corrections."""
        known = {w for key, meanings in self._known.exact.items() if any(map(self._loaded, meanings)) for w in key}
        known = {w for w in known if len(w) > 2}
        known |= set(self.vocabulary.calendar.vocabulary())
        found = [i for i in self._known.all if any(d.scan != "named" for d in i.dimensions)]
        known |= {w for i in found for w in (*parts(i.value), compact(i.value)) if len(w) > 3}
        known |= {a for a in self.vocabulary.aliases if len(a) > 3}
        known -= {w for r in self.vocabulary.refusals for p in r.words for w in split(p)} - self._spoken
        return sorted(known)

    @cached_property
    def _display(self) -> dict[str, str]:
        names = {i.value.lower(): i.value for i in self._known.all if any(d.scan == "primary" for d in i.dimensions)}
        for dimensions in self.model.dimensions.values():
            names |= {d.label: d.label for d in dimensions.values() if d.name not in self._known.made}
        names |= {m.label: m.label for m in self.model.metrics.values() if m.name not in self._known.made}
        return names

    def dimension_labels(self, dataset: str) -> list[str]:
        return [plural(d.label) for d in self.model.dimensions[dataset].values() if d.scan == "primary"]


def _cost(hits: Sequence[ValueHit]) -> float:
    best = min(hits, key=lambda h: (h.scan != "primary", h.how))
    cost = {"exact": EXACT, "inflected": INFLECTED, "part": PARTIAL, "family": PARTIAL}.get(best.how, ALIAS)
    return cost + {"primary": 0.0, "secondary": 0.3, "named": 0.6}[best.scan]
