"""Cost of a unit of work over time, and what a change of it is made of. Pure; costs in one currency.

Source: domain.md §5 and §6. average = cost ÷ volume; marginal = Δcost ÷ Δvolume; between a baseline and after:
volume effect = (Q1 − Q0)·p0, rate effect = (p1 − p0)·Q1, and both together are C1 − C0 exactly. The cost avoided
is measured against the counterfactual Q1·p0. Means over several months are per month.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from assistant.errors import Refused

DIGITS = 50
PLACES = Decimal("1e-12")


@dataclass(frozen=True)
class Month:
    """One month's cost and volume; either may be missing."""

    month: date
    cost: Decimal | None
    volume: Decimal | None


@dataclass(frozen=True)
class UnitCost:
    """cost in the currency, volume in units of work, average and marginal in currency per unit.

    marginal: the cost of each unit more than in the month before; None where the volume did not change.
    """

    month: date
    cost: Decimal
    volume: Decimal
    average: Decimal | None
    marginal: Decimal | None


@dataclass(frozen=True)
class Comparison:
    """Baseline against after, in currency per month; payback in months."""

    baseline: UnitCost
    after: UnitCost
    change: Decimal
    volume_effect: Decimal
    rate_effect: Decimal
    counterfactual: Decimal
    avoided: Decimal
    marginal: Decimal | None
    investment: Decimal | None = None
    payback_months: Decimal | None = None


def series(months: Sequence[Month]) -> tuple[list[UnitCost], list[str]]:
    """The months that have both cost and volume, ascending, and a note for each of the others.

    Raises Refused for a negative volume.
    """
    found: list[UnitCost] = []
    notes: list[str] = []
    for one in sorted(months, key=lambda m: m.month):
        if one.volume is not None and one.volume < 0:
            raise Refused(f"The volume of {one.month:%b %Y} is {one.volume}; a volume can't be below zero.")
        if one.cost is None or one.volume is None:
            missing = "no volume" if one.volume is None else "no cost"
            notes.append(f"{one.month:%b %Y} has {missing} and is left out.")
            continue
        before = found[-1] if found else None
        marginal = _ratio(one.cost - before.cost, one.volume - before.volume) if before else None
        found.append(UnitCost(one.month, one.cost, one.volume, _ratio(one.cost, one.volume), marginal))
    return found, notes


def mean(months: Sequence[UnitCost]) -> UnitCost:
    """The mean month of several: mean cost, mean volume, and the average over all their units."""
    if not months:
        raise Refused("There is no month with both cost and volume to compare.")
    cost = _ratio(sum((m.cost for m in months), Decimal(0)), Decimal(len(months))) or Decimal(0)
    volume = _ratio(sum((m.volume for m in months), Decimal(0)), Decimal(len(months))) or Decimal(0)
    return UnitCost(months[0].month, cost, volume, _ratio(cost, volume), None)


def compare(baseline: UnitCost, after: UnitCost, investment: Decimal | None = None) -> Comparison:
    """What the change of cost is made of, and in how many months the avoided cost pays an investment back.

    Raises Refused for a baseline without volume: there is no unit cost to compare with.
    """
    if baseline.average is None:
        raise Refused(f"The baseline {baseline.month:%b %Y} has no volume, so it has no cost per unit to compare with.")
    if investment is not None and investment < 0:
        raise Refused("The investment is below zero.")
    with localcontext(prec=DIGITS):
        change = after.cost - baseline.cost
        exact = (after.volume - baseline.volume) * baseline.cost / baseline.volume
        # To a fixed number of places, so that both effects together are the change and not nearly it.
        volume_effect = exact.quantize(PLACES)
        rate_effect = change - volume_effect
        avoided = -rate_effect
    return Comparison(
        baseline,
        after,
        change=change,
        volume_effect=volume_effect,
        rate_effect=rate_effect,
        counterfactual=baseline.cost + volume_effect,
        avoided=avoided,
        marginal=_ratio(change, after.volume - baseline.volume),
        investment=investment,
        payback_months=_ratio(investment, avoided) if investment is not None and avoided > 0 else None,
    )


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    with localcontext(prec=DIGITS):
        return part / whole if whole else None
