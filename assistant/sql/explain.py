"""What a checked statement means: how each output column is made, from what; and the same in other dialects.

Reads with sqlglot, which knows lineage and dialects; nothing here decides what may run.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import sqlglot
from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify

from assistant.errors import Refused
from assistant.sql.guard import binding
from assistant.values import Access, CheckedQuery

DIALECTS = ("spark", "snowflake", "bigquery", "trino")


class Definition(NamedTuple):
    """One output column: how it is made, and from which `table.column`s."""

    column: str
    definition: str
    sources: tuple[str, ...]


def explain(checked: CheckedQuery, access: Access) -> list[Definition]:
    """Output columns in order; about 20 ms each. Empty when sqlglot can't follow the statement.

    Lineage leaves out what only filters and groups; CheckedQuery.columns has everything that is read.
    """
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it logs each form that it doesn't know
    schema: dict[str, object] = {
        table.name: {column.name: column.type for column in table.columns} for table in access.tables.values()
    }
    try:
        tree = qualify(
            sqlglot.parse_one(checked.sql, dialect="duckdb"),
            dialect="duckdb",
            schema=schema,
            quote_identifiers=False,
            validate_qualify_columns=False,
        )
        if not isinstance(tree, exp.Query):
            return []
        outputs = [column.name for column in binding.outputs(checked.whole, access)]
        roots = [lineage(name, tree.copy(), schema=schema, dialect="duckdb") for name in tree.named_selects]
    except Exception:  # sqlglot raises anything, assertions included, on forms that it doesn't know
        return []
    if len(roots) != len(outputs):
        return []
    spelled = {column.name.lower(): column.name for table in access.tables.values() for column in table.columns}
    return [
        Definition(output, _text(root, spelled), _sources(root, spelled))
        for output, root in zip(outputs, roots, strict=True)
    ]


def _sources(root: Node, spelled: dict[str, str]) -> tuple[str, ...]:
    sources: set[str] = set()
    for node in root.walk():
        if isinstance(node.expression, exp.Table):
            column = node.name.rsplit(".", 1)[-1].strip('"')
            sources.add(f"{node.expression.name}.{spelled.get(column.lower(), column)}")
    return tuple(sorted(sources))


def _text(node: Node, spelled: dict[str, str]) -> str:
    """The first expression that is more than another query's column passed through."""
    expression = node.expression
    while isinstance(expression, exp.Alias):
        expression = expression.this
    if isinstance(expression, exp.Column) and len(node.downstream) == 1:
        below = node.downstream[0]
        if not isinstance(below.expression, exp.Table):
            return _text(below, spelled)
    plain = expression.copy()
    for column in plain.find_all(exp.Column):
        column.set("table", None)
        column.this.set("this", spelled.get(column.name.lower(), column.name))
    return plain.sql("duckdb")


def format(sql: str) -> str:
    """The statement, or several, laid out over lines; as it stands when sqlglot can't read it."""
    try:
        return ";\n\n".join(sqlglot.transpile(sql, read="duckdb", write="duckdb", pretty=True))
    except (SqlglotError, RecursionError):
        return sql


def transpile(sql: str, to: str) -> str:
    """The statement in another dialect (one of DIALECTS); Refused when it has no equal there."""
    if to not in DIALECTS:
        raise Refused(f"SQL can be written for {', '.join(DIALECTS)}, not for {to}.")
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        # DuckDB's own PIVOT statement has no equal, but is written out all the same.
        if not isinstance(tree, exp.Query) or any(pivot.args.get("using") for pivot in tree.find_all(exp.Pivot)):
            raise Refused(f"{sql.split(None, 1)[0].upper()} in DuckDB's form has no equal in {to}.")
        return tree.sql(to, pretty=True, unsupported_level=ErrorLevel.RAISE)
    except (SqlglotError, RecursionError) as error:
        raise Refused(f"This statement can't be written for {to}: {str(error).splitlines()[0]}") from None
