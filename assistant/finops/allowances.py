"""Token allowances: used, left, pace, the day they run out. Pure; tokens, or USD for allowances in dollars.

Source: domain.md §1 "Allowances" and §8 "Burn-down": burn ratio = used share ÷ elapsed share; the run-out day is the
first day on which what was used, continued at the pace so far, reaches the allowance. Allowances reset on the 1st.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Literal

from dateutil.relativedelta import relativedelta

from assistant.errors import Refused

State = Literal["within", "will run out", "used up"]


@dataclass(frozen=True)
class Allowance:
    """What a user or team may use in a month. unit: tokens or USD. hard: use stops there; else it only warns."""

    month: date
    subject_type: str
    subject: str
    amount: Decimal
    unit: str
    hard: bool


@dataclass(frozen=True)
class Status:
    """pace: units a day so far. projected: use at the month's end at that pace. run_out None: not this month."""

    allowance: Allowance
    used: Decimal
    left: Decimal
    used_percent: Decimal | None
    pace: Decimal
    projected: Decimal
    burn_ratio: Decimal | None
    run_out: date | None
    resets: date
    state: State


def status(allowance: Allowance, used: Mapping[date, Decimal], until: date) -> Status:
    """The state at the end of day `until`, the newest day loaded of the month. Raises Refused outside the month."""
    resets = allowance.month + relativedelta(months=1)
    if not allowance.month <= until < resets:
        raise Refused(f"{until} is not in {allowance.month:%b %Y}, the month of this allowance.")
    elapsed = (until - allowance.month).days + 1
    days = (resets - allowance.month).days
    total = sum((amount for day, amount in used.items() if allowance.month <= day <= until), Decimal(0))
    pace = total / elapsed
    run_out = _run_out(allowance, used, total, pace, until, resets)
    share = total / allowance.amount if allowance.amount else None
    return Status(
        allowance,
        used=total,
        left=allowance.amount - total,
        used_percent=None if share is None else share * 100,
        pace=pace,
        projected=pace * days,
        burn_ratio=None if share is None else share * days / elapsed,
        run_out=run_out,
        resets=resets,
        state="used up" if total >= allowance.amount else "will run out" if run_out else "within",
    )


def _run_out(
    allowance: Allowance, used: Mapping[date, Decimal], total: Decimal, pace: Decimal, until: date, resets: date
) -> date | None:
    if total >= allowance.amount:
        sum_so_far = Decimal(0)
        for day in sorted(d for d in used if allowance.month <= d <= until):
            sum_so_far += used[day]
            if sum_so_far >= allowance.amount:
                return day
        return allowance.month
    if pace <= 0:
        return None
    day = until + timedelta(days=int(((allowance.amount - total) / pace).to_integral_value(ROUND_CEILING)))
    return day if day < resets else None
