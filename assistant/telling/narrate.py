"""Rows → the sentence. Placeholder of the first hour: the figure itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assistant.semantics.catalog import Catalog
from assistant.semantics.model import SemanticModel
from assistant.values import AnswerColumn, QueryPlan


def tell(
    plan: QueryPlan,
    columns: Sequence[AnswerColumn],
    rows: Sequence[tuple[Any, ...]],
    model: SemanticModel,
    catalog: Catalog,
) -> str:
    return f"{len(rows)} rows"
