"""One bridge told: its moves by cause, by a dimension, by owner or by kind, as rows and in sentences.

Every figure that is said stands in the rows or is a difference of two of them. Formulas: finops/variance, drivers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cached_property
from typing import Any, Literal

from assistant.analysis.bridges import Moved
from assistant.finops import drivers
from assistant.finops.drivers import Driver
from assistant.finops.variance import DIGITS, RATES, Bridge, Cause, Part
from assistant.semantics import calendar
from assistant.semantics.model import Dimension
from assistant.telling.figures import currency_of, figure
from assistant.telling.understood import filter_words
from assistant.values import Period, QueryPlan

View = Literal["cause", "dimension", "owner", "kind"]
MOST_MOVES = 3
MOST_DETAILS = 3
MOST_ROWS = 20
USED = (Cause.USAGE, Cause.MIX)
NO_QUANTITY = (Cause.GROWN, Cause.SHRUNK)
EVERYWHERE = (Cause.DAYS, Cause.CURRENCY, Cause.VOLUME)  # nobody's doing: no driver is to blame
OTHERS = "others"
SHARE = Decimal("1e-6")
UNSAID = ("percent", "count", "quantity", "ratio")
LEAST = Decimal("1e-7")  # of the whole: what is smaller is not worth words
KINDS = (
    ("usage", USED), ("prices", RATES), ("days in the period", (Cause.DAYS,)), ("new", (Cause.NEW,)),
    ("gone", (Cause.GONE,)), ("without quantities", NO_QUANTITY), ("exchange rates", (Cause.CURRENCY,)),
)  # fmt: skip


@dataclass(frozen=True)
class Move:
    """A row of a bridge. path: where in the hierarchy its parts are looked into. blameless: nobody's doing."""

    name: str
    parts: tuple[Part, ...]
    path: tuple[str | None, ...] = ()
    blameless: bool = False
    cause: str | None = None

    @cached_property
    def driver(self) -> Driver:
        return drivers.explain(self.parts, self.path)

    @property
    def amount(self) -> Decimal:
        return self.driver.amount

    @property
    def hides(self) -> bool:
        """Whether pluses and minuses hide each other: the net is less than half of the gross move."""
        return abs(self.amount) * 2 < self.driver.increases - self.driver.decreases


