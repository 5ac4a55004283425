"""Spark through its Connect server, over the tables that `askcost publish` wrote. Knows nothing about who asks.

Spark itself closes no door: only what the guard passed and the translation wrote may reach it.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from assistant.engines.failures import stopped
from assistant.engines.plain_values import LARGEST_RESULT, plain_rows
from assistant.engines.published import Manifest, Published
from assistant.engines.spark_client import Client, failure, lost
from assistant.values import CheckedQuery, Limits, Rows, TableColumn

GRACE_SECONDS = 2.0
AGAIN_SECONDS = 0.25
WHOLE = ("HUGEINT", "UHUGEINT", "UBIGINT")
Schema = Mapping[str, Mapping[str, str]]
Translate = Callable[[str, Schema], tuple[str, Sequence[str]]]
"""(SQL of DuckDB, `schema.table` → column → DuckDB type) → the same in Spark's, and the `schema.table`s it reads."""


@dataclass(frozen=True)
class Opened:
    """One version of the tables in a session of its own, so that no statement reads two versions."""

    manifest: Manifest
    client: Client
    views: set[str] = field(default_factory=set)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def sql(self, text: str, translate: Translate) -> Any:
        """The DataFrame of a statement in DuckDB's dialect."""
        translated, tables = translate(text, self.manifest.schema)
        with self.turn:
            for table in tables:
                if table not in self.views:
                    self.client.view(*self.manifest.view(table))
                    self.views.add(table)
        return self.client.sql(translated)


@dataclass(eq=False)
class Running:
    """A statement on its way. `tag` is its name on the cluster, where no other statement has it."""

    tag: str
    query_id: str | None
    outcome: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    client: Client | None = None
    stopping: bool = False
    ended: bool = False


