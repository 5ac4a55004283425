"""Fifty people chat at once, each asks twenty questions: errors, mixed-up answers, waiting times, memory of the server.

Over real websockets against a server in a process of its own, as a proxy with header sign-in would. Half of the people
may see one provider only, half the other: a row or a message of somebody else's would be noticed.

    python benchmarks/web_load.py [people] [questions]
"""

from __future__ import annotations

import asyncio
import csv
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import web_company  # noqa: E402
from chat_client import ChatClient  # noqa: E402
from web_server import Server  # noqa: E402

from assistant.warehouse.load import load  # noqa: E402

QUESTIONS = (
    "cost by provider last month",
    "cost by team last month",
    "top 2 services last month",
    "cost last month compared to the month before",
    "cost by month for the last 3 months",
)
PROVIDER = QUESTIONS[0]


class Failure(Exception):
    """An answer that is wrong, missing or somebody else's."""


def memory_mb(pid: int) -> float:
    """What the server's own process holds; its workers have their own limits."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def people(warehouse: Path, count: int) -> dict[str, str]:
    """user → the provider that they may see."""
    seen = {f"user{n:02}": web_company.PROVIDERS[n % 2] for n in range(count)}
    file = warehouse.parent / "many.csv"
    with open(file, "w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["user", "role", "row_policy"])
        rows.writerows([user, "analyst", f"provider = {provider}"] for user, provider in seen.items())
    load([str(file)], warehouse, "users", replace=True)
    return seen


async def chat(server: Server, user: str, provider: str, questions: int, times: list[float], ids: list[str]) -> None:
    async with ChatClient(server.url, {"x-forwarded-user": user}) as client:
        for n in range(questions):
            question = QUESTIONS[n % len(QUESTIONS)]
            started = time.perf_counter()
            heard = await client.ask(question, 120)
            times.append(time.perf_counter() - started)
            if any(m["threadId"] != client.thread for m in heard):
                raise Failure(f"{user} heard another conversation")
            panel = await client.panel()
            if question == PROVIDER and [row[0] for row in panel["rows"]] != [provider]:
                raise Failure(f"{user} saw {panel['rows']} after {client.said()[-1]}")
        if len(client.panels) != questions:
            raise Failure(f"{user} got {len(client.panels)} of {questions} answers: {client.said()}")
        ids += client.panels


async def run(server: Server, seen: dict[str, str], questions: int) -> None:
    times: list[float] = []
    ids: list[str] = []
    started, before = time.perf_counter(), memory_mb(server.process.pid)
    done = await asyncio.gather(
        *(chat(server, user, provider, questions, times, ids) for user, provider in seen.items()),
        return_exceptions=True,
    )
    took = time.perf_counter() - started
    errors = [error for error in done if error]
    for error in errors[:5]:
        print(f"  {type(error).__name__}: {error}")
    waits = (
        f"median {statistics.median(times):.2f}, p95 {statistics.quantiles(times, n=20)[-1]:.2f}, max {max(times):.2f}"
    )
    print(
        f"{len(seen)} people, {questions} questions each: {len(times)} answers, {len(times) / took:.1f} a second; "
        f"{len(errors)} errors, {len(ids) - len(set(ids))} shared answers; seconds to an answer: {waits}; "
        f"memory {before:.0f} → {memory_mb(server.process.pid):.0f} MB"
    )


def main() -> None:
    given = [int(number) for number in sys.argv[1:]]
    count, questions = given if len(given) == 2 else (50, 20)
    with tempfile.TemporaryDirectory() as folder:
        warehouse = web_company.build(Path(folder) / "costs.duckdb")
        seen = people(warehouse, count)
        server = Server(warehouse, ASKCOST_WEB_SIGN_IN="header")
        try:
            for _ in range(2):  # the first warms up; memory must stay in the second
                asyncio.run(run(server, seen, questions))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
