"""How fast a load is beside DuckDB's own CREATE TABLE AS SELECT * FROM read_csv on the same file.

python benchmarks/load.py [ROWS]
"""

from __future__ import annotations

import csv
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from assistant.warehouse.contracts import focus_columns
from assistant.warehouse.load import load

SERVICES = [f"Service {number}" for number in range(40)]
TEAMS = ["payments", "search", "risk", "platform", ""]


def main() -> None:
    """Print both times, best of three, and their ratio."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    with tempfile.TemporaryDirectory() as folder:
        bill = Path(folder) / "bill.csv"
        write(bill, rows)

        def native() -> None:
            with duckdb.connect(f"{folder}/native.duckdb") as con:
                con.execute(f"CREATE OR REPLACE TABLE t AS SELECT * FROM read_csv('{bill}')")

        def ours() -> None:
            Path(f"{folder}/ours.duckdb").unlink(missing_ok=True)
            load([str(bill)], Path(f"{folder}/ours.duckdb"))

        size = bill.stat().st_size / 1e6
        theirs, own = best(native), best(ours)
    print(f"{rows:,} rows, {size:,.0f} MB: read_csv {theirs:.2f} s, load {own:.2f} s")
    print(f"load reaches {theirs / own:.0%} of read_csv's throughput")


def best(run: Callable[[], None]) -> float:
    """The shortest of three runs, in seconds."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def write(path: Path, rows: int) -> None:
    """A FOCUS 1.2 bill of `rows` charges, in no order, with tags, as a provider exports it."""
    chance = random.Random(7)
    columns = [name for name, column in focus_columns().items() if column.since <= "1.2"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "x_CostCenter"])
        for number in range(rows):
            day, hour = chance.randrange(1, 29), chance.randrange(24)
            cost = f"{chance.random() * 10:.10f}"
            charge = {
                "BillingCurrency": "USD",
                "BillingAccountId": "1234567890123",
                "BillingPeriodStart": "2026-09-01T00:00:00Z",
                "BillingPeriodEnd": "2026-10-01T00:00:00Z",
                "ChargePeriodStart": f"2026-09-{day:02}T{hour:02}:00:00Z",
                "ChargePeriodEnd": f"2026-09-{day:02}T{hour:02}:59:59Z",
                "ChargeCategory": "Usage",
                "ChargeDescription": f"Use of meter {number % 300}, $0.{number % 97:02} an hour",
                "ProviderName": "Acme Cloud",
                "ServiceName": SERVICES[number % 40],
                "ServiceCategory": f"Category {number % 7}",
                "SubAccountId": f"{number % 90:012}",
                "RegionId": f"region-{number % 12}",
                "ResourceId": f"arn:acme:thing/{chance.randrange(rows // 10 + 1):020}",
                "SkuId": f"SKU{number % 900:06}",
                "ConsumedQuantity": f"{chance.random() * 100:.6f}",
                "PricingQuantity": f"{chance.random() * 100:.6f}",
                "ConsumedUnit": "Hours",
                "InvoiceId": f"INV-{number % 4}",
                "Tags": f'{{"team": "{TEAMS[number % 5]}", "app": "app-{number % 200}"}}',
            }
            for money in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
                charge[money] = cost
            writer.writerow([*(charge.get(name, "") for name in columns), f"{number % 50:04}"])


if __name__ == "__main__":
    main()
