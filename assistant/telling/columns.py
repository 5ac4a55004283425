"""What the columns of an answer are: their kind by type, and the one currency that all amounts have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from assistant.values import AnswerColumn


def column_kind(type_: str) -> Literal["dimension", "time", "metric"]:
    if type_.startswith(("DATE", "TIMESTAMP")):
        return "time"
    return "metric" if type_.startswith(("DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "BIGINT", "INTEGER")) else "dimension"


def one_currency(
    columns: Sequence[AnswerColumn], rows: Sequence[tuple[Any, ...]]
) -> tuple[tuple[AnswerColumn, ...], tuple[tuple[Any, ...], ...]]:
    """A currency column that says the same in every row becomes the amounts' unit."""
    place = next((i for i, c in enumerate(columns) if c.name == "currency" and c.kind == "dimension"), None)
    known = {row[place] for row in rows} if place is not None else set()
    if place is None or len(known) != 1:
        return tuple(columns), tuple(rows)
    unit = str(next(iter(known)))
    kept = tuple(
        replace(c, unit=unit) if c.kind == "metric" and c.unit is None else c
        for i, c in enumerate(columns)
        if i != place
    )
    return kept, tuple(tuple(v for i, v in enumerate(row) if i != place) for row in rows)
