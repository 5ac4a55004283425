"""Twelve executive questions end to end beside the same SQL by hand on the table as delivered, DuckDB over Parquet and
polars over Parquet, in one run; then many users while a load runs, and loads that are killed.

python benchmarks/scale.py [ROWS] [--folder DIR] [--users 32] [--kills 10] [--no-polars] [--spark]

Charges of 24 months from a fixed seed: 120 services, 40 teams, 200 applications, 60 accounts, 30 regions. The result
cache is off. The months are loaded one after another as a company loads them. Needs about 220 bytes of disk for each
row, half of them where a file copy shares its blocks.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from dateutil.relativedelta import relativedelta
from pydantic import SecretStr

from assistant.assistant import Assistant
from assistant.config import ROOT, Config
from assistant.engines.sandbox import Sandbox
from assistant.values import Question
from assistant.warehouse.load import load
from assistant.warehouse.parquet import publish

MONTHS, FIRST = 24, date(2024, 10, 1)
TODAY = FIRST + relativedelta(months=MONTHS)
MEMORY = "4GB"
LOADED = """
import sys, time
from pathlib import Path
from assistant.warehouse.load import load
for bill in sys.argv[2:]:
    start = time.perf_counter()
    load([bill], Path(sys.argv[1]), replace=True)
    print(time.perf_counter() - start, flush=True)
