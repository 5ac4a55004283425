"""The files of each provider: what their exports look like. Knows nothing about what the charges mean."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from .tarnbrook_focus import (
    ANTHROPIC_COLUMNS,
    AWS_COLUMNS,
    GOOGLE_COLUMNS,
    LARKSPUR_COLUMNS,
    MICROSOFT_COLUMNS,
    SOLENNE_COLUMNS,
)

Row = dict[str, Any]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value)


def _by_month(rows: Iterable[Row]) -> dict[str, list[Row]]:
    months: dict[str, list[Row]] = {}
    for row in rows:
        months.setdefault(f"{row['BillingPeriodStart']:%Y-%m}", []).append(row)
    return months


def _write_csv(path: Path, header: dict[str, str], rows: list[Row], text: Callable[[Any], str] = _text) -> Path:
    """header: the file's column name → the FOCUS column it holds."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows([text(row.get(column)) for column in header.values()] for row in rows)
    content = file.getvalue().encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def write_aws(folder: Path, rows: list[Row]) -> list[Path]:
    """FOCUS 1.0, one gzipped CSV a month, ProviderName, Tags as JSON text (empty object when none)."""
    header = {name: name for name in AWS_COLUMNS}
    return [_write_csv(folder / f"aws-{m}.csv.gz", header, part) for m, part in _by_month(rows).items()]


def write_microsoft(folder: Path, rows: list[Row]) -> list[Path]:
    """FOCUS 1.2, one CSV, InvoiceId and x_ columns; no Tags text when there are none."""
    untagged = [row | {"Tags": row["Tags"] or None} for row in rows]
    return [_write_csv(folder / "microsoft.csv", {name: name for name in MICROSOFT_COLUMNS}, untagged)]


def write_google(folder: Path, rows: list[Row]) -> list[Path]:
    """FOCUS 1.3, one Parquet, ServiceProviderName, Tags as MAP, times as TIMESTAMP WITH TIME ZONE."""
    draft = _write_csv(folder / "google.draft.csv", {name: name for name in GOOGLE_COLUMNS}, rows)
    path = folder / "google.parquet"

    def typed(name: str) -> str:
        if name == "Tags":
            return "CAST(CAST(Tags AS JSON) AS MAP(VARCHAR, VARCHAR)) AS Tags"
        if name.endswith(("Cost", "UnitPrice", "Quantity")):
            return f"CAST({name} AS DECIMAL(28, 12)) AS {name}"
        if name.endswith(("PeriodStart", "PeriodEnd")):
            return f"CAST({name} AS TIMESTAMPTZ) AS {name}"
        return name

    columns = ", ".join(map(typed, GOOGLE_COLUMNS))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"COPY (SELECT {columns} FROM read_csv('{draft}', all_varchar = true)) TO '{path}' (FORMAT parquet)"
        )
    draft.unlink()
    return [path]


def write_larkspur(folder: Path, rows: list[Row]) -> list[Path]:
    """A SaaS vendor: snake_case headers, plain dates, tags as a list of key/value objects."""

    def text(value: Any) -> str:
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%d}"
        if isinstance(value, dict):
            return json.dumps([{"key": key, "value": item} for key, item in value.items()])
        return _text(value)

    return [_write_csv(folder / "larkspur_2025_2026.csv", LARKSPUR_COLUMNS, rows, text)]


def write_anthropic(folder: Path, rows: list[Row]) -> list[Path]:
    """A model vendor on FOCUS 1.4: ServiceProviderName, HostProviderName, SkuPriceDetails."""
    return [_write_csv(folder / "anthropic.csv", {name: name for name in ANTHROPIC_COLUMNS}, rows)]


def write_solenne(folder: Path, rows: list[Row]) -> list[Path]:
    """A second model vendor on FOCUS 1.4, its own currency, fewer columns, reversed header."""
    return [_write_csv(folder / "solenne.csv.gz", {name: name for name in SOLENNE_COLUMNS}, rows)]
