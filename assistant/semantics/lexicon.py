"""Words → what they can mean in this warehouse: metrics, dimensions, values, operators. Every hit has a cost.

Looks up spans of words; knows nothing about how spans combine into a question.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from rapidfuzz import process
from rapidfuzz.distance import OSA

from assistant.semantics import bind
from assistant.semantics.catalog import Catalog
from assistant.semantics.model import Dimension, SemanticModel, plural
from assistant.semantics.taught import Word, speaks
from assistant.semantics.vocabulary import Having, Refusal, Vocabulary
from assistant.semantics.words import compact, parts, singular, split, stem
from assistant.values import Grain

LONGEST = 7
START = 3  # letters that no inflection changes
Kind = Literal[
    "metric", "dimension", "value", "operator", "grain", "unit_of_work", "currency", "refusal", "ignore", "analysis"
]  # fmt: skip

# What a way of matching costs; only the order matters: exact, inflected, abbreviated, part of a name, misspelt.
EXACT, NUMBER, ALIAS, INFLECTED, PARTIAL = 0.0, 0.05, 0.1, 0.15, 0.8


@dataclass(frozen=True)
class ValueHit:
    """One value (or one family of values) of one dimension in one dataset."""

    dataset: str
    dimension: str
    values: tuple[str, ...]
    weight: float
    scan: str
    how: Literal["exact", "alias", "inflected", "part", "family"] = "exact"


@dataclass(frozen=True)
class Meaning:
    """One thing a span can mean. `names`: metrics, or dimension names in order of preference."""

    kind: Kind
    cost: float
    names: tuple[str, ...] = ()
    hits: tuple[ValueHit, ...] = ()
    grain: Grain | None = None
    refusal: Refusal | None = None
    negated: bool = False
    having: Having | None = None


@dataclass(frozen=True)
class _Indexed:
    value: str
    weight: float
    dimensions: tuple[Dimension, ...]


@dataclass
class Lexicon:
    """Everything one warehouse's questions can be made of."""

    model: SemanticModel
    catalog: Catalog
    vocabulary: Vocabulary
    _exact: dict[tuple[str, ...], list[Meaning]] = field(default_factory=lambda: defaultdict(list))
    _singular: dict[tuple[str, ...], list[Meaning]] = field(default_factory=lambda: defaultdict(list))
    _phrases: list[tuple[tuple[str, ...], Meaning]] = field(default_factory=list)
    _values: dict[str, list[_Indexed]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._add_vocabulary()
        self._add_metrics()
        self._add_dimensions()
        self._add_values()
        self._add_units_of_work()
        self._add_taught()

    # --- lookups ------------------------------------------------------------------------------

    def meanings(self, words: Sequence[str]) -> list[Meaning]:
        """All meanings of exactly these words, cheapest first; empty when there is none."""
        key = tuple(words)
        found = list(self._exact.get(key, ()))
        hits = self.value_hits(compact("".join(key))) if key[0][0].isalnum() and key[-1][-1].isalnum() else ()
        if hits:
            found.append(Meaning("value", _cost(hits), hits=hits))
        self._more(found, self._singular.get(tuple(singular(w) for w in key), ()), NUMBER)
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
        if exact:
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
        by_dimension: dict[tuple[str, str], list[tuple[_Indexed, Dimension]]] = defaultdict(list)
        for number in candidates or ():
            indexed = self._all[number]
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

    # --- building -----------------------------------------------------------------------------

    def _add(self, phrase: str, meaning: Meaning) -> None:
        key = split(phrase)
        if not key:
            return
        self._exact[key].append(meaning)
        self._singular[tuple(singular(w) for w in key)].append(meaning)
        self._phrases.append((key, meaning))

    def _add_vocabulary(self) -> None:
        for phrase in self.vocabulary.ignore:
            self._exact[split(phrase)].append(Meaning("ignore", 0.0))
        for name, phrase in self.vocabulary.operator_phrases():
            self._exact[split(phrase)].append(Meaning("operator", 0.0, (name,)))
        for grain, phrases in self.vocabulary.grains.items():
            for phrase in phrases:
                self._exact[split(phrase)].append(Meaning("grain", 0.0, grain=grain))
        for grain, phrases in self.vocabulary.units.items():
            for phrase in phrases:
                self._exact[split(phrase)].append(Meaning("grain", 0.3, ("unit",), grain=grain))
        for word, code in self.vocabulary.currencies.items():
            self._exact[split(word)].append(Meaning("currency", 0.0, (code,)))
        for analysis in self.vocabulary.analyses.values():
            for phrase in analysis.words:
                self._exact[split(phrase)].append(Meaning("analysis", 0.0, (analysis.name,)))
        for refusal in self.vocabulary.refusals:
            for phrase in refusal.words:
                self._exact[split(phrase)].append(Meaning("refusal", 0.0, refusal=refusal))

    def _add_metrics(self) -> None:
        for metric in self.model.metrics.values():
            if metric.name in self._made:
                continue
            for phrase in dict.fromkeys((metric.label, *metric.synonyms)):
                self._add(phrase, Meaning("metric", 0.0, (metric.name,)))
        for bundle in self.vocabulary.bundles:
            for phrase in bundle.words:
                self._add(phrase, Meaning("metric", 0.0, bundle.metrics, having=bundle.having))

    def _add_dimensions(self) -> None:
        """Each phrase means the dimensions of that very name first, then the others of its concept."""
        phrases: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for dimensions in self.model.dimensions.values():
            for dimension in (one for one in dimensions.values() if one.name not in self._made):
                columns = [f.removeprefix("x_") for f in bind.fields(dimension) if f.removeprefix("x_").isalnum()]
                for phrase in dict.fromkeys((dimension.label, *dimension.synonyms, *columns)):
                    names = phrases[split(phrase)]
                    if dimension.name not in names:
                        names.append(dimension.name)
        for concept in self.vocabulary.concepts:
            keys = [split(w) for w in concept.words]
            members = [n for key in keys for n in phrases.get(key, ())]
            stand_ins = [n for w in concept.otherwise for n in self._concept_members(w, phrases)]
            for key in keys:
                own = phrases.get(key, [])
                phrases[key] = list(dict.fromkeys([*own, *members, *stand_ins]))
        for key, names in phrases.items():
            if names:
                self._add(" ".join(key), Meaning("dimension", 0.0, tuple(names)))

    def _concept_members(self, word: str, phrases: dict[tuple[str, ...], list[str]]) -> list[str]:
        for concept in self.vocabulary.concepts:
            if word in concept.words:
                return [n for w in concept.words for n in phrases.get(split(w), ())]
        return list(phrases.get(split(word), ()))

    def _add_values(self) -> None:
        owners = {
            field: (tuple((d.dataset, d.name) for d in dimensions), tuple(dimensions))
            for field, dimensions in bind.by_field(self.model, self.catalog).items()
        }
        merged: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[float, tuple[Dimension, ...]]] = {}
        for indexed in self.catalog.values:
            names, dimensions = owners.get((indexed.table, indexed.field), ((), ()))
            if not dimensions:
                continue
            key = (indexed.value, names)
            weight = merged.get(key, (0.0, ()))[0] + float(indexed.cost or 0.0)
            merged[key] = (weight, dimensions)
        for layer in bind.TBM_LAYERS:
            if tower := self.model.dimensions["cost_and_usage"].get(layer):
                for value in {str(r[layer]) for r in self.catalog.small.get("tbm_map", ()) if r.get(layer)}:
                    merged[value, (("cost_and_usage", layer),)] = (0.0, (tower,))
        self._all = [_Indexed(value, weight, dims) for (value, _), (weight, dims) in merged.items()]
        for entry in self._all:
            for name in {compact(entry.value), *map(compact, _with_and(entry.value))}:
                self._values[name].append(entry)
        for focus in self.vocabulary.focus_values:
            self._add_focus_value(focus.dimension, focus.value, focus.words)

    def _add_taught(self) -> None:
        """Words that people taught, without those that name a value which is not there, or not for these eyes."""
        for word in self.vocabulary.taught:
            if not speaks(word, self.model) or not all(map(self._there, self._places(word))):
                continue
            for key in (split(word.word), tuple(singular(w) for w in split(word.word))):
                # a word that carried no meaning has one now
                self._exact[key] = [m for m in self._exact[key] if m.kind != "ignore"]
            self._add(word.word, self._taught(word))

    def _taught(self, word: Word) -> Meaning:
        if word.kind == "dimension":
            return Meaning("dimension", 0.0, word.dimensions)
        if word.kind == "value":
            place = word.filters[0]
            return Meaning("value", 0.0, hits=(_named(word, place.dimension, place.values),))
        if word.kind == "filter":
            return Meaning("value", 0.0, hits=(_named(word, word.name, (word.meaning,)),))
        return Meaning("metric", 0.0, (word.name,) if word.kind in ("measure", "formula") else word.metrics)

    def _places(self, word: Word) -> list[tuple[str, str, str]]:
        return [(word.dataset, one.dimension, value) for one in word.filters for value in one.values]

    def _there(self, place: tuple[str, str, str]) -> bool:
        """Whether the dimension is known to have the value; those whose values nobody indexed are taken as they are."""
        dataset, name, value = place
        dimension = self.model.dimension(dataset, name)
        if name in self._conditions or not bind.fields(dimension):
            return True
        return any(e.value == value and dimension in e.dimensions for e in self._values.get(compact(value), ()))

    @cached_property
    def _made(self) -> set[str]:
        """What words that people taught are called in plans: known by these alone, to who may see their values."""
        return {word.name for word in self.vocabulary.taught if word.kind in ("measure", "formula", "filter")}

    @cached_property
    def _conditions(self) -> set[str]:
        """Dimensions whose values are FOCUS's own, in whatever bill."""
        return {focus.dimension for focus in self.vocabulary.focus_values}

    def _add_focus_value(self, dimension: str, value: str, phrases: Iterable[str]) -> None:
        holders = [ds for ds, dims in self.model.dimensions.items() if dimension in dims]
        present = [i for i in self._values.get(compact(value), ()) if any(d.name == dimension for d in i.dimensions)]
        if (
            dimension in ("commitment_type", "charge_frequency", "workload", "batch")
            and not present
            and dimension != "batch"
        ):
            present = self._near_values(dimension, phrases)
        spelled = tuple(dict.fromkeys(i.value for i in present)) or (value,)
        hits = tuple(
            ValueHit(ds, dimension, spelled, sum(i.weight for i in present), "primary", "alias") for ds in holders
        )
        for phrase in phrases:
            self._add(phrase, Meaning("value", 0.05, hits=hits))

    def _near_values(self, dimension: str, phrases: Iterable[str]) -> list[_Indexed]:
        """FOCUS leaves some names to the provider: "Savings Plan", "SavingsPlan", "Compute Savings Plans"."""
        wanted = {tuple(stem(w) for w in split(p)) for p in phrases}
        return [
            i
            for i in self._all
            if any(d.name == dimension for d in i.dimensions)
            and any(set(key) <= {stem(w) for w in parts(i.value)} for key in wanted if len(key[0]) > 3)
        ]

    def _add_units_of_work(self) -> None:
        """`loans processed` is asked for as loan, loans, processed loan."""
        for row in self.catalog.small.get("business_metrics", ()):
            name = str(row["metric"])
            words = parts(name)
            variants = {" ".join(words), words[0], " ".join(reversed(words))}
            variants |= {" ".join(words[:-1]), " ".join((words[-1], *words[:-1]))} if len(words) > 1 else set()
            for variant in variants:
                self._add(variant, Meaning("unit_of_work", 0.05, (name,)))
            for word in words[1:]:
                self._phrases.append(((word,), Meaning("ignore", 0.0)))

    # --- derived ------------------------------------------------------------------------------

    def _hits(self, name: str, how: Literal["exact", "alias", "inflected"]) -> tuple[ValueHit, ...]:
        return tuple(
            ValueHit(d.dataset, d.name, (i.value,), i.weight, d.scan, how)
            for i in self._values.get(name, ())
            for d in i.dimensions
        )

    def _inflected(self, key: tuple[str, ...]) -> list[Meaning]:
        """Meanings of phrases with the same stems. Stemming is slow, so only what starts alike is stemmed."""
        alike = self._by_start.get(tuple(w[:START] for w in key), ())
        stems = tuple(map(stem, key)) if alike else ()
        return [meaning for phrase, meaning in alike if tuple(map(stem, phrase)) == stems]

    @cached_property
    def _by_start(self) -> dict[tuple[str, ...], list[tuple[tuple[str, ...], Meaning]]]:
        starts: dict[tuple[str, ...], list[tuple[tuple[str, ...], Meaning]]] = defaultdict(list)
        for key, meaning in self._phrases:
            starts[tuple(w[:START] for w in key)].append((key, meaning))
        return starts

    @cached_property
    def _by_word(self) -> dict[str, set[int]]:
        index: dict[str, set[int]] = defaultdict(set)
        for number, entry in enumerate(self._all):
            for word in {*parts(entry.value), *split(entry.value)}:
                index[word].add(number)
        return index

    @cached_property
    def _small_words(self) -> set[str]:
        """Words of operators and fillers."""
        phrases = [*self.vocabulary.ignore, *(p for _, p in self.vocabulary.operator_phrases())]
        return {w for phrase in phrases for w in split(phrase)} - {w for i in self._all for w in parts(i.value)}

    @cached_property
    def _spoken(self) -> set[str]:
        """Words that mean something else than a refusal."""
        return {w for key, ms in self._exact.items() for w in key if any(m.kind != "refusal" for m in ms)}

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
        known = {w for key, meanings in self._exact.items() if any(map(self._loaded, meanings)) for w in key}
        known = {w for w in known if len(w) > 2}
        known |= set(self.vocabulary.calendar.vocabulary())
        found = [i for i in self._all if any(d.scan != "named" for d in i.dimensions)]
        known |= {w for i in found for w in (*parts(i.value), compact(i.value)) if len(w) > 3}
        known |= {a for a in self.vocabulary.aliases if len(a) > 3}
        known -= {w for r in self.vocabulary.refusals for p in r.words for w in split(p)} - self._spoken
        return sorted(known)

    @cached_property
    def _display(self) -> dict[str, str]:
        names = {i.value.lower(): i.value for i in self._all if any(d.scan == "primary" for d in i.dimensions)}
        for dimensions in self.model.dimensions.values():
            names |= {d.label: d.label for d in dimensions.values() if d.name not in self._made}
        names |= {m.label: m.label for m in self.model.metrics.values() if m.name not in self._made}
        return names

    def dimension_labels(self, dataset: str) -> list[str]:
        return [plural(d.label) for d in self.model.dimensions[dataset].values() if d.scan == "primary"]


def _named(word: Word, dimension: str, values: tuple[str, ...]) -> ValueHit:
    return ValueHit(word.dataset, dimension, values, 0.0, "primary", "alias")


def _with_and(value: str) -> Iterable[str]:
    """`Trust & Safety` is also said Trust and Safety, and the other way round."""
    if "&" in value:
        yield value.replace("&", " and ")
    if " and " in value.lower():
        yield re.sub(r"(?i)\band\b", "&", value)


def _cost(hits: Sequence[ValueHit]) -> float:
    best = min(hits, key=lambda h: (h.scan != "primary", h.how))
    cost = {"exact": EXACT, "alias": ALIAS, "inflected": INFLECTED, "part": PARTIAL, "family": PARTIAL}[best.how]
    return cost + {"primary": 0.0, "secondary": 0.3, "named": 0.6}[best.scan]
