"""`askcost serve`: the web chat. Prepares what Chainlit expects to find, then listens."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import date
from pathlib import Path

import click

from assistant.config import ROOT, Config
from assistant.errors import Refused
from assistant.surfaces.cli import loading

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ASSETS = (".chainlit", "public", "chainlit.md")


def serve(config: Config, host: str = "127.0.0.1", port: int = 8000, today: date | None = None) -> int:
    """Listens until interrupted; builds the demo company first when there is no warehouse."""
    if host not in LOOPBACK:
        raise Refused(
            f"Without sign-in the chat is for this machine only, and {host} is reachable from others. "
            "Leave --host away, or set up sign-in (docs/web.md)."
        )
    if not config.warehouse.exists():
        click.echo(f"There is no warehouse at {config.warehouse} yet; building the demo company first.")
        loading.demo(config, 500_000, None, 7)
    folder = Path(tempfile.mkdtemp(prefix="askcost-web-"))
    try:
        listen(config, host, port, today, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def listen(config: Config, host: str, port: int, today: date | None, folder: Path) -> None:
    """folder: private to this run; Chainlit writes beside its settings, and the program's own may be read-only."""
    for name in ASSETS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copyfile(source, folder / name)
    os.environ["CHAINLIT_APP_ROOT"] = str(folder)
    # Chainlit reads its settings when it is imported: only now, and only here.
    import uvicorn

    from assistant.assistant import Assistant
    from assistant.engines.sandbox import Sandbox
    from assistant.surfaces.web.chat import Chat
    from assistant.surfaces.web.desk import Desk, StoppableEngine
    from assistant.surfaces.web.page import application
    from assistant.values import Limits

    limits = Limits(seconds=config.query_seconds, memory_mb=config.query_memory_mb)
    engine = StoppableEngine(Sandbox(config.warehouse, limits))
    assistant = Assistant(config, engine=engine, surface="web")
    desk = Desk(assistant, today)
    try:
        app = application(desk, Chat(desk, engine.cancel), LOOPBACK)
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"askcost is at http://{shown}:{port}/ and asks nobody else. Ctrl-C stops it.")
        click.echo("Try: cost by service last month")
        uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=20)
    finally:
        assistant.close()
