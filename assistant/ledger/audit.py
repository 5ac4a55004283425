"""Every answer, kept: who, when, what, the plan, the SQL, the rows' count. Append-only SQLite beside the warehouse.

Also the memory of a conversation: the last plan of a thread. Knows nothing about how answers are made.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.values import Answer, QueryPlan

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
  answer_id TEXT PRIMARY KEY, at TEXT NOT NULL, thread TEXT, user TEXT, surface TEXT, question TEXT NOT NULL,
  status TEXT NOT NULL, understood TEXT, plan TEXT, sql TEXT, row_count INTEGER, planner TEXT,
  tokens_input INTEGER, tokens_output INTEGER, cost_usd REAL, data_version TEXT, answer TEXT, error TEXT);
CREATE INDEX IF NOT EXISTS by_thread ON answers (thread, user, answer_id);
CREATE TABLE IF NOT EXISTS feedback (
  answer_id TEXT NOT NULL, at TEXT NOT NULL, user TEXT, helpful INTEGER NOT NULL, reason TEXT);
CREATE INDEX IF NOT EXISTS feedback_by_answer ON feedback (answer_id);
CREATE TRIGGER IF NOT EXISTS feedback_no_update BEFORE UPDATE ON feedback
  BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS feedback_no_delete BEFORE DELETE ON feedback
  BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON answers BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON answers BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""
LONGEST_REASON = 2_000
_COLUMNS = (
    "answer_id", "at", "thread", "user", "surface", "question", "status", "understood", "plan", "sql", "row_count",
    "planner", "tokens_input", "tokens_output", "cost_usd", "data_version", "answer", "error",
)  # fmt: skip


class Ledger:
    """One file; safe for several processes. A file that can't be written costs the history, not the answer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._memory: dict[tuple[str, str | None], QueryPlan] = {}
        self._connection: sqlite3.Connection | None = None
        self.problem: str | None = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection | None]:
        if self._connection is None and self.problem is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                connection = sqlite3.connect(self._path, timeout=10, check_same_thread=False)
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.executescript(_SCHEMA)
                self._connection = connection
            except (sqlite3.Error, OSError) as error:
                self.problem = f"the audit file {self._path} can't be written: {error}"
        try:
            yield self._connection
        except sqlite3.Error as error:
            self.problem = f"the audit file {self._path} can't be written: {error}"

    def record(self, answer: Answer, surface: str, data_version: str) -> None:
        """Appends one answer, and remembers its plan for the thread."""
        if answer.thread and answer.plan is not None and answer.status == "answered":
            self._memory[answer.thread, answer.user] = answer.plan
        values = (
            answer.answer_id,
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            answer.thread,
            answer.user,
            surface,
            answer.question,
            answer.status,
            answer.understood,
            answer.plan.model_dump_json(exclude_defaults=True) if answer.plan else None,
            answer.sql,
            len(answer.rows),
            answer.planner,
            answer.tokens.input,
            answer.tokens.output,
            answer.tokens.cost_usd,
            data_version,
            answer.answer,
            answer.error or (answer.clarify.question if answer.clarify else None),
        )
        with self._open() as connection:
            if connection is not None:
                marks = ", ".join("?" * len(_COLUMNS))
                connection.execute(f"INSERT INTO answers ({', '.join(_COLUMNS)}) VALUES ({marks})", values)
                connection.commit()

    def last_plan(self, thread: str | None, user: str | None) -> QueryPlan | None:
        """The plan of the thread's last answer to this user; another user's thread is not continued."""
        if not thread:
            return None
        if (thread, user) in self._memory:
            return self._memory[thread, user]
        with self._open() as connection:
            if connection is not None:
                row = connection.execute(
                    "SELECT plan FROM answers WHERE thread = ? AND user IS ? AND plan IS NOT NULL "
                    "AND status = 'answered' ORDER BY rowid DESC LIMIT 1",
                    (thread, user),
                ).fetchone()
                if row:
                    return QueryPlan.model_validate_json(row[0])
        return None

    def judge(self, answer_id: str, user: str | None, helpful: bool, reason: str = "") -> bool:
        """Keeps what a user thinks of an answer that was given to them; False when it was not."""
        with self._open() as connection:
            if connection is not None:
                at = datetime.now(UTC).isoformat(timespec="milliseconds")
                done = connection.execute(
                    "INSERT INTO feedback SELECT answer_id, ?, user, ?, ? FROM answers "
                    "WHERE answer_id = ? AND user IS ?",
                    (at, int(helpful), reason[:LONGEST_REASON], answer_id, user),
                )
                connection.commit()
                return done.rowcount == 1
        return False

    def feedback(self, answer_id: str) -> list[dict[str, Any]]:
        """What was thought of an answer, newest last."""
        with self._open() as connection:
            if connection is not None:
                rows = connection.execute(
                    "SELECT at, user, helpful, reason FROM feedback WHERE answer_id = ? ORDER BY rowid", (answer_id,)
                )
                return [{"at": at, "user": user, "helpful": bool(h), "reason": why} for at, user, h, why in rows]
        return []

    def answers(self, answer_id: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """Newest first; one of them when `answer_id` is given."""
        where, values = ("WHERE answer_id = ?", [answer_id]) if answer_id else ("", [])
        with self._open() as connection:
            if connection is not None:
                rows = connection.execute(
                    f"SELECT {', '.join(_COLUMNS)} FROM answers {where} ORDER BY rowid DESC LIMIT {int(limit)}",
                    values,
                ).fetchall()
                found = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
                for one in found:
                    one["plan"] = json.loads(one["plan"]) if one["plan"] else None
                return found
        return []
