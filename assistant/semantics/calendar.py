"""Days, buckets and periods: what lies before a period, how it is called. Half-open, UTC. Knows no words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from dateutil.relativedelta import relativedelta

from assistant.values import Grain, Period

DAY = timedelta(days=1)
FAR_PAST = date(1970, 1, 1)


Shift = Literal["prior", "year", "month", "quarter", "week", "day"]


@dataclass(frozen=True)
class Now:
    """What "today", "to date" and "since" refer to; `first` and `newest` are loaded days."""

    today: date
    first: date
    newest: date

    @property
    def until(self) -> date:
        """The exclusive end of everything known by today."""
        return min(self.newest, self.today) + DAY


def floor(day: date, grain: Grain, fiscal: int = 1) -> date:
    """The first day of the day's week (Monday), month, quarter or year."""
    match grain:
        case Grain.DAY:
            return day
        case Grain.WEEK:
            return day - timedelta(days=day.weekday())
        case Grain.MONTH:
            return day.replace(day=1)
        case Grain.QUARTER:
            return day.replace(day=1) - relativedelta(months=(day.month - fiscal) % 3)
        case Grain.YEAR:
            return day.replace(day=1) - relativedelta(months=(day.month - fiscal) % 12)


def step(grain: Grain, count: int = 1) -> relativedelta:
    """The length of `count` buckets."""
    return {
        Grain.DAY: relativedelta(days=count),
        Grain.WEEK: relativedelta(weeks=count),
        Grain.MONTH: relativedelta(months=count),
        Grain.QUARTER: relativedelta(months=3 * count),
        Grain.YEAR: relativedelta(years=count),
    }[grain]


def whole(day: date, grain: Grain, fiscal: int = 1) -> Period:
    start = floor(day, grain, fiscal)
    return Period(start=start, end=start + step(grain), unit=grain)


def shifted(period: Period, shift: Shift) -> Period:
    """The period that `shift` before the given one; a to-date period keeps its number of days."""
    if shift == "year":
        start = period.start - relativedelta(years=1)
        if period.unit in (Grain.WEEK,):
            start = period.start - timedelta(weeks=52)
        if period.unit is None or period.to_date or period.unit in (Grain.DAY, Grain.WEEK):
            end = (
                period.end - relativedelta(years=1)
                if period.unit is not Grain.WEEK
                else start + timedelta(days=period.days)
            )
        else:
            end = period.end - relativedelta(years=1)
        return period.model_copy(update={"start": start, "end": end, "words": "", "to_date": False})
    if shift in ("month", "quarter", "week", "day"):
        unit = Grain(shift)
        return _same_length(period, period.start - step(unit), unit)
    if period.unit is not None:
        return _same_length(period, period.start - step(period.unit), period.unit)
    months = whole_months(period)
    if months:
        return Period(start=period.start - relativedelta(months=months), end=period.start)
    return Period(start=period.start - timedelta(days=period.days), end=period.start)


def _same_length(period: Period, start: date, unit: Grain) -> Period:
    """A whole period maps to the whole one before; a to-date one to as many days, at most the whole one."""
    end = start + step(period.unit or unit)
    if period.to_date or period.unit is None:
        limit = start + timedelta(days=period.days)
        end = min(end, limit) if period.unit is not None else limit
    return Period(start=start, end=end, unit=period.unit)


def whole_months(period: Period) -> int:
    if period.start.day != 1 or period.end.day != 1:
        return 0
    delta = relativedelta(period.end, period.start)
    return delta.years * 12 + delta.months


def label(period: Period) -> str:
    """`Oct 2026`, `Q3 2026`, `2025`, `1–23 Nov 2026`, `Feb–Apr 2026`."""
    start, last = period.start, period.last_day
    months = whole_months(period)
    if start == FAR_PAST:
        return f"until {_day(last)}"
    if months == 12 and start.month == 1:
        return str(start.year)
    if months == 3 and start.month in (1, 4, 7, 10):
        return f"Q{(start.month + 2) // 3} {start.year}"
    if months == 1:
        return f"{start:%b %Y}"
    if months:
        return f"{start:%b}–{last:%b %Y}" if start.year == last.year else f"{start:%b %Y}–{last:%b %Y}"
    if start == last:
        return _day(start)
    if start.year == last.year and start.month == last.month:
        return f"{start.day}–{_day(last)}"
    return f"{_day(start)} – {_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
