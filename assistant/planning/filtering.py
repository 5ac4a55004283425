"""Values → filters: which dimension each stands in, what the part of a share is, what a follow-up replaces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from assistant.errors import Clarify
from assistant.planning import naming
from assistant.planning.draft import ValueUse
from assistant.planning.scope import Lacks, Scope
from assistant.semantics.meanings import GUESSED, ValueHit
from assistant.semantics.model import Dataset
from assistant.values import Filter, Period, QueryPlan


def conditions(scope: Scope) -> tuple[Filter, ...]:
    """The draft's filters on charges, each with exactly one reading."""
    dataset = scope.current = scope.model.datasets["cost_and_usage"]
    combination = []
    for use in scope.draft.values:
        readings = readings_of(scope, use, dataset)
        if len(readings) > 1:
            raise Clarify(
                f"“{use.text}” could mean several things.",
                tuple(choice(scope, h, dataset) for h in readings),
            )
        combination.append(readings[0])
    fixed = unambiguous(scope, dataset, None, (), ())
    return of_draft(scope, scope.draft.values, combination, fixed, None, False, ())[0]


def own(scope: Scope, hit: ValueHit, dataset: Dataset) -> str:
    """The hit's dimension as this dataset calls it."""
    own = scope.model.dimensions[dataset.name]
    if hit.dimension in own:
        return hit.dimension
    return next(n for n in own if scope.lexicon.vocabulary.same_concept(n, hit.dimension))


def fits(scope: Scope, hit: ValueHit, dataset: Dataset) -> bool:
    if hit.dataset == dataset.name:
        return True
    if dataset.scoped is None:
        return False
    own = scope.model.dimensions[dataset.name]
    return hit.dimension in own or any(scope.lexicon.vocabulary.same_concept(n, hit.dimension) for n in own)


def readings_of(scope: Scope, use: ValueUse, dataset: Dataset) -> list[ValueHit]:
    """The dimensions this value can stand in, within the dataset; primary ones first."""
    hits = [h for h in use.hits if fits(scope, h, dataset)]
    if not hits:
        raise Lacks(f"“{use.text}” is not found in {dataset.label}.", ())
    for scan in ("primary", "secondary"):
        kept = [h for h in hits if h.scan == scan or use.restricted]
        if kept:
            break
    else:
        raise Lacks(f"“{use.text}” is not the name of anything in {dataset.label}.", ())
    hits = kept
    distinct: dict[tuple[str, tuple[str, ...]], ValueHit] = {}
    for hit in hits:
        key = (own(scope, hit, dataset), hit.values)
        if key not in distinct or distinct[key].weight < hit.weight:
            distinct[key] = hit
    merged: dict[str, ValueHit] = {}
    for (dimension, _), hit in distinct.items():
        other = merged.get(dimension)
        if other is None:
            merged[dimension] = hit
        elif hit.how in ("part", "short"):
            options = sorted({v for h in distinct.values() for v in h.values})
            raise Clarify(f"“{use.text}” could be {len(options)} things. Which one?", tuple(options[:8]))
        else:  # spellings of one name: "AWS" and "aws"
            merged[dimension] = ValueHit(
                hit.dataset, hit.dimension, tuple(dict.fromkeys((*other.values, *hit.values))),
                other.weight + hit.weight, hit.scan, other.how,
            )  # fmt: skip
    ids = {d: scope.model.dimension(dataset.name, d).id_of for d in merged}
    result = [h for d, h in merged.items() if not any(i == d for i in ids.values())] or list(merged.values())
    return sorted(result, key=lambda h: -h.weight)


def unambiguous(
    scope: Scope,
    dataset: Dataset,
    base: QueryPlan | None,
    uses: Sequence[ValueUse],
    choices: Sequence[Sequence[ValueHit]],
) -> list[tuple[Filter, str | None]]:
    """Filters that have one reading: untagged, tagged, units of work."""
    fixed: list[tuple[Filter, str | None]] = []
    for use in scope.draft.empties:
        name = naming.dimension(scope, use.names, use.text, dataset) if use.names else "any_tag"
        if name not in scope.model.dimensions[dataset.name]:
            raise Lacks(f"{dataset.label} have no tags.", ())
        if name == "any_tag" and not use.filled and "unallocated" in use.text:
            raise Clarify("Unallocated to what?", tuple(f"cost with no {s}" for s in naming.tags(scope, dataset)[:4]))
        fixed.append((Filter(dimension=name, op="filled" if use.filled else "empty"), use.side))
    for names in scope.draft.units:
        if "business_metric" in scope.model.dimensions[dataset.name]:
            fixed.append((Filter(dimension="business_metric", values=names), None))
    return fixed


def of_draft(
    scope: Scope,
    uses: Sequence[ValueUse],
    combination: Sequence[ValueHit],
    fixed: Sequence[tuple[Filter, str | None]],
    base: QueryPlan | None,
    share: bool,
    dimensions: Sequence[str],
) -> tuple[tuple[Filter, ...], tuple[Filter, ...]]:
    whole: list[Filter] = []
    part: list[Filter] = []
    sides = sides_of(scope, uses, share, dimensions)
    for use, hit, side in zip(uses, combination, sides, strict=True):
        op: Literal["in", "not_in"] = "not_in" if use.negated else "in"
        name = own(scope, hit, scope.current)
        target = part if side == "part" else whole
        same = next((f for f in target if f.dimension == name and f.op == op), None)
        if same is not None:
            target[target.index(same)] = same.model_copy(
                update={"values": tuple(dict.fromkeys((*same.values, *hit.values)))}
            )
        else:
            target.append(Filter(dimension=name, op=op, values=hit.values))
    if share and any(c.op in ("empty", "filled") for c, _ in fixed):
        whole, part = [*whole, *part], []  # "of the AWS bill, what share has no team"
    for condition, side_ in fixed:
        part_of_share = share and side_ != "whole" and condition.op in ("empty", "filled")
        (part if part_of_share else whole).append(condition)
    if base is not None:
        whole, part = edited(scope, base, whole, part, share, dimensions)
    both = {(f.dimension, v) for f in whole if f.op == "in" for v in f.values}
    both &= {(f.dimension, v) for f in whole if f.op == "not_in" for v in f.values}
    for dimension, value in both:
        label = scope.model.dimension(scope.current.name, dimension).label
        raise Clarify(
            f"Nothing is {value} and not {value} at once. For {value} beside all else, ask for the {label} of each.",
            (f"by {label}", f"share of {value}"),
        )
    return tuple(whole), tuple(part)


