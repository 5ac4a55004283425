"""An answer in the making: its stages appear as they are reached, and its stop button works at each of them.

Knows nothing about how answers are made, only that a thread makes them and tells of its stages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import chainlit as cl
from chainlit.utils import utc_now
from ulid import ULID

from assistant.desk.desk import Desk, stoppable
from assistant.errors import EngineError
from assistant.premises import Watch
from assistant.surfaces.web import payload
from assistant.values import Answer, Stage

WHOLE = "How this was answered"
AGAIN_SECONDS = 0.1


class Making:
    """One answer, made in a thread of its own. Stopping frees the reader at once, whatever the thread is at."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._name = str(ULID())
        self._stages: asyncio.Queue[tuple[Stage, Any] | None] = asyncio.Queue()
        self._work: asyncio.Task[Answer] | None = None
        self._stopped = False

    async def answer(self, call: Callable[[Watch], Answer]) -> Answer | None:
        """What `call` returns, its stages shown as steps on the way; None when it was stopped."""
        loop = asyncio.get_running_loop()

        def watch(stage: Stage, value: Any) -> None:
            if self._stopped:
                raise EngineError("You stopped this.", "cancel")
            loop.call_soon_threadsafe(self._stages.put_nowait, (stage, value))

        with stoppable(self._name):
            self._work = asyncio.create_task(asyncio.to_thread(call, watch))
        self._work.add_done_callback(self._ended)
        async with AsyncExitStack() as stack:
            whole: cl.Step | None = None
            while reached := await self._stages.get():
                if whole is None:
                    whole = _step(WHOLE, default_open=True, auto_collapse=True)
                    await stack.enter_async_context(whole)
                await _shown(whole, *await asyncio.to_thread(payload.stage, *reached, self._desk))
            if self._stopped:
                return None
            answer = await self._work
            if whole and answer.status == "answered":
                await _shown(whole, *payload.told(answer))
            return answer

    async def stop(self) -> None:
        """Ends the statement in the engine; again and again, for it may not have got there yet."""
        self._stopped = True
        self._stages.put_nowait(None)
        while self._work and not self._work.done():
            await asyncio.to_thread(self._desk.assistant.engine.cancel, self._name)
            await asyncio.sleep(AGAIN_SECONDS)

    def _ended(self, work: asyncio.Task[Answer]) -> None:
        if not work.cancelled():
            work.exception()  # looked at, though nobody may wait for it any more
        self._stages.put_nowait(None)


def _step(name: str, **look: Any) -> cl.Step:
    return cl.Step(name=name, type="tool", show_input=False, **look)


async def _shown(whole: cl.Step, name: str, content: str) -> None:
    """A stage that is over already: sent and written once."""
    step = _step(name, parent_id=whole.id)
    step.start = step.end = utc_now()  # type: ignore[no-untyped-call]
    step.output = content
    await step.send()  # type: ignore[no-untyped-call]
