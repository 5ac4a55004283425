"""Closed months: a month's chargeback lines as they were closed; what changed since stands beside as corrections.

Source: domain.md §4 "Invariants": closed periods change only by correction rows (FOCUS ChargeClass = Correction).
Formulas are not its business; lines are kept append-only (ledger/drawer).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from dateutil.relativedelta import relativedelta

from assistant.analysis.books import COSTS, Books
from assistant.errors import Refused
from assistant.finops.allocation import Chargeback, Line
from assistant.ledger.drawer import Drawer, Paper

Key = tuple[str, str, str | None, str | None]
_MONEY = ("direct", "allocated", "unallocated", "share", "driver", "driver_total", "pool_total")


def as_closed(result: Chargeback, closed: Sequence[Paper]) -> Chargeback:
    """The lines of a closed month and a correction line for every difference; the result itself when none is closed."""
    if not closed:
        return result
    kept = [_line(content) for paper in closed for content in paper.content["lines"]]
    changed = corrections(kept, result.lines)
    found = (*kept, *changed, *(line for line in result.lines if line.feeds))
    last = closed[-1]
    note = f"Closed on {closed[0].at:%Y-%m-%d}"
    note += f", with corrections closed on {last.at:%Y-%m-%d}" if len(closed) > 1 else ""
    note += "; what changed since stands in correction lines." if changed else "; nothing changed since."
    return replace(result, lines=found, notes=(note, *result.notes))


def corrections(kept: Iterable[Line], now: Iterable[Line]) -> list[Line]:
    """One line for each consumer and pool whose amounts differ: now less what was kept, cents exact."""
    before, after = _sums(kept), _sums(line for line in now if not line.feeds)
    found = []
    for key in dict.fromkeys([*after, *before]):
        zero = (Decimal(0),) * 3
        direct, allocated, unallocated = (
            b - a for a, b in zip(before.get(key, zero), after.get(key, zero), strict=True)
        )
        if direct or allocated or unallocated:
            found.append(Line(*key, "correction", direct, allocated, unallocated, correction=True))
    return found


def _sums(lines: Iterable[Line]) -> dict[Key, tuple[Decimal, ...]]:
    found: dict[Key, tuple[Decimal, ...]] = {}
    for line in lines:
        key = (line.currency, line.dimension, line.consumer, line.pool)
        amounts = (line.direct, line.allocated, line.unallocated)
        found[key] = tuple(a + b for a, b in zip(found.get(key, (Decimal(0),) * 3), amounts, strict=True))
    return found


def close(books: Books, drawer: Drawer, start: date, by: str, result: Chargeback) -> str:
    """Keeps a month's lines, or the corrections of a closed one; → what was done.

    result: the month as `as_closed` gives it. Raises Refused for a month that is not wholly loaded or has not changed.
    """
    end = start + relativedelta(months=1)
    days = books.house.catalog.days[COSTS]
    if days.last < end - timedelta(days=1):
        raise Refused(f"{start:%b %Y} is loaded up to {days.last} only; a month is closed when it is whole.")
    before = drawer.versions("closed month", name(start, by))
    kept = sum(len(paper.content["lines"]) for paper in before)
    fresh = [_plain(line) for line in result.lines if not line.feeds][kept:]  # corrections follow what was kept
    if before and not fresh:
        raise Refused(f"{start:%b %Y} is closed since {before[0].at:%Y-%m-%d} and has not changed.")
    paper = drawer.keep("closed month", name(start, by), {"by": by, "lines": fresh}, books.user)
    what = f"{len(fresh)} correction lines" if before else f"{len(fresh)} lines"
    return f"{start:%b %Y} is closed by {by.replace('_', ' ')} with {what} (version {paper.version})."


def name(start: date, by: str) -> str:
    return f"{start:%Y-%m} by {by}"


def _plain(line: Line) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Decimal) else v for k, v in asdict(line).items()}


def _line(content: Mapping[str, Any]) -> Line:
    known = {field.name for field in fields(Line)}
    values: dict[str, Any] = {k: v for k, v in content.items() if k in known}
    return Line(**values | {k: Decimal(values[k]) for k in _MONEY if values.get(k) is not None})
