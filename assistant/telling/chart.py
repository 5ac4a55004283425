"""The picture that fits a result, as a spec that no library owns (values.Chart). Knows nothing of how it is drawn.

Line for time, bars for a ranking, waterfall for a change, stacked bars for parts over time, one big number
for a scalar.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from assistant.semantics import calendar
from assistant.telling.table import plain
from assistant.values import AnswerColumn, Chart, Period, QueryPlan, Series, Value

MOST_SERIES = 10
MOST_BARS = 20
MOST_STEPS = 8
OTHER = "Other"
STEP = "step"  # the column that names the steps of a change, from what was to what is

Row = Sequence[Any]


def draw(
    columns: Sequence[AnswerColumn],
    rows: Sequence[Row],
    plan: QueryPlan | None = None,
    additive: bool = True,
    title: str = "",
) -> Chart | None:
    """The chart of a result, or None when none would help.

    additive: whether the metric's values may be summed, so that the smallest can become "Other".
    title: what the metric is called; its column's name when empty.
    """
    columns, rows, one_of_several = _one_unit(columns, rows)
    metrics = [i for i, c in enumerate(columns) if c.kind == "metric" and _has_numbers(rows, i)]
    times = [i for i, c in enumerate(columns) if c.kind == "time"]
    dimensions = [i for i, c in enumerate(columns) if c.kind == "dimension"]
    if not rows or not metrics or len(times) > 1:
        return None
    if plan is not None and columns[0].name == STEP and len(rows) > 1:
        return _bridge(columns, rows, metrics[0], title or "Change")
    unit = columns[metrics[0]].unit
    title = title or _title(columns[metrics[0]].name)
    title += f", only what is in {unit}" if one_of_several else ""
    base = Chart("number", title, (), (), unit, plan.grain if plan else None)
    if times and len(rows) > 1:
        if dimensions:
            part = next((i for i in metrics if columns[i].unit == "percent"), None) if plan and plan.share else None
            if part is not None:
                base, metrics = replace(base, title=f"Share of {title[:1].lower()}{title[1:]}", unit="percent"), [part]
            return _over_time(base, rows, times[0], dimensions, metrics[0], additive)
        return _lines(base, columns, rows, times[0], metrics, plan)
    compared = plan is not None and plan.comparison is not None and len(metrics) > 1
    if len(rows) == 1:
        value, before = rows[0][metrics[0]], rows[0][metrics[1]] if compared else None
        label = _name(rows[0], dimensions, columns) or base.title
        return replace(base, labels=(label,), series=(Series(base.title, (value,)),), previous=before)
    if not dimensions:
        return None
    if compared and additive and plan is not None and plan.limit is None and not plan.having:
        return _waterfall(base, plan, columns, rows, dimensions, metrics)
    shown = metrics[:2] if compared else metrics[:1]
    return _ranking(base, columns, rows, dimensions, shown, additive and (plan is None or plan.limit is None))


def _lines(
    base: Chart,
    columns: Sequence[AnswerColumn],
    rows: Sequence[Row],
    time: int,
    metrics: Sequence[int],
    plan: QueryPlan | None,
) -> Chart:
    change = plan is not None and (plan.series_change or plan.comparison is not None)
    alike = [i for i in metrics if columns[i].unit == base.unit][: 1 if change else MOST_SERIES]
    labels = tuple(_text(row[time]) for row in rows)
    return replace(
        base,
        kind="line",
        labels=labels,
        series=tuple(Series(_title(columns[i].name), tuple(row[i] for row in rows)) for i in alike),
    )


def _over_time(
    base: Chart, rows: Sequence[Row], time: int, dimensions: Sequence[int], metric: int, additive: bool
) -> Chart:
    labels = tuple(sorted({_text(row[time]) for row in rows}))
    place = {label: i for i, label in enumerate(labels)}
    held: dict[str, list[Value | None]] = {}
    for row in rows:
        values = held.setdefault(_name(row, dimensions), [None] * len(labels))
        at = place[_text(row[time])]
        values[at] = row[metric] if values[at] is None else _sum((values[at], row[metric]))
    ranked = sorted(held, key=lambda name: -_size(held[name]))
    kept = ranked if len(ranked) <= MOST_SERIES else ranked[: MOST_SERIES - 1]
    series = [Series(name, tuple(held[name])) for name in kept]
    if additive and len(kept) < len(ranked):
        rest = [held[name] for name in ranked[len(kept) :]]
        others = tuple(_sum(values[i] for values in rest) for i in range(len(labels)))
        series.append(Series(f"{OTHER} ({len(rest)})", others))
    parts = additive and all(v is None or v >= 0 for one in series for v in one.values)
    return replace(base, kind="stacked" if parts else "line", labels=labels, series=tuple(series))


def _ranking(
    base: Chart,
    columns: Sequence[AnswerColumn],
    rows: Sequence[Row],
    dimensions: Sequence[int],
    metrics: Sequence[int],
    additive: bool,
) -> Chart:
    shown, rest = (rows, ()) if len(rows) <= MOST_BARS else (rows[: MOST_BARS - 1], rows[MOST_BARS - 1 :])
    labels = [_name(row, dimensions, columns) for row in shown]
    series = [[row[i] for row in shown] for i in metrics]
    if rest and additive:
        labels.append(f"{OTHER} ({len(rest)})")
        for values, i in zip(series, metrics, strict=True):
            values.append(_sum(row[i] for row in rest))
    return replace(
        base,
        kind="bar",
        labels=tuple(labels),
        series=tuple(Series(_title(columns[i].name), tuple(values)) for i, values in zip(metrics, series, strict=True)),
    )


def _waterfall(
    base: Chart,
    plan: QueryPlan,
    columns: Sequence[AnswerColumn],
    rows: Sequence[Row],
    dimensions: Sequence[int],
    metrics: Sequence[int],
) -> Chart:
    """From the previous total by the largest moves to the current total."""
    current, previous = metrics[:2]
    moves = sorted(
        ((_name(row, dimensions, columns), _sum((row[current], _minus(row[previous])))) for row in rows),
        key=lambda move: -abs(float(move[1] or 0)),
    )
    moves = [move for move in moves if move[1]]
    kept, rest = moves[:MOST_STEPS], moves[MOST_STEPS:]
    if rest:
        kept.append((f"{OTHER} ({len(rest)})", _sum(value for _, value in rest)))
    totals = [_sum(row[i] for row in rows) or 0 for i in (previous, current)]
    return replace(
        base,
        kind="waterfall",
        labels=(_when(plan.comparison, "before"), *(name for name, _ in kept), _when(plan.period, "now")),
        series=(Series(base.title, (totals[0], *(value for _, value in kept), totals[1])),),
    )


def _bridge(columns: Sequence[AnswerColumn], rows: Sequence[Row], metric: int, title: str) -> Chart:
    """A change whose rows are steps already: before, one row for each step, after. The smallest steps become one."""
    before, *steps, after = rows
    ranked = sorted(range(len(steps)), key=lambda i: -abs(float(steps[i][metric])))
    kept = sorted(ranked) if len(steps) <= MOST_STEPS + 1 else sorted(ranked[:MOST_STEPS])
    moves = [(_text(steps[i][0]), steps[i][metric]) for i in kept]
    rest = [steps[i][metric] for i in range(len(steps)) if i not in kept]
    if rest:
        moves.append((f"{OTHER} ({len(rest)})", _sum(rest)))
    shown = [(_text(before[0]), before[metric]), *moves, (_text(after[0]), after[metric])]
    labels, values = zip(*shown, strict=True)
    return Chart("waterfall", title, labels, (Series(title, values),), columns[metric].unit)


def _when(period: Period | None, otherwise: str) -> str:
    return calendar.label(period) if period else otherwise


# --- reading rows -------------------------------------------------------------------------------------


def _one_unit(
    columns: Sequence[AnswerColumn], rows: Sequence[Row]
) -> tuple[Sequence[AnswerColumn], Sequence[Row], bool]:
    """The currency column becomes the unit. Of several only the commonest is kept, for amounts of two can't
    share an axis; the last value says so."""
    place = next((i for i, c in enumerate(columns) if c.name == "currency" and c.kind == "dimension"), None)
    if place is None:
        return columns, rows, False
    counts = Counter(str(row[place]) for row in rows if row[place] is not None)
    unit = counts.most_common(1)[0][0] if counts else None
    others = [i for i in range(len(columns)) if i != place]
    shown = [row for row in rows if len(counts) < 2 or row[place] == unit]
    return (
        [_in_unit(columns[i], unit) for i in others],
        [[row[i] for i in others] for row in shown],
        len(counts) > 1,
    )


def _in_unit(column: AnswerColumn, unit: str | None) -> AnswerColumn:
    return replace(column, unit=unit) if column.kind == "metric" and column.unit is None else column


def _has_numbers(rows: Sequence[Row], at: int) -> bool:
    return any(isinstance(row[at], Value) and not isinstance(row[at], bool) for row in rows)


def _title(name: str) -> str:
    name = plain(name).replace("_", " ")
    return name[:1].upper() + name[1:]


def _name(row: Row, dimensions: Sequence[int], columns: Sequence[AnswerColumn] | None = None) -> str:
    """What a row is about: `Payments`, `AWS / US East`, `no team`."""

    def empty(i: int) -> str:
        return f"no {columns[i].name.replace('_', ' ')}" if columns else "none"

    return " / ".join(empty(i) if row[i] is None else _text(row[i]) for i in dimensions)


def _text(value: Any) -> str:
    return value.isoformat()[:10] if isinstance(value, date) else plain(str(value))


def _sum(values: Any) -> Value | None:
    known = [Decimal(str(v)) for v in values if v is not None]
    return sum(known, Decimal(0)) if known else None


def _minus(value: Value | None) -> Value | None:
    return None if value is None else -Decimal(str(value))


def _size(values: Sequence[Value | None]) -> float:
    return sum(abs(float(v)) for v in values if v is not None)
