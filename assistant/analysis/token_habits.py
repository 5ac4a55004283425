"""A month's token usage on another model, and the habits that cost more than they must. Formulas: finops/tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from dateutil.relativedelta import relativedelta

from assistant.analysis.books import USAGE, Books, text
from assistant.analysis.pricing import assumptions, model_named, spans
from assistant.analysis.report import Report, dimension, metric
from assistant.errors import Clarify, Refused
from assistant.finops import tokens
from assistant.finops.tokens import Finding, Habit, Limits, Repriced, Usage
from assistant.sql.conditions import condition
from assistant.telling.figures import money
from assistant.values import Filter, QueryPlan


def month_of(books: Books, month: date | None) -> tuple[date, date, list[str]]:
    """[start, end) of a month of token usage, by default the newest whole one. Raises Refused when not loaded."""
    books.needs(USAGE)
    start = month or books.newest_whole_month(USAGE)
    end = start + relativedelta(months=1)
    note = books.partly_loaded(USAGE, start, end)
    return start, end, [note] if note else []


def move(
    books: Books, source: str, target: str, month: date | None, where: Mapping[str, str]
) -> tuple[date, Repriced, list[str]]:
    """One month's usage of a model repriced on another. where: dimension → value that narrows the usage."""
    start, end, notes = month_of(books, month)
    house = books.house
    maker, goal = model_named(target)
    known = {v.value for v in house.catalog.values if v.table == USAGE and v.field == "model"}
    own = next((m for m in known if m.casefold() == source.casefold()), None)
    if own is None:
        near = [m for m in sorted(known) if source.casefold() in m.casefold()] or sorted(known)[:8]
        raise Clarify(f"No usage of “{source}” is loaded. Which model is meant?", tuple(near))
    tests = [f"model = {text(own)}", f"usage_date >= DATE '{start}'", f"usage_date < DATE '{end}'"]
    for name, value in where.items():
        key = books.dimension(name, "The filter", USAGE)
        tests.append(f"{house.model.dimension(USAGE, key).expression} = {text(value)}")
    rows = books.rows(
        "SELECT provider, usage_date, COALESCE(batch, FALSE), requests, input_tokens, "
        "COALESCE(cached_input_tokens, 0), COALESCE(cache_write_tokens, 0), output_tokens, cost_usd "
        f"FROM {USAGE} WHERE {' AND '.join(tests)}",
    )
    if not rows:
        raise Refused(f"There is no usage of {own} in {start:%b %Y} under these filters.")
    usage = [_usage(provider, own, day, batch, numbers, paid) for provider, day, batch, *numbers, paid in rows]
    if goal == own:
        maker = usage[0].provider
    return start, tokens.reprice(usage, maker, goal, cache(spans)), notes


def usage_of(books: Books, start: date, end: date, filters: Sequence[Filter]) -> list[Usage]:
    """Token usage within [start, end) by model and day, narrowed by filters of its own dimensions."""
    own = books.needs(USAGE).model.dimensions[USAGE]
    tests = [f"usage_date >= DATE '{start}'", f"usage_date < DATE '{end}'"]
    tests += [condition(own[f.dimension].expression, f).sql(dialect="duckdb") for f in filters]
    rows = books.rows(
        "SELECT provider, model, usage_date, COALESCE(batch, FALSE), SUM(requests), SUM(input_tokens), "
        "SUM(COALESCE(cached_input_tokens, 0)), SUM(COALESCE(cache_write_tokens, 0)), SUM(output_tokens), "
        "SUM(cost_usd) "
        f"FROM {USAGE} WHERE {' AND '.join(tests)} GROUP BY ALL"
    )
    return [_usage(provider, model, day, batch, numbers, paid) for provider, model, day, batch, *numbers, paid in rows]


def _usage(provider: str, model: str, day: date, batch: bool, numbers: Sequence[Any], paid: Any) -> Usage:
    requests, read, cached, written, output = (_number(n) for n in numbers)
    cost = None if paid is None else Decimal(paid)
    return Usage(provider, model, day, batch, requests, read, cached, written, output, cost)


def _number(value: Any) -> Decimal:
    return Decimal(value or 0)


