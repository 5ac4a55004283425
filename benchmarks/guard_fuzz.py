"""Mutated statements against the guard for as long as wanted: python benchmarks/guard_fuzz.py --minutes 60.

Every accepted statement must give what an unprotected copy of the visible rows gives (tests/test_guard_fuzz.py).
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import guard_warehouse as warehouse
import test_guard_fuzz as fuzz

from assistant.errors import GuardRefusal
from assistant.sql import guard


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=1)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    stored = warehouse.stored()
    world = stored, warehouse.unprotected(fuzz.POLICY), warehouse.access(stored, fuzz.POLICY)
    accepted = refused = failed = 0
    longest = (0.0, "")
    end, seed = time.monotonic() + 60 * given.minutes, given.seed * 10**9
    while time.monotonic() < end:
        sql = fuzz.mutated(seed)
        seed += 1
        started = time.process_time()
        try:
            guard.check(sql, world[2])
        except GuardRefusal:
            refused += 1
            continue
        finally:
            longest = max(longest, (time.process_time() - started, sql))
        try:
            fuzz.examine(sql, world)
            accepted += 1
        except Exception:
            failed += 1
            print(f"--- seed {seed - 1}\n{sql}\n{traceback.format_exc(limit=1)}", flush=True)
    print(f"{accepted + refused + failed:,} statements: {accepted:,} accepted, {refused:,} refused, {failed} failed")
    print(f"longest validation {longest[0]:.2f} s CPU:\n{longest[1][:400]}")


if __name__ == "__main__":
    main()
