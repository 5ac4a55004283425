"""Numerators and denominators of a ratio in two periods, by hierarchy and owner; and of a count, what there was.

What a ratio is made of is read from its metric's own expression, so that a new one in schemas/model/ needs nothing
else. Formulas: finops/ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlglot import Expr, exp, parse_one

from assistant.analysis.items import Basis, decimal, text
from assistant.errors import Refused
from assistant.finops.ratio import Portion
from assistant.semantics.model import Metric
from assistant.values import Period

SEVERAL = "several"


@dataclass(frozen=True)
class Form:
    """scale × numerator ÷ denominator, both SQL of sums that add up over groups."""

    numerator: Expr
    denominator: Expr
    scale: Decimal


def form(metric: Metric) -> Form:
    """Raises Refused for a metric that is no quotient of sums."""
    tree = _bare(parse_one(metric.expression, dialect="duckdb"))
    if isinstance(tree, exp.Div):
        above, below, scale = _bare(tree.this), _bare(tree.expression), Decimal(1)
        below = _bare(below.this) if isinstance(below, exp.Nullif) else below
        if isinstance(above, exp.Mul) and isinstance(above.this, exp.Literal):
            scale, above = Decimal(above.this.this), _bare(above.expression)
        if _adds_up(above) and _adds_up(below):
            return Form(above, below, scale)
    name = f"{metric.label[:1].upper()}{metric.label[1:]}"
    raise Refused(
        f"{name} is neither a sum nor one sum divided by another, so its change has no causes that add up; "
        "ask why the amounts behind it changed."
    )


def _bare(tree: Expr) -> Expr:
    while isinstance(tree, exp.Paren | exp.Cast):
        tree = tree.this
    return tree


def _adds_up(tree: Expr) -> bool:
    """Whether the expression of a whole is the sum of those of its groups."""
    tree = _bare(tree)
    if isinstance(tree, exp.Add | exp.Sub):
        return _adds_up(tree.this) and _adds_up(tree.expression)
    if isinstance(tree, exp.Filter):
        tree = tree.this
    return isinstance(tree, exp.Sum) or (isinstance(tree, exp.Count) and isinstance(tree.this, exp.Star))


def same(one: Expr, metric: Metric) -> bool:
    """Whether a metric is this expression, so that its name may be said."""
    return _bare(parse_one(metric.expression, dialect="duckdb")) == one


def portions(basis: Basis, of: Form, before: Period, after: Period) -> dict[str | None, list[Portion]]:
    """Groups by currency (in one currency under that of the plan), as fine as the basis' grain."""
    sides = [
        f"{basis.only(_known(tree), period)} AS side_{place}"
        for place, (period, tree) in enumerate((p, t) for p in (before, after) for t in (of.numerator, of.denominator))
    ]
    rows = basis.grouped(lambda: basis.select(basis.source, [*_groups(basis), *sides], before, after))
    found: dict[str | None, list[Portion]] = {}
    for currency, owner, *key, n0, d0, n1, d1 in rows:
        first, last = (decimal(n0 or 0), decimal(d0 or 0)), (decimal(n1 or 0), decimal(d1 or 0))
        if any((*first, *last)):
            one = Portion(tuple(map(text, key)), text(owner), first, last)
            found.setdefault(basis.plan.currency or currency, []).append(one)
    return found


def counted(basis: Basis, before: Period, after: Period) -> dict[str | None, list[Portion]]:
    """How many different values there were in each place; one that is in several places is in none of them."""
    counts = basis.model.dimension(basis.plan.dataset, str(basis.metric.distinct)).expression
    places = [
        basis.grain.owner.expression if basis.grain.owner else "NULL",
        *(d.expression for d in basis.grain.levels),
    ]
    one = [f"CASE WHEN COUNT(DISTINCT {sql}) > 1 THEN '{SEVERAL}' ELSE MIN({sql}) END AS place_{n}"
           for n, sql in enumerate(places)]  # fmt: skip
    there = [f"{basis.only('COUNT(*)', period)} > 0 AS there_{n}" for n, period in enumerate((before, after))]
    inner = basis.select(basis.source, [f"{counts} AS counted", *one, *there], before, after)
    names = ", ".join(f"place_{n}" for n in range(len(places)))
    rows = basis.books.rows(
        f"SELECT {names}, COUNT(*) FILTER (WHERE there_0) AS before, COUNT(*) FILTER (WHERE there_1) AS after, "
        f"COUNT(*) FILTER (WHERE there_0 AND there_1) AS both FROM ({_whole(inner)}) AS seen "
        f"WHERE counted IS NOT NULL GROUP BY ALL LIMIT {basis.most}"
    )
    found = []
    for owner, *key, first, last, both in rows:
        where = (tuple(map(text, key)), text(owner))
        found.append(Portion(*where, (Decimal(0), Decimal(0)), (Decimal(last - both), Decimal(0))))
        found.append(Portion(*where, (Decimal(first - both), Decimal(0)), (Decimal(0), Decimal(0))))
        found.append(Portion(*where, (Decimal(both), Decimal(0)), (Decimal(both), Decimal(0))))
    return {None: found} if found else {}


def _whole(statement: str) -> str:
    return statement[: statement.rindex(" LIMIT ")]


def _groups(basis: Basis) -> list[str]:
    owner = basis.grain.owner.expression if basis.grain.owner else "NULL"
    levels = [f"{level.expression} AS level_{n}" for n, level in enumerate(basis.grain.levels)]
    return [f"{basis.dataset.currency or 'NULL'} AS currency", f"{owner} AS owner", *levels]


def _known(tree: Expr) -> str:
    """The expression with nothing where an aggregate has no rows, so that one part does not void another."""

    def visit(node: Any) -> Any:
        if isinstance(node, exp.Filter) or (isinstance(node, exp.AggFunc) and not isinstance(node.parent, exp.Filter)):
            return exp.func("COALESCE", node, exp.Literal.number(0))
        return node

    return str(tree.copy().transform(visit).sql(dialect="duckdb"))
