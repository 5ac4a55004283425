"""Why a ratio changed (cost per token, a discount rate, a utilisation) and why a count did, as a Bridge. Pure.

A ratio R = Σn ÷ Σd over groups is Σ w·r with w = d ÷ Σd and r = n ÷ d. Of each group that has a denominator in both
periods: its own rate (r1 − r0)·(w0 + w1)/2 and the mix (w1 − w0)·((r0 + r1)/2 − R̄), exact and order-free; R̄ is the mean
of both ratios, so that a group adds to the mix only as far as it is above or below it. What starts and what stops count
as a whole against R̄. Source: domain.md §6, "Across unlike units … midpoint". A count of different things changes by
those that came and those that went. Knows neither where groups come from nor how a bridge is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from assistant.errors import Refused
from assistant.finops.variance import DIGITS, ZERO, Bridge, Cause, Part, Step, steps

DIVIDED = Decimal("1e-24")  # what a quotient is rounded to
PARTLY = Decimal("1e-21")  # what parts are: the rest is the largest one's


@dataclass(frozen=True)
class Portion:
    """One group: numerator and denominator of each period, zero where it has none."""

    key: tuple[str | None, ...]
    owner: str | None
    before: tuple[Decimal, Decimal]
    after: tuple[Decimal, Decimal]


def bridge(portions: Sequence[Portion], scale: Decimal) -> Bridge:
    """The change of scale × Σ numerator ÷ Σ denominator. Raises Refused where a denominator is nothing."""
    with localcontext(prec=DIGITS):
        n0, d0, n1, d1 = (sum((side[i] for side in sides), ZERO) for sides, i in _columns(portions))
        if not d0 or not d1:
            raise Refused("Without a denominator in both periods there is no ratio to compare.")
        before, after = ((scale * n / d).quantize(DIVIDED) for n, d in ((n0, d0), (n1, d1)))
        mean = (n0 / d0 + n1 / d1) / 2
        found: list[tuple[Cause, Portion, Decimal]] = []
        for one in portions:
            found += [(c, one, (scale * a).quantize(PARTLY)) for c, a in _parts(one, d0, d1, mean) if a]
        return Bridge(before, after, _exactly(found, after - before))


def came_and_went(portions: Sequence[Portion]) -> Bridge:
    """The change of a count: numerators are how many there were in each period."""
    parts: dict[Cause, list[Part]] = {}
    for one in portions:
        came = one.after[0] - one.before[0]
        if came:
            parts.setdefault(Cause.NEW if came > 0 else Cause.GONE, []).append(Part(one.key, one.owner, came))
    before, after = (sum((side[0] for side in sides), ZERO) for sides, _ in list(_columns(portions))[::2])
    return Bridge(before, after, steps(parts))


def divided(whole: Bridge, before: Decimal, after: Decimal) -> Bridge:
    """A bridge of amounts that one volume divides: every part at the mean of both, and what the volume makes.

    ΔC·(1/v0 + 1/v1)/2 + (1/v1 − 1/v0)·(C0 + C1)/2, exact. Raises Refused for a volume of nothing.
    """
    if before <= 0 or after <= 0:
        raise Refused("Without a volume in both periods there is no cost of one to compare.")
    with localcontext(prec=DIGITS):
        each = (1 / before + 1 / after) / 2
        first, last = (whole.before / before).quantize(DIVIDED), (whole.after / after).quantize(DIVIDED)
        found = [
            (step.cause, _at(part), (part.amount * each).quantize(PARTLY))
            for step in whole.steps
            for part in step.parts
        ]
        volume = ((1 / after - 1 / before) * (whole.before + whole.after) / 2).quantize(PARTLY)
        found.append((Cause.VOLUME, _at(Part((), None, volume)), volume))
        return Bridge(first, last, _exactly(found, last - first))


def _at(part: Part) -> Portion:
    return Portion(part.key, part.owner, (ZERO, ZERO), (ZERO, ZERO))


def _columns(portions: Sequence[Portion]) -> Sequence[tuple[list[tuple[Decimal, Decimal]], int]]:
    sides = ([one.before for one in portions], [one.after for one in portions])
    return [(side, i) for side in sides for i in (0, 1)]


def _parts(one: Portion, d0: Decimal, d1: Decimal, mean: Decimal) -> list[tuple[Cause, Decimal]]:
    (a0, b0), (a1, b1) = one.before, one.after
    w0, w1 = b0 / d0, b1 / d1
    if b0 > 0 and b1 > 0:
        r0, r1 = a0 / b0, a1 / b1
        return [(Cause.WITHIN, (r1 - r0) * (w0 + w1) / 2), (Cause.BETWEEN, (w1 - w0) * ((r0 + r1) / 2 - mean))]
    moved = (a1 / d1 - w1 * mean) - (a0 / d0 - w0 * mean)
    if b0 > 0 or b1 > 0:
        cause = Cause.NEW if not (a0 or b0) else Cause.GONE if not (a1 or b1) else Cause.BESIDE
        return [(cause, moved)]
    return [(Cause.BESIDE, moved)]


def _exactly(found: list[tuple[Cause, Portion, Decimal]], change: Decimal) -> tuple[Step, ...]:
    """Steps of the parts, the largest being the change less all others."""
    if found:
        largest = max(range(len(found)), key=lambda i: abs(found[i][2]))
        others = sum((amount for i, (_, _, amount) in enumerate(found) if i != largest), ZERO)
        cause, one, _ = found[largest]
        found[largest] = cause, one, change - others
    parts: dict[Cause, list[Part]] = {}
    for cause, one, amount in found:
        if amount:
            parts.setdefault(cause, []).append(Part(one.key, one.owner, amount))
    return steps(parts)
