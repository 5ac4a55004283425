"""Alerts: words become rules, a rule tells a thing once however many look, and what can't be sent is kept."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiosmtpd.smtp import SMTP
from click.testing import CliRunner, Result
from conftest import Once
from slack_office import ALL, BENS, COMMON, MALLORY, small
from slack_server import BOT, SlackServer

from assistant.alerts import reading, sending
from assistant.alerts.firing import Told, Watch
from assistant.alerts.question import Asker
from assistant.alerts.rule import Channel, Message, Rule, occurrences
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import AssistantError, Clarify, Refused
from assistant.ledger import store
from assistant.ledger.alerts import Alerts
from assistant.surfaces.cli import alerts as command
from assistant.surfaces.cli.main import main
from assistant.warehouse import load as loader

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "alerts.yaml").read_text(encoding="utf-8"))
HEAD = (
    "BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,"
    "ChargeCategory,ServiceProviderName,ServiceName,ServiceCategory,BilledCost,EffectiveCost,ListCost,ContractedCost,"
    "Tags\n"
)
# Payments is in a service of AI; its days in February 2026, all others 4: 10, 11 and 12 are one crossing of 5.
HIGH = {10: 6, 11: 7, 12: 9, 20: 8}
HARM = "<!channel> https://evil.example"
SECRET = "a secret of this test"


def row(day: date, team: str, cost: float, service: str = "Compute") -> str:
    month = day.replace(day=1)
    after = (month + timedelta(days=32)).replace(day=1)
    tags = json.dumps({"team": team}).replace('"', '""')
    category = "AI and Machine Learning" if service == "Bedrock" else "Compute"
    return (
        f"acme,USD,{month}T00:00:00Z,{after}T00:00:00Z,{day}T00:00:00Z,{day + timedelta(days=1)}T00:00:00Z,Usage,AWS,"
        f'{service},{category},{cost},{cost},{cost},{cost},"{tags}"\n'
    )


def february(last: int = 28) -> str:
    days = [date(2026, 2, n) for n in range(1, last + 1)]
    return HEAD + "".join(
        row(day, "Payments", HIGH.get(day.day, 4), "Bedrock") + row(day, "Orion", 2) + row(day, HARM, 0.5)
        for day in days
    )


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    (folder / "bill.csv").write_text(february())
    (folder / "users.csv").write_text("user,team,role,row_policy\nann,Orion,admin,\nnoor,Orion,analyst,team = Orion\n")
    loader.load([str(folder / "bill.csv")], folder / "w.duckdb")
    (folder / "budgets.csv").write_text(
        "month,dimension,value,amount_usd\n2026-02-01,total,,200\n2026-02-01,team,Orion,50\n2026-02-01,team,Payments,100\n"
    )
    loader.load([str(folder / "users.csv")], folder / "w.duckdb", "users")
    loader.load([str(folder / "budgets.csv")], folder / "w.duckdb", "budgets")
    return folder / "w.duckdb"


class Web:
    """A server that keeps what is posted to it. failing: how often it says 503 first."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.tries = self.failing = 0
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                web.tries += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code = 503 if web.failing > 0 else {"/gone": 410, "/moved": 302}.get(self.path, 200)
                web.failing -= 1
                if code == 200:
                    web.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(code)
                if code == 302:
                    self.send_header("Location", f"http://{web.host}/in")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def titles(self) -> list[str]:
        return [json.loads(body)["title"] for _, body in self.got]


@pytest.fixture
def web() -> Iterator[Web]:
    one = Web()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def config(company: Path, tmp_path: Path, web: Web) -> Config:
    return Config(
        warehouse=company,
        ledger=tmp_path / "ledger.sqlite",
        alerts_slack={"#finance": f"http://{web.host}/slack"},  # type: ignore[dict-item]
        alerts_webhook_hosts=(web.host,),
        alerts_webhook_secret=SECRET,  # type: ignore[arg-type]
        alerts_retry_seconds=0.001,
    )


