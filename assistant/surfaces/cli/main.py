"""`askcost`: the command line. Parses arguments, calls the house, prints; owns no logic of its own.

Exit codes (contract §1): 0 answered, 1 failed, 2 bad usage, 3 asked back, 4 refused.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import click

from assistant.errors import AssistantError, Clarify
from assistant.surfaces.cli import alert, keeping, looking_back, metering, money, outlook, programs, teach
from assistant.surfaces.cli.options import DATE, configuration, engine_option, warehouse_option

FOLDER = click.Path(path_type=Path, file_okay=False)


class Commands(click.Group):
    """Every command's errors are one clear line and the exit code of their kind."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["askcost.words"] = " ".join(["askcost", *args])
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AssistantError as error:
            ctx.meta["askcost.error"] = error
            options = f" One of: {'; '.join(error.options)}." if isinstance(error, Clarify) and error.options else ""
            click.echo(f"askcost: {error}{options}", err=True)
            sys.exit(error.exit_code)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(0)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # a defect of ours: one line for the user, the rest for whoever debugs
            ctx.meta["askcost.error"] = error
            if "ASKCOST_DEBUG" in os.environ:
                raise
            click.echo(
                f"askcost: something went wrong inside askcost ({type(error).__name__}). "
                "Nothing was changed; ASKCOST_DEBUG=1 shows where.",
                err=True,
            )
            sys.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="askcost")
def main() -> None:
    """Ask your cost warehouse. Example: askcost ask "cost by service last month"."""


@main.command()
@click.argument("question", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the answer object.")
@click.option("--thread", help="Continue this conversation.")
@click.option("--user", help="Ask as this user, under their row policy.")
@click.option("--today", type=DATE, help="The day that “today” means.")
@click.option("--planner", type=click.Choice(["auto", "local", "llm"]), default="auto", help="Who reads the question.")
@click.option("--batch", type=click.Path(path_type=Path, dir_okay=False), help="JSON Lines of questions.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where --batch writes its answers.")
@warehouse_option
@engine_option
def ask(
    question: str | None,
    as_json: bool,
    thread: str | None,
    user: str | None,
    today: datetime | None,
    planner: Literal["auto", "local", "llm"],
    batch: Path | None,
    out: Path | None,
    warehouse: Path | None,
) -> None:
    """Ask one question; without QUESTION, a conversation. Example: askcost ask "top 5 teams last month"."""
    from assistant.surfaces.cli import asking

    config = configuration(warehouse)
    if batch is not None:
        if question is not None:
            raise click.UsageError("give either QUESTION or --batch, not both.")
        sys.exit(asking.batch(config, batch, out, user, today.date() if today else None, planner))
    day = today.date() if today else None
    asked = asking.Asked(thread=thread, user=user, today=day, as_json=as_json, planner=planner)
    if question is None:
        if as_json or not sys.stdin.isatty():
            question = sys.stdin.read().strip()
        else:
            sys.exit(asking.converse(config, asked))
    sys.exit(asking.once(config, question, asked))


@main.command()
@click.option("--user", help="Run as this user, under their row policy.")
@click.option("--json", "as_json", is_flag=True, help="Print an object with columns and rows.")
@click.option("--check", is_flag=True, help="Only validate.")
@click.option("--explain", is_flag=True, help="Say where each column comes from.")
@click.option("--format", "formatted", is_flag=True, help="Print the statement formatted, and stop.")
@click.option(
    "--to",
    type=click.Choice(["spark", "snowflake", "bigquery", "trino"]),
    help="Print it in another dialect.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--batch", type=click.Path(path_type=Path, dir_okay=False), help="JSON Lines of statements.")
@warehouse_option
@engine_option
def sql(
    user: str | None,
    as_json: bool,
    check: bool,
    explain: bool,
    formatted: bool,
    to: str | None,
    as_csv: bool,
    batch: Path | None,
    warehouse: Path | None,
) -> None:
    """Validate SQL from standard input, apply the row policy, run it. Example: echo "SELECT 1" | askcost sql."""
    from assistant.surfaces.cli import statements

    config = configuration(warehouse)
    if batch is not None:
        sys.exit(statements.batch(config, batch, user, check))
    text = sys.stdin.read()
    if formatted or to:
        sys.exit(statements.rewritten(text, to))
    shape = "json" if as_json else "csv" if as_csv else "table"
    sys.exit(statements.once(config, text, user, check, explain, shape))


@main.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--table", help="The table, when the files are not FOCUS.")
@click.option("--replace", is_flag=True, help="Replace the periods (or the table) that the files hold.")
@click.option("--json", "as_json", is_flag=True, help="Print the load report as JSON.")
@warehouse_option
def load(paths: tuple[str, ...], table: str | None, replace: bool, as_json: bool, warehouse: Path | None) -> None:
    """Load CSV or Parquet files, folders or globs. Example: askcost load exports/2026-10/*.csv.gz."""
    from assistant.surfaces.cli import loading

    sys.exit(loading.load(configuration(warehouse), paths, table, replace, as_json))


@main.command()
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="The folder (else ASKCOST_SPARK_TABLES).")
@warehouse_option
def publish(to: Path | None, warehouse: Path | None) -> None:
    """Write the warehouse as Parquet for a cluster. Example: askcost publish --to /shared/askcost."""
    from assistant.surfaces.cli import loading

    sys.exit(loading.publish(configuration(warehouse), to))


