"""Periods of a calendar whose year may start in any month, resolved when today is known. Knows no words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dateutil.relativedelta import relativedelta

from assistant.semantics.calendar import DAY, Now, floor, step, whole
from assistant.semantics.time_expressions import Resolver
from assistant.values import Grain, Period


@dataclass(frozen=True)
class Periods:
    """`fiscal`: the month that the year starts in. Each method gives what resolves a period, or the period."""

    fiscal: int

    def to_date(self, unit: Grain) -> Resolver:
        """What has passed of the unit that is running."""

        def resolve(now: Now) -> Period:
            start = floor(now.today, unit, self.fiscal)
            end = min(now.until, start + step(unit))
            return Period(start=start, end=max(end, start + DAY), to_date=True, unit=unit)

        return resolve

    def last(self, unit: Grain, count: int) -> Resolver:
        """So many whole units before the one that is running."""

        def resolve(now: Now) -> Period:
            end = floor(now.today, unit, self.fiscal)
            start = end - step(unit, count)
            return Period(start=start, end=end, unit=unit if count == 1 else None)

        return resolve

    def back(self, unit: Grain, count: int) -> Resolver:
        """The one unit so many before the one that is running."""
        return lambda now: whole(floor(now.today, unit, self.fiscal) - step(unit, count), unit, self.fiscal)

    def running(self, unit: Grain) -> Resolver:
        """The whole of it, days to come included."""
        return lambda now: whole(floor(now.today, unit, self.fiscal), unit, self.fiscal)

    def next(self, unit: Grain, count: int) -> Resolver:
        def resolve(now: Now) -> Period:
            start = floor(now.today, unit, self.fiscal) + step(unit)
            return Period(start=start, end=start + step(unit, count), unit=unit if count == 1 else None)

        return resolve

    def _half(self, day: date) -> date:
        return day.replace(day=1) - relativedelta(months=(day.month - self.fiscal) % 6)

    def last_half(self, now: Now) -> Period:
        end = self._half(now.today)
        return Period(start=end - relativedelta(months=6), end=end)

    def this_half(self, now: Now) -> Period:
        start = self._half(now.today)
        return Period(start=start, end=max(min(now.until, start + relativedelta(months=6)), start + DAY), to_date=True)

    def part(self, months: int, index: int, year: int) -> Resolver:
        start = date(year, 1, 1) + relativedelta(months=self.fiscal - 1 + months * (index - 1))
        if self.fiscal > 1:
            start -= relativedelta(years=1)
        unit = {3: Grain.QUARTER, 12: Grain.YEAR}.get(months)
        return lambda now: Period(start=start, end=start + relativedelta(months=months), unit=unit)

    def latest_part(self, months: int, index: int) -> Resolver:
        def resolve(now: Now) -> Period:
            for year in range(now.today.year + 1, now.today.year - 2, -1):
                period = self.part(months, index, year)(now)
                if period.start <= now.today:
                    return period
            raise AssertionError("some part of the last three years has begun")

        return resolve
