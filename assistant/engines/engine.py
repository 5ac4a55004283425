"""What every engine is: a checked statement in, rows out. Knows no database."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from assistant.semantics.catalog import Reader
from assistant.values import CheckedQuery, Rows


class Engine(Protocol):
    """Runs statements that passed the guard, within their limits. Threads may share one.

    Statements come in DuckDB's dialect, as the guard writes them; an engine that speaks another
    translates them itself (docs/engines.md). Rows have the names and types of DuckDB on every engine.
    """

    @property
    def name(self) -> str:
        """What answers are recorded with: `duckdb 2.0.0`."""
        ...

    @property
    def dialect(self) -> str:
        """What sqlglot calls the SQL that runs there."""
        ...

    def run(self, query: CheckedQuery, owner: str | None = None, query_id: str | None = None) -> Rows:
        """Raises EngineError, in plain words, when a statement fails or is stopped.

        Its `limit` is time, memory, temp, size, busy, cancel, or None for a fault of the statement itself. `owner` is
        whose statement it is, so that one person's load does not delay another's; `query_id` is the caller's
        name for it, by which `cancel` stops it from another thread.
        """
        ...

    def cancel(self, query_id: str) -> bool:
        """Stops the statement of that id, and no other; False when it does not run."""
        ...

    def version(self) -> str:
        """Changes when a load has published other data. Cheap: it is asked for before every answer."""
        ...

    def reading(self) -> AbstractContextManager[Reader]:
        """Trusted SQL of ours over one version, past every policy: for what the warehouse knows of itself."""
        ...

    def close(self) -> None: ...
