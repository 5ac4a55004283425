"""How much a normal user notices of fifty bombs: `python benchmarks/sandbox.py [--owners N] [--seconds S]`.

Prints the median and slowest time of one small query, alone and beside the bombs, and their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from assistant.engines.sandbox import Sandbox
from assistant.errors import EngineError
from assistant.values import CheckedQuery, Limits

BOMBS = (
    "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))",
    "SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c",
    "SELECT len(repeat('x', 2000000000))",
    "SELECT i FROM range(500000000) t(i) ORDER BY hash(i)",
    "SELECT string_agg(i::VARCHAR) FROM range(1000000000) t(i)",
)
NORMAL = "SELECT service, sum(cost) FROM spend GROUP BY service ORDER BY 2 DESC"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bombs", type=int, default=50)
    parser.add_argument("--owners", type=int, default=1, help="how many users the bombs come from")
    parser.add_argument("--seconds", type=float, default=5.0, help="time limit of a statement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.duckdb"
        with duckdb.connect(str(path)) as warehouse:
            warehouse.execute(
                "CREATE TABLE spend AS SELECT 'service ' || i % 40 AS service, "
                "(i % 997)::DECIMAL(18, 6) AS cost FROM range(3000000) t(i)"
            )
        sandbox = Sandbox(path)
        alone = [_seconds(sandbox, options.seconds) for _ in range(30)]
        with ThreadPoolExecutor(options.bombs) as people:
            started = time.perf_counter()
            bombs = [
                people.submit(_bomb, sandbox, number, options.owners, options.seconds)
                for number in range(options.bombs)
            ]
            time.sleep(0.5)
            beside: list[float] = []
            while len(beside) < 30 and not all(bomb.done() for bomb in bombs):
                beside.append(_seconds(sandbox, options.seconds))
                time.sleep(0.1)
            stops = [bomb.result() for bomb in bombs]
            lasted = time.perf_counter() - started
        sandbox.close()
    for name, times in (("alone", alone), ("beside the bombs", beside)):
        ordered = sorted(times)
        print(
            f"{name}: {len(times)} answers, median {statistics.median(times) * 1000:.0f} ms, "
            f"95 % {ordered[int(len(times) * 0.95) - 1] * 1000:.0f} ms, slowest {ordered[-1] * 1000:.0f} ms"
        )
    print(f"ratio of medians {statistics.median(beside) / statistics.median(alone):.1f}")
    print(f"{len(stops)} bombs stopped in {lasted:.0f} s: { {stop: stops.count(stop) for stop in stops} }")


def _seconds(sandbox: Sandbox, limit: float) -> float:
    started = time.perf_counter()
    sandbox.run(_checked(NORMAL, limit), owner="normal")
    return time.perf_counter() - started


def _bomb(sandbox: Sandbox, number: int, owners: int, limit: float) -> str | None:
    try:
        sandbox.run(_checked(BOMBS[number % len(BOMBS)], limit), owner=f"bomber {number % owners}")
    except EngineError as error:
        return error.limit
    return "finished"


def _checked(sql: str, seconds: float) -> CheckedQuery:
    return CheckedQuery(sql, sql, (), (), (), None, Limits(seconds=seconds))


if __name__ == "__main__":
    main()
