"""PIVOT without a list of values, which DuckDB's parser gives no tree for.

It is read with a mark in the place of the values, checked like any other statement, and printed without it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from assistant.sql.guard import outputs, parser
from assistant.sql.guard.draft import Draft
from assistant.sql.guard.parser import Tree
from assistant.sql.guard.tables import star_from
from assistant.values import Access

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


def wrapped(draft: Draft, access: Access) -> None:
    """Put each marked PIVOT, and its source, into a subquery of its own: the only form it can be printed in."""

    def wrap(node: Any) -> Any:
        if isinstance(node, list):
            return [wrap(item) for item in node]
        if not isinstance(node, dict):
            return node
        node = {key: wrap(value) for key, value in node.items()}
        if not _marked(node):
            return node
        outside = {key: node.pop(key) for key in ("alias", "column_name_alias", "sample") if key in node}
        source = {"type": "SUBQUERY", "subquery": {"node": star_from(node["source"])}}
        return {"type": "SUBQUERY", "subquery": {"node": star_from(node | {"source": source})}} | outside

    draft.tree = wrap(draft.tree)


def printed(tree: Tree) -> str:
    """The text of a tree, its marked PIVOTs in the form without values."""
    texts: dict[str, str] = {}

    def take(node: Any) -> Any:
        if isinstance(node, list):
            return [take(item) for item in node]
        if not isinstance(node, dict):
            return node
        node = {key: take(value) for key, value in node.items()}
        if not _marked(node):
            return node
        # Text that a statement holds must never look like this name.
        name = f"pivot_{secrets.token_hex(8)}"
        texts[name] = _statement(node)
        return {"type": "BASE_TABLE", "table_name": name, "qualified_name": {"path": [name]}}

    text = parser.show(take(tree))
    for name in reversed(texts):  # outer ones hold the names of inner ones
        text = text.replace(f"SELECT * FROM {name}", texts[name])
    return text


def _marked(node: Tree) -> bool:
    return parser.kind(node) == "PIVOT" and any(_dynamic(column) for column in node.get("pivots", ()))


def _dynamic(column: Tree) -> bool:
    return any(entry.get("star_expr", {}).get("literal", {}).get("text") == MARK for entry in column.get("entries", ()))


def _statement(node: Tree) -> str:
    on = ", ".join(_on(column) for column in node["pivots"])
    using = ", ".join(_texts(node.get("aggregates", ())))
    groups = ", ".join('"' + name.replace('"', '""') + '"' for name in node.get("groups", ()))
    return (
        f"PIVOT ({parser.show(node['source']['subquery']['node'])}) ON {on}"
        + (f" USING {using}" if using else "")
        + (f" GROUP BY {groups}" if groups else "")
    )


def _on(column: Tree) -> str:
    expression = ", ".join(_texts(column["pivot_expressions"]))
    if _dynamic(column):
        return expression
    values = ", ".join(_texts(entry["star_expr"] for entry in column["entries"]))
    return f"{expression} IN ({values})"


def _texts(expressions: Iterable[Tree]) -> Iterator[str]:
    return (outputs.text(expression) for expression in expressions)
