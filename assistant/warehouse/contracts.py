"""What each loadable table must look like, read from schemas/. Knows nothing about files or DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from assistant.config import Config

COSTS = "cost_and_usage"


@dataclass(frozen=True)
class Column:
    """One column of a contract; `min`, `max`, `above` are in `unit`, `within` names another column."""

    name: str
    type: str
    required: bool = False
    unit: str | None = None
    min: float | None = None
    max: float | None = None
    above: float | None = None
    within: str | None = None
    values: tuple[str, ...] = ()
    pattern: str | None = None
    example: str | None = None
    may_be_empty: bool = False
    weights_when: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One loadable table. `day`: the column whose days count as loaded; `measure` weighs its values.

    `layout`: the columns by which the rows of a month lie together.
    """

    name: str
    columns: Mapping[str, Column] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    day: str | None = None
    measure: str | None = None
    layout: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    repeats: bool = False
    in_file_order: bool = False
    priced: str | None = None


@dataclass(frozen=True)
class FocusColumn:
    """A FOCUS CostAndUsage column: DuckDB type (DECIMAL without a width) and its first version.

    `added`: its amounts are added up, and multiplied by rates at most.
    """

    name: str
    type: str
    since: str
    removed: str | None = None
    required: bool = False
    filled_from: str | None = None
    added: bool = False


@dataclass(frozen=True)
class PriceRules:
    """`batch_factor`: batch over standard price where the catalogue has none; `resellers`: provider ids."""

    batch_factor: Decimal
    resellers: frozenset[str]


@cache
def focus_columns() -> Mapping[str, FocusColumn]:
    """Every FOCUS 1.0-1.4 CostAndUsage column by name, in the order of the warehouse's table."""
    return {name: FocusColumn(name, **about) for name, about in _read("focus_columns.yaml").items()}


@cache
def tables() -> Mapping[str, Table]:
    """Every table a company can load, by name."""
    return {name: _table(name, about) for name, about in _read("tables.yaml")["tables"].items()}


@cache
def wrong_units() -> Mapping[str, frozenset[str]]:
    """Unit word of a column name → the words that are another unit of the same thing."""
    return {unit: frozenset(others) for unit, others in _read("tables.yaml")["units"].items()}


@cache
def other_datasets() -> Mapping[str, str]:
    """Marking column → name of the FOCUS datasets that hold no charges."""
    return dict(_read("tables.yaml")["other_datasets"])


@cache
def price_rules() -> PriceRules:
    """What the price catalogue lacks."""
    about = _read("prices.yaml")
    return PriceRules(Decimal(str(about["batch_factor"])), frozenset(about["resellers"]))


def _table(name: str, about: dict[str, Any]) -> Table:
    columns = {
        column: Column(column, **{**rules, "values": tuple(rules.get("values", ()))})
        for column, rules in about.get("columns", {}).items()
    }
    lists = {key: tuple(about.get(key, ())) for key in ("key", "one_of", "layout")}
    return Table(name, **{**about, **lists, "columns": columns})


def _read(name: str) -> Any:
    path: Path = Config().schemas / name
    return yaml.safe_load(path.read_text(encoding="utf-8"))
