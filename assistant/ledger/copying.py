"""A ledger copied from one store into another, row by row, whole or not at all. Knows no table's meaning.

One of the two is a file: it says which tables there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assistant.errors import LedgerError
from assistant.ledger.migrations import may_lose_rows
from assistant.ledger.store import Run, Store, insert

BATCH = 500


def copy(source: Store, target: Store) -> int:
    """→ how many rows. Writers of both wait. Raises LedgerError when the target has rows of its own."""
    with source.transaction() as read, target.transaction() as write:
        tables = _tables(read if source.dialect == "sqlite" else write)
        for table in tables:
            if any(row.get("at") != "" for row in write(f"SELECT * FROM {table} LIMIT 2")):
                raise LedgerError(f"The ledger to copy into is not empty (its {table} are not); name an empty one.")

        def note() -> None:
            write("DELETE FROM pruned")

        # a new ledger notes that no answer is older than its chain; that note comes from the source as well
        may_lose_rows(write, target.dialect, "pruned", note)
        rows = ((table, row) for table in tables for row in _rows(read, table))
        count = 0
        for count, (table, row) in enumerate(rows, 1):  # noqa: B007
            insert(write, table, row)
        return count


def _tables(run: Run) -> list[str]:
    own = "name NOT LIKE 'sqlite%' AND name <> 'ledger_version'"
    return [row["name"] for row in run(f"SELECT name FROM sqlite_master WHERE type = 'table' AND {own} ORDER BY name")]


def _rows(run: Run, table: str) -> Iterator[dict[str, Any]]:
    """Every row, some at a time; sorted by all columns, so that no page misses what another has."""
    at, width = 0, len(next(iter(run(f"SELECT * FROM {table} LIMIT 1")), ()))
    while width:
        order = ", ".join(str(place + 1) for place in range(width))
        batch = run(f"SELECT * FROM {table} ORDER BY {order} LIMIT {BATCH} OFFSET {at}")
        yield from batch
        at += len(batch)
        width = width if len(batch) == BATCH else 0
