"""Time expressions → half-open periods of UTC days. Every word comes from `time:` in schemas/vocabulary.yaml.

A matcher looks at the words from one position on and returns the expressions that start there, each with its
length. Expressions are resolved later, when today and the loaded days are known. Knows nothing of metrics.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from dateutil.relativedelta import relativedelta

from assistant.values import Grain, Period

DAY = timedelta(days=1)
FAR_PAST = date(1970, 1, 1)


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


Resolver = Callable[[Now], Period]
Shift = Literal["prior", "year", "month", "quarter", "week", "day"]


@dataclass(frozen=True)
class TimeExpression:
    """A period in words. `resolve` makes days of it; `shift` marks one that needs another period as base."""

    resolve: Resolver
    shift: Shift | None = None
    named_year: bool = True
    bare_year: bool = False
    instant: bool = False
    last: Grain | None = None
    future: bool = False
    ambiguous: tuple[str, ...] = ()
    weak: bool = False
    ends: tuple[TimeExpression, ...] = ()


Match = tuple[int, TimeExpression]


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
        if period.unit is unit or period.unit is None or shift in ("week", "day"):
            start = period.start - step(unit)
        else:
            start = period.start - step(unit)
        return _same_length(period, start, unit)
    if period.unit is not None:
        return _same_length(period, period.start - step(period.unit), period.unit)
    months = _whole_months(period)
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


def _whole_months(period: Period) -> int:
    if period.start.day != 1 or period.end.day != 1:
        return 0
    delta = relativedelta(period.end, period.start)
    return delta.years * 12 + delta.months


def label(period: Period) -> str:
    """`Oct 2026`, `Q3 2026`, `2025`, `1–23 Nov 2026`, `Feb–Apr 2026`."""
    start, last = period.start, period.last_day
    months = _whole_months(period)
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


class Calendar:
    """The time grammar over one vocabulary. `match(words, i)` yields (length, expression)."""

    def __init__(self, time: Mapping[str, Any], numbers: Mapping[str, Any]) -> None:
        self._fiscal = int(time["fiscal_year_starts"])
        self._units: dict[str, Grain | str] = {
            w: (Grain(u) if u != "half" else "half") for u, ws in time["units"].items() for w in ws
        }
        self._months = {w: int(n) for n, ws in time["months"].items() for w in ws}
        self._weekdays = {w: int(n) for n, ws in time["weekdays"].items() for w in ws}
        self._numbers = {
            tuple(w.split()): int(n) for w, n in numbers.items() if str(n).isdigit() and int(n) <= 1000
        }
        self._ordinals = {w: int(n) for w, n in time["ordinals"].items()}
        self._halves = {w: int(n) for w, n in time["halves"].items()}
        self._abbreviations = {w: Grain(u) for w, u in time["abbreviations"].items()}
        self._phrases = {
            key: tuple(tuple(_words(p)) for p in time[key])
            for key in (
                "last",
                "this",
                "next",
                "ago",
                "to_date",
                "whole",
                "today",
                "yesterday",
                "day_before_yesterday",
                "everything",
                "since",
                "until",
                "before",
                "after",
                "from",
                "to",
                "start_of",
                "fiscal",
            )
        }
        self._shifts: dict[tuple[str, ...], Shift] = {
            tuple(_words(p)): shift for key, shift in _SHIFTS.items() for p in time[key]
        }

    @property
    def fiscal_start(self) -> int:
        return self._fiscal

    def vocabulary(self) -> Iterator[str]:
        """Single words of the grammar, for correcting typos."""
        for source in (self._units, self._months, self._weekdays, self._ordinals):
            yield from source
        for key in ("last", "this", "today", "yesterday", "since"):
            for phrase in self._phrases[key]:
                yield from phrase

    def match(self, words: Sequence[str], i: int) -> list[Match]:
        """Every expression starting at `i`, longest first."""
        found = [*self._ranges(words, i)]
        if words[i] != "the":
            found += [m for m in self._single(words, i) if not m[1].weak]
        for phrase, shift in self._shifts.items():
            if tuple(words[i : i + len(phrase)]) == phrase:
                found.append((len(phrase), TimeExpression(_unresolved, shift=shift)))
        return sorted(found, key=lambda m: -m[0])

    # --- pieces of the grammar -----------------------------------------------------------------

    def _phrase(self, key: str, words: Sequence[str], i: int) -> list[int]:
        return sorted({len(p) for p in self._phrases[key] if tuple(words[i : i + len(p)]) == p}, reverse=True)

    def _number(self, words: Sequence[str], i: int) -> tuple[int, int] | None:
        """(length, value) of a count such as `3`, `three` or `a dozen`."""
        if i < len(words) and re.fullmatch(r"\d{1,3}", words[i]):
            return 1, int(words[i])
        for size in (3, 2, 1):
            value = self._numbers.get(tuple(words[i : i + size]))
            if value is not None:
                return size, value
        return None

    def _year(self, words: Sequence[str], i: int) -> tuple[int, int] | None:
        """(length, year) of `2026`, `'26` after a month, `of 2026`, `FY26`."""
        j = i
        if j < len(words) and words[j] in ("of", "in"):
            j += 1
        for size in [*self._phrase("fiscal", words, j), 0]:
            if j + size < len(words):
                text = words[j + size]
                if re.fullmatch(r"(19|20)\d\d", text):
                    return j + size + 1 - i, int(text)
                if size and re.fullmatch(r"\d\d", text):
                    return j + size + 1 - i, 2000 + int(text)
        if j < len(words) and (found := re.fullmatch(r"fy((?:20)?\d\d)", words[j])):
            return j + 1 - i, 2000 + int(found[1]) % 100
        return None

    def _relative_year(self, words: Sequence[str], i: int) -> tuple[int, int] | None:
        """`last year` → (2, -1), `this year` → (2, 0), also after `of`."""
        j = i + 1 if i < len(words) and words[i] == "of" else i
        for key, offset in (("last", -1), ("this", 0)):
            for size in self._phrase(key, words, j):
                if j + size < len(words) and self._units.get(words[j + size]) is Grain.YEAR:
                    return j + size + 1 - i, offset
        return None

    def _single(self, words: Sequence[str], i: int) -> list[Match]:
        if i >= len(words):
            return []
        if words[i] == "the" and i + 1 < len(words):
            return [(n + 1, e) for n, e in self._single(words, i + 1)]
        found: list[Match] = []
        found += self._fixed(words, i)
        found += self._last_this(words, i)
        found += self._ago(words, i)
        found += self._month(words, i)
        found += self._quarter_half_year(words, i)
        found += self._dates(words, i)
        found += self._edge(words, i)
        found += self._start_of(words, i)
        found += self._so_far(words, i)
        return found

    def _so_far(self, words: Sequence[str], i: int) -> list[Match]:
        """`so far this year`, `so far in March`."""
        found: list[Match] = []
        for size in self._phrase("to_date", words, i):
            j = i + size + (1 if words[i + size : i + size + 1] == ["in"] else 0)
            if j >= len(words):
                continue
            for n, inner in [*self._last_this(words, j), *self._month(words, j), *self._quarter_half_year(words, j)]:
                found.append((j + n - i, replace(inner, resolve=_cut(inner.resolve))))
        return found

    def _fixed(self, words: Sequence[str], i: int) -> list[Match]:
        found: list[Match] = []
        for key, back in (("today", 0), ("yesterday", 1), ("day_before_yesterday", 2)):
            for size in self._phrase(key, words, i):
                found.append(
                    (
                        size,
                        TimeExpression(
                            lambda now, b=back: whole(now.today - b * DAY, Grain.DAY), instant=True
                        ),
                    )
                )  # type: ignore[misc]
        for size in self._phrase("everything", words, i):
            found.append((size, TimeExpression(lambda now: Period(start=now.first, end=now.until))))
        unit = self._abbreviations.get(words[i])
        if unit is not None:
            found.append((1, TimeExpression(self._to_date(unit))))
        weekday = self._weekdays.get(words[i])
        if weekday is not None:
            found.append(
                (1, TimeExpression(lambda now, w=weekday: _latest_weekday(now.today, w), instant=True))
            )  # type: ignore[misc]
        for size in self._phrase("last", words, i):
            if i + size < len(words) and (day := self._weekdays.get(words[i + size])) is not None:
                found.append(
                    (size + 1, TimeExpression(lambda now, w=day: _latest_weekday(now.today, w), instant=True))
                )  # type: ignore[misc]
        return found

    def _to_date(self, unit: Grain) -> Resolver:
        def resolve(now: Now) -> Period:
            start = floor(now.today, unit, self._fiscal)
            end = min(now.until, start + step(unit))
            return Period(start=start, end=max(end, start + DAY), to_date=True, unit=unit)

        return resolve

    def _last_this(self, words: Sequence[str], i: int) -> list[Match]:
        found: list[Match] = []
        for size in self._phrase("last", words, i):
            j = i + size
            count = self._number(words, j)
            k = j + (count[0] if count else 0)
            k += max(self._phrase("whole", words, k), default=0)
            unit = self._units.get(words[k]) if k < len(words) else None
            if unit == "half" and not count:
                end = k + 2 if words[k + 1 : k + 2] == ["year"] else k + 1
                found.append((end - i, TimeExpression(self._last_half)))
            if not isinstance(unit, Grain):
                continue
            end = k + 1
            if count:
                found.append((end - i, TimeExpression(self._last_n(unit, count[1]))))
            else:
                found.append((end - i, TimeExpression(self._last_n(unit, 1, single=True), last=unit)))
                # "the month before last" is caught by its own phrase below
        for size in self._phrase("this", words, i):
            j = i + size
            unit = self._units.get(words[j]) if j < len(words) else None
            if isinstance(unit, Grain):
                end = j + 1
                end += max(self._phrase("to_date", words, end), default=0)
                found.append((end - i, TimeExpression(self._to_date(unit))))
            elif unit == "half":
                found.append((j + 1 - i, TimeExpression(self._this_half)))
        for size in self._phrase("next", words, i):
            j = i + size
            count = self._number(words, j)
            k = j + (count[0] if count else 0)
            unit = self._units.get(words[k]) if k < len(words) else None
            if isinstance(unit, Grain):
                found.append((k + 1 - i, TimeExpression(self._next(unit), future=True)))
        unit = self._units.get(words[i])
        if isinstance(unit, Grain):
            for size in self._phrase("to_date", words, i + 1):
                found.append((1 + size, TimeExpression(self._to_date(unit))))
            if tuple(words[i + 1 : i + 3]) == ("before", "last"):
                found.append((3, TimeExpression(self._nth_back(unit, 2))))
        return found

    def _last_n(self, unit: Grain, count: int, single: bool = False) -> Resolver:
        def resolve(now: Now) -> Period:
            end = floor(now.today, unit, self._fiscal)
            start = end - step(unit, count)
            return Period(start=start, end=end, unit=unit if count == 1 else None)

        return resolve

    def _nth_back(self, unit: Grain, count: int) -> Resolver:
        return lambda now: whole(floor(now.today, unit, self._fiscal) - step(unit, count), unit, self._fiscal)

    def _next(self, unit: Grain) -> Resolver:
        return lambda now: whole(floor(now.today, unit, self._fiscal) + step(unit), unit, self._fiscal)

    def _half(self, day: date) -> date:
        return day.replace(day=1) - relativedelta(months=(day.month - self._fiscal) % 6)

    def _last_half(self, now: Now) -> Period:
        end = self._half(now.today)
        return Period(start=end - relativedelta(months=6), end=end)

    def _this_half(self, now: Now) -> Period:
        start = self._half(now.today)
        return Period(
            start=start, end=max(min(now.until, start + relativedelta(months=6)), start + DAY), to_date=True
        )

    def _ago(self, words: Sequence[str], i: int) -> list[Match]:
        count = self._number(words, i)
        size, value = count or ((1, 1) if words[i] in ("a", "an") else (0, 0))
        j = i + size
        unit = self._units.get(words[j]) if size and j < len(words) else None
        if not isinstance(unit, Grain):
            return []
        return [
            (j + 1 + s - i, TimeExpression(self._nth_back(unit, value)))
            for s in self._phrase("ago", words, j + 1)
        ]

    def _month(self, words: Sequence[str], i: int) -> list[Match]:
        found: list[Match] = []
        j = i
        day = self._day_number(words, j)
        if day:  # 15 June, 15th of June
            k = j + 1 + (1 if words[j + 1 : j + 2] == ["of"] else 0)
            if k < len(words) and words[k] in self._months:
                found += self._with_year(words, i, k + 1, self._months[words[k]], day)
        if day:  # 8 to 14 June
            for size in self._phrase("to", words, j + 1):
                last = self._day_number(words, j + 1 + size)
                k = j + 2 + size
                k += 1 if words[k : k + 1] == ["of"] else 0
                if last and k < len(words) and words[k] in self._months:
                    for n, end in self._with_year(words, i, k + 1, self._months[words[k]], last):
                        found.append((n, TimeExpression(_from_day(end.resolve, day), named_year=end.named_year)))
        prefix = 0
        if self._units.get(words[j]) is Grain.MONTH and words[j + 1 : j + 2] == ["of"]:
            prefix = 2
        for size in [*self._phrase("last", words, j + prefix), *self._phrase("this", words, j + prefix), 0]:
            k = j + prefix + size
            month = self._months.get(words[k]) if k < len(words) else None
            if month is None:
                continue
            found += self._with_year(words, i, k + 1, month, None)
            day = self._day_number(words, k + 1) if k + 1 < len(words) else None
            if day and not size:
                found += self._with_year(words, i, k + 2, month, day)
            break
        return found

    def _day_number(self, words: Sequence[str], i: int) -> int | None:
        if i < len(words) and (m := re.fullmatch(r"(\d{1,2})(st|nd|rd|th)?", words[i])):
            return int(m[1]) if 1 <= int(m[1]) <= 31 else None
        return None

    def _with_year(
        self, words: Sequence[str], i: int, after: int, month: int, day: int | None
    ) -> list[Match]:
        latest = TimeExpression(_latest_month(month, day), named_year=False, instant=day is not None)
        found: list[Match] = [(after - i, latest)]
        for size in self._phrase("to_date", words, after):
            found.append((after + size - i, TimeExpression(_cut(latest.resolve))))
        year = self._year(words, after)
        if year:
            found.append(
                (after + year[0] - i, TimeExpression(_dated(year[1], month, day), instant=day is not None))
            )
        relative = self._relative_year(words, after)
        if relative:
            offset = relative[1]
            found.append(
                (
                    after + relative[0] - i,
                    TimeExpression(lambda now: _dated(now.today.year + offset, month, day)(now)),
                )
            )
        return found

    def _quarter_half_year(self, words: Sequence[str], i: int) -> list[Match]:
        found: list[Match] = []
        for size, months, index in self._part_of_year(words, i):
            after = i + size
            found.append((size, TimeExpression(self._latest_part(months, index), named_year=False)))
            year = self._year(words, after)
            if year:
                found.append((size + year[0], TimeExpression(self._part(months, index, year[1]))))
            relative = self._relative_year(words, after)
            if relative:
                offset = relative[1]
                found.append(
                    (
                        size + relative[0],
                        TimeExpression(
                            lambda now, m=months, x=index: self._part(m, x, now.today.year + offset)(now)  # type: ignore[misc]
                        ),
                    )
                )
        year = self._year(words, i) if words[i] not in ("of", "in") else None
        if year:
            size, value = year
            found.append(
                (size, TimeExpression(self._part(12, 1, value), bare_year=size == 1 and words[i].isdigit()))
            )
            for part, months, index in self._part_of_year(words, i + size):
                found.append((size + part, TimeExpression(self._part(months, index, value))))
        return found

    def _part_of_year(self, words: Sequence[str], i: int) -> list[tuple[int, int, int]]:
        """(length, months in the part, its number) for `q3`, `third quarter`, `h1`, `first half`."""
        if i >= len(words):
            return []
        if m := re.fullmatch(r"q([1-4])", words[i]):
            return [(1, 3, int(m[1]))]
        if words[i] in self._halves:
            return [(1, 6, self._halves[words[i]])]
        if words[i] == "quarter" and words[i + 1 : i + 2] and re.fullmatch(r"[1-4]", words[i + 1]):
            return [(2, 3, int(words[i + 1]))]
        ordinal = self._ordinals.get(words[i])
        unit = self._units.get(words[i + 1]) if ordinal and i + 1 < len(words) else None
        if ordinal and unit is Grain.QUARTER and 1 <= ordinal <= 4:
            return [(2, 3, ordinal)]
        if ordinal in (1, 2) and unit == "half":
            return [(2, 6, ordinal)]
        return []

    def _part(self, months: int, index: int, year: int) -> Resolver:
        start = date(year, 1, 1) + relativedelta(months=self._fiscal - 1 + months * (index - 1))
        if self._fiscal > 1:
            start -= relativedelta(years=1)
        unit = {3: Grain.QUARTER, 12: Grain.YEAR}.get(months)
        return lambda now: Period(start=start, end=start + relativedelta(months=months), unit=unit)

    def _latest_part(self, months: int, index: int) -> Resolver:
        def resolve(now: Now) -> Period:
            for year in range(now.today.year + 1, now.today.year - 2, -1):
                period = self._part(months, index, year)(now)
                if period.start <= now.today:
                    return period
            raise AssertionError("some part of the last three years has begun")

        return resolve

    def _dates(self, words: Sequence[str], i: int) -> list[Match]:
        word = words[i]
        if m := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", word):
            return _dated_match(int(m[1]), int(m[2]), int(m[3]))
        if m := re.fullmatch(r"(\d{4})[-/](\d{1,2})", word):
            return _dated_match(int(m[1]), int(m[2]), None)
        if m := re.fullmatch(r"(\d{1,2})[-/](\d{4})", word):
            return _dated_match(int(m[2]), int(m[1]), None)
        if m := re.fullmatch(r"(\d{1,2})[./](\d{1,2})[./](\d{4}|\d{2})", word):
            first, second, year = int(m[1]), int(m[2]), int(m[3]) % 100 + 2000
            if first > 12 or "." in word:
                return _dated_match(year, second, first)
            if second > 12 or first == second:
                return _dated_match(year, first, second)
            readings = (date(year, first, second), date(year, second, first))
            return [(1, TimeExpression(_unresolved, ambiguous=tuple(d.isoformat() for d in readings)))]
        return []

    def _edge(self, words: Sequence[str], i: int) -> list[Match]:
        """`first 10 days of June`, `last two weeks of Q3`, `week of June 15`, `first week of May`."""
        found: list[Match] = []
        if self._units.get(words[i]) is Grain.WEEK and words[i + 1 : i + 2] == ["of"]:
            for size, inner in self._single(words, i + 2):
                if inner.instant:
                    found.append(
                        (
                            2 + size,
                            TimeExpression(lambda now, e=inner: whole(e.resolve(now).start, Grain.WEEK)),
                        )
                    )  # type: ignore[misc]
        side = self._ordinals.get(words[i])
        if side in (1, 2) and self._units.get(words[i + 1] if i + 1 < len(words) else "") == "half":
            k = i + 2 + (1 if words[i + 2 : i + 3] == ["of"] else 0)
            for size, inner in self._single(words, k):
                found.append((k + size - i, TimeExpression(_half_of(inner.resolve, side), named_year=inner.named_year)))
        if side not in (1, -1):
            return found
        count = self._number(words, i + 1)
        k = i + 1 + (count[0] if count else 0)
        unit = self._units.get(words[k]) if k < len(words) else None
        if not isinstance(unit, Grain) or words[k + 1 : k + 2] != ["of"]:
            return found
        number = count[1] if count else 1
        for size, inner in self._single(words, k + 2):
            found.append((k + 2 + size - i, TimeExpression(_slice(inner.resolve, unit, number, side))))
        return found

    def _start_of(self, words: Sequence[str], i: int) -> list[Match]:
        """`start of the year` as a point to count from; only useful after `since` or `from`."""
        found: list[Match] = []
        for size in self._phrase("start_of", words, i):
            j = i + size + (1 if words[i + size : i + size + 1] == ["the"] else 0)
            unit = self._units.get(words[j]) if j < len(words) else None
            if isinstance(unit, Grain):
                found.append((j + 1 - i, TimeExpression(self._to_date(unit), weak=True)))
            for inner_size, inner in self._single(words, j):
                found.append((j + inner_size - i, replace(inner, weak=True)))
        return found

    def _ranges(self, words: Sequence[str], i: int) -> list[Match]:
        found: list[Match] = []
        for size in self._phrase("since", words, i):
            for n, inner in self._single(words, i + size):
                end = i + size + n
                found.append((end - i, TimeExpression(_since(inner.resolve), ambiguous=inner.ambiguous)))
        for key, make in (("until", _until), ("before", _before), ("after", _after)):
            for size in self._phrase(key, words, i):
                for n, inner in self._single(words, i + size):
                    found.append((size + n, TimeExpression(make(inner.resolve), ambiguous=inner.ambiguous)))
        for opener in [*self._phrase("from", words, i), 0]:
            for n, first in self._single(words, i + opener):
                j = i + opener + n
                for middle in self._phrase("to", words, j):
                    joined = words[j : j + middle]
                    if not opener and list(joined) == ["and"]:
                        continue  # "June and July" are two months, not a range
                    for m, second in self._single(words, j + middle):
                        found.append(
                            (
                                j + middle + m - i,
                                TimeExpression(
                                    _span(first, second),
                                    ambiguous=first.ambiguous or second.ambiguous,
                                    ends=(first, second),
                                ),
                            )
                        )
                    found += self._numeric_end(words, i, j + middle, first)
                    if self._today_end(words, j + middle):
                        found.append((j + middle + 1 - i, TimeExpression(_since(first.resolve))))
                if opener and words[j : j + 1] and words[j] in ("onwards", "onward", "on", "forward"):
                    found.append((j + 1 - i, TimeExpression(_since(first.resolve))))
        return found

    def _today_end(self, words: Sequence[str], i: int) -> bool:
        return words[i : i + 1] == ["now"]

    def _numeric_end(self, words: Sequence[str], i: int, j: int, first: TimeExpression) -> list[Match]:
        """`June 3 to 9`: the second day borrows the first one's month."""
        day = self._day_number(words, j)
        if not (first.instant and day):
            return []

        def resolve(now: Now) -> Period:
            start = first.resolve(now).start
            return Period(start=start, end=start.replace(day=day) + DAY)

        return [(j + 1 - i, TimeExpression(resolve))]


