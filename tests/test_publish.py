"""A load is published whole or not at all, and readers see it without a restart: processes, kills, full disks."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from assistant.errors import LoadError
from assistant.warehouse import parquet
from assistant.warehouse.load import load

HEADER = "BilledCost,EffectiveCost,BillingCurrency,BillingPeriodStart,ChargePeriodStart,ChargeCategory,ProviderName\n"
LOAD = (
    "import sys; from pathlib import Path; from assistant.warehouse.load import load; from assistant.errors import *\n"
    "try:\n    load([sys.argv[1]], Path(sys.argv[2]), replace=True)\n"
    "except LoadError as error:\n    print(error); sys.exit(1)\n"
)
READ = """
import sys
from pathlib import Path
from assistant.assistant import Assistant
from assistant.config import Config
assistant = Assistant(Config(warehouse=Path(sys.argv[1])))
while True:
    sums = "SELECT sum(EffectiveCost) AS a, sum(BilledCost) AS b, count(*) AS n FROM cost_and_usage"
    rows = assistant.run(sums)[1].rows
    print(*rows[0], flush=True)
    if rows[0][2] >= int(sys.argv[2]):
        break
"""


def bill(folder: Path, month: int, rows: int = 1000) -> Path:
    path = folder / f"{month}.csv"
    day = f"2026-{month:02}-01"
    path.write_text(HEADER + f"{month},{month},USD,{day},{day},Usage,P{month}\n" * rows)
    return path


def found(warehouse: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return con.execute("SELECT count(*), CAST(sum(BilledCost) AS INTEGER) FROM cost_and_usage").fetchall()


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "w" / "costs.duckdb"
    load([str(bill(tmp_path, 1))], path)
    return path


def test_processes_that_read_see_every_version_whole_and_none_again(warehouse: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", READ, str(warehouse), "3000"]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline().split()[2] == "1000", reader.stderr and reader.stderr.read()
    for month in (2, 3):
        load([str(bill(tmp_path, month))], warehouse)
    for reader in readers:
        out, errors = reader.communicate(timeout=60)
        assert reader.returncode == 0, errors
        seen = [line.split() for line in out.splitlines()]
        assert {(float(a), float(b), int(n)) for a, b, n in seen} <= {
            (sum(range(1, m + 1)) * 1000.0, sum(range(1, m + 1)) * 1000.0, m * 1000) for m in (1, 2, 3)
        }
        counts = [int(n) for _, _, n in seen]
        assert counts == sorted(counts)
        assert counts[-1] == 3000


def test_a_load_that_is_killed_at_any_moment_leaves_a_version_whole(warehouse: Path, tmp_path: Path) -> None:
    chance = random.Random(5)
    file = bill(tmp_path, 2, rows=5_000)
    versions = [[(1000, 1000)], [(6_000, 11_000)]]
    command = [sys.executable, "-c", LOAD, str(file), str(warehouse)]
    start = time.monotonic()
    subprocess.run(command, check=True)
    whole = time.monotonic() - start
    for _ in range(3):
        process = subprocess.Popen(command)
        time.sleep(chance.uniform(0.3, 1.0) * whole)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert found(warehouse) in versions
    load([str(bill(tmp_path, 3))], warehouse)
    assert os.listdir(warehouse.parent) == [warehouse.name]


def test_a_full_disk_is_one_clear_line_and_changes_nothing(warehouse: Path, tmp_path: Path) -> None:
    most = warehouse.stat().st_size + 100_000
    before = warehouse.read_bytes()
    file = tmp_path / "2.csv"
    day = "2026-02-01"
    text = "".join(f"{n},{n},USD,{day},{day},Usage,{random.Random(n).random()}\n" for n in range(20_000))
    file.write_text(HEADER + text)

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(file), str(warehouse)], preexec_fn=small_disk, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert "Nothing was changed" in done.stdout
    assert "Traceback" not in done.stderr
    assert warehouse.read_bytes() == before
    assert os.listdir(warehouse.parent) == [warehouse.name]


def test_the_broken_part_of_many_is_named(warehouse: Path, tmp_path: Path) -> None:
    for number in range(1, 6):
        charge = (
            f"SELECT i + {number} AS BilledCost, i AS EffectiveCost, 'USD' AS BillingCurrency, "
            f"TIMESTAMP '2026-0{number}-01' AS BillingPeriodStart, TIMESTAMP '2026-0{number}-01' AS ChargePeriodStart, "
            "'Usage' AS ChargeCategory, 'P' || random() AS ProviderName FROM range(20000) t(i)"
        )
        duckdb.sql(f"COPY ({charge}) TO '{tmp_path}/part-{number}.parquet'")
    broken = tmp_path / "part-3.parquet"
    data = bytearray(broken.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = os.urandom(2000)
    broken.write_bytes(data)
    before = warehouse.read_bytes()
    with pytest.raises(LoadError, match=r"part-3\.parquet"):
        load([f"{tmp_path}/*.parquet"], warehouse)
    assert warehouse.read_bytes() == before


def test_parquet_is_published_by_month_and_months_that_did_not_change_are_shared(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ONE_FILE", 100)
    lake, bills = tmp_path / "lake", [bill(tmp_path, month) for month in (2, 3)]
    load([str(path) for path in bills], warehouse)
    places = []
    for _ in range(2):
        version = parquet.publish(warehouse, lake)["version"]
        places.append(lake / "versions" / version / "main.cost_and_usage")
        load([str(bill(tmp_path, 3, rows=1500))], warehouse, replace=True)
    files = [{file.parent.name: file.stat().st_ino for file in sorted(place.rglob("*.parquet"))} for place in places]
    assert [*files[0]] == [*files[1]] == [f"askcost_month=2026-0{month}" for month in (1, 2, 3)]
    same = [month for month, inode in files[0].items() if files[1][month] == inode]
    assert same == ["askcost_month=2026-01", "askcost_month=2026-02"]
    read = f"SELECT count(*), CAST(sum(BilledCost) AS INTEGER) FROM '{places[1]}/**/*.parquet'"
    assert duckdb.sql(read).fetchall() == [(3500, 1000 + 2000 + 4500)]
