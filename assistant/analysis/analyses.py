"""Which analysis answers which plan. Words, usual periods and metrics of each stand in schemas/vocabulary.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from assistant.analysis import (
    allowances,
    carbon,
    chargeback,
    estimates,
    own_gpus,
    token_habits,
    token_kinds,
    training_runs,
    unit_costs,
)
from assistant.analysis.books import Books
from assistant.analysis.report import Report
from assistant.errors import Refused
from assistant.values import QueryPlan

ANALYSES: Mapping[str, Callable[[QueryPlan, Books], Report]] = {
    "chargeback": chargeback.answer,
    "waste": token_habits.answer,
    "token_kinds": token_kinds.answer,
    "allowances": allowances.answer,
    "carbon": carbon.answer,
    "sci": carbon.answer_sci,
    "unit_cost_change": unit_costs.answer,
    "what_if": token_habits.answer_what_if,
    "estimate": estimates.answer,
    "break_even": own_gpus.answer,
    "training_runs": training_runs.answer,
}


def answer(plan: QueryPlan, books: Books) -> Report:
    """Raises Refused and Clarify, as the analysis does."""
    analysis = ANALYSES.get(plan.analysis or "")
    if analysis is None:
        raise Refused(f"There is no analysis called {plan.analysis}; there are {', '.join(ANALYSES)}.")
    return analysis(plan, books)