_SHIFTS: dict[str, Shift] = {
    "same_last_year": "year",
    "prior_period": "prior",
    "month_before": "month",
    "quarter_before": "quarter",
    "week_before": "week",
    "day_before": "day",
}


def _words(phrase: str) -> list[str]:
    return phrase.lower().replace("'", "").replace("-", " ").split() or [phrase]


def _unresolved(now: Now) -> Period:
    raise AssertionError("resolved against another period, or ambiguous")


def _from_day(last: Resolver, day: int) -> Resolver:
    """From that day of the month through the resolved last one."""

    def resolve(now: Now) -> Period:
        end = last(now)
        return Period(start=end.start.replace(day=day), end=end.end)

    return resolve


def _latest_weekday(today: date, weekday: int) -> Period:
    return whole(today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1), Grain.DAY)


def _latest_month(month: int, day: int | None) -> Resolver:
    def resolve(now: Now) -> Period:
        year = now.today.year if date(now.today.year, month, 1) <= now.today else now.today.year - 1
        return _dated(year, month, day)(now)

    return resolve


def _dated(year: int, month: int, day: int | None) -> Resolver:
    def resolve(now: Now) -> Period:
        if day is None:
            return whole(date(year, month, 1), Grain.MONTH)
        try:
            return whole(date(year, month, day), Grain.DAY)
        except ValueError:
            return whole(date(year, month, 1) + relativedelta(day=31), Grain.DAY)

    return resolve


