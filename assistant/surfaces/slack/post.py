"""Messages and files, posted once and finished by update, whoever finishes them. Knows Slack's methods, not answers."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

import aiohttp
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from assistant.surfaces.slack.parts import Message
from assistant.surfaces.slack.store import Job, Post, Store

WORKING = "Working on it…"
READING = "Reading your costs"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where a conversation happens: a channel, and the ts of the thread in it."""

    channel: str
    thread: str | None

    @property
    def private(self) -> bool:
        return self.channel.startswith("D")

    @property
    def pane(self) -> bool:
        """A thread of the assistant pane, or one like it."""
        return self.private and self.thread is not None

    @property
    def conversation(self) -> str:
        return f"slack:{self.channel}:{self.thread or ''}"


class Poster:
    """Posts of jobs. Links are never unfolded: what stands in them may come from the data."""

    def __init__(self, client: AsyncWebClient, store: Store) -> None:
        self.client, self._store = client, store

    async def own_place(self, slack_user: str) -> Place:
        """The bot's direct messages with somebody."""
        opened = await self.client.conversations_open(users=slack_user)
        return Place(str(opened["channel"]["id"]), None)

    async def begin(self, job: Job, slot: str, place: Place) -> Post:
        """The message that the answer will be; posted at once, unless a bot before us has."""
        held = await asyncio.to_thread(self._store.post, job.key, slot)
        if held is None:
            held = await self._opened(job, place)
            await asyncio.to_thread(self._store.posted, job.key, slot, held)
        return held

    async def finish(self, job: Job, slot: str, post: Post, message: Message, answer_id: str | None) -> None:
        """Turns the message into the answer."""
        blocks = list(message.blocks)
        if post.stream:
            done = {"type": "task_update", "id": "read", "title": READING, "status": "complete"}
            await self.client.chat_stopStream(channel=post.channel, ts=post.ts, chunks=[done], blocks=blocks)
        else:
            await self.client.chat_update(channel=post.channel, ts=post.ts, text=message.text, blocks=blocks)
        finished = replace(post, done=True, answer_id=answer_id)
        await asyncio.to_thread(self._store.posted, job.key, slot, finished)

    async def change(self, place: Place, ts: str, message: Message) -> None:
        """What stands in a message of ours from now on."""
        await self.client.chat_update(channel=place.channel, ts=ts, text=message.text, blocks=list(message.blocks))

    async def say(self, place: Place, message: Message) -> None:
        await self._post(place, message.text, list(message.blocks))

    async def whisper(self, place: Place, slack_user: str, message: Message) -> None:
        """To one person, in a channel too."""
        if place.private:
            await self.say(place, message)
            return
        await self.client.chat_postEphemeral(
            channel=place.channel,
            user=slack_user,
            text=message.text,
            blocks=list(message.blocks),
            thread_ts=place.thread,
        )

    async def image(self, png: bytes, described: str) -> str | None:
        """The id of a picture that blocks may show; None when Slack doesn't take it. It is shared with nobody yet."""
        try:
            file = await self.client.files_upload_v2(
                file=png, filename="chart.png", title="Chart", alt_txt=described[:900]
            )
            found = str(file["file"]["id"])
            for wait in (0.2, 0.4, 0.8, 1.6, 3.2):  # blocks refuse a picture that Slack still looks at
                info = await self.client.files_info(file=found)
                if (info["file"] or {}).get("mimetype"):
                    return found
                await asyncio.sleep(wait)
        except (SlackApiError, SlackRequestError, aiohttp.ClientError, TimeoutError) as error:
            LOG.warning("the chart could not be sent: %s", type(error).__name__)
        return None

    async def file(self, place: Place, content: bytes, name: str, title: str) -> None:
        """A file in the thread, from memory: nothing is written to this machine's disk."""
        await self.client.files_upload_v2(
            file=content, filename=name, title=title, channel=place.channel, thread_ts=place.thread
        )

    async def _opened(self, job: Job, place: Place) -> Post:
        conversation = place.conversation
        if place.pane:
            task = {"type": "task_update", "id": "read", "title": READING, "status": "in_progress"}
            try:
                opened = await self.client.chat_startStream(
                    channel=place.channel,
                    thread_ts=str(place.thread),
                    recipient_team_id=job.team or None,
                    recipient_user_id=job.slack_user,
                    chunks=[task],
                )
                return Post(place.channel, str(opened["ts"]), stream=True, thread=conversation)
            except SlackApiError as error:  # not every workspace can
                LOG.info("no streaming here: %s", error.response.get("error"))
        return Post(place.channel, await self._post(place, WORKING), thread=conversation)

    async def _post(self, place: Place, text: str, blocks: list[dict[str, object]] | None = None) -> str:
        done = await self.client.chat_postMessage(
            channel=place.channel,
            thread_ts=place.thread,
            text=text,
            blocks=blocks,
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(done["ts"])
