"""`askcost load` and `askcost demo`: files in, a report out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import click

from assistant.config import Config
from assistant.engines.duckdb_engine import Trusted
from assistant.errors import AssistantError, LoadError
from assistant.house import check_policies
from assistant.surfaces.cli import standing
from assistant.telling.table import plain
from assistant.warehouse import demo as demo_company
from assistant.warehouse import load as loader
from assistant.warehouse import parquet
from assistant.warehouse.report import LoadReport

MOST_INVOICES = 12


def load(config: Config, paths: tuple[str, ...], table: str | None, replace: bool, as_json: bool) -> int:
    def policies_hold(connection: Any) -> None:
        try:
            check_policies(Trusted(connection), config)
        except AssistantError as error:
            raise LoadError(f"Nothing was loaded. {error}") from None

    with progress() as tell:
        report = loader.load(paths, config.warehouse, table, replace, tell, policies_hold)
    if as_json:
        click.echo(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        _draw(report, config.warehouse)
    standing.after_load(config)
    return 0


def demo(config: Config, rows: int, end: date | None, seed: int) -> int:
    with progress() as tell:
        counts = demo_company.build(config.warehouse, rows, end, seed, tell)
    click.echo(f"{config.warehouse}: " + ", ".join(f"{n:,} {table}" for table, n in counts.items()))
    click.echo('Try: askcost ask "cost by provider last month"')
    return 0


def publish(config: Config, to: Path | None) -> int:
    """Raises LoadError for a folder that is only the cluster's."""
    place = to or config.published
    if "://" in str(place):
        raise LoadError(f"{place} is not a folder here. Publish to one with --to, and copy it there whole.")
    manifest = parquet.publish(config.warehouse, Path(place))
    count = sum(table["rows"] for table in manifest["tables"])
    click.echo(f"{place}: version {manifest['version']}, {len(manifest['tables'])} tables, {count:,} rows")
    return 0


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """A bar on a terminal, silence elsewhere."""
    if not sys.stderr.isatty():
        yield lambda stage, part: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda stage, part: bar.update(task, description=stage, completed=part)


def _draw(report: LoadReport, warehouse: Path) -> None:
    def say(text: str) -> None:
        click.echo(plain(text))

    replaced = f", replacing {report.replaced_rows:,}" if report.replaced_rows else ""
    say(f"{report.rows:,} rows into {report.table} of {warehouse}{replaced}")
    if report.first_day:
        say(f"  days       {report.first_day} to {report.last_day}")
    if report.providers:
        say(f"  providers  {', '.join(report.providers)}")
    if report.focus_versions:
        say(f"  FOCUS      {', '.join(report.focus_versions)}")
    for one in report.sums:
        say(f"  {one.currency}        billed {one.billed:,}   effective {one.effective:,}")
    for invoice in report.invoices[:MOST_INVOICES]:
        say(f"  invoice    {invoice.invoice} ({invoice.issuer or 'no issuer'}): {invoice.billed:,} {invoice.currency}")
    if len(report.invoices) > MOST_INVOICES:
        say(f"  invoice    … {len(report.invoices) - MOST_INVOICES} more (--json lists all)")
    if report.new_dimensions:
        say(f"  new names  {', '.join(report.new_dimensions)}")
    for oddity in report.oddities:
        say(f"  note       {oddity}")
