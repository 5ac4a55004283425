"""The assistant's own spend: every model call, written before its reply is read. Append-only, in the ledger.

Many processes write at once. Knows nothing about who may spend how much (budget.py), nor about models.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from ulid import ULID

from assistant.ledger.prices import Price, Usage
from assistant.ledger.store import Store, insert
from assistant.values import Tokens

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
    """The calls and kept plans of one store. Raises LedgerError when it can't be written: uncounted is unspent."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def record(self, who: Who, call: Call, at: datetime | None = None) -> None:
        at = at or datetime.now(UTC)
        usage, usd = call.usage, call.price.usd
        row = {
            "call_id": str(ULID()), "at": at.isoformat(timespec="milliseconds"), "day": at.date().isoformat(),
            "answer_id": who.answer_id, "thread": who.thread, "user": who.user, "team": who.team,
            "purpose": call.purpose, "provider": call.provider, "model": call.model, "input": usage.input,
            "cached_input": usage.cached_input, "cache_write": usage.cache_write, "output": usage.output,
            "reasoning": usage.reasoning, "cost_usd": None if usd is None else str(usd),
            "price_basis": call.price.basis, "ms": round(call.ms, 1), "outcome": call.outcome,
            "reservation": call.reservation,
        }  # fmt: skip
        with self.store.transaction() as run:
            insert(run, "model_calls", row)

    def tokens(self, answer_id: str) -> Tokens:
        """What one answer took. `cost_usd` None: at least one call has no known price."""
        rows = self.calls("answer_id = :answer_id", answer_id=answer_id)
        costs = [r["cost_usd"] for r in rows]
        return Tokens(
            calls=len(rows),
            input=sum(r["input"] for r in rows),
            cached_input=sum(r["cached_input"] for r in rows),
            output=sum(r["output"] for r in rows),
            reasoning=sum(r["reasoning"] for r in rows),
            cost_usd=None if None in costs else float(sum(costs, Decimal(0))),
        )

    def calls(self, condition: str = "1 = 1", **values: Any) -> list[dict[str, Any]]:
        """Calls, oldest first, with `cost_usd` a Decimal or None. `condition` is ours, never a user's text."""
        with self.store.transaction() as run:
            rows = run(f"SELECT * FROM model_calls WHERE {condition} ORDER BY at, call_id", **values)
        for row in rows:
            row["cost_usd"] = None if row["cost_usd"] is None else Decimal(row["cost_usd"])
        return rows

    def by(self, group: Group, since: str = "", user: str | None = None) -> list[dict[str, Any]]:
        """Totals by one column from the day `since` on, of one user or of all, dearest first.

        `unpriced` counts calls without a price.
        """
        totals: dict[Any, dict[str, Any]] = {}
        for row in self.calls("day >= :since", since=since):
            if user is not None and row["user"] != user:
                continue
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
        with self.store.transaction() as run:
            rows = run("SELECT reading FROM plans WHERE key = :key", key=key)
        return rows[0]["reading"] if rows else None

    def keep(self, key: str, reading: str) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with self.store.transaction() as run:
            insert(run, "plans", {"key": key, "at": at, "reading": reading}, "ON CONFLICT DO NOTHING")
