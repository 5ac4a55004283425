"""How long the guard takes: `python benchmarks/guard.py [rounds]`. Prints medians; promises nothing.

Statements of both corpora on the test warehouse, with and without a row policy, then texts made to be slow.
Wall-clock milliseconds; the first statement of a process also starts DuckDB's parser.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import guard_warehouse as warehouse
from test_guard import TOO_MUCH

from assistant.errors import GuardRefusal
from assistant.sql import guard
from assistant.values import Access


def milliseconds(sql: str, access: Access, rounds: int) -> float:
    """The median of a few checks."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        with suppress(GuardRefusal):
            guard.check(sql, access)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def report(name: str, statements: Iterable[str], access: Access, rounds: int) -> None:
    """One line: how many, median, 95th percentile, the slowest and how it begins."""
    timed = sorted((milliseconds(sql, access, rounds), sql) for sql in statements)
    worst, sql = timed[-1]
    print(
        f"{name:<28}{len(timed):>5} statements   median {timed[len(timed) // 2][0]:6.1f} ms   "
        f"95 % {timed[int(len(timed) * 0.95)][0]:6.1f} ms   worst {worst:6.1f} ms  {sql[:40]!r}"
    )


def main(rounds: int = 3) -> None:
    """Print the report."""
    stored = warehouse.stored()
    everything, retail = warehouse.access(stored), warehouse.access(stored, "x_CostCenter = 'Retail'")
    started = time.perf_counter()
    guard.check("SELECT 1", everything)
    print(f"{'first of a process':<28}{(time.perf_counter() - started) * 1000:31.1f} ms")
    accepted = [
        sql for file in ("guard_accepted.sql", "guard_accepted_focus.sql") for _, sql in warehouse.statements(file)
    ]
    refused = (warehouse.CASES / "guard_refused.jsonl").read_text("utf-8").splitlines()
    guard.check("SELECT 1", retail)
    report("accepted, no policy", accepted, everything, rounds)
    report("accepted, row policy", accepted, retail, rounds)
    report("refused", [json.loads(line)["sql"] for line in refused], retail, rounds)
    report("made to be slow", TOO_MUCH.values(), retail, 1)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
