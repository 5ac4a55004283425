"""The semantic model: what can be measured and by what it can be split, read from schemas/model/ (Ossie 0.1.1).

Knows nothing about the warehouse's values, nor about how a question is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import sqlglot
from sqlglot.errors import SqlglotError

from assistant.semantics import schema_files
from assistant.semantics.schema_files import Node

VENDOR = "ASKCOST"
OSSIE = "0.1.1"
DISTINCT = "number_of_"


@dataclass(frozen=True)
class Dimension:
    """Something charges can be split by. `expression` is SQL over its dataset's columns.

    scan: primary = its values are always looked up; secondary = when nothing primary has them;
    named = only when the question names the dimension.
    measured_by: the metric of a question about it that names none: an invoice's amount is what was billed.
    of_days: a kind of days (`weekend`), so that days of a period are no measure beside it.
    """

    name: str
    dataset: str
    expression: str
    label: str
    synonyms: tuple[str, ...] = ()
    description: str = ""
    scan: Literal["primary", "secondary", "named"] = "primary"
    id_of: str | None = None
    families: bool = False
    usage_only: bool = False
    field: str | None = None
    counterpart: str | None = None
    hierarchy: tuple[str, ...] = ()
    of_days: bool = False
    measured_by: str | None = None


@dataclass(frozen=True)
class Metric:
    """Something that can be measured: an aggregate over one dataset, with its unit.

    unit `currency` means the dataset's billing currency. `stands_in_for`: the metric that means the
    same in another dataset. `fleet`: defined for clusters, not for teams; `of_usage`: the metric that is, for teams,
    models and runs.
    """

    name: str
    dataset: str
    expression: str
    unit: str
    label: str
    description: str = ""
    synonyms: tuple[str, ...] = ()
    additive: bool = False
    lower_is_better: bool | None = None
    counted: bool = False
    stands_in_for: str | None = None
    periodless: bool = False
    fleet: bool = False
    of_usage: str | None = None
    within: str | None = None
    needs: tuple[str, ...] = ()
    assumption: str | None = None
    distinct: str | None = None
    counts: tuple[str, ...] = ()
    counts_values_of: str | None = None

    @property
    def column(self) -> str:
        """Its output column; a distinct count is called `number_of_<dimension>`."""
        return self.name.split("@")[0]


@dataclass(frozen=True)
class Dataset:
    """One table, or a query over tables, with its time column."""

    name: str
    source: str
    label: str
    time: str
    time_type: Literal["timestamp", "date"]
    grain: Literal["day", "month"]
    default_metric: str
    currency: str | None = None
    tags: str | None = None
    days_of: str | None = None
    needs: tuple[str, ...] = ()
    query: str | None = None
    scoped: str | None = None
    scope_column: str | None = None
    preference: int = 9
    stand_in: str | None = None

    @property
    def loaded_from(self) -> str:
        """The table whose days say which days are loaded."""
        return self.days_of or self.source

    @property
    def tables(self) -> tuple[str, ...]:
        return self.needs or (self.source,)


@dataclass(frozen=True)
class SemanticModel:
    """Datasets, their dimensions (by dataset, then name) and metrics (by name)."""

    datasets: Mapping[str, Dataset]
    dimensions: Mapping[str, Mapping[str, Dimension]]
    metrics: Mapping[str, Metric]
    version: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def dimension(self, dataset: str, name: str) -> Dimension:
        return self.dimensions[dataset][name]

    def metric(self, name: str) -> Metric:
        """A metric of the model, or the distinct count that every dimension brings along."""
        if name in self.metrics:
            return self.metrics[name]
        return self._distinct[name]

    def has_metric(self, name: str) -> bool:
        return name in self.metrics or name in self._distinct

    def distinct(self, dataset: str, dimension: str) -> str:
        """The name of the metric that counts a dimension's distinct values."""
        return f"{DISTINCT}{dimension}@{dataset}"

    @cached_property
    def _distinct(self) -> dict[str, Metric]:
        return {
            self.distinct(dataset, d.name): Metric(
                name=self.distinct(dataset, d.name),
                dataset=dataset,
                expression=f"COUNT(DISTINCT {d.expression})",
                unit="count",
                label=f"number of {plural(d.label)}",
                counted=True,
                distinct=d.name,
            )
            for dataset, dimensions in self.dimensions.items()
            for d in dimensions.values()
        }

    def with_dimensions(self, more: tuple[Dimension, ...]) -> SemanticModel:
        merged = {name: dict(dimensions) for name, dimensions in self.dimensions.items()}
        for dimension in more:
            merged.setdefault(dimension.dataset, {})[dimension.name] = dimension
        return replace(self, dimensions=merged)