@main.command()
@click.option("--rows", type=click.IntRange(1), default=500_000, show_default=True, help="Charge rows to make.")
@click.option("--end", type=DATE, help="The last day with data; yesterday when absent.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed makes the same company.")
@warehouse_option
def demo(rows: int, end: datetime | None, seed: int, warehouse: Path | None) -> None:
    """Build the demo company's warehouse. Example: askcost demo --rows 1000000."""
    from assistant.surfaces.cli import loading

    sys.exit(loading.demo(configuration(warehouse), rows, end.date() if end else None, seed))


@main.command(name="eval")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--report", type=click.Path(path_type=Path, file_okay=False), help="Write HTML, Markdown and the run here."
)
@click.option("--fail-on-regression", is_flag=True, help="Exit 1 when something that was right in --report is not now.")
@click.option("--companies", metavar="DIR", type=FOLDER, help="Ask DIR/<item's company>.duckdb.")
@click.option("--adapter", metavar="COMMAND|URL", help="Ask another assistant: “prog {question}”, or an address.")
@click.option("--json", "as_json", is_flag=True, help="Print the score and every miss as JSON.")
@warehouse_option
def evaluate(
    files: tuple[Path, ...],
    report: Path | None,
    fail_on_regression: bool,
    companies: Path | None,
    adapter: str | None,
    as_json: bool,
    warehouse: Path | None,
) -> None:
    """Run question files with expected results and print the score. Example: askcost eval questions.yaml."""
    from assistant.surfaces.cli import evaluating

    if fail_on_regression and report is None:
        raise click.UsageError("--fail-on-regression compares with the last run in --report DIR; give that too.")
    wanted = evaluating.Wanted(files, companies, adapter, report, fail_on_regression, as_json)
    sys.exit(evaluating.run(configuration(warehouse), wanted))


@main.command()
@click.option(
    "--by", "group", type=click.Choice(["user", "team", "model", "day", "purpose", "outcome"]), default="user"
)
@click.option("--since", type=DATE, help="From this day on; this month when absent.")
@click.option("--user", help="As this user: their own spend; all of it, and grants, for administrators.")
@click.option("--team", help="Show what is left for this team.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--grant-user", help="Give this user more, until their allowance resets.")
@click.option("--grant-team", help="Give this team more.")
@click.option("--tokens", type=click.IntRange(0), default=0, help="How many tokens more.")
@click.option("--usd", type=click.FloatRange(0), default=0.0, help="How much money more.")
@click.option("--reason", help="Why; kept with the grant.")
@click.option("--export", type=click.Path(path_type=Path, file_okay=False), help="Write the spend as files to load.")
@click.option("--load", "into_warehouse", is_flag=True, help="Put the spend into the warehouse, to ask about it.")
@warehouse_option
def spend(
    group: str,
    since: datetime | None,
    user: str | None,
    team: str | None,
    as_json: bool,
    grant_user: str | None,
    grant_team: str | None,
    tokens: int,
    usd: float,
    reason: str | None,
    export: Path | None,
    into_warehouse: bool,
    warehouse: Path | None,
) -> None:
    """The assistant's own spend on language models, and what is left. Example: askcost spend --by model."""
    from assistant.surfaces.cli import owning, spending

    config = configuration(warehouse)
    if grant_user or grant_team:
        if not (reason or "").strip() or not (tokens or usd):
            raise click.UsageError("a grant needs --reason, and --tokens or --usd.")
        subject, name = ("user", grant_user) if grant_user else ("team", grant_team)
        sys.exit(spending.grant(config, subject, str(name), tokens, Decimal(str(usd)), str(reason), user))
    if export is not None or into_warehouse:
        spending.need_admin(config, user)
        sys.exit(owning.export(config, export, since.date() if since else None) if export else owning.load(config))
    sys.exit(spending.report(config, group, since.date() if since else None, user, team, as_json))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="The port.")
