"""Forecasts of a month, quarter or year for any filter, of amounts and of rates, and how good they were before.

Which charges follow use and which the calendar is said by the filters of the first series in schemas/anomalies.yaml
that is of the same dataset. Currencies are forecast apart. Formulas: finops/forecast and ratio_forecast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from dateutil.relativedelta import relativedelta

from assistant.analysis import outlook_chart, portions, scanning
from assistant.analysis.books import COSTS, Books, text
from assistant.analysis.report import Report, dimension, metric, time
from assistant.errors import Clarify, Refused
from assistant.finops import forecast, ratio_forecast
from assistant.finops.forecast import Daily, Forecast, Try
from assistant.semantics import calendar
from assistant.semantics.model import Metric
from assistant.sql import derived
from assistant.sql.conditions import condition
from assistant.telling.figures import currency_of, figure
from assistant.values import Chart, Filter, Grain, Period, QueryPlan

# month, quarter, year; a last day; a half-open period
Until = str | date | tuple[date, date]
NEITHER = "Only amounts that add up by day, and rates of them, are forecast; {} is neither."
MOST_SAID = 3
LEAST_HISTORY = 55
_DUCKDB = "duckdb"
WIDE = frozenset({"days_to_go", "fees", "trend", "naive", "run_rate"})


@dataclass(frozen=True)
class Subject:
    """What is forecast: a metric of a dataset, narrowed, and split by a dimension. in_usd: charges converted."""

    dataset: str = COSTS
    metric: str = "effective_cost"
    filters: tuple[Filter, ...] = ()
    by: str | None = None
    in_usd: bool = False


def read(books: Books, subject: Subject, expression: str | None = None) -> dict[tuple[str, str | None], Daily]:
    """(unit, value of `by`) → its days up to the last complete one. Raises Refused and Clarify.

    expression: SQL of another amount than the metric's, by currency.
    """
    model = books.house.model
    dataset, measure = model.datasets[subject.dataset], model.metric(subject.metric)
    if (not measure.additive and expression is None) or dataset.grain != "day" or dataset.scoped or measure.fleet:
        raise Refused(
            f"Only amounts that add up by day, and rates of them, can be forecast; {measure.label} is neither."
        )
    books.needs(*dataset.tables)
    own, days = model.dimensions[subject.dataset], books.house.catalog.days[dataset.loaded_from]
    last = min(days.last, books.today)
    its = scanning.settings(books.schemas)
    like = next((s for s in its.series if s.dataset == subject.dataset), None)
    used = [condition(own[f.dimension].expression, f).sql(dialect="duckdb") for f in (like.filters if like else ())
            if f.dimension in own]  # fmt: skip
    by = own[subject.by].expression if subject.by else "NULL"
    money = (expression or measure.unit == "currency") and dataset.currency
    unit = text("USD") if subject.in_usd else dataset.currency if money else text(measure.unit)
    complete = scanning.named(books, like.complete_by, subject.dataset) if like and like.complete_by else None
    tests = [condition(own[f.dimension].expression, f).sql(dialect="duckdb") for f in subject.filters]
    tests.append(f"{dataset.time} < DATE '{last + timedelta(days=1)}'")
    whole = Period(start=days.first, end=days.last + timedelta(days=1))
    plan = QueryPlan(dataset=subject.dataset, metrics=(subject.metric,), period=whole)
    query = derived.query(plan.model_copy(update={"period": None}), model, books.house.catalog)
    source = derived.costs_in_usd(plan, model, books.house.catalog) if subject.in_usd else dataset.source
    rows = books.rows(
        f"{f'WITH {dataset.source} AS ({query.sql(dialect=_DUCKDB)}) ' if query is not None else ''}"
        f"SELECT {unit} AS unit, {by} AS value, {own[complete].expression if complete else 'NULL'} AS source, "
        f"{' AND '.join(f'({u})' for u in used) or 'TRUE'} AS used, CAST({dataset.time} AS DATE) AS day, "
        f"{expression or measure.expression} AS amount, COUNT(*) AS charges "
        f"FROM {source} WHERE {' AND '.join(f'({t})' for t in tests)} GROUP BY ALL"
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
    found, notes = [], list[str]()
    for (unit, value), made in sorted(_series(books, subject, notes), key=lambda p: (p[0][0], str(p[0][1]))):
        for until in untils:
            span = horizon(made.daily.last, until, books.fiscal)
            try:
                found.append((unit, value, made.forecast(*span)))
                if made.daily.start > span[0] and until != "month":
                    notes.append(f"{unit}: the period from {span[0]} is loaded from {made.daily.start} on only.")
            except Refused as error:
                name = " · ".join(filter(None, (value, unit)))
                notes.append(f"{name}: {error}")
    if not found:
        raise Refused(notes[0].split(": ", 1)[1] if notes else "There is nothing to forecast.")
    known = books.house.catalog.currencies
    order = {u: sum(f.expected for unit, v, f in found if (unit, v) == u) for u in {(u, v) for u, v, _ in found}}
    found.sort(key=lambda f: (known.index(f[0]) if f[0] in known else 0, f[0], -order[f[0], f[1]], f[2].end))
    return found, list(dict.fromkeys(notes))


@dataclass(frozen=True)
class Made:
    """One series, or two of which the first is divided by the second."""

    daily: Daily
    below: Daily | None = None
    scale: Decimal = Decimal(1)

    def forecast(self, start: date, end: date) -> Forecast:
        above = forecast.forecast(self.daily, start, end)
        if self.below is None:
            return above
        return ratio_forecast.divide(above, forecast.forecast(self.below, start, end), self.scale)


def _series(books: Books, subject: Subject, notes: list[str]) -> list[tuple[tuple[str, str | None], Made]]:
    """What is forecast: an amount's days, or those of a ratio's two parts in the currency that has most of them."""
    measure = books.house.model.metric(subject.metric)
    if measure.additive:
        return [(key, Made(daily)) for key, daily in read(books, subject).items()]
    try:
        of = portions.form(measure)
    except Refused:
        raise Refused(NEITHER.format(measure.label)) from None
    above, below = (read(books, subject, tree.sql(dialect=_DUCKDB)) for tree in (of.numerator, of.denominator))
    sizes = {key: abs(daily.total(daily.start, daily.last + timedelta(days=1))) for key, daily in below.items()}
    most = max(sizes, key=lambda key: sizes[key])[0]
    if len({unit for unit, _ in sizes}) > 1:
        notes.append(f"Only charges in {most} are in this rate.")
    return [
        ((measure.unit, value), Made(daily, below[most, value], of.scale))
        for (unit, value), daily in above.items()
        if unit == most and (most, value) in below
    ]


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
    measure = books.house.model.metric(subject.metric)
    said = tuple(_sentence(measure, *one) for one in found[:MOST_SAID])
    chart = None if subject.by or not measure.additive else _chart(books, subject, *found[0][::2])
    return Report(columns, rows, said, tuple(notes), WIDE, extra, chart)


def _chart(books: Books, subject: Subject, unit: str, one: Forecast) -> Chart:
    label = books.house.model.metric(subject.metric).label
    return outlook_chart.of_forecast(one, label[:1].upper() + label[1:], unit, _budget(books, subject, unit, one))


def _budget(books: Books, subject: Subject, unit: str, one: Forecast) -> Decimal | None:
    """The budget of the very thing that is forecast, when every month of the period has one."""
    plain = subject.metric == "effective_cost" and unit == "USD" and "budgets" in books.access.tables
    months = months_of(one.start, one.end)
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


def months_of(start: date, end: date) -> list[date]:
    """The months of whole months; none of another period."""
    if start.day != 1 or end.day != 1:
        return []
    found = []
    while start < end:
        found.append(start)
        start += relativedelta(months=1)
    return found


def _sentence(measure: Metric, unit: str, value: str | None, one: Forecast) -> str:
    label = measure.label

    def said(amount: Decimal) -> str:
        small = currency_of(unit) or not measure.additive or abs(amount) < 1000
        return figure(amount if small else amount.to_integral_value(), unit)

    whose = f"{value}: {label}" if value else label[:1].upper() + label[1:]
    when = calendar.label(Period(start=one.start, end=one.end))
    band = ""
    if one.low is not None and one.high is not None:
        band = f", between {said(one.low)} and {said(one.high)} four times in five"
    of_it = " of it" if measure.additive else ""
    so_far = f"; {said(one.so_far)}{of_it} up to {one.as_of.day} {one.as_of:%b %Y}" if one.as_of >= one.start else ""
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
        togo = (one.end - one.as_of).days - 1
        notes.append(
            f"{name}{one.end - timedelta(days=1)}, {unit}: with {togo} days to go, give or take two, this "
            f"forecast was within {percent:.0f} % in {held} of {months} earlier periods."
        )
    return notes


def answer(plan: QueryPlan, books: Books) -> Report:
    """The forecast of a plan's period, filters and dimension. Raises Refused and Clarify."""
    subject, span = asked(plan, books)
    return report(books, subject, (span,) if span else ("month", "quarter", "year"))


