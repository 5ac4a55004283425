"""Which metrics a draft asks for, and which datasets can give them. Knows nothing of filters or days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assistant.errors import Clarify, Refused
from assistant.planning.draft import ValueUse
from assistant.planning.scope import COST, Scope
from assistant.semantics.model import Dataset, Metric
from assistant.semantics.words import singular, split


def choose(scope: Scope) -> tuple[str, ...]:
    draft = scope.draft
    names = [n for group in draft.metrics for n in group]
    names = list(dict.fromkeys(names))
    names = [n for n in names if draft.metrics_listed or not _said_by(scope, n, names)]
    if COST in names and len(names) > 1 and not draft.metrics_listed:
        names = [n for n in names if not is_value(scope, n)]
    if draft.implies_cost and (is_value(scope, names[0]) if len(names) == 1 else not names and not draft.counted):
        names = [COST]
    others = [n for n in names if n != COST]
    if COST in names and others:
        if "budget" in others:
            names = ["actual", "budget", "remaining", "used_percent"]
        elif (
            all(
                scope.model.metric(n).unit in ("currency", "USD", "percent") or "per" in scope.model.metric(n).unit
                for n in others
            )
            and len(draft.metrics) == 2
            and not draft.metrics_listed
        ):
            names = others
        elif not draft.metrics_listed:
            texts = " ".join(draft.metric_texts)
            raise Clarify(
                f"“{texts}”: the cost, or the {scope.model.metric(others[0]).label}?",
                ("cost", scope.model.metric(others[0]).label),
            )
    if draft.units and scope.analysis is not None and "units" in scope.analysis.takes:
        names = [scope.analysis.metric]
    elif draft.units:
        names = with_units(scope, names)
    elif names == ["unit_cost"] and not scope.edits and not any(_works(v) for v in draft.values):
        kept = [str(r["metric"]) for r in scope.catalog.small.get("business_metrics", ())]
        raise Clarify("The cost of one what?", tuple(f"cost per {singular(k.split()[0])}" for k in kept))
    if draft.counted and draft.thresholds and len(draft.counted) == 1:
        # "how many services cost more than $5k" counts groups, not values
        draft.dimensions.append(draft.counted.pop())
        scope.count_groups = True
    if draft.counted:
        _counted_by_id(scope)
        return tuple(n for n in names if n != COST) if not draft.metrics_listed else tuple(names)
    if not names and scope.draft.analysis and not _measured_before(scope):
        names = [scope.lexicon.vocabulary.analyses[scope.draft.analysis].metric]
    if not names and scope.edits and scope.previous is not None:
        return scope.previous.metrics
    return tuple(names) if names else _measured_by(scope)


def _measured_by(scope: Scope) -> tuple[str, ...]:
    """The metric that the named dimensions bring along, if any."""
    known = scope.model.dimensions["cost_and_usage"]
    named = [n for use in scope.draft.dimensions for n in use.names if n in known]
    return tuple(dict.fromkeys(m for n in named if (m := known[n].measured_by)))[:1]


def _measured_before(scope: Scope) -> bool:
    """Whether "why?" is about the conversation's metric; waste is about tokens whatever was asked before."""
    analysis = scope.analysis
    return analysis is not None and "metrics" in analysis.takes and scope.edits


def _said_by(scope: Scope, name: str, names: Sequence[str]) -> bool:
    """`the carbon of our GPUs`: what is counted in a table of another measure only says what that one is of.

    `tokens are allowed`: a measure that is another one's unit.
    """
    if any(scope.model.metric(n).unit == name != n for n in names):
        return True
    tables = set(scope.model.datasets[scope.model.metric(name).dataset].tables)
    others = [scope.model.metric(n).dataset for n in names if n not in (name, COST)]
    return scope.model.metric(name).counted and any(tables < set(scope.model.datasets[d].tables) for d in others)


def _counted_by_id(scope: Scope) -> None:
    """`how many regions, by region id` says how to count, not what to split by."""
    for counted in scope.draft.counted:
        for use in list(scope.draft.dimensions):
            ids = [d.id_of for ds in scope.model.dimensions.values() for d in ds.values() if d.name in use.names]
            if any(i in counted.names for i in ids if i):
                counted.names = use.names
                scope.draft.dimensions.remove(use)


def _works(use: ValueUse) -> bool:
    """Whether a value names a unit of work."""
    return any(h.dimension == "business_metric" for h in use.hits)


def is_value(scope: Scope, name: str) -> bool:
    """`spend on GPUs`: a thing that is counted elsewhere is here the name of what is paid for."""
    if name == COST or not scope.model.metric(name).counted:
        return False
    text = word_for(scope, scope.model.metric(name))
    hits = scope.lexicon.partial_hits([singular(w) for w in split(text)])
    if hits:
        scope.draft.values.append(ValueUse(hits, text, place=len(text)))
    return bool(hits)


