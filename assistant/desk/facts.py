"""What another program can learn beside an answer: what a statement reads, what can be asked for, what was answered.

All of it as the user sees it, in plain JSON values. Knows no protocol.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlglot
from sqlglot import exp
from ulid import ULID

from assistant.desk.desk import Desk
from assistant.errors import AssistantError, LedgerError, Refused
from assistant.semantics.model import Dataset
from assistant.sql import explain
from assistant.values import Answer

_LISTED = ("answer_id", "at", "question", "status", "planner", "row_count")


def explained(desk: Desk, sql: str, user: str | None) -> dict[str, Any]:
    """What a statement reads and where its columns come from; it is not run. Recorded. Raises GuardRefusal."""
    core = desk.assistant
    given = Answer("answered", str(ULID()), sql, user=user, understood="SQL, explained and not run", planner="sql")
    try:
        checked = core.check(sql, user)
    except AssistantError as error:
        core.record(replace(given, status="refused", error=str(error)))
        raise
    core.record(replace(given, sql=checked.sql))
    scan = core.estimate(checked, user)
    lineage = explain.explain(checked, core.access(user))
    return {
        "tables": list(checked.tables),
        "reads": list(checked.columns),
        "functions": list(checked.functions),
        "columns": [{"name": d.column, "definition": d.definition, "sources": list(d.sources)} for d in lineage],
        "policy": checked.policy,
        "estimate": {"rows": scan.rows, "bytes": scan.bytes},
        "warnings": [lint.message for lint in checked.warnings],
    }


def offered(desk: Desk, user: str | None, dataset: str | None = None) -> dict[str, Any]:
    """The datasets that this user may ask of, with what is loaded of them; metrics and dimensions of each.

    dataset: only this one. Raises Refused when it can't be asked by this user.
    """
    house, access = desk.assistant.warehouse, desk.assistant.access(user)
    open_ = [
        one
        for one in house.model.datasets.values()
        if house.catalog.has(*one.tables) and all(table in access.tables for table in one.tables)
    ]
    if dataset is not None and dataset not in {one.name for one in open_}:
        raise Refused(f"{dataset!r} can't be asked. There are: {', '.join(one.name for one in open_) or 'none'}.")
    return {"datasets": [_dataset(desk, one, user) for one in open_ if dataset in (None, one.name)]}


def _dataset(desk: Desk, dataset: Dataset, user: str | None) -> dict[str, Any]:
    """Without the metrics and dimensions that are made of columns which the user's role does not see."""
    house, name = desk.assistant.warehouse, dataset.name
    hidden = _columns(desk, dataset, None) - _columns(desk, dataset, user)
    days = house.catalog.days.get(dataset.loaded_from)
    metrics = [
        m for m in house.model.metrics.values() if m.dataset == name and not hidden & _read(m.expression, hidden)
    ]
    dimensions = [d for d in house.model.dimensions[name].values() if not hidden & _read(d.expression, hidden)]
    return {
        "name": name,
        "about": dataset.label,
        "loaded": [days.first.isoformat(), days.last.isoformat()] if days else None,
        "metrics": [{"name": m.name, "label": m.label, "unit": m.unit} for m in metrics],
        "dimensions": [{"name": d.name, "label": d.label} for d in dimensions],
    }


def _columns(desk: Desk, dataset: Dataset, user: str | None) -> set[str]:
    tables = desk.assistant.access(user).tables
    return {column.name for table in dataset.tables for column in tables[table].columns}


def _read(expression: str, hidden: set[str]) -> set[str]:
    """The columns of an expression; nothing is parsed for who sees everything."""
    if not hidden:
        return set()
    return {column.name for column in sqlglot.parse_one(expression, dialect="duckdb").find_all(exp.Column)}


def given(desk: Desk, user: str | None, answer_id: str | None = None) -> dict[str, Any]:
    """The newest answers that were given to this user; one of them whole. Raises Refused, LedgerError."""
    if answer_id is not None:
        return {"answers": [desk.record(answer_id, user)]}
    ledger = desk.assistant.ledger
    found = ledger.of_user(user)
    if ledger.problem:
        raise LedgerError(ledger.problem)
    return {"answers": [{name: one[name] for name in _LISTED} for one in found]}