@pytest.fixture
def watch(config: Config) -> Iterator[Watch]:
    own = command.watch(config)
    yield own
    own.assistant.close()
    own.alerts.store.close()


def at(day: str, time: str = "12:00") -> datetime:
    return datetime.fromisoformat(f"2026-{day}T{time}:00+00:00")


def keep(watch: Watch, words: str, made: datetime, to: str | None = None, user: str | None = None) -> Rule:
    rule = reading.read(words, Asker(user, made, to), watch.assistant)
    watch.alerts.add(rule.id, rule.model_dump_json())
    return rule


def outcomes(told: list[Told]) -> list[tuple[str, str]]:
    return [(one.occurrence, one.outcome) for one in told]


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reader(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    own = Assistant(Config(warehouse=company, ledger=tmp_path_factory.mktemp("l") / "l.sqlite"))
    yield own
    own.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["words"])
def test_words_become_a_rule_or_a_question(reader: Assistant, case: dict[str, Any]) -> None:
    asker = Asker(None, at("03-01"))
    if "asks" in case:
        with pytest.raises(AssistantError) as asked:
            reading.read(case["words"], asker, reader)
        assert isinstance(asked.value, Clarify | Refused)
        assert case["asks"] in str(asked.value)
        return
    rule = reading.read(case["words"], asker, reader)
    assert rule.kind == case["kind"]
    assert rule.cron == case.get("cron")
    assert rule.question == case.get("question", rule.question)
    assert rule.zone == case.get("zone", "UTC")
    found = [rule.line.side, rule.line.value, rule.line.unit, rule.line.per] if rule.line else None
    assert found == case.get("line")
    assert (rule.line.of if rule.line else "value") == case.get("of", "value")
    assert [rule.channel.kind, rule.channel.to] == case.get("to", [rule.channel.kind, rule.channel.to])


# --- when it tells ----------------------------------------------------------------------------------------------------


def test_a_crossing_is_told_once(watch: Watch, web: Web) -> None:
    rule = keep(watch, "tell me when AI spend passes 5 dollars a day to #finance", at("02-05"))
    assert [alert.occurrence for alert in watch.test(rule, at("02-28"))] == ["2026-02-10", "2026-02-20"]
    assert outcomes(watch.run(at("02-12"))) == [("2026-02-10", "sent")]
    assert watch.run(at("02-13")) == []  # the days after are the same crossing
    assert outcomes(watch.run(at("02-21"))) == [("2026-02-20", "sent")]
    [(_, first), _] = web.got
    assert json.loads(first)["text"] == "AI spend: $6.00 on 10 Feb 2026, above $5.00"


@pytest.mark.parametrize(("made", "told"), [("02-11", ["2026-02-11"]), ("02-13", [])])
def test_what_was_before_the_rule_is_not_told(watch: Watch, made: str, told: list[str]) -> None:
    """A line that is passed already when the rule is made is told on that day, not for the days before."""
    rule = keep(watch, "tell me when AI spend passes 5 dollars a day to #finance", at(made))
    assert [alert.occurrence for alert in watch.due(rule, at("02-14"))] == told


def test_each_group_and_each_month_has_its_own_line(watch: Watch) -> None:
    groups = keep(watch, "tell me when cost by team passes 1 dollar a day to #finance", at("02-02"))
    assert {a.occurrence for a in watch.due(groups, at("02-04"))} == {"2026-02-02 · Orion", "2026-02-02 · Payments"}
    month = keep(watch, "tell me when cost passes 50 dollars a month to #finance", at("02-15"))
    [alert] = watch.due(month, at("02-20"))
    assert alert.occurrence == "2026-02-01"
    assert " in Feb 2026, above $50.00" in alert.message.title


def test_a_day_that_is_not_over_is_not_below(watch: Watch) -> None:
    rule = keep(watch, "tell me when AI spend falls below 5 dollars a day to #finance", at("02-26"))
    assert [a.occurrence for a in watch.due(rule, at("03-01"))] == ["2026-02-26"]
    newest = keep(watch, "tell me when AI spend falls below 5 dollars a day to #finance", at("02-28"))
    assert watch.due(newest, at("03-01")) == []


