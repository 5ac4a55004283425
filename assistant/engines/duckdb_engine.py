"""DuckDB with every door closed but the tables of the warehouse file. Knows nothing about who asks."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from assistant.engines.confine import forbid_files
from assistant.engines.failures import failure, missing_warehouse, stopped, unopened
from assistant.engines.plain_values import LARGEST_RESULT, plain_rows
from assistant.values import CheckedQuery, Limits, Rows

NAME = f"duckdb {duckdb.__version__}"
CHUNK = 2048
GRACE_SECONDS = 1.0
# Fetching some types imports Python modules, which a confined thread could not read any more.
WARM_UP = "SELECT now(), uuid(), 1.5::DECIMAL(18, 6), DATE '2026-01-01', INTERVAL 1 DAY, TIME '10:00', MAP {'a': 1}"

_opening = threading.Lock()  # one that opens and one that is not yet locked would find each other's settings changed


def open_locked(
    path: Path, limits: Limits, threads: int = 2, spill_to: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A read-only connection whose statements reach the tables of `path` and nothing else.

    Without `spill_to`, DuckDB has no file system left, so what does not fit in memory fails. With
    it, the calling thread is confined to that folder for good (it is meant for a worker process)
    and large sorts spill there; where the system can't confine, it is as without.
    DuckDB shares an open file within a process: every other connection to `path` in this process
    must come from here with equal limits. Raises EngineError when `path` is missing, is no DuckDB
    file, or is held by a writer.
    """
    if not path.is_file():
        raise missing_warehouse(path)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{limits.memory_mb}MiB",
        "threads": 1 if spill_to else threads,
        "temp_directory": str(spill_to or ""),
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
        "allow_community_extensions": "false",
        "python_enable_replacements": "false",
    }
    if spill_to:
        config["async_threads"] = 0  # they would start with the connection, before anything confines them
    try:
        with _opening:
            connection = duckdb.connect(str(path), read_only=True, config=config)
            if connection.execute("SELECT current_setting('lock_configuration')").fetchall() == [(True,)]:
                return connection
            connection.execute("SET GLOBAL TimeZone = 'UTC'")
            if spill_to:  # In the configuration above it would be accepted, and ignored.
                connection.execute(f"SET max_temp_directory_size = '{limits.temp_mb}MiB'")
            connection.execute(WARM_UP).fetchall()
            confined = spill_to is not None and forbid_files(but=spill_to)
            if not confined:
                connection.execute("SET temp_directory = ''")
            # Threads inherit the confinement of the one that starts them, so they start only now.
            connection.execute(f"SET threads = {threads}")
            connection.execute("SET enable_external_access = false")
            if not confined:
                # Else a statement could still read the warehouse file itself and write its .wal.
                connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
            connection.execute("SET lock_configuration = true")
    except duckdb.Error as error:
        raise unopened(error, path) from None
    return connection


def fetch(cursor: duckdb.DuckDBPyConnection, sql: str, most: int) -> Rows:
    """Runs `sql` on a fresh cursor and takes at most `most` rows, as plain values.

    Raises what DuckDB raises, and EngineError(limit="size").
    """
    started = time.perf_counter()
    cursor.execute(sql)
    description = cursor.description or []
    rows: list[tuple[Any, ...]] = []
    room = LARGEST_RESULT
    while len(rows) <= most and (chunk := cursor.fetchmany(min(CHUNK, most + 1 - len(rows)))):
        plain, room = plain_rows(chunk, room)
        rows += plain
    return Rows(
        columns=tuple(column[0] for column in description),
        types=tuple(str(column[1]) for column in description),
        rows=tuple(rows[:most]),
        truncated=len(rows) > most,
        milliseconds=(time.perf_counter() - started) * 1000,
    )


def file_version(path: Path) -> str:
    """What changes when os.replace puts a new warehouse in place: inode and time of change."""
    try:
        status = path.stat()
    except OSError:
        raise missing_warehouse(path) from None
    return f"{status.st_ino}-{status.st_mtime_ns}"


