"""Recall: a seeded history, a correction, and exactly the answers that it touched; told once, kept as cases."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from test_replay import FIRST, HEAD, SECOND, charge, put

from assistant import evaluation, verifying
from assistant.alerts import recalling
from assistant.assistant import Assistant
from assistant.config import ROOT, Config
from assistant.desk import cases, recall
from assistant.desk.desk import Desk
from assistant.ledger import store
from assistant.ledger.alerts import Alerts
from assistant.ledger.search import Sought
from assistant.surfaces.cli.main import main
from assistant.values import Question
from assistant.warehouse.load import load

TODAY = date(2026, 3, 10)
# name → (question, who asked)
HISTORY = {
    "cost by service": ("cost by service last month", None),
    "zoe's cost": ("cost last month", "zoe"),
    "billed": ("billed cost last month", "ada"),
    "billed by team": ("billed cost by team last month", None),
    "billed of Net": ("billed cost of Net last month", "zoe"),
    "list": ("list cost of Disk last month", "ada"),
    "before": ("billed cost in 2025", None),
    "chargeback": ("chargeback by team last month", "ada"),
    "verified": ("billed cost by provider in February 2026", "ada"),
}
STATEMENT = "SELECT ServiceName, SUM(ListCost) AS list_cost FROM cost_and_usage GROUP BY ServiceName"
BY_PROVIDER = "SELECT ProviderName AS provider, SUM(BilledCost) AS billed FROM cost_and_usage GROUP BY ALL"
RULES = "pool,match,method,key_dimension"


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with a history of answers, and schemas of its own."""
    folder = tmp_path_factory.mktemp("seeded")
    shutil.copytree(ROOT / "schemas", folder / "schemas")
    load([put(folder, "bill.csv", HEAD, *FIRST)], folder / "w.duckdb")
    users = ("user,role,row_policy,slack_id", "zoe,analyst,team = red,U01", "ada,admin,,")
    load([put(folder, "users.csv", *users)], folder / "w.duckdb", "users")
    rules = put(folder, "rules.csv", RULES, "net,service is Net,even,team")
    load([rules], folder / "w.duckdb", "allocation_rules")
    core = open_(folder)
    first = core.ask(Question(HISTORY["verified"][0], "ada", today=TODAY))
    verifying.save(core, first.answer_id, BY_PROVIDER, "ada", TODAY)
    given = {name: core.ask(Question(text, user, today=TODAY)) for name, (text, user) in HISTORY.items()}
    ids = {name: answer.answer_id for name, answer in given.items()} | {"planned": first.answer_id}
    assert {name for name, one in given.items() if one.status != "answered"} == {"before"}
    ids["sql"] = Desk(core, TODAY).run(STATEMENT, "ada", None).answer_id
    (folder / "ids.json").write_text(json.dumps(ids))
    core.close()
    return folder


@pytest.fixture
def company(seeded: Path, tmp_path: Path) -> Path:
    shutil.copytree(seeded, tmp_path / "company")
    return tmp_path / "company"


def open_(folder: Path, **more: Any) -> Assistant:
    return Assistant(Config(warehouse=folder / "w.duckdb", schemas=folder / "schemas", **more))


def touched(folder: Path) -> dict[str, recall.Touched]:
    names = {one: name for name, one in json.loads((folder / "ids.json").read_text()).items()}
    core = open_(folder)
    found = {names[one.answer_id]: one for one in recall.touched(core, Sought())}
    core.close()
    return found


def correct(folder: Path, old: str, new: str) -> None:
    file = folder / "schemas" / "model" / "costs.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def command(folder: Path, *args: str) -> Result:
    place = ("--warehouse", str(folder / "w.duckdb"))
    return CliRunner().invoke(main, [*args, *place], env={"ASKCOST_SCHEMAS": str(folder / "schemas")})


# --- which ----------------------------------------------------------------------------------------------


def test_nothing_is_touched_when_nothing_was_corrected(company: Path) -> None:
    assert not touched(company)
    file = company / "schemas" / "vocabulary.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "\n# another version of the files\n", encoding="utf-8")
    load([put(company, "b.csv", HEAD, *FIRST)], company / "w.duckdb", replace=True)
    assert not touched(company)


def test_a_corrected_metric_touches_its_answers_whose_figures_change(company: Path) -> None:
    """Messages are no longer billed: those of Net alone, and other metrics, stay as they were."""
    correct(
        company, "expression: SUM(BilledCost) }", "expression: \"SUM(BilledCost) FILTER (ServiceName <> 'Queue')\" }"
    )
    found = touched(company)
    assert found.keys() == {"billed", "billed by team"}
    assert found["billed"].causes == ("the definition of the metric billed_cost was corrected",)
    assert found["billed"].report is not None
    assert found["billed"].report.rows == ((Decimal("126.36"), Decimal("125.35"), Decimal("-1.01")),)


def test_a_restated_bill_touches_the_answers_that_its_charges_are_in(company: Path) -> None:
    load([put(company, "again.csv", HEAD, *SECOND)], company / "w.duckdb", replace=True)
    found = touched(company)
    assert found.keys() == {
        "cost by service", "zoe's cost", "billed", "billed by team", "list", "chargeback", "verified", "planned", "sql",
    }  # fmt: skip
    assert "again.csv was loaded in place of 4 rows" in found["zoe's cost"].causes[0]
    assert found["list"].report is not None
    assert found["list"].report.rows == ((Decimal("20.20"), Decimal("23.70"), Decimal("3.50")),)


