"""What is worth knowing before anything is asked: lines, each with the question that it answers.

Lines are answers to ordinary questions, under the reader's own row policy and without a language model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from assistant.desk.desk import Desk
from assistant.errors import AssistantError
from assistant.values import Answer

LOADED = re.compile(r"\s*Data is loaded up to [^.]*\.$")


@dataclass(frozen=True)
class Line:
    """title: what it is about. text: what is to be known. question: what to ask to see more."""

    title: str
    text: str
    question: str


def lines(desk: Desk, user: str | None) -> list[Line]:
    """The briefing; only what the loaded data and the reader's rights allow. Made once a day and warehouse version."""
    try:
        return desk.once("briefing", user, lambda: _lines(desk, user))
    except AssistantError:
        return []  # a warehouse that can't be opened; whoever asks is told


def questions(desk: Desk, user: str | None) -> list[str]:
    """Questions to start from, for the reader's role."""
    try:
        role = "executive" if user is None else desk.assistant.access(user).role
        newest = _newest(desk)
    except AssistantError:
        return []
    starters = _file(desk)["starters"]
    asked = starters.get(role, starters["executive"])
    return [_words(desk, question, newest) for question in asked] if newest else []


def _lines(desk: Desk, user: str | None) -> list[Line]:
    try:
        desk.assistant.access(user)
        newest = _newest(desk)
    except AssistantError:
        return []
    if newest is None:
        return []
    found = []
    for one in _file(desk)["lines"]:
        question = _words(desk, one["question"], newest)
        answer = desk.peek(question, user)
        if answer.status == "answered" and answer.answer:
            found.append(Line(one["title"], _said(answer), question[:1].upper() + question[1:]))
    fresh = desk.assistant.warehouse.catalog.days["cost_and_usage"].last
    found.append(Line("Data", f"Loaded up to {fresh.day} {fresh:%B %Y}.", f"Cost by provider on {newest}"))
    return found


def _said(answer: Answer) -> str:
    return LOADED.sub("", answer.answer)


def _words(desk: Desk, question: str, newest: str | None) -> str:
    currencies = desk.assistant.warehouse.catalog.currencies
    wanted = desk.assistant.config.reporting_currency or (currencies[0] if currencies else "")
    convertible = len(currencies) > 1 and desk.assistant.warehouse.catalog.has("fx_rates")
    return question.format(newest=newest, currency=f" in {wanted}" if convertible else "")


def _newest(desk: Desk) -> str | None:
    days = desk.assistant.warehouse.catalog.days.get("cost_and_usage")
    return f"{min(days.last, desk.today).isoformat()}" if days else None


def _file(desk: Desk) -> Any:
    return yaml.safe_load((desk.assistant.config.schemas / "briefing.yaml").read_text(encoding="utf-8"))
