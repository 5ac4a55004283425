"""Answers of the audit looked for by person, word, metric and day; and all that is kept of them, to export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from assistant.ledger import chain, receipts
from assistant.ledger.store import Store


@dataclass(frozen=True)
class Sought:
    """Which answers are looked for. metric: by its name or words; since: from this day (UTC) on."""

    user: str | None = None
    word: str | None = None
    metric: str | None = None
    since: date | None = None

    @property
    def where(self) -> tuple[str, dict[str, Any]]:
        """A condition that both databases speak, and its values."""
        told = "question || ' ' || coalesce(understood, '') || ' ' || coalesce(answer, '')"
        word = self.word or ""
        for sign in "!%_":
            word = word.replace(sign, f"!{sign}")
        return (
            f"(:everybody = 1 OR coalesce(\"user\", '') = :name) AND at >= :since "
            # SQLite lowers ASCII only, so that words with other letters are found as they are written
            f"AND (lower({told}) LIKE :lower ESCAPE '!' OR {told} LIKE :word ESCAPE '!')",
            {
                "everybody": int(self.user is None),
                "name": self.user or "",
                "word": f"%{word}%",
                "lower": f"%{word.lower()}%",
                "since": self.since.isoformat() if self.since else "",
            },
        )

    def has_metric(self, plan: Any) -> bool:
        return self.metric is None or self.metric.strip().lower().replace(" ", "_") in (plan or {}).get("metrics", ())


def search(store: Store, sought: Sought, limit: int = 50) -> list[dict[str, Any]]:
    """The answers that fit, without their rows, newest first. Raises LedgerError."""
    where, values = sought.where
    with store.transaction() as run:
        found = run(f"SELECT {receipts.LISTED} FROM answers WHERE {where} ORDER BY at DESC, answer_id DESC", **values)
    return [one for one in map(receipts.read, found) if sought.has_metric(one["plan"])][:limit]


def records(store: Store, sought: Sought) -> Iterator[dict[str, Any]]:
    """Whole records as they are hashed, oldest first: plan, columns and rows are JSON texts. Raises LedgerError."""
    where, values = sought.where
    after = ""
    while True:
        with store.transaction() as run:
            batch = run(
                f"SELECT * FROM answers WHERE {where} AND answer_id > :after ORDER BY answer_id LIMIT {chain.BATCH}",
                after=after,
                **values,
            )
        if not batch:
            return
        yield from (one for one in batch if sought.has_metric(json.loads(one["plan"]) if one["plan"] else None))
        after = batch[-1]["answer_id"]
