"""Results kept between questions, shared by all processes that ask one warehouse. Knows no plan and no person.

A result is found again for the same executable text with the same row limit on the same version of the file, and
for nothing else: the row policy, the masks and the readers are in that text, so whoever gets it may see it. What
gives another result each time it runs is not kept. The results are JSON in an SQLite file; nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import time
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path

from assistant.engines.engine import Engine
from assistant.engines.plain_values import from_json, to_json
from assistant.semantics.catalog import Reader
from assistant.values import CheckedQuery, Rows

WAIT_SECONDS = 0.5
TOUCH_SECONDS = 60.0  # a use is noted at most so often, for every note is a write
LARGEST_PART = 8  # a result that would take more than this part of the room is not kept
SCHEMA = """
CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, version TEXT, used REAL, size INTEGER, head TEXT, rows TEXT)
"""
# Whatever may differ from one run to the next on the same data.
VOLATILE = re.compile(
    r"\b(now|today|random|setseed|uuid\w*|gen_random_uuid|nextval|current_\w+|get_current_\w+|local_?time\w*"
    r"|transaction_timestamp|(table)?sample)\b",
    re.IGNORECASE,
)


class Cached:
    """An Engine before another: what ran on this version of the data is not run again.

    megabytes: the most that all results together take; the longest
    unused make room. A cache that can't be read or written costs its time and never an answer.
    """

    def __init__(self, engine: Engine, path: Path, megabytes: int) -> None:
        self.engine, self.path = engine, path
        self._most = megabytes * 1_000_000

    def run(self, query: CheckedQuery, owner: str | None = None, query_id: str | None = None) -> Rows:
        if VOLATILE.search(query.executable):
            return self.engine.run(query, owner, query_id)
        started = time.perf_counter()
        version = self.version()
        key = self._key(query, version)
        if (found := self._find(key, started)) is not None:
            return found
        rows = self.engine.run(query, owner, query_id)
        if self.version() == version:  # else nobody knows of which version they are
            self._keep(key, version, rows)
        return rows

    @property
    def name(self) -> str:
        return self.engine.name

    @property
    def dialect(self) -> str:
        return self.engine.dialect

    def version(self) -> str:
        return self.engine.version()

    def reading(self) -> AbstractContextManager[Reader]:
        return self.engine.reading()

    def cancel(self, query_id: str) -> bool:
        return self.engine.cancel(query_id)

    def close(self) -> None:
        self.engine.close()

    def _key(self, query: CheckedQuery, version: str) -> str:
        told = json.dumps([self.dialect, version, query.executable, query.limits.rows])
        return hashlib.sha256(told.encode()).hexdigest()

    def _open(self) -> sqlite3.Connection:
        if not self.path.exists():
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))  # rows are for whoever may read the warehouse
        database = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")  # what a crash loses is asked again
        database.execute(SCHEMA)
        return database

    def _find(self, key: str, started: float) -> Rows | None:
        try:
            with closing(self._open()) as database:
                row = database.execute("SELECT head, rows, used FROM results WHERE key = ?", [key]).fetchone()
                if row is None:
                    return None
                if time.time() - row[2] > TOUCH_SECONDS:
                    database.execute("UPDATE results SET used = ? WHERE key = ?", [time.time(), key])
            columns, types, truncated = json.loads(row[0])
            rows = from_json(row[1])
        except sqlite3.DatabaseError as error:
            self._begin_again(error)
            return None
        except (OSError, ValueError, TypeError):
            return None
        spent = (time.perf_counter() - started) * 1000
        return Rows(tuple(columns), tuple(types), rows, truncated=truncated, milliseconds=spent)

    def _keep(self, key: str, version: str, rows: Rows) -> None:
        head, body = json.dumps([rows.columns, rows.types, rows.truncated]), to_json(rows.rows)
        size = len(head.encode()) + len(body.encode())
        if size * LARGEST_PART > self._most:
            return
        with suppress(sqlite3.Error, OSError), closing(self._open()) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("DELETE FROM results WHERE version <> ?", [version])  # nobody asks the past
            database.execute(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?)",
                [key, version, time.time(), size, head, body],
            )
            database.execute(
                "DELETE FROM results WHERE key IN (SELECT key FROM (SELECT key, sum(size) OVER "
                "(ORDER BY used DESC, key) AS upto FROM results) WHERE upto > ?)",
                [self._most],
            )
            database.execute("COMMIT")

    def _begin_again(self, error: sqlite3.DatabaseError) -> None:
        """A file that is no database any more is put away; one that is only busy stays."""
        if isinstance(error, sqlite3.OperationalError):
            return
        for left in (self.path, Path(f"{self.path}-wal"), Path(f"{self.path}-shm")):
            with suppress(OSError):
                left.unlink(missing_ok=True)
