"""Why a cost changed: a bridge from before to after whose steps sum to the change exactly. Pure; one currency.

Source: domain.md §6. Items that share one unit: volume (Q1 − Q0)·s0·p0, mix Q1·(s1 − s0)·p0, rate (p1 − p0)·q1.
Across unlike units there is no mix, and each item's volume and rate are valued at the mean of both periods
(exact and order-free). New, gone and everything that is no usage (tax, credits, purchases, …) are steps of their own.

The number of days is taken out of the volume: q = days × quantity a day. The rate is taken apart in FOCUS' own order,
list price → contracted price → what is paid: (L1−L0)·a0·b0, L1·(a1−a0)·b0, L1·a1·(b1−b0), where a is contracted ÷
list and b paid ÷ contracted. Of each item's parts all but the largest are rounded, far behind the cent, and the largest
is the difference, so nothing is left over. Knows neither where items come from nor how a bridge is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from enum import StrEnum

from assistant.errors import Refused

DIGITS = 80
PLACES = Decimal("1e-12")
ZERO = Decimal(0)


class Cause(StrEnum):
    """What a step is due to, in the order in which a bridge tells them."""

    DAYS = "days in the period"
    USAGE = "usage"
    MIX = "mix"
    GROWN = "grown"
    SHRUNK = "shrunk"
    NEW = "new"
    GONE = "gone"
    WITHIN = "rates within groups"
    BETWEEN = "mix between groups"
    BESIDE = "outside the denominator"
    VOLUME = "volume"
    LIST_PRICE = "list prices"
    NEGOTIATED = "negotiated discounts"
    COMMITMENT = "commitment discounts"
    RATE = "rates"
    UNUSED = "unused commitments"
    PURCHASE = "purchases"
    CREDIT = "credits"
    CORRECTION = "refunds and corrections"
    TAX = "tax"
    ADJUSTMENT = "adjustments"
    CURRENCY = "exchange rates"


RATES = (Cause.LIST_PRICE, Cause.NEGOTIATED, Cause.COMMITMENT, Cause.RATE)


@dataclass(frozen=True)
class Side:
    """One item in one period.

    cost, listed (at list prices) and contracted (at negotiated ones) in the item's currency, quantity in its unit.
    reported: cost in the currency that the bridge is told in, for both sides or, where it is the item's own, for none.
    """

    cost: Decimal
    quantity: Decimal | None = None
    listed: Decimal | None = None
    contracted: Decimal | None = None
    reported: Decimal | None = None


@dataclass(frozen=True)
class Item:
    """What is bought, down a hierarchy such as provider → service → SKU → team, and who answers for it.

    before, after: None where there is nothing of it in that period.
    cause: USAGE is explained by quantity and price; anything else is a step as a whole.
    daily: whether a longer period has more of it; fees by the month have not.
    """

    key: tuple[str | None, ...]
    before: Side | None
    after: Side | None
    unit: str | None = None
    owner: str | None = None
    cause: Cause = Cause.USAGE
    daily: bool = True


@dataclass(frozen=True)
class Part:
    """What one item adds to one step."""

    key: tuple[str | None, ...]
    owner: str | None
    amount: Decimal


@dataclass(frozen=True)
class Step:
    """amount = increases + decreases, which is not above zero; parts are never zero."""

    cause: Cause
    amount: Decimal
    increases: Decimal
    decreases: Decimal
    parts: tuple[Part, ...]

    @property
    def hides(self) -> bool:
        """Whether pluses and minuses hide each other: the net is less than half of the gross move."""
        return abs(self.amount) * 2 < self.increases - self.decreases


@dataclass(frozen=True)
class Bridge:
    """before + the sum of the steps = after, exactly. Amounts in one currency; steps in the order of Cause."""

    before: Decimal
    after: Decimal
    steps: tuple[Step, ...]

    @property
    def change(self) -> Decimal:
        with localcontext(prec=DIGITS):
            return self.after - self.before

    def step(self, cause: Cause) -> Decimal:
        """The amount of a step, zero where there is none."""
        return next((s.amount for s in self.steps if s.cause is cause), ZERO)

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(part for step in self.steps for part in step.parts)


def bridge(items: Sequence[Item], days_before: int, days_after: int) -> Bridge:
    """The change from before to after by cause. days: how many of each period are loaded.

    Raises Refused for a period without days.
    """
    if days_before < 1 or days_after < 1:
        raise Refused("A period of which no day is loaded can't be compared with another.")
    found: dict[Cause, list[Part]] = {}
    with localcontext(prec=DIGITS):
        own = [_at_one_exchange_rate(item) for item in items]
        split = _Split.over([item for item, _ in own], Decimal(days_before), Decimal(days_after))
        for item, exchange in own:
            for cause, amount in (*split.parts(item), (Cause.CURRENCY, exchange)):
                if amount:
                    found.setdefault(cause, []).append(Part(item.key, item.owner, amount))
        return Bridge(
            before=sum((_told(item.before) for item in items), ZERO),
            after=sum((_told(item.after) for item in items), ZERO),
            steps=steps(found),
        )


def steps(parts: Mapping[Cause, Sequence[Part]]) -> tuple[Step, ...]:
    """The steps of a bridge, in the order of Cause."""
    return tuple(_step(cause, parts[cause]) for cause in Cause if cause in parts)


def _told(side: Side | None) -> Decimal:
    if side is None:
        return ZERO
    return side.cost if side.reported is None else side.reported


def _step(cause: Cause, parts: Sequence[Part]) -> Step:
    ups = sum((p.amount for p in parts if p.amount > 0), ZERO)
    downs = sum((p.amount for p in parts if p.amount < 0), ZERO)
    return Step(cause, ups + downs, ups, downs, tuple(parts))


def _at_one_exchange_rate(item: Item) -> tuple[Item, Decimal]:
    """The item in the reported currency at the mean of its two exchange rates, and what their move makes."""
    sides = [side for side in (item.before, item.after) if side and side.reported is not None]
    if not sides:
        return item, ZERO
    rates = [_told(side) / side.cost for side in sides if side.cost] or [Decimal(1)]
    moved = len(rates) > 1 and rates[0] != rates[1]
    mean = sum(rates, ZERO) / len(rates)
    same = replace(item, before=_exchanged(item.before, mean, moved), after=_exchanged(item.after, mean, moved))
    return same, (_told(item.after) - _told(item.before)) - (_told(same.after) - _told(same.before))


def _exchanged(side: Side | None, rate: Decimal, moved: bool) -> Side | None:
    if side is None:
        return None
    listed, contracted = (None if money is None else money * rate for money in (side.listed, side.contracted))
    cost = (side.cost * rate).quantize(PLACES) if moved else _told(side)
    return Side(cost, side.quantity, listed, contracted)


# --- one item ---------------------------------------------------------------------------------------------------------

Parts = list[tuple[Cause, Decimal]]


@dataclass(frozen=True)
class _Split:
    """How items are taken apart. shared: quantity before and after over all metered items, if they share one unit."""

    days: tuple[Decimal, Decimal]
    shared: tuple[Decimal, Decimal] | None

    @classmethod
    def over(cls, items: Sequence[Item], before: Decimal, after: Decimal) -> _Split:
        metered = [(item.unit, *found) for item in items if (found := _quantities(item))]
        units = {unit for unit, _, _ in metered}
        shared = None
        if len(units) == 1 and None not in units:
            shared = sum((q0 for _, q0, _ in metered), ZERO), sum((q1 for _, _, q1 in metered), ZERO)
        return cls((before, after), shared)

    def parts(self, item: Item) -> Parts:
        """Causes and amounts, which sum to the item's change exactly."""
        before, after = item.before, item.after
        if before is None or after is None or item.cause is not Cause.USAGE:
            change = (after.cost if after else ZERO) - (before.cost if before else ZERO)
            usage = Cause.NEW if before is None else Cause.GONE
            return [(usage if item.cause is Cause.USAGE else item.cause, change)]
        quantities = _quantities(item)
        if quantities is None:
            found = self._by_cost(before.cost, after.cost, item.daily)
        else:
            found = self._by_quantity(before, after, quantities, item.daily)
        return self._exactly(found, after.cost - before.cost)

    def _by_cost(self, before: Decimal, after: Decimal, daily: bool) -> Parts:
        """Without a quantity all that can be said is what the number of days makes."""
        days = self._longer(before, after) if daily else ZERO
        rest = after - before - days
        return [(Cause.DAYS, days), (Cause.GROWN if rest > 0 else Cause.SHRUNK, rest)]

    def _by_quantity(self, before: Side, after: Side, quantities: tuple[Decimal, Decimal], daily: bool) -> Parts:
        q0, q1 = quantities
        p0, p1 = before.cost / q0, after.cost / q1
        if self.shared:
            volume = (self.shared[1] - self.shared[0]) * q0 / self.shared[0] * p0
            mix, weight = (q1 - q0) * p0 - volume, q1
            days = (self.days[1] - self.days[0]) * q0 / self.days[0] * p0
        else:
            volume, mix, weight = (q1 - q0) * (p0 + p1) / 2, ZERO, (q0 + q1) / 2
            days = self._longer(q0, q1) * (p0 + p1) / 2
        days = days if daily else ZERO
        return [
            (Cause.DAYS, days),
            (Cause.USAGE, volume - days),
            (Cause.MIX, mix),
            *((cause, amount * weight) for cause, amount in _prices(before, after, q0, q1)),
        ]

    def _longer(self, before: Decimal, after: Decimal) -> Decimal:
        """What more or fewer days make of something that comes by the day, at the mean of both daily amounts."""
        first, second = self.days
        return (second - first) * (before / first + after / second) / 2

    def _exactly(self, parts: Parts, change: Decimal) -> Parts:
        """Rounded; the largest part is the change less all others, so that a part of nothing stays nothing."""
        rounded = [(cause, amount.quantize(PLACES)) for cause, amount in parts]
        largest = max(range(len(parts)), key=lambda i: abs(parts[i][1]))
        others = sum((amount for i, (_, amount) in enumerate(rounded) if i != largest), ZERO)
        rounded[largest] = rounded[largest][0], change - others
        return rounded


def _prices(before: Side, after: Side, q0: Decimal, q1: Decimal) -> Parts:
    """The move of the price paid for one unit, by what moved it where both periods know all three prices."""
    paid0, paid1 = before.cost / q0, after.cost / q1
    amounts = (before.listed, after.listed, before.contracted, after.contracted)
    listed0, listed1, contracted0, contracted1 = (amount or ZERO for amount in amounts)
    if min(listed0, listed1, contracted0, contracted1) <= 0:
        return [(Cause.RATE, paid1 - paid0)]
    at_list = listed1 / q1 * before.cost / listed0
    negotiated = contracted1 / q1 * before.cost / contracted0
    return [
        (Cause.LIST_PRICE, at_list - paid0),
        (Cause.NEGOTIATED, negotiated - at_list),
        (Cause.COMMITMENT, paid1 - negotiated),
    ]


def _quantities(item: Item) -> tuple[Decimal, Decimal] | None:
    """Quantity before and after of usage that has one in both periods; else volume and rate can't be told apart."""
    before, after = item.before, item.after
    if item.cause is not Cause.USAGE or not (before and after and before.quantity and after.quantity):
        return None
    return (before.quantity, after.quantity) if min(before.quantity, after.quantity) > 0 else None
