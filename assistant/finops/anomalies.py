"""Daily amounts of one series → what each day should have cost, and the days that are anomalies. Pure, day by day.

Source: domain.md §7. Expected = median of the same weekday over some weeks × how the last two weeks ran against that,
plus a fee that came on the same day of the months before. A day is anomalous when it is away from that by more than
`strength` spreads, by `minimum` and by `percent`; or when small deviations add up (CUSUM). An anomalous day does not
teach: the next days are still compared with the level before, until the new level has held for `accept` days.
A Tracker holds all that the next day needs, so a new day costs one step. Knows no money and no names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal

from dateutil.relativedelta import relativedelta

Kind = Literal["spike", "drop", "new", "gone"]
KEPT = 120  # days that a tracker remembers: eight weeks of errors, and three months for fees
NORMAL = 1.4826  # median absolute deviation → standard deviation of a normal distribution
NINETY = 1.645  # the 90 % quantile of absolute errors → the same


@dataclass(frozen=True)
class Rules:
    """minimum: in the series' unit a day · percent: of the expected · strength, drift: in spreads.

    history: days before anything is said · weeks: same weekdays looked at · recent: days for the level ·
    accept: days after which a new level is normal · apart: normal days that end an event · floor: least spread, as a
    part of the expected · holidays: days that may be as quiet as a Sunday (dates, or (month, day) of every year).
    """

    minimum: float = 100.0
    percent: float = 15.0
    strength: float = 5.5
    drift: float = 9.0
    slack: float = 1.0
    history: int = 28
    weeks: int = 6
    recent: int = 14
    accept: int = 14
    apart: int = 3
    floor: float = 0.025
    holidays: frozenset[date | tuple[int, int]] = frozenset()

    def holiday(self, day: date) -> bool:
        return day in self.holidays or (day.month, day.day) in self.holidays


@dataclass(frozen=True)
class Day:
    """One day of a series: amounts in its unit. spread None: not enough history to judge it."""

    day: date
    actual: float
    expected: float
    spread: float | None
    anomalous: bool = False

    @property
    def excess(self) -> float:
        return self.actual - self.expected


@dataclass
class Event:
    """Anomalous days of one series in one direction. `last` is the newest of them, `found` when it was first seen."""

    kind: Kind
    start: date
    last: date
    found: date
    up: bool


@dataclass
class Tracker:
    """What is remembered of one series; `step` takes the next day. Lists are aligned and end at `last`."""

    rules: Rules
    last: date | None = None
    raw: list[float] = field(default_factory=list)
    clean: list[float] = field(default_factory=list)  # what the next days are compared with
    base: list[float] = field(default_factory=list)  # the weekday median of each day
    expected: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)  # absolute, of calm days
    bursts: dict[date, float] = field(default_factory=dict)  # what fees are recognised by
    regime: int = 0  # where in the lists the present level began
    seen: int = 0
    settled: bool = False
    drifts: list[float] = field(default_factory=lambda: [0.0, 0.0])
    leaned: list[int] = field(default_factory=lambda: [0, 0])
    events: list[Event] = field(default_factory=list)

    def step(self, day: date, value: float | None) -> Day:
        """The next day; None for a day that was not loaded. Days must come in order, without holes."""
        rules, place = self.rules, len(self.clean)
        self.last, self.seen = day, self.seen + 1
        middle = self._weekday_median(place)
        usual = middle * self._recent_ratio(place)
        if value is None:
            return self._keep(day, usual, usual, middle, usual, None)
        if not self._learnt(place):
            self._keep(day, value, value, middle, usual, None)
            if self.seen == rules.history:
                self._look_back()
            return Day(day, value, usual, None)
        spread = self._spread(usual)
        fee = self._fee(day, value - usual, spread)
        expected = usual + fee
        if rules.holiday(day):
            expected = _between(value, self._quiet(place, usual), expected)
        error = value - expected
        self._note_burst(day, value, usual, spread)
        counted = abs(error) >= rules.minimum and abs(error) * 100 >= rules.percent * abs(expected)
        leaning = self._lean(place, error / spread)
        if counted and (abs(error) > rules.strength * spread or leaning is not None):
            weekly = self._anomaly(day, place, value, expected, leaning)
            self._keep(day, value, value if weekly else usual, middle, expected, spread)
            self._accept(day)
            return Day(day, value, expected, spread, True)
        self.errors = [*self.errors[-55:], abs(error)]
        return self._keep(day, value, value - fee if fee else value, middle, expected, spread)

    # --- the expected ------------------------------------------------------------------------------------------------

    def _weekday_median(self, place: int) -> float:
        days = range(place - 7, max(self.regime, place - 7 * self.rules.weeks) - 1, -7)
        return _median([self.clean[d] for d in days]) if len(days) else _median(self.clean[self.regime :][-7:])

    def _recent_ratio(self, place: int) -> float:
        days = range(max(self.regime, place - self.rules.recent), place)
        ratios = [self.clean[d] / self.base[d] for d in days if self.base[d] > 0]
        return min(max(_median(ratios), 0.4), 2.5) if len(ratios) >= 5 else 1.0

    def _learnt(self, place: int) -> bool:
        if self.settled:
            return place - self.regime >= self.rules.accept
        self.settled = self.seen > self.rules.history
        return self.settled

    def _spread(self, usual: float) -> float:
        floor = self.rules.floor * abs(usual) + 1e-9
        ordered = sorted(self.errors)
        if len(ordered) < 14:
            floor *= 3  # few errors say little
        if not ordered:
            return floor
        return max(NORMAL * ordered[len(ordered) // 2], ordered[len(ordered) * 9 // 10] / NINETY, floor)

    def _fee(self, day: date, error: float, spread: float) -> float:
        """A charge that comes once a month: the same day of both months before, or of one and the same amount."""
        if not self.bursts:
            return 0.0
        before = [self._burst(day, months) for months in (1, 2)]
        if before[0] and before[1] and abs(before[0] - before[1]) <= 0.35 * max(before):
            return sum(before) / 2
        if error <= spread or any(day - timedelta(days=d) in self.bursts for d in range(1, 7)):
            return 0.0
        around = _months_before(day, 1)
        near = (self.bursts.get(around + timedelta(days=d), 0.0) for d in range(-3, 4))
        return next((b for b in (before[0], *near) if b and abs(error - b) <= 0.25 * b), 0.0)

    def _burst(self, day: date, months: int) -> float:
        same = self.bursts.get(_months_before(day, months), 0.0)
        ends_month = (day + timedelta(days=1)).day == 1
        return same or (self.bursts.get(_months_before(day.replace(day=1), months - 1) - timedelta(days=1), 0.0)
                        if ends_month else 0.0)  # fmt: skip

    def _note_burst(self, day: date, value: float, usual: float, spread: float) -> None:
        """A day that stands out may be a fee; in the midst of an event it must stand out beside the event's days."""
        running = bool(self.events) and (day - self.events[-1].last).days <= 1
        if running and (day - self.events[-1].start).days < 7:
            return
        level = max(usual, *self.raw[-7:]) if running else usual
        if value - level < max(self.rules.minimum / 2, 2 * spread, 0.15 * level):
            return
        if value - self.raw[-7] >= (value - level) / 2:  # else it comes every week
            self.bursts[day] = value - level

    def _quiet(self, place: int, usual: float) -> float:
        """What a Sunday would cost."""
        sundays = [self.clean[d] for d in range(max(self.regime, place - 28), place) if self._weekday(place, d) == 6]
        return min(usual, _median(sundays)) if sundays else usual

    def _weekday(self, place: int, other: int) -> int:
        assert self.last is not None
        return (self.last.weekday() - (place - other)) % 7

    # --- what is remembered ------------------------------------------------------------------------------------------

    def _keep(self, day: date, value: float, clean: float, middle: float, expected: float, spread: float | None) -> Day:
        self.raw.append(value)
        self.clean.append(clean)
        self.base.append(middle)
        self.expected.append(expected)
        if len(self.raw) > 2 * KEPT:
            cut = len(self.raw) - KEPT
            for kept in (self.raw, self.clean, self.base, self.expected):
                del kept[:cut]
            self.regime = max(self.regime - cut, 0)
            self.leaned = [at - cut for at in self.leaned]
            self.bursts = {d: b for d, b in self.bursts.items() if (day - d).days <= KEPT}
        return Day(day, value, expected, spread)

    def _look_back(self) -> None:
        """Fees within the history that nothing was compared with yet."""
        assert self.last is not None
        for place, value in enumerate(self.raw):
            others = [self.raw[d] for d in range(place % 7, len(self.raw), 7) if d != place]
            level = _median(others)
            if value - level >= max(self.rules.minimum / 2, 0.15 * abs(level)) and value > 1.5 * max(others):
                self.bursts[self.last - timedelta(days=len(self.raw) - 1 - place)] = value - level
                self.clean[place] = level

    def _lean(self, place: int, score: float) -> int | None:
        """Where the deviations began that together are too many; None when they are not."""
        found = None
        for side, sign in enumerate((1.0, -1.0)):
            if self.drifts[side] == 0.0:
                self.leaned[side] = place
            self.drifts[side] = max(0.0, self.drifts[side] + min(sign * score, 4.0) - self.rules.slack)
            if self.drifts[side] > self.rules.drift and sign * score > self.rules.slack:
                found = self.leaned[side]
        return found

    def _anomaly(self, day: date, place: int, value: float, expected: float, leaning: int | None) -> bool:
        """Notes it. True when it came a week after the last one, at the same level: the weekday's new normal."""
        up = value > expected
        if self.events and self.events[-1].up == up:
            quiet = (day - self.events[-1].last).days
            if quiet <= self.rules.apart + 1 or quiet == 7:
                self.events[-1].last = day
                same = quiet == 7 and abs(self.raw[-7] - value) <= abs(value - expected) / 4
                for d in range(place - 7, self.regime - 1, -7) if same else ():
                    self.clean[d] = self.base[d] = value
                return same
        strong = abs(value - expected) > self.rules.strength * self._spread(expected)
        began = place if leaning is None or strong else max(leaning, self.regime, place - self.rules.recent)
        start = day - timedelta(days=place - began)
        if self.events and start <= self.events[-1].last:
            start = min(self.events[-1].last + timedelta(days=1), day)
        kind: Kind = "spike" if up else "drop"
        before = self.raw[max(0, place - self.rules.history) : place]
        if up and all(abs(v) <= self.rules.minimum / 100 for v in before):
            kind = "new"
        if not up and abs(value) < 0.02 * abs(expected):
            kind = "gone"
        self.events.append(Event(kind, start, day, day, up))
        return False

    def _accept(self, day: date) -> None:
        """The level of the event becomes the normal one when it has held for long enough."""
        start = self.events[-1].start
        place = len(self.raw) - 1 - (day - start).days
        begins = max(place, self.regime, 0)
        if len(self.raw) - begins < self.rules.accept:
            return
        self.regime = begins
        for place in range(begins, len(self.raw)):  # a fee among the first days is not their level
            burst = self.bursts.get(day - timedelta(days=len(self.raw) - 1 - place), 0.0)
            week = [self.raw[d] for d in (place - 7, place + 7) if begins <= d < len(self.raw)]
            if not burst and week and self.raw[place] - max(week) > max(self.rules.minimum / 2, abs(max(week)) / 2):
                burst = self.raw[place] - max(week)
                self.bursts[day - timedelta(days=len(self.raw) - 1 - place)] = burst
            self.clean[place] = self.base[place] = self.raw[place] - burst
        self.errors, self.drifts = [], [0.0, 0.0]

    # --- between runs ------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All of it as plain values, for `Tracker.of`."""
        kept = {k: v for k, v in vars(self).items() if k not in ("rules", "last", "bursts", "events")}
        return {
            **kept,
            "last": self.last.isoformat() if self.last else None,
            "bursts": {d.isoformat(): b for d, b in self.bursts.items()},
            "events": [{k: v.isoformat() if isinstance(v, date) else v for k, v in asdict(e).items()}
                       for e in self.events],
        }  # fmt: skip

    @classmethod
    def of(cls, state: dict[str, Any], rules: Rules) -> Tracker:
        day = date.fromisoformat
        events = [Event(e["kind"], day(e["start"]), day(e["last"]), day(e["found"]), e["up"]) for e in state["events"]]
        bursts = {date.fromisoformat(d): b for d, b in state["bursts"].items()}
        last = date.fromisoformat(state["last"]) if state["last"] else None
        return cls(rules, **{**state, "events": events, "bursts": bursts, "last": last})


def scan(start: date, values: Iterable[float | None], rules: Rules) -> tuple[list[Day], list[Event]]:
    """A whole series from its first day on: every day judged, and the events."""
    tracker = Tracker(rules)
    days = [tracker.step(start + timedelta(days=n), value) for n, value in enumerate(values)]
    return days, tracker.events


def _median(values: Sequence[float]) -> float:
    if not values:
        return 0.0
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


@lru_cache(maxsize=4096)
def _months_before(day: date, months: int) -> date:
    return day - relativedelta(months=months)


def _between(value: float, low: float, high: float) -> float:
    return min(max(value, min(low, high)), max(low, high))
