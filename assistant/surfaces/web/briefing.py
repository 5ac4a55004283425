"""What is worth knowing before anything is asked: lines, each with the question that it answers."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.surfaces.web.desk import Desk


@dataclass(frozen=True)
class Line:
    text: str
    question: str


QUESTIONS = (
    "Cost last month compared to the month before",
    "Cost by service category last month",
    "Top 10 services last month",
    "Monthly cost for the last 12 months",
    "Cost by provider by month this year",
    "Tokens by model last month",
)


def questions(desk: Desk, user: str | None) -> list[str]:
    return list(QUESTIONS)


def lines(desk: Desk, user: str | None) -> list[Line]:
    return []
