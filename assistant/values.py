"""Every noun that crosses a module border, frozen. Knows nothing about how any of them is made.

Days are UTC dates; every interval is half-open: [start, end).
Money is Decimal in the unit that its column names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

# --- the question ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """What a person asked; `user` None is the local operator, who has no row policy.

    readers: the others who will read the answer, as in a chat channel. It holds only what every one of them and
    the user may see, and it may continue what any of them asked in the thread. confirmed: run it whatever it reads.
    """

    text: str
    user: str | None = None
    thread: str | None = None
    today: date | None = None
    planner: Literal["auto", "local", "llm"] = "auto"
    readers: tuple[str, ...] = ()
    confirmed: bool = False


# --- the plan: pydantic, because a language model may write one --------------------------------


class Grain(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Period(Frozen):
    """Half-open days [start, end). `to_date`: cut at the newest loaded day, so not a whole one."""

    start: date
    end: date
    words: str = ""
    to_date: bool = False
    unit: Grain | None = None

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def last_day(self) -> date:
        return self.end - timedelta(days=1)


class Filter(Frozen):
    """One condition on one dimension. `empty`/`filled` take no values."""

    dimension: str
    op: Literal["in", "not_in", "empty", "filled"] = "in"
    values: tuple[str, ...] = ()


class Threshold(Frozen):
    """A condition on an aggregated metric (HAVING), `upper` only for `between` (inclusive)."""

    metric: str
    op: Literal[">", ">=", "<", "<=", "=", "between"]
    value: Decimal
    upper: Decimal | None = None
    of: Literal["value", "change", "change_percent", "share", "row"] = "value"


class Order(Frozen):
    """What rows are ranked by; `by` is an output column of the plan."""

    by: str
    descending: bool = True


class QueryPlan(Frozen):
    """A typed question over the semantic model. Names are the model's; nothing here is SQL.

    `part` holds the filters that make the part of a share ("what share of AI is OpenAI": the
    whole keeps `filters`, the part adds `part`). `limit_per` ranks within each value of the named
    dimension. `count_groups` returns only how many groups are left ("how many services cost more than
    $5k"). `series_change` compares every bucket of `grain` with the one before it; `cumulative` adds up
    to each bucket what came before it in the period. `analysis` names what is
    made of it in assistant/analysis/, in more than one query: "why", "chargeback". `given`: the figures and names
    that the question brought along for it, by their names in `workloads` of the vocabulary.
    """

    dataset: str
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    grain: Grain | None = None
    filters: tuple[Filter, ...] = ()
    period: Period | None = None
    comparison: Period | None = None
    series_change: bool = False
    cumulative: bool = False
    share: bool = False
    part: tuple[Filter, ...] = ()
    average: Grain | None = None
    order: Order | None = None
    limit: int | None = None
    limit_per: str | None = None
    having: tuple[Threshold, ...] = ()
    count_groups: bool = False
    currency: str | None = None
    analysis: str | None = None
    given: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Reading:
    """One way to understand a question: the plan, how sure, what was assumed on the way."""

    plan: QueryPlan
    confidence: float
    assumptions: tuple[str, ...] = ()
    competitors: tuple[QueryPlan, ...] = ()


# --- access and statements -------------------------------------------------------------------


@dataclass(frozen=True)
class TableColumn:
    name: str
    type: str


@dataclass(frozen=True)
class Rollup:
    """Sums of a table by day (or month) and some of its columns, kept under `name` in schema `_askcost`.

    Its columns are called as in the table; `time` holds the first moment of the day or month. newest: the table's
    newest day.
    """

    name: str
    table: str
    time: str
    grain: Literal["day", "month"]
    dimensions: tuple[str, ...]
    sums: tuple[str, ...]
    rows: int = 0
    newest: date | None = None


@dataclass(frozen=True)
class TableAccess:
    """What one user may see of one table.

    columns: the visible columns, in order, with DuckDB types.
    predicate: trusted SQL over the table's columns; None means every row.
    shortcuts: tag key → physical column that holds the same values as Tags['key'], faster.
    masks: column → trusted SQL that stands for it: who a person is, where this user may not see it.
    rollups: sums of the table that may be read instead where they give the same rows, the smallest first.
    """

    name: str
    columns: tuple[TableColumn, ...]
    predicate: str | None = None
    shortcuts: Mapping[str, str] = field(default_factory=dict)
    masks: Mapping[str, str] = field(default_factory=dict)
    rollups: tuple[Rollup, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What one statement may use before it is stopped."""

    seconds: float = 30.0
    memory_mb: int = 2048
    temp_mb: int = 4096
    rows: int = 10_000


@dataclass(frozen=True)
class Access:
    """What one user may see: open tables, and closed ones with the reason. `user` "": several readers at once."""

    tables: Mapping[str, TableAccess]
    closed: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    role: str = "admin"
    note: str | None = None
    limits: Limits = Limits()

    @property
    def masked(self) -> frozenset[str]:
        """`table.column` of every column that shows some people as one group."""
        return frozenset(f"{t.name}.{column}" for t in self.tables.values() for column in t.masks)


@dataclass(frozen=True)
class Lint:
    """A FinOps lint: allowed, but probably not what is meant."""

    rule: str
    message: str


@dataclass(frozen=True)
class CheckedQuery:
    """A statement that passed the guard. Only `executable` is ever run.

    sql: the readable statement as asked; executable: regenerated, quoted, policies injected, in DuckDB's dialect, and
    where `rollups` (their names) has some, reading these; whole: the executable that reads the tables themselves.
    outputs: the columns that it returns, with DuckDB's types; none when only a run can tell (a PIVOT without values).
    """

    sql: str
    executable: str
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    functions: tuple[str, ...]
    policy: str | None
    limits: Limits
    warnings: tuple[Lint, ...] = ()
    outputs: tuple[TableColumn, ...] = ()
    rollups: tuple[str, ...] = ()
    on_tables: str | None = None

    @property
    def whole(self) -> str:
        return self.on_tables or self.executable


@dataclass(frozen=True)
class Rows:
    """A result: column names and DuckDB types, plain Python values, whether rows were cut."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False
    milliseconds: float = 0.0


# --- the answer ------------------------------------------------------------------------------


@dataclass(frozen=True)
class AnswerColumn:
    name: str
    kind: Literal["dimension", "time", "metric"]
    unit: str | None = None


@dataclass(frozen=True)
class Tokens:
    """`cost_usd` None: a model without a known price took part."""

    calls: int = 0
    input: int = 0
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0
    cost_usd: float | None = 0.0


Value = Decimal | int | float


@dataclass(frozen=True)
class Series:
    """One line, or one colour of bars; `values` are aligned with the chart's labels, None where there is nothing.

    dashed: what is expected, planned or a limit, and not what was.
    """

    name: str
    values: tuple[Value | None, ...]
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """A picture that no library owns. labels: names or days along the axis. unit: as in the answer's columns.

    waterfall: one series of signed steps, the first and the last label being totals.
    number: one label, one value; `previous` is what it is compared with, `trend` (day, value) how it came about.
    line: `band` are the lowest and the highest that are likely, called `band_name`; `marked` the places of labels that
    stand out in the first series.
    """

    kind: Literal["line", "bar", "stacked", "waterfall", "number"]
    title: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str | None = None
    grain: Grain | None = None
    previous: Value | None = None
    trend: tuple[tuple[str, Value | None], ...] = ()
    band: tuple[tuple[Value | None, ...], tuple[Value | None, ...]] | None = None
    band_name: str = ""
    marked: tuple[int, ...] = ()


# What becomes of a question, in order: a Reading or words, SQL, a CheckedQuery, Rows.
Stage = Literal["understood", "sql", "checked", "ran"]
Status = Literal["answered", "clarify", "refused", "error"]


@dataclass(frozen=True)
class Answer:
    """contract.md §2, field for field; what only the audit keeps: the plan, the SQL as run; an analysis' own chart."""

    status: Status
    answer_id: str
    question: str
    thread: str | None = None
    user: str | None = None
    understood: str = ""
    answer: str = ""
    columns: tuple[AnswerColumn, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    truncated: bool = False
    period: Period | None = None
    sql: str | None = None
    dialect: str = "duckdb"
    planner: Literal["local", "llm", "cache", "sql"] = "local"
    confidence: float | None = None
    assumptions: tuple[str, ...] = ()
    clarify: Clarification | None = None
    error: str | None = None
    tokens: Tokens = Tokens()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    plan: QueryPlan | None = None
    executed: str | None = None
    chart: Chart | None = None


@dataclass(frozen=True)
class Clarification:
    question: str
    options: tuple[str, ...] = ()
