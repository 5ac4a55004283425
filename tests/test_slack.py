"""The Slack bot against a workspace on loopback: who sees what, answers in blocks, retries, restarts, limits."""

from __future__ import annotations

import asyncio
import csv
import functools
import io
import json
import os
import re
import shutil
import struct
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import web_company
import yaml
from aiohttp import web
from conftest import Once
from desk import Desk as CommandDesk
from slack_server import BOT, SECRET, Message, SlackServer, validate

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk.desk import Desk
from assistant.errors import AssistantError
from assistant.surfaces.cli import slacking
from assistant.surfaces.slack import blocks, requests
from assistant.surfaces.slack.bot import PATH, Bot
from assistant.surfaces.slack.checks import SCOPES, checks
from assistant.surfaces.slack.store import Job, Post, Store
from assistant.values import Answer, Clarification
from assistant.warehouse.load import load

DOCS = Path(__file__).parent.parent / "docs"
ADA, BEN, CYD, MALLORY = "UADA", "UBEN", "UCYD", "UMAL"
# Who sees what of last month: everything; the provider Cumulus; the service Model API. The latter two share 168.56.
USERS = "user,role,row_policy,slack_id\nada,executive,,UADA\nben,analyst,provider = Cumulus,UBEN\n"
USERS += "cyd,analyst,service = Model API,UCYD\n"
ALL, BENS, CYDS, COMMON, NIMBUS = "$591.36", "$337.68", "$253.12", "$168.56", "$253.68"
ROWS = 5_000
HARM = "<!channel> <@UADA> <https://evil.example|Invoice> https://evil.example *b* &amp;"
SHAPE = ["section", "image", "table", "context", "context", "context", "actions", "actions", "context_actions"]


def scenario(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test with an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*arguments, **named), 240))

    return run


def _build(warehouse: Path) -> None:
    """The company with harmful names, and three users in Slack."""
    web_company.build(warehouse)
    (warehouse.parent / "people.csv").write_text(USERS)
    load([str(warehouse.parent / "people.csv")], warehouse, "users", replace=True)


def _build_large(warehouse: Path) -> None:
    """The same, one day with thousands of resources, and one with a team whose name is meant for Slack."""
    _build(warehouse)
    path = warehouse.parent / "large.csv"
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        head = "BilledCost EffectiveCost ListCost ContractedCost BillingCurrency BillingPeriodStart ChargePeriodStart"
        out.writerow(
            [*head.split(), "ChargeCategory", "ProviderName", "ServiceName", "ServiceCategory", "ResourceId", "Tags"]
        )
        for n in range(ROWS):
            cost, days = f"{n + 1}.25", ("2025-12-01", "2025-12-15")
            out.writerow([*[cost] * 4, "USD", *days, "Usage", "Stratus", "Archive", "Storage", f"r-{n}", "{}"])
        days = ("2025-12-01", "2025-12-20")
        out.writerow(
            [*["9"] * 4, "USD", *days, "Usage", "Stratus", "Archive", "Storage", "r", json.dumps({"team": HARM})]
        )
    load([str(path)], warehouse)


@pytest.fixture(scope="module")
def warehouse(once: Once) -> Path:
    return once("slack.duckdb", _build)


@dataclass
class Office:
    """A workspace and its bots. `bot` is the first of them."""

    slack: SlackServer
    bots: list[Bot] = field(default_factory=list)
    folder: Path = Path()

    @property
    def bot(self) -> Bot:
        return self.bots[0]

    @property
    def desk(self) -> Desk:
        return self.bot.answering.desk

    async def ask(self, user: str, text: str, channel: str = "C1", thread: str | None = None) -> Message:
        """A mention, and its answer in the channel."""
        event = self.slack.mention(user, text, channel, thread)
        before = len(self.slack.said(channel, thread or event["event"]["ts"]))
        await self.slack.push(event)
        return await self.slack.answer(channel, thread or event["event"]["ts"], before + 1)

    async def write(self, user: str, text: str, thread: str | None = None) -> Message:
        """A direct message, and its answer."""
        channel = f"D{user}"
        before = len(self.slack.said(channel))
        await self.slack.push(self.slack.event(self.slack.line(user, text, channel, thread)))
        return await self.slack.answer(channel, nth=before + 1)

    async def click(self, user: str, message: Message, action: dict[str, Any]) -> None:
        await self.slack.push(self.slack.click(user, message, action), kind="interactive")

    async def sent(self) -> dict[str, Any]:
        """The CSV file that was sent."""
        files = self.slack.files
        found: dict[str, Any] = await self.slack.until(
            lambda: next((f for f in files.values() if f["name"].endswith(".csv") and f["content"]), None)
        )
        return found

    async def quiet(self) -> None:
        """Until nothing is left to do."""
        await self.slack.until(lambda: not self.bot.store._rows("SELECT 1 FROM jobs WHERE done = 0"))


