"""More commands of the practice: API against own GPUs, training runs, kinds of tokens. Only arguments."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from assistant.surfaces.cli.options import MONTH, configuration, first_day, shapes, warehouse_option


def _of_a_month(command: Any) -> Any:
    """--month, --user, the shapes and --warehouse."""
    command = warehouse_option(shapes(command))
    command = click.option("--user", help="As this user, under their row policy.")(command)
    return click.option("--month", type=MONTH, help="Like 2026-10; the newest whole month when absent.")(command)


@click.command(name="break-even")
@click.option("--tokens-per-second", "speed", type=float, required=True, help="What one GPU serves.")
@click.option("--model", help="The model of the API, at its catalogue prices; what was paid when absent.")
@click.option("--rent", type=float, help="USD an hour for a rented GPU; schemas/finops.yaml when absent.")
@_of_a_month
def break_even(
    speed: float,
    model: str | None,
    rent: float | None,
    month: datetime | None,
    user: str | None,
    shape: str | None,
    warehouse: Path | None,
) -> None:
    """API against own and rented GPUs. Example: askcost break-even --tokens-per-second 700 --month 2026-09."""
    from assistant.analysis import own_gpus
    from assistant.surfaces.cli import reports

    books = reports.books(configuration(warehouse), user)
    hourly = None if rent is None else Decimal(str(rent))
    reports.show(own_gpus.report(books, Decimal(str(speed)), first_day(month), (), model, hourly), shape)


@click.command(name="training-runs")
@_of_a_month
def training_runs(month: datetime | None, user: str | None, shape: str | None, warehouse: Path | None) -> None:
    """What each training run cost, with all its attempts. Example: askcost training-runs --month 2026-09."""
    from assistant.analysis import training_runs as analysis
    from assistant.surfaces.cli import reports

    books = reports.books(configuration(warehouse), user)
    books.needs("gpu_usage")
    reports.show(analysis.report(books, books.whole_month(first_day(month), "gpu_usage")), shape)


@click.command(name="token-kinds")
@_of_a_month
def token_kinds(month: datetime | None, user: str | None, shape: str | None, warehouse: Path | None) -> None:
    """What uncached input, cache reads, cache writes and output cost. Example: askcost token-kinds --month 2026-09."""
    from assistant.analysis import token_kinds as analysis
    from assistant.surfaces.cli import reports

    books = reports.books(configuration(warehouse), user)
    books.needs("token_usage")
    reports.show(analysis.report(books, books.whole_month(first_day(month), "token_usage")), shape)


COMMANDS = (break_even, training_runs, token_kinds)
