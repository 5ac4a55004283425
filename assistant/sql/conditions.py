"""Filters and thresholds → SQL conditions, and aggregates that count only what meets one.

Nulls survive an exclusion; a list is IN.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import Expr, exp, parse_one

from assistant.values import Filter, Threshold


def condition(expression: str, one: Filter) -> Expr:
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
    return exp.paren(exp.or_(exp.not_(column.isin(*values)), exp.Is(this=column.copy(), expression=exp.null())))


def compared(column: Expr, threshold: Threshold) -> Expr:
    """The threshold as a condition on a column."""
    value = exp.Literal.number(str(threshold.value))
    if threshold.op == "between":
        return exp.Between(this=column, low=value, high=exp.Literal.number(str(threshold.upper)))
    kinds = {">": exp.GT, ">=": exp.GTE, "<": exp.LT, "<=": exp.LTE, "=": exp.EQ}
    return kinds[threshold.op](this=column, expression=value)


def within(tree: Expr, only: Expr) -> Expr:
    """The same expression, every aggregate of it counting only rows that meet `only`."""

    def visit(node: Expr) -> Expr:
        if isinstance(node, exp.Filter):
            both = exp.and_(only.copy(), node.expression.this.copy())
            return exp.Filter(this=node.this.copy(), expression=exp.Where(this=both))
        if isinstance(node, exp.AggFunc):
            return exp.Filter(this=node.copy(), expression=exp.Where(this=only.copy()))
        return node

    return _replaced(tree, visit)


def _replaced(tree: Expr, visit: Callable[[Expr], Expr]) -> Expr:
    """Replaces nodes from the top, and does not look into what it has replaced."""
    found = visit(tree)
    if found is not tree:
        return found
    for key, value in list(tree.args.items()):
        if isinstance(value, Expr):
            tree.set(key, _replaced(value, visit))
        elif isinstance(value, list):
            tree.set(key, [_replaced(v, visit) if isinstance(v, Expr) else v for v in value])
    return tree
