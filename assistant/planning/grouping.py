"""What rows are split by: dimensions, time grain, and the dimension that a ranking repeats in."""

from __future__ import annotations

from assistant.errors import Clarify
from assistant.planning import naming, periods
from assistant.planning.draft import DimensionUse
from assistant.planning.scope import Scope
from assistant.semantics.model import Dataset
from assistant.semantics.words import singular
from assistant.values import Grain, QueryPlan


def split_by(scope: Scope, dataset: Dataset, base: QueryPlan | None) -> tuple[tuple[str, ...], str | None]:
    draft = scope.draft
    uses = [u for u in draft.dimensions if u.names]
    uses = untagged(scope, uses, dataset)
    uses = [u for u in uses if not (base and u.whole and any(f.dimension in u.names for f in base.filters))]
    uses = [u for u in uses if not (u.bare and only_introduces(scope, u, dataset))]
    names = [naming.dimension(scope, u.names, u.text, dataset) for u in uses]
    many = bool(draft.metric_texts) and draft.metric_texts[0].split()[0].lower().endswith("s")
    if dataset.scope_column and (draft.who or (draft.which and many)) and not names and not draft.values:
        kept = [d.label for d in scope.model.dimensions[dataset.name].values()]
        raise Clarify(
            f"Which {dataset.label}? They are kept for the whole company and by {', '.join(kept) or 'nothing else'}.",
            tuple(f"{scope.model.metric(dataset.default_metric).label} by {k}" for k in kept),
        )
    names = list(dict.fromkeys(names))
    if dataset.scoped == "allowances" and not (base or names or draft.values or draft.asker or scope.analysis):
        loaded = {str(row["subject_type"]) for row in scope.catalog.small.get("token_allowances", ())}
        kept = [d.label for d in scope.model.dimensions[dataset.name].values() if d.name in loaded]
        if len(kept) > 1:
            label = scope.model.metric(dataset.default_metric).label
            options = tuple(f"{label} by {k}" for k in kept)
            raise Clarify(f"Whose {label}? They are kept by {' and by '.join(kept)}.", options)
    _whose(scope, uses, names, base)
    limit_per = None
    ranked = draft.descending is not None or draft.limit is not None
    if ranked and len(names) > 1:
        each = [n for n, u in zip(names, uses, strict=False) if u.within]
        each = each or [n for n, u in zip(names, uses, strict=False) if u.each]
        limit_per = each[0] if each else None
        if limit_per:
            names = [limit_per, *[n for n in names if n != limit_per]]
    if base is None or (draft.breakdown and names):
        return tuple(names), limit_per
    kept = [d for d in base.dimensions if d in scope.model.dimensions[dataset.name]]
    if not names:
        return tuple(kept), base.limit_per if base.limit_per in kept else None
    if draft.adds:
        names = [*kept, *[n for n in names if n not in kept]]
    return tuple(names), limit_per


def _whose(scope: Scope, uses: list[DimensionUse], names: list[str], base: QueryPlan | None) -> None:
    """`its services` after the top providers: one of them is meant, or each; never the services of everybody."""
    if base is None or len(names) != 1 or not base.dimensions or scope.draft.adds or not scope.draft.refers:
        return
    if not (base.limit or base.having):
        return  # those of all of them are all of them
    subject = base.dimensions[0]
    if subject in names or scope.draft.values or any(f.dimension == subject for f in base.filters):
        return
    label = scope.model.dimension(base.dataset, subject).label
    raise Clarify(
        f"Whose {uses[0].text}? The answer before was by {label}: name one, or ask for every {label}.",
        (f"by {label} and {singular(uses[0].text)}",),
    )


def only_introduces(scope: Scope, use: DimensionUse, dataset: Dataset) -> bool:
    """`Marine (product line)`, `AWS services`: the word goes with a value and splits nothing."""
    ranked = bool(
        scope.draft.which or scope.draft.limit or scope.draft.thresholds or scope.draft.descending is not None
    )
    if scope.draft.apart:
        return False
    if use.described and not ranked:
        return True
    first = scope.model.dimensions[dataset.name].get(use.names[0]) if use.names else None
    if first is not None and first.scan == "secondary" and not ranked:
        return bool(scope.draft.values)
    return any(h.dimension in use.names for v in scope.draft.values if not v.negated for h in v.hits) and not use.plural


def untagged(scope: Scope, uses: list[DimensionUse], dataset: Dataset) -> list[DimensionUse]:
    """`untagged cost by squad` asks for what has no squad; by provider it stays a breakdown."""
    for empty in scope.draft.empties:
        if empty.names or empty.filled:
            continue
        for use in uses:
            name = naming.dimension(scope, use.names, use.text, dataset)
            if (scope.model.dimension(dataset.name, name).field or "").startswith(("Tags.", "x_")):
                empty.names, empty.text = use.names, use.text
                return [u for u in uses if u is not use]
    return uses


def grain(scope: Scope, base: QueryPlan | None) -> Grain | None:
    grains = scope.draft.grains
    if len(grains) > 1:
        return min(grains, key=list(Grain).index)
    if grains:
        return grains[0]
    return base.grain if base else None


def trend_grain(scope: Scope, dataset: Dataset) -> Grain:
    if dataset.grain == "month":
        return Grain.MONTH
    days = scope.catalog.days[dataset.loaded_from]
    period = periods.choose(scope, dataset, days, Grain.DAY).period
    return Grain.DAY if period.days <= 62 else Grain.MONTH
