"""Which analysis answers which plan. Words, usual periods and metrics of each stand in schemas/vocabulary.yaml."""

from __future__ import annotations

from importlib import import_module

from assistant.analysis.books import Books
from assistant.analysis.report import Report
from assistant.errors import Refused
from assistant.values import QueryPlan

# Analysis → the module whose `answer` makes it; imported when asked for, so that other questions start faster.
ANALYSES = {
    "anomalies": "anomalies",
    "chargeback": "chargeback",
    "forecast": "forecasts",
    "waste": "token_habits",
    "why": "why",
}


def answer(plan: QueryPlan, books: Books) -> Report:
    """Raises Refused and Clarify, as the analysis does."""
    module = ANALYSES.get(plan.analysis or "")
    if module is None:
        raise Refused(f"There is no analysis called {plan.analysis}; there are {', '.join(ANALYSES)}.")
    found: Report = import_module(f"assistant.analysis.{module}").answer(plan, books)
    return found
