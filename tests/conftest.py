"""The corpus companies, each loaded once for a test run (also under xdist), and Assistants over them."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from companies import quillfox, tarnbrook

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.warehouse import demo
from assistant.warehouse.load import load

DATA = Path(__file__).parent / "data"
WarehouseOf = Callable[[str], Path]
AssistantFor = Callable[..., Assistant]
CheckFor = Callable[[str], Callable[[str], tuple[Sequence[str], Sequence[tuple[Any, ...]]]]]


def _tarnbrook(warehouse: Path, single_currency: bool) -> None:
    files = warehouse.parent / f"{warehouse.stem}_files"
    for table, paths in tarnbrook.build(files, single_currency):
        load([str(path) for path in paths], warehouse, table)


def _quillfox(warehouse: Path) -> None:
    for table, paths in quillfox.build(warehouse.parent / "fresh_files"):
        load([str(path) for path in paths], warehouse, table)


BUILD: dict[str, Callable[[Path], Any]] = {
    "tarnbrook": lambda path: _tarnbrook(path, single_currency=True),
    "tarnbrook_multi": lambda path: _tarnbrook(path, single_currency=False),
    "fresh": _quillfox,
    "focus_sample": lambda path: load([str(DATA / "focus_sample.csv")], path),
    "ai_examples": lambda path: load([str(DATA / "ai_examples")], path),
    "demo": lambda path: demo.build(path, end=date(2026, 10, 14)),
}


@pytest.fixture(scope="session")
def warehouse_of(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> WarehouseOf:
    """company → its warehouse file. Shared by all tests: copy it before changing it."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "companies"
    folder.mkdir(exist_ok=True)

    def find(company: str) -> Path:
        path = folder / f"{company}.duckdb"
        with open(folder / f"{company}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                made = folder / company / path.name
                made.parent.mkdir(exist_ok=True)
                BUILD[company](made)
                made.rename(path)
        return path

    return find


@pytest.fixture(scope="session")
def assistant_for(warehouse_of: WarehouseOf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AssistantFor]:
    """company, settings → a new Assistant with a ledger of its own."""
    opened: list[Assistant] = []

    def make(company: str, **settings: Any) -> Assistant:
        ledger = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
        opened.append(Assistant(Config(warehouse=warehouse_of(company), ledger=ledger, **settings)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture(scope="session")
def check_for(warehouse_of: WarehouseOf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckFor]:
    """company → a function that runs SQL on a plain copy, past the guard and the engine's settings."""
    opened: dict[str, duckdb.DuckDBPyConnection] = {}

    def connect(company: str) -> Callable[[str], tuple[Sequence[str], Sequence[tuple[Any, ...]]]]:
        if company not in opened:
            copy = tmp_path_factory.mktemp("plain") / f"{company}.duckdb"
            shutil.copyfile(warehouse_of(company), copy)
            opened[company] = duckdb.connect(str(copy), read_only=True)
            opened[company].execute("SET TimeZone = 'UTC'")

        def check(sql: str) -> tuple[Sequence[str], Sequence[tuple[Any, ...]]]:
            cursor = opened[company].cursor().execute(sql)
            return [column[0] for column in cursor.description or ()], cursor.fetchall()

        return check

    yield connect
    for one in opened.values():
        one.close()
