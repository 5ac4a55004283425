"""schemas/verified.yaml: questions whose SQL somebody has checked, by their words; never by likeness."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from assistant.semantics import schema_files
from assistant.semantics.calendar import Now
from assistant.semantics.time_grammar import TimeGrammar
from assistant.semantics.words import tokens
from assistant.values import Period

A_YEAR_ON = timedelta(days=400)
_KEYS = ("name", "questions", "sql", "by", "on", "owner", "until")


@dataclass(frozen=True)
class Verified:
    """`sql` is DuckDB's, over the tables that people see. `by` checked it `on` that day; `owner` answers for it.

    questions: the ways to ask it. until: the last day that it is used; None is without end.
    """

    name: str
    sql: str
    by: str
    on: str
    owner: str = ""
    until: str | None = None
    questions: tuple[str, ...] = ()

    def lapsed(self, today: date) -> bool:
        return self.until is not None and today.isoformat() > self.until


def normal(question: str) -> tuple[str, ...]:
    """The words of a question without case and punctuation; two questions with the same ones are the same.

    Signs that compare or join stay: “over > 5” is not “over < 5”.
    """
    return tuple(t.word for t in tokens(question) if t.word not in (",", ":"))


def moves(question: str, grammar: TimeGrammar, today: date) -> bool:
    """Whether the question's days depend on the day it is asked, as they do when it names none."""
    now, later = (_periods(question, grammar, day) for day in (today, today + A_YEAR_ON))
    return not now or now != later


def dated(question: str, grammar: TimeGrammar) -> bool:
    """Whether the question names its days."""
    return bool(_periods(question, grammar, date(2000, 1, 1)))


def _periods(question: str, grammar: TimeGrammar, today: date) -> list[Period | date]:
    """The days of each time expression; today itself for one that another period or a choice would complete."""
    words = [t.word for t in tokens(question)]
    moment, found, at = Now(today, date.min, today), list[Period | date](), 0
    while at < len(words):
        length, expression = next(iter(grammar.match(words, at)), (1, None))
        if expression is not None:
            open_ = expression.shift or expression.ambiguous or expression.future
            found.append(today if open_ else expression.resolve(moment))
        at += length
    return found


def read(folder: Path) -> dict[tuple[str, ...], Verified]:
    """Normal form → query. Raises SchemaError naming file and line."""
    top = schema_files.read(folder / "verified.yaml")
    top.only(("queries",))
    found: dict[tuple[str, ...], Verified] = {}
    for node in top.require("queries"):
        node.only(_KEYS)
        questions = schema_files.words(node.require("questions"), node, "questions")
        query = Verified(
            node.require("name"), node.require("sql").strip(), node.require("by"), node.require("on"),
            node.get("owner", node["by"]), node.get("until"), questions,
        )  # fmt: skip
        for question in questions:
            if normal(question) in found:
                raise node.fail(f"“{question}” is verified twice.")
            found[normal(question)] = query
    return found
