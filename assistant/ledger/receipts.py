"""What the audit keeps of one answer, as a row; and the figure by which two answers are found equal.

Knows no database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from assistant.values import Answer

MOST_ROWS = 200  # unless ASKCOST_AUDIT_ROWS says otherwise
BYTES_A_ROW = 328
_COLUMNS = (
    "answer_id", "at", "thread", "user", "surface", "question", "status", "understood", "plan", "sql", "row_count",
    "planner", "tokens_input", "tokens_output", "cost_usd", "data_version", "answer", "error",
)  # fmt: skip
LISTED = ", ".join(f'"{name}"' for name in _COLUMNS)
_JSON = ("plan", "readers", "columns", "rows", "depends")


@dataclass(frozen=True)
class Receipt:
    """What an answer was made with: the policy in words, the engine, the version of schemas/, who else reads it.

    depends: each definition that it rests on → its fingerprint.
    """

    policy: str | None = None
    engine: str | None = None
    definitions: str | None = None
    readers: tuple[str, ...] = ()
    today: date | None = None
    depends: Mapping[str, str] | None = None


NONE = Receipt()


def digest(rows: Sequence[Sequence[Any]]) -> str:
    """One figure for all rows, whatever their order: SHA-256 of the sorted rows as JSON.

    Amounts without zeros at their end and floats by 12 digits, so that equal answers have equal digests.
    """
    columns = [_texts(column) for column in zip(*rows, strict=True)]
    lines = sorted(map(", ".join, zip(*columns, strict=True))) if columns else [""] * len(rows)
    return hashlib.sha256("\n".join(f"[{line}]" for line in lines).encode("utf-8", "surrogatepass")).hexdigest()


def _texts(column: Sequence[Any]) -> list[str]:
    """A column's cells as JSON. By kind: an encoder for each row took most of the time that an answer has."""
    kinds = {type(value) for value in column} - {type(None)}
    of_kind = _TEXT.get(next(iter(kinds))) if len(kinds) == 1 else None
    write = of_kind or (lambda value: json.dumps(_plain(value), ensure_ascii=False, default=str))
    return ["null" if value is None else write(value) for value in column]


def _amount(value: Decimal) -> str:
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


_TEXT: Mapping[type, Callable[[Any], str]] = {
    str: encode_basestring,
    Decimal: lambda value: f'"{_amount(value)}"',
    int: repr,
}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _amount(value)
    return format(value, ".12g") if isinstance(value, float) else value


def _kept_rows(rows: Sequence[Sequence[Any]], most: int) -> str:
    """The first rows as JSON, amounts as texts so that no digit is lost; no more than fit."""
    kept: list[str] = []
    size = 2
    for row in rows[:most]:
        values = [str(v) if isinstance(v, Decimal) else v for v in row]
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), default=str)
        size += len(text.encode("utf-8", "surrogatepass")) + 1
        if size > most * BYTES_A_ROW:
            break
        kept.append(text)
    return f"[{','.join(kept)}]"


def record(
    answer: Answer, surface: str, data_version: str, receipt: Receipt, most_rows: int = MOST_ROWS
) -> dict[str, Any]:
    """most_rows: how many are kept; the digest is of all of them."""
    cost = answer.tokens.cost_usd
    return {
        "answer_id": answer.answer_id,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "thread": answer.thread,
        "user": answer.user,
        "readers": json.dumps(receipt.readers, ensure_ascii=False) if receipt.readers else None,
        "surface": surface,
        "question": answer.question,
        "today": receipt.today.isoformat() if receipt.today else None,
        "status": answer.status,
        "understood": answer.understood,
        "plan": answer.plan.model_dump_json(exclude_defaults=True) if answer.plan else None,
        "sql": answer.sql,
        "executed": answer.executed,
        "policy": receipt.policy,
        "engine": receipt.engine,
        "definitions": receipt.definitions,
        "depends": json.dumps(receipt.depends, ensure_ascii=False) if receipt.depends else None,
        "data_version": data_version,
        "columns": json.dumps([asdict(c) for c in answer.columns], ensure_ascii=False) if answer.columns else None,
        "rows": _kept_rows(answer.rows, most_rows) if answer.status == "answered" else None,
        "row_count": len(answer.rows),
        "digest": digest(answer.rows) if answer.status == "answered" else None,
        "planner": answer.planner,
        "tokens_input": answer.tokens.input,
        "tokens_output": answer.tokens.output,
        "cost_usd": float(cost) if cost is not None else None,
        "answer": answer.answer,
        "error": answer.error or (answer.clarify.question if answer.clarify else None),
    }


def read(one: dict[str, Any]) -> dict[str, Any]:
    """A row of the audit with its JSON read."""
    return {**one, **{name: json.loads(one[name]) for name in _JSON if one.get(name)}}
