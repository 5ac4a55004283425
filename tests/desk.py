"""A folder with a warehouse, where `askcost` is run as a process of its own; and the fixtures that furnish it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Desk:
    """A folder with a warehouse of its own, where `askcost` is run."""

    folder: Path
    warehouse: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *args: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ASKCOST_")}
        done = subprocess.run(
            [sys.executable, "-m", "assistant.surfaces.cli.main", *args],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            cwd=self.folder,
            env={**kept, "PYTHONPATH": str(ROOT), "ASKCOST_WAREHOUSE": str(self.warehouse), **environment},
            timeout=120,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def answer(self, *args: str, exit: int = 0, stdin: str = "") -> dict[str, Any]:
        """What `--json` printed."""
        done = self.run(*args, "--json", stdin=stdin)
        assert done.returncode == exit, done.stdout + done.stderr
        return dict(json.loads(done.stdout))

    def write(self, name: str, *lines: object) -> str:
        texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
        (self.folder / name).write_text("\n".join(texts) + "\n", encoding="utf-8")
        return str(self.folder / name)
