"""The warehouse as Parquet files by month, for an engine that reads files. Knows no engine.

    PATH/current.json                                  which version is read
    PATH/versions/<version>/<schema>.<table>/askcost_month=2026-10/*.parquet   (small tables: one file)

A version is written beside the others and then named in current.json by one os.replace: readers see the old one or the
new one, whole. The version before stays, for statements that still read it; a month that both hold alike is one file
with two names.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from assistant.config import Config
from assistant.errors import LoadError
from assistant.warehouse import contracts
from assistant.warehouse.index import literal, quote

CURRENT = "current.json"
MONTH = "askcost_month"
NO_MONTH = "__HIVE_DEFAULT_PARTITION__"
PART = "part-0.parquet"
FORMAT = 1
ONE_FILE = 10_000  # rows; a table of fewer is not worth a folder for each month
# Types that Parquet has no form for, and what holds their values.
WIDER = {"HUGEINT": "DECIMAL(38, 0)", "UBIGINT": "DECIMAL(20, 0)", "UHUGEINT": "DECIMAL(38, 0)"}
PLAIN = ("VARCHAR", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL", "DATE",
         "TIMESTAMP", "MAP(VARCHAR, VARCHAR)")  # fmt: skip


def publish(warehouse: Path, to: Path) -> dict[str, Any]:
    """Writes the warehouse's newest version below `to` and makes it the current one. Returns its manifest.

    Raises LoadError; then, and when it is killed, `to` still holds what it held.
    """
    with _reading(warehouse) as con:
        version = con.execute("SELECT data_version FROM _askcost.version").fetchone()
        if version is None:
            raise LoadError(f"Nothing is loaded in {warehouse} yet.")
        try:
            return _write(con, str(version[0]), to)
        except duckdb.Error as error:
            raise LoadError(f"It could not be published: {str(error).splitlines()[0]}. Nothing was changed.") from None
        except OSError as error:
            raise LoadError(
                f"{to} could not be written ({error.strerror or error}). Nothing was changed; check the folder's "
                "permissions and free space."
            ) from None


def _write(con: duckdb.DuckDBPyConnection, version: str, to: Path) -> dict[str, Any]:
    folder, current = to / "versions" / version, to / CURRENT
    held: dict[str, Any] = json.loads(current.read_text("utf-8")) if current.exists() else {}
    before = held.get("version")
    earlier = {(one["schema"], one["table"]): one for one in held.get("tables", [])}
    unfinished = folder.with_name(f".{version}.{os.getpid()}")
    unfinished.mkdir(parents=True)
    try:
        tables = [
            _table(con, schema, name, unfinished, earlier.get((schema, name), {}), to / "versions" / str(before))
            for schema, name in _tables(con)
        ]
        manifest = {"format": FORMAT, "version": version, "tables": tables}
        if not folder.exists():  # else this version is published already, and somebody may read it
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    partial = to / f".{CURRENT}.{os.getpid()}"
    with partial.open("w", encoding="utf-8") as file:
        json.dump(manifest, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, current)
    for old in (to / "versions").iterdir():
        if old.name not in (version, before):
            shutil.rmtree(old, ignore_errors=True)
    return manifest


def _tables(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return con.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE schema_name IN ('main', '_askcost') "
        "AND database_name = current_database() AND (schema_name = 'main' OR NOT starts_with(table_name, 'rollup')) "
        "ORDER BY ALL"
    ).fetchall()


def _table(
    con: duckdb.DuckDBPyConnection, schema: str, name: str, folder: Path, earlier: Mapping[str, Any], old: Path
) -> dict[str, Any]:
    """Writes one table; its entry in the manifest, with DuckDB's types and the number of rows.

    earlier: its entry in the version in the folder `old`.
    """
    found = con.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? "
        "AND database_name = current_database() ORDER BY column_index",
        [schema, name],
    ).fetchall()
    columns = dict(found)
    listed = ", ".join(f"{quote(c)}::{held(kind)} AS {quote(c)}" for c, kind in columns.items())
    source = f"SELECT {listed} FROM {quote(schema)}.{quote(name)}"
    place = folder / f"{schema}.{name}"
    place.mkdir()
    day = contracts.tables().get(name, contracts.Table(name)).day if schema == "main" else None
    rows = con.execute(f"SELECT count(*) FROM {quote(schema)}.{quote(name)}").fetchall()[0][0]
    entry: dict[str, Any] = {"schema": schema, "table": name, "rows": rows, "columns": [*map(list, columns.items())]}
    if day in columns and rows > ONE_FILE:
        alike = earlier.get("months", {}) if earlier.get("columns") == entry["columns"] else {}
        entry["months"] = _by_month(con, source, [*columns], quote(str(day)), place, alike, old / place.name)
    elif rows:
        _copy(con, source, place / PART)
    return entry


def _by_month(
    con: duckdb.DuckDBPyConnection,
    source: str,
    columns: Sequence[str],
    day: str,
    place: Path,
    alike: Mapping[str, str],
    old: Path,
) -> dict[str, str]:
    """Writes a folder for each month, but shares those that `alike` says `old` holds; month → its rows' fingerprint."""
    start = f"CAST(date_trunc('month', {day}) AS DATE)"
    hashed = f"sum(CAST(hash({', '.join(map(quote, columns))}) AS HUGEINT))"
    found = con.execute(
        f"SELECT {start}, concat(count(*), '-', {hashed}) FROM ({source}) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    prints: dict[str, str] = {}
    for first, fingerprint in found:
        month = f"{first:%Y-%m}" if first else NO_MONTH
        own = place / f"{MONTH}={month}"
        own.mkdir()
        if alike.get(month) == fingerprint and (old / own.name / PART).exists():
            _share(old / own.name / PART, own / PART)
        else:
            within = (
                f"{day} >= DATE '{first}' AND {day} < DATE '{first}' + INTERVAL 1 MONTH" if first else f"{day} IS NULL"
            )
            _copy(con, f"SELECT * FROM ({source}) WHERE {within}", own / PART)
        prints[month] = fingerprint
    return prints


def _copy(con: duckdb.DuckDBPyConnection, source: str, file: Path) -> None:
    con.execute(f"COPY ({source}) TO {literal(str(file))} (FORMAT parquet, COMPRESSION zstd)")


def _share(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except OSError:  # a file system without links
        shutil.copyfile(old, new)


def held(kind: str) -> str:
    """The type that a DuckDB type's values have in the files; what is neither number, day nor map is text."""
    kind = WIDER.get(kind, kind)
    return kind if kind.startswith(PLAIN) and "[" not in kind and "TIME ZONE" not in kind else "VARCHAR"


@contextmanager
def _reading(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    if not warehouse.is_file():
        raise LoadError(f"There is no warehouse {warehouse} yet; `askcost load FILE…` builds one.")
    try:
        con = duckdb.connect(str(warehouse), read_only=True)
    except duckdb.Error as error:
        raise LoadError(f"The warehouse {warehouse} can't be read: {str(error).splitlines()[0]}.") from None
    try:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"SET memory_limit = '{Config().load_memory_mb}MiB'")
        yield con
    finally:
        con.close()