def straddling(scope: Scope, uses: Sequence[ValueUse], combination: Sequence[ValueHit]) -> tuple[str, str] | None:
    """`tax and support`: two names joined by and/or that are of different dimensions.

    Filters of two dimensions narrow each other, which is not what a sum of the two would be. With commas alone
    (`Retail, AWS, May`) names narrow each other as long as each is of a dimension of its own. What is left out
    (`without tax and Lambda`) may be of two kinds, but not where a loose name (`dev and test`) would be the reason
    to answer about tokens instead of charges.
    """
    charges = scope.current is None or scope.current.name == "cost_and_usage"
    kinds = [own(scope, hit, scope.current) for use, hit in zip(uses, combination, strict=True) if not use.negated]
    listed = len(set(kinds)) < len(kinds)
    for (one, first), (two, second) in pairwise(zip(uses, combination, strict=True)):
        plain = (two.anded or (two.joined and listed)) and not (one.restricted or two.restricted)
        if two.negated and (charges or second.how == "exact"):
            continue
        if plain and own(scope, first, scope.current) != own(scope, second, scope.current):
            return one.text, two.text
    return None


def sides_of(scope: Scope, uses: Sequence[ValueUse], share: bool, dimensions: Sequence[str]) -> list[str]:
    """Which values make the part of a share, and which the whole."""
    if not share:
        return ["whole"] * len(uses)
    marked = [u.side for u in uses]
    if any(s == "part" for s in marked):
        return [s or "whole" for s in marked]
    positive = [u for u in uses if not u.negated]
    if dimensions or not positive:
        return ["whole"] * len(uses)
    return ["whole" if u.negated or u.side == "whole" else "part" for u in uses]


def edited(
    scope: Scope, base: QueryPlan, whole: list[Filter], part: list[Filter], share: bool, dimensions: Sequence[str]
) -> tuple[list[Filter], list[Filter]]:
    """The conversation's filters with the new ones put in their place."""
    own = scope.model.dimensions[scope.current.name] if scope.current else {}
    kept = [f for f in base.filters if f.dimension in own]
    kept_part = [f for f in base.part if f.dimension in own]
    released = {name for use in scope.draft.dimensions if use.whole for name in use.names}
    kept = [f for f in kept if f.dimension not in released]  # "all environments", after "only production"
    for use in scope.draft.readmitted:
        gone = {(h.dimension, v) for h in use.hits for v in h.values}
        kept = [f for f in kept if not (f.op == "not_in" and any((f.dimension, v) in gone for v in f.values))]
    for new in whole:
        if new.op == "in":
            kept = [f for f in kept if f.dimension != new.dimension or f.op == "not_in"]
        elif new.op == "not_in":
            kept = [
                f.model_copy(update={"values": tuple(v for v in f.values if v not in new.values)})
                if f.dimension == new.dimension and f.op == "in"
                else f
                for f in kept
            ]
            if any(f.dimension == new.dimension and f.op == "in" for f in kept):
                kept = [f for f in kept if f.values or f.op in ("empty", "filled")]
        else:
            kept = [f for f in kept if f.dimension != new.dimension]
        kept.append(new)
    if share and not base.share and not part and not dimensions:
        movable = [f for f in kept if f.op == "in"]
        return [f for f in kept if f not in movable[-1:]], movable[-1:]
    return kept, part or kept_part


def compared_values(
    scope: Scope,
    dimensions: tuple[str, ...],
    uses: Sequence[ValueUse],
    combination: Sequence[ValueHit],
    comparison: Period | None,
) -> tuple[str, ...]:
    """`AWS versus Azure`: values set side by side are rows of their own."""
    if not (scope.draft.compare or scope.draft.apart) or comparison is not None:
        return dimensions
    names = [own(scope, h, scope.current) for h, u in zip(combination, uses, strict=True) if not u.negated]
    for name in names:
        if names.count(name) > 1 and name not in dimensions:
            return (*dimensions, name)
    return dimensions


def choice(scope: Scope, hit: ValueHit, dataset: Dataset) -> str:
    """`team Falcon`: the reading in words that have only this one."""
    return f"{scope.model.dimension(dataset.name, own(scope, hit, dataset)).label} {' and '.join(hit.values[:3])}"


def hit_doubt(scope: Scope, hit: ValueHit, use: ValueUse, assumptions: list[str]) -> float:
    shown = ", ".join(hit.values[:6])
    label = hit.dimension.replace("_", " ")
    if use.corrected:
        assumptions.append(f"'{use.text}' read as {label} {shown}")
        return 0.12
    if hit.how in GUESSED:
        assumptions.append(f"'{use.text}' read as {label} {shown}")
        return 0.08
    if hit.how in ("alias", "inflected") and use.text.lower() != shown.lower():
        assumptions.append(f"'{use.text}' read as {label} {shown}")
        return 0.02
    return 0.0
