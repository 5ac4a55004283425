"""One version of the warehouse, understood, and what each user may see and know of it.

Keeps nothing and answers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from assistant.config import Config
from assistant.errors import AssistantError, Refused
from assistant.planning import local
from assistant.semantics import bind, catalog, model, vocabulary
from assistant.semantics.catalog import Catalog
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.model import SemanticModel
from assistant.sql import people, policy, roles
from assistant.sql.roles import Roles, Sight
from assistant.values import Access, Filter, Limits, QueryPlan, Rows


@dataclass(frozen=True)
class Warehouse:
    """One version of the warehouse, understood: its names, its words."""

    version: str
    catalog: Catalog
    model: SemanticModel
    lexicon: Lexicon


def read_warehouse(
    read: catalog.Reader,
    schema: SemanticModel,
    words: vocabulary.Vocabulary,
    version: str = "",
) -> Warehouse:
    """The names of one warehouse version, through a trusted reader."""
    held = catalog.read(read)
    bound = bind.bind(schema, held, words)
    return Warehouse(version, held, bound, Lexicon(bound, held, words))


def user_access(user: str | None, house: Warehouse, limits: Limits, known: Roles) -> Access:
    """The Access of one user. Raises Refused for unknown users and unreadable policies."""
    if user is None:
        return policy.access(house.model, house.catalog, limits)
    users = house.catalog.small.get("users", ())
    row = next((r for r in users if str(r["user"]) == user), None)
    if row is None:
        raise Refused(f"{user!r} is not in the list of users; an administrator can add them with `askcost load`.")
    name = str(row.get("role") or "analyst")
    sights = (Sight(user, row_policy=str(row.get("row_policy") or "").strip()), *known.sights(row))
    hidden: dict[str, list[str]] = {}
    for table, columns in (pair for sight in sights for pair in sight.hidden.items()):
        hidden.setdefault(table, []).extend(columns)
    team = row.get("team")
    colleagues = [str(r["user"]) for r in users if team and r.get("team") == team]
    sees = known.roles[name].sees if name in known.roles else "own"
    return policy.access(
        house.model,
        house.catalog,
        known.roles[name].limits if name in known.roles else limits,
        user=user,
        role=name,
        hidden=hidden,
        masks=people.masks(known.people, sees, user, str(team) if team else None, colleagues),
        policy=tuple(one for sight in sights for one in _policy(sight, house)),
        words=", and ".join(dict.fromkeys(sight.row_policy for sight in sights if sight.row_policy)),
        same=house.lexicon.vocabulary.same_concept,
    )


def _policy(sight: Sight, house: Warehouse) -> tuple[Filter, ...]:
    """A row policy in words → its conditions. Raises Refused: a typo neither opens nor closes anything silently."""
    if not sight.row_policy:
        return ()
    try:
        return local.filters(sight.row_policy, house.lexicon)
    except AssistantError as error:
        raise Refused(f"The row policy of {sight.name!r} can't be read, so nothing is shown: {error}") from None


def check_policies(read: catalog.Reader, config: Config) -> None:
    """Raises Refused when the row policy of a user, a role or a group names what is not in the data."""
    house = read_warehouse(read, model.read(config.schemas), vocabulary.read(config.schemas))
    if "cost_and_usage" not in house.catalog.tables:
        return
    known = roles.read(config.schemas)
    for sight in known.policies:
        _policy(sight, house)
    for row in house.catalog.small.get("users", ()):
        user_access(str(row["user"]), house, Limits(), known)


def visible(house: Warehouse, access: Access, run: Callable[[str, Access], Rows]) -> Lexicon:
    """The lexicon as this user knows it: values outside the row policy, and people they may not see, do not exist."""
    if access.note is None and not access.masked:
        return house.lexicon
    held = replace(house.catalog, values=tuple(_visible_values(house, access, run)))
    return Lexicon(house.model, held, house.lexicon.vocabulary)


def _visible_values(house: Warehouse, access: Access, run: Callable[[str, Access], Rows]) -> Iterable[Any]:
    by_field: dict[tuple[str, str], list[Any]] = {}
    for value in house.catalog.values:
        by_field.setdefault((value.table, value.field), []).append(value)
    keys = {e.field: e.tag_key for e in house.catalog.extra if e.tag_key is not None}
    unlimited = replace(access, limits=replace(access.limits, rows=50_000))
    for (table, field), values in by_field.items():
        if table not in access.tables:
            continue
        if ("Tags" if field in keys else field) not in {c.name for c in access.tables[table].columns}:
            continue
        if access.note is None and field not in access.tables[table].masks:
            yield from values
            continue
        column = f"Tags['{keys[field].replace(chr(39), chr(39) * 2)}']" if field in keys else f'"{field}"'
        rows = run(f"SELECT DISTINCT {column} AS value FROM {table} WHERE {column} IS NOT NULL", unlimited)
        seen = {str(r[0]) for r in rows.rows}
        yield from (v for v in values if v.value in seen)


def freshness(plan: QueryPlan, house: Warehouse) -> str | None:
    """What to say of the newest loaded day when the period reaches beyond it or ends there."""
    days = house.catalog.days.get(house.model.datasets[plan.dataset].loaded_from)
    if plan.period is None or days is None:
        return None
    monthly = house.model.datasets[plan.dataset].grain == "month"
    if monthly or plan.period.last_day < days.last:
        return None
    return f"Data is loaded up to {days.last.day} {days.last:%b %Y}."
