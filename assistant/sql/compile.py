"""QueryPlan → a readable SQL tree, and what its columns mean. Built with sqlglot, never from pasted user text.

Laws, each tested: half-open periods; nulls survive exclusions; one currency and one cost basis in a sum; shares
are of the whole before ranking; rows without a value of the ranked dimension are left out of a ranking.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property, lru_cache

from sqlglot import Expr, exp, parse_one

from assistant.semantics import calendar
from assistant.semantics.catalog import Catalog, Days
from assistant.semantics.model import Dataset, Metric, SemanticModel
from assistant.sql import conditions, derived, shape
from assistant.sql.headings import CURRENCY, Headings
from assistant.values import AnswerColumn, Filter, Grain, Period, QueryPlan, Threshold


@dataclass(frozen=True)
class Statement:
    """SQL for one plan: the tree, and the meaning of each output column in order."""

    tree: Expr
    columns: tuple[AnswerColumn, ...]

    @property
    def sql(self) -> str:
        return self.tree.sql(dialect="duckdb", pretty=True)


def compile(plan: QueryPlan, model: SemanticModel, catalog: Catalog, fiscal: int = 1) -> Statement:
    """The statement of one plan; contract.md §3 "Shape". Raises Clarify and Refused for what has no meaning."""
    shape.check(plan, model)
    return _Compiler(plan, model, catalog, fiscal).statement()


def sql(text: str) -> Expr:
    """A fresh tree of our own text; the same few texts recur in every plan."""
    return _parsed(text).copy()


@lru_cache(maxsize=512)
def _parsed(text: str) -> Expr:
    return parse_one(text, dialect="duckdb")


def literal_date(day: date) -> str:
    return f"DATE '{day.isoformat()}'"


class _Compiler:
    """Holds the plan while its parts are written; lives for one call of `compile`."""

    def __init__(self, plan: QueryPlan, model: SemanticModel, catalog: Catalog, fiscal: int) -> None:
        self.plan = plan
        self.model = model
        self.catalog = catalog
        self.fiscal = fiscal
        self.heads = Headings(plan, model, catalog)
        self.dataset: Dataset = self.heads.dataset
        self.metrics: tuple[Metric, ...] = self.heads.metrics

    @property
    def _days(self) -> Days:
        return self.catalog.days[self.dataset.loaded_from]

    # --- the parts ----------------------------------------------------------------------------

    def statement(self) -> Statement:
        select = self._final(self._totals())
        return Statement(select, tuple(self.heads.columns()))

    @cached_property
    def _keys(self) -> list[tuple[str, Expr]]:
        """Output name and SQL of each thing rows are grouped by, the time bucket first."""
        keys = [(self.plan.grain.value, self._bucket(self.plan.grain))] if self.plan.grain else []
        for name in self.plan.dimensions:
            keys.append((name, self._dimension(name)))
        if self.heads.by_currency:
            keys.append((CURRENCY, sql(str(self.dataset.currency))))
        return keys

    def _dimension(self, name: str) -> Expr:
        return sql(self.model.dimension(self.plan.dataset, name).expression)

    def _bucket(self, grain: Grain) -> Expr:
        time = self.dataset.time
        if grain is Grain.DAY:
            return sql(f"CAST({time} AS DATE)")
        shift = (self.fiscal - 1) % 12 if grain in (Grain.QUARTER, Grain.YEAR) else 0
        if shift:
            return sql(
                f"CAST(DATE_TRUNC('{grain.value}', {time} - INTERVAL {shift} MONTH) + INTERVAL {shift} MONTH AS DATE)"
            )
        return sql(f"CAST(DATE_TRUNC('{grain.value}', {time}) AS DATE)")

    def _within(self, period: Period) -> Expr:
        kind = "TIMESTAMP" if self.dataset.time_type == "timestamp" else "DATE"
        return sql(
            f"{self.dataset.time} >= {kind} '{period.start.isoformat()}' AND "
            f"{self.dataset.time} < {kind} '{period.end.isoformat()}'"
        )

    def _source(self) -> tuple[exp.Select, list[tuple[str, Expr]]]:
        """The FROM, with the CTEs it needs: a derived table, or money in one currency."""
        select = exp.select()
        ctes: list[tuple[str, Expr]] = []
        query = derived.query(self.plan, self.model, self.catalog)
        if query is not None:
            ctes.append((self.dataset.source, query))
        if self.heads.converted:
            ctes.append(("converted", derived.converted(self.dataset, self.catalog, str(self.plan.currency))))
            return select.from_("converted"), ctes
        return select.from_(self.dataset.source), ctes

    def _conditions(self) -> list[Expr]:
        found: list[Expr] = []
        period = self._scanned()
        if period is not None:
            within = self._within(period)
            within.add_comments([f"{calendar.label(period)}, end exclusive"])
            found.append(within)
        if self.plan.comparison and self.plan.period:
            either = exp.or_(self._within(self.plan.period), self._within(self.plan.comparison))
            either.add_comments(
                [f"{calendar.label(self.plan.period)} and, to compare, {calendar.label(self.plan.comparison)}"]
            )
            found = [exp.paren(either)]
        found += [self._filter(f) for f in self.plan.filters]
        found += [self._row_threshold(t) for t in self.plan.having if t.of == "row"]
        return found

    def _scanned(self) -> Period | None:
        if self.plan.period is None or not self.plan.series_change or self.plan.grain is None:
            return self.plan.period
        start = self.plan.period.start - calendar.step(self.plan.grain)
        return self.plan.period.model_copy(update={"start": start})

    def _filter(self, one: Filter) -> Expr:
        return conditions.condition(self.model.dimension(self.plan.dataset, one.dimension).expression, one)

    def _row_threshold(self, threshold: Threshold) -> Expr:
        argument = sql(self.model.metric(threshold.metric).expression)
        sums = list(argument.find_all(exp.Sum))
        return conditions.compared(sums[0].this if sums else argument, threshold)

    def _aggregate(self, metric: Metric, only: Expr | None = None) -> Expr:
        tree = sql(metric.expression)
        if only is not None:
            tree = conditions.within(tree, only)
        if (metric.additive or metric.counted) and (not self._keys or self.plan.comparison):
            tree = exp.func("COALESCE", tree, exp.Literal.number(0))
        return tree

    def _totals(self) -> exp.Select:
        """`totals`: one row for each group, with every aggregate that the answer needs."""
        select, ctes = self._source()
        for name, expression in self._keys:
            select = select.select(_as(expression.copy(), name), copy=False)
        part = exp.and_(*[self._filter(f) for f in self.plan.part]) if self.plan.part else None
        for metric in self.metrics:
            name = metric.column
            if self.plan.comparison and self.plan.period:
                measured = _as(self._aggregate(metric, self._within(self.plan.period)), name)
                before = _as(self._aggregate(metric, self._within(self.plan.comparison)), f"{name}_previous")
                select = select.select(measured, before, copy=False)
            else:
                measured = _as(self._aggregate(metric, part), name)
                select = select.select(measured, copy=False)
                if part is not None:
                    select = select.select(_as(self._aggregate(metric), f"{name}_whole"), copy=False)
            measured.add_comments([metric.description] if metric.description else [])
        conditions = self._conditions()
        if conditions:
            select = select.where(*conditions, copy=False)
        if self._keys:
            select = select.group_by(*[expression.copy() for _, expression in self._keys], copy=False)
            if not self.plan.comparison and not self.plan.part:
                # a group without any figure is no row
                known = [exp.not_(exp.Is(this=self._aggregate(m), expression=exp.null())) for m in self.metrics]
                select = select.having(exp.or_(*known, copy=False), copy=False)
        for name, query in reversed(ctes):
            select = select.with_(name, as_=query, append=False, copy=False)
        return select

    def _final(self, totals: exp.Select) -> exp.Select:
        ctes = totals.args.pop("with_", None) or totals.args.pop("with", None)
        select = exp.select().from_("totals")
        for name, _ in self._keys:
            select = select.select(exp.column(name), copy=False)
        for metric in self.metrics:
            select = select.select(*self._outputs(metric), copy=False)
        derived_names = {c.name for c in self.heads.of_groups}
        ranked = self.plan.limit is not None or self.plan.limit_per is not None
        measured = select
        needs_layer = bool(self.plan.having) or ranked or self.plan.share or self.plan.series_change
        name = "measured"
        result = measured
        if needs_layer:
            result = exp.select(*[exp.column(c.name) for c in self.heads.of_groups]).from_(name)
            for condition in self._after(derived_names, ranked):
                result = result.where(condition, copy=False)
            result = self._limited(result)
        result = result.order_by(*self._order(), copy=False)
        if (
            self.plan.limit is not None
            and self.plan.limit_per is None
            and not self._top_series
            and not self.heads.by_currency
        ):
            result = result.limit(self.plan.limit, copy=False)
        named = [(cte.alias, cte.this) for cte in ctes.expressions] if ctes else []
        named.append(("totals", totals))
        if needs_layer:
            named.append((name, measured))
        if self.plan.count_groups:
            result.set("order", None)
            named.append(("counted", result))
            result = exp.select(_as(exp.Count(this=exp.Star()), self.heads.counted)).from_("counted")
        for alias, query in named:
            result = result.with_(alias, as_=query, copy=False)
        return result

    def _outputs(self, metric: Metric) -> list[Expr]:
        name = metric.column
        if self.plan.comparison and self.plan.period:
            now, before = name, f"{name}_previous"
            if self.plan.average:
                now, before = (
                    f"({total} / {self._divisor(period)})"
                    for total, period in ((now, self.plan.period), (before, self.plan.comparison))
                )
            return [_as(sql(text), alias) for text, alias in self._compared_columns(metric, now, before)]
        if self.plan.series_change:
            previous = f"LAG({name}) OVER ({self._in_time_order()})"
            return [_as(sql(text), alias) for text, alias in self._compared_columns(metric, name, previous)]
        if self.plan.average and self.plan.period:
            return [_as(sql(f"{name} / {self._divisor(self.plan.period)}"), self.heads.average(metric))]
        if self.plan.cumulative:
            # no step is NULL; said so, every dialect can write it
            upto = f"SUM({name}) OVER ({self._in_time_order()} NULLS FIRST)"
            return [_as(sql(upto), self.heads.cumulative(metric))]
        outputs: list[Expr] = [exp.column(name)]
        if self.plan.share and metric.additive | metric.counted:
            whole = f"{name}_whole" if self.plan.part else f"SUM({name}) OVER ({self._share_scope()})"
            share = sql(f"100 * CAST({name} AS DOUBLE) / NULLIF({whole}, 0)")
            share.add_comments(["per cent of the whole of the same period and filters"])
            outputs.append(_as(share, self.heads.share(metric)))
        return outputs

    def _compared_columns(self, metric: Metric, current: str, previous: str) -> list[tuple[str, str]]:
        written = (
            current,
            previous,
            f"{current} - {previous}",
            f"100 * CAST({current} - {previous} AS DOUBLE) / NULLIF({previous}, 0)",
        )
        return list(zip(written, self.heads.compared(metric), strict=True))

    def _in_time_order(self) -> str:
        grain = self.plan.grain.value if self.plan.grain else "month"
        keys = [k for k, _ in self._keys if k != grain]
        partition = f"PARTITION BY {', '.join(_q(k) for k in keys)} " if keys else ""
        return f"{partition}ORDER BY {grain}"

    def _share_scope(self) -> str:
        keys = ([self.plan.grain.value] if self.plan.grain else []) + ([CURRENCY] if self.heads.by_currency else [])
        return f"PARTITION BY {', '.join(keys)}" if keys else ""

    def _divisor(self, period: Period) -> str:
        """Loaded days (weeks, months…) of the period, or of each bucket of a series."""
        assert self.plan.average is not None
        if self.plan.grain is None:
            return _number(self._days.units(self.plan.average, period.start, period.end, self.fiscal))
        arms = []
        start = calendar.floor(period.start, self.plan.grain, self.fiscal)
        while start < period.end:
            end = start + calendar.step(self.plan.grain)
            span = Period(start=max(start, period.start), end=min(end, period.end))
            count = self._days.units(self.plan.average, span.start, span.end, self.fiscal)
            if count:
                arms.append(f"WHEN {literal_date(start)} THEN {_number(count)}")
            start = end
        return f"CASE {self.plan.grain.value} {' '.join(arms)} END" if arms else "NULL"

    # --- what rows stay, in which order ---------------------------------------------------------

    @property
    def _top_series(self) -> bool:
        """Top N of a dimension shown over time: the ranking is by the whole period."""
        return bool(self.plan.grain and self.plan.dimensions and self.plan.limit and not self.plan.limit_per)

    def _after(self, outputs: set[str], ranked: bool) -> Iterable[Expr]:
        if self.plan.series_change and self.plan.period and self.plan.grain:
            yield sql(f"{self.plan.grain.value} >= {literal_date(self.plan.period.start)}")
        if ranked or any(t.of == "value" for t in self.plan.having):
            for name in self.plan.dimensions:
                if not any(f.dimension == name and f.op == "empty" for f in self.plan.filters):
                    known = sql(f"{_q(name)} IS NOT NULL")
                    known.add_comments([f"a ranking leaves out what has no {name.replace('_', ' ')}"])
                    yield known
        for threshold in self.plan.having:
            if threshold.of != "row":
                yield conditions.compared(exp.column(self.heads.threshold(threshold)), threshold)
        if self._top_series and self.plan.limit:
            direction = "DESC" if self._descending else "ASC"
            names = ", ".join(_q(n) for n in self.plan.dimensions)
            filled = " AND ".join(f"{_q(n)} IS NOT NULL" for n in self.plan.dimensions)
            inner = (
                f"SELECT {names} FROM measured WHERE {filled} GROUP BY {names} "
                f"ORDER BY SUM({_q(self.heads.ranked_by)}) {direction} LIMIT {self.plan.limit}"
            )
            left = names if len(self.plan.dimensions) == 1 else f"({names})"
            yield sql(f"{left} IN ({inner})")

    @property
    def _descending(self) -> bool:
        return self.plan.order.descending if self.plan.order else True

    def _limited(self, select: exp.Select) -> exp.Select:
        partition = [self.plan.limit_per] if self.plan.limit_per else []
        if self.heads.by_currency and self.plan.limit and not self._top_series:
            partition.append(CURRENCY)
        if not partition or self.plan.limit is None:
            return select
        order = ", ".join(o.sql(dialect="duckdb") for o in self._rank_order())
        keys = ", ".join(_q(p) for p in partition)
        select.set(
            "qualify",
            exp.Qualify(this=sql(f"ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY {order}) <= {self.plan.limit}")),
        )
        return select

    def _rank_order(self) -> list[Expr]:
        keys: list[Expr] = [
            exp.Ordered(this=exp.column(self.heads.ranked_by), desc=self._descending, nulls_first=False)
        ]
        return keys + [exp.Ordered(this=exp.column(n), desc=False, nulls_first=False) for n in self.plan.dimensions]

    def _order(self) -> list[Expr]:
        first: list[Expr] = []
        if self.plan.grain and not (self.plan.order and self.plan.order.by != self.plan.grain.value):
            first.append(exp.Ordered(this=exp.column(self.plan.grain.value), desc=False, nulls_first=False))
        if self.plan.limit_per:
            first.append(exp.Ordered(this=exp.column(self.plan.limit_per), desc=False, nulls_first=False))
        if self.heads.by_currency:  # amounts of different currencies can't be ranked against each other
            arms = " ".join(f"WHEN '{c}' THEN {i}" for i, c in enumerate(self.catalog.currencies))
            first.append(exp.Ordered(this=sql(f"CASE {CURRENCY} {arms} END"), desc=False, nulls_first=False))
        return first + self._rank_order()


def _q(name: str) -> str:
    return exp.to_identifier(name, quoted=not name.isidentifier()).sql(dialect="duckdb")


def _number(count: Fraction) -> str:
    """As SQL; a fraction as a double, which every engine divides alike."""
    if count.denominator == 1:
        return str(count.numerator)
    return f"(CAST({count.numerator} AS DOUBLE) / {count.denominator})"


def _as(expression: Expr, name: str) -> Expr:
    """`expression AS name`, quoting only what needs it."""
    return exp.Alias(this=expression, alias=exp.to_identifier(name))
