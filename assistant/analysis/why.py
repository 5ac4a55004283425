"""Why a metric changed from one period to another: the bridge's steps as rows, with driver and owner, and sentences.

Every figure that is said stands in the rows or is a difference of two of them. Formulas: finops/variance and drivers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cached_property
from typing import Any

from assistant.analysis.books import Books
from assistant.analysis.items import Basis
from assistant.analysis.report import Report, dimension, metric
from assistant.errors import Refused
from assistant.finops import drivers, variance
from assistant.finops.drivers import Driver
from assistant.finops.variance import DIGITS, RATES, Bridge, Cause, Step
from assistant.semantics import calendar
from assistant.semantics.model import Dimension
from assistant.telling.figures import currency_of, figure
from assistant.telling.understood import filter_words
from assistant.values import Period, QueryPlan

STEP = "step"
MOST_CAUSES = 3
MOST_DETAILS = 3
USED = (Cause.USAGE, Cause.MIX)
NO_QUANTITY = (Cause.GROWN, Cause.SHRUNK)
EVERYWHERE = (Cause.DAYS, Cause.CURRENCY)  # nobody's doing: no driver is to blame


def answer(plan: QueryPlan, books: Books) -> Report:
    """Before, one row for each cause, after; by currency where there are several.

    plan: one additive metric, `period` and the `comparison` before it, and filters. Raises Refused.
    """
    after, before = plan.period, plan.comparison
    if after is None or before is None:
        raise Refused("To say why something changed I need two periods; name both, such as June and July.")
    if plan.having or plan.part or plan.count_groups:
        raise Refused("I can't take the change of a threshold, a share or a count apart; ask why the amount changed.")
    basis = Basis(books, plan)
    days = books.house.catalog.days[basis.dataset.loaded_from]
    loaded = [days.count(period.start, period.end) for period in (before, after)]
    notes = [note for p in (before, after) if (note := books.partly_loaded(basis.dataset.loaded_from, p.start, p.end))]
    found = basis.items(before, after)
    if not found:
        raise Refused(f"Nothing of that is in {calendar.label(before)} or in {calendar.label(after)}.")
    unit = basis.metric.unit if basis.metric.unit != "currency" else None
    accounts = [
        Account(variance.bridge(items, *loaded), unit or currency, basis, (before, after), (loaded[0], loaded[1]))
        for currency, items in sorted(found.items(), key=lambda pair: -len(pair[1]))
    ]
    return _written(accounts, basis, notes)


def _written(accounts: Sequence[Account], basis: Basis, notes: Sequence[str]) -> Report:
    several = len(accounts) > 1
    unit = None if several else accounts[0].unit
    hidden = any(account.hides for account in accounts)
    columns = (
        *([dimension("currency")] if several else []),
        dimension(STEP), metric("amount", unit), metric("share_of_gross" if hidden else "share_of_change", "percent"),
        dimension("main_driver"), metric("driver_amount", unit), dimension("owner"),
        metric("increases", unit), metric("decreases", unit), dimension("further_drivers"),
        *([dimension(basis.below.name)] if basis.below else []),
    )  # fmt: skip
    rows = [(account.unit, *row) if several else row for account in accounts for row in account.rows(hidden)]
    return Report(
        columns,
        tuple(rows),
        tuple(sentence for account in accounts for sentence in account.sentences(several)),
        (*notes, *dict.fromkeys(note for account in accounts for note in account.notes())),
        extra={"bridges": [account.whole() for account in accounts]},
    )


@dataclass(frozen=True)
class Account:
    """One bridge, told. unit: of its amounts. periods and days (loaded): before, after."""

    bridge: Bridge
    unit: str | None
    basis: Basis
    periods: tuple[Period, Period]
    days: tuple[int, int]

    @cached_property
    def causes(self) -> list[tuple[Step, Driver]]:
        return [(step, drivers.explain(step.parts)) for step in self.bridge.steps]

    @cached_property
    def gross(self) -> Decimal:
        with localcontext(prec=DIGITS):
            return sum((abs(step.amount) for step in self.bridge.steps), Decimal(0))

    @property
    def hides(self) -> bool:
        """Whether the steps offset each other so far that shares of the change would mislead."""
        return abs(self.bridge.change) * 2 < self.gross

    # --- rows ---------------------------------------------------------------------------------------------------------

    def rows(self, of_gross: bool) -> Iterator[tuple[Any, ...]]:
        nothing = (None,) * (8 if self.basis.below else 7)
        yield (calendar.label(self.periods[0]), self.bridge.before, *nothing)
        whole = self.gross if of_gross else self.bridge.change
        looked_into = [step for step, _ in self.largest if step.cause not in EVERYWHERE]
        for step, driver in self.causes:
            share = 100 * step.amount / whole if whole else None
            main = driver.main
            further = [(self.name(other.main), other.main.amount) for other in driver.branches[1:]]
            details = self.basis.detail(main.path, *self.periods, MOST_DETAILS) if step in looked_into else []
            yield (
                step.cause.value, step.amount, share, self.name(main), main.amount, self.owner(main),
                step.increases, step.decreases, self._moves(further),
                *([self._moves(details)] if self.basis.below else []),
            )  # fmt: skip
        yield (calendar.label(self.periods[1]), self.bridge.after, *nothing)

    def _moves(self, moves: Sequence[tuple[str, Decimal]]) -> str | None:
        """`AWS › Amazon S3 +$12.00; Google Cloud -$3.00`."""
        return "; ".join(f"{name} {self._signed(amount)}" for name, amount in moves) or None

    def name(self, driver: Driver) -> str:
        """`AWS › Amazon S3 › no team`; levels that charges have no value of are left out at the end."""
        path = list(driver.path)
        while len(path) > 1 and path[-1] is None:
            path.pop()
        named = [_named(v, level) for v, level in zip(path, self.basis.grain.levels, strict=False)]
        return " › ".join(named) or "everything"

    def owner(self, driver: Driver) -> str | None:
        level = self.basis.grain.owner
        if level is None:
            return None
        others = [f"{driver.more} more"] if driver.more else []
        return _listed([*(_named(owner, level) for owner in driver.owners), *others])

    # --- sentences ----------------------------------------------------------------------------------------------------

    def sentences(self, several: bool) -> Iterator[str]:
        """The change; its largest causes with owners; what these do not show. several: beside other currencies."""
        yield self._change(several)
        told = [self._cause(step, driver.main) for step, driver in self.largest]
        if told:
            yield f"The largest {'causes' if len(told) > 1 else 'cause'}: {'; '.join(told)}."
        behind = list(self._behind(several))
        if behind:
            yield f"Behind it: {'; '.join(behind)}."

    @cached_property
    def largest(self) -> list[tuple[Step, Driver]]:
        """The causes that hold most of what somebody did, at most three; none that people would read as nothing."""
        left = sum((abs(step.amount) for step, _ in self.causes if step.cause not in EVERYWHERE), Decimal(0))
        small = left * (1 - drivers.ENOUGH)
        found: list[tuple[Step, Driver]] = []
        for step, driver in sorted(self.causes, key=lambda pair: -abs(pair[0].amount)):
            if len(found) == MOST_CAUSES or (found and left <= small) or not self._shown(step.amount):
                break
            found.append((step, driver))
            left -= abs(step.amount) if step.cause not in EVERYWHERE else 0
        return found

    def _change(self, several: bool) -> str:
        label = self.basis.metric.label
        subject = label[:1].upper() + label[1:]
        words = [filter_words(f, self.basis.plan, self.basis.model) for f in self.basis.plan.filters]
        subject += f" ({'; '.join(words)})" if words else ""
        change, (before, after) = self.bridge.change, (calendar.label(period) for period in self.periods)
        told = f"from {self._amount(self.bridge.before)} in {before} to {self._amount(self.bridge.after)} in {after}"
        if several or not change:
            return f"{subject} went {told}." if change else f"{subject} did not change {told}."
        percent = f" ({figure(abs(100 * change / self.bridge.before), 'percent')})" if self.bridge.before > 0 else ""
        return f"{subject} {'rose' if change > 0 else 'fell'} by {self._amount(abs(change))}{percent}, {told}."

    def _cause(self, step: Step, main: Driver) -> str:
        told = f"{step.cause.value} {self._signed(step.amount)}"
        if step.cause in EVERYWHERE:
            return told
        where = f"all in {self.name(main)}"
        if main.amount != step.amount:
            where = f"most in {self.name(main)}, {self._signed(main.amount)}"
        owner = self.owner(main) if main.owners != (None,) else None
        return f"{told} ({where}{f', owner {owner}' if owner else ''})"

    def _behind(self, several: bool) -> Iterator[str]:
        """What the largest causes do not show: the days, usage against prices, moves that hide each other."""
        named = {step.cause for step, _ in self.largest}
        steps = [step for step in self.bridge.steps if self._shown(step.amount)]
        days = self.bridge.step(Cause.DAYS)
        if Cause.DAYS not in named and self._shown(days):
            yield f"{'more' if self.days[1] > self.days[0] else 'fewer'} days, {self._signed(days)}"
        usage, prices = ([step for step in steps if step.cause in causes] for causes in (USED, RATES))
        if usage and prices:
            used, priced = (sum((step.amount for step in some), Decimal(0)) for some in (usage, prices))
            more = "usage more than prices" if abs(used) > abs(priced) else "prices more than usage"
            yield f"{more}, {_listed([f'{s.cause.value} {self._signed(s.amount)}' for s in (*usage, *prices)])}"
        if self.hides and not several:
            ups = sum((step.increases for step in self.bridge.steps), Decimal(0))
            downs = sum((step.decreases for step in self.bridge.steps), Decimal(0))
            yield f"increases of {self._amount(ups)} and decreases of {self._amount(-downs)} offset each other"
        for step in sorted(self.bridge.steps, key=lambda s: s.decreases - s.increases):
            if step.hides and self._shown(step.increases) and self._shown(step.decreases):
                yield f"within {step.cause.value} {self._signed(step.increases)} and {self._signed(step.decreases)}"
                return

    def _shown(self, value: Decimal) -> bool:
        """Whether people see more than zeros."""
        return self._amount(value) != self._amount(Decimal(0))

    def notes(self) -> Iterator[str]:
        if self.basis.grain.note:
            yield self.basis.grain.note
        if currency_of(self.unit) and any(step.cause in NO_QUANTITY for step in self.bridge.steps):
            measured = any(step.cause in (*USED, *RATES) for step in self.bridge.steps)
            which = "A part of this has" if measured else "This has"
            yield f"{which} no quantities: what grew and what shrank can be said, but not usage apart from prices."

    def _amount(self, value: Decimal) -> str:
        return figure(value, self.unit)

    def _signed(self, value: Decimal) -> str:
        return f"+{self._amount(value)}" if value > 0 else self._amount(value)

    # --- for files ----------------------------------------------------------------------------------------------------

    def whole(self) -> dict[str, Any]:
        """Every step with its drivers down the hierarchy."""
        return {
            "unit": self.unit,
            "before": self.bridge.before,
            "after": self.bridge.after,
            "days": self.days,
            "steps": [{"step": step.cause.value, **self._tree(driver)} for step, driver in self.causes],
        }

    def _tree(self, driver: Driver) -> dict[str, Any]:
        names = (level.name for level in self.basis.grain.levels)
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


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
