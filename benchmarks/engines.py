"""Every question of the corpus on DuckDB and on Spark: are the rows the same, and how much longer does it take?

python benchmarks/engines.py [FILE OF THE CORPUS…]

Starts a cluster of two small workers here. Each different statement that DuckDB ran is run once more on it, and written
in every other dialect.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import sqlglot

from assistant import evaluation
from assistant.assistant import Assistant
from assistant.config import ROOT, Config
from assistant.engines.duckdb_engine import DuckDBEngine
from assistant.engines.published import Published
from assistant.engines.spark_engine import SparkEngine
from assistant.errors import AssistantError
from assistant.sql.dialects import DIALECTS, translate
from assistant.values import CheckedQuery, Question, Rows
from assistant.warehouse.parquet import publish

sys.path.insert(0, str(ROOT / "tests"))
import conftest
import spark_cluster


class Recording(DuckDBEngine):
    """Keeps each different statement with its rows and seconds."""

    def __init__(self, warehouse: Path) -> None:
        super().__init__(warehouse)
        self.ran: dict[str, tuple[CheckedQuery, Rows, float]] = {}

    def run(self, query: CheckedQuery, owner: str | None = None, query_id: str | None = None) -> Rows:
        started = time.perf_counter()
        rows = super().run(query, owner, query_id)
        self.ran.setdefault(query.executable, (query, rows, time.perf_counter() - started))
        return rows


def main(files: list[str]) -> None:
    """Print what differs, then the counts and the time of both."""
    items = [item for file in files for item in evaluation.read(conftest.CORPUS / file)]
    counts: Counter[str] = Counter()
    seconds = [0.0, 0.0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cluster = spark_cluster.SparkCluster(folder)
        try:
            cluster.start()
            for company in sorted({item["company"] for item in items}):
                compare(company, [i for i in items if i["company"] == company], folder, cluster.url, counts, seconds)
        finally:
            cluster.stop()
    ran = sum(counts[how] for how in ("same", "different", "refused by Spark"))
    print(f"{len(items)} questions, {ran} statements: {dict(counts)}")
    print(f"Spark took {seconds[1] / (seconds[0] or 1):.0f} times as long as DuckDB on this small data")


def compare(company: str, items: list[Any], folder: Path, url: str, counts: Counter[str], seconds: list[float]) -> None:
    warehouse = folder / f"{company}.duckdb"
    conftest.BUILD[company](warehouse)
    with duckdb.connect(str(warehouse)) as con:
        con.execute("DELETE FROM _askcost.rollups")  # the cluster has the tables only: the same statements for both
    publish(warehouse, folder / company)
    engine = Recording(warehouse)
    duck = Assistant(Config(warehouse=warehouse), engine)
    for item in items:
        day = date.fromisoformat(str(item["today"])) if "today" in item else None
        status = duck.ask(Question(item["question"], today=day)).status
        counts["asked: " + status] += 1
    duck.close()
    spark = SparkEngine(url, str(folder / company), translate)
    schema = Published(str(folder / company)).manifest(no_client).schema
    for query, rows, took in engine.ran.values():
        started = time.perf_counter()
        try:
            found = spark.run(query)
        except AssistantError as error:
            counts["refused by Spark"] += 1
            print(f"{company}: {error}\n  {query.sql}")
            continue
        seconds[0], seconds[1] = seconds[0] + took, seconds[1] + time.perf_counter() - started
        same = (found.columns, found.types) == (rows.columns, rows.types) and alike(query, rows.rows, found.rows)
        counts["same" if same else "different"] += 1
        if not same:
            print(f"{company}: different rows\n  {query.sql}")
        for dialect in DIALECTS:
            sqlglot.parse_one(translate(query.executable, schema, dialect).sql, dialect=dialect)
            counts[dialect] += 1
    spark.close()


def no_client() -> Any:
    raise AssertionError("the tables are in a folder here")


def alike(query: CheckedQuery, one: Any, other: Any) -> bool:
    if " ORDER BY " not in query.executable:
        one, other = sorted(one, key=str), sorted(other, key=str)
    return len(one) == len(other) and all(
        a == b or (isinstance(a, float) and isinstance(b, float) and abs(a - b) <= 1e-9 * max(abs(a), abs(b)))
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left, right, strict=True)
    )


if __name__ == "__main__":
    main(sys.argv[1:] or conftest.CORPUS_FILES)
