"""Shared costs → the consumers that bear them, by rules. Pure: charges come in already summed by rule and key.

Source: domain.md §4 "Invariants" and contract.md §3 "People". Each charge meets the first rule that matches it.
Σ allocated + Σ unallocated = source, to the cent, for each currency of the period: amounts are exact fractions until
they are rounded together by largest remainder, pools first, then the shares of each pool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from assistant.errors import Refused

Method = Literal["direct", "proportional", "even", "fixed"]
TOLERANCE = Decimal("0.000001")


@dataclass(frozen=True)
class Rule:
    """One allocation rule in force. `key` is a dimension's name; `weights` are parts of 1, for `fixed` only.

    number: its line in the file, from 1. start, end: the charge days it holds for, [start, end), open where None.
    consumers: key values whose own charges this rule matches and no others, so that a share of theirs is its pool's.
    """

    pool: str
    method: Method
    key: str
    weights: Mapping[str, Decimal] = field(default_factory=dict)
    number: int = 0
    start: date | None = None
    end: date | None = None
    consumers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Cost:
    """Charges of one currency that met the same rule (its place, None = no rule) and have the same key values."""

    currency: str
    rule: int | None
    keys: Mapping[str, str | None]
    amount: Decimal


@dataclass(frozen=True)
class Line:
    """What one consumer bears of its own charges or of one pool, in cents exact.

    consumer None: unallocated. pool None: charges that no rule matched. share: part of the pool in per cent.
    driver, driver_total: the consumer's and everyone's direct cost, where the pool was split by it.
    feeds: the consumer is a pool of the rules, which passes the amount on; it is left out of totals.
    correction: what a closed month changed by (FOCUS ChargeClass).
    """

    currency: str
    dimension: str
    consumer: str | None
    pool: str | None
    method: str
    direct: Decimal = Decimal(0)
    allocated: Decimal = Decimal(0)
    unallocated: Decimal = Decimal(0)
    share: Decimal | None = None
    driver: Decimal | None = None
    driver_total: Decimal | None = None
    pool_total: Decimal | None = None
    rule: int | None = None
    feeds: bool = False
    correction: bool = False

    @property
    def total(self) -> Decimal:
        return self.direct + self.allocated + self.unallocated


@dataclass(frozen=True)
class Total:
    """The tie-out of one currency: source = direct + allocated + unallocated."""

    currency: str
    source: Decimal
    direct: Decimal
    allocated: Decimal
    unallocated: Decimal


@dataclass(frozen=True)
class Chargeback:
    lines: tuple[Line, ...]
    totals: tuple[Total, ...]
    notes: tuple[str, ...] = ()


def allocate(costs: Sequence[Cost], rules: Sequence[Rule], by: str) -> Chargeback:
    """Every charge borne by someone or shown as unallocated; `by` is the key of charges that no rule matches.

    proportional: by the direct cost of each key value in the period and currency, pools and empty keys left out; even:
    over the key values with direct cost; fixed: by the weights; direct: to the charge's own key value. A fixed weight
    may name another pool, which then passes its share on (step-down). Without a driver, proportional falls back to
    even, and even to unallocated; the notes say so. Raises Refused for wrong weights and for pools in a circle.
    """
    for rule in rules:
        check(rule)
    direct = {key: _direct(costs, rules, key) for key in {r.key for r in rules}}
    feeds = [_feeds(rule, rules, direct[rule.key]) for rule in rules]
    order = sequence(rules, feeds)
    lines: list[Line] = []
    totals: list[Total] = []
    notes: list[str] = []
    for currency in sorted({c.currency for c in costs}):
        mine = [c for c in costs if c.currency == currency]
        found = list(_currency(mine, rules, feeds, order, by, currency, notes))
        lines += sorted(found, key=_rank(found))
        borne = [line for line in found if not line.feeds]
        totals.append(
            Total(
                currency,
                source=_money(_rounded(sum((Fraction(c.amount) * 100 for c in mine), Fraction(0)))),
                direct=sum((line.direct for line in borne), Decimal(0)),
                allocated=sum((line.allocated for line in borne), Decimal(0)),
                unallocated=sum((line.unallocated for line in borne), Decimal(0)),
            )
        )
    matched = {c.rule for c in costs} | {target for targets in feeds for target in targets.values()}
    notes += [f"{rule.pool} matched no charge." for place, rule in enumerate(rules) if place not in matched]
    return Chargeback(tuple(lines), tuple(totals), tuple(dict.fromkeys(notes)))


def check(rule: Rule) -> None:
    """Raises Refused for a fixed rule whose weights are missing, negative or not 1 together."""
    if rule.method != "fixed":
        return
    place = f"Allocation rule {rule.number} ({rule.pool})"
    if not rule.weights:
        raise Refused(f'{place} is fixed but has no weights; write them as {{"A": 0.6, "B": 0.4}}.')
    negative = [name for name, weight in rule.weights.items() if weight < 0]
    if negative:
        raise Refused(f"{place} has a negative weight for {negative[0]}; weights are parts of 1.")
    total = sum(rule.weights.values(), Decimal(0))
    if abs(total - 1) > TOLERANCE:
        raise Refused(f"The weights of allocation rule {rule.number} ({rule.pool}) add up to {total}, not to 1.")


def sequence(rules: Sequence[Rule], feeds: Sequence[Mapping[str, int]]) -> list[int]:
    """The places of the rules, each pool before those it feeds. Raises Refused naming the pools of a circle."""
    done: list[int] = []

    def visit(place: int, path: tuple[int, ...]) -> None:
        if place in path:
            circle = [rules[p].pool for p in (*path[path.index(place) :], place)]
            raise Refused(f"Pools feed each other in a circle: {' → '.join(circle)}. Take one of these weights out.")
        if place not in done:
            for target in feeds[place].values():
                visit(target, (*path, place))
            done.append(place)

    for place in range(len(rules)):
        visit(place, ())
    return done[::-1]


def to_cents(exact: Sequence[Fraction]) -> list[int]:
    """Whole cents that add up to the rounded sum of the exact ones, by largest remainder; ties go to the first."""
    floors = [value.numerator // value.denominator for value in exact]
    left = _rounded(sum(exact, Fraction(0))) - sum(floors)
    by_remainder = sorted(range(len(exact)), key=lambda i: (floors[i] - exact[i], i))
    for place in by_remainder[:left]:
        floors[place] += 1
    return floors


# --- one currency --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Split:
    """How one pool is divided: weights by key value, and the drivers behind them."""

    weights: Mapping[str, Fraction]
    method: str
    drivers: Mapping[str, Decimal] = field(default_factory=dict)


def _currency(
    costs: Sequence[Cost],
    rules: Sequence[Rule],
    feeds: Sequence[Mapping[str, int]],
    order: Sequence[int],
    by: str,
    currency: str,
    notes: list[str],
) -> Iterable[Line]:
    own: dict[tuple[int | None, str | None], Decimal] = {}
    pools: dict[int, Decimal] = {}
    for cost in costs:
        rule = None if cost.rule is None else rules[cost.rule]
        if cost.rule is not None and rule is not None and rule.method != "direct":
            pools[cost.rule] = pools.get(cost.rule, Decimal(0)) + cost.amount
        else:
            key = (cost.rule, cost.keys[rule.key if rule else by])
            own[key] = own.get(key, Decimal(0)) + cost.amount
    # The same charges in another order are rounded alike.
    own = dict(sorted(own.items(), key=lambda item: [(part is not None, part) for part in item[0]]))
    pools = dict(sorted(pools.items()))
    amounts = [*own.values(), *pools.values()]
    cents = to_cents([Fraction(a) * 100 for a in amounts])
    for (place, consumer), amount in zip(own, cents[: len(own)], strict=True):
        rule = None if place is None else rules[place]
        line = Line(currency, rule.key if rule else by, consumer, rule.pool if rule else None, "direct", rule=place)
        money = _money(amount)
        yield (
            replace(line, method="unallocated", unallocated=money) if consumer is None else replace(line, direct=money)
        )
    held = dict(zip(pools, cents[len(own) :], strict=True))
    for place in order:
        if place in held:
            rule = rules[place]
            split = _split(rule, _direct(costs, rules, rule.key), currency, notes)
            line = Line(currency, rule.key, None, rule.pool, split.method, pool_total=_money(held[place]), rule=place)
            yield from _divided(line, held[place], split, feeds[place], held)


def _divided(line: Line, cents: int, split: _Split, targets: Mapping[str, int], held: dict[int, int]) -> Iterable[Line]:
    """The lines of one pool of so many cents; what it passes to another pool is added to `held`."""
    if not split.weights:
        yield replace(line, unallocated=_money(cents))
        return
    whole = sum(split.weights.values(), Fraction(0))
    parts = to_cents([cents * weight / whole for weight in split.weights.values()])
    driver_total = sum(split.drivers.values(), Decimal(0)) if split.drivers else None
    for (consumer, weight), amount in zip(split.weights.items(), parts, strict=True):
        target = targets.get(consumer.casefold())
        if target is not None:
            held[target] = held.get(target, 0) + amount
        yield replace(
            line,
            consumer=consumer,
            allocated=_money(amount),
            share=_percent(weight / whole),
            driver=split.drivers.get(consumer),
            driver_total=driver_total,
            feeds=target is not None,
        )


def _split(rule: Rule, direct: Mapping[str, Decimal], currency: str, notes: list[str]) -> _Split:
    if rule.method == "fixed":
        spelled = {name.casefold(): name for name in direct}
        weights: dict[str, Fraction] = {}
        for name, weight in rule.weights.items():
            consumer = spelled.get(name.casefold(), name)
            weights[consumer] = weights.get(consumer, Fraction(0)) + Fraction(weight)
        return _Split(weights, "fixed")
    if rule.method == "proportional":
        below = sorted(name for name, amount in direct.items() if amount < 0)
        if below:
            notes.append(
                f"{rule.pool}: the direct {currency} cost of {', '.join(below)} is below zero and counts as none."
            )
        drivers = {name: amount for name, amount in direct.items() if amount > 0}
        if drivers:
            return _Split({name: Fraction(amount) for name, amount in drivers.items()}, "proportional", drivers)
    bearing = [name for name, amount in direct.items() if amount != 0]
    none = f"{rule.pool}: no {rule.key.replace('_', ' ')} has direct {currency} cost"
    if not bearing:
        notes.append(f"{none} in the period, so it stays unallocated.")
        return _Split({}, "unallocated")
    if rule.method == "proportional":
        notes.append(f"{none} above zero, so it is split evenly.")
    return _Split({name: Fraction(1) for name in bearing}, "even")


def _direct(costs: Sequence[Cost], rules: Sequence[Rule], key: str) -> dict[str, Decimal]:
    """Direct cost of each value of a key: no pool's charges, no empty keys. Sorted, so that reruns agree."""
    found: dict[str, Decimal] = {}
    for cost in costs:
        value = cost.keys.get(key)
        if value is not None and (cost.rule is None or rules[cost.rule].method == "direct"):
            found[value] = found.get(value, Decimal(0)) + cost.amount
    return dict(sorted(found.items()))


