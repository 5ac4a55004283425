"""The commands for other programs: the MCP server, and the tokens by which programs ask. Only arguments."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from assistant.surfaces.cli.options import DATE, configuration, engine_option, warehouse_option


@click.command()
@click.option("--http", is_flag=True, help="Streamable HTTP with bearer tokens instead of standard input and output.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on, with --http.")
@click.option("--port", type=click.IntRange(1, 65535), default=8001, show_default=True, help="The port, with --http.")
@click.option("--host-name", "names", multiple=True, help="A name that it may be called by, with --http; repeatable.")
@click.option("--user", help="Ask as this user, under their row policy. Not with --http.")
@click.option("--today", type=DATE, help="The day that “today” means.")
@warehouse_option
@engine_option
def mcp(
    http: bool,
    host: str,
    port: int,
    names: tuple[str, ...],
    user: str | None,
    today: datetime | None,
    warehouse: Path | None,
) -> None:
    """Serve other assistants over MCP. Example: askcost mcp --user ada."""
    from assistant.surfaces.cli import connecting

    if http and user:
        raise click.UsageError("with --http each token says who asks; leave --user away.")
    config, day = configuration(warehouse), today.date() if today else None
    sys.exit(connecting.serve_http(config, host, port, names, day) if http else connecting.serve(config, user, day))


@click.command()
@click.argument("user", required=False)
@click.option("--name", help="What is going to use it, like “Ada's laptop”.")
@click.option("--operator", is_flag=True, help="The local operator's, for servers that only this machine reaches.")
@click.option("--list", "listed", is_flag=True, help="List all tokens, without their secrets.")
@click.option("--revoke", metavar="ID", help="End this token at once.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@warehouse_option
def token(
    user: str | None,
    name: str | None,
    operator: bool,
    listed: bool,
    revoke: str | None,
    as_json: bool,
    warehouse: Path | None,
) -> None:
    """A token by which a program asks as a listed user. Example: askcost token ada --name "Ada's laptop"."""
    from assistant.surfaces.cli import connecting

    if [bool(user), operator, listed, bool(revoke)].count(True) != 1:
        raise click.UsageError("give one of USER, --operator, --list and --revoke.")
    if bool(user or operator) != bool(name):
        raise click.UsageError("--name goes with a new token, and says what is going to use it.")
    config = configuration(warehouse)
    if listed:
        sys.exit(connecting.tokens(config, as_json))
    if revoke:
        sys.exit(connecting.revoke(config, revoke))
    sys.exit(connecting.create(config, user, str(name), as_json))


COMMANDS = (mcp, token)
