"""Estimates of questions and of files: asked in the chat, saved with their version, compared with what came of them.

Pricing stands in pricing.py, formulas in finops/estimate.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from assistant.analysis import pricing
from assistant.analysis.books import USAGE, Books
from assistant.analysis.pricing import Quote
from assistant.analysis.report import Report, dimension, metric, time
from assistant.analysis.token_habits import usage_of
from assistant.errors import Clarify, Refused
from assistant.finops.estimate import Design
from assistant.finops.tokens import Usage
from assistant.ledger.drawer import Drawer, Paper
from assistant.telling.figures import money, quantity
from assistant.values import Filter, QueryPlan

ASKED = {
    "requests_per_day": "how many requests a day",
    "input_tokens": "how many input tokens a request has",
    "output_tokens": "how many output tokens",
    "models": "on which model",
}
_DESIGN = ("growth", "months", "limit_usd_per_month", "gpu_tokens_per_second")
_WORKLOAD = ("requests_per_day", "input_tokens", "output_tokens", "cached", "cache_write", "batch", "retries")


def design_of(given: dict[str, str]) -> Design:
    """The design of a question's figures. Raises Clarify for the ones that are missing, Refused for impossible ones."""
    missing = [words for name, words in ASKED.items() if name not in given]
    if missing:
        raise Clarify(f"For an estimate, say also {' and '.join(missing)}.")
    content: dict[str, Any] = {name: given[name] for name in _DESIGN if name in given}
    content["workloads"] = [{name: given[name] for name in _WORKLOAD if name in given}]
    content["models"] = given["models"].split(", ")
    return pricing.design_of(content)


def answer(plan: QueryPlan, books: Books) -> Report:
    """The workload of the question at the prices of the day."""
    design = design_of(dict(plan.given))
    quote = pricing.quote(design, books.today, books.schemas, pricing.models_used(books))
    fleet: list[pricing.OwnGpus] = []
    if design.gpu_tokens_per_second is not None:
        fleet = pricing.own_gpus(books, quote.choices[0], design.gpu_tokens_per_second)
    return pricing.report(quote, None, False, fleet)


def with_change(report: Report, now: Quote, before: Quote | None) -> Report:
    """The report with what a month costs more or less than the design before; before None: the design is new."""
    first = now.choices[0].first.expected
    past = before.choices[0].first.expected if before else Decimal(0)
    change = first - past
    if before is None:
        told = f"New: {money(first, 'USD')} a month that were not there before."
    elif not change:
        told = f"No change: {money(first, 'USD')} a month as before."
    else:
        share = f", {quantity(round(100 * change / past, 1))}%" if past else ""
        more = "more" if change > 0 else "less"
        told = f"{money(abs(change), 'USD')} a month {more} than before ({money(past, 'USD')}{share})."
    extra = {**report.extra, "before": past if before else None, "change": change}
    return replace(report, sentences=(told, *report.sentences), extra=extra)


# --- saved -----------------------------------------------------------------------------------------------------------


def save(drawer: Drawer, name: str, quote: Quote, user: str | None) -> Paper:
    """Keeps a design with its price as the next version of its name."""
    first = quote.choices[0]
    content = {
        "design": quote.design.model_dump(mode="json"), "model": first.model, "prices_of": quote.day,
        "per_request": first.per_request, "requests_per_month": first.requests_per_month,
        "month": [first.first.low, first.first.expected, first.first.high], "days_per_month": quote.days_per_month,
    }  # fmt: skip
    return drawer.keep("estimate", name, content, user)


def listed(drawer: Drawer) -> Report:
    """Every version of every estimate."""
    columns = (
        dimension("name"), metric("version", "count"), time("saved_at"), dimension("user"), dimension("model"),
        metric("month_low", "USD"), metric("month_expected", "USD"), metric("month_high", "USD"),
    )  # fmt: skip
    rows = tuple(
        (p.name, p.version, p.at.replace(tzinfo=None), p.user, p.content["model"], *map(Decimal, p.content["month"]))
        for p in drawer.versions("estimate")
    )
    names = len({row[0] for row in rows})
    return Report(columns, rows, (f"{names} estimates in {len(rows)} versions.",))


@dataclass(frozen=True)
class Actual:
    """What came of an estimate over the days [first, last] with usage: a day's requests, a request's tokens, USD."""

    first: date
    last: date
    requests_per_day: Decimal
    input_tokens: Decimal
    output_tokens: Decimal
    cached: Decimal
    batch: Decimal
    per_request: Decimal | None
    month: Decimal | None