# AI spend in the weeks from 2, 9, 16 and 23 February: 28, 38, 32, 24. The data begins on Sunday the 1st.
@pytest.mark.parametrize(
    ("words", "last", "told"),
    [
        ("AI spend rises by more than 20 % week over week", 28, ["2026-02-09"]),
        ("AI spend rises by more than 36 % week over week", 28, []),  # it is 35.7 %
        ("AI spend falls by more than 10 % week over week", 28, ["2026-02-16"]),  # the last week is not over
        ("AI spend falls by more than 10 % week over week", 22, []),  # nor is this one while no later day is loaded
        ("AI spend rises by more than 9 dollars week over week", 28, ["2026-02-09"]),
        ("AI spend rises by more than 5 % day over day", 28, ["2026-02-10", "2026-02-20"]),  # 10 to 12 are one crossing
        ("AI spend rises by more than 5 % month over month", 28, []),  # January is not loaded
        ("cost by team rises by more than 20 % week over week", 28, ["2026-02-09 · Payments"]),
    ],
)
def test_a_change_is_against_the_whole_time_before(
    tmp_path: Path, config: Config, words: str, last: int, told: list[str]
) -> None:
    (tmp_path / "bill.csv").write_text(february(last))
    loader.load([str(tmp_path / "bill.csv")], tmp_path / "w.duckdb")
    watch = command.watch(config.model_copy(update={"warehouse": tmp_path / "w.duckdb"}))
    rule = keep(watch, f"tell me when {words}, to #finance", at("02-02"))
    assert [alert.occurrence for alert in watch.test(rule, at("03-01"))] == told
    watch.assistant.close()


def test_a_change_says_what_it_is_measured_against(watch: Watch, web: Web) -> None:
    rule = keep(watch, "tell me when AI spend rises by more than 20 % week over week to #finance", at("02-05"))
    [alert] = watch.due(rule, at("03-01"))
    assert alert.message.title == ("AI spend: $38.00 in 9–15 Feb 2026, 35.7% more than in 2–8 Feb 2026 ($28.00)")
    assert alert.message.text == "The line is 20% more than the whole week before: $33.60."
    assert outcomes(watch.run(at("02-15"))) == [("2026-02-09", "sent")]
    assert watch.run(at("02-16")) == []
    assert watch.run(at("02-23")) == []


def test_a_part_of_the_budget_is_told_once_a_month(watch: Watch, web: Web) -> None:
    """Orion has spent 56 of 50, Payments 126 of 100, all 196 of 200."""
    whole = keep(watch, "tell me when we have used 80 % of the budget, to #finance", at("02-05"))
    assert [a.occurrence for a in watch.due(whole, at("03-01"))] == ["2026-02-01"]
    assert keep(watch, "tell me when we go over budget, to #finance", at("02-05")).question == "budget used"
    teams = keep(watch, "tell me when any team has used 115 % of its budget, to #finance", at("02-05"))
    [alert] = watch.due(teams, at("03-01"))
    assert alert.occurrence == "2026-02-01 · Payments"
    assert alert.message.title.startswith("Budget used by team · Payments: 126.0% in Feb 2026, above 115.0%")
    watch.run(at("03-02"))
    assert len(web.got) == 2
    assert watch.run(at("03-03")) == []
    words = "tell me when team Orion has used 80 % of its budget, to #finance"
    assert keep(watch, words, at("02-05")).question == "budget used of team Orion"
    with pytest.raises(Refused, match="budgets is not open to you"):
        keep(watch, words, at("02-05"), user="noor")


