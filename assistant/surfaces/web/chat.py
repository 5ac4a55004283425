"""The conversation: Chainlit's events turned into questions, and answers into messages. Decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Any, ClassVar

import chainlit as cl
from chainlit.data import get_data_layer
from chainlit.element import Element, ElementType
from chainlit.server import sio
from chainlit.session import WebsocketSession
from chainlit.types import Feedback, ThreadDict
from chainlit.user import PersistedUser, User
from ulid import ULID

from assistant import verifying
from assistant.alerts.talk import Reply, Speaker, Talk
from assistant.desk import briefing, incidents, shown
from assistant.desk.desk import Desk
from assistant.errors import AssistantError
from assistant.premises import Watch
from assistant.surfaces.web import payload
from assistant.surfaces.web.history import History
from assistant.surfaces.web.making import Making
from assistant.values import Answer

logger = logging.getLogger(__name__)
ACTIONS = (
    *("change", "run_sql", "save_verified", "withdraw_verified"),
    *("keep_alert", "decide_alert", "decide_incident"),
)
ALERT_WORDS, INCIDENT_WORDS = ("mute", "unmute", "remove"), ("expected", "snoozed", "closed", "open")
LOCAL = "local"  # the operator of a server that listens on this machine only
STOPPED = "Stopped. You can ask again, or ask something else."
LEAVING = "The chat is being restarted and takes no new questions for a moment. Your conversation is kept; ask again."
SAVED = (
    "Saved. From now on “{}” is answered by this SQL, for everyone and under their own row policy, marked as verified."
)
WITHDRAWN = "Withdrawn. “{}” is planned anew from now on."
UNKEPT = "The history can't be written just now. You can go on; this is kept as soon as the history is back."
KEPT = "The history is back, and this conversation is kept."
FAILED = "This went wrong inside askcost, not in your question. Whoever runs it finds it in the log under {}."
GREETING = "What is worth knowing today. Click a line to see more, or ask in your own words."


def name_of(user: User | PersistedUser | None) -> str | None:
    """The warehouse's name for who is signed in; None for the local operator."""
    return None if user is None or user.metadata.get("provider") == LOCAL else user.identifier


class ChartElement(Element):
    """A chart that the page fetches when it draws it, so that nothing of the data is kept with the chat."""

    type: ClassVar[ElementType] = "plotly"


