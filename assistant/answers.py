"""Answers from what was found: of a plan's rows, of an analysis's report, of a statement's rows. Runs nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence

from assistant.analysis.report import Report
from assistant.semantics.model import SemanticModel
from assistant.sql.compile import Statement
from assistant.telling import narrate
from assistant.telling.columns import column_kind, one_currency
from assistant.telling.understood import understood
from assistant.values import Answer, AnswerColumn, CheckedQuery, Lint, Reading, Rows


def of_reading(
    answer_id: str,
    question: str,
    reading: Reading,
    statement: Statement,
    rows: Rows,
    model: SemanticModel,
    fresh: str | None,
    policy: str | None,
) -> Answer:
    """The rows of a plan, told. `fresh`: what there is to say of missing days; `policy`: of the user's rows."""
    columns, values = one_currency(statement.columns, rows.rows)
    return Answer(
        status="answered",
        answer_id=answer_id,
        question=question,
        understood=understood(reading.plan, model),
        answer=narrate.tell(reading.plan, columns, values, model, rows.truncated, fresh),
        columns=columns,
        rows=values,
        truncated=rows.truncated,
        period=reading.plan.period,
        sql=statement.sql,
        planner="local",
        confidence=reading.confidence,
        assumptions=(*reading.assumptions, *_note(policy)),
        plan=reading.plan,
    )


def of_report(
    answer_id: str,
    question: str,
    found: Report,
    reading: Reading,
    label: str,
    model: SemanticModel,
    policy: str | None,
) -> Answer:
    """An analysis without the columns that only a chart needs."""
    kept = [c.name not in found.wide for c in found.columns]
    return Answer(
        status="answered",
        answer_id=answer_id,
        question=question,
        understood=f"{label} · {understood(reading.plan, model)}",
        answer=" ".join(found.sentences),
        columns=tuple(c for c, keep in zip(found.columns, kept, strict=True) if keep),
        rows=tuple(tuple(v for v, keep in zip(row, kept, strict=True) if keep) for row in found.rows),
        period=reading.plan.period,
        confidence=reading.confidence,
        assumptions=tuple(dict.fromkeys((*reading.assumptions, *found.notes, *_note(policy)))),
        plan=reading.plan,
        chart=found.chart,
    )


def of_rows(
    answer_id: str, question: str, checked: CheckedQuery, rows: Rows, warnings: Sequence[Lint], policy: str | None
) -> Answer:
    """The rows of a statement that somebody wrote, with its lints."""
    return Answer(
        status="answered",
        answer_id=answer_id,
        question=question,
        columns=tuple(AnswerColumn(n, column_kind(t)) for n, t in zip(rows.columns, rows.types, strict=True)),
        rows=rows.rows,
        truncated=rows.truncated,
        sql=checked.sql,
        assumptions=(*(f"{w.rule}: {w.message}" for w in warnings), *_note(policy)),
        executed=checked.executable,
    )


def _note(policy: str | None) -> tuple[str, ...]:
    return (policy,) if policy else ()


class Clock:
    """Milliseconds from one lap to the next."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round((now - self._last) * 1000, 2)
        self._last = now
