"""The conversation: Chainlit's events turned into questions, and answers into messages. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import chainlit as cl
from chainlit.element import Element, ElementType
from chainlit.types import ThreadDict
from chainlit.user import PersistedUser, User

from assistant.desk import briefing, shown
from assistant.desk.desk import Desk, stoppable
from assistant.errors import AssistantError
from assistant.surfaces.web import payload
from assistant.values import Answer

LOCAL = "local"  # the operator of a server that listens on this machine only
GREETING = "What is worth knowing today. Click a line to see more, or ask in your own words."


def name_of(user: User | PersistedUser | None) -> str | None:
    """The warehouse's name for who is signed in; None for the local operator."""
    return None if user is None or user.metadata.get("provider") == LOCAL else user.identifier


class ChartElement(Element):
    """A chart that the page fetches when it draws it, so that nothing of the data is kept with the chat."""

    type: ClassVar[ElementType] = "plotly"


@dataclass
class Chat:
    """The handlers of one server's chats."""

    desk: Desk

    def register(self) -> None:
        """Hands the events to Chainlit."""
        cl.on_chat_start(self.start)
        cl.on_chat_resume(self.resumed)
        cl.on_message(self.message)
        cl.on_stop(self.stopped)
        cl.set_starters(self.starters)
        for name, callback in (("change", self.change), ("run_sql", self.run_sql)):
            cl.action_callback(name)(callback)

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
        answer = await self._off_loop(self.desk.ask, message.content, user, thread)
        await self._show(answer)

    async def change(self, action: cl.Action) -> None:
        user, thread = who(), cl.context.session.thread_id
        answer_id, key = str(action.payload.get("answer_id")), str(action.payload.get("key"))
        try:
            found = await asyncio.to_thread(self.desk.offered, answer_id, key, user)
        except AssistantError as error:
            await send(payload.text(str(error)))
            return
        await asked(found.words[:1].upper() + found.words[1:])
        await self._show(await self._off_loop(self.desk.change, answer_id, key, user, thread))

    async def run_sql(self, action: cl.Action) -> None:
        user, thread = who(), cl.context.session.thread_id
        sql = str(action.payload.get("sql", ""))
        await asked("Run my SQL")
        answer = await self._off_loop(self.desk.run, sql, user, thread)
        await self._show(answer, original=str(action.payload.get("answer_id") or "") or None)

    async def stopped(self) -> None:
        self.desk.assistant.engine.cancel(cl.context.session.id)

    # --- drawing ----------------------------------------------------------------------------------

    async def _off_loop(self, call: Callable[..., Answer], *arguments: Any) -> Answer:
        """Runs in a thread of its own while the page shows its stop button."""
        await cl.context.emitter.task_start()  # type: ignore[no-untyped-call]
        try:
            with stoppable(cl.context.session.id):
                return await asyncio.to_thread(call, *arguments)
        finally:
            await cl.context.emitter.task_end()  # type: ignore[no-untyped-call]

    async def _show(self, answer: Answer, original: str | None = None) -> None:
        if answer.status == "clarify" and answer.clarify:
            options = [{"label": o, "text": shown.choice(answer, o)} for o in answer.clarify.options]
            await choices(answer.clarify.question, options)
        elif answer.status != "answered":
            await self._refuse(answer)
        else:
            await self._steps(answer)
            await self._answer(answer, original)

    async def _steps(self, answer: Answer) -> None:
        async with cl.Step(name="How this was answered", type="tool", show_input=False) as whole:
            for name, content in await asyncio.to_thread(payload.steps, answer, self.desk, who()):
                async with cl.Step(name=name, type="tool", show_input=False) as step:
                    step.output = content
            whole.output = ""

    async def _answer(self, answer: Answer, original: str | None) -> None:
        props: dict[str, Any] = {"answer_id": answer.answer_id}
        if original:
            props["difference"] = await asyncio.to_thread(payload.difference, self.desk, answer, original, who())
        elements: list[Element] = [cl.CustomElement(name="Answer", props=props, display="inline")]
        if shown.picture(answer, self.desk) is not None:
            url = f"/answers/{answer.answer_id}/chart"
            elements.insert(0, ChartElement(name="chart", url=url, mime="application/json", display="inline"))
        await send(payload.text(answer.answer), elements)

    async def _refuse(self, answer: Answer) -> None:
        asked = await asyncio.to_thread(briefing.questions, self.desk, who())
        options = [{"label": question, "text": question} for question in asked[:4]]
        said = answer.error or "That can't be answered."
        await choices(said, options, "You could ask" if answer.status == "refused" else "")


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
