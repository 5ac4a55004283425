"""DuckDB's Python values → the few kinds that answers, files and the worker's pipe can carry.

Plain are None, bool, int, float, Decimal, str, date, datetime (UTC, without a zone), list and dict
with text keys. Everything else becomes text; infinities and NaN become None.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from assistant.errors import EngineError

LARGEST_VALUE = 100_000
LARGEST_RESULT = 50_000_000


def plain_rows(rows: Sequence[Sequence[Any]], room: int) -> tuple[list[tuple[Any, ...]], int]:
    """Rows of plain values, and what they leave of `room`, in characters.

    Raises EngineError(limit="size") for a value over 100,000 characters or when `room` runs out.
    """
    result = []
    for row in rows:
        values = tuple(plain(value) for value in row)
        for value in values:
            size = _size(value)
            room -= size
            if size > LARGEST_VALUE:
                raise EngineError(
                    f"One value of the result has more than {LARGEST_VALUE:,} characters. "
                    "Aggregate instead of collecting long lists and texts.",
                    limit="size",
                )
        if room < 0:
            raise EngineError(
                f"The result is larger than {LARGEST_RESULT // 1_000_000} MB. "
                "Select fewer columns, group the rows, or ask for a shorter period.",
                limit="size",
            )
        result.append(values)
    return result, room


def plain(value: Any) -> Any:
    """One value as a plain one."""
    if value is None or type(value) in (str, int, bool, date):
        return value
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return value if value.is_finite() else None
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {_key(key): plain(item) for key, item in value.items()}
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case time():
            return value.isoformat()
        case timedelta():
            return _interval(value)
    return str(value)


def to_json(rows: Sequence[Sequence[Any]]) -> str:
    """Rows of plain values as JSON; what JSON lacks is an object with one key that names its kind."""
    return json.dumps([[_tagged(value) for value in row] for row in rows], ensure_ascii=False)


def from_json(text: str) -> tuple[tuple[Any, ...], ...]:
    """What `to_json` wrote."""
    return tuple(tuple(row) for row in json.loads(text, object_hook=_untagged))


def _tagged(value: Any) -> Any:
    match value:
        case Decimal():
            return {"decimal": str(value)}
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case list():
            return [_tagged(item) for item in value]
        case dict():
            return {"dict": [[key, _tagged(item)] for key, item in value.items()]}
    return value


def _untagged(tag: dict[str, Any]) -> Any:
    ((kind, value),) = tag.items()
    match kind:
        case "decimal":
            return Decimal(value)
        case "datetime":
            return datetime.fromisoformat(value)
        case "date":
            return date.fromisoformat(value)
    return dict(value)


def _key(value: Any) -> str:
    known = plain(value)
    return known if isinstance(known, str) else str(known)


def _interval(value: timedelta) -> str:
    """As DuckDB writes it: `3 days 04:05:06`."""
    clock = str(value - timedelta(days=value.days)).zfill(8)
    return f"{value.days} day{'' if abs(value.days) == 1 else 's'} {clock}" if value.days else clock


def _size(value: Any) -> int:
    match value:
        case str():
            return len(value)
        case list():
            return 8 + sum(_size(item) for item in value)
        case dict():
            return 8 + sum(len(key) + _size(item) for key, item in value.items())
    return 8
