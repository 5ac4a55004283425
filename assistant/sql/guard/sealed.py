"""The second look: the text that will run is parsed again and compared with the tree that was checked."""

from __future__ import annotations

import json
from typing import Any

from assistant.errors import GuardRefusal
from assistant.sql.guard import parser
from assistant.sql.guard.parser import Tree
from assistant.sql.guard.tables import masked, predicate
from assistant.values import Access, TableAccess

_PLACES = {"query_location", "query_location_length", "is_operator"}


def same(text: str, tree: Tree, access: Access) -> None:
    """Refuse when `text` doesn't read as `tree`, or reads a table in any form but its filtered one."""
    again = parser.parse(text)
    if _plain(again) != _plain(tree):
        raise GuardRefusal(
            "faithful text",
            "This statement can't be written out again exactly",
            allowed="Write it in a simpler form.",
        )
    ctes = {entry["key"] for node in parser.walk(again) for entry in node.get("cte_map", {}).get("map", ())}
    filtered = {id(node["from_table"]) for node in parser.walk(again) if _filters(node, access)}
    for node in parser.walk(again):
        if parser.kind(node) == "BASE_TABLE" and id(node) not in filtered:
            path = node["qualified_name"]["path"]
            if len(path) != 1 or path[0] not in ctes:
                raise GuardRefusal("tables", f"The table {'.'.join(path)} would be read without its policy")


def faithful(text: str, tree: Tree) -> bool:
    """Whether `text` reads as `tree`."""
    return bool(_plain(parser.parse(text)) == _plain(tree))


def _filters(node: Tree, access: Access) -> bool:
    """Whether `node` is SELECT visible columns FROM main.table WHERE its policy."""
    table = node.get("from_table", {})
    if parser.kind(node) != "SELECT_NODE" or table.get("qualified_name", {}).get("path", [])[:1] != ["main"]:
        return False
    open_to = next((t for t in access.tables.values() if t.name == table["qualified_name"]["path"][-1]), None)
    if open_to is None or len(table["qualified_name"]["path"]) != 2:
        return False
    policy = predicate(open_to.predicate) if open_to.predicate is not None else None
    return _plain(node.get("where_clause")) == _plain(policy) and all(
        _visible(item, open_to) for item in node["select_list"]
    )


def _visible(item: Tree, table: TableAccess) -> bool:
    """Whether an output is a visible column, or what stands for a masked one."""
    if item.get("class") != "COLUMN_REF":
        return any(_plain(item) == _plain(masked(sql, name)) for name, sql in table.masks.items())
    plain = {column.name for column in table.columns} - set(table.masks) | set(table.shortcuts.values())
    return len(item["column_names"]) == 1 and item["column_names"][0] in plain


def _plain(tree: Any) -> Any:
    """A tree without places, and without what DuckDB writes in another but equal way."""
    if isinstance(tree, list):
        return [_plain(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    plain = {key: _plain(value) for key, value in tree.items() if key not in _PLACES and value not in ({}, [], "")}
    if "arguments" in plain:  # f(x := 1) names its argument twice
        plain["arguments"] = [
            argument | {"expression": {k: v for k, v in argument["expression"].items() if k != "alias"}}
            for argument in plain["arguments"]
        ]
    if "group_sets" in plain:  # ROLLUP and CUBE are written out as sets, in any order
        keys = [json.dumps(expression, sort_keys=True) for expression in plain["group_expressions"]]
        plain["group_sets"] = sorted(sorted(keys[index] for index in group) for group in tree["group_sets"])
        plain["group_expressions"] = sorted(keys)
    return _values(plain)


def _values(plain: Tree) -> Tree:
    """VALUES lists gain a subquery around them each time they are written out."""
    if plain.get("type") == "SUBQUERY" and plain.get("alias") == "valueslist":
        query = plain["subquery"]["node"]
        inner = query.get("from_table", {})
        if inner.get("type") == "EXPRESSION_LIST" and query.get("select_list") == [{"class": "STAR", "type": "STAR"}]:
            return dict(inner)
    return plain
