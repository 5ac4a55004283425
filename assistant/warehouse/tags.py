"""Tags in whatever form an export has them → MAP(VARCHAR, VARCHAR) and one hidden column a key."""

from __future__ import annotations

import duckdb

from assistant.warehouse import contracts
from assistant.warehouse.index import TAG, literal, quote, tag_columns
from assistant.warehouse.stage import Stage

MOST_KEYS = 200  # each is a column; the rest stay in the map
NO_TAGS = (
    'These tags are not JSON. Write them as {"key": "value"}, or as a list of {"key": …, "value": …}, each key once.'
)
KEY, VALUE = (
    "coalesce(" + ", ".join(f"e ->> '$.{word}'" for word in words) + ")"
    for words in (("key", "Key", "name", "Name", "k"), ("value", "Value", "v"))
)


def unpack(stage: Stage, column: str) -> None:
    """Make the temp table `tagset`: each distinct text of a staged column, and its map.

    Tags repeat on row after row, so the distinct texts are few. An empty value is no value.
    Raises LoadError naming the line of a text that isn't tags.
    """
    c = quote(column)
    # Azure's cost exports leave out the braces.
    text = f"CASE WHEN starts_with({c}, '\"') THEN '{{' || {c} || '}}' ELSE {c} END"
    stage.con.execute(
        f"CREATE OR REPLACE TEMP TABLE tagset AS SELECT {c} AS text, CASE WHEN json_valid({text}) "
        f"THEN CAST({text} AS JSON) END AS tags FROM (SELECT DISTINCT {c} FROM stage WHERE {c} IS NOT NULL)"
    )
    items = f"list_transform(CAST(tags AS JSON[]), lambda e: {{'k': {KEY}, 'v': {VALUE}}})"
    good = f"""CASE json_type(tags)
        WHEN 'OBJECT' THEN len(json_keys(tags)) = len(list_distinct(json_keys(tags)))
        WHEN 'ARRAY' THEN len(list_filter({items}, lambda e: e.k IS NOT NULL)) = json_array_length(tags)
            AND len(list_distinct(list_transform({items}, lambda e: e.k))) = json_array_length(tags)
        ELSE false END"""
    if stage.con.execute(f"SELECT text FROM tagset WHERE {good} IS NOT TRUE LIMIT 1").fetchone():
        stage.blame_first({column: (f"{c} IN (SELECT text FROM tagset WHERE {good} IS NOT TRUE)", NO_TAGS)})
    entries = f"""CASE json_type(tags) WHEN 'ARRAY' THEN {items}
        ELSE list_transform(map_entries(CAST(tags AS MAP(VARCHAR, VARCHAR))),
            lambda e: {{'k': e.key, 'v': e.value}}) END"""
    stage.con.execute(
        f"CREATE OR REPLACE TEMP TABLE tagset AS SELECT text, "
        f"map_from_entries(list_filter({entries}, lambda e: e.v <> '')) AS tags FROM tagset"
    )


def new_columns(con: duckdb.DuckDBPyConnection) -> tuple[dict[str, str], int]:
    """(tag key → hidden column for the keys of `tagset`, how many keys found no room).

    DuckDB's names ignore case, so a key that differs from another only in case gets a number.
    """
    known = {key: column for column, key in tag_columns(con).items()}
    taken = {column.lower() for column in known.values()}
    keys = con.execute(
        "SELECT key FROM (SELECT unnest(map_keys(tags)) AS key FROM tagset) GROUP BY key ORDER BY count(*) DESC, key"
    ).fetchall()
    columns, left_out = {}, 0
    for (key,) in keys:
        if key in known:
            columns[key] = known[key]
            continue
        if len(taken) >= MOST_KEYS:
            left_out += 1
            continue
        name, number = TAG + key, 1
        while name.lower() in taken:
            number += 1
            name = f"{TAG}{key} ({number})"
        taken.add(name.lower())
        columns[key] = name
    return columns, left_out


def spread(con: duckdb.DuckDBPyConnection, columns: dict[str, str]) -> None:
    """Give `tagset` the value of each key as a column, read once a text here and not once a charge; → `spread`."""
    shown = "".join(f", tags[{literal(key)}] AS {quote(column)}" for key, column in columns.items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE spread AS SELECT text AS __text, tags AS __tags{shown} FROM tagset")


def add_columns(con: duckdb.DuckDBPyConnection, columns: dict[str, str]) -> None:
    """Give cost_and_usage the hidden columns it lacks; a comment keeps the key of a numbered one."""
    have = tag_columns(con)
    for key, column in columns.items():
        if column not in have:
            con.execute(f"ALTER TABLE {contracts.COSTS} ADD COLUMN {quote(column)} VARCHAR")
            if column != TAG + key:
                con.execute(f"COMMENT ON COLUMN {contracts.COSTS}.{quote(column)} IS {literal(key)}")
