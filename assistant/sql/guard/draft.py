"""A statement on its way through the guard. Knows nothing about any rule."""

from __future__ import annotations

from dataclasses import dataclass, field

from assistant.errors import GuardRefusal
from assistant.sql.guard import parser
from assistant.sql.guard.parser import Tree


@dataclass
class Draft:
    """The text as asked, its tree (which rules rewrite), and what it was seen to use.

    nodes: those of the tree as read, before tables are replaced.
    shortcuts: whether tags may be read from their columns. bare: column references without a table's name.
    """

    text: str
    tree: Tree
    shortcuts: bool = True
    nodes: list[Tree] = field(init=False, default_factory=list)
    bare: frozenset[str] = frozenset()
    tables: dict[str, None] = field(default_factory=dict)
    columns: dict[str, None] = field(default_factory=dict)
    functions: dict[str, None] = field(default_factory=dict)
    policies: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nodes = list(parser.walk(self.tree))

    def refuse(self, rule: str, message: str, node: Tree | None = None, hint: str | None = None) -> GuardRefusal:
        """A refusal that points at `node` in the text as asked."""
        line, column = (
            parser.position(self.text, int(node["query_location"]))
            if node and "query_location" in node
            else (None, None)
        )
        return GuardRefusal(rule, message, line, column, hint)
