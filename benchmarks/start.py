"""How long a whole `askcost ask` process takes, from the shell's call to its end, and which imports cost the most.

python benchmarks/start.py [WAREHOUSE]

Without WAREHOUSE: the smallest demo company. Bytecode is cached, as it is for people.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import median

from assistant.config import ROOT
from assistant.warehouse import demo

RUNS = 10
ASK = ("-m", "assistant.surfaces.cli.main", "ask", "cost by service last month", "--today", "2026-10-15")


def main() -> None:
    """Print the shortest and the median run, and the fifteen dearest imports."""
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "demo.duckdb"
        if len(sys.argv) == 1:
            demo.build(warehouse, rows=1, end=date(2026, 10, 14))
        ledger = f"{folder}/ledger.sqlite"
        run(warehouse, ledger)  # writes the bytecode
        times = [run(warehouse, ledger)[0] for _ in range(RUNS)]
        bare = [timed(["-c", "pass"], {})[0] for _ in range(RUNS)]
        profile = run(warehouse, ledger, "-X", "importtime")[1]
    print(f"askcost ask, whole process: shortest {min(times):.0f} ms, median {median(times):.0f} ms of {RUNS}")
    print(f"python alone: shortest {min(bare):.0f} ms, median {median(bare):.0f} ms")
    print("imports, milliseconds of their own | with what they import:")
    for name, own, all_in in dearest(profile):
        print(f"  {own:7.1f} {all_in:8.1f}  {name}")


def run(warehouse: Path, ledger: str, *options: str) -> tuple[float, str]:
    return timed([*options, *ASK], {"ASKCOST_WAREHOUSE": str(warehouse), "ASKCOST_LEDGER": ledger})


def timed(arguments: list[str], settings: dict[str, str]) -> tuple[float, str]:
    """(milliseconds, standard error) of one Python process."""
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)
    return (time.perf_counter() - started) * 1000, done.stderr


def dearest(profile: str, most: int = 15) -> list[tuple[str, float, float]]:
    """(module, own, with its imports) in milliseconds, from what `-X importtime` wrote."""
    lines = re.findall(r"^import time:\s+(\d+) \|\s+(\d+) \| +(\S+)", profile, re.M)
    found = [(name, int(own) / 1000, int(whole) / 1000) for own, whole, name in lines]
    return sorted(found, key=lambda one: -one[1])[:most]


if __name__ == "__main__":
    main()
