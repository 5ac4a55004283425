"""Shows the Reports of assistant/analysis/: a table for people, the same rows as JSON or CSV for scripts."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import click

from assistant.analysis.books import Books
from assistant.analysis.report import Report
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.telling.answer_object import plain_value
from assistant.telling.figures import money, quantity
from assistant.telling.table import plain, to_csv, to_terminal
from assistant.values import AnswerColumn


def books(config: Config, user: str | None) -> Books:
    return Assistant(config, surface="cli").books(user)


def show(report: Report, shape: str | None = None) -> None:
    """shape: table, json, csv or markdown."""
    if shape == "json":
        content = {
            **report.extra,
            "columns": [asdict(c) for c in report.columns],
            "rows": [[plain_value(v) for v in row] for row in report.rows],
            "row_count": len(report.rows),
            "notes": list(report.notes),
        }
        click.echo(json.dumps(plain_value(content), ensure_ascii=False))
        return
    if shape == "csv":
        sys.stdout.write(to_csv(report.columns, report.rows))
        for note in report.notes:
            click.echo(plain(note), err=True)
        return
    kept = [i for i, c in enumerate(report.columns) if c.name not in report.wide]
    columns = [report.columns[i] for i in kept]
    rows = [[row[i] for i in kept] for row in report.rows]
    for sentence in report.sentences:
        click.echo(_inert(sentence) + "\n" if shape == "markdown" else plain(sentence))
    click.echo()
    if shape == "markdown":
        click.echo(_markdown(columns, rows))
    else:
        click.echo(to_terminal(columns, rows, shutil.get_terminal_size((120, 24)).columns, sys.stdout.isatty()))
    click.echo()
    for note in report.notes:
        click.echo(f"- {_inert(note)}" if shape == "markdown" else plain(f"  · {note}"))


def _inert(text: str) -> str:
    """Text that Markdown shows as it stands: no link, picture, formula or mention, whoever wrote the file."""
    escaped = re.sub(r"([\\`*_{}\[\]<>#|!$~])", r"\\\1", plain(text))
    return re.sub(r"@(?=\w)|(?<=http)(?=s?://)", lambda found: f"{found.group()}\u200b", escaped)


def _markdown(columns: Sequence[AnswerColumn], rows: Sequence[Sequence[Any]]) -> str:
    def cell(value: Any, column: AnswerColumn) -> str:
        if column.kind == "metric" and isinstance(value, Decimal | int) and not isinstance(value, bool):
            return _inert(money(value, "USD")) if column.unit == "USD" else quantity(value)
        return _inert("" if value is None else str(value))

    lines = ["| " + " | ".join(plain(c.name).replace("_", " ") for c in columns) + " |"]
    lines.append("| " + " | ".join("---:" if c.kind == "metric" else "---" for c in columns) + " |")
    lines += ["| " + " | ".join(cell(v, c) for v, c in zip(row, columns, strict=True)) + " |" for row in rows]
    return "\n".join(lines)
