"""Questions whose SQL an analyst of the company has verified, in the audit's file. Append-only: the newest entry holds.

Knows nothing about words or SQL: a question comes as its normal form, a statement as text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assistant.errors import AssistantError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS verified (
  words TEXT NOT NULL, question TEXT NOT NULL, sql TEXT, "by" TEXT NOT NULL, at TEXT NOT NULL, answer_id TEXT);
CREATE INDEX IF NOT EXISTS verified_by_words ON verified (words);
CREATE TRIGGER IF NOT EXISTS verified_no_update BEFORE UPDATE ON verified
  BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS verified_no_delete BEFORE DELETE ON verified
  BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""


@dataclass(frozen=True)
class Entry:
    """`sql` None: verified no longer. `on` is a UTC day."""

    question: str
    sql: str | None
    by: str
    on: str


class Saved:
    """One file; safe for several processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, words: Sequence[str], question: str, sql: str | None, by: str, answer_id: str | None = None) -> None:
        """Appends an entry. Raises AssistantError when the file can't be written."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with self._open() as connection:
            connection.execute(
                "INSERT INTO verified VALUES (?, ?, ?, ?, ?, ?)", (" ".join(words), question, sql, by, at, answer_id)
            )

    def find(self, words: Sequence[str]) -> Entry | None:
        """The newest entry of the question; None when there is none, or the file can't be read (it is planned then)."""
        newest = 'SELECT question, sql, "by", at FROM verified WHERE words = ? ORDER BY rowid DESC LIMIT 1'
        row = None
        if self._path.exists():
            with suppress(AssistantError), self._open() as connection:
                row = connection.execute(newest, (" ".join(words),)).fetchone()
        return Entry(row[0], row[1], row[2], row[3][:10]) if row else None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A short-lived connection: whoever asks may be in any thread."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=10)
            try:
                connection.executescript(_SCHEMA)
                with connection:
                    yield connection
            finally:
                connection.close()
        except (sqlite3.Error, OSError) as error:
            raise AssistantError(f"The file of verified queries, {self._path}, can't be used: {error}.") from None
