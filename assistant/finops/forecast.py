"""What a period will cost when it ends: complete days, what the other days usually cost, and fees still to come. Pure.

Source: domain.md §8. A remaining day costs the level of the last weeks × its weekday's part, moved by a damped trend;
charges that follow a calendar (`scheduled`: fees, seats, taxes, credits) are taken from the same day of the month
before, when this month has not posted them yet. The band is what the same forecast missed by, in earlier months with as
many days to go; without enough of those there is none. Amounts are of one currency (or one unit).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from statistics import median

from dateutil.relativedelta import relativedelta

from assistant.errors import Refused

HISTORY = 28  # days before anything is forecast
LEAST_RECENT = 14  # days of the last weeks, without which nothing can be said of how a series runs
WEEKS = 8
BAND = 0.8
LEAST_TRIES = 8  # forecasts of the past that a band is made of
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Daily:
    """Amounts of each loaded day from `start` on, None for a day that was not loaded.

    metered: what use costs; scheduled: what follows a calendar. Both have the same length.
    """

    start: date
    metered: tuple[float | None, ...]
    scheduled: tuple[float, ...]

    @property
    def last(self) -> date:
        return self.start + timedelta(days=len(self.metered) - 1)

    def upto(self, day: date) -> Daily:
        length = (day - self.start).days + 1
        return Daily(self.start, self.metered[:length], self.scheduled[:length])

    def total(self, start: date, end: date) -> float:
        """Of the days of [start, end) that are there."""
        first, until = max((start - self.start).days, 0), max((end - self.start).days, 0)
        return sum(v or 0.0 for v in self.metered[first:until]) + sum(self.scheduled[first:until])


@dataclass(frozen=True)
class Try:
    """A forecast of the past: made after as_of for a period that is over."""

    start: date
    as_of: date
    forecast: float
    actual: float
    so_far: float
    naive: float | None
    run_rate: float | None

    @property
    def error(self) -> float:
        return (self.forecast - self.actual) / self.actual if self.actual else 0.0


@dataclass(frozen=True)
class Forecast:
    """Of [start, end), as of the last complete day. Amounts in the unit of the series.

    low, high: the band of 80 %, None without enough past months. days: the remaining days with their amounts, past:
    those that are over.
    naive: the same period a week or a month before, scaled to days; run_rate: cost so far ÷ days × all days.
    """

    start: date
    end: date
    as_of: date
    so_far: Decimal
    expected: Decimal
    low: Decimal | None
    high: Decimal | None
    naive: Decimal | None
    run_rate: Decimal | None
    fees: Decimal
    trend_percent: Decimal
    days: tuple[tuple[date, Decimal], ...]
    tries: tuple[Try, ...] = ()
    notes: tuple[str, ...] = ()
    past: tuple[tuple[date, Decimal], ...] = ()


@dataclass(frozen=True)
class Shape:
    """How a series runs at its end: level a day, weekday parts (mean 1), growth a day."""

    level: float
    parts: tuple[float, ...]
    growth: float


def forecast(daily: Daily, start: date, end: date, shifts: Sequence[int] = (-2, -1, 0, 1, 2)) -> Forecast:
    """The total of [start, end) as of the last day of `daily`. Raises Refused without enough history.

    shifts: in each earlier month the forecasts with so many days more or less to go make the band too.
    """
    length = len([v for v in daily.metered if v is not None])
    if length < HISTORY:
        raise Refused(f"There is not enough history for a forecast: {length} days, {HISTORY} are needed.")
    if _recent(daily) < LEAST_RECENT:
        raise Refused(f"Of the last {7 * WEEKS} days only {_recent(daily)} are loaded; {LEAST_RECENT} are needed.")
    if end <= start:
        raise Refused("The period to forecast ends before it begins.")
    if daily.last >= end - timedelta(days=1):
        raise Refused(f"That period is over; its days are loaded up to {end - timedelta(days=1)}.")
    remaining, fees, shape = project(daily, start, end)
    so_far = daily.total(start, end)
    total = so_far + sum(amount for _, amount in remaining)
    tries = backtest(daily, start, end, shifts)
    share = band(tries)
    ahead = abs(total - so_far)
    notes = () if share is not None else (f"No band: only {len(tries)} earlier forecasts to measure it by, "
                                          f"{LEAST_TRIES} are needed.",)  # fmt: skip
    return Forecast(
        start, end, daily.last, money(so_far), money(total),
        None if share is None else money(total - share * ahead),
        None if share is None else money(total + share * ahead),
        _optional(seasonal_naive(daily, start, end)), _optional(run_rate(daily, start, end)),
        money(fees), money(100 * ((1 + shape.growth) ** 30 - 1)),
        tuple((day, money(amount)) for day, amount in remaining),
        tuple(tries), notes, tuple(_past(daily, start)),
    )  # fmt: skip


def _past(daily: Daily, start: date) -> Iterator[tuple[date, Decimal]]:
    day = max(start, daily.start)
    while day <= daily.last:
        yield day, money(daily.total(day, day + timedelta(days=1)))
        day += timedelta(days=1)


def _recent(daily: Daily) -> int:
    """How many of the days that a forecast is made of are loaded."""
    return len([v for v in daily.metered[-7 * WEEKS :] if v is not None])


def project(daily: Daily, start: date, end: date) -> tuple[list[tuple[date, float]], float, Shape]:
    """The remaining days with their amounts, the fees among them, and how the series runs."""
    shape = _shape(daily)
    days, fees = [], 0.0
    first = max(start, daily.last + timedelta(days=1))
    for n in range((end - first).days):
        day = first + timedelta(days=n)
        ahead = (day - daily.last).days
        fee = _scheduled(daily, day)
        fees += fee
        # The trend is believed less the further it reaches.
        amount = shape.level * shape.parts[day.weekday()] * (1 + shape.growth) ** _damped(ahead)
        days.append((day, amount + fee))
    late = _not_posted(daily, start)
    if late and days:
        days[0] = (days[0][0], days[0][1] + late)
    return days, fees + late, shape


@lru_cache(maxsize=1024)
def _damped(ahead: int) -> float:
    return float(1 - 0.985**ahead) / 0.015


def _shape(daily: Daily) -> Shape:
    recent = [
        (daily.last - timedelta(days=n), daily.metered[-1 - n]) for n in range(min(len(daily.metered), 7 * WEEKS))
    ]
    held = [(day, value) for day, value in recent if value is not None]
    parts = _weekday_parts(held)
    flat = [(day, value / parts[day.weekday()] if parts[day.weekday()] else value) for day, value in held]
    level = _level([v for _, v in flat[:14]])
    growth = _growth(daily, [v for _, v in flat])
    return Shape(level, parts, growth)


def _weekday_parts(held: Sequence[tuple[date, float]]) -> tuple[float, ...]:
    """Median of each weekday against the mean of its seven days, so that a spike is not a rhythm."""
    around: dict[date, float] = dict(held)
    ratios: list[list[float]] = [[] for _ in range(7)]
    for day, value in held:
        week = [around[d] for d in (day + timedelta(days=n) for n in range(-3, 4)) if d in around]
        mean = sum(week) / len(week)
        if len(week) == 7 and mean > 0:
            ratios[day.weekday()].append(value / mean)
    parts = [median(r) if r else 1.0 for r in ratios]
    mean = sum(parts) / 7
    return tuple(p / mean for p in parts) if mean > 0 else (1.0,) * 7


def _level(values: Sequence[float]) -> float:
    """The mean of the newest days, nearer ones heavier, what is far out cut back to the others' range."""
    middle = median(values)
    spread = 1.4826 * median(abs(v - middle) for v in values)
    reach = 3 * spread if spread else 0.0
    cut = [min(max(v, middle - reach), middle + reach) for v in values]
    weights = [0.93**n for n in range(len(cut))]
    return sum(w * v for w, v in zip(weights, cut, strict=True)) / sum(weights)


