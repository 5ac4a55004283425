"""The sandbox: bombs are stopped, other people's statements are not, and nothing is left over."""

from __future__ import annotations

import glob
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from assistant.engines.duckdb_engine import open_locked
from assistant.engines.sandbox import Sandbox
from assistant.errors import EngineError
from assistant.values import CheckedQuery, Limits

CASES = Path(__file__).parent / "cases"
TOTAL = "SELECT sum(cost) FROM spend"
DEAF_BOMB = "SELECT levenshtein(repeat('a', 400000), repeat('b', 400000))"
SMALL: dict[str, int] = {"memory_mb": 512, "temp_mb": 512}


def cases(name: str) -> list[Any]:
    return list(yaml.safe_load((CASES / name).read_text()))


def checked(sql: str, seconds: float = 30, **limits: Any) -> CheckedQuery:
    return CheckedQuery(sql, sql, (), (), (), None, Limits(seconds=seconds, **(SMALL | limits)))


def build(path: Path, cost: int = 10) -> Path:
    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute("CREATE TABLE spend (service VARCHAR, cost DECIMAL(18, 6))")
        warehouse.execute("INSERT INTO spend VALUES ('EC2', ?), ('S3', 5)", [cost])
    return path


def processes() -> list[str]:
    """Command lines of the workers that run on this machine for this test process."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if tempfile.gettempdir() in line and "engines.worker" in line]


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(400):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen")


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "workers").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "workers"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(build(tmp_path_factory.mktemp("shared") / "costs.duckdb"), Limits(**SMALL))
    yield sandbox
    sandbox.close()


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return build(tmp_path / "data" / "costs.duckdb")


@pytest.fixture
def sandbox(warehouse: Path) -> Iterator[Sandbox]:
    sandbox = Sandbox(warehouse, Limits(**SMALL))
    yield sandbox
    sandbox.close()


def answers(sandbox: Sandbox) -> bool:
    return bool(sandbox.run(checked(TOTAL), owner="normal").rows == ((15,),))


@pytest.mark.parametrize("case", cases("engine_values.yaml"), ids=lambda case: case["sql"])
def test_values_cross_the_pipe_unchanged(shared: Sandbox, case: dict[str, str]) -> None:
    ((value,),) = shared.run(checked(f"SELECT {case['sql']}")).rows
    assert (type(value).__name__, str(value)) == (case["is"], case["value"])


def test_no_thread_starts_before_the_confinement(
    shared: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def threads() -> int:
        return len(os.listdir("/proc/self/task"))

    seen: list[int] = []
    monkeypatch.setattr("assistant.engines.duckdb_engine.forbid_files", lambda but: bool(seen.append(threads())))
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(shared._path.read_bytes())
    before = threads()
    open_locked(copy, Limits(), spill_to=tmp_path).close()
    assert seen == [before]


@pytest.mark.parametrize("sql", cases("engine_closed_doors.yaml"))
def test_nothing_but_the_tables_can_be_reached(shared: Sandbox, sql: str) -> None:
    warehouse = shared._path
    folder, file = warehouse.parent, warehouse.parent / "other.csv"
    file.write_text("a,b\n1,2\n")
    before = warehouse.read_bytes()
    with pytest.raises(EngineError) as stopped:
        shared.run(checked(sql.format(warehouse=warehouse, file=file, folder=folder, name=warehouse.stem)))
    assert str(folder) not in str(stopped.value)
    assert sorted(os.listdir(folder)) == ["costs.duckdb", "other.csv"]
    assert warehouse.read_bytes() == before


@pytest.mark.parametrize("case", cases("engine_failures.yaml"), ids=lambda case: case["sql"])
def test_a_failure_is_one_clear_line(shared: Sandbox, case: dict[str, str]) -> None:
    with pytest.raises(EngineError, match=case["says"]):
        shared.run(checked(case["sql"]))
    assert answers(shared)


@pytest.mark.parametrize("case", cases("engine_bombs.yaml"), ids=lambda case: case["name"])
def test_a_bomb_is_stopped_and_the_next_statement_runs(shared: Sandbox, case: dict[str, str]) -> None:
    with pytest.raises(EngineError) as stopped:
        shared.run(checked(case["sql"], seconds=1), owner="bomber")
    assert stopped.value.limit in ("time", "memory", "temp", "size")
    assert answers(shared)


def test_a_large_sort_spills_instead_of_failing(shared: Sandbox) -> None:
    sort = "SELECT count(*) FROM (SELECT DISTINCT hash(i), i::VARCHAR FROM range(4000000) t(i))"
    assert shared.run(checked(sort, memory_mb=128)).rows == ((4_000_000,),)


def test_a_sort_that_spills_too_much_is_told_so(shared: Sandbox) -> None:
    with pytest.raises(EngineError, match="16 MB of temporary space") as stopped:
        shared.run(checked("SELECT DISTINCT hash(i) FROM range(30000000) t(i)", memory_mb=128, temp_mb=16))
    assert stopped.value.limit == "temp"


@pytest.mark.parametrize("bombers", [1, 50])
def test_fifty_bombs_do_not_stop_a_normal_user(warehouse: Path, bombers: int) -> None:
    bombs = [case["sql"] for case in cases("engine_bombs.yaml")]
    sandbox = Sandbox(warehouse, Limits(**SMALL))

    def throw(number: int) -> EngineError:
        with pytest.raises(EngineError) as stopped:
            sandbox.run(checked(bombs[number % len(bombs)], seconds=1), owner=f"bomber {number % bombers}")
        return stopped.value

    with ThreadPoolExecutor(50) as people:
        thrown = [people.submit(throw, number) for number in range(50)]
        assert all(answers(sandbox) for _ in range(20))
        limits = [bomb.result().limit for bomb in thrown]
    assert set(limits) <= {"time", "memory", "temp", "size", "busy"}
    assert answers(sandbox)
    sandbox.close()
    assert processes() == []
    assert glob.glob(f"{tempfile.gettempdir()}/askcost-*") == []


def test_the_stop_button_stops_the_statement_and_no_other(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(2) as people:
        bomb = people.submit(sandbox.run, checked(DEAF_BOMB), "mallory", "stop me")
        other = people.submit(sandbox.run, checked("SELECT pg_sleep(1)"), "alice", "leave me")
        wait_until(lambda: sandbox.cancel("stop me"))
        with pytest.raises(EngineError, match="stopped on request") as stopped:
            bomb.result(timeout=30)
        assert stopped.value.limit == "cancel"
        assert len(other.result(timeout=30).rows) == 1
    assert sandbox.cancel("stop me") is False


def test_who_waits_too_long_is_told_so(warehouse: Path) -> None:
    sandbox = Sandbox(warehouse, Limits(**SMALL), workers=1, most=1, patience=0.2)
    with ThreadPoolExecutor(1) as people:
        people.submit(sandbox.run, checked(DEAF_BOMB), "mallory", "bomb")
        wait_until(lambda: bool(sandbox._running))
        with pytest.raises(EngineError, match="Too many queries") as refused:
            sandbox.run(checked(TOTAL), owner="alice")
        assert refused.value.limit == "busy"
        sandbox.cancel("bomb")
    assert answers(sandbox)
    sandbox.close()


def test_a_new_version_of_the_file_is_seen_without_a_restart(sandbox: Sandbox, warehouse: Path) -> None:
    assert answers(sandbox)
    os.replace(build(warehouse.with_name("next.duckdb"), cost=100), warehouse)
    assert [sandbox.run(checked(TOTAL)).rows[0][0] for _ in range(6)] == [105] * 6


def test_a_statement_sees_one_version_while_the_file_is_replaced(sandbox: Sandbox, warehouse: Path) -> None:
    two_looks = "SELECT (SELECT sum(cost) FROM spend), (SELECT sum(cost) FROM spend a CROSS JOIN range(1000))"
    stop = threading.Event()

    def replace() -> None:
        for cost in range(20):
            os.replace(build(warehouse.with_name("next.duckdb"), cost), warehouse)
            stop.wait(0.02)

    with ThreadPoolExecutor(1) as people:
        loads = people.submit(replace)
        while not loads.done():
            ((once, thousand_times),) = sandbox.run(checked(two_looks)).rows
            assert once * 1000 == thousand_times
    assert sandbox.run(checked(TOTAL)).rows[0][0] == 24


def test_a_killed_worker_is_replaced(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(1) as people:
        running = people.submit(sandbox.run, checked(DEAF_BOMB))
        wait_until(lambda: bool(sandbox._running and sandbox._running[0].worker and sandbox._running[0].worker.pid))
        worker = sandbox._running[0].worker
        assert worker
        os.kill(worker.pid or 0, signal.SIGKILL)
        with pytest.raises(EngineError, match="ended by the system"):
            running.result(timeout=30)
    assert answers(sandbox)


def test_idle_workers_killed_from_outside_are_replaced(sandbox: Sandbox) -> None:
    assert answers(sandbox)
    for line in subprocess.run(["pgrep", "-f", "engines.worker"], capture_output=True, text=True).stdout.split():
        command = Path(f"/proc/{line}/cmdline")
        if command.exists() and tempfile.gettempdir() in command.read_text():
            os.kill(int(line), signal.SIGKILL)
    wait_until(lambda: not processes())
    wait_until(lambda: _answers_again(sandbox))


def _answers_again(sandbox: Sandbox) -> bool:
    try:
        return answers(sandbox)
    except EngineError:
        return False


def test_it_works_from_many_threads_that_come_and_go(sandbox: Sandbox) -> None:
    for _ in range(5):
        with ThreadPoolExecutor(8) as people:
            rows = list(people.map(lambda n: sandbox.run(checked(f"SELECT {n}"), f"user {n}").rows, range(24)))
        assert rows == [((number,),) for number in range(24)]


@pytest.mark.parametrize("end", ["sys.exit()", "os.kill(os.getpid(), signal.SIGKILL)", "raise SystemError"])
def test_no_process_outlives_the_one_that_asked(warehouse: Path, end: str) -> None:
    program = f"""
