"""`askcost estimate` and its like: draws what surfaces/pricing.py calculates. Exit code 1 means over a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import Refused
from assistant.finops.estimate import Band, Design
from assistant.surfaces import pricing
from assistant.surfaces.cli.economics import Report, dimension, metric, show
from assistant.telling.figures import money, quantity

OVER_LIMIT = 1


def estimate(config: Config, design: Design, day: date, budget: str | None, user: str | None, shape: str) -> int:
    """Prices a design. Exit code 1 when its first choice is over the limit or the budget."""
    used: list[str] = []
    assistant = None
    if config.warehouse.exists():
        assistant = Assistant(config, surface="cli")
        used = pricing.models_used(assistant, user)
    held = None
    if budget:
        if assistant is None:
            raise Refused(f"There is no warehouse at {config.warehouse}, so no budget to compare with.")
        held = pricing.budget_of(assistant, budget, day, user)
    quote = pricing.quote(design, day, config.schemas, used)
    first = quote.choices[0]
    over_budget = held is not None and first.first.expected > held[1]
    fleet: list[pricing.OwnGpus] = []
    if design.gpu_tokens_per_second is not None:
        if assistant is None:
            raise Refused(f"There is no warehouse at {config.warehouse}, so no fleet to compare with.")
        fleet = pricing.own_gpus(assistant, first, design.gpu_tokens_per_second, user)
    show(_quoted(quote, held, over_budget, fleet), shape)
    return OVER_LIMIT if quote.over_limit or over_budget else 0


def _quoted(
    quote: pricing.Quote, held: tuple[str, Decimal] | None, over_budget: bool, fleet: Sequence[pricing.OwnGpus]
) -> Report:
    first, design = quote.choices[0], quote.design
    bands = ("low", "expected", "high")
    columns = (
        *(dimension("model"), dimension("role"), metric("per_request", "USD per request")),
        *(metric(f"{of}_{n}", "USD") for of in ("month", "last_month", "total") for n in bands),
    )
    rows = tuple(
        (one.model, role, one.per_request, *_three(one.first), *_three(one.last), *_three(one.total))
        for role, several in (("asked", quote.choices), ("alternative", quote.alternatives))
        for one in several
    )
    sentences = [
        f"{design.name} on {first.model}: {money(first.first.expected, 'USD')} a month expected "
        f"({money(first.first.low, 'USD')} to {money(first.first.high, 'USD')}), "
        f"{quantity(first.requests_per_month)} requests."
    ]
    if design.growth:
        sentences.append(f"In month {design.months} with growth: {money(first.last.expected, 'USD')}.")
    if design.limit_usd_per_month is not None:
        verdict = "over" if quote.over_limit else "within"
        sentences.append(
            f"{money(first.peak.expected, 'USD')} in its dearest month is {verdict} the limit of "
            f"{money(design.limit_usd_per_month, 'USD')} a month."
        )
    if held:
        sentences.append(
            f"That is {quantity(round(100 * first.first.expected / held[1], 1)) if held[1] else '–'}% of the budget "
            f"of {held[0]}, {money(held[1], 'USD')} a month{': over it' if over_budget else ''}."
        )
    if quote.energy_kwh and quote.carbon_kg:
        kwh, kg = ([quantity(round(v, 1)) for v in pair] for pair in (quote.energy_kwh, quote.carbon_kg))
        sentences.append(f"An estimate of its energy: {kwh[0]} to {kwh[1]} kWh and {kg[0]} to {kg[1]} kgCO2e a month.")
    sentences += [_against(one, first.tokens_per_month) for one in fleet]
    wide = {f"total_{n}" for n in bands} | {"last_month_low", "last_month_high"}
    wide |= set() if design.growth else {"last_month_expected"}
    extra = {
        "design": design.model_dump(mode="python"), "prices_of": quote.day, "days_per_month": quote.days_per_month,
        "over_limit": quote.over_limit, "budget": {"of": held[0], "amount_usd": held[1]} if held else None,
        "over_budget": over_budget if held else None, "energy_kwh": quote.energy_kwh, "carbon_kgco2e": quote.carbon_kg,
        "own_gpus": [asdict(one) for one in fleet],
    }  # fmt: skip
    return Report(columns, rows, tuple(sentences), quote.notes, frozenset(wide), extra)


def _against(one: pricing.OwnGpus, needed: Decimal) -> str:
    """The fleet's cost does not shrink with its load, so what counts is whether the load fills it."""
    even, percent = one.break_even, quantity(round(100 * one.break_even.utilisation, 1))
    text = f"Own GPUs ({one.cluster}, {money(one.usd_per_month, 'USD')} in {one.month:%b %Y}) cost the same as the API "
    text += f"at {quantity(round(even.tokens_per_month / 10**6))} million tokens a month, {percent}% of what they serve"
    return f"{text}; this design has {quantity(round(needed / 10**6))} million."


