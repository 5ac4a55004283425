"""`askcost slack`: the Slack bot, by Socket Mode or HTTP, until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import signal
from datetime import date
from importlib.util import find_spec

import click

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import AssistantError


def serve(config: Config, http: bool, host: str, port: int, today: date | None) -> int:
    """Runs until interrupted. Raises AssistantError when something that it needs is missing."""
    if find_spec("slack_bolt") is None or find_spec("vl_convert") is None:
        raise AssistantError("The Slack bot is not installed; `pip install 'askcost[slack]'` adds it.")
    needed = {
        "ASKCOST_SLACK_BOT_TOKEN": config.slack_bot_token,
        **({"ASKCOST_SLACK_SIGNING_SECRET": config.slack_signing_secret} if http else {}),
        **({} if http else {"ASKCOST_SLACK_APP_TOKEN": config.slack_app_token}),
    }
    if missing := [name for name, value in needed.items() if value is None]:
        raise AssistantError(f"{' and '.join(missing)} must be set; docs/slack.md says where they come from.")
    from assistant.engine_room import WORKERS, open_engine

    assistant = Assistant(config, engine=open_engine(config, WORKERS), surface="slack")
    try:
        check(config, assistant)
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
        asyncio.run(_serve(assistant, http, host, port, today))
    finally:
        assistant.close()
    click.echo("Stopped.")
    return 0


def check(config: Config, assistant: Assistant) -> None:
    """Says what is not as it should be. Raises AssistantError for what the bot can't start without."""
    from assistant.surfaces.slack.checks import checks

    for one in checks(config, assistant):
        if not one.good and one.needed:
            raise AssistantError(f"{one.what}: {one.then}")
        if not one.good:
            click.echo(f"{one.what}: {one.then}")


async def _serve(assistant: Assistant, http: bool, host: str, port: int, today: date | None) -> None:
    from aiohttp import web

    from assistant.desk.desk import Desk
    from assistant.surfaces.slack.bot import PATH, Bot
    from assistant.surfaces.slack.store import Store

    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    version = assistant.warehouse.catalog.data_version
    bot = Bot(Desk(assistant, today), Store(assistant.config.warehouse.with_suffix(".slack.sqlite")))
    await bot.start()
    runner = None
    if http:
        runner = web.AppRunner(bot.server(host, port).web_app)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        click.echo(f"askcost listens for Slack at http://{host}:{port}{PATH}, data version {version}.")
    else:
        await bot.connect()
        click.echo(f"askcost is connected to Slack, data version {version}. Ctrl-C stops it.")
    await stopped.wait()
    if runner:
        await runner.cleanup()
    await bot.stop()