class Chat:
    """The handlers of one server's chats."""

    def __init__(self, desk: Desk, talk: Talk) -> None:
        self.desk, self.talk = desk, talk
        self.leaving = False
        self._making: defaultdict[str, list[Making]] = defaultdict(list)
        self._unkept: set[str] = set()

    @property
    def running(self) -> int:
        """How many answers are in the making."""
        return sum(map(len, self._making.values()))

    def register(self) -> None:
        """Hands the events to Chainlit."""
        cl.on_chat_start(self.start)
        cl.on_chat_resume(self.resumed)
        cl.on_message(self.message)
        sio.on("stop", self.stopped)  # Chainlit's own only lets the page go, and the statement runs on
        cl.set_starters(self.starters)
        cl.on_feedback(self.judged)
        for name in (
            "change",
            "run_sql",
            "save_verified",
            "withdraw_verified",
            "keep_alert",
            "decide_alert",
            "decide_incident",
        ):
            cl.action_callback(name)(getattr(self, name))

    # --- events -----------------------------------------------------------------------------------

    async def start(self) -> None:
        user = who()
        lines = await asyncio.to_thread(briefing.lines, self.desk, user)
        if lines:
            questions = await asyncio.to_thread(briefing.questions, self.desk, user)
            props = {"lines": [asdict(line) for line in lines], "questions": questions}
            await send(GREETING, [cl.CustomElement(name="Briefing", props=props, display="inline")])

    async def resumed(self, thread: ThreadDict) -> None:
        """Nothing to restore: conversations are remembered by the ledger, answers by the desk."""

    async def starters(self, user: User | None = None, language: str | None = None) -> list[cl.Starter]:
        asked = await asyncio.to_thread(briefing.questions, self.desk, name_of(user))
        return [cl.Starter(label=question, message=question) for question in asked]

    async def message(self, message: cl.Message) -> None:
        user, thread = who(), cl.context.session.thread_id
        if await self._talked(message.content, Speaker(user, thread)):
            return
        await self._answered(lambda watch: self.desk.ask(message.content, user, thread, watch=watch), message.content)

    async def change(self, action: cl.Action) -> None:
        user, thread = who(), cl.context.session.thread_id
        answer_id, key = str(action.payload.get("answer_id")), str(action.payload.get("key"))
        try:
            found = await asyncio.to_thread(self.desk.offered, answer_id, key, user)
        except AssistantError as error:
            await send(payload.text(str(error)))
            return
        await asked(found.words[:1].upper() + found.words[1:])
        await self._answered(lambda watch: self.desk.change(answer_id, key, user, thread, watch=watch))

    async def run_sql(self, action: cl.Action) -> None:
        user, thread = who(), cl.context.session.thread_id
        sql = str(action.payload.get("sql", ""))
        await asked("Run my SQL")
        original = str(action.payload.get("answer_id") or "") or None
        await self._answered(lambda watch: self.desk.run(sql, user, thread, watch), original=original)

    async def save_verified(self, action: cl.Action) -> None:
        user, given = who(), action.payload
        answer_id, sql = str(given.get("answer_id")), str(given.get("sql", ""))
        await self._verified(SAVED, verifying.save, self.desk.assistant, answer_id, sql, user, self.desk.today)

    async def withdraw_verified(self, action: cl.Action) -> None:
        answer_id = str(action.payload.get("answer_id"))
        await self._verified(WITHDRAWN, verifying.withdraw, self.desk.assistant, answer_id, who())

    # --- alerts and incidents -----------------------------------------------------------------------

    async def _talked(self, words: str, speaker: Speaker) -> bool:
        """Answers words that are about alerts; False for an ordinary question."""
        if not await asyncio.to_thread(self.talk.meaning, words, speaker):
            return False
        await cl.context.emitter.task_start()  # type: ignore[no-untyped-call]
        try:
            reply = await asyncio.to_thread(self.talk.reply, words, speaker)
            if reply is not None:
                await self._say(reply)
        except AssistantError as error:
            await send(payload.text(str(error)))
            return True
        finally:
            await cl.context.emitter.task_end()  # type: ignore[no-untyped-call]
        return reply is not None

    async def _say(self, reply: Reply) -> None:
        if reply.draft:
            props = {"words": reply.draft.rule.words, "seal": reply.draft.seal}
            await send(payload.text(reply.text), [cl.CustomElement(name="Draft", props=props, display="inline")])
        elif reply.alerts:
            until = {"until": reply.until.isoformat()} if reply.until else {}
            await send(payload.text(reply.text), [cl.CustomElement(name="Alerts", props=until, display="inline")])
        else:
            await choices(reply.text, [{"label": label, "text": words} for label, words in reply.choices])

    async def keep_alert(self, action: cl.Action) -> None:
        words, seal = str(action.payload.get("words")), str(action.payload.get("seal"))
        speaker = Speaker(who(), cl.context.session.thread_id)
        try:
            await self._say(await asyncio.to_thread(self.talk.keep, words, seal, speaker))
        except AssistantError as error:
            await send(payload.text(str(error)))

    async def decide_alert(self, action: cl.Action) -> None:
        """The list shows what came of it; only what went wrong is said."""
        given = action.payload
        what = next(one for one in ALERT_WORDS if one == given.get("what"))
        await self._decided(self.talk.decide, str(given.get("id")), what, who(), _day(given.get("until")), quiet=True)

    async def decide_incident(self, action: cl.Action) -> None:
        given = action.payload
        what = {"expected": "expected", "snoozed": "snoozed", "closed": "closed", "open": "open"}[
            str(given.get("what"))
        ]
        await self._decided(incidents.decide, self.desk, str(given.get("id")), what, who(), _day(given.get("until")))

    async def _decided(self, call: Callable[..., str], *arguments: Any, quiet: bool = False) -> None:
        try:
            said = await asyncio.to_thread(call, *arguments)
        except AssistantError as error:
            await send(payload.text(str(error)))
        else:
            if not quiet:
                await send(payload.text(said))

    async def _verified(self, said: str, call: Callable[..., str], *arguments: Any) -> None:
        try:
            question = await asyncio.to_thread(call, *arguments)
        except AssistantError as error:
            await send(payload.text(str(error)))
        else:
            await choices(said.format(question), [{"label": question, "text": question}], "Try it")

    async def judged(self, feedback: Feedback) -> None:
        """Thumbs and the reason, kept with the answer's plan in the audit."""
        layer = get_data_layer()  # type: ignore[no-untyped-call]
        answer_id = await layer.judged(feedback.forId) if isinstance(layer, History) else None
        if answer_id:
            ledger = self.desk.assistant.ledger
            await asyncio.to_thread(ledger.judge, answer_id, who(), bool(feedback.value), feedback.comment or "")

    async def stopped(self, socket_id: str) -> None:
        session = WebsocketSession.get(socket_id)
        for making in self._making.get(session.id, []) if session else []:
            await making.stop()

    # --- drawing ----------------------------------------------------------------------------------

    async def _answered(self, call: Callable[[Watch], Answer], question: str = "", original: str | None = None) -> None:
        """Makes an answer and shows it, while the page shows its stop button."""
        if self.leaving:
            await choices(LEAVING, [{"label": question, "text": question}] if question else [], "Ask again")
            return
        session, making = cl.context.session.id, Making(self.desk)
        self._making[session].append(making)
        await cl.context.emitter.task_start()  # type: ignore[no-untyped-call]
        try:
            answer = await making.answer(call)
            if answer is None:
                await choices(STOPPED, [{"label": question, "text": question}] if question else [], "Ask again")
            else:
                await self._show(answer, original)
        except Exception:
            reference = str(ULID())
            logger.exception("answering failed, reference %s", reference)
            await send(payload.text(FAILED.format(reference)))
        finally:
            await self._history()
            self._making[session].remove(making)
            if not self._making[session]:
                del self._making[session]
            await cl.context.emitter.task_end()  # type: ignore[no-untyped-call]

    async def _show(self, answer: Answer, original: str | None = None) -> None:
        if answer.status == "clarify" and answer.clarify:
            options = [{"label": o, "text": shown.choice(answer, o)} for o in answer.clarify.options]
            await choices(answer.clarify.question, options)
        elif answer.status != "answered":
            await self._refuse(answer)
        else:
            await self._answer(answer, original)

    async def _answer(self, answer: Answer, original: str | None) -> None:
        props: dict[str, Any] = {"answer_id": answer.answer_id}
        if original:
            props["original"] = original
            props["difference"] = await asyncio.to_thread(payload.difference, self.desk, answer, original, who())
        url = f"/answers/{answer.answer_id}"  # with an address Chainlit writes no file of its own
        elements: list[Element] = [cl.CustomElement(name="Answer", props=props, display="inline", url=url)]
        if shown.picture(answer, self.desk) is not None:
            elements.insert(
                0, ChartElement(name="chart", url=f"{url}/chart", mime="application/json", display="inline")
            )
        await send(payload.text(answer.answer), elements)

    async def _history(self) -> None:
        """Says once when the conversation can't be kept, and once when it is kept again."""
        layer = get_data_layer()  # type: ignore[no-untyped-call]
        if not isinstance(layer, History):
            return
        await layer.written()
        failing, session = layer.failing, cl.context.session.id
        if failing != (session in self._unkept):
            (self._unkept.add if failing else self._unkept.remove)(session)
            await send(UNKEPT if failing else KEPT)

    async def _refuse(self, answer: Answer) -> None:
        asked = await asyncio.to_thread(briefing.questions, self.desk, who())
        options = [{"label": question, "text": question} for question in asked[:4]]
        said = answer.error or "That can't be answered."
        await choices(said, options, "You could ask" if answer.status == "refused" else "")


def _day(given: Any) -> date | None:
    """A day that the page sent; None for what is none."""
    try:
        return date.fromisoformat(str(given))
    except ValueError:
        return None


def who() -> str | None:
    return name_of(cl.context.session.user)


async def send(content: str, elements: list[Element] | None = None) -> None:
    """content: Markdown of ours; words of the data pass payload.text first."""
    await cl.Message(content=content, elements=elements).send()  # type: ignore[no-untyped-call]


async def asked(words: str) -> None:
    """A click, shown as what it asks."""
    user = cl.context.session.user
    name = user.display_name or user.identifier if user else "You"
    await cl.Message(content=words, type="user_message", author=name).send()  # type: ignore[no-untyped-call]


async def choices(words: str, options: list[dict[str, str]], title: str = "") -> None:
    """Words, and buttons that ask."""
    elements: list[Element] = [cl.CustomElement(name="Choices", props={"options": options, "title": title})]
    await send(payload.text(words), elements if options else None)
