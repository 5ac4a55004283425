"""`askcost teach`: words that people proposed. Only arguments."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from assistant.surfaces.cli.options import configuration, warehouse_option


@click.command()
@click.argument("what", type=click.Choice(["list", "show", "accept", "reject", "undo"]), default="list")
@click.argument("name", required=False, metavar="[ID or WORD]")
@click.option("--why", default="", help="Kept with the decision.")
@click.option("--user", help="As this user, whose role must review (`verifies` in roles.yaml).")
@click.option("--json", "as_json", is_flag=True, help="list, show: print as JSON.")
@warehouse_option
def teach(what: str, name: str | None, why: str, user: str | None, as_json: bool, warehouse: Path | None) -> None:
    """Words that people taught: review them. Example: askcost teach accept "run cost" --why "agreed with finance".

    A word is taught in a sentence: askcost ask "when I say run cost I mean compute without tax".
    """
    if what not in ("list", "undo") and name is None:
        raise click.UsageError(f"write: askcost teach {what} ID.")
    from assistant.surfaces.cli import teaching

    sys.exit(teaching.run(configuration(warehouse), what, name, why, user, as_json))


COMMANDS = (teach,)
