"""Forecasts of a month, quarter or year for any filter, and budgets against them. Formulas: finops/forecast, budgets.

Which charges follow use and which the calendar is said by the filters of the first series in schemas/anomalies.yaml
that is of the same dataset. Currencies are forecast apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from dateutil.relativedelta import relativedelta

from assistant.analysis import outlook_chart, scanning
from assistant.analysis.books import COSTS, Books, text
from assistant.analysis.report import Report, dimension, metric, time
from assistant.errors import Clarify, Refused
from assistant.finops import budgets, forecast
from assistant.finops.budgets import Budget, Status
from assistant.finops.forecast import Daily, Forecast
from assistant.semantics import calendar
from assistant.sql.conditions import condition
from assistant.telling.figures import figure
from assistant.values import Chart, Filter, Grain, Period, QueryPlan

# month, quarter, year; a last day; a half-open period
Until = str | date | tuple[date, date]
MOST_SAID = 3
WIDE = frozenset({"days_to_go", "fees", "trend", "naive", "run_rate"})


@dataclass(frozen=True)
class Subject:
    """What is forecast: a metric of a dataset, narrowed, and split by a dimension."""

    dataset: str = COSTS
    metric: str = "effective_cost"
    filters: tuple[Filter, ...] = ()
    by: str | None = None


def read(books: Books, subject: Subject) -> dict[tuple[str, str | None], Daily]:
    """(unit, value of `by`) → its days up to the last complete one. Raises Refused and Clarify."""
    model = books.house.model
    dataset, measure = model.datasets[subject.dataset], model.metric(subject.metric)
    if not measure.additive or dataset.grain != "day" or dataset.query is not None:
        raise Refused(f"Only amounts that add up by day can be forecast; {measure.label} is not one.")
    books.needs(*dataset.tables)
    own, days = model.dimensions[subject.dataset], books.house.catalog.days[dataset.source]
    last = min(days.last, books.today)
    its = scanning.settings(books.schemas)
    like = next((s for s in its.series if s.dataset == subject.dataset), None)
    used = [condition(own[f.dimension].expression, f).sql(dialect="duckdb") for f in (like.filters if like else ())
            if f.dimension in own]  # fmt: skip
    by = own[subject.by].expression if subject.by else "NULL"
    unit = dataset.currency if measure.unit == "currency" and dataset.currency else text(measure.unit)
    complete = scanning.named(books, like.complete_by, subject.dataset) if like and like.complete_by else None
    tests = [condition(own[f.dimension].expression, f).sql(dialect="duckdb") for f in subject.filters]
    tests.append(f"{dataset.time} < DATE '{last + timedelta(days=1)}'")
    rows = books.rows(
        f"SELECT {unit} AS unit, {by} AS value, {own[complete].expression if complete else 'NULL'} AS source, "
        f"{' AND '.join(f'({u})' for u in used) or 'TRUE'} AS used, CAST({dataset.time} AS DATE) AS day, "
        f"{measure.expression} AS amount, COUNT(*) AS charges "
        f"FROM {dataset.source} WHERE {' AND '.join(f'({t})' for t in tests)} GROUP BY ALL"
    )
    if not rows:
        raise Refused(f"Nothing is loaded for that; {dataset.label} is loaded from {days.first} to {days.last}.")
    ends = _ends(rows, days.first, last, its)
    amounts: dict[tuple[str, str | None], tuple[dict[date, Decimal], dict[date, Decimal]]] = {}
    for currency, value, _, metered, day, amount, _ in rows:
        key = (str(currency or "unknown"), None if value is None else str(value))
        place = amounts.setdefault(key, ({}, {}))[0 if metered else 1]
        place[day] = place.get(day, Decimal(0)) + Decimal(str(amount or 0))
    loaded = frozenset(
        d for a, b in days.spans(days.first, ends + timedelta(days=1)) for n in range((b - a).days)
        if (d := a + timedelta(days=n))
    )  # fmt: skip
    return {
        key: forecast.series_of(_first(metered, scheduled, days.first), ends, metered, scheduled, loaded)
        for key, (metered, scheduled) in amounts.items()
    }


def _first(metered: Mapping[date, Decimal], scheduled: Mapping[date, Decimal], first: date) -> date:
    """The first day that costs something: a service that is new has no history before."""
    return min((day for part in (metered, scheduled) for day, amount in part.items() if amount), default=first)


def _ends(rows: Sequence[tuple[Any, ...]], first: date, last: date, its: scanning.Settings) -> date:
    """The last day on which every source that bills by use is complete."""
    counted: dict[tuple[str | None, int], int] = {}
    for _, _, source, used, day, _, charges in rows:
        if used:
            key = (source, (day - first).days)
            counted[key] = counted.get(key, 0) + charges
    late = scanning.ends(counted, (last - first).days + 1, its.late_days, its.late_share)
    return first + timedelta(days=min(late.values()) - 1) if late else last


def horizon(as_of: date, until: Until, fiscal: int = 1) -> tuple[date, date]:
    """[start, end) of the month, quarter or year of the day after as_of; from its month's start to a day; as given."""
    if isinstance(until, tuple):
        return until
    day = as_of + timedelta(days=1)
    if isinstance(until, date):
        if until <= as_of:
            raise Refused(f"Everything is loaded up to {as_of}; ask for the forecast of a later day.")
        return day.replace(day=1), until + timedelta(days=1)
    grain = {"month": Grain.MONTH, "quarter": Grain.QUARTER, "year": Grain.YEAR}[until]
    start = calendar.floor(day, grain, fiscal)
    return start, start + calendar.step(grain)


