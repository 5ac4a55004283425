"""`askcost chargeback --statements` and `--close`: statements as files, months closed. No figures of its own."""

from __future__ import annotations

import os
import re
import tempfile
from datetime import date
from pathlib import Path

import click

from assistant.analysis import chargeback, closing
from assistant.analysis.books import Books
from assistant.config import Config
from assistant.errors import AssistantError
from assistant.ledger.drawer import Drawer
from assistant.semantics.words import without_accents
from assistant.telling.statement import to_html
from assistant.telling.table import plain, to_csv, to_xlsx


def write(books: Books, folder: Path, month: date | None, by: str | None, showback: bool) -> int:
    """Each consumer's statement as CSV, XLSX and HTML in the folder; a file is whole or not there."""
    start, statements = chargeback.statements(books, month, by)
    kind = "Showback" if showback else "Chargeback"
    note = "For information: nothing is posted." if showback else "To be posted to the consumer."
    names: set[str] = set()
    for consumer, report in statements:
        name = _file_name(f"{start:%Y-%m} {kind} {consumer}", names)
        title = f"{kind} {start:%b %Y}: {consumer}"
        _put(folder / f"{name}.csv", to_csv(report.columns, report.rows).encode("utf-8"))
        _put(folder / f"{name}.xlsx", to_xlsx(report.columns, report.rows))
        shown = [i for i, c in enumerate(report.columns) if c.name not in report.wide]
        page = to_html(
            title, report.sentences, [report.columns[i] for i in shown], [[r[i] for i in shown] for r in report.rows],
            (note, *report.notes),
        )  # fmt: skip
        _put(folder / f"{name}.html", page.encode("utf-8"))
    click.echo(plain(f"{len(statements)} statements of {start:%b %Y} in {folder}, each as CSV, XLSX and HTML."))
    return 0


def close(config: Config, books: Books, month: date, by: str | None) -> int:
    """Closes a month, or adds the corrections of a closed one."""
    start, own, result = chargeback.month_of(books, month, by)
    click.echo(closing.close(books, Drawer(config.ledger_path), start, own, result))
    return 0


def _file_name(text: str, taken: set[str]) -> str:
    """Letters, digits and dashes only, so that no name leaves the folder; made different where two would be one."""
    name = re.sub(r"[^a-z0-9]+", "-", without_accents(text).lower()).strip("-")[:100]
    number = 2
    wanted = name
    while wanted in taken:
        wanted, number = f"{name}-{number}", number + 1
    taken.add(wanted)
    return wanted


def _put(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
            try:
                file.write(content)
                file.close()
                os.replace(file.name, path)
            except OSError:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise AssistantError(f"{path} can't be written: {error.strerror or error}.") from None