def waste(books: Books, month: date | None) -> tuple[date, list[Finding], list[str]]:
    """Habits of one month that cost more than they must, largest saving first."""
    start, end, notes = month_of(books, month)
    about = assumptions(books.schemas)
    limits = Limits(
        offline=frozenset(p.casefold() for p in about["waste"]["offline"]),
        **{k: Decimal(str(v)) for k, v in about["waste"].items() if k != "offline"},
    )
    late = f"usage_date >= DATE '{start + (end - start) / 2}'"
    rows = books.rows(
        "SELECT provider, model, application, team, purpose, COALESCE(batch, FALSE), SUM(requests), "
        "SUM(input_tokens), SUM(COALESCE(cached_input_tokens, 0)), SUM(COALESCE(cache_write_tokens, 0)), "
        f"SUM(output_tokens), SUM(cost_usd), SUM(input_tokens) FILTER (WHERE {late}), "
        f"SUM(requests) FILTER (WHERE {late}) "
        f"FROM {USAGE} WHERE usage_date >= DATE '{start}' AND usage_date < DATE '{end}' GROUP BY ALL",
    )
    habits = []
    for provider, model, application, team, purpose, batch, *numbers, paid, late_input, late_requests in rows:
        one = _usage(provider, model, end - timedelta(days=1), batch, numbers, paid)
        later = (_number(late_input), _number(late_requests))
        earlier = (one.input - later[0], one.requests - later[1])
        habits.append(Habit(one, application, team, purpose, earlier, later))
    used = {habit.usage.model for habit in habits}
    makers = {model: _maker(model) for model in {*about["estimate"]["models"], *used}}
    smaller = {
        model: [other for other in makers if other != model and makers[other] == makers[model] is not None]
        for model in used
    }
    return start, tokens.waste(habits, limits, cache(spans), smaller), notes


def answer(plan: QueryPlan, books: Books) -> Report:
    """The findings of one month."""
    return waste_report(books, books.one_month(plan.period))


def answer_what_if(plan: QueryPlan, books: Books) -> Report:
    """The plan's month of one model on the model that `given` names; other filters narrow the usage."""
    models = next((f for f in plan.filters if f.dimension == "model" and f.op == "in"), None)
    target = dict(plan.given).get("target")
    if target is None:
        raise Clarify("On which model should it run? Say for example “what if we moved A to B”.")
    if models is None:
        raise Clarify(f"Which model's usage should run on {target}? Say for example “instead of …”.")
    if len(models.values) > 1:
        raise Clarify("The usage of which of these models?", models.values[:8])
    rest = [f for f in plan.filters if f is not models]
    if any(f.op != "in" or len(f.values) != 1 for f in rest):
        raise Clarify("A what-if takes filters like “of the team Claims”: one value each.")
    where = {f.dimension: f.values[0] for f in rest}
    return what_if(books, models.values[0], target, books.one_month(plan.period), where)


def _maker(model: str) -> str | None:
    try:
        return model_named(model)[0]
    except Clarify:
        return None


def what_if(books: Books, source: str, target: str, month: date | None, where: Mapping[str, str]) -> Report:
    """What one month's usage of a model would have cost on another."""
    start, found, notes = move(books, source, target, month, where)
    if not found.requests:
        named = " and ".join(found.unpriced)
        raise Refused(f"The price catalogue has no price of {named} in {start:%b %Y}, so there is nothing to compare.")
    columns = (dimension("model"), metric("catalogue_cost", "USD"), metric("requests", "count"))
    rows = ((source, found.before, found.requests), (target, found.after, found.requests))
    saved = f"{money(abs(found.change), 'USD')} {'less' if found.change <= 0 else 'more'}"
    sentence = f"The usage of {start:%b %Y} would cost {saved} on {target}; {money(found.paid, 'USD')} was paid."
    notes = [*notes, "Catalogue prices at the day of use; the same tokens, which another model may count differently."]
    notes += [f"{model} has no price on some days, which are left out." for model in found.unpriced]
    extra = {"month": start, "paid": found.paid, "change": found.change}
    return Report(columns, rows, (sentence,), tuple(notes), extra=extra)


def waste_report(books: Books, month: date | None) -> Report:
    """Habits that cost more than they must, by saving."""
    start, found, notes = waste(books, month)
    columns = (
        dimension("finding"), dimension("model"), dimension("application"), dimension("team"),
        dimension("purpose"), metric("saving", "USD"), dimension("why"),
    )  # fmt: skip
    rows = tuple(
        (f.kind, f.habit.usage.model, f.habit.application, f.habit.team, f.habit.purpose, f.saving, f.why)
        for f in found
    )
    notes = [*notes, "Estimates at catalogue prices. Savings overlap: do not add them up."]
    sentence = f"{len(rows)} findings in the token usage of {start:%b %Y}."
    return Report(columns, rows, (sentence,), tuple(notes), extra={"month": start})
