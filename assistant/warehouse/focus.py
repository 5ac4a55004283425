"""Staged FOCUS text → rows of cost_and_usage, exact and laid out for questions. Knows nothing about files."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from assistant.errors import LoadError
from assistant.warehouse import casts, columns, index, records, restated, tags
from assistant.warehouse.casts import Number
from assistant.warehouse.contracts import COSTS, focus_columns, tables
from assistant.warehouse.index import quote
from assistant.warehouse.stage import FILE, Stage

# Half a day on, a month that starts at 07:00Z, or the evening before in Asia, lies in its month.
BILLING_MONTH = "CAST(date_trunc('month', {} + INTERVAL 14 HOURS) AS DATE)"
# Together in one sort; more are sorted a month at a time, which needs neither the memory nor the disk.
MOST_SORTED = 2_000_000
NO_JSON = "This is not valid JSON."


@dataclass(frozen=True)
class Inserted:
    """What a load did to cost_and_usage: until it is committed, new rows have rowids above `above`.

    `day`: SQL of a staged row's.
    `replaces`: the SQL condition of the `old` rows that the new ones stand for.
    """

    above: int
    replaces: str | None
    old: int
    day: str
    rounded: Mapping[str, int]
    keys_left_out: int
    versions: tuple[str, ...]


def known(word: str) -> str | None:
    """The FOCUS column that a header's word means, whatever its case, spaces and underscores."""
    return _spellings().get(re.sub(r"[\s_-]", "", word).lower())


def _spellings() -> dict[str, str]:
    return {name.lower(): name for name in focus_columns()}


def create_table(
    con: duckdb.DuckDBPyConnection,
    decimal: str = "DECIMAL(18,2)",
    types: Mapping[str, str] | None = None,
    tag_keys: Mapping[str, str] | None = None,
) -> None:
    """Create an empty `cost_and_usage` with every FOCUS column when there is none.

    decimal: the type of money, prices and quantities. types: column → DuckDB type, for FOCUS columns that
    differ from that and for others, which come after.
    tag_keys: tag key → hidden column (`Tags.<key>`).
    """
    usual = {name: decimal if c.type == "DECIMAL" else c.type for name, c in focus_columns().items()}
    listed = ", ".join(f"{quote(name)} {kind}" for name, kind in {**usual, **(types or {})}.items())
    con.execute(f"CREATE TABLE IF NOT EXISTS {COSTS} ({listed})")
    tags.add_columns(con, dict(tag_keys or {}))


def insert(stage: Stage, replace: bool) -> Inserted:
    """Add the staged rows to cost_and_usage; raises LoadError for what can't be read or counted once.

    `replace`: the billing months of the providers and accounts that the new rows have are to be removed after it.
    """
    con = stage.con
    _require(stage)
    values, numbers = _values(stage)
    if "Tags" in stage.columns:
        tags.unpack(stage, "Tags")
        hidden, left_out = tags.new_columns(con)
    else:
        hidden, left_out = {}, 0
    extra = [name for name in stage.columns if name not in focus_columns()]
    wanted: dict[str, str | Number] = {**dict.fromkeys(extra, "VARCHAR"), **numbers}
    create_table(con, types={name: n.type if isinstance(n, Number) else n for name, n in wanted.items()})
    columns.widen(con, COSTS, wanted)
    tags.add_columns(con, hidden)
    replaces = _settle_overlap(stage, values, replace)
    above = (con.execute(f"SELECT coalesce(max(rowid), -1) FROM {COSTS}").fetchone() or (-1,))[0]
    types = index.columns(con, COSTS)
    # Empty columns stay out of the sort: they are NULL anyway.
    filled = _filled(con, values)
    shown = {name: f"CAST({values[name]} AS {types[name]})" for name in filled if name != "Tags"}
    source = "stage"
    if "Tags" in stage.columns:
        tags.spread(con, hidden)
        source = "stage LEFT JOIN spread ON stage.Tags = spread.__text"
        shown["Tags"] = "__tags"
        shown |= {column: quote(column) for column in hidden.values()}
    old = _count(con, replaces) if replaces else 0
    _write(con, source, shown, values)
    rounded = {name: number.finer for name, number in numbers.items() if number.finer}
    return Inserted(
        above,
        replaces and f"rowid <= {above} AND {replaces}",
        old,
        values["ChargePeriodStart"],
        rounded,
        left_out,
        tuple(sorted(set(map(version, stage.present)))),
    )


