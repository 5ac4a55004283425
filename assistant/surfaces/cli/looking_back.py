"""The commands that hold figures against records: the audit of answers, invoices. Only arguments."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from assistant.surfaces.cli.options import DATE, MONTH, configuration, first_day, shapes, warehouse_option


@click.command()
@click.argument("what", required=False, metavar="[ANSWER_ID | search | verify | export | replay | recall]")
@click.argument("about", required=False, metavar="[WORD | ANSWER_ID]")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--user", help="Only answers to this person.")
@click.option("--word", help="Only answers whose question, reading or words have this.")
@click.option("--metric", help="Only answers about this metric, like billed_cost.")
@click.option("--since", type=DATE, help="Only answers from this day (UTC) on.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many are listed.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where export writes its JSON Lines.")
@click.option("--seen", help="verify: a hash noted earlier that must still be in the chain.")
@click.option("--notify", is_flag=True, help="recall: tell their readers, once, and keep the cases.")
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
    notify: bool,
    warehouse: Path | None,
) -> None:
    """The answers given; one of them whole. Example: askcost audit 01KXYZ…

    search WORD: those with it in question, reading or answer; --user, --metric, --since narrow it. verify: whether the
    record is as it was written. export: all of it as JSON Lines. replay ANSWER_ID: run it again as its asker, and say
    what changed. recall: the earlier answers that a corrected definition, allocation rule, verified query or bill
    touched, with old and new figures. Example: askcost audit recall --since 2026-10-01 --notify
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
    if what == "recall":
        from assistant.surfaces.cli import recalling

        sys.exit(recalling.run(config, sought, notify, as_json))
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


@click.command()
@click.argument("what", type=click.Choice(["list", "test", "renew", "withdraw"]), default="list")
@click.argument("question", required=False)
@click.option("--until", type=DATE, help="renew: the last day that it holds; the setting's days from now when absent.")
@click.option("--owner", help="renew: who answers for it from now on.")
@click.option("--user", help="As this user, whose role must verify.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@warehouse_option
def verified(
    what: str,
    question: str | None,
    until: datetime | None,
    owner: str | None,
    user: str | None,
    as_json: bool,
    warehouse: Path | None,
) -> None:
    """Verified queries: owner, last day, whether each still runs. Example: askcost verified test.

    test: exit code 1 when a verified query, or a recalled case, does not hold. Example: askcost verified renew
    "cost of AWS in September 2026" --until 2027-12-31 --owner ana
    """
    from assistant.surfaces.cli import standing

    config = configuration(warehouse)
    if what in ("renew", "withdraw"):
        if question is None:
            raise click.UsageError(f"write: askcost verified {what} QUESTION.")
        sys.exit(standing.decide(config, what, question, until.date() if until else None, owner, user))
    sys.exit(standing.listed(config, as_json) if what == "list" else standing.test(config))


COMMANDS = (audit, tie_out, verified)
