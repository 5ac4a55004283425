"""Text to exact values: the SQL that turns a staged column, mostly text, into a number, a time, a truth.

Each function looks at the column first, so that the SQL it returns can't fail; what can't be read is
blamed on its line by `Stage.blame_first`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from assistant.warehouse.index import quote

NARROW, WIDE, FINEST = 18, 38, 18
# DuckDB multiplies two narrow decimals into a narrow one: with more decimals than these it overflows soon.
ROOMY = 4
ADDED = 6  # enough room for amounts that meet rates only

WHY = {
    "number": "This is not a number. Write amounts like 1234.56, without currency or thousands signs.",
    "time": "This is not a date or time. Use ISO 8601, like 2026-03-01T00:00:00Z, or M/D/YYYY.",
    "date": "This is not a date. Use ISO 8601, like 2026-03-01, or M/D/YYYY.",
    "month": "This is not a month. Write 2026-03, or its first day 2026-03-01.",
    "integer": "This is not a whole number.",
    "boolean": "This is neither true nor false. Write true, false, yes, no, 1 or 0.",
}

ISO = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d*)?)?)?\s?(Z|UTC|[+-]\d{2}(:?\d{2})?)?"
AMERICAN = r"\d{1,2}/\d{1,2}/(\d{2}|\d{4})( \d{1,2}:\d{2}(:\d{2})?( ?[AaPp][Mm])?)?"
AMERICAN_FORMS = [
    f"%m/%d/{year}{clock}"
    for year in ("%y", "%Y")
    for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", " %I:%M%p", " %I:%M:%S%p")
]


@dataclass(frozen=True)
class Number:
    """How wide a column's numbers are. `finer`: how many have more decimals than are kept."""

    digits: int = 0
    scale: int = 0
    fractional: bool = False
    finer: int = 0
    roomy: int = ROOMY

    @property
    def type(self) -> str:
        """The DECIMAL that holds them, and their products: 18 wide when they fit with room, else 38."""
        wide = NARROW if self.digits + self.scale <= NARROW and self.scale <= self.roomy else WIDE
        return f"DECIMAL({wide},{self.scale})"


def number_like(column: str) -> str:
    """SQL: whether a text (not NULL) is a number. DuckDB would read `1_000`, which no bill means."""
    fits = f"TRY_CAST({column} AS DECIMAL({WIDE},{FINEST})) IS NOT NULL"
    return f"(({fits} OR TRY_CAST({column} AS DECIMAL({WIDE},0)) IS NOT NULL) AND NOT contains({column}, '_'))"


def numbers(con: duckdb.DuckDBPyConnection, columns: Iterable[str], table: str = "stage") -> dict[str, Number | None]:
    """How the numbers of each column must be stored; None where a text is no number."""
    kinds = staged(con, table)
    found = _typed(con, {name: kinds[name] for name in columns if kinds[name] != "VARCHAR"}, table)
    columns = [name for name in columns if name not in found]
    if not columns:
        return found
    fits = f"DECIMAL({WIDE},{FINEST})"
    # One cheap pass is exact for plain decimals; what looks odd in it gets the costly ones.
    parts = ", ".join(
        f"count({c}) = count(TRY_CAST({c} AS {fits})) AND NOT coalesce(bool_or(contains({c}, '_')), false), "
        f"max(strlen({c}) - instr({c}, '.')) FILTER (contains({c}, '.')), "
        f"max(CASE WHEN contains({c}, '.') THEN instr({c}, '.') - 1 ELSE strlen({c}) END), "
        f"bool_or(contains({c}, 'e') OR contains({c}, 'E'))"
        for c in map(quote, columns)
    )
    row = con.execute(f"SELECT {parts} FROM {table}").fetchone() or ()
    for i, name in enumerate(columns):
        plain, scale, digits, exponents = row[4 * i : 4 * i + 4]
        c = quote(name)
        if not plain and con.execute(f"SELECT 1 FROM {table} WHERE NOT {number_like(c)} LIMIT 1").fetchone():
            found[name] = None
        elif exponents or (scale or 0) + (digits or 0) > NARROW:
            found[name] = _measured(con, c, table)
        else:
            found[name] = Number(digits or 1, scale or 0, scale is not None)
    return found


def staged(con: duckdb.DuckDBPyConnection, table: str = "stage") -> dict[str, str]:
    """Column → type of a temporary table."""
    return {name: kind for name, kind, *_ in con.execute(f"DESCRIBE {table}").fetchall()}


def _typed(con: duckdb.DuckDBPyConnection, kinds: dict[str, str], table: str) -> dict[str, Number | None]:
    """The same of columns that are decimals or integers already."""
    if not kinds:
        return {}
    largest = ", ".join(f"max(abs(CAST({quote(name)} AS HUGEINT)))" for name in kinds)
    ends = con.execute(f"SELECT {largest} FROM {table}").fetchone() or ()
    found: dict[str, Number | None] = {}
    for (name, kind), most in zip(kinds.items(), ends, strict=True):
        digits, scale = len(str(most or 0)), int(kind.rstrip(")").split(",")[1]) if kind.startswith("DECIMAL") else 0
        if digits + scale > NARROW:
            scale = _needed(con, quote(name), scale, table)
        found[name] = Number(digits, scale, scale > 0)
    return found


