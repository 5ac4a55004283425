"""Does the statement make sense? DuckDB's binder answers, on empty copies of the tables a user may see."""

from __future__ import annotations

import os
import re
from functools import lru_cache

import duckdb

from assistant.errors import GuardRefusal
from assistant.sql.guard import allowed, parser
from assistant.sql.guard.draft import Draft
from assistant.sql.guard.tables import predicate
from assistant.values import Access, TableAccess, TableColumn

_UNKNOWN = re.compile(
    r'Referenced (?P<what>column|table) "(?P<a>[^"]+)"|does not have a column named "(?P<b>[^"]+)"'
    r'|Column "+(?P<c>[^"]+)"+ (?:in [A-Z]+ list not found|does not exist|referenced in)'
)
RULES = {"columns", "meaning"}  # refusals raised here
Shape = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def bound(draft: Draft, executable: str, access: Access) -> tuple[TableColumn, ...]:
    """What `executable` returns; GuardRefusal says which name or type DuckDB can't place."""
    try:
        return outputs(executable, access)
    except duckdb.Error as error:
        raise _refusal(draft, str(error), access) from None


def outputs(executable: str, access: Access) -> tuple[TableColumn, ...]:
    """The columns that a checked statement returns; duckdb.Error when it doesn't bind."""
    shape = tuple(_shape(table) for table in access.tables.values())
    with _empty_copies(shape, os.getpid()).cursor() as cursor:
        return tuple(TableColumn(row[0], row[1]) for row in cursor.execute(f"DESCRIBE {executable}").fetchall())


def _shape(table: TableAccess) -> tuple[str, tuple[tuple[str, str], ...]]:
    columns = {column.name: column.type for column in table.columns}
    for physical in table.shortcuts.values():
        columns.setdefault(physical, "VARCHAR")
    if table.predicate is not None:
        seen = {name.lower() for name in columns}
        for node in parser.walk(predicate(table.predicate)):
            if node.get("class") == "COLUMN_REF" and node["column_names"][-1].lower() not in seen:
                columns.setdefault(node["column_names"][-1], "VARCHAR")
    return table.name, tuple(columns.items())


@lru_cache(maxsize=16)
def _empty_copies(shape: Shape, process: int) -> duckdb.DuckDBPyConnection:
    connection = parser.private_connection()
    for name, columns in shape:
        fields = ", ".join(f"{_quoted(column)} {type_}" for column, type_ in columns)
        connection.execute(f"CREATE TABLE main.{_quoted(name)} ({fields})")
    connection.execute("SET lock_configuration = true")
    return connection


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _refusal(draft: Draft, error: str, access: Access) -> GuardRefusal:
    first = error.split("\n")[0]
    message = re.sub(r"\bwith_\d+_", "", first.split(": ", 1)[-1]).rstrip("!. ")
    if not (found := _UNKNOWN.search(first)):
        return GuardRefusal("meaning", f"DuckDB can't place this: {message}")
    name = found["a"] or found["b"] or found["c"]
    node = next(
        (
            node
            for node in parser.walk(parser.parse(draft.text))
            if node.get("class") == "COLUMN_REF" and name.lower() in (n.lower() for n in node["column_names"])
        ),
        None,
    )
    tables = [access.tables[key] for key in access.tables if access.tables[key].name in draft.tables]
    near = allowed.nearest(name, (column.name for table in tables for column in table.columns))
    what = found["what"] or "column"
    return draft.refuse(f"{what}s", f"There is no {what} {name}", node, f"The nearest one is {near}." if near else None)