def with_units(scope: Scope, names: list[str]) -> list[str]:
    draft = scope.draft
    if draft.per_unit and draft.volume and not scope.edits:
        unit = draft.units[0][0].split()[0]
        raise Clarify(
            f"The cost per {singular(unit)} and how many {unit}: one after the other, please.",
            (f"cost per {singular(unit)}", f"number of {unit}"),
        )
    if draft.per_unit and (not names or names == [COST] or names == ["unit_cost"]) and (COST in names or not names):
        return ["unit_cost"]
    if "unit_cost" in names:
        return names
    inside = [n for n in names if scope.model.metric(n).dataset == "business_metrics"]
    if inside and draft.per_unit and not scope.edits:
        label, unit = scope.model.metric(inside[0]).label, singular(draft.units[0][0].split()[0])
        raise Clarify(f"{label} per {unit} is not kept. {label} alone, or the cost per {unit}?",
                      (label, f"cost per {unit}"))  # fmt: skip
    if inside:
        return inside
    if not names or all(scope.model.metric(n).counted for n in names):
        return ["business_volume"]
    unit = draft.units[0][0]
    raise Clarify(
        f"Do you mean the cost per {unit.split()[0].rstrip('s')}, or how many {unit}?",
        (f"cost per {unit.split()[0].rstrip('s')}", f"number of {unit}"),
    )


def datasets(scope: Scope, metrics: tuple[str, ...]) -> Iterator[tuple[Dataset, tuple[str, ...]]]:
    """Datasets that could answer, in order of preference, with the metrics spelled for each."""
    if not metrics and not scope.draft.counted:
        for dataset in scope.model.datasets.values():
            if scope.catalog.has(*dataset.tables) and not dataset.scoped:
                yield dataset, (dataset.stand_in or dataset.default_metric,)
        if not scope.catalog.tables:
            raise Refused("Nothing is loaded yet: `askcost load FILE…` or `askcost demo`.")
        return
    offered = False
    before = scope.previous if scope.edits and not scope.draft.metrics else None
    # "and in August?" is about the same usage: its own data come first.
    ordered = sorted(scope.model.datasets.values(), key=lambda d: before is None or d.name != before.dataset)
    for dataset in ordered:
        spelled = spelled_in(scope, metrics, dataset)
        if spelled is None:
            continue
        if not scope.catalog.has(*dataset.tables):
            if not offered and all(scope.model.metric(m).dataset == dataset.name for m in metrics):
                missing = [t for t in dataset.tables if not scope.catalog.has(t)]
                raise Refused(
                    f"That needs {' and '.join(missing)}, which is not loaded: "
                    f"`askcost load FILE --table {missing[0]}`."
                )
            continue
        offered = True
        yield dataset, spelled
    if not offered:
        labels = [scope.model.metric(m).label for m in metrics]
        raise Refused(f"{' and '.join(labels)} are not kept together in the loaded data; ask one by one.")


def spelled_in(scope: Scope, metrics: tuple[str, ...], dataset: Dataset) -> tuple[str, ...] | None:
    """The same metrics in this dataset: themselves, or what stands in for them."""
    result: list[str] = []
    for name in metrics:
        metric = scope.model.metric(name)
        if metric.dataset == dataset.name:
            result.append(name)
            continue
        original = metric.stands_in_for or name
        if (
            scope.model.has_metric(original)
            and scope.model.metric(original).dataset == dataset.name
            and metric.stands_in_for
        ):
            if not scope.edits or scope.draft.metrics:
                return None
            result.append(original)
            continue
        substitute = next(
            (m.name for m in scope.model.metrics.values() if m.dataset == dataset.name and m.stands_in_for == original),
            None,
        )
        if substitute is None:
            return None
        result.append(substitute)
    for use in scope.draft.counted:
        dimension = next((n for n in use.names if n in scope.model.dimensions[dataset.name]), None)
        if dimension is None:
            return None
        result.append(scope.model.distinct(dataset.name, dimension))
    return tuple(dict.fromkeys(result))


def word_for(scope: Scope, metric: Metric) -> str:
    for names, text in zip(scope.draft.metrics, scope.draft.metric_texts, strict=True):
        if metric.name in names:
            return text
    return ""


def metric_assumptions(scope: Scope, used: Sequence[Metric]) -> list[str]:
    return [
        f"'{t}' — {m.assumption}" if t else m.assumption for m in used if m.assumption for t in [word_for(scope, m)]
    ]


def of_usage(scope: Scope, metrics: Sequence[str], dimensions: Sequence[str], dataset: Dataset) -> tuple[str, ...]:
    """The metrics, those of the fleet by what stands for them where a question names a team, a model or a run."""
    own = scope.model.dimensions[dataset.name]
    named = [*dimensions, *(h.dimension for v in scope.draft.values for h in v.hits if h.dataset == dataset.name)]
    usage_only = any(own[name].usage_only for name in named if name in own)
    return tuple((scope.model.metric(m).of_usage if usage_only else None) or m for m in metrics)


def check_fleet(scope: Scope, used: Sequence[Metric], dimensions: Sequence[str], dataset: Dataset) -> None:
    usage_only = [d for d in dimensions if scope.model.dimension(dataset.name, d).usage_only]
    fleet = [m for m in used if m.fleet]
    if usage_only and fleet and len(fleet) == len(used):
        raise Refused(
            f"{fleet[0].label} is known for clusters, not by {usage_only[0].replace('_', ' ')}: "
            "ask by cluster, GPU model or site."
        )
