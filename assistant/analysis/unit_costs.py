"""What one loan, claim or ticket costs, by month; before and after a change. Formulas: finops/unit_cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from dateutil.relativedelta import relativedelta

from assistant.analysis.books import COSTS, Books, text
from assistant.analysis.report import Report, metric, time
from assistant.errors import Clarify, Refused
from assistant.finops import unit_cost
from assistant.finops.unit_cost import Comparison, Month, UnitCost
from assistant.house import Warehouse
from assistant.semantics.words import split
from assistant.sql import derived
from assistant.telling.figures import money, quantity
from assistant.values import Filter, QueryPlan


@dataclass(frozen=True)
class UnitCosts:
    """A metric's months, money in `currency`."""

    metric: str
    product: str | None
    currency: str
    months: tuple[UnitCost, ...]
    notes: tuple[str, ...]


def unit_costs(books: Books, metric: str, product: str | None, start: date | None, end: date | None) -> UnitCosts:
    """Cost, volume and unit cost of each month of [start, end); without them every month that is loaded.

    The cost is that of the dimensions and values that unit_cost_map names. Raises Refused and Clarify.
    """
    house = books.needs(COSTS, "business_metrics", "unit_cost_map")
    name = metric_named(house, metric)
    listed = [Filter(dimension="business_metric", values=(name,))]
    where = [f"metric = {text(name)}"]
    if product:
        listed.append(Filter(dimension="product", values=(_product(books, name, product),)))
        where.append(f"product = {text(listed[-1].values[0])}")
    plan = QueryPlan(dataset="unit_costs", metrics=("unit_cost",), filters=tuple(listed))
    tree = derived.query(plan, house.model, house.catalog)
    assert tree is not None
    served = {c.alias: c.this for c in tree.args["with_"].expressions}["served"]
    costs = {month: cost for month, _, cost in books.rows(served.sql(dialect="duckdb"))}
    volumes = dict(
        books.rows(
            f"SELECT month, SUM(volume) AS volume FROM business_metrics WHERE {' AND '.join(where)} GROUP BY month",
        )
    )
    days = house.catalog.days[COSTS]
    wanted = [m for m in sorted({*costs, *volumes}) if (start is None or m >= start) and (end is None or m < end)]
    months, notes = unit_cost.series([Month(m, costs.get(m), volumes.get(m)) for m in wanted])
    if not months:
        raise Refused(f"No month of that period has both costs and volumes of {name}: {' '.join(notes)}".rstrip(": "))
    partial = days.last.replace(day=1)
    if months[-1].month == partial and (days.last + timedelta(days=1)).day != 1:
        notes.append(f"The costs of {partial:%b %Y} are loaded up to {days.last} only.")
    notes += _gaps(months, wanted, start, end)
    several = len(house.catalog.currencies) > 1
    currency = "USD" if several or not house.catalog.currencies else house.catalog.currencies[0]
    notes += ["Costs in other currencies than USD are left out."] if several else []
    return UnitCosts(name, listed[-1].values[0] if product else None, currency, tuple(months), tuple(notes))


def _gaps(months: Sequence[UnitCost], wanted: Sequence[date], start: date | None, end: date | None) -> list[str]:
    """Months inside the period that have neither cost nor volume."""
    month, last = start or months[0].month, (end or months[-1].month + relativedelta(months=1))
    missing = []
    while month < last:
        if month not in wanted:
            missing.append(f"{month:%b %Y}")
        month += relativedelta(months=1)
    return [f"Nothing is loaded for {', '.join(missing)}."] if missing else []


def metric_named(house: Warehouse, said: str) -> str:
    """The business metric that people call `said`: its name, or as in “cost per …”."""
    known = [str(row["metric"]) for row in house.catalog.small.get("business_metrics", ())]
    same = [name for name in known if split(name) == split(said)]
    if same:
        return same[0]
    found = {v for m in house.lexicon.meanings(split(said)) for v in m.names if v in known}
    if len(found) != 1:
        near = [name for name in known if set(split(said)) & set(split(name))]
        near += [name for name in known if name in house.lexicon.near(said) and name not in near]
        raise Clarify(f"“{said}” is not a business metric that is loaded. Which one is meant?", tuple(near or known))
    return found.pop()


def _product(books: Books, metric: str, said: str) -> str:
    rows = books.rows(f"SELECT DISTINCT product FROM business_metrics WHERE metric = {text(metric)}")
    known = sorted(str(p) for (p,) in rows if p)
    same = [p for p in known if p.casefold() == said.casefold()]
    if not same:
        raise Clarify(f"{metric} are not kept for “{said}”.", tuple(known))
    return same[0]


