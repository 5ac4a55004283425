"""What the warehouse holds: tables, loaded days, discovered dimensions, values. A frozen snapshot.

Knows nothing about words. Reads the `_askcost` schema described in docs/warehouse.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Protocol

from assistant.semantics import calendar
from assistant.values import Grain, Rollup, TableColumn


class Reader(Protocol):
    """Runs trusted SQL of ours, in DuckDB's dialect, and returns all rows."""

    def __call__(self, sql: str) -> Sequence[tuple[Any, ...]]: ...

    def columns(self) -> Sequence[tuple[str, str, str, str]]:
        """(schema, table, column, DuckDB type) of every table of `main` and `_askcost`, in order."""
        ...

    def rows(self) -> Mapping[str, int]:
        """How many rows each table of `main` has, about."""
        ...


@dataclass(frozen=True)
class Days:
    """The loaded days of one table: from first to last, without the months that have no row at all."""

    first: date
    last: date
    months: frozenset[date]

    def count(self, start: date, end: date) -> int:
        """Loaded days within [start, end)."""
        return sum((b - a).days for a, b in self.spans(start, end))

    def units(self, unit: Grain, start: date, end: date, fiscal: int = 1) -> Fraction:
        """How many days, weeks, months… of [start, end) have loaded days.

        A week is seven of them: a quarter has 13 and a seventh, whatever day it begins on.
        """
        if unit in (Grain.DAY, Grain.WEEK):
            return Fraction(self.count(start, end), 7 if unit is Grain.WEEK else 1)
        count = 0
        bucket = calendar.floor(start, unit, fiscal)
        while bucket < end:
            following = bucket + calendar.step(unit)
            count += self.count(max(bucket, start), min(following, end)) > 0
            bucket = following
        return Fraction(count)

    def spans(self, start: date, end: date) -> list[tuple[date, date]]:
        """The loaded part of [start, end) as half-open spans."""
        result: list[tuple[date, date]] = []
        day = max(start, self.first)
        stop = min(end, self.last + timedelta(days=1))
        while day < stop:
            following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            upper = min(following, stop)
            if day.replace(day=1) in self.months:
                if result and result[-1][1] == day:
                    result[-1] = (result[-1][0], upper)
                else:
                    result.append((day, upper))
            day = upper
        return result


@dataclass(frozen=True)
class ExtraDimension:
    table: str
    field: str
    tag_key: str | None
    words: str


@dataclass(frozen=True)
class IndexedValue:
    table: str
    field: str
    value: str
    rows: int
    cost: float


@dataclass(frozen=True)
class Catalog:
    """One version of the warehouse, as far as understanding a question needs it."""

    data_version: str
    tables: Mapping[str, tuple[TableColumn, ...]]
    days: Mapping[str, Days]
    extra: tuple[ExtraDimension, ...]
    values: tuple[IndexedValue, ...]
    currencies: tuple[str, ...]
    small: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    rollups: tuple[Rollup, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)

    def has(self, *tables: str) -> bool:
        return all(table in self.tables for table in tables)


SMALL = (
    "unit_cost_map",
    "tbm_map",
    "users",
    "allocation_rules",
)


def read(run: Reader) -> Catalog:
    """Reads the snapshot. `run` is a trusted reader on one version of the file."""
    tables: dict[str, list[TableColumn]] = {}
    for schema, table, column, type_ in run.columns():
        if schema == "main":
            tables.setdefault(table, []).append(TableColumn(column, type_))
    visible = {t: tuple(c for c in cols if not c.name.startswith("Tags.")) for t, cols in tables.items()}
    version = run("SELECT data_version FROM _askcost.version")
    months: dict[str, set[date]] = {}
    bounds: dict[str, tuple[date, date]] = {}
    for table, month, first, last in run(
        "SELECT table_name, date_trunc('month', day)::DATE, min(day), max(day) FROM _askcost.loaded_days GROUP BY ALL"
    ):
        months.setdefault(table, set()).add(month)
        low, high = bounds.get(table, (first, last))
        bounds[table] = (min(low, first), max(high, last))
    return Catalog(
        data_version=str(version[0][0]) if version else "",
        tables=visible,
        days={t: Days(low, high, frozenset(months[t])) for t, (low, high) in bounds.items()},
        extra=tuple(
            ExtraDimension(*row)
            for row in run("SELECT table_name, field, tag_key, words FROM _askcost.extra_dimensions")
        ),
        values=tuple(
            IndexedValue(*row)
            for row in run("SELECT table_name, field, value, row_count, cost FROM _askcost.value_index")
        ),
        currencies=tuple(
            c for (c,) in run("SELECT currency FROM _askcost.currencies ORDER BY row_count DESC, currency")
        ),
        small={
            table: tuple(
                dict(zip((c.name for c in visible[table]), row, strict=True))
                for row in run(f"SELECT {', '.join(_quoted(c.name) for c in visible[table])} FROM main.{table}")
            )
            for table in SMALL
            if table in visible
        }
        | _distinct(run, visible, "budgets", "dimension", "value")
        | _distinct(run, visible, "token_allowances", "subject_type")
        | _distinct(run, visible, "business_metrics", "metric")
        | _distinct(run, visible, "fx_rates", "month", "from_currency", "to_currency"),
        rollups=_rollups(run, bounds),
        rows=run.rows(),
    )


def _rollups(run: Reader, bounds: Mapping[str, tuple[date, date]]) -> tuple[Rollup, ...]:
    """The sums that the warehouse keeps, the smallest first; an older or a published one has none."""
    if not any((schema, table) == ("_askcost", "rollups") for schema, table, *_ in run.columns()):
        return ()
    return tuple(
        Rollup(name, table, time, grain, tuple(dimensions), tuple(sums), rows, bounds[table][1])
        for name, table, time, grain, dimensions, sums, rows in run(
            "SELECT name, table_name, time, grain, dimensions, sums, row_count FROM _askcost.rollups "
            "WHERE row_count > 0 ORDER BY row_count"
        )
        if table in bounds
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _distinct(
    run: Reader, tables: Mapping[str, Sequence[TableColumn]], table: str, *columns: str
) -> dict[str, tuple[Mapping[str, Any], ...]]:
    if table not in tables:
        return {}
    rows = run(f"SELECT DISTINCT {', '.join(columns)} FROM main.{table} ORDER BY ALL")
    return {table: tuple(dict(zip(columns, row, strict=True)) for row in rows)}
