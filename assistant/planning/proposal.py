"""A plan as a model writes it → a plan that holds in this warehouse for this user, or exactly what is wrong with it.

Names and values are checked against the lexicon of the user who asks, so a value outside the row policy is as
unknown as one that does not exist. Knows nothing about prompts or models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from rapidfuzz import process
from sqlglot import exp, parse_one

from assistant.errors import Refused
from assistant.planning import measures, periods, ranking
from assistant.planning.draft import Draft
from assistant.planning.local import Context
from assistant.planning.partial import Partial
from assistant.planning.scope import Scope
from assistant.semantics import bind, calendar
from assistant.semantics.catalog import Days
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.model import Dataset, Dimension, Metric
from assistant.semantics.words import compact
from assistant.values import Access, Filter, Frozen, Grain, Order, Period, QueryPlan, Reading, Threshold

MOST_ROWS, MOST_NAMES, MOST_FILTERS = 10_000, 8, 12
CONFIDENCE = 0.75


class Invalid(Exception):
    """What is wrong with a proposal, in words that a model can act on."""


class _Days(Frozen):
    start: str
    end: str


class _Having(Frozen):
    metric: str
    op: Literal[">", ">=", "<", "<=", "="] = ">"
    value: Decimal = Field(allow_inf_nan=False, ge=Decimal("-1e15"), le=Decimal("1e15"))
    of: Literal["value", "change", "change_percent", "share"] = "value"


_SHAPES = {"share": "share", "series_change": "series_change", "count_groups": "count_groups", "sql": "needs_sql"}


def _condition(text: str) -> dict[str, Any]:
    """`effective_cost > 500` is about a metric; `change > 500` about what the plan makes of its first one."""
    found = re.fullmatch(r"\s*(\w+)\s*(>=|<=|>|<|=)\s*(-?[\d.]+)\s*%?\s*", text)
    if found is None:
        raise ValueError(f"having: write {text!r} like “effective_cost > 500”")
    name, op, value = found.groups()
    of = name if name in ("change", "change_percent", "share") else "value"
    return {"metric": "" if of == name else name, "op": op, "value": value, "of": of}


class Proposal(Frozen):
    """A reply to prompts/plan.schema.json, its short forms spelled out; what a lenient endpoint leaves out is usual."""

    metrics: tuple[str, ...] = Field((), max_length=MOST_NAMES)
    dimensions: tuple[str, ...] = Field((), max_length=MOST_NAMES)
    grain: Grain | None = None
    filters: tuple[Filter, ...] = Field((), max_length=MOST_FILTERS)
    part: tuple[Filter, ...] = Field((), max_length=MOST_FILTERS)
    period: _Days | None = None
    comparison: _Days | None = None
    series_change: bool = False
    share: bool = False
    average: Grain | None = None
    order: Order | None = None
    limit: int | None = Field(None, ge=1, le=MOST_ROWS)
    limit_per: str | None = None
    having: tuple[_Having, ...] = Field((), max_length=MOST_FILTERS)
    count_groups: bool = False
    needs_sql: bool = False
    clarify: str | None = None

    @model_validator(mode="before")
    @classmethod
    def spelled_out(cls, data: Any) -> Any:
        """`start/end`, `metric desc` and `metric > 500` as objects; the shape as its flag; "" and 0 as nothing."""
        if not isinstance(data, dict):
            return data
        said = {key: value for key, value in data.items() if value not in ("", 0, None)}
        shape = said.pop("shape", "plain")
        if shape not in ("plain", *_SHAPES):
            raise ValueError(f"shape must be plain, {', '.join(_SHAPES)}")
        if shape != "plain":
            said[_SHAPES[shape]] = True
        for name in ("period", "comparison"):
            if isinstance(said.get(name), str):
                start, _, end = said[name].partition("/")
                said[name] = {"start": start.strip(), "end": end.strip()}
        if isinstance(said.get("order"), str):
            by, _, direction = said["order"].strip().partition(" ")
            said["order"] = {"by": by, "descending": direction.strip().lower() != "asc"}
        if isinstance(said.get("having"), list | tuple):
            said["having"] = [_condition(h) if isinstance(h, str) else h for h in said["having"]]
        return said


def read(text: str) -> Proposal:
    """Raises Invalid, naming the first field that is wrong."""
    body = text.strip()
    if body.startswith("```"):
        body = body.strip("`").removeprefix("json")
    try:
        return Proposal.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or "the reply"
        raise Invalid(f"{place}: {first['msg']}") from None


def reading(proposal: Proposal, partial: Partial, lexicon: Lexicon, context: Context, access: Access) -> Reading:
    """The proposal as a checked plan. Raises Invalid, Refused (nothing loaded), Clarify (a fleet metric by team)."""
    return _Check(proposal, partial, lexicon, context, access).reading()


class _Check:
    """Holds what one proposal is checked against."""

    def __init__(
        self, proposal: Proposal, partial: Partial, lexicon: Lexicon, context: Context, access: Access
    ) -> None:
        self.proposal = proposal
        self.partial = partial
        self.lexicon = lexicon
        self.context = context
        self.access = access
        self.model = lexicon.model
        self.notes: list[str] = []

    def reading(self) -> Reading:
        metrics = self._metrics()
        dataset = self._dataset(metrics)
        scope = Scope(Draft(), self.lexicon, self.context.today, None, self.context.reporting)
        names = tuple(dict.fromkeys(self._dimension(n, dataset).name for n in self.proposal.dimensions))
        self._shape(metrics, names)
        measures.check_fleet(scope, metrics, names, dataset)
        filters = self._filters(self.proposal.filters, dataset)
        part = self._filters(self.proposal.part, dataset)
        self._keeps((*filters, *part), names)
        period, comparison = self._periods(dataset, metrics)
        currency = ranking.currency(scope, dataset, metrics, None)
        plan = QueryPlan(
            dataset=dataset.name,
            metrics=tuple(m.name for m in metrics),
            dimensions=names,
            grain=self.proposal.grain,
            filters=filters,
            part=part,
            period=period,
            comparison=comparison,
            series_change=self.proposal.series_change,
            share=self.proposal.share,
            average=self.proposal.average,
            order=self._order(metrics, comparison),
            limit=self.proposal.limit,
            limit_per=self.proposal.limit_per,
            having=tuple(self._having(metrics, comparison)),
            count_groups=self.proposal.count_groups,
            currency=currency,
        )
        assumptions = [*measures.metric_assumptions(scope, metrics), *scope.notes.assumptions, *self.notes]
        return Reading(plan, CONFIDENCE, tuple(dict.fromkeys(assumptions)))

    # --- names -----------------------------------------------------------------------------------------

    def _metrics(self) -> tuple[Metric, ...]:
        if not self.proposal.metrics:
            raise Invalid("metrics: name at least one")
        for name in self.proposal.metrics:
            if not self.model.has_metric(name):
                raise Invalid(f"metrics: there is no metric {name!r}{self._meant(name, self.model.metrics)}")
        return tuple(self.model.metric(n) for n in dict.fromkeys(self.proposal.metrics))

    def _dataset(self, metrics: Sequence[Metric]) -> Dataset:
        datasets = {m.dataset for m in metrics}
        if len(datasets) > 1:
            raise Invalid(f"metrics: they are of different datasets ({', '.join(sorted(datasets))}); use one")
        dataset = self.model.datasets[datasets.pop()]
        open_ = all(t in self.access.tables for t in dataset.tables)
        if not open_ or not self.lexicon.catalog.has(*dataset.tables):
            raise Invalid(f"metrics: {dataset.name} can't be read here; use another dataset")
        return dataset

    def _dimension(self, name: str, dataset: Dataset) -> Dimension:
        own = self.model.dimensions[dataset.name]
        if name not in own:
            raise Invalid(f"{dataset.name} has no dimension {name!r}{self._meant(name, own)}")
        return own[name]

    def _meant(self, name: str, names: Any) -> str:
        near = [found for found, _, _ in process.extract(name, list(names), limit=4, score_cutoff=60)]
        return f"; near it are {', '.join(near)}" if near else ""

    # --- filters ---------------------------------------------------------------------------------------

    def _filters(self, filters: Sequence[Filter], dataset: Dataset) -> tuple[Filter, ...]:
        return tuple(self._filter(f, dataset) for f in filters)

    def _filter(self, one: Filter, dataset: Dataset) -> Filter:
        dimension = self._dimension(one.dimension, dataset)
        if one.op in ("empty", "filled"):
            return Filter(dimension=one.dimension, op=one.op)
        if not one.values:
            raise Invalid(f"filters: {one.dimension} {one.op} needs values")
        held = self._held(dimension, dataset)
        if dimension.field is None and not held:
            raise Invalid(f"filters: {one.dimension} can be grouped by, but not filtered by values")
        spelled: list[str] = []
        for value in one.values:
            found = held.get(compact(value)) if held else [value]
            if not found:
                names = [v for vs in held.values() for v in vs]
                raise Invalid(f"filters: {one.dimension} has no value {value!r}{self._meant(value, names)}")
            spelled += found
        return Filter(dimension=one.dimension, op=one.op, values=tuple(dict.fromkeys(spelled)))

    def _held(self, dimension: Dimension, dataset: Dataset) -> dict[str, list[str]]:
        """compact spelling → the values as they are written; empty when the dimension's values are not indexed."""
        if dimension.field is None:
            literals = parse_one(dimension.expression, dialect="duckdb").find_all(exp.Literal)
            return {compact(x.this): [x.this] for x in literals if x.is_string}
        fields = set(bind.fields(dimension))
        found: dict[str, list[str]] = {}
        for entry in self.lexicon.catalog.values:
            if entry.field in fields and entry.table in dataset.tables:
                found.setdefault(compact(entry.value), []).append(entry.value)
        return found

    def _keeps(self, filters: Sequence[Filter], names: Sequence[str]) -> None:
        """What the question says in the data's own words can't be dropped or turned around."""
        if self.partial.plan is None:
            return
        for kept in self.partial.kept:
            same = [f for f in filters if f.dimension == kept.dimension and f.op == kept.op]
            wanted = set(kept.values)
            if kept.dimension in names and not wanted - {v for f in filters for v in f.values}:
                continue
            if not any(wanted <= set(f.values) for f in same):
                shown = ", ".join(kept.values) or kept.op
                raise Invalid(f"filters: the question says {kept.dimension} {kept.op} {shown}; keep that filter")
        if self.partial.limit and self.proposal.limit != self.partial.limit:
            raise Invalid(f"limit: the question asks for {self.partial.limit}")

    # --- days ------------------------------------------------------------------------------------------

    def _periods(self, dataset: Dataset, metrics: Sequence[Metric]) -> tuple[Period | None, Period | None]:
        if all(m.periodless for m in metrics):
            return None, None
        days = self.lexicon.catalog.days.get(dataset.loaded_from)
        if days is None:
            raise Refused(f"No day of {dataset.label} is loaded.")
        comparison = self._days(self.proposal.comparison, "comparison", dataset)
        said = self.partial.plan if self.partial.timed else None
        period = self._days(self.proposal.period, "period", dataset)
        if said is not None and said.period is not None and (comparison is None or period is None):
            period, comparison = said.period, comparison or said.comparison
        if period is None:
            previous = self.context.previous
            scope = Scope(Draft(), self.lexicon, self.context.today, previous, None)
            spans = periods.choose(scope, dataset, days, None)
            self.notes += spans.assumptions
            period = spans.period
        self._loaded(period, days, dataset)
        if comparison is not None:
            period, comparison = periods.aligned(period, comparison, days, self.notes)
            self._loaded(comparison, days, dataset)
        return period, comparison

    def _days(self, one: _Days | None, name: str, dataset: Dataset) -> Period | None:
        if one is None:
            return None
        try:
            period = Period.model_validate({"start": one.start, "end": one.end})
        except ValidationError:
            raise Invalid(f"{name}: start and end must be dates like 2026-03-01") from None
        if period.end <= period.start or period.start.year < 1970 or period.end.year > 2200:
            raise Invalid(f"{name}: end is exclusive and must lie after start")
        if dataset.grain == "month":
            start = calendar.floor(period.start, Grain.MONTH)
            end = calendar.floor(period.last_day, Grain.MONTH) + calendar.step(Grain.MONTH)
            period = Period(start=start, end=end)
        for unit in (Grain.MONTH, Grain.QUARTER, Grain.YEAR, Grain.WEEK):
            if period == calendar.whole(period.start, unit).model_copy(update={"unit": None}):
                return period.model_copy(update={"unit": unit})
        return period

    def _loaded(self, period: Period, days: Days, dataset: Dataset) -> None:
        if not days.count(period.start, period.end):
            raise Refused(
                f"Nothing is loaded for {calendar.label(period)}: {dataset.label} are loaded "
                f"from {days.first.isoformat()} to {days.last.isoformat()}."
            )
        if days.count(period.start, period.end) < period.days and dataset.grain == "day":
            spans = (calendar.label(Period(start=a, end=b)) for a, b in days.spans(period.start, period.end))
            self.notes.append(f"of {calendar.label(period)} only {', '.join(spans)} is loaded")

    # --- shape -----------------------------------------------------------------------------------------

    def _shape(self, metrics: Sequence[Metric], names: Sequence[str]) -> None:
        """Combinations that the compiler has no meaning for."""
        one = self.proposal
        said = self.partial.plan if self.partial.timed else None
        compared = one.comparison is not None or (said is not None and said.comparison is not None)
        wrong = {
            "series_change needs a grain, and no comparison": one.series_change and (not one.grain or compared),
            "comparison and grain exclude each other; use series_change": compared and one.grain is not None,
            "comparison, series_change, share and average exclude each other": (
                sum((compared, one.series_change, one.share, one.average is not None)) > 1
            ),
            "part needs share": bool(one.part) and not one.share,
            "share needs additive metrics": one.share and not all(m.additive or m.counted for m in metrics),
            "share needs dimensions, a grain or a part": one.share and not (names or one.grain or one.part),
            "average needs additive metrics": one.average is not None and not all(m.additive for m in metrics),
            "limit needs dimensions or a grain": one.limit is not None and not (names or one.grain),
            "limit_per must be one of the dimensions, with a limit and another dimension": one.limit_per is not None
            and (one.limit_per not in names or one.limit is None or (len(names) < 2 and not one.grain)),
            "limit of names and series_change don't fit": bool(one.limit and names) and one.series_change,
            "having needs dimensions or a grain": bool(one.having) and not (names or one.grain),
            "count_groups needs dimensions": one.count_groups and not names,
            "a metric without days takes no grain or comparison": any(m.periodless for m in metrics)
            and (one.grain is not None or compared or one.average is not None or len(metrics) > 1),
        }
        for message, is_so in wrong.items():
            if is_so:
                raise Invalid(message)
        if self.partial.plan is not None and len(self.partial.plan.having) > len(one.having):
            raise Invalid("having: the draft's conditions must stay")

    def _order(self, metrics: Sequence[Metric], comparison: Period | None) -> Order | None:
        order = self.proposal.order
        if order is None:
            return None
        compared = comparison is not None or self.proposal.series_change
        by = order.by
        own = {m.name: m.column for m in metrics} | {m.column: m.column for m in metrics}
        prefix = f"{metrics[0].column}_" if len(metrics) > 1 else ""
        if by in self.proposal.dimensions or (self.proposal.grain and by == self.proposal.grain.value):
            return None  # groups and buckets are in order anyway
        if compared and by in ("current", "previous", "change", "change_percent"):
            return Order(by=prefix + by, descending=order.descending)
        if self.proposal.share and by == "share":
            name = "share" if len(metrics) == 1 else f"{metrics[0].column}_share"
            return Order(by=name, descending=order.descending)
        if by in own:
            column = own[by]
            if compared:
                column = f"{column}_current" if len(metrics) > 1 else "current"
            elif self.proposal.average:
                column = f"average_{column}_per_{self.proposal.average.value}"
            return Order(by=column, descending=order.descending)
        raise Invalid(f"order.by: {by!r} is no output; use one of {', '.join(m.name for m in metrics)}")

    def _having(self, metrics: Sequence[Metric], comparison: Period | None) -> Iterator[Threshold]:
        compared = comparison is not None or self.proposal.series_change
        for one in self.proposal.having:
            metric = one.metric or metrics[0].name
            if metric not in {m.name for m in metrics}:
                raise Invalid(f"having: {metric!r} must be one of the metrics")
            if next(m for m in metrics if m.name == metric).unit == "date":
                raise Invalid(f"having: {metric} is a day and can't be compared with a number")
            if one.of == "share" and not self.proposal.share:
                raise Invalid("having: of share needs share")
            if one.of in ("change", "change_percent") and not compared:
                raise Invalid(f"having: of {one.of} needs a comparison")
            if one.of == "share" and len(metrics) > 1:
                raise Invalid("having: of share needs a single metric")
            yield Threshold(metric=metric, op=one.op, value=one.value, of=one.of)
