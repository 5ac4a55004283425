"""schemas/roles.yaml: the limits and hidden columns of each role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assistant.semantics import schema_files
from assistant.values import Limits

_KEYS = ("seconds", "memory_mb", "rows", "hidden", "verifies")


@dataclass(frozen=True)
class Role:
    """`hidden`: table → the columns that this role does not see. `verifies`: may save SQL as a question's answer."""

    limits: Limits = field(default_factory=Limits)
    hidden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    verifies: bool = False


def read(folder: Path) -> dict[str, Role]:
    """Raises SchemaError naming file and line."""
    top = schema_files.read(folder / "roles.yaml")
    top.only(("roles",))
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
        verifies = str(node.get("verifies", "no"))
        if verifies not in ("yes", "no"):
            raise node.fail(f"`verifies` of `{name}` is yes or no.")
        closed = {t: schema_files.words(c, node, f"hidden.{t}") for t, c in hidden.items()}
        roles[name] = Role(limits, closed, verifies == "yes")
    return roles
