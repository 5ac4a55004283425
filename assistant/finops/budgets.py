"""Budgets of a period against what was spent and what is forecast: pace, run-out day, which are at risk and why. Pure.

Source: domain.md §8. pace = part of the budget that is used ÷ part of the period that is over: above 1 it is used
faster than the days go. The run-out day is the first on which what is spent and forecast reaches the budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from assistant.finops.forecast import Daily, Forecast, money

State = Literal["over", "will exceed", "at risk", "on track", "unknown"]
PERCENT = Decimal("0.1")


@dataclass(frozen=True)
class Budget:
    """amount: for the days of [start, end), in one currency. value None: of everything."""

    dimension: str
    value: str | None
    start: date
    end: date
    amount: Decimal


@dataclass(frozen=True)
class Status:
    """Amounts in the budget's currency; None where there is no forecast. over: projected less the budget."""

    budget: Budget
    used: Decimal
    used_percent: Decimal | None
    pace: Decimal | None
    projected: Decimal | None
    low: Decimal | None
    high: Decimal | None
    over: Decimal | None
    run_out: date | None
    state: State
    why: str


def status(budget: Budget, daily: Daily, forecast: Forecast | None, reason: str = "") -> Status:
    """forecast None: the period is over, or can't be forecast for this reason."""
    used = money(daily.total(budget.start, budget.end))
    part = used / budget.amount if budget.amount > 0 else None
    elapsed = Decimal((min(daily.last, budget.end) - budget.start).days + 1) / (budget.end - budget.start).days
    whole = daily.last >= budget.end or elapsed >= 1
    projected = forecast.expected if forecast else used if whole else None
    low, high = (forecast.low, forecast.high) if forecast else (None, None)
    over = projected - budget.amount if projected is not None else None
    state = _state(budget.amount, used, projected, low, high)
    return Status(
        budget, used,
        None if part is None else (100 * part).quantize(PERCENT),
        None if part is None or elapsed <= 0 else (part / elapsed).quantize(Decimal("0.01")),
        projected, low, high, over, run_out(budget, daily, forecast), state,
        _why(budget, used, forecast, state, over, daily) or reason,
    )  # fmt: skip


def run_out(budget: Budget, daily: Daily, forecast: Forecast | None) -> date | None:
    """The first day on which the sum of the days reaches the budget; None when it does not."""
    total = Decimal(0)
    for n in range((budget.end - budget.start).days):
        day = date.fromordinal(budget.start.toordinal() + n)
        if day > daily.last:
            break
        total += money(daily.total(day, date.fromordinal(day.toordinal() + 1)))
        if total >= budget.amount:
            return day
    for day, amount in forecast.days if forecast else ():
        total += amount
        if total >= budget.amount:
            return day
    return None


def _state(
    amount: Decimal, used: Decimal, projected: Decimal | None, low: Decimal | None, high: Decimal | None
) -> State:
    if used > amount:
        return "over"
    if projected is None:
        return "unknown"
    if projected > amount:
        return "will exceed" if low is None or low > amount else "at risk"
    return "at risk" if high is not None and high > amount else "on track"


def _why(
    budget: Budget, used: Decimal, forecast: Forecast | None, state: State, over: Decimal | None, daily: Daily
) -> str:
    if forecast is None or not forecast.days or over is None:
        return f"The period is over, {abs(over):,} {'over' if over > 0 else 'left'}." if over is not None else ""
    togo = len(forecast.days)
    rate = (sum((a for _, a in forecast.days), Decimal(0)) / togo).quantize(Decimal("0.01"))
    allowed = ((budget.amount - used) / togo).quantize(Decimal("0.01"))
    if state == "over":
        return f"{used - budget.amount:,} over already, and {rate:,} a day to come for {togo} days."
    if state == "on track":
        return f"{rate:,} a day to come for {togo} days; {allowed:,} a day are left."
    trend = f", with a trend of {forecast.trend_percent:+} % a month" if abs(forecast.trend_percent) >= 1 else ""
    fees = f", {forecast.fees:,} of it fees" if forecast.fees > 0 else ""
    return f"{rate:,} a day to come for {togo} days{fees}{trend}; only {allowed:,} a day are left."
