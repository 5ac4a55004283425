"""Individuals in answers: groups instead of the people that a user may not see, and no group that is too small.

Whom a role sees stands in schemas/roles.yaml; the guard puts the groups in place of the names (sql/people).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from assistant.errors import Refused
from assistant.semantics.model import SemanticModel
from assistant.sql.people import People
from assistant.values import Access, AnswerColumn, QueryPlan

Row = tuple[Any, ...]
# Runs a plan with this access; → columns, rows.
Run = Callable[[QueryPlan, Access], tuple[Sequence[AnswerColumn], Sequence[Row]]]


def open_to(plan: QueryPlan, model: SemanticModel, access: Access) -> Access:
    """The access a plan is run with: how many people there are may be known without knowing who they are.

    Raises Refused for a count of people that names some of them.
    """
    counted = {model.metric(m).distinct for m in plan.metrics if model.metric(m).distinct}
    if not counted & _masked(plan.dataset, model, access):
        return access
    named = {*plan.dimensions, *(f.dimension for f in (*plan.filters, *plan.part))}
    if named & _masked(plan.dataset, model, access):
        raise Refused("Your role sees other people as one group, so they can't be counted by name; ask by team.")
    return unmasked(access)


def unmasked(access: Access) -> Access:
    return replace(access, tables={name: replace(table, masks={}) for name, table in access.tables.items()})


def _masked(dataset: str, model: SemanticModel, access: Access) -> set[str]:
    """The dimensions of a dataset that show some people as one group."""
    columns = {
        c for table in model.datasets[dataset].tables if table in access.tables for c in access.tables[table].masks
    }
    return {d.name for d in model.dimensions[dataset].values() if d.expression.strip('"') in columns}


def grouped(
    plan: QueryPlan,
    columns: Sequence[AnswerColumn],
    rows: Sequence[Row],
    model: SemanticModel,
    access: Access,
    people: People,
    run: Run,
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """The rows without groups of fewer than `people.least`, and what to say of it."""
    masked = _masked(plan.dataset, model, access) & set(plan.dimensions)
    if not masked:
        return tuple(rows), ()
    place = next(i for i, c in enumerate(columns) if c.name in masked)
    keys = [i for i, c in enumerate(columns) if c.kind != "metric" and i != place]
    if model.datasets[plan.dataset].scoped is not None:
        kept = tuple(row for row in rows if row[place] != people.others)
        return kept, ("what other people may use is not shown to you",) if len(kept) < len(rows) else ()
    sizes = _sizes(plan, next(iter(masked)), model, access, run)
    shown = tuple(r for r in rows if r[place] != people.others or sizes.get(_key(r, keys), 0) >= people.least)
    notes = [f"individuals that your role may not see are one group, {people.others}"]
    if len(shown) < len(rows):
        notes.append(left_out(people))
    return shown, tuple(notes)


def left_out(people: People) -> str:
    return f"groups of fewer than {people.least} people are left out, also of the total"


def _key(row: Row, places: Sequence[int]) -> frozenset[str]:
    return frozenset(repr(row[i]) for i in places)


def _sizes(plan: QueryPlan, masked: str, model: SemanticModel, access: Access, run: Run) -> dict[frozenset[str], int]:
    """How many people stand behind the group, by the plan's other keys: all people less those shown by name."""
    count = QueryPlan(
        dataset=plan.dataset,
        metrics=(model.distinct(plan.dataset, masked),),
        dimensions=tuple(d for d in plan.dimensions if d != masked),
        grain=plan.grain,
        filters=(*plan.filters, *plan.part),
        period=plan.period,
    )
    found: dict[frozenset[str], int] = {}
    for sign, seen in ((1, unmasked(access)), (-1, access)):
        columns, rows = run(count, seen)
        keys = [i for i, c in enumerate(columns) if c.kind != "metric"]
        value = next(i for i, c in enumerate(columns) if c.kind == "metric")
        for row in rows:
            found[_key(row, keys)] = found.get(_key(row, keys), 1) + sign * int(row[value] or 0)
    return found
