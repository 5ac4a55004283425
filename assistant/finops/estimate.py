"""What a model workload will cost before it runs: per request, per month as a band, over its first months. Pure.

Source: domain.md §1. cost = Σ tokens × price over disjoint kinds (uncached input, cache reads, cache writes, output);
long-context prices are a cliff: the size of the whole input chooses the price of all of it. Every figure here is an
estimate, and USD.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pydantic import Field, model_validator

from assistant.errors import Refused
from assistant.values import Frozen


class Workload(Frozen):
    """One kind of request. Tokens are per request; `cached`, `cache_write`, `batch` and `retries` are parts of one.

    cached: part of the input read from the cache; cache_write: part written to it; retries: repeated requests.
    """

    name: str = "requests"
    model: str | None = None
    requests_per_day: Decimal = Field(ge=0)
    input_tokens: Decimal = Field(ge=0)
    output_tokens: Decimal = Field(ge=0)
    cached: Decimal = Field(Decimal(0), ge=0, le=1)
    cache_write: Decimal = Field(Decimal(0), ge=0, le=1)
    batch: Decimal = Field(Decimal(0), ge=0, le=1)
    retries: Decimal = Field(Decimal(0), ge=0)

    @model_validator(mode="after")
    def _disjoint(self) -> Workload:
        if self.cached + self.cache_write > 1:
            raise ValueError("cached and cache_write are parts of the input; together they are more than all of it")
        return self


class Design(Frozen):
    """A whole design: its workloads, the models to compare, growth of requests a month, a limit in USD a month.

    gpu_tokens_per_second: what one own GPU would serve; given, the design is set against the loaded fleet.
    application, team: whose token usage it will be, to be compared with later.
    """

    name: str = "design"
    models: tuple[str, ...] = ()
    workloads: tuple[Workload, ...] = Field(min_length=1)
    growth: Decimal = Field(Decimal(0), gt=-1)
    months: int = Field(12, ge=1, le=120)
    limit_usd_per_month: Decimal | None = Field(None, ge=0)
    gpu_tokens_per_second: Decimal | None = Field(None, gt=0)
    application: str | None = None
    team: str | None = None


@dataclass(frozen=True)
class Rates:
    """USD per token for requests with more than `above` and at most `upto` input tokens."""

    above: int
    upto: int
    input: Decimal
    read: Decimal
    write: Decimal
    output: Decimal


@dataclass(frozen=True)
class ModelRates:
    """A model's prices, standard and batch, each in spans of request sizes."""

    model: str
    provider: str
    standard: tuple[Rates, ...]
    batch: tuple[Rates, ...]


@dataclass(frozen=True)
class Band:
    low: Decimal
    expected: Decimal
    high: Decimal


@dataclass(frozen=True)
class Spread:
    """How far the band reaches: parts of requests and output tokens, points of the cached part."""

    requests: Decimal
    output_tokens: Decimal
    cached: Decimal


@dataclass(frozen=True)
class Estimate:
    """One choice of model for the whole design, in USD. first, last: the first and last month."""

    model: str
    per_request: Decimal | None
    requests_per_month: Decimal
    tokens_per_month: Decimal
    output_tokens_per_month: Decimal
    first: Band
    last: Band
    total: Band
    over_limit: bool | None = None

    @property
    def peak(self) -> Band:
        return max(self.first, self.last, key=lambda band: band.expected)


def per_request(one: Workload, rates: ModelRates) -> Decimal:
    """USD of one request, retries included."""
    total = Decimal(0)
    for part, spans in ((1 - one.batch, rates.standard), (one.batch, rates.batch)):
        if part:
            total += part * _priced(one, _span(spans, one.input_tokens, rates.model))
    return total * (1 + one.retries)


def _priced(one: Workload, rate: Rates) -> Decimal:
    plain = 1 - one.cached - one.cache_write
    price = plain * rate.input + one.cached * rate.read + one.cache_write * rate.write
    return one.input_tokens * price + one.output_tokens * rate.output


def _span(spans: Sequence[Rates], tokens: Decimal, model: str) -> Rates:
    for rates in spans:
        if rates.above < tokens <= rates.upto:
            return rates
    raise Refused(f"The price catalogue has no price for {model} with {tokens:,f} input tokens.")


def price(
    design: Design, rates: Mapping[str, ModelRates], model: str | None, spread: Spread, days_per_month: Decimal
) -> Estimate:
    """The design on one model; a workload that names a model of its own keeps it."""
    monthly = {
        name: sum((_month(one, rates[_of(one, model)], days_per_month) for one in workloads), Decimal(0))
        for name, workloads in _scenarios(design, spread).items()
    }
    first = Band(**monthly)
    factors = [(1 + design.growth) ** month for month in range(design.months)]
    requests = sum((one.requests_per_day for one in design.workloads), Decimal(0)) * days_per_month
    sent = [(one, one.requests_per_day * (1 + one.retries)) for one in design.workloads]
    output = sum((times * one.output_tokens for one, times in sent), Decimal(0))
    everything = output + sum((times * one.input_tokens for one, times in sent), Decimal(0))
    last = _scaled(first, factors[-1])
    limit = design.limit_usd_per_month
    return Estimate(
        model or ", ".join(dict.fromkeys(_of(one, model) for one in design.workloads)),
        per_request=first.expected / requests if requests else None,
        requests_per_month=requests,
        tokens_per_month=everything * days_per_month,
        output_tokens_per_month=output * days_per_month,
        first=first,
        last=last,
        total=_scaled(first, sum(factors, Decimal(0))),
        over_limit=None if limit is None else max(first.expected, last.expected) > limit,
    )


def _of(one: Workload, model: str | None) -> str:
    chosen = one.model or model
    if chosen is None:
        raise Refused(f"The workload “{one.name}” names no model; give one with `model:` or --model.")
    return chosen


def _month(one: Workload, rates: ModelRates, days: Decimal) -> Decimal:
    return per_request(one, rates) * one.requests_per_day * days


def _scenarios(design: Design, spread: Spread) -> dict[str, list[Workload]]:
    return {
        "low": [_varied(one, -1, spread) for one in design.workloads],
        "expected": list(design.workloads),
        "high": [_varied(one, 1, spread) for one in design.workloads],
    }


def _varied(one: Workload, sign: int, spread: Spread) -> Workload:
    """More requests, longer outputs, fewer cache reads; a workload without a cache gets none."""
    cached = one.cached - sign * spread.cached if one.cached else one.cached
    return one.model_copy(
        update={
            "requests_per_day": one.requests_per_day * (1 + sign * spread.requests),
            "output_tokens": one.output_tokens * (1 + sign * spread.output_tokens),
            "cached": min(max(cached, Decimal(0)), 1 - one.cache_write),
        }
    )


def _scaled(band: Band, factor: Decimal) -> Band:
    return Band(band.low * factor, band.expected * factor, band.high * factor)
