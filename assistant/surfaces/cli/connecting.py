"""`askcost mcp` and `askcost token`: other programs ask, as the user whom their token names."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from importlib.util import find_spec

import click

from assistant.config import Config
from assistant.desk.desk import Desk
from assistant.desk.tokens import Tokens
from assistant.errors import AssistantError
from assistant.surfaces.cli.serving import check_free
from assistant.surfaces.web.settings import LOOPBACK
from assistant.telling.table import plain


def serve(config: Config, user: str | None, today: date | None) -> int:
    """MCP over standard input and output. Raises Refused for a user that is not listed."""
    _check_installed()
    from assistant.surfaces.mcp_server.server import over_stdio

    with _desk(config, today) as desk:
        desk.assistant.access(user)
        asyncio.run(over_stdio(desk, user))
    return 0


def serve_http(config: Config, host: str, port: int, names: Sequence[str], today: date | None) -> int:
    """MCP over streamable HTTP until interrupted."""
    _check_installed()
    check_free(host, port)
    import uvicorn

    from assistant.surfaces.mcp_server.server import PATH, over_http

    with _desk(config, today) as desk:
        desk.assistant.access(None)
        app = over_http(desk, host in LOOPBACK and not names, (host, *names))
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"askcost serves MCP at http://{shown}:{port}{PATH} to who bears a token (`askcost token`).")
        uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=5)
    return 0


def create(config: Config, user: str | None, name: str, as_json: bool) -> int:
    """Prints the secret, once. Raises Refused for a user that is not listed."""
    from assistant.assistant import Assistant

    Assistant(config).access(user)
    token, secret = Tokens.of(config).create(user, name)
    click.echo(json.dumps({**token._asdict(), "token": secret}) if as_json else secret)
    of = "the local operator" if user is None else user
    click.echo(f"Token {token.id} of {of}, shown this once. `askcost token --revoke {token.id}` ends it.", err=True)
    return 0


def tokens(config: Config, as_json: bool) -> int:
    found = Tokens.of(config).listed()
    if as_json:
        click.echo(json.dumps([token._asdict() for token in found]))
        return 0
    for one in found:
        state = f"revoked {one.revoked}" if one.revoked else "valid"
        click.echo(plain(f"{one.id}  {one.created[:19]}  {one.user or 'local operator':16} {state:33} {one.name}"))
    return 0


def revoke(config: Config, id: str) -> int:
    token = Tokens.of(config).revoke(id)
    click.echo(plain(f"Token {token.id} ({token.name}) opens nothing any more."))
    return 0


def _check_installed() -> None:
    if find_spec("mcp") is None or find_spec("uvicorn") is None:
        raise AssistantError("The MCP server is not installed; `pip install 'askcost[mcp]'` adds it.")


@contextmanager
def _desk(config: Config, today: date | None) -> Iterator[Desk]:
    from assistant.assistant import Assistant
    from assistant.desk.desk import StoppableEngine
    from assistant.engine_room import WORKERS, open_engine

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    assistant = Assistant(config, engine=StoppableEngine(open_engine(config, WORKERS)), surface="mcp")
    try:
        yield Desk(assistant, today)
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
    finally:
        assistant.close()
