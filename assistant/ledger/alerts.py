"""Alerts as the ledger keeps them: rules, what people decided of them, what was fired and what became of it.

Append-only. Whoever inserts a firing sends it, so one message goes out however many processes run. Knows nothing of
what a rule or a message holds: JSON goes in and comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from assistant.ledger.store import Store, insert

Decision = Literal["mute", "unmute", "remove"]
Outcome = Literal["sent", "failed", "muted"]
FOREVER = date.max
ABANDONED = timedelta(minutes=10)  # a process that took a firing and said nothing of it since is gone


@dataclass(frozen=True)
class Kept:
    """A rule's JSON. muted_until: the first day it speaks again, FOREVER without an end, None when it is not muted."""

    body: str
    muted_until: date | None = None


@dataclass(frozen=True)
class Firing:
    """One try to send what a rule has to say of an occurrence. outcome None: nobody has said what became of it."""

    rule: str
    occurrence: str
    attempt: int
    at: datetime
    message: str | None
    outcome: Outcome | None
    error: str | None


class Alerts:
    """Over the ledger's store. Raises LedgerError."""

    def __init__(self, store: Store, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.store, self._now = store, now

    def add(self, name: str, body: str) -> None:
        with self.store.transaction() as run:
            insert(run, "alert_rules", {"id": name, "at": self._at(), "body": body})

    def rules(self) -> dict[str, Kept]:
        """Id → the rule, oldest first, without those that were removed."""
        with self.store.transaction() as run:
            rows = run("SELECT id, body FROM alert_rules ORDER BY at, id")
            said = run("SELECT rule, decision, until FROM alert_decisions ORDER BY at")
        newest = {row["rule"]: row for row in said}
        removed = {row["rule"] for row in said if row["decision"] == "remove"}
        return {r["id"]: Kept(r["body"], _muted(newest.get(r["id"]))) for r in rows if r["id"] not in removed}

    def decide(self, name: str, decision: Decision, until: date | None = None, user: str | None = None) -> None:
        """until: the day a mute ends; without one it lasts."""
        row = {"rule": name, "at": self._at(), "decision": decision, "until": until.isoformat() if until else None}
        with self.store.transaction() as run:
            insert(run, "alert_decisions", {**row, "user": user})

    def fired(self, rule: str) -> set[str]:
        """The occurrences that somebody took already."""
        with self.store.transaction() as run:
            return {r["occurrence"] for r in run("SELECT occurrence FROM alert_firings WHERE rule = :rule", rule=rule)}

    def claim(self, rule: str, occurrence: str, message: str | None, attempt: int = 1) -> bool:
        """Whether this caller is the one to send it."""
        with self.store.transaction() as run:
            taken = run(
                "INSERT INTO alert_firings (rule, occurrence, attempt, at, message) "
                "VALUES (:rule, :occurrence, :attempt, :at, :message) ON CONFLICT DO NOTHING RETURNING attempt",
                rule=rule, occurrence=occurrence, attempt=attempt, at=self._at(), message=message,
            )  # fmt: skip
        return bool(taken)

    def settle(self, rule: str, occurrence: str, outcome: Outcome, error: str | None = None, attempt: int = 1) -> None:
        """What became of a firing that this caller claimed."""
        row = {"rule": rule, "occurrence": occurrence, "attempt": attempt, "at": self._at(), "outcome": outcome}
        with self.store.transaction() as run:
            insert(run, "alert_outcomes", {**row, "error": error})

    def firings(self) -> list[Firing]:
        """The last try of each occurrence, newest first."""
        with self.store.transaction() as run:
            rows = run(
                "SELECT f.rule, f.occurrence, f.attempt, f.at, f.message, o.outcome, o.error FROM alert_firings f "
                "LEFT JOIN alert_outcomes o ON o.rule = f.rule AND o.occurrence = f.occurrence "
                "AND o.attempt = f.attempt WHERE f.attempt = (SELECT max(attempt) FROM alert_firings l "
                "WHERE l.rule = f.rule AND l.occurrence = f.occurrence) ORDER BY f.at DESC, f.rule, f.occurrence"
            )
        return [Firing(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows]

    def dead(self) -> list[Firing]:
        """What never arrived: all tries failed, or the process that took it is gone."""
        gone = self._now() - ABANDONED
        return [f for f in self.firings() if f.outcome == "failed" or (f.outcome is None and f.at < gone)]

    def _at(self) -> str:
        return self._now().isoformat(timespec="microseconds")


def _muted(said: dict[str, str | None] | None) -> date | None:
    if said is None or said["decision"] != "mute":
        return None
    return date.fromisoformat(said["until"]) if said["until"] else FOREVER
