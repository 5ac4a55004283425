"""What a checked statement reads, estimated before it runs: rows and bytes of each table, days of its filter left out.

Counts only rows that the user may see, so that the estimate tells nothing of the others. Knows no engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from assistant.semantics.catalog import Days
from assistant.values import Access, CheckedQuery

# Bytes of one value as DuckDB holds it in memory; names count as long as they usually are.
_BYTES = {"BOOLEAN": 1, "DATE": 4, "INTEGER": 4, "MAP": 120, "VARCHAR": 20}
_USUAL_BYTES = 8


@dataclass(frozen=True)
class Table:
    """One table of the warehouse as the user sees it. time: the column that `days` are the days of, if it has any."""

    rows: int
    time: str | None = None
    days: Days | None = None


@dataclass(frozen=True)
class Scan:
    """rows: of all tables, each as often as it is read. An upper bound: only filters on time are taken off."""

    rows: int
    bytes: int

    def __str__(self) -> str:
        return f"about {self.rows:,} rows, {self.bytes / 1e6:,.1f} MB"


def estimate(checked: CheckedQuery, access: Access, tables: Mapping[str, Table]) -> Scan:
    """An estimate for the tables that the statement names, or for the rollups that are read in their place."""
    rolled = {one.name: one for table in access.tables.values() for one in table.rollups}
    rows: dict[str, list[float]] = {name: [] for name in checked.tables}
    try:
        for scope in traverse_scope(sqlglot.parse_one(checked.executable, dialect="duckdb")):
            for source in scope.sources.values():
                if (read := _filtered(source)) is None:
                    continue
                name = rolled[read].table if read in rolled else read
                count = min(rolled[read].rows, tables[name].rows) if read in rolled else tables[name].rows
                rows[name].append(count * _part(scope.expression, tables[name]))
    except (SqlglotError, RecursionError):
        pass  # a form that sqlglot doesn't know: each table is read once, whole
    counts = {name: sum(found) if found else tables[name].rows for name, found in rows.items()}
    size = sum(count * _width(name, checked, access) for name, count in counts.items())
    return Scan(rows=round(sum(counts.values())), bytes=round(size))


def _filtered(source: object) -> str | None:
    """The table behind a source that is a table in its filtered form."""
    if not isinstance(source, Scope):
        return None
    table = source.expression.args.get("from_")
    read = table.this if table is not None else None
    return read.name if isinstance(read, exp.Table) and read.db in ("main", "_askcost") else None


def _part(select: exp.Expr, table: Table) -> float:
    """The part of the table's days that the conditions of a SELECT leave."""
    where = select.args.get("where")
    if where is None or table.time is None or table.days is None:
        return 1.0
    first, end = table.days.first, table.days.last + timedelta(days=1)
    start, until = first, end
    whole = where.this.unnest()
    for test in whole.flatten() if isinstance(whole, exp.And) else (whole,):
        low, high = _bounds(test, table.time)
        start, until = max(start, low or start), min(until, high or until)
    return table.days.count(start, until) / (table.days.count(first, end) or 1)


def _bounds(test: exp.Expr, time: str) -> tuple[date | None, date | None]:
    """The half-open days that one comparison of the time column with a constant leaves."""
    if isinstance(test, exp.Between) and _is(test.this, time):
        last = _day(test.args["high"])
        return _day(test.args["low"]), last + timedelta(days=1) if last else None
    if not isinstance(test, exp.GT | exp.GTE | exp.LT | exp.LTE | exp.EQ):
        return None, None
    day = _day(test.expression)
    if day is None or not _is(test.this, time):
        return None, None
    after = day + timedelta(days=1)
    if isinstance(test, exp.EQ):
        return day, after
    return (day, None) if isinstance(test, exp.GT | exp.GTE) else (None, after if isinstance(test, exp.LTE) else day)


def _is(node: exp.Expr, column: str) -> bool:
    return isinstance(node, exp.Column) and node.name.lower() == column.lower()


def _day(node: exp.Expr) -> date | None:
    text = next(iter(node.find_all(exp.Literal)), None)
    try:
        return date.fromisoformat(text.name[:10]) if text is not None and text.is_string else None
    except ValueError:
        return None


def _width(table: str, checked: CheckedQuery, access: Access) -> int:
    """Bytes of the columns that are read of one row."""
    read = {name.partition(".")[2] for name in checked.columns if name.partition(".")[0] == table}
    types = [c.type.partition("(")[0] for c in access.tables[table].columns if c.name in read]
    return sum(_BYTES.get(kind, _USUAL_BYTES) for kind in types)
