"""The conversation's plan over another table: what "and the tokens?" keeps of a question about cost.

Every name is kept, as the new table calls it, or the user is told which one can't be. Knows no words.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.planning.scope import Lacks, Scope
from assistant.semantics.model import Dataset
from assistant.semantics.words import compact
from assistant.values import Filter, QueryPlan


def carried(scope: Scope, base: QueryPlan, dataset: Dataset) -> QueryPlan:
    """The plan with its breakdown and filters as `dataset` has them. Raises Lacks, naming what it has not."""
    if base.dataset == dataset.name:
        return base
    replaced = bool(scope.draft.dimensions) and not scope.draft.adds
    dimensions = () if replaced else tuple(_name(scope, n, base, dataset) for n in base.dimensions)
    per = base.limit_per and next(iter(dimensions), None)
    return base.model_copy(
        update={
            "dimensions": dimensions,
            "filters": _filters(scope, base.filters, base, dataset),
            "part": _filters(scope, base.part, base, dataset),
            "limit_per": per,
        }
    )


def _name(scope: Scope, name: str, base: QueryPlan, dataset: Dataset) -> str:
    own = scope.model.dimensions[dataset.name]
    alike = [n for n in own if n == name or scope.lexicon.vocabulary.same_concept(n, name)]
    if not alike:
        raise Lacks(
            f"The question before was by {_label(scope, name, base)}, which {dataset.label} does not have. "
            "Ask the whole question again without it."
        )
    return min(alike, key=lambda n: n != name)


def _filters(scope: Scope, filters: Sequence[Filter], base: QueryPlan, dataset: Dataset) -> tuple[Filter, ...]:
    kept: list[Filter] = []
    named = {h.dimension for use in scope.draft.values if not use.negated for h in use.hits}
    for one in filters:
        if any(scope.lexicon.vocabulary.same_concept(one.dimension, n) for n in named):
            continue  # the message names another one
        name = _name(scope, one.dimension, base, dataset)
        values = tuple(v for value in one.values for v in _values(scope, value, name, dataset))
        if one.op == "in" and not values:
            raise Lacks(
                f"The question before was about {_label(scope, one.dimension, base)} {' or '.join(one.values[:3])}, "
                f"which {dataset.label} does not have. Ask the whole question again without it."
            )
        if values or one.op in ("empty", "filled"):
            kept.append(Filter(dimension=name, op=one.op, values=values))
    return tuple(kept)


def _values(scope: Scope, value: str, name: str, dataset: Dataset) -> tuple[str, ...]:
    if dataset.scoped is not None:
        return (value,)
    hits = scope.lexicon.value_hits(compact(value))
    return next((h.values for h in hits if h.dataset == dataset.name and h.dimension == name), ())


def _label(scope: Scope, name: str, base: QueryPlan) -> str:
    known = scope.model.dimensions[base.dataset].get(name)
    return known.label if known else name.replace("_", " ")
