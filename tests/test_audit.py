"""The audit: what is kept of an answer, one chain that shows tampering, retention, search, export."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import LedgerError
from assistant.ledger import chain, migrations, receipts, search
from assistant.ledger.audit import Ledger
from assistant.ledger.receipts import Receipt
from assistant.ledger.search import Sought
from assistant.ledger.store import File
from assistant.surfaces.cli.main import main
from assistant.values import Answer, AnswerColumn, QueryPlan, Question, Tokens
from assistant.warehouse.load import load

BILL = str(Path(__file__).parent / "data" / "small_bill.csv")
TODAY = date(2025, 4, 10)
PLAN = QueryPlan(dataset="cost_and_usage", metrics=("billed_cost",))


def given_answer(number: int, **more: Any) -> Answer:
    fields = {"rows": ((f"team {number}", Decimal("10.20")),), "plan": PLAN, "user": "ann", **more}
    return Answer("answered", f"answer-{number:04}", f"billed cost of team {number}", **fields)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "w.ledger.sqlite"


@pytest.fixture
def five(file: Path) -> File:
    """A ledger with five answers."""
    store = File(file)
    ledger = Ledger(store)
    for number in range(1, 6):
        ledger.record(given_answer(number), "cli", "v1", Receipt(policy="you see team red only"))
    assert ledger.problem is None
    return store


# --- what is kept -------------------------------------------------------------------------------------


def test_every_answer_is_kept_with_what_made_it(tmp_path: Path) -> None:
    load([BILL], tmp_path / "w.duckdb")
    (tmp_path / "users.csv").write_text("user,role,row_policy\nzoe,analyst,team = blue\n")
    load([str(tmp_path / "users.csv")], tmp_path / "w.duckdb", "users")
    assistant = Assistant(Config(warehouse=tmp_path / "w.duckdb"), surface="cli")
    asked = [
        assistant.ask(Question(text, user, "t", TODAY))
        for text, user in (
            ("billed cost by service last month", "zoe"),
            ("cost of Nonexistium", None),
            ("cost in 2019", None),
            ("cost last month", "stranger"),
        )
    ]
    kept = [assistant.ledger.answers(answer.answer_id)[0] for answer in asked]
    assert [one["status"] for one in kept] == [answer.status for answer in asked]
    assert {one["status"] for one in kept} >= {"answered", "clarify", "refused"}
    first = kept[0]
    assert (first["user"], first["surface"], first["today"]) == ("zoe", "cli", "2025-04-10")
    assert first["rows"] == [["Compute Fabric", "20.0"]]
    assert first["columns"][1] == {"name": "billed_cost", "kind": "metric", "unit": "EUR"}
    assert first["digest"] == receipts.digest(asked[0].rows)
    assert "blue" in first["policy"]
    assert "blue" in first["executed"]
    assert "blue" not in first["sql"]
    assert first["engine"].startswith("duckdb ")
    assert first["definitions"] == assistant.schema.version
    assert first["data_version"] == assistant.warehouse.catalog.data_version
    assert first["answer"] == asked[0].answer
    assert not chain.verify(File(assistant.config.ledger_path)).breaks


def test_the_statements_of_an_analysis_are_kept_as_they_ran(tmp_path: Path) -> None:
    load([BILL], tmp_path / "w.duckdb")
    assistant = Assistant(Config(warehouse=tmp_path / "w.duckdb"))
    answer = assistant.ask(Question("why did cost change from March 2025 to April 2025?", today=TODAY))
    assert answer.plan is not None
    assert answer.plan.analysis
    kept = assistant.ledger.answers(answer.answer_id)[0]
    assert kept["executed"].count("main.cost_and_usage") >= kept["sql"].count(";\n\n") + 1


@pytest.mark.parametrize(
    ("command", "stdin", "surface", "status"),
    [
        (["sql", "--user", "zoe"], "SELECT sum(BilledCost) AS billed FROM cost_and_usage", "sql", "answered"),
        (["sql", "--user", "zoe"], "DROP TABLE cost_and_usage", "sql", "refused"),
        (["sql", "--user", "stranger"], "SELECT 1 AS one", "sql", "refused"),
        (["chargeback", "--month", "2025-03", "--by", "team", "--user", "zoe"], "", "report", "answered"),
        (["anomalies", "--today", "2025-04-10", "--user", "zoe"], "", "report", "answered"),
        (["forecast", "--user", "stranger"], "", "report", "refused"),
        (["carbon", "--user", "zoe"], "", "report", "refused"),
    ],
)
def test_statements_and_reports_of_the_command_line_are_kept(
    command: list[str], stdin: str, surface: str, status: str, tmp_path: Path
) -> None:
    load([BILL], tmp_path / "w.duckdb")
    (tmp_path / "users.csv").write_text("user,role,row_policy\nzoe,analyst,team = blue\n")
    load([str(tmp_path / "users.csv")], tmp_path / "w.duckdb", "users")
    done = CliRunner().invoke(main, [*command, "--warehouse", str(tmp_path / "w.duckdb")], input=stdin)
    [one] = Ledger(File(tmp_path / "w.ledger.sqlite")).answers()
    [kept] = Ledger(File(tmp_path / "w.ledger.sqlite")).answers(one["answer_id"])
    assert (kept["surface"], kept["status"], kept["user"]) == (surface, status, command[command.index("--user") + 1])
    assert kept["question"] == (stdin or " ".join(["askcost", *command, "--warehouse", str(tmp_path / "w.duckdb")]))
    if status == "answered":
        assert done.exit_code == 0, done.output
        assert "blue" in kept["policy"]
        assert "blue" in kept["executed"]
        assert kept["digest"]
    else:
        assert kept["error"] in done.output


def test_two_programs_continue_one_conversation(file: Path) -> None:
    one, other = Ledger(File(file)), Ledger(File(file))
    one.record(given_answer(1, thread="t"), "slack", "v1")
    later = QueryPlan(dataset="cost_and_usage", metrics=("effective_cost",))
    other.record(given_answer(2, thread="t", plan=later), "slack", "v1")
    assert one.last_plan("t", "ann") == later  # not what it answered itself, which is no longer the last


def test_how_many_rows_are_kept_is_a_setting(tmp_path: Path) -> None:
    load([BILL], tmp_path / "w.duckdb")
    assistant = Assistant(Config(warehouse=tmp_path / "w.duckdb", audit_rows=1))
    answer = assistant.ask(Question("billed cost by service by day last month", today=TODAY))
    kept = assistant.ledger.answers(answer.answer_id)[0]
    assert (len(kept["rows"]), kept["row_count"]) == (1, len(answer.rows))
    assert kept["digest"] == receipts.digest(answer.rows)


def test_rows_are_kept_up_to_a_bound_and_digested_whole(file: Path) -> None:
    ledger = Ledger(File(file))
    many = tuple((n, Decimal(n) / 100) for n in range(1_000))
    wide = tuple(("x" * 1_000, n) for n in range(200))
    for number, rows in enumerate((many, wide)):
        ledger.record(given_answer(number, rows=rows), "cli", "v1")
    first, second = (ledger.answers(f"answer-000{n}")[0] for n in (0, 1))
    assert (len(first["rows"]), first["row_count"]) == (receipts.MOST_ROWS, 1_000)
    assert 50 < len(second["rows"]) < 66
    assert first["digest"] != receipts.digest(many[:200])


cells = st.one_of(st.none(), st.text(), st.decimals(allow_nan=False, allow_infinity=False), st.dates(), st.booleans())


@given(st.lists(st.tuples(cells, cells)), st.randoms())
def test_a_digest_knows_no_order_and_no_trailing_zero(rows: list[tuple[Any, Any]], chance: Any) -> None:
    mixed = [tuple(Decimal(f"{v:f}") if isinstance(v, Decimal) else v for v in row) for row in rows]
    chance.shuffle(mixed)
    assert receipts.digest(rows) == receipts.digest(mixed)
    assert receipts.digest(rows) != receipts.digest([*rows, ("one", "more")])
    assert receipts.digest([(Decimal("1.20"),)]) == receipts.digest([(Decimal("1.2"),)])


# --- the chain ----------------------------------------------------------------------------------------

TAMPERED = {
    "words": ("UPDATE answers SET answer = 'nothing' WHERE seq = 3", "Record 3 .* was changed"),
    "rows": ("UPDATE answers SET rows = replace(rows, '10.20', '10.21') WHERE seq = 3", "Record 3 .* was changed"),
    "person": ("UPDATE answers SET \"user\" = 'bo' WHERE seq = 3", "Record 3 .* was changed"),
    "emptied": ("UPDATE answers SET policy = NULL WHERE seq = 3", "Record 3 .* was changed"),
    "taken out": ("DELETE FROM answers WHERE seq = 3", "Record 4 .*: 1 records are missing before it"),
    "head taken off": ("DELETE FROM answers WHERE seq < 3", "Record 3 .*: 2 records are missing before it"),
    "put outside": ("UPDATE answers SET seq = NULL WHERE seq = 5", "1 answers stand outside the chain"),
    "closed up": (
        "DELETE FROM answers WHERE seq = 3; UPDATE answers SET seq = seq - 1 WHERE seq > 3",
        "Record 3 .* does not follow",
    ),
    "added": (
        "INSERT INTO answers (answer_id, at, question, status, seq, previous, hash) "
        "SELECT 'forged', at, question, status, 6, hash, hash FROM answers WHERE seq = 5",
        "Record 6 .* was changed",
    ),
}


def tamper(file: Path, statements: str) -> None:
    """As somebody with the file in hands: the triggers are dropped first."""
    connection = sqlite3.connect(file)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.executescript(statements)
    connection.commit()
    connection.close()


def test_untouched_it_holds(five: File) -> None:
    verdict = chain.verify(five)
    assert (verdict.records, verdict.head, verdict.breaks) == (5, 5, ())


@pytest.mark.parametrize("kind", TAMPERED)
def test_tampering_is_detected(kind: str, five: File, file: Path) -> None:
    statements, told = TAMPERED[kind]
    five.close()
    tamper(file, statements)
    breaks = chain.verify(five).breaks
    assert breaks
    assert re.search(told, breaks[0]), breaks


def test_a_noted_hash_shows_that_the_newest_were_cut_off(five: File, file: Path) -> None:
    seen = chain.verify(five).newest
    assert not chain.verify(five, seen).breaks
    five.close()
    tamper(file, "DELETE FROM answers WHERE seq = 5")
    assert not chain.verify(five).breaks
    assert "not in the chain" in chain.verify(five, seen).breaks[0]


def test_nobody_changes_a_record_without_dropping_the_triggers(five: File) -> None:
    for statement in ("UPDATE answers SET answer = ''", "DELETE FROM answers", "UPDATE pruned SET seq = 9"):
        with pytest.raises(LedgerError, match="append-only"), five.transaction() as run:
            run(statement)


def write_many(place: tuple[str, int]) -> None:
    path, first = place
    ledgers = [Ledger(File(Path(path))) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for n in range(60):
            pool.submit(ledgers[n % 3].record, given_answer(first + n), "cli", "v1")


def test_writers_of_several_processes_make_one_chain(file: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(write_many, [(str(file), 0), (str(file), 1_000)])
    verdict = chain.verify(File(file))
    assert (verdict.records, verdict.head, verdict.breaks) == (120, 120, ())


def test_a_ledger_from_before_the_chain_goes_on_in_one(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE ledger_version (version BIGINT NOT NULL)")
    connection.execute("INSERT INTO ledger_version VALUES (2)")
    for statements, _ in migrations.STEPS[:2]:
        for statement in statements:
            connection.execute(statement)
    for table in ("answers", "feedback"):
        for statement in migrations._append_only(table, "sqlite"):
            connection.execute(statement)
    connection.execute(
        "INSERT INTO answers (answer_id, at, question, status) VALUES ('old', '2026-01-01', 'q', 'error')"
    )
    connection.commit()
    connection.close()
    Ledger(File(file)).record(given_answer(1), "cli", "v1")
    verdict = chain.verify(File(file))
    assert (verdict.records, verdict.unchained, verdict.breaks) == (1, 1, ())


# --- retention ----------------------------------------------------------------------------------------


def test_what_is_too_old_is_removed_and_the_rest_still_holds(file: Path) -> None:
    store = File(file)
    old = (datetime.now(UTC) - timedelta(days=40)).isoformat(timespec="milliseconds")
    for number in range(1, 4):
        with store.transaction() as run:
            chain.append(run, {**receipts.record(given_answer(number), "cli", "v1", Receipt()), "at": old})
    ledger = Ledger(store)
    ledger.record(given_answer(4), "cli", "v1")
    assert ledger.judge("answer-0001", "ann", True)
    keeping = Ledger(store, keep_days=30)
    keeping.record(given_answer(5), "cli", "v1")
    assert keeping.problem is None
    assert [one["answer_id"] for one in keeping.answers()] == ["answer-0005", "answer-0004"]
    assert keeping.feedback("answer-0001") == []
    verdict = chain.verify(store)
    assert (verdict.records, verdict.head, verdict.breaks) == (2, 5, ())
    assert verdict.pruned[0].startswith("3 answers before ")
    with pytest.raises(LedgerError, match="append-only"), store.transaction() as run:
        run("DELETE FROM answers")
    assert chain.prune(store, "9999") == 2
    keeping.record(given_answer(6), "cli", "v1")
    assert (chain.verify(store).head, chain.verify(store).breaks) == (6, ())


def test_a_head_that_was_removed_and_is_put_back_is_told(five: File, file: Path) -> None:
    with five.transaction() as run:
        kept = run("SELECT * FROM answers WHERE seq = 1")[0]
    chain.prune(five, "9999")
    five.close()
    names, marks = ", ".join(f'"{n}"' for n in kept), ", ".join("?" for _ in kept)
    connection = sqlite3.connect(file)
    connection.execute(f"INSERT INTO answers ({names}) VALUES ({marks})", list(kept.values()))
    connection.commit()
    connection.close()
    assert "stands where records were removed" in chain.verify(five).breaks[0]


# --- search and export --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sought", "expected"),
    [
        (Sought(user="bo"), [2]),
        (Sought(user=""), [4]),
        (Sought(word="TEAM 3"), [3]),
        (Sought(word="100%"), [4]),
        (Sought(word="Élan"), [4]),
        (Sought(metric="effective cost"), [3]),
        (Sought(metric="billed_cost"), [4, 2, 1]),
        (Sought(since=date(2999, 1, 1)), []),
        (Sought(user="ann", metric="billed_cost"), [1]),
    ],
)
def test_answers_are_found_by_person_word_metric_and_day(sought: Sought, expected: list[int], file: Path) -> None:
    store = File(file)
    ledger = Ledger(store)
    effective = QueryPlan(dataset="cost_and_usage", metrics=("effective_cost",))
    for answer in (
        given_answer(1),
        given_answer(2, user="bo"),
        given_answer(3, plan=effective),
        replace(given_answer(4), user=None, answer="100% of Élan"),
    ):
        ledger.record(answer, "cli", "v1")
    assert [int(one["answer_id"][-4:]) for one in search.search(store, sought)] == expected
    assert sorted(int(r["answer_id"][-4:]) for r in search.records(store, sought)) == sorted(expected)


def test_an_export_can_be_verified_by_anybody(five: File, tmp_path: Path) -> None:
    out = tmp_path / "audit.jsonl"
    done = CliRunner().invoke(
        main, ["audit", "export", "--out", str(out), "--warehouse", str(tmp_path / "w.duckdb")], catch_exceptions=False
    )
    assert (done.exit_code, done.output) == (0, f"5 records in {out}.\n")
    before = ""
    for line in out.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        content = {k: v for k, v in record.items() if k != "hash" and v is not None}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(f"{before}\n{text}".encode()).hexdigest() == record["hash"]
        before = record["hash"]
    assert before == chain.verify(five).newest


# --- the command --------------------------------------------------------------------------------------


def run(tmp_path: Path, *args: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["audit", *args, "--warehouse", str(tmp_path / "w.duckdb")])
    return done.exit_code, done.output


def test_the_command_lists_shows_and_verifies(five: File, file: Path, tmp_path: Path) -> None:
    assert run(tmp_path)[1].count("billed cost of team") == 5
    assert run(tmp_path, "--word", "team 2", "--json")[1].count('"answer_id"') == 1
    assert json.loads(run(tmp_path, "answer-0002")[1])["rows"] == [["team 2", "10.20"]]
    assert run(tmp_path, "nothing")[0] == 1
    code, said = run(tmp_path, "verify")
    assert (code, said.splitlines()[0]) == (0, "The chain holds: 5 records, each as it was written.")
    five.close()
    tamper(file, TAMPERED["rows"][0])
    code, said = run(tmp_path, "verify", "--json")
    assert (code, json.loads(said)["holds"]) == (1, False)
    assert run(tmp_path, "verify")[0] == 1
    assert run(tmp_path, "search", "team 2", "--json")[1].count('"answer_id"') == 1
    assert run(tmp_path, "search", "team 2", "--metric", "list_cost")[1] == ""
    assert run(tmp_path, "search", "team", "--word", "team")[0] == 2
    assert run(tmp_path, "replay")[0] == 2
    assert run(tmp_path, "answer-0001", "answer-0002")[0] == 2


def test_what_a_model_cost_is_kept_and_holds(file: Path) -> None:
    Ledger(File(file)).record(given_answer(1, tokens=Tokens(1, 100, 0, 20, 0, 0.1 + 0.2)), "cli", "v1")
    Ledger(File(file)).record(given_answer(2, columns=(AnswerColumn("n", "metric"),), error="–\u2028é"), "cli", "v1")
    assert not chain.verify(File(file)).breaks
