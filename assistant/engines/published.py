"""The tables that `askcost publish` wrote: which version is current, and what it holds. Knows no engine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from assistant.errors import EngineError

CURRENT = "current.json"
FORMAT = 1
LOOK_SECONDS = 5.0


class Files(Protocol):
    """Reads files that this machine doesn't see."""

    def text(self, path: str) -> str: ...


@dataclass(frozen=True)
class Manifest:
    """One version: `tables` as current.json lists them, below `folder`."""

    folder: str
    version: str
    tables: tuple[Mapping[str, Any], ...]

    @cached_property
    def columns(self) -> tuple[tuple[str, str, str, str], ...]:
        return tuple((t["schema"], t["table"], name, kind) for t in self.tables for name, kind in t["columns"])

    @cached_property
    def schema(self) -> Mapping[str, Mapping[str, str]]:
        return {f"{t['schema']}.{t['table']}": dict(t["columns"]) for t in self.tables}

    def view(self, table: str) -> tuple[str, Mapping[str, str], str]:
        """(name, column → DuckDB type, folder of its files) of `schema.table`."""
        schema, _, name = table.partition(".")
        shown = name if schema == "main" else f"{schema}_{name}"
        return shown, self.schema[table], f"{self.folder}/versions/{self.version}/{table}"


class Published:
    """What is current below `path`, which may be a folder here or something that only the cluster sees."""

    def __init__(self, path: str) -> None:
        self._path = path.rstrip("/")
        self._local = Path(self._path) / CURRENT if "://" not in self._path else None
        self._found: tuple[float, str] | None = None
        self._turn = threading.Lock()

    def version(self, files: Callable[[], Files]) -> str:
        return self.manifest(files).version

    def manifest(self, files: Callable[[], Files]) -> Manifest:
        """The current one; what only the cluster sees is looked at every five seconds at most."""
        try:
            held = json.loads(self._text(files))
        except (OSError, ValueError):
            raise EngineError(
                f"No tables are published in {self._path} yet. `askcost publish --to PATH` writes them, and "
                "ASKCOST_SPARK_TABLES says where they are."
            ) from None
        if held.get("format") != FORMAT:
            raise EngineError(f"{self._path} was published by another version of askcost; publish it again.")
        return Manifest(self._path, held["version"], tuple(held["tables"]))

    def _text(self, files: Callable[[], Files]) -> str:
        if self._local is not None and self._local.is_file():
            return self._local.read_text("utf-8")
        with self._turn:
            if self._found is None or time.monotonic() - self._found[0] > LOOK_SECONDS:
                self._found = time.monotonic(), files().text(f"{self._path}/{CURRENT}")
            return self._found[1]