def test_a_digest_goes_out_at_its_owners_time(watch: Watch, web: Web) -> None:
    words = "Monday 8:00 America/New_York: last week by team, to #finance"
    keep(watch, words, at("02-10"))
    assert watch.run(at("02-16", "12:59")) == []  # 8:00 there is 13:00 UTC
    assert outcomes(watch.run(at("02-16", "13:00"))) == [("2026-02-16T08:00", "sent")]
    assert watch.run(at("02-16", "13:01")) == []
    assert watch.run(at("02-24", "14:00")) == []  # more than a day late
    [(_, body)] = web.got
    table = json.loads(body)["blocks"][1]["elements"][0]["elements"][0]["text"]
    assert [line.split()[:2] for line in table.splitlines() if line.startswith("Pay")] == [["Payments", "38.00"]]


def test_the_day_of_a_digest_is_that_of_its_owner(watch: Watch) -> None:
    """Monday morning in Auckland is Sunday in UTC; last week is the one that ended there."""
    rule = keep(watch, "Monday 8:00 Pacific/Auckland: cost last week, to #finance", at("02-10"))
    [alert] = watch.due(rule, at("02-15", "20:00"))
    assert alert.occurrence == "2026-02-16T08:00"
    assert "9–15 Feb 2026" in alert.message.small[0]


@pytest.mark.parametrize(
    ("cron", "zone", "day", "hours"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-10-25", ["00:30", "01:30"]),  # that hour is there twice
        ("30 8 * * *", "Europe/Berlin", "2026-03-29", ["06:30"]),
        ("0 8 last * *", "UTC", "2026-02-28", ["08:00"]),
    ],
)
def test_clocks_that_change(cron: str, zone: str, day: str, hours: list[str]) -> None:
    start = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    found = occurrences(cron, zone, start - timedelta(seconds=1), start + timedelta(days=1) - timedelta(seconds=1))
    assert {f"{one.astimezone(UTC):%H:%M}" for one in found} <= set(hours)
    assert len({one.replace(tzinfo=None) for one in found}) == 1


def test_an_anomaly_is_told_once(tmp_path: Path, config: Config, web: Web) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(120)]
    costs = [1_000.0 + (n * 37) % 50 for n in range(119)] + [9_000.0]
    bill = HEAD + "".join(row(day, "Payments", cost) for day, cost in zip(days, costs, strict=True))
    (tmp_path / "bill.csv").write_text(bill)
    loader.load([str(tmp_path / "bill.csv")], tmp_path / "w.duckdb")
    watch = command.watch(config.model_copy(update={"warehouse": tmp_path / "w.duckdb"}))
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    keep(watch, "tell me about new anomalies to #finance", now - timedelta(days=2))
    [told] = watch.run(now)
    assert told.outcome == "sent"
    assert watch.run(now + timedelta(hours=13)) == []
    [(_, body)] = web.got
    assert json.loads(body)["text"].startswith("Anomaly: Compute · Payments, $7,966.50 more than expected")
    watch.assistant.close()


# --- whose eyes -------------------------------------------------------------------------------------------------------


def test_a_rule_sees_what_its_owner_sees(watch: Watch) -> None:
    rule = keep(watch, "Monday 8:00: cost last week by team, to #finance", at("02-10"), user="noor")
    [alert] = watch.due(rule, at("02-16"))
    assert [row[0] for row in alert.message.rows] == ["Orion"]
    with pytest.raises(Clarify):
        keep(watch, "tell me when cost of Payments passes 5 dollars a day to #finance", at("02-10"), user="noor")


def test_an_owner_who_left_is_told_of_once_a_day(watch: Watch, web: Web) -> None:
    rule = keep(watch, "Monday 8:00: cost last week by team, to #finance", at("02-10"), user="noor")
    gone = rule.model_copy(update={"id": "gone", "owner": "nobody"})
    watch.alerts.add(gone.id, gone.model_dump_json())
    assert outcomes(watch.run(at("02-16"))) == [("2026-02-16T08:00", "sent"), ("problem 2026-02-16", "failed")]
    assert watch.run(at("02-16", "12:01")) == []
    [dead] = watch.alerts.dead()
    assert "nobody" in (dead.error or "")


