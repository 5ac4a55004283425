"""Bills of every make load exactly, or not at all with the line at fault named."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import LoadError
from assistant.warehouse import contracts, index, publish
from assistant.warehouse.load import load
from assistant.warehouse.publish import writing

ROOT = Path(__file__).parent
CASES = yaml.safe_load((ROOT / "cases" / "load_bills.yaml").read_text(encoding="utf-8"))
SAMPLE = ROOT / "data" / "focus_sample.csv"
HEADER = (
    "BilledCost,EffectiveCost,BillingCurrency,BillingPeriodStart,ChargePeriodStart,ChargeCategory,"
    "ProviderName,BillingAccountId\n"
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    return tmp_path / "w" / "costs.duckdb"


def ask(warehouse: Path, sql: str) -> list[list[str | None]]:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return [[None if v is None else str(v) for v in row] for row in con.execute(sql).fetchall()]


def bill(folder: Path, *rows: str, name: str = "bill.csv") -> str:
    """A file of charges `cost,day[,account]`."""
    path = folder / name
    lines = []
    for row in rows:
        cost, day, *account = row.split(",")
        lines.append(f"{cost},{cost},USD,{day[:7]}-01,{day},Usage,Acme,{account[0] if account else '1'}\n")
    path.write_text(HEADER + "".join(lines))
    return str(path)


def total(warehouse: Path) -> str | None:
    return ask(warehouse, "SELECT sum(BilledCost) FROM cost_and_usage")[0][0]


# --- what a bill becomes ------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES["bills"], ids=lambda case: case["name"])
def test_a_bill_becomes(case: dict[str, Any], tmp_path: Path, warehouse: Path) -> None:
    for name, text in case["files"].items():
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    paths = [str(tmp_path / name) for name in case["files"]]
    report = load(paths, warehouse)
    for sql, rows in case.get("expect", {}).items():
        assert ask(warehouse, sql) == rows, sql
    for words in case.get("odd", []):
        assert words in " ".join(report.oddities)


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["name"])
def test_refused_and_nothing_changed(case: dict[str, Any], tmp_path: Path, warehouse: Path) -> None:
    load([bill(tmp_path, "5,2026-01-05")], warehouse)
    before = warehouse.read_bytes()
    bad = tmp_path / "bad.csv"
    bad.write_text(case["text"], encoding="utf-8", newline="")
    with pytest.raises(LoadError) as caught:
        load([str(bad)], warehouse)
    message = str(caught.value)
    assert all(word in message for word in case["says"]), message
    assert "\n" not in message
    assert warehouse.read_bytes() == before
    assert os.listdir(warehouse.parent) == [warehouse.name]


def broken_gzip(good: bytes) -> bytes:
    return gzip.compress(good * 50)[:-20]


BYTES = {
    "a gzip file that is cut off": (broken_gzip, "cut off or damaged"),
    "a binary file": (lambda good: bytes(range(256)) * 10, "binary file"),
    "a zip file": (lambda good: b"PK\x03\x04" + good, "zip or Excel"),
    "a line of ten megabytes": (lambda good: good + b"x" * 10_000_000, "line 2"),
    "a header of ten megabytes": (lambda good: b"x" * 10_000_000, "first line is longer"),
    "text that is not UTF-8": (
        lambda good: good + "é,1,U,2,3,4,5,6\n".encode("latin-1"),
        "line 2: This is not UTF-8",
    ),
    "UTF-16 text": (lambda good: good.decode().encode("utf-16"), "UTF-16"),
    "a Parquet file that is cut off": (lambda good: b"PAR1" + good, "Parquet file is cut off"),
}


@pytest.mark.parametrize("name", BYTES)
def test_bad_bytes_are_one_clear_line(name: str, tmp_path: Path, warehouse: Path) -> None:
    make, says = BYTES[name]
    bad = tmp_path / "bad.csv"
    bad.write_bytes(make(HEADER.encode()))
    with pytest.raises(LoadError) as caught:
        load([str(bad)], warehouse)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert not warehouse.exists()


def test_no_such_file_folder_or_table(tmp_path: Path, warehouse: Path) -> None:
    with pytest.raises(LoadError, match="no such file"):
        load([str(tmp_path / "nothing.csv")], warehouse)
    (tmp_path / "void").mkdir()
    with pytest.raises(LoadError, match="no CSV or Parquet"):
        load([str(tmp_path / "void")], warehouse)
    with pytest.raises(LoadError, match="no table 'bills'"):
        load([bill(tmp_path, "1,2026-01-01")], warehouse, table="bills")


def test_the_official_sample_loads_to_the_last_digit(warehouse: Path) -> None:
    import csv

    with SAMPLE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    report = load([str(SAMPLE)], warehouse)
    billed = sum(Decimal(row["BilledCost"]) for row in rows)
    assert (report.rows, report.sums[0].billed) == (len(rows), billed)
    columns = [row[0] for row in ask(warehouse, "DESCRIBE cost_and_usage")]
    assert set(contracts.focus_columns()) <= set(columns)
    keys = "date_trunc('month', ChargePeriodStart), " + ", ".join(contracts.tables()["cost_and_usage"].layout)
    lying = ask(warehouse, f"SELECT {keys}, ChargePeriodStart FROM cost_and_usage ORDER BY rowid")
    assert lying == ask(warehouse, f"SELECT {keys}, ChargePeriodStart FROM cost_and_usage ORDER BY ALL NULLS LAST")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=12)
        | st.integers(-(10**17), 10**17).map(Decimal)
        | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6).map(
            lambda x: Decimal(repr(round(x, 9)))
        ),
        min_size=1,
        max_size=30,
    )
)
def test_any_amounts_add_up_as_in_the_file(tmp_path_factory: Any, amounts: list[Decimal]) -> None:
    folder = tmp_path_factory.mktemp("sum")
    report = load([bill(folder, *(f"{a},2026-01-01" for a in amounts))], folder / "w.duckdb")
    with localcontext(prec=80):  # Python's own 28 digits would round
        assert report.sums[0].billed == sum(amounts)


# --- where files come from -----------------------------------------------------------------------


def test_folders_globs_partitions_and_gzip(tmp_path: Path, warehouse: Path) -> None:
    for month in ("2026-01", "2026-02", "2026-03"):
        folder = tmp_path / "export" / f"billing_period={month}" / "ProviderName=Zed"
        folder.mkdir(parents=True)
        text = HEADER.replace("ProviderName,", "") + f"1.5,1.5,USD,{month}-01,{month}-02,Usage,7\n"
        (folder / "part.csv.gz").write_bytes(gzip.compress(text.encode()))
        (folder / "_SUCCESS").write_text("")
    report = load([str(tmp_path / "export")], warehouse)
    assert report.rows == 3
    assert ask(warehouse, "SELECT DISTINCT ServiceProviderName FROM cost_and_usage") == [["Zed"]]
    assert "billing_period" not in [row[0] for row in ask(warehouse, "DESCRIBE cost_and_usage")]
    assert load([str(tmp_path / "export" / "**" / "*.gz")], warehouse, replace=True).rows == 3


def test_parquet_keeps_doubles_maps_and_structs(tmp_path: Path, warehouse: Path) -> None:
    charge = """SELECT 0.1::DOUBLE AS BilledCost, 1e-7::DOUBLE AS EffectiveCost, 'USD' AS BillingCurrency,
        TIMESTAMPTZ '2026-03-01 00:00:00+00' AS BillingPeriodStart, DATE '2026-03-02' AS ChargePeriodStart,
        'Usage' AS ChargeCategory, 'Acme' AS ProviderName, {} AS Tags"""
    shapes = (
        "MAP {'team': 'a'}",
        "{'team': 'b', 'env': NULL::VARCHAR}",
        "[{'key': 'team', 'value': 'c'}]",
        '\'{"team": "d"}\'',
    )
    for number, shape in enumerate(shapes):
        duckdb.sql(f"COPY ({charge.format(shape)}) TO '{tmp_path}/{number}.parquet'")
    report = load([f"{tmp_path}/*.parquet"], warehouse)
    assert (report.sums[0].billed, report.sums[0].effective) == (Decimal("0.4"), Decimal("0.0000004"))
    assert ask(warehouse, "SELECT Tags['team'] FROM cost_and_usage ORDER BY 1") == [
        ["a"],
        ["b"],
        ["c"],
        ["d"],
    ]


EXACT = """SELECT CAST(i * 1.2345 AS DECIMAL(38, 18)) AS BilledCost,
    CAST(i * -0.000001 AS DECIMAL(18, 6)) AS EffectiveCost,
    CAST(i AS BIGINT) * 3000000000 AS ConsumedQuantity, 'USD' AS BillingCurrency, i AS BillingAccountId,
    CAST(i AS DECIMAL(9, 1)) AS x_size, TIMESTAMPTZ '2026-03-01 00:00:00+00' AS BillingPeriodStart,
    DATE '2026-03-01' + CAST(i % 40 AS INTEGER) AS ChargePeriodStart,
    CASE WHEN i % 3 > 0 THEN TIMESTAMP_NS '2026-03-02 01:02:03' END AS ChargePeriodEnd,
    'Usage' AS ChargeCategory, 'Acme' AS ProviderName FROM range(100) t(i)"""


def test_parquet_and_csv_of_the_same_charges_load_alike(tmp_path: Path) -> None:
    for number, half in enumerate(("i < 50", "i >= 50")):
        for kind in ("csv", "parquet"):
            duckdb.sql(f"COPY ({EXACT} WHERE {half}) TO '{tmp_path}/{number}.{kind}'")
    files = {"text": ("0.csv", "1.csv"), "exact": ("0.parquet", "1.parquet"), "mixed": ("0.parquet", "1.csv")}
    for name, both in files.items():
        load([str(tmp_path / file) for file in both], tmp_path / f"{name}.db")
    with duckdb.connect(str(tmp_path / "text.db")) as con:
        for name in ("exact", "mixed"):
            con.execute(f"ATTACH '{tmp_path}/{name}.db'")
            told = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'cost_and_usage' AND "
            kinds = dict(con.execute(f"{told} database_name = '{name}'").fetchall())
            assert kinds["BilledCost"] == "DECIMAL(18,4)"  # as few decimals as keep every value
            assert kinds["EffectiveCost"] == "DECIMAL(18,6)"
            pair = "FROM cost_and_usage", f"FROM {name}.cost_and_usage"
            for one, other in (pair, pair[::-1]):
                assert con.execute(f"{one} EXCEPT ALL {other}").fetchall() == []


def test_a_moment_without_end_in_parquet_is_named(tmp_path: Path, warehouse: Path) -> None:
    duckdb.sql(f"COPY ({EXACT.replace('2026-03-02 01:02:03', 'infinity')} LIMIT 5) TO '{tmp_path}/a.parquet'")
    with pytest.raises(LoadError, match=r"column ChargePeriodEnd.*row 2 of the Parquet file"):
        load([f"{tmp_path}/a.parquet"], warehouse)


def test_a_path_with_pattern_signs_is_a_path(tmp_path: Path, warehouse: Path) -> None:
    odd = tmp_path / "o'dd [1]"
    odd.mkdir()
    assert load([bill(odd, "1,2026-01-01", name="a*.csv")], warehouse).rows == 1


# --- loading again -------------------------------------------------------------------------------


def test_a_month_replaced_again_and_again_keeps_every_charge(
    tmp_path: Path, warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed rows leave holes that a checkpoint closes, by which rows get other numbers."""
    charge = """SELECT CAST(i AS DECIMAL(18, 2)) AS BilledCost, BilledCost AS EffectiveCost, 'USD' AS BillingCurrency,
        TIMESTAMP '2026-0{0}-01' AS BillingPeriodStart, BillingPeriodStart AS ChargePeriodStart,
        'Usage' AS ChargeCategory, 'P' AS ProviderName FROM range(60000) t(i)"""
    opened = publish._open

    def often(copy: Path, path: Path) -> duckdb.DuckDBPyConnection:
        return opened(copy, path).execute("SET checkpoint_threshold = '1KB'")

    monkeypatch.setattr(publish, "_open", often)
    for month in (1, 2, 3):
        duckdb.sql(f"COPY ({charge.format(month)}) TO '{tmp_path}/{month}.parquet'")
        load([f"{tmp_path}/{month}.parquet"], warehouse)
    for _ in range(2):
        report = load([f"{tmp_path}/3.parquet"], warehouse, replace=True)
        assert (report.rows, report.replaced_rows, report.sums[0].billed) == (60000, 60000, Decimal(1799970000))
        assert ask(warehouse, "SELECT count(*), sum(BilledCost) FROM cost_and_usage") == [["180000", "5399910000.00"]]