def _feeds(rule: Rule, rules: Sequence[Rule], direct: Mapping[str, Decimal]) -> dict[str, int]:
    """The weights of a fixed rule, casefolded, that are other pools.

    A weight is a pool when that pool's rule matches the charges of the key value of that name, or when the pool has
    that name and no key value with direct cost does. A rule's own name or charges are a share that is kept.
    """
    bearing = {name.casefold() for name in direct}
    targets: dict[str, int] = {}
    for name in (n.casefold() for n in rule.weights if rule.method == "fixed"):
        for place, other in enumerate(rules):
            charges = other.key == rule.key and name in {c.casefold() for c in other.consumers}
            named = name == other.pool.casefold() and name not in bearing
            if other is not rule and other.method != "direct" and (charges or named):
                targets.setdefault(name, place)
    return targets


def _rank(lines: Sequence[Line]) -> Callable[[Line], tuple[object, ...]]:
    """Consumers by what they bear, own charges before pools, the unallocated last."""
    borne: dict[tuple[str, str | None], Decimal] = {}
    for line in lines:
        key = (line.dimension, line.consumer)
        borne[key] = borne.get(key, Decimal(0)) + line.total

    def rank(line: Line) -> tuple[object, ...]:
        rule = -1 if line.rule is None else line.rule
        total = borne[(line.dimension, line.consumer)]
        return (line.consumer is None, line.feeds, -total, line.dimension, line.consumer or "", rule)

    return rank


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _percent(part: Fraction) -> Decimal:
    """A part of one in per cent, to six decimals."""
    return Decimal(_rounded(part * 10**8)).scaleb(-6)


def _rounded(value: Fraction) -> int:
    """Half away from zero."""
    whole = (abs(value) * 2 + 1) // 2
    return int(whole) if value >= 0 else -int(whole)
