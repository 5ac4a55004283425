"""The ledger's tables, one step after another. A step that was released never changes; what is new is a new step.

Everything is append-only, by triggers: what was spent or answered can't be made undone, only old answers removed
when their time is over (chain.prune). Columns are SQL's that SQLite
and PostgreSQL share; moments and money are texts, exact in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

from assistant.errors import LedgerError

Dialect = Literal["sqlite", "postgresql"]

_FIRST = (
    """CREATE TABLE IF NOT EXISTS answers (
      answer_id TEXT PRIMARY KEY, at TEXT NOT NULL, thread TEXT, "user" TEXT, surface TEXT, question TEXT NOT NULL,
      status TEXT NOT NULL, understood TEXT, plan TEXT, sql TEXT, row_count BIGINT, planner TEXT,
      tokens_input BIGINT, tokens_output BIGINT, cost_usd DOUBLE PRECISION, data_version TEXT, answer TEXT,
      error TEXT)""",
    'CREATE INDEX IF NOT EXISTS by_thread ON answers (thread, "user", answer_id)',
    """CREATE TABLE IF NOT EXISTS model_calls (
      call_id TEXT PRIMARY KEY, at TEXT NOT NULL, day TEXT NOT NULL, answer_id TEXT NOT NULL, thread TEXT,
      "user" TEXT, team TEXT, purpose TEXT NOT NULL, provider TEXT, model TEXT NOT NULL, input BIGINT NOT NULL,
      cached_input BIGINT NOT NULL, cache_write BIGINT NOT NULL, output BIGINT NOT NULL, reasoning BIGINT NOT NULL,
      cost_usd TEXT, price_basis TEXT NOT NULL, ms DOUBLE PRECISION NOT NULL, outcome TEXT NOT NULL,
      reservation TEXT)""",
    'CREATE INDEX IF NOT EXISTS calls_by_day ON model_calls (day, "user")',
    "CREATE INDEX IF NOT EXISTS calls_by_answer ON model_calls (answer_id)",
    "CREATE INDEX IF NOT EXISTS calls_by_reservation ON model_calls (reservation)",
    """CREATE TABLE IF NOT EXISTS reservations (
      reservation TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, until DOUBLE PRECISION NOT NULL, day TEXT NOT NULL,
      "user" TEXT, team TEXT, tokens BIGINT NOT NULL, cost_usd TEXT)""",
    "CREATE INDEX IF NOT EXISTS reservations_open ON reservations (until)",
    """CREATE TABLE IF NOT EXISTS grants (
      at TEXT NOT NULL, day TEXT NOT NULL, subject TEXT NOT NULL, name TEXT NOT NULL, tokens BIGINT NOT NULL,
      usd TEXT NOT NULL, reason TEXT NOT NULL, granted_by TEXT NOT NULL)""",
    "CREATE TABLE IF NOT EXISTS plans (key TEXT PRIMARY KEY, at TEXT NOT NULL, reading TEXT NOT NULL)",
)
_FEEDBACK = (
    """CREATE TABLE IF NOT EXISTS feedback (
      answer_id TEXT NOT NULL, at TEXT NOT NULL, "user" TEXT, helpful INTEGER NOT NULL, reason TEXT)""",
    "CREATE INDEX IF NOT EXISTS feedback_by_answer ON feedback (answer_id)",
)
# One chain over all answers from here on. What was answered before stays out of it, and is counted.
_CHAIN = (
    *(
        f'ALTER TABLE answers ADD COLUMN "{name}" TEXT'
        for name in (
            "readers", "today", "executed", "policy", "engine", "definitions", "columns", "rows", "digest",
            "previous", "hash",
        )
    ),
    "ALTER TABLE answers ADD COLUMN seq BIGINT",
    "CREATE UNIQUE INDEX IF NOT EXISTS answers_in_line ON answers (seq)",
    "CREATE INDEX IF NOT EXISTS answers_by_time ON answers (at)",
    """CREATE TABLE IF NOT EXISTS pruned (
      at TEXT NOT NULL, seq BIGINT NOT NULL, hash TEXT NOT NULL, answers BIGINT NOT NULL, until TEXT NOT NULL)""",
    "INSERT INTO pruned (at, seq, hash, answers, until) SELECT '', 0, '', count(*), '' FROM answers",
)  # fmt: skip
_ALERTS = (
    "CREATE TABLE IF NOT EXISTS alert_rules (id TEXT PRIMARY KEY, at TEXT NOT NULL, body TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS alert_decisions (
      rule TEXT NOT NULL, at TEXT NOT NULL, decision TEXT NOT NULL, until TEXT, "user" TEXT)""",
    """CREATE TABLE IF NOT EXISTS alert_firings (
      rule TEXT NOT NULL, occurrence TEXT NOT NULL, attempt BIGINT NOT NULL, at TEXT NOT NULL, message TEXT,
      PRIMARY KEY (rule, occurrence, attempt))""",
    """CREATE TABLE IF NOT EXISTS alert_outcomes (
      rule TEXT NOT NULL, occurrence TEXT NOT NULL, attempt BIGINT NOT NULL, at TEXT NOT NULL, outcome TEXT NOT NULL,
      error TEXT, PRIMARY KEY (rule, occurrence, attempt))""",
)
# What an answer rests on: definition → fingerprint, as JSON.
_DEPENDS = ("ALTER TABLE answers ADD COLUMN depends TEXT",)
_LESSONS = (
    """CREATE TABLE IF NOT EXISTS lessons (
      id TEXT PRIMARY KEY, at TEXT NOT NULL, "user" TEXT, word TEXT NOT NULL, said TEXT NOT NULL,
      body TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS lesson_decisions (
      lesson TEXT NOT NULL, at TEXT NOT NULL, decision TEXT NOT NULL, "user" TEXT, reason TEXT)""",
)
# What each step says, and the tables that nobody may change from then on.
STEPS = (
    (_FIRST, ("answers", "model_calls", "reservations", "grants", "plans")),
    (_FEEDBACK, ("feedback",)),
    (_CHAIN, ("pruned",)),
    (_ALERTS, ("alert_rules", "alert_decisions", "alert_firings", "alert_outcomes")),
    (_DEPENDS, ()),
    (_LESSONS, ("lessons", "lesson_decisions")),
)


