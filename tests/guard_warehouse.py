"""The warehouse of tests/cases/guard_warehouse.sql: as stored, as people see it, and who may see what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from assistant.values import Access, TableAccess, TableColumn

CASES = Path(__file__).parent / "cases"
TABLES = ("cost_and_usage", "token_usage", "budgets")
KEYS = ("team", "env", "cost-center")
Result = tuple[list[str], list[str], list[tuple[object, ...]]]


def stored() -> duckdb.DuckDBPyConnection:
    """The warehouse as it lies on disk, hidden tag columns included; in memory here."""
    connection = duckdb.connect(":memory:", config={"threads": "1"})
    connection.execute((CASES / "guard_warehouse.sql").read_text("utf-8"))
    return connection


def unprotected(policy: str = "true") -> duckdb.DuckDBPyConnection:
    """A copy that holds only the columns, and the rows, that one user may see."""
    connection = stored()
    for table in TABLES:
        if table != "budgets":
            connection.execute(f"DELETE FROM {table} WHERE ({policy}) IS NOT TRUE")
        for column, *_ in connection.execute(f"DESCRIBE {table}").fetchall():
            if column.startswith("Tags."):
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {quoted(column)}")
    connection.execute("DROP TABLE users")
    return connection


def visible(source: duckdb.DuckDBPyConnection, table: str) -> tuple[TableColumn, ...]:
    """The columns people see, in order."""
    rows = source.execute(f"DESCRIBE {table}").fetchall()
    return tuple(TableColumn(row[0], row[1]) for row in rows if not row[0].startswith("Tags."))


def access(source: duckdb.DuckDBPyConnection, policy: str | None = None) -> Access:
    """Everything but `users`; with a policy, budgets are closed too, as they lack the dimension."""
    open_tables = TABLES if policy is None else TABLES[:2]
    tables = {
        name: TableAccess(
            name,
            visible(source, name),
            policy,
            {key: f"Tags.{key}" for key in KEYS} if name == "cost_and_usage" else {},
        )
        for name in open_tables
    }
    closed = {"users": "it holds people's rights"}
    if policy is not None:
        closed["budgets"] = "it has no cost center"
    return Access(tables=tables, closed=closed, user=None if policy is None else "ada")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def statements(file: str) -> Iterator[tuple[str, str]]:
    """(reason, statement) of a case file: a `-- reason` line, then SQL up to the blank line."""
    text = (CASES / file).read_text("utf-8")
    blocks = re.split(r"\n\s*\n", text)
    for block in blocks[1:]:
        reason, sql = block.strip().split("\n", 1)
        yield reason.removeprefix("-- "), sql.strip()


def run(connection: duckdb.DuckDBPyConnection, sql: str) -> Result:
    """Names, types and rows; rows sorted by their text, for statements that don't order fully."""
    cursor = connection.cursor().execute(sql)
    names = [column[0] for column in cursor.description or []]
    types = [str(column[1]) for column in cursor.description or []]
    return names, types, sorted(cursor.fetchall(), key=repr)
