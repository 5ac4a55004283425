"""Behind the page: changes by one click, answers found again for their owner only, sign-in, what a page may load."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import web_company
import yaml
from conftest import AssistantFor

from assistant import verifying
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk import briefing, changes, shown
from assistant.desk.desk import Desk, StoppableEngine, stoppable
from assistant.engines.duckdb_engine import DuckDBEngine
from assistant.engines.sandbox import Sandbox
from assistant.errors import AssistantError, Refused
from assistant.surfaces.cli import serving
from assistant.surfaces.web import logs, passwords, payload
from assistant.surfaces.web.gate import Gate
from assistant.surfaces.web.settings import WebSettings
from assistant.telling.table import to_csv, to_xlsx
from assistant.values import Answer, CheckedQuery, Clarification, Limits, Rows

TEXTS = yaml.safe_load((Path(__file__).parent / "cases" / "web_text.yaml").read_text(encoding="utf-8"))
QUESTIONS = (
    "cost by team last month",
    "top 2 teams last month",
    "cost last month compared to the month before",
    "cost by service by month for the last 3 months",
    "cost of Nimbus by team last month",
    "what share of cost is Nimbus last month",
    "average cost per day last month",
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return web_company.build(tmp_path_factory.mktemp("web") / "costs.duckdb")


@pytest.fixture
def desk(warehouse: Path, tmp_path: Path) -> Iterator[Desk]:
    assistant = Assistant(Config(warehouse=warehouse, ledger=tmp_path / "ledger.sqlite"), surface="web")
    yield Desk(assistant, web_company.TODAY)
    assistant.close()


def again(desk: Desk) -> Desk:
    """The same desk after a restart: nothing is remembered but the ledger."""
    return Desk(desk.assistant, web_company.TODAY)


# --- changes by one click -----------------------------------------------------------------------


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_change_that_is_offered_can_be_made(desk: Desk, question: str) -> None:
    answer = desk.ask(question, None, "t")
    assert answer.status == "answered", answer
    assert answer.plan
    model = desk.assistant.warehouse.model
    offered = [c for chip in changes.chips(answer.plan, model, desk.now(answer.plan)) for c in chip.changes]
    offered += changes.follow_ups(answer.plan, model)
    assert len(offered) > 5
    for change in offered:
        changed = desk.change(answer.answer_id, change.key, None, "t")
        assert changed.status == "answered", (change.label, changed.error)
        assert changed.plan != answer.plan


def test_a_change_changes_one_thing(desk: Desk) -> None:
    answer = desk.ask("cost of Nimbus by team last month", None, "t")
    assert answer.plan
    changed = desk.change(answer.answer_id, "by:service", None, "t")
    assert changed.plan
    assert changed.plan.dimensions == ("service",)
    assert changed.plan.filters == answer.plan.filters
    assert changed.plan.period == answer.plan.period


def test_a_changed_answer_is_what_the_next_question_continues(desk: Desk) -> None:
    answer = desk.ask("cost by team last month", None, "t")
    desk.change(answer.answer_id, "by:service", None, "t")
    followed = desk.ask("only Nimbus", None, "t")
    assert followed.plan
    assert followed.plan.dimensions == ("service",)


def test_a_change_that_was_never_offered_is_refused(desk: Desk) -> None:
    answer = desk.ask("cost by team last month", None, "t")
    for key in ("by:password", "metric:users", "", "period:1;DROP TABLE users"):
        with pytest.raises(Refused):
            desk.change(answer.answer_id, key, None, "t")


# --- answers found again ----------------------------------------------------------------------------


def test_an_answer_is_found_again_after_a_restart_with_the_same_rows(desk: Desk) -> None:
    answer = desk.ask("cost by team last month", "ben", "t")
    found = again(desk).recall(answer.answer_id, "ben")
    assert found.answer.rows == answer.rows
    assert not found.renewed


def test_own_sql_is_found_again_too(desk: Desk) -> None:
    answer = desk.run("SELECT ProviderName, count(*) AS n FROM cost_and_usage GROUP BY 1", "ben", "t")
    assert [row[0] for row in answer.rows] == ["Cumulus"]
    assert again(desk).recall(answer.answer_id, "ben").answer.rows == answer.rows


@pytest.mark.parametrize("reader", [None, "ada", "nobody"])
@pytest.mark.parametrize("restarted", [False, True])
def test_nobody_else_finds_an_answer(desk: Desk, reader: str | None, restarted: bool) -> None:
    answer = desk.ask("cost by team last month", "ben", "t")
    with pytest.raises(Refused) as refused:
        (again(desk) if restarted else desk).recall(answer.answer_id, reader)
    with pytest.raises(Refused) as unknown:
        desk.recall("01ARZ3NDEKTSV4RRFFQ69G5FAV", reader)
    assert str(refused.value) == str(unknown.value)


def test_a_second_user_sees_less_everywhere(desk: Desk) -> None:
    whole, part = (desk.ask("cost by team last month", user, user) for user in ("ada", "ben"))
    assert len(part.rows) < len(whole.rows)
    recalled = desk.recall(part.answer_id, "ben")
    panel = payload.panel(recalled, desk, "ben")
    assert panel["policy"]
    assert "Nimbus" not in json.dumps(panel)
    lines = [line.text for line in briefing.lines(desk, "ben")]
    assert lines
    assert lines != [line.text for line in briefing.lines(desk, "ada")]


def test_files_have_the_figures_of_the_answer(desk: Desk) -> None:
    answer = desk.ask("cost by team last month", None, "t")
    lines = list(csv.reader(io.StringIO(to_csv(answer.columns, answer.rows))))
    sheet = openpyxl.load_workbook(io.BytesIO(to_xlsx(answer.columns, answer.rows))).worksheets[0]
    written = [float(row[-1]) for row in lines[1:]]
    assert written == [float(row[-1]) for row in answer.rows]
    assert written == pytest.approx([row[-1].value for row in sheet.iter_rows(min_row=2)])


def test_rows_of_old_answers_are_let_go(desk: Desk) -> None:
    first = desk.ask("cost by team last month", None, "t")
    for _ in range(70):
        desk._keep(replace(first, answer_id=f"{first.answer_id}-{_}"))
    assert len(desk._recent) <= 64
    assert desk.recall(first.answer_id, None).answer.rows == first.rows


def test_the_difference_to_the_original_is_said(desk: Desk) -> None:
    answer = desk.ask("cost by team last month", None, "t")
    same = desk.run(answer.sql or "", None, "t")
    assert payload.difference(desk, same, answer.answer_id, None).startswith("The same rows")
    other = desk.run("SELECT 'x' AS team, 1 AS n", None, "t")
    assert "1 of 1 rows are not in the original" in payload.difference(desk, other, answer.answer_id, None)


def test_sql_that_the_guard_refuses_is_refused_in_words(desk: Desk) -> None:
    answer = desk.run("DROP TABLE users", "ben", "t")
    assert answer.status == "refused"
    assert "DROP" in (answer.error or "")


@pytest.mark.parametrize(("user", "may"), [("ada", False), ("ben", True), (None, True)])
def test_only_who_verifies_is_offered_to_save(desk: Desk, user: str | None, may: bool) -> None:
    answer = desk.ask("cost by team in February 2026", user, "t")
    assert payload.panel(desk.recall(answer.answer_id, user), desk, user)["may_save"] is may


def test_a_verified_answer_is_still_called_so_after_a_restart(desk: Desk) -> None:
    planned = desk.ask("cost by team in February 2026", "ben", "t")
    verifying.save(desk.assistant, planned.answer_id, "SELECT 1 AS one", "ben", web_company.TODAY)
    answer = desk.ask("Cost by team in February 2026", "ada", "t")
    for held in (desk, again(desk)):
        panel = payload.panel(held.recall(answer.answer_id, "ada"), held, "ada")
        assert (panel["sql_by"], panel["rows"]) == ("verified", [["1"]])
        assert "unverified" not in panel["quiet"]


def test_what_is_thought_of_an_answer_is_kept_by_who_got_it(desk: Desk) -> None:
    answer = desk.ask("cost by team last month", "ben", "t")
    ledger = desk.assistant.ledger
    assert ledger.judge(answer.answer_id, "ben", False, "wrong month")
    assert not ledger.judge(answer.answer_id, "ada", True)
    assert not ledger.judge("01ARZ3NDEKTSV4RRFFQ69G5FAV", "ben", True)
    kept = [(one["helpful"], one["reason"]) for one in desk.record(answer.answer_id, "ben")["feedback"]]
    assert kept == [(False, "wrong month")]
    assert ("Feedback", "not helpful: wrong month") in payload.record(desk.record(answer.answer_id, "ben"))
    with pytest.raises(Refused):
        desk.record(answer.answer_id, "ada")


def test_a_log_line_says_where_and_not_what() -> None:
    try:
        raise KeyError("Payments")
    except KeyError:
        record = logging.LogRecord("assistant.x", logging.ERROR, "chat.py", 7, "failed", (), sys.exc_info())
    line = json.loads(logs.Lines().format(record))
    assert (line["event"], line["error"], len(line["place"])) == ("failed", "KeyError", 1)
    other = logging.LogRecord("sqlalchemy", logging.ERROR, "/x/engine.py", 7, "bad value %s", ("Payments",), None)
    assert "Payments" not in json.dumps(line) + logs.Lines().format(other)


# --- what is shown -----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case["words"])
def test_words_of_the_data_are_no_markup(case: dict[str, str]) -> None:
    assert payload.text(case["words"]).replace(shown.WORD_JOINER, "␣") == case["markdown"]


def test_nothing_ends_a_block_of_code() -> None:
    assert payload.code("SELECT '````'", "sql").splitlines()[-1] == "`" * 5


def test_an_unknown_word_is_replaced_by_the_option() -> None:
    asked = Answer("clarify", "1", "spend on atlas last month", clarify=Clarification("I don't know “Atlas”. Which?"))
    assert shown.choice(asked, r"Atl\1s") == r"spend on Atl\1s last month"
    whole = Answer("clarify", "1", "cost", clarify=Clarification("Which cost?", ("billed cost",)))
    assert shown.choice(whole, "billed cost") == "billed cost"


def test_the_steps_of_an_answer_have_content(desk: Desk) -> None:
    steps: dict[str, str] = {}
    desk.ask("cost by team last month", "ben", "t", watch=lambda *made: steps.update([payload.stage(*made, desk)]))
    assert list(steps) == ["Understood", "SQL", "Checked", "Ran"]
    assert "Feb 2026" in steps["Understood"]
    assert "SELECT" in steps["SQL"]
    assert "Cumulus" in steps["Checked"]
    assert "rows in" in steps["Ran"]


def test_every_briefing_line_and_starter_is_a_question_that_gets_an_answer(desk: Desk) -> None:
    lines = briefing.lines(desk, "ada")
    assert len(lines) >= 4
    asked = [line.question for line in lines] + briefing.questions(desk, "ada")
    assert {desk.peek(question, "ada").status for question in asked} == {"answered"}


def test_no_briefing_for_somebody_who_is_not_listed(desk: Desk) -> None:
    assert briefing.lines(desk, "mallory") == []
    assert briefing.questions(desk, "mallory") == []


# --- stopping ------------------------------------------------------------------------------------------


class Recording(DuckDBEngine):
    """An Engine that notes whose statement runs, and runs none."""

    def __init__(self) -> None:
        super().__init__(Path("none.duckdb"))
        self.ran: list[tuple[str | None, str | None]] = []
        self.cancelled: list[str] = []

    def run(self, query: CheckedQuery, owner: str | None = None, query_id: str | None = None) -> Rows:
        self.ran.append((owner, query_id))
        return Rows((), (), ())

    def cancel(self, query_id: str) -> bool:
        self.cancelled.append(query_id)
        return True


def test_the_stop_button_finds_the_statement_of_its_own_chat() -> None:
    engine = Recording()
    named = StoppableEngine(engine)
    query = CheckedQuery("", "", (), (), (), None, Limits())
    with stoppable("chat 1"):
        named.run(query, "ada")
        other = threading.Thread(target=lambda: named.run(query))
        other.start()
        other.join()
    named.run(query)
    named.cancel("chat 1")
    assert engine.ran == [("ada", "chat 1"), (None, None), (None, None)]
    assert engine.cancelled == ["chat 1"]


def test_stopping_ends_a_statement_that_would_run_for_long(warehouse: Path, tmp_path: Path) -> None:
    engine = StoppableEngine(Sandbox(warehouse))
    desk = Desk(Assistant(Config(warehouse=warehouse, ledger=tmp_path / "l.sqlite"), engine), web_company.TODAY)
    slow = "SELECT count(*) FROM cost_and_usage a, cost_and_usage b, cost_and_usage c, cost_and_usage d"
    given: list[Answer] = []

    def ask() -> None:
        with stoppable("chat"):
            given.append(desk.run(slow, None, "t"))

    asking = threading.Thread(target=ask)
    asking.start()
    while not engine.cancel("chat"):
        assert asking.is_alive(), given
        time.sleep(0.05)
    asking.join(20)
    engine.close()
    assert [answer.status for answer in given] == ["error"]
    assert "stopped" in (given[0].error or "")


# --- sign-in ---------------------------------------------------------------------------------------------


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(passwords.COST, "n", 2**4)


def test_a_password_fits_only_its_user(tmp_path: Path, cheap: None) -> None:
    held = passwords.Passwords(tmp_path / "p.sqlite")
    held.set("ada", "correct horse battery")
    assert held.fits("ada", "correct horse battery")
    assert not held.fits("ada", "correct horse batterY")
    assert not held.fits("ben", "correct horse battery")
    assert b"horse" not in (tmp_path / "p.sqlite").read_bytes()
    assert (tmp_path / "p.sqlite").stat().st_mode & 0o077 == 0


def test_five_wrong_tries_close_an_account_for_a_while(tmp_path: Path, cheap: None) -> None:
    held = passwords.Passwords(tmp_path / "p.sqlite")
    held.set("ada", "correct horse battery")
    assert not any(held.fits("ada", f"guess {n}") for n in range(5))
    assert not held.fits("ada", "correct horse battery")


def test_a_short_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="12"):
        passwords.Passwords(tmp_path / "p.sqlite").set("ada", "short")


def test_the_cookie_secret_stays_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert passwords.cookie_secret(path) == passwords.cookie_secret(path)
    assert path.stat().st_mode & 0o077 == 0


REACH: list[tuple[str, dict[str, Any], bool]] = [
    ("127.0.0.1", {}, True),
    ("localhost", {"sign_in": "header"}, True),
    ("0.0.0.0", {}, False),
    ("10.0.0.5", {}, False),
    ("0.0.0.0", {"sign_in": "header"}, False),
    ("0.0.0.0", {"sign_in": "header", "proxy_secret": "s"}, True),
    ("0.0.0.0", {"sign_in": "password"}, True),
]


@pytest.mark.parametrize(("host", "given", "allowed"), REACH)
def test_costs_are_not_served_to_strangers(host: str, given: dict[str, Any], allowed: bool) -> None:
    settings = WebSettings(**given)
    if allowed:
        serving.check_reach(host, settings)
        return
    with pytest.raises(Refused, match="ASKCOST_WEB"):
        serving.check_reach(host, settings)


def test_a_password_is_only_for_users_who_are_listed(warehouse: Path, cheap: None) -> None:
    with pytest.raises(Refused, match="mallory"):
        serving.set_password(Config(warehouse=warehouse), "mallory", "correct horse battery")
    assert serving.set_password(Config(warehouse=warehouse), "ada", "correct horse battery") == 0
    kept = sqlite3.connect(warehouse.with_suffix(".passwords.sqlite"))
    assert kept.execute("SELECT user FROM passwords").fetchall() == [("ada",)]
    kept.close()


# --- the door ----------------------------------------------------------------------------------------------

KNOCKS = [
    ({"host": "127.0.0.1:8000"}, True),
    ({"host": "localhost"}, True),
    ({"host": "[::1]:8000"}, True),
    ({"host": "costs.example"}, True),
    ({"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}, True),
    ({"host": "127.0.0.1:8000", "origin": "http://evil.example"}, False),
    ({"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:9999"}, False),
    ({"host": "127.0.0.1:8000", "origin": "null"}, False),
    ({"host": "evil.example"}, False),
    ({"host": "127.0.0.1.evil.example:8000"}, False),
    ({"host": "evil.example@127.0.0.1.example"}, False),
    ({}, False),
]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(("headers", "welcome"), KNOCKS)
def test_only_own_pages_are_let_in(kind: str, headers: dict[str, str], welcome: bool) -> None:
    sent: list[dict[str, Any]] = []
    entered: list[str] = []

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        entered.append(scope["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind, "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
    asyncio.run(Gate(inside, serving.LOOPBACK | {"costs.example"})(scope, send, send))  # type: ignore[arg-type]
    assert bool(entered) is welcome
    if welcome:
        assert "frame-ancestors 'none'" in dict(sent[0]["headers"])[b"content-security-policy"].decode()
    else:
        assert sent[0].get("status", sent[0].get("code")) in (403, 1008)


def test_a_port_in_use_is_said_before_anything_is_built() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(AssistantError, match="--port"):
            serving.check_free("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(
    ("question", "kind", "first"),
    [
        ("why did cost change last month", "waterfall", "Aug 2026"),
        ("budgets at risk by team this month", "bar", None),
        ("chargeback for last month", None, None),
    ],
)
def test_the_chart_of_an_analysis_has_short_labels(
    question: str, kind: str | None, first: str | None, assistant_for: AssistantFor
) -> None:
    desk = Desk(assistant_for("demo"), date(2026, 10, 15))
    answer = desk.ask(question, None, None)
    assert answer.status == "answered", (answer.error, answer.clarify)
    chart = shown.picture(answer, desk)
    assert (chart.kind if chart else None) == kind
    assert first is None or (chart and chart.labels[0] == first)
    assert all(" / " not in label for label in (chart.labels if chart else ()))