@click.option("--today", type=DATE, help="The day that “today” means.")
@warehouse_option
@engine_option
def serve(host: str, port: int, today: datetime | None, warehouse: Path | None) -> None:
    """Open the web chat. Example: askcost serve --port 8080."""
    from assistant.surfaces.cli import serving

    sys.exit(serving.serve(configuration(warehouse), host, port, today.date() if today else None))


@main.command(name="demo-model")
@click.option("--port", type=click.IntRange(0, 65535), default=8091, show_default=True, help="The port; 0: a free one.")
@warehouse_option
def demo_model(port: int, warehouse: Path | None) -> None:
    """A stand-in for a language model, to see the route without a key. Example: askcost demo-model."""
    import threading

    from assistant.surfaces import demo_model

    try:
        sys.exit(demo_model.serve(configuration(warehouse).schemas, port, threading.Event().wait))
    except OSError as error:
        raise AssistantError(f"Port {port} can't be used: {error.strerror or error}. Choose another.") from None


@main.command()
@click.option("--http", is_flag=True, help="Listen for Slack's requests instead of Socket Mode.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on, with --http.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="The port, with --http.")
@click.option("--today", type=DATE, help="The day that “today” means.")
@warehouse_option
@engine_option
def slack(http: bool, host: str, port: int, today: datetime | None, warehouse: Path | None) -> None:
    """Run the Slack bot. Example: askcost slack."""
    from assistant.surfaces.cli import slacking

    sys.exit(slacking.serve(configuration(warehouse), http, host, port, today.date() if today else None))


@main.command()
@click.argument("user")
@click.password_option()
@warehouse_option
def password(user: str, password: str, warehouse: Path | None) -> None:
    """Let a listed user sign in to the web chat. Example: askcost password ada."""
    from assistant.surfaces.cli import serving

    sys.exit(serving.set_password(configuration(warehouse), user, password))


@main.command()
@warehouse_option
def doctor(warehouse: Path | None) -> None:
    """What is configured, what is missing, what to do next. Example: askcost doctor."""
    from assistant.surfaces.cli import doctoring

    sys.exit(doctoring.examine(configuration(warehouse)))


@main.group()
def warehouse() -> None:
    """What is kept to answer fast; each command takes --warehouse. Example: askcost warehouse advise."""


@warehouse.command(name="rollups")
@warehouse_option
def warehouse_rollups(warehouse: Path | None) -> None:
    """The sums that are kept beside the tables. Example: askcost warehouse rollups."""
    from assistant.surfaces.cli import storing

    sys.exit(storing.rollups(configuration(warehouse)))


@warehouse.command(name="advise")
@click.option("--days", type=click.IntRange(1), default=90, show_default=True, help="How far back to look.")
@click.option("--add", is_flag=True, help="Keep the proposed rollups from now on.")
@warehouse_option
def warehouse_advise(days: int, add: bool, warehouse: Path | None) -> None:
    """Rollups that the questions asked so far would be answered from. Example: askcost warehouse advise --add."""
    from assistant.surfaces.cli import storing

    sys.exit(storing.advise(configuration(warehouse), days, add))


COMMANDS = (
    *alert.COMMANDS,
    *money.COMMANDS,
    *metering.COMMANDS,
    *outlook.COMMANDS,
    *looking_back.COMMANDS,
    *keeping.COMMANDS,
    *programs.COMMANDS,
    *teach.COMMANDS,
)
for command in COMMANDS:
    main.add_command(command)


if __name__ == "__main__":
    main()
