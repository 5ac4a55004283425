"""Rules over single nodes: kinds, functions, types, names. Knows nothing about tables or policies."""

from __future__ import annotations

from assistant.sql.guard import allowed, parser
from assistant.sql.guard.draft import Draft
from assistant.sql.guard.parser import Tree
from assistant.values import Access

_CHANGES = {"INSERT_QUERY_NODE": "INSERT", "UPDATE_QUERY_NODE": "UPDATE", "DELETE_QUERY_NODE": "DELETE"}


def known_nodes(draft: Draft, access: Access) -> None:
    """Only listed kinds of queries, tables and expressions; also within CTEs and subqueries."""
    lists = allowed.lists()
    count = 0
    for node in draft.nodes:
        count += 1
        if "class" in node:
            if node["type"] not in lists.expressions.get(node["class"], ()):
                raise draft.refuse("expressions", f"{_words(node['type'])} is not allowed here", node)
        elif (name := parser.kind(node)) and name not in lists.nodes:
            raise draft.refuse(
                "only queries",
                f"{_CHANGES.get(name, _words(name))} is not allowed inside a query",
                node,
                "Only reading is allowed.",
            )
        if node.get("at_clause"):
            raise draft.refuse("time travel", "AT (VERSION …) is not allowed", node)
        if node.get("class") == "COLLATE" and not lists.collations.issuperset(
            str(node.get("collation", "")).lower().split(".")
        ):
            raise draft.refuse(
                "collations",
                f"The collation {node.get('collation')!r} is not allowed",
                node,
                f"Allowed are {', '.join(sorted(lists.collations))}.",
            )
    if count > lists.bounds["nodes"]:
        raise draft.refuse("size", "The statement has too many parts")


def known_functions(draft: Draft, access: Access) -> None:
    """Only listed functions, by their plain names."""
    lists = allowed.lists()
    for node in draft.nodes:
        if kind := parser.kind(node):
            if kind == "TABLE_FUNCTION":
                _known(draft, node["function"], lists.table_functions, "table function")
        elif node.get("class") in {"FUNCTION", "WINDOW"}:
            _known(draft, node, lists.functions, "function")


def _known(draft: Draft, node: Tree, choices: frozenset[str], what: str) -> None:
    name = str(node["function_name"]).lower()
    # A table function is met twice: as the table, and as the expression in it.
    if name not in choices and (what == "table function" or name not in allowed.lists().table_functions):
        near = allowed.nearest(name, choices)
        raise draft.refuse(
            "functions",
            f"The {what} {name} is not allowed",
            node,
            f"The nearest allowed one is {near}." if near else None,
        )
    if name[0].isalpha():
        draft.functions[name] = None


def known_names(draft: Draft, access: Access) -> None:
    """Names such as `user` are columns or nothing: DuckDB would read them as functions."""
    refused = allowed.lists().refused_names
    given = {column.name.lower() for table in access.tables.values() for column in table.columns}
    for node in draft.nodes:
        given.add(str(node.get("alias", "")).lower())
        given.update(str(name).lower() for name in (*node.get("aliases", ()), *node.get("column_name_alias", ())))
    for node in draft.nodes:
        if node.get("class") == "COLUMN_REF":
            name = node["column_names"][0].lower()
            if name in refused and name not in given:
                raise draft.refuse("functions", f"{name} is not allowed", node)


def known_types(draft: Draft, access: Access) -> None:
    """Only built-in types, by their plain names."""
    lists = allowed.lists()
    for node in draft.nodes:
        if node.get("class") != "TYPE":
            continue
        path = node.get("qualified_name", {}).get("path", [])
        name = str(node.get("type_name", "")).lower()
        if len(path) > 1 or name not in lists.types:
            raise draft.refuse(
                "types",
                f"The type {'.'.join(path) or name} is not allowed",
                node,
                "Use a built-in one, such as VARCHAR, BIGINT, DECIMAL(18, 2), DATE or TIMESTAMP.",
            )


def _words(name: str) -> str:
    return name.removesuffix("_NODE").replace("_", " ").capitalize()