def forecasts(
    books: Books, subject: Subject, untils: Sequence[Until]
) -> tuple[list[tuple[str, str | None, Forecast]], list[str]]:
    """(unit, value, forecast) for every end, and a note for each that can't be made. Raises Refused when none can."""
    found, notes = [], []
    for (unit, value), daily in sorted(read(books, subject).items(), key=lambda p: (p[0][0], str(p[0][1]))):
        for until in untils:
            span = horizon(daily.last, until, books.fiscal)
            try:
                found.append((unit, value, forecast.forecast(daily, *span)))
                if daily.start > span[0] and until != "month":
                    notes.append(f"{unit}: the period from {span[0]} is loaded from {daily.start} on only.")
            except Refused as error:
                name = " · ".join(filter(None, (value, unit)))
                notes.append(f"{name}: {error}")
    if not found:
        raise Refused(notes[0].split(": ", 1)[1] if notes else "There is nothing to forecast.")
    known = books.house.catalog.currencies
    order = {u: sum(f.expected for unit, v, f in found if (unit, v) == u) for u in {(u, v) for u, v, _ in found}}
    found.sort(key=lambda f: (known.index(f[0]) if f[0] in known else 0, f[0], -order[f[0], f[1]], f[2].end))
    return found, list(dict.fromkeys(notes))


def report(books: Books, subject: Subject, untils: Sequence[Until] = ("month", "quarter", "year")) -> Report:
    """A row for each end (and value, and currency); how good such forecasts were stands in the notes."""
    found, notes = forecasts(books, subject, untils)
    units = {unit for unit, *_ in found}
    unit = next(iter(units)) if len(units) == 1 else None
    head = [dimension(subject.by)] if subject.by else []
    head += [] if unit else [dimension("unit")]
    amounts = [metric(n, unit) for n in ("so_far", "forecast", "low", "high", "naive", "run_rate", "fees")]
    columns = (*head, time("start"), time("last_day"), time("as_of"), metric("days_to_go", "days"), *amounts,
               metric("trend", "percent"))  # fmt: skip
    rows = tuple(
        (
            *([value] if subject.by else []), *([] if unit else [its]), f.start, f.end - timedelta(days=1), f.as_of,
            len(f.days), f.so_far, f.expected, f.low, f.high, f.naive, f.run_rate, f.fees, f.trend_percent,
        )
        for its, value, f in found
    )  # fmt: skip
    notes = [*_records(found, subject), *notes]
    notes += dict.fromkeys(note for *_, f in found for note in f.notes)
    extra = {
        "forecasts": [
            {"unit": u, "value": v, **{k: x for k, x in asdict(f).items() if k not in ("notes",)}} for u, v, f in found
        ]
    }
    said = tuple(_sentence(books.house.model.metric(subject.metric).label, *one) for one in found[:MOST_SAID])
    chart = None if subject.by else _chart(books, subject, *found[0][::2])
    return Report(columns, rows, said, tuple(notes), WIDE, extra, chart)


