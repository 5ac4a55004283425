"""The picture fits the result, adds up to it, and takes no name of the data for markup."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from assistant.surfaces.slack import picture
from assistant.telling.chart import MOST_BARS, MOST_SERIES, draw
from assistant.telling.plotly_chart import to_plotly
from assistant.telling.table import to_sparks
from assistant.values import AnswerColumn, Chart, Grain, QueryPlan, Series

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "charts.yaml").read_text(encoding="utf-8"))
HARM = '<a href="https://evil.example">x</a> & <b>y</b>'


def column(words: str) -> AnswerColumn:
    name, kind, *unit = words.split(" ", 2)
    return AnswerColumn(name, kind, unit[0] if unit else None)  # type: ignore[arg-type]


def drawn(case: dict[str, Any]) -> Chart | None:
    plan = QueryPlan.model_validate({"dataset": "costs", "metrics": ("effective_cost",), **case.get("plan", {})})
    rows = [[Decimal(str(v)) if isinstance(v, int | float) else v for v in row] for row in case["rows"]]
    return draw([column(c) for c in case["columns"]], rows, plan, case.get("additive", True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_chart_that_fits(case: dict[str, Any]) -> None:
    chart = drawn(case)
    if case.get("none"):
        assert chart is None
        return
    assert chart is not None
    for name, wanted in case["expect"].items():
        held: Any = getattr(chart, name, None)
        if name == "series":
            held = [[None if v is None else float(v) for v in one.values] for one in chart.series]
        elif name == "names":
            held = [one.name for one in chart.series]
        elif name == "labels":
            held = list(chart.labels)
        assert held == wanted, name


@pytest.mark.parametrize("case", [case for case in CASES if "none" not in case], ids=lambda case: case["name"])
def test_every_chart_is_a_figure_of_plain_json(case: dict[str, Any]) -> None:
    chart = drawn(case)
    assert chart is not None
    figure = json.loads(json.dumps(to_plotly(chart), allow_nan=False))
    assert figure["data"]
    assert figure["layout"]["height"] > 0
    assert figure["config"]["displaylogo"] is False


def test_the_rest_of_a_ranking_is_one_bar_and_nothing_is_lost() -> None:
    rows = [[f"service {n}", Decimal(100 - n)] for n in range(60)]
    chart = draw([column("service dimension"), column("effective_cost metric USD")], rows)
    assert chart is not None
    assert len(chart.labels) == MOST_BARS
    assert chart.labels[-1] == f"Other ({60 - MOST_BARS + 1})"
    assert sum(v or 0 for v in chart.series[0].values) == sum(row[1] for row in rows)


def test_the_rest_of_a_rate_is_left_out_because_rates_do_not_add() -> None:
    rows = [[f"model {n}", Decimal(n)] for n in range(60)]
    chart = draw([column("model dimension"), column("cache_hit_rate metric percent")], rows, additive=False)
    assert chart is not None
    assert not any(label.startswith("Other") for label in chart.labels)


def test_no_more_than_ten_series_over_time_and_nothing_is_lost() -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(3)]
    rows = [[day, f"team {n}", Decimal(n + 1)] for day in days for n in range(25)]
    columns = [column("day time"), column("team dimension"), column("effective_cost metric USD")]
    chart = draw(columns, rows)
    assert chart is not None
    assert len(chart.series) == MOST_SERIES
    assert chart.series[0].name == "team 24"
    assert sum(v or 0 for one in chart.series for v in one.values) == sum(row[2] for row in rows)


def test_a_waterfall_ends_where_it_says() -> None:
    rows = [[f"s{n}", Decimal(n * 3 + 1), Decimal(n * 2 + 5)] for n in range(40)]
    columns = [column("service dimension"), column("current metric USD"), column("previous metric USD")]
    plan = QueryPlan.model_validate(
        {
            "dataset": "costs",
            "metrics": ("c",),
            "dimensions": ("service",),
            "comparison": {"start": date(2026, 1, 1), "end": date(2026, 2, 1)},
        }
    )
    chart = draw(columns, rows, plan)
    assert chart is not None
    before, *moves, now = [v or 0 for v in chart.series[0].values]
    assert before + sum(moves) == now == sum(row[1] for row in rows)
    low, _ = to_plotly(chart)["layout"]["yaxis"]["range"]
    assert low <= min(before, now)


@pytest.mark.parametrize("kind", ["bar", "stacked", "line", "waterfall", "number"])
def test_a_name_is_never_markup(kind: str) -> None:
    labels = ("2026-01-01", "2026-02-01") if kind in ("stacked", "line") else (HARM, HARM + "2")
    if kind == "number":
        labels = (HARM,)
    series = (Series(HARM, tuple(Decimal(n + 1) for n in range(len(labels)))),)
    text = json.dumps(to_plotly(Chart(kind, HARM, labels, series, "USD", Grain.MONTH)))  # type: ignore[arg-type]
    assert "<a" not in text
    assert "<b>" not in text
    assert "&lt;a" in text


def test_names_cut_to_the_same_text_stay_two_bars() -> None:
    rows = [["n" * 80 + end, Decimal(1)] for end in "ab"]
    chart = draw([column("team dimension"), column("effective_cost metric USD")], rows)
    assert chart is not None
    (bars,) = to_plotly(chart)["data"]
    assert len(set(bars["y"])) == 2


def test_a_number_carries_how_it_came_about() -> None:
    trend = (("2026-01-01", Decimal(1)), ("2026-01-02", None))
    number, line = to_plotly(Chart("number", "Cost", ("Cost",), (Series("Cost", (Decimal(3),)),), "USD", trend=trend))[
        "data"
    ]
    assert number["value"] == 3.0
    assert line["y"] == [1.0, None]


def outlook() -> Chart:
    """Two days that were, two that are expected with a band, a budget, one day that stands out."""
    days = ("2026-10-01", "2026-10-02", "2026-10-03", "2026-10-04")
    values = [Decimal(n) for n in (10, 20, 30, 40)]
    series = (
        Series("Actual", (*values[:2], None, None)),
        Series(HARM, (None, *values[1:]), dashed=True),
        Series("Budget", (Decimal(35),) * 4, dashed=True),
    )
    band = ((None, values[1], Decimal(28), Decimal(36)), (None, values[1], Decimal(32), Decimal(44)))
    return Chart("line", "Cost", days, series, "USD", band=band, band_name="four times in five", marked=(1,))


def test_a_forecast_is_drawn_with_its_band_and_the_budget() -> None:
    figure = to_plotly(outlook())
    low, high, actual, expected, budget, marks = figure["data"]
    assert (low["y"], high["y"]) == ([None, 20.0, 28.0, 36.0], [None, 20.0, 32.0, 44.0])
    assert (high["fill"], high["name"], low["showlegend"]) == ("tonexty", "four times in five", False)
    assert [one["line"]["dash"] for one in (actual, expected, budget)] == ["solid", "dash", "dash"]
    assert (marks["x"], marks["y"]) == (["2026-10-02"], [20.0])
    assert HARM not in json.dumps(figure)


def test_the_picture_for_slack_has_the_same_band_lines_and_points() -> None:
    area, lines, points = picture.to_vega(outlook())["layer"]
    assert [(one["low"], one["high"]) for one in area["data"]["values"]] == [(20.0, 20.0), (28.0, 32.0), (36.0, 44.0)]
    assert lines["encoding"]["strokeDash"]["scale"]["range"] == [[1, 0], [6, 4], [6, 4]]
    assert [one["value"] for one in points["data"]["values"]] == [20.0]
    assert "four times in five at the end $36.00 to $44.00" in picture.described(outlook())
    assert picture.to_png(outlook()).startswith(b"\x89PNG")


def test_a_terminal_draws_lines_under_one_scale() -> None:
    *lines, days = to_sparks(outlook(), 60).splitlines()
    assert [line[-1] for line in lines] == ["▅", "█", "▇"]
    assert days.strip() == "2026-10-01 to 2026-10-04"
