"""What an expression is called: rewriting must not change the names of a result's columns."""

from __future__ import annotations

from assistant.sql.guard import parser, tags
from assistant.sql.guard.draft import Draft
from assistant.sql.guard.parser import Tree
from assistant.values import Access


def plain_names(draft: Draft, access: Access) -> None:
    """Calls like `name.lower()` become lower(name), `main.t.x` becomes t.x; results keep their names."""
    for node in draft.nodes:
        if parser.kind(node) == "SELECT_NODE":
            for item in node["select_list"]:
                if not item.get("alias") and item.get("class") != "COLUMN_REF" and _changes(item):
                    item["alias"] = text(item)
    names = {name.lower() for name in access.tables}
    bare = set()
    for node in draft.nodes:
        if node.get("class") in {"FUNCTION", "WINDOW"}:
            _plain_call(node)
        elif node.get("class") == "COLUMN_REF":
            path = node["column_names"]
            if len(path) > 2 and path[0].lower() == "main" and path[1].lower() in names:
                node["column_names"] = path[1:]
            elif len(path) == 1:
                bare.add(path[0].lower())
    draft.bare = frozenset(bare)


def text(expression: Tree) -> str:
    """An expression as DuckDB writes it, which is also its name as a column."""
    select = {
        "type": "SELECT_NODE",
        "cte_map": {},
        "select_list": [expression],
        "from_table": {"type": "EMPTY"},
        "aggregate_handling": "STANDARD_HANDLING",
    }
    return parser.show(select).removeprefix("SELECT ")


def _changes(item: Tree) -> bool:
    """Whether later rules may rewrite something in it."""
    nodes = list(parser.walk(item))
    return not any(node.get("class") == "STAR" for node in nodes) and any(
        node.get("class") == "SUBQUERY"
        or len(node.get("qualified_name", {}).get("path", ())) > 1
        or len(node.get("column_names", ())) > 2
        or node.get("function_name") in {"range", "generate_series"}
        or (node.get("class") in {"OPERATOR", "FUNCTION"} and tags.tag_access(node))
        for node in nodes
    )


def _plain_call(node: Tree) -> None:
    path = node.get("qualified_name", {}).get("path", [])
    if len(path) > 1:
        owner: Tree = {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": path[:-1]}
        if "query_location" in node:
            owner["query_location"] = node["query_location"]
        node["arguments"] = [{"expression": owner}, *node.get("arguments", [])]
        node["qualified_name"] = {"path": path[-1:]}
        node.pop("schema", None)
        node.pop("catalog", None)
