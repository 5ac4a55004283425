"""Starts worker processes in milliseconds and holds one end of each pipe. Knows no queue, no owner."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from assistant.engines.failures import stopped
from assistant.engines.plain_values import from_json
from assistant.errors import EngineError
from assistant.values import CheckedQuery, Rows

START_SECONDS = 60.0
LOOK_SECONDS = 0.25
GRACE_SECONDS = 0.5
LARGEST_REPLY = 500_000_000
ENVIRONMENT = ("PATH", "LANG", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")


class Purpose(NamedTuple):
    """What a worker is opened for: a version of the warehouse file and what a statement may use."""

    version: str
    memory_mb: int
    temp_mb: int


class Nursery:
    """A process that has imported everything and forks workers from itself.

    It leads a process group that holds all its workers, so none outlives it.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._closed = False
        self._start()

    def order(self, pipe: socket.socket, order: dict[str, Any]) -> str:
        """Has a worker forked that serves `pipe`; returns the folder that is its own."""
        with self._turn:
            try:
                return self._order(pipe, order)
            except OSError:  # somebody ended it
                if self._closed:
                    raise
                self._end()
                self._start()
                return self._order(pipe, order)

    def close(self) -> None:
        """Ends every worker at once and leaves nothing behind."""
        with self._turn:
            self._closed = True
            self._end()

    def _end(self) -> None:
        self._orders.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="askcost-")
        self._orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "assistant.engines.worker", str(theirs.fileno()), self._folder],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # None of our keys and tokens, and no Ctrl-C of the terminal's.
                env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
                | {"PYTHONPATH": os.pathsep.join(sys.path)},
                process_group=0,
            )

    def _order(self, pipe: socket.socket, order: dict[str, Any]) -> str:
        folder = tempfile.mkdtemp(dir=self._folder)
        socket.send_fds(self._orders, [json.dumps(order | {"folder": folder}).encode()], [pipe.fileno()])
        return folder


class Worker:
    """One process with the warehouse open. Used by one thread at a time; `kill` by any."""

    def __init__(self, nursery: Nursery, path: Path, purpose: Purpose) -> None:
        self.purpose = purpose
        self.pid: int | None = None
        self._open = self._spent = False
        self._socket, theirs = socket.socketpair()
        self._pipe = Connection(os.dup(self._socket.fileno()))
        order = {"path": str(path.absolute()), "memory_mb": purpose.memory_mb, "temp_mb": purpose.temp_mb}
        with theirs:
            self._folder = nursery.order(theirs, order)

    @property
    def ready(self) -> bool:
        """Whether it has started."""
        return self._open or self._pipe.poll(0)

    @property
    def fit(self) -> bool:
        """Whether it can run another statement; while it waits for one, only its end can be read."""
        return not self._spent and not (self._open and self._pipe.poll(0))

    def run(self, query: CheckedQuery, meanwhile: Callable[[], None]) -> Rows:
        """Calls `meanwhile` every quarter second; what that raises ends the process.

        Raises EngineError, and EOFError or OSError when the process has ended.
        """
        self._await_opening()
        limits = query.limits
        self._send({"sql": query.executable, "rows": limits.rows, "seconds": limits.seconds})
        until = time.monotonic() + limits.seconds
        while not self._pipe.poll(max(0.0, min(LOOK_SECONDS, until - time.monotonic()))):
            if time.monotonic() >= until:
                self._send("stop")
                if not self._pipe.poll(GRACE_SECONDS):
                    self.kill()
                    raise stopped("time", limits)
                break
            try:
                meanwhile()
            except BaseException:
                self.kill()
                raise
        head = self._receive()
        rows = from_json(self._pipe.recv_bytes(LARGEST_REPLY).decode())
        return Rows(tuple(head["columns"]), tuple(head["types"]), rows, head["truncated"], head["milliseconds"])

    def step_back(self) -> None:
        """Lets every other process go first; this one then gets no other statement."""
        self._spent = True
        for task in Path(f"/proc/{self.pid}/task").glob("*"):
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, int(task.name), 19)

    def kill(self) -> None:
        """Ends the process, whatever it does."""
        self._spent = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)

    def remove(self) -> None:
        """Ends the process and leaves nothing of it."""
        self.kill()
        with contextlib.suppress(EOFError, OSError):
            while self._pipe.poll(START_SECONDS):
                self._pipe.recv_bytes()
        self._pipe.close()
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _await_opening(self) -> None:
        while not self._open:
            if not self._pipe.poll(START_SECONDS):
                self.kill()
            message = self._receive()
            self.pid = message.get("pid", self.pid)
            self._open = not message

    def _send(self, message: object) -> None:
        self._pipe.send_bytes(json.dumps(message).encode())

    def _receive(self) -> dict[str, Any]:
        reply: dict[str, Any] = json.loads(self._pipe.recv_bytes(LARGEST_REPLY))
        if "error" in reply:
            self._spent |= not self._open or reply["limit"] in ("memory", "temp")
            raise EngineError(reply["error"], limit=reply["limit"])
        return reply
