"""Which analysis answers which plan. Words, usual periods and metrics of each stand in schemas/vocabulary.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from assistant.analysis import chargeback, token_habits
from assistant.analysis.books import Books
from assistant.analysis.report import Report
from assistant.errors import Refused
from assistant.values import QueryPlan

ANALYSES: Mapping[str, Callable[[QueryPlan, Books], Report]] = {
    "chargeback": chargeback.answer,
    "waste": token_habits.answer,
}


def answer(plan: QueryPlan, books: Books) -> Report:
    """Raises Refused and Clarify, as the analysis does."""
    analysis = ANALYSES.get(plan.analysis or "")
    if analysis is None:
        raise Refused(f"There is no analysis called {plan.analysis}; there are {', '.join(ANALYSES)}.")
    return analysis(plan, books)