import os, signal, sys, threading, time
from pathlib import Path
from assistant.engines.duckdb_engine import open_locked
from assistant.engines.sandbox import Sandbox
from assistant.values import CheckedQuery, Limits
def query(sql): return CheckedQuery(sql, sql, (), (), (), None, Limits())
sandbox = Sandbox(Path({str(warehouse)!r}))
sandbox.run(query("SELECT 1"))
threading.Thread(target=sandbox.run, args=(query({DEAF_BOMB!r}),), daemon=True).start()
time.sleep(0.5)
{end}
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": tempfile.gettempdir()}
    subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    wait_until(lambda: not processes())
    wait_until(lambda: not glob.glob(f"{tempfile.gettempdir()}/askcost-*"))


def test_workers_have_no_secrets_of_ours(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, warehouse: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    other = Sandbox(warehouse, Limits(**SMALL))
    assert answers(other)
    assert "sk-secret" not in Path(f"/proc/{other._nursery._process.pid}/environ").read_text()
    other.close()


def test_after_closing_nothing_runs(warehouse: Path) -> None:
    sandbox = Sandbox(warehouse, Limits(**SMALL))
    assert answers(sandbox)
    sandbox.close()
    with pytest.raises(EngineError, match="stopped on request"):
        sandbox.run(checked(TOTAL))
    assert processes() == []


def test_a_missing_warehouse_says_how_to_get_one_and_is_seen_once_it_is_there(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "costs.duckdb", Limits(**SMALL))
    with pytest.raises(EngineError, match=r"askcost demo.+askcost load"):
        sandbox.run(checked(TOTAL))
    build(tmp_path / "costs.duckdb")
    assert answers(sandbox)
    sandbox.close()


def test_a_warehouse_held_by_a_writer_is_told_so(warehouse: Path) -> None:
    writer = duckdb.connect(str(warehouse))
    sandbox = Sandbox(warehouse, Limits(**SMALL))
    with pytest.raises(EngineError, match="open for writing in another program"):
        sandbox.run(checked(TOTAL))
    writer.close()
    wait_until(lambda: _answers_again(sandbox))
    sandbox.close()


def test_a_file_that_is_no_warehouse_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "bad.duckdb").write_text("a,b\n" * 5000)
    sandbox = Sandbox(tmp_path / "bad.duckdb", Limits(**SMALL))
    for _ in range(2):
        with pytest.raises(EngineError, match=r"bad\.duckdb is not a warehouse"):
            sandbox.run(checked(TOTAL))
    sandbox.close()
