"""The grammar of time: what expressions start at a word. Its words come from `time:` in schemas/vocabulary.yaml.

Expressions are resolved later, when today and the loaded days are known. Knows nothing of metrics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

from assistant.semantics import time_expressions as te
from assistant.semantics.calendar import DAY, Now
from assistant.semantics.periods import Periods
from assistant.semantics.time_expressions import Match, TimeExpression
from assistant.semantics.time_words import TimeWords
from assistant.values import Grain, Period


class TimeGrammar:
    """The time grammar over one vocabulary. `match(text, i)` yields (length, expression)."""

    def __init__(self, time: Mapping[str, Any], numbers: Mapping[str, Any]) -> None:
        self.words = TimeWords(time, numbers)
        self.periods = Periods(self.words.fiscal)

    @property
    def fiscal_start(self) -> int:
        """The month that the fiscal year starts in."""
        return self.words.fiscal

    def vocabulary(self) -> Iterator[str]:
        return self.words.vocabulary()

    def match(self, text: Sequence[str], i: int) -> list[Match]:
        """Every expression starting at `i`, longest first."""
        found = [*self._ranges(text, i)]
        if text[i] != "the":
            found += [m for m in self._single(text, i) if not m[1].weak]
        for phrase, shift in self.words.shifts.items():
            if tuple(text[i : i + len(phrase)]) == phrase:
                found.append((len(phrase), TimeExpression(te.unresolved, shift=shift)))
        return sorted(found, key=lambda m: -m[0])

    # --- pieces of the grammar -----------------------------------------------------------------

    def _single(self, text: Sequence[str], i: int) -> list[Match]:
        if i >= len(text):
            return []
        if text[i] == "the" and i + 1 < len(text):
            return [(n + 1, e) for n, e in self._single(text, i + 1)]
        found: list[Match] = []
        found += self._fixed(text, i)
        found += self._last_this(text, i)
        found += self._ago(text, i)
        found += self._month(text, i)
        found += self._quarter_half_year(text, i)
        found += self._dates(text, i)
        found += self._edge(text, i)
        found += self._start_of(text, i)
        found += self._end_of(text, i)
        found += self._so_far(text, i)
        found += self._whole_to_date(text, i)
        return found

    def _whole_to_date(self, text: Sequence[str], i: int) -> list[Match]:
        """`fiscal year to date`: the calendar's own year."""
        found: list[Match] = []
        for length in self.words.phrase("whole", text, i):
            unit = self.words.units.get(text[i + length]) if i + length < len(text) else None
            if not isinstance(unit, Grain):
                continue
            for size in self.words.phrase("to_date", text, i + length + 1):
                found.append((length + 1 + size, TimeExpression(self.periods.to_date(unit))))
        return found

    def _so_far(self, text: Sequence[str], i: int) -> list[Match]:
        """`so far this year`, `so far in March`."""
        found: list[Match] = []
        for size in self.words.phrase("to_date", text, i):
            j = i + size + (1 if text[i + size : i + size + 1] == ["in"] else 0)
            if j >= len(text):
                continue
            for n, inner in [
                *self._last_this(text, j),
                *self._month(text, j),
                *self._quarter_half_year(text, j),
            ]:
                found.append((j + n - i, replace(inner, resolve=te.cut(inner.resolve))))
        return found

    def _fixed(self, text: Sequence[str], i: int) -> list[Match]:
        found: list[Match] = []
        for key, back in (("today", 0), ("yesterday", 1), ("day_before_yesterday", 2)):
            for size in self.words.phrase(key, text, i):
                found.append((size, TimeExpression(te.days_ago(back), instant=True)))
        for size in self.words.phrase("everything", text, i):
            found.append((size, TimeExpression(te.everything)))
        unit = self.words.abbreviations.get(text[i])
        if unit is not None:
            found.append((1, TimeExpression(self.periods.to_date(unit))))
        weekday = self.words.weekdays.get(text[i])
        if weekday is not None:
            found.append((1, TimeExpression(te.latest_weekday(weekday), instant=True)))
        for size in self.words.phrase("last", text, i):
            if i + size < len(text) and (day := self.words.weekdays.get(text[i + size])) is not None:
                found.append((size + 1, TimeExpression(te.latest_weekday(day), instant=True)))
        return found

    def _last_this(self, text: Sequence[str], i: int) -> list[Match]:
        found: list[Match] = []
        for size in self.words.phrase("last", text, i):
            j = i + size
            count = self.words.number(text, j)
            k = j + (count[0] if count else 0)
            k += max(self.words.phrase("whole", text, k), default=0)
            unit = self.words.units.get(text[k]) if k < len(text) else None
            if unit == "half" and not count:
                end = k + 2 if text[k + 1 : k + 2] == ["year"] else k + 1
                found.append((end - i, TimeExpression(self.periods.last_half)))
            if not isinstance(unit, Grain):
                continue
            end = k + 1
            if count:
                found.append((end - i, TimeExpression(self.periods.last(unit, count[1]), back=(unit, count[1]))))
            else:
                found.append((end - i, TimeExpression(self.periods.last(unit, 1), last=unit)))
        for size in self.words.phrase("this", text, i):
            j = i + size + max(self.words.phrase("whole", text, i + size), default=0)
            unit = self.words.units.get(text[j]) if j < len(text) else None
            if isinstance(unit, Grain):
                end = j + 1
                end += max(self.words.phrase("to_date", text, end), default=0)
                found.append((end - i, TimeExpression(self.periods.to_date(unit), whole=self.periods.running(unit))))
            elif unit == "half":
                found.append((j + 1 - i, TimeExpression(self.periods.this_half)))
        for size in self.words.phrase("next", text, i):
            j = i + size
            count = self.words.number(text, j)
            k = j + (count[0] if count else 0)
            unit = self.words.units.get(text[k]) if k < len(text) else None
            if isinstance(unit, Grain):
                several = count[1] if count else 1
                found.append((k + 1 - i, TimeExpression(self.periods.next(unit, several), future=True)))
        unit = self.words.units.get(text[i])
        if isinstance(unit, Grain):
            for size in self.words.phrase("to_date", text, i + 1):
                found.append((1 + size, TimeExpression(self.periods.to_date(unit))))
            if tuple(text[i + 1 : i + 3]) == ("before", "last"):
                found.append((3, TimeExpression(self.periods.back(unit, 2))))
        return found

    def _end_of(self, text: Sequence[str], i: int) -> list[Match]:
        """`month end`, `by the end of the year`, `rest of the quarter`: the whole of what is running."""
        found: list[Match] = []
        unit = self.words.units.get(text[i])
        if isinstance(unit, Grain) and text[i + 1 : i + 2] == ["end"]:
            found.append((2, TimeExpression(te.unresolved, future=True, whole=self.periods.running(unit))))
        for size in self.words.phrase("end_of", text, i):
            j = i + size + max((n for n in self.words.phrase("this", text, i + size)), default=0)
            unit = self.words.units.get(text[j]) if j < len(text) else None
            if isinstance(unit, Grain):
                found.append((j + 1 - i, TimeExpression(te.unresolved, future=True, whole=self.periods.running(unit))))
        return found

    def _ago(self, text: Sequence[str], i: int) -> list[Match]:
        """`two months ago`, and `the 7 days before` the period that is compared."""
        count = self.words.number(text, i)
        size, value = count or ((1, 1) if text[i] in ("a", "an") else (0, 0))
        j = i + size
        unit = self.words.units.get(text[j]) if size and j < len(text) else None
        if not isinstance(unit, Grain):
            return []
        ago = self.words.phrase("ago", text, j + 1)
        found = [(j + 1 + s - i, TimeExpression(self.periods.back(unit, value))) for s in ago]
        before = self.words.phrase("before", text, j + 1)
        return found + [
            (j + 1 + s - i, TimeExpression(self.periods.last(unit, value), back=(unit, value))) for s in before
        ]

    def _month(self, text: Sequence[str], i: int) -> list[Match]:
        found: list[Match] = []
        j = i
        day = self.words.day_number(text, j)
        if day:  # 15 June, 15th of June
            k = j + 1 + (1 if text[j + 1 : j + 2] == ["of"] else 0)
            if k < len(text) and text[k] in self.words.months:
                found += self._with_year(text, i, k + 1, self.words.months[text[k]], day)
        prefix = 0
        if self.words.units.get(text[j]) is Grain.MONTH and text[j + 1 : j + 2] == ["of"]:
            prefix = 2
        for size in [*self.words.phrase("last", text, j + prefix), *self.words.phrase("this", text, j + prefix), 0]:
            k = j + prefix + size
            month = self.words.months.get(text[k]) if k < len(text) else None
            if month is None:
                continue
            found += self._with_year(text, i, k + 1, month, None)
            day = self.words.day_number(text, k + 1) if k + 1 < len(text) else None
            if day and not size:
                found += self._with_year(text, i, k + 2, month, day)
            break
        return found

    def _with_year(self, text: Sequence[str], i: int, after: int, month: int, day: int | None) -> list[Match]:
        latest = TimeExpression(te.latest_month(month, day), named_year=False, instant=day is not None)
        found: list[Match] = [(after - i, latest)]
        for size in self.words.phrase("to_date", text, after):
            found.append((after + size - i, TimeExpression(te.cut(latest.resolve))))
        year = self.words.year(text, after)
        if year:
            found.append((after + year[0] - i, TimeExpression(te.dated(year[1], month, day), instant=day is not None)))
        relative = self.words.relative_year(text, after)
        if relative:
            resolve = te.in_year(relative[1], lambda year: te.dated(year, month, day))
            found.append((after + relative[0] - i, TimeExpression(resolve)))
        return found

    def _quarter_half_year(self, text: Sequence[str], i: int) -> list[Match]:
        found: list[Match] = []
        for size, months, index in self._part_of_year(text, i):
            after = i + size
            found.append((size, TimeExpression(self.periods.latest_part(months, index), named_year=False)))
            year = self.words.year(text, after)
            if year:
                found.append((size + year[0], TimeExpression(self.periods.part(months, index, year[1]))))
            relative = self.words.relative_year(text, after)
            if relative:
                resolve = te.in_year(relative[1], partial(self.periods.part, months, index))
                found.append((size + relative[0], TimeExpression(resolve)))
        year = self.words.year(text, i) if text[i] not in ("of", "in") else None
        if year:
            size, value = year
            found.append(
                (size, TimeExpression(self.periods.part(12, 1, value), bare_year=size == 1 and text[i].isdigit()))
            )
            for part, months, index in self._part_of_year(text, i + size):
                found.append((size + part, TimeExpression(self.periods.part(months, index, value))))
        return found

    def _part_of_year(self, text: Sequence[str], i: int) -> list[tuple[int, int, int]]:
        """(length, months in the part, its number) for `q3`, `third quarter`, `h1`, `first half`."""
        if i >= len(text):
            return []
        if m := re.fullmatch(r"q([1-4])", text[i]):
            return [(1, 3, int(m[1]))]
        if text[i] in self.words.halves:
            return [(1, 6, self.words.halves[text[i]])]
        if text[i] == "quarter" and text[i + 1 : i + 2] and re.fullmatch(r"[1-4]", text[i + 1]):
            return [(2, 3, int(text[i + 1]))]
        ordinal = self.words.ordinals.get(text[i])
        unit = self.words.units.get(text[i + 1]) if ordinal and i + 1 < len(text) else None
        if ordinal and unit is Grain.QUARTER and 1 <= ordinal <= 4:
            return [(2, 3, ordinal)]
        if ordinal in (1, 2) and unit == "half":
            return [(2, 6, ordinal)]
        return []

    def _dates(self, text: Sequence[str], i: int) -> list[Match]:
        word = text[i]
        if m := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", word):
            return te.dated_match(int(m[1]), int(m[2]), int(m[3]))
        if m := re.fullmatch(r"(\d{4})[-/](\d{1,2})", word):
            return te.dated_match(int(m[1]), int(m[2]), None)
        if m := re.fullmatch(r"(\d{1,2})[-/](\d{4})", word):
            return te.dated_match(int(m[2]), int(m[1]), None)
        if m := re.fullmatch(r"(\d{1,2})[./](\d{1,2})[./](\d{4}|\d{2})", word):
            first, second, year = int(m[1]), int(m[2]), int(m[3]) % 100 + 2000
            if first > 12 or "." in word:
                return te.dated_match(year, second, first)
            if second > 12 or first == second:
                return te.dated_match(year, first, second)
            readings = (date(year, first, second), date(year, second, first))
            return [(1, TimeExpression(te.unresolved, ambiguous=tuple(d.isoformat() for d in readings)))]
        return []

    def _edge(self, text: Sequence[str], i: int) -> list[Match]:
        """`first 10 days of June`, `last two weeks of Q3`, `week of June 15`, `first week of May`."""
        found: list[Match] = []
        if self.words.units.get(text[i]) is Grain.WEEK and text[i + 1 : i + 2] == ["of"]:
            for size, inner in self._single(text, i + 2):
                if inner.instant:
                    found.append((2 + size, TimeExpression(te.week_of(inner.resolve))))
        side = self.words.ordinals.get(text[i])
        if side in (1, 2) and self.words.units.get(text[i + 1] if i + 1 < len(text) else "") == "half":
            k = i + 2 + (1 if text[i + 2 : i + 3] == ["of"] else 0)
            for size, inner in self._single(text, k):
                found.append(
                    (k + size - i, TimeExpression(te.half_of(inner.resolve, side), named_year=inner.named_year))
                )
        if side not in (1, -1):
            return found
        count = self.words.number(text, i + 1)
        k = i + 1 + (count[0] if count else 0)
        unit = self.words.units.get(text[k]) if k < len(text) else None
        if not isinstance(unit, Grain) or text[k + 1 : k + 2] != ["of"]:
            return found
        number = count[1] if count else 1
        for size, inner in self._single(text, k + 2):
            found.append((k + 2 + size - i, TimeExpression(te.edge_of(inner.resolve, unit, number, side))))
        return found

    def _start_of(self, text: Sequence[str], i: int) -> list[Match]:
        """`start of the year` as a point to count from; only useful after `since` or `from`."""
        found: list[Match] = []
        for size in self.words.phrase("start_of", text, i):
            j = i + size + (1 if text[i + size : i + size + 1] == ["the"] else 0)
            unit = self.words.units.get(text[j]) if j < len(text) else None
            if isinstance(unit, Grain):
                found.append((j + 1 - i, TimeExpression(self.periods.to_date(unit), weak=True)))
            for inner_size, inner in self._single(text, j):
                found.append((j + inner_size - i, replace(inner, weak=True)))
        return found

    def _ranges(self, text: Sequence[str], i: int) -> list[Match]:
        found: list[Match] = []
        for size in self.words.phrase("since", text, i):
            for n, inner in self._single(text, i + size):
                end = i + size + n
                found.append((end - i, TimeExpression(te.since(inner.resolve), ambiguous=inner.ambiguous, since=True)))
        for key, make in (("until", te.until), ("before", te.before), ("after", te.after)):
            for size in self.words.phrase(key, text, i):
                for n, inner in self._single(text, i + size):
                    of_a_year = key == "until" and self._names_its_year(text[i + size : i + size + n])
                    edge = partial(te.until_in_year, self.periods.fiscal) if of_a_year else make
                    found.append((size + n, TimeExpression(edge(inner.resolve), ambiguous=inner.ambiguous)))
        for opener in [*self.words.phrase("from", text, i), 0]:
            found += self._days_of_month(text, i, opener)
            for n, first in self._single(text, i + opener):
                j = i + opener + n
                for middle in self.words.phrase("to", text, j):
                    joined = text[j : j + middle]
                    if not opener and list(joined) == ["and"]:
                        continue  # "June and July" are two months, not a range
                    for m, second in self._single(text, j + middle):
                        found.append(
                            (
                                j + middle + m - i,
                                TimeExpression(
                                    te.span(first, second),
                                    ambiguous=first.ambiguous or second.ambiguous,
                                    ends=(first, second),
                                ),
                            )
                        )
                    found += self._numeric_end(text, i, j + middle, first)
                    if text[j + middle : j + middle + 1] == ["now"]:
                        found.append((j + middle + 1 - i, TimeExpression(te.since(first.resolve))))
                if opener and text[j : j + 1] and text[j] in ("onwards", "onward", "on", "forward"):
                    found.append((j + 1 - i, TimeExpression(te.since(first.resolve))))
        return found

    def _names_its_year(self, text: Sequence[str]) -> bool:
        """`August this year`, and not `this year` alone."""
        found = [(k, self.words.relative_year(text, k)) for k in range(1, len(text))]
        return any(year and k + year[0] == len(text) for k, year in found)

    def _days_of_month(self, text: Sequence[str], i: int, opener: int) -> list[Match]:
        """`8 to 14 June`, `from the 18th to the 24th of June`, `between 5 and 9 January`."""
        found: list[Match] = []
        j = i + opener + (opener > 0 and text[i + opener : i + opener + 1] == ["the"])
        day = self.words.day_number(text, j)
        for size in self.words.phrase("to", text, j + 1) if day else ():
            k = j + 1 + size
            if not opener and list(text[j + 1 : k]) == ["and"]:
                continue  # "5 and 9 June" are two days, not a range
            k += text[k : k + 1] == ["the"]
            last = self.words.day_number(text, k)
            k += 1 + (text[k + 1 : k + 2] == ["of"])
            if day and last and k < len(text) and text[k] in self.words.months:
                for n, end in self._with_year(text, i, k + 1, self.words.months[text[k]], last):
                    found.append((n, TimeExpression(te.from_day(end.resolve, day), named_year=end.named_year)))
        return found

    def _numeric_end(self, text: Sequence[str], i: int, j: int, first: TimeExpression) -> list[Match]:
        """`June 3 to 9`: the second day borrows the first one's month."""
        day = self.words.day_number(text, j)
        if not (first.instant and day):
            return []

        def resolve(now: Now) -> Period:
            start = first.resolve(now).start
            return Period(start=start, end=start.replace(day=day) + DAY)

        return [(j + 1 - i, TimeExpression(resolve))]