def _growth(daily: Daily, flat: Sequence[float]) -> float:
    """Growth a day: the median of the last four weeks against the four before, halved, within ±10 % a month."""
    if len(flat) < 56:
        return 0.0
    now, before = median(flat[:28]), median(flat[28:56])
    if now <= 0 or before <= 0:
        return 0.0
    month = min(max(now / before - 1, -0.1), 0.1)
    return float((1 + month / 2) ** (1 / 28)) - 1


def _scheduled(daily: Daily, day: date) -> float:
    """What the calendar charged on the same day of the newest month that is known; the last day stays the last."""
    months = (day.year - daily.last.year) * 12 + day.month - daily.last.month
    for back in (max(months, 0), max(months, 0) + 1) if months else (1,):
        before = _months_before(day, back)
        if before <= daily.last and (amount := _at(daily, before)):
            return amount
    return 0.0


@lru_cache(maxsize=8192)
def _months_before(day: date, months: int) -> date:
    """The last day of a month stays the last."""
    if (day + timedelta(days=1)).day == 1:
        return (day + timedelta(days=1)) - relativedelta(months=months) - timedelta(days=1)
    return day - relativedelta(months=months)


def _at(daily: Daily, day: date) -> float:
    place = (day - daily.start).days
    return daily.scheduled[place] if 0 <= place < len(daily.scheduled) else 0.0


