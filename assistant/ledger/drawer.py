"""The drawer: estimates as they were saved and months as they were closed. Append-only SQLite beside the ledger.

Knows nothing of what is in them: JSON goes in and comes out.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from assistant.errors import AssistantError

Kind = Literal["estimate", "closed month"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS papers (
  kind TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, at TEXT NOT NULL, user TEXT, content TEXT NOT NULL,
  PRIMARY KEY (kind, name, version));
CREATE TRIGGER IF NOT EXISTS papers_no_update BEFORE UPDATE ON papers
  BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS papers_no_delete BEFORE DELETE ON papers
  BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""


@dataclass(frozen=True)
class Paper:
    """One version of something kept; versions of a name count from 1. at: UTC."""

    name: str
    version: int
    at: datetime
    user: str | None
    content: Mapping[str, Any]


class Drawer:
    """One file, safe for several processes. Unlike the audit, what can't be kept is an error."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
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
            raise AssistantError(f"{self._path} can't be read or written: {error}. Nothing was kept.") from None

    def keep(self, kind: Kind, name: str, content: Mapping[str, Any], user: str | None = None) -> Paper:
        """Appends the next version of a name. `content` is written as JSON."""
        text = json.dumps(content, ensure_ascii=False, default=str)
        at = datetime.now(UTC)
        with self._open() as connection:
            (version,) = connection.execute(
                "INSERT INTO papers SELECT ?, ?, 1 + COALESCE(MAX(version), 0), ?, ?, ? FROM papers "
                "WHERE kind = ? AND name = ? RETURNING version",
                (kind, name, at.isoformat(timespec="seconds"), user, text, kind, name),
            ).fetchone()
        return Paper(name, version, at, user, json.loads(text))

    def newest(self, kind: Kind, name: str) -> Paper | None:
        return next(iter(self.versions(kind, name)[-1:]), None)

    def versions(self, kind: Kind, name: str | None = None) -> list[Paper]:
        """Every version, oldest first; of one name or of all."""
        if not self._path.exists():
            return []
        with self._open() as connection:
            rows = connection.execute(
                "SELECT name, version, at, user, content FROM papers WHERE kind = ? AND (? IS NULL OR name = ?) "
                "ORDER BY name, version",
                (kind, name, name),
            ).fetchall()
        return [Paper(n, v, datetime.fromisoformat(at), user, json.loads(text)) for n, v, at, user, text in rows]
