"""`askcost` and its warehouse from outside: which one, loading it, scoring it, looking back, looking after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from desk import Desk

HERE = Path(__file__).parent
TODAY = ("--today", "2026-03-19")


# --- the warehouse ------------------------------------------------------------------------------------


def test_a_warehouse_that_a_writer_holds_is_one_clear_line(own_desk: Desk) -> None:
    with duckdb.connect(str(own_desk.warehouse)):
        for args, stdin in ((("ask", "cost last month", *TODAY), ""), (("sql",), "SELECT 1")):
            done = own_desk.run(*args, stdin=stdin)
            assert done.returncode == 1
            assert len(done.stderr.strip().splitlines()) == 1, done.stderr
            assert "tarnbrook.duckdb" in done.stderr
    assert own_desk.run("ask", "cost last month", *TODAY).returncode == 0


def test_the_option_goes_before_the_environment(desk: Desk) -> None:
    done = desk.run(
        "ask", "cost last month", *TODAY, "--warehouse", str(desk.warehouse), ASKCOST_WAREHOUSE="none.duckdb"
    )
    assert done.returncode == 0, done.stderr


def test_by_default_it_is_under_the_working_directory(own_desk: Desk) -> None:
    (own_desk.folder / "warehouse").mkdir()
    own_desk.warehouse.rename(own_desk.folder / "warehouse" / "askcost.duckdb")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ASKCOST_")}
    done = subprocess.run(
        [sys.executable, "-m", "assistant.surfaces.cli.main", "ask", "cost last month", *TODAY],
        cwd=own_desk.folder,
        env={**kept, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


# --- load ---------------------------------------------------------------------------------------------


def test_load_reports_as_json_and_its_rows_can_be_asked(tmp_path: Path) -> None:
    desk = Desk(tmp_path, tmp_path / "new" / "w.duckdb")
    done = desk.run("load", str(HERE / "data" / "focus_sample.csv"), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["table"], report["rows"]) == ("cost_and_usage", 1000)
    assert report["files"] == [str(HERE / "data" / "focus_sample.csv")]
    (count,) = desk.answer("sql", stdin="SELECT count(*) AS n FROM cost_and_usage")["rows"]
    assert count == [1000]
    twice = desk.run("load", str(HERE / "data" / "focus_sample.csv"))
    assert twice.returncode == 1
    assert "--replace" in twice.stderr


@pytest.mark.parametrize("policy", ["team = Oriom Nebula", "planet = Mars", "team Orion or else", "team ="])
def test_a_policy_that_names_nothing_is_not_loaded(policy: str, own_desk: Desk) -> None:
    users = own_desk.write("users.csv", "user,role,row_policy", "zoe,analyst,team = Orion", f'yan,analyst,"{policy}"')
    before = own_desk.warehouse.read_bytes()
    done = own_desk.run("load", users, "--table", "users", "--replace")
    assert done.returncode in (1, 4)
    assert "yan" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert own_desk.warehouse.read_bytes() == before


def test_a_policy_that_names_what_is_there_is_loaded(own_desk: Desk) -> None:
    users = own_desk.write("users.csv", "user,role,row_policy", 'zoe,analyst,"team in (Orion, Core)"')
    done = own_desk.run("load", users, "--table", "users", "--replace")
    assert done.returncode == 0, done.stderr
    answer = own_desk.answer("ask", "cost by squad last month", *TODAY, "--user", "zoe")
    assert {row[0] for row in answer["rows"]} == {"Orion", "Core"}


# --- eval, audit, doctor ------------------------------------------------------------------------------


def test_eval_scores_a_file_and_fails_on_a_wrong_number(desk: Desk) -> None:
    item = {
        "id": "q1",
        "question": "cost last month",
        "today": "2026-03-19",
        "sql": "SELECT sum(EffectiveCost) AS c FROM cost_and_usage "
        "WHERE ChargePeriodStart >= '2026-02-01' AND ChargePeriodStart < '2026-03-01'",
    }
    unknown = {"id": "q2", "question": "cost of Nonexistium", "today": "2026-03-19", "expect": "clarify"}
    good = desk.run("eval", desk.write("good.jsonl", item, unknown))
    assert good.returncode == 0, good.stderr
    assert "accuracy 100.0 %" in good.stdout
    wrong = desk.answer("eval", desk.write("wrong.jsonl", item, {**item, "id": "q3", "sql": "SELECT 1.0 AS c"}), exit=1)
    assert (wrong["questions"], wrong["accuracy_percent"], wrong["wrong_numbers"]) == (2, 50.0, 1)
    assert [miss["id"] for miss in wrong["misses"]] == ["q3"]


def test_audit_keeps_what_was_answered_and_refused(own_desk: Desk) -> None:
    answer = own_desk.answer("ask", "cost by provider last month", *TODAY)
    refused = own_desk.answer("ask", "cost in 2019", *TODAY, "--user", "avery", exit=4)
    listed = json.loads(own_desk.run("audit", "--json").stdout)
    assert {one["answer_id"] for one in listed} == {answer["answer_id"], refused["answer_id"]}
    whole = json.loads(own_desk.run("audit", answer["answer_id"]).stdout)
    assert whole["question"] == answer["question"]
    assert whole["sql"] == answer["sql"]
    assert whole["plan"]
    assert json.loads(own_desk.run("audit", refused["answer_id"]).stdout)["user"] == "avery"
    assert answer["answer_id"] in own_desk.run("audit").stdout


def test_doctor_says_what_is_loaded_and_what_is_missing(desk: Desk) -> None:
    well = desk.run("doctor")
    assert well.returncode == 0, well.stdout
    assert "cost_and_usage: 2025-02-01 to 2026-03-18" in well.stdout
    ill = desk.run("doctor", "--warehouse", str(desk.folder / "empty" / "none.duckdb"))
    assert ill.returncode == 1
    assert "askcost demo" in ill.stdout
