"""A defect of ours costs one answer: it is told in words, kept, and logged; what comes after it is answered."""

from __future__ import annotations

import logging

import pytest
from conftest import AssistantFor

from assistant.engines.duckdb_engine import DuckDBEngine
from assistant.values import CheckedQuery, Question, Rows


class Broken(DuckDBEngine):
    """An engine with a defect."""

    def run(self, query: CheckedQuery, owner: str | None = None, query_id: str | None = None) -> Rows:
        raise ZeroDivisionError("a secret value")


def test_a_defect_is_told_kept_and_logged(assistant_for: AssistantFor, caplog: pytest.LogCaptureFixture) -> None:
    assistant = assistant_for("focus_sample")
    whole, assistant.results = assistant.results, Broken(assistant.config.warehouse)
    with caplog.at_level(logging.ERROR):
        answer = assistant.ask(Question("cost by provider in September 2024"))
    assert answer.status == "error"
    assert "ZeroDivisionError" in str(answer.error)
    assert "secret" not in str(answer.error)
    assert answer.answer_id in caplog.text
    assert assistant.ledger.answers(answer.answer_id)[0]["status"] == "error"
    assistant.results = whole
    assert assistant.ask(Question("cost by provider in September 2024")).status == "answered"
