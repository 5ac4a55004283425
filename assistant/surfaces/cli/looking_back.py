"""The commands that hold figures against records: the audit of answers, invoices. Only arguments."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from assistant.surfaces.cli.options import DATE, MONTH, configuration, first_day, shapes, warehouse_option


@click.command()
@click.argument("what", required=False, metavar="[ANSWER_ID | search | verify | export | replay]")
@click.argument("about", required=False, metavar="[WORD | ANSWER_ID]")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--user", help="Only answers to this person.")
@click.option("--word", help="Only answers whose question, reading or words have this.")
@click.option("--metric", help="Only answers about this metric, like billed_cost.")
@click.option("--since", type=DATE, help="Only answers from this day (UTC) on.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many are listed.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where export writes its JSON Lines.")
@click.option("--seen", help="verify: a hash noted earlier that must still be in the chain.")
@warehouse_option
def audit(
    what: str | None,
    about: str | None,
    as_json: bool,
    user: str | None,
    word: str | None,
    metric: str | None,
    since: datetime | None,
    limit: int,
    out: Path | None,
    seen: str | None,
    warehouse: Path | None,
) -> None:
    """The answers given; one of them whole. Example: askcost audit 01KXYZ…

    search WORD: those with it in question, reading or answer; --user, --metric, --since narrow it. verify: whether the
    record is as it was written. export: all of it as JSON Lines. replay ANSWER_ID: run it again as its asker, and say
    what changed. Example: askcost audit replay 01KXYZ…
    """
    from assistant.ledger.search import Sought
    from assistant.surfaces.cli import auditing

    if what == "search":
        if about is not None and word is not None:
            raise click.UsageError("give the word once: askcost audit search WORD.")
        what, word, about = None, about or word, None
    if (what == "replay") != (about is not None):
        raise click.UsageError("write: askcost audit replay ANSWER_ID, or: askcost audit ANSWER_ID.")
    config = configuration(warehouse)
    sought = Sought(user, word, metric, since.date() if since else None)
    if about is not None:
        sys.exit(auditing.replay(config, about, "json" if as_json else None))
    if what == "verify":
        sys.exit(auditing.verify(config, seen, as_json))
    if what == "export":
        sys.exit(auditing.export(config, sought, out))
    sys.exit(auditing.listed(config, sought, limit, as_json) if what is None else auditing.whole(config, what))


@click.command(name="tie-out")
@click.option("--month", type=MONTH, help="Only invoices of this billing month, like 2026-10; all when absent.")
@click.option("--user", help="As this user, under their row policy.")
@shapes
@warehouse_option
def tie_out(month: datetime | None, user: str | None, shape: str | None, warehouse: Path | None) -> None:
    """Loaded billed cost against each invoice's total. Example: askcost tie-out --month 2026-10."""
    from assistant.analysis import tie_out as analysis
    from assistant.surfaces.cli import reports

    reports.show(analysis.report(reports.books(configuration(warehouse), user), first_day(month)), shape)


COMMANDS = (audit, tie_out)