def plural(words: str) -> str:
    """`team` → `teams`, `category` → `categories`; for people's eyes only."""
    head, of, rest = words.partition(" of ")
    if of:
        return f"{plural(head)} of {rest}"
    if words.endswith("y") and words[-2:-1] not in "aeiou":
        return words[:-1] + "ies"
    return words + ("es" if words.endswith(("s", "x", "ch")) else "s")


def read(folder: Path) -> SemanticModel:
    """Reads every file of `schemas/model/`. Raises SchemaError naming file, line and what would be right."""
    datasets: dict[str, Dataset] = {}
    dimensions: dict[str, dict[str, Dimension]] = {}
    metrics: dict[str, Metric] = {}
    pending: list[Node] = []
    for path in sorted((folder / "model").glob("*.yaml")):
        top = schema_files.read(path)
        top.only(("version", "semantic_model"))
        if top.require("version") != OSSIE:
            raise top.fail(f"version is {top['version']!r}; this reader knows Ossie {OSSIE}.")
        for model in top.require("semantic_model"):
            model.only(
                (
                    "name",
                    "description",
                    "ai_context",
                    "datasets",
                    "relationships",
                    "metrics",
                    "custom_extensions",
                )
            )
            for node in model.get("datasets", []):
                dataset = _dataset(node)
                if dataset.name in datasets:
                    raise node.fail(f"dataset `{dataset.name}` is defined twice.")
                datasets[dataset.name] = dataset
                dimensions[dataset.name] = {}
                for field_node in node.get("fields") or []:
                    dimension = _dimension(field_node, dataset.name)
                    dimensions[dataset.name][dimension.name] = dimension
            pending += model.get("metrics", [])
    for node in pending:
        metric = _metric(node, datasets)
        if metric.name in metrics:
            raise node.fail(f"metric `{metric.name}` is defined twice.")
        metrics[metric.name] = metric
    for node in pending:
        for other in (metrics[node["name"]].stands_in_for, metrics[node["name"]].of_usage):
            if other and other not in metrics:
                raise node.fail(f"`{node['name']}` names `{other}`, which is no metric.")
    return SemanticModel(datasets, dimensions, metrics, version=_digest(folder))


def _digest(folder: Path) -> str:
    """A version of everything in schemas/, for plan caches and the audit."""
    import hashlib

    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.yaml")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


_COMMON = ("name", "description", "expression", "label", "dimension", "ai_context", "custom_extensions")


def _extension(node: Node, allowed: tuple[str, ...]) -> dict[str, Any]:
    for extension in node.get("custom_extensions", []):
        if extension.get("vendor_name") != VENDOR:
            continue
        try:
            data = json.loads(extension.require("data"))
        except json.JSONDecodeError as error:
            raise extension.fail(f"`data` is not JSON: {error.msg}.") from None
        if not isinstance(data, dict):
            raise extension.fail('`data` must be a JSON object, like {"unit": "currency"}.')
        Node.only(_placed(Node(data), extension), allowed)
        return dict(data)
    return {}


def _placed(node: Node, like: Node) -> Node:
    node.file, node.line = like.file, like.line
    return node


def _expression(node: Node) -> str:
    dialects = schema_files.mapping(node.require("expression"), node, "expression").get("dialects", [])
    for dialect in dialects:
        if dialect.get("dialect") in ("ANSI_SQL", "DUCKDB"):
            text = str(dialect.require("expression"))
            try:
                sqlglot.parse_one(text, dialect="duckdb")
            except SqlglotError as error:
                raise dialect.fail(f"the expression `{text}` is not SQL: {str(error).splitlines()[0]}") from None
            return text
    raise node.fail("`expression` needs a dialect ANSI_SQL.")