def asked(plan: QueryPlan, books: Books) -> tuple[Subject, tuple[date, date] | None]:
    """What a plan wants forecast, until when. Raises Clarify for two dimensions or two measures."""
    if len(plan.dimensions) > 1:
        raise Clarify("A forecast is split by one dimension at most. By which?", plan.dimensions)
    if len(plan.metrics) > 1:
        labels = tuple(books.house.model.metric(name).label for name in plan.metrics)
        raise Clarify("The forecast of which one?", tuple(f"forecast of {label}" for label in labels))
    by = plan.dimensions[0] if plan.dimensions else None
    span = (plan.period.start, plan.period.end) if plan.period else None
    return Subject(plan.dataset, plan.metrics[0], plan.filters, by), span


def answer_record(plan: QueryPlan, books: Books) -> Report:
    """How the same forecast did in earlier periods, with as many days to go. Raises Refused and Clarify."""
    subject, span = asked(plan, books)
    found, notes = forecasts(books, replace(subject, by=None), (span,) if span else ("month",))
    unit, _, one = found[0]
    togo = (one.end - one.as_of).days
    step = one.end - one.start
    tries = sorted((t for t in one.tries if _ends_like(t, togo, step)), key=lambda t: t.start)
    if not tries:
        raise Refused(
            f"No earlier period can measure it: {LEAST_HISTORY} days must be loaded before the first of them."
        )
    columns = (
        time("start"), time("as_of"), metric("forecast", unit), metric("actual", unit), metric("error", "percent"),
        metric("naive", unit), metric("run_rate", unit),
    )  # fmt: skip
    rows = tuple(
        (
            t.start,
            t.as_of,
            _said(t.forecast),
            _said(t.actual),
            forecast.money(100 * t.error),
            _said(t.naive),
            _said(t.run_rate),
        )
        for t in tries
    )
    said = [f"{note[:1].upper()}{note[1:]}" for note in _records(found[:1], replace(subject, by=None))]
    return Report(columns, rows, (*said, _wape(tries)), tuple(notes), extra={"tries": [asdict(t) for t in one.tries]})


def _ends_like(one: Try, togo: int, step: timedelta) -> bool:
    """Whether it was made with as many days to go: months are of different lengths."""
    ends = one.start + relativedelta(months=round(step.days / 30.4)) if step.days > 27 else one.start + step
    return (ends - one.as_of).days == togo


def _said(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(repr(round(value, 6)))


def _wape(tries: Sequence[Try]) -> str:
    """Its weighted error beside those of the two plain ways."""
    whole = sum(abs(t.actual) for t in tries)

    def error(of: Callable[[Try], float | None]) -> str:
        missed = [abs(made - t.actual) for t in tries if (made := of(t)) is not None]
        whole_set = len(missed) == len(tries) and whole
        return figure(forecast.money(100 * sum(missed) / whole), "percent") if whole_set else "–"

    naive, rate = error(lambda t: t.naive), error(lambda t: t.run_rate)
    plain = f"to take the days four weeks before was {naive} off, to carry on the days so far {rate}"
    return f"On average it was {error(lambda t: t.forecast)} off; {plain}."
