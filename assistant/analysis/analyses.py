"""Which analysis answers which plan. Words, usual periods and metrics of each stand in schemas/vocabulary.yaml."""

from __future__ import annotations

from importlib import import_module

from assistant.analysis.books import Books
from assistant.analysis.report import Report
from assistant.errors import Refused
from assistant.values import QueryPlan

# Analysis → module and function that make it; imported when asked for, so that other questions start faster.
ANALYSES = {
    "allowances": ("allowances", "answer"),
    "anomalies": ("anomalies", "answer"),
    "anomaly_owners": ("anomalies", "answer_owners"),
    "anomaly_since": ("anomalies", "answer_since"),
    "budget_outlook": ("budget_outlook", "answer"),
    "budget_year": ("budget_outlook", "answer"),
    "break_even": ("own_gpus", "answer"),
    "carbon": ("carbon", "answer"),
    "chargeback": ("chargeback", "answer"),
    "estimate": ("estimates", "answer"),
    "forecast": ("forecasts", "answer"),
    "forecast_record": ("forecasts", "answer_record"),
    "sci": ("carbon", "answer_sci"),
    "tie_out": ("tie_out", "answer"),
    "token_kinds": ("token_kinds", "answer"),
    "training_runs": ("training_runs", "answer"),
    "unit_cost_change": ("unit_costs", "answer"),
    "waste": ("token_habits", "answer"),
    "what_if": ("token_habits", "answer_what_if"),
    "why": ("why", "answer"),
    "why_owners": ("why", "answer_owners"),
    "why_rates": ("why", "answer_rates"),
}


def answer(plan: QueryPlan, books: Books) -> Report:
    """Raises Refused and Clarify, as the analysis does."""
    if plan.analysis not in ANALYSES:
        raise Refused(f"There is no analysis called {plan.analysis}; there are {', '.join(ANALYSES)}.")
    module, function = ANALYSES[plan.analysis]
    found: Report = getattr(import_module(f"assistant.analysis.{module}"), function)(plan, books)
    return found
