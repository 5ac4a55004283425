"""Runs `askcost anomalies` and `askcost forecast`, and shows what assistant/analysis/ finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import click

from assistant.analysis import anomalies as analysis
from assistant.analysis import budget_outlook, forecasts
from assistant.analysis.books import COSTS, USAGE, Books
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.ledger.incidents import Incidents, What
from assistant.planning import local
from assistant.surfaces.cli import reports
from assistant.values import Filter

DECISIONS: dict[str, What] = {"expect": "expected", "snooze": "snoozed", "close": "closed", "reopen": "open"}
RECENT = 30


@dataclass(frozen=True)
class Asked:
    config: Config
    user: str | None
    today: date | None
    words: str
    shape: str | None

    def books(self) -> Books:
        return reports.books(self.config, self.user, self.today, self.assistant)

    def filters(self) -> tuple[Filter, ...]:
        """The words as this user knows them: values outside the row policy do not exist."""
        own = self.assistant.lexicon(self.assistant.warehouse, self.assistant.access(self.user))
        return local.filters(self.words, own) if self.words.strip() else ()

    @cached_property
    def assistant(self) -> Assistant:
        return Assistant(self.config, surface="report")


def anomalies(asked: Asked, since: date | None, everything: bool, rescan: bool) -> int:
    books = asked.books()
    store = Incidents(asked.config.ledger_path)
    first = since or (None if everything else books.today - timedelta(days=RECENT))
    found = analysis.report(books, store, first, None, asked.filters(), everything, rescan)
    reports.show(found, asked.shape)
    return 0


def decide(asked: Asked, name: str, what: str, until: date | None, note: str | None) -> int:
    analysis.decide(asked.books(), Incidents(asked.config.ledger_path), name, DECISIONS[what], until, note)
    click.echo(f"Incident {name} is {DECISIONS[what]}{f' until {until}' if until else ''}.")
    return 0


def forecast(asked: Asked, until: tuple[str | date, ...], by: str | None, tokens: bool) -> int:
    books = asked.books()
    dataset, metric = (USAGE, "token_cost") if tokens else (COSTS, "effective_cost")
    split = books.dimension(by, "--by", dataset) if by else None
    subject = forecasts.Subject(dataset, metric, asked.filters(), split)
    reports.show(forecasts.report(books, subject, until or ("month", "quarter", "year")), asked.shape)
    return 0


def budgets(asked: Asked, month: date | None) -> int:
    reports.show(budget_outlook.report(asked.books(), month), asked.shape)
    return 0
