"""A checked statement, asked of the charges that reloads changed instead of all charges.

Row policies and masks stay where the guard put them, around the table.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlglot import exp, parse_one

from assistant.values import CheckedQuery

COSTS = "cost_and_usage"


def of_restated(checked: CheckedQuery, since: datetime, after: bool) -> CheckedQuery:
    """The statement over the charges restated after `since` (UTC): as they were, or as they are `after` it."""
    side = "is_after" if after else "NOT is_after"
    rows = (
        f"SELECT * FROM main.{COSTS} WHERE FALSE UNION ALL BY NAME SELECT * EXCLUDE (restated_at, is_after) "
        f"FROM _askcost.restated WHERE {side} AND restated_at > TIMESTAMP '{since:%Y-%m-%d %H:%M:%S.%f}'"
    )
    tree = parse_one(checked.whole, dialect="duckdb")
    for table in list(tree.find_all(exp.Table)):
        if table.name == COSTS and table.db == "main":
            inner = parse_one(f"SELECT * FROM ({rows})", dialect="duckdb")
            table.replace(exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier(table.alias or COSTS))))
    return replace(checked, executable=tree.sql("duckdb"), rollups=(), on_tables=None)
