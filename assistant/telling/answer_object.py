"""The answer object of contract.md §2: plain JSON values, field for field."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel

from assistant.values import Answer, AnswerColumn, Clarification, Status, Tokens


class Days(BaseModel):
    """Half-open, like 2026-10-01 and 2026-11-01 for October."""

    start: date
    end: date


class AnswerObject(BaseModel):
    """The answer object as a schema, for those who are told what comes."""

    status: Status
    answer_id: str
    thread: str | None
    question: str
    user: str | None
    understood: str
    answer: str
    columns: list[AnswerColumn]
    rows: list[list[Any]]
    row_count: int
    truncated: bool
    period: Days | None
    sql: str | None
    dialect: str
    planner: Literal["local", "llm", "cache", "sql"]
    confidence: float | None
    assumptions: list[str]
    clarify: Clarification | None
    error: str | None
    tokens: Tokens
    timings_ms: dict[str, float]


def to_dict(answer: Answer) -> dict[str, Any]:
    """Rows hold JSON numbers, ISO dates and strings; amounts keep all their digits that a JSON number holds."""
    return {
        "status": answer.status,
        "answer_id": answer.answer_id,
        "thread": answer.thread,
        "question": answer.question,
        "user": answer.user,
        "understood": answer.understood,
        "answer": answer.answer,
        "columns": [asdict(c) for c in answer.columns],
        "rows": [[plain_value(v) for v in row] for row in answer.rows],
        "row_count": len(answer.rows),
        "truncated": answer.truncated,
        "period": {"start": answer.period.start.isoformat(), "end": answer.period.end.isoformat()}
        if answer.period
        else None,
        "sql": answer.sql,
        "dialect": answer.dialect,
        "planner": answer.planner,
        "confidence": answer.confidence,
        "assumptions": list(answer.assumptions),
        "clarify": {"question": answer.clarify.question, "options": list(answer.clarify.options)}
        if answer.clarify
        else None,
        "error": answer.error,
        "tokens": asdict(answer.tokens),
        "timings_ms": dict(answer.timings_ms),
    }


def plain_value(value: Any) -> Any:
    """A cell as JSON holds it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**53 else float(value)
    if isinstance(value, datetime):
        midnight = value.time() == datetime.min.time()
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, list | tuple):
        return [plain_value(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain_value(v) for k, v in value.items()}
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    return str(value)
