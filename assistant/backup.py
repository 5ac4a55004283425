"""Everything that a company would miss, in one folder, and back. Knows files and digests, not what is in them.

What lies beside the warehouse is found by its name, so that a store that a later askcost adds is kept as well.
A ledger in PostgreSQL is copied into a file; other databases (the web chats' history) are named, not copied.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from assistant.config import Config
from assistant.errors import AssistantError, Refused
from assistant.ledger import chain, copying, store
from assistant.warehouse import publish

MANIFEST = "manifest.json"
FORMAT = 1
WAREHOUSE, LEDGER, FROM_POSTGRES, SECRET = "warehouse.duckdb", "ledger.sqlite", "ledger-postgresql.sqlite", "web-secret"
SCHEMAS = "schemas"
RESULTS = "results.sqlite"  # kept for speed, and made again
STORE = re.compile(r"[a-z][a-z-]*\.sqlite")


@dataclass(frozen=True)
class Kept:
    """One file of a backup."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """at: UTC. head: the audit chain's newest hash, breaks: what was wrong with it. settings: names, no values."""

    at: str
    askcost: str
    data_version: str
    records: int
    head: str
    breaks: tuple[str, ...]
    settings: tuple[str, ...]
    files: dict[str, Kept] = field(default_factory=dict)
    format: int = FORMAT


def backup(config: Config, folder: Path) -> Manifest:
    """Writes the folder, whole or not at all, while askcost runs. Raises Refused when it is there, AssistantError."""
    if folder.exists():
        raise Refused(f"{folder} is there already; name a folder that is not, like {folder}-{datetime.now(UTC):%H%M}.")
    partial = folder.with_name(f"{folder.name}.part-{os.getpid()}")
    try:
        partial.mkdir(mode=0o700, parents=True)
        manifest = _written(config, partial)
        partial.rename(folder)
    except (OSError, sqlite3.Error) as error:
        raise AssistantError(f"The backup in {folder} can't be written: {error}. There is none.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _written(config: Config, folder: Path) -> Manifest:
    data_version = publish.copied(config.warehouse, folder / WAREHOUSE)
    for name, path in _stores(config).items():
        _copy_sqlite(path, folder / name)
    if (secret := config.warehouse.with_suffix(f".{SECRET}")).exists():
        shutil.copyfile(secret, folder / SECRET)
    copy_folder(config.schemas, folder / SCHEMAS)
    if config.ledger_url is not None:
        copy_ledger(store.of(config), store.File(folder / FROM_POSTGRES))
    ledger = next((p for p in (folder / FROM_POSTGRES, folder / LEDGER) if p.exists()), None)
    verdict = verified(store.File(ledger)) if ledger else chain.Verdict(0, 0, "", 0, (), ())
    if ledger:
        _close_log(ledger)
    files = {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*")) if p.is_file()}
    for path in files.values():
        path.chmod(0o600)
    manifest = Manifest(
        datetime.now(UTC).isoformat(timespec="seconds"),
        version("askcost"),
        data_version,
        verdict.records,
        verdict.newest,
        verdict.breaks,
        tuple(sorted(config.model_fields_set)),
        {name: Kept(digest(path), path.stat().st_size) for name, path in files.items()},
    )
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    return manifest


def read(folder: Path) -> Manifest:
    """Raises AssistantError when the folder is no backup that this askcost can read."""
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise AssistantError(f"{folder} was written by another askcost ({said['askcost']}); restore it with that.")
        files = {str(name): Kept(**kept) for name, kept in said["files"].items()}
        lists = {name: tuple(said[name]) for name in ("breaks", "settings")}
        manifest = Manifest(**{**said, **lists, "files": files})
    except OSError as error:
        raise AssistantError(f"{folder} is no backup: {MANIFEST} can't be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AssistantError(f"{folder} is no backup that can be restored: its {MANIFEST} is damaged.") from None
    strange = [
        n
        for n in files
        if ".." in Path(n).parts or not (n in (WAREHOUSE, SECRET) or STORE.fullmatch(n) or is_schema(n))
    ]
    if strange:
        raise AssistantError(f"{folder / MANIFEST} names {strange[0]}, which is no part of a backup.")
    return manifest


def is_schema(name: str) -> bool:
    return name.startswith(f"{SCHEMAS}/")


def _stores(config: Config) -> dict[str, Path]:
    """Name in a backup → each SQLite file of this warehouse: `costs.tokens.sqlite` is `tokens.sqlite`."""
    stem = config.warehouse.stem
    beside = {p.name.removeprefix(f"{stem}."): p for p in config.warehouse.parent.glob(f"{stem}.*.sqlite")}
    found = {name: path for name, path in beside.items() if STORE.fullmatch(name) and name not in (LEDGER, RESULTS)}
    return {**found, **({LEDGER: config.ledger_path} if config.ledger_path.exists() else {})}


def _copy_sqlite(path: Path, to: Path) -> None:
    """As one moment has it, whoever writes meanwhile."""
    with closing(sqlite3.connect(path, timeout=30)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
    _close_log(to)


def copy_folder(source: Path, to: Path) -> None:
    """The files of a folder; not its rights, which may be those of a read-only place."""
    for path in (p for p in source.rglob("*") if p.is_file()):
        copy = to / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def copy_ledger(source: store.Store, target: store.Store) -> None:
    try:
        copying.copy(source, target)
    finally:
        source.close()
        target.close()


def verified(ledger: store.Store) -> chain.Verdict:
    """The audit's chain, read again; the store is closed afterwards."""
    try:
        return chain.verify(ledger)
    finally:
        ledger.close()


def _close_log(path: Path) -> None:
    """A single file again."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