def test_the_same_file_twice_is_refused_and_replaced_on_demand(tmp_path: Path, warehouse: Path) -> None:
    path = bill(tmp_path, "5,2026-01-05")
    load([path], warehouse)
    with pytest.raises(LoadError, match=r"already loaded.*--replace"):
        load([path], warehouse)
    assert load([path], warehouse, replace=True).replaced_rows == 1
    assert total(warehouse) == "5"


def test_the_same_content_in_one_command_counts_once(tmp_path: Path, warehouse: Path) -> None:
    one = bill(tmp_path, "5,2026-01-05")
    two = bill(tmp_path, "5,2026-01-05", name="copy.csv")
    report = load([one, two], warehouse)
    assert (report.rows, len(report.files)) == (1, 1)
    assert "counted once" in report.oddities[0]


def test_parts_of_one_command_may_overlap_and_new_days_are_added(tmp_path: Path, warehouse: Path) -> None:
    load([bill(tmp_path, "1,2026-01-05"), bill(tmp_path, "2,2026-01-05", name="b.csv")], warehouse)
    load([bill(tmp_path, "4,2026-01-06", name="c.csv")], warehouse)
    load([bill(tmp_path, "8,2026-01-05,other", name="d.csv")], warehouse)
    assert total(warehouse) == "15"


