"""What words can mean: a span's meanings, the values it names, and what each way of matching costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assistant.semantics.model import Dimension
from assistant.semantics.vocabulary import Having, Refusal
from assistant.values import Grain

Kind = Literal[
    "metric", "dimension", "value", "operator", "grain", "unit_of_work", "currency", "refusal", "ignore", "analysis"
]  # fmt: skip

# What a way of matching costs; only the order matters: exact, inflected, abbreviated, part of a name, misspelt.
EXACT, NUMBER, ALIAS, INFLECTED, PARTIAL = 0.0, 0.05, 0.1, 0.15, 0.8
# Ways that find a value by less than its name, or many by what they share.
GUESSED = ("short", "part", "family")


@dataclass(frozen=True)
class ValueHit:
    """One value (or one family of values) of one dimension in one dataset."""

    dataset: str
    dimension: str
    values: tuple[str, ...]
    weight: float
    scan: str
    how: Literal["exact", "alias", "inflected", "short", "part", "family"] = "exact"


@dataclass(frozen=True)
class Meaning:
    """One thing a span can mean. `names`: metrics, or dimension names in order of preference."""

    kind: Kind
    cost: float
    names: tuple[str, ...] = ()
    hits: tuple[ValueHit, ...] = ()
    grain: Grain | None = None
    refusal: Refusal | None = None
    negated: bool = False
    having: Having | None = None


@dataclass(frozen=True)
class Indexed:
    """A value of the warehouse, and every dimension that has it."""

    value: str
    weight: float
    dimensions: tuple[Dimension, ...]
