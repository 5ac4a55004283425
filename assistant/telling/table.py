"""Rows → a table in a terminal, CSV or a workbook. What is in the data stays data: it runs nowhere.

Amounts in files are exact numbers; in the terminal they are written as figures.py writes them.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assistant.telling.figures import currency_of, figure
from assistant.values import AnswerColumn, Chart

GAP = 2
BAR_WIDTH = 12
SHORTEST_NAME = 16
SPARKS = "▁▂▃▄▅▆▇█"
# ANSI sequences as a whole; what is left of unfinished ones goes with the control characters.
ESCAPES = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_].*?\x1b\\")
JOINERS = "\u200c\u200d"  # part of words in some scripts
FORMULA = re.compile(r"[\s\"'`\ufeff]*[=+\-@\t\r\n＝＋－＠]|\s*[\t\r\n]")
LONGEST_CELL = 32_767  # Excel's limit
WIDEST_COLUMN = 60


def plain(text: str) -> str:
    """Text without escape sequences, control characters and direction overrides, on one line."""
    text = ESCAPES.sub("", text)
    return "".join(_harmless(character) for character in text)


def inert(text: str) -> str:
    """Text that no spreadsheet takes for a formula: those that could be one start with an apostrophe."""
    clean = plain(text)
    return f"'{clean}" if FORMULA.match(text) or FORMULA.match(clean) else clean


def to_terminal(
    columns: Sequence[AnswerColumn],
    rows: Sequence[Sequence[Any]],
    width: int = 100,
    color: bool = False,
    null: str = "none",
) -> str:
    """A table of at most `width` characters a line, `null` standing for empty dimension values.

    One metric by one dimension gets a column of bars where there is room, one over time a line of
    sparks below.
    """
    written = [[_cell(value, column, null) for value, column in zip(row, columns, strict=True)] for row in rows]
    widths = _widths(columns, written, width)
    charted = _charted(columns, rows)
    room = width - sum(widths) - GAP * len(widths)
    bars = charted is not None and columns[0].kind == "dimension" and room >= BAR_WIDTH
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for column, needed in zip(columns, widths, strict=True):
        justify: Literal["left", "right"] = "right" if column.kind == "metric" else "left"
        table.add_column(Text(_heading(column)), justify=justify, width=needed, overflow="ellipsis")
    if bars:
        table.add_column("", no_wrap=True)
    for row, cells in zip(rows, written, strict=True):
        bar = [Text(_bar(row, rows, charted or 0), style="blue")] if bars else []
        table.add_row(*(Text(cell, no_wrap=True) for cell in cells), *bar)
    out = StringIO()
    console = Console(
        file=out,
        width=max(width, sum(widths) + GAP * len(widths)),
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        highlight=False,
    )
    console.print(table)
    if charted is not None and columns[0].kind == "time" and len(rows) > 2:
        console.print(Text(_sparks([row[charted] for row in rows], width), style="blue"))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def to_sparks(chart: Chart, width: int) -> str:
    """Each line of a chart as a line of sparks under one scale, its first and last day below."""
    names = [plain(one.name) for one in chart.series]
    room = max(map(len, names)) + GAP
    step = -(-len(chart.labels) // max(width - room, 10))
    known = [float(v) for one in chart.series for v in one.values if v is not None] or [0.0]
    low, high = min(0.0, *known), max(known)
    lines = [
        name.ljust(room) + "".join(_spark(v, low, high) for v in one.values[::step])
        for name, one in zip(names, chart.series, strict=True)
    ]
    return "\n".join([*(line.rstrip() for line in lines), " " * room + f"{chart.labels[0]} to {chart.labels[-1]}"])


def _spark(value: Any, low: float, high: float) -> str:
    return " " if value is None else SPARKS[round((float(value) - low) * (len(SPARKS) - 1) / (high - low or 1))]


def to_csv(columns: Sequence[AnswerColumn], rows: Sequence[Sequence[Any]]) -> str:
    """CSV with a header; amounts exact, days ISO, empty values empty, text inert."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([inert(column.name) for column in columns])
    writer.writerows([[_csv_value(value) for value in row] for row in rows])
    return out.getvalue()