def test_a_loaded_day_is_never_counted_twice(tmp_path: Path, warehouse: Path) -> None:
    load([bill(tmp_path, "1,2026-01-05", "1,2026-01-06", "1,2026-02-01", "1,2026-01-05,other")], warehouse)
    again = bill(tmp_path, "7,2026-01-06", "7,2026-01-07", name="again.csv")
    with pytest.raises(LoadError, match=r"again.csv: Charges of Acme, billing account 1, .*2026-01 .*--replace"):
        load([again], warehouse)
    assert load([again], warehouse, replace=True).replaced_rows == 2
    # February and the other account stay.
    assert total(warehouse) == "16"


def test_a_later_load_widens_what_is_too_narrow(tmp_path: Path, warehouse: Path) -> None:
    start = HEADER.replace("\n", ",x_size,x_new\n")
    (tmp_path / "a.csv").write_text(start + "1.5,1,USD,2026-01-01,2026-01-01,Usage,Acme,1,2.5,0.5\n")
    (tmp_path / "b.csv").write_text(
        start.replace("x_size", "X_Size") + "123456789012.123456789,1,USD,2026-01-01,2026-01-02,Usage,Acme,1,big,0.25\n"
    )
    load([str(tmp_path / "a.csv")], warehouse)
    load([str(tmp_path / "b.csv")], warehouse)
    assert ask(warehouse, "SELECT BilledCost, x_size, x_new FROM cost_and_usage ORDER BY ChargePeriodStart") == [
        ["1.500000000", "2.5", "0.50"],
        ["123456789012.123456789", "big", "0.25"],
    ]


