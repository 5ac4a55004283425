"""A user's row policy → what they may see of every table, as the guard's Access. Compiled once for each user.

A policy holds in every table that has its dimension; a table that lacks it is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import eq

from assistant.semantics.catalog import Catalog
from assistant.semantics.model import Dimension, SemanticModel
from assistant.sql.conditions import condition
from assistant.values import Access, Filter, Limits, TableAccess

Same = Callable[[str, str], bool]


def access(
    model: SemanticModel,
    catalog: Catalog,
    limits: Limits,
    user: str | None = None,
    role: str = "admin",
    policy: Sequence[Filter] = (),
    words: str = "",
    hidden: Mapping[str, Sequence[str]] | None = None,
    masks: Mapping[str, Mapping[str, str]] | None = None,
    same: Same = eq,
) -> Access:
    """`policy` empty: every row. `hidden`: table → columns this role does not see. `masks`: what it sees instead."""
    tables: dict[str, TableAccess] = {}
    closed: dict[str, str] = {}
    for table, columns in catalog.tables.items():
        predicate = _predicate(table, model, policy, same) if policy else None
        if policy and predicate is None:
            closed[table] = f"your row policy ({words}) does not apply to {table}"
            continue
        own = (masks or {}).get(table, {})
        gone = set((hidden or {}).get(table, ()))
        tables[table] = TableAccess(
            name=table,
            columns=tuple(c for c in columns if c.name not in gone),
            predicate=predicate,
            masks={c.name: own[c.name] for c in columns if c.name in own and c.name not in gone},
            shortcuts=_shortcuts(table, catalog),
            rollups=tuple(one for one in catalog.rollups if one.table == table),
        )
    if user is not None and role != "admin" and "users" in tables:
        del tables["users"]
        closed["users"] = "only administrators see the list of users"
    note = f"you see {words} only" if policy else None
    return Access(tables=tables, closed=closed, user=user, role=role, note=note, limits=limits)


def intersection(accesses: Sequence[Access]) -> Access:
    """What every one of these users may see: rows that all predicates allow, columns and tables that all have.

    It names nobody's policy, for a policy names values that the others must not know of.
    """
    if len(accesses) == 1:
        return accesses[0]
    names = [name for name in accesses[0].tables if all(name in one.tables for one in accesses)]
    known = {name for one in accesses for name in (*one.tables, *one.closed)}
    limited = any(one.note for one in accesses)
    return Access(
        tables={name: _common([one.tables[name] for one in accesses]) for name in names},
        closed=dict.fromkeys(sorted(known - {*names}), "not every reader of this answer may see it"),
        user="",
        role=accesses[0].role if len({one.role for one in accesses}) == 1 else "analyst",
        note="only what every reader of this answer may see is in it" if limited else None,
        limits=reduce(_smaller, (one.limits for one in accesses)),
    )


def sees_more(one: Access, other: Access) -> bool:
    """Whether the first may see a table, a column or rows that the second may not; sure only when it says no.

    Names of people don't count: everybody sees their own, which is no reason to whisper every answer.
    """
    for name, table in one.tables.items():
        less = other.tables.get(name)
        if less is None or less.predicate != table.predicate or not {*table.columns} <= {*less.columns}:
            return True
    return False


def _common(tables: Sequence[TableAccess]) -> TableAccess:
    predicates = sorted({table.predicate for table in tables if table.predicate is not None})
    shared = set(tables[0].columns).intersection(*(table.columns for table in tables))
    joined = predicates[0] if len(predicates) == 1 else " AND ".join(f"({p})" for p in predicates) or None
    masked = dict.fromkeys(name for table in tables for name in table.masks)
    return replace(
        tables[0],
        columns=tuple(c for c in tables[0].columns if c in shared),
        predicate=joined,
        masks={name: _everyones([t.masks[name] for t in tables if name in t.masks], name) for name in masked},
    )


def _everyones(masks: Sequence[str], column: str) -> str:
    """A column with a name only where every mask leaves it."""
    distinct = sorted(set(masks))
    whole = distinct[0]
    for mask in distinct[1:]:
        whole = f"CASE WHEN ({whole}) IS DISTINCT FROM {column} THEN ({whole}) ELSE ({mask}) END"
    return whole


def _smaller(one: Limits, other: Limits) -> Limits:
    return Limits(
        seconds=min(one.seconds, other.seconds),
        memory_mb=min(one.memory_mb, other.memory_mb),
        temp_mb=min(one.temp_mb, other.temp_mb),
        rows=min(one.rows, other.rows),
    )


def _shortcuts(table: str, catalog: Catalog) -> dict[str, str]:
    return {e.tag_key: e.field for e in catalog.extra if e.table == table and e.tag_key is not None}


def _predicate(table: str, model: SemanticModel, policy: Sequence[Filter], same: Same) -> str | None:
    """SQL over the table's own columns; None when the table lacks a dimension of the policy."""
    parts = []
    for one in policy:
        dimension = _in_table(table, one.dimension, model, same)
        if dimension is None:
            return None
        parts.append(condition(dimension.expression, one).sql(dialect="duckdb"))
    return " AND ".join(f"({p})" for p in parts)


def _in_table(table: str, name: str, model: SemanticModel, same: Same) -> Dimension | None:
    """The table's own dimension of that meaning, as an expression over the table's columns."""
    for dataset in model.datasets.values():
        own = model.dimensions[dataset.name]
        if dataset.scoped is not None or table not in dataset.tables:
            continue
        found = own.get(name) or next((d for d in own.values() if same(d.name, name)), None)
        if found is None:
            continue
        if dataset.query is None or (found.usage_only and table == dataset.loaded_from):
            return found
    return None