def _needed(con: duckdb.DuckDBPyConnection, column: str, scale: int, table: str) -> int:
    """The fewest decimals that keep every value of a decimal column."""
    kept = ", ".join(f"coalesce(bool_and({column} = round({column}, {fewer})), true)" for fewer in range(scale))
    row = con.execute(f"SELECT {kept} FROM {table}").fetchone() if scale else None
    return next((fewer for fewer, exact in enumerate(row or ()) if exact), scale)


def _measured(con: duckdb.DuckDBPyConnection, column: str, table: str) -> Number:
    row = con.execute(
        f"""
        WITH parts AS (
            SELECT regexp_extract({column}, '^\\s*[+-]?0*(\\d*)\\.?(\\d*)(?:[eE]([+-]?\\d+))?\\s*$',
                ['whole', 'part', 'power']) AS p FROM {table} WHERE {column} IS NOT NULL
        ), sizes AS (
            SELECT coalesce(TRY_CAST(p.power AS INTEGER), 0) AS power, strlen(p.whole) AS whole,
                strlen(rtrim(p.part, '0')) AS part, p.part <> '' AS fractional FROM parts
        )
        SELECT max(greatest(whole + power, 0)), max(greatest(part - power, 0)),
            bool_or(fractional OR power < 0), count(*) FILTER (part - power > {FINEST}) FROM sizes
        """
    ).fetchone()
    digits, scale, fractional, finer = row or (0, 0, False, 0)
    kept = min(scale, FINEST, WIDE - digits)
    if kept < min(scale, FINEST):
        finer = max(finer, 1)
    return Number(digits, kept, fractional, finer)


def time(con: duckdb.DuckDBPyConnection, column: str) -> tuple[str, str | None]:
    """(SQL for a UTC TIMESTAMP, predicate of unreadable texts or None) of a staged column."""
    c = quote(column)
    if staged(con)[column] != "VARCHAR":
        endless = con.execute(f"SELECT 1 FROM stage WHERE NOT isfinite({c}) LIMIT 1").fetchone()
        return c, f"NOT isfinite({c})" if endless else None
    american = f"regexp_full_match({c}, '{AMERICAN}')"
    zoned = f"regexp_matches({c}, '[+-]\\d{{2}}(:?\\d{{2}})?$') AND contains({c}, ':')"
    dashed = f"replace({c}, '/', '-')"
    iso = f"(TRY_CAST({dashed} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    stamp = f"TRY_STRPTIME({c}, {AMERICAN_FORMS})"
    readable = f"(regexp_full_match({c}, '{ISO}') AND {iso} IS NOT NULL OR {american} AND {stamp} IS NOT NULL)"
    row = con.execute(
        f"SELECT bool_and({readable}), bool_or({american}), bool_or({zoned}), bool_or(contains({c}, '/')) "
        f"FROM (SELECT DISTINCT {c} FROM stage WHERE {c} IS NOT NULL)"
    ).fetchone()
    valid, any_american, any_zoned, any_slash = row or (None, None, None, None)
    if valid is False:
        return "NULL", f"{c} IS NOT NULL AND NOT {readable}"
    plain = f"CAST({dashed if any_slash else c} AS TIMESTAMP)"  # drops a Z, but an offset too
    value = iso if any_zoned else plain
    if any_american:
        value = f"CASE WHEN {american} THEN {stamp} ELSE {value} END"
    return value, None


def day(con: duckdb.DuckDBPyConnection, column: str) -> tuple[str, str | None]:
    """(SQL for a UTC DATE, predicate of unreadable texts or None) of a staged column."""
    value, unreadable = time(con, column)
    return f"CAST({value} AS DATE)", unreadable


def month(column: str) -> tuple[str, str]:
    """(SQL for the month's first DATE, predicate of unreadable texts)."""
    c = quote(column)
    value = (
        f"CASE WHEN regexp_full_match({c}, '\\d{{4}}-\\d{{2}}') THEN TRY_CAST({c} || '-01' AS DATE) "
        f"WHEN regexp_full_match({c}, '\\d{{4}}-\\d{{2}}-01([T ]00:00.*)?') "
        f"THEN TRY_CAST(left({c}, 10) AS DATE) "
        f"WHEN regexp_full_match({c}, '\\d{{1,2}}/0?1/(\\d{{2}}|\\d{{4}})') "
        f"THEN CAST(TRY_STRPTIME({c}, {AMERICAN_FORMS}) AS DATE) END"
    )
    return value, f"{c} IS NOT NULL AND ({value}) IS NULL"


def whole(column: str) -> tuple[str, str]:
    """(SQL for a BIGINT, predicate of texts that are no whole number)."""
    c = quote(column)
    exact = f"TRY_CAST({c} AS DECIMAL({WIDE},{FINEST}))"
    value = f"CASE WHEN {exact} = floor({exact}) AND NOT contains({c}, '_') THEN TRY_CAST({exact} AS BIGINT) END"
    return value, f"{c} IS NOT NULL AND ({value}) IS NULL"


def truth(column: str) -> tuple[str, str]:
    """(SQL for a BOOLEAN, predicate of texts that are neither)."""
    c = quote(column)
    value = (
        f"CASE WHEN lower({c}) IN ('true', 'yes', '1', 't', 'y') THEN true "
        f"WHEN lower({c}) IN ('false', 'no', '0', 'f', 'n') THEN false END"
    )
    return value, f"{c} IS NOT NULL AND ({value}) IS NULL"
