"""The commands of the practice: chargeback, unit cost, carbon, estimate, what-if, waste, allowances. Only arguments."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from assistant.surfaces.cli.options import (
    DATE,
    MONTH,
    configuration,
    first_day,
    months_between,
    part_of_one,
    shapes,
    warehouse_option,
)


@click.command()
@click.option("--month", type=MONTH, help="Like 2026-10; the newest whole month when absent.")
@click.option("--by", help="The key of charges that no rule matches, like team; that of most rules when absent.")
@click.option("--consumer", help="Only this consumer's statement, and why each line is what it is.")
@click.option(
    "--statements",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write every consumer's statement as CSV, XLSX and HTML into this folder.",
)
@click.option("--showback", is_flag=True, help="Statements for information; nothing is posted.")
@click.option("--close", "closes", type=MONTH, help="Close this month: it then changes by correction lines only.")
@click.option("--user", help="As this user, under their row policy.")
@shapes
@warehouse_option
def chargeback(
    month: datetime | None,
    by: str | None,
    consumer: str | None,
    statements: Path | None,
    showback: bool,
    closes: datetime | None,
    user: str | None,
    shape: str | None,
    warehouse: Path | None,
) -> None:
    """Who bears what, by the allocation rules. Example: askcost chargeback --month 2026-10 --by team."""
    from assistant.analysis import chargeback as analysis
    from assistant.surfaces.cli import billing, reports

    if closes and (month or consumer or statements):
        raise click.UsageError("--close closes one month; give it alone, or with --by.")
    config = configuration(warehouse)
    books = reports.books(config, user)
    if closes:
        sys.exit(billing.close(config, books, date(closes.year, closes.month, 1), by))
    if statements:
        if consumer:
            raise click.UsageError("--statements writes every consumer's; leave --consumer out.")
        sys.exit(billing.write(books, statements, first_day(month), by, showback))
    reports.show(analysis.report(books, first_day(month), by, consumer), shape)


@click.command(name="unit-cost")
@click.argument("metric")
@click.option("--product", help="Only this product of the metric.")
@click.option("--from", "start", type=MONTH, help="The first month.")
@click.option("--to", "end", type=MONTH, help="The last month, included.")
@click.option("--baseline", callback=months_between, help="Compare with this month or these, like 2026-01..2026-03.")
@click.option("--after", callback=months_between, help="The months compared; the newest when absent.")
@click.option("--investment", type=float, help="USD invested in between, for the payback.")
@click.option("--user", help="As this user, under their row policy.")
@shapes
@warehouse_option
def unit_cost(
    metric: str,
    product: str | None,
    start: datetime | None,
    end: datetime | None,
    baseline: tuple[date, date] | None,
    after: tuple[date, date] | None,
    investment: float | None,
    user: str | None,
    shape: str | None,
    warehouse: Path | None,
) -> None:
    """What one loan, claim or ticket costs, by month. Example: askcost unit-cost loan --baseline 2026-01."""
    from assistant.analysis import unit_costs
    from assistant.surfaces.cli import reports

    if baseline is None and (after or investment is not None):
        raise click.UsageError("--after and --investment need --baseline, the months to compare with.")
    spent = None if investment is None else Decimal(str(investment))
    change = unit_costs.Change(baseline, after, spent) if baseline else None
    period = (first_day(start), first_day(end, later=1))
    books = reports.books(configuration(warehouse), user)
    reports.show(unit_costs.report(books, metric, product, *period, change), shape)


@click.command()
@click.option("--from", "start", type=MONTH, help="The first month; January of the newest year when absent.")
@click.option("--to", "end", type=MONTH, help="The last month, included.")
@click.option("--cluster", help="Only this cluster.")
@click.option("--per", help="Carbon of one of these, like loan: location-based and embodied ÷ volume, by month.")
@click.option("--user", help="As this user, under their row policy.")
@shapes
@warehouse_option
def carbon(
    start: datetime | None,
    end: datetime | None,
    cluster: str | None,
    per: str | None,
    user: str | None,
    shape: str | None,
    warehouse: Path | None,
) -> None:
    """Energy and carbon of own GPUs, both methods apart. Example: askcost carbon --from 2026-07."""
    from assistant.analysis import carbon as analysis
    from assistant.surfaces.cli import reports

    period = (first_day(start), first_day(end, later=1))
    books = reports.books(configuration(warehouse), user)
    found = analysis.sci_report(books, per, *period, cluster) if per else analysis.report(books, *period, cluster)
    reports.show(found, shape)


@click.command()
@click.option("--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A design in YAML.")
@click.option("--model", "models", multiple=True, help="A model of the catalogue; several are compared.")
@click.option("--requests-per-day", type=float)
@click.option("--input-tokens", type=float, help="Of one request, cached ones included.")
@click.option("--output-tokens", type=float, help="Of one request, reasoning included.")
@click.option("--cached", callback=part_of_one, help="Part of the input read from the cache, like 60%.")
@click.option("--batch", callback=part_of_one, help="Part of the requests that run as a batch.")
@click.option("--growth", type=float, help="Growth of requests a month, like 0.05.")
@click.option("--months", type=int, help="How many months to look ahead; 12 when absent.")
@click.option("--limit", type=float, help="USD a month; exit code 1 when the dearest month is above.")
@click.option("--gpu-tokens-per-second", type=float, help="What one own GPU serves, to compare with the fleet.")
@click.option("--budget", help="A budget to compare with: total or team=Payments.")
@click.option("--day", type=DATE, help="Prices of this day; today when absent.")
@click.option("--user", help="As this user, under their row policy.")
@click.option("--application", help="Whose usage it will be; with --save, for --actual later.")
@click.option("--save", help="Keep the estimate under this name, as its next version.")
@click.option("--list", "listing", is_flag=True, help="The estimates that are kept.")
@click.option("--actual", help="Compare this kept estimate with the token usage since.")
@click.option("--since", type=DATE, help="With --actual: usage from this day; the day it was kept when absent.")
@click.option("--compare", type=click.Path(path_type=Path, dir_okay=False), help="With --file: the same design before.")
@click.option("--markdown", "shape", flag_value="markdown", help="Print Markdown, for a pull request.")
@shapes
@warehouse_option
def estimate(
    file: Path | None,
    models: tuple[str, ...],
    growth: float | None,
    months: int | None,
    limit: float | None,
    gpu_tokens_per_second: float | None,
    budget: str | None,
    day: datetime | None,
    application: str | None,
    save: str | None,
    listing: bool,
    actual: str | None,
    since: datetime | None,
    compare: Path | None,
    user: str | None,
    shape: str | None,
    warehouse: Path | None,
    **workload: Any,
) -> None:
    """What a model workload will cost.

    Example: askcost estimate --model gpt-6-sol --requests-per-day 200000 --input-tokens 1500 --output-tokens 400.
    """
    from assistant.analysis import pricing as prices
    from assistant.surfaces.cli import pricing

    config = configuration(warehouse)
    if listing or actual:
        sys.exit(pricing.kept(config, actual, since.date() if since else None, user, shape or "table"))
    given = {k: v for k, v in workload.items() if v is not None}
    if file is not None and (models or given):
        raise click.UsageError("give either --file or a workload, not both.")
    if file is None and not (models and {"requests_per_day", "input_tokens", "output_tokens"} <= set(given)):
        raise click.UsageError("give --model, --requests-per-day, --input-tokens and --output-tokens, or --file.")
    about: dict[str, Any] = {"growth": growth, "months": months, "limit_usd_per_month": limit}
    about |= {"gpu_tokens_per_second": gpu_tokens_per_second, "application": application}
    about = {k: v for k, v in about.items() if v is not None}
    if file is not None:
        design = prices.design_of({**prices.read_design(file).model_dump(), **about})
    else:
        design = pricing.price_asked({**given, **about, "models": models})
    if compare is not None and file is None:
        raise click.UsageError("--compare needs --file, the design as it is now.")
    # An absent file is a design that is new: everything it costs is the change.
    before = prices.read_design(compare) if compare is not None and compare.exists() else None
    asked = pricing.Asked(
        design,
        day.date() if day else datetime.now(UTC).date(),
        budget,
        user,
        shape or "table",
        save,
        before,
        compare is not None,
    )
    sys.exit(pricing.estimate(config, asked))


@click.command(name="what-if")
@click.argument("model")
@click.argument("target")
@click.option("--month", type=MONTH, help="Like 2026-10; the newest whole month when absent.")
@click.option("--application", help="Only this application's usage.")
@click.option("--team", help="Only this team's usage.")
@click.option("--user", help="As this user, under their row policy.")
@shapes
@warehouse_option
def what_if(
    model: str,
    target: str,
    month: datetime | None,
    user: str | None,
    shape: str | None,
    warehouse: Path | None,
    **where: str | None,
) -> None:
    """The same usage priced on another model. Example: askcost what-if gpt-6-sol gpt-6-luna --month 2026-09."""
    from assistant.analysis import token_habits
    from assistant.surfaces.cli import reports

    narrowed = {name: value for name, value in where.items() if value}
    books = reports.books(configuration(warehouse), user)
    reports.show(token_habits.what_if(books, model, target, first_day(month), narrowed), shape)


@click.command()
@click.option("--month", type=MONTH, help="Like 2026-10; the newest whole month when absent.")
@click.option("--user", help="As this user, under their row policy.")
@shapes
@warehouse_option
def waste(month: datetime | None, user: str | None, shape: str | None, warehouse: Path | None) -> None:
    """Token usage that costs more than it must. Example: askcost waste --month 2026-09."""
    from assistant.analysis import token_habits
    from assistant.surfaces.cli import reports

    reports.show(token_habits.waste_report(reports.books(configuration(warehouse), user), first_day(month)), shape)


@click.command()
@click.option("--month", type=MONTH, help="Like 2026-10; the newest month of usage when absent.")
@click.option("--user", help="As this user, under their row policy.")
@shapes
@warehouse_option
def allowances(month: datetime | None, user: str | None, shape: str | None, warehouse: Path | None) -> None:
    """Token allowances: used, left, and when they run out. Example: askcost allowances."""
    from assistant.analysis import allowances as analysis
    from assistant.surfaces.cli import reports

    reports.show(analysis.report(reports.books(configuration(warehouse), user), first_day(month)), shape)


COMMANDS = (chargeback, unit_cost, carbon, estimate, what_if, waste, allowances)
