"""`askcost spend`: what was spent and saved, what is left, who may grant, and own spend asked about like any bill."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from assistant.config import Config
from assistant.ledger import store
from assistant.ledger.audit import Ledger
from assistant.ledger.prices import Price, Usage
from assistant.ledger.spend import Call, Spend, Who
from assistant.surfaces.cli.main import main
from assistant.values import Answer
from assistant.warehouse import load as loader

NOW = datetime.now(UTC)
MONTH = NOW.date().replace(day=1)
PRICED = Price(Decimal("0.01"), "test")
Command = Callable[..., Result]


def call(usage: Usage, price: Price = PRICED, purpose: str = "planning") -> Call:
    return Call(purpose, "http://host/v1", "gpt-5-mini", usage, price, 1.0, "ok", None)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bill whose teams are called squads, and users: noor sees Orion only, root may do all."""
    folder = tmp_path_factory.mktemp("company")
    (folder / "bill.csv").write_text(
        "BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,"
        "ChargeCategory,ServiceProviderName,ServiceName,BilledCost,EffectiveCost,ListCost,ContractedCost,Tags\n"
        + "".join(
            "acme,USD,2026-02-01T00:00:00Z,2026-03-01T00:00:00Z,2026-02-02T00:00:00Z,2026-02-03T00:00:00Z,Usage,AWS,"
            f'EC2,{cost},{cost},{cost},{cost},"{{""squad"": ""{squad}""}}"\n'
            for squad, cost in (("Orion", 5), ("Payments", 7))
        )
    )
    (folder / "users.csv").write_text(
        "user,team,role,row_policy\nnoor,Orion,analyst,squad = Orion\nines,Payments,finance,\nroot,Payments,admin,\n"
    )
    (folder / "tokens.csv").write_text(
        "usage_date,provider,model,application,team,requests,input_tokens,output_tokens,cost_usd\n"
        "2026-02-02,OpenAI,gpt-5-mini,Claims,Orion,1,40,2,0.5\n"
    )
    for file, table in (("bill", None), ("users", "users"), ("tokens", "token_usage")):
        loader.load([str(folder / f"{file}.csv")], folder / "w.duckdb", table)
    return folder / "w.duckdb"


