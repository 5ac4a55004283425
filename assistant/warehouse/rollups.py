"""Sums of the large tables by day (or month) and some columns, kept in schema `_askcost`. Knows no question.

What a load changed is found by itself: each day of a table has a fingerprint of the columns that rollups hold, and
only days whose fingerprint moved are built anew. A rollup that does not add up to its table is not kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import duckdb

from assistant.config import Config
from assistant.semantics import schema_files, vocabulary
from assistant.semantics.schema_files import Node
from assistant.semantics.vocabulary import Vocabulary
from assistant.values import Rollup
from assistant.warehouse import index
from assistant.warehouse.index import quote

ROWS = "_rows"
CHUNK_ROWS = 10_000_000
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
TABLES = """
CREATE TABLE IF NOT EXISTS _askcost.rollups (name VARCHAR, table_name VARCHAR, time VARCHAR, grain VARCHAR,
    dimensions VARCHAR[], sums VARCHAR[], row_count BIGINT, table_rows BIGINT, advised BOOLEAN);
CREATE TABLE IF NOT EXISTS _askcost.rollup_days (table_name VARCHAR, signature VARCHAR, day DATE, row_count BIGINT,
    fingerprint HUGEINT);
"""


@dataclass(frozen=True)
class Kept:
    """A rollup as the warehouse remembers it; `rollup.rows` 0: it was found too large and is not there."""

    rollup: Rollup
    table_rows: int
    advised: bool


def build(con: duckdb.DuckDBPyConnection) -> None:
    """Bring every rollup that schemas/rollups.yaml and earlier advice want up to the tables as they are now."""
    if (top := specification()) is None:
        return
    least, most = int(top.require("least_rows")), float(top.require("most_part"))
    con.execute(TABLES)
    loaded = index.tables(con)
    for table, about in top.require("tables").items():
        known = {one.rollup.name: one for one in read(con) if one.rollup.table == table}
        wanted: list[Rollup] = []
        if table in loaded and _size(con, f"main.{quote(table)}") >= least:
            advised = [one.rollup for one in known.values() if one.advised]
            wanted = _wanted(con, table, about, advised)
        _Builder(con, table, known, most).bring_up(wanted)


def specification() -> Node | None:
    """schemas/rollups.yaml; None where a company keeps none."""
    path = Config().schemas / "rollups.yaml"
    if not path.exists():
        return None
    top = schema_files.read(path)
    top.only(("least_rows", "most_part", "tables"))
    return top


def read(con: duckdb.DuckDBPyConnection) -> list[Kept]:
    """Every rollup that was considered, kept or not."""
    rows = con.execute(
        "SELECT name, table_name, time, grain, dimensions, sums, row_count, table_rows, advised "
        "FROM _askcost.rollups ORDER BY table_name, row_count"
    ).fetchall()
    return [
        Kept(Rollup(name, table, time, grain, tuple(dims), tuple(sums), count), size, advised)
        for name, table, time, grain, dims, sums, count, size, advised in rows
    ]


def add(con: duckdb.DuckDBPyConnection, rollup: Rollup) -> None:
    """Want one more rollup from now on; the next `build` makes it."""
    con.execute("DELETE FROM _askcost.rollups WHERE name = ?", [rollup.name])
    _remember(con, Kept(rollup, 0, True))


def columns_of(con: duckdb.DuckDBPyConnection, table: str, words: Sequence[str], spoken: Vocabulary) -> list[str]:
    """The columns that these words mean: columns by name, tags and extra columns by what people call them."""
    have = index.columns(con, table)
    named = [(column, said.replace(" ", "_")) for column, _, said in index.extra_dimensions(con, table)]
    found: dict[str, None] = {}
    for word in words:
        if word in have:
            found[word] = None
        else:
            meant = word.replace(" ", "_")
            found.update({column: None for column, said in named if spoken.same_concept(said, meant)})
    return list(found)


def _wanted(con: duckdb.DuckDBPyConnection, table: str, about: Node, advised: Sequence[Rollup]) -> list[Rollup]:
    """The definitions, those first that others can be built from."""
    about.only(("time", "sums", "always", "rollups"))
    have = index.columns(con, table)
    spoken = vocabulary.read(Config().schemas)
    time = about.require("time")
    sums = tuple(c for c in about.require("sums") if have.get(c, "").startswith(("DECIMAL", *INTEGERS)))
    found: dict[tuple[str, frozenset[str]], Rollup] = {}
    for name, one in about.require("rollups").items():
        one.only(("grain", "by"))
        if (grain := one.require("grain")) not in ("day", "month"):
            raise one.fail(f"`grain` is day or month, not {grain!r}.")
        dimensions = tuple(columns_of(con, table, [*about.get("always", []), *one.get("by", [])], spoken))
        rollup = Rollup(f"rollup_{table}_{name}", table, time, grain, dimensions, sums)
        found.setdefault((grain, frozenset(dimensions)), rollup)
    for rollup in advised:
        if set(rollup.dimensions) <= set(have):
            found.setdefault((rollup.grain, frozenset(rollup.dimensions)), replace(rollup, sums=sums, rows=0))
    return sorted(found.values(), key=lambda one: (one.grain != "day", -len(one.dimensions)))


class _Builder:
    """Holds one table while its rollups are brought up; lives for one call of `build`."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table: str, known: Mapping[str, Kept], most_part: float) -> None:
        self.con, self.table, self.known, self.most_part = con, table, known, most_part
        self.types = index.columns(con, table)
        self.kept: list[Rollup] = []

    def bring_up(self, wanted: Sequence[Rollup]) -> None:
        for name, one in self.known.items():
            if all(name != rollup.name for rollup in wanted):
                self._forget(one.rollup)
        if not wanted:
            self.con.execute("DELETE FROM _askcost.rollup_days WHERE table_name = ?", [self.table])
            return
        days, changed, totals = self._look(wanted)
        size = sum(days.values())
        for rollup in wanted:
            before = self.known.get(rollup.name)
            same = before is not None and replace(before.rollup, rows=0) == rollup and before.table_rows > 0
            if same and before and not before.rollup.rows and size < 2 * before.table_rows:
                continue  # it was too large, and the table has hardly grown
            if not (same and before and before.rollup.rows and changed is not None):
                self._forget(rollup)
                if not self._shrinks(rollup, days):
                    _remember(self.con, Kept(rollup, size, bool(before and before.advised)))
                    continue
                self._create(rollup)
                self._fill(rollup, days, None)
            elif changed:
                self._fill(rollup, days, changed)
            self._keep(rollup, totals, size, bool(before and before.advised))

    def _look(self, wanted: Sequence[Rollup]) -> tuple[dict[date, int], set[date] | None, tuple[Any, ...]]:
        """(rows of each day, the days that differ from the last look or None for all, every sum of the table)."""
        names = sorted({name for one in wanted for name in (*one.dimensions, *one.sums)})
        time, sums = wanted[0].time, wanted[0].sums
        told = "; ".join(f"{name} {self.types[name]}" for name in [time, *names])
        signature = hashlib.sha256(told.encode()).hexdigest()[:16]
        added = "".join(f", sum({quote(name)}) AS {quote(name)}" for name in sums)
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE looked AS SELECT CAST({quote(time)} AS DATE) AS __day, count(*) AS __rows, "
            f"sum(CAST(hash({', '.join(map(quote, [time, *names]))}) AS HUGEINT)) AS __print{added} "
            f"FROM main.{quote(self.table)} GROUP BY 1"
        )
        days = dict(self.con.execute("SELECT __day, __rows FROM looked").fetchall())
        stored = "SELECT day, row_count, fingerprint FROM _askcost.rollup_days WHERE table_name = ? AND signature = ?"
        known = self.con.execute(stored, [self.table, signature]).fetchall()
        now = self.con.execute("SELECT __day, __rows, __print FROM looked").fetchall()
        self.con.execute("DELETE FROM _askcost.rollup_days WHERE table_name = ?", [self.table])
        self.con.execute(
            "INSERT INTO _askcost.rollup_days SELECT ?, ?, __day, __rows, __print FROM looked ORDER BY __day",
            [self.table, signature],
        )
        totals = self._totals("looked", sums, "__rows")
        self.con.execute("DROP TABLE looked")
        changed = {day for day, *_ in {*known} ^ {*now}} if known else None
        return days, changed, totals

    def _totals(self, source: str, sums: Sequence[str], rows: str) -> tuple[Any, ...]:
        added = ", ".join(f"sum({quote(name)})" for name in (rows, *sums))
        return self.con.execute(f"SELECT {added} FROM {source}").fetchone() or ()

    def _shrinks(self, rollup: Rollup, days: Mapping[date, int]) -> bool:
        """Whether it keeps few enough rows of the table's fullest month."""
        if None in days:  # a row without a day belongs to no bucket
            return False
        months = {month: sum(days[day] for day in own) for month, own in _by_month(days)}
        month, size = max(months.items(), key=lambda one: one[1])
        within = f"SELECT 1 {self._grouped(rollup, self._source(rollup), [(month, _following(month))], None)}"
        return _size(self.con, f"({within})") <= self.most_part * size

    def _source(self, rollup: Rollup) -> str:
        """The smallest rollup that this one can be summed from, else the table."""
        finer = [
            one
            for one in self.kept
            if one.grain in ("day", rollup.grain) and {*rollup.dimensions} <= {*one.dimensions} and one != rollup
        ]
        return _place(min(finer, key=lambda one: one.rows)) if finer else f"main.{quote(self.table)}"

    def _grouped(self, rollup: Rollup, source: str, spans: Sequence[tuple[date, date]], days: set[date] | None) -> str:
        time = quote(rollup.time)
        kind = self.types[rollup.time]
        start, end = spans[0][0], spans[-1][1]
        where = f"{time} >= CAST('{start}' AS {kind}) AND {time} < CAST('{end}' AS {kind})"
        if days is not None:
            listed = ", ".join(f"DATE '{day}'" for day in sorted(days))
            where += f" AND CAST({time} AS DATE) IN ({listed})"
        keys = ", ".join([self._bucket(rollup), *map(quote, rollup.dimensions)])
        return f"FROM {source} WHERE {where} GROUP BY {keys}"

    def _bucket(self, rollup: Rollup) -> str:
        return f"CAST(date_trunc('{rollup.grain}', {quote(rollup.time)}) AS {self.types[rollup.time]})"

    def _create(self, rollup: Rollup) -> None:
        columns = [f"{quote(name)} {self.types[name]}" for name in (rollup.time, *rollup.dimensions)]
        for name in rollup.sums:
            scale = self.types[name].rpartition(",")[2].rstrip(")")
            wide = "HUGEINT" if self.types[name] in INTEGERS else f"DECIMAL(38,{scale})"
            columns.append(f"{quote(name)} {wide}")
        self.con.execute(f"CREATE TABLE {_place(rollup)} ({', '.join(columns)}, {ROWS} BIGINT)")

    def _fill(self, rollup: Rollup, days: Mapping[date, int], changed: set[date] | None) -> None:
        """Sum the changed days anew, all when None; a month at a time where months are large."""
        place, source = _place(rollup), self._source(rollup)
        counted = f"sum({ROWS})" if source != f"main.{quote(self.table)}" else "count(*)"
        shown = ", ".join(
            [
                f"{self._bucket(rollup)} AS __time",
                *map(quote, rollup.dimensions),
                *(f"sum({quote(name)})" for name in rollup.sums),
                f"CAST({counted} AS BIGINT)",
            ]
        )
        order = ", ".join(str(number + 1) for number in range(len(rollup.dimensions) + 1))
        touched = set(days) if changed is None else changed
        for spans, own in _chunks(touched, days):
            exact = own if changed is not None and rollup.grain == "day" else None
            if changed is not None:
                gone = [f"DATE '{day}'" for day in sorted(exact or {start for start, _ in spans})]
                within = f"CAST({quote(rollup.time)} AS DATE) IN ({', '.join(gone)})"
                self.con.execute(f"DELETE FROM {place} WHERE {within}")
            for span in [spans] if changed is None else [[one] for one in spans]:
                grouped = self._grouped(rollup, source, span, exact)
                self.con.execute(f"INSERT INTO {place} SELECT {shown} {grouped} ORDER BY {order}")

    def _keep(self, rollup: Rollup, totals: tuple[Any, ...], size: int, advised: bool) -> None:
        found = replace(rollup, rows=_size(self.con, _place(rollup)))
        self.con.execute("DELETE FROM _askcost.rollups WHERE name = ?", [rollup.name])
        if self._totals(_place(rollup), rollup.sums, ROWS) != totals:
            self._forget(rollup)
            return
        _remember(self.con, Kept(found, size, advised))
        self.kept.append(found)

    def _forget(self, rollup: Rollup) -> None:
        self.con.execute(f"DROP TABLE IF EXISTS {_place(rollup)}")
        self.con.execute("DELETE FROM _askcost.rollups WHERE name = ?", [rollup.name])


