"""A SQLite file of its own, opened for one use: whoever asks may be in any thread. Knows none of its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant.errors import AssistantError


@contextmanager
def opened(path: Path, schema: str, what: str) -> Iterator[sqlite3.Connection]:
    """A connection in one transaction, `schema` made first. Raises AssistantError saying `what` can't be used."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=10)
        try:
            connection.executescript(schema)
            with connection:
                yield connection
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        raise AssistantError(f"{what}, {path}, can't be used: {error}. Nothing was kept.") from None
