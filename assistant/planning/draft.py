"""What a question said, piece by piece, before it is known which dataset can answer. Immutable once attached."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from assistant.semantics.meanings import ValueHit
from assistant.semantics.time_expressions import TimeExpression
from assistant.values import Grain

Side = Literal["whole", "part"]


Comparator = Literal[">", ">=", "<", "<=", "between"]
Against = Literal["prior", "day", "week", "month", "quarter", "year"]


@dataclass
class DimensionUse:
    """A dimension that rows are grouped by. `names` in order of preference."""

    names: tuple[str, ...]
    text: str
    plural: bool = False
    bare: bool = False
    each: bool = False
    described: bool = False
    within: bool = False
    whole: bool = False


@dataclass
class ValueUse:
    """Values that rows are filtered by. Neighbours of one dimension joined by and/or are one use.

    joined: to the one before it, by and/or or a comma; anded: by more than a comma, or set against it.
    """

    hits: tuple[ValueHit, ...]
    text: str
    place: int
    negated: bool = False
    side: Side | None = None
    restricted: tuple[str, ...] = ()
    corrected: str | None = None
    joined: bool = False
    anded: bool = False


@dataclass
class EmptyUse:
    """`untagged team`, `with a cost center`: rows without, or with, any value."""

    names: tuple[str, ...]
    filled: bool
    text: str
    side: Side | None = None


@dataclass
class TimeUse:
    expressions: tuple[TimeExpression, ...]
    text: str
    place: int
    versus: bool = False


@dataclass
class ThresholdUse:
    op: Comparator
    value: Decimal
    upper: Decimal | None = None
    percent: bool = False
    metric: str | None = None
    text: str = ""


@dataclass
class Draft:
    """The attached pieces of one message."""

    metrics: list[tuple[str, ...]] = field(default_factory=list)
    metric_texts: list[str] = field(default_factory=list)
    metrics_listed: bool = False
    counted: list[DimensionUse] = field(default_factory=list)
    dimensions: list[DimensionUse] = field(default_factory=list)
    grains: list[Grain] = field(default_factory=list)
    values: list[ValueUse] = field(default_factory=list)
    empties: list[EmptyUse] = field(default_factory=list)
    times: list[TimeUse] = field(default_factory=list)
    thresholds: list[ThresholdUse] = field(default_factory=list)
    units: list[tuple[str, ...]] = field(default_factory=list)
    per_unit: bool = False
    volume: bool = False
    limit: int | None = None
    number: int | None = None
    descending: bool | None = None
    by_size: bool = False
    sorted: bool | None = None
    which: bool = False
    who: bool = False
    implies_cost: bool = False
    trend: bool = False
    cumulative: bool = False
    average: bool = False
    average_grain: Grain | None = None
    share: bool = False
    compare: bool = False
    apart: bool = False
    change: bool = False
    direction: Literal["up", "down"] | None = None
    by_rate: bool = False
    against: Against | None = None
    breakdown: bool = False
    currency: str | None = None
    analysis: str | None = None
    own: bool = False
    asker: str | None = None
    followup: bool = False
    adds: bool = False
    same: bool = False
    refers: bool = False
    readmitted: list[ValueUse] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def says_anything(self) -> bool:
        return bool(
            self.metrics
            or self.counted
            or self.dimensions
            or self.grains
            or self.values
            or self.empties
            or self.times
            or self.units
            or self.share
            or self.average
            or self.trend
            or self.cumulative
            or self.change
            or self.against
            or self.limit
            or self.number
            or self.descending is not None
            or self.thresholds
            or self.currency
            or self.analysis
            or self.readmitted
        )
