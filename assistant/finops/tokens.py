"""Token usage repriced on another model, and where tokens are wasted, in dollars. Pure; USD, catalogue prices.

Source: domain.md §1. Both sides of a repricing are priced from the catalogue at the day of use, so that the same model
gives the same amount; what was really paid stands beside it. Savings of the finder overlap and must not be added up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from assistant.finops.estimate import Rates

KINDS = ("uncached input", "cache read", "cache write", "output")
# (provider, model, day, batch) → prices by request size; none for a model that the catalogue lacks.
Priced = Callable[[str, str, date, bool], Sequence[Rates]]


@dataclass(frozen=True)
class Usage:
    """Tokens of one model on one day; cached and cache_write are parts of input. cost: USD as paid, None unknown."""

    provider: str
    model: str
    day: date
    batch: bool
    requests: Decimal
    input: Decimal
    cached: Decimal
    cache_write: Decimal
    output: Decimal
    cost: Decimal | None


@dataclass(frozen=True)
class Repriced:
    """The same usage on two models, USD. change: what the move would cost more; unpriced: models without a price."""

    paid: Decimal
    before: Decimal
    after: Decimal
    requests: Decimal
    unpriced: tuple[str, ...]

    @property
    def change(self) -> Decimal:
        return self.after - self.before


def reprice(usage: Iterable[Usage], provider: str, model: str, priced: Priced) -> Repriced:
    """The usage by catalogue prices on its own model and on the target; what has no price is left out of both."""
    paid = before = after = requests = Decimal(0)
    unpriced: dict[str, None] = {}
    for one in usage:
        own = cost(one, priced(one.provider, one.model, one.day, one.batch))
        other = cost(one, priced(provider, model, one.day, one.batch))
        if own is None or other is None:
            unpriced[one.model if own is None else model] = None
            continue
        paid, before, after = paid + (one.cost or 0), before + own, after + other
        requests += one.requests
    return Repriced(paid, before, after, requests, tuple(unpriced))


def cost(one: Usage, spans: Sequence[Rates]) -> Decimal | None:
    """USD by the catalogue. None without a price."""
    kinds = cost_by_kind(one, spans)
    return None if kinds is None else sum(kinds.values(), Decimal(0))


def by_kind(one: Usage) -> dict[str, Decimal]:
    """Tokens of each kind; the kinds are disjoint, and together input and output."""
    counts = (one.input - one.cached - one.cache_write, one.cached, one.cache_write, one.output)
    return dict(zip(KINDS, counts, strict=True))


def cost_by_kind(one: Usage, spans: Sequence[Rates]) -> dict[str, Decimal] | None:
    """USD of each kind by the catalogue: the average request's size chooses the price. None without one."""
    size = one.input / max(one.requests, Decimal(1))
    rate = next((r for r in spans if r.above < size <= r.upto), None)
    if rate is None:
        return None
    prices = dict(zip(KINDS, (rate.input, rate.read, rate.write, rate.output), strict=True))
    return {kind: count * prices[kind] for kind, count in by_kind(one).items()}


# --- waste -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Habit:
    """How one application uses one model over a period: its sums, priced at the period's last day.

    earlier, later: input tokens and requests in the first and the second half of the period.
    """

    usage: Usage
    application: str | None
    team: str | None
    purpose: str | None
    earlier: tuple[Decimal, Decimal]
    later: tuple[Decimal, Decimal]


@dataclass(frozen=True)
class Limits:
    """What counts as waste; schemas/finops.yaml explains each."""

    offline: frozenset[str]
    cached: Decimal
    least_cached_tokens: Decimal
    short_output: Decimal
    growth: Decimal
    least_usd: Decimal


@dataclass(frozen=True)
class Finding:
    """One habit that costs more than it must: what, why in words, and the saving in USD over the period."""

    kind: str
    habit: Habit
    saving: Decimal
    why: str


def waste(
    habits: Iterable[Habit], limits: Limits, priced: Priced, smaller: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """Findings by saving, largest first. smaller: for a model, models of the same maker that could replace it."""
    found = [finding for habit in habits for finding in _findings(habit, limits, priced, smaller)]
    return sorted((f for f in found if f.saving >= limits.least_usd), key=lambda f: -f.saving)


def _findings(habit: Habit, limits: Limits, priced: Priced, smaller: Mapping[str, Sequence[str]]) -> Iterable[Finding]:
    one = habit.usage
    spans = priced(one.provider, one.model, one.day, one.batch)
    now = cost(one, spans)
    if now is None or not one.requests or not one.input:
        return
    size = one.input / one.requests
    rate = next(r for r in spans if r.above < one.input / max(one.requests, Decimal(1)) <= r.upto)
    hits = one.cached / one.input
    if hits < limits.cached and size >= limits.least_cached_tokens and rate.read < rate.input:
        saving = (limits.cached - hits) * one.input * (rate.input - rate.read)
        why = f"{hits:.0%} of {size:,.0f} input tokens per request come from the cache; {limits.cached:.0%} is usual"
        yield Finding("low cache hit", habit, saving, why)
    if not one.batch and (habit.purpose or "").casefold() in limits.offline:
        batched = cost(one, priced(one.provider, one.model, one.day, True))
        if batched is not None:
            yield Finding("no batch", habit, now - batched, f"{habit.purpose} waits for nobody and can run as a batch")
    length = one.output / one.requests
    if 0 < length < limits.short_output:
        others = {
            name: cost(one, priced(one.provider, name, one.day, one.batch)) for name in smaller.get(one.model, ())
        }
        cheaper = {name: usd for name, usd in others.items() if usd is not None and usd < now}
        if cheaper:
            name = max(cheaper, key=lambda n: cheaper[n])
            why = f"answers of {length:,.0f} tokens may not need this model; {name} is the next cheaper one"
            yield Finding("oversized model", habit, now - cheaper[name], why)
    (tokens, requests), (more, later) = habit.earlier, habit.later
    if tokens and requests and later and more / later > limits.growth * (tokens / requests):
        excess = (more / later - tokens / requests) * later
        paid = (1 - hits) * rate.input + hits * rate.read
        why = f"input per request grew from {tokens / requests:,.0f} to {more / later:,.0f} tokens"
        yield Finding("context growth", habit, excess * paid, why)
