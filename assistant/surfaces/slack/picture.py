"""A chart as a PNG that is readable on a phone: the neutral spec → Vega-Lite → vl-convert, without a browser.

The description in words is for those who can't see it. Names from the data are values here, never expressions.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from assistant.telling.chart import OTHER
from assistant.telling.figures import SYMBOLS, currency_of, figure
from assistant.telling.table import plain
from assistant.values import Chart, Grain, Series, Value

WIDTH = 520
ROW = 34
LONGEST_NAME = 30
# Okabe and Ito's colours and four more of like strength.
COLORS = (
    "#0072b2", "#d98200", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c7ae6", "#a3a500", "#c0504d", "#4bacc6",
)  # fmt: skip
RISE, FALL, TOTAL, GREY = "#d55e00", "#009e73", "#0072b2", "#8a8f98"
DAYS = {Grain.DAY: "%d %b", Grain.WEEK: "%d %b", Grain.MONTH: "%b %Y", Grain.QUARTER: "Q%q %Y", Grain.YEAR: "%Y"}
_drawing = threading.Lock()


def to_png(chart: Chart) -> bytes:
    """A PNG about 1,100 pixels wide. vl-convert may fetch nothing from anywhere."""
    import vl_convert  # heavy, and only wanted for this

    with _drawing:  # one JavaScript engine in the process
        return bytes(vl_convert.vegalite_to_png(json.dumps(to_vega(chart)), scale=2, allowed_base_urls=[]))


def to_vega(chart: Chart) -> dict[str, Any]:
    """A Vega-Lite 5 spec with its data inside."""
    layers, size = {
        "line": _times,
        "stacked": _times,
        "waterfall": _steps,
        "bar": _bars,
        "number": _bars,
    }[chart.kind](chart)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "#ffffff",
        "padding": 14,
        "title": _heading(chart),
        "config": {
            "font": "sans-serif",
            "view": {"stroke": None},
            "axis": {"labelFontSize": 13, "title": None, "gridColor": "#e6e8ea", "domain": False, "ticks": False},
            "legend": {"labelFontSize": 13, "title": None, "orient": "bottom", "columns": 3, "labelLimit": 165},
        },
        **size,
        **layers,
    }


def described(chart: Chart) -> str:
    """The chart in words, at most 2,000 characters: what it measures and its largest values."""
    if chart.kind in ("line", "stacked"):
        told = [f"{plain(one.name)} {_first_last(one.values, chart)}" for one in chart.series[:5]]
        if chart.band:
            low, high = (_said(side[-1], chart.unit) for side in chart.band)
            told.append(f"{plain(chart.band_name)} at the end {low} to {high}")
        text = f"{_title(chart)}, {chart.labels[0]} to {chart.labels[-1]}: {'; '.join(told)}."
    else:
        values = chart.series[0].values
        told = [f"{label} {_said(value, chart.unit)}" for label, value in zip(chart.labels, values, strict=True)]
        kind = "Steps of" if chart.kind == "waterfall" else "Bars of"
        text = f"{kind} {_title(chart)}: {'; '.join(told[:12])}."
    return text[:2_000]


def _first_last(values: Sequence[Value | None], chart: Chart) -> str:
    known = [v for v in values if v is not None]
    if not known:
        return "no values"
    return f"from {_said(known[0], chart.unit)} to {_said(known[-1], chart.unit)}"


def _times(chart: Chart) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [_cut(one.name) for one in chart.series]
    keys = [f"{at}" for at in range(len(names))]
    rows = [
        {"when": _bucket(label, chart.grain), "key": key, "value": _float(value), "order": at}
        for at, (key, one) in enumerate(zip(keys, chart.series, strict=True))
        for label, value in zip(chart.labels, one.values, strict=True)
    ]
    other = next((at for at, one in enumerate(chart.series) if one.name.startswith(f"{OTHER} (")), None)
    colors = [GREY if at == other else COLORS[at % len(COLORS)] for at in range(len(names))]
    # Series by number, their names only in the legend: two names that are cut alike stay two.
    color = {
        "field": "key",
        "type": "nominal",
        "sort": keys,
        "scale": {"domain": keys, "range": colors},
        "legend": {"labelExpr": f"{json.dumps(names)}[toNumber(datum.value)]"} if len(names) > 1 else None,
    }
    few = len(chart.labels) <= 13
    sparse = {"labelOverlap": not few and "greedy", "labelAngle": 0 if len(chart.labels) <= 6 else -40}
    when = {
        "field": "when",
        "type": "ordinal",
        "sort": [_bucket(label, chart.grain) for label in chart.labels],
        "axis": {**sparse, "grid": False},
    }
    height = {"field": "value", "type": "quantitative", "axis": _axis(chart), "stack": chart.kind == "stacked"}
    encoding = {"x": when, "y": height, "color": color, "order": {"field": "order"}}
    if chart.kind == "line":
        del encoding["order"]
        height["stack"] = None
    size = {"width": WIDTH, "height": 300}
    if chart.kind == "line" and (chart.band or chart.marked or any(one.dashed for one in chart.series)):
        return {"data": {"values": rows}, "layer": _layers(chart, encoding)}, size
    mark = {"type": "bar"} if chart.kind == "stacked" else {"type": "line", "strokeWidth": 2.5, "point": True}
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}, size


def _layers(chart: Chart, encoding: dict[str, Any]) -> list[dict[str, Any]]:
    """The band behind, lines (dashed where nothing happened yet) on it, and points for the days that stand out."""
    x, y = encoding["x"], encoding["y"]
    layers: list[dict[str, Any]] = []
    if chart.band:
        low, high = chart.band
        inside = [
            {"when": _bucket(label, chart.grain), "low": _float(a), "high": _float(b)}
            for label, a, b in zip(chart.labels, low, high, strict=True)
            if a is not None and b is not None
        ]
        span = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
        area = {"type": "area", "color": COLORS[0], "opacity": 0.2}
        layers.append({"data": {"values": inside}, "mark": area, "encoding": span})
    drawn = {**encoding, "strokeDash": _dashes(chart.series)}
    layers.append({"mark": {"type": "line", "strokeWidth": 2.5}, "encoding": drawn})
    if chart.marked:
        first = chart.series[0].values
        out = [{"when": _bucket(chart.labels[at], chart.grain), "value": _float(first[at])} for at in chart.marked]
        point = {"type": "point", "filled": True, "size": 70, "color": RISE, "opacity": 1}
        layers.append({"data": {"values": out}, "mark": point, "encoding": {"x": x, "y": y}})
    return layers


def _dashes(series: Sequence[Series]) -> dict[str, Any]:
    keys = [f"{at}" for at in range(len(series))]
    scale = {"domain": keys, "range": [[6, 4] if one.dashed else [1, 0] for one in series]}
    return {"field": "key", "type": "nominal", "scale": scale, "legend": None}


def _bars(chart: Chart) -> tuple[dict[str, Any], dict[str, Any]]:
    rows = [
        {
            "row": f"{at:03}",
            "part": f"{number}",
            "value": _float(one.values[at]),
            "text": _said(one.values[at], chart.unit),
            "other": label.startswith(f"{OTHER} ("),
        }
        for at, label in enumerate(chart.labels)
        for number, one in enumerate(chart.series)
    ]
    several = len(chart.series) > 1
    labels = json.dumps([_cut(label) for label in chart.labels])
    parts = json.dumps([_cut(one.name) for one in chart.series])
    color: dict[str, Any] = {
        "field": "part",
        "type": "nominal",
        "scale": {"range": [COLORS[0], GREY] if several else [COLORS[0]]},
        "legend": {"labelExpr": f"{parts}[toNumber(datum.value)]"} if several else None,
    }
    if not several:
        color = {"condition": {"test": "datum.other", "value": GREY}, "value": COLORS[0]}
    y: dict[str, Any] = {
        "field": "row",
        "type": "ordinal",
        "axis": {"labelExpr": f"{labels}[toNumber(datum.value)]", "labelLimit": 220, "labelFontSize": 14},
    }
    extent = [float(v) for one in chart.series for v in one.values if v is not None] or [0.0]
    low, high = min(0.0, *extent), max(0.0, *extent)
    room = (high - low or 1) * 0.3
    x = {
        "field": "value",
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [low - (room if low < 0 else 0), high + room]},
    }
    offset = {"yOffset": {"field": "part"}} if several else {}
    text = {"align": {"expr": "datum.value < 0 ? 'right' : 'left'"}, "dx": {"expr": "datum.value < 0 ? -4 : 4"}}
    layers = [
        {"mark": {"type": "bar", "cornerRadiusEnd": 2}, "encoding": {"color": color}},
        {"mark": {"type": "text", "fontSize": 13, **text}, "encoding": {"text": {"field": "text"}}},
    ]
    size = {"width": WIDTH - 150, "height": {"step": ROW if not several else ROW * 0.7}}
    return {"data": {"values": rows}, "encoding": {"x": x, "y": y, **offset}, "layer": layers}, size


def _steps(chart: Chart) -> tuple[dict[str, Any], dict[str, Any]]:
    values = [_float(v) or 0.0 for v in chart.series[0].values]
    rows: list[dict[str, Any]] = []
    at = 0.0
    for number, value in enumerate(values):
        total = number in (0, len(values) - 1)
        low, high = (0.0, value) if total else (at, at + value)
        at = high
        color = TOTAL if total else RISE if value > 0 else FALL
        text = _said(chart.series[0].values[number], chart.unit)
        sign = "+" if value > 0 and not total else ""
        rows.append({"row": f"{number:03}", "low": low, "high": high, "color": color, "text": f"{sign}{text}"})
    ends = [end for row in rows for end in (row["low"], row["high"])]
    moves = [end for row in rows[1:-1] for end in (row["low"], row["high"])] or ends
    # Steps are small beside totals: the axis starts near them.
    start = min(0.0, *ends) if min(ends) < 0 else max(0.0, min(moves) - (max(moves) - min(moves)) * 0.4)
    for row in rows:
        row["low"], row["right"] = max(row["low"], start), max(row["low"], row["high"], start)
    labels = json.dumps([_cut(label) for label in chart.labels])
    y = {
        "field": "row",
        "type": "ordinal",
        "axis": {"labelExpr": f"{labels}[toNumber(datum.value)]", "labelLimit": 220, "labelFontSize": 14},
    }
    high = max(ends)
    domain = {"domain": [start, high + (high - start) * 0.3], "zero": False, "nice": False}
    x = {"field": "low", "type": "quantitative", "axis": None, "scale": domain}
    layers = [
        {
            "mark": {"type": "bar"},
            "encoding": {
                "x": x,
                "x2": {"field": "high"},
                "color": {"field": "color", "type": "nominal", "scale": None},
            },
        },
        {
            "mark": {"type": "text", "align": "left", "dx": 4, "fontSize": 13},
            "encoding": {"x": {**x, "field": "right"}, "text": {"field": "text"}},
        },
    ]
    spec: dict[str, Any] = {"data": {"values": rows}, "encoding": {"y": y}, "layer": layers}
    if start > 0:
        note = f"The bars start at {_said(Decimal(f'{start:.3g}'), chart.unit)}, not at zero"
        spec["title"] = {**_heading(chart), "subtitle": note, "subtitleFontSize": 13}
    return spec, {"width": WIDTH - 150, "height": {"step": ROW}}


def _axis(chart: Chart) -> dict[str, Any]:
    currency = currency_of(chart.unit)
    before = SYMBOLS.get(currency, f"{currency} ") if currency else ""
    after = "%" if chart.unit == "percent" else ""
    number = "replace(format(datum.value, '~s'), 'G', 'B')"
    return {"labelExpr": f"{json.dumps(before)} + {number} + {json.dumps(after)}", "tickCount": 5}


def _bucket(label: str, grain: Grain | None) -> str:
    day = date.fromisoformat(label)
    pattern = DAYS[grain] if grain else "%d %b %Y"
    return day.strftime(pattern.replace("%q", str((day.month + 2) // 3))).lstrip("0")


def _heading(chart: Chart) -> dict[str, Any]:
    return {"text": _title(chart), "anchor": "start", "fontSize": 17, "offset": 12}


def _title(chart: Chart) -> str:
    unit = chart.unit if chart.unit and chart.unit != "count" else ""
    unit = "%" if unit == "percent" else unit
    title = f"{chart.title} ({unit})" if unit and not chart.title.endswith(unit) else chart.title
    return _cut(title, 60)


def _said(value: Value | None, unit: str | None) -> str:
    return "–" if value is None else figure(value, unit)


def _cut(text: str, longest: int = LONGEST_NAME) -> str:
    clean = plain(text)
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"


def _float(value: Value | None) -> float | None:
    return None if value is None else float(Decimal(str(value)))
