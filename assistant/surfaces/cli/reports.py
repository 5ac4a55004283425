"""Shows the Reports of assistant/analysis/: a table for people, the same rows as JSON or CSV for scripts.

What a command read through `books` is kept in the audit when the command ends, whatever became of it.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import click
from ulid import ULID

from assistant.analysis.books import Books
from assistant.analysis.report import Report
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import Refused
from assistant.telling.answer_object import plain_value
from assistant.telling.figures import money, quantity
from assistant.telling.table import plain, to_csv, to_terminal
from assistant.values import Answer, AnswerColumn

WORK, WORDS, ERROR = "askcost.work", "askcost.words", "askcost.error"  # in the context's meta


@dataclass
class Work:
    """What one command reads, and the report that it makes of it."""

    assistant: Assistant
    user: str | None
    books: Books | None = None
    report: Report | None = None

    def record(self, words: str, error: Exception | None) -> None:
        """The command as a question of the audit; as an error when it was none of ours."""
        answer = Answer("answered", str(ULID()), words, user=self.user, understood=words)
        if error is not None or self.books is None:
            answer = replace(answer, status="refused" if isinstance(error, Refused) else "error", error=str(error))
        else:
            found = self.report or Report((), ())
            sql, executed = (";\n\n".join(lines) or None for lines in (self.books.statements, self.books.executed))
            answer = replace(
                answer, columns=found.columns, rows=found.rows, answer=" ".join(found.sentences), sql=sql,
                executed=executed, assumptions=found.notes,
            )  # fmt: skip
        self.assistant.record(answer)
        self.assistant.close()


def books(config: Config, user: str | None, today: date | None = None, own: Assistant | None = None) -> Books:
    """What an analysis reads with; own: a command's Assistant. Raises Refused for a user that is not listed."""
    work = Work(own or Assistant(config, surface="report"), user)
    if context := click.get_current_context(silent=True):
        meta = context.meta
        meta[WORK] = work
        context.find_root().call_on_close(lambda: work.record(meta.get(WORDS, "askcost"), meta.get(ERROR)))
    work.books = work.assistant.books(user, today)
    return work.books


def show(report: Report, shape: str | None = None) -> None:
    """shape: table, json, csv or markdown."""
    context = click.get_current_context(silent=True)
    if context and WORK in context.meta:
        context.meta[WORK].report = report
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
