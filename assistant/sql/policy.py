"""A user's row policy → what they may see of every table, as the guard's Access. Compiled once for each user.

A policy holds in every table that has its dimension; a table that lacks it is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        )
    if user is not None and role != "admin" and "users" in tables:
        del tables["users"]
        closed["users"] = "only administrators see the list of users"
    note = f"you see {words} only" if policy else None
    return Access(tables=tables, closed=closed, user=user, role=role, note=note, limits=limits)


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
