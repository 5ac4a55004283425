"""One Filter → one SQL condition. Nulls survive an exclusion; a list is IN."""

from __future__ import annotations

from sqlglot import exp, parse_one

from assistant.values import Filter


def condition(expression: str, one: Filter) -> exp.Expression:
    """The condition on a dimension's expression."""
    column = parse_one(expression, dialect="duckdb")
    if one.op == "empty":
        return exp.Is(this=column, expression=exp.null())
    if one.op == "filled":
        return exp.not_(exp.Is(this=column, expression=exp.null()))
    values = [exp.Literal.string(v) for v in one.values]
    if one.op == "in":
        return exp.EQ(this=column, expression=values[0]) if len(values) == 1 else column.isin(*values)
    if len(values) == 1:
        return exp.NullSafeNEQ(this=column, expression=values[0])
    return exp.paren(
        exp.or_(exp.not_(column.isin(*values)), exp.Is(this=column.copy(), expression=exp.null()))
    )
