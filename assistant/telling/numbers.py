"""Checks that every figure of a text stands in the rows or follows from them. Writes nothing itself.

Follows: a column's total, a cell's share of it, the difference of two totals and its percentage, and counts of
rows. Serves template and model narration alike.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from assistant.values import AnswerColumn

Number = int | float | Decimal
_FIGURE = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def unsupported(
    text: str,
    columns: Sequence[AnswerColumn],
    rows: Sequence[Sequence[Any]],
    quoted: Iterable[str] = (),
    asked: Iterable[Number] = (),
) -> list[str]:
    """The figures of `text` that neither stand in the rows nor follow from them.

    quoted: names, dates and labels that may hold digits of their own; they are taken out first.
    asked: figures of the question itself, such as a threshold.
    """
    for phrase in sorted({q for q in quoted if any(c.isdigit() for c in q)}, key=len, reverse=True):
        text = re.sub(rf"(?<![\d.,]){re.escape(phrase)}(?!\d|[.,]\d)", " ", text, flags=re.IGNORECASE)
    known = [*_derivable(columns, rows), *(float(a) for a in asked)]
    return [found for found in _FIGURE.findall(text) if not _stands(found, known)]


def checked(
    sentences: Iterable[str],
    columns: Sequence[AnswerColumn],
    rows: Sequence[Sequence[Any]],
    quoted: Iterable[str] = (),
    asked: Iterable[Number] = (),
) -> list[str]:
    """The sentences whose figures can all be traced."""
    quoted, asked = tuple(quoted), tuple(asked)
    return [s for s in sentences if not unsupported(s, columns, rows, quoted, asked)]


def _stands(figure: str, known: Sequence[float]) -> bool:
    decimals = len(figure.partition(".")[2])
    value = float(figure.replace(",", ""))
    half = 0.5 * 10.0**-decimals * (1 + 1e-9) + 1e-12
    return any(abs(abs(candidate) - abs(value)) <= half for candidate in known)


def _derivable(columns: Sequence[AnswerColumn], rows: Sequence[Sequence[Any]]) -> list[float]:
    known: list[float] = [float(len(rows))]
    totals: list[float] = []
    for place, column in enumerate(columns):
        values = [float(row[place]) for row in rows if _number(row[place])]
        known += values
        known += [float(len({str(row[place]) for row in rows if row[place] is not None}))]
        if column.kind != "metric" or not values:
            continue
        total = float(sum(Decimal(str(v)) for v in values))
        known += [total, total / len(values)]
        totals.append(total)
        if total:
            known += [100 * v / total for v in values]
        known += [b - a for a, b in itertools.pairwise(values)] + [values[-1] - values[0]]
        if values[0]:
            known.append(100 * (values[-1] - values[0]) / values[0])
    for one in totals:
        for other in totals:
            known.append(one - other)
            if other:
                known.append(100 * (one - other) / other)
    return known


def _number(value: Any) -> bool:
    return isinstance(value, Number) and not isinstance(value, bool)