@dataclass(frozen=True)
class Change:
    """Months of a baseline and after, [first, last], and what was invested in between."""

    baseline: tuple[date, date]
    after: tuple[date, date] | None = None
    investment: Decimal | None = None


def report(
    books: Books, name: str, product: str | None, start: date | None, end: date | None, change: Change | None = None
) -> Report:
    """Month by month: cost, volume, average and marginal cost; with `change` what the difference is made of."""
    if start and end and end <= start:
        raise Refused("--to lies before --from; give the earlier month first.")
    found = unit_costs(books, name, product, start, end)
    unit = f"{found.currency} per unit"
    columns = (
        time(), metric("cost", found.currency), metric("volume", "count"), metric("unit_cost", unit),
        metric("marginal_cost", unit),
    )  # fmt: skip
    rows = tuple((m.month, m.cost, m.volume, m.average, m.marginal) for m in found.months)
    shown = found.metric + (f" ({found.product})" if found.product else "")
    found_report = Report(
        columns,
        rows,
        (f"Unit cost of {shown}.",),
        found.notes,
        extra={"metric": found.metric, "currency": found.currency},
    )
    if change:
        found_report = _with_comparison(found_report, _comparison(found.months, change), found.currency)
    return found_report


def answer(plan: QueryPlan, books: Books) -> Report:
    """The plan's period against the one it is compared with; `given` may bring an investment.

    Raises Clarify when no unit of work is named.
    """
    named = {f.dimension: f.values for f in plan.filters if f.op == "in" and len(f.values) == 1}
    if set(named) - {"business_metric", "product"} or len(named) < len(plan.filters):
        raise Clarify("A unit cost is of one unit of work, and one product or all. Which one is meant?")
    if "business_metric" not in named:
        kept = [str(row["metric"]) for row in books.house.catalog.small.get("business_metrics", ())]
        raise Clarify("The cost of one what?", tuple(kept))
    assert plan.period is not None
    if plan.comparison is None:
        raise Clarify("Compared with which month before the change? Say for example “2026-01 versus 2026-09”.")
    investment = dict(plan.given).get("investment")
    spans = [(p.start.replace(day=1), p.last_day.replace(day=1)) for p in (plan.comparison, plan.period)]
    change = Change(spans[0], spans[1], Decimal(investment) if investment else None)
    end = plan.period.last_day.replace(day=1) + relativedelta(months=1)
    product = named.get("product")
    return report(books, named["business_metric"][0], product[0] if product else None, spans[0][0], end, change)


def _comparison(months: Sequence[UnitCost], change: Change) -> Comparison:
    after = change.after or (months[-1].month, months[-1].month)
    chosen = []
    for name, (first, last) in (("baseline", change.baseline), ("months after", after)):
        inside = [m for m in months if first <= m.month <= last]
        if not inside:
            raise Refused(
                f"The {name} {first:%b %Y} – {last:%b %Y} has no month with both cost and volume; there are "
                f"{months[0].month:%b %Y} to {months[-1].month:%b %Y}."
            )
        chosen.append(unit_cost.mean(inside))
    return unit_cost.compare(chosen[0], chosen[1], change.investment)


def _with_comparison(report: Report, one: Comparison, currency: str) -> Report:
    def sum_of(value: Decimal | None) -> str:
        return "–" if value is None else money(value, currency)

    name = str(report.extra["metric"])
    saved = f"{sum_of(abs(one.avoided))} a month {'avoided' if one.avoided >= 0 else 'more'} at the new volume"
    sentences = [
        f"One of {name} cost {sum_of(one.baseline.average)} before and {sum_of(one.after.average)} after: {saved}.",
        f"A month: {sum_of(one.baseline.cost)} before, {sum_of(one.after.cost)} after ({sum_of(one.change)} change).",
        f"The change is {sum_of(one.volume_effect)} from volume and {sum_of(one.rate_effect)} from the cost of one.",
        f"At the old cost of one it would be {sum_of(one.counterfactual)}.",
    ]
    if one.marginal is not None:
        sentences.append(f"Each unit more costs {sum_of(one.marginal)}.")
    if one.investment is not None:
        paid = one.payback_months
        back = f"paid back in {quantity(round(paid, 1))} months" if paid else "not paid back: no cost is avoided"
        sentences.append(f"An investment of {sum_of(one.investment)} is {back}.")
    comparison = {
        "baseline": asdict(one.baseline), "after": asdict(one.after), "change": one.change,
        "volume_effect": one.volume_effect, "rate_effect": one.rate_effect, "counterfactual": one.counterfactual,
        "avoided": one.avoided, "marginal": one.marginal, "investment": one.investment,
        "payback_months": one.payback_months,
    }  # fmt: skip
    return replace(report, sentences=tuple(sentences), extra={**report.extra, "comparison": comparison})