def test_a_measure_stays_one_when_later_values_are_whole_or_absent(tmp_path: Path, warehouse: Path) -> None:
    start = HEADER.replace("\n", ",x_size\n")
    for number, size in enumerate(("2.5", "-12345678901234", "", "2.25"), 1):
        text = f"{start}1,1,USD,2026-01-01,2026-01-0{number},Usage,Acme,1,{size}\n"
        (tmp_path / f"{number}.csv").write_text(text)
        load([str(tmp_path / f"{number}.csv")], warehouse)
    assert ask(warehouse, "SELECT sum(x_size), any_value(typeof(x_size)) FROM cost_and_usage") == [
        ["-12345678901229.25", "DECIMAL(18,2)"]
    ]


def test_the_history_names_each_file(tmp_path: Path, warehouse: Path) -> None:
    paths = [bill(tmp_path, "1,2026-01-05"), bill(tmp_path, "2,2026-02-05", "3,2026-02-06", name="b.csv")]
    load(paths, warehouse)
    first = ask(warehouse, "SELECT data_version FROM _askcost.version")
    rows = ask(warehouse, "SELECT file, rows, first_day, last_day FROM _askcost.loads ORDER BY file DESC")
    assert rows == [[paths[0], "1", "2026-01-05", "2026-01-05"], [paths[1], "2", "2026-02-05", "2026-02-06"]]
    load([bill(tmp_path, "1,2026-03-05", name="c.csv")], warehouse)
    assert ask(warehouse, "SELECT data_version FROM _askcost.version") != first


# --- all or nothing ------------------------------------------------------------------------------


def test_a_check_that_fails_publishes_nothing(tmp_path: Path, warehouse: Path) -> None:
    load([bill(tmp_path, "5,2026-01-05")], warehouse)
    before = warehouse.read_bytes()

    def refuse(con: duckdb.DuckDBPyConnection) -> None:
        days = con.execute("SELECT count(*) FROM _askcost.loaded_days").fetchone()
        raise LoadError(f"The policy is wrong on {days}.")

    with pytest.raises(LoadError, match=r"\(2,\)"):
        load([bill(tmp_path, "6,2026-01-06", name="b.csv")], warehouse, check=refuse)
    assert warehouse.read_bytes() == before


