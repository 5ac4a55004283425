"""Own GPUs: what they lose in value each month, and when they are cheaper than an API. Pure; USD.

Source: domain.md §2. Straight line on capex less salvage over the useful life from the in-service date; the first and
the last month bear their days. u* = USD per GPU-hour ÷ (tokens per second × 3,600 × API price per token).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from dateutil.relativedelta import relativedelta

from assistant.errors import Refused

HOURS_PER_MONTH = Decimal(730)


@dataclass(frozen=True)
class Asset:
    """USD; life in months from the day in service."""

    in_service: date
    capex: Decimal
    salvage: Decimal
    life_months: int


@dataclass(frozen=True)
class BreakEven:
    """tokens: a month at which the fleet costs what the API would; utilisation: the part of its capacity that needs.

    Above a utilisation of 1 the API is cheaper at any load. capacity: tokens a month at full use.
    """

    tokens_per_month: Decimal
    capacity_per_month: Decimal
    utilisation: Decimal


def depreciation(asset: Asset) -> dict[date, Decimal]:
    """Calendar month → USD; together exactly capex less salvage. Raises Refused for a life or salvage that can't be."""
    if asset.life_months < 1:
        raise Refused(f"The useful life is {asset.life_months} months; it must be one at least.")
    if not 0 <= asset.salvage <= asset.capex:
        raise Refused(f"The salvage value {asset.salvage} is not between 0 and the capex {asset.capex}.")
    whole = asset.capex - asset.salvage
    end = asset.in_service + relativedelta(months=asset.life_months)
    month, result, spent = asset.in_service.replace(day=1), dict[date, Decimal](), Decimal(0)
    while month < end:
        following = month + relativedelta(months=1)
        days = (min(following, end) - max(month, asset.in_service)).days
        part = (whole / asset.life_months * days / (following - month).days).quantize(Decimal("0.000001"))
        result[month] = part if following < end else whole - spent
        spent += result[month]
        month = following
    return result


def break_even(
    usd_per_month: Decimal, gpus: int, tokens_per_second_per_gpu: Decimal, api_usd_per_million: Decimal
) -> BreakEven:
    """Against an API at a blended price per million tokens. Raises Refused where one of them is not above 0."""
    if api_usd_per_million <= 0 or tokens_per_second_per_gpu <= 0 or gpus < 1:
        raise Refused("The API price, the tokens per second and the number of GPUs must be above 0.")
    tokens = usd_per_month / api_usd_per_million * 1_000_000
    capacity = tokens_per_second_per_gpu * 3600 * HOURS_PER_MONTH * gpus
    return BreakEven(tokens, capacity, tokens / capacity)