@asynccontextmanager
async def office(
    warehouse: Path, folder: Path, bots: int = 1, lease: float = 30, **settings: Any
) -> AsyncIterator[Office]:
    """Bots over one warehouse and one store, connected by Socket Mode. C1: Ada, Ben and Cyd; C2: Ada and Ben."""
    async with SlackServer() as slack:
        for channel, members in {"C1": [ADA, BEN, CYD], "C2": [ADA, BEN], "C3": [ADA], "C4": [ADA, MALLORY]}.items():
            slack.channels[channel] = {"info": {"is_private": True}, "members": [*members, BOT]}
        for user in (ADA, BEN, CYD, MALLORY):
            slack._conversations_open({"users": user})
        there = Office(slack, folder=folder)
        for _ in range(bots):
            there.bots.append(make(warehouse, folder, slack, lease, **settings))
            await there.bots[-1].start()
            await there.bots[-1].connect()
        await slack.until(lambda: len(slack.sockets) == bots)
        try:
            yield there
        finally:
            for bot in there.bots:
                await bot.stop(0)
                bot.store.close()
                bot.answering.desk.assistant.close()


def make(warehouse: Path, folder: Path, slack: SlackServer, lease: float = 30, **settings: Any) -> Bot:
    config = Config(
        warehouse=warehouse,
        ledger=folder / "ledger.sqlite",
        slack_bot_token="xoxb-test",
        slack_app_token="xapp-test",
        slack_signing_secret=SECRET,
        slack_base_url=slack.base_url,
        **settings,
    )
    desk = Desk(Assistant(config, surface="slack"), web_company.TODAY)
    assert desk.assistant.warehouse  # as `askcost slack` does before it connects
    return Bot(desk, Store(folder / "slack.sqlite"), lease)


# --- answers ----------------------------------------------------------------------------------------------


@scenario
async def test_a_mention_is_answered_in_its_thread(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path, slack_web_url="https://costs.example") as there:
        message = await there.ask(ADA, "cost by team last month", "C3")
        assert message.states[0] == "Working on it…"
        assert message.kinds() == SHAPE
        assert ALL in message.block("section")["text"]["text"]
        rows = [[cell["text"] for cell in row] for row in message.block("table")["rows"]]
        assert rows[0] == ["team", "effective cost (USD)"]
        assert len(rows) == 1 + len(web_company.TEAMS)
        image = message.block("image")
        content = there.slack.files[image["slack_file"]["id"]]["content"]
        width, height = struct.unpack(">II", content[16:24])
        assert content.startswith(b"\x89PNG")
        assert 600 < width < 1_600
        assert height > 200
        assert COMMON in image["alt_text"]
        assert "Effective cost · Feb 2026 · by team" in message.words
        assert (
            message.button("More in the web")["url"] == "https://costs.example/?prompt=cost%20by%20team%20last%20month"
        )
        assert list(tmp_path.glob("**/*.png")) == list(tmp_path.glob("**/*.csv")) == []


