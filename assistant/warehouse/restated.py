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


def keep_changes(con: duckdb.DuckDBPyConnection, old: str, new: str) -> str | None:
    """Adds to `restated` what differs between the charges of these two conditions; those equal are left out.

    More than `MOST` differences are too many to name: then none is kept, and a sentence says so.
    """
    if not con.execute(f"SELECT 1 FROM {COSTS} WHERE {old} LIMIT 1").fetchone():
        return None
    filled = [index.quote(name) for name in _filled(con, old, new)]
    names, mark = ", ".join(filled), f"hash({', '.join(filled)})"
    con.execute(  # most charges come again as they were: only those whose marks differ are compared
        f"CREATE OR REPLACE TEMP TABLE marks AS SELECT mark, sum(side) AS more FROM (SELECT {mark} AS mark, "
        f"CASE WHEN {old} THEN -1 ELSE 1 END AS side FROM {COSTS} WHERE ({old}) OR ({new})) GROUP BY 1 HAVING more <> 0"
    )
    count = (con.execute("SELECT coalesce(sum(abs(more)), 0) FROM marks").fetchone() or (0,))[0]
    if count > MOST:
        con.execute("DROP TABLE marks")
        return (
            f"{count:,} rows differ from those they replaced, which is too many to be named by `askcost audit replay`."
        )
    was, is_ = (
        f"SELECT {names} FROM {COSTS} WHERE {condition} AND {mark} IN (SELECT mark FROM marks)"
        for condition in (old, new)
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE changed AS "
        f"SELECT false AS is_after, * FROM ({was} EXCEPT ALL {is_}) UNION ALL "
        f"SELECT true AS is_after, * FROM ({is_} EXCEPT ALL {was})"
    )
    con.execute("DROP TABLE marks")
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


def _filled(con: duckdb.DuckDBPyConnection, old: str, new: str) -> list[str]:
    """The columns that have a value in some row, old or new: most are empty, and to compare them takes time."""
    names = list(index.columns(con, COSTS))
    tests = ", ".join(f"count({index.quote(name)}) > 0" for name in names)
    row = con.execute(f"SELECT {tests} FROM {COSTS} WHERE ({old}) OR ({new})").fetchone() or ()
    return [name for name, filled in zip(names, row, strict=True) if filled]
