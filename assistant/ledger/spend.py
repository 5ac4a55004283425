"""The assistant's own spend: every model call, written before its reply is read. Append-only, in the audit's file.

Many processes write at once. Knows nothing about who may spend how much (budget.py), nor about models.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from ulid import ULID

from assistant.ledger.prices import Price, Usage
from assistant.values import Tokens

_SCHEMA = """
CREATE TABLE IF NOT EXISTS model_calls (
  call_id TEXT PRIMARY KEY, at TEXT NOT NULL, day TEXT NOT NULL, answer_id TEXT NOT NULL, thread TEXT, user TEXT,
  team TEXT, purpose TEXT NOT NULL, provider TEXT, model TEXT NOT NULL, input INTEGER NOT NULL,
  cached_input INTEGER NOT NULL, cache_write INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL,
  cost_usd TEXT, price_basis TEXT NOT NULL, ms REAL NOT NULL, outcome TEXT NOT NULL, reservation TEXT);
CREATE INDEX IF NOT EXISTS calls_by_day ON model_calls (day, user);
CREATE INDEX IF NOT EXISTS calls_by_answer ON model_calls (answer_id);
CREATE INDEX IF NOT EXISTS calls_by_reservation ON model_calls (reservation);
CREATE TABLE IF NOT EXISTS reservations (
  reservation TEXT PRIMARY KEY, at REAL NOT NULL, until REAL NOT NULL, day TEXT NOT NULL, user TEXT, team TEXT,
  tokens INTEGER NOT NULL, cost_usd TEXT);
CREATE INDEX IF NOT EXISTS reservations_open ON reservations (until);
CREATE TABLE IF NOT EXISTS grants (
  at TEXT NOT NULL, day TEXT NOT NULL, subject TEXT NOT NULL, name TEXT NOT NULL, tokens INTEGER NOT NULL,
  usd TEXT NOT NULL, reason TEXT NOT NULL, granted_by TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS plans (key TEXT PRIMARY KEY, at TEXT NOT NULL, reading TEXT NOT NULL);
"""
_TABLES = ("model_calls", "reservations", "grants", "plans")
GROUPS = ("user", "team", "model", "day", "purpose", "outcome")
Group = Literal["user", "team", "model", "day", "purpose", "outcome"]


@dataclass(frozen=True)
class Who:
    """For whom and for which answer a call is made. `user` None is the local operator."""

    answer_id: str
    user: str | None = None
    team: str | None = None
    thread: str | None = None


@dataclass(frozen=True)
class Call:
    """One call that was made, whatever came of it."""

    purpose: str
    provider: str
    model: str
    usage: Usage
    price: Price
    ms: float
    outcome: str
    reservation: str | None = None


class Spend:
    """One file. Raises sqlite3.Error or OSError when it can't be written: what isn't counted isn't spent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection, alone in the file until the block ends."""
        with self._lock:
            connection = self._connection = self._connection or _opened(self._path)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def record(self, who: Who, call: Call, at: datetime | None = None) -> None:
        at = at or datetime.now(UTC)
        usage = call.usage
        row = (
            str(ULID()), at.isoformat(timespec="milliseconds"), at.date().isoformat(), who.answer_id, who.thread,
            who.user, who.team, call.purpose, call.provider, call.model, usage.input, usage.cached_input,
            usage.cache_write, usage.output, usage.reasoning,
            None if call.price.usd is None else str(call.price.usd), call.price.basis, round(call.ms, 1),
            call.outcome, call.reservation,
        )  # fmt: skip
        with self.transaction() as connection:
            connection.execute(f"INSERT INTO model_calls VALUES ({', '.join('?' * len(row))})", row)

    def tokens(self, answer_id: str) -> Tokens:
        """What one answer took. `cost_usd` None: at least one call has no known price."""
        rows = self.calls("answer_id = ?", answer_id)
        costs = [r["cost_usd"] for r in rows]
        return Tokens(
            calls=len(rows),
            input=sum(r["input"] for r in rows),
            cached_input=sum(r["cached_input"] for r in rows),
            output=sum(r["output"] for r in rows),
            reasoning=sum(r["reasoning"] for r in rows),
            cost_usd=None if None in costs else float(sum(costs, Decimal(0))),
        )

    def calls(self, condition: str = "1", *values: Any) -> list[dict[str, Any]]:
        """Calls, oldest first, with `cost_usd` a Decimal or None. `condition` is ours, never a user's text."""
        with self.transaction() as connection:
            cursor = connection.execute(f"SELECT * FROM model_calls WHERE {condition} ORDER BY rowid", values)
            names = [c[0] for c in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        for row in rows:
            row["cost_usd"] = None if row["cost_usd"] is None else Decimal(row["cost_usd"])
        return rows

    def by(self, group: Group, since: str = "") -> list[dict[str, Any]]:
        """Totals by one column from the day `since` on, dearest first; `unpriced` counts calls without a price."""
        totals: dict[Any, dict[str, Any]] = {}
        for row in self.calls("day >= ?", since):
            total = totals.setdefault(
                row[group],
                {group: row[group], "answers": set(), "calls": 0, "input": 0, "cached_input": 0, "output": 0,
                 "reasoning": 0, "cost_usd": Decimal(0), "unpriced": 0},
            )  # fmt: skip
            total["answers"].add(row["answer_id"])
            total["calls"] += 1
            for name in ("input", "cached_input", "output", "reasoning"):
                total[name] += row[name]
            total["cost_usd"] += row["cost_usd"] or 0
            total["unpriced"] += row["cost_usd"] is None
        found = [{**t, "answers": len(t["answers"])} for t in totals.values()]
        return sorted(found, key=lambda t: (-t["cost_usd"], -t["input"] - t["output"], str(t[group])))

    def plan(self, key: str) -> str | None:
        """A reading kept under this key."""
        with self.transaction() as connection:
            row = connection.execute("SELECT reading FROM plans WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def keep(self, key: str, reading: str) -> None:
        with self.transaction() as connection:
            at = datetime.now(UTC).isoformat(timespec="seconds")
            connection.execute("INSERT OR IGNORE INTO plans VALUES (?, ?, ?)", (key, at, reading))


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
    for attempt in range(20):  # the switch to WAL does not wait for other processes that are doing the same
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError:
            if attempt == 19:
                raise
            time.sleep(0.05)
    connection.execute("PRAGMA synchronous=NORMAL")
    triggers = "".join(
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'append-only'); END;"
        for table in _TABLES
        for verb in ("UPDATE", "DELETE")
    )
    connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}{triggers}COMMIT;")
    return connection