def migrate(run: Callable[..., list[dict[str, Any]]], dialect: Dialect) -> None:
    """Takes the steps that this ledger has not seen. Raises LedgerError when it is newer than this askcost."""
    run("CREATE TABLE IF NOT EXISTS ledger_version (version BIGINT NOT NULL)")
    done = int(run("SELECT coalesce(max(version), 0) AS version FROM ledger_version")[0]["version"])
    if done > len(STEPS):
        raise LedgerError("The ledger was written by a newer askcost; use that one, or another ledger.")
    for number, (statements, closed) in enumerate(STEPS[done:], done + 1):
        for statement in (*statements, *(s for table in closed for s in _append_only(table, dialect))):
            run(statement)
        run("INSERT INTO ledger_version (version) VALUES (:number)", number=number)


def may_lose_rows(
    run: Callable[..., list[dict[str, Any]]], dialect: Dialect, table: str, lose: Callable[[], None]
) -> None:
    """Opens `table` for what `lose` deletes, and closes it again, all in the running transaction."""
    names = [f"{table}_no_delete"] if dialect == "sqlite" else [f"{table}_append_only ON {table}"]
    for name in names:
        run(f"DROP TRIGGER {name}")
    lose()
    for statement in _append_only(table, dialect):
        run(statement)


def _append_only(table: str, dialect: Dialect) -> Iterator[str]:
    if dialect == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
            )
        return
    yield (
        "CREATE OR REPLACE FUNCTION askcost_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'append-only'; END $$"
    )
    yield (
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "EXECUTE FUNCTION askcost_append_only()"
    )
