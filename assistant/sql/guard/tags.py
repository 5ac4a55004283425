"""Tags['key'] read from the column that holds the same values, where that is plainly the same. Pure speed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from assistant.sql.guard import allowed, parser
from assistant.sql.guard.parser import Tree
from assistant.values import TableAccess

Shortcuts = dict[str, dict[str, str]]  # a table's alias in lower case → shown name → physical column

# A key that JSON's ->> reads as a key, never as a path.
_PLAIN_KEY = re.compile(r"[A-Za-z_][\w:-]*")


def replaced(select: Tree, base: Callable[[Tree], TableAccess | None]) -> tuple[Tree, Shortcuts]:
    """`select` with Tags['key'] of its own base tables replaced, and which columns these must expose.

    A select that takes columns without naming them (a star, a whole row), or that gives the name of the
    tags column to something else, stays as it is.
    """
    tags = allowed.lists().tags_column
    lower = tags.lower()
    own = {key: value for key, value in select.items() if key not in {"from_table", "cte_map"}}
    leaves = list(_leaves(select["from_table"]))
    tables = {_alias(leaf).lower(): table for leaf in leaves if (table := base(leaf)) and _plain(leaf)}
    if not any(table.shortcuts for table in tables.values()) or _unsure(own, select["from_table"], lower):
        return select, {}
    holders = [alias for alias, table in tables.items() if any(c.name.lower() == lower for c in table.columns)]
    sole = holders[0] if len(holders) == 1 and len(tables) == len(leaves) else None
    bare = {names[0].lower() for names in _references(own) if len(names) == 1}
    used: Shortcuts = {}

    def swap(node: Any) -> Any:
        if isinstance(node, list):
            return [swap(item) for item in node]
        if not isinstance(node, dict) or "cte_map" in node:
            return node
        if (access := tag_access(node)) and access[0][-1].lower() == lower and len(access[0]) <= 2:
            names, key = access
            alias = names[0].lower() if len(names) == 2 else sole
            if alias in tables and alias not in bare and (physical := tables[alias].shortcuts.get(key)):
                shown = f"{tags}['{key}']"
                twins = [name for name in used.get(alias, ()) if name.lower() == shown.lower() and name != shown]
                if twins:  # DuckDB takes Tags['Team'] and Tags['team'] for one column name
                    return {key: swap(value) for key, value in node.items()}
                used.setdefault(alias, {})[shown] = physical
                place = {k: node[k] for k in ("alias", "query_location") if k in node}
                return {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": [alias, shown]} | place
        return {key: swap(value) for key, value in node.items()}

    new = swap(own)
    return {key: new.get(key, value) for key, value in select.items()}, used


def expose(table: Tree, shortcuts: Shortcuts) -> None:
    """Add the physical columns to the filtered forms of the tables that were asked for tags."""
    for leaf in _leaves(table):
        for shown, physical in shortcuts.get(_alias(leaf).lower(), {}).items():
            leaf["subquery"]["node"]["select_list"].append(
                {"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": shown, "column_names": [physical]}
            )


def _leaves(table: Tree) -> Iterator[Tree]:
    if parser.kind(table) == "JOIN":
        yield from _leaves(table["left"])
        yield from _leaves(table["right"])
    else:
        yield table


def _alias(leaf: Tree) -> str:
    return str(leaf.get("alias") or leaf.get("table_name") or "")


def _plain(leaf: Tree) -> bool:
    return "column_name_alias" not in leaf and "sample" not in leaf


def _unsure(own: Tree, table: Tree, tags: str) -> bool:
    joins = [node for node in parser.walk(table) if parser.kind(node) == "JOIN"]
    return any(
        node.get("class") in {"STAR", "LAMBDA"} or str(node.get("alias", "")).lower() == tags
        for node in parser.walk(own)
    ) or any(
        join.get("ref_type") in {"NATURAL", "POSITIONAL"}
        or tags in {str(name).lower() for name in join.get("using_columns", ())}
        for join in joins
    )


def _references(tree: Any) -> Iterator[list[str]]:
    return (node["column_names"] for node in parser.walk(tree) if node.get("class") == "COLUMN_REF")


def tag_access(node: Tree) -> tuple[list[str], str] | None:
    """(column, key) of Tags['key'], Tags->>'key' and map_extract_value(Tags, 'key')."""
    if node.get("type") == "ARRAY_EXTRACT":
        parts = node["children"]
    elif node.get("class") == "FUNCTION" and node["function_name"].lower() in {"->>", "map_extract_value"}:
        parts = [argument["expression"] for argument in node.get("arguments", ())]
    else:
        return None
    if len(parts) != 2 or parts[0].get("class") != "COLUMN_REF":
        return None
    literal = parts[1].get("literal", {})
    key = str(literal.get("text", ""))
    if literal.get("kind") != "STRING" or (node.get("function_name") == "->>" and not _PLAIN_KEY.fullmatch(key)):
        return None
    return parts[0]["column_names"], key
