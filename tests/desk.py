"""A folder with a warehouse, where `askcost` is run as a process of its own; and the fixtures that furnish it."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PATIENCE = 120
# Each run is a process of its own, forked from one that has imported the program already: a start costs half a second.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["desk", "assistant.surfaces.cli.main", "assistant.surfaces.cli.asking"])


def forked(
    args: Sequence[str], stdin: str, folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Runs `askcost` with these arguments. Raises TimeoutExpired."""
    with tempfile.TemporaryDirectory() as name:
        streams = [Path(name) / stream for stream in ("in", "out", "err")]
        streams[0].write_text(stdin, encoding="utf-8")
        process = FORKS.Process(target=_be_askcost, args=(args, streams, folder, environment))
        process.start()
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(args, PATIENCE)
        said = [path.read_text(encoding="utf-8") for path in streams[1:]]
    assert process.exitcode is not None
    return subprocess.CompletedProcess(args, process.exitcode, *said)


def _be_askcost(args: Sequence[str], streams: Sequence[Path], folder: Path, environment: Mapping[str, str]) -> None:
    for number, (path, mode) in enumerate(zip(streams, (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT] * 2), strict=True)):
        os.dup2(os.open(path, mode), number)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["askcost", *args]
    from assistant.surfaces.cli.main import main

    main()


@dataclass(frozen=True)
class Desk:
    """A folder with a warehouse of its own, where `askcost` is run."""

    folder: Path
    warehouse: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *args: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ASKCOST_")}
        done = forked(args, stdin, self.folder, {**kept, "ASKCOST_WAREHOUSE": str(self.warehouse), **environment})
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
