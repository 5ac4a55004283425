"""Incidents of an answer, and what people say of them: expected, snoozed, closed, open again.

Whoever decides sees the incident: in their own view, or in that of the readers among whom they say it. Where both
views hold it, both are told.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from assistant.analysis import anomalies
from assistant.analysis.books import Books
from assistant.desk.desk import Desk
from assistant.errors import LedgerError, Refused
from assistant.ledger.incidents import Incidents, What
from assistant.semantics import calendar
from assistant.telling.figures import currency_of, figure, quantity
from assistant.telling.table import plain
from assistant.values import Answer, Period

ANALYSIS = "anomalies"
MOST = 12
SAID: dict[What, str] = {
    "expected": "is expected from now on, up to that amount and a tenth more",
    "snoozed": "is quiet",
    "closed": "is closed",
    "open": "is open again",
}


@dataclass(frozen=True)
class Incident:
    """An incident of an answer as it stands now. about: where, how much, when."""

    id: str
    about: str
    status: What
    until: date | None = None


def of(answer: Answer, desk: Desk, user: str | None, readers: tuple[str, ...] = ()) -> list[Incident]:
    """The incidents of an answer, open ones first; none for any other answer. Raises LedgerError."""
    if answer.plan is None or answer.plan.analysis != ANALYSIS:
        return []
    names = [column.name for column in answer.columns]
    rows = [dict(zip(names, row, strict=True)) for row in answer.rows]
    books = _books(desk, user, readers)
    try:
        found = {o.body["id"]: o for o in anomalies.told(books, _store(books))}
    except (sqlite3.Error, OSError) as error:
        raise LedgerError(f"The incidents can't be read: {error}") from None
    known = [(row, found[row["id"]]) for row in rows if row["id"] in found]
    listed = [
        Incident(row["id"], _about(row), one.status, one.decision.until if one.decision else None) for row, one in known
    ]
    return sorted(listed, key=lambda one: one.status != "open")[:MOST]


def decide(
    desk: Desk, name: str, what: What, user: str | None, until: date | None = None, readers: tuple[str, ...] = ()
) -> str:
    """Keeps a decision and says it. Raises Refused for an incident that neither view holds, or a day that is over."""
    if what == "snoozed" and (until is None or until <= desk.today):
        raise Refused("Until when? Choose a day to come.")
    views = [_books(desk, user, readers), *([_books(desk, user)] if readers else [])]
    kept, unknown = 0, None
    for books in views:
        try:
            anomalies.decide(books, _store(books), name, what, until, None, user)
            kept += 1
        except Refused as error:
            unknown = unknown or error
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"The incidents can't be written: {error}") from None
    if unknown is not None and not kept:
        raise unknown
    end = f" until {until:%a} {until.day} {until:%b %Y}" if what == "snoozed" and until else ""
    return f"Incident {name} {SAID[what]}{end}."


def _about(row: dict[str, Any]) -> str:
    excess, unit = row["excess"], str(row["unit"])
    size = figure(abs(excess), unit) if currency_of(unit) else quantity(abs(excess), unit)
    days = calendar.label(Period(start=row["start"], end=row["last"] + timedelta(days=1)))
    return plain(f"{row['where']}: {size} {'more' if excess > 0 else 'less'} than expected, {days}")


def _books(desk: Desk, user: str | None, readers: tuple[str, ...] = ()) -> Books:
    return desk.assistant.books(user, desk.today, readers)


def _store(books: Books) -> Incidents:
    if books.ledger is None:
        raise Refused("Anomalies are kept in the ledger, and there is none here.")
    return Incidents(books.ledger)
