"""The picture that fits an answer, as a spec that no library owns; and that spec as a Plotly figure.

Line for time, bars for a ranking, waterfall for a change, stacked bars for parts over time, one big number
for a scalar. Names from the data are text: never markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from assistant.semantics import calendar
from assistant.telling.figures import SYMBOLS, currency_of, figure
from assistant.telling.table import plain
from assistant.values import AnswerColumn, Grain, Period, QueryPlan

MOST_SERIES = 10
MOST_BARS = 20
MOST_STEPS = 8
LONGEST_NAME = 32
OTHER = "Other"
# Okabe and Ito's colours and four more of like strength: told apart by the colour-blind, on white and on black.
COLORS = (
    "#0072b2", "#d98200", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c7ae6", "#a3a500", "#c0504d", "#4bacc6",
)  # fmt: skip
RISE, FALL, TOTAL = "#d55e00", "#009e73", "#0072b2"
GREY = "#8a8f98"
TICKS = {Grain.DAY: "%-d %b", Grain.WEEK: "%-d %b", Grain.MONTH: "%b\n%Y", Grain.QUARTER: "Q%q\n%Y", Grain.YEAR: "%Y"}

Row = Sequence[Any]
Value = Decimal | int | float


@dataclass(frozen=True)
class Series:
    """One line, or one colour of bars; `values` are aligned with the chart's labels, None where there is nothing."""

    name: str
    values: tuple[Value | None, ...]


@dataclass(frozen=True)
class Chart:
    """labels: names or days along the axis. unit: as in the answer's columns. title: what the values measure.

    waterfall: one series of signed steps, the first and the last label being totals.
    number: one label, one value; `previous` is what it is compared with.
    """

    kind: Literal["line", "bar", "stacked", "waterfall", "number"]
    title: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str | None = None
    grain: Grain | None = None
    previous: Value | None = None


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
    unit = columns[metrics[0]].unit
    title = title or _title(columns[metrics[0]].name)
    title += f", only what is in {unit}" if one_of_several else ""
    base = Chart("number", title, (), (), unit, plan.grain if plan else None)
    if times and len(rows) > 1:
        if dimensions:
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


# --- Plotly ----------------------------------------------------------------------------------------------


def to_plotly(chart: Chart) -> dict[str, Any]:
    """`data`, `layout` and `config` of a Plotly figure; transparent, so that it suits light and dark pages."""
    if chart.kind == "number":
        data, layout = _number(chart)
    elif chart.kind == "waterfall":
        data, layout = _steps(chart)
    elif chart.kind == "bar":
        data, layout = _bars(chart)
    else:
        data, layout = _times(chart)
    return {
        "data": data,
        "layout": {**_LAYOUT, **layout},
        "config": {"displaylogo": False, "displayModeBar": False, "responsive": True},
    }


_LAYOUT = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "colorway": list(COLORS),
    "font": {"size": 13, "color": GREY},
    "margin": {"l": 8, "r": 16, "t": 36, "b": 8},
    "legend": {"orientation": "h", "y": -0.14, "yanchor": "top", "x": 0, "traceorder": "normal"},
    "hoverlabel": {"align": "left"},
    "separators": ".,",
    "dragmode": False,
}


