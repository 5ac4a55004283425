"""The `_askcost` schema: what names, values and days the tables hold. Knows nothing about files."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import duckdb
from ulid import ULID

from assistant.warehouse import contracts

MOST_VALUES = 50_000
TAG = "Tags."

TABLES = """
CREATE SCHEMA IF NOT EXISTS _askcost;
CREATE TABLE IF NOT EXISTS _askcost.loads (load_id VARCHAR, loaded_at TIMESTAMP, table_name VARCHAR,
    file VARCHAR, sha256 VARCHAR, rows BIGINT, first_day DATE, last_day DATE, report JSON);
CREATE OR REPLACE TABLE _askcost.version (data_version VARCHAR, loaded_at TIMESTAMP);
CREATE OR REPLACE TABLE _askcost.extra_dimensions (table_name VARCHAR, field VARCHAR, tag_key VARCHAR,
    words VARCHAR);
CREATE OR REPLACE TABLE _askcost.value_index (table_name VARCHAR, field VARCHAR, value VARCHAR,
    row_count BIGINT, cost DOUBLE);
CREATE OR REPLACE TABLE _askcost.loaded_days (table_name VARCHAR, day DATE, row_count BIGINT);
CREATE OR REPLACE TABLE _askcost.currencies (currency VARCHAR, row_count BIGINT);
"""


def build(con: duckdb.DuckDBPyConnection) -> None:
    """(Re)build the `askcost` tables (docs/warehouse.md) from the tables of schema `main`.

    `loads` is only created when absent: it is the history, which no table can tell again.
    """
    con.execute("BEGIN")  # one commit, not hundreds
    con.execute(TABLES)
    con.execute("INSERT INTO _askcost.version VALUES (?, ?)", [str(ULID()), now()])
    for name in tables(con):
        _index_table(con, contracts.tables().get(name, contracts.Table(name)))
    con.execute("COMMIT")


def tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The tables people ask about, by name."""
    rows = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND NOT temporary "
        "AND database_name = current_database() ORDER BY table_name"
    ).fetchall()
    return [row[0] for row in rows]


def columns(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Column → DuckDB type of a table of schema `main`, in order; empty when there is none."""
    return dict(
        con.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main' "
            "AND table_name = ? AND database_name = current_database() ORDER BY column_index",
            [table],
        ).fetchall()
    )


def extra_dimensions(con: duckdb.DuckDBPyConnection, table: str) -> list[tuple[str, str | None, str]]:
    """(column, tag key or None, words) of each text column that no contract knows."""
    costs = table == contracts.COSTS
    known = contracts.focus_columns() if costs else contracts.tables().get(table, contracts.Table(table)).columns
    keys = tag_columns(con) if costs else {}
    return [
        (name, keys.get(name), words(keys.get(name, name)))
        for name, kind in columns(con, table).items()
        if kind == "VARCHAR" and name not in known
    ]


def now() -> datetime:
    """This moment in UTC, without a zone, as the warehouse stores times."""
    return datetime.now(UTC).replace(tzinfo=None)


def words(field: str) -> str:
    """A name as people say it: `x_CostCenter` → `cost center`, `aws:createdBy` → `created by`."""
    name = field.removeprefix("x_").rsplit(":", 1)[-1]
    if "/" in name and "." in name.split("/", 1)[0]:  # a domain as prefix: app.kubernetes.io/name
        name = name.rsplit("/", 1)[-1]
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return " ".join(re.findall(r"[^\W_]+", name)).lower() or field


def quote(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _index_table(con: duckdb.DuckDBPyConnection, table: contracts.Table) -> None:
    kinds = columns(con, table.name)
    source = f"main.{quote(table.name)}"
    extra = [[table.name, *found] for found in extra_dimensions(con, table.name)]
    if extra:
        con.executemany("INSERT INTO _askcost.extra_dimensions VALUES (?, ?, ?, ?)", extra)
    if table.day in kinds:
        con.execute(
            f"INSERT INTO _askcost.loaded_days SELECT ?, CAST({quote(table.day)} AS DATE), count(*) "
            f"FROM {source} WHERE {quote(table.day)} IS NOT NULL GROUP BY 2 ORDER BY 2",
            [table.name],
        )
    if table.name == contracts.COSTS:
        con.execute(
            f"INSERT INTO _askcost.currencies SELECT BillingCurrency, count(*) FROM {source} "
            "WHERE BillingCurrency IS NOT NULL GROUP BY ALL ORDER BY ALL"
        )
    texts = [name for name, kind in kinds.items() if kind == "VARCHAR"]
    cost = f"sum(abs(CAST({quote(table.measure)} AS DOUBLE)))" if table.measure in kinds else "NULL"
    many = _many_valued(con, source, texts)
    for name in texts:
        if name in many:
            continue
        con.execute(
            f"INSERT INTO _askcost.value_index SELECT ?, ?, * FROM (SELECT {quote(name)}, "
            f"count(*), {cost} FROM {source} WHERE {quote(name)} IS NOT NULL GROUP BY 1) "
            f"QUALIFY count(*) OVER () <= {MOST_VALUES} ORDER BY 3",
            [table.name, name],
        )


def tag_columns(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Hidden column → tag key, for those of cost_and_usage. A column's comment outranks its name."""
    rows = con.execute(
        "SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = 'main' AND table_name = ? "
        "AND database_name = current_database() AND starts_with(column_name, ?)",
        [contracts.COSTS, TAG],
    ).fetchall()
    return {name: comment or name.removeprefix(TAG) for name, comment in rows}


def _many_valued(con: duckdb.DuckDBPyConnection, source: str, texts: list[str]) -> set[str]:
    """The columns that a first look shows to have too many values to list, which spares counting them all."""
    size = con.execute(f"SELECT count(*) FROM {source}").fetchone()
    if not texts or not size or size[0] < 20 * MOST_VALUES:
        return set()
    listed = ", ".join(f"approx_count_distinct({quote(name)})" for name in texts)
    counts = con.execute(f"SELECT {listed} FROM (FROM {source} LIMIT {4 * MOST_VALUES})").fetchone()
    return {name for name, count in zip(texts, counts or (), strict=True) if count > 1.2 * MOST_VALUES}
