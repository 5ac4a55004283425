"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from dateutil.relativedelta import relativedelta

DATE = click.DateTime(["%Y-%m-%d"])
MONTH = click.DateTime(["%Y-%m", "%Y-%m-%d"])


def shapes(command: Any) -> Any:
    """--json and --csv; a table without them."""
    command = click.option("--csv", "shape", flag_value="csv", help="Print CSV.")(command)
    return click.option("--json", "shape", flag_value="json", help="Print JSON.")(command)


def first_day(month: datetime | None, later: int = 0) -> date | None:
    """The first day of a month; with `later` that of the month so many months on."""
    if month is None:
        return None
    return date(month.year, month.month, 1) + relativedelta(months=later)


def months_between(_: Any, __: Any, text: str | None) -> tuple[date, date] | None:
    """`2026-01` or `2026-01..2026-03` → the first days of the first and the last month."""
    if text is None:
        return None
    try:
        first, _dots, last = text.partition("..")
        return date.fromisoformat(f"{first.strip()}-01"), date.fromisoformat(f"{(last or first).strip()}-01")
    except ValueError:
        raise click.BadParameter(f"{text} is no month; write 2026-01 or 2026-01..2026-03.") from None


def part_of_one(_: Any, __: Any, text: str | None) -> Decimal | None:
    from assistant.surfaces.cli import pricing

    try:
        return None if text is None else pricing.part(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def warehouse_option(command: Any) -> Any:
    return click.option(
        "--warehouse",
        type=click.Path(path_type=Path),
        default=None,
        help="The DuckDB file (else ASKCOST_WAREHOUSE, else warehouse/askcost.duckdb).",
    )(command)


def engine_option(command: Any) -> Any:
    """Kept in click's own notes, where `configuration` finds it."""
    return click.option(
        "--engine",
        type=click.Choice(["duckdb", "spark"]),
        expose_value=False,
        callback=lambda context, _, chosen: context.meta.update(engine=chosen) if chosen else None,
        help="What runs the statements (else ASKCOST_ENGINE, else duckdb; docs/engines.md).",
    )(command)


def configuration(warehouse: Path | None) -> Any:
    from assistant.config import Config

    given: dict[str, Any] = {"warehouse": warehouse, "engine": click.get_current_context().meta.get("engine")}
    return Config(**{name: value for name, value in given.items() if value is not None})
