"""Questions that take more than one query: each is read, or asked back; the chat's figures are the command's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AssistantFor

from assistant.analysis import (
    allowances,
    carbon,
    chargeback,
    own_gpus,
    pricing,
    token_habits,
    training_runs,
    unit_costs,
)
from assistant.analysis.books import Books
from assistant.analysis.report import Report
from assistant.assistant import Assistant
from assistant.values import Period, Question

TODAY = date(2026, 10, 15)
WORKLOADS = yaml.safe_load((Path(__file__).parent / "cases" / "workloads.yaml").read_text(encoding="utf-8"))
_LOAD = {"requests_per_day": 200_000, "input_tokens": 1500, "output_tokens": 400, "cached": "0.6"}
DESIGN = pricing.design_of({"models": ["gpt-6-luna"], "workloads": [_LOAD]})
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
    if not (case.get("analysis") or "").startswith("anomal"):  # scanned once, they are kept
        assert bool(answer.sql) == (answer.status == "answered")


@pytest.mark.parametrize("case", WORKLOADS, ids=lambda case: case["question"])
def test_every_figure_of_a_workload_is_read_or_asked_about(demo: Assistant, case: dict[str, Any]) -> None:
    answer = demo.ask(Question(case["question"], today=TODAY))
    asked = answer.clarify.question if answer.clarify else ""
    if "asks" in case:
        assert case["asks"] in asked, (answer.status, asked, answer.error)
        return
    assert answer.status == "answered", (answer.error, asked)
    assert answer.plan
    assert dict(answer.plan.given) == case.get("given", {})
    assert answer.plan.analysis == (None if case.get("plain") else "estimate")


def test_a_follow_up_changes_a_figure_of_the_estimate(demo: Assistant) -> None:
    thread = "estimate-thread"
    first = demo.ask(Question("200k requests a day, 1.5k in, 400 out on gpt-6-luna", thread=thread, today=TODAY))
    more = demo.ask(Question("with 80% cached", thread=thread, today=TODAY))
    other = demo.ask(Question("and on claude-haiku-5-5?", thread=thread, today=TODAY))
    assert more.plan
    assert other.plan
    assert first.plan
    assert dict(more.plan.given) == {**dict(first.plan.given), "cached": "0.8"}
    assert dict(other.plan.given) == {**dict(more.plan.given), "models": "claude-haiku-5-5"}
    moved = demo.ask(Question("what did we spend in September", thread=thread, today=TODAY))
    assert moved.plan
    assert moved.plan.analysis is None


def test_a_follow_up_keeps_the_model_and_what_it_is_about(demo: Assistant) -> None:
    for question in ("what would September have cost on gpt-6-luna instead of gpt-6-sol", "cost of gpt-6-sol in July"):
        demo.ask(Question(question, thread=question, today=TODAY))
        moved = demo.ask(Question("and in August?", thread=question, today=TODAY))
        assert moved.plan
        assert [f.values for f in moved.plan.filters] == [("gpt-6-sol",)], question


def test_a_share_of_a_pool_is_told_by_its_driver(demo: Assistant) -> None:
    answer = demo.ask(Question("why was Lending charged 18 % of the GPU pool in September", today=TODAY))
    ((*_, share),) = answer.rows
    assert answer.answer.startswith(f"Not 18% but {round(share, 2)}%")
    _, result = chargeback.chargeback(demo.books(None), date(2026, 9, 1), "team")
    line = next(x for x in result.lines if (x.pool, x.consumer) == ("GPU platform", "Lending"))
    assert line.driver
    assert line.driver_total
    assert share == line.share
    assert share == round(100 * line.driver / line.driver_total, 6)
    assert f"{round(line.driver, 2):,}" in answer.answer
    assert f"{round(line.driver_total, 2):,}" in answer.answer


SAME: list[tuple[str, Callable[[Books], Report]]] = [
    ("chargeback in September", lambda books: chargeback.report(books, date(2026, 9, 1))),
    ("chargeback in August by team", lambda books: chargeback.report(books, date(2026, 8, 1), "team")),
    ("token waste in September", lambda books: token_habits.waste_report(books, date(2026, 9, 1))),
    ("token allowance pace in September", lambda books: allowances.report(books, date(2026, 9, 1))),
    ("carbon report for Q3", lambda books: carbon.report(books, date(2026, 7, 1), date(2026, 10, 1))),
    (
        "sci per loan in September",
        lambda books: carbon.sci_report(books, "loans processed", date(2026, 9, 1), date(2026, 10, 1)),
    ),
    (
        "did the AI change pay off: cost per loan 2026-01 vs 2026-09 with $50k invested",
        lambda books: unit_costs.report(
            books, "loan", None, date(2026, 1, 1), date(2026, 10, 1), unit_costs.Change(
                (date(2026, 1, 1), date(2026, 1, 1)), (date(2026, 9, 1), date(2026, 9, 1)), Decimal(50_000)
            ),
        ),
    ),
    (
        "what would September have cost on gpt-6-luna instead of gpt-6-sol",
        lambda books: token_habits.what_if(books, "gpt-6-sol", "gpt-6-luna", date(2026, 9, 1), {}),
    ),
    ("api versus own gpus at 700 tokens per second", lambda books: own_gpus.report(books, Decimal(700))),
    (
        "cost per training run in September",
        lambda books: training_runs.report(books, Period(start=date(2026, 9, 1), end=date(2026, 10, 1))),
    ),
    (
        "200k requests a day, 1.5k in, 400 out, 60% cached on gpt-6-luna",
        lambda books: pricing.report(
            pricing.quote(DESIGN, TODAY, books.schemas, pricing.models_used(books)), None, False, ()
        ),
    ),
]  # fmt: skip


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


@pytest.mark.parametrize(
    "question",
    [
        "token waste in September", "chargeback in September", "carbon report for Q3",
        "cost per training run last month", "why was Lending charged 10 % of the GPU pool",
        "api versus own gpus at 700 tokens per second",
    ],
)  # fmt: skip
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
