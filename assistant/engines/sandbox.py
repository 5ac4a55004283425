"""Statements run in worker processes that can be killed. Knows nothing about what a statement says.

A statement has a worker to itself and takes at most that worker down. Workers are confined to
their own temporary folder, bounded in memory by the operating system, and replaced when they end.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import weakref
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from assistant.engines.duckdb_engine import NAME, Trusted, file_version, trusted
from assistant.engines.failures import stopped
from assistant.engines.nursery import Nursery, Purpose, Worker
from assistant.errors import EngineError
from assistant.values import CheckedQuery, Limits, Rows

SHORT_SECONDS = 1.0


class Overtaken(Exception):
    """A long statement made room for shorter ones."""


@dataclass(eq=False)
class Ticket:
    """One call of `run`, from its arrival to its answer."""

    owner: str | None
    query_id: str | None
    arrived: int
    cancelled: bool = False
    slow: bool = False
    started: float = 0.0
    worker: Worker | None = None

    @property
    def line(self) -> str:
        return "slow" if self.slow else f"of {self.owner}"


class Sandbox:
    """An Engine of worker processes: `workers` kept ready, up to `most` while there is a rush.

    Every owner waits in a line of their own. A line's nth statement at a time starts only while n
    places are free, so no line takes all of them, and the line that runs least is served first. A
    statement that is still running after a second, while others wait, makes room: it starts again
    in the line of slow statements, of which there is one. Who has waited `patience` seconds, or finds
    `queue` others waiting, gets EngineError(limit="busy"). At worst `most` times the memory that
    the statements' limits name is in use.
    """

    name = NAME
    dialect = "duckdb"

    def __init__(
        self,
        path: Path,
        limits: Limits | None = None,
        workers: int = 2,
        most: int = 8,
        patience: float = 60.0,
        queue: int = 200,
    ) -> None:
        self._path, self._workers, self._most = path, workers, most
        self._limits = limits or Limits()
        self._patience, self._queue = patience, queue
        self._arrivals = itertools.count()
        self._change = threading.Condition()
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []
        self._idle: list[Worker] = []
        self._closed = False
        self._nursery = Nursery()
        self._finalizer = weakref.finalize(self, _end, self._nursery, self._idle)
        with contextlib.suppress(EngineError):  # a missing warehouse is told to the first who asks
            self._keep_ready(self._purpose(self._limits))

    def run(self, query: CheckedQuery, owner: str | None = None, query_id: str | None = None) -> Rows:
        purpose = self._purpose(query.limits)
        ticket = Ticket(owner, query_id, next(self._arrivals))
        while True:
            self._await_turn(ticket, query.limits)
            try:
                return self._take(ticket, purpose).run(query, lambda: self._make_room(ticket))
            except Overtaken:
                ticket.slow = True
            except (EOFError, OSError):
                raise stopped("cancel" if ticket.cancelled else "died", query.limits) from None
            finally:
                self._give_back(ticket)
                self._keep_ready(purpose)

    def cancel(self, query_id: str) -> bool:
        """Stops the statement of that id, running or waiting; False when there is none."""
        with self._change:
            tickets = [ticket for ticket in self._running + self._waiting if ticket.query_id == query_id]
            for ticket in tickets:
                ticket.cancelled = True
                if ticket.worker:
                    ticket.worker.kill()
            self._change.notify_all()
        return bool(tickets)

    def version(self) -> str:
        return file_version(self._path)

    def reading(self) -> AbstractContextManager[Trusted]:
        return trusted(self._path, self._limits)

    def close(self) -> None:
        """Ends every worker; statements still running get an EngineError."""
        with self._change:
            self._closed = True
            for ticket in self._running + self._waiting:
                ticket.cancelled = True
            self._change.notify_all()
        self._finalizer()

    def _purpose(self, limits: Limits) -> Purpose:
        return Purpose(file_version(self._path), limits.memory_mb, limits.temp_mb)

    def _await_turn(self, ticket: Ticket, limits: Limits) -> None:
        until = time.monotonic() + self._patience
        with self._change:
            if len(self._waiting) >= self._queue:
                raise stopped("busy", limits)
            self._waiting.append(ticket)
            try:
                while not self._closed and not ticket.cancelled:
                    if self._next() is ticket:
                        ticket.started = time.monotonic()
                        self._running.append(ticket)
                        return
                    if not self._change.wait(until - time.monotonic()):
                        raise stopped("busy", limits)
                raise stopped("cancel", limits)
            finally:
                self._waiting.remove(ticket)
                self._change.notify_all()

    def _next(self) -> Ticket | None:
        """Whose turn it is now, if anyone's."""
        free = self._most - len(self._running)
        lines = Counter(ticket.line for ticket in self._running)
        owners = Counter(ticket.owner for ticket in self._running)
        ticket = min(self._waiting, key=lambda one: (lines[one.line], owners[one.owner], one.arrived))
        return ticket if free > lines[ticket.line] else None

    def _make_room(self, ticket: Ticket) -> None:
        """For others beside a statement that takes its time; raises Overtaken when it must start again."""
        with self._change:
            if ticket.worker and len(self._running) > 1:
                ticket.worker.step_back()
            long = not ticket.slow and time.monotonic() - ticket.started > SHORT_SECONDS
            if long and any(not other.slow for other in self._waiting):
                raise Overtaken

    def _take(self, ticket: Ticket, purpose: Purpose) -> Worker:
        with self._change:
            idle = [worker for worker in self._idle if worker.purpose == purpose and worker.fit]
            worker = max(idle, key=lambda one: one.ready, default=None)
            if worker:
                self._idle.remove(worker)
            ticket.worker = worker = worker or Worker(self._nursery, self._path, purpose)
            if ticket.cancelled:
                worker.kill()
        return worker

    def _give_back(self, ticket: Ticket) -> None:
        worker = ticket.worker
        with self._change:
            self._running.remove(ticket)
            ticket.worker = None
            if worker and worker.fit and not self._closed:
                self._idle.append(worker)
                worker = None
            self._change.notify_all()
        if worker:
            worker.remove()

    def _keep_ready(self, purpose: Purpose) -> None:
        """Idle workers: none of an older warehouse, no more than wanted, no fewer either."""
        with self._change:
            if self._closed:
                return
            fit = [worker for worker in self._idle if worker.fit and worker.purpose.version == purpose.version]
            unfit = {*self._idle} - {*fit[-self._workers :]}
            self._idle[:] = fit[-self._workers :]
            spare = min(self._workers, self._most - len(self._running)) - len(self._idle)
            for _ in range(spare):
                self._idle.append(Worker(self._nursery, self._path, purpose))
        for worker in unfit:
            worker.remove()


def _end(nursery: Nursery, idle: list[Worker]) -> None:
    nursery.close()
    for worker in idle:
        worker.remove()
