"""Evaluation in public: the report, what changed since the last run, other assistants, and the published benchmark."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import AssistantFor, CheckFor, WarehouseOf
from desk import ROOT
from playwright.sync_api import sync_playwright

from assistant import evaluation
from assistant.assistant import Assistant
from assistant.errors import LoadError, Refused
from assistant.grading import report
from assistant.grading import run as runs
from assistant.grading.adapter import Adapter
from assistant.grading.run import Graded, Run
from assistant.surfaces.cli.main import main
from assistant.telling.answer_object import to_dict
from assistant.values import Question

QUESTIONS = ROOT / "benchmarks" / "focus-questions" / "questions"
EVIL = '<script>document.title = "harmed"</script> | [link](https://evil.example) `code` | **bold**'


def graded(id: str, verdict: str = "right", kind: str = "lookup", **more: Any) -> Graded:
    whole = {"status": "answered", "confidence": 0.9, "tokens": 0, "cost_usd": 0.0, "ms": 10.0, "note": "", **more}
    return Graded("q.yaml", id, kind, f"question {id}", verdict, **whole)


# --- figures ------------------------------------------------------------------------------------------


def test_figures_by_hand() -> None:
    found = runs.figures(
        [
            graded("a", ms=10, tokens=100, cost_usd=0.25),
            graded("b", "wrong", ms=20),
            graded("c", "asked back", status="clarify", ms=30),
            graded("d", status="refused", ms=40),
            graded("e", "asked back", status="error", ms=1000),
        ]
    )
    assert (found.questions, found.right, found.wrong, found.failed) == (5, 2, 1, 1)
    assert (found.accuracy_percent, found.coverage_percent) == (40, 40)
    assert (found.clarify_percent, found.refused_percent) == (20, 20)
    assert (found.tokens, found.cost_usd) == (100, 0.25)
    assert (found.p50_ms, found.p95_ms) == (30, 1000)
    assert runs.figures([graded("a", cost_usd=None)]).cost_usd is None


def test_the_curve_answers_the_surest_first() -> None:
    points = runs.curve(
        [
            graded("a", confidence=0.9),
            graded("b", confidence=0.9),
            graded("c", "wrong", confidence=0.5),
            graded("d", "wrong", status="clarify", confidence=None),
            graded("e", confidence=None),
        ]
    )
    assert [(p.confidence, p.coverage_percent, p.risk_percent) for p in points] == [
        (1.0, 20, 0),
        (0.9, 60, 0),
        (0.5, 80, 25),
    ]
    assert runs.curve([graded("a", status="refused")]) == []


def test_what_changed_is_told_question_by_question() -> None:
    before = Run("2026-01-01T00:00:00+00:00", "x", (graded("a"), graded("b", "wrong"), graded("c"), graded("gone")))
    now = Run("2026-01-02T00:00:00+00:00", "x", (graded("a", "wrong"), graded("b"), graded("c"), graded("new")))
    found = runs.changes(now, before)
    assert [r.id for r in found.broken] == ["a"]
    assert [r.id for r in found.repaired] == ["b"]
    assert (found.new, found.gone) == (1, 1)


def test_a_run_that_was_kept_is_read_again_and_the_newest_is_the_last(tmp_path: Path) -> None:
    assert runs.last(tmp_path) is None
    old, new = (Run(f"2026-01-0{n}T00:00:00+00:00", "x", (graded("a"),)) for n in (1, 2))
    runs.keep(new, tmp_path)
    kept = runs.keep(old, tmp_path)
    assert runs.last(tmp_path) == new
    for text in ("{", "[]", '{"format": 2}', '{"format": 1, "at": 1}'):
        kept.with_name("9.json").write_text(text)
        with pytest.raises(LoadError, match=r"9\.json"):
            runs.last(tmp_path)


def test_the_page_stands_alone_and_shows_text_as_text(tmp_path: Path) -> None:
    evil = Graded("q.yaml", EVIL, EVIL, EVIL, "wrong", "answered", 0.5, 0, None, 5.0, EVIL)
    run = runs.finished(EVIL, [evil, graded("a", confidence=0.8)])
    report.write(run, runs.changes(run, Run(run.at, "x", (graded("a", "wrong"),))), tmp_path)
    asked: list[str] = []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "report.html").as_uri())
        assert page.title() == "How good the answers are"
        assert page.locator("script, a, img").count() == 0
        assert page.locator("figure svg path").count() > 2
        assert page.locator("td", has_text=EVIL).first.inner_text() == EVIL
        assert page.locator("h2").all_inner_texts()[1:] == [
            "By kind of question",
            "Risk and coverage",
            "What was not right",
        ]
        browser.close()
    assert asked == [(tmp_path / "report.html").as_uri()]
    assert report.CURVE in (tmp_path / "report.md").read_text()


# --- askcost eval -------------------------------------------------------------------------------------


def test_a_regression_fails_when_it_is_asked_to(warehouse_of: WarehouseOf, tmp_path: Path) -> None:
    right = {"id": "a", "kind": "lookup", "question": "cost in September 2024", "today": "2024-10-05"}
    file = tmp_path / "q.yaml"

    def run(*options: str) -> Any:
        args = ["eval", str(file), "--warehouse", str(warehouse_of("focus_sample")), "--report", str(tmp_path / "r")]
        return CliRunner().invoke(main, [*args, *options], env={"ASKCOST_LEDGER": str(tmp_path / "l.sqlite")})

    file.write_text(json.dumps([right]))
    first = run("--fail-on-regression")
    assert first.exit_code == 0, first.output
    assert sorted(p.name for p in (tmp_path / "r").iterdir()) == [
        "report.html",
        "report.md",
        "risk-coverage.svg",
        "runs",
    ]
    file.write_text(json.dumps([{**right, "question": "cost of flurbs in September 2024"}]))
    broken = run("--fail-on-regression", "--json")  # asked back, which by itself is no failure
    assert (broken.exit_code, json.loads(broken.stdout)["broken"]) == (1, ["a"])
    assert CliRunner().invoke(main, ["eval", str(file), "--fail-on-regression"]).exit_code == 2
    assert "cost of flurbs" in (tmp_path / "r" / "report.md").read_text()
    file.write_text(json.dumps([right]))
    assert "1 became right, 0 broke" in run().output


# --- other assistants ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "status", "rows"),
    [
        ("[[1, 2]]", "answered", ((1, 2),)),
        ('[{"team": "a", "cost": 2.5}]', "answered", (("a", 2.5),)),
        ('{"status": "answered", "rows": [["a"]]}', "answered", (("a",),)),
        ('{"status": "refused", "error": "no"}', "refused", ()),
        ('{"status": "clarify", "clarify": {"question": "which?"}}', "clarify", ()),
        ('{"status": "answered"}', "error", ()),
        ('{"rows": []}', "error", ()),
        ('{"status": "fine", "rows": []}', "error", ()),
        ("[1]", "error", ()),
        ('["ab"]', "error", ()),
        ("three dollars", "error", ()),
        ("", "error", ()),
    ],
)
def test_what_a_command_prints_is_its_answer(said: str, status: str, rows: Any, tmp_path: Path) -> None:
    (tmp_path / "said").write_text(said)
    answer = Adapter(f"cat {tmp_path / 'said'}").ask(Question("cost"))
    assert (answer.status, answer.rows) == (status, rows)


def test_a_command_gets_the_question_whole_and_nothing_of_it_is_run(tmp_path: Path) -> None:
    text = 'what\'s {today} "$(touch harmed)"; cost {of} `x`?'
    echo = "import json, sys; print(json.dumps([[*sys.argv[1:], sys.stdin.read()]]))"
    command = f"{sys.executable} -c '{echo}' {{question}} --user={{user}} --today={{today}} {{company}}"
    answer = Adapter(command, "acme", tmp_path / "w.duckdb").ask(Question(text, thread="t", today=date(2026, 1, 2)))
    (row,) = answer.rows
    assert row[:-1] == (text, "--today=2026-01-02", "acme")
    assert json.loads(row[-1]) == {
        "question": text,
        "today": "2026-01-02",
        "user": "",
        "thread": "t",
        "company": "acme",
        "warehouse": str(tmp_path / "w.duckdb"),
    }
    with pytest.raises(Refused, match="can't be started"):
        Adapter("/no/such/program {question}").ask(Question("cost"))


class Shop:
    """An assistant behind an address: askcost's own, for any of the benchmark's companies."""

    def __init__(self, assistant_for: AssistantFor) -> None:
        known: dict[str, Assistant] = {}

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["content-length"])))
                one = known.setdefault(said["company"], assistant_for(said["company"]))
                day = date.fromisoformat(said["today"])
                answer = one.ask(Question(said["question"], said["user"] or None, said["thread"] or None, day))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(to_dict(answer)).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def shop(assistant_for: AssistantFor) -> Iterator[str]:
    running = Shop(assistant_for)
    yield running.address
    running.server.shutdown()
    running.server.server_close()


def judged(asked: Any, items: list[dict[str, Any]], names_period: bool = False) -> list[tuple[str, str]]:
    found = [
        evaluation.judge(asked, item, lambda sql: pytest.fail("gold rows are given"), names_period) for item in items
    ]
    return [(result.id, result.verdict) for result in found]


def test_askcost_behind_an_address_scores_like_askcost(shop: str, assistant_for: AssistantFor) -> None:
    items = [i for i in evaluation.read(QUESTIONS / "focus_sample.jsonl") if i["kind"] in ("thread", "top", "clarify")]
    own = judged(assistant_for("focus_sample"), items, names_period=True)
    assert judged(Adapter(shop, "focus_sample"), items, names_period=True) == own
    assert {verdict for _, verdict in own} >= {"right"}
    assert judged(Adapter(shop.replace("http://127.0.0.1", "http://127.0.0.1:1/x?"), ""), items[:1])[0][1] != "right"


def test_askcost_behind_a_command_scores_like_askcost(warehouse_of: WarehouseOf, tmp_path: Path) -> None:
    companies = tmp_path / "companies"
    companies.mkdir()
    (companies / "ai_examples.duckdb").write_bytes(warehouse_of("ai_examples").read_bytes())
    items = evaluation.read(QUESTIONS / "ai_examples.jsonl")
    file = tmp_path / "q.jsonl"
    scene = {**items[0], "expect": "any", "id": "scene"}
    file.write_text("".join(json.dumps(item) + "\n" for item in [scene, *items[:2], items[-1]]))
    ask = f"{sys.executable} -m assistant.surfaces.cli.main ask {{question}} --json --today={{today}}"
    adapter = f"{ask} --user={{user}} --thread={{thread}} --warehouse={{warehouse}}"
    score = ["eval", str(file), "--companies", str(companies), "--json"]
    own, other, wrong = (
        json.loads(CliRunner().invoke(main, [*score, *more]).stdout)
        for more in ((), ("--adapter", adapter), ("--adapter", "echo [[-12345.67]]"))
    )
    told = ("questions", "accuracy_percent", "coverage_percent", "wrong_numbers", "asked_back", "misses")
    assert {k: own[k] for k in told} == {k: other[k] for k in told}
    assert own["questions"] == 3
    assert own["accuracy_percent"] > 0
    assert wrong["accuracy_percent"] == 0


# --- the published benchmark --------------------------------------------------------------------------

FILES = sorted(path.name for path in QUESTIONS.glob("*.jsonl"))


@pytest.mark.parametrize("file", FILES)
def test_the_gold_sql_gives_the_gold_rows(file: str, check_for: CheckFor) -> None:
    check = check_for(file.removesuffix(".jsonl"))
    off = []
    for item in evaluation.read(QUESTIONS / file):
        assert item["company"] == file.removesuffix(".jsonl")
        assert (item["expect"] == "answered") <= {"sql", "columns", "rows"}.issubset(item), item["id"]
        if "sql" in item:
            names, rows = check(item["sql"])
            got = evaluation.Answer("answered", "", "", rows=tuple(map(tuple, item["rows"])))
            if list(names) != item["columns"] or evaluation.difference(
                got, names, rows, bool(item.get("ordered")), None
            ):
                off.append(item["id"])
    assert off == []


def test_a_wrong_assistant_scores_nothing_anywhere() -> None:
    wrong = Adapter("unused")
    wrong.ask = lambda question: evaluation.Answer("answered", "", question.text, rows=((-12345.67,),))  # type: ignore[method-assign]
    items = [item for file in FILES for item in evaluation.read(QUESTIONS / file)]
    assert len({item["id"] for item in items}) == len(items) > 1000
    assert [id for id, verdict in judged(wrong, items) if verdict == "right"] == []