def actual(books: Books, drawer: Drawer, name: str, since: date | None = None) -> Report:
    """A saved estimate against the token usage of its application and models since its day. Raises Refused."""
    paper = drawer.newest("estimate", name)
    if paper is None:
        known = sorted({p.name for p in drawer.versions("estimate")})
        raise Clarify(f"No estimate is saved as “{name}”. Which one is meant?", tuple(known))
    design = pricing.design_of(paper.content["design"])
    start = since or paper.at.date()
    end = books.needs(USAGE).catalog.days[USAGE].last + timedelta(days=1)
    usage = usage_of(books, start, end, _filters(design, str(paper.content["model"])))
    if not usage:
        what = f"of {design.application} " if design.application else ""
        raise Refused(f"No usage {what}on {paper.content['model']} is loaded since {start}.")
    return _compared(paper, design, _actual(usage, Decimal(str(paper.content["days_per_month"]))))


def _filters(design: Design, model: str) -> list[Filter]:
    models = {one.model or model for one in design.workloads}
    filters = [Filter(dimension="model", values=tuple(sorted(models)))]
    for name in ("application", "team"):
        value = getattr(design, name)
        if value:
            filters.append(Filter(dimension=name, values=(value,)))
    return filters


def _actual(usage: Sequence[Usage], days_per_month: Decimal) -> Actual:
    first, last = min(one.day for one in usage), max(one.day for one in usage)
    days = (last - first).days + 1

    def total(field: str, only: Sequence[Usage] = usage) -> Decimal:
        return sum((getattr(one, field) for one in only), Decimal(0))

    requests, read = total("requests") or Decimal(1), total("input") or Decimal(1)
    paid = None if any(one.cost is None for one in usage) else total("cost")
    return Actual(
        first, last,
        requests_per_day=requests / days,
        input_tokens=total("input") / requests,
        output_tokens=total("output") / requests,
        cached=total("cached") / read,
        batch=total("requests", [one for one in usage if one.batch]) / requests,
        per_request=None if paid is None else paid / requests,
        month=None if paid is None else paid / days * days_per_month,
    )  # fmt: skip


def _compared(paper: Paper, design: Design, real: Actual) -> Report:
    sent = [(w, w.requests_per_day * (1 + w.retries)) for w in design.workloads]
    requests = sum((times for _, times in sent), Decimal(0))

    def mean(field: str) -> Decimal:
        total = sum((times * getattr(w, field) for w, times in sent), Decimal(0))
        return total / requests if requests else Decimal(0)

    low, expected, high = map(Decimal, paper.content["month"])
    per_request = paper.content["per_request"]
    reads = sum((times * w.input_tokens * w.cached for w, times in sent), Decimal(0))
    cached = reads / (mean("input_tokens") * requests) if mean("input_tokens") else Decimal(0)
    pairs = (
        ("requests a day", "count", requests, real.requests_per_day),
        ("input tokens of a request", "tokens", mean("input_tokens"), real.input_tokens),
        ("output tokens of a request", "tokens", mean("output_tokens"), real.output_tokens),
        ("cached input, %", "percent", 100 * cached, 100 * real.cached),
        ("batch requests, %", "percent", 100 * mean("batch"), 100 * real.batch),
        ("cost of a request", "USD", None if per_request is None else Decimal(per_request), real.per_request),
        ("cost of a month", "USD", expected, real.month),
    )
    columns = (
        dimension("figure"), dimension("unit"), metric("estimate", None), metric("actual", None),
        metric("deviation", "percent"),
    )  # fmt: skip
    rows = tuple(
        (name, unit, planned, came, 100 * (came - planned) / planned if planned and came is not None else None)
        for name, unit, planned, came in pairs
    )
    told = f"{paper.name}, version {paper.version} of {_day(paper.at)}, {paper.content['model']}: "
    if real.month is None:
        told += "the usage has no price."
    else:
        place = "within" if low <= real.month <= high else "below" if real.month < low else "above"
        told += (
            f"{money(real.month, 'USD')} a month at the pace of {real.first} to {real.last}, {place} the band of "
            f"{money(low, 'USD')} to {money(high, 'USD')}; {money(expected, 'USD')} was expected."
        )
    notes = [] if design.application else ["The design names no application: all usage of its models is compared."]
    notes.append(f"{quantity((real.last - real.first).days + 1)} days of usage.")
    return Report(columns, rows, (told,), tuple(notes), extra={"name": paper.name, "version": paper.version})


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
