"""Where the ledger lies: a file of SQLite, or PostgreSQL by one setting. Knows no table's meaning.

Statements are written once, in SQL that both speak, with :named values. Transactions stand in line, so that what one
reads can't change before it writes. SQLAlchemy takes a second to import; the file, which every question opens, does
without it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from assistant.config import Config
from assistant.errors import LedgerError
from assistant.ledger.migrations import Dialect, migrate

# A statement and its named values → rows; none for what returns nothing.
Run = Callable[..., list[dict[str, Any]]]
# Any number that nothing else in that database locks.
_TURN = 7_273_465_266


class Store(Protocol):
    """`transaction` commits when it ends well. Raises LedgerError. What was closed opens again when it is used."""

    @property
    def dialect(self) -> Dialect: ...

    def transaction(self) -> AbstractContextManager[Run]: ...

    def close(self) -> None: ...


def of(config: Config) -> Store:
    if config.ledger_url is not None:
        return Postgres(config.ledger_url.get_secret_value())
    return File(config.ledger_path)


def insert(run: Run, table: str, row: dict[str, Any], otherwise: str = "") -> None:
    """One row; `otherwise` is what follows the values, like ON CONFLICT DO NOTHING."""
    columns, values = ", ".join(f'"{name}"' for name in row), ", ".join(f":{name}" for name in row)
    run(f"INSERT INTO {table} ({columns}) VALUES ({values}) {otherwise}", **row)


class File:
    """One SQLite file, for threads and processes of one machine."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Run]:
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = _opened(self._path)
                with _immediate(self._connection) as run:
                    yield run
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"The ledger {self._path} can't be used: {error}") from None

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
    for attempt in range(20):  # the switch to WAL does not wait for other processes that are doing the same
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError:
            if attempt == 19:
                raise
            time.sleep(0.05)
    connection.execute("PRAGMA synchronous=NORMAL")
    with _immediate(connection) as run:
        migrate(run, "sqlite")
    return connection


@contextmanager
def _immediate(connection: sqlite3.Connection) -> Iterator[Run]:
    def run(statement: str, **values: Any) -> list[dict[str, Any]]:
        cursor = connection.execute(statement, values)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    connection.execute("BEGIN IMMEDIATE")
    try:
        yield run
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


class Postgres:
    """One PostgreSQL database, for any number of machines. `url` like postgresql://askcost@host/costs."""

    dialect: Dialect = "postgresql"

    def __init__(self, url: str) -> None:
        self._url = url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)
        self._lock = threading.Lock()
        self._engine: Any = None

    @contextmanager
    def transaction(self) -> Iterator[Run]:
        if find_spec("sqlalchemy") is None or find_spec("psycopg") is None:
            raise LedgerError("A ledger in PostgreSQL needs more packages: pip install 'askcost[postgres]'")
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._lock:
                if self._engine is None:
                    self._engine = _engine(self._url)
            with _in_line(self._engine) as run:
                yield run
        except SQLAlchemyError as error:
            # the database's own words, never the URL, which may hold a password
            reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
            raise LedgerError(f"The ledger in PostgreSQL can't be used: {reason}") from None

    def close(self) -> None:
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None


def _engine(url: str) -> Any:
    from sqlalchemy import create_engine

    engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 5})
    with _in_line(engine) as run:
        migrate(run, "postgresql")
    return engine


@contextmanager
def _in_line(engine: Any) -> Iterator[Run]:
    from sqlalchemy import text

    with engine.begin() as connection:

        def run(statement: str, **values: Any) -> list[dict[str, Any]]:
            result = connection.execute(text(statement), values)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

        run("SELECT pg_advisory_xact_lock(:turn)", turn=_TURN)
        yield run
