"""The reading of a question in the words of the semantic model, always in the same order.

metric · period · filters · grouping · comparison · ranking. Knows plans; not SQL, not rows.
"""

from __future__ import annotations

from assistant.semantics import calendar
from assistant.semantics.model import SemanticModel, plural
from assistant.values import Filter, QueryPlan, Threshold


def understood(plan: QueryPlan, model: SemanticModel) -> str:
    """`Effective cost · Oct 2026 · Service category is AI and Machine Learning · by team`."""
    parts = [_metrics(plan, model)]
    if plan.period:
        parts.append(calendar.label(plan.period))
    parts += [filter_words(f, plan, model) for f in plan.filters]
    if plan.share:
        part = " and ".join(filter_words(f, plan, model) for f in plan.part)
        parts.append(f"share of {part}" if part else "with share of the total")
    grouping = [_label(d, plan, model) for d in plan.dimensions]
    if grouping:
        parts.append(
            f"number of {' and '.join(map(plural, grouping))}" if plan.count_groups else f"by {' and '.join(grouping)}"
        )
    if plan.grain:
        parts.append(f"by {plan.grain.value}")
    if plan.comparison:
        parts.append(f"compared with {calendar.label(plan.comparison)}")
    if plan.series_change and plan.grain:
        parts.append(f"change from {plan.grain.value} to {plan.grain.value}")
    parts += [threshold_words(t, model) for t in plan.having]
    if plan.limit:
        direction = "top" if not plan.order or plan.order.descending else "bottom"
        within = f" in each {_label(plan.limit_per, plan, model)}" if plan.limit_per else ""
        parts.append(f"{direction} {plan.limit}{within}")
    parts += [f"{name.replace('_', ' ')} {value}" for name, value in plan.given]
    if plan.currency:
        parts.append(f"in {plan.currency}")
    text = " · ".join(parts)
    return text[:1].upper() + text[1:]


def _metrics(plan: QueryPlan, model: SemanticModel) -> str:
    names = " and ".join(model.metric(m).label for m in plan.metrics)
    names = f"cumulative {names}" if plan.cumulative else names
    return f"average {names} per {plan.average.value}" if plan.average else names


def _label(name: str, plan: QueryPlan, model: SemanticModel) -> str:
    dimension = model.dimensions[plan.dataset].get(name)
    return dimension.label if dimension else name.replace("_", " ")


def filter_words(one: Filter, plan: QueryPlan, model: SemanticModel) -> str:
    label = _label(one.dimension, plan, model)
    label = label[:1].upper() + label[1:]
    values = " or ".join(one.values[:5]) + (f" or {len(one.values) - 5} more" if len(one.values) > 5 else "")
    return {
        "in": f"{label} is {values}",
        "not_in": f"{label} is not {values}",
        "empty": f"no {label.lower().removeprefix('any ')}",
        "filled": f"with {label.lower()}" if label.startswith("Any ") else f"with a {label.lower()}",
    }[one.op]


def threshold_words(one: Threshold, model: SemanticModel) -> str:
    what = {
        "value": model.metric(one.metric).label,
        "row": "each charge",
        "change_percent": "change in %",
    }.get(one.of, one.of.replace("_", " "))
    if one.op == "between":
        return f"{what} between {one.value:,} and {one.upper:,}"
    return f"{what} {one.op} {one.value:,}"
