"""A backup put where this configuration looks for its files: whole, as it was written, or not at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from assistant.backup import (
    FROM_POSTGRES,
    LEDGER,
    SCHEMAS,
    WAREHOUSE,
    Kept,
    Manifest,
    copy_folder,
    copy_ledger,
    digest,
    is_schema,
    read,
    verified,
)
from assistant.config import Config
from assistant.errors import AssistantError, Refused
from assistant.ledger import store


def restore(config: Config, folder: Path, force: bool = False) -> tuple[Manifest, tuple[str, ...]]:
    """Puts a backup where this configuration looks for its files; → the manifest, and what is left to do, in words.

    Nothing changes unless every file is as its digest says and the audit chain is as it was. Raises Refused when
    something is there already (`force` replaces it) or in use, AssistantError when the backup is not whole.
    """
    manifest = read(folder)
    targets, notes = _targets(config, folder, manifest)
    there = [path for path in targets.values() if path.exists()]
    if there and not force:
        raise Refused(f"{', '.join(map(str, there))} would be replaced. Restore elsewhere, or repeat with --force.")
    try:
        with _staged(folder, manifest, targets) as staged:
            exported = staged.pop(FROM_POSTGRES, None)
            if exported is None and LEDGER in staged:
                _check_chain(store.File(staged[LEDGER]), manifest)
            for path in there:
                _check_idle(path)
            with _moved([(targets[name], new) for name, new in staged.items()]):
                if exported is not None:
                    copy_ledger(store.File(exported), store.of(config))
                    _check_chain(store.of(config), manifest)
    except OSError as error:
        raise AssistantError(f"The backup can't be restored: {error}. Nothing was changed.") from None
    unset = sorted({f"ASKCOST_{n.upper()}" for n in set(manifest.settings) - config.model_fields_set - {"warehouse"}})
    return manifest, (*notes, *([f"Set when it was backed up, and not now: {', '.join(unset)}."] if unset else ()))


def _targets(config: Config, folder: Path, manifest: Manifest) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Name in the backup → where it goes. The definitions are one folder, and stay where they are the same."""
    if FROM_POSTGRES in manifest.files and config.ledger_url is None:
        raise Refused("The ledger of this backup was in PostgreSQL: set ASKCOST_LEDGER_URL to an empty database.")
    if FROM_POSTGRES not in manifest.files and config.ledger_url is not None:
        raise Refused("The ledger of this backup was a file: unset ASKCOST_LEDGER_URL.")
    plain = [n for n in manifest.files if not is_schema(n)]
    targets = {n: config.warehouse.with_suffix(f".{n}") for n in plain}
    targets.update(
        {n: path for n, path in ((WAREHOUSE, config.warehouse), (LEDGER, config.ledger_path)) if n in targets}
    )
    if _same(config.schemas, folder, manifest):
        return targets, ()
    own = config.schemas == Config.model_fields["schemas"].default
    target = config.warehouse.parent / SCHEMAS if own else config.schemas
    note = f"The definitions differ from this askcost's own; they are in {target}. ASKCOST_SCHEMAS={target} uses them."
    return {**targets, SCHEMAS: target}, (note,) if own else ()


def _same(schemas: Path, folder: Path, manifest: Manifest) -> bool:
    here = {f"{SCHEMAS}/{p.relative_to(schemas)}": p for p in schemas.rglob("*") if p.is_file()}
    kept = {n: k for n, k in manifest.files.items() if is_schema(n)}
    return here.keys() == kept.keys() and all(digest(path) == kept[name].sha256 for name, path in here.items())


@contextmanager
def _staged(folder: Path, manifest: Manifest, targets: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """Name → its content beside its target, as the digests say."""
    staged = {name: _beside(target, "restore") for name, target in targets.items()}
    try:
        for name, new in staged.items():
            new.parent.mkdir(parents=True, exist_ok=True)
            if name == SCHEMAS:
                copy_folder(folder / name, new)
                _check_definitions(folder, new, manifest)
            else:
                shutil.copyfile(folder / name, new)
                new.chmod(0o600)
                _check_digest(folder / name, new, manifest.files[name])
        _check_definitions(folder, folder / SCHEMAS, manifest)
        yield dict(staged)
    except FileNotFoundError as error:
        raise AssistantError(f"{error.filename} is missing. Nothing was changed.") from None
    finally:
        for new in staged.values():
            _remove(new)


def _check_definitions(folder: Path, copy: Path, manifest: Manifest) -> None:
    for name in filter(is_schema, manifest.files):
        _check_digest(folder / name, copy / Path(name).relative_to(SCHEMAS), manifest.files[name])


def _check_digest(path: Path, copy: Path, kept: Kept) -> None:
    if digest(copy) != kept.sha256:
        raise AssistantError(f"{path} is not as it was backed up. Nothing was changed.")


@contextmanager
def _moved(staged: Sequence[tuple[Path, Path]]) -> Iterator[None]:
    """The new content in its places while the body runs, and for good if that ends well; else the old is back."""
    done: list[tuple[Path, Path]] = []
    try:
        for target, new in staged:
            old = _beside(target, "before")
            if target.exists():
                os.rename(target, old)
            done.append((target, old))
            os.rename(new, target)
        yield
    except BaseException:
        for target, old in done:
            _remove(target)
            if old.exists():
                os.rename(old, target)
        raise
    for target, old in done:
        _remove(old)
        for left in (f"{target}.wal", f"{target}-wal", f"{target}-shm"):  # they belong to what was there
            Path(left).unlink(missing_ok=True)


def _check_idle(path: Path) -> None:
    """Raises Refused when another process has this SQLite file open."""
    if path.suffix != ".sqlite":
        return
    try:
        with closing(sqlite3.connect(path, timeout=0.1)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise Refused(f"{path} is in use. Stop askcost (serve, slack, mcp, alerts), then restore again.") from None
    except sqlite3.DatabaseError:
        return  # damaged; it is going to be replaced


def _check_chain(ledger: store.Store, manifest: Manifest) -> None:
    found = verified(ledger)
    if (found.newest, found.breaks) != (manifest.head, manifest.breaks):
        raise AssistantError("The audit's chain is not the one that was backed up. Nothing was changed.")


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}-{os.getpid()}")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    for one in (path, *(Path(f"{path}{ending}") for ending in ("-wal", "-shm"))):
        one.unlink(missing_ok=True)