def _three(band: Band) -> tuple[Decimal, Decimal, Decimal]:
    return band.low, band.expected, band.high


def what_if(
    config: Config,
    source: str,
    target: str,
    month: date | None,
    where: Mapping[str, str],
    user: str | None,
    shape: str,
) -> int:
    """What one month's usage of a model would have cost on another."""
    start, found, notes = pricing.move(Assistant(config, surface="cli"), source, target, month, where, user)
    columns = (dimension("model"), metric("catalogue_cost", "USD"), metric("requests", "count"))
    rows = ((source, found.before, found.requests), (target, found.after, found.requests))
    saved = f"{money(abs(found.change), 'USD')} {'less' if found.change <= 0 else 'more'}"
    sentence = f"The usage of {start:%b %Y} would cost {saved} on {target}; {money(found.paid, 'USD')} was paid."
    notes = [*notes, "Catalogue prices at the day of use; the same tokens, which another model may count differently."]
    notes += [f"{model} has no price on some days, which are left out." for model in found.unpriced]
    extra = {"month": start, "paid": found.paid, "change": found.change}
    show(Report(columns, rows, (sentence,), tuple(notes), extra=extra), shape)
    return 0


def waste(config: Config, month: date | None, user: str | None, shape: str) -> int:
    """Habits that cost more than they must, by saving."""
    start, found, notes = pricing.waste(Assistant(config, surface="cli"), month, user)
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
    show(Report(columns, rows, (sentence,), tuple(notes), extra={"month": start}), shape)
    return 0


def allowances(config: Config, month: date | None, user: str | None, shape: str) -> int:
    """Allowances of a month: used, left, pace and the day they run out."""
    found = pricing.allowances_of(Assistant(config, surface="cli"), month, user)
    columns = (
        dimension("subject_type"), dimension("subject"), dimension("unit"), metric("allowance", None),
        metric("used", None), metric("left", None), metric("used_percent", "percent"), metric("pace_per_day", None),
        metric("projected", None), metric("burn_ratio", None), dimension("run_out"), dimension("resets"),
        dimension("hard"), dimension("state"),
    )  # fmt: skip
    rows = tuple(
        (
            s.allowance.subject_type, s.allowance.subject, s.allowance.unit, s.allowance.amount, s.used, s.left,
            s.used_percent, s.pace, s.projected, s.burn_ratio, s.run_out, s.resets, s.allowance.hard, s.state,
        )
        for s in found
    )  # fmt: skip
    wide = frozenset({"pace_per_day", "projected", "burn_ratio", "resets", "hard"})
    show(
        Report(columns, rows, (f"Allowances of {found[0].allowance.month:%b %Y}.",) if found else (), wide=wide), shape
    )
    return 0


def price_asked(values: Mapping[str, Any]) -> Design:
    """A design of one workload from the command line's values. Raises Refused naming the wrong ones."""
    design = {k: values[k] for k in _DESIGN if values.get(k) is not None}
    workload = {k: v for k, v in values.items() if k not in design and v is not None and k in _WORKLOAD}
    return pricing.design_of({**design, "workloads": [workload]})


_DESIGN = ("models", "growth", "months", "limit_usd_per_month", "gpu_tokens_per_second")
_WORKLOAD = ("requests_per_day", "input_tokens", "output_tokens", "cached", "cache_write", "batch", "retries")


def part(text: str) -> Decimal:
    """`60%` and `0.6` are the same part of one. Raises ValueError for anything else, 60 included."""
    try:
        number = Decimal(text.rstrip("% ")) / (100 if text.rstrip().endswith("%") else 1)
    except InvalidOperation:
        raise ValueError(f"{text} is no number; write 60% or 0.6.") from None
    if not 0 <= number <= 1:
        raise ValueError(f"{text} is not a part of one; write 60% or 0.6.")
    return number
