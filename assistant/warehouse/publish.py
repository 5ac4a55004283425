"""Write the warehouse on a private copy and move it into place. Knows nothing about what is written."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from assistant.config import Config
from assistant.errors import LoadError
from assistant.warehouse import index, rollups

# DuckDB calls a database like its file, and these are names of schemas.
TAKEN = ("main", "temp", "system", "_askcost")
WAIT_SECONDS = 60.0


@contextmanager
def writing(
    warehouse: Path,
    fresh: bool = False,
    check: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection on a private copy of `warehouse` (an empty file when `fresh` or there is none).

    On normal exit the `_askcost` tables and the rollups are rebuilt, `check` looks at the result, and the copy
    replaces the warehouse; readers of the old file finish undisturbed. On any error, or a kill, the warehouse
    stays as it was. A second writer waits a minute, then gets a LoadError.
    """
    if warehouse.stem.lower() in TAKEN:
        raise LoadError(f"A warehouse can't be called {warehouse.name}: DuckDB needs that name itself. Choose another.")
    copy = warehouse.with_name(f"{warehouse.name}.load-{os.getpid()}")
    try:
        warehouse.parent.mkdir(parents=True, exist_ok=True)
        with _turn(warehouse):
            for stale in warehouse.parent.glob(f"{warehouse.name}.load-*"):
                _remove(stale)
            if warehouse.exists() and not fresh:
                _copy(warehouse, copy)
            try:
                con = _open(copy, warehouse)
                try:
                    yield con
                    index.build(con)
                    rollups.build(con)
                    if check:
                        check(con)
                    con.execute("CHECKPOINT")
                finally:
                    con.close()
                with copy.open("rb") as file:
                    os.fsync(file.fileno())
                os.replace(copy, warehouse)
                # A log beside the old file belongs to the old file.
                Path(f"{warehouse}.wal").unlink(missing_ok=True)
            finally:
                for left in warehouse.parent.glob(f"{copy.name}*"):
                    _remove(left)
    except duckdb.Error as error:
        # What people's data can do wrong is blamed on its line before; this is memory, disk, or a bug.
        raise LoadError(
            f"The load stopped in the engine: {str(error).splitlines()[0]}. Nothing was changed."
        ) from error
    except OSError as error:
        raise LoadError(
            f"The warehouse {warehouse} could not be written: {error.strerror or error}. "
            "Nothing was changed; check the folder's permissions and free space."
        ) from error


@contextmanager
def _turn(warehouse: Path) -> Iterator[None]:
    """Hold the warehouse's folder, so that one load at a time writes into it."""
    folder = os.open(warehouse.parent, os.O_RDONLY)
    deadline = time.monotonic() + WAIT_SECONDS
    try:
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LoadError(
                        f"Another load is writing {warehouse}. Wait until it has finished, then load again."
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(folder)


def _copy(warehouse: Path, copy: Path) -> None:
    with warehouse.open("rb") as held:
        try:
            # DuckDB's writers lock the same way; under a writer a copy would be torn.
            fcntl.lockf(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            raise LoadError(
                f"The warehouse {warehouse} is open for writing in another program. Close it, then load again."
            ) from None
        _duplicate(warehouse, copy)
        if (log := Path(f"{warehouse}.wal")).exists():
            shutil.copyfile(log, f"{copy}.wal")


def _duplicate(source: Path, target: Path) -> None:
    """A copy that shares its blocks with the source where the file system can (XFS, Btrfs), and so takes no time."""
    try:
        with source.open("rb") as old, target.open("wb") as new:
            while os.copy_file_range(old.fileno(), new.fileno(), 1 << 30):
                pass
    except (AttributeError, OSError):  # not on this system, or not between these file systems
        shutil.copyfile(source, target)


def _open(copy: Path, warehouse: Path) -> duckdb.DuckDBPyConnection:
    try:
        con = duckdb.connect(str(copy))
    except duckdb.Error as error:
        raise LoadError(
            f"The warehouse {warehouse} is not a DuckDB file that askcost can read "
            f"({str(error).splitlines()[0]}). Name another file with --warehouse, or move this one away."
        ) from error
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET enable_progress_bar = false")  # the surfaces tell how far it is
    con.execute(f"SET memory_limit = '{Config().load_memory_mb}MiB'")
    return con


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def copied(warehouse: Path, to: Path) -> str:
    """Copies the published warehouse while others read and load; → its data version. Raises LoadError."""
    if not warehouse.exists():
        raise LoadError(f"There is no warehouse at {warehouse}. Load a bill with `askcost load FILE…`.")
    try:
        with _turn(warehouse):
            _copy(warehouse, to)
        con = _open(to, warehouse)  # what stood in a log beside it is in the file now
        version = con.execute("SELECT data_version FROM _askcost.version").fetchall()
        con.close()
    except (OSError, duckdb.Error) as error:
        raise LoadError(f"The warehouse {warehouse} can't be copied to {to}: {error}") from None
    return str(version[0][0])