def test_another_month_touches_nothing_that_was_answered(company: Path) -> None:
    march = charge(1, "Net", "red", "egress", "9.99").replace("2026-02-01,2026-02-02", "2026-03-01,2026-03-02")
    march = march.replace("2026-02-01,2026-03-01", "2026-03-01,2026-04-01")
    load([put(company, "march.csv", HEAD, march)], company / "w.duckdb")
    assert touched(company).keys() == {"sql", "verified", "planned"}  # whose SQL names no days


def test_a_changed_rule_touches_what_was_allocated(company: Path) -> None:
    rules = put(company, "rules.csv", RULES, "net,service is Net,fixed,team")
    text = Path(rules).read_text().replace("key_dimension\n", "key_dimension,weights\n")
    Path(rules).write_text(text.replace("fixed,team\n", 'fixed,team,"{""blue"": 1}"\n'))
    load([rules], company / "w.duckdb", "allocation_rules", replace=True)
    found = touched(company)
    assert found.keys() == {"chargeback"}
    assert "the allocation rules changed" in found["chargeback"].causes


def test_a_corrected_verified_query_touches_the_answers_that_it_gave(company: Path) -> None:
    core = open_(company)
    answer = core.ask(Question(HISTORY["verified"][0], "ada", today=TODAY))
    fixed = BY_PROVIDER.replace("SUM(BilledCost)", "SUM(BilledCost) FILTER (ServiceName <> 'Queue')")
    verifying.save(core, answer.answer_id, fixed, "ada", TODAY)
    core.close()
    (company / "ids.json").write_text(
        json.dumps({**json.loads((company / "ids.json").read_text()), "again": answer.answer_id})
    )
    found = touched(company)
    assert found.keys() == {"verified", "planned", "again"}
    assert "was corrected" in found["verified"].causes[0]
    assert "answers these words since" in found["planned"].causes[0]


# --- told and kept -----------------------------------------------------------------------------------------


class Slack:
    """Takes messages, or refuses them."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.ok = True
        own = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if own.ok:
                    own.got.append(body)
                said = json.dumps({"ok": own.ok, "error": "channel_not_found"}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/api/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def slack() -> Iterator[Slack]:
    one = Slack()
    yield one
    one.server.shutdown()
    one.server.server_close()


def test_readers_are_told_once_and_who_can_not_be_reached_is_a_dead_letter(company: Path, slack: Slack) -> None:
    load([put(company, "again.csv", HEAD, *SECOND)], company / "w.duckdb", replace=True)
    core = open_(company, slack_bot_token="xoxb-1", slack_base_url=slack.url)
    alerts = Alerts(store.of(core.config))
    found = list(recall.touched(core, Sought()))
    slack.ok = False
    told = recalling.notify(core, alerts, found)
    assert {one.occurrence.split()[0]: one.outcome for one in told} == {
        "user:": "failed", "user:zoe": "failed", "user:ada": "failed",
    }  # fmt: skip
    assert recalling.notify(core, alerts, found) == []
    dead = alerts.dead()
    assert len(dead) == 3
    assert "no way to reach ada" in " ".join(one.error or "" for one in dead)
    slack.ok = True
    again = [recalling.retry(core, alerts, one) for one in dead]
    assert sorted(one.outcome for one in again if one) == ["failed", "failed", "sent"]
    [message] = slack.got
    assert message["channel"] == "U01"
    said = json.dumps(message)
    assert "cost last month" in said
    assert "$105.15 before, $110.58 now" in said
    assert "Disk" not in said
    core.close()


def test_cases_join_the_corpus_and_catch_a_definition_that_goes_back(company: Path) -> None:
    old, new = "expression: SUM(BilledCost) }", "expression: \"SUM(BilledCost) FILTER (ServiceName <> 'Queue')\" }"
    correct(company, old, new)
    core = open_(company)
    assert cases.keep(core, list(recall.touched(core, Sought()))) == 2
    assert cases.keep(core, list(recall.touched(core, Sought()))) == 0
    items = evaluation.read(cases.place(core))
    assert {item["question"] for item in items} == {HISTORY[n][0] for n in ("billed", "billed by team")}

    def judged(core: Assistant) -> list[str]:
        def check(sql: str) -> Any:
            _, rows = core.run(sql)
            return rows.columns, rows.rows

        return [one.verdict for one in evaluation.run(core, items, check).results]

    assert judged(core) == ["right"] * 2
    core.close()
    correct(company, new, old)
    core = open_(company)
    assert sorted(judged(core)) == ["wrong", "wrong"]
    core.close()


def test_the_command_lists_and_a_load_says_that_answers_are_touched(company: Path) -> None:
    done = command(company, "load", put(company, "again.csv", HEAD, *SECOND), "--replace")
    assert done.exit_code == 0, done.output
    assert "9 earlier answers would be different now" in done.output
    done = command(company, "audit", "recall", "--user", "zoe")
    assert "1 earlier answer would be different now" in done.output
    assert "because" in done.output
    [one] = json.loads(command(company, "audit", "recall", "--user", "zoe", "--json").stdout)["recalled"]
    assert one["totals"] == {"effective_cost": 5.43}
    done = command(company, "audit", "recall", "--user", "ada", "--notify")
    assert done.exit_code == 1
    assert "no way to reach ada" in done.stderr
    assert (company / "schemas" / cases.FILE).exists()
    assert "no way to reach ada" in command(company, "alerts", "dead").output
