"""The spend ledger and the allowances: nothing is spent unseen, and no limit is overrun, by however many at once."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assistant.config import Config
from assistant.errors import Clarify, LedgerError, SchemaError
from assistant.ledger import allowances
from assistant.ledger.budget import OPERATOR, Budget, Limit, Spent
from assistant.ledger.prices import Price, Prices, Usage
from assistant.ledger.spend import Call, Spend, Who
from assistant.ledger.store import File
from assistant.planning import meter
from assistant.planning.llm import Failed, Reply, Scripted
from assistant.planning.meter import MOST_CALLS, Unavailable

ANN = Who("answer-1", "ann", "Core")
PRICE = Price(Decimal("0.01"), "test")


def call(usage: Usage, reservation: str | None = None, price: Price = PRICE) -> Call:
    return Call("planning", "http://host/v1", "gpt-5-mini", usage, price, 1.0, "ok", reservation)


def spend_in(folder: Path) -> Spend:
    return Spend(File(folder / "ledger.sqlite"))


# --- the ledger ----------------------------------------------------------------------------------------


def test_totals_are_the_sum_of_the_replies(tmp_path: Path) -> None:
    spend = spend_in(tmp_path)
    for n in range(1, 5):
        spend.record(Who(f"a{n}", "ann" if n % 2 else "bo"), call(Usage(n * 100, n * 10, 0, n, n)))
    by_user = {row["user"]: row for row in spend.by("user")}
    assert (by_user["ann"]["input"], by_user["bo"]["input"]) == (400, 600)
    assert by_user["bo"]["cost_usd"] == Decimal("0.02")
    assert spend.tokens("a3").cached_input == 30


def test_rows_can_not_be_changed_or_removed(tmp_path: Path) -> None:
    spend = spend_in(tmp_path)
    spend.record(ANN, call(Usage(1)))
    for statement in ("UPDATE model_calls SET input = 0", "DELETE FROM model_calls"):
        with pytest.raises(LedgerError, match="append-only"), spend.store.transaction() as run:
            run(statement)
    assert spend.tokens(ANN.answer_id).input == 1


def test_a_call_is_recorded_whatever_becomes_of_it(tmp_path: Path) -> None:
    desk = desk_in(tmp_path, Failed("HTTP 400"))
    with pytest.raises(Unavailable, match="HTTP 400"):
        desk.meter(ANN).say("planning", [("user", "x")])
    assert [(r["outcome"], r["purpose"], r["team"]) for r in desk.spend.calls()] == [("HTTP 400", "planning", "Core")]


def test_an_endpoint_that_counts_nothing_is_estimated(tmp_path: Path) -> None:
    desk = desk_in(tmp_path, Reply("word " * 100, Usage()))
    desk.meter(ANN).say("planning", [("user", "x" * 400)])
    assert desk.spend.tokens(ANN.answer_id).input == 100
    assert desk.spend.tokens(ANN.answer_id).output == 125


# --- prices --------------------------------------------------------------------------------------------


def test_prices_are_the_catalogue_s_or_the_company_s_or_unknown(tmp_path: Path) -> None:
    (tmp_path / "llm.yaml").write_text("prices:\n  house-model: { input: 1, cached_input: 0.5, output: 2 }\n")
    prices = Prices(tmp_path, "http://127.0.0.1:8000/v1")
    day, used = datetime(2026, 3, 1, tzinfo=UTC), Usage(1_000_000, 500_000, 0, 1_000_000)
    assert prices.price("house-model", used, day).usd == Decimal("2.75")
    assert prices.price("gpt-5-mini", Usage(420, 128, 0, 90, 30), day).usd == Decimal("0.0002562")
    assert prices.price("nobody-knows", used, day).usd is None


def test_a_price_that_is_no_number_names_its_model(tmp_path: Path) -> None:
    (tmp_path / "llm.yaml").write_text("prices:\n  house-model: { input: cheap, output: 2 }\n")
    with pytest.raises(SchemaError, match="house-model"):
        Prices(tmp_path, None)


# --- allowances ----------------------------------------------------------------------------------------


def test_an_allowance_is_reserved_settled_and_granted(tmp_path: Path) -> None:
    spend = spend_in(tmp_path)
    budget = Budget(spend, [Limit("user", "day", tokens=1_000)], 60)
    first = budget.reserve(ANN, 800, None).name
    with pytest.raises(Spent, match=r"daily allowance of ann, 1,000 tokens for .* --grant-user 'ann'"):
        budget.reserve(ANN, 300, None)
    spend.record(ANN, call(Usage(input=100, output=50), first))
    assert budget.left(ANN)[0].left == 850
    budget.reserve(ANN, 850, None)
    budget.reserve(Who("other", "bo"), 1_000, None)  # each user has their own
    budget.grant("user", "ann", 500, Decimal(0), "quarter end", "root")
    budget.reserve(ANN, 500, None)
    assert budget.left(ANN)[0].left == 0


def _reserve_and_die(file: str, lease: float) -> None:
    Budget(Spend(File(Path(file))), [Limit("user", "day", tokens=1_000)], lease).reserve(ANN, 1_000, None)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("lease", "free"), [(600.0, False), (-1.0, True)])
def test_a_killed_process_holds_its_share_until_its_lease_ends(tmp_path: Path, lease: float, free: bool) -> None:
    """A lease of the past stands for one that has run out since."""
    killed = multiprocessing.get_context("spawn").Process(
        target=_reserve_and_die, args=(str(tmp_path / "ledger.sqlite"), lease)
    )
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    budget = Budget(spend_in(tmp_path), [Limit("user", "day", tokens=1_000)], 60)
    assert (budget.left(ANN)[0].left == 1_000) is free


def test_an_allowance_that_only_warns_is_said_and_does_not_stop(tmp_path: Path) -> None:
    soft = Limit("team", "month", tokens=1_000, hard=False, elsewhere_tokens=700)
    budget = Budget(spend_in(tmp_path), [], 60)
    assert budget.reserve(ANN, 200, None, [soft]).warnings == ()
    warned = budget.reserve(ANN, 200, None, [soft]).warnings
    assert len(warned) == 1
    assert re.search(r"90% of the monthly allowance of team Core, 1,000 tokens.* resets on \d{4}-\d\d-01", warned[0])
    assert budget.reserve(ANN, 5_000, None, [soft]).warnings
    with pytest.raises(Spent, match="monthly allowance of team Core"):
        budget.reserve(ANN, 200, None, [replace(soft, hard=True)])


def test_the_warehouse_s_allowances_bind_their_user_and_team(tmp_path: Path) -> None:
    held = duckdb.connect()
    held.execute("CREATE TABLE token_allowances (month DATE, subject_type VARCHAR, subject VARCHAR, tokens BIGINT, "
                 "usd DECIMAL(18,2), hard BOOLEAN)")  # fmt: skip
    held.execute("CREATE TABLE token_usage (usage_date DATE, team VARCHAR, user_id VARCHAR, application VARCHAR, "
                 "input_tokens BIGINT, output_tokens BIGINT, cost_usd DECIMAL(18,2))")  # fmt: skip
    held.execute("INSERT INTO token_allowances VALUES ('2026-03-01','user','ann',5000,NULL,true), "
                 "('2026-03-01','team','Core',NULL,20,NULL), ('2026-02-01','user','ann',1,NULL,true), "
                 "('2026-03-01','user','o''bo',1,NULL,true)")  # fmt: skip
    held.execute(
        "INSERT INTO token_usage VALUES ('2026-03-02','Core','ann','Claims',100,50,1.5), "
        "('2026-03-03','Core','ann','askcost',1000,0,9), ('2026-02-03','Core','ann','Claims',7,7,7)"
    )
    tables = ("token_allowances", "token_usage")
    found = allowances.of(ANN, tables, lambda sql: held.execute(sql).fetchall(), date(2026, 3, 19))
    assert found == (
        Limit("user", "month", 5_000, None, True, 150, Decimal("1.5")),
        Limit("team", "month", None, Decimal(20), False, 150, Decimal("1.5")),
    )
    other = allowances.of(Who("x", "o'bo"), tables, lambda sql: held.execute(sql).fetchall(), date(2026, 3, 19))
    assert [limit.tokens for limit in other] == [1]
    assert allowances.of(Who("x"), tables, lambda sql: held.execute(sql).fetchall()) == ()


def test_a_ledger_of_before_the_steps_goes_on(tmp_path: Path) -> None:
    """As askcost 0.1 made it, with a call in it."""
    with sqlite3.connect(tmp_path / "ledger.sqlite") as old:
        old.executescript(
            "CREATE TABLE model_calls (call_id TEXT PRIMARY KEY, at TEXT NOT NULL, day TEXT NOT NULL, answer_id TEXT "
            "NOT NULL, thread TEXT, user TEXT, team TEXT, purpose TEXT NOT NULL, provider TEXT, model TEXT NOT NULL, "
            "input INTEGER NOT NULL, cached_input INTEGER NOT NULL, cache_write INTEGER NOT NULL, output INTEGER NOT "
            "NULL, reasoning INTEGER NOT NULL, cost_usd TEXT, price_basis TEXT NOT NULL, ms REAL NOT NULL, outcome "
            "TEXT NOT NULL, reservation TEXT);"
            "INSERT INTO model_calls VALUES ('c','2026-01-01','2026-01-01','a0',NULL,'ann',NULL,'planning','h','m',"
            "7,0,0,1,0,'0.5','b',1.0,'ok',NULL);"
        )
    old.close()
    spend = spend_in(tmp_path)
    spend.record(ANN, call(Usage(input=3)))
    assert [row["input"] for row in spend.calls()] == [7, 3]
    with pytest.raises(LedgerError, match="append-only"), spend.store.transaction() as run:
        run("DELETE FROM model_calls")


def test_a_ledger_of_a_newer_askcost_is_left_alone(tmp_path: Path) -> None:
    with spend_in(tmp_path).store.transaction() as run:
        run("INSERT INTO ledger_version (version) VALUES (99)")
    with pytest.raises(LedgerError, match="newer askcost"):
        spend_in(tmp_path).calls()


def test_the_local_operator_and_teams_have_allowances_too(tmp_path: Path) -> None:
    limits = [Limit("user", "day", tokens=10), Limit("team", "month", usd=Decimal(1)), Limit("company", "month", 15)]
    budget = Budget(spend_in(tmp_path), limits, 60)
    assert [left.name for left in budget.left(Who("x"))] == [OPERATOR, "all"]
    assert [left.name for left in budget.left(ANN)] == ["ann", "Core", "all"]
    budget.reserve(Who("x"), 10, None)
    with pytest.raises(Spent, match="the company"):
        budget.reserve(Who("y", "bo"), 10, None)


def test_money_is_not_spent_on_a_model_without_a_price(tmp_path: Path) -> None:
    budget = Budget(spend_in(tmp_path), [Limit("user", "day", usd=Decimal(5))], 60)
    with pytest.raises(Spent, match=r"no known price: give it one in schemas/llm\.yaml"):
        budget.reserve(ANN, 10, None)
    budget.reserve(ANN, 10, Decimal("4.99"))
    with pytest.raises(Spent, match=r"\$5\.00"):
        budget.reserve(ANN, 10, Decimal("0.02"))


def _reserve_many(file: str) -> int:
    budget = Budget(Spend(File(Path(file))), [Limit("company", "month", tokens=1_000)], 60)

    def one(n: int) -> int:
        try:
            budget.reserve(Who(f"a{n}"), 37, None)
        except Spent:
            return 0
        return 37

    with ThreadPoolExecutor(16) as pool:
        return sum(pool.map(one, range(16)))


def test_64_calls_in_4_processes_do_not_overrun(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        taken = sum(pool.map(_reserve_many, [str(tmp_path / "ledger.sqlite")] * 4))
    assert taken == 27 * 37  # as many as fit into 1,000, and not one more


# --- one answer's calls --------------------------------------------------------------------------------


def desk_in(folder: Path, *replies: Any, **settings: Any) -> meter.Desk:
    config = Config(warehouse=folder / "w.duckdb", ledger=folder / "ledger.sqlite", **settings)
    desk = meter.desk(config, [Scripted(*replies)])
    assert desk is not None
    desk.backoff = 0.0
    return desk


def test_no_answer_takes_more_than_three_calls(tmp_path: Path) -> None:
    desk = desk_in(tmp_path, *["again"] * 10)
    talk = desk.meter(ANN)
    for _ in range(MOST_CALLS):
        talk.say("planning", [("user", "x")])
    with pytest.raises(Unavailable, match="3 times"):
        talk.say("planning", [("user", "x")])
    assert len(desk.spend.calls()) == MOST_CALLS == 3


def test_one_answer_has_a_ceiling(tmp_path: Path) -> None:
    desk = desk_in(tmp_path, "a", llm_answer_tokens=1_000)
    with pytest.raises(Unavailable, match="ASKCOST_LLM_ANSWER_TOKENS"):
        desk.meter(ANN).say("planning", [("user", "x")])
    assert desk.spend.calls() == []


def test_a_spent_allowance_is_said_and_no_call_is_made(tmp_path: Path) -> None:
    desk = desk_in(tmp_path, "a", llm_user_day_tokens=10)
    with pytest.raises(Unavailable, match="daily allowance"):
        desk.meter(ANN).say("planning", [("user", "x")])
    assert desk.spend.calls() == []


def test_a_dear_call_is_quoted_first(tmp_path: Path) -> None:
    desk = desk_in(tmp_path, "a", llm_ask_above_tokens=1_000)
    with pytest.raises(Clarify, match="up to 2,0"):
        desk.meter(ANN).say("planning", [("user", "x")])
    assert desk.meter(ANN, forced=True).say("planning", [("user", "x")]) == "a"


def test_a_model_that_is_down_is_left_alone_for_a_while(tmp_path: Path) -> None:
    desk = desk_in(tmp_path, Failed("timeout", down=True), "never asked")
    for reason in ("timeout", "it failed a moment ago"):
        with pytest.raises(Unavailable, match=reason):
            desk.meter(ANN).say("planning", [("user", "x")])
    assert len(desk.spend.calls()) == 1


def test_a_ledger_that_can_not_be_written_stops_the_spending(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(Unavailable, match="ledger can't be written"):
        desk_in(tmp_path, "a").meter(ANN).say("planning", [("user", "x")])