class SparkEngine:
    """An Engine on a cluster. url: `sc://host:port` (with Spark's own parameters, such as a token).

    tables: where `askcost publish --to` wrote, as the cluster sees it. A new version there is picked up before
    the next statement. Whatever a statement's time ends, or somebody cancels, is interrupted on the cluster.
    """

    dialect = "spark"

    def __init__(self, url: str, tables: str, translate: Translate, limits: Limits | None = None) -> None:
        self._url, self._translate, self._limits = url, translate, limits or Limits()
        self._published = Published(tables)
        self._opened: Opened | None = None
        self._running: set[Running] = set()
        self._turn = threading.Lock()
        self._numbers = itertools.count(1)

    @property
    def name(self) -> str:
        return f"spark {self._opened.client.version}" if self._opened else "spark"

    def run(self, query: CheckedQuery, owner: str | None = None, query_id: str | None = None) -> Rows:
        found: Rows = self._within(query.limits, lambda running: self._fetched(running, query), query_id)
        return found

    def cancel(self, query_id: str) -> bool:
        found = [one for one in list(self._running) if one.query_id == query_id]
        for one in found:
            self._stop(one)
            one.outcome.put(stopped("cancel", self._limits))
        return bool(found)

    def version(self) -> str:
        return self._published.version(self._client_for_files)

    @contextmanager
    def reading(self) -> Iterator[Trusted]:
        opened: Opened = self._within(self._limits, lambda running: self._current())

        def read(sql: str) -> Sequence[tuple[Any, ...]]:
            def work(running: Running) -> Any:
                with self._on(opened, running):
                    return list(opened.client.rows(opened.sql(sql, self._translate)))

            rows: Sequence[tuple[Any, ...]] = self._within(self._limits, work)
            return rows

        yield Trusted(read, opened.manifest)

    def close(self) -> None:
        for one in list(self._running):
            self._stop(one)
        with self._turn:
            if self._opened:
                self._opened.client.close()
            self._opened = None

    # --- one statement ----------------------------------------------------------------------------

    def _within(self, limits: Limits, work: Callable[[Running], Any], query_id: str | None = None) -> Any:
        """What `work` returns. Raises EngineError when it fails, is cancelled, or passes its time."""
        running = Running(f"askcost-{id(self):x}-{next(self._numbers)}", query_id)
        self._running.add(running)
        threading.Thread(target=self._work, args=(running, work), daemon=True).start()
        try:
            result = running.outcome.get(timeout=limits.seconds)
        except queue.Empty:
            self._stop(running)
            result = stopped("time", limits)
        finally:
            self._running.discard(running)
        if isinstance(result, Exception):
            raise failure(result, limits)
        return result

    def _work(self, running: Running, work: Callable[[Running], Any]) -> None:
        try:
            try:
                running.outcome.put(work(running))
            except Exception as error:
                if not lost(error) or running.stopping:
                    raise
                self._forget()  # the server was restarted, or has forgotten an idle session
                running.outcome.put(work(running))
        except Exception as error:
            running.outcome.put(error)
        finally:
            running.ended = True

    def _fetched(self, running: Running, query: CheckedQuery) -> Rows:
        started = time.perf_counter()
        opened = self._current()
        with self._on(opened, running):
            frame = opened.client.typed(opened.sql(query.executable, self._translate), query.outputs)
            rows, truncated = _taken(opened.client.rows(frame), query)
        return Rows(
            columns=tuple(column.name for column in query.outputs),
            types=tuple(column.type for column in query.outputs),
            rows=rows,
            truncated=truncated,
            milliseconds=(time.perf_counter() - started) * 1000,
        )

    @contextmanager
    def _on(self, opened: Opened, running: Running) -> Iterator[None]:
        """What this thread runs meanwhile has the tag of `running`."""
        running.client = opened.client
        with opened.client.tagged(running.tag):
            if running.stopping:
                raise stopped("cancel", self._limits)
            yield

    def _stop(self, running: Running) -> None:
        """Interrupts it on the cluster, again until it has ended: it may not have arrived there yet."""
        if running.stopping:
            return
        running.stopping = True

        def interrupt() -> None:
            until = time.monotonic() + GRACE_SECONDS + self._limits.seconds
            while not running.ended and time.monotonic() < until:
                if running.client:
                    with suppress(Exception):
                        running.client.interrupt(running.tag)
                time.sleep(AGAIN_SECONDS)

        threading.Thread(target=interrupt, daemon=True).start()

    # --- the version --------------------------------------------------------------------------------

    def _client_for_files(self) -> Client:
        with self._turn:
            return self._opened.client if self._opened else Client(self._url)

    def _current(self) -> Opened:
        with self._turn:
            client = self._opened.client if self._opened else None
            manifest = self._published.manifest(lambda: client or Client(self._url))
            if self._opened is None or self._opened.manifest.version != manifest.version:
                self._opened = Opened(manifest, Client(self._url))
            return self._opened

    def _forget(self) -> None:
        with self._turn:
            self._opened = None


@dataclass(frozen=True)
class Trusted:
    """A Reader: SQL of ours over one version, past the guard and every policy."""

    read: Callable[[str], Sequence[tuple[Any, ...]]]
    manifest: Manifest

    def __call__(self, sql: str) -> Sequence[tuple[Any, ...]]:
        return self.read(sql)

    def columns(self) -> Sequence[tuple[str, str, str, str]]:
        return self.manifest.columns

    def rows(self) -> Mapping[str, int]:
        return {table["table"]: table["rows"] for table in self.manifest.tables if table["schema"] == "main"}


def _taken(found: Iterator[tuple[Any, ...]], query: CheckedQuery) -> tuple[tuple[tuple[Any, ...], ...], bool]:
    """At most the allowed rows, as plain values, and whether there were more. Raises EngineError(limit="size")."""
    rows: list[tuple[Any, ...]] = []
    room = LARGEST_RESULT
    for row in found:
        if len(rows) == query.limits.rows:
            return tuple(rows), True
        plain, room = plain_rows([_as_duckdb(row, query.outputs)], room)
        rows += plain
    return tuple(rows), False


def _as_duckdb(row: tuple[Any, ...], outputs: Sequence[TableColumn]) -> tuple[Any, ...]:
    return tuple(
        int(value) if value is not None and column.type in WHOLE else value
        for value, column in zip(row, outputs, strict=True)
    )
