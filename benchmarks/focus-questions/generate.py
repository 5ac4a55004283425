"""Makes the benchmark's data: python benchmarks/focus-questions/generate.py build/focus-questions [COMPANY…]

For each company: its exports as a provider would deliver them (COMPANY/files), the loaded tables as Parquet
(COMPANY/tables) and as one DuckDB file (COMPANY.duckdb). The same call writes the same rows.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from companies import quillfox, ravnsund, tarnbrook, wexmoor  # noqa: E402

from assistant.warehouse import demo  # noqa: E402
from assistant.warehouse.load import load  # noqa: E402

# Writes a company's exports into a folder → [(table, or None for FOCUS, its files)], in an order that loads.
Exports = Callable[[Path], Sequence[tuple[str | None, Sequence[Path]]]]
DATA = ROOT / "tests" / "data"


def copied(*names: str) -> Exports:
    def copy(folder: Path) -> Sequence[tuple[str | None, Sequence[Path]]]:
        folder.mkdir(parents=True)
        files = [path for name in names for path in sorted(DATA.glob(name))]
        return [(None, [Path(shutil.copy(path, folder)) for path in files])]

    return copy


COMPANIES: dict[str, Exports] = {
    "tarnbrook": lambda folder: tarnbrook.build(folder, True),
    "tarnbrook_multi": lambda folder: tarnbrook.build(folder, False),
    "fresh": quillfox.build,
    "wexmoor": wexmoor.build,
    "ravnsund": lambda folder: ravnsund.build(folder, "USD", date(2025, 1, 1)),
    "ravnsund_multi": lambda folder: ravnsund.build(folder, "EUR", date(2026, 4, 1)),
    "focus_sample": copied("focus_sample.csv"),
    "ai_examples": copied("ai_examples/*.csv"),
}
# The demo company has no exports: askcost demo --rows 500000 --end 2026-10-14 --seed 7 makes its tables.
DEMO = {"rows": 500_000, "end": date(2026, 10, 14), "seed": 7}


def make(company: str, out: Path) -> Path:
    """The company's warehouse, made anew."""
    warehouse, folder = out / f"{company}.duckdb", out / company
    shutil.rmtree(folder, ignore_errors=True)
    warehouse.unlink(missing_ok=True)
    if company == "demo":
        demo.build(warehouse, **DEMO)  # type: ignore[arg-type]
    else:
        for table, paths in COMPANIES[company](folder / "files"):
            load([str(path) for path in paths], warehouse, table)
    _export(warehouse, folder / "tables")
    return warehouse


def _export(warehouse: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    with duckdb.connect(str(warehouse), read_only=True) as con:
        tables: list[Any] = con.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'").fetchall()
        for (table,) in tables:
            con.execute(f"COPY (FROM {table}) TO '{folder / table}.parquet' (FORMAT parquet)")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    known = [*COMPANIES, "demo"]
    for name in sys.argv[2:] or known:
        if name not in known:
            sys.exit(f"{name} is no company of the benchmark; there are {', '.join(known)}.")
        print(make(name, Path(sys.argv[1])))