def _place(rollup: Rollup) -> str:
    return f"_askcost.{quote(rollup.name)}"


def _size(con: duckdb.DuckDBPyConnection, source: str) -> int:
    return int((con.execute(f"SELECT count(*) FROM {source}").fetchone() or (0,))[0])


def _remember(con: duckdb.DuckDBPyConnection, kept: Kept) -> None:
    one = kept.rollup
    con.execute(
        "INSERT INTO _askcost.rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [one.name, one.table, one.time, one.grain, list(one.dimensions), list(one.sums), one.rows, kept.table_rows,
         kept.advised],
    )  # fmt: skip


def _following(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def _by_month(days: Mapping[date, int] | set[date]) -> Iterator[tuple[date, list[date]]]:
    for month, own in groupby(sorted(days), key=lambda day: day.replace(day=1)):
        yield month, list(own)


def _chunks(touched: set[date], days: Mapping[date, int]) -> Iterator[tuple[list[tuple[date, date]], set[date]]]:
    """(months as half-open spans, the touched days in them), as many months together as memory likes."""
    spans: list[tuple[date, date]] = []
    own: set[date] = set()
    size = 0
    for month, some in _by_month(touched):
        spans.append((month, _following(month)))
        own |= {*some}
        size += sum(days.get(day, 0) for day in some)
        if size >= CHUNK_ROWS:
            yield spans, own
            spans, own, size = [], set(), 0
    if spans:
        yield spans, own
