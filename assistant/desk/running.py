"""An answer in the making for another program: its stages are told, and cancelling it stops its statement.

Knows no protocol, and nothing about how answers are made, only that a thread makes them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from ulid import ULID

from assistant.desk.desk import Desk, stoppable
from assistant.errors import EngineError
from assistant.premises import Watch
from assistant.telling.understood import understood
from assistant.values import Answer, Reading, Stage

Tell = Callable[[str], Awaitable[None]]
AGAIN_SECONDS = 0.05
_SAID = {"sql": "The SQL is written.", "checked": "The guard has passed it."}
_stopping: set[asyncio.Task[None]] = set()  # a task that nobody holds may vanish


async def unheard(words: str) -> None:
    """A Tell that nobody listens to."""


async def made(desk: Desk, call: Callable[[Watch], Answer], tell: Tell = unheard) -> Answer:
    """What `call` returns. When this is cancelled, the statement that runs for it is stopped in the engine."""
    loop, name, stopped = asyncio.get_running_loop(), str(ULID()), threading.Event()
    stages: asyncio.Queue[tuple[Stage, Any] | None] = asyncio.Queue()

    def watch(stage: Stage, value: Any) -> None:
        if stopped.is_set():
            raise EngineError("Whoever asked has cancelled this.", "cancel")
        loop.call_soon_threadsafe(stages.put_nowait, (stage, value))

    with stoppable(name):
        work = asyncio.create_task(asyncio.to_thread(call, watch))
    work.add_done_callback(lambda _: stages.put_nowait(None))
    try:
        while reached := await stages.get():
            await tell(said(*reached, desk))
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stopped.set()
        stopping = asyncio.create_task(_stop(desk, name, work))
        _stopping.add(stopping)
        stopping.add_done_callback(_stopping.discard)
        raise


def said(stage: Stage, value: Any, desk: Desk) -> str:
    """A stage that was reached, in plain words."""
    if stage == "understood":
        words = understood(value.plan, desk.assistant.warehouse.model) if isinstance(value, Reading) else value
        return f"Understood: {words}"
    if stage == "ran":
        return f"Read {len(value.rows):,} row{'' if len(value.rows) == 1 else 's'}."
    return _SAID[stage]


async def _stop(desk: Desk, name: str, work: asyncio.Task[Answer]) -> None:
    """Again and again, for the statement may not have got to the engine yet."""
    while not work.done():
        await asyncio.to_thread(desk.assistant.engine.cancel, name)
        await asyncio.sleep(AGAIN_SECONDS)
    if not work.cancelled():
        work.exception()  # looked at, though nobody waits for it any more