def to_xlsx(columns: Sequence[AnswerColumn], rows: Sequence[Sequence[Any]]) -> bytes:
    """A workbook of one sheet: numbers are numbers in the format of their unit, text is inert."""
    from openpyxl import Workbook  # heavy, and only wanted for this
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.worksheet import Worksheet

    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "Answer"
    sheet.freeze_panes = "A2"
    sheet.append([inert(_heading(column)) for column in columns])
    for row in rows:
        sheet.append([_sheet_value(value) for value in row])
    for number, column in enumerate(columns, 1):
        shown = [_heading(column), *(_cell(row[number - 1], column, "") for row in rows[:200])]
        width = min(max(map(cell_len, shown)) + 2, WIDEST_COLUMN)
        sheet.column_dimensions[get_column_letter(number)].width = width
        sheet.cell(1, number).font = Font(bold=True)
        if column.kind == "metric":
            for line in range(2, len(rows) + 2):
                sheet.cell(line, number).number_format = _number_format(column.unit)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _harmless(character: str) -> str:
    if character in "\t\n\r\x0b\x0c\x85\u2028\u2029":
        return " "
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in JOINERS
    return "" if hidden else character


def _heading(column: AnswerColumn) -> str:
    name = plain(column.name).replace("_", " ")
    known = not column.unit or column.unit == "percent" or column.unit.lower() in name.lower()
    return name if known else f"{name} ({plain(column.unit or '')})"


def _cell(value: Any, column: AnswerColumn, null: str) -> str:
    match value:
        case None:
            return "–" if column.kind == "metric" else null
        case bool():
            return "yes" if value else "no"
        case int() | float() | Decimal() if column.kind == "metric":
            written = figure(value, column.unit)
            # The heading names the currency already.
            currency = currency_of(column.unit)
            return re.sub(r"^(-?)[^\d-]+", r"\1", written) if currency else written
    return plain(_text(value))


def _text(value: Any) -> str:
    match value:
        case datetime():
            return value.isoformat(" ") if value.time().isoformat() != "00:00:00" else value.date().isoformat()
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case list() | dict():
            return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _csv_value(value: Any) -> Any:
    match value:
        case None:
            return ""
        case bool() | int() | float():
            return value
        case Decimal() | date():
            return _text(value)
    return inert(_text(value))


def _sheet_value(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | Decimal() | date():
            return value
    return inert(_text(value))[:LONGEST_CELL]


def _number_format(unit: str | None) -> str:
    if unit == "percent":
        return '0.0"%"'
    if currency := currency_of(unit):
        return "#,##0.00" if unit == currency else "#,##0.00####"
    return "#,##0.##"


def _charted(columns: Sequence[AnswerColumn], rows: Sequence[Sequence[Any]]) -> int | None:
    """The position of the one metric that a picture of a single breakdown can show."""
    amounts = [at for at, one in enumerate(columns) if one.kind == "metric" and one.unit != "percent"]
    if len(amounts) != 1 or len(rows) < 2 or sum(one.kind != "metric" for one in columns) != 1:
        return None
    values = [row[amounts[0]] for row in rows]
    drawable = all(value is None or (isinstance(value, int | float | Decimal) and value >= 0) for value in values)
    return amounts[0] if drawable and columns[0].kind != "metric" and any(values) else None


def _widths(columns: Sequence[AnswerColumn], written: Sequence[Sequence[str]], width: int) -> list[int]:
    """Column widths within `width`. A name may be cut short, a number never: rather the line is too long."""
    wanted, least = [], []
    for at, column in enumerate(columns):
        heading = _heading(column)
        cells = max((cell_len(row[at]) for row in written), default=0)
        word = max(map(cell_len, heading.split()), default=1)
        wanted.append(max(cell_len(heading), cells))
        least.append(max(word, cells if column.kind == "metric" else min(cells, SHORTEST_NAME)))
    excess = sum(wanted) + GAP * len(wanted) - width
    for at in sorted(range(len(wanted)), key=lambda at: wanted[at] - least[at], reverse=True):
        cut = max(0, min(excess, wanted[at] - least[at]))
        wanted[at] -= cut
        excess -= cut
    return wanted


def _bar(row: Sequence[Any], rows: Sequence[Sequence[Any]], at: int) -> str:
    largest = max(other[at] or 0 for other in rows)
    return "█" * round(BAR_WIDTH * float((row[at] or 0) / largest))


def _sparks(values: Sequence[Any], width: int) -> str:
    shown = [float(value or 0) for value in values[-width:]]
    return "".join(_spark(value, min(shown), max(shown)) for value in shown)
