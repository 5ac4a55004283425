"""How large a statement becomes when DuckDB unfolds it: a short text can name a million columns.

The binder can't be stopped, so what would keep it busy for seconds is refused before.
"""

from __future__ import annotations

from math import prod
from typing import Any

from assistant.sql.guard import allowed, parser
from assistant.sql.guard.draft import Draft
from assistant.sql.guard.parser import Tree
from assistant.values import Access

_CLAUSES = ("where_clause", "group_expressions", "having", "qualify", "modifiers")


def weighed(draft: Draft, access: Access) -> None:
    """Refuse statements that unfold beyond the bounds of schemas/guard.yaml."""
    most = allowed.lists().bounds
    selects = [node for node in parser.walk(draft.tree) if parser.kind(node) == "SELECT_NODE"]
    pivots = [node for node in parser.walk(draft.tree) if parser.kind(node) == "PIVOT"]
    lambdas = _depth(draft.tree, "LAMBDA")
    columns = 0
    if len(selects) <= most["selects"]:
        columns = _Widths(draft.tree).total
    for what, found, bound in (
        ("subqueries and branches", len(selects), most["selects"]),
        ("columns", columns, most["columns"]),
        (
            "grouping sets",
            max((len(node.get("group_sets", ())) for node in selects), default=0),
            most["sets"],
        ),
        ("pivoted columns", max(map(_pivoted, pivots), default=0), most["pivoted"]),
        ("lambdas within each other", lambdas, most["lambdas"]),
        ("repeated aliases", max(map(_unfolded, selects)), most["aliases"]),
    ):
        if found > bound:
            raise draft.refuse(
                "size", f"The statement unfolds to {found:,} {what}", hint=f"At most {bound:,} are allowed."
            )


class _Widths:
    """Columns of all queries of a tree whose tables are sealed, so that each CTE's name stands once."""

    def __init__(self, tree: Tree) -> None:
        self.ctes: dict[str, int] = {}
        self.total = 0
        self.query(tree)

    def query(self, node: Tree) -> int:
        for entry in node.get("cte_map", {}).get("map", ()):
            body = entry["value"]["query_node"]
            if "left" in body and "cte_name" in body:
                self.ctes[entry["key"]] = self.query(body["left"])
            self.ctes[entry["key"]] = self.query(body)
        if parser.kind(node) != "SELECT_NODE":
            parts = [part for key in ("left", "right", "children") for part in _listed(node.get(key))]
            return max((self.query(part) for part in parts), default=1)
        below = self.table(node["from_table"])
        width = 0
        for item in node["select_list"]:
            width += below if any(part.get("class") == "STAR" for part in parser.walk(item)) else 1
        for key, value in node.items():
            if key not in {"from_table", "cte_map"}:
                self.inner(value)
        self.total += width
        return width

    def inner(self, value: Any) -> None:
        """Queries within expressions."""
        if isinstance(value, list):
            for item in value:
                self.inner(item)
        elif isinstance(value, dict):
            if "cte_map" in value:
                self.query(value)
            else:
                for item in value.values():
                    self.inner(item)

    def table(self, node: Tree) -> int:
        kind = parser.kind(node)
        if kind == "JOIN":
            self.inner(node.get("condition"))
            return self.table(node["left"]) + self.table(node["right"])
        if kind == "SUBQUERY":
            return self.query(node["subquery"]["node"])
        if kind == "PIVOT":
            return self.table(node["source"]) + _pivoted(node)
        if kind == "SHOW_REF":
            self.query(node["query"])
            return 12
        if kind == "BASE_TABLE":
            return self.ctes.get(str(node.get("table_name")), 1)
        if kind == "EXPRESSION_LIST":
            self.inner(node["values"])
            return max(len(row) for row in node["values"])
        self.inner({key: value for key, value in node.items() if key != "type"})
        return 1


def _listed(value: Any) -> list[Tree]:
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else []


def _pivoted(node: Tree) -> int:
    values = prod(max(len(column.get("entries", ())), 1) for column in node.get("pivots", ()))
    return values * max(len(node.get("aggregates", ())), 1)


def _unfolded(select: Tree) -> int:
    """References after each alias is replaced by what it stands for."""
    weights: dict[str, int] = {}
    total = 0
    for item in select["select_list"]:
        weight = _weight(item, weights)
        total += weight
        if item.get("alias"):
            weights[str(item["alias"]).lower()] = max(weight, 1)
    return total + sum(_weight(select[clause], weights) for clause in _CLAUSES if clause in select)


def _weight(tree: Any, weights: dict[str, int]) -> int:
    return sum(
        weights.get(str(node["column_names"][0]).lower(), 1)
        for node in parser.walk(tree)
        if node.get("class") == "COLUMN_REF"
    )


def _depth(tree: Tree, kind: str) -> int:
    """How many expressions of a class stand within each other."""
    deepest = 0
    stack: list[tuple[Any, int]] = [(tree, 0)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, dict):
            depth += item.get("class") == kind
            deepest = max(deepest, depth)
            stack += [(value, depth) for value in item.values()]
        elif isinstance(item, list):
            stack += [(value, depth) for value in item]
    return deepest
