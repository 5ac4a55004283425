"""schemas/verified.yaml: questions whose SQL somebody has checked. Found by their words, never by likeness."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assistant.semantics import schema_files
from assistant.semantics.words import tokens

_KEYS = ("name", "questions", "sql", "by", "on")


@dataclass(frozen=True)
class Verified:
    """`sql` is DuckDB's, over the tables that people see. `by` checked it `on` that day."""

    name: str
    sql: str
    by: str
    on: str


def normal(question: str) -> tuple[str, ...]:
    """The words of a question without case and punctuation; two questions with the same ones are the same."""
    return tuple(t.word for t in tokens(question) if t.word[:1].isalnum())


def read(folder: Path) -> dict[tuple[str, ...], Verified]:
    """Normal form → query. Raises SchemaError naming file and line."""
    top = schema_files.read(folder / "verified.yaml")
    top.only(("queries",))
    found: dict[tuple[str, ...], Verified] = {}
    for node in top.require("queries"):
        node.only(_KEYS)
        query = Verified(node.require("name"), node.require("sql").strip(), node.require("by"), node.require("on"))
        for question in schema_files.words(node.require("questions"), node, "questions"):
            if normal(question) in found:
                raise node.fail(f"“{question}” is verified twice.")
            found[normal(question)] = query
    return found
