"""Who may spend how many tokens and how much money on models, and what is left. Reserved before, settled by the call.

A reservation counts until its call is recorded or its lease ends, so that parallel calls cannot overrun a limit
and a killed process holds nothing for long. Windows are UTC days and months of the real clock.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from ulid import ULID

from assistant.config import Config
from assistant.ledger.spend import Spend, Who

WARN = 0.8
OPERATOR = "the local operator"
Subject = Literal["user", "team", "company"]
Unit = Literal["tokens", "USD"]


class Spent(Exception):
    """An allowance does not cover the next call; the text says which, when it resets, and what to do."""


@dataclass(frozen=True)
class Limit:
    """At most this much for each user or team, or for all together, in each day or month."""

    subject: Subject
    window: Literal["day", "month"]
    tokens: int | None = None
    usd: Decimal | None = None

    def since(self, today: date) -> date:
        return today if self.window == "day" else today.replace(day=1)

    def resets(self, today: date) -> date:
        following = self.since(today) + timedelta(days=1 if self.window == "day" else 32)
        return following if self.window == "day" else following.replace(day=1)


@dataclass(frozen=True)
class Left:
    """One allowance of one subject: `allowed` includes grants, `used` includes open reservations."""

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
        return self.used >= self.allowed * Decimal(str(WARN))

    def pace(self, now: datetime) -> Decimal:
        """What the whole window will take if it goes on like this."""
        start = datetime.combine(self.limit.since(now.date()), datetime.min.time(), UTC)
        whole = (self.resets - start.date()).days * 86_400
        passed = max((now - start).total_seconds(), 3_600)
        return self.used * Decimal(str(round(whole / passed, 6)))


def limits(config: Config) -> tuple[Limit, ...]:
    """The limits that are set, narrowest first."""
    every = (
        Limit("user", "day", config.llm_user_day_tokens, config.llm_user_day_usd),
        Limit("team", "month", config.llm_team_month_tokens, config.llm_team_month_usd),
        Limit("company", "month", config.llm_month_tokens, config.llm_month_usd),
    )
    return tuple(limit for limit in every if limit.tokens is not None or limit.usd is not None)


class Budget:
    """The allowances of one ledger file."""

    def __init__(self, spend: Spend, limits: Sequence[Limit], lease_seconds: float) -> None:
        self._spend = spend
        self._limits = tuple(limits)
        self._lease = lease_seconds

    def reserve(self, who: Who, tokens: int, usd: Decimal | None) -> str:
        """Sets the estimate aside and returns its name for the call. Raises Spent.

        usd: None when the model has no price; a limit in money then can't be kept, so nothing is spent under it.
        """
        now = datetime.now(UTC)
        with self._spend.transaction() as connection:
            for limit in self._limits:
                for left in self._of(connection, limit, _name(limit.subject, who), now):
                    if left.unit == "USD" and usd is None:
                        raise Spent(
                            "There is a limit in money, and the model has no known price: give it one in "
                            "schemas/llm.yaml."
                        )
                    wanted = Decimal(tokens) if left.unit == "tokens" else usd or Decimal(0)
                    if left.used + wanted > left.allowed:
                        raise Spent(_refusal(left))
            name = str(ULID())
            row = (name, time.time(), time.time() + self._lease, now.date().isoformat(), who.user, who.team, tokens,
                   None if usd is None else str(usd))  # fmt: skip
            connection.execute(f"INSERT INTO reservations VALUES ({', '.join('?' * len(row))})", row)
        return name

    def left(self, who: Who) -> list[Left]:
        """Every allowance that holds for this user and team."""
        now = datetime.now(UTC)
        with self._spend.transaction() as connection:
            return [x for limit in self._limits for x in self._of(connection, limit, _name(limit.subject, who), now)]

    def grant(self, subject: Subject, name: str, tokens: int, usd: Decimal, reason: str, by: str) -> None:
        """More for one subject, in the window that is running; kept with its reason."""
        now = datetime.now(UTC)
        row = (now.isoformat(timespec="seconds"), now.date().isoformat(), subject, name, tokens, str(usd), reason, by)
        with self._spend.transaction() as connection:
            connection.execute(f"INSERT INTO grants VALUES ({', '.join('?' * len(row))})", row)

    def _of(self, connection: sqlite3.Connection, limit: Limit, name: str | None, now: datetime) -> list[Left]:
        if limit.subject == "team" and name is None:
            return []  # a user of no team has only the other limits
        since = limit.since(now.date()).isoformat()
        column = {"user": "user", "team": "team", "company": "NULL"}[limit.subject]
        stored = None if name == OPERATOR and limit.subject == "user" else name
        same = f"{column} IS ?"
        of = (None if limit.subject == "company" else stored,)
        calls = connection.execute(
            f"SELECT coalesce(sum(input + output), 0), coalesce(sum(CAST(cost_usd AS REAL)), 0) FROM model_calls "
            f"WHERE day >= ? AND {same}",
            (since, *of),
        ).fetchone()
        held = connection.execute(
            f"SELECT coalesce(sum(tokens), 0), coalesce(sum(CAST(cost_usd AS REAL)), 0) FROM reservations AS r "
            f"WHERE until > ? AND day >= ? AND {same} AND NOT EXISTS "
            "(SELECT 1 FROM model_calls AS c WHERE c.reservation = r.reservation)",
            (time.time(), since, *of),
        ).fetchone()
        more = connection.execute(
            "SELECT coalesce(sum(tokens), 0), coalesce(sum(CAST(usd AS REAL)), 0) FROM grants "
            "WHERE day >= ? AND subject = ? AND name = ?",
            (since, limit.subject, name or ""),
        ).fetchone()
        found = []
        allowances: tuple[tuple[Unit, int | Decimal | None], ...] = (("tokens", limit.tokens), ("USD", limit.usd))
        for place, (unit, allowed) in enumerate(allowances):
            if allowed is not None:
                used = Decimal(str(calls[place])) + Decimal(str(held[place]))
                whole = Decimal(allowed) + Decimal(str(more[place]))
                resets = limit.resets(now.date())
                found.append(Left(limit, name or "all", unit, whole, used, resets))
        return found


def _name(subject: Subject, who: Who) -> str | None:
    return {"user": who.user or OPERATOR, "team": who.team, "company": ""}[subject]


def amount(value: Decimal, unit: str) -> str:
    return f"${value:,.2f}" if unit == "USD" else f"{value:,.0f} tokens"


def _refusal(left: Left) -> str:
    whose = {"user": left.name, "team": f"team {left.name}", "company": "the company"}[left.limit.subject]
    return (
        f"The {'daily' if left.limit.window == 'day' else 'monthly'} allowance for the language model of {whose}, "
        f"{amount(left.allowed, left.unit)}, does not cover another call ({amount(left.used, left.unit)} used). "
        f"It resets on {left.resets.isoformat()}; an administrator can grant more with `askcost spend`."
    )
