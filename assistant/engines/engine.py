"""What every engine is: a checked statement in, rows out. Knows no database."""

from __future__ import annotations

from typing import Protocol

from assistant.values import CheckedQuery, Rows


class Engine(Protocol):
    """Runs statements that passed the guard, within their limits. Threads may share one.

    `run` raises EngineError, in plain words, when a statement fails or is stopped; its `limit` is
    time, memory, temp, size, busy, cancel, or None for a fault of the statement itself. `owner` is
    whose statement it is, so that one person's load does not delay another's; `query_id` is the
    caller's name for it, by which `cancel` stops it from another thread.
    """

    dialect: str

    def run(self, query: CheckedQuery, owner: str | None = None, query_id: str | None = None) -> Rows: ...

    def cancel(self, query_id: str) -> bool: ...

    def close(self) -> None: ...
