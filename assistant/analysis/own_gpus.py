"""API against own GPUs: where both cost the same, with a rented one beside. Formulas: finops/gpus, domain.md §2."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache

from assistant.analysis.books import Books
from assistant.analysis.pricing import assumptions, fleet_costs, model_named, spans
from assistant.analysis.report import Report, dimension, metric
from assistant.analysis.token_habits import month_of, usage_of
from assistant.errors import Clarify, Refused
from assistant.finops import tokens
from assistant.finops.gpus import HOURS_PER_MONTH, break_even
from assistant.telling.figures import money, quantity
from assistant.values import Filter, QueryPlan


def answer(plan: QueryPlan, books: Books) -> Report:
    """The plan's month and filters of token usage against the fleet; `given` brings the speed of a GPU."""
    given = dict(plan.given)
    if "gpu_tokens_per_second" not in given:
        raise Clarify(
            "How many tokens a second does one of your GPUs serve? Say for example “at 700 tokens per second”; "
            "`askcost ask` can't know it."
        )
    figures = {name: Decimal(given[name]) for name in ("gpu_tokens_per_second", "rented_usd_per_hour") if name in given}
    return report(
        books, figures["gpu_tokens_per_second"], books.one_month(plan.period), plan.filters, given.get("target"),
        figures.get("rented_usd_per_hour"),
    )  # fmt: skip


def api_price(
    books: Books, month: date | None, filters: tuple[Filter, ...], model: str | None
) -> tuple[date, Decimal, Decimal, list[str]]:
    """(month, USD per million tokens, tokens) of the filtered usage as paid; with `model` at its catalogue prices."""
    start, end, notes = month_of(books, month)
    usage = usage_of(books, start, end, filters)
    count = sum((one.input + one.output for one in usage), Decimal(0))
    if not count:
        raise Refused(f"There is no token usage in {start:%b %Y} under these filters.")
    if model is None:
        priced = [one for one in usage if one.cost is not None]
        count = sum((one.input + one.output for one in priced), Decimal(0))
        cost = sum((one.cost or Decimal(0) for one in priced), Decimal(0))
        notes.append("API price: what was paid for these tokens, cached and batched as they were.")
    else:
        maker, goal = model_named(model)
        cost = tokens.reprice(usage, maker, goal, cache(spans)).after
        notes.append(f"API price: these tokens at the catalogue's prices of {goal}.")
    if not count or not cost:
        raise Refused(f"The usage of {start:%b %Y} has no price to compare with.")
    return start, cost / count * 1_000_000, count, notes


def report(
    books: Books,
    speed: Decimal,
    month: date | None = None,
    filters: tuple[Filter, ...] = (),
    model: str | None = None,
    rent: Decimal | None = None,
) -> Report:
    """Each cluster, and the same GPUs rented, against the API. speed: tokens a second of one GPU; rent: USD an hour."""
    start, per_million, needed, notes = api_price(books, month, filters, model)
    columns = (
        dimension("option"), dimension("gpu_model"), metric("gpus", "count"), metric("cost_per_month", "USD"),
        metric("cost_per_million_at_full_use", "USD per million tokens"), metric("break_even_tokens", "tokens"),
        metric("break_even_percent", "percent"), metric("tokens_used", "tokens"), dimension("cheaper"),
    )  # fmt: skip
    rows = []
    for cluster, gpus, kind, usd in fleet_costs(books):
        rows.append(_row(f"own: {cluster}", kind, gpus, usd, speed, per_million, needed))
        hourly = rent if rent is not None else _rent(books, kind)
        if hourly is not None:
            rented = hourly * HOURS_PER_MONTH * gpus
            rows.append(_row(f"rented like {cluster}", kind, gpus, rented, speed, per_million, needed))
    if not rows:
        raise Refused("The fleet has no month with a cost to compare with.")
    own = next(row for row in rows if row[0].startswith("own"))
    even, percent = quantity(round(own[5] / 10**6)), quantity(round(own[6], 1))
    sentence = (
        f"Against an API at {money(per_million, 'USD')} per million tokens, {own[0].removeprefix('own: ')} breaks even "
        f"at {even} million tokens a month, {percent}% of what it serves; "
        f"{start:%b %Y} had {quantity(round(needed / 10**6))} million."
    )
    notes += [
        f"{quantity(speed)} tokens a second of one GPU, as said; {HOURS_PER_MONTH} hours a month.",
        "A fleet costs the same at any load; above 100% the API is cheaper at any load.",
        "Redundancy and ramp-up are not in.",
    ]
    if rent is None and any(row[0].startswith("rented") for row in rows):
        notes.append(f"Rents: {assumptions(books.schemas)['gpus']['rent_source']}.")
    return Report(columns, tuple(rows), (sentence,), tuple(notes), extra={"usd_per_million_tokens": per_million})


def _row(
    name: str, kind: str, gpus: int, usd: Decimal, speed: Decimal, per_million: Decimal, needed: Decimal
) -> tuple[str, str, int, Decimal, Decimal, Decimal, Decimal, Decimal, str]:
    even = break_even(usd, gpus, speed, per_million)
    fits = even.tokens_per_month <= needed <= even.capacity_per_month
    cheaper = "own" if fits else "API"
    if even.tokens_per_month <= even.capacity_per_month < needed:
        cheaper = "own, up to its capacity"
    if name.startswith("rented"):
        cheaper = cheaper.replace("own", "rented")
    full = usd / even.capacity_per_month * 1_000_000
    return name, kind, gpus, usd, full, even.tokens_per_month, 100 * even.utilisation, needed, cheaper


def _rent(books: Books, kind: str) -> Decimal | None:
    """USD an hour for a GPU of that kind, by the name of the chip in it."""
    listed: Mapping[str, str] = assumptions(books.schemas)["gpus"]["rent_usd_per_hour"]
    found = [usd for chip, usd in listed.items() if chip.casefold() in kind.casefold().split()]
    return Decimal(str(found[0])) if found else None
