"""How long an answer takes beside the hand-written SQL of the same question, on the same kind of connection.

python benchmarks/answers.py [--big]

The demo company with 500,000 charges (--big: 10 million) and a tag of 50,000 values, so that names are many.
Questions with one right answer are taken from tests/corpus/demo.yaml; each is asked once to warm up, then five times.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

from assistant import evaluation
from assistant.assistant import Assistant
from assistant.config import ROOT, Config
from assistant.engines.duckdb_engine import open_locked
from assistant.values import Question
from assistant.warehouse import demo
from assistant.warehouse.publish import writing

QUESTIONS = 30
RUNS = 5
NAMES = 50_000
STAGES = ("plan", "guard", "execute", "narrate", "total")


def main() -> None:
    """Print the medians over all questions, and the slowest ones."""
    rows = 10_000_000 if "--big" in sys.argv[1:] else 500_000
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Path(folder) / "demo.duckdb"
        build(warehouse, rows)
        measured = measure(warehouse)
    print(f"{rows:,} charges, {NAMES:,} names, {len(measured)} questions, median of {RUNS} runs each, milliseconds")
    for stage in STAGES:
        print(f"  {stage:8} {median(times[stage] for _, times, _ in measured):8.1f}")
    print(f"  {'SQL':8} {median(sql for _, _, sql in measured):8.1f}   written by hand, run alone")
    print(f"  {'ratio':8} {median(times['total'] / sql for _, times, sql in measured):8.1f}   total ÷ SQL")
    print("slowest:")
    for question, times, sql in sorted(measured, key=lambda one: -one[1]["total"])[:5]:
        parts = ", ".join(f"{stage} {times[stage]:.0f}" for stage in STAGES)
        print(f"  {question!r}: {parts}; SQL {sql:.0f}")


def build(warehouse: Path, rows: int) -> None:
    """The demo company with one tag more, which has a value for every job."""
    demo.build(warehouse, rows=rows, end=date(2026, 10, 14))
    with writing(warehouse) as con:
        con.execute('ALTER TABLE cost_and_usage ADD COLUMN "Tags.batch-job" VARCHAR')
        con.execute(f"UPDATE cost_and_usage SET \"Tags.batch-job\" = 'job ' || hash(rowid) % {NAMES}")


def measure(warehouse: Path) -> list[tuple[str, dict[str, float], float]]:
    """(question, milliseconds of each stage, milliseconds of its SQL) of each question that is answered."""
    assistant = Assistant(Config(warehouse=warehouse))
    connection = open_locked(warehouse, assistant.limits)
    measured = []
    for item in chosen():
        question = Question(item["question"], today=date.fromisoformat(str(item["today"])))
        if assistant.ask(question).status != "answered":
            print(f"  left out, because it is not answered: {question.text!r}")
            continue
        answers = [assistant.ask(question).timings_ms for _ in range(RUNS)]
        stages = {stage: median(one.get(stage, 0.0) for one in answers) for stage in STAGES}
        sql = [milliseconds(connection, item["sql"]) for _ in range(RUNS)]
        measured.append((question.text, stages, median(sql)))
    connection.close()
    assistant.close()
    return measured


def chosen() -> list[dict[str, Any]]:
    """Every kind of question, evenly over the file; none that needs a conversation or a user."""
    items = evaluation.read(ROOT / "tests" / "corpus" / "demo.yaml")
    whole = [i for i in items if i.get("sql") and i["expect"] == "answered" and not {"thread", "user"} & set(i)]
    return whole[:: max(1, len(whole) // QUESTIONS)][:QUESTIONS]


def milliseconds(connection: duckdb.DuckDBPyConnection, sql: str) -> float:
    started = time.perf_counter()
    connection.cursor().execute(sql).fetchall()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