"""

CHARGES = """
SELECT 'USD' AS BillingCurrency, '1234567890123' AS BillingAccountId, 'Main payer' AS BillingAccountName,
    TIMESTAMP '{month}' AS BillingPeriodStart, TIMESTAMP '{month}' + INTERVAL 1 MONTH AS BillingPeriodEnd,
    TIMESTAMP '{month}' + to_days(CAST(h % {days} AS INTEGER)) + to_hours(h // 64 % 24) AS ChargePeriodStart,
    ChargePeriodStart + INTERVAL 1 HOUR AS ChargePeriodEnd,
    CASE WHEN h % 97 = 0 THEN 'Tax' WHEN h % 89 = 0 THEN 'Credit' ELSE 'Usage' END AS ChargeCategory,
    ['AWS', 'Microsoft', 'Google Cloud'][1 + service % 3] AS ServiceProviderName,
    ServiceProviderName AS ProviderName,
    'Service ' || service AS ServiceName, 'Category ' || service % 12 AS ServiceCategory,
    'acct-' || account AS SubAccountId, 'Account ' || account AS SubAccountName,
    'region-' || region AS RegionId, 'Region ' || region AS RegionName,
    'arn:cloud:' || service || ':resource/' || r AS ResourceId, 'kind ' || service % 30 AS ResourceType,
    'SKU' || service * 7 + h % 7 AS SkuId,
    CASE WHEN committed THEN 'Committed' ELSE 'Standard' END AS PricingCategory,
    CASE WHEN committed THEN 'commitment-' || service % 20 END AS CommitmentDiscountId,
    CASE WHEN committed THEN CASE WHEN h % 11 = 0 THEN 'Unused' ELSE 'Used' END END AS CommitmentDiscountStatus,
    CAST((h // 128 % 1000000) / 10000 AS DECIMAL(18, 6)) AS ListCost,
    CAST(ListCost * 0.9 AS DECIMAL(18, 6)) AS ContractedCost,
    CAST(ListCost * CASE WHEN committed THEN 0.6 ELSE 0.85 END AS DECIMAL(18, 6)) AS EffectiveCost,
    EffectiveCost AS BilledCost,
    CAST(h // 256 % 1000 AS DECIMAL(18, 2)) AS ConsumedQuantity, 'Hours' AS ConsumedUnit,
    CASE WHEN team % 41 = 40 THEN '{{"environment": "prod"}}' ELSE '{{"team": "team-' || team ||
        '", "application": "app-' || team * 5 + r % 5 || '", "environment": "' ||
        ['prod', 'dev', 'test', 'stage'][1 + r % 4] || '"}}' END AS Tags
FROM (SELECT *, CAST(hash(r * 3 + 1) % 120 AS BIGINT) AS service,
    CAST(hash(r * 5 + 2) % 41 AS BIGINT) AS team, CAST(hash(r * 7 + 3) % 60 AS BIGINT) AS account,
    CAST(hash(r * 11 + 4) % 30 AS BIGINT) AS region, hash(r * 13 + 5) % 4 = 0 AS committed
  FROM (SELECT CAST(hash(i * 7919 + {seed}) // 2 AS BIGINT) AS h,
    CAST(hash(i * 104729 + {seed}) % {resources} AS BIGINT) AS r FROM range({rows}) t(i)))
"""
TEAM = "json_extract_string(Tags, '$.team')"
APP = "json_extract_string(Tags, '$.application')"
ENVIRONMENT = "json_extract_string(Tags, '$.environment')"


def since(months: int, column: str = "ChargePeriodStart") -> str:
    return f"{column} >= TIMESTAMP '{TODAY - relativedelta(months=months)}' AND {column} < TIMESTAMP '{TODAY}'"


MONTH = "CAST(date_trunc('month', ChargePeriodStart) AS DATE)"
COST = "sum(EffectiveCost)"
COVERED = (
    f"{COST} FILTER (CommitmentDiscountStatus = 'Used'), "
    f"{COST} FILTER (CommitmentDiscountStatus IS DISTINCT FROM 'Unused')"
)
# question, (group by, months back, condition, measure): the same in SQL by hand.
ASKED: list[tuple[str, tuple[str, int, str, str]]] = [
    ("cost by month over the last 24 months", (MONTH, 24, "", COST)),
    ("cost by service last month compared with the month before",
     ("ServiceName", 2, "", f"{COST} FILTER ({since(1)}), {COST} FILTER (NOT ({since(1)}))")),
    ("top 10 teams by cost last month with share", (TEAM, 1, f"{TEAM} IS NOT NULL", COST)),
    ("daily cost of production in the last 3 months",
     ("CAST(ChargePeriodStart AS DATE)", 3, f"{ENVIRONMENT} = 'prod'", COST)),
    ("number of resources by month in the last 3 months", (MONTH, 3, "", "count(DISTINCT ResourceId)")),
    ("top 20 resources by cost last month", ("ResourceId", 1, "", COST)),
    ("cost by service and team in the last 12 months", (f"ServiceName, {TEAM}", 12, "", COST)),
    ("cost without a team by month in the last 12 months", (MONTH, 12, f"{TEAM} IS NULL", COST)),
    ("commitment coverage by provider last quarter", ("ServiceProviderName", 3, "ChargeCategory = 'Usage'", COVERED)),
    ("savings by provider in the last 12 months",
     ("ServiceProviderName", 12, "ChargeCategory = 'Usage'", "sum(ListCost) - sum(EffectiveCost)")),
    ("cost by region last quarter", ("RegionName", 3, "", COST)),
    ("cost by application in the last 12 months", (APP, 12, "", COST)),
]  # fmt: skip


def by_hand(spec: tuple[str, int, str, str], source: str) -> str:
    keys, months, condition, measure = spec
    also = f" AND {condition}" if condition else ""
    return f"SELECT {keys}, {measure} FROM {source} WHERE {since(months)}{also} GROUP BY ALL ORDER BY ALL"


def main() -> None:
    """Print every figure of docs/scale.md that this machine gives."""
    asked = argparse.ArgumentParser()
    asked.add_argument("rows", nargs="?", type=int, default=1_000_000)
    asked.add_argument("--folder", type=Path)
    asked.add_argument("--users", type=int, default=32)
    asked.add_argument("--kills", type=int, default=10)
    asked.add_argument("--no-polars", action="store_true")
    asked.add_argument("--spark", action="store_true", help="also on a cluster of two workers, started here")
    options = asked.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="askcost-scale-"))
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "bills").exists() and shutil.disk_usage(folder).free < 250 * options.rows:
        sys.exit(f"{folder} has too little free disk for {options.rows:,} rows.")
    try:
        run(options, folder)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def run(options: argparse.Namespace, folder: Path) -> None:
    warehouse, raw, bills = folder / "askcost.duckdb", folder / "raw.duckdb", folder / "bills"
    print(f"{options.rows:,} rows, {MONTHS} months, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    if not bills.exists():
        write(bills, options.rows)
    if not warehouse.exists():
        throughput(sorted(bills.glob("*.parquet"))[-1], options.rows // MONTHS, folder)
        fill(bills, warehouse, options.rows)
    if not raw.exists():
        with duckdb.connect(str(raw), config={"memory_limit": MEMORY}) as con:
            con.execute(f"CREATE TABLE charges AS FROM '{bills}/*.parquet'")
    report_sizes(warehouse, raw, bills)
    ask_all(warehouse, raw, bills, not options.no_polars)
    if options.spark:
        on_spark(warehouse, folder)
    if options.users:
        crowd(warehouse, bills, options.users)
    if options.kills:
        kill(warehouse, bills, options.kills)


# --- data -------------------------------------------------------------------------------------------------


def write(bills: Path, rows: int) -> None:
    """One Parquet file a month, as a provider exports it: in no order."""
    bills.mkdir(exist_ok=True)
    with duckdb.connect(config={"memory_limit": MEMORY}) as con:
        for number in range(MONTHS):
            month = FIRST + relativedelta(months=number)
            days = (month + relativedelta(months=1) - month).days
            size = rows // MONTHS
            text = CHARGES.format(month=month, days=days, seed=number * 7, rows=size, resources=max(500, size // 50))
            con.execute(f"COPY ({text}) TO '{bills}/{month}.parquet' (FORMAT parquet)")


def throughput(bill: Path, rows: int, folder: Path) -> None:
    def native() -> None:
        (folder / "one.duckdb").unlink(missing_ok=True)
        with duckdb.connect(str(folder / "one.duckdb")) as con:
            con.execute(f"CREATE TABLE t AS FROM '{bill}'")

    def ours() -> None:
        (folder / "one.duckdb").unlink(missing_ok=True)
        load([str(bill)], folder / "one.duckdb")

    theirs, own = timed(native, 2)[0], timed(ours, 2)[0]
    print(f"load of one month: {rows / own:,.0f} rows/s, {theirs / own:.0%} of CREATE TABLE AS on the same file")
    (folder / "one.duckdb").unlink()


def fill(bills: Path, warehouse: Path, rows: int) -> None:
    """The warehouse as 24 loads leave it, a month each, rollups and all."""
    files = sorted(map(str, bills.glob("*.parquet")))
    done = subprocess.run([sys.executable, "-c", LOADED, str(warehouse), *files], check=True, capture_output=True)
    times = [float(line) for line in done.stdout.split()]
    print(
        f"{MONTHS} loads: {sum(times):,.0f} s, {rows / sum(times):,.0f} rows/s; the first {times[0]:.1f} s, the last "
        f"{times[-1]:.1f} s; peak memory {peak(resource.RUSAGE_CHILDREN):.1f} GB"
    )


def report_sizes(warehouse: Path, raw: Path, bills: Path) -> None:
    parquet = sum(bill.stat().st_size for bill in bills.glob("*.parquet"))
    print(
        f"on disk: warehouse {warehouse.stat().st_size / 1e6:,.0f} MB, table as delivered "
        f"{raw.stat().st_size / 1e6:,.0f} MB, Parquet {parquet / 1e6:,.0f} MB"
    )
    with duckdb.connect(str(warehouse), read_only=True) as con:
        for name, rows, size in con.execute(
            "SELECT name, row_count, table_rows FROM _askcost.rollups ORDER BY 2"
        ).fetchall():
            print(f"  {name}: {f'{rows:,} rows, {size / rows:,.0f} × fewer' if rows else 'not kept: too large'}")


# --- questions --------------------------------------------------------------------------------------------


def ask_all(warehouse: Path, raw: Path, bills: Path, with_polars: bool) -> None:
    assistant = Assistant(
        Config(warehouse=warehouse, ledger=warehouse.with_suffix(".l"), result_cache_mb=0, llm_model=None)
    )
    cold = [timed(lambda q=question: assistant.ask(Question(q, today=TODAY)), 1)[0] for question, _ in ASKED]
    print(f"peak memory after each question was asked once: {peak():.1f} GB")
    hand = duckdb.connect(str(raw), read_only=True, config={"memory_limit": MEMORY})
    loose = duckdb.connect(config={"memory_limit": MEMORY})
    ours, ratios = [], []
    print(
        "ms: cold / median of 5 warm askcost (of it execute) | by hand on the table | over Parquet | polars | "
        "by hand ÷ askcost"
    )
    for (question, spec), first in zip(ASKED, cold, strict=True):
        times, answer = timed(lambda q=question: assistant.ask(Question(q, today=TODAY)), 5, every=True)
        assert answer.status == "answered", (question, answer.error, answer.clarify)
        warm = statistics.median(times)
        table, rows = timed(lambda s=spec: hand.execute(by_hand(s, "charges")).fetchall(), 3)
        files, _ = timed(lambda s=spec: loose.execute(by_hand(s, f"'{bills}/*.parquet'")).fetchall(), 2)
        frames = timed(lambda s=spec: in_polars(s, bills), 2)[0] if with_polars else 0.0
        same(question, answer, rows)
        ours.append(warm)
        ratios.append(table / warm)
        by = (answer.executed or "").partition("rollup_cost_and_usage_")[2].partition(" ")[0] or "the table"
        print(
            f"{first * 1000:6.0f} /{warm * 1000:6.0f} ({answer.timings_ms['execute']:5.0f}) |{table * 1000:7.0f} |"
            f"{files * 1000:7.0f} |{frames * 1000:7.0f} |{table / warm:6.1f} ×  {question} [{by}]"
        )
    print(
        f"median {statistics.median(ours) * 1000:.0f} ms, p95 {sorted(ours)[-1] * 1000:.0f} ms; "
        f"by hand ÷ askcost: median {statistics.median(ratios):.1f}, least {min(ratios):.2f}"
    )
    assistant.close()


def same(question: str, answer: Any, rows: list[Any]) -> None:
    """The figures by hand, where they are one sum, are those of the answer."""
    if len(answer.rows) != len(rows) or len(rows[0]) != 2 or "top" in question:
        return
    place = next(i for i, column in enumerate(answer.columns) if column.kind == "metric")
    told = sum(Decimal(str(row[place])) for row in answer.rows)
    assert told == sum(row[-1] for row in rows), question


def in_polars(spec: tuple[str, int, str, str], bills: Path) -> Any:
    """The same sum in polars; conditions and measures are put into its SQL."""
    import polars as pl

    frame = pl.scan_parquet(f"{bills}/*.parquet")
    text = by_hand(spec, "charges").replace(MONTH, "date_trunc('month', ChargePeriodStart)")
    start = pl.lit(TODAY - relativedelta(months=spec[1])).cast(pl.Datetime)
    tags = {key: pl.col("Tags").str.json_path_match(f"$.{key}") for key in ("team", "application", "environment")}
    keys = {MONTH: pl.col("ChargePeriodStart").dt.truncate("1mo"), TEAM: tags["team"], APP: tags["application"],
            "CAST(ChargePeriodStart AS DATE)": pl.col("ChargePeriodStart").dt.date()}  # fmt: skip
    kept = frame.filter(pl.col("ChargePeriodStart") >= start)
    if "'prod'" in text:
        kept = kept.filter(tags["environment"] == "prod")
    named = [keys.get(k.strip(), pl.col(k.strip()) if k.strip().isidentifier() else tags["team"]).alias(f"k{i}")
             for i, k in enumerate(spec[0].split(", ") if "(" not in spec[0] else [spec[0]])]  # fmt: skip
    value = pl.col("ResourceId").n_unique() if "DISTINCT" in spec[3] else pl.col("EffectiveCost").sum()
    return kept.group_by(named).agg(value.alias("value")).collect(engine="streaming")


def on_spark(warehouse: Path, folder: Path) -> None:
    """The same questions on Spark: a master, two workers of one core, over the published Parquet."""
    sys.path.insert(0, str(ROOT / "tests"))
    import spark_cluster

    lake = folder / "lake"
    for publishing in ("first", "again, nothing changed"):
        print(f"published ({publishing}): {timed(lambda: publish(warehouse, lake), 1)[0]:,.0f} s")
    size = sum(file.stat().st_size for file in lake.rglob("*.parquet") if file.is_file())
    print(f"{size / 1e6:,.0f} MB of Parquet; peak memory so far {peak():.1f} GB")
    cluster = spark_cluster.SparkCluster(folder)
    cluster.start(worker_mb=2048, driver_mb=1024, large=True)
    assistant = Assistant(
        Config(warehouse=folder / "none.duckdb", ledger=folder / "spark.l", result_cache_mb=0, engine="spark",
               spark_url=SecretStr(cluster.url), spark_tables=str(lake), query_seconds=600, ask_above_rows=10**12)
    )  # fmt: skip
    try:
        for question, _ in ASKED:
            times, answer = timed(lambda q=question: assistant.ask(Question(q, today=TODAY)), 3, every=True)
            assert answer.status == "answered", (question, answer.error, answer.clarify)
            print(f"{times[0] * 1000:8,.0f} / {min(times[1:]) * 1000:8,.0f} ms on Spark  {question}", flush=True)
    finally:
        assistant.close()
        cluster.stop()


# --- many users, a load beside them, and loads that die -------------------------------------------------


def crowd(warehouse: Path, bills: Path, users: int) -> None:
    """Every user asks one question after another while a month is loaded anew; a total is never of half a load."""
    bill = sorted(bills.glob("*.parquet"))[-1]
    names = warehouse.with_name("users.csv")
    names.write_text("user,role\n" + "".join(f"user{number},analyst\n" for number in range(users)))
    load([str(names)], warehouse, replace=True)
    engine = Sandbox(warehouse, workers=2)
    assistant = Assistant(
        Config(warehouse=warehouse, ledger=warehouse.with_suffix(".l"), result_cache_mb=0), engine=engine
    )
    total = assistant.run("SELECT sum(EffectiveCost) AS c FROM cost_and_usage")[1].rows[0][0]
    times: list[float] = []
    of: dict[str, list[float]] = {}
    faults: list[str] = []
    busy = subprocess.Popen([sys.executable, "-c", LOADED, str(warehouse), str(bill)], stderr=subprocess.DEVNULL)

    def user(number: int) -> None:
        chance = random.Random(number)
        while busy.poll() is None and len(times) < 5000:
            question = chance.choice(ASKED)[0] if chance.random() < 0.8 else "total cost over the last 24 months"
            start = time.perf_counter()
            answer = assistant.ask(Question(question, today=TODAY, user=f"user{number}"))
            times.append(time.perf_counter() - start)
            of.setdefault(question, []).append(times[-1])
            if answer.status != "answered":
                faults.append(f"{question}: {answer.error}")
            elif question.startswith("total") and answer.rows[0][-1] != total:
                faults.append(f"{answer.rows[0][-1]} is not {total}")

    threads = [threading.Thread(target=user, args=(n,)) for n in range(users)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loaded = busy.wait()
    assistant.close()
    engine.close()
    ordered = sorted(times)
    print(
        f"{users} users beside a load of {time.perf_counter() - start:.0f} s (exit {loaded}): {len(times)} answers, "
        f"median {statistics.median(times) * 1000:.0f} ms, p95 {ordered[int(len(ordered) * 0.95)] * 1000:.0f} ms, "
        f"{len(faults)} faults {faults[:3]}"
    )
    for question, taken in sorted(of.items(), key=lambda one: -statistics.median(one[1]))[:4]:
        print(f"  median {statistics.median(taken) * 1000:6.0f} ms, slowest {max(taken) * 1000:6.0f} ms: {question}")


def kill(warehouse: Path, bills: Path, kills: int) -> None:
    """A load killed at a random moment leaves the last version, sums and all."""
    bill = sorted(bills.glob("*.parquet"))[-1]
    whole = "SELECT count(*), sum(EffectiveCost), (SELECT sum(EffectiveCost) FROM _askcost.{r}) FROM cost_and_usage"
    chance = random.Random(11)
    name = (
        duckdb.connect(str(warehouse), read_only=True)
        .execute("SELECT name FROM _askcost.rollups WHERE row_count > 0 AND table_name = 'cost_and_usage'")
        .fetchone()
    )
    look = whole.format(r=name[0]) if name else "SELECT count(*), sum(EffectiveCost) FROM cost_and_usage"
    first = timed(lambda: subprocess.run([sys.executable, "-c", LOADED, str(warehouse), str(bill)], check=True), 1)[0]
    with duckdb.connect(str(warehouse), read_only=True) as con:
        expected = con.execute(look).fetchone()
    intact = 0
    for _ in range(kills):
        process = subprocess.Popen([sys.executable, "-c", LOADED, str(warehouse), str(bill)], stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * first)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with duckdb.connect(str(warehouse), read_only=True) as con:
            intact += con.execute(look).fetchone() == expected
    print(f"killed {kills} loads of {first:.0f} s at random moments: {intact} times the last version was whole")


# --- measures ---------------------------------------------------------------------------------------------


def timed(run: Callable[[], Any], times: int, every: bool = False) -> Any:
    """(the shortest time in seconds, or all, and what the last run gave)."""
    found, result = [], None
    for _ in range(times):
        start = time.perf_counter()
        result = run()
        found.append(time.perf_counter() - start)
    return (found if every else min(found)), result


def peak(who: int = resource.RUSAGE_SELF) -> float:
    """Gigabytes."""
    return resource.getrusage(who).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
