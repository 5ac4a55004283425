"""The bridge of any metric that can be taken apart: amounts, ratios, counts of different things, unit costs.

Which formula a metric follows is said by its own expression. Knows no words for people. Formulas: finops/variance and
ratio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import Any

from sqlglot import Expr

from assistant.analysis.books import COSTS, Books
from assistant.analysis.items import Basis, decimal
from assistant.analysis.portions import Form, counted, form, portions, same
from assistant.errors import Clarify, Refused
from assistant.finops import ratio, variance
from assistant.finops.ratio import Portion
from assistant.finops.variance import DIGITS, Bridge
from assistant.semantics import calendar
from assistant.sql import derived
from assistant.values import Period, QueryPlan

UNIT_COSTS = "unit_costs"
NOISE = Decimal("1e-13")  # of the whole: what fractions are exact to


@dataclass(frozen=True)
class End:
    """What a ratio is made of, in both periods."""

    label: str
    unit: str | None
    before: Decimal
    after: Decimal


@dataclass(frozen=True)
class Moved:
    """One bridge and where it was read from. unit: of its amounts. label: what moved."""

    bridge: Bridge
    unit: str | None
    basis: Basis
    label: str
    ends: tuple[End, ...] = ()
    currency: str | None = None


def bridges(plan: QueryPlan, books: Books, before: Period, after: Period) -> list[Moved]:
    """One for each currency, the one with most items first. Raises Refused and Clarify."""
    dataset = books.house.model.datasets[plan.dataset]
    if dataset.scoped == UNIT_COSTS:
        return [_unit_cost(plan, books, before, after)]
    if dataset.scoped:
        told = "follow from what was planned and what was spent; ask why the cost or the tokens changed"
        raise Refused(f"The {dataset.label} {told}.")
    basis = Basis(books, plan)
    if basis.metric.distinct:
        return _counted(basis, before, after)
    return _amounts(basis, before, after) if basis.metric.additive else _ratios(basis, before, after)


def loaded(basis: Basis, *periods: Period) -> tuple[int, ...]:
    days = basis.books.house.catalog.days[basis.dataset.loaded_from]
    return tuple(days.count(period.start, period.end) for period in periods)


def _largest(found: Mapping[str | None, Sequence[Any]]) -> Iterator[tuple[str | None, Sequence[Any]]]:
    yield from sorted(found.items(), key=lambda pair: -len(pair[1]))


def _amounts(basis: Basis, before: Period, after: Period) -> list[Moved]:
    unit = basis.metric.unit if basis.metric.unit != "currency" else None
    first, last = loaded(basis, before, after)
    return [
        Moved(_settled(variance.bridge(items, first, last)), unit or currency, basis, basis.metric.label, (), currency)
        for currency, items in _largest(basis.items(before, after))
    ]


def _settled(whole: Bridge) -> Bridge:
    """Without steps that only rounding of fractions left (energy, hours), which the largest step takes over."""
    least = max(abs(whole.before), abs(whole.after)) * NOISE
    kept = {s.cause: list(s.parts) for s in whole.steps if s.increases - s.decreases > least}
    if len(kept) == len(whole.steps) or not kept:
        return whole
    with localcontext(prec=DIGITS):
        noise = sum((s.amount for s in whole.steps if s.cause not in kept), Decimal(0))
        cause = max(kept, key=lambda c: max(abs(part.amount) for part in kept[c]))
        place = max(range(len(kept[cause])), key=lambda i: abs(kept[cause][i].amount))
        part = kept[cause][place]
        kept[cause][place] = replace(part, amount=part.amount + noise)
        return Bridge(whole.before, whole.after, variance.steps(kept))


def _counted(basis: Basis, before: Period, after: Period) -> list[Moved]:
    found = counted(basis, before, after)
    return [Moved(ratio.came_and_went(some), "count", basis, basis.metric.label) for some in found.values()]


def _ratios(basis: Basis, before: Period, after: Period) -> list[Moved]:
    of = form(basis.metric)
    found = []
    for currency, some in _largest(portions(basis, of, before, after)):
        sums = _sums(some)
        for period, below in ((before, sums[1]), (after, sums[3])):
            if not below:
                label = _label(of.denominator, basis) or "a denominator"
                when = calendar.label(period)
                raise Refused(f"There is nothing of {label} in {when}, so {basis.metric.label} has no value there.")
        bridge, ends = ratio.bridge(some, of.scale), _ends(of, basis, currency, sums)
        found.append(Moved(bridge, _unit(basis, currency), basis, basis.metric.label, ends, currency))
    return found


def _unit(basis: Basis, currency: str | None) -> str | None:
    return currency if basis.metric.unit == "currency" else basis.metric.unit


def _sums(some: Sequence[Portion]) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    def total(one: Callable[[Portion], Decimal]) -> Decimal:
        with localcontext(prec=DIGITS):
            return sum(map(one, some), Decimal(0))

    return (total(lambda p: p.before[0]), total(lambda p: p.before[1]),
            total(lambda p: p.after[0]), total(lambda p: p.after[1]))  # fmt: skip


def _ends(of: Form, basis: Basis, currency: str | None, sums: Sequence[Decimal]) -> tuple[End, ...]:
    """Numerator and denominator, as far as the model has a name for them."""
    found = []
    for place, tree in enumerate((of.numerator, of.denominator)):
        metric = _metric(tree, basis)
        if metric is not None:
            unit = currency if metric.unit == "currency" else metric.unit
            found.append(End(metric.label, unit, sums[place], sums[place + 2]))
    return tuple(found)


def _metric(tree: Expr, basis: Basis) -> Any:
    own = (m for m in basis.model.metrics.values() if m.dataset == basis.plan.dataset)
    return next((m for m in own if same(tree, m)), None)


def _label(tree: Expr, basis: Basis) -> str | None:
    found = _metric(tree, basis)
    return found.label if found else None


def _unit_cost(plan: QueryPlan, books: Books, before: Period, after: Period) -> Moved:
    """The bridge of what serves a unit of work, divided by how much work was done."""
    model, catalog = books.house.model, books.house.catalog
    books.needs(*model.datasets[UNIT_COSTS].tables)
    if plan.dimensions:
        raise Clarify("A unit cost is taken apart by what it is made of: providers, services, teams. Ask without “by”.")
    query = derived.query(plan, model, catalog)
    assert query is not None
    rows = books.rows(f"SELECT month, SUM(volume) FROM ({query.sql(dialect='duckdb')}) AS made GROUP BY ALL")
    volumes = {month: decimal(volume) for month, volume in rows}
    sides = [{m: v for m, v in volumes.items() if period.start <= m < period.end} for period in (before, after)]
    for period, side in zip((before, after), sides, strict=True):
        if not side:
            raise Refused(f"No month of {calendar.label(period)} has both that cost and that volume.")
    months = ", ".join(f"DATE '{month}'" for side in sides for month in side)
    charged = "CAST(DATE_TRUNC('month', ChargePeriodStart) AS DATE)"
    where = f"{derived.any_of(derived.serving(plan, model, catalog))} AND {charged} IN ({months})"
    currency = None if derived.only_usd(catalog) else "USD"
    costs = QueryPlan(dataset=COSTS, metrics=("effective_cost",), period=after, comparison=before, currency=currency)
    basis = Basis(books, costs, where=where)
    found = basis.items(before, after)
    if len(found) != 1:
        raise Refused("These costs are billed in several currencies, and volumes can't be split between them.")
    [(billed, items)] = found.items()
    unit = str(currency or billed)
    whole = variance.bridge(items, *loaded(basis, before, after))
    first, last = (sum(side.values(), Decimal(0)) for side in sides)
    wanted = next(f.values for f in plan.filters if f.dimension == "business_metric")
    ends = (End("cost", unit, whole.before, whole.after), End(" and ".join(wanted), "count", first, last))
    return Moved(ratio.divided(whole, first, last), f"{unit} per unit", basis, model.metric("unit_cost").label, ends)
