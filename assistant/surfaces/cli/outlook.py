"""`askcost anomalies` and `askcost forecast`: what went wrong, and what is to come. Only arguments."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from assistant.surfaces.cli.options import DATE, MONTH, configuration, first_day, shapes, warehouse_option


@click.command()
@click.argument("words", nargs=-1)
@click.option("--since", type=DATE, help="Incidents that lasted into this day or later; the last 30 days when absent.")
@click.option("--all", "everything", is_flag=True, help="Closed, expected and snoozed ones too, of every day kept.")
@click.option("--rescan", is_flag=True, help="Scan the last months anew instead of only the new days.")
@click.option("--expect", help="The incident of this id was planned; what it cost is normal there from now on.")
@click.option("--snooze", help="Hide the incident of this id; needs --until.")
@click.option("--close", help="The incident of this id is dealt with.")
@click.option("--reopen", help="Take back what was said of the incident of this id.")
@click.option("--until", type=DATE, help="The day a snooze or an expectation ends.")
@click.option("--note", help="Why; kept with the decision.")
@click.option("--today", type=DATE, help="The day that “today” means.")
@click.option("--user", help="As this user, under their row policy.")
@shapes
@warehouse_option
def anomalies(
    words: tuple[str, ...],
    since: datetime | None,
    everything: bool,
    rescan: bool,
    until: datetime | None,
    note: str | None,
    today: datetime | None,
    user: str | None,
    shape: str | None,
    warehouse: Path | None,
    **decisions: str | None,
) -> None:
    """Days that cost more or less than they should, one incident for each cause; WORDS narrow them.

    Example: askcost anomalies team = Payments · askcost anomalies --expect 3f9a01bc --note "load test".
    """
    from assistant.surfaces.cli import outlooks

    said = {what: name for what, name in decisions.items() if name}
    if len(said) > 1:
        raise click.UsageError("give one of --expect, --snooze, --close and --reopen.")
    if "snooze" in said and until is None:
        raise click.UsageError("--snooze needs --until, the day it ends.")
    if (until or note) and not said:
        raise click.UsageError("--until and --note go with --expect, --snooze, --close or --reopen.")
    asked = outlooks.Asked(configuration(warehouse), user, today.date() if today else None, " ".join(words), shape)
    if said:
        [(what, name)] = said.items()
        sys.exit(outlooks.decide(asked, name, what, until.date() if until else None, note))
    sys.exit(outlooks.anomalies(asked, since.date() if since else None, everything, rescan))


def _until(_: Any, __: Any, said: tuple[str, ...]) -> tuple[Any, ...]:
    """month, quarter, year or a date."""
    found: list[Any] = []
    for one in said:
        if one in ("month", "quarter", "year"):
            found.append(one)
            continue
        try:
            found.append(datetime.strptime(one, "%Y-%m-%d").date())
        except ValueError:
            raise click.BadParameter(f"{one} is not month, quarter, year or a day like 2026-12-31.") from None
    return tuple(found)


@click.command()
@click.argument("words", nargs=-1)
@click.option("--until", multiple=True, callback=_until, help="month, quarter, year or a day; all three when absent.")
@click.option("--by", help="A row for each value of this dimension, like team.")
@click.option("--tokens", is_flag=True, help="The cost of tokens, from token_usage.")
@click.option("--budgets", is_flag=True, help="A month's budgets: used, pace, projected, run-out day, at risk and why.")
@click.option("--month", type=MONTH, help="The month of --budgets; the newest when absent.")
@click.option("--today", type=DATE, help="The day that “today” means.")
@click.option("--user", help="As this user, under their row policy.")
@shapes
@warehouse_option
def forecast(
    words: tuple[str, ...],
    until: tuple[Any, ...],
    by: str | None,
    tokens: bool,
    budgets: bool,
    month: datetime | None,
    today: datetime | None,
    user: str | None,
    shape: str | None,
    warehouse: Path | None,
) -> None:
    """What the month, quarter and year will cost, with a band of 80 % and the record of such forecasts.

    WORDS narrow it. Example: askcost forecast team = Payments --until quarter · askcost forecast --budgets.
    """
    from assistant.surfaces.cli import outlooks

    asked = outlooks.Asked(configuration(warehouse), user, today.date() if today else None, " ".join(words), shape)
    if month and not budgets:
        raise click.UsageError("--month goes with --budgets.")
    if budgets:
        if words or until or by or tokens:
            raise click.UsageError("--budgets shows all budgets of a month; it takes --month only.")
        sys.exit(outlooks.budgets(asked, first_day(month)))
    sys.exit(outlooks.forecast(asked, until, by, tokens))


COMMANDS = (anomalies, forecast)
