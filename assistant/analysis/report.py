"""Report: what an analysis found: rows with their columns, and what is said about them. Draws nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assistant.values import AnswerColumn, Chart


@dataclass(frozen=True)
class Report:
    """wide: columns that only files have. extra: what JSON has beside the rows.

    sentences: said above the table, the first one is the answer; notes below it. chart: where rows alone don't show it.
    """

    columns: tuple[AnswerColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    sentences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    wide: frozenset[str] = frozenset()
    extra: Mapping[str, Any] = field(default_factory=dict)
    chart: Chart | None = None


def dimension(name: str) -> AnswerColumn:
    return AnswerColumn(name, "dimension")


def time(name: str = "month") -> AnswerColumn:
    return AnswerColumn(name, "time")


def metric(name: str, unit: str | None) -> AnswerColumn:
    return AnswerColumn(name, "metric", unit)
