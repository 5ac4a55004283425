"""Which parts of a plan exclude each other, whoever wrote it. Knows no SQL."""

from __future__ import annotations

from assistant.errors import Clarify
from assistant.values import Grain, QueryPlan


def check(plan: QueryPlan) -> None:
    """Raises Clarify for two wishes that one answer can't hold: the compiler would drop one in silence."""
    share = plan.share and bool(plan.dimensions or plan.part)
    longer = list(Grain).index
    compared = plan.comparison is not None
    clashes = {
        "A share and a comparison": share and (compared or plan.series_change),
        "A share and an average": share and plan.average is not None,
        "An average and a series of changes": plan.average is not None and plan.series_change,
        "A ranking of names and a series of changes": bool(plan.limit and plan.dimensions) and plan.series_change,
        f"A comparison and figures for each {plan.grain or 'day'}": compared and plan.grain is not None,
        f"An average per {plan.average} and figures for each {plan.grain}": (
            plan.average is not None and plan.grain is not None and longer(plan.average) >= longer(plan.grain)
        ),
    }
    for two, clash in clashes.items():
        if clash:
            raise Clarify(f"{two} don't fit in one answer yet. Ask for one of them.")
