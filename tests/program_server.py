"""A real HTTP server for an ASGI application, in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk.desk import Desk, StoppableEngine
from assistant.engines.sandbox import Sandbox
from assistant.values import Limits

SLOW = "SELECT count(*) FROM " + ", ".join(f"cost_and_usage c{n}" for n in range(5))


@contextmanager
def desk(config: Config, today: Any) -> Iterator[Desk]:
    """A desk whose statements can be stopped, as a server has it."""
    engine = StoppableEngine(Sandbox(config.warehouse, Limits(seconds=120), workers=1))
    assistant = Assistant(config, engine=engine, surface="test")
    yield Desk(assistant, today)
    assistant.close()


@contextmanager
def served(app: Any) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, log_level="info", log_config=None, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    soon(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def soon(true: Callable[[], Any]) -> None:
    """Waits until it is so."""
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def running(desk: Desk) -> int:
    assert isinstance(desk.assistant.engine, StoppableEngine)
    return desk.assistant.engine.running
