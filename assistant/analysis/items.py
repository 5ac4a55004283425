"""Items of two periods: what was bought in each, by hierarchy, owner and kind of charge, as a bridge needs it.

What a dataset's items are stands in schemas/variance.yaml. The database adds up; of charges nothing is read. Knows no
formula and no words for people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from assistant.semantics import schema_files
from assistant.semantics.model import Dimension, Metric
from assistant.semantics.schema_files import Node
from assistant.sql import conditions, derived
from assistant.values import Period, QueryPlan

FILE = "variance.yaml"
KEYS = (
    "hierarchy", "shown", "apart", "owner", "detail", "priced", "quantity", "unit", "discounted", "listed",
    "contracted", "daily", "causes",
)  # fmt: skip
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
    return top


class Basis:
    """What the change of one plan's metric is computed from: items by currency, and what lies below a driver.

    most: items that are looked into; where there are more, they are made coarser. Raises Clarify for several metrics
    and Refused for a plan whose change is no sum of items: a ratio, a dataset without a hierarchy.
    """

    def __init__(self, books: Books, plan: QueryPlan, most: int = MOST_ITEMS) -> None:
        self.books, self.plan, self.most = books, plan, most
        self.model = books.house.model
        self.dataset = self.model.datasets[plan.dataset]
        self.metric: Metric = self.model.metric(plan.metrics[0])
        if len(plan.metrics) > 1:
            raise Clarify("The change of which one?", tuple(self.model.metric(name).label for name in plan.metrics))
        known = _read(books.schemas)
        if plan.dataset not in known or self.dataset.query is not None:
            raise Refused(f"I can't take the change of {self.metric.label} apart; I can for {self._explained(known)}.")
        if not self.metric.additive or self.metric.periodless:
            raise Refused(
                f"{self.metric.label[:1].upper()}{self.metric.label[1:]} is no sum, so its change is none of causes; "
                "ask why the amounts behind it changed."
            )
        books.needs(self.dataset.source)
        self.about = known[plan.dataset]
        self.columns = {column.name.casefold() for column in books.access.tables[self.dataset.source].columns}
        self.grain = self._finest()

    def _explained(self, known: Mapping[str, Node]) -> str:
        return " and ".join(d.label for name, d in self.model.datasets.items() if name in known)

    # --- what the data have -------------------------------------------------------------------------------------------

    def _finest(self) -> Grain:
        levels = tuple(d for name in self.about.get("hierarchy", ()) if (d := self._dimension(name)))
        owner = next((d for name in self.about.get("owner", ()) if (d := self._dimension(name))), None)
        shown = self.about.get("shown", {})
        worded = tuple(replace(d, expression=shown[d.name]) if self._has(shown.get(d.name)) else d for d in levels)
        return Grain(worded, owner, tuple(sql for sql in self.about.get("apart", ()) if self._has(sql)))

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
        given = metrics is None or self.metric.name in self.about.get(metrics, ())
        sql = self.about.get(key)
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

    def _grouped(self, source: str, before: Period, after: Period) -> Sequence[tuple[Any, ...]]:
        while True:
            rows = self.books.rows(self._statement(source, before, after))
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
        sides = [self._only(sql, period) for period in (before, after) for sql in measured]
        selected = [f"{sql} AS {PARTS[i] if i < len(PARTS) else f'part_{i}'}" for i, sql in enumerate(groups)]
        selected += [f"{sql} AS {name}" for name, sql in zip(AMOUNTS, sides, strict=True)]
        return (
            f"{self._source(source)}SELECT {', '.join(selected)} FROM {source} "
            f"WHERE {self._where(before, after)} GROUP BY ALL LIMIT {self.most + 1}"
        )

    def _summed(self) -> str:
        """What the metric adds up: charges without it, for want of an exchange rate, must not go unnoticed."""
        found = parse_one(self.metric.expression, dialect="duckdb").find(exp.Sum)
        return found.this.sql(dialect="duckdb") if found else "*"

    def _source(self, source: str) -> str:
        if source != "converted":
            return ""
        converted = derived.converted(self.dataset, self.books.house.catalog, str(self.plan.currency))
        return f"WITH converted AS ({converted.sql(dialect='duckdb')}) "

    def _only(self, aggregate: str, period: Period) -> str:
        tree = conditions.within(parse_one(aggregate, dialect="duckdb"), parse_one(self._within(period)))
        return tree.sql(dialect="duckdb")

    def _within(self, period: Period) -> str:
        kind = "TIMESTAMP" if self.dataset.time_type == "timestamp" else "DATE"
        time = self.dataset.time
        return f"{time} >= {kind} '{period.start}' AND {time} < {kind} '{period.end}'"

    def _where(self, before: Period, after: Period) -> str:
        tests = [f"(({self._within(before)}) OR ({self._within(after)}))"]
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
        key = tuple(_text(value) for value in rest[: len(self.grain.levels)])
        return Item(key, sides[0], sides[1], unit, _text(owner), Cause(cause), bool(daily))

    # --- below the hierarchy ------------------------------------------------------------------------------------------

    @cached_property
    def below(self) -> Dimension | None:
        """What a driver is made of, such as resources."""
        name = self.about.get("detail")
        return self._dimension(name) if name else None

    def detail(self, path: Sequence[str | None], before: Period, after: Period, most: int) -> list[tuple[str, Decimal]]:
        """The largest moves of what lies below a driver: name and change."""
        if self.below is None:
            return []
        tests = [self._where(before, after), f"({self.below.expression}) IS NOT NULL"]
        for level, value in zip(self.grain.levels, path, strict=False):
            tests.append(f"({level.expression}) IS NOT DISTINCT FROM {'NULL' if value is None else literal(value)}")
        first, second = (f"COALESCE({self._only(self.metric.expression, period)}, 0)" for period in (before, after))
        source = "converted" if self.plan.currency and self.dataset.currency else self.dataset.source
        rows = self.books.rows(
            f"{self._source(source)}SELECT {self.below.expression} AS detail, {second} - {first} AS change "
            f"FROM {source} WHERE {' AND '.join(tests)} GROUP BY ALL ORDER BY ABS({second} - {first}) DESC, detail "
            f"LIMIT {most}"
        )
        return [(str(name), _decimal(change)) for name, change in rows if change]


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
    quantity, listed, contracted = (None if amount is None else _decimal(amount) for amount in prices)
    return Side(_decimal(cost or 0), quantity, listed, contracted, None if told is None else _decimal(told[0] or 0))


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value)) if isinstance(value, float) else Decimal(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
