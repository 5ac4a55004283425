"""Where a threshold is passed: rows of an answer by day, week, month, quarter or year → the crossings among them. Pure.

A change is measured against the whole `per` before it, of the same group: without an amount above zero there, or with
days of it that are not loaded, there is no percentage and nothing is passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from assistant.alerts.rule import Line
from assistant.semantics import calendar
from assistant.telling.figures import currency_of, figure
from assistant.values import Answer, Grain, Period

DAY = timedelta(days=1)
Group = tuple[Any, ...]
Held = Mapping[tuple[Group, date], Any]


@dataclass(frozen=True)
class Loaded:
    """The first and the newest day loaded of what is counted, and whether its running sums only grow."""

    first: date
    newest: date
    additive: bool = True


@dataclass(frozen=True)
class Crossing:
    """row: of the answer. limit: what it passed. before: the amount and the time that it is measured against."""

    row: Sequence[Any]
    bucket: Period
    limit: Decimal
    base: Decimal | None = None
    before: Period | None = None


def crossings(
    answer: Answer, line: Line, first: date, floor: date, loaded: Loaded, fiscal: int = 1
) -> Iterator[Crossing]:
    """Those from `first` on. A day after one that passed the line too is no crossing; days before `floor` don't count.

    What is not over yet passes upwards only, and a rate that is compared not at all.
    """
    at = time_of(answer)
    held = {(_group(row, at), _day(row[at])): row[-1] for row in answer.rows}
    passed: dict[Group, date] = {}
    for row in sorted(answer.rows, key=lambda row: row[at]):
        day, value, group = _day(row[at]), row[-1], _group(row, at)
        bucket = calendar.whole(day, line.per, fiscal)
        before = calendar.whole(day - DAY, line.per, fiscal) if line.of != "value" else None
        base = _base(held, group, before, loaded)
        limit = _limit(line, base)
        if value is None or limit is None or not (value > limit if line.side == "above" else value < limit):
            continue
        again = line.per is Grain.DAY and passed.get(group) == day - DAY >= floor
        passed[group] = day
        over = loaded.newest >= bucket.end  # later days are loaded, so this one is whole
        early = line.side == "above" and (line.of == "value" or loaded.additive)
        if day >= first and not again and (over or early):
            yield Crossing(row, bucket, limit, base, before)


def _base(
    held: Mapping[tuple[Group, date], Any], group: Group, before: Period | None, loaded: Loaded
) -> Decimal | None:
    if before is None or before.start < loaded.first:
        return None
    found = held.get((group, before.start))
    return None if found is None else Decimal(str(found))


def _limit(line: Line, base: Decimal | None) -> Decimal | None:
    if line.of == "value":
        return line.value
    step = line.value if line.side == "above" else -line.value
    if line.of == "change":
        return None if base is None else base + step
    return None if base is None or base <= 0 else base * (1 + step / 100)


def told(one: Crossing, line: Line, newest: date) -> tuple[str, str]:
    """What happened, and what the line is, for a title and a sentence."""
    value, limit = size(one.row[-1], line.unit), size(one.limit, line.unit)
    when = f"{'on' if line.per is Grain.DAY else 'in'} {calendar.label(one.bucket)}"
    if one.before is None or one.base is None:
        return f"{value} {when}, {line.side} {limit}", f"The line is {limit} a {line.per}."
    so_far = " so far" if newest < one.bucket.end - DAY else ""
    moved = abs(Decimal(str(one.row[-1])) - one.base)
    much = f"{100 * moved / one.base:.1f}%" if line.of == "change_percent" else size(moved, line.unit)
    more, usual = ("more" if line.side == "above" else "less"), size(one.base, line.unit)
    return (
        f"{value}{so_far} {when}, {much} {more} than in {calendar.label(one.before)} ({usual})",
        f"The line is {wanted(line)} {more} than the whole {line.per} before: {limit}.",
    )


def wanted(line: Line) -> str:
    """The size of the line itself: $5,000.00, 20%."""
    if line.of == "change_percent":
        return f"{line.value.normalize():f}%"
    return size(line.value, line.unit)


def size(value: Any, unit: str | None) -> str:
    return (
        figure(value, unit) if currency_of(unit) or unit == "percent" else f"{figure(value, None)} {unit or ''}".strip()
    )


def time_of(answer: Answer) -> int:
    """The place of the day, week or month in a row."""
    return next(i for i, column in enumerate(answer.columns) if column.kind == "time")


def _group(row: Sequence[Any], at: int) -> Group:
    return tuple(row[i] for i in range(len(row) - 1) if i != at)


def _day(value: Any) -> date:
    return value.date() if isinstance(value, datetime) else value
