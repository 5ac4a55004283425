"""The in-process engine: what it returns, what it refuses to touch, what it says when it fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from assistant.engines.duckdb_engine import DuckDBEngine, open_locked
from assistant.errors import EngineError
from assistant.values import CheckedQuery, Limits

CASES = Path(__file__).parent / "cases"


def cases(name: str) -> list[Any]:
    return list(yaml.safe_load((CASES / name).read_text()))


def checked(sql: str, **limits: Any) -> CheckedQuery:
    return CheckedQuery(sql, sql, (), (), (), None, Limits(**limits))


def build(path: Path, cost: int = 10) -> Path:
    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute("CREATE TABLE spend (service VARCHAR, cost DECIMAL(18, 6), hidden_column VARCHAR)")
        warehouse.execute("INSERT INTO spend VALUES ('EC2', ?, 'x'), ('S3', 5, 'y')", [cost])
    return path


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    return build(tmp_path / "costs.duckdb")


def test_many_threads_open_one_warehouse_at_once(warehouse: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        for _ in range(6):
            opened = list(threads.map(lambda _: open_locked(warehouse, Limits()), range(8)))
            assert {c.execute("SELECT current_setting('lock_configuration')").fetchone() for c in opened} == {(True,)}
            for connection in opened:
                connection.close()


@pytest.fixture
def engine(warehouse: Path) -> Iterator[DuckDBEngine]:
    engine = DuckDBEngine(warehouse)
    yield engine
    engine.close()


def test_rows_come_with_names_and_types(engine: DuckDBEngine) -> None:
    rows = engine.run(checked("SELECT service, sum(cost) AS cost FROM spend GROUP BY 1 ORDER BY 2 DESC"))
    assert rows.columns == ("service", "cost")
    assert rows.types == ("VARCHAR", "DECIMAL(38,6)")
    assert [(service, str(cost)) for service, cost in rows.rows] == [("EC2", "10.000000"), ("S3", "5.000000")]
    assert not rows.truncated


@pytest.mark.parametrize("case", cases("engine_values.yaml"), ids=lambda case: case["sql"])
def test_values_are_plain(engine: DuckDBEngine, case: dict[str, str]) -> None:
    ((value,),) = engine.run(checked(f"SELECT {case['sql']}")).rows
    assert (type(value).__name__, str(value)) == (case["is"], case["value"])


@pytest.mark.parametrize(("available", "truncated"), [(100, False), (101, True), (100_000, True)])
def test_at_most_the_allowed_rows_come_back(engine: DuckDBEngine, available: int, truncated: bool) -> None:
    rows = engine.run(checked(f"SELECT * FROM range({available})", rows=100))
    assert len(rows.rows) == 100
    assert rows.truncated is truncated


def test_days_are_utc_whatever_the_clock_of_the_machine(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    connection = open_locked(warehouse, Limits())
    assert connection.cursor().execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
    connection.close()


@pytest.mark.parametrize("sql", cases("engine_closed_doors.yaml"))
def test_nothing_but_the_tables_can_be_reached(engine: DuckDBEngine, warehouse: Path, sql: str) -> None:
    folder, file = warehouse.parent, warehouse.parent / "other.csv"
    file.write_text("a,b\n1,2\n")
    secret_of_python = {"a": [1]}
    before = warehouse.read_bytes()
    with pytest.raises(EngineError) as stopped:
        engine.run(checked(sql.format(warehouse=warehouse, file=file, folder=folder, name=warehouse.stem)))
    assert str(folder) not in str(stopped.value)
    assert sorted(os.listdir(folder)) == ["costs.duckdb", "other.csv"]
    assert warehouse.read_bytes() == before
    assert secret_of_python


@pytest.mark.parametrize("case", cases("engine_failures.yaml"), ids=lambda case: case["sql"])
def test_a_failure_is_one_clear_line(engine: DuckDBEngine, case: dict[str, str]) -> None:
    with pytest.raises(EngineError) as failed:
        engine.run(checked(case["sql"]))
    message = str(failed.value)
    assert case["says"] in message
    assert not any(leak in message for leak in ("secret value", "hidden_column", "\n", "Traceback", "LINE 1"))
    assert failed.value.limit is None


def test_what_a_statement_leaves_behind_is_gone_for_the_next(engine: DuckDBEngine) -> None:
    for sql in ("CREATE TEMP VIEW spend AS SELECT 0 AS cost", "CREATE TEMP MACRO sum(x) AS 0", "BEGIN"):
        engine.run(checked(sql))
    assert engine.run(checked("SELECT sum(cost) FROM spend")).rows[0][0] == 15


def test_a_statement_that_passes_its_time_is_stopped_and_the_next_runs(engine: DuckDBEngine) -> None:
    for sql in ("SELECT count(*) FROM range(10000000) a, range(10000000) b", "SELECT pg_sleep(60)"):
        with pytest.raises(EngineError, match=r"stopped after 0\.2 seconds") as stopped:
            engine.run(checked(sql, seconds=0.2))
        assert stopped.value.limit == "time"
    assert engine.run(checked("SELECT 1")).rows == ((1,),)


def test_the_stop_button_stops_the_running_statement(engine: DuckDBEngine) -> None:
    with ThreadPoolExecutor(1) as people:
        slow = people.submit(engine.run, checked("SELECT pg_sleep(60)"), None, "stop me")
        while not engine.cancel("stop me"):
            assert not slow.done()
        with pytest.raises(EngineError, match="stopped on request"):
            slow.result()
    assert engine.cancel("stop me") is False


def test_where_the_system_can_not_confine_nothing_spills_and_nothing_opens(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.engines.duckdb_engine.forbid_files", lambda but: False)
    connection = open_locked(warehouse, Limits(memory_mb=64), spill_to=tmp_path)
    with pytest.raises(duckdb.PermissionException):
        connection.cursor().execute(f"SELECT * FROM read_blob('{warehouse}')")
    with pytest.raises(duckdb.OutOfMemoryException):
        connection.cursor().execute("SELECT count(DISTINCT hash(i)) FROM range(30000000) t(i)").fetchall()
    connection.close()


def test_what_needs_too_much_memory_is_stopped(warehouse: Path) -> None:
    engine = DuckDBEngine(warehouse, Limits(memory_mb=64))
    with pytest.raises(EngineError, match="64 MB of memory") as stopped:
        engine.run(checked("SELECT count(DISTINCT hash(i)) FROM range(30000000) t(i)", memory_mb=64))
    assert stopped.value.limit == "memory"
    engine.close()


def test_a_new_version_of_the_file_is_seen_without_a_restart(engine: DuckDBEngine, warehouse: Path) -> None:
    total = checked("SELECT sum(cost) FROM spend")
    assert engine.run(total).rows[0][0] == 15
    os.replace(build(warehouse.with_name("next.duckdb"), cost=100), warehouse)
    assert engine.run(total).rows[0][0] == 105


def test_two_engines_share_a_file(engine: DuckDBEngine, warehouse: Path) -> None:
    other = DuckDBEngine(warehouse)
    assert engine.run(checked("SELECT 1")).rows == other.run(checked("SELECT 1")).rows
    other.close()
    assert engine.run(checked("SELECT 2")).rows == ((2,),)


def test_a_missing_warehouse_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"askcost demo.+askcost load"):
        DuckDBEngine(tmp_path / "none.duckdb").run(checked("SELECT 1"))


def test_a_file_that_is_no_warehouse_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "bad.duckdb").write_text("a,b\n" * 5000)
    with pytest.raises(EngineError, match=r"bad\.duckdb is not a warehouse"):
        DuckDBEngine(tmp_path / "bad.duckdb").run(checked("SELECT 1"))
