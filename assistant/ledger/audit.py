"""Every answer, kept: who, when, what, the plan, the SQL as run, the rows. Append-only, in the ledger, in one chain.

Also the memory of a conversation: the last plan of a thread. Knows nothing about how answers are made.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from assistant.errors import LedgerError
from assistant.ledger import chain, receipts
from assistant.ledger.receipts import LISTED, Receipt
from assistant.ledger.store import Store, insert
from assistant.values import Answer, QueryPlan

LONGEST_REASON = 2_000


class Ledger:
    """The answers of one store. A store that can't be written costs the history, not the answer.

    keep_days: older answers are removed, looked for once a day; None keeps them for good. keep_rows: of each answer.
    """

    def __init__(self, store: Store, keep_days: int | None = None, keep_rows: int = receipts.MOST_ROWS) -> None:
        self.store = store
        self._keep_days, self._keep_rows = keep_days, keep_rows
        self._pruned_on: date | None = None
        self._memory: dict[tuple[str, str | None], QueryPlan] = {}  # both only of answers that could not be kept
        self._asked: dict[tuple[str, str | None], str | None] = {}
        self.problem: str | None = None

    def close(self) -> None:
        self.store.close()

    def _run(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        try:
            with self.store.transaction() as run:
                return run(statement, **values)
        except LedgerError as error:
            self.problem = str(error)
            return []

    def _insert(self, table: str, row: dict[str, Any]) -> bool:
        try:
            with self.store.transaction() as run:
                insert(run, table, row)
        except LedgerError as error:
            self.problem = str(error)
            return False
        return True

    def record(self, answer: Answer, surface: str, data_version: str, receipt: Receipt = receipts.NONE) -> None:
        """Appends one answer. Only what the store can't keep is remembered for its thread: others write there too."""
        # made before the transaction: others stand in line for it
        record = receipts.record(answer, surface, data_version, receipt, self._keep_rows)
        try:
            self._prune()
            with self.store.transaction() as run:
                chain.append(run, record)
        except LedgerError as error:
            self.problem = str(error)
            self._remember(answer)
        else:
            for kept in (self._memory, self._asked):
                kept.pop((answer.thread or "", answer.user), None)

    def _remember(self, answer: Answer) -> None:
        if answer.thread:
            self._asked[answer.thread, answer.user] = answer.question if answer.status == "clarify" else None
        if answer.thread and answer.plan is not None and answer.status == "answered":
            self._memory[answer.thread, answer.user] = answer.plan

    def _prune(self) -> None:
        now = datetime.now(UTC)
        if self._keep_days is not None and self._pruned_on != now.date():
            self._pruned_on = now.date()
            chain.prune(self.store, (now - timedelta(days=self._keep_days)).isoformat(timespec="milliseconds"))

    def judge(self, answer_id: str, user: str | None, helpful: bool, reason: str = "") -> bool:
        """Keeps what a user thinks of an answer that was given to them; False when it was not."""
        given = self._run(
            "SELECT 1 AS given FROM answers WHERE answer_id = :answer_id AND coalesce(\"user\", '') = :name",
            answer_id=answer_id,
            name=user or "",
        )
        row = {
            "answer_id": answer_id, "at": datetime.now(UTC).isoformat(timespec="microseconds"), "user": user,
            "helpful": int(helpful), "reason": reason[:LONGEST_REASON],
        }  # fmt: skip
        return bool(given) and self._insert("feedback", row)

    def feedback(self, answer_id: str) -> list[dict[str, Any]]:
        """What was thought of an answer, newest last."""
        rows = self._run(
            'SELECT at, "user", helpful, reason FROM feedback WHERE answer_id = :answer_id ORDER BY at',
            answer_id=answer_id,
        )
        return [{**row, "helpful": bool(row["helpful"])} for row in rows]

    def months(self) -> list[dict[str, Any]]:
        """month (its first day) → how many questions were answered, and how many of those somebody last called helpful.

        Raises LedgerError.
        """
        with self.store.transaction() as run:
            return run(
                "SELECT substr(a.at, 1, 7) || '-01' AS month, count(*) AS answered, "
                "sum(CASE WHEN (SELECT f.helpful FROM feedback AS f WHERE f.answer_id = a.answer_id "
                "ORDER BY f.at DESC LIMIT 1) = 1 THEN 1 ELSE 0 END) AS correct "
                "FROM answers AS a WHERE status = 'answered' AND surface NOT IN ('eval', 'sql', 'report') "
                "GROUP BY substr(a.at, 1, 7) ORDER BY 1"
            )

    def planners(self, since: str, user: str | None = None) -> dict[str, int]:
        """planner → questions answered from the day `since` on, of one user or of all. Raises LedgerError."""
        with self.store.transaction() as run:
            rows = run(
                "SELECT planner, count(*) AS answers FROM answers WHERE at >= :since AND status = 'answered' "
                "AND (:everybody = 1 OR coalesce(\"user\", '') = :name) GROUP BY planner",
                since=since,
                everybody=int(user is None),
                name=user or "",
            )
        return {row["planner"]: row["answers"] for row in rows}

    def last_plan(self, thread: str | None, user: str | None, shared: bool = False) -> QueryPlan | None:
        """The plan of the thread's last answer to this user; another user's thread is continued only when shared."""
        if not thread:
            return None
        if not shared and (thread, user) in self._memory:
            return self._memory[thread, user]
        rows = self._run(
            "SELECT plan FROM answers WHERE thread = :thread AND (:shared = 1 OR coalesce(\"user\", '') = :name) "
            "AND plan IS NOT NULL AND status = 'answered' ORDER BY at DESC, answer_id DESC LIMIT 1",
            thread=thread,
            shared=int(shared),
            name=user or "",
        )
        return QueryPlan.model_validate_json(rows[0]["plan"]) if rows else None

    def statements(self, since: str) -> list[tuple[str, str | None, int]]:
        """(SQL, user, how often) of what was answered from the day `since` on, the most frequent first."""
        rows = self._run(
            "SELECT sql, \"user\" AS name, count(*) AS times FROM answers WHERE at >= :since AND status = 'answered' "
            'AND sql IS NOT NULL GROUP BY sql, "user" ORDER BY times DESC, sql',
            since=since,
        )
        return [(row["sql"], row["name"], int(row["times"])) for row in rows]

    def asked_back(self, thread: str | None, user: str | None, shared: bool = False) -> str | None:
        """The thread's last question, when it was answered with a question."""
        if not thread:
            return None
        if not shared and (thread, user) in self._asked:
            return self._asked[thread, user]
        rows = self._run(
            "SELECT question, status FROM answers WHERE thread = :thread "
            "AND (:shared = 1 OR coalesce(\"user\", '') = :name) ORDER BY at DESC, answer_id DESC LIMIT 1",
            thread=thread,
            shared=int(shared),
            name=user or "",
        )
        return str(rows[0]["question"]) if rows and rows[0]["status"] == "clarify" else None

    def answers(self, answer_id: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """Newest first; one of them, with its rows, when `answer_id` is given."""
        if answer_id:
            found = self._run("SELECT * FROM answers WHERE answer_id = :answer_id", answer_id=answer_id)
        else:
            found = self._run(f"SELECT {LISTED} FROM answers ORDER BY at DESC, answer_id DESC LIMIT {int(limit)}")
        return [receipts.read(one) for one in found]

    def of_user(self, user: str | None, limit: int = 50) -> list[dict[str, Any]]:
        """What was given to one user, newest first; None: to the local operator."""
        found = self._run(
            f"SELECT {LISTED} FROM answers WHERE coalesce(\"user\", '') = :name "
            f"ORDER BY at DESC, answer_id DESC LIMIT {int(limit)}",
            name=user or "",
        )
        return [receipts.read(one) for one in found]
