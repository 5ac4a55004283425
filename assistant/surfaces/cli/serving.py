"""`askcost serve`: the web chat. Prepares what Chainlit expects to find, then listens."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import click

from assistant.config import ROOT, Config
from assistant.errors import AssistantError, Refused
from assistant.surfaces.cli import loading
from assistant.surfaces.web.passwords import cookie_secret
from assistant.surfaces.web.settings import LOOPBACK, WebSettings, beside

ASSETS = (".chainlit", "public", "chainlit.md")


def serve(config: Config, host: str = "127.0.0.1", port: int = 8000, today: date | None = None) -> int:
    """Listens until interrupted; builds the demo company first when there is no warehouse.

    Raises Refused for an address that others can reach when nobody signs in.
    """
    settings = WebSettings()
    check_reach(host, settings)
    if find_spec("chainlit") is None:
        raise AssistantError("The web chat is not installed; `pip install 'askcost[web]'` adds it.")
    check_free(host, port)
    if config.engine == "duckdb" and not config.warehouse.exists():
        click.echo(f"There is no warehouse at {config.warehouse} yet; building the demo company first.")
        loading.demo(config, 500_000, None, 7)
    # After its own farewell uvicorn sends itself the signal again; this lets what follows still happen.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = Path(tempfile.mkdtemp(prefix="askcost-web-"))
    try:
        listen(config, settings, host, port, today, folder)
    except KeyboardInterrupt:
        click.echo("Stopped.")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def set_password(config: Config, user: str, password: str) -> int:
    """Lets a user of the `users` table sign in. Raises Refused for one that is not listed."""
    from assistant.assistant import Assistant
    from assistant.surfaces.web.passwords import Passwords

    Assistant(config).access(user)
    Passwords(beside(config, "passwords.sqlite")).set(user, password)
    click.echo(f"{user} can sign in with the new password.")
    return 0


def check_reach(host: str, settings: WebSettings) -> None:
    """Raises Refused when strangers could read costs, or name themselves as somebody else."""
    if host in LOOPBACK:
        return
    if settings.sign_in == "none":
        raise Refused(
            f"Without sign-in the chat is for this machine only, and {host} can be reached from others. "
            "Leave --host away, or set ASKCOST_WEB_SIGN_IN (docs/web.md)."
        )
    if settings.sign_in == "header" and settings.proxy_secret is None:
        raise Refused(
            f"{host} can be reached past the proxy that names users. Set ASKCOST_WEB_PROXY_SECRET to what the "
            "proxy sends as x-askcost-proxy-secret, or listen on 127.0.0.1."
        )


def check_free(host: str, port: int) -> None:
    """Raises AssistantError when something listens there already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AssistantError(f"Port {port} of {host} can't be used ({error.strerror}); try --port.") from None


def furnish(program: Path, folder: Path) -> None:
    """Chainlit's settings, theme and texts, where it can write beside them; the program's own may be read-only."""
    for name in ASSETS:
        if (program / name).is_dir():
            shutil.copytree(program / name, folder / name)
        else:
            shutil.copyfile(program / name, folder / name)
            shutil.copyfile(program / name, folder / "chainlit_en-US.md")
    for path in folder.rglob("*"):  # a copy of what is read-only is read-only too
        path.chmod(0o700 if path.is_dir() else 0o600)


def listen(config: Config, settings: WebSettings, host: str, port: int, today: date | None, folder: Path) -> None:
    """folder: private to this run, and empty."""
    furnish(ROOT, folder)
    os.environ["CHAINLIT_APP_ROOT"] = str(folder)
    os.environ["CHAINLIT_AUTH_SECRET"] = cookie_secret(beside(config, "web-secret"))
    # Chainlit reads its settings when it is imported: only now, and only here.
    import uvicorn

    from assistant.assistant import Assistant
    from assistant.desk import briefing
    from assistant.desk.desk import Desk, StoppableEngine
    from assistant.engine_room import WORKERS, open_engine
    from assistant.surfaces.cli.readers import channel_readers
    from assistant.surfaces.web import logs
    from assistant.surfaces.web.page import application

    engine = StoppableEngine(open_engine(config, WORKERS))
    assistant = Assistant(config, engine=engine, surface="web")
    programs = Assistant(config, engine=engine, surface="api", desk=assistant.desk)
    try:
        app = application(
            Desk(assistant, today),
            Desk(programs, today),
            settings,
            host in LOOPBACK and settings.sign_in == "none",  # else a proxy brings others
            lambda: engine.running,
            lambda: setattr(server, "should_exit", True),
            channel_readers(assistant),
        )
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None if settings.log == "json" else uvicorn.config.LOGGING_CONFIG,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=5,
            )
        )
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"askcost is at http://{shown}:{port}/ and calls no other host. Ctrl-C stops it.")
        if settings.sign_in == "none":
            # Ready before the browser is.
            threading.Thread(target=briefing.lines, args=(app.state.desk, None), daemon=True).start()
            click.echo("Nobody signs in: whoever is at this machine sees everything, as the local operator.")
        click.echo("Try: cost by service last month")
        if settings.log == "json":
            logs.as_lines()
        server.run()
    finally:
        programs.close()
        assistant.close()
