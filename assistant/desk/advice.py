"""Rollups that the questions of the audit would be answered from, and what each would save. Changes nothing itself.

A candidate is what one asked statement needs: its columns that are no sums, by month where that is exact, else by
day. Whether it would really answer, the guard says, which is given the candidate alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from assistant.assistant import Assistant
from assistant.errors import AssistantError
from assistant.semantics.catalog import Reader
from assistant.sql import guard
from assistant.values import Access, CheckedQuery, Rollup
from assistant.warehouse import rollups
from assistant.warehouse.index import quote

GRAINS: tuple[Literal["month", "day"], ...] = ("month", "day")


@dataclass(frozen=True)
class Proposal:
    """One rollup: `questions` asked that it would answer, `rollup.rows` it would have, about; `table_rows` now."""

    rollup: Rollup
    questions: int
    table_rows: int

    @property
    def saved(self) -> int:
        """Rows that need not have been read."""
        return self.questions * (self.table_rows - self.rollup.rows)


@dataclass(frozen=True)
class Advice:
    """What was asked: `answered` from rollups, `other` that no rollup can answer; and what more would be worth it."""

    asked: int
    answered: int
    other: int
    proposals: tuple[Proposal, ...]


def advise(assistant: Assistant, days: int, today: date) -> Advice:
    """Advice from the answers of the last `days` days, the largest saving first."""
    top = rollups.specification()
    specs = top.require("tables") if top else {}
    most = float(top.require("most_part")) if top else 0.0
    wanted: Counter[Rollup] = Counter()
    asked = answered = other = 0
    for text, user, times in assistant.ledger.statements((today - timedelta(days=days)).isoformat()):
        try:
            access = assistant.access(user)
            checked = guard.check(text, access)
        except AssistantError:
            continue  # of an older warehouse, or several statements of one analysis
        asked += times
        if checked.rollups:
            answered += times
        elif found := next(_candidates(checked, text, access, specs), None):
            wanted[found] += times
        else:
            other += times
    with assistant.reading() as run:
        proposals = [one for one in _measured(wanted, run, assistant) if one.rollup.rows <= most * one.table_rows]
    return Advice(asked, answered, other, tuple(sorted(proposals, key=lambda one: -one.saved)))


def _candidates(
    checked: CheckedQuery, text: str, access: Access, specs: Mapping[str, Mapping[str, Any]]
) -> Iterator[Rollup]:
    """The rollups that would answer the statement, the smaller first."""
    for table, needed in _columns(checked).items():
        if table not in specs:
            continue
        time, sums = str(specs[table]["time"]), tuple(map(str, specs[table]["sums"]))
        dimensions = tuple(sorted(needed - {time, *sums}))
        newest = date.max  # what lies after the newest day is looked at again when it is built
        for grain in GRAINS:
            told = sha256(repr((table, grain, dimensions)).encode()).hexdigest()[:8]
            rollup = Rollup(f"rollup_{table}_advised_{told}", table, time, grain, dimensions, sums)
            alone = {
                name: replace(one, rollups=(replace(rollup, newest=newest),) if name == table else ())
                for name, one in access.tables.items()
            }
            if guard.check(text, replace(access, tables=alone)).rollups:
                yield rollup


def _columns(checked: CheckedQuery) -> dict[str, set[str]]:
    """Table → the columns that are read of it, by the statement and by its row policy."""
    found: dict[str, set[str]] = {}
    try:
        scopes = traverse_scope(sqlglot.parse_one(checked.whole, dialect="duckdb"))
    except (SqlglotError, RecursionError):
        return {}
    for scope in scopes:
        for table in scope.expression.find_all(exp.Table):
            if table.db == "main" and table.parent_select is scope.expression:
                columns = {column.name for column in scope.expression.find_all(exp.Column)}
                found.setdefault(table.name, set()).update(columns)
    return found


def _measured(wanted: Counter[Rollup], run: Reader, assistant: Assistant) -> Iterator[Proposal]:
    """How large each would be, by the newest month; those that a larger one covers cheaply are counted to it."""
    for rollup, times in wanted.items():
        days, size = assistant.warehouse.catalog.days[rollup.table], assistant.warehouse.catalog.rows[rollup.table]
        month = max(days.months)
        keys = ", ".join([f"date_trunc('{rollup.grain}', {quote(rollup.time)})", *map(quote, rollup.dimensions)])
        within = f"date_trunc('month', {quote(rollup.time)}) = DATE '{month}'"
        source = f"main.{quote(rollup.table)}"
        ((rows, part),) = run(
            f"SELECT (SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {source} WHERE {within})), "
            f"(SELECT count(*) FROM {source} WHERE {within})"
        )
        yield Proposal(replace(rollup, rows=round(size * rows / max(part, 1))), times, size)
