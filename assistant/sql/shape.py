"""Which parts of a plan exclude each other, whoever wrote it. Knows no SQL."""

from __future__ import annotations

from assistant.errors import Clarify
from assistant.semantics.model import SemanticModel
from assistant.values import Grain, QueryPlan


def check(plan: QueryPlan, model: SemanticModel) -> None:
    """Raises Clarify for two wishes that one answer can't hold: the compiler would drop one in silence."""
    share = plan.share and bool(plan.dimensions or plan.part)
    longer = list(Grain).index
    compared = plan.comparison is not None
    names = {*plan.dimensions, *(f.dimension for f in (*plan.filters, *plan.part))}
    known = model.dimensions[plan.dataset]
    kinds = [known[n].label for n in names if n in known and known[n].of_days]
    rates = [m.label for m in map(model.metric, plan.metrics) if not m.additive]
    clashes = {
        f"An average per {plan.average} and the {' and '.join(kinds)}": plan.average is not None and bool(kinds),
        f"This analysis and the {' and '.join(kinds)}": plan.analysis is not None and bool(kinds),
        f"A running total and {' and '.join(rates)}": plan.cumulative and bool(rates),
        "A running total and no steps": plan.cumulative and plan.grain is None,
        "A running total and a ranking, a share, an average or a comparison": plan.cumulative
        and bool(plan.limit or plan.having or plan.average or share or compared or plan.series_change),
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