def test_words_that_mean_something_else_by_now_say_nothing(watch: Watch, web: Web) -> None:
    rule = keep(watch, "Monday 8:00: cost last week by team, to #finance", at("02-10"))
    other = rule.model_copy(update={"id": "other", "plan": rule.plan.model_copy(update={"dimensions": ("service",)})})
    watch.alerts.add(other.id, other.model_dump_json())
    assert {one.outcome for one in watch.run(at("02-16")) if one.rule == "other"} == {"failed"}
    assert len(web.got) == 1


def test_a_slack_channel_gets_what_all_its_readers_may_see(once: Once, tmp_path: Path) -> None:
    async def scene() -> None:
        async with SlackServer() as slack:
            for channel, members in {"C01": ["UADA", "UBEN", "UCYD"], "C02": ["UADA", "UBEN"], "C03": ["UADA"],
                                     "C04": ["UADA", MALLORY]}.items():  # fmt: skip
                slack.channels[channel] = {"info": {"is_private": True}, "members": [*members, BOT]}
            config = Config(
                warehouse=small(once),
                ledger=tmp_path / "l.sqlite",
                slack_bot_token="xoxb-test",  # type: ignore[arg-type]
                slack_base_url=slack.base_url,
            )
            watch = command.watch(config)
            made = at("03-01")

            def run() -> list[Told]:
                for channel in ("C01", "C02", "C03", "C04"):
                    keep(watch, "every day at 8:00: cost last month", made, f"slack:{channel}", "ada")
                return watch.run(at("03-02"))

            told = await asyncio.to_thread(run)
            assert [one.outcome for one in told] == ["sent", "sent", "sent", "failed"]
            assert "not known to askcost" in (told[-1].error or "")
            said = {channel: message.words for (channel, _), message in slack.messages.items()}
            for channel, total in {"C01": COMMON, "C02": BENS, "C03": ALL}.items():
                assert total in said[channel]
                assert not any(other in said[channel] for other in {COMMON, BENS, ALL} - {total})
            watch.assistant.close()

    asyncio.run(scene())


# --- one message ------------------------------------------------------------------------------------------------------


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(config: Config, web: Web) -> Start:
    """`askcost alerts` in a process of its own."""
    own = {
        "ASKCOST_WAREHOUSE": str(config.warehouse),
        "ASKCOST_LEDGER": str(config.ledger),
        "ASKCOST_ALERTS_SLACK": json.dumps({"#finance": f"http://{web.host}/slack"}),
    }
    alerts = [sys.executable, "-m", "assistant.surfaces.cli.main", "alerts"]
    return lambda *words: subprocess.Popen([*alerts, *words], env={**os.environ, **own}, stdout=-1, text=True)


def test_processes_that_fire_at_once_send_one_message(watch: Watch, web: Web, start: Start) -> None:
    keep(watch, "tell me when AI spend passes 5 dollars a day to #finance", at("02-14"))
    running = [start("run", "--once", "--today", "2026-02-21") for _ in range(2)]
    said = [one.communicate(timeout=60)[0] for one in running]
    assert "".join(said).count("sent") == 1
    assert len(web.got) == 1


def test_threads_that_claim_at_once(config: Config) -> None:
    ledgers = [Alerts(store.of(config)) for _ in range(4)]
    taken: list[bool] = []
    threads = [threading.Thread(target=lambda one=one: taken.append(one.claim("r", "o", "{}"))) for one in ledgers]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, False, False, True]


def test_what_happens_while_it_is_quiet_is_never_sent(watch: Watch, web: Web) -> None:
    rule = keep(watch, "tell me when AI spend passes 5 dollars a day to #finance", at("02-05"))
    watch.alerts.decide(rule.id, "mute", date(2026, 2, 19))
    assert outcomes(watch.run(at("02-12"))) == [("2026-02-10", "muted")]
    assert outcomes(watch.run(at("02-21"))) == [("2026-02-20", "sent")]
    watch.alerts.decide(rule.id, "remove")
    assert watch.rules() == {}
    assert len(web.got) == 1


# --- how it is sent ---------------------------------------------------------------------------------------------------

