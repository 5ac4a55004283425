"""`askcost warehouse`: the sums that are kept beside the tables, and which more would be worth it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import click

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk import advice
from assistant.desk.advice import Advice
from assistant.telling.table import plain
from assistant.values import Rollup
from assistant.warehouse import rollups as kept
from assistant.warehouse.publish import writing


def rollups(config: Config) -> int:
    """List what is kept, the smallest first."""
    assistant = Assistant(config)
    try:
        catalog = assistant.warehouse.catalog
    finally:
        assistant.close()
    for one in catalog.rollups:
        fewer = catalog.rows.get(one.table, 0) / one.rows
        click.echo(plain(f"{one.name}: {one.rows:,} rows, {fewer:,.0f} times fewer than {one.table}; {_said(one)}"))
    if not catalog.rollups:
        click.echo("None are kept: the tables are small enough to be read themselves (schemas/rollups.yaml).")
    return 0


def advise(config: Config, days: int, add: bool) -> int:
    """Say what the audit's questions would be answered from; with `add`, keep these from now on."""
    assistant = Assistant(config)
    try:
        found = advice.advise(assistant, days, datetime.now(UTC).date())
    finally:
        assistant.close()
    _tell(found, days)
    if add and found.proposals:
        with writing(config.warehouse) as con:
            con.execute(kept.TABLES)
            for one in found.proposals:
                kept.add(con, replace(one.rollup, rows=0))
        click.echo(f"Added {len(found.proposals)}; every load keeps them up from now on.")
    elif found.proposals:
        click.echo("Add them with: askcost warehouse advise --add")
    return 0


def _tell(found: Advice, days: int) -> None:
    click.echo(
        f"{found.asked:,} statements in the last {days} days: {found.answered:,} are answered from rollups, "
        f"{found.other:,} need the tables themselves."
    )
    for one in found.proposals:
        click.echo(
            plain(
                f"{one.rollup.name}: about {one.rollup.rows:,} rows instead of {one.table_rows:,} for "
                f"{one.questions:,} of them; {_said(one.rollup)}"
            )
        )


def _said(one: Rollup) -> str:
    return f"by {one.grain}" + "".join(f", {name}" for name in one.dimensions)
