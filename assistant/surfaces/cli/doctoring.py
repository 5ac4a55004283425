"""`askcost doctor`: what is configured, what is missing, what to do next."""

from __future__ import annotations

import sys
from importlib.metadata import version
from importlib.util import find_spec

import click

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import AssistantError, LedgerError
from assistant.ledger import store
from assistant.ledger.alerts import Alerts


def examine(config: Config) -> int:
    """Exit 0 when questions can be answered, 1 when something must be done first."""
    ok = True

    def line(good: bool, what: str, then: str = "") -> None:
        nonlocal ok
        ok = ok and good
        click.echo(f"{'ok ' if good else 'NO '} {what}" + (f"\n     → {then}" if then and not good else ""))

    line(sys.version_info >= (3, 11), f"Python {sys.version.split()[0]}", "Python 3.11 or newer is needed.")
    line(True, f"DuckDB {version('duckdb')}, sqlglot {version('sqlglot')}")
    assistant = Assistant(config, surface="doctor")
    try:
        schema, words = assistant.schema, assistant.vocabulary
        line(
            True,
            f"schemas: {len(schema.metrics)} metrics, {len(words.operators)} kinds of operators ({config.schemas})",
        )
    except AssistantError as error:
        line(False, f"schemas: {error}", "repair that line.")
        return 1
    try:
        held = assistant.warehouse.catalog
    except AssistantError as error:
        line(False, str(error), "askcost demo, or askcost load FILE…")
        return 1
    place = config.published if config.engine == "spark" else config.warehouse
    line(True, f"warehouse: {place}, version {held.data_version}, run by {assistant.engine.name}")
    for table in sorted(held.tables):
        days = held.days.get(table)
        click.echo(f"     {table}" + (f": {days.first} to {days.last}" if days else ""))
    line("cost_and_usage" in held.tables, "charges are loaded", "askcost load your-focus-export.csv")
    for user in held.small.get("users", ()):
        try:
            assistant.access(str(user["user"]))
        except AssistantError as error:
            line(False, f"user {user['user']}", str(error))
    try:
        with store.of(config).transaction():
            line(True, f"ledger: {'PostgreSQL' if config.ledger_url else config.ledger_path}")
        alerts = Alerts(store.of(config))
        if rules := alerts.rules():
            line(not alerts.dead(), f"alerts: {len(rules)}, all that they said arrived", "askcost alerts dead")
    except LedgerError as error:
        line(False, str(error), "make it writable, or set ASKCOST_LEDGER or ASKCOST_LEDGER_URL.")
    if config.has_llm:
        line(
            find_spec("langchain_openai") is not None,
            f"language model: {config.llm_model}",
            "pip install 'askcost[llm]'",
        )
    else:
        click.echo("     language model: none; questions are read by the local planner, at no tokens")
    if config.slack_bot_token is None:
        click.echo("     Slack: not set up (docs/slack.md)")
    elif find_spec("slack_sdk") is None:
        line(False, "Slack: the bot is not installed", "pip install 'askcost[slack]'")
    else:
        from assistant.surfaces.slack.checks import checks

        for check in checks(config, assistant):
            line(check.good, check.what, check.then)
    return 0 if ok else 1