MESSAGE = Message(title=f"Cost of {HARM}", text="a\x1b[31mb", table="team  cost\nx     1.00", rows=((HARM, 1.0),))


def test_a_webhook_is_tried_again_and_signed(config: Config, web: Web) -> None:
    web.failing = 2
    sending.send(MESSAGE, Channel(kind="webhook", to=f"http://{web.host}/in"), "rule 1", config)
    assert web.tries == 3
    [(headers, body)] = web.got
    expected = sending.signature(SECRET, headers["x-askcost-timestamp"], body)
    assert headers["x-askcost-signature"] == f"sha256={expected}"
    assert json.loads(body)["rows"] == [[HARM, 1.0]]


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("http://{host}/gone", "answered 410"),
        ("http://{host}/moved", "answered 302"),
        ("https://169.254.169.254/latest", "ASKCOST_ALERTS_WEBHOOK_HOSTS"),
        ("http://metadata.internal/x", "https://"),
        ("https://user:pw@{host}/in", "no user"),
        ("https://{host}@evil.example/in", "no user"),
        ("#nowhere", "ASKCOST_ALERTS_SLACK"),
        ("slack:C0123", "ASKCOST_SLACK_BOT_TOKEN"),
        ("ann@bank.example", "ASKCOST_SMTP_URL"),
    ],
)
def test_where_nothing_may_be_sent(config: Config, web: Web, to: str, says: str) -> None:
    with pytest.raises(AssistantError, match=says):
        sending.send(MESSAGE, reading.channel_of(to.format(host=web.host)), "k", config)
    assert web.got == []


def test_values_are_text_in_slack(config: Config, web: Web) -> None:
    sending.send(MESSAGE, Channel(kind="slack", to="#finance"), "k", config)
    [(_, body)] = web.got
    said = json.loads(body)
    assert "<!" not in said["text"]
    assert "https://" not in body.decode()
    assert {block["type"] for block in said["blocks"]} == {"section", "rich_text"}
    assert said["blocks"][0]["text"]["type"] == "plain_text"


class Mailbox:
    """An SMTP server's post."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.busy = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.busy:
            self.busy -= 1
            return "451 try again"
        self.got.append(envelope)
        return "250 kept"


def mailing(config: Config, port: int, scheme: str = "smtp", **more: Any) -> Config:
    fields = {"smtp_url": f"{scheme}://127.0.0.1:{port}", "alerts_from": "askcost@bank.example", **more}
    return Config(**{**config.model_dump(), **fields})


class MailServer:
    """aiosmtpd's protocol in a thread; with a context, over TLS from the first byte."""

    def __init__(self, box: Mailbox, context: ssl.SSLContext | None = None) -> None:
        self.loop = asyncio.new_event_loop()
        making = self.loop.create_server(lambda: SMTP(box, loop=self.loop), "127.0.0.1", 0, ssl=context)
        self.server = self.loop.run_until_complete(making)
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.run_until_complete(asyncio.sleep(0.05))
        self.loop.close()


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    server = MailServer(box)
    yield box, server.port
    server.stop()


