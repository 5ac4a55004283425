"""A job → its answer, where it may be shown and to whom. Decides nothing about costs; knows no events.

In a channel the answer holds what every reader may see. Who may see more gets that in a direct message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Literal, TypeVar

from slack_sdk.errors import SlackApiError

from assistant.alerts.talk import Speaker, Talk
from assistant.desk import briefing, changes, incidents, shown
from assistant.desk.desk import Desk
from assistant.errors import AssistantError, Refused
from assistant.sql import policy
from assistant.surfaces.slack import blocks, notices, picture
from assistant.surfaces.slack.blocks import Extras
from assistant.surfaces.slack.channels import Channels, Room, user_of
from assistant.surfaces.slack.parts import Message
from assistant.surfaces.slack.post import Place, Poster
from assistant.surfaces.slack.store import Job, Post, Store
from assistant.telling.table import to_csv
from assistant.values import Access, Answer

Made = TypeVar("Made")
THREADS = 4
QUESTIONS = ("ask", "follow", "choose")
ELSEWHERE = "This alert is about more than this channel, so the answer is in a direct message."
STRANGER = (
    "You are not in askcost's list of users, so nothing can be shown to you. Whoever runs askcost can add you: a line "
    "in the table `users` with your Slack ID {id} as slack_id (`askcost load users.csv --table users --replace`)."
)
PRIVATELY = "{why} Whoever asked gets the answer in a direct message."
MORE = "Only what everybody in this channel may see. Whoever asked may see more, and got that in a direct message."
BROKEN = "Something went wrong inside askcost. Nothing was changed; please ask again."


class Answering:
    """Work for people in chats. The Assistant's calls run in threads of their own."""

    def __init__(self, desk: Desk, poster: Poster, store: Store, channels: Channels) -> None:
        self.desk, self.poster, self.store, self.channels = desk, poster, store, channels
        self.talk = Talk(desk, self._readers)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.web = desk.assistant.config.slack_web_url
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="answers")

    async def run(self, call: Callable[..., Made], *arguments: object) -> Made:
        """Off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def user(self, slack_user: str) -> str | None:
        return await self.run(user_of, self.desk.assistant, slack_user)

    async def readers(self, place: Place) -> tuple[str, ...]:
        """Who reads along there; nobody in direct messages. Raises Refused for a channel that is closed."""
        if place.private:
            return ()
        room = await self.channels.room(place.channel)
        if room.closed:
            raise Refused(room.closed)
        return room.readers

    def _readers(self, channel: str) -> tuple[str, ...]:
        """The same for an alert's place, asked from a thread of ours."""
        assert self._loop
        room = asyncio.run_coroutine_threadsafe(self.channels.room(channel), self._loop).result(60)
        if room.closed:
            raise Refused(room.closed)
        return room.readers

    async def do(self, job: Job) -> None:
        """The whole job; doing it again after it was broken off leaves one answer. Raises SlackApiError."""
        self._loop = asyncio.get_running_loop()
        place = Place(job.channel, job.thread) if job.channel else await self.poster.own_place(job.slack_user)
        user = await self.user(job.slack_user)
        if user is None:
            stranger = STRANGER.format(id=job.slack_user)
            await self.poster.whisper(place, job.slack_user, blocks.said(stranger))
        elif place.private:
            await self._give(job, "private", place, user)
        else:
            await self._in_channel(job, place, user)

    async def give_up(self, job: Job) -> None:
        """Says so in the messages that wait for an answer."""
        for slot in ("channel", "private"):
            post = await self.run(self.store.post, job.key, slot)
            if post is not None and not post.done:
                await self.poster.finish(job, slot, post, blocks.said(BROKEN), None)

    async def _in_channel(self, job: Job, place: Place, user: str) -> None:
        room = await self.channels.room(place.channel)
        if room.closed:
            await self._closed(job, place, user, room)
            return
        readers = tuple(dict.fromkeys((*room.readers, user)))  # who asked may have left meanwhile, and still reads
        own, shared = await self.run(self._rights, user, readers)
        alert = await self.run(self._alert, job, user)
        if alert == "elsewhere":
            await self.poster.whisper(place, job.slack_user, blocks.said(ELSEWHERE))
            await self._privately(job, user)
            return
        more = policy.sees_more(own, shared)
        asked = job.do in QUESTIONS and alert is None
        await self._give(job, "channel", place, user, readers, MORE if more and asked else None)
        if more and asked:
            await self._privately(job, user)

    async def _closed(self, job: Job, place: Place, user: str, room: Room) -> None:
        if room.outside or job.do not in QUESTIONS:
            hint = f"{room.closed} Ask in a direct message instead."
            await self.poster.whisper(place, job.slack_user, blocks.said(hint))
            return
        note = blocks.said(PRIVATELY.format(why=room.closed))
        post = await self.poster.begin(job, "channel", place)
        if not post.done:
            await self.poster.finish(job, "channel", post, note, None)
        await self._privately(job, user)

    def _alert(self, job: Job, user: str) -> Literal["here", "elsewhere"] | None:
        """Whether the words are about alerts, and this channel has a part in it: it has none in somebody's list."""
        found = self.talk.meaning(self._words(job), Speaker(user, None)) if job.do in QUESTIONS else None
        if found is None:
            return None
        return "elsewhere" if found.what != "rule" or self.talk.elsewhere(self._words(job)) else "here"

    def _rights(self, user: str, readers: tuple[str, ...]) -> tuple[Access, Access]:
        core = self.desk.assistant
        return core.access(user), core.access(user, readers)

    async def _privately(self, job: Job, user: str) -> None:
        await self._give(job, "private", await self.poster.own_place(job.slack_user), user)

    async def _give(
        self, job: Job, slot: str, place: Place, user: str, readers: tuple[str, ...] = (), note: str | None = None
    ) -> None:
        """One message or file, acknowledged at once and finished when the answer is there."""
        if job.do == "csv":
            await self._file(job, slot, place, user, readers)
            return
        post = await self.poster.begin(job, slot, place)
        if post.done:
            return
        answer_id = None
        try:
            said = await self.run(self._told, job, place, user, readers)
            if said is not None:
                await self._finish(job, slot, post, said, None)
                return
            answer = await self.run(self._answer, job, place, user, readers)
            message, answer_id = await self._message(answer, user, readers, note), answer.answer_id
        except AssistantError as error:
            message = blocks.refused(str(error))
        await self._finish(job, slot, post, message, answer_id)

    async def _finish(self, job: Job, slot: str, post: Post, message: Message, answer_id: str | None) -> None:
        try:
            await self.poster.finish(job, slot, post, message, answer_id)
        except SlackApiError as error:
            if error.response.get("error") != "invalid_blocks":
                raise
            # Most likely the picture, which Slack may not have looked at yet.
            rest = tuple(b for b in message.blocks if b["type"] != "image")
            await self.poster.finish(job, slot, post, replace(message, blocks=rest), answer_id)

    def _told(self, job: Job, place: Place, user: str, readers: tuple[str, ...]) -> Message | None:
        """What is said to words about alerts; None for an ordinary question."""
        if job.do not in QUESTIONS:
            return None
        reply = self.talk.reply(self._words(job), Speaker(user, place.conversation, f"slack:{place.channel}", readers))
        return notices.reply(reply, job.slack_user) if reply else None

    def _words(self, job: Job) -> str:
        if job.do == "choose":
            return self.store.offered(job.answer_id, int(job.text)) or "" if job.text.isdigit() else ""
        return job.text

    def _answer(self, job: Job, place: Place, user: str, readers: tuple[str, ...]) -> Answer:
        if job.do == "change":
            return self.desk.change(job.answer_id, job.text, user, place.conversation, readers)
        return self.desk.ask(self._words(job), user, place.conversation, readers)

    async def _file(self, job: Job, slot: str, place: Place, user: str, readers: tuple[str, ...]) -> None:
        if await self.run(self.store.post, job.key, slot):
            return
        try:
            found = await self.run(self.desk.recall, job.answer_id, user, place.conversation, readers)
        except AssistantError as error:
            await self.poster.whisper(place, job.slack_user, blocks.refused(str(error)))
            return
        content = await self.run(to_csv, found.answer.columns, found.answer.rows)
        await self.poster.file(place, content.encode(), f"askcost-{job.answer_id}.csv", "All rows")
        await self.run(self.store.posted, job.key, slot, Post(place.channel, "", done=True))

    # --- messages -------------------------------------------------------------------------------------

    async def _message(self, answer: Answer, user: str, readers: tuple[str, ...], note: str | None) -> Message:
        if answer.status == "clarify" and answer.clarify:
            texts = [shown.choice(answer, option) for option in answer.clarify.options]
            await self.run(self.store.offer, answer.answer_id, texts)
            return _noted(blocks.asked_back(answer), note)
        if answer.status != "answered":
            questions = [] if readers else await self.run(briefing.questions, self.desk, user)
            return _noted(blocks.refused(answer.error or "That can't be answered.", questions[:3]), note)
        extras = await self.run(around, answer, self.desk, note)
        found = await self.run(incidents.of, answer, self.desk, user, readers)
        extras = replace(extras, incidents=found)
        chart = await self.run(shown.picture, answer, self.desk)
        if chart is not None and chart.kind != "number":  # a single number is said in the sentence
            described = picture.described(chart)
            image = await self.poster.image(await self.run(picture.to_png, chart), described)
            extras = replace(extras, image=image, described=described)
        return blocks.answered(answer, extras)


def around(answer: Answer, desk: Desk, note: str | None = None) -> Extras:
    """What stands around an answer, but for its picture."""
    plan, model = answer.plan, desk.assistant.warehouse.model
    plan = None if plan and plan.analysis else plan  # what an analysis could be instead is not known
    chips = changes.chips(plan, model, desk.now(plan)) if plan else []
    return Extras(
        cells=shown.cells(answer),
        changes=changes.follow_ups(plan, model) if plan else (),
        groupings=[change for chip in chips if chip.part == "grouping" for change in chip.changes],
        quiet=shown.quiet(answer, desk),
        note=note,
        web=blocks.web_link(desk.assistant.config.slack_web_url, answer.question),
    )


def _noted(message: Message, note: str | None) -> Message:
    return replace(message, blocks=(*blocks.said(note).blocks, *message.blocks)) if note else message
