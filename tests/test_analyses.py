"""Questions that take more than one query: each is read, or asked back; the chat's figures are the command's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AssistantFor

from assistant.analysis import chargeback, token_habits
from assistant.analysis.books import Books
from assistant.analysis.report import Report
from assistant.assistant import Assistant
from assistant.values import Question

TODAY = date(2026, 10, 15)
CASES = yaml.safe_load((Path(__file__).parent / "cases" / "analyses.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def demo(assistant_for: AssistantFor) -> Assistant:
    return assistant_for("demo")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["question"])
def test_a_question_is_analysed_or_asked_back(demo: Assistant, case: dict[str, Any]) -> None:
    answer = demo.ask(Question(case["question"], today=TODAY))
    asked = answer.clarify.question if answer.clarify else ""
    assert answer.status == case["status"], (answer.error, asked)
    assert case["says"] in " ".join((answer.understood, asked, answer.error or "", *answer.assumptions))
    assert (answer.plan.analysis if answer.plan else None) == case.get("analysis")
    assert bool(answer.sql) == (answer.status == "answered")


SAME: list[tuple[str, Callable[[Books], Report]]] = [
    ("chargeback in September", lambda books: chargeback.report(books, date(2026, 9, 1))),
    ("chargeback in August by team", lambda books: chargeback.report(books, date(2026, 8, 1), "team")),
    ("token waste in September", lambda books: token_habits.waste_report(books, date(2026, 9, 1))),
]


@pytest.mark.parametrize(("question", "report"), SAME)
def test_the_chat_gives_the_figures_of_the_command(
    demo: Assistant, question: str, report: Callable[[Books], Report]
) -> None:
    answer = demo.ask(Question(question, today=TODAY))
    found = report(demo.books(None, TODAY))
    names = [c.name for c in found.columns]
    kept = [names.index(c.name) for c in answer.columns]
    assert answer.rows == tuple(tuple(row[i] for i in kept) for row in found.rows)
    assert set(names) - {c.name for c in answer.columns} == found.wide


@pytest.mark.parametrize("question", ["token waste in September", "chargeback in September"])
def test_a_table_without_the_dimension_of_the_policy_is_closed_to_an_analysis_too(
    demo: Assistant, question: str
) -> None:
    answer = demo.ask(Question(question, user="rhea.collins", today=TODAY))
    assert (answer.status, answer.rows, answer.sql) == ("refused", (), None)


def test_a_follow_up_moves_the_analysis_and_a_number_asked_for_leaves_it(demo: Assistant) -> None:
    thread = "analysis-thread"
    demo.ask(Question("chargeback in September", thread=thread, today=TODAY))
    moved = demo.ask(Question("and in August?", thread=thread, today=TODAY))
    assert moved.plan
    assert (moved.plan.analysis, moved.plan.period and moved.plan.period.start) == ("chargeback", date(2026, 8, 1))
    trend = demo.ask(Question("show it daily", thread=thread, today=TODAY))
    assert trend.status == "answered"
    assert trend.plan
    assert trend.plan.analysis is None
