"""A checked statement of DuckDB's → the same for another engine. Decides nothing about who may see what.

The guard has checked the tree and put every policy into it before; here nothing is added to what it reads. What came
out is read again: it may hold known tables and functions only.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

from sqlglot import ErrorLevel, Expr, exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from assistant.errors import Refused
from assistant.sql import equivalents

DIALECTS = ("spark", "databricks", "trino", "snowflake", "bigquery")
Schema = Mapping[str, Mapping[str, str]]
# What rules write that sqlglot has no class for.
WRITTEN = {
    "make_interval",
    "raise_error",
    "bround",
    "sequence",
    "make_date",
    "percentile",
    "percentile_disc",
    "weekday",
}


class Translated(NamedTuple):
    """tables: `schema.table` of each that it reads; the other engine knows it as `table`, or `schema_table`."""

    sql: str
    tables: tuple[str, ...]


def translate(executable: str, schema: Schema, dialect: str = "spark") -> Translated:
    """The statement with the same result. schema: `schema.table` → column → DuckDB type.

    Raises Refused, naming it, for what can't be said there with the same result.
    """
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it logs each form that it doesn't know
    try:
        tree = _ordered(_typed(_exact(_in(parse_one(executable, dialect="duckdb"))), schema))
        equivalents.check(tree)
        tables = _named(tree, schema)
        tree = _listed(_replaced(_filtered_first(tree), dialect))
        text = _written(tree, dialect)
    except (SqlglotError, RecursionError, AssertionError, ValueError, TypeError, AttributeError, KeyError):
        raise Refused(f"This can't be said in the SQL of {dialect}; write it in a simpler form.") from None
    return Translated(text, tables)


def _in(tree: Expr) -> Expr:
    """`x IN (SELECT …)`, which DuckDB writes as `x = ANY(SELECT …)`."""
    for one in list(tree.find_all(exp.EQ)):
        if isinstance(one.expression, exp.Any):
            query = one.expression.this
            found = query if isinstance(query, exp.Subquery) else exp.Subquery(this=query)
            one.replace(exp.In(this=one.this, query=found))
    return tree


def _exact(tree: Expr) -> Expr:
    """2.5 is a DECIMAL to DuckDB, and is a DOUBLE to sqlglot."""
    for one in list(tree.find_all(exp.Literal)):
        whole, dot, part = one.name.partition(".")
        if one.is_number and dot and part.isdigit() and len(whole + part) <= 38:
            kind = exp.DataType.build(f"DECIMAL({len(whole + part)}, {len(part)})")
            found = exp.Cast(this=one.copy(), to=kind)
            one.replace(found)
    return tree


def _typed(tree: Expr, schema: Schema) -> Expr:
    """With every column's table, every star unfolded, every expression's type."""
    read = {table.name.lower() for table in tree.find_all(exp.Table)}
    nested = MappingSchema(dialect="duckdb")
    for name, columns in schema.items():
        if name.partition(".")[2].lower() in read:
            nested.add_table(name, dict(columns), dialect="duckdb")
    # First what is a column, then what is left is an alias: DuckDB prefers columns.
    for aliases in (False, True):
        tree = qualify(tree, dialect="duckdb", schema=nested, expand_alias_refs=aliases, validate_qualify_columns=False)
    return annotate_types(tree, schema=nested, dialect="duckdb")


def _ordered(tree: Expr) -> Expr:
    """ORDER BY ALL, which DuckDB writes as COLUMNS(*), by the places of the columns."""
    for order in tree.find_all(exp.Order):
        every = order.expressions[0]
        if isinstance(every.this, exp.Columns) and isinstance(every.this.this, exp.Star):
            places = range(1, len(order.parent.selects) + 1) if isinstance(order.parent, exp.Query) else ()
            order.set("expressions", [_place(number, every) for number in places])
    return tree


def _filtered_first(tree: Expr) -> Expr:
    """QUALIFY in a query of its own, below ORDER BY and LIMIT: sqlglot would cut the rows before it filters them."""
    for select in [one for one in tree.find_all(exp.Select) if one.args.get("qualify")]:
        names = select.named_selects
        if select.args.get("distinct") or len({*names}) < len(names):
            raise Refused("QUALIFY with DISTINCT, or with two columns of one name, can't be said on this engine.")
        inner = select.copy()
        outer = exp.select(*[exp.column(name, "filtered", quoted=True) for name in names])
        for part in ("with_", "order", "limit", "offset"):
            if found := inner.args.get(part):
                inner.set(part, None)
                outer.set(part, found)
        for number, key in enumerate(outer.args["order"].expressions if outer.args.get("order") else ()):
            of_tables = {bool(column.table) for column in key.this.find_all(exp.Column)}
            if of_tables == {True}:
                inner.select(exp.alias_(key.this.copy(), f"by_{number}", quoted=True), copy=False)
                key.set("this", exp.column(f"by_{number}", "filtered", quoted=True))
            elif len(of_tables) == 2:
                raise Refused("QUALIFY with this ORDER BY can't be said on this engine; give its expression a name.")
        outer.from_(inner.subquery("filtered", copy=False), copy=False)
        if select is tree:
            tree = outer
        else:
            select.replace(outer)
    return tree


def _place(number: int, like: Expr) -> exp.Ordered:
    first = like.args.get("nulls_first")
    return exp.Ordered(this=exp.Literal.number(number), desc=like.args.get("desc"), nulls_first=bool(first))


def _named(tree: Expr, schema: Schema) -> tuple[str, ...]:
    """Tables by the names that they have on the engine. Raises Refused for any that is not published."""
    known = {name.lower(): name for name in schema}
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    found: dict[str, None] = {}
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            raise Refused("A function that makes rows can't be said with the same result on this engine.")
        name = f"{table.db}.{table.name}".lower()
        if not table.db and table.name.lower() in ctes:
            continue
        if table.catalog or name not in known:
            raise Refused(f"There is no table {table.name} among those that are published.")
        found[known[name]] = None
        shown = table.name if table.db == "main" else f"{table.db}_{table.name}"
        table.set("this", exp.to_identifier(shown, quoted=True))
        table.set("db", None)
    return tuple(found)


def _replaced(tree: Expr, dialect: str) -> Expr:
    """Inner forms first, so that no rule meets what another has written."""
    for node in reversed(list(tree.walk())):
        new = equivalents.equivalent(node, dialect)
        if new is not node:
            new.type = node.type
            if node is tree:
                tree = new
            else:
                node.replace(new)
    return tree


def _listed(tree: Expr) -> Expr:
    """SELECT unnest(list) → a join with the list's items: few engines make rows within a SELECT's list."""
    for number, select in enumerate(list(tree.find_all(exp.Select))):
        made = [node for item in select.expressions for node in item.find_all(exp.Explode)]
        if len(made) > 1:
            raise Refused("Two unnest() in one SELECT can't be said with the same result on this engine.")
        for node in made:
            item = exp.column("item", f"unnested_{number}", quoted=True)
            item.type = node.type
            node.replace(item)
            alias = exp.TableAlias(
                this=exp.to_identifier(f"unnested_{number}", quoted=True),
                columns=[exp.to_identifier("item", quoted=True)],
            )
            select.append("joins", exp.Join(this=exp.Unnest(expressions=[node.this.copy()], alias=alias), kind="CROSS"))
    return tree


def _written(tree: Expr, dialect: str) -> str:
    text = tree.sql(dialect, comments=False, unsupported_level=ErrorLevel.RAISE)
    if dialect in equivalents.SPARKS and "${" in text:
        # Spark would put settings and secrets of its own there, before it reads the statement.
        if any("${" in one.name for one in tree.find_all(exp.Identifier)):
            raise Refused("A name with ${ in it can't be read on this engine.")
        text = text.replace("${", "$\\{")
    again = parse_one(text, dialect=dialect)
    for node in again.find_all(exp.Anonymous):
        if node.name.lower() not in WRITTEN:
            raise Refused(f"{node.name}() can't be said with the same result on this engine.")
    return text
