"""What is told of an answer while it is made."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import AssistantFor

from assistant.errors import EngineError
from assistant.values import CheckedQuery, Question, Reading, Rows

PLANNED = Question("cost by provider in September 2024")
VERIFIED = Question("invoice totals")


@pytest.mark.parametrize(("question", "first"), [(PLANNED, Reading), (VERIFIED, str)], ids=["planned", "verified"])
def test_each_stage_is_told_as_it_is_reached(assistant_for: AssistantFor, question: Question, first: type) -> None:
    told: list[tuple[str, Any]] = []
    answer = assistant_for("focus_sample").ask(question, lambda *made: told.append(made))
    assert answer.status == "answered", answer
    assert [stage for stage, _ in told] == ["understood", "sql", "checked", "ran"]
    understood, sql, checked, ran = (value for _, value in told)
    assert isinstance(understood, first)
    assert sql == answer.sql
    assert isinstance(checked, CheckedQuery)
    assert isinstance(ran, Rows)


def test_a_refusal_reaches_no_further_stage(assistant_for: AssistantFor) -> None:
    told: list[str] = []
    assistant_for("focus_sample").ask(Question("cost by flavour"), lambda stage, _: told.append(stage))
    assert told == []


def test_who_watches_can_end_it_before_it_runs(assistant_for: AssistantFor) -> None:
    told: list[str] = []

    def enough(stage: str, value: Any) -> None:
        told.append(stage)
        if stage == "checked":
            raise EngineError("Stopped.")

    answer = assistant_for("focus_sample").ask(PLANNED, enough)
    assert (answer.status, answer.error, told) == ("error", "Stopped.", ["understood", "sql", "checked"])
