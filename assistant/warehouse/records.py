"""Staged text → rows of a contract table: typed, within range, each key once. Knows nothing about files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from rapidfuzz import fuzz, process

from assistant.errors import LoadError
from assistant.warehouse import casts, columns, contracts, index, prices
from assistant.warehouse.casts import Number
from assistant.warehouse.contracts import Column, Table
from assistant.warehouse.index import literal, quote
from assistant.warehouse.stage import Stage

TYPES = {"text": "VARCHAR", "date": "DATE", "month": "DATE", "integer": "BIGINT", "boolean": "BOOLEAN"}
ONE_BY_ONE = {"month": casts.month, "integer": casts.whole, "boolean": casts.truth}
MOST_NAMED = 5


@dataclass(frozen=True)
class Inserted:
    """What a load did to a contract table. `day`: SQL of a staged row's day, when the table has days."""

    replaced: int
    day: str | None
    oddities: tuple[str, ...]


def spelled(word: str) -> str:
    """A header's word as contracts spell it: `GPU Model` → `gpu_model`."""
    return re.sub(r"[\s-]+", "_", word.strip()).lower()


def knower(table: Table) -> Callable[[str], str | None]:
    """The function that maps a header's word to the table's column, None for extra ones."""
    return lambda word: name if (name := spelled(word)) in table.columns else None


