"""Order, limits, thresholds, averages and the currency of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from assistant.errors import Clarify, Refused
from assistant.planning import naming
from assistant.planning.draft import ThresholdUse
from assistant.planning.scope import COST, TOP, Scope
from assistant.semantics.model import Dataset, Metric, plural
from assistant.values import Grain, Order, Period, QueryPlan, Threshold


def limit_and_order(
    scope: Scope,
    dataset: Dataset,
    metrics: tuple[str, ...],
    dimensions: tuple[str, ...],
    grain: Grain | None,
    comparison: Period | None,
    series_change: bool,
    base: QueryPlan | None,
) -> tuple[int | None, Order | None]:
    draft = scope.draft
    by = measure(scope, metrics[0], comparison is not None or series_change)
    if draft.sorted is not None:
        return (draft.limit or (base.limit if base else None)), Order(by=by, descending=draft.sorted)
    if draft.descending is None and draft.limit is None:
        if base is not None and (base.limit or base.order):
            return base.limit, Order(by=by, descending=base.order.descending if base.order else True)
        if comparison is not None and draft.direction and dimensions and draft.which:
            return None, Order(by=by, descending=draft.direction == "up")
        return None, None
    descending = (
        draft.descending if draft.descending is not None else (base.order.descending if base and base.order else True)
    )
    if draft.direction == "down":
        descending = not descending
    if not dimensions and grain is None and (base is None or not base.dimensions):
        raise Clarify(
            "The top of what? Name what to rank, for example services or teams.",
            tuple(
                f"top {TOP} {plural(d)}" if not d.endswith("s") else f"top {TOP} {d}"
                for d in naming.ranked_labels(scope, dataset)
            ),
        )
    limit = draft.limit
    if limit is None:
        uses = [u for u in draft.dimensions if not u.each] or draft.dimensions
        singular = bool(uses) and not any(u.plural for u in uses)
        limit = 1 if singular or (not uses and grain) else (base.limit if base and base.limit and not uses else TOP)
    return limit, Order(by=by, descending=descending)


def measure(scope: Scope, metric: str, compared: bool) -> str:
    name = scope.model.metric(metric).column
    if compared:
        if (scope.draft.change or scope.draft.by_rate) and not scope.draft.by_size:
            return "change_percent" if scope.draft.by_rate else "change"
        return "current"
    if scope.averaged and not scope.draft.trend:
        return f"average_{name}_per_{scope.averaged.value}"
    return name


def average(scope: Scope, used: Sequence[Metric], base: QueryPlan | None) -> Grain | None:
    draft = scope.draft
    if not draft.average:
        return base.average if base else None
    if not any(m.additive for m in used):
        return None
    if draft.average_grain is None:
        label = used[0].label
        raise Clarify(f"Average {label} per what?", (f"average {label} per day", f"average {label} per month"))
    return draft.average_grain


def having(
    scope: Scope,
    metrics: tuple[str, ...],
    dimensions: tuple[str, ...],
    grain: Grain | None,
    comparison: Period | None,
    series_change: bool,
) -> tuple[tuple[Threshold, ...], list[str]]:
    result: list[Threshold] = []
    notes: list[str] = []
    compared = comparison is not None or series_change
    for use in scope.draft.thresholds:
        if scope.draft.analysis and scope.analysis and "having" not in scope.analysis.takes:
            label = scope.analysis.label
            raise Clarify(f"{label} can't be limited to an amount yet. Leave “{use.text}” out.")
        metric = use.metric if use.metric in metrics else metrics[0]
        grouped = bool(dimensions or grain)
        of = threshold_of(scope, use, compared)
        if metrics == (COST,) and of == "value" and _of_charges(scope):
            result.append(Threshold(metric=COST, op=use.op, value=use.value, upper=use.upper, of="row"))
            continue
        if not grouped and scope.model.metric(metrics[0]).name in ("charge_count", COST) and of == "value":
            if scope.model.metric(metrics[0]).name == "charge_count":
                result.append(Threshold(metric=COST, op=use.op, value=use.value, upper=use.upper, of="row"))
            else:
                notes.append(f"asked against {use.text}; the amount is shown whole")
            continue
        if not grouped:
            notes.append(f"asked against {use.text}; the amount is shown whole")
            continue
        value = -use.value if of in ("change", "change_percent") and scope.draft.direction == "down" else use.value
        op = {">": "<", ">=": "<="}.get(use.op, use.op) if value < 0 else use.op
        result.append(Threshold(metric=metric, op=op, value=value, upper=use.upper, of=of))
    if (
        compared
        and scope.draft.direction
        and scope.draft.which
        and scope.draft.descending is None
        and not result
        and dimensions
    ):
        op = ">" if scope.draft.direction == "up" else "<"
        result.append(Threshold(metric=metrics[0], op=op, value=Decimal(0), of="change"))
    return tuple(result), notes


def _of_charges(scope: Scope) -> bool:
    """`charges above 5000`: each charge is meant."""
    return any(text.lower() in scope.lexicon.vocabulary.wording["each_charge"] for text in scope.draft.metric_texts)


def threshold_of(scope: Scope, use: ThresholdUse, compared: bool) -> str:
    if use.percent:
        if compared:
            return "change_percent"
        if scope.draft.share:
            return "share"
        raise Clarify(
            f"“{use.text}” of what: of the total, or the change against the period before?",
            (f"share {use.text} of the total", f"change {use.text}"),
        )
    return "change" if compared and scope.draft.change else "value"


def currency(scope: Scope, dataset: Dataset, used: Sequence[Metric], base: QueryPlan | None) -> str | None:
    if dataset.currency is None or not any(m.unit == "currency" for m in used):
        if scope.draft.currency and scope.draft.currency != "USD":
            raise Refused(f"These figures are kept in USD; they can't be shown in {scope.draft.currency}.")
        return None
    wanted = scope.draft.currency or (base.currency if base else None)
    currencies = scope.catalog.currencies
    if wanted is None:
        wanted = scope.reporting if scope.reporting and len(currencies) > 1 else None
        if wanted and not convertible(scope, wanted):
            return None
        return wanted
    if currencies == (wanted,):
        return None
    if not convertible(scope, wanted):
        raise Refused(
            f"I can't convert to {wanted}: fx_rates has no rate from "
            f"{' and '.join(c for c in currencies if c != wanted)} to {wanted}."
        )
    scope.notes.assume(f"converted to {wanted} at the month's fx_rates")
    return wanted


def convertible(scope: Scope, currency: str) -> bool:
    pairs = {(r["from_currency"], r["to_currency"]) for r in scope.catalog.small.get("fx_rates", ())}
    return all(c == currency or (c, currency) in pairs for c in scope.catalog.currencies)