@scenario
async def test_a_thread_goes_on_for_those_who_asked_in_it(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        first = await there.ask(ADA, "cost by team in January 2026", "C3")
        await there.slack.push(there.slack.event(there.slack.line(ADA, "and by service?", "C3", first.thread)))
        second = await there.slack.answer("C3", first.thread, 2)
        assert "Jan 2026 · by service" in second.words
        other = await there.ask(ADA, "cost by service", "C3")  # another thread knows nothing of January
        assert "Jan 2026 ·" not in other.words
        there.slack.channels["C3"]["members"].append(BEN)
        await there.slack.push(there.slack.event(there.slack.line(BEN, "lunch?", "C3", first.thread)))
        await there.slack.push(there.slack.event(there.slack.line(ADA, f"<@{BEN}> look", "C3", first.thread)))
        await there.slack.push(there.slack.event(there.slack.line(ADA, "cost of nobody", "C3")))
        await there.quiet()
        assert len(there.slack.said("C3", first.thread)) == 2
        assert len(there.slack.said("C3")) == 3


@scenario
async def test_a_question_that_asks_back_is_answered_by_a_button(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        asked = await there.write(ADA, "cost of teh Bold last month")
        assert "I don't know “teh”" in asked.words
        await there.click(ADA, asked, asked.button("Compute"))
        chosen = await there.slack.answer(f"D{ADA}", nth=2)
        assert "Compute" in chosen.words
        assert "“teh”" not in chosen.words
        forged = asked.button("Compute") | {"action_id": "choose:77"}
        await there.click(ADA, asked, forged)
        await there.quiet()


def test_many_options_become_a_menu_and_long_texts_are_cut() -> None:
    options = tuple(f"{n} {'long ' * 40}" for n in range(120))
    message = blocks.asked_back(Answer("clarify", "A1", "q", clarify=Clarification("which? " * 900, options)))
    validate([*message.blocks], 50)
    (menu,) = message.blocks[1]["elements"]
    assert (menu["type"], len(menu["options"])) == ("static_select", 100)
    chosen = {**menu, "selected_option": menu["options"][7], "action_ts": "1"}
    job = requests.of_action(
        {"actions": [chosen], "user": {"id": ADA}, "channel": {"id": "D1"}, "message": {"ts": "1"}}
    )
    assert job
    assert (job.do, job.text, job.answer_id) == ("choose", "7", "A1")


@scenario
async def test_buttons_break_down_compare_and_say_why(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        first = await there.ask(ADA, "cost last month", "C3")
        assert "image" not in first.kinds()  # one number needs no picture
        await there.click(ADA, first, first.button("Compare with"))
        second = await there.slack.answer("C3", first.thread, 2)
        assert "compared with Jan 2026" in second.words
        await there.click(ADA, second, second.button("Why: by provider"))
        third = await there.slack.answer("C3", first.thread, 3)
        assert third.block("image")["alt_text"].startswith("Steps of Effective cost")
        menu = next(e for b in first.blocks for e in b.get("elements", ()) if e["type"] == "static_select")
        option = next(o for o in menu["options"] if o["value"] == "by:provider")
        await there.click(ADA, first, menu | {"selected_option": option})
        fourth = await there.slack.answer("C3", first.thread, 4)
        assert "Feb 2026 · by provider" in fourth.words


@scenario
async def test_the_sql_is_shown_in_a_modal(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path, slack_web_url="https://costs.example") as there:
        message = await there.ask(ADA, "cost by team last month", "C3")
        await there.click(ADA, message, message.button("Show SQL"))
        (view,) = await there.slack.until(lambda: [v for v in there.slack.modals.values() if len(v["blocks"]) > 1])
        code = view["blocks"][0]["elements"][0]
        assert code["type"] == "rich_text_preformatted"
        assert "SELECT" in code["elements"][0]["text"]
        assert "https://costs.example/?prompt=cost" in json.dumps(view)
        await there.click(
            BEN, message, message.button("Show SQL")
        )  # who is not in the channel can click nothing there,
        there.slack.channels["C3"]["members"].append(MALLORY)  # and if they could:
        there.bot.store.forget_room("C3")
        await there.click(MALLORY, message, message.button("Show SQL"))
        await there.slack.until(lambda: "not in askcost" in json.dumps(list(there.slack.modals.values())))


@scenario
async def test_a_number_is_explained(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        message = await there.ask(ADA, "cost by team last month", "C3")
        await there.slack.push(there.slack.shortcut(ADA, message), kind="interactive")
        (view,) = await there.slack.until(lambda: [v for v in there.slack.modals.values() if len(v["blocks"]) > 1])
        said = json.dumps(view, ensure_ascii=False)
        assert "Effective cost · Feb 2026 · by team" in said
        assert "cost_and_usage.EffectiveCost" in said
        there.slack.modals.clear()
        await there.slack.push(there.slack.shortcut(ADA, Message("C3", "1.2", "we spent $5", [])), kind="interactive")
        await there.slack.until(lambda: "no answer of askcost" in json.dumps(list(there.slack.modals.values())))


@scenario
async def test_thousands_of_rows_are_cut_and_the_file_has_them_all(once: Once, tmp_path: Path) -> None:
    async with office(once("slack_large.duckdb", _build_large), tmp_path) as there:
        message = await there.ask(ADA, "cost by resource on 2025-12-15", "C3")
        assert f"of {ROWS + 1:,} rows" in message.words
        assert len(message.block("table")["rows"]) == 21
        await there.click(ADA, message, message.button("CSV file"))
        file = await there.sent()
        rows = list(csv.reader(io.StringIO(file["content"].decode())))
        assert len(rows) == ROWS + 2
        await there.quiet()
        assert (file["channel"], file["thread"]) == ("C3", message.thread)


@scenario
async def test_names_from_the_data_stay_text(once: Once, tmp_path: Path) -> None:
    async with office(once("slack_large.duckdb", _build_large), tmp_path) as there:
        for text in ("cost by team on 2025-12-20", "cost by team and service on 2025-12-20"):
            message = await there.ask(ADA, text, "C3")
            assert "!channel" in message.words  # it is there, as text
            assert "<" not in message.text
            assert "https://evil" not in message.words
            marked = [t for block in message.blocks for t in texts(block) if t.get("type") == "mrkdwn"]
            assert marked == []
        refusal = await there.ask(ADA, "cost of &lt;!channel&gt; zebra last month", "C3")
        assert "<" not in refusal.text
        await there.click(ADA, message, message.button("CSV file"))
        file = await there.sent()
        assert "'=HYPERLINK" in file["content"].decode()


def texts(value: Any) -> list[dict[str, Any]]:
    """Every text object inside."""
    if isinstance(value, list):
        return [found for one in value for found in texts(one)]
    if not isinstance(value, dict):
        return []
    return ([value] if isinstance(value.get("text"), str) else []) + texts(list(value.values()))


# --- who sees what ------------------------------------------------------------------------------------------


@scenario
async def test_each_sees_what_they_may(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        for user, total in ((ADA, ALL), (BEN, BENS), (CYD, CYDS)):
            assert total in (await there.write(user, "cost last month")).words
        await there.slack.push(there.slack.command(BEN, "cost last month", "C9"), kind="slash_commands")
        commanded = await there.slack.answer(f"D{BEN}", nth=2)
        assert BENS in commanded.words


@scenario
async def test_a_channel_sees_what_all_its_members_may(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        for channel, shared in (("C1", COMMON), ("C2", BENS), ("C3", ALL)):
            message = await there.ask(ADA, "cost last month", channel)
            assert shared in message.words
            assert ("Whoever asked may see more" in message.words) is (channel != "C3")
            for hidden in {ALL, BENS, CYDS} - {shared}:
                assert hidden not in message.words
            assert "Cumulus" not in message.words  # a policy names what others must not know of
        privately = there.slack.said(f"D{ADA}")
        assert [ALL in message.words for message in privately] == [True, True]
        by_ben = await there.ask(BEN, "cost last month", "C2")  # sees no more than the channel
        assert "may see more" not in by_ben.words
        assert there.slack.said(f"D{BEN}") == []


@scenario
async def test_a_hidden_name_is_unknown_in_the_channel(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        hidden = await there.ask(ADA, "cost of Nimbus last month", "C2")
        never = await there.ask(ADA, "cost of Zzyzxqua last month", "C2")
        strip = lambda m: m.words.replace("Zzyzxqua", "Nimbus")  # noqa: E731
        assert strip(hidden) == strip(never)
        await there.quiet()
        assert NIMBUS in there.slack.said(f"D{ADA}")[0].words


@scenario
async def test_clicks_in_a_channel_show_what_the_channel_may_see(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        message = await there.ask(ADA, "cost by provider last month", "C2")
        await there.click(ADA, message, message.button("By service category"))
        changed = await there.slack.answer("C2", message.thread, 2)
        assert BENS in changed.words
        await there.click(BEN, message, message.button("CSV file"))
        file = await there.sent()
        assert "Nimbus" not in file["content"].decode()
        # A private answer's button is worth nothing in the hands of the channel.
        own = await there.slack.answer(f"D{ADA}")
        assert "Nimbus" in own.words
        await there.click(BEN, message, own.button("By service category"))
        refused = await there.slack.answer("C2", message.thread, 3)
        assert "no such answer" in refused.words


@scenario
async def test_who_joins_is_counted_and_who_leaves_is_not(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        members = there.slack.channels["C3"]["members"]
        assert ALL in (await there.ask(ADA, "cost last month", "C3")).words
        members.append(BEN)
        joined = {"type": "member_joined_channel", "user": BEN, "channel": "C3", "channel_type": "C", "event_ts": "1"}
        await there.slack.push(there.slack.event(joined))
        assert BENS in (await there.ask(ADA, "cost last month", "C3")).words
        members.remove(BEN)
        await there.slack.push(there.slack.event({**joined, "type": "member_left_channel"}))
        assert ALL in (await there.ask(ADA, "cost last month", "C3")).words
        reads = len(there.slack.of("conversations.info"))
        await there.ask(ADA, "cost last month", "C3")
        assert len(there.slack.of("conversations.info")) == reads


@scenario
async def test_a_reader_that_nobody_knows_closes_the_channel(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        message = await there.ask(ADA, "cost last month", "C4")
        assert "not known to askcost" in message.words
        own = await there.slack.answer(f"D{ADA}")
        assert ALL in own.words
        assert ALL not in message.words
        there.slack.bots.add("UAPP")
        there.slack.channels["C3"]["members"].append("UAPP")  # an app is no reader
        assert ALL in (await there.ask(ADA, "cost last month", "C3")).words
        there.slack.channels["C3"]["members"] = ["UAPP", BOT]  # nobody reads it, says Slack; nothing is shown
        there.bot.store.forget_room("C3")
        empty = await there.ask(ADA, "cost last month", "C3")
        assert ALL not in empty.words
        there.slack.fail["conversations.members"] = [(200, {"ok": False, "error": "missing_scope"}, {})]
        there.bot.store.forget_room("C3")
        unsure = await there.ask(ADA, "cost last month", "C3")
        assert "missing_scope" in unsure.words
        assert ALL not in unsure.words


@scenario
async def test_an_unknown_user_is_told_how_to_be_added_and_gets_nothing(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        await there.slack.push(there.slack.mention(MALLORY, "cost last month", "C4"))
        await there.slack.push(there.slack.event(there.slack.line(MALLORY, "cost last month", f"D{MALLORY}")))
        await there.slack.push(
            there.slack.event({"type": "app_home_opened", "user": MALLORY, "tab": "home", "event_ts": "1"})
        )
        told = [await there.slack.answer(f"D{MALLORY}")]
        await there.slack.until(lambda: there.slack.ephemeral and there.slack.homes)
        ((channel, user, whispered),) = there.slack.ephemeral
        assert (channel, user) == ("C4", MALLORY)
        for said in (told[0].words, whispered.words, json.dumps(there.slack.homes[MALLORY])):
            assert MALLORY in said
            assert "table `users`" in said
            assert "$" not in said
        assert there.slack.said("C4") == []


@scenario
async def test_shared_channels_are_closed_unless_they_are_listed(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path, slack_shared_channels=("C2",)) as there:
        for channel in ("C2", "C3"):
            there.slack.channels[channel]["info"]["is_ext_shared"] = True
        await there.slack.push(there.slack.mention(ADA, "cost last month", "C3"))
        await there.slack.until(lambda: there.slack.ephemeral)
        assert "shared with others" in there.slack.ephemeral[0][2].words
        assert BENS in (await there.ask(ADA, "cost last month", "C2")).words
        await there.quiet()
        assert there.slack.said("C3") == []


@scenario
async def test_public_channels_can_be_left_out(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path, slack_public_channels=False) as there:
        there.slack.channels["C3"]["info"]["is_private"] = False
        message = await there.ask(ADA, "cost last month", "C3")
        assert "private channels only" in message.words


# --- home, pane, what people keep -----------------------------------------------------------------------------


@scenario
async def test_the_home_has_briefing_allowance_and_saved_questions(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        message = await there.write(ADA, "cost by team last month")
        follow = await there.write(ADA, "and by service?")
        await there.click(ADA, message, message.button("Save question"))
        await there.slack.until(lambda: any("Saved: “cost by team" in m.words for m in there.slack.said(f"D{ADA}")))
        await there.click(ADA, follow, follow.button("Save question"))
        await there.slack.until(lambda: any("can't be saved" in m.words for m in there.slack.said(f"D{ADA}")))
        opened = {"type": "app_home_opened", "user": ADA, "tab": "home", "event_ts": "1"}
        await there.slack.push(there.slack.event(opened))
        home = await there.slack.until(lambda: there.slack.homes.get(ADA))
        said = json.dumps(home, ensure_ascii=False)
        assert "Last week: " in said
        assert "cost no tokens" in said
        (ask,) = [e for b in home["blocks"] for e in b.get("elements", ()) if e.get("action_id") == "ask:saved"]
        assert ask["value"] == "cost by team last month"
        before = len(there.slack.said(f"D{ADA}"))
        await there.slack.push(there.slack.click(ADA, None, ask), kind="interactive")
        assert ALL in (await there.slack.answer(f"D{ADA}", nth=before + 1)).words
        await there.slack.push(there.slack.click(ADA, None, {**ask, "action_id": "unsave"}), kind="interactive")
        await there.slack.until(lambda: "ask:saved" not in json.dumps(there.slack.homes[ADA]))


@pytest.mark.parametrize("streams", [True, False])
@scenario
async def test_the_pane_suggests_shows_a_status_and_streams_where_it_can(
    streams: bool, warehouse: Path, tmp_path: Path
) -> None:
    async with office(warehouse, tmp_path) as there:
        there.slack.streams = streams
        thread, place = there.slack.ts(), f"D{ADA}"
        context = {"channel_id": "C1", "team_id": "T1", "enterprise_id": None}
        pane = {"user_id": ADA, "context": context, "channel_id": place, "thread_ts": thread}
        started = {"type": "assistant_thread_started", "assistant_thread": pane, "event_ts": "1"}
        await there.slack.push(there.slack.event(started))
        (prompts,) = await there.slack.until(lambda: there.slack.of("assistant.threads.setSuggestedPrompts"))
        assert prompts["prompts"][0]["message"].startswith("Cost by")
        message = await there.write(ADA, "cost by team last month", thread)
        assert ALL in message.words
        assert message.kinds()[0] == "section"
        assert there.slack.of("assistant.threads.setStatus")[0]["status"] == "is reading your costs…"
        (begun,) = there.slack.of("chat.startStream")
        assert begun["recipient_user_id"] == ADA
        assert len(there.slack.of("chat.stopStream")) == streams
        follow = await there.write(ADA, "and by service?", thread)
        assert "Feb 2026 · by service" in follow.words


@scenario
async def test_feedback_is_kept(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        message = await there.ask(ADA, "cost last month", "C3")
        button = message.block("context_actions")["elements"][0]
        await there.click(ADA, message, {**button, "value": "down"})
        rows = await there.slack.until(lambda: there.bot.store._rows("SELECT user, value FROM feedback"))
        assert rows == [("ada", "down")]


# --- delivery -----------------------------------------------------------------------------------------------


@scenario
async def test_a_retried_event_is_answered_once(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        event = there.slack.mention(ADA, "cost last month", "C3")
        as_message = there.slack.event({**event["event"], "type": "message"})  # the same, by another subscription
        for payload in (event, event, as_message):
            await there.slack.push(payload, retry=1)
        await there.slack.answer("C3")
        await there.slack.push(event, retry=2)
        await there.quiet()
        assert len(there.slack.said("C3")) == 1


@scenario
async def test_slack_may_ask_to_wait(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        wait = (429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "0"})
        there.slack.fail = {"chat.postMessage": [wait, wait], "chat.update": [wait]}
        message = await there.ask(ADA, "cost last month", "C3")
        assert ALL in message.words
        assert len(there.slack.said("C3")) == 1
        assert len(there.slack.of("chat.postMessage")) == 3


@scenario
async def test_a_picture_that_slack_does_not_take_costs_only_the_picture(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        refusal = (200, {"ok": False, "error": "invalid_blocks"}, {})
        there.slack.fail = {"chat.update": [refusal]}
        message = await there.ask(ADA, "cost by team last month", "C3")
        assert "image" not in message.kinds()
        assert "table" in message.kinds()


@scenario
async def test_a_socket_that_breaks_is_opened_again(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        await there.slack.sockets[0].send_json({"type": "disconnect", "reason": "refresh_requested"})
        await there.slack.until(lambda: there.slack.connections == 2)
        assert ALL in (await there.ask(ADA, "cost last month", "C3")).words


@scenario
async def test_what_a_bot_left_unfinished_another_finishes_in_the_same_message(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path) as there:
        dead = Store(tmp_path / "slack.sqlite")
        acknowledged = there.slack._chat_postMessage(
            {"channel": "C3", "text": "Working on it…", "thread_ts": "1.1", "unfurl_links": False}
        )
        job = Job("C3:1.1", "ask", ADA, "C3", "1.1", "cost last month")
        dead.put(job)
        assert dead.take("a dead bot", 0.2, 1) == [job]
        dead.posted(job.key, "channel", Post("C3", acknowledged["ts"], thread="slack:C3:1.1"))
        dead.close()
        await asyncio.sleep(0.25)
        there.bot._wake.set()
        message = await there.slack.answer("C3", "1.1")
        assert ALL in message.words
        await there.quiet()
        assert len(there.slack.said("C3")) == 1


@scenario
async def test_questions_of_one_conversation_are_answered_in_order(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path, bots=2) as there:
        lines = ("cost by team in January 2026", "and by service?", "only Nimbus", "compared to the month before")
        for n, text in enumerate(lines):
            await there.slack.push(there.slack.event(there.slack.line(ADA, text, f"D{ADA}")), n)
        await there.slack.until(lambda: len(there.slack.said(f"D{ADA}")) == len(lines))
        await there.quiet()
        said = [re.search('Understood: ([^"]+)', message.words) for message in there.slack.said(f"D{ADA}")]
        assert [found and found[1] for found in said] == [
            "Effective cost · Jan 2026 · by team",
            "Effective cost · Jan 2026 · by service",
            "Effective cost · Jan 2026 · Provider is Nimbus · by service",
            "Effective cost · Jan 2026 · Provider is Nimbus · by service · compared with Dec 2025",
        ]


@scenario
async def test_what_fails_again_and_again_is_given_up_in_words(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path, lease=0.6) as there:
        there.slack.fail = {"chat.update": [(200, {"ok": False, "error": "fatal_error"}, {})] * 3}
        message = await there.ask(ADA, "cost last month", "C3")
        assert "Something went wrong inside askcost" in message.words
        await there.quiet()
        assert len(there.slack.said("C3")) == 1


@scenario
async def test_a_burst_over_two_bots_is_answered_once_each(warehouse: Path, tmp_path: Path) -> None:
    async with office(warehouse, tmp_path, bots=2) as there:
        events = [there.slack.mention(ADA, "cost last month", "C3") for _ in range(200)]
        envelopes = set()
        for n, event in enumerate(events):
            envelopes.add(await there.slack.push(event, n % 2))
            if n % 4 == 0:
                envelopes.add(await there.slack.push(event, (n + 1) % 2, retry=1))
        await there.slack.until(lambda: envelopes <= there.slack.acknowledged, 30)
        await there.slack.until(lambda: len(there.slack.said("C3")) >= 200, 45)
        await there.quiet()
        answered = [message for message in there.slack.said("C3") if ALL in message.words]
        assert {message.words for message in there.slack.said("C3") if ALL not in message.words} == set()
        assert sorted(m.thread for m in answered) == sorted(e["event"]["ts"] for e in events)
        assert len(there.slack.said("C3")) == 200
        owners = there.bot.store._rows("SELECT owner, count(*) FROM jobs GROUP BY 1")
        assert len(owners) == 2


@scenario
async def test_the_command_runs_until_it_is_told_to_stop(warehouse: Path, tmp_path: Path) -> None:
    async with SlackServer() as slack:
        slack.channels["C3"] = {"info": {"is_private": True}, "members": [ADA, BOT]}
        settings = {
            "ASKCOST_SLACK_BOT_TOKEN": "xoxb-test",
            "ASKCOST_SLACK_APP_TOKEN": "xapp-test",
            "ASKCOST_SLACK_BASE_URL": slack.base_url,
            "ASKCOST_WAREHOUSE": str(shutil.copyfile(warehouse, tmp_path / "costs.duckdb")),
            "PYTHONPATH": str(Path(__file__).parent.parent),
        }
        command = ("-m", "assistant.surfaces.cli.main", "slack", "--today", web_company.TODAY.isoformat())
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=PIPE, stderr=PIPE, env={**os.environ, **settings}, cwd=tmp_path
        )
        await slack.push(slack.mention(ADA, "cost by team last month", "C3"))
        message = await slack.answer("C3")
        process.terminate()
        out, error = await process.communicate()
        assert ALL in message.words
        assert "image" in message.kinds()
        assert (process.returncode, error.decode()) == (0, "")
        assert b"is connected to Slack" in out
        assert (tmp_path / "costs.slack.sqlite").stat().st_mode & 0o077 == 0


@scenario
async def test_the_doctor_checks_tokens_scopes_and_people(warehouse: Path, tmp_path: Path) -> None:
    async with SlackServer() as slack:
        config = Config(
            warehouse=warehouse,
            ledger=tmp_path / "ledger.sqlite",
            slack_bot_token="xoxb-test",
            slack_app_token="xapp-test",
            slack_base_url=slack.base_url,
        )
        assistant = Assistant(config)
        slack.scopes = ",".join(SCOPES)
        good = await asyncio.to_thread(lambda: list(checks(config, assistant)))
        assert all(check.good for check in good), good
        assert "3 of 3 users" in good[-1].what
        slack.scopes = "chat:write,commands"
        slack.fail["apps.connections.open"] = [(200, {"ok": False, "error": "invalid_auth"}, {})]
        bad = [c for c in await asyncio.to_thread(lambda: list(checks(config, assistant))) if not c.good]
        assert ["scopes missing: app_mentions:read" in bad[0].what, "invalid_auth" in bad[1].what] == [True, True]
        assert all(check.then for check in bad)
        slack.fail["auth.test"] = [(200, {"ok": False, "error": "token_revoked"}, {})]
        with pytest.raises(AssistantError, match=r"bot token does not work \(token_revoked\)"):
            await asyncio.to_thread(slacking.check, config, assistant)
        assistant.close()


def test_without_tokens_the_command_says_what_is_missing(desk: CommandDesk) -> None:
    done = desk.run("slack")
    assert done.returncode == 1
    assert "ASKCOST_SLACK_BOT_TOKEN and ASKCOST_SLACK_APP_TOKEN must be set" in done.stderr
    assert "Slack: not set up" in desk.run("doctor").stdout


# --- what the documentation shows ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["slack-answer.json", "slack-clarify.json"])
def test_the_examples_in_docs_are_blocks_that_slack_takes(name: str) -> None:
    content = json.loads((DOCS / name).read_text(encoding="utf-8"))
    validate(content["blocks"], 50)
    assert content["text"]


def test_the_manifest_asks_for_what_the_doctor_looks_for() -> None:
    manifest = yaml.safe_load((DOCS / "slack-manifest.yaml").read_text(encoding="utf-8"))
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == SCOPES


# --- HTTP mode ----------------------------------------------------------------------------------------------


@scenario
async def test_http_mode_takes_signed_and_fresh_requests_only(warehouse: Path, tmp_path: Path) -> None:
    async with SlackServer() as slack:
        slack.channels["C3"] = {"info": {"is_private": True}, "members": [ADA, BOT]}
        bot = make(warehouse, tmp_path, slack)
        await bot.start()
        runner = web.AppRunner(bot.server("127.0.0.1", 0).web_app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
        try:
            event = slack.mention(ADA, "cost by team last month", "C3")
            assert (await slack.post(url, event, secret="another"))[0] == 401
            assert (await slack.post(url, event, age=600))[0] == 401
            assert bot.store._rows("SELECT 1 FROM jobs") == []
            challenge = {"type": "url_verification", "challenge": "abc", "token": "x"}
            assert (await slack.post(url, challenge)) == (200, '{"challenge": "abc"}')
            assert (await slack.post(url, event))[0] == 200
            retry = {"x-slack-retry-num": "1", "x-slack-retry-reason": "http_timeout"}
            assert (await slack.post(url, event, **retry))[0] == 200
            message = await slack.answer("C3")
            click = slack.click(ADA, message, message.button("Compare with"))
            assert (await slack.post(url, {"payload": json.dumps(click)}, form=True))[0] == 200
            await slack.answer("C3", nth=2)
            status, text = await slack.post(url, slack.command(ADA, "cost last month"), form=True)
            assert (status, "direct message" in text) == (200, True)
            assert ALL in (await slack.answer(f"D{ADA}")).words
            assert len(slack.said("C3")) == 2
        finally:
            await runner.cleanup()
            await bot.stop(0)
            bot.store.close()
            bot.answering.desk.assistant.close()
