"""Verified queries answer their own words, under the asker's policy, and nothing else."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import AssistantFor, CheckFor

from assistant import verifying
from assistant.assistant import Assistant
from assistant.config import ROOT, Config
from assistant.errors import Refused, SchemaError
from assistant.ledger.saved import Entry, Saved
from assistant.semantics import verified
from assistant.surfaces.cli.main import main
from assistant.values import Question
from assistant.warehouse.load import load

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


# --- by meaning, for as long as they hold ---------------------------------------------------------

OF_AWS = (
    "SELECT SUM(BilledCost) AS billed FROM cost_and_usage WHERE ServiceProviderName = 'AWS' "
    "AND ChargePeriodStart >= DATE '2026-01-01' AND ChargePeriodStart < DATE '2026-02-01'"
)
VERIFIED_FOR = "cost of AWS in January 2026"


@pytest.mark.parametrize(
    ("question", "sql", "instead"),
    [
        ("What did AWS cost in Jan 2026?", OF_AWS, ()),
        ("spend on AWS from 2026-01-01 to 2026-01-31", OF_AWS, ()),
        (
            "cost of Azure in December 2025",
            OF_AWS.replace("'AWS'", "'Microsoft'").replace("2026-01", "2025-12").replace("2026-02", "2026-01"),
            ("Microsoft in place of AWS", "Dec 2025 in place of Jan 2026"),
        ),
        ("AWS spend in Q4 2025", OF_AWS.replace("2026-01", "2025-10").replace("2026-02", "2026-01"), None),
        ("cost of AWS", None, None),
        ("cost of AWS by service in January 2026", None, None),
        ("billed cost of AWS in January 2026", None, None),
        ("cost of EC2 in January 2026", None, None),
        ("cost of AWS and Azure in January 2026", None, None),
        ("cost without AWS in January 2026", None, None),
        ("cost of AWS in January 2026 compared to December 2025", None, None),
    ],
)
def test_the_same_plan_gets_the_same_query_with_its_own_names_and_days(
    assistant_for: AssistantFor, question: str, sql: str | None, instead: tuple[str, ...] | None
) -> None:
    assistant = assistant_for("tarnbrook")
    first = assistant.ask(Question(VERIFIED_FOR, today=TODAY))
    assert first.plan
    verifying.save(assistant, first.answer_id, OF_AWS, None, TODAY)
    answer = assistant.ask(Question(question, today=TODAY))
    assert answer.understood.startswith("Verified query: ") is (sql is not None), answer.understood
    if sql is not None:
        assert answer.rows == assistant.run(sql)[1].rows
        assert any("verified by local operator" in said for said in answer.assumptions)
        if instead is not None:
            assert answer.assumptions[1 : 1 + len(instead)] == instead


@pytest.mark.parametrize(
    "sql",
    [
        OF_AWS.replace("ServiceProviderName = 'AWS'", "ServiceProviderName = 'AWS' AND ServiceName <> 'AWS'"),
        OF_AWS.replace("ServiceProviderName = 'AWS' AND", ""),
        OF_AWS.replace("SUM(BilledCost)", "SUM(BilledCost) / 31"),
        OF_AWS.replace("DATE '2026-02-01'", "DATE '2026-02-01' AND ChargePeriodEnd < DATE '2026-02-03'"),
        OF_AWS.replace(" AND ChargePeriodStart < DATE '2026-02-01'", ""),
    ],
)
def test_what_can_not_be_put_in_place_for_certain_is_planned(assistant_for: AssistantFor, sql: str) -> None:
    assistant = assistant_for("tarnbrook")
    first = assistant.ask(Question(VERIFIED_FOR, today=TODAY))
    verifying.save(assistant, first.answer_id, sql, None, TODAY)
    assert assistant.ask(Question("AWS cost in January 2026", today=TODAY)).understood.startswith("Verified")
    assert assistant.ask(Question("cost of Azure in December 2025", today=TODAY)).plan is not None


def test_a_follow_up_of_the_same_words_is_no_verified_question(assistant_for: AssistantFor) -> None:
    assistant = assistant_for("tarnbrook")
    first = assistant.ask(Question(VERIFIED_FOR, today=TODAY))
    verifying.save(assistant, first.answer_id, OF_AWS, None, TODAY)
    assistant.ask(Question("cost by team in January 2026", thread="u", today=TODAY))
    assert assistant.ask(Question("and for AWS?", thread="u", today=TODAY)).plan
    alone = assistant.ask(Question("what did AWS cost in January 2026", thread="u", today=TODAY))
    assert alone.understood.startswith("Verified")


def test_a_query_lapses_and_is_renewed_by_who_may(assistant_for: AssistantFor) -> None:
    assistant = assistant_for("tarnbrook")
    planned = assistant.ask(ASKED)
    verifying.save(assistant, planned.answer_id, FIXED, None, TODAY, until=date(2026, 3, 31))
    assert "until 2026-03-31" in assistant.ask(ASKED).assumptions[0]
    late = assistant.ask(replace(ASKED, today=date(2026, 4, 1)))
    assert late.plan
    assert any("lapsed on 2026-03-31" in said for said in late.assumptions)
    executive = next(str(u["user"]) for u in assistant.warehouse.catalog.small["users"] if u["role"] == "executive")
    with pytest.raises(Refused, match="role"):
        verifying.renew(assistant, ASKED.text, executive, date(2027, 1, 1))
    verifying.renew(assistant, ASKED.text, None, date(2027, 1, 1), "noor")
    again = assistant.ask(replace(ASKED, today=date(2026, 4, 1)))
    assert "noor answers for it" in again.assumptions[0]
    with pytest.raises(Refused, match="No query is saved"):
        verifying.renew(assistant, "cost of nothing", None, date(2027, 1, 1))


def test_queries_are_tested_on_every_load(assistant_for: AssistantFor, tmp_path: Path) -> None:
    warehouse = tmp_path / "w.duckdb"
    bill = Path(__file__).parent / "data" / "small_bill.csv"
    load([str(bill)], warehouse)
    assistant = Assistant(Config(warehouse=warehouse))
    given = assistant.ask(Question("billed cost by team in March 2025", today=date(2025, 4, 10)))
    lines = bill.read_text(encoding="utf-8").splitlines()
    more = [f"{lines[0]},x_Gone", *(f"{line},one" for line in lines[1:])]
    (tmp_path / "more.csv").write_text("\n".join(more) + "\n", encoding="utf-8")
    load([str(tmp_path / "more.csv")], warehouse, replace=True)
    statement, day = "SELECT x_Gone, 1 AS one FROM cost_and_usage", date(2025, 4, 10)
    verifying.save(assistant, given.answer_id, statement, None, day, until=date(9999, 1, 1))
    assistant.close()

    def askcost(*args: str) -> Result:
        return CliRunner().invoke(main, [*args, "--warehouse", str(warehouse)])

    assert askcost("verified", "test").exit_code == 0
    warehouse.unlink()
    done = askcost("load", str(bill))
    assert done.exit_code == 0, done.output
    assert "billed cost by team in March 2025” does not hold, tell local operator" in done.stderr
    assert askcost("verified", "test").exit_code == 1
    [own] = [o for o in json.loads(askcost("verified", "--json").stdout)["verified"] if o["owner"] != "askcost"]
    assert "x_Gone" in own["problem"]
    assert askcost("verified", "withdraw", own["name"]).exit_code == 0
    assert askcost("verified", "test").exit_code == 0


def test_a_file_from_before_queries_lapsed_is_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            'CREATE TABLE verified (words TEXT, question TEXT, sql TEXT, "by" TEXT, at TEXT, answer_id TEXT)'
        )
        connection.execute(
            "INSERT INTO verified VALUES ('cost now', 'Cost now?', 'SELECT 1', 'ana', '2026-01-02', NULL)"
        )
        connection.commit()
    saved = Saved(path)
    assert saved.find(("cost", "now")) == Entry("Cost now?", "SELECT 1", "ana", "2026-01-02")
    saved.save(("cost", "now"), "Cost now?", "SELECT 2", "bo", None, "2027-01-01")
    found = saved.find(("cost", "now"))
    assert found is not None
    assert (found.sql, found.until, found.owner) == ("SELECT 2", "2027-01-01", "bo")
