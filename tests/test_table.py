"""Tables for people and files: figures are right, and text from the data does nothing."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from assistant.telling.figures import figure, money, percent, quantity
from assistant.telling.table import inert, plain, to_csv, to_terminal, to_xlsx
from assistant.values import AnswerColumn

Rows = list[list[Any]]
CASES = Path(__file__).parent / "cases"
TEAM = AnswerColumn("team", "dimension")
MONTH = AnswerColumn("month", "time")
COST = AnswerColumn("effective_cost", "metric", "USD")
SHARE = AnswerColumn("share", "metric", "percent")


def cases(name: str) -> list[Any]:
    return list(yaml.safe_load((CASES / name).read_text()))


def sheet(columns: Sequence[AnswerColumn], rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    book = load_workbook(BytesIO(to_xlsx(columns, rows)))
    (only,) = book.worksheets
    return list(only.iter_rows())


@pytest.mark.parametrize(("value", "unit", "written"), cases("table_figures.yaml"))
def test_figures_are_written_as_people_read_them(value: str, unit: str | None, written: str) -> None:
    assert figure(Decimal(value), unit) == written


def test_figures_by_kind() -> None:
    assert money(1234.5, "USD") == "$1,234.50"
    assert percent(7) == "7.0%"
    assert quantity(1234, "GPU-hours") == "1,234 GPU-hours"


@pytest.mark.parametrize("case", cases("table_text.yaml"), ids=lambda case: repr(case["text"]))
def test_text_from_the_data_does_nothing(case: dict[str, str]) -> None:
    rows: Rows = [[case["text"], Decimal(1)]]
    assert plain(case["text"]) == case["terminal"]
    assert case["terminal"].rstrip() in to_terminal([TEAM, COST], rows)
    ((_, _), (name, _)) = csv.reader(StringIO(to_csv([TEAM, COST], rows)))
    assert name == case["sheet"]
    cell = sheet([TEAM, COST], rows)[1][0]
    assert (cell.value, cell.data_type) == (case["sheet"], "s")


@given(st.text(max_size=30))
def test_no_text_whatever_starts_a_formula_or_moves_the_cursor(text: str) -> None:
    assert not inert(text).lstrip(" \"'").startswith(("=", "+", "-", "@")) or inert(text).startswith("'")
    assert not set(plain(text)) & {chr(code) for code in (*range(32), *range(127, 160))}


def test_headings_are_data_too() -> None:
    hostile = AnswerColumn("=cmd\x1b[2J", "dimension")
    assert to_csv([hostile], []) == "'=cmd\n"
    assert "\x1b" not in to_terminal([hostile], [["x"]])
    assert sheet([hostile], [["x"]])[0][0].value == "'=cmd"


def test_a_table_by_dimension_has_aligned_figures_and_bars() -> None:
    rows: Rows = [["Payments", Decimal("1234567.891"), 75.04], [None, Decimal("411522.63"), 24.96]]
    assert to_terminal([TEAM, COST, SHARE], rows, width=60, null="untagged") == (
        "team      effective cost (USD)  share\n"
        "Payments          1,234,567.89  75.0%  ████████████\n"
        "untagged            411,522.63  25.0%  ████"
    )


def test_a_table_over_time_has_sparks() -> None:
    rows = [[date(2026, month, 1), Decimal(month * 100)] for month in (1, 2, 3, 4)]
    *lines, sparks = to_terminal([MONTH, COST], rows).splitlines()
    assert lines[1].split() == ["2026-01-01", "100.00"]
    assert sparks == "▁▃▆█"


@pytest.mark.parametrize(
    "rows", [[["a", Decimal(-1)], ["b", Decimal(2)]], [["a", Decimal(1)]], [["a", None], ["b", None]]]
)
def test_no_picture_where_it_would_mislead(rows: list[list[Any]]) -> None:
    assert "█" not in to_terminal([TEAM, COST], rows)


def test_a_narrow_terminal_shortens_names_and_never_numbers() -> None:
    rows = [["a very long name of a team that nobody can read", Decimal("123456789.12"), 100.0]]
    table = to_terminal([TEAM, COST, SHARE], rows, width=30)
    assert "123,456,789.12" in table
    assert "100.0%" in table
    assert "…" in table


def test_colour_only_where_it_is_wanted() -> None:
    rows = [["a", Decimal(1)], ["b", Decimal(2)]]
    assert "\x1b[" in to_terminal([TEAM, COST], rows, color=True)
    assert "\x1b" not in to_terminal([TEAM, COST], rows, color=False)


def test_an_empty_result_is_a_heading() -> None:
    assert to_terminal([TEAM, COST], []) == "team  effective cost (USD)"
    assert to_csv([TEAM, COST], []) == "team,effective_cost\n"


def test_files_keep_amounts_exact() -> None:
    rows: Rows = [[datetime(2026, 1, 2, 3), Decimal("0.000000123456"), True], [None, -5, False]]
    columns = [MONTH, COST, TEAM]
    assert to_csv(columns, rows) == ("month,effective_cost,team\n2026-01-02 03:00:00,0.000000123456,True\n,-5,False\n")
    _, first, second = sheet(columns, rows)
    assert [cell.value for cell in first] == [datetime(2026, 1, 2, 3), pytest.approx(0.000000123456), True]
    assert [cell.value for cell in second] == [None, -5, False]
    assert first[1].data_type == "n"


def test_lists_and_maps_become_text() -> None:
    rows = [[{"a": Decimal("1.5")}, 1], [["x", None], 2]]
    assert [row[0] for row in csv.reader(StringIO(to_csv([TEAM, COST], rows)))][1:] == [
        '{"a": "1.5"}',
        '["x", null]',
    ]
    assert '["x", null]' in to_terminal([TEAM, COST], rows)
