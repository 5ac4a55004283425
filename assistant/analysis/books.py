"""Books: one user's view of one version of the warehouse, and the only way an analysis reads.

Every statement passes the guard and the user's row policy. Knows no formula and no drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from dateutil.relativedelta import relativedelta

from assistant.errors import Clarify, Refused
from assistant.house import Warehouse
from assistant.ledger.drawer import Drawer
from assistant.semantics import calendar
from assistant.semantics.words import split
from assistant.sql import compile as sql_compile
from assistant.sql import guard
from assistant.sql.people import People
from assistant.values import Access, CheckedQuery, Period, QueryPlan, Rows

COSTS = "cost_and_usage"
USAGE = "token_usage"
MOST_ROWS = 200_000


@dataclass(frozen=True)
class Books:
    """statements: the readable SQL of everything that was read so far, in order; executed: the same as it ran.

    ledger: where decisions are kept.
    """

    house: Warehouse
    access: Access
    engine: Callable[[CheckedQuery], Rows]
    today: date
    schemas: Path
    drawer: Drawer | None = None
    people: People = field(default_factory=People)
    fiscal: int = 1
    ledger: Path | None = None
    statements: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)

    @property
    def user(self) -> str | None:
        return self.access.user

    def rows(self, text: str) -> Sequence[tuple[Any, ...]]:
        """Rows of SQL. Raises Refused rather than calculating with a part of them."""
        access = replace(self.access, limits=replace(self.access.limits, rows=MOST_ROWS))
        return self._whole(guard.check(text, access))

    def plan(self, plan: QueryPlan) -> Sequence[tuple[Any, ...]]:
        """Rows of a plan, in the order of its columns."""
        statement = sql_compile.compile(plan, self.house.model, self.house.catalog, self.fiscal)
        access = replace(self.access, limits=replace(self.access.limits, rows=MOST_ROWS))
        return self._whole(guard.check(statement.tree, access), statement.sql)

    def columns(self, plan: QueryPlan) -> tuple[str, ...]:
        """The names of what `plan` gives, in order."""
        statement = sql_compile.compile(plan, self.house.model, self.house.catalog, self.fiscal)
        return tuple(column.name for column in statement.columns)

    def _whole(self, checked: CheckedQuery, shown: str | None = None) -> Sequence[tuple[Any, ...]]:
        rows = self.engine(checked)
        self.statements.append(shown or checked.sql)
        self.executed.append(checked.executable)
        if rows.truncated:
            raise Refused(
                f"This needs more than {MOST_ROWS:,} groups of rows; ask for a coarser key or a shorter time."
            )
        return rows.rows

    def needs(self, *tables: str) -> Warehouse:
        """The warehouse, when these tables are loaded and open to the user. Raises Refused naming one that isn't."""
        for table in tables:
            if table in self.access.closed:
                raise Refused(f"This is not open to you: {self.access.closed[table]}.")
            if table not in self.access.tables:
                raise Refused(f"Nothing is loaded in {table}; load it with `askcost load FILE --table {table}`.")
        return self.house

    def newest_whole_month(self, table: str) -> date:
        """The newest month of the table that is loaded to its end; else its newest month."""
        days = self.house.catalog.days[table]
        this = days.last.replace(day=1)
        whole = (days.last + timedelta(days=1)).day == 1
        before = this - relativedelta(months=1)
        return before if not whole and before in days.months else this

    def whole_month(self, month: date | None, table: str) -> Period:
        """A month as a period; without one the newest whole one of the table."""
        start = month or self.newest_whole_month(table)
        return Period(start=start, end=start + relativedelta(months=1))

    def one_month(self, period: Period | None) -> date | None:
        """The first day of a plan's month. Raises Clarify for any other period."""
        if period is None:
            return None
        if period.start.day != 1 or period.end > period.start + relativedelta(months=1):
            raise Clarify(f"That is made for one month at a time. Which month of {calendar.label(period)}?")
        return period.start

    def partly_loaded(self, table: str, start: date, end: date) -> str | None:
        """A note when only a part of [start, end) is loaded. Raises Refused when nothing is."""
        days = self.house.catalog.days[table]
        found = days.count(start, end)
        if not found:
            raise Refused(f"No {table} is loaded for {start:%b %Y}; it is loaded from {days.first} to {days.last}.")
        if found < (end - start).days and days.last < end - timedelta(days=1):
            return f"{start:%b %Y} is loaded up to {days.last} only."
        return None

    def dimension(self, name: str, place: str, dataset: str = COSTS) -> str:
        """The dimension that people call `name`. Raises Refused or Clarify, both naming `place`."""
        own = self.house.model.dimensions[dataset]
        plain = "_".join(split(name))
        if plain in own:
            return plain
        found = [n for n in self.house.lexicon.dimension_names(split(name)) if n in own]
        if len(found) > 1:
            raise Clarify(f"{place} names “{name}”, which could be several things.", tuple(own[n].label for n in found))
        if not found:
            known = ", ".join(self.house.lexicon.dimension_labels(dataset)[:8])
            raise Refused(f"{place} names “{name}”, which costs are not kept by. They have: {known}.")
        return found[0]


def text(value: str) -> str:
    """A SQL literal."""
    return "'" + value.replace("'", "''") + "'"
