"""Questions whose SQL an analyst of the company has verified, in the audit's file. Append-only: the newest entry holds.

Knows nothing about words or SQL: a question comes as its normal form, a statement as text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
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
    """`sql` None: verified no longer. `on` is a UTC day, `until` the last one that it holds; None: without end.

    owner: who answers for it.
    """

    question: str
    sql: str | None
    by: str
    on: str
    until: str | None = None
    owner: str | None = None


class Saved:
    """One file; safe for several processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(
        self,
        words: Sequence[str],
        question: str,
        sql: str | None,
        by: str,
        answer_id: str | None = None,
        until: str | None = None,
        owner: str | None = None,
    ) -> None:
        """Appends an entry. Raises AssistantError when the file can't be written."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        row = (" ".join(words), question, sql, by, at, answer_id, until, owner or by)
        with self._open() as connection:
            connection.execute(
                'INSERT INTO verified (words, question, sql, "by", at, answer_id, until, owner) '
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def find(self, words: Sequence[str]) -> Entry | None:
        """The newest entry of the question; None when there is none, or the file can't be read (it is planned then)."""
        return next(iter(self._newest(" ".join(words)).values()), None)

    def current(self) -> dict[tuple[str, ...], Entry]:
        """Words → the newest entry of each question, withdrawn ones too; none when the file can't be read."""
        return {tuple(words.split(" ")): one for words, one in self._newest(None).items()}

    def _newest(self, words: str | None) -> dict[str, Entry]:
        newest = (
            'SELECT words, question, sql, "by", at, until, owner FROM verified WHERE rowid IN '
            "(SELECT max(rowid) FROM verified WHERE ? IS NULL OR words = ? GROUP BY words) ORDER BY rowid"
        )
        rows = []
        if self._path.exists():  # each question comes by here: the tables are only made by who writes
            with suppress(sqlite3.Error), closing(sqlite3.connect(self._path, timeout=10)) as connection:
                known = {row[1] for row in connection.execute("PRAGMA table_info(verified)")}
                if known and "until" not in known:
                    newest = newest.replace("until, owner", "NULL, NULL")
                rows = connection.execute(newest, (words, words)).fetchall() if known else []
        return {row[0]: Entry(row[1], row[2], row[3], row[4][:10], row[5], row[6]) for row in rows}

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A short-lived connection: whoever asks may be in any thread."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=10)
            try:
                connection.executescript(_SCHEMA)
                known = {row[1] for row in connection.execute("PRAGMA table_info(verified)")}
                for name in ("until", "owner"):
                    if name not in known:
                        connection.execute(f"ALTER TABLE verified ADD COLUMN {name} TEXT")
                with connection:
                    yield connection
            finally:
                connection.close()
        except (sqlite3.Error, OSError) as error:
            raise AssistantError(f"The file of verified queries, {self._path}, can't be used: {error}.") from None
