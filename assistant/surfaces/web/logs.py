"""One JSON object a line, for machines. Says which answer and where in the program, never what was asked or found.

Messages of errors and parameters of statements hold data; only their kinds and places are written.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType

from assistant.values import Answer

OWN = "assistant."
INNERMOST = 6
logger = logging.getLogger(f"{OWN}answers")


class Lines(logging.Formatter):
    """Other programs' messages are left out too: they quote what they were given."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        line["event"] = record.getMessage() if record.name.startswith(OWN) else f"{record.filename}:{record.lineno}"
        line |= getattr(record, "told", {})
        if record.exc_info and record.exc_info[0]:
            kind, _, place = record.exc_info
            line |= {"error": kind.__name__, "place": _places(place)}
        return json.dumps(line)


def as_lines() -> None:
    """Everything that is logged goes to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def answered(answer: Answer) -> None:
    """One line for an answer."""
    told = {
        "answer_id": answer.answer_id,
        "status": answer.status,
        "planner": answer.planner,
        "rows": len(answer.rows),
        "tokens": answer.tokens.input + answer.tokens.output,
        "ms": dict(answer.timings_ms),
    }
    logger.info("answer", extra={"told": told})


def _places(at: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(at)[-INNERMOST:]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
