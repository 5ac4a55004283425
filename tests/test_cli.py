"""`askcost` from outside: one process a run, as contract.md §1 and §2 have it. Never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from desk import Desk

from assistant.surfaces.cli.main import main

HERE = Path(__file__).parent
CASES = yaml.safe_load((HERE / "cases" / "cli.yaml").read_text(encoding="utf-8"))
TODAY = ("--today", "2026-03-19")
FIELDS = [
    "status",
    "answer_id",
    "thread",
    "question",
    "user",
    "understood",
    "answer",
    "columns",
    "rows",
    "row_count",
    "truncated",
    "period",
    "sql",
    "dialect",
    "planner",
    "confidence",
    "assumptions",
    "clarify",
    "error",
    "tokens",
    "timings_ms",
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_run(case: dict[str, Any], desk: Desk) -> None:
    places = {
        "{folder}": str(desk.folder / "empty"),
        "{text}": desk.write("text.jsonl", '{"id": 1, "question": "cost"}'),
        "{sample}": str(HERE / "data" / "focus_sample.csv"),
    }

    def placed(text: str) -> str:
        for name, path in places.items():
            text = text.replace(name, path)
        return text

    done = desk.run(*map(placed, case["args"]), stdin=placed(case.get("stdin", "")))
    assert done.returncode == case["exit"], done.stdout + done.stderr
    for stream, words in ((done.stdout, case.get("out", [])), (done.stderr, case.get("err", []))):
        for word in words:
            assert word in stream, stream
    if case.get("one line"):
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert not done.stdout


def test_the_installed_command_answers_like_the_module(desk: Desk) -> None:
    """The other runs are forked from a process that has imported the program; these two start from nothing."""
    words = ["ask", "cost by service last month", *TODAY]
    environment = {**os.environ, "ASKCOST_WAREHOUSE": str(desk.warehouse)}
    for command in ([Path(sys.executable).with_name("askcost")], [sys.executable, "-m", "assistant.surfaces.cli.main"]):
        done = subprocess.run([*command, *words], capture_output=True, text=True, cwd=desk.folder, env=environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert _timeless(done.stdout) == _timeless(desk.run(*words).stdout)


def _timeless(said: str) -> list[str]:
    """Without the line that says how long it took."""
    assert "tokens ·" in said
    return [line for line in said.splitlines() if "tokens ·" not in line]


# --- help ---------------------------------------------------------------------------------------------


def test_there_is_help_on_every_command() -> None:
    top = Desk(HERE, Path("none.duckdb")).run("--help")
    assert top.returncode == 0
    assert all(f"  {name} " in top.stdout for name in main.commands)


@pytest.mark.parametrize("command", sorted(main.commands))
def test_help_has_an_example_and_names_the_warehouse(command: str) -> None:
    done = Desk(HERE, Path("none.duckdb")).run(command, "--help")
    assert done.returncode == 0
    assert f"askcost {command}" in " ".join(done.stdout.partition("Example:")[2].split())
    assert "--warehouse" in done.stdout
    assert isinstance(main.commands[command], click.Command)


# --- the answer object --------------------------------------------------------------------------------


def test_the_answer_object_field_for_field(desk: Desk) -> None:
    answer = desk.answer("ask", "top 3 squads by cost last month", *TODAY, "--thread", "t-fields")
    assert list(answer) == FIELDS
    assert answer["status"] == "answered"
    assert len(answer["answer_id"]) == 26
    assert answer["thread"] == "t-fields"
    assert answer["question"] == "top 3 squads by cost last month"
    assert answer["user"] is None
    assert "squad" in answer["understood"]
    assert "Feb 2026" in answer["understood"]
    assert answer["columns"] == [
        {"name": "squad", "kind": "dimension", "unit": None},
        {"name": "effective_cost", "kind": "metric", "unit": "USD"},
    ]
    assert [row[0] for row in answer["rows"]] == ["Payments", "Core", "Claims"]
    assert all(isinstance(row[1], float) for row in answer["rows"])
    assert (answer["row_count"], answer["truncated"]) == (3, False)
    assert answer["period"] == {"start": "2026-02-01", "end": "2026-03-01"}
    assert answer["sql"].startswith(("SELECT", "WITH"))
    assert (answer["dialect"], answer["planner"]) == ("duckdb", "local")
    assert 0 < answer["confidence"] <= 1
    assert any("effective cost" in one for one in answer["assumptions"])
    assert (answer["clarify"], answer["error"]) == (None, None)
    assert answer["tokens"] == {
        "calls": 0,
        "input": 0,
        "cached_input": 0,
        "output": 0,
        "reasoning": 0,
        "cost_usd": 0.0,
    }
    assert set(answer["timings_ms"]) == {"plan", "guard", "execute", "narrate", "total"}


def test_the_sql_of_an_answer_gives_its_rows_again(desk: Desk) -> None:
    answer = desk.answer("ask", "cost by provider in January 2026", *TODAY)
    again = desk.answer("sql", stdin=answer["sql"])
    kept = [column["name"] for column in again["columns"] if column["name"] != "currency"]
    assert kept == [column["name"] for column in answer["columns"]]
    places = [[c["name"] for c in again["columns"]].index(name) for name in kept]
    assert [[row[i] for i in places] for row in again["rows"]] == answer["rows"]


def test_asking_back_and_refusing_have_the_same_fields(desk: Desk) -> None:
    asked_back = desk.answer("ask", "cost of Nonexistium last month", *TODAY, exit=3)
    assert list(asked_back) == FIELDS
    assert asked_back["status"] == "clarify"
    assert "Nonexistium" in asked_back["clarify"]["question"]
    assert isinstance(asked_back["clarify"]["options"], list)
    refused = desk.answer("ask", "cost in 2019", *TODAY, exit=4)
    assert list(refused) == FIELDS
    assert refused["status"] == "refused"
    assert "2025" in refused["error"]
    for answer in (asked_back, refused):
        assert (answer["rows"], answer["columns"], answer["row_count"]) == ([], [], 0)


def test_dates_are_iso_and_buckets_their_first_day(desk: Desk) -> None:
    answer = desk.answer("ask", "monthly cost in 2026", *TODAY)
    assert [row[0] for row in answer["rows"]] == ["2026-01-01", "2026-02-01", "2026-03-01"]
    assert answer["columns"][0]["kind"] == "time"


def test_without_a_today_it_is_the_real_one(desk: Desk) -> None:
    answer = desk.answer("ask", "cost last month", exit=4)
    assert "2026" in answer["error"]


@pytest.mark.parametrize(
    "question",
    [
        "cost by service " * 625,
        "x" * 10_000,
        "cost \x07\x1b[31mlast\x7f month\x1b]0;pwned\x07",
        "cost of \u202eevil\u2066 \ufeff\u200b last month",
        "\x01\x02\x03",
        "'; DROP TABLE cost_and_usage; --",
        "{{7*7}} ${HOME} %s %n <script>alert(1)</script>",
        "コスト",
        "💸" * 300,
    ],
    ids=[
        "10,000 characters",
        "one long word",
        "escapes",
        "direction marks",
        "controls",
        "sql",
        "templates",
        "kana",
        "emoji",
    ],
)
def test_strange_questions_are_asked_back_or_refused_and_shown_inert(question: str, desk: Desk) -> None:
    done = desk.run("ask", question, *TODAY)
    assert done.returncode in (3, 4), done.stdout + done.stderr
    shown = done.stdout + done.stderr
    assert not [c for c in shown if (ord(c) < 32 and c != "\n") or c in "\x7f\u202e\u2066\ufeff\u200b"]
    assert len(shown) < 4_000


# --- conversations ------------------------------------------------------------------------------------


def test_a_thread_continues_in_another_process(desk: Desk) -> None:
    first = desk.answer("ask", "cost by provider last month", *TODAY, "--thread", "t-1")
    second = desk.answer("ask", "and by region?", *TODAY, "--thread", "t-1")
    assert [column["name"] for column in first["columns"]] == ["provider", "effective_cost"]
    assert [column["name"] for column in second["columns"]] == ["region", "effective_cost"]
    assert second["period"] == {"start": "2026-02-01", "end": "2026-03-01"}


def test_another_thread_does_not_continue_it(desk: Desk) -> None:
    desk.answer("ask", "AWS cost by region in January 2026", *TODAY, "--thread", "t-2")
    other = desk.answer("ask", "cost by provider", *TODAY, "--thread", "t-3")
    assert other["period"] == {"start": "2026-02-17", "end": "2026-03-19"}
    assert len(other["rows"]) > 1


# --- batches of questions -----------------------------------------------------------------------------


def test_a_batch_answers_in_order_with_ids_threads_users_and_todays(desk: Desk) -> None:
    batch = desk.write(
        "batch.jsonl",
        {"id": "a", "question": "cost by provider last month", "thread": "x", "today": "2026-03-19"},
        {"id": 2, "question": "cost by provider in January 2026", "thread": "y", "today": "2026-03-19"},
        {"id": "c", "question": "and by region?", "thread": "x", "today": "2026-03-19"},
        {"id": "d", "question": "and by region?", "thread": "y", "today": "2026-03-19"},
        "",
        {"id": "e", "question": "cost last month", "user": "nobody", "today": "2026-03-19"},
        {"id": "f", "question": "cost last month", "today": "2026-02-03"},
        {"id": "g", "question": "cost of Nonexistium", "today": "2026-03-19"},
        {"id": "h", "question": "cost by squad last month", "user": "noor", "today": "2026-03-19"},
    )
    done = desk.run("ask", "--batch", batch, "--out", str(desk.folder / "answers.jsonl"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    answers = [json.loads(line) for line in (desk.folder / "answers.jsonl").read_text().splitlines()]
    assert [a["id"] for a in answers] == ["a", 2, "c", "d", "e", "f", "g", "h"]
    assert all(list(a) == ["id", *FIELDS] for a in answers)
    assert [a["thread"] for a in answers] == ["x", "y", "x", "y", None, None, None, None]
    assert [a["status"] for a in answers] == ["answered"] * 4 + ["refused", "answered", "clarify", "answered"]
    february, january = {"start": "2026-02-01", "end": "2026-03-01"}, {"start": "2026-01-01", "end": "2026-02-01"}
    assert [a["period"] for a in answers[:6]] == [february, january, february, january, None, january]
    assert answers[2]["columns"][0]["name"] == answers[3]["columns"][0]["name"] == "region"
    assert {row[0] for row in answers[7]["rows"]} == {"Orion"}
    printed = desk.run("ask", "--batch", batch)
    assert [json.loads(line)["rows"] for line in printed.stdout.splitlines()] == [a["rows"] for a in answers]


@pytest.mark.parametrize(
    "line",
    ["{not json", "[1]", '{"id": 1}', '{"id": 1, "question": "cost", "today": "19/03/2026"}', '"cost"'],
)
def test_a_bad_line_of_a_batch_is_named_and_nothing_is_written(line: str, desk: Desk) -> None:
    batch = desk.write("bad.jsonl", {"id": 1, "question": "cost last month", "today": "2026-03-19"}, line)
    out = desk.folder / "never.jsonl"
    done = desk.run("ask", "--batch", batch, "--out", str(out))
    assert done.returncode == 1
    assert "bad.jsonl" in done.stderr
    assert "line 2" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(desk.folder.glob("never*"))


def test_a_failed_batch_leaves_the_earlier_answers(desk: Desk) -> None:
    out = Path(desk.write("kept.jsonl", "earlier"))
    desk.run("ask", "--batch", desk.write("bad2.jsonl", "{"), "--out", str(out))
    assert out.read_text() == "earlier\n"


# --- batches of statements ----------------------------------------------------------------------------


def test_a_batch_of_statements_is_checked(desk: Desk) -> None:
    batch = desk.write(
        "statements.jsonl",
        {"id": "good", "sql": "SELECT count(*) AS n FROM users"},
        {"id": "bad", "sql": "DROP TABLE users"},
        {"id": "closed", "sql": "SELECT count(*) AS n FROM gpu_fleet", "user": "noor"},
        {"id": "nobody", "sql": "SELECT 1 AS n", "user": "nobody"},
        {"id": "fails", "sql": "SELECT CAST(ServiceName AS INTEGER) AS n FROM cost_and_usage"},
    )
    checked = [json.loads(line) for line in desk.run("sql", "--check", "--batch", batch).stdout.splitlines()]
    assert [(one["id"], one["accepted"]) for one in checked] == [
        ("good", True),
        ("bad", False),
        ("closed", False),
        ("nobody", False),
        ("fails", True),
    ]
    assert all(set(one) == {"id", "accepted", "reason", "ms"} for one in checked)
    assert all(bool(one["reason"]) is not one["accepted"] for one in checked)
    run = {one["id"]: one for one in map(json.loads, desk.run("sql", "--batch", batch).stdout.splitlines())}
    assert run["good"]["rows"] == [[9]]
    assert run["good"]["columns"][0]["name"] == "n"
    assert run["bad"]["rows"] is run["closed"]["rows"] is None
    assert run["fails"]["accepted"]
    assert run["fails"]["reason"]
