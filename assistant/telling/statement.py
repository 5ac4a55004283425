"""Rows → one page of HTML that stands alone: no script, no link, no picture; whatever is in the data stays text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from html import escape
from typing import Any

from assistant.telling.figures import figure
from assistant.telling.table import plain
from assistant.values import AnswerColumn

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;color:#1a1a1a;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{padding:.35rem .6rem;border-bottom:1px solid #ccc;"
    "text-align:left;vertical-align:top}.n{text-align:right;font-variant-numeric:tabular-nums}caption{text-align:left}"
    "@media print{body{margin:0}}"
)


def to_html(
    title: str,
    sentences: Sequence[str],
    columns: Sequence[AnswerColumn],
    rows: Sequence[Sequence[Any]],
    notes: Sequence[str] = (),
) -> str:
    """A whole page, ready to print: title, sentences, table, notes."""
    head = "".join(f'<th scope="col"{_right(c)}>{_text(c.name.replace("_", " "))}</th>' for c in columns)
    body = "\n".join(
        "<tr>" + "".join(f"<td{_right(c)}>{_cell(v, c)}</td>" for v, c in zip(row, columns, strict=True)) + "</tr>"
        for row in rows
    )
    said = "\n".join(f"<p>{_text(sentence)}</p>" for sentence in sentences)
    small = "".join(f"<li>{_text(note)}</li>" for note in notes)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head>\n<body><main><h1>{_text(title)}</h1>\n{said}\n"
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>\n"
        f"{f'<ul>{small}</ul>' if small else ''}</main></body></html>\n"
    )


def _text(text: str) -> str:
    return escape(plain(text))


def _right(column: AnswerColumn) -> str:
    return ' class="n"' if column.kind == "metric" else ""


def _cell(value: Any, column: AnswerColumn) -> str:
    if value is None:
        return "–" if column.kind == "metric" else ""
    if column.kind == "metric" and isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _text(figure(value, column.unit))
    return _text(value.isoformat() if isinstance(value, date) else str(value))
