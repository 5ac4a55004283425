"""schemas/vocabulary.yaml as typed tables of phrases. Knows nothing about the warehouse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, cast

from assistant.semantics import schema_files, taught
from assistant.semantics.taught import Word
from assistant.semantics.time_grammar import TimeGrammar
from assistant.semantics.words import compact, split
from assistant.values import Grain

Having = tuple[str, Literal[">", ">=", "<", "<="], Decimal]

_TOP = (
    "ignore",
    "operators",
    "time",
    "numbers",
    "multipliers",
    "currencies",
    "concepts",
    "value_aliases",
    "places",
    "focus_values",
    "bundles",
    "refusals",
    "analyses",
    "spellings",
    "wording",
    "workloads",
)
_WORDING = (
    "pronouns", "sizes", "relative", "nothing", "each_charge", "unless", "every", "except", "capitals", "whole",
    "this", "last", "between", "per", "thanks", "only", "does", "kinds", "filler", "ordinals",
)  # fmt: skip


@dataclass(frozen=True)
class Concept:
    """Interchangeable dimension names, and the ones that stand in when none of them exists."""

    words: tuple[str, ...]
    otherwise: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    kind: str
    says: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class FocusValue:
    dimension: str
    value: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Bundle:
    """Several metrics by one phrase, or by a metric with a word beside it ("allowance … used").

    having: (metric, op, value) that rows of a breakdown meet: "over budget".
    """

    metrics: tuple[str, ...]
    words: tuple[str, ...]
    of: str | None = None
    beside: tuple[str, ...] = ()
    having: Having | None = None


@dataclass(frozen=True)
class Analysis:
    """A kind of question that takes more than one query: how it is asked, and which parts of a plan it uses.

    metric: what it is about when none is named. period: the words for its usual period. compares: with the one before.
    ahead: its period may reach beyond the loaded days. beside: words that say nothing more beside its own.
    wider: the analysis that a follow-up with a part that this one does not take goes to. asks: whole messages that mean
    another analysis of the same thing, after this one or after one that it is the wider one of.
    """

    name: str
    label: str
    metric: str
    period: str
    takes: frozenset[str]
    compares: bool
    ahead: bool
    words: tuple[str, ...]
    beside: frozenset[str] = frozenset()
    wider: str | None = None
    asks: Mapping[tuple[str, ...], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Workloads:
    """The words of figures that a question brings along; phrases as words, longest first."""

    quantities: Mapping[tuple[str, ...], str]
    parts: frozenset[str]
    flags: frozenset[str]
    rates: Mapping[tuple[str, ...], str]
    each: frozenset[tuple[str, ...]]
    fillers: frozenset[tuple[str, ...]]
    barriers: frozenset[str]
    moves: frozenset[tuple[str, ...]]
    target: frozenset[tuple[str, ...]]
    source: frozenset[tuple[str, ...]]
    hypothetical: frozenset[str]
    models: tuple[str, ...]
    days_per_month: Decimal
    why: frozenset[tuple[str, ...]]
    charged: frozenset[tuple[str, ...]]
    pool: frozenset[str]


@dataclass(frozen=True)
class Vocabulary:
    ignore: tuple[str, ...]
    operators: Mapping[str, tuple[str, ...]]
    grains: Mapping[Grain, tuple[str, ...]]
    units: Mapping[Grain, tuple[str, ...]]
    calendar: TimeGrammar
    numbers: Mapping[tuple[str, ...], Decimal]
    multipliers: Mapping[str, Decimal]
    currencies: Mapping[str, str]
    concepts: tuple[Concept, ...]
    aliases: Mapping[str, tuple[tuple[str, ...], ...]]
    places: Mapping[str, tuple[str, ...]]
    focus_values: tuple[FocusValue, ...]
    bundles: tuple[Bundle, ...]
    refusals: tuple[Refusal, ...]
    analyses: Mapping[str, Analysis]
    wording: Mapping[str, tuple[str, ...]]
    everyday: frozenset[str]
    spellings: Mapping[str, str]
    workloads: Workloads
    taught: tuple[Word, ...] = ()

    def same_concept(self, one: str, other: str) -> bool:
        """Whether two dimension names mean the same thing to people: squad and team."""
        return one == other or any(
            {one, other} <= {w.replace(" ", "_") for w in concept.words} for concept in self.concepts
        )

    def operator_phrases(self) -> Iterator[tuple[str, str]]:
        for name, phrases in self.operators.items():
            for phrase in phrases:
                yield name, phrase


def read(folder: Path) -> Vocabulary:
    """Raises SchemaError naming file and line."""
    top = schema_files.read(folder / "vocabulary.yaml")
    top.only(_TOP)
    for key in _TOP:
        top.require(key)
    time = top["time"]
    for key, table in (("numbers", top["numbers"]), ("multipliers", top["multipliers"])):
        for word, number in table.items():
            if not re.fullmatch(r"\d+(\.\d+)?", str(number)):
                raise table.fail(f"`{key}`: {word} must be a number, not {number!r}.")
    if time.require("fiscal_year_starts") not in {str(m) for m in range(1, 13)}:
        raise time.fail("`fiscal_year_starts` is the number of a month, 1 to 12.")
    aliases: dict[str, tuple[tuple[str, ...], ...]] = {}
    for line in top["value_aliases"]:
        names = tuple(dict.fromkeys(compact(w) for w in schema_files.words(line, top, "value_aliases")))
        for name in names:
            aliases[name] = (*aliases.get(name, ()), names)
    return Vocabulary(
        ignore=schema_files.words(top["ignore"], top, "ignore"),
        operators={
            name: schema_files.words(phrases, top, f"operators.{name}")
            for name, phrases in schema_files.mapping(top["operators"], top, "operators").items()
        },
        grains={Grain(g): schema_files.words(ws, time, "grains") for g, ws in time["grains"].items()},
        units={Grain(u): schema_files.words(ws, time, "units") for u, ws in time["units"].items() if u != "half"},
        calendar=TimeGrammar(time, top["numbers"]),
        numbers={split(w): Decimal(n) for w, n in top["numbers"].items()},
        multipliers={w: Decimal(n) for w, n in top["multipliers"].items()},
        currencies={w.lower(): code for code, ws in top["currencies"].items() for w in ws},
        concepts=tuple(_concept(node) for node in top["concepts"]),
        aliases=aliases,
        places={
            compact(name): tuple(compact(w) for w in line)
            for line in top["places"]
            for name in schema_files.words(line, top, "places")
        },
        focus_values=tuple(_focus_value(node) for node in top["focus_values"]),
        bundles=tuple(
            Bundle(
                schema_files.words(node.require("metrics"), node, "metrics"),
                schema_files.words(node.require("words"), node, "words"),
                node.get("of"),
                schema_files.words(node.get("beside", []), node, "beside"),
                _having(node),
            )
            for node in top["bundles"]
        ),
        refusals=tuple(
            Refusal(
                node.require("kind"),
                node.require("says"),
                schema_files.words(node.require("words"), node, "words"),
            )
            for node in top["refusals"]
        ),
        spellings=dict(schema_files.mapping(top["spellings"], top, "spellings")),
        wording=_wording(top["wording"]),
        everyday=schema_files.plain_words(folder / "everyday.txt"),
        analyses={one.name: one for one in map(_analysis, top["analyses"])},
        workloads=_workloads(top["workloads"], schema_files.read(folder / "finops.yaml")),
        taught=taught.read(folder).words,
    )


def _wording(node: Any) -> Mapping[str, tuple[str, ...]]:
    node.only(_WORDING)
    return {name: schema_files.words(node.require(name), node, name) for name in _WORDING}


def _workloads(node: Any, finops: Any) -> Workloads:
    """The models that designs are compared with stand in finops.yaml, and are known by parts of their names."""
    lists = (
        "parts", "flags", "each", "fillers", "barriers", "moves", "target", "source", "hypothetical", "why", "charged",
        "pool",
    )  # fmt: skip
    node.only(("quantities", "rates", *lists))

    def phrases(key: str) -> frozenset[tuple[str, ...]]:
        return frozenset(split(w) for w in schema_files.words(node.require(key), node, key))

    def named(key: str) -> dict[tuple[str, ...], str]:
        table = schema_files.mapping(node.require(key), node, key)
        return {split(w): name for name, ws in table.items() for w in schema_files.words(ws, node, f"{key}.{name}")}

    estimate = finops.require("estimate")
    return Workloads(
        quantities=named("quantities"),
        parts=frozenset(schema_files.words(node.require("parts"), node, "parts")),
        flags=frozenset(schema_files.words(node.require("flags"), node, "flags")),
        rates=named("rates"),
        each=phrases("each"),
        fillers=phrases("fillers"),
        barriers=frozenset(schema_files.words(node.require("barriers"), node, "barriers")),
        moves=phrases("moves"),
        target=phrases("target"),
        source=phrases("source"),
        hypothetical=frozenset(schema_files.words(node.require("hypothetical"), node, "hypothetical")),
        models=schema_files.words(estimate.require("models"), estimate, "estimate.models"),
        days_per_month=Decimal(estimate.require("days_per_month")),
        why=phrases("why"),
        charged=phrases("charged"),
        pool=frozenset(schema_files.words(node.require("pool"), node, "pool")),
    )


def _analysis(node: Any) -> Analysis:
    node.only(("name", "label", "metric", "period", "takes", "compares", "ahead", "words", "beside", "wider", "asks"))
    return Analysis(
        node.require("name"),
        node.require("label"),
        node.require("metric"),
        node.require("period"),
        frozenset(schema_files.words(node.require("takes"), node, "takes")),
        node.get("compares") == "true",
        node.get("ahead") == "true",
        schema_files.words(node.require("words"), node, "words"),
        frozenset(schema_files.words(node.get("beside", []), node, "beside")),
        node.get("wider"),
        {
            split(phrase): name
            for name, phrases in schema_files.mapping(node.get("asks", {}), node, "asks").items()
            for phrase in schema_files.words(phrases, node, f"asks.{name}")
        },
    )


def _having(node: Any) -> Having | None:
    if "having" not in node:
        return None
    found = re.fullmatch(r"(\w+) (>=|<=|>|<) (-?\d+(?:\.\d+)?)", node["having"])
    if found is None:
        raise node.fail(f"`having` is written like `used_percent > 100`, not {node['having']!r}.")
    return found[1], cast(Any, found[2]), Decimal(found[3])


def _concept(node: Any) -> Concept:
    node.only(("words", "else"))
    return Concept(
        schema_files.words(node.require("words"), node, "words"),
        schema_files.words(node.get("else", []), node, "else"),
    )


def _focus_value(node: Any) -> FocusValue:
    node.only(("dimension", "value", "words"))
    return FocusValue(
        node.require("dimension"),
        node.require("value"),
        schema_files.words(node.require("words"), node, "words"),
    )