def _dated_match(year: int, month: int, day: int | None) -> list[Match]:
    try:
        date(year, month, day or 1)
    except ValueError:
        return []
    return [(1, TimeExpression(_dated(year, month, day), instant=day is not None))]


def _half_of(inner: Resolver, side: int) -> Resolver:
    """The first 15 days of a month, or the rest; the first half of the months of anything longer."""

    def resolve(now: Now) -> Period:
        outer = inner(now)
        months = _whole_months(outer)
        middle = outer.start + (relativedelta(days=15) if months == 1 else relativedelta(months=months // 2))
        if side == 1:
            return Period(start=outer.start, end=middle)
        return Period(start=middle, end=outer.end)

    return resolve


def _slice(inner: Resolver, unit: Grain, count: int, side: int) -> Resolver:
    def resolve(now: Now) -> Period:
        outer = inner(now)
        if side == 1:
            return Period(start=outer.start, end=min(outer.start + step(unit, count), outer.end))
        return Period(start=max(outer.end - step(unit, count), outer.start), end=outer.end)

    return resolve


def _since(inner: Resolver) -> Resolver:
    def resolve(now: Now) -> Period:
        start = inner(now).start
        return Period(start=start, end=max(now.until, start + DAY), to_date=True)

    return resolve


def _cut(inner: Resolver) -> Resolver:
    """The part of a period up to the newest loaded day."""

    def resolve(now: Now) -> Period:
        period = inner(now)
        end = min(period.end, max(now.until, period.start + DAY))
        return period.model_copy(update={"end": end, "to_date": end < period.end})

    return resolve


def _until(inner: Resolver) -> Resolver:
    return lambda now: Period(start=min(now.first, inner(now).start), end=inner(now).end)


def _before(inner: Resolver) -> Resolver:
    def resolve(now: Now) -> Period:
        end = inner(now).start
        return Period(start=min(now.first, end - DAY), end=end)

    return resolve


def _after(inner: Resolver) -> Resolver:
    def resolve(now: Now) -> Period:
        start = inner(now).end
        return Period(start=start, end=max(now.until, start + DAY), to_date=True)

    return resolve


def _span(first: TimeExpression, second: TimeExpression) -> Resolver:
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
