"""What SQL may hold, read once from schemas/guard.yaml. Knows nothing about statements."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from rapidfuzz import fuzz, process

from assistant.config import ROOT

FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's safe loader: the pure one costs 50 ms at every start."""


@dataclass(frozen=True)
class Allowed:
    """The allow-lists of schemas/guard.yaml; functions and types in lower case."""

    bounds: dict[str, int]
    nodes: frozenset[str]
    expressions: dict[str, frozenset[str]]
    types: frozenset[str]
    collations: frozenset[str]
    value_names: frozenset[str]
    refused_names: frozenset[str]
    table_functions: frozenset[str]
    aggregates: frozenset[str]
    functions: frozenset[str]
    constant_functions: frozenset[str]
    sized: dict[str, int]
    interval_functions: frozenset[str]
    tags_column: str


@cache
def lists() -> Allowed:
    """The allow-lists, read at the first statement."""
    raw: dict[str, Any] = yaml.load((ROOT / "schemas" / "guard.yaml").read_text("utf-8"), FastLoader)
    return Allowed(
        bounds=raw["bounds"],
        nodes=frozenset(raw["statements"]) | frozenset(raw["tables"]) | frozenset(raw["modifiers"]),
        expressions={name: frozenset(types) for name, types in raw["expressions"].items()},
        types=frozenset(raw["types"]),
        collations=frozenset(raw["collations"]),
        value_names=frozenset(raw["names"]["allowed"]),
        refused_names=frozenset(raw["names"]["refused"]),
        table_functions=frozenset(raw["table_functions"]),
        aggregates=frozenset(raw["functions"]["aggregate"]),
        functions=frozenset(name for group in raw["functions"].values() for name in group),
        constant_functions=frozenset(raw["constant_functions"]) | frozenset(raw["interval_functions"]),
        sized=raw["sized"],
        interval_functions=frozenset(raw["interval_functions"]),
        tags_column=raw["tags_column"],
    )


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice most like `name`, or None when none is near."""
    found = process.extractOne(
        name,
        sorted(choices),
        scorer=fuzz.ratio,
        processor=lambda text: re.sub(r"\W|_", "", text).lower(),
        score_cutoff=62,
    )
    return str(found[0]) if found else None