def _chart(books: Books, subject: Subject, unit: str, one: Forecast) -> Chart:
    label = books.house.model.metric(subject.metric).label
    return outlook_chart.of_forecast(one, label[:1].upper() + label[1:], unit, _budget(books, subject, unit, one))


def _budget(books: Books, subject: Subject, unit: str, one: Forecast) -> Decimal | None:
    """The budget of the very thing that is forecast, when every month of the period has one."""
    plain = subject.metric == "effective_cost" and unit == "USD" and "budgets" in books.access.tables
    months = _months(one.start, one.end)
    if not plain or not months or len(subject.filters) > 1:
        return None
    listed = ", ".join(f"DATE '{month}'" for month in months)
    rows = books.rows(
        f"SELECT month, dimension, value, SUM(amount_usd) FROM budgets WHERE month IN ({listed}) GROUP BY ALL"
    )
    named = {month: Decimal(str(amount)) for month, name, value, amount in rows if _is_of(books, subject, name, value)}
    return sum(named.values(), Decimal(0)) if len(named) == len(months) else None


def _is_of(books: Books, subject: Subject, name: str, value: str | None) -> bool:
    if not subject.filters:
        return name.casefold() == "total"
    [only] = subject.filters
    if only.op != "in" or len(only.values) != 1 or name.casefold() == "total":
        return False
    return (books.dimension(name, "A budget"), value) == (only.dimension, only.values[0])


def _months(start: date, end: date) -> list[date]:
    """The months of whole months; none of another period."""
    if start.day != 1 or end.day != 1:
        return []
    found = []
    while start < end:
        found.append(start)
        start += relativedelta(months=1)
    return found


def _sentence(label: str, unit: str, value: str | None, one: Forecast) -> str:
    def said(amount: Decimal) -> str:
        return figure(amount, unit)

    whose = f"{value}: {label}" if value else label[:1].upper() + label[1:]
    when = calendar.label(Period(start=one.start, end=one.end))
    band = ""
    if one.low is not None and one.high is not None:
        band = f", between {said(one.low)} and {said(one.high)} four times in five"
    so_far = f"; {said(one.so_far)} of it up to {one.as_of.day} {one.as_of:%b %Y}" if one.as_of >= one.start else ""
    return f"{whose} for {when} is expected to be {said(one.expected)}{band}{so_far}."


def _records(found: Sequence[tuple[str, str | None, Forecast]], subject: Subject) -> list[str]:
    """How such a forecast did in earlier periods; of a breakdown only the largest value's."""
    notes = []
    for unit, value, one in found[: 3 if not subject.by else 1]:
        record = forecast.within(one.tries)
        if record is None:
            continue
        percent, held, months = record
        name = f"{value}, " if value else ""
        notes.append(
            f"{name}{one.end - timedelta(days=1)}, {unit}: with {len(one.days)} days to go, give or take two, this "
            f"forecast was within {percent:.0f} % in {held} of {months} earlier periods."
        )
    return notes


def answer(plan: QueryPlan, books: Books) -> Report:
    """The forecast of a plan's period, filters and dimension. Raises Refused and Clarify."""
    if len(plan.dimensions) > 1:
        raise Clarify("A forecast is split by one dimension at most. By which?", plan.dimensions)
    by = plan.dimensions[0] if plan.dimensions else None
    subject = Subject(plan.dataset, plan.metrics[0], plan.filters, by)
    span = (plan.period.start, plan.period.end) if plan.period else None
    return report(books, subject, (span,) if span else ("month", "quarter", "year"))


# --- budgets ---------------------------------------------------------------------------------------------------------