@dataclass(frozen=True)
class Account:
    """plan: as asked. periods and days (loaded): before, after."""

    moved: Moved
    plan: QueryPlan
    periods: tuple[Period, Period]
    days: tuple[int, int]
    view: View = "cause"

    @property
    def bridge(self) -> Bridge:
        return self.moved.bridge

    @property
    def unit(self) -> str | None:
        return self.moved.unit

    @property
    def levels(self) -> tuple[Dimension, ...]:
        return self.moved.basis.grain.levels

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """What the change is made of, in the order of the view."""
        if self.view == "kind":
            return tuple(self._kinds())
        if self.view == "owner":
            return self._split(lambda part: (part.owner,))
        if self.view == "dimension":
            return self._split(lambda part: part.key[: len(self.plan.dimensions)])
        return tuple(
            Move(self.moved.basis.words(step.cause), step.parts, (), step.cause in EVERYWHERE)
            for step in self.bridge.steps
        )

    def _kinds(self) -> Iterator[Move]:
        of = {step.cause: step.parts for step in self.bridge.steps}
        for name, causes in KINDS:
            if parts := tuple(part for cause in causes for part in of.pop(cause, ())):
                yield Move(name, parts, (), bool(set(causes) & set(EVERYWHERE)))
        for cause in Cause:
            if cause in of:
                yield Move(self.moved.basis.words(cause), of[cause], (), cause in EVERYWHERE)

    def _split(self, key: Any) -> tuple[Move, ...]:
        """By value, the largest first; those behind the twentieth together."""
        groups: dict[tuple[str | None, ...], list[tuple[Cause, Part]]] = {}
        for step in self.bridge.steps:
            for part in step.parts:
                groups.setdefault(key(part) if part.key else (), []).append((step.cause, part))
        level = [self.moved.basis.grain.owner] if self.view == "owner" else self.levels
        made = [move for v, some in groups.items() if (move := self._value(v, some, level)).amount]
        made.sort(key=lambda move: (-abs(move.amount), move.name))
        kept, rest = (made, ()) if len(made) <= MOST_ROWS else (made[: MOST_ROWS - 1], made[MOST_ROWS - 1 :])
        if rest:
            kept.append(Move(f"{OTHERS} ({len(rest)})", tuple(p for move in rest for p in move.parts), (), True))
        return tuple(kept)

    def _value(self, values: Any, some: Sequence[tuple[Cause, Part]], level: Any) -> Move:
        if not values:  # what no part of the hierarchy makes
            return Move(self.moved.basis.words(some[0][0]), tuple(part for _, part in some), (), True)
        sums: dict[Cause, Decimal] = {}
        with localcontext(prec=DIGITS):
            for cause, part in some:
                sums[cause] = sums.get(cause, Decimal(0)) + part.amount
        cause = max(sums, key=lambda c: abs(sums[c]))
        name = " › ".join(_named(v, one) for v, one in zip(values, level, strict=False))
        path = () if self.view == "owner" else values
        return Move(name, tuple(part for _, part in some), path, cause=self.moved.basis.words(cause))

    @cached_property
    def gross(self) -> Decimal:
        with localcontext(prec=DIGITS):
            return sum((abs(move.amount) for move in self.moves), Decimal(0))

    @property
    def hides(self) -> bool:
        """Whether the moves offset each other so far that shares of the change would mislead."""
        return abs(self.bridge.change) * 2 < self.gross

    # --- rows ---------------------------------------------------------------------------------------------------------

    def rows(self, of_gross: bool) -> Iterator[tuple[Any, ...]]:
        """name, amount, share, driver, its amount, owner, ups, downs, more drivers[, cause][, detail][, ends]"""
        nothing = (None,) * (7 + (self.view != "cause") + bool(self.moved.basis.below))
        ends = self.moved.ends
        yield (calendar.label(self.periods[0]), self.bridge.before, *nothing, *(end.before for end in ends))
        whole = self.gross if of_gross else self.bridge.change
        looked_into = [move for move in self.largest if not move.blameless]
        for move in self.moves:
            share = (100 * move.amount / whole).quantize(SHARE) if whole else None
            main = move.driver.main
            further = [(self._where(one.main, move), one.main.amount) for one in move.driver.branches[1:]]
            inside = self.view != "owner" and move in looked_into
            details = self.moved.basis.detail(main.path, *self.periods, MOST_DETAILS) if inside else []
            yield (
                move.name, move.amount, share, self._where(main, move), main.amount, self.owner(main),
                move.driver.increases, move.driver.decreases, self._listing(further),
                *([move.cause] if self.view != "cause" else []),
                *([self._listing(details)] if self.moved.basis.below else []), *(None for _ in ends),
            )  # fmt: skip
        yield (calendar.label(self.periods[1]), self.bridge.after, *nothing, *(end.after for end in ends))

    def _listing(self, moves: Sequence[tuple[str, Decimal]]) -> str | None:
        """`AWS › Amazon S3 +$12.00; Google Cloud -$3.00`."""
        return "; ".join(f"{name} {self.signed(amount)}" for name, amount in moves) or None

    def _where(self, driver: Driver, move: Move) -> str:
        return self.name(driver, len(move.path)) if len(driver.path) > len(move.path) else self.name(driver)

    def name(self, driver: Driver, skip: int = 0) -> str:
        """`AWS › Amazon S3 › no team`; levels that charges have no value of are left out at the end."""
        path = list(driver.path)
        while len(path) > max(1, skip) and path[-1] is None:
            path.pop()
        named = [_named(v, level) for v, level in zip(path, self.levels, strict=False)]
        return " › ".join(named[skip:] or named) or "everything"

    def owner(self, driver: Driver) -> str | None:
        level = self.moved.basis.grain.owner
        if level is None:
            return None
        others = [f"{driver.more} more"] if driver.more else []
        return listed([*(_named(owner, level) for owner in driver.owners), *others])

    # --- sentences ----------------------------------------------------------------------------------------------------

    def sentences(self, several: bool, first: bool = True) -> Iterator[str]:
        """The change; its largest moves with owners; what these do not show.

        several: beside other currencies, of which only the first has more than its change told.
        """
        yield self.change(several)
        if several and not first:
            return
        told = [self._told(move) for move in self.largest]
        if told:
            noun = {"cause": "cause", "kind": "part"}.get(self.view, "move")
            yield f"The largest {noun}{'s' if len(told) > 1 else ''}: {'; '.join(told)}."
        behind = list(self._behind(several))
        if behind and not several:
            yield f"Behind it: {'; '.join(behind)}."

    @cached_property
    def largest(self) -> list[Move]:
        """The moves that hold most of what somebody did, at most three; none that people would read as nothing."""
        left = sum((abs(move.amount) for move in self.moves if not move.blameless), Decimal(0))
        small = left * (1 - drivers.ENOUGH)
        found: list[Move] = []
        for move in sorted(self.moves, key=lambda one: -abs(one.amount)):
            if len(found) == MOST_MOVES or (found and left <= small) or not self.shown(move.amount):
                break
            found.append(move)
            left -= 0 if move.blameless else abs(move.amount)
        return found

    def change(self, several: bool) -> str:
        """`Effective cost rose by $12.00 (3.1%), from … to …`; of percentages in points."""
        subject = self.moved.label[:1].upper() + self.moved.label[1:]
        basis = self.moved.basis
        words = [filter_words(f, self.plan, basis.model) for f in self.plan.filters]
        subject += f" ({'; '.join(words)})" if words else ""
        change, (before, after) = self.bridge.change, (calendar.label(period) for period in self.periods)
        now = f"{self.amount(self.bridge.after)}{self._kind}"
        told = f"from {self.amount(self.bridge.before)} in {before} to {now} in {after}"
        if several or not change:
            same = f"{subject} did not change: {now} in {before} and in {after}."
            return f"{subject} went {told}." if change else same
        percent = f" ({figure(abs(100 * change / self.bridge.before), 'percent')})" if self.bridge.before > 0 else ""
        by = self.amount(abs(change)) + self._kind + percent
        if self.unit == "percent":
            by = f"{self.points(abs(change))} percentage points"
        return f"{subject} {'rose' if change > 0 else 'fell'} by {by}, {told}."

    @property
    def _kind(self) -> str:
        """The unit, where the number does not show it and the metric's name does not say it."""
        plain = not self.unit or self.unit in UNSAID or bool(currency_of(self.unit)) or self.unit in self.moved.label
        return "" if plain else f" {self.unit}"

    def _told(self, move: Move) -> str:
        told = f"{move.name} {self.signed(move.amount)}"
        main = move.driver.main
        if move.blameless or self.view == "kind" or not main.path:
            return told
        cause = f"{move.cause}, " if move.cause else ""
        if len(main.path) <= len(move.path):
            return f"{told} ({move.cause})" if move.cause else told
        where = f"all in {self._where(main, move)}"
        if main.amount != move.amount:
            where = f"most in {self._where(main, move)}, {self.signed(main.amount)}"
        owner = self.owner(main) if main.owners != (None,) and self.view != "owner" else None
        owner = None if owner == move.name else owner
        return f"{told} ({cause}{where}{f', owner {owner}' if owner else ''})"

    def _behind(self, several: bool) -> Iterator[str]:
        """What the largest moves do not show: the days, usage against prices, moves that hide each other."""
        if self.moved.ends:
            yield listed([self._end(end.label, end.unit, end.before, end.after) for end in self.moved.ends])
        named = {move.name for move in self.largest}
        steps = [step for step in self.bridge.steps if self.shown(step.amount)]
        days = self.bridge.step(Cause.DAYS)
        if Cause.DAYS.value not in named and self.shown(days):
            yield f"{'more' if self.days[1] > self.days[0] else 'fewer'} days, {self.signed(days)}"
        usage, prices = ([step for step in steps if step.cause in causes] for causes in (USED, RATES))
        if usage and prices and self.view in ("cause", "dimension"):
            used, priced = (sum((step.amount for step in some), Decimal(0)) for some in (usage, prices))
            more = "usage more than prices" if abs(used) > abs(priced) else "prices more than usage"
            words = self.moved.basis.words
            if self.view == "cause":
                yield f"{more}, {listed([f'{words(s.cause)} {self.signed(s.amount)}' for s in (*usage, *prices)])}"
        if self.hides and not several:
            ups = sum((move.driver.increases for move in self.moves), Decimal(0))
            downs = sum((move.driver.decreases for move in self.moves), Decimal(0))
            yield f"increases of {self.amount(ups)} and decreases of {self.amount(-downs)} offset each other"
        for move in sorted(self.moves, key=lambda m: m.driver.decreases - m.driver.increases):
            ups, downs = move.driver.increases, move.driver.decreases
            if move.hides and self.shown(ups) and self.shown(downs):
                yield f"within {move.name} {self.signed(ups)} and {self.signed(downs)}"
                return

    def _end(self, label: str, unit: str | None, before: Decimal, after: Decimal) -> str:
        return f"{label} went from {figure(before, unit)} to {figure(after, unit)}"

    def shown(self, value: Decimal) -> bool:
        """Whether people see more than zeros, and more than what rounding leaves."""
        least = max(abs(self.bridge.before), abs(self.bridge.after)) * LEAST
        return abs(value) > least and self.amount(value) != self.amount(Decimal(0))

    def notes(self) -> Iterator[str]:
        if self.moved.basis.grain.note:
            yield self.moved.basis.grain.note
        if currency_of(self.unit) and any(step.cause in NO_QUANTITY for step in self.bridge.steps):
            measured = any(step.cause in (*USED, *RATES) for step in self.bridge.steps)
            which = "A part of this has" if measured else "This has"
            yield f"{which} no quantities: what grew and what shrank can be said, but not usage apart from prices."

    def amount(self, value: Decimal) -> str:
        return figure(value, self.unit)

    def signed(self, value: Decimal) -> str:
        said = f"{self.points(value)} pp" if self.unit == "percent" else self.amount(value)
        return f"+{said}" if value > 0 else said

    def points(self, value: Decimal) -> str:
        return figure(value, "percent").removesuffix("%")

    # --- for files ----------------------------------------------------------------------------------------------------

    def whole(self) -> dict[str, Any]:
        """Every step with its drivers down the hierarchy."""
        return {
            "unit": self.unit,
            "before": self.bridge.before,
            "after": self.bridge.after,
            "days": self.days,
            "steps": [
                {"step": step.cause.value, **self._tree(drivers.explain(step.parts))} for step in self.bridge.steps
            ],
        }

    def _tree(self, driver: Driver) -> dict[str, Any]:
        names = (level.name for level in self.levels)
        return {
            "path": dict(zip(names, driver.path, strict=False)),
            "amount": driver.amount,
            "increases": driver.increases,
            "decreases": driver.decreases,
            "owner": self.owner(driver),
            "drivers": [self._tree(inner) for inner in driver.below],
        }


def _named(value: str | None, level: Dimension) -> str:
    return f"no {level.label}" if value is None else value


def listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
