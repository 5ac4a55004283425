"""Verified queries answer their own words, under the asker's policy, and nothing else."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from conftest import AssistantFor, CheckFor

from assistant.config import ROOT
from assistant.errors import SchemaError
from assistant.semantics import verified
from assistant.values import Question

TODAY = date(2026, 3, 19)


def test_its_words_get_its_sql_and_say_so(assistant_for: AssistantFor, check_for: CheckFor) -> None:
    answer = assistant_for("tarnbrook").ask(Question("Invoice totals?", today=TODAY))
    assert answer.understood == "Verified query: invoice totals"
    assert any("verified by" in a for a in answer.assumptions)
    _, rows = check_for("tarnbrook")("SELECT sum(BilledCost) FROM cost_and_usage WHERE InvoiceId IS NOT NULL")
    assert sum(row[-1] for row in answer.rows) == rows[0][0]


def test_it_gets_the_row_policy(assistant_for: AssistantFor) -> None:
    assistant = assistant_for("tarnbrook")
    mine = assistant.ask(Question("invoice totals", user="noor", today=TODAY))
    whole = assistant.ask(Question("invoice totals", today=TODAY))
    assert sum(r[-1] for r in mine.rows) < sum(r[-1] for r in whole.rows)
    assert any("Orion" in a for a in mine.assumptions)


def test_other_words_are_planned(assistant_for: AssistantFor) -> None:
    answer = assistant_for("tarnbrook").ask(Question("invoice totals by provider last month", today=TODAY))
    assert answer.plan is not None


def test_every_verified_query_runs(assistant_for: AssistantFor) -> None:
    assistant = assistant_for("tarnbrook")
    for query in verified.read(ROOT / "schemas").values():
        assert assistant.run(query.sql)[1].columns


def test_a_question_verified_twice_is_named(tmp_path: Path) -> None:
    shutil.copy(ROOT / "schemas" / "verified.yaml", tmp_path)
    text = (tmp_path / "verified.yaml").read_text(encoding="utf-8")
    (tmp_path / "verified.yaml").write_text(text + text.split("queries:\n")[1], encoding="utf-8")
    with pytest.raises(SchemaError, match="verified twice"):
        verified.read(tmp_path)
