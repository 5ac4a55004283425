"""schemas/roles.yaml: the limits and hidden columns of each role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assistant.semantics import schema_files
from assistant.sql import people
from assistant.sql.people import People, Sees
from assistant.values import Limits

_KEYS = ("seconds", "memory_mb", "rows", "hidden", "people")
_SEES: tuple[Sees, ...] = ("own", "team", "all")


@dataclass(frozen=True)
class Role:
    """`hidden`: table → the columns that this role does not see. `sees`: the individuals it sees by name."""

    limits: Limits = field(default_factory=Limits)
    hidden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sees: Sees = "own"


@dataclass(frozen=True)
class Roles:
    """Every role by its name, and which columns name individuals."""

    roles: Mapping[str, Role]
    people: People = field(default_factory=People)


def read(folder: Path) -> Roles:
    """Raises SchemaError naming file and line."""
    top = schema_files.read(folder / "roles.yaml")
    top.only(("roles", "people"))
    roles: dict[str, Role] = {}
    for name, node in schema_files.mapping(top.require("roles"), top, "roles").items():
        node.only(_KEYS)
        try:
            limits = Limits(
                seconds=float(node.require("seconds")),
                memory_mb=int(node.require("memory_mb")),
                rows=int(node.require("rows")),
            )
        except ValueError:
            raise node.fail(f"the limits of `{name}` must be numbers.") from None
        hidden = schema_files.mapping(node.get("hidden", {}), node, "hidden")
        sees = next((s for s in _SEES if s == node.get("people", "own")), None)
        if sees is None:
            raise node.fail(f"`people` of `{name}` is one of {', '.join(_SEES)}.")
        roles[name] = Role(limits, {t: schema_files.words(c, node, f"hidden.{t}") for t, c in hidden.items()}, sees)
    return Roles(roles, people.read(top.get("people")))
