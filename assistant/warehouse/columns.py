"""Places for columns: what a table has, and how it grows so that no loaded value loses a digit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import duckdb

from assistant.warehouse import index
from assistant.warehouse.casts import Number
from assistant.warehouse.index import quote


def decimals(con: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    """The columns of `table` that hold decimal numbers."""
    return {name for name, kind in index.columns(con, table).items() if kind.startswith("DECIMAL")}


def widen(con: duckdb.DuckDBPyConnection, table: str, wanted: Mapping[str, str | Number]) -> None:
    """Add the columns of `wanted` that `table` lacks and widen those that are too narrow.

    wanted: column → DuckDB type, or the numbers that must fit. A DECIMAL grows to hold the old and the new;
    a column that meets another type becomes VARCHAR.
    """
    have = index.columns(con, table)
    target = f"main.{quote(table)}"
    for name, want in wanted.items():
        old, c = have.get(name), quote(name)
        new = want.type if isinstance(want, Number) else want
        if old is None:
            con.execute(f"ALTER TABLE {target} ADD COLUMN {c} {new}")
        elif old != new and old != "VARCHAR":
            found = con.execute(f"SELECT count({c}), min({c}), max({c}) FROM {target}").fetchone()
            count, *ends = found or (0,)
            if count and isinstance(want, Number) and old.startswith("DECIMAL"):
                digits = max(len(str(abs(int(end)))) for end in ends)
                scale = int(old.rstrip(")").split(",")[1])
                new = replace(want, digits=max(want.digits, digits), scale=max(want.scale, scale)).type
            elif count:
                new = "VARCHAR"
            if new != old:
                con.execute(f"ALTER TABLE {target} ALTER COLUMN {c} TYPE {new}")
