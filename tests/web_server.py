"""The web chat over the harmful company, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import web_company

SERVE = """
import sys
from datetime import date
from pathlib import Path
from assistant.config import Config
from assistant.surfaces.cli import serving
serving.serve(Config(warehouse=Path(sys.argv[1])), "127.0.0.1", int(sys.argv[2]), date.fromisoformat(sys.argv[3]))
"""


class Server:
    """`settings` are of its environment; `stop` and `start` keep its files."""

    def __init__(self, warehouse: Path, **settings: str) -> None:
        self.warehouse, self.settings = warehouse, settings
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", SERVE, str(self.warehouse), str(self.port), web_company.TODAY.isoformat()]
        environment = {**os.environ, **self.settings}
        self.log = open(self.warehouse.with_suffix(".log"), "a")  # noqa: SIM115
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log)
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/ready", timeout=5).close()
                return
            except OSError:
                assert self.process.poll() is None, self.logged()
                assert time.monotonic() < until, "the chat does not come up"
                time.sleep(0.2)

    def read(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path) as reply:
            return str(reply.read().decode())

    def logged(self) -> str:
        return self.warehouse.with_suffix(".log").read_text(encoding="utf-8")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
