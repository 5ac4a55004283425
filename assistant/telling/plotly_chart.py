"""A chart as a Plotly figure: plain JSON, transparent, so that it suits light and dark pages.

Names from the data are text, never markup; every figure is written as figures.py writes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from assistant.telling.chart import OTHER
from assistant.telling.figures import SYMBOLS, currency_of, figure
from assistant.values import Chart, Grain, Value

LONGEST_NAME = 32
# Okabe and Ito's colours and four more of like strength: told apart by the colour-blind, on white and on black.
COLORS = (
    "#0072b2", "#d98200", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c7ae6", "#a3a500", "#c0504d", "#4bacc6",
)  # fmt: skip
RISE, FALL, TOTAL = "#d55e00", "#009e73", "#0072b2"
GREY = "#8a8f98"
MOST_POINTS = 62  # days with a marker each; more would be a band of markers
MOST_TICKS = 7  # as many as a phone has room for


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
    unit = chart.unit if chart.unit and chart.unit not in ("count", "percent") else ""  # the axis says per cent
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
    data = _band(chart)
    points = "lines+markers" if len(chart.labels) <= MOST_POINTS and not chart.band else "lines"
    for at, one in enumerate(chart.series):
        color = GREY if one.name.startswith(f"{OTHER} (") else COLORS[at % len(COLORS)]
        line = {"width": 2.5, "color": color, "dash": "dash" if one.dashed else "solid"}
        look = {"type": "bar"} if stacked else {"type": "scatter", "mode": points, "line": line}
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
    data += _marks(chart)
    shown = list(chart.labels)[:: math.ceil(len(chart.labels) / MOST_TICKS)]
    dates: dict[str, Any] = {
        "type": "date",
        "hoverformat": "%-d %b %Y",
        "tickmode": "array",
        "tickvals": shown,
        "ticktext": _ticks(shown, chart.grain),
        "tickangle": 0,
    }
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


def _band(chart: Chart) -> list[dict[str, Any]]:
    """The lowest and the highest that are likely, and the colour between them."""
    if chart.band is None:
        return []
    named = _markup_free(chart.band_name)
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": named,
            "x": list(chart.labels),
            "y": _floats(values),
            "line": {"width": 0, "color": COLORS[0]},
            "fill": fill,
            "fillcolor": "rgba(0,114,178,0.18)",
            "showlegend": fill == "tonexty",
            "customdata": [_said(f"{chart.band_name}, {side}", value, chart.unit) for value in values],
            "hovertemplate": "%{customdata}<extra></extra>",
        }
        for side, fill, values in zip(("low", "high"), ("none", "tonexty"), chart.band, strict=True)
    ]


def _marks(chart: Chart) -> list[dict[str, Any]]:
    """Points on the days that stand out."""
    if not chart.marked:
        return []
    first = chart.series[0].values
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [chart.labels[at] for at in chart.marked],
            "y": _floats([first[at] for at in chart.marked]),
            "marker": {"color": RISE, "size": 9},
            "showlegend": False,
            "hoverinfo": "skip",
        }
    ]


def _ticks(labels: Sequence[str], grain: Grain | None) -> list[str]:
    """Buckets as their axis calls them, the year only where it begins."""
    texts, year = [], None
    for label in labels:
        if not label[:1].isdigit():  # an empty day in somebody's own SQL
            texts.append(label)
            continue
        day = date.fromisoformat(label)
        name = {
            Grain.YEAR: "",
            Grain.QUARTER: f"Q{(day.month + 2) // 3}",
            Grain.MONTH: f"{day:%b}",
        }.get(grain or Grain.DAY, f"{day.day} {day:%b}")
        texts.append("<br>".join(part for part in (name, str(day.year) if day.year != year else "") if part))
        year = day.year
    return texts


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
    width = 0.42 / len(chart.series)
    for at, bars in enumerate(data):
        bars |= {"width": width, "offset": -0.05 + at * width}
    layout = {
        "title": _title_of(chart),
        "height": 60 + len(rows) * (40 if len(chart.series) == 1 else 60),
        "showlegend": len(chart.series) > 1,
        "annotations": _names(chart),
        "xaxis": {**_axis(chart), "showticklabels": False, "showgrid": False},
        "yaxis": {"visible": False, "fixedrange": True, "range": [len(rows) - 0.5, -0.6]},
        "margin": {"l": 8, "r": 90, "t": 36, "b": 8},
    }
    return data, layout


def _names(chart: Chart) -> list[dict[str, Any]]:
    """Names stand above their bars: at the left of them they would leave a phone no room."""
    return [
        {
            "text": _markup_free(label, 60),
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": row - 0.27,
            "yref": "y",
            "yanchor": "middle",
            "showarrow": False,
            "align": "left",
        }
        for row, label in enumerate(chart.labels)
    ]


def _steps(chart: Chart) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    values = chart.series[0].values
    rows = list(range(len(values)))
    total = {0, len(values) - 1}
    data = [
        {
            "type": "waterfall",
            "orientation": "h",
            "x": _floats(values),
            "y": rows,
            "width": 0.42,
            "offset": -0.05,
            "measure": ["absolute", *["relative"] * (len(values) - 2), "total"],
            "text": [_step_text(v, i in total, chart.unit) for i, v in enumerate(values)],
            "textposition": "outside",
            "textfont": {"size": 12},
            "constraintext": "none",
            "cliponaxis": False,
            "increasing": {"marker": {"color": RISE}},
            "decreasing": {"marker": {"color": FALL}},
            "totals": {"marker": {"color": TOTAL}},
            "connector": {"visible": False},
            "customdata": [_said(label, v, chart.unit) for label, v in zip(chart.labels, values, strict=True)],
            "hovertemplate": "%{customdata}<extra></extra>",
        }
    ]
    heights = _heights(values)
    low, high = min(heights), max(heights)
    room = (high - low) * 0.25 or abs(high) or 1.0
    layout = {
        "title": _title_of(chart),
        "height": 90 + len(rows) * 40,
        "showlegend": False,
        "annotations": _names(chart),
        "margin": {"l": 8, "r": 90, "t": 36, "b": 8},
        # Steps are small beside totals: the axis starts near them, and says so by its figures.
        "xaxis": {**_axis(chart), "range": [low - room, high + (high - low) * 0.02], "nticks": 4},
        "yaxis": {"visible": False, "fixedrange": True, "range": [len(rows) - 0.5, -0.6]},
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
        "number": {**written, "font": {"size": 36}},
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
    layout: dict[str, Any] = {"height": 150, "margin": {"l": 8, "r": 8, "t": 8, "b": 8}}
    if not chart.trend:
        return [indicator], layout
    indicator["domain"] = {"x": [0, 1], "y": [0.45, 0.85]}
    hidden = {"visible": False, "fixedrange": True}
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": [day for day, _ in chart.trend],
        "y": _floats([held for _, held in chart.trend]),
        "line": {"color": COLORS[0], "width": 2},
        "fill": "tozeroy",
        "fillcolor": "rgba(0,114,178,0.15)",
        "customdata": [_said(day, held, chart.unit) for day, held in chart.trend],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    axes = {"xaxis": {**hidden, "type": "date"}, "yaxis": {**hidden, "domain": [0, 0.3], "rangemode": "tozero"}}
    return [indicator, line], {**layout, **axes, "height": 190, "showlegend": False}