@pytest.fixture
def config(company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The company's warehouse, copied, because own spend is loaded into it; and a ledger of its own."""
    warehouse = tmp_path / "w.duckdb"
    shutil.copyfile(company, warehouse)
    monkeypatch.setenv("ASKCOST_WAREHOUSE", str(warehouse))
    monkeypatch.setenv("ASKCOST_LEDGER", str(tmp_path / "ledger.sqlite"))
    return Config()


@pytest.fixture
def askcost(config: Config) -> Command:
    return lambda *words: CliRunner().invoke(main, list(words))


def record(config: Config, usage: Usage, user: str | None = "noor", team: str | None = "Orion", **more: Any) -> None:
    at = more.pop("at", NOW)
    Spend(store.of(config)).record(Who(more.pop("answer_id", "a1"), user, team), call(usage, **more), at)


def answered(config: Config, planner: Any, answer_id: str = "a1") -> None:
    Ledger(store.of(config)).record(Answer("answered", answer_id, "cost", planner=planner), "cli", "")


# --- the report ----------------------------------------------------------------------------------------


def test_the_report_shows_spend_what_is_left_and_how_to_get_more(
    config: Config, askcost: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASKCOST_LLM_USER_DAY_TOKENS", "1000")
    record(config, Usage(input=800, output=100), price=Price(None, "unknown"))
    shown = json.loads(askcost("spend", "--by", "team", "--user", "noor", "--json").output)
    assert shown["rows"][0] | {"unpriced": 1, "team": "Orion"} == shown["rows"][0]
    assert (shown["allowances"][0]["used"], shown["allowances"][0]["left"]) == (900, 100)
    text = askcost("spend", "--user", "noor").output
    assert "without a known price" in text
    assert "resets" in text
    assert "nearly used up; an administrator can grant more: askcost spend --grant-user 'noor'" in text


def test_a_user_sees_only_their_own_spend(config: Config, askcost: Command) -> None:
    record(config, Usage(input=800, output=100))
    record(config, Usage(input=7, output=7), user="ines", team="Payments")
    own = json.loads(askcost("spend", "--user", "noor", "--json").output)
    assert [row["user"] for row in own["rows"]] == ["noor"]
    everything = json.loads(askcost("spend", "--json").output)
    assert {row["user"] for row in everything["rows"]} == {"noor", "ines"}
    assert askcost("spend", "--user", "nobody").exit_code == 4


def test_savings_are_measured_against_the_whole_schema(config: Config, askcost: Command) -> None:
    for number, planner in enumerate(["local", "local", "cache", "llm"]):
        answered(config, planner, f"a{number}")
    record(config, Usage(input=400), answer_id="a3")
    record(config, Usage(input=150), answer_id="a3", purpose="narration")  # prose is no question's schema
    saved = json.loads(askcost("spend", "--json").output)["saved"]
    assert (saved["answers"], saved["answers_without_a_model"], saved["tokens_sent"]) == (4, 3, 400)
    assert saved["whole_schema_tokens"] > 400
    assert saved["tokens_saved"] == 4 * saved["whole_schema_tokens"] - 400
    assert "3 of 4 answers took no model" in askcost("spend").output


# --- grants --------------------------------------------------------------------------------------------


def test_an_administrator_grants_and_the_reason_is_kept(config: Config, askcost: Command) -> None:
    given = ("--tokens", "500", "--reason", "quarter end")
    assert askcost("spend", "--grant-user", "noor", *given, "--user", "root").exit_code == 0
    refused = askcost("spend", "--grant-user", "noor", *given, "--user", "noor")
    assert (refused.exit_code, "Only administrators" in refused.stderr) == (4, True)
    assert askcost("spend", "--grant-user", "norr", *given).exit_code == 4
    assert askcost("spend", "--grant-user", "noor", "--tokens", "500").exit_code == 2
    assert "by root: 500 tokens and $0.00 more for noor, quarter end" in askcost("spend").output


# --- own spend as rows ---------------------------------------------------------------------------------


def rows(askcost: Command, question: str, *more: str) -> Any:
    answer = json.loads(askcost("ask", question, "--json", *more).output)
    assert answer["status"] == "answered", answer["error"] or answer["clarify"]
    return answer["rows"]


def test_own_spend_is_an_ordinary_question(config: Config, askcost: Command) -> None:
    before = rows(askcost, "cost by squad in February 2026")
    last_month = datetime.combine(MONTH - timedelta(days=3), datetime.min.time(), UTC)
    record(config, Usage(input=800, cached_input=100, output=100), at=last_month)
    record(config, Usage(input=80, output=10), team="Payments", user="ines", at=last_month)
    record(config, Usage(input=5, output=5), price=Price(None, "unknown"), user="ines", at=last_month)
    for _ in range(2):  # again is no more
        done = askcost("spend", "--load")
        assert done.exit_code == 0, done.output
        by_team = rows(askcost, "what did this assistant cost last month by team")
        assert by_team == rows(askcost, "askcost cost by squad last month") == [["Orion", 0.01], ["Payments", 0.01]]
        assert rows(askcost, "askcost tokens by user last month") == [["noor", 900], ["ines", 100]]
        assert rows(askcost, "cost of askcost in February 2026") == [[0]]  # its name is never a word to ignore
    assert rows(askcost, "cost by squad in February 2026") == before
    assert rows(askcost, "tokens by application in February 2026") == [["Claims", 42]]


def test_cost_per_correct_answer_counts_what_somebody_confirmed(config: Config, askcost: Command) -> None:
    ledger = Ledger(store.of(config))
    for number in range(4):
        answered(config, "llm", f"a{number}")
    for answer_id, correct in (("a0", True), ("a1", True), ("a2", True), ("a2", False)):
        assert ledger.judge(answer_id, None, correct)
    record(config, Usage(input=800, output=100), answer_id="a0")
    assert askcost("spend", "--load").exit_code == 0
    shown = json.loads(askcost("unit-cost", "correct answers", "--json").output)
    assert "0.005" in json.dumps(shown)


def test_files_are_written_too(config: Config, askcost: Command, tmp_path: Path) -> None:
    record(config, Usage(input=800, cached_input=100, output=100))
    assert askcost("spend", "--export", str(tmp_path / "own")).exit_code == 0
    with open(tmp_path / "own" / "token_usage.csv", encoding="utf-8") as stream:
        found = [(r["team"], r["input_tokens"], r["cost_usd"]) for r in csv.DictReader(stream)]
    assert found == [("Orion", "800", "0.01")]
    assert askcost("spend", "--export", str(tmp_path / "own"), "--user", "noor").exit_code == 4
