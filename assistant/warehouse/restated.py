"""Charges that a reload with --replace changed, kept as they were and as they are, so that a changed answer can name
what moved it. Knows nothing about answers.
"""

from __future__ import annotations

import duckdb

from assistant.warehouse import index
from assistant.warehouse.contracts import COSTS

MOST = 100_000
DAYS = 400
# Everything of a charge, and: when it was restated (UTC), and whether the row is the one after or before.
TABLE = "_askcost.restated"


def keep_old(con: duckdb.DuckDBPyConnection, where: str) -> None:
    """Remembers the rows that are about to be removed."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE removed AS SELECT * FROM {COSTS} WHERE {where}")


def keep_changes(con: duckdb.DuckDBPyConnection, above: int) -> str | None:
    """Adds to `restated` what differs between the removed rows and those above that rowid; those equal are left out.

    More than `MOST` differences are too many to name: then none is kept, and a sentence says so.
    """
    names = ", ".join(map(index.quote, _filled(con, above)))
    old, new = f"SELECT {names} FROM removed", f"SELECT {names} FROM {COSTS} WHERE rowid > {above}"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE changed AS "
        f"SELECT false AS is_after, * FROM ({old} EXCEPT ALL {new}) UNION ALL "
        f"SELECT true AS is_after, * FROM ({new} EXCEPT ALL {old})"
    )
    con.execute("DROP TABLE removed")
    count = (con.execute("SELECT count(*) FROM changed").fetchone() or (0,))[0]
    if count > MOST:
        con.execute("DROP TABLE changed")
        return (
            f"{count:,} rows differ from those they replaced, which is too many to be named by `askcost audit replay`."
        )
    known = con.execute(
        "SELECT 1 FROM duckdb_tables() WHERE schema_name = '_askcost' AND table_name = 'restated'"
    ).fetchone()
    older = f"SELECT * FROM {TABLE} WHERE restated_at > $at - INTERVAL {DAYS} DAYS UNION ALL BY NAME " if known else ""
    con.execute(
        f"CREATE OR REPLACE TABLE {TABLE} AS {older}SELECT $at::TIMESTAMP AS restated_at, * FROM changed",
        {"at": index.now()},
    )
    con.execute("DROP TABLE changed")
    return None


def _filled(con: duckdb.DuckDBPyConnection, above: int) -> list[str]:
    """The columns that have a value in some row, old or new: most are empty, and to compare them takes time."""
    names = list(index.columns(con, COSTS))
    tests = ", ".join(f"count({index.quote(name)}) > 0" for name in names)
    old = con.execute(f"SELECT {tests} FROM removed").fetchone() or ()
    new = con.execute(f"SELECT {tests} FROM {COSTS} WHERE rowid > {above}").fetchone() or ()
    return [name for name, was, is_ in zip(names, old, new, strict=True) if was or is_]