def remove_replaced(con: duckdb.DuckDBPyConnection, done: Inserted) -> tuple[int, list[str]]:
    """Take away what the new rows stand for, and keep what differs; → (rows removed, sentences about it)."""
    if done.replaces is None:
        return 0, []
    untold = restated.keep_changes(con, done.replaces, f"rowid > {done.above}")
    (removed,) = con.execute(f"DELETE FROM {COSTS} WHERE {done.replaces}").fetchone() or (0,)
    if removed != done.old:
        raise LoadError(f"{removed:,} charges would go, not {done.old:,}: a fault of askcost. Nothing was changed.")
    return done.old, [untold] if untold else []


def _write(con: duckdb.DuckDBPyConnection, source: str, shown: Mapping[str, str], values: Mapping[str, str]) -> None:
    """Insert the rows month by month, in the order that the contract's layout says: what is asked lies together."""
    month = f"date_trunc('month', {values['ChargePeriodStart']})"
    keys = [shown[name] for name in tables()[COSTS].layout if name in shown]
    order = ", ".join([month, *keys, shown["ChargePeriodStart"]])
    listed = ", ".join(f"{sql} AS {quote(name)}" for name, sql in shown.items())
    size = (con.execute("SELECT count(*) FROM stage").fetchone() or (0,))[0]
    parts = [""]
    if size > MOST_SORTED:
        months = con.execute(f"SELECT DISTINCT {month} FROM stage ORDER BY ALL").fetchall()
        parts = [f"WHERE {month} IS NOT DISTINCT FROM TIMESTAMP '{one}'" for (one,) in months]
    for part in parts:
        con.execute(f"INSERT INTO {COSTS} BY NAME SELECT {listed} FROM {source} {part} ORDER BY {order}")


def _count(con: duckdb.DuckDBPyConnection, condition: str) -> int:
    return int((con.execute(f"SELECT count(*) FROM {COSTS} WHERE {condition}").fetchone() or (0,))[0])


def version(present: tuple[str, ...]) -> str:
    """The FOCUS version that a header's columns belong to: the newest that introduced one of them."""
    newest = max((c.since for name, c in focus_columns().items() if name in present), default="1.0")
    removed = {name for name, c in focus_columns().items() if c.removed}
    return newest if removed & set(present) or newest > "1.3" else max(newest, "1.3")


def _require(stage: Stage) -> None:
    for source, present in zip(stage.sources, stage.present, strict=True):
        have = {*present, *(known(key) for key, _ in source.partition)}
        for name, column in focus_columns().items():
            if column.required and name not in have:
                raise records.missing(name, source.name, source.header)
            if column.filled_from and not {name, column.filled_from} & have:
                raise records.missing(max(name, column.filled_from), source.name, source.header)
    stage.blame_first(
        {
            name: (f"{quote(name)} IS NULL", f"{name} is empty, but a charge can't be counted without it.")
            for name, column in focus_columns().items()
            if column.required
        }
    )


