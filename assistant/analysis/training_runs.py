"""What each training run cost, with all of its attempts. Formula: contract.md §3 "AI measures", domain.md §2.

cost = Σ allocated GPU-hours × the cost of an available GPU-hour of the cluster on the day. All rows of a run id count,
whenever they ran: a run that failed and started again costs what all its attempts cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from assistant.analysis.books import Books
from assistant.analysis.report import Report, dimension, metric, time
from assistant.errors import Clarify, Refused
from assistant.semantics import calendar
from assistant.telling.figures import money
from assistant.values import Filter, Grain, Period, QueryPlan

GPUS = "gpu_hours"
TRAINING = "training"


@dataclass(frozen=True)
class Run:
    """One run over all its days: allocated and busy GPU-hours, USD, kWh. before: GPU-hours before the period."""

    name: str
    first: date
    last: date
    days: int
    hours: Decimal
    busy: Decimal
    usd: Decimal
    kwh: Decimal
    before: Decimal


@dataclass(frozen=True)
class Day:
    """One day of a run: allocated and busy GPU-hours, USD, kWh."""

    day: date
    hours: Decimal
    busy: Decimal
    usd: Decimal
    kwh: Decimal


def runs(books: Books, period: Period, filters: tuple[Filter, ...] = ()) -> list[Run]:
    """The training runs with GPU-hours in the period, dearest first. Raises Refused when there are none."""
    house = books.needs("gpu_usage", "gpu_fleet")
    loaded = house.catalog.days["gpu_usage"]
    everything = Period(start=loaded.first, end=period.end)
    plan = QueryPlan(
        dataset=GPUS,
        metrics=("fleet_gpu_hours_allocated", "fleet_gpu_hours_busy", "gpu_usage_cost", "gpu_energy"),
        dimensions=("run", "workload"),
        grain=Grain.DAY,
        filters=(Filter(dimension="run", op="filled"), *filters),
        period=everything,
    )
    found: dict[str, list[Day]] = {}
    columns = books.columns(plan)
    for row in books.plan(plan):
        one = dict(zip(columns, row, strict=True))
        if str(one["workload"]).casefold() == TRAINING:
            hours, busy, usd, kwh = (Decimal(str(one[name] or 0)) for name in plan.metrics)
            found.setdefault(str(one["run"]), []).append(Day(one["day"], hours, busy, usd, kwh))
    result = [_run(name, days, period) for name, days in found.items() if any(d.day >= period.start for d in days)]
    if not result:
        raise Refused(f"No training run has GPU-hours in {calendar.label(period)}.")
    return sorted(result, key=lambda r: (-r.usd, r.name))


def _run(name: str, days: list[Day], period: Period) -> Run:
    return Run(
        name,
        min(d.day for d in days),
        max(d.day for d in days),
        len({d.day for d in days}),
        hours=sum((d.hours for d in days), Decimal(0)),
        busy=sum((d.busy for d in days), Decimal(0)),
        usd=sum((d.usd for d in days), Decimal(0)),
        kwh=sum((d.kwh for d in days), Decimal(0)),
        before=sum((d.hours for d in days if d.day < period.start), Decimal(0)),
    )


def answer(plan: QueryPlan, books: Books) -> Report:
    """The runs of the plan's period; its filters narrow them."""
    if set(plan.dimensions) - {"run"}:
        raise Clarify("That is a list of training runs. For other groups ask for “training cost by …”.")
    assert plan.period is not None
    return report(books, plan.period, plan.filters)


def report(books: Books, period: Period, filters: tuple[Filter, ...] = ()) -> Report:
    """One row for each training run, all attempts together."""
    found = runs(books, period, filters)
    columns = (
        dimension("training_run"), time("first_day"), time("last_day"), metric("days", "count"),
        metric("gpu_hours", "GPU-hours"), metric("busy_percent", "percent"), metric("cost", "USD"),
        metric("energy", "kWh"),
    )  # fmt: skip
    rows = tuple(
        (r.name, r.first, r.last, r.days, r.hours, 100 * r.busy / r.hours if r.hours else None, r.usd, r.kwh)
        for r in found
    )
    total, mean = sum((r.usd for r in found), Decimal(0)), sum((r.usd for r in found), Decimal(0)) / len(found)
    sentences = (
        f"{len(found)} training runs of {calendar.label(period)} cost {money(total, 'USD')} with all their attempts, "
        f"{money(mean, 'USD')} a run; {found[0].name} is the dearest with {money(found[0].usd, 'USD')}.",
    )
    notes = ["GPU-hours at the cost of an available one; what nobody allocated is charged to no run."]
    if any(r.before for r in found):
        notes.append(f"Runs that began before {period.start} count with what they took before.")
    return Report(columns, rows, sentences, tuple(notes))
