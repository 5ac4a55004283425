"""Items of two periods: what was bought in each, by hierarchy, owner and kind of charge, as a bridge needs it.

What a dataset's items are stands in schemas/variance.yaml. The database adds up; of charges nothing is read. Knows no
formula. Ratios and counts: analysis/portions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from sqlglot import exp, parse_one

from assistant.analysis.books import Books
from assistant.analysis.books import text as literal
from assistant.errors import Clarify, Refused
from assistant.finops.variance import Cause, Item, Side
from assistant.semantics import calendar, schema_files
from assistant.semantics.model import Dimension, Metric
from assistant.semantics.schema_files import Node
from assistant.sql import conditions, derived
from assistant.values import Period, QueryPlan

FILE = "variance.yaml"
KEYS = (
    "hierarchy", "shown", "apart", "owner", "detail", "priced", "quantity", "unit", "discounted", "listed",
    "contracted", "daily", "causes", "of", "usual",
)  # fmt: skip
OF = ("quantity", "unit", "usage", "rates")
MOST_ITEMS = 20_000


@dataclass(frozen=True)
class Grain:
    """How fine items are. levels: the hierarchy from the top; apart: SQL of what has prices of its own."""

    levels: tuple[Dimension, ...]
    owner: Dimension | None
    apart: tuple[str, ...] = ()
    note: str | None = None

    def coarser(self) -> Grain | None:
        """The next grain with fewer items; None for the coarsest."""
        if self.apart:
            return replace(self, apart=())
        if len(self.levels) > 1:
            left, dropped = self.levels[:-1], self.levels[-1].label
            return replace(self, levels=left, note=f"There is too much to look into every {dropped}.")
        return replace(self, owner=None) if self.owner else None


@cache
def _read(schemas: Path) -> Mapping[str, Node]:
    """schemas/variance.yaml. Raises SchemaError."""
    top = schema_files.read(schemas / FILE)
    for node in top.values():
        node.only(KEYS)
        node.get("causes", Node()).only(tuple(cause.value for cause in Cause))
        for own in node.get("of", Node()).values():
            own.only(OF)
    return top


class Basis:
    """What the change of one plan's metric is computed from: items by currency, and what lies below a driver.

    most: items that are looked into; where there are more, they are made coarser. where: SQL that narrows them beside
    the plan's filters. Raises Clarify for several metrics and Refused for a dataset without a hierarchy.
    """

    def __init__(self, books: Books, plan: QueryPlan, most: int = MOST_ITEMS, where: str | None = None) -> None:
        self.books, self.most, self.narrowed = books, most, where
        self.model = books.house.model
        self.dataset = self.model.datasets[plan.dataset]
        known = _read(books.schemas)
        self.about: Mapping[str, Any] = known.get(plan.dataset, Node())
        self.metric: Metric = self.model.metric(self._one(plan))
        self.plan = plan.model_copy(update={"metrics": (self.metric.name,)})
        if plan.dataset not in known or self.metric.periodless:
            raise Refused(f"I can't take the change of {self.metric.label} apart; I can for {self._explained(known)}.")
        books.needs(*self.dataset.tables)
        self.columns = self._columns()
        self.grain = self._finest()

    def _one(self, plan: QueryPlan) -> str:
        """The metric that is meant. Raises Clarify where that is not plain."""
        usual = [name for name in self.about.get("usual", ()) if name in plan.metrics]
        if len(plan.metrics) > 1 and not usual:
            raise Clarify("The change of which one?", tuple(self._alone(plan, name) for name in plan.metrics))
        return (usual or plan.metrics)[0]

    def _alone(self, plan: QueryPlan, name: str) -> str:
        """The same question about one of its measures."""
        named = [value for one in plan.filters if one.op == "in" for value in one.values]
        of = f" of {', '.join(named)}" if named else ""
        label = f"why did the {self.model.metric(name).label}{of} change"
        if plan.period is None or plan.comparison is None:
            return label
        return f"{label} between {calendar.label(plan.comparison)} and {calendar.label(plan.period)}"

    def _explained(self, known: Mapping[str, Node]) -> str:
        labels = [d.label for name, d in self.model.datasets.items() if name in known]
        return f"{', '.join(labels[:-1])} and {labels[-1]}"

    def _columns(self) -> set[str]:
        """What the user may read of the dataset, in lower case."""
        query = derived.query(self.plan, self.model, self.books.house.catalog)
        if isinstance(query, exp.Query):
            return {name.casefold() for name in query.named_selects}
        return {column.name.casefold() for column in self.books.access.tables[self.dataset.source].columns}

    # --- what the data have -------------------------------------------------------------------------------------------

    def _finest(self) -> Grain:
        """The hierarchy, below the dimensions that the plan is split by; of fleets without what only usage has."""
        first = [self.model.dimension(self.plan.dataset, name) for name in self.plan.dimensions]
        usual = [d for name in self.about.get("hierarchy", ()) if (d := self._dimension(name))]
        levels = tuple({d.name: d for d in (*first, *usual) if self._of_all(d)}.values())
        owners = (self._dimension(name) for name in self.about.get("owner", ()))
        owner = next((d for d in owners if d and self._of_all(d)), None)
        shown = self.about.get("shown", {})
        worded = tuple(replace(d, expression=shown[d.name]) if self._has(shown.get(d.name)) else d for d in levels)
        return Grain(worded, owner, tuple(sql for sql in self.about.get("apart", ()) if self._has(sql)))

    def _of_all(self, one: Dimension) -> bool:
        """A fleet has no team: only what is used of it has."""
        return not (self.metric.fleet and one.usage_only)

    def _dimension(self, name: str) -> Dimension | None:
        try:
            found = self.model.dimension(
                self.plan.dataset, self.books.dimension(name, f"schemas/{FILE}", self.plan.dataset)
            )
        except (Refused, Clarify):
            return None
        return found if self._has(found.expression) else None

    def _has(self, sql: str | None) -> bool:
        """Whether the table has, and the user may see, every column of the expression."""
        if sql is None:
            return False
        tree = parse_one(sql, dialect="duckdb")
        return all(column.name.casefold() in self.columns for column in tree.find_all(exp.Column))

    def _sql(self, key: str, metrics: str | None = None) -> str:
        """The expression that schemas/ gives, NULL where the data or the metric have no such thing."""
        own = self.about.get("of", {}).get(self.metric.name, {})
        given = metrics is None or self.metric.name in self.about.get(metrics, ()) or bool(own)
        sql = own.get(key) or self.about.get(key)
        return str(sql) if given and self._has(sql) else "NULL"

    # --- reading ------------------------------------------------------------------------------------------------------

    def items(self, before: Period, after: Period) -> dict[str | None, list[Item]]:
        """Items by billing currency; in one currency under that of the plan. Raises Refused for too many."""
        rows = self._grouped(self.dataset.source, before, after)
        reported: dict[tuple[Any, ...], Sequence[Any]] = {}
        if self.plan.currency and self.dataset.currency:
            reported = {row[:-MONEY]: row for row in self._grouped("converted", before, after)}
        found: dict[str | None, list[Item]] = {}
        for row in rows:
            currency = self.plan.currency if reported else row[0]
            item = self._item(row, reported[row[:-MONEY]] if reported else None)
            if item is not None:
                found.setdefault(currency, []).append(item)
        return found

    def words(self, cause: Cause) -> str:
        """What a step is called: of some metrics in the words of schemas/."""
        own = self.about.get("of", {}).get(self.metric.name, {})
        return str(own.get({Cause.USAGE: "usage", Cause.RATE: "rates"}.get(cause, "")) or cause.value)

    def _grouped(self, source: str, before: Period, after: Period) -> Sequence[tuple[Any, ...]]:
        return self.grouped(lambda: self._statement(source, before, after))

    def grouped(self, statement: Callable[[], str]) -> Sequence[tuple[Any, ...]]:
        """Rows of a statement that groups by the grain, which is made coarser while there are too many."""
        while True:
            rows = self.books.rows(statement())
            if len(rows) <= self.most:
                return rows
            coarser = self.grain.coarser()
            if coarser is None:
                raise Refused("Too many different things changed to explain them; name a provider, service or team.")
            self.grain = coarser

    def _statement(self, source: str, before: Period, after: Period) -> str:
        causes = "".join(
            f" WHEN {sql} THEN {literal(cause)}"
            for cause, sql in self.about.get("causes", {}).items()
            if self._has(sql)
        )
        quantity = self._sql("quantity", "priced")
        groups = [
            self.dataset.currency or "NULL",
            f"CASE{causes} ELSE {literal(Cause.USAGE)} END" if causes else literal(Cause.USAGE),
            self._sql("unit", "priced"),
            self._sql("daily") if "daily" in self.about else "TRUE",
            f"({quantity}) IS NULL",
            self.grain.owner.expression if self.grain.owner else "NULL",
            *(level.expression for level in self.grain.levels),
            *self.grain.apart,
        ]
        measured = [
            self.metric.expression,
            f"SUM({quantity})",
            f"SUM({self._sql('listed', 'discounted')})",
            f"SUM({self._sql('contracted', 'discounted')})",
            f"COUNT({self._summed()})",
        ]
        sides = [self.only(sql, period) for period in (before, after) for sql in measured]
        selected = [f"{sql} AS {PARTS[i] if i < len(PARTS) else f'part_{i}'}" for i, sql in enumerate(groups)]
        selected += [f"{sql} AS {name}" for name, sql in zip(AMOUNTS, sides, strict=True)]
        return self.select(source, selected, before, after)

    def select(self, source: str, selected: Sequence[str], before: Period, after: Period) -> str:
        """The statement of these columns over both periods, of one row more than are looked into."""
        return (
            f"{self._source(source)}SELECT {', '.join(selected)} FROM {source} "
            f"WHERE {self._where(before, after)} GROUP BY ALL LIMIT {self.most + 1}"
        )

    @property
    def source(self) -> str:
        """The table that amounts of one currency are read from."""
        return "converted" if self.plan.currency and self.dataset.currency else self.dataset.source

    def _summed(self) -> str:
        """What the metric adds up: charges without it, for want of an exchange rate, must not go unnoticed."""
        found = parse_one(self.metric.expression, dialect="duckdb").find(exp.Sum)
        return found.this.sql(dialect="duckdb") if found else "*"

    def _source(self, source: str) -> str:
        catalog = self.books.house.catalog
        query = derived.query(self.plan, self.model, catalog)
        if source == "converted":
            query = derived.converted(self.dataset, catalog, str(self.plan.currency))
        return f"WITH {source} AS ({query.sql(dialect='duckdb')}) " if query is not None else ""

    def only(self, aggregate: str, period: Period) -> str:
        tree = conditions.within(parse_one(aggregate, dialect="duckdb"), parse_one(self._within(period)))
        return tree.sql(dialect="duckdb")

    def _within(self, period: Period) -> str:
        kind = "TIMESTAMP" if self.dataset.time_type == "timestamp" else "DATE"
        time = self.dataset.time
        return f"{time} >= {kind} '{period.start}' AND {time} < {kind} '{period.end}'"

    def _where(self, before: Period, after: Period) -> str:
        tests = [f"(({self._within(before)}) OR ({self._within(after)}))"]
        if self.narrowed:
            tests.append(f"({self.narrowed})")
        for one in self.plan.filters:
            expression = self.model.dimension(self.plan.dataset, one.dimension).expression
            tests.append(f"({conditions.condition(expression, one).sql(dialect='duckdb')})")
        return " AND ".join(tests)

    def _item(self, row: Sequence[Any], reported: Sequence[Any] | None) -> Item | None:
        _, cause, unit, daily, _, owner, *rest = row
        other = (None, None) if reported is None else _halves(reported)
        sides = [_side(half, told) for half, told in zip(_halves(row), other, strict=True)]
        if sides == [None, None]:
            return None
        key = tuple(text(value) for value in rest[: len(self.grain.levels)])
        return Item(key, sides[0], sides[1], unit, text(owner), Cause(cause), bool(daily))

    # --- below the hierarchy ------------------------------------------------------------------------------------------

    @cached_property
    def below(self) -> Dimension | None:
        """What a driver is made of, such as resources."""
        name = self.about.get("detail")
        found = self._dimension(name) if name and self.metric.additive else None
        return found if found and self._of_all(found) else None

    def detail(self, path: Sequence[str | None], before: Period, after: Period, most: int) -> list[tuple[str, Decimal]]:
        """The largest moves of what lies below a driver: name and change."""
        if self.below is None:
            return []
        tests = [self._where(before, after), f"({self.below.expression}) IS NOT NULL"]
        for level, value in zip(self.grain.levels, path, strict=False):
            tests.append(f"({level.expression}) IS NOT DISTINCT FROM {'NULL' if value is None else literal(value)}")
        first, second = (f"COALESCE({self.only(self.metric.expression, period)}, 0)" for period in (before, after))
        rows = self.books.rows(
            f"{self._source(self.source)}SELECT {self.below.expression} AS detail, {second} - {first} AS change "
            f"FROM {self.source} WHERE {' AND '.join(tests)} GROUP BY ALL "
            f"ORDER BY ABS({second} - {first}) DESC, detail LIMIT {most}"
        )
        return [(str(name), decimal(change)) for name, change in rows if change]


PARTS = ("currency", "cause", "unit", "daily", "unmetered", "owner")
AMOUNTS = tuple(
    f"{name}_{when}" for when in ("before", "after") for name in ("cost", "quantity", "listed", "contracted", "charges")
)
MONEY = len(AMOUNTS)


def _halves(row: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    amounts = row[-MONEY:]
    return amounts[: MONEY // 2], amounts[MONEY // 2 :]


def _side(half: Sequence[Any], told: Sequence[Any] | None) -> Side | None:
    """One period of an item; None where it has neither cost nor quantity."""
    cost, *prices, count = half
    if not cost and not prices[0]:
        return None
    if told is not None and told[-1] != count:
        raise Refused("An exchange rate of these periods is missing in fx_rates; load it, or ask without a currency.")
    quantity, listed, contracted = (None if amount is None else decimal(amount) for amount in prices)
    return Side(decimal(cost or 0), quantity, listed, contracted, None if told is None else decimal(told[0] or 0))


def decimal(value: Any) -> Decimal:
    return Decimal(str(value)) if isinstance(value, float) else Decimal(value)


def text(value: Any) -> str | None:
    return None if value is None else str(value)
