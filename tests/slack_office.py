"""A workspace with the bot in it: who is there, who may see what, how tests talk to it."""

from __future__ import annotations

import asyncio
import csv
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import web_company
from conftest import Once
from slack_server import BOT, SECRET, Message, SlackServer

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk.desk import Desk
from assistant.surfaces.slack.bot import Bot
from assistant.surfaces.slack.store import Store
from assistant.warehouse.load import load

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


def _build_odd(warehouse: Path) -> None:
    """The same, with 900 dollars on the last day."""
    web_company.build(warehouse, spike=900)
    (warehouse.parent / "people.csv").write_text(USERS)
    load([str(warehouse.parent / "people.csv")], warehouse, "users", replace=True)


def odd(once: Once) -> Path:
    return once("slack_odd.duckdb", _build_odd)


def small(once: Once) -> Path:
    return once("slack.duckdb", _build)


def large(once: Once) -> Path:
    return once("slack_large.duckdb", _build_large)


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