def _synonyms(node: Node) -> tuple[str, ...]:
    context = node.get("ai_context") or {}
    return schema_files.words(context.get("synonyms", []), node, "synonyms")


def _label(node: Node) -> str:
    return str(node.get("label") or str(node.require("name")).replace("_", " "))


def _dataset(node: Node) -> Dataset:
    node.only(("name", "source", "primary_key", "description", "ai_context", "fields", "custom_extensions", "label"))
    data = _extension(
        node,
        (
            "time",
            "time_type",
            "grain",
            "default_metric",
            "currency",
            "tags",
            "label",
            "days_of",
            "needs",
            "query",
            "scoped",
            "scope_column",
            "preference",
            "stand_in",
        ),
    )
    for key in ("time", "time_type", "grain", "default_metric"):
        if key not in data:
            raise node.fail(f"the {VENDOR} extension of dataset `{node.get('name')}` needs `{key}`.")
    query = data.get("query")
    return Dataset(
        name=node.require("name"),
        source=node.require("source"),
        label=data.get("label", node["name"]),
        time=data["time"],
        time_type=data["time_type"],
        grain=data["grain"],
        default_metric=data["default_metric"],
        currency=data.get("currency"),
        tags=data.get("tags"),
        days_of=data.get("days_of"),
        needs=tuple(data.get("needs", ())),
        query="\n".join(query) if query else None,
        scoped=data.get("scoped"),
        scope_column=data.get("scope_column"),
        preference=int(data.get("preference", 9)),
        stand_in=data.get("stand_in"),
    )


def _dimension(node: Node, dataset: str) -> Dimension:
    node.only(_COMMON)
    data = _extension(node, ("scan", "id_of", "families", "only", "hierarchy", "of_days", "measured_by"))
    expression = _expression(node)
    return Dimension(
        name=node.require("name"),
        dataset=dataset,
        expression=expression,
        label=_label(node),
        synonyms=_synonyms(node),
        description=node.get("description", ""),
        scan=data.get("scan", "primary"),
        id_of=data.get("id_of"),
        families=bool(data.get("families")),
        usage_only=data.get("only") == "usage",
        field=expression if expression.isidentifier() else None,
        hierarchy=tuple(data.get("hierarchy", ())),
        of_days=bool(data.get("of_days")),
        measured_by=data.get("measured_by"),
    )


def _metric(node: Node, datasets: Mapping[str, Dataset]) -> Metric:
    node.only(_COMMON)
    data = _extension(
        node,
        (
            "dataset",
            "unit",
            "additive",
            "polarity",
            "counted",
            "stands_in_for",
            "periodless",
            "fleet",
            "of_usage",
            "within",
            "needs",
            "assumption",
            "per",
            "counts",
            "counts_values_of",
        ),
    )
    if data.get("dataset") not in datasets:
        raise node.fail(f"metric `{node.get('name')}` must name its `dataset`, one of {', '.join(sorted(datasets))}.")
    if not data.get("unit"):
        raise node.fail(f"metric `{node.get('name')}` must name its `unit`.")
    polarity = data.get("polarity")
    return Metric(
        name=node.require("name"),
        dataset=data["dataset"],
        expression=_expression(node),
        unit=data["unit"],
        label=_label(node),
        description=node.get("description", ""),
        synonyms=_synonyms(node),
        additive=bool(data.get("additive")),
        lower_is_better=None if polarity is None else polarity == "lower_is",
        counted=bool(data.get("counted")),
        stands_in_for=data.get("stands_in_for"),
        periodless=bool(data.get("periodless")),
        fleet=bool(data.get("fleet")),
        of_usage=data.get("of_usage"),
        within=data.get("within") or data.get("per"),
        needs=tuple(data.get("needs", ())),
        assumption=data.get("assumption"),
        counts=tuple(data.get("counts", ())),
        counts_values_of=data.get("counts_values_of"),
    )
