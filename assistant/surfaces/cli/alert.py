"""`askcost alerts`: rules in plain words, what they would send, quiet, dead letters, the scheduler. Only arguments."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from assistant.surfaces.cli.options import DATE, configuration, warehouse_option

today_option = click.option("--today", type=DATE, help="The day that “today” means: its last second, UTC.")


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@warehouse_option
@click.pass_context
def alerts(context: click.Context, as_json: bool, warehouse: Path | None) -> None:
    """Alerts and digests; without a word after it: the list. Example: askcost alerts add "tell me when …"."""
    if context.invoked_subcommand is None:
        from assistant.surfaces.cli import alerts as work

        sys.exit(work.listed(configuration(warehouse), as_json))


@alerts.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--to", help="#channel, slack:C012AB3CD, an e-mail address or a webhook's URL, unless the words say it.")
@click.option("--user", help="The owner: it runs under their row policy.")
@click.option("--zone", help="The owner's time zone, like Europe/Berlin; ASKCOST_ALERTS_ZONE when absent.")
@click.option("--yes", is_flag=True, help="Keep it; without this it is only shown.")
@today_option
@warehouse_option
def add(
    words: tuple[str, ...],
    to: str | None,
    user: str | None,
    zone: str | None,
    yes: bool,
    today: datetime | None,
    warehouse: Path | None,
) -> None:
    """Show what a rule would have sent, and keep it.

    Example: askcost alerts add "Monday 8:00: last week by team, to #finance" --yes
    """
    from assistant.surfaces.cli import alerts as work

    day = today.date() if today else None
    sys.exit(work.add(configuration(warehouse), " ".join(words), work.Wanted(user, to, zone, day), yes))


@alerts.command()
@click.argument("name", metavar="ID")
@click.option("--send", is_flag=True, help="Send the newest of it, marked as a test.")
@today_option
@warehouse_option
def test(name: str, send: bool, today: datetime | None, warehouse: Path | None) -> None:
    """What it would have sent in the last 30 days, or at its last time. Example: askcost alerts test 3f9a01bc."""
    from assistant.surfaces.cli import alerts as work

    sys.exit(work.test(configuration(warehouse), name, send, today.date() if today else None))


@alerts.command()
@click.argument("name", metavar="ID")
@click.option("--until", type=DATE, help="The day it speaks again; without it, until `unmute`.")
@warehouse_option
def mute(name: str, until: datetime | None, warehouse: Path | None) -> None:
    """Keep it quiet; what happens meanwhile is not sent later. Example: askcost alerts mute 3f9a01bc."""
    from assistant.surfaces.cli import alerts as work

    sys.exit(work.decide(configuration(warehouse), name, "mute", until.date() if until else None))


@alerts.command()
@click.argument("name", metavar="ID")
@warehouse_option
def unmute(name: str, warehouse: Path | None) -> None:
    """Let it speak again. Example: askcost alerts unmute 3f9a01bc."""
    from assistant.surfaces.cli import alerts as work

    sys.exit(work.decide(configuration(warehouse), name, "unmute"))


@alerts.command()
@click.argument("name", metavar="ID")
@warehouse_option
def remove(name: str, warehouse: Path | None) -> None:
    """End it; what it sent stays in the ledger. Example: askcost alerts remove 3f9a01bc."""
    from assistant.surfaces.cli import alerts as work

    sys.exit(work.decide(configuration(warehouse), name, "remove"))


@alerts.command()
@click.option("--retry", is_flag=True, help="Send them again.")
@warehouse_option
def dead(retry: bool, warehouse: Path | None) -> None:
    """What never arrived, and why. Example: askcost alerts dead --retry."""
    from assistant.surfaces.cli import alerts as work

    sys.exit(work.dead(configuration(warehouse), retry))


@alerts.command()
@click.option("--once", is_flag=True, help="Look once and end, for cron.")
@click.option("--every", type=click.IntRange(1), default=60, show_default=True, help="Seconds between looks.")
@today_option
@warehouse_option
def run(once: bool, every: int, today: datetime | None, warehouse: Path | None) -> None:
    """Send what is due, every minute until stopped; any number may run. Example: askcost alerts run."""
    from assistant.surfaces.cli import alerts as work

    if today and not once:
        raise click.UsageError("--today goes with --once.")
    config, day = configuration(warehouse), today.date() if today else None
    sys.exit(work.once(config, day) if once else work.forever(config, every))


COMMANDS = (alerts,)
