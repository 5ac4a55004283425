"""Budgets of a month, quarter or year: used, pace, projected, run-out day, which are at risk and why.

Formulas: finops/budgets; what is still to come: analysis/forecasts. A longer period's budget is the sum of its months'.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from dateutil.relativedelta import relativedelta

from assistant.analysis.books import COSTS, Books
from assistant.analysis.forecasts import MOST_SAID, Subject, months_of, read
from assistant.analysis.report import Report, dimension, metric
from assistant.errors import Clarify, Refused
from assistant.finops import budgets, forecast
from assistant.finops.budgets import Budget, Status
from assistant.finops.forecast import Daily
from assistant.semantics import calendar
from assistant.telling.figures import figure
from assistant.values import Period, QueryPlan

RISKY = ("over", "will exceed", "at risk")
Span = tuple[date, date]


def budgets_of(books: Books, month: date | None, span: Span | None = None) -> tuple[list[Status], list[str]]:
    """The budgets of a month (or of the months of a span), those at risk first.

    Default: the month of the newest day. Raises Refused.
    """
    books.needs(COSTS, "budgets")
    newest = min(books.house.catalog.days[COSTS].last, books.today)
    first = month or newest.replace(day=1)
    start, end = span or (first, first + relativedelta(months=1))
    amounts, notes = _amounts(books, start, end)
    series: dict[str, dict[tuple[str, str | None], Daily]] = {}
    found = []
    for (name, value), amount in amounts.items():
        whole = name.casefold() == "total"
        if name not in series:
            by = None if whole else books.dimension(name, "A budget")
            series[name] = _in_usd(books, by)
        budget = Budget(name, None if whole else value, start, end, amount)
        daily = series[name].get(("USD", budget.value))
        if daily is None:
            notes.append(f"{name} {value}: a budget, but no cost in USD.")
            continue
        found.append(_status(budget, daily))
    if any(unit != "USD" for held in series.values() for unit, _ in held):
        notes.append("Budgets are in USD: costs in other currencies are not in them, for rates are missing.")
    elif len(books.house.catalog.currencies) > 1:
        notes.append("charges in other currencies converted to USD at the month's fx_rates")
    order = {"over": 0, "will exceed": 1, "at risk": 2, "unknown": 3, "on track": 4}
    found.sort(key=lambda s: (order[s.state], -(s.over or Decimal(0)), s.budget.dimension, s.budget.value or ""))
    return found, notes


def _in_usd(books: Books, by: str | None) -> dict[tuple[str, str | None], Daily]:
    """All charges in USD where every month has its rates; else those billed in USD, as the notes say."""
    try:
        return read(books, Subject(by=by, in_usd=True))
    except Refused:
        return read(books, Subject(by=by))


def _amounts(books: Books, start: date, end: date) -> tuple[dict[tuple[str, str], Decimal], list[str]]:
    """(dimension, value) → its budget of [start, end); those that lack a month are left out, with a note."""
    within = f"month >= DATE '{start}' AND month < DATE '{end}'"
    rows = books.rows(f"SELECT month, dimension, value, amount_usd FROM budgets WHERE {within}")
    when = calendar.label(Period(start=start, end=end))
    if not rows:
        raise Refused(f"No budget is loaded for {when}.")
    amounts: dict[tuple[str, str], Decimal] = {}
    months: dict[tuple[str, str], set[date]] = {}
    for month, name, value, amount in rows:
        key = (str(name), str(value))
        amounts[key] = amounts.get(key, Decimal(0)) + Decimal(str(amount))
        months.setdefault(key, set()).add(month)
    needed = len(months_of(start, end))
    short = [key for key in amounts if len(months[key]) < needed]
    for key in short:
        del amounts[key]
    if not amounts:
        raise Refused(f"No budget is loaded for every month of {when}.")
    return amounts, [f"{len(short)} budgets are not loaded for every month of {when} and left out."] if short else []


def _status(budget: Budget, daily: Daily) -> Status:
    try:
        made = None if daily.last >= budget.end - timedelta(days=1) else forecast.forecast(
            daily, budget.start, budget.end, shifts=(0,))  # fmt: skip
        return budgets.status(budget, daily, made)
    except Refused as error:
        return budgets.status(budget, daily, None, str(error))


def answer(plan: QueryPlan, books: Books) -> Report:
    """The outlook of a period's budgets: all of them, those of one dimension, or of some of its values."""

    def meant(status: Status) -> bool:
        whole = status.budget.value is None
        name = "total" if whole else books.dimension(status.budget.dimension, "A budget")
        named = all(f.dimension == name and status.budget.value in f.values for f in plan.filters)
        return named and (not plan.dimensions or name in plan.dimensions)

    if any(f.op != "in" for f in plan.filters):
        raise Clarify("Budgets are kept for names, not for what is left without them. Whose budgets?")
    span = (plan.period.start, plan.period.end) if plan.period else None
    if span and not months_of(*span):
        raise Clarify(f"Budgets are kept by month. Which month, quarter or year of {calendar.label(plan.period)}?")  # type: ignore[arg-type]
    return report(books, None, meant, span)


def report(
    books: Books,
    month: date | None = None,
    meant: Callable[[Status], bool] = lambda status: True,
    span: Span | None = None,
) -> Report:
    """The total first, if it is among them; then how many are at risk, and the largest of these."""
    every, notes = budgets_of(books, month, span)
    found = [status for status in every if meant(status)]
    if not found:
        raise Refused("There is no such budget in that period.")
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
    return Report(columns, rows, _sentences(found), tuple(notes), frozenset({"low", "high", "over", "why"}))


def _sentences(found: list[Status]) -> tuple[str, ...]:
    when = calendar.label(Period(start=found[0].budget.start, end=found[0].budget.end))
    total = [status for status in found if status.budget.value is None]
    others = [status for status in found if status.budget.value is not None]
    risky = [status for status in others if status.state in RISKY]
    said = [f"{_outlook(status)[:-1]} ({when})." for status in total]
    if len(others) == 1 and not total:
        return (f"{_outlook(others[0])[:-1]} ({when}).",)
    if others:
        of, verb = "other " if total else "", "is" if len(risky) == 1 else "are"
        said.append(f"{len(risky)} of {len(others)} {of}budgets of {when} {verb} over or at risk.")
        said += [_outlook(status) for status in (risky or ([] if total else others))[:MOST_SAID]]
    return tuple(said)


def _outlook(one: Status) -> str:
    whose = one.budget.value or f"The {one.budget.dimension} budget"
    used = f"{figure(one.used, 'USD')} of {figure(one.budget.amount, 'USD')} used"
    expected = "" if one.projected is None else f", {figure(one.projected, 'USD')} expected by the end"
    out = ""
    if one.projected is not None or one.run_out is not None:
        out = f", used up on {one.run_out.day} {one.run_out:%b %Y}" if one.run_out else ", it does not run out"
    return f"{whose}: {one.state}, {used}{expected}{out}."
