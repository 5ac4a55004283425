"""What each kind of token cost: uncached input, cache reads, cache writes, output; disjoint, so nothing counts twice.

Source: domain.md §1. Prices of the catalogue at the day of use; what was paid stands beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache

from assistant.analysis.books import USAGE, Books
from assistant.analysis.pricing import spans
from assistant.analysis.report import Report, dimension, metric
from assistant.analysis.token_habits import usage_of
from assistant.errors import Refused
from assistant.finops import tokens
from assistant.semantics import calendar
from assistant.telling.figures import money
from assistant.values import Filter, Period, QueryPlan


def answer(plan: QueryPlan, books: Books) -> Report:
    """The plan's days and filters of token usage."""
    assert plan.period is not None
    return report(books, plan.period, plan.filters)


def report(books: Books, period: Period, filters: Sequence[Filter] = ()) -> Report:
    """One row for each kind: tokens, cost by the catalogue, its share. Raises Refused without usage."""
    books.needs(USAGE)
    usage = usage_of(books, period.start, period.end, filters)
    if not usage:
        raise Refused(f"There is no token usage in {calendar.label(period)} under these filters.")
    priced = cache(spans)
    counts = dict.fromkeys(tokens.KINDS, Decimal(0))
    costs = dict.fromkeys(tokens.KINDS, Decimal(0))
    unpriced: dict[str, None] = {}
    paid = Decimal(0)
    for one in usage:
        by_kind = tokens.cost_by_kind(one, priced(one.provider, one.model, one.day, one.batch))
        for kind, count in tokens.by_kind(one).items():
            counts[kind] += count
        if by_kind is None:
            unpriced[one.model] = None
            continue
        paid += one.cost or 0
        for kind, cost in by_kind.items():
            costs[kind] += cost
    total = sum(costs.values(), Decimal(0))
    columns = (
        dimension("token_kind"), metric("tokens", "tokens"), metric("catalogue_cost", "USD"),
        metric("share", "percent"),
    )  # fmt: skip
    rows = tuple((k, counts[k], costs[k], 100 * costs[k] / total if total else None) for k in tokens.KINDS)
    dearest = max(tokens.KINDS, key=lambda kind: costs[kind])
    told = (
        f"Tokens of {calendar.label(period)} cost {money(total, 'USD')} by the catalogue, most of it for {dearest}: "
        f"{money(costs[dearest], 'USD')}; {money(paid, 'USD')} was paid for them."
    )
    notes = ["Catalogue prices at the day of use; reasoning is a part of output."]
    notes += [f"{model} has no price and is left out of the cost." for model in unpriced]
    return Report(columns, rows, (told,), tuple(notes), extra={"paid": paid})
