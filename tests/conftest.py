"""The corpus companies, each loaded once for a test run (also under xdist), and Assistants over them."""

from __future__ import annotations

import fcntl
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
from companies import kestrelway, larkmoor, quillfox, ravnsund, tarnbrook, wexmoor
from desk import Desk

from assistant import evaluation
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.warehouse import demo
from assistant.warehouse.load import load

DATA = Path(__file__).parent / "data"
CORPUS = Path(__file__).parent / "corpus"
CORPUS_FILES = sorted(path.name for path in CORPUS.glob("*.yaml") if path.name != "known.yaml")
WarehouseOf = Callable[[str], Path]
AssistantFor = Callable[..., Assistant]
CheckFor = Callable[[str], Callable[[str], tuple[Sequence[str], Sequence[tuple[Any, ...]]]]]
Once = Callable[[str, Callable[[Path], Any]], Path]
ResultsOf = Callable[[str], list[evaluation.Result]]


def _tarnbrook(warehouse: Path, single_currency: bool) -> None:
    files = warehouse.parent / f"{warehouse.stem}_files"
    for table, paths in tarnbrook.build(files, single_currency):
        load([str(path) for path in paths], warehouse, table)


def _quillfox(warehouse: Path) -> None:
    for table, paths in quillfox.build(warehouse.parent / "fresh_files"):
        load([str(path) for path in paths], warehouse, table)


def _wexmoor(warehouse: Path) -> None:
    for table, paths in wexmoor.build(warehouse.parent / "wexmoor_files"):
        load([str(path) for path in paths], warehouse, table)


def _ravnsund(warehouse: Path, own_currency: str, since: date) -> None:
    for table, paths in ravnsund.build(warehouse.parent / f"{warehouse.stem}_files", own_currency, since):
        load([str(path) for path in paths], warehouse, table)


def _tables_of(company: ModuleType) -> Callable[[Path], None]:
    def build(warehouse: Path) -> None:
        for table, path in company.build(warehouse.parent / f"{warehouse.stem}_files"):
            load([str(path)], warehouse, table)

    return build


BUILD: dict[str, Callable[[Path], Any]] = {
    "tarnbrook": lambda path: _tarnbrook(path, single_currency=True),
    "tarnbrook_multi": lambda path: _tarnbrook(path, single_currency=False),
    "fresh": _quillfox,
    "wexmoor": _wexmoor,
    "ravnsund": lambda path: _ravnsund(path, "USD", date(2025, 1, 1)),
    "ravnsund_multi": lambda path: _ravnsund(path, "EUR", date(2026, 4, 1)),
    "kestrelway": _tables_of(kestrelway),
    "larkmoor": _tables_of(larkmoor),
    "focus_sample": lambda path: load([str(DATA / "focus_sample.csv")], path),
    "ai_examples": lambda path: load([str(DATA / "ai_examples")], path),
    "demo": lambda path: demo.build(path, end=date(2026, 10, 14)),
}


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """name, make → the file of that name, made by the first process of the run that needs it."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "made_once"
    folder.mkdir(exist_ok=True)

    def find(name: str, make: Callable[[Path], Any]) -> Path:
        path = folder / name
        with open(folder / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                unfinished = folder / f"making_{name}" / name
                unfinished.parent.mkdir(exist_ok=True)
                make(unfinished)
                unfinished.rename(path)
        return path

    return find


@pytest.fixture(scope="session")
def warehouse_of(once: Once) -> WarehouseOf:
    """company → its warehouse file. Shared by all tests: copy it before changing it."""
    return lambda company: once(f"{company}.duckdb", BUILD[company])


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


@pytest.fixture(scope="session")
def results_of(once: Once, assistant_for: AssistantFor, check_for: CheckFor) -> ResultsOf:
    """A file of the corpus → every question asked, answered, judged."""

    def judge(file: str) -> list[evaluation.Result]:
        items = evaluation.read(CORPUS / file)
        assistants = {company: assistant_for(company) for company in {item["company"] for item in items}}
        return [evaluation.judge(assistants[i["company"]], i, check_for(i["company"])) for i in items]

    def find(file: str) -> list[evaluation.Result]:
        path = once(f"{file}.pickle", lambda path: path.write_bytes(pickle.dumps(judge(file))))
        found: list[evaluation.Result] = pickle.loads(path.read_bytes())
        return found

    return find


@pytest.fixture(scope="session")
def desk(warehouse_of: WarehouseOf, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """For all that does not change the warehouse."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copyfile(warehouse_of("tarnbrook"), folder / "tarnbrook.duckdb")
    (folder / "empty").mkdir()
    return Desk(folder, folder / "tarnbrook.duckdb")


@pytest.fixture
def own_desk(warehouse_of: WarehouseOf, tmp_path: Path) -> Desk:
    shutil.copyfile(warehouse_of("tarnbrook"), tmp_path / "tarnbrook.duckdb")
    return Desk(tmp_path, tmp_path / "tarnbrook.duckdb")