def insert(stage: Stage, table: Table, replace: bool, only: tuple[str, str] | None = None) -> Inserted:
    """Check the staged rows against `table`'s contract and add them.

    replace: instead of all others, or with `only` (column, value) instead of those that have this value.

    Raises LoadError naming the line of a value, range, unit or key that breaks it.
    """
    con = stage.con
    _require(stage, table)
    values, wanted = _values(stage, table)
    types = {name: want.type if isinstance(want, Number) else want for name, want in wanted.items()}
    stage.blame_first(_breaches(stage, table, values))
    shown = ", ".join(f"CAST({sql} AS {types[name]}) AS {quote(name)}" for name, sql in values.items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE typed AS SELECT {shown}, rowid AS __row FROM stage")
    oddities: list[str] = []
    if table.priced:
        wanted[table.priced] = cost = _price(stage, table.priced, oddities)
        types[table.priced] = cost.type
    target = f"main.{quote(table.name)}"
    have = index.columns(con, table.name)
    replaced = 0
    if replace and have and only:
        gone = f"{quote(only[0])} = {literal(only[1])}"
        replaced = int((con.execute(f"DELETE FROM {target} WHERE {gone}").fetchone() or (0,))[0])
    elif replace and have:
        replaced = int((con.execute(f"SELECT count(*) FROM {target}").fetchone() or (0,))[0])
        con.execute(f"DROP TABLE {target}")
    _check_keys(stage, table, target if have and (only or not replace) else None)
    listed = ", ".join(f"{quote(name)} {kind}" for name, kind in types.items())
    con.execute(f"CREATE TABLE IF NOT EXISTS {target} ({listed})")
    columns.widen(con, table.name, wanted)
    order = f"{quote(table.day)}, __row" if table.day and not table.in_file_order else "__row"
    con.execute(f"INSERT INTO {target} BY NAME SELECT * EXCLUDE (__row) FROM typed ORDER BY {order}")
    if table.repeats:
        oddities += _repeated(stage, table)
    con.execute("DROP TABLE typed")
    return Inserted(replaced, values.get(table.day) if table.day else None, tuple(oddities))


def missing(column: str, file: str, header: Iterable[str]) -> LoadError:
    """The error for a required column that the header lacks, with the nearest word it has."""
    near = process.extractOne(column, list(header), scorer=fuzz.WRatio, processor=spelled)
    hint = f" The nearest header is {near[0]!r}; rename it if that is the one." if near and near[1] >= 60 else ""
    return LoadError(f"The required column {column} is missing.{hint}", file=file)


def _require(stage: Stage, table: Table) -> None:
    for source, present in zip(stage.sources, stage.present, strict=True):
        have = {*present, *(spelled(key) for key, _ in source.partition)}
        for column in table.columns.values():
            if column.name not in have:
                for word in source.header:
                    _check_unit(column, word, source.name, table)
                if column.required:
                    raise missing(column.name, source.name, source.header)
        if table.one_of and not have & set(table.one_of):
            raise LoadError(f"One of the columns {' and '.join(table.one_of)} is required.", file=source.name)


def _check_unit(column: Column, word: str, file: str, table: Table) -> None:
    """Refuse a header that is `column` in another unit, or without one: it would be dropped in silence."""
    name = spelled(word)
    if name in table.columns:
        return
    ours, theirs = column.name.split("_"), name.split("_")
    for place, unit in enumerate(ours):
        others = contracts.wrong_units().get(unit)
        if others is None or ours[:place] != theirs[:place]:
            continue
        unlike = theirs[place:][1:] == ours[place + 1 :] and theirs[place] in others if theirs[place:] else False
        if unlike or (len(ours) > 1 and column.unit and theirs[place:] == ours[place + 1 :]):
            said = "in another unit" if unlike else "without its unit"
            raise LoadError(
                f"{word!r} looks like {column.name} {said}. Convert the values to {column.unit or unit} and "
                f"name the column {column.name}.",
                file=file,
                column=word,
            )


def _values(stage: Stage, table: Table) -> tuple[dict[str, str], dict[str, str | Number]]:
    """SQL and type of every column of the table, the contract's first, then the file's others."""
    extra = [name for name in stage.columns if name not in table.columns]
    measured = [c.name for c in table.columns.values() if c.type == "number" and c.name in stage.columns]
    found = casts.numbers(stage.con, [*measured, *extra])
    measures = columns.decimals(stage.con, table.name)
    values: dict[str, str] = {}
    types: dict[str, str | Number] = {}
    bad: dict[str, tuple[str, str]] = {}
    for column in table.columns.values():
        name, c = column.name, quote(column.name)
        types[name] = TYPES.get(column.type, "VARCHAR")
        values[name], unreadable, why = c, None, ""
        if name not in stage.columns:
            values[name] = "NULL"
            types[name] = Number() if column.type == "number" else types[name]
        elif column.type == "date":
            (values[name], unreadable), why = casts.day(stage.con, name), casts.WHY["date"]
        elif column.type in ONE_BY_ONE:
            (values[name], unreadable), why = ONE_BY_ONE[column.type](name), casts.WHY[column.type]
        elif column.type == "number":
            number = found[name]
            types[name] = number or Number()
            if number is None or number.digits > casts.WIDE:
                unreadable, why = f"{c} IS NOT NULL AND NOT {casts.number_like(c)}", casts.WHY["number"]
        elif column.values:
            values[name] = f"lower(trim({c}))"
            unreadable = f"{values[name]} NOT IN ({', '.join(map(literal, column.values))})"
            why = f"{name} is one of: {', '.join(column.values)}."
        elif column.pattern:
            unreadable = f"NOT regexp_full_match({c}, {literal(column.pattern)})"
            why = f"{name} is written like {column.example}."
        elif column.type == "json":
            unreadable, why = f"NOT json_valid({c})", "This is not valid JSON."
        if unreadable:
            bad[name] = (unreadable, why)
    for name in extra:
        number = found[name]
        values[name] = quote(name)
        types[name] = number if number and (number.fractional or name in measures) else "VARCHAR"
    stage.blame_first(bad)
    return values, types


def _breaches(stage: Stage, table: Table, values: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Column → (predicate over `stage`, message) of each rule that a value can break."""
    rules: dict[str, tuple[str, str]] = {}
    for column in table.columns.values():
        for other, value in column.weights_when.items():
            _check_weights(stage, column.name, f"{values[other]} = {literal(value)}")
    present = [column for column in table.columns.values() if column.name in stage.columns]
    for column in present:
        c, tests = f"TRY_CAST({quote(column.name)} AS DECIMAL(38,18))", []
        unit = f" ({column.unit})" if column.unit else ""
        limits = []
        if column.min is not None:
            tests.append(f"{c} < {column.min}")
            limits.append(f"at least {column.min:g}")
        if column.above is not None:
            tests.append(f"{c} <= {column.above}")
            limits.append(f"above {column.above:g}")
        if column.max is not None:
            tests.append(f"{c} > {column.max}")
            limits.append(f"at most {column.max:g}")
        message = f"{column.name}{unit} must be {' and '.join(limits)}; is it in another unit?"
        if column.within and column.within in stage.columns:
            tests.append(f"{c} > TRY_CAST({quote(column.within)} AS DECIMAL(38,18))")
            message = f"{column.name} is a part of {column.within}{unit}: it can't be below 0 or above that."
        if column.required and not column.may_be_empty:
            stage.blame_first({column.name: (f"{quote(column.name)} IS NULL", f"{column.name} is empty.")})
        if tests:
            rules[column.name] = (" OR ".join(tests), message)
    if table.one_of:
        given = [quote(name) for name in table.one_of if name in stage.columns]
        rules[" or ".join(table.one_of)] = (
            f"coalesce({', '.join(given)}) IS NULL",
            f"One of {' and '.join(table.one_of)} must have a value.",
        )
    return rules


def _check_weights(stage: Stage, column: str, where: str) -> None:
    shown = quote(column) if column in stage.columns else "NULL"
    rows = stage.con.execute(f"SELECT rowid, {shown} FROM stage WHERE {where} ORDER BY rowid").fetchall()
    for row, text in rows:
        try:
            weights = json.loads(text or "null", parse_float=Decimal, parse_int=Decimal)
            total = sum(weights.values(), Decimal(0))
            fair = abs(total - 1) <= Decimal("0.000001") and all(weight >= 0 for weight in weights.values())
        except (AttributeError, TypeError, InvalidOperation):
            stage.blame(row, 'Fixed weights are written as {"A": 0.6, "B": 0.4}.', column, text)
        if not fair:
            stage.blame(row, f"Fixed weights must add up to 1; these add up to {total}.", column, text)


def _price(stage: Stage, column: str, oddities: list[str]) -> Number:
    """Price what has no cost; → how wide the column is. What was priced, or couldn't be, joins `oddities`."""
    con, c = stage.con, quote(column)
    con.execute(f"ALTER TABLE typed ALTER COLUMN {c} TYPE DECIMAL(38,18)")
    unpriced, models = prices.price(con)
    con.execute(f"ALTER TABLE typed ALTER COLUMN {c} TYPE VARCHAR")
    number = casts.numbers(con, [column], "typed")[column] or Number()
    con.execute(f"ALTER TABLE typed ALTER COLUMN {c} TYPE {number.type}")
    counted = con.execute("SELECT count(*) FROM typed WHERE cost_basis = 'priced'").fetchone() or (0,)
    if counted[0]:
        oddities.append(f"{counted[0]:,} rows had no {column} and were priced from the catalogue at their usage date.")
    if unpriced:
        more = f" and {len(models) - MOST_NAMED} more" if len(models) > MOST_NAMED else ""
        oddities.append(
            f"{unpriced:,} rows have no {column} and no known price: {', '.join(models[:MOST_NAMED])}{more}."
        )
    return number


def _check_keys(stage: Stage, table: Table, target: str | None) -> None:
    """Refuse a key that occurs twice, in these files or already in `target`."""
    con = stage.con
    if not table.key:
        return
    alike = "ALL" if table.repeats else ", ".join(map(quote, table.key))
    shown = "* EXCLUDE (__row)" if table.repeats else alike
    twice = con.execute(
        f"SELECT min(second) FROM (SELECT list_sort(list(__row))[2] AS second, {shown} FROM typed "
        f"GROUP BY {alike} HAVING count(*) > 1)"
    ).fetchone()
    row, said = (twice or (None,))[0], "equals an earlier row" if table.repeats else "is there twice"
    if row is None and target:
        same = " AND ".join(f"t.{quote(name)} IS NOT DISTINCT FROM o.{quote(name)}" for name in table.key)
        found = con.execute(
            f"SELECT min(__row) FROM typed AS t WHERE EXISTS (FROM {target} AS o WHERE {same})"
        ).fetchone()
        row, said = (found or (None,))[0], "is already loaded; --replace loads the whole table anew"
    if row is not None:
        values = con.execute(f"SELECT {', '.join(map(quote, table.key))} FROM typed WHERE __row = ?", [row]).fetchone()
        key = ", ".join(
            f"{name} {value}" for name, value in zip(table.key, values or (), strict=True) if value is not None
        )
        stage.blame(row, f"Duplicate key: the row of {key} {said}.")


def _repeated(stage: Stage, table: Table) -> list[str]:
    alike = ", ".join(map(quote, table.key))
    row = stage.con.execute(
        f"SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM typed GROUP BY {alike} HAVING n > 1)"
    ).fetchone()
    count = int(row[0]) if row else 0
    return [f"{count:,} rows share their {', '.join(table.key)}; their figures are added."] if count else []
