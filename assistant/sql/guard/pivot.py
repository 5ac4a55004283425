"""PIVOT without a list of values, which DuckDB's parser gives no tree for.

It is read with a mark in the place of the values, checked like any other statement, and printed without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from assistant.sql.guard import outputs, parser
from assistant.sql.guard.parser import Tree

# Nobody can write this value: control characters are refused before.
MARK = "\x01"

_WORDS = re.compile(
    r"""[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|(\$(?:[A-Za-z_]\w*)?\$).*?\1|"(?:[^"]|"")*"
      | --[^\n]*|/\*.*?\*/|\w+|.""",
    re.VERBOSE | re.DOTALL,
)
_ENDS = {
    "USING",
    "GROUP",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "QUALIFY",
    "WHERE",
    ";",
}


def marked(sql: str) -> str:
    """`sql` with a mark for the values of each PIVOT … ON that names none."""
    inserts: list[int] = []
    waiting: list[int] = []  # depths of PIVOTs whose ON is to come
    listing: list[tuple[int, bool]] = []  # (depth, whether this entry of ON has its IN)
    depth, last = 0, 0
    for match in _WORDS.finditer(sql):
        word = match[0].upper()
        if not word.strip() or word.startswith(("--", "/*")):
            continue
        closes = word in ")]}"
        if listing and listing[-1][0] == depth:
            if closes or word == "," or word in _ENDS:
                if not listing[-1][1]:
                    inserts.append(last)
                listing[-1] = (depth, False)
                if word != ",":
                    listing.pop()
            elif word == "IN":
                listing[-1] = (depth, True)
        elif waiting and waiting[-1] == depth and word == "ON":
            waiting.pop()
            listing.append((depth, False))
        if word in {"PIVOT", "PIVOT_WIDER"}:
            waiting.append(depth)
        depth += (word in "([{") - closes
        while waiting and waiting[-1] > depth:
            waiting.pop()
        last = match.end()
    if listing and not listing[-1][1]:
        inserts.append(last)
    for offset in reversed(inserts):
        sql = f"{sql[:offset]} IN ('{MARK}'){sql[offset:]}"
    return sql


def printed(tree: Tree) -> str:
    """The text of a tree, its marked PIVOTs in the form without values."""
    texts: dict[str, str] = {}

    def take(node: Any) -> Any:
        if isinstance(node, list):
            return [take(item) for item in node]
        if not isinstance(node, dict):
            return node
        node = {key: take(value) for key, value in node.items()}
        if parser.kind(node) == "PIVOT" and any(_dynamic(column) for column in node.get("pivots", ())):
            name = f"pivot_{len(texts)}_of_guard"
            source = _select(node["source"])
            texts[name] = _statement(node, parser.show(source))
            return _placeholder(name, node)
        return node

    text = parser.show(take(tree))
    # Outer texts hold the placeholders of inner ones.
    for name in reversed(texts):
        text = text.replace(f"SELECT * FROM {name}", texts[name])
    return text


def _dynamic(column: Tree) -> bool:
    return any(
        entry.get("star_expr", {}).get("literal", {}).get("text") == MARK
        for entry in column.get("entries", ())
    )


def _statement(node: Tree, source: str) -> str:
    on = ", ".join(_on(column) for column in node["pivots"])
    using = ", ".join(_list(node.get("aggregates", ())))
    groups = ", ".join('"' + name.replace('"', '""') + '"' for name in node.get("groups", ()))
    return (
        f"PIVOT ({source}) ON {on}"
        + (f" USING {using}" if using else "")
        + (f" GROUP BY {groups}" if groups else "")
    )


def _on(column: Tree) -> str:
    expression = ", ".join(_list(column["pivot_expressions"]))
    if _dynamic(column):
        return expression
    values = ", ".join(_list(entry["star_expr"] for entry in column["entries"]))
    return f"{expression} IN ({values})"


def _list(expressions: Any) -> Iterator[str]:
    return (outputs.text(expression) for expression in expressions)


def _select(table: Tree) -> Tree:
    return {
        "type": "SELECT_NODE",
        "cte_map": {},
        "select_list": [{"class": "STAR", "type": "STAR"}],
        "from_table": table,
        "aggregate_handling": "STANDARD_HANDLING",
    }


def _placeholder(name: str, node: Tree) -> Tree:
    table = {"type": "BASE_TABLE", "table_name": name, "qualified_name": {"path": [name]}}
    subquery: Tree = {"type": "SUBQUERY", "subquery": {"node": _select(table)}}
    return subquery | {key: node[key] for key in ("alias", "column_name_alias", "sample") if key in node}
