"""What time words stand for: functions from now to a period, and how they combine. Knows no words either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from assistant.errors import Clarify
from assistant.semantics.calendar import DAY, Now, Shift, floor, step, whole, whole_months
from assistant.values import Grain, Period

Resolver = Callable[[Now], Period]


@dataclass(frozen=True)
class TimeExpression:
    """A period in words. `resolve` makes days of it; `shift` marks one that needs another period as base.

    whole: the days to come included, for what looks ahead. since: from there to the newest loaded day.
    """

    resolve: Resolver
    shift: Shift | None = None
    named_year: bool = True
    bare_year: bool = False
    instant: bool = False
    last: Grain | None = None
    back: tuple[Grain, int] | None = None
    future: bool = False
    whole: Resolver | None = None
    ambiguous: tuple[str, ...] = ()
    weak: bool = False
    since: bool = False
    ends: tuple[TimeExpression, ...] = ()


Match = tuple[int, TimeExpression]


def unresolved(now: Now) -> Period:
    raise AssertionError("resolved against another period, or ambiguous")


def from_day(last: Resolver, day: int) -> Resolver:
    """From that day of the month through the resolved last one."""

    def resolve(now: Now) -> Period:
        end = last(now)
        return Period(start=end.start.replace(day=day), end=end.end)

    return resolve


def latest_weekday(weekday: int) -> Resolver:
    return lambda now: whole(now.today - timedelta(days=(now.today.weekday() - weekday - 1) % 7 + 1), Grain.DAY)


def days_ago(count: int) -> Resolver:
    return lambda now: whole(now.today - count * DAY, Grain.DAY)


def week_of(inner: Resolver) -> Resolver:
    return lambda now: whole(inner(now).start, Grain.WEEK)


def everything(now: Now) -> Period:
    return Period(start=now.first, end=now.until)


def in_year(offset: int, make: Callable[[int], Resolver]) -> Resolver:
    """The same part of this year plus `offset`."""
    return lambda now: make(now.today.year + offset)(now)


def latest_month(month: int, day: int | None) -> Resolver:
    def resolve(now: Now) -> Period:
        year = now.today.year if date(now.today.year, month, 1) <= now.today else now.today.year - 1
        return dated(year, month, day)(now)

    return resolve


def dated(year: int, month: int, day: int | None) -> Resolver:
    def resolve(now: Now) -> Period:
        if day is None:
            return whole(date(year, month, 1), Grain.MONTH)
        try:
            return whole(date(year, month, day), Grain.DAY)
        except ValueError:
            raise Clarify(f"There is no {day} {date(year, month, 1):%B %Y}. Which day do you mean?") from None

    return resolve


def dated_match(year: int, month: int, day: int | None) -> list[Match]:
    try:
        date(year, month, day or 1)
    except ValueError:
        return []
    return [(1, TimeExpression(dated(year, month, day), instant=day is not None))]


def half_of(inner: Resolver, side: int) -> Resolver:
    """The first 15 days of a month, or the rest; the first half of the months of anything longer."""

    def resolve(now: Now) -> Period:
        outer = inner(now)
        months = whole_months(outer)
        middle = outer.start + (relativedelta(days=15) if months == 1 else relativedelta(months=months // 2))
        if side == 1:
            return Period(start=outer.start, end=middle)
        return Period(start=middle, end=outer.end)

    return resolve


def edge_of(inner: Resolver, unit: Grain, count: int, side: int) -> Resolver:
    def resolve(now: Now) -> Period:
        outer = inner(now)
        if side == 1:
            return Period(start=outer.start, end=min(outer.start + step(unit, count), outer.end))
        return Period(start=max(outer.end - step(unit, count), outer.start), end=outer.end)

    return resolve


def since(inner: Resolver) -> Resolver:
    def resolve(now: Now) -> Period:
        start = inner(now).start
        return Period(start=start, end=max(now.until, start + DAY), to_date=True)

    return resolve


def cut(inner: Resolver) -> Resolver:
    """The part of a period up to the newest loaded day."""

    def resolve(now: Now) -> Period:
        period = inner(now)
        end = min(period.end, max(now.until, period.start + DAY))
        return period.model_copy(update={"end": end, "to_date": end < period.end})

    return resolve


def until(inner: Resolver) -> Resolver:
    return lambda now: Period(start=min(now.first, inner(now).start), end=inner(now).end)


def until_in_year(fiscal: int, inner: Resolver) -> Resolver:
    """`up to August this year`: from that year's first day."""
    return lambda now: Period(start=floor(inner(now).start, Grain.YEAR, fiscal), end=inner(now).end)


def before(inner: Resolver) -> Resolver:
    def resolve(now: Now) -> Period:
        end = inner(now).start
        return Period(start=min(now.first, end - DAY), end=end)

    return resolve


def after(inner: Resolver) -> Resolver:
    def resolve(now: Now) -> Period:
        start = inner(now).end
        return Period(start=start, end=max(now.until, start + DAY), to_date=True)

    return resolve


def span(first: TimeExpression, second: TimeExpression) -> Resolver:
    def resolve(now: Now) -> Period:
        end = second.resolve(now)
        start = first.resolve(now)
        if start.start > end.start and not first.named_year:
            # "November to January": the first month belongs to the year before the second
            start = start.model_copy(
                update={
                    "start": start.start - relativedelta(years=1),
                    "end": start.end - relativedelta(years=1),
                }
            )
        if start.start > end.start and not second.named_year:
            end = end.model_copy(update={"end": end.end + relativedelta(years=1)})
        elif not first.named_year and second.named_year and start.start < end.start:
            years = end.start.year - start.start.year
            if years > 0 and start.start + relativedelta(years=years) <= end.start:
                start = start.model_copy(update={"start": start.start + relativedelta(years=years)})
        return Period(start=start.start, end=max(end.end, start.start + DAY))

    return resolve