def test_mail_is_tried_again_and_holds_no_markup(config: Config, mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    box.busy = 1
    own = mailing(config, port)
    sending.send(MESSAGE, Channel(kind="email", to="ann@bank.example"), "k", own)
    [envelope] = box.got
    assert envelope.rcpt_tos == ["ann@bank.example"]
    text = envelope.content.decode()
    assert "Content-Type: text/plain" in text
    assert "\x1b" not in text
    made = sending.mail(
        MESSAGE.model_copy(update={"title": "a\r\nBcc: x@evil.example"}), "ann@bank.example", "a@b.c", "k"
    )
    assert made["Bcc"] is None
    with pytest.raises(Refused, match="ASKCOST_ALERTS_MAIL_DOMAINS"):
        sending.send(MESSAGE, Channel(kind="email", to="ann@evil.example"), "k", own)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Mailbox, int, Path]]:
    """A mail server over TLS, with a certificate of its own making."""
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 -addext"
    made = ["openssl", *words.split(), "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    box = Mailbox()
    server = MailServer(box, context)
    yield box, server.port, certificate
    server.stop()


def test_mail_goes_only_over_encryption_that_can_be_trusted(
    config: Config, secure: tuple[Mailbox, int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, port, certificate = secure
    own = mailing(config, port, "smtps")
    to = Channel(kind="email", to="ann@bank.example")
    with pytest.raises(sending.Undelivered, match="trusted"):
        sending.send(MESSAGE, to, "k", own)
    assert box.got == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    sending.send(MESSAGE, to, "k", own)
    assert len(box.got) == 1


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def askcost(config: Config, web: Web, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("ASKCOST_WAREHOUSE", str(config.warehouse))
    monkeypatch.setenv("ASKCOST_LEDGER", str(config.ledger))
    monkeypatch.setenv("ASKCOST_ALERTS_SLACK", json.dumps({"#finance": f"http://{web.host}/slack"}))
    monkeypatch.setenv("ASKCOST_ALERTS_RETRY_SECONDS", "0.001")
    return lambda *words: CliRunner().invoke(main, ["alerts", *words])


def test_a_rule_is_shown_before_it_is_kept(askcost: Callable[..., Result]) -> None:
    words = ("add", "tell me when AI spend passes 5 dollars a day to #finance", "--today", "2026-02-28")
    shown = askcost(*words)
    assert shown.exit_code == 3
    assert "it would have sent 2 messages" in shown.output
    assert "AI spend: $8.00 on 20 Feb 2026, above $5.00" in shown.output
    assert "No alerts yet" in askcost().output
    assert askcost(*words, "--yes").exit_code == 0
    assert "when above $5.00 a day, to #finance" in askcost().output


def test_dead_letters_are_sent_when_the_channel_is_back(askcost: Callable[..., Result], web: Web) -> None:
    askcost("add", "tell me when AI spend passes 5 dollars a day to #finance", "--today", "2026-02-14", "--yes")
    web.failing = 99
    run = askcost("run", "--once", "--today", "2026-02-21")
    assert (run.exit_code, web.tries) == (1, sending.TRIES)
    assert "answered 503" in askcost("dead").output
    assert "1 never arrived" in askcost().output
    assert askcost("dead", "--retry").exit_code == 1
    web.failing = 0
    assert askcost("dead", "--retry").exit_code == 0
    assert "Everything arrived" in askcost("dead").output
    assert len(web.got) == 1
    assert askcost("run", "--once", "--today", "2026-02-21").output == ""


def test_mute_unmute_test_and_remove(askcost: Callable[..., Result], web: Web) -> None:
    askcost("add", "Monday 8:00: last week by team, to #finance", "--today", "2026-02-14", "--yes")
    [rule] = json.loads(askcost("--json").output)["alerts"]
    name = rule["id"]
    askcost("mute", name, "--until", "2999-01-01")
    assert "(quiet until 2999-01-01)" in askcost().output
    assert "muted" in askcost("run", "--once", "--today", "2026-02-16").output
    askcost("unmute", name)
    assert "quiet" not in askcost().output
    assert askcost("test", name, "--send", "--today", "2026-02-17").exit_code == 0
    assert [json.loads(body)["text"] for _, body in web.got] == ["Test: Last week by team"]
    askcost("remove", name)
    assert "No alerts yet" in askcost().output
    for words in (("mute", name), ("test", name)):
        missing = askcost(*words)
        assert missing.exit_code == 4
        assert f"There is no alert {name}" in missing.output


def test_the_scheduler_runs_until_it_is_stopped(watch: Watch, web: Web, start: Start) -> None:
    rule = keep(watch, "every day at 8:00: cost in February 2026, to #finance", datetime.now(UTC) - timedelta(days=2))
    running = start("run")
    while not web.got:
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=20)
    assert running.returncode == 0
    assert [(f.rule, f.outcome) for f in watch.alerts.firings()] == [(rule.id, "sent")]
