"""The words of time: months, units, counts, years, as tables of one vocabulary. Knows no expression."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assistant.semantics.calendar import Shift
from assistant.values import Grain

_SHIFTS: dict[str, Shift] = {
    "same_last_year": "year",
    "prior_period": "prior",
    "month_before": "month",
    "quarter_before": "quarter",
    "week_before": "week",
    "day_before": "day",
}


class TimeWords:
    """Lookups from a place in the words on; each returns a length with what it read."""

    def __init__(self, time: Mapping[str, Any], numbers: Mapping[str, Any]) -> None:
        self.fiscal = int(time["fiscal_year_starts"])
        self.units: dict[str, Grain | str] = {
            w: (Grain(u) if u != "half" else "half") for u, ws in time["units"].items() for w in ws
        }
        self.months = {w: int(n) for n, ws in time["months"].items() for w in ws}
        self.weekdays = {w: int(n) for n, ws in time["weekdays"].items() for w in ws}
        self.numbers = {tuple(w.split()): int(n) for w, n in numbers.items() if str(n).isdigit() and int(n) <= 1000}
        self.ordinals = {w: int(n) for w, n in time["ordinals"].items()}
        self.halves = {w: int(n) for w, n in time["halves"].items()}
        self.abbreviations = {w: Grain(u) for w, u in time["abbreviations"].items()}
        self.phrases = {
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
                "end_of",
                "fiscal",
            )
        }
        self.shifts: dict[tuple[str, ...], Shift] = {
            tuple(_words(p)): shift for key, shift in _SHIFTS.items() for p in time[key]
        }

    def vocabulary(self) -> Iterator[str]:
        """Single words of the grammar, for correcting typos."""
        for source in (self.units, self.months, self.weekdays, self.ordinals):
            yield from source
        for key in ("last", "this", "today", "yesterday", "since"):
            for phrase in self.phrases[key]:
                yield from phrase

    def phrase(self, key: str, words: Sequence[str], i: int) -> list[int]:
        return sorted({len(p) for p in self.phrases[key] if tuple(words[i : i + len(p)]) == p}, reverse=True)

    def number(self, words: Sequence[str], i: int) -> tuple[int, int] | None:
        """(length, value) of a count such as `3`, `three` or `a dozen`."""
        if i < len(words) and re.fullmatch(r"\d{1,3}", words[i]):
            return 1, int(words[i])
        for size in (3, 2, 1):
            value = self.numbers.get(tuple(words[i : i + size]))
            if value is not None:
                return size, value
        return None

    def year(self, words: Sequence[str], i: int) -> tuple[int, int] | None:
        """(length, year) of `2026`, `'26` after a month, `of 2026`, `FY26`."""
        j = i
        if j < len(words) and words[j] in ("of", "in"):
            j += 1
        for size in [*self.phrase("fiscal", words, j), 0]:
            if j + size < len(words):
                text = words[j + size]
                if re.fullmatch(r"(19|20)\d\d", text):
                    return j + size + 1 - i, int(text)
                if size and re.fullmatch(r"\d\d", text):
                    return j + size + 1 - i, 2000 + int(text)
        if j < len(words) and (found := re.fullmatch(r"fy((?:20)?\d\d)", words[j])):
            return j + 1 - i, 2000 + int(found[1]) % 100
        return None

    def relative_year(self, words: Sequence[str], i: int) -> tuple[int, int] | None:
        """`last year` → (2, -1), `this year` → (2, 0), also after `of`."""
        j = i + 1 if i < len(words) and words[i] == "of" else i
        for key, offset in (("last", -1), ("this", 0)):
            for size in self.phrase(key, words, j):
                if j + size < len(words) and self.units.get(words[j + size]) is Grain.YEAR:
                    return j + size + 1 - i, offset
        return None

    def day_number(self, words: Sequence[str], i: int) -> int | None:
        if i < len(words) and (m := re.fullmatch(r"(\d{1,2})(st|nd|rd|th)?", words[i])):
            return int(m[1]) if 1 <= int(m[1]) <= 31 else None
        return None


def _words(phrase: str) -> list[str]:
    return phrase.lower().replace("'", "").replace("-", " ").split() or [phrase]
