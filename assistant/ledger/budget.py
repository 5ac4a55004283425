"""Who may spend how many tokens and how much money on models, and what is left. Reserved before, settled by the call.

A reservation counts until its call is recorded or its lease ends, so that parallel calls cannot overrun a limit
and a killed process holds nothing for long. Windows are UTC days and months of the real clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from ulid import ULID

from assistant.config import Config
from assistant.ledger.spend import Spend, Who
from assistant.ledger.store import Run, insert

WARN = Decimal("0.8")
OPERATOR = "the local operator"
HOW_TO_ASK = "an administrator can grant more: askcost spend --grant-{subject} {name} --tokens N --reason WHY"
Subject = Literal["user", "team", "company"]
Unit = Literal["tokens", "USD"]


class Spent(Exception):
    """An allowance does not cover the next call; the text says which, when it resets, and what to do."""


@dataclass(frozen=True)
class Limit:
    """At most this much for each user or team, or for all together, in each day or month.

    hard: calls stop there; else going over is only said. `elsewhere_…`: what the subject used of it outside askcost.
    """

    subject: Subject
    window: Literal["day", "month"]
    tokens: int | None = None
    usd: Decimal | None = None
    hard: bool = True
    elsewhere_tokens: int = 0
    elsewhere_usd: Decimal = Decimal(0)

    def since(self, today: date) -> date:
        return today if self.window == "day" else today.replace(day=1)

    def resets(self, today: date) -> date:
        following = self.since(today) + timedelta(days=1 if self.window == "day" else 32)
        return following if self.window == "day" else following.replace(day=1)


@dataclass(frozen=True)
class Left:
    """One allowance of one subject: `allowed` includes grants, `used` open reservations and use outside askcost."""

    limit: Limit
    name: str
    unit: Unit
    allowed: Decimal
    used: Decimal
    resets: date

    @property
    def left(self) -> Decimal:
        return max(self.allowed - self.used, Decimal(0))

    @property
    def warns(self) -> bool:
        return self.used >= self.allowed * WARN

    @property
    def whose(self) -> str:
        names = {"user": self.name, "team": f"team {self.name}", "company": "the company"}
        window = "daily" if self.limit.window == "day" else "monthly"
        return f"the {window} allowance of {names[self.limit.subject]}, {amount(self.allowed, self.unit)}"

    @property
    def how_to_ask(self) -> str:
        if self.limit.subject == "company":
            return "an administrator sets it (ASKCOST_LLM_MONTH_TOKENS, ASKCOST_LLM_MONTH_USD)"
        return HOW_TO_ASK.format(subject=self.limit.subject, name=repr(self.name))

    def warning(self) -> str:
        share = f"{self.used / self.allowed * 100:.0f}% of " if self.allowed else ""
        return (
            f"{share}{self.whose} for language models is used; it resets on {self.resets.isoformat()}, "
            f"and {self.how_to_ask}"
        )

    def pace(self, now: datetime) -> Decimal:
        """What the whole window will take if it goes on like this."""
        start = datetime.combine(self.limit.since(now.date()), datetime.min.time(), UTC)
        whole = (self.resets - start.date()).days * 86_400
        passed = max((now - start).total_seconds(), 3_600)
        return self.used * Decimal(str(round(whole / passed, 6)))


@dataclass(frozen=True)
class Reservation:
    """What a call may take, set aside under `name`; `warnings` are sentences about allowances that run low."""

    name: str
    warnings: tuple[str, ...] = ()


def limits(config: Config) -> tuple[Limit, ...]:
    """The limits that are set, narrowest first."""
    every = (
        Limit("user", "day", config.llm_user_day_tokens, config.llm_user_day_usd),
        Limit("user", "month", config.llm_user_month_tokens, config.llm_user_month_usd),
        Limit("team", "month", config.llm_team_month_tokens, config.llm_team_month_usd),
        Limit("company", "month", config.llm_month_tokens, config.llm_month_usd),
    )
    return tuple(limit for limit in every if limit.tokens is not None or limit.usd is not None)


class Budget:
    """The allowances of one ledger. `own` limits given with a call (allowances.py) come on top."""

    def __init__(self, spend: Spend, limits: Sequence[Limit], lease_seconds: float) -> None:
        self._store = spend.store
        self._limits = tuple(limits)
        self._lease = lease_seconds

    def reserve(self, who: Who, tokens: int, usd: Decimal | None, own: Sequence[Limit] = ()) -> Reservation:
        """Sets the estimate aside. Raises Spent, and LedgerError.

        usd: None when the model has no price; a limit in money then can't be kept, so nothing is spent under it.
        """
        now = datetime.now(UTC)
        warnings = []
        with self._store.transaction() as run:
            for left in self._left(run, who, own, now):
                if left.unit == "USD" and usd is None and left.limit.hard:
                    raise Spent(
                        "There is a limit in money, and the model has no known price: give it one in schemas/llm.yaml."
                    )
                wanted = Decimal(tokens) if left.unit == "tokens" else usd or Decimal(0)
                if left.used + wanted > left.allowed and left.limit.hard:
                    raise Spent(_refusal(left))
                if left.warns:
                    warnings.append(left.warning())
            name = str(ULID())
            row = {
                "reservation": name, "at": time.time(), "until": time.time() + self._lease,
                "day": now.date().isoformat(), "user": who.user, "team": who.team, "tokens": tokens,
                "cost_usd": None if usd is None else str(usd),
            }  # fmt: skip
            insert(run, "reservations", row)
        return Reservation(name, tuple(warnings))

    def left(self, who: Who, own: Sequence[Limit] = ()) -> list[Left]:
        """Every allowance that holds for this user and team. Raises LedgerError."""
        with self._store.transaction() as run:
            return list(self._left(run, who, own, datetime.now(UTC)))

    def grant(self, subject: Subject, name: str, tokens: int, usd: Decimal, reason: str, by: str) -> None:
        """More for one subject, in the window that is running; kept with its reason. Raises LedgerError."""
        now = datetime.now(UTC)
        row = {
            "at": now.isoformat(timespec="seconds"), "day": now.date().isoformat(), "subject": subject, "name": name,
            "tokens": tokens, "usd": str(usd), "reason": reason, "granted_by": by,
        }  # fmt: skip
        with self._store.transaction() as run:
            insert(run, "grants", row)

    def grants(self, since: str = "") -> list[dict[str, Any]]:
        """Grants from a day on, oldest first. Raises LedgerError."""
        with self._store.transaction() as run:
            return run("SELECT * FROM grants WHERE day >= :since ORDER BY at", since=since)

    def _left(self, run: Run, who: Who, own: Sequence[Limit], now: datetime) -> Iterator[Left]:
        for limit in (*self._limits, *own):
            if limit.subject != "team" or who.team is not None:  # a user of no team has only the other limits
                yield from _left_of(run, limit, who, now)


def _left_of(run: Run, limit: Limit, who: Who, now: datetime) -> Iterator[Left]:
    since = limit.since(now.date()).isoformat()
    # the operator has no name in the ledger; a company's limit counts everybody
    stored = {"user": who.user, "team": who.team, "company": None}[limit.subject] or ""
    name = {"user": who.user or OPERATOR, "team": stored, "company": "all"}[limit.subject]
    same = "" if limit.subject == "company" else f"AND coalesce(\"{limit.subject}\", '') = :name"
    calls = run(
        "SELECT coalesce(sum(input + output), 0) AS tokens, coalesce(sum(CAST(cost_usd AS NUMERIC)), 0) AS usd "
        f"FROM model_calls WHERE day >= :since {same}",
        since=since,
        name=stored,
    )[0]
    held = run(
        "SELECT coalesce(sum(tokens), 0) AS tokens, coalesce(sum(CAST(cost_usd AS NUMERIC)), 0) AS usd "
        f"FROM reservations AS r WHERE until > :now AND day >= :since {same} AND NOT EXISTS "
        "(SELECT 1 FROM model_calls AS c WHERE c.reservation = r.reservation)",
        now=time.time(),
        since=since,
        name=stored,
    )[0]
    more = run(
        "SELECT coalesce(sum(tokens), 0) AS tokens, coalesce(sum(CAST(usd AS NUMERIC)), 0) AS usd "
        "FROM grants WHERE day >= :since AND subject = :subject AND name = :name",
        since=since,
        subject=limit.subject,
        name=name if limit.subject == "user" else stored,
    )[0]
    allowances: tuple[tuple[Unit, int | Decimal | None, int | Decimal], ...] = (
        ("tokens", limit.tokens, limit.elsewhere_tokens),
        ("USD", limit.usd, limit.elsewhere_usd),
    )
    for unit, allowed, elsewhere in allowances:
        if allowed is not None:
            key = unit.lower()
            used = Decimal(str(calls[key])) + Decimal(str(held[key])) + elsewhere
            yield Left(limit, name, unit, Decimal(allowed) + Decimal(str(more[key])), used, limit.resets(now.date()))


def amount(value: Decimal, unit: str) -> str:
    return f"${value:,.2f}" if unit == "USD" else f"{value:,.0f} tokens"


def _refusal(left: Left) -> str:
    whose = left.whose[:1].upper() + left.whose[1:]
    return (
        f"{whose} for language models, does not cover another call ({amount(left.used, left.unit)} used). "
        f"It resets on {left.resets.isoformat()}; {left.how_to_ask}."
    )