def _markup_free(text: str, longest: int = LONGEST_NAME) -> str:
    """Plotly reads a little HTML in every text; this shows as it stands."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _title_of(chart: Chart) -> dict[str, Any]:
    unit = chart.unit if chart.unit and chart.unit != "count" else ""
    unit = "%" if unit == "percent" else unit
    text = f"{chart.title} ({unit})" if unit and not chart.title.endswith(unit) else chart.title
    return {"text": _markup_free(text, 80), "x": 0, "xanchor": "left", "font": {"size": 14}}


def _axis(chart: Chart) -> dict[str, Any]:
    currency = currency_of(chart.unit)
    return {
        "tickprefix": SYMBOLS.get(currency, f"{currency} ") if currency else "",
        "ticksuffix": "%" if chart.unit == "percent" else "",
        "exponentformat": "B",
        "minexponent": 4,
        "separatethousands": True,
        "gridcolor": "rgba(128,128,128,0.2)",
        "zerolinecolor": "rgba(128,128,128,0.5)",
        "automargin": True,
        "fixedrange": True,
        "nticks": 6,
    }


def _said(name: str, value: Value | None, unit: str | None) -> str:
    return f"{_markup_free(name, 120)}: {'–' if value is None else figure(value, unit)}"


def _floats(values: Sequence[Value | None]) -> list[float | None]:
    return [None if value is None else float(value) for value in values]


def _times(chart: Chart) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    stacked = chart.kind == "stacked"
    data = []
    for at, one in enumerate(chart.series):
        color = GREY if one.name.startswith(f"{OTHER} (") else COLORS[at % len(COLORS)]
        look = {"type": "bar"} if stacked else {"type": "scatter", "mode": "lines+markers", "line": {"width": 2.5}}
        data.append(
            {
                **look,
                "name": _markup_free(one.name),
                "x": list(chart.labels),
                "y": _floats(one.values),
                "marker": {"color": color},
                "customdata": [_said(one.name, value, chart.unit) for value in one.values],
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        )
    dates: dict[str, Any] = {"type": "date", "hoverformat": "%-d %b %Y"}
    if chart.grain:
        dates["tickformat"] = TICKS[chart.grain]
    if len(chart.labels) <= 13:
        dates |= {"tickmode": "array", "tickvals": list(chart.labels)}
    layout = {
        "title": _title_of(chart),
        "barmode": "stack",
        "bargap": 0.25,
        "height": 380 + (18 * len(chart.series) if len(chart.series) > 3 else 0),
        "hovermode": "x unified",
        "showlegend": len(chart.series) > 1,
        "xaxis": {**dates, "automargin": True, "fixedrange": True, "showgrid": False},
        "yaxis": {**_axis(chart), "rangemode": "tozero"},
    }
    return data, layout


def _bars(chart: Chart) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    rows = list(range(len(chart.labels)))
    grey = len(chart.labels) - 1 if chart.labels[-1].startswith(f"{OTHER} (") else None
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": _markup_free(one.name),
            # Positions, not names: two long names that are cut to the same text stay two bars.
            "y": rows,
            "x": _floats(one.values),
            "text": ["" if value is None else figure(value, chart.unit) for value in one.values],
            "textposition": "outside",
            "textfont": {"size": 12},
            "constraintext": "none",
            "cliponaxis": False,
            "marker": {"color": [GREY if i == grey else COLORS[at] for i in rows]},
            "customdata": [_said(label, v, chart.unit) for label, v in zip(chart.labels, one.values, strict=True)],
            "hovertemplate": "%{customdata}<extra></extra>",
        }
        for at, one in enumerate(chart.series)
    ]
    layout = {
        "title": _title_of(chart),
        "height": 90 + len(rows) * (26 if len(chart.series) == 1 else 38),
        "bargap": 0.3,
        "showlegend": len(chart.series) > 1,
        "xaxis": {**_axis(chart), "showticklabels": False, "showgrid": False},
        "yaxis": {
            "tickmode": "array",
            "tickvals": rows,
            "ticktext": [_markup_free(label) + " " for label in chart.labels],
            "autorange": "reversed",
            "automargin": True,
            "fixedrange": True,
        },
        "margin": {"l": 8, "r": 90, "t": 36, "b": 8},
    }
    return data, layout


def _steps(chart: Chart) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    values = chart.series[0].values
    rows = list(range(len(values)))
    total = {0, len(values) - 1}
    data = [
        {
            "type": "waterfall",
            "x": rows,
            "y": _floats(values),
            "measure": ["absolute", *["relative"] * (len(values) - 2), "total"],
            "text": [_step_text(v, i in total, chart.unit) for i, v in enumerate(values)],
            "textposition": "outside",
            "textfont": {"size": 12},
            "constraintext": "none",
            "cliponaxis": False,
            "increasing": {"marker": {"color": RISE}},
            "decreasing": {"marker": {"color": FALL}},
            "totals": {"marker": {"color": TOTAL}},
            "connector": {"line": {"color": GREY, "width": 1}},
            "customdata": [_said(label, v, chart.unit) for label, v in zip(chart.labels, values, strict=True)],
            "hovertemplate": "%{customdata}<extra></extra>",
        }
    ]
    heights = _heights(values)
    low, high = min(heights), max(heights)
    room = (high - low) * 0.25 or abs(high) or 1.0
    layout = {
        "title": _title_of(chart),
        "height": 420,
        "showlegend": False,
        "margin": {"l": 8, "r": 16, "t": 56, "b": 8},
        "xaxis": {
            "tickmode": "array",
            "tickvals": rows,
            "ticktext": [_markup_free(label, 22) for label in chart.labels],
            "tickangle": -30,
            "automargin": True,
            "fixedrange": True,
        },
        # Steps are small beside totals: the axis starts near them, and says so by its figures.
        "yaxis": {**_axis(chart), "range": [min(0.0, low - room) if low - room < 0 else low - room, high + room]},
    }
    return data, layout


def _step_text(value: Value | None, total: bool, unit: str | None) -> str:
    if value is None:
        return ""
    return _brief(value, unit) if total or value < 0 else f"+{_brief(value, unit)}"


def _brief(value: Value, unit: str | None) -> str:
    """A value with three or four digits, where there is no room for more: $1.52M, -$1.6k."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if abs(float(value)) >= size and unit != "percent":
            number = f"{abs(Decimal(str(value))) / size:.{2 if letter != 'k' else 1}f}{letter}"
            currency = currency_of(unit)
            sign = "-" if value < 0 else ""
            return f"{sign}{SYMBOLS.get(currency, f'{currency} ') if currency else ''}{number}"
    return figure(value, unit)


def _heights(values: Sequence[Value | None]) -> list[float]:
    """Where the bars of a waterfall stand."""
    at = float(values[0] or 0)
    heights = [at]
    for value in values[1:-1]:
        at += float(value or 0)
        heights.append(at)
    return [*heights, float(values[-1] or 0)]


def _number(chart: Chart) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    value = chart.series[0].values[0]
    currency = currency_of(chart.unit)
    exact = chart.unit == "count" or isinstance(value, int)
    small = value is not None and 0 < abs(float(value)) < 1 and not exact
    shape = ",.0f" if exact else ",.4r" if small else ",.1f" if chart.unit == "percent" else ",.2f"
    written = {
        "prefix": SYMBOLS.get(currency, f"{currency} ") if currency else "",
        "suffix": "%" if chart.unit == "percent" else "",
        "valueformat": shape,
    }
    indicator: dict[str, Any] = {
        "type": "indicator",
        "mode": "number",
        "value": None if value is None else float(value),
        "number": {**written, "font": {"size": 44}},
        "align": "left",
        "title": {"text": _markup_free(chart.labels[0], 80), "align": "left", "font": {"size": 14}},
        "domain": {"x": [0, 1], "y": [0, 0.75]},
    }
    if chart.previous:
        indicator["mode"] = "number+delta"
        indicator["delta"] = {
            "reference": float(chart.previous),
            "relative": True,
            "valueformat": ".1%",
            "increasing": {"color": RISE},
            "decreasing": {"color": FALL},
        }
    return [indicator], {"height": 150, "margin": {"l": 8, "r": 8, "t": 8, "b": 8}}
