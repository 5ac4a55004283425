"""Text ↔ tree, by DuckDB's own parser: what is checked is read by the same parser that will run it.

The one private connection of a process holds no data, sees no files and can't be configured. Trees are
DuckDB's JSON: dicts with `class` are expressions, dicts with `type` are queries, tables or modifiers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import duckdb

from assistant.errors import GuardRefusal

Tree = dict[str, Any]

_CONTAINERS = {dict, list}
_SERIALIZE = "SELECT json_serialize_sql($1, skip_null := true, skip_empty := true, skip_default := true)"
_DESERIALIZE = "SELECT json_deserialize_sql($1::JSON)"


def private_connection() -> duckdb.DuckDBPyConnection:
    """A new in-memory database without files, extensions to load, or settings to change."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
            "threads": "1",
            "memory_limit": "256MB",
        },
    )
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
    return connection


@lru_cache(maxsize=2)
def _parser(process: int) -> duckdb.DuckDBPyConnection:
    connection = private_connection()
    connection.execute("SET lock_configuration = true")
    return connection


def _run(sql: str, argument: str) -> str:
    # A cursor a call: connections are not safe across threads, nor across forks.
    with _parser(os.getpid()).cursor() as cursor:
        row = cursor.execute(sql, [argument]).fetchone()
    assert row is not None
    return str(row[0])


def parse(sql: str) -> Tree:
    """The tree of the one query in `sql`; GuardRefusal when it is none, several, or something else."""
    answer = json.loads(_run(_SERIALIZE, sql))
    if answer["error"]:
        raise _refusal(sql, answer)
    if not (count := len(answer["statements"])):
        raise GuardRefusal("one statement", "There is no statement here", allowed="Send exactly one query.")
    if count != 1:
        raise GuardRefusal("one statement", f"There are {count} statements here", allowed="Send exactly one query.")
    statement = answer["statements"][0]
    if statement.get("named_param_map"):
        raise GuardRefusal(
            "parameters", "The query has a parameter ($1, ? or $name)", allowed="Write the value itself."
        )
    node: Tree = statement["node"]
    return node


def _refusal(sql: str, answer: Tree) -> GuardRefusal:
    message = str(answer.get("error_message", "")).split("\n")[0].rstrip(".! ")
    if answer.get("error_type") == "not implemented":
        kind = (sql.split(None, 1) or [""])[0].upper().rstrip(";")
        return GuardRefusal(
            "only queries",
            f"{kind or 'This'} is not a query",
            1,
            1,
            "Only one SELECT (WITH, FROM, PIVOT, DESCRIBE, SUMMARIZE) is run.",
        )
    line, column = position(sql, int(answer["position"])) if str(answer.get("position", "")).isdigit() else (None, None)
    return GuardRefusal("syntax", f"DuckDB can't read this: {message}", line, column)


def show(node: Tree) -> str:
    """The text of a tree: one statement without comments, identifiers quoted where it matters."""
    return _run(_DESERIALIZE, json.dumps({"error": False, "statements": [{"node": node}]}))


def evaluate(sql: str) -> Any:
    """The one value of a query over constants."""
    with _parser(os.getpid()).cursor() as cursor:
        row = cursor.execute(sql).fetchone()
    return row[0] if row else None


def position(sql: str, offset: int) -> tuple[int, int]:
    """The 1-based line and column of DuckDB's byte offset."""
    before = sql.encode()[:offset].decode(errors="ignore")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def walk(tree: Any) -> Iterator[Tree]:
    """Every dict of a tree, parents first, without recursion."""
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack += [value for value in reversed(item.values()) if value.__class__ in _CONTAINERS]
        elif isinstance(item, list):
            stack += [value for value in reversed(item) if value.__class__ in _CONTAINERS]


def kind(node: Tree) -> str:
    """`type` of a query, table or modifier; empty for expressions and plain values."""
    value = node.get("type")
    return value if isinstance(value, str) and "class" not in node else ""