def test_a_reader_keeps_its_answer_during_and_after_a_load(tmp_path: Path, warehouse: Path) -> None:
    load([bill(tmp_path, "5,2026-01-05")], warehouse)
    with duckdb.connect(str(warehouse), read_only=True) as reader:
        load([bill(tmp_path, "6,2026-01-06", name="b.csv")], warehouse)
        assert reader.execute("SELECT sum(BilledCost) FROM cost_and_usage").fetchall() == [(5,)]


@pytest.fixture
def writer(warehouse: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the warehouse half written."""
    load([bill(tmp_path, "5,2026-01-05")], warehouse)
    code = (
        "import sys, time; from pathlib import Path; from assistant.warehouse.publish import writing\n"
        "with writing(Path(sys.argv[1])) as con:\n"
        "    con.execute('DROP TABLE cost_and_usage'); con.execute('CREATE TABLE t AS FROM range(100000)')\n"
        "    print('writing', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(warehouse)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT.parent,
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_killed_load_changes_nothing_and_the_next_one_cleans_up(
    writer: subprocess.Popen[str], warehouse: Path, tmp_path: Path
) -> None:
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert total(warehouse) == "5"
    assert len(os.listdir(warehouse.parent)) > 1
    load([bill(tmp_path, "6,2026-01-06", name="b.csv")], warehouse)
    assert total(warehouse) == "11"
    assert os.listdir(warehouse.parent) == [warehouse.name]


def test_a_second_writer_waits_then_says_so(
    writer: subprocess.Popen[str], warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.warehouse.publish.WAIT_SECONDS", 0.2)
    with pytest.raises(LoadError, match="Another load is writing"):
        load([bill(tmp_path, "6,2026-01-06", name="b.csv")], warehouse)
    assert total(warehouse) == "5"


def test_a_warehouse_that_is_none_is_named(tmp_path: Path, warehouse: Path) -> None:
    warehouse.parent.mkdir()
    warehouse.write_text("these are not the bytes of a database" * 1000)
    with pytest.raises(LoadError, match="not a DuckDB file"):
        load([bill(tmp_path, "5,2026-01-05")], warehouse)
    assert os.listdir(warehouse.parent) == [warehouse.name]


def test_a_warehouse_open_for_writing_elsewhere_is_named(tmp_path: Path, warehouse: Path) -> None:
    load([bill(tmp_path, "5,2026-01-05")], warehouse)
    code = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(warehouse)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LoadError, match="open for writing in another program"):
            load([bill(tmp_path, "6,2026-01-06", name="b.csv")], warehouse)
        other.kill()


# --- the index -----------------------------------------------------------------------------------


def test_build_knows_any_table_again(warehouse: Path) -> None:
    with writing(warehouse) as con:
        con.execute("CREATE TABLE token_usage (usage_date DATE, team VARCHAR, cost_usd DECIMAL(9,2), squad VARCHAR)")
        con.execute("INSERT INTO token_usage VALUES ('2026-01-01', 'a', -2, 's'), ('2026-01-01', 'a', 3, NULL)")
    assert ask(warehouse, "FROM _askcost.value_index ORDER BY field") == [
        ["token_usage", "squad", "s", "1", "2.0"],
        ["token_usage", "team", "a", "2", "5.0"],
    ]
    assert ask(warehouse, "FROM _askcost.extra_dimensions") == [["token_usage", "squad", None, "squad"]]
    assert ask(warehouse, "FROM _askcost.loaded_days") == [["token_usage", "2026-01-01", "2"]]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("x_CostCenter", "cost center"),
        ("aws:createdBy", "created by"),
        ("cost-center", "cost center"),
        ("x_AWSAccountID", "aws account id"),
        ("app.kubernetes.io/name", "name"),
        ("BU", "bu"),
        ("kostenstelle_größe", "kostenstelle größe"),
        ("x_", "x_"),
    ],
)
def test_names_as_people_say_them(field: str, words: str) -> None:
    assert index.words(field) == words


def test_many_small_files_are_one_load(tmp_path: Path, warehouse: Path) -> None:
    paths = [bill(tmp_path, f"{n},2026-01-{1 + n % 28:02}", name=f"{n:03}.csv") for n in range(1, 101)]
    assert load(paths, warehouse).rows == 100
    assert total(warehouse) == "5050"
