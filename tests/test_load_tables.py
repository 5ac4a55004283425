"""Every table of the contract loads by its rules, or names the line that breaks one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from assistant.errors import LoadError
from assistant.warehouse import contracts
from assistant.warehouse.load import load

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "load_tables.yaml").read_text(encoding="utf-8"))
METRICS = "month,metric,volume\n"


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    return tmp_path / "w" / "costs.duckdb"


def ask(warehouse: Path, sql: str) -> list[list[str | None]]:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return [[None if v is None else str(v) for v in row] for row in con.execute(sql).fetchall()]


def write(folder: Path, text: str, name: str = "table.csv") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


@pytest.mark.parametrize("case", CASES["accepted"], ids=lambda case: case["name"])
def test_accepted(case: dict[str, Any], tmp_path: Path, warehouse: Path) -> None:
    report = load([write(tmp_path, case["text"])], warehouse, table=case["table"])
    for sql, rows in case["expect"].items():
        assert ask(warehouse, sql) == rows, sql
    for words in case.get("odd", []):
        assert words in " ".join(report.oddities)
    columns = [row[0] for row in ask(warehouse, f"DESCRIBE {case['table']}")]
    assert set(contracts.tables()[case["table"]].columns) <= set(columns)
    assert json.loads(json.dumps(report.to_dict()))["rows"] == report.rows


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["name"])
def test_refused(case: dict[str, Any], tmp_path: Path, warehouse: Path) -> None:
    with pytest.raises(LoadError) as caught:
        load([write(tmp_path, case["text"])], warehouse, table=case["table"])
    message = str(caught.value)
    assert all(word in message for word in ["table.csv", *case["says"]]), message
    assert "\n" not in message
    assert not warehouse.exists()


def test_the_header_finds_the_table(tmp_path: Path, warehouse: Path) -> None:
    report = load([write(tmp_path, METRICS + "2026-01,loans,5\n")], warehouse)
    assert report.table == "business_metrics"
    assert "business_metrics" in report.oddities[0]


def test_rows_are_added_a_key_once_and_replace_starts_anew(tmp_path: Path, warehouse: Path) -> None:
    load([write(tmp_path, METRICS + "2026-01,loans,5\n", "1.csv")], warehouse)
    load([write(tmp_path, METRICS + "2026-02,loans,6\n", "2.csv")], warehouse)
    assert ask(warehouse, "SELECT volume FROM business_metrics") == [["5"], ["6"]]
    third = write(tmp_path, METRICS + "2026-03,loans,7\n2026-02,loans,8\n", "3.csv")
    with pytest.raises(LoadError, match=r"3.csv, line 3: Duplicate key.*already loaded"):
        load([third], warehouse)
    assert load([third], warehouse, replace=True).replaced_rows == 2
    assert ask(warehouse, "SELECT volume FROM business_metrics ORDER BY month") == [["8"], ["7"]]


def test_two_files_of_one_load_share_the_keys(tmp_path: Path, warehouse: Path) -> None:
    one = write(tmp_path, METRICS + "2026-01,loans,5\n", "1.csv")
    two = write(tmp_path, METRICS + "2026-02,loans,5\n2026-01,loans,6\n", "2.csv")
    with pytest.raises(LoadError, match=r"2.csv, line 3: Duplicate key"):
        load([one, two], warehouse)


def test_unlike_files_are_found_by_line_too(tmp_path: Path, warehouse: Path) -> None:
    one = write(tmp_path, METRICS + "2026-01,loans,5\n", "1.csv")
    two = write(tmp_path, "metric,month,volume,extra\nloans,2026-02,many,x\n", "2.csv")
    with pytest.raises(LoadError, match=r"2.csv, line 2, column volume, value 'many'"):
        load([one, two], warehouse)


def test_parquet_tables_keep_their_types(tmp_path: Path, warehouse: Path) -> None:
    path = f"{tmp_path}/m.parquet"
    duckdb.sql(f"COPY (SELECT DATE '2026-01-01' AS month, 'loans' AS metric, 5.25::DOUBLE AS volume) TO '{path}'")
    load([path], warehouse, table="business_metrics")
    assert ask(warehouse, "SELECT month, volume FROM business_metrics") == [["2026-01-01", "5.25"]]


def test_a_bad_row_of_parquet_is_named_by_number(tmp_path: Path, warehouse: Path) -> None:
    path = f"{tmp_path}/m.parquet"
    duckdb.sql(
        "COPY (SELECT '2026-0' || (i + 1) AS month, 'loans' AS metric, 5 - i AS volume FROM range(9) AS r(i))"
        f" TO '{path}'"
    )
    with pytest.raises(LoadError, match=r"m.parquet, column volume, value '-1': .*\(row 7 of the Parquet file\)"):
        load([path], warehouse, table="business_metrics")
