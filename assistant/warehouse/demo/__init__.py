"""The demo company: every table of the contract, generated inside DuckDB. Knows no name of the company.

What the company is called, buys and gets wrong stands in schemas/demo.yaml; docs/demo.md tells its stories.
All chance is `hash(seed, …)`, so one seed, end and size give the same rows whatever the threads.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
from ulid import ULID

from assistant.errors import LoadError
from assistant.warehouse import contracts, index, publish
from assistant.warehouse.demo import charges, gpus, mapping, tokens
from assistant.warehouse.demo.company import Company, read

Progress = Callable[[str, float], None]


def build(
    warehouse: Path,
    rows: int = 500_000,
    end: date | None = None,
    seed: int = 7,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Replace `warehouse` by the demo company's and return the rows of each table.

    `rows`: charges to write at least; the smallest company already has about 200,000.
    `end`: the last day with data, default yesterday (UTC); data starts 24 whole months before its month.
    `progress` is called with what is being written and the share done, 0 to 1.
    """
    if rows < 1:
        raise LoadError(f"A demo company needs at least one charge, not {rows}; give --rows 1 or more.")
    end = end or datetime.now(UTC).date() - timedelta(days=1)
    tell = progress or (lambda what, share: None)
    with publish.writing(warehouse, fresh=True) as con:
        company = read(con, end, seed)
        tell("token_usage", 0.0)
        tokens.write(con, company)
        gpus.write(con, company)
        charges.write(con, company, rows, lambda share: tell("cost_and_usage", 0.05 + 0.75 * share))
        tell("the other tables", 0.8)
        mapping.write(con, company)
        counts = _register(con, company, seed)
        tell("the index", 0.85)
    tell("done", 1.0)
    return counts


def _register(con: duckdb.DuckDBPyConnection, company: Company, seed: int) -> dict[str, int]:
    """Enter each table into the history of loads, as a load of files would; rows by table."""
    con.execute(index.TABLES)
    counts = {}
    for name, table in contracts.tables().items():
        days = f"min({table.day})::DATE, max({table.day})::DATE" if table.day else "NULL, NULL"
        found = con.execute(f"SELECT count(*), {days} FROM main.{index.quote(name)}").fetchone() or (0,)
        counts[name] = int(found[0])
        con.execute(
            "INSERT INTO _askcost.loads VALUES (?, ?, ?, ?, NULL, ?, ?, ?, NULL)",
            [str(ULID()), index.now(), name, f"demo, seed {seed}, end {company.end}", *found],
        )
    return counts
