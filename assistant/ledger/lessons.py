"""Words that people proposed, and what was decided of each. Append-only; what a word is, is JSON to this module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from assistant.ledger.store import Store, insert

Decision = Literal["accept", "reject", "undo"]


@dataclass(frozen=True)
class Lesson:
    """said: the sentence that taught it. body: the word as JSON. decision None: pending."""

    id: str
    at: str
    user: str | None
    word: str
    said: str
    body: str
    decision: Decision | None = None
    decided_by: str | None = None
    decided_at: str | None = None
    reason: str | None = None


class Lessons:
    """Over the ledger's store. Raises LedgerError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def propose(self, name: str, user: str | None, word: str, said: str, body: str) -> None:
        row = {"id": name, "at": _now(), "user": user, "word": word, "said": said, "body": body}
        with self.store.transaction() as run:
            insert(run, "lessons", row)

    def decide(self, name: str, decision: Decision, user: str | None, reason: str = "") -> None:
        row = {"lesson": name, "at": _now(), "decision": decision, "user": user, "reason": reason}
        with self.store.transaction() as run:
            insert(run, "lesson_decisions", row)

    def all(self) -> list[Lesson]:
        """Newest first, each with its last decision."""
        with self.store.transaction() as run:
            rows = run('SELECT id, at, "user", word, said, body FROM lessons ORDER BY at DESC, id DESC')
            said = run('SELECT lesson, at, decision, "user", reason FROM lesson_decisions ORDER BY at')
        last = {one["lesson"]: one for one in said}
        return [_with(Lesson(**row), last.get(row["id"])) for row in rows]

    def pending(self) -> list[Lesson]:
        return [one for one in self.all() if one.decision is None]


def _with(lesson: Lesson, said: dict[str, str] | None) -> Lesson:
    if said is None:
        return lesson
    values = {**lesson.__dict__, "decision": said["decision"], "decided_by": said["user"]}
    return Lesson(**{**values, "decided_at": said["at"], "reason": said["reason"]})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