def _not_posted(daily: Daily, start: date) -> float:
    """Fees of this month's first days that have not come yet: only when next to nothing of them has."""
    first = daily.last.replace(day=1)
    if first < start - timedelta(days=31) or first - relativedelta(months=1) < daily.start:
        return 0.0
    posted = sum(_at(daily, first + timedelta(days=n)) for n in range(daily.last.day))
    before = first - relativedelta(months=1)
    last = min(daily.last.day, (first - timedelta(days=1)).day)
    due = sum(_at(daily, before + timedelta(days=n)) for n in range(last))
    return due if abs(posted) < 0.1 * abs(due) and daily.last.day <= 10 else 0.0


# --- how good it was -------------------------------------------------------------------------------------------------


def backtest(daily: Daily, start: date, end: date, shifts: Sequence[int], months: int = 12) -> list[Try]:
    """The same forecast made in earlier months with as many days to go, and a day or two more or less."""
    found = []
    for back in range(1, months + 1):
        its_start, its_end = start - relativedelta(months=back), end - relativedelta(months=back)
        if its_end > daily.last + timedelta(days=1):
            continue
        togo = (end - daily.last).days
        for shift in shifts:
            as_of = its_end - timedelta(days=togo + shift)
            known = daily.upto(as_of)
            if (
                _recent(known) < LEAST_RECENT
                or as_of < daily.start + timedelta(days=55)
                or not its_start <= as_of + timedelta(days=1) < its_end
            ):
                continue
            so_far = known.total(its_start, its_end)
            expected = so_far + sum(a for _, a in project(known, its_start, its_end)[0])
            actual = daily.total(its_start, its_end)
            naive, rate = seasonal_naive(known, its_start, its_end), run_rate(known, its_start, its_end)
            found.append(Try(its_start, as_of, expected, actual, so_far, naive, rate))
    return found


def band(tries: Sequence[Try]) -> float | None:
    """The part of the remaining amount that 80 % of the earlier forecasts missed by at most."""
    if len(tries) < LEAST_TRIES:
        return None
    missed = [
        abs(t.forecast - t.actual) / abs(t.forecast - t.so_far) for t in tries if abs(t.forecast - t.so_far) > 1e-9
    ]
    if not missed:
        return 0.0
    return eightieth(missed, len({t.start for t in tries}))


def eightieth(missed: Sequence[float], months: int) -> float:
    """What four of five misses kept within, when they come from so many months.

    Those of one month miss alike: as many months as there are, and one more to come, not as many tries.
    """
    place = min(len(missed) - 1, int(BAND * (months + 1) / months * len(missed)))
    return sorted(missed)[place]


def kept_within(tries: Sequence[Try], percent: float) -> int:
    """In how many of the earlier months every one of these forecasts was within so many per cent."""
    months: dict[date, float] = {}
    for one in tries:
        months[one.start] = max(months.get(one.start, 0.0), abs(one.error) * 100)
    return sum(error <= percent for error in months.values())


def within(tries: Sequence[Try], share: float = 0.8) -> tuple[float, int, int] | None:
    """(per cent, months within it, months): the least whole per cent that holds in so many of the months."""
    months = len({t.start for t in tries})
    for percent in range(1, 101):
        held = kept_within(tries, percent)
        if months and held >= share * months:
            return float(percent), held, months
    return None


def seasonal_naive(daily: Daily, start: date, end: date) -> float | None:
    """So far, for each day to come the day four weeks before (or eight, or twelve…), and last month's fees."""
    total, day = daily.total(start, end), max(start, daily.last + timedelta(days=1))
    while day < end:
        back = ((day - daily.last).days + 27) // 28 * 28
        place = (day - daily.start).days - back
        if place < 0:
            return None
        total += (daily.metered[place] or 0.0) + _scheduled(daily, day)
        day += timedelta(days=1)
    return total


def run_rate(daily: Daily, start: date, end: date) -> float | None:
    """So far ÷ elapsed days × all days of the period; None before its first day."""
    elapsed = (daily.last - start).days + 1
    return daily.total(start, end) / elapsed * (end - start).days if elapsed > 0 else None


def money(value: float) -> Decimal:
    return Decimal(repr(round(value, 6))).quantize(CENT)


def _optional(value: float | None) -> Decimal | None:
    return None if value is None else money(value)


def series_of(start: date, last: date, metered: Mapping[date, Decimal], scheduled: Mapping[date, Decimal],
              loaded: frozenset[date] | None = None) -> Daily:  # fmt: skip
    """Amounts by day → Daily. loaded: the days that are; a day that is not there costs nothing."""
    days = [start + timedelta(days=n) for n in range((last - start).days + 1)]
    return Daily(
        start,
        tuple(None if loaded is not None and d not in loaded else float(metered.get(d, 0)) for d in days),
        tuple(float(scheduled.get(d, 0)) for d in days),
    )
