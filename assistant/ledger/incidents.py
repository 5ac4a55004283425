"""Incidents of anomalous cost: what was found, what people said of it, and how far each scan has come.

SQLite beside the answers. Decisions are append-only. Everything is kept by scope: what one user sees under a row policy
is scanned apart from what the whole company sees. Knows nothing about how an incident is found.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

_SCHEMA = """
CREATE TABLE IF NOT EXISTS incidents (
  scope TEXT NOT NULL, id TEXT NOT NULL, series TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (scope, id));
CREATE TABLE IF NOT EXISTS incident_scans (
  scope TEXT NOT NULL, series TEXT NOT NULL, until TEXT NOT NULL, state BLOB NOT NULL, PRIMARY KEY (scope, series));
CREATE TABLE IF NOT EXISTS incident_decisions (
  at TEXT NOT NULL, scope TEXT NOT NULL, id TEXT NOT NULL, decision TEXT NOT NULL, until TEXT, note TEXT, user TEXT);
CREATE TRIGGER IF NOT EXISTS incident_decisions_no_update BEFORE UPDATE ON incident_decisions
  BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS incident_decisions_no_delete BEFORE DELETE ON incident_decisions
  BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""
What = Literal["open", "expected", "snoozed", "closed"]


@dataclass(frozen=True)
class Decision:
    """What somebody said of an incident. until: a snooze's end."""

    what: What
    at: datetime
    until: date | None = None
    note: str | None = None
    user: str | None = None


class Incidents:
    """One file. Raises sqlite3.Error or OSError when it can't be written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        try:
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()

    def state(self, scope: str, series: str) -> tuple[date, Any] | None:
        """(scanned until, what the scan remembers); None when nothing was scanned yet."""
        with self._open() as connection:
            row = connection.execute(
                "SELECT until, state FROM incident_scans WHERE scope = ? AND series = ?", (scope, series)
            ).fetchone()
        return (date.fromisoformat(row[0]), json.loads(zlib.decompress(row[1]))) if row else None

    def keep(
        self, scope: str, series: str, until: date, state: Any, found: Mapping[str, Mapping[str, Any]], anew: bool
    ) -> None:
        """A scan's end: its state, and the incidents by id. anew: those that were not found again are forgotten."""
        packed = zlib.compress(json.dumps(state).encode(), 1)
        with self._open() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO incident_scans VALUES (?, ?, ?, ?)", (scope, series, until.isoformat(), packed)
            )
            if anew:
                connection.execute("DELETE FROM incidents WHERE scope = ? AND series = ?", (scope, series))
            rows = [(scope, name, series, json.dumps(body)) for name, body in found.items()]
            connection.executemany("INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?)", rows)

    def all(self, scope: str) -> list[dict[str, Any]]:
        with self._open() as connection:
            rows = connection.execute("SELECT id, series, body FROM incidents WHERE scope = ?", (scope,)).fetchall()
        return [{"id": name, "series": series, **json.loads(body)} for name, series, body in rows]

    def decide(self, scope: str, name: str, decision: Decision) -> None:
        row = (decision.at.isoformat(timespec="seconds"), scope, name, decision.what,
               decision.until.isoformat() if decision.until else None, decision.note, decision.user)  # fmt: skip
        with self._open() as connection:
            connection.execute("INSERT INTO incident_decisions VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def decisions(self, scope: str) -> dict[str, Decision]:
        """The newest decision of each incident."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT id, decision, at, until, note, user FROM incident_decisions WHERE scope = ? ORDER BY rowid",
                (scope,),
            ).fetchall()
        return {
            name: Decision(what, datetime.fromisoformat(at), date.fromisoformat(until) if until else None, note, user)
            for name, what, at, until, note, user in rows
        }


def now() -> datetime:
    return datetime.now(UTC)
