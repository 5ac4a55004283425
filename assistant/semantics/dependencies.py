"""What an answer's figures rest on beside the charges: each definition by name, with a fingerprint of what it says.

Two fingerprints of one name that differ mean that the definition was corrected in between. Knows no data but the small
tables that the catalog keeps (allocation rules).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from assistant.semantics.catalog import Catalog
from assistant.semantics.model import SemanticModel
from assistant.values import QueryPlan

RULES = "allocation rules"
ALLOCATING = ("chargeback",)


def of_plan(plan: QueryPlan, model: SemanticModel, catalog: Catalog) -> dict[str, str]:
    """`metric effective_cost` → its fingerprint; likewise the dataset, the dimensions, the allocation rules."""
    return {name: _fingerprint(text) for name, text in _named(plan, model, catalog)}


def changed(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names whose definition is another one now, or is gone."""
    return [name for name, fingerprint in then.items() if now.get(name) != fingerprint]


def _named(plan: QueryPlan, model: SemanticModel, catalog: Catalog) -> Iterator[tuple[str, str]]:
    dataset = model.datasets.get(plan.dataset)
    if dataset is not None:
        yield f"dataset {dataset.name}", repr((dataset.source, dataset.query, dataset.time, dataset.currency))
    for name in dict.fromkeys((*plan.metrics, *(t.metric for t in plan.having))):
        if model.has_metric(name):
            yield f"metric {name}", repr((model.metric(name).expression, model.metric(name).unit))
    for name in dict.fromkeys((*plan.dimensions, *(f.dimension for f in (*plan.filters, *plan.part)))):
        found = model.dimensions.get(plan.dataset, {}).get(name)
        if found is not None:
            yield f"dimension {name}", found.expression
    if plan.analysis in ALLOCATING:
        yield RULES, repr([sorted(row.items(), key=str) for row in catalog.small.get("allocation_rules", ())])


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