def budgets_of(books: Books, month: date | None) -> tuple[list[Status], list[str]]:
    """The budgets of a month, those at risk first. Default: the month of the newest day. Raises Refused."""
    books.needs(COSTS, "budgets")
    newest = min(books.house.catalog.days[COSTS].last, books.today)
    start = month or newest.replace(day=1)
    end = start + relativedelta(months=1)
    rows = books.rows(f"SELECT dimension, value, amount_usd FROM budgets WHERE month = DATE '{start}'")
    if not rows:
        raise Refused(f"No budget is loaded for {start:%b %Y}.")
    series: dict[str, dict[tuple[str, str | None], Daily]] = {}
    found, notes = [], list[str]()
    for name, value, amount in rows:
        whole = str(name).casefold() == "total"
        if name not in series:
            by = None if whole else books.dimension(str(name), "A budget")
            series[name] = read(books, Subject(by=by))
        budget = Budget(str(name), None if whole else str(value), start, end, Decimal(str(amount)))
        daily = series[name].get(("USD", budget.value))
        if daily is None:
            notes.append(f"{name} {value}: a budget, but no cost in USD.")
            continue
        found.append(_status(budget, daily))
    if any(unit != "USD" for held in series.values() for unit, _ in held):
        notes.append("Budgets are in USD: costs in other currencies are not in them.")
    order = {"over": 0, "will exceed": 1, "at risk": 2, "unknown": 3, "on track": 4}
    found.sort(key=lambda s: (order[s.state], -(s.over or Decimal(0)), s.budget.dimension, s.budget.value or ""))
    return found, notes


def _status(budget: Budget, daily: Daily) -> Status:
    try:
        made = None if daily.last >= budget.end - timedelta(days=1) else forecast.forecast(
            daily, budget.start, budget.end, shifts=(0,))  # fmt: skip
        return budgets.status(budget, daily, made)
    except Refused as error:
        return budgets.status(budget, daily, None, str(error))


def answer_budgets(plan: QueryPlan, books: Books) -> Report:
    """The outlook of a month's budgets: all of them, those of one dimension, or of some of its values."""

    def meant(status: Status) -> bool:
        whole = status.budget.value is None
        name = "total" if whole else books.dimension(status.budget.dimension, "A budget")
        named = all(f.dimension == name and status.budget.value in f.values for f in plan.filters)
        return named and (not plan.dimensions or name in plan.dimensions)

    if any(f.op != "in" for f in plan.filters):
        raise Clarify("Budgets are kept for names, not for what is left without them. Whose budgets?")
    return budget_report(books, books.one_month(plan.period), meant)


def budget_report(
    books: Books, month: date | None = None, meant: Callable[[Status], bool] = lambda status: True
) -> Report:
    """Used, pace, projected and run-out day of a month's budgets, and why some are at risk."""
    every, notes = budgets_of(books, month)
    found = [status for status in every if meant(status)]
    if not found:
        raise Refused("There is no such budget in that month.")
    columns = (
        dimension("dimension"), dimension("value"), metric("budget", "USD"), metric("used", "USD"),
        metric("used_percent", "percent"), metric("pace", "ratio"), metric("projected", "USD"), metric("low", "USD"),
        metric("high", "USD"), metric("over", "USD"), dimension("run_out"), dimension("state"), dimension("why"),
    )  # fmt: skip
    rows = tuple(
        (
            s.budget.dimension, s.budget.value, s.budget.amount, s.used, s.used_percent, s.pace, s.projected, s.low,
            s.high, s.over, s.run_out, s.state, s.why,
        )
        for s in found
    )  # fmt: skip
    risky = [s for s in found if s.state in ("over", "will exceed", "at risk")]
    when = f"{found[0].budget.start:%b %Y}"
    said = [f"{len(risky)} of {len(found)} budgets of {when} {'is' if len(risky) == 1 else 'are'} over or at risk."]
    said += [_outlook(status) for status in (risky or found)[:MOST_SAID]]
    return Report(columns, rows, tuple(said), tuple(notes), frozenset({"low", "high", "over", "why"}))


def _outlook(one: Status) -> str:
    whose = one.budget.value or f"The {one.budget.dimension} budget"
    used = f"{figure(one.used, 'USD')} of {figure(one.budget.amount, 'USD')} used"
    expected = "" if one.projected is None else f", {figure(one.projected, 'USD')} expected by the end"
    return f"{whose}: {one.state}, {used}{expected}."
