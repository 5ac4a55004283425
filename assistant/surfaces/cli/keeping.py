"""`askcost backup` and `askcost restore`: everything a company would miss, in a folder and back. Draws only."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from assistant.surfaces.cli.options import configuration, warehouse_option

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest.")
@warehouse_option
def backup(folder: Path, as_json: bool, warehouse: Path | None) -> None:
    """Copy everything a company would miss into DIR, while askcost runs. Example: askcost backup backups/monday.

    Warehouse, ledger (audit, spend, alerts, incidents, saved queries, estimates), tokens, passwords, chats, Slack's
    store, schemas/; with a manifest of digests. Not in it: the settings' values, and chats that are in PostgreSQL.
    """
    from assistant import backup as keeping
    from assistant.surfaces.web.settings import WebSettings

    made = keeping.backup(configuration(warehouse), folder)
    if as_json:
        click.echo(json.dumps(asdict(made)))
        sys.exit(0)
    size = sum(kept.bytes for kept in made.files.values())
    click.echo(f"{folder}: {len(made.files)} files, {size / 1e6:,.1f} MB, data version {made.data_version}.")
    click.echo(f"The audit's chain has {made.records:,} records; its newest hash is {made.head or 'none yet'}.")
    for told in made.breaks:
        click.echo(f"The chain is broken, and is kept as it is: {told}", err=True)
    if WebSettings().history is not None:
        click.echo(
            "Chats are in the database of ASKCOST_WEB_HISTORY and not in this backup: keep a dump of it.", err=True
        )
    if made.settings:
        names = ", ".join(f"ASKCOST_{name.upper()}" for name in made.settings)
        click.echo(f"Settings are not in it; keep their values elsewhere: {names}.")


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--force", is_flag=True, help="Replace what is there.")
@warehouse_option
def restore(folder: Path, force: bool, warehouse: Path | None) -> None:
    """Put a backup back, when nothing of askcost runs. Example: askcost restore backups/monday.

    Files go where --warehouse and the settings say. Nothing changes unless every digest and the audit's chain hold.
    """
    from assistant import restore as restoring

    config = configuration(warehouse)
    made, notes = restoring.restore(config, folder, force)
    click.echo(
        f"{config.warehouse}: as it was on {made.at[:16].replace('T', ' ')} UTC, data version {made.data_version}."
    )
    click.echo(f"The audit's chain of {made.records:,} records is whole; `askcost audit verify` reads it again.")
    for note in notes:
        click.echo(note)


COMMANDS = (backup, restore)
