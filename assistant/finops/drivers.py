"""Which parts of an amount explain it: the few largest at each level of a hierarchy, and who owns them. Pure.

A level's children are named from the largest net amount downwards until they hold 80 % of the gross move, at most
three; each is then looked into the same way while it matters for the whole. Source: domain.md §6 (rank by absolute
difference; share of the gross |Δ| when increases and decreases offset each other).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from assistant.finops.variance import DIGITS, ZERO, Part

ENOUGH = Decimal("0.8")
SMALL = Decimal("0.1")
MOST = 3


@dataclass(frozen=True)
class Driver:
    """One branch of the hierarchy. path: from the top, None where charges have no value there.

    amount = increases + decreases (not above zero). owners: who holds most of it, largest first; `more` counts the
    other ones.
    """

    path: tuple[str | None, ...]
    amount: Decimal
    increases: Decimal
    decreases: Decimal
    owners: tuple[str | None, ...]
    more: int
    below: tuple[Driver, ...] = ()

    @property
    def branches(self) -> tuple[Driver, ...]:
        """The named drivers of the first level that has more than one; itself where there is none below."""
        found = self
        while len(found.below) == 1:
            found = found.below[0]
        return found.below or (found,)

    @property
    def main(self) -> Driver:
        """The largest branch, followed down for as long as one alone holds more than half of it."""
        found = largest = self.branches[0]
        while found.below and _mostly(found.below[0].amount, largest.amount):
            found = found.below[0]
        return found


def explain(parts: Sequence[Part], path: tuple[str | None, ...] = (), least: Decimal | None = None) -> Driver:
    """The whole of the parts as a driver, with what explains it below. least: the smallest amount looked into."""
    with localcontext(prec=DIGITS):
        ups = sum((p.amount for p in parts if p.amount > 0), ZERO)
        downs = sum((p.amount for p in parts if p.amount < 0), ZERO)
        least = (ups - downs) * SMALL if least is None else least
        owners, more = _largest(parts, lambda part: part.owner)
        below: tuple[Driver, ...] = ()
        if ups - downs > least and all(len(part.key) > len(path) for part in parts):
            children, _ = _largest(parts, lambda part: part.key[len(path)])
            below = tuple(explain(inner, (*path, name), least) for name, inner in children)
        return Driver(path, ups + downs, ups, downs, tuple(name for name, _ in owners), more, below)


def _largest(
    parts: Sequence[Part], named: Callable[[Part], str | None]
) -> tuple[list[tuple[str | None, list[Part]]], int]:
    """The groups that hold enough of the gross move, largest first, and how many others there are."""
    groups: dict[str | None, list[Part]] = {}
    for part in parts:
        groups.setdefault(named(part), []).append(part)
    sizes = {name: abs(sum((p.amount for p in inner), ZERO)) for name, inner in groups.items()}
    gross, held = sum(sizes.values(), ZERO), ZERO
    found: list[tuple[str | None, list[Part]]] = []
    for name in sorted(groups, key=lambda name: (-sizes[name], name or "")):
        if found and (len(found) == MOST or held >= ENOUGH * gross):
            break
        found.append((name, groups[name]))
        held += sizes[name]
    return found, len(groups) - len(found)


def _mostly(part: Decimal, whole: Decimal) -> bool:
    return part * whole > 0 and abs(part) * 2 > abs(whole)