def _values(stage: Stage) -> tuple[dict[str, str], dict[str, Number]]:
    """SQL of each column's value over `stage`, and how wide the decimal ones are."""
    kinds = {name: focus_columns()[name].type if name in focus_columns() else "x" for name in stage.columns}
    found = casts.numbers(stage.con, [name for name, kind in kinds.items() if kind in ("DECIMAL", "x")])
    measures = columns.decimals(stage.con, COSTS)
    values, numbers, bad = {}, {}, {}
    for name, kind in kinds.items():
        column = quote(name)
        values[name] = column
        if kind == "DECIMAL":
            number = found[name]
            if number is None or number.digits > casts.WIDE:
                bad[name] = (f"{column} IS NOT NULL AND NOT {casts.number_like(column)}", casts.WHY["number"])
            else:
                numbers[name] = (
                    dataclasses.replace(number, roomy=casts.ADDED) if focus_columns()[name].added else number
                )
        elif kind == "x" and (number := found[name]) and (number.fractional or name in measures):
            numbers[name] = number
        elif kind == "TIMESTAMP":
            values[name], unreadable = casts.time(stage.con, name)
            if unreadable:
                bad[name] = (unreadable, casts.WHY["time"])
        elif kind == "JSON":
            bad[name] = (f"{column} IS NOT NULL AND NOT json_valid({column})", NO_JSON)
    stage.blame_first(bad)
    for name, column_rules in focus_columns().items():
        other = column_rules.filled_from
        if other and other in stage.columns:
            own = [quote(name)] if name in stage.columns else []
            values[name] = f"coalesce({', '.join([*own, quote(other)])})"
    return values, numbers


def _filled(con: duckdb.DuckDBPyConnection, values: Mapping[str, str]) -> list[str]:
    """The columns that have a value in some staged row."""
    tests = ", ".join(f"count({sql}) > 0" for sql in values.values())
    row = con.execute(f"SELECT {tests} FROM stage").fetchone() or ()
    return [name for name, any_value in zip(values, row, strict=True) if any_value]


def _settle_overlap(stage: Stage, values: Mapping[str, str], replace: bool) -> str | None:
    """Refuse days that are already loaded; with `replace`, the SQL condition of their months instead."""
    con = stage.con
    provider = values["ServiceProviderName"]
    account = values.get("BillingAccountId", "NULL")
    month = BILLING_MONTH.format(values["BillingPeriodStart"])
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE slices AS SELECT DISTINCT {provider} AS provider, "
        f"{account} AS account, {month} AS month, "
        f"CAST({values['ChargePeriodStart']} AS DATE) AS day FROM stage"
    )
    loaded = (
        "SELECT DISTINCT ServiceProviderName, BillingAccountId, "
        f"{BILLING_MONTH.format('BillingPeriodStart')}, CAST(ChargePeriodStart AS DATE) FROM {COSTS}"
    )
    if replace:
        first, last = con.execute("SELECT min(month), max(month) FROM slices").fetchone() or (None, None)
        early = "- INTERVAL 14 HOURS"  # the span lets most of the table go unread
        return (
            f"BillingPeriodStart >= TIMESTAMP '{first}' {early} "
            f"AND BillingPeriodStart < TIMESTAMP '{last}' + INTERVAL 1 MONTH {early} "
            "AND (coalesce(ServiceProviderName, ''), coalesce(BillingAccountId, ''), "
            f"{BILLING_MONTH.format('BillingPeriodStart')}) IN "
            "(SELECT (coalesce(provider, ''), coalesce(account, ''), month) FROM slices)"
        )
    both = con.execute(f"(SELECT * FROM slices) INTERSECT ({loaded}) ORDER BY ALL").fetchall()
    if both:
        provider, account, month, _ = both[0]
        days = [row[3] for row in both]
        same = con.execute(
            f"SELECT min({FILE}) FROM stage WHERE {values['ServiceProviderName']} IS NOT DISTINCT FROM ? "
            f"AND CAST({values['ChargePeriodStart']} AS DATE) = ?",
            [provider, days[0]],
        ).fetchone()
        span = f"{min(days)}" if min(days) == max(days) else f"{min(days)} to {max(days)}"
        others = len({row[:3] for row in both}) - 1
        more = f" and {others} more of provider, account and month" if others else ""
        raise LoadError(
            f"Charges of {provider or 'no provider'}, billing account {account or 'none'}, billing month "
            f"{month:%Y-%m} are already loaded for days in {span}{more}; these would count them twice. "
            "To restate them use --replace: it removes those billing months of the provider and account and "
            "loads these files instead, so name every file of the month.",
            file=stage.sources[same[0]].name if same and same[0] is not None else None,
        )
    return None
