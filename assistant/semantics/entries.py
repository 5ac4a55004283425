"""Every name of one warehouse and what it means, before anybody asks: vocabulary, metrics, dimensions, values.

Writes the lexicon's entries; looks nothing up in them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from assistant.semantics import bind
from assistant.semantics.catalog import Catalog
from assistant.semantics.meanings import Indexed, Meaning, ValueHit
from assistant.semantics.model import Dimension, SemanticModel
from assistant.semantics.taught import Word, speaks
from assistant.semantics.vocabulary import Vocabulary
from assistant.semantics.words import compact, parts, singular, split, stem


@dataclass
class Entries:
    """`exact`: words → meanings; `singular`: the same of their singulars; `phrases`: those that may be inflected.

    `all`: every value; `values`: compact name → those that have it;
    `short`: what is also said for them: 4200 for `4200 Broker Portal`.
    """

    model: SemanticModel
    catalog: Catalog
    vocabulary: Vocabulary
    exact: dict[tuple[str, ...], list[Meaning]] = field(default_factory=lambda: defaultdict(list))
    singular: dict[tuple[str, ...], list[Meaning]] = field(default_factory=lambda: defaultdict(list))
    phrases: list[tuple[tuple[str, ...], Meaning]] = field(default_factory=list)
    values: dict[str, list[Indexed]] = field(default_factory=lambda: defaultdict(list))
    short: dict[str, list[Indexed]] = field(default_factory=lambda: defaultdict(list))
    all: list[Indexed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._add_vocabulary()
        self._add_metrics()
        self._add_dimensions()
        self._add_values()
        self._add_units_of_work()
        self._add_taught()

    def _add(self, phrase: str, meaning: Meaning) -> None:
        key = split(phrase)
        if not key:
            return
        self.exact[key].append(meaning)
        self.singular[tuple(singular(w) for w in key)].append(meaning)
        self.phrases.append((key, meaning))

    def _add_vocabulary(self) -> None:
        for phrase in self.vocabulary.ignore:
            self.exact[split(phrase)].append(Meaning("ignore", 0.0))
        for name, phrase in self.vocabulary.operator_phrases():
            self.exact[split(phrase)].append(Meaning("operator", 0.0, (name,)))
        for grain, phrases in self.vocabulary.grains.items():
            for phrase in phrases:
                self.exact[split(phrase)].append(Meaning("grain", 0.0, grain=grain))
        for grain, phrases in self.vocabulary.units.items():
            for phrase in phrases:
                self.exact[split(phrase)].append(Meaning("grain", 0.3, ("unit",), grain=grain))
        for word, code in self.vocabulary.currencies.items():
            self.exact[split(word)].append(Meaning("currency", 0.0, (code,)))
        for analysis in self.vocabulary.analyses.values():
            for phrase in analysis.words:
                self.exact[split(phrase)].append(Meaning("analysis", 0.0, (analysis.name,)))
        for refusal in self.vocabulary.refusals:
            for phrase in refusal.words:
                self.exact[split(phrase)].append(Meaning("refusal", 0.0, refusal=refusal))

    def _add_metrics(self) -> None:
        for metric in self.model.metrics.values():
            if metric.name in self.made:
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
            for dimension in (one for one in dimensions.values() if one.name not in self.made):
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
        self.all = [Indexed(value, weight, dims) for (value, _), (weight, dims) in merged.items()]
        for entry in self.all:
            for name in {compact(entry.value), *map(compact, _with_and(entry.value))}:
                self.values[name].append(entry)
            for name in map(compact, (*_code_and_name(entry.value), *self._without_kind(entry.value))):
                self.short[name].append(entry)
        for focus in self.vocabulary.focus_values:
            self._add_focus_value(focus.dimension, focus.value, focus.words)

    def _without_kind(self, value: str) -> Iterable[str]:
        """`Azure OpenAI Service` is also called Azure OpenAI."""
        *name, kind = value.split()
        if len(name) > 1 and kind.lower() in self.vocabulary.wording["kinds"]:
            yield " ".join(name)

    def _add_taught(self) -> None:
        """Words that people taught, without those that name a value which is not there, or not for these eyes."""
        for word in self.vocabulary.taught:
            if not speaks(word, self.model) or not all(map(self._there, self._places(word))):
                continue
            for key in (split(word.word), tuple(singular(w) for w in split(word.word))):
                # a word that carried no meaning has one now
                self.exact[key] = [m for m in self.exact[key] if m.kind != "ignore"]
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
        return any(e.value == value and dimension in e.dimensions for e in self.values.get(compact(value), ()))

    @cached_property
    def made(self) -> set[str]:
        """What words that people taught are called in plans: known by these alone, to who may see their values."""
        return {word.name for word in self.vocabulary.taught if word.kind in ("measure", "formula", "filter")}

    @cached_property
    def _conditions(self) -> set[str]:
        """Dimensions whose values are FOCUS's own, in whatever bill."""
        return {focus.dimension for focus in self.vocabulary.focus_values}

    def _add_focus_value(self, dimension: str, value: str, phrases: Iterable[str]) -> None:
        holders = [ds for ds, dims in self.model.dimensions.items() if dimension in dims]
        present = [i for i in self.values.get(compact(value), ()) if any(d.name == dimension for d in i.dimensions)]
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

    def _near_values(self, dimension: str, phrases: Iterable[str]) -> list[Indexed]:
        """FOCUS leaves some names to the provider: "Savings Plan", "SavingsPlan", "Compute Savings Plans"."""
        wanted = {tuple(stem(w) for w in split(p)) for p in phrases}
        return [
            i
            for i in self.all
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
                self.phrases.append(((word,), Meaning("ignore", 0.0)))


def _named(word: Word, dimension: str, values: tuple[str, ...]) -> ValueHit:
    return ValueHit(word.dataset, dimension, values, 0.0, "primary", "alias")


def _code_and_name(value: str) -> Iterable[str]:
    """`4200 Broker Portal` is also called 4200, and Broker Portal; a code that could be a year only by its name."""
    found = re.fullmatch(r"(\d{3,})\W+(\D.*)", value)
    if found:
        yield found[2]
        if not 1900 <= int(found[1]) <= 2100:
            yield found[1]


def _with_and(value: str) -> Iterable[str]:
    """`Trust & Safety` is also said Trust and Safety, and the other way round."""
    if "&" in value:
        yield value.replace("&", " and ")
    if " and " in value.lower():
        yield re.sub(r"(?i)\band\b", "&", value)
