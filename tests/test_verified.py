"""Verified queries answer their own words, under the asker's policy, and nothing else."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from conftest import AssistantFor, CheckFor

from assistant import verifying
from assistant.config import ROOT
from assistant.errors import Refused, SchemaError
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


# --- saved by an analyst --------------------------------------------------------------------------

ASKED = Question("cost by provider in January 2026", today=TODAY)
FIXED = "SELECT ProviderName AS provider, SUM(BilledCost) AS cost FROM cost_and_usage GROUP BY ALL ORDER BY ALL"


def test_a_saved_statement_answers_its_words_for_everybody_until_it_is_withdrawn(assistant_for: AssistantFor) -> None:
    assistant = assistant_for("tarnbrook")
    planned = assistant.ask(ASKED)
    verifying.save(assistant, planned.answer_id, FIXED, None, TODAY)
    for text in (ASKED.text, "Cost by provider, in January 2026?"):
        answer = assistant.ask(replace(ASKED, text=text))
        assert answer.understood == f"Verified query: {ASKED.text}"
        assert any("verified by local operator" in a for a in answer.assumptions)
        assert answer.rows == assistant.run(FIXED)[1].rows
    mine = assistant.ask(replace(ASKED, user="noor"))
    assert mine.rows == assistant.run(FIXED, "noor")[1].rows != answer.rows
    verifying.withdraw(assistant, planned.answer_id, None)
    assert assistant.ask(ASKED).rows == planned.rows


def test_only_the_words_themselves_are_the_question() -> None:
    assert verified.normal("Teams over > 500") != verified.normal("Teams over < 500")
    assert verified.normal("Top 10?") == verified.normal("top 10")
    assert verified.normal("top 10%") != verified.normal("top 10")


@pytest.mark.parametrize(
    ("text", "sql", "saved"),
    [
        (
            "cost last month",
            "SELECT 1 FROM cost_and_usage WHERE ChargePeriodStart >= '2026-02-01'",
            False,
        ),
        ("cost by provider", "SELECT 1 FROM cost_and_usage WHERE year(ChargePeriodStart) = 2026", False),
        ("cost in January", "SELECT 1 FROM cost_and_usage WHERE ChargePeriodStart < DATE '2026-02-01'", False),
        ("cost in January 2026", "SELECT 1 FROM cost_and_usage WHERE ChargePeriodStart < DATE '2026-02-01'", True),
        ("cost last month", "SELECT 1 FROM cost_and_usage WHERE ChargePeriodStart < current_date", True),
        ("cost in February 2026", "SELECT 1 FROM cost_and_usage WHERE BilledCost > 2000", True),
        ("cost in February 2026", "SELECT * FROM read_csv('/etc/passwd')", False),
        ("cost in February 2026", "DROP TABLE cost_and_usage", False),
    ],
)
def test_what_is_right_today_and_wrong_tomorrow_is_not_saved(
    assistant_for: AssistantFor, text: str, sql: str, saved: bool
) -> None:
    assistant = assistant_for("tarnbrook")
    answer_id = assistant.ask(Question(text, today=TODAY)).answer_id
    if saved:
        verifying.save(assistant, answer_id, sql, None, TODAY)
    else:
        with pytest.raises(Refused):
            verifying.save(assistant, answer_id, sql, None, TODAY)
    assert assistant.ask(Question(text, today=TODAY)).understood.startswith("Verified") is saved


def test_a_follow_up_is_no_question_of_its_own(assistant_for: AssistantFor) -> None:
    assistant = assistant_for("tarnbrook")
    assistant.ask(replace(ASKED, thread="t"))
    followed = assistant.ask(Question("by service", thread="t", today=TODAY))
    assert followed.plan
    with pytest.raises(Refused, match="continues a conversation"):
        verifying.save(assistant, followed.answer_id, FIXED, None, TODAY)


def test_only_those_whose_role_verifies_save_and_only_their_own_answers(assistant_for: AssistantFor) -> None:
    assistant = assistant_for("tarnbrook")
    roles = {str(r["user"]): str(r["role"]) for r in assistant.warehouse.catalog.small["users"]}
    assert {"analyst", "executive"} <= set(roles.values())
    for user, role in roles.items():
        answer = assistant.ask(replace(ASKED, user=user))
        if role in ("analyst", "admin"):
            verifying.save(assistant, answer.answer_id, FIXED, user, TODAY)
            verifying.withdraw(assistant, answer.answer_id, user)
        else:
            with pytest.raises(Refused, match="role"):
                verifying.save(assistant, answer.answer_id, FIXED, user, TODAY)
    with pytest.raises(Refused, match="your own"):
        verifying.save(assistant, assistant.ask(replace(ASKED, user="noor")).answer_id, FIXED, None, TODAY)
