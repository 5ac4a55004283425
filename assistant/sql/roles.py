"""schemas/roles.yaml: the limits, hidden columns and row policies of each role and each group of users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.semantics import schema_files
from assistant.sql import people
from assistant.sql.people import People, Sees
from assistant.values import Limits

_LIMITS = ("seconds", "memory_mb", "rows")
_SEES: tuple[Sees, ...] = ("own", "team", "all")


@dataclass(frozen=True)
class Sight:
    """What a role or a group does not see. `hidden`: table → columns. `row_policy`: a filter in a question's words."""

    name: str
    hidden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    row_policy: str = ""


@dataclass(frozen=True)
class Role:
    """verifies: may save SQL as a question's verified answer, for everybody. sees: the individuals it sees by name."""

    sight: Sight
    limits: Limits = field(default_factory=Limits)
    verifies: bool = False
    sees: Sees = "own"


@dataclass(frozen=True)
class Group:
    """People named by user or by the team that `users` lists them with."""

    sight: Sight
    users: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Roles:
    """Every role by its name, groups of users, and which columns name individuals."""

    roles: Mapping[str, Role]
    groups: tuple[Group, ...] = ()
    people: People = field(default_factory=People)

    def sights(self, user: Mapping[str, Any]) -> tuple[Sight, ...]:
        """Everything that narrows what one row of `users` sees: each holds, so that more of them show less."""
        name, team = str(user["user"]), str(user.get("team") or "")
        joined = [g.sight for g in self.groups if name in g.users or (team and team in g.teams)]
        role = self.roles.get(str(user.get("role") or "analyst"))
        return (*((role.sight,) if role else ()), *joined)

    @property
    def policies(self) -> tuple[Sight, ...]:
        every = (*(r.sight for r in self.roles.values()), *(g.sight for g in self.groups))
        return tuple(sight for sight in every if sight.row_policy)


def read(folder: Path) -> Roles:
    """Raises SchemaError naming file and line."""
    top = schema_files.read(folder / "roles.yaml")
    top.only(("roles", "groups", "people"))
    nodes = schema_files.mapping(top.require("roles"), top, "roles")
    return Roles(
        {name: _role(name, node) for name, node in nodes.items()},
        tuple(_group(node) for node in top.get("groups", ())),
        people.read(top.get("people")),
    )


def _role(name: str, node: schema_files.Node) -> Role:
    node.only((*_LIMITS, "hidden", "row_policy", "verifies", "people"))
    try:
        limits = Limits(
            seconds=float(node.require("seconds")),
            memory_mb=int(node.require("memory_mb")),
            rows=int(node.require("rows")),
        )
    except ValueError:
        raise node.fail(f"the limits of `{name}` must be numbers.") from None
    verifies = str(node.get("verifies", "no"))
    if verifies not in ("yes", "no"):
        raise node.fail(f"`verifies` of `{name}` is yes or no.")
    sees = next((s for s in _SEES if s == node.get("people", "own")), None)
    if sees is None:
        raise node.fail(f"`people` of `{name}` is one of {', '.join(_SEES)}.")
    return Role(_sight(name, node), limits, verifies == "yes", sees)


def _group(node: schema_files.Node) -> Group:
    node.only(("name", "users", "teams", "hidden", "row_policy"))
    name = str(node.require("name"))
    users = frozenset(schema_files.words(node.get("users", []), node, "users"))
    teams = frozenset(schema_files.words(node.get("teams", []), node, "teams"))
    if not users and not teams:
        raise node.fail(f"the group `{name}` has nobody: name `users` or `teams`.")
    return Group(_sight(name, node), users, teams)


def _sight(name: str, node: schema_files.Node) -> Sight:
    hidden = schema_files.mapping(node.get("hidden", {}), node, "hidden")
    columns = {table: schema_files.words(names, node, f"hidden.{table}") for table, names in hidden.items()}
    return Sight(name, columns, str(node.get("row_policy", "")).strip())
