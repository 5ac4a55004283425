"""The bot: Slack's events, by Socket Mode or HTTP, turned into jobs that are kept before they are acknowledged.

Several bots may run over one store; each takes jobs that nobody holds. Wiring only.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from contextlib import suppress
from typing import Any

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.app.async_server import AsyncSlackAppServer
from slack_bolt.middleware.assistant.async_assistant import AsyncAssistant
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient
from ulid import ULID

from assistant.desk.desk import Desk
from assistant.surfaces.slack import requests
from assistant.surfaces.slack.answering import Answering
from assistant.surfaces.slack.channels import Channels
from assistant.surfaces.slack.deciding import Deciding
from assistant.surfaces.slack.post import Poster
from assistant.surfaces.slack.private import Private
from assistant.surfaces.slack.store import MOST_TRIES, Job, Store

LOG = logging.getLogger(__name__)
AT_ONCE = 16
PATH = "/slack/events"
ROOM_EVENTS = re.compile(r"member_(joined|left)_channel|channel_(shared|unshared|archive|left|convert.*)|group_left")


def web_client(token: str, base_url: str) -> AsyncWebClient:
    """Waits as long as Slack says (Retry-After), and tries again after broken connections."""
    client = AsyncWebClient(token=token, base_url=base_url)
    client.retry_handlers = [
        AsyncRateLimitErrorRetryHandler(max_retry_count=5),
        AsyncConnectionErrorRetryHandler(max_retry_count=3),
        AsyncServerErrorRetryHandler(max_retry_count=3),
    ]
    return client


class Bot:
    """One bot. lease: seconds after which what it holds may be taken by another, if it doesn't say that it lives."""

    def __init__(self, desk: Desk, store: Store, lease: float = 30.0) -> None:
        config = desk.assistant.config
        token = config.slack_bot_token.get_secret_value() if config.slack_bot_token else ""
        secret = config.slack_signing_secret.get_secret_value() if config.slack_signing_secret else None
        self._app_token = config.slack_app_token.get_secret_value() if config.slack_app_token else ""
        self.client = web_client(token, config.slack_base_url)
        self.store = store
        channels = Channels(
            self.client, store, desk.assistant, config.slack_shared_channels, config.slack_public_channels
        )
        self.answering = Answering(desk, Poster(self.client, store), store, channels)
        self.private = Private(self.answering)
        self.deciding = Deciding(self.answering, self._home_again)
        self._name, self._lease = str(ULID()), lease
        self._wake = asyncio.Event()
        self._doing: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._socket: AsyncSocketModeHandler | None = None
        self._stopping = False
        self.app = AsyncApp(client=self.client, signing_secret=secret)
        self._listen()

    # --- life -----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Takes jobs, those too that a bot before it left."""
        self.client.session = aiohttp.ClientSession()  # connections are used again
        self._loops = [asyncio.create_task(self._work()), asyncio.create_task(self._live())]

    async def connect(self) -> None:
        """Socket Mode; reconnects by itself."""
        self._socket = AsyncSocketModeHandler(self.app, self._app_token, web_client=self.client)
        await self._socket.connect_async()  # type: ignore[no-untyped-call]

    def server(self, host: str, port: int) -> AsyncSlackAppServer:
        """HTTP mode: every request's signature and age are checked."""
        return AsyncSlackAppServer(port, PATH, self.app, host)

    async def stop(self, seconds: float = 20.0) -> None:
        """Lets answers in progress finish; what doesn't is left to another bot, or the next start."""
        if self._socket:
            await self._socket.close_async()  # type: ignore[no-untyped-call]
        self._stopping = True
        self._wake.set()
        if self._doing and seconds:
            await asyncio.wait(self._doing, timeout=seconds)
        for task in (*self._loops, *self._doing):
            task.cancel()
        await asyncio.gather(*self._loops, *self._doing, return_exceptions=True)
        await asyncio.to_thread(self.store.release, self._name)
        self.answering.close()
        if self.client.session:
            await self.client.session.close()

    # --- jobs -----------------------------------------------------------------------------------------

    async def put(self, job: Job) -> None:
        """Keeps a job; only then may its request be acknowledged."""
        await asyncio.to_thread(self._put, job)
        self._wake.set()

    def _put(self, job: Job) -> None:
        thread = f"{job.channel}:{job.thread}"
        if job.do == "follow" and not self.store.asked_in(thread, job.slack_user):
            return  # people talking to each other
        if self.store.put(job) and job.thread:
            self.store.joined(thread, job.slack_user)

    async def _work(self) -> None:
        while not self._stopping:
            self._wake.clear()
            free = AT_ONCE - len(self._doing)
            try:
                jobs = await asyncio.to_thread(self.store.take, self._name, self._lease, free) if free else []
            except sqlite3.Error as error:
                LOG.error("the store can't be read: %s", error)
                jobs = []
            for job in jobs:
                task = asyncio.create_task(self._do(job))
                self._doing.add(task)
                task.add_done_callback(self._done)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lease / 6):
                    await self._wake.wait()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._doing.discard(task)
        self._wake.set()

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            try:
                await asyncio.to_thread(self.store.renew, self._name, self._lease)
                await asyncio.to_thread(self.store.forget_old)
            except sqlite3.Error as error:
                LOG.error("the store can't be written: %s", error)

    async def _do(self, job: Job) -> None:
        try:
            await self.answering.do(job)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            what = error.response.get("error") if isinstance(error, SlackApiError) else type(error).__name__
            LOG.error("job %s: %s", job.key, what, exc_info=LOG.isEnabledFor(logging.DEBUG))
            if await asyncio.to_thread(self.store.tries, job.key) < MOST_TRIES:
                await asyncio.to_thread(self.store.again, job.key, self._lease / 6)
                return
            with suppress(Exception):  # Slack may be what is broken
                await self.answering.give_up(job)
        await asyncio.to_thread(self.store.finish, job.key)

    # --- Slack ----------------------------------------------------------------------------------------

    def _listen(self) -> None:
        app, private = self.app, self.private
        app.middleware(self._keep)
        pane = AsyncAssistant()
        pane.thread_started(private.pane_opened)
        pane.user_message(private.pane_asked)
        app.use(pane)
        app.event("app_home_opened")(private.home)
        for event in ("app_mention", "message", ROOM_EVENTS):
            app.event(event)(_nothing)
        app.command("/askcost")(self._command)
        app.shortcut("explain_number")(private.explain)
        app.action("sql")(private.sql)
        app.action("receipt")(private.receipt)
        app.action("save")(private.save)
        app.action("unsave")(private.unsave)
        app.action("link")(_acknowledge)
        app.action(re.compile("^feedback:"))(private.feedback)
        app.action("alert_keep")(self.deciding.keep)
        app.action("alert_not")(self.deciding.leave)
        app.action(re.compile("^alert_(mute|until|unmute|remove)"))(self.deciding.alert)
        app.action(re.compile("^incident_(expected|closed|open|snoozed)"))(self.deciding.incident)
        app.action(re.compile("^(ask|choose|change|csv)"))(self._action)

    async def _home_again(self, slack_user: str) -> None:
        await self.private.publish(self.client, slack_user)

    async def _keep(self, body: dict[str, Any], next: Any) -> None:
        """Before Bolt acknowledges an event, what it asks is kept."""
        event = body.get("event") or {}
        if ROOM_EVENTS.fullmatch(str(event.get("type"))):
            channel = event.get("channel")
            channel = channel.get("id") if isinstance(channel, dict) else channel
            await asyncio.to_thread(self.store.forget_room, str(channel))
        elif job := requests.of_event(body):
            await self.put(job)
        await next()

    async def _command(self, ack: Any, body: dict[str, Any]) -> None:
        job = requests.of_command(body)
        if job is None:
            await ack("Ask a question: `/askcost cost by service last month`. The answer comes in a direct message.")
            return
        await self.put(job)
        await ack("Working on it: the answer comes in a direct message from me.")

    async def _action(self, ack: Any, body: dict[str, Any]) -> None:
        if job := requests.of_action(body):
            await self.put(job)
        await ack()


async def _nothing() -> None:
    """Kept before it came here, or nothing to do with us."""


async def _acknowledge(ack: Any) -> None:
    await ack()