class Trusted:
    """A Reader: SQL of ours on a connection, past the guard and every policy."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __call__(self, sql: str) -> Sequence[tuple[Any, ...]]:
        return self._connection.cursor().execute(sql).fetchall()

    def columns(self) -> Sequence[tuple[Any, ...]]:
        return self(
            "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal "
            "AND schema_name IN ('main', '_askcost') AND database_name = current_database() "
            "ORDER BY schema_name, table_name, column_index"
        )

    def rows(self) -> Mapping[str, int]:
        return dict(self("SELECT table_name, estimated_size FROM duckdb_tables() WHERE schema_name = 'main'"))


@contextmanager
def trusted(path: Path, limits: Limits) -> Iterator[Trusted]:
    """Reads what the warehouse knows of itself. No connection to an older file may be open in this process."""
    connection = open_locked(path, limits)
    try:
        yield Trusted(connection)
    finally:
        connection.close()


class DuckDBEngine:
    """Runs statements in this process, one at a time, and interrupts those that pass their time.

    For the planner's own statements: a few functions do not listen to an interrupt (the caller is
    released all the same) and nothing spills to disk. What people and models write belongs in the
    Sandbox. A new version of the file is picked up before the next statement.
    """

    name = NAME
    dialect = "duckdb"

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        self._path = path
        self._limits = limits or Limits()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._version: str | None = None
        self._turn = threading.Lock()
        self._running: tuple[str | None, duckdb.DuckDBPyConnection, queue.SimpleQueue[Rows | Exception]] | None = None
        self._worker: threading.Thread | None = None
        self._cancelled = False

    def run(self, query: CheckedQuery, owner: str | None = None, query_id: str | None = None) -> Rows:
        with self._turn:
            cursor = self._current().cursor()
            outcome: queue.SimpleQueue[Rows | Exception] = queue.SimpleQueue()

            def work() -> None:
                try:
                    outcome.put(fetch(cursor, query.executable, query.limits.rows))
                except Exception as error:
                    outcome.put(error)

            self._cancelled, self._running = False, (query_id, cursor, outcome)
            self._worker = threading.Thread(target=work, daemon=True)
            self._worker.start()
            try:
                result = _wait(outcome, cursor, query.limits)
            finally:
                self._running = None
            if self._cancelled:
                cursor.interrupt()  # again: the first may have come before the statement had begun
                raise stopped("cancel", query.limits)
            if isinstance(result, Rows):
                return result
            raise failure(result, query.limits)

    def cancel(self, query_id: str) -> bool:
        """Stops the running statement of that id; False when it does not run."""
        running = self._running
        if running is None or running[0] != query_id:
            return False
        self._cancelled = True
        running[1].interrupt()
        running[2].put(InterruptedError())  # nobody waits for a statement that does not listen
        return True

    def version(self) -> str:
        return file_version(self._path)

    @contextmanager
    def reading(self) -> Iterator[Trusted]:
        with self._turn:
            self._renew()
        with trusted(self._path, self._limits) as reader:
            yield reader

    def close(self) -> None:
        with self._turn:
            with suppress(duckdb.Error):  # a statement that does not listen keeps its connection to its own end
                self._let_go()
            self._connection = None

    def _let_go(self) -> None:
        if self._connection:
            if self._worker:
                self._worker.join(GRACE_SECONDS)  # one that was interrupted is still unwinding
            self._connection.close()
            self._connection = None

    def _renew(self) -> str:
        """Lets go of an older file: DuckDB would hand it out again while a connection to it is open."""
        version = file_version(self._path)
        if self._connection and version != self._version:
            try:
                self._let_go()
            except duckdb.Error as error:
                raise failure(error, self._limits) from None
        return version

    def _current(self) -> duckdb.DuckDBPyConnection:
        version = self._renew()
        if not self._connection:
            self._connection = open_locked(self._path, self._limits)
            self._version = version
        return self._connection


def _wait(
    outcome: queue.SimpleQueue[Rows | Exception], cursor: duckdb.DuckDBPyConnection, limits: Limits
) -> Rows | Exception:
    try:
        return outcome.get(timeout=limits.seconds)
    except queue.Empty:
        cursor.interrupt()
    try:
        return outcome.get(timeout=GRACE_SECONDS)
    except queue.Empty:
        return stopped("time", limits)  # its thread is left behind
