"""The demo company: complete, the same for one seed, adding up, with the stories that docs/demo.md tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from assistant.errors import LoadError
from assistant.warehouse import contracts, demo, index, publish
from assistant.warehouse.demo.company import moment

HERE = Path(__file__).parent
STORIES = (HERE.parent / "docs" / "demo.md").read_text(encoding="utf-8")
CHECKS = yaml.safe_load((HERE / "cases" / "demo_checks.yaml").read_text(encoding="utf-8"))
# A month under way, a month's last day, the day after a leap day's year.
ENDS = (date(2026, 11, 23), date(2026, 3, 31), date(2025, 3, 1))


@pytest.fixture(scope="session")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[date, duckdb.DuckDBPyConnection]]:
    """The smallest companies, one for each of ENDS."""
    folder = tmp_path_factory.mktemp("demo")
    for end in ENDS:
        demo.build(folder / f"{end}.duckdb", rows=1, end=end)
    opened = {end: duckdb.connect(str(folder / f"{end}.duckdb"), read_only=True) for end in ENDS}
    yield opened
    for con in opened.values():
        con.close()


def stories() -> list[Any]:
    """(SQL, expected rows) of each story of the documentation."""
    found = re.findall(r"^### (.+?)$.*?```sql\n(.*?)```\n\n(.*?)\n\n", STORIES + "\n\n", re.M | re.S)
    return [
        pytest.param(sql, [re.split(r"\s*\|\s*", line.strip("| ")) for line in table.splitlines()], id=name)
        for name, sql, table in found
    ]


@pytest.mark.parametrize("end", ENDS, ids=str)
@pytest.mark.parametrize(("sql", "table"), stories())
def test_a_story_has_the_numbers_that_the_documentation_names(
    demos: dict[date, duckdb.DuckDBPyConnection], end: date, sql: str, table: list[list[str]]
) -> None:
    relation = demos[end].execute(sql, {"end": end} if "$end" in sql else {})
    header, _, *expected = table
    assert [column[0] for column in relation.description or ()] == header
    assert [[spoken(value) for value in row] for row in relation.fetchall()] == [
        [spoken(value) for value in row] for row in expected
    ]


def spoken(value: Any) -> Any:
    """A number as a number, whether it comes as 56, 56.00 or '56.000000'."""
    text = str(value).lower()
    return round(float(text), 9) if re.fullmatch(r"-?[\d.]+", text) else text


def test_the_documentation_has_every_story() -> None:
    assert len(stories()) == 6


@pytest.mark.parametrize("end", ENDS, ids=str)
@pytest.mark.parametrize("check", CHECKS, ids=[check["name"] for check in CHECKS])
def test_the_books_hold(demos: dict[date, duckdb.DuckDBPyConnection], end: date, check: dict[str, Any]) -> None:
    """Each check selects what breaks it; a witness shows that there was something to check."""
    assert demos[end].execute(check["broken"]).fetchall() == []
    assert demos[end].execute(check["witness"]).fetchone() == (True,)


@pytest.mark.parametrize("name", contracts.tables())
def test_every_table_has_the_columns_of_its_contract(demos: dict[date, duckdb.DuckDBPyConnection], name: str) -> None:
    con = demos[ENDS[0]]
    have = dict(
        con.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main' AND table_name = ?",
            [name],
        ).fetchall()
    )
    wanted = contracts.focus_columns() if name == contracts.COSTS else contracts.tables()[name].columns
    for column in wanted.values():
        assert have[column.name].split("(")[0] == physical(column).split("(")[0], column.name
    for column in contracts.tables()[name].columns.values():
        if column.required and not column.may_be_empty:
            empty = f"SELECT count(*) FROM {index.quote(name)} WHERE {index.quote(column.name)} IS NULL"
            assert con.execute(empty).fetchone() == (0,), column.name
    assert con.execute(f"SELECT count(*) > 0 FROM {index.quote(name)}").fetchone() == (True,)


def physical(column: contracts.Column | contracts.FocusColumn) -> str:
    kinds = {"text": "VARCHAR", "date": "DATE", "month": "DATE", "integer": "BIGINT", "number": "DECIMAL"}
    return {**kinds, "boolean": "BOOLEAN", "json": "VARCHAR"}.get(column.type, column.type)


def test_keys_are_unique_and_parts_within_their_whole(
    demos: dict[date, duckdb.DuckDBPyConnection],
) -> None:
    con = demos[ENDS[0]]
    for table in contracts.tables().values():
        if table.key and not table.repeats:
            key = ", ".join(map(index.quote, table.key))
            twice = f"SELECT {key} FROM {index.quote(table.name)} GROUP BY ALL HAVING count(*) > 1"
            assert con.execute(twice).fetchall() == [], table.name
        for column in table.columns.values():
            if column.within:
                beyond = f"SELECT 1 FROM {table.name} WHERE {column.name} > {column.within}"
                assert con.execute(beyond).fetchall() == [], column.name


def test_tag_and_x_columns_are_dimensions(demos: dict[date, duckdb.DuckDBPyConnection]) -> None:
    found = demos[ENDS[0]].execute(
        "SELECT field, tag_key, words FROM _askcost.extra_dimensions WHERE table_name = 'cost_and_usage' ORDER BY ALL"
    )
    assert found.fetchall() == [
        ("Tags.application", "application", "application"),
        ("Tags.environment", "environment", "environment"),
        ("Tags.project", "project", "project"),
        ("Tags.team", "team", "team"),
        ("x_CostCenter", None, "cost center"),
    ]


def test_one_seed_gives_the_same_tables_whatever_the_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = publish._open

    def contents(threads: int, seed: int) -> dict[str, list[tuple[Any, ...]]]:
        def open_with_threads(*paths: Path) -> duckdb.DuckDBPyConnection:
            con = opened(*paths)
            con.execute(f"SET threads = {threads}")
            return con

        monkeypatch.setattr(publish, "_open", open_with_threads)
        warehouse = tmp_path / f"{threads}-{seed}.duckdb"
        demo.build(warehouse, rows=1, end=ENDS[1], seed=seed)
        with duckdb.connect(str(warehouse), read_only=True) as con:
            return {
                name: con.execute(
                    # Contents and their order; whole numbers add up the same in any order.
                    f"SELECT count(*), sum(hash(row, row.rowid)::HUGEINT) FROM main.{name} AS row"
                ).fetchall()
                for name in contracts.tables()
            }

    first = contents(1, 7)
    assert contents(4, 7) == first
    other = contents(4, 8)
    assert {name for name in first if first[name] != other[name]} >= {"cost_and_usage", "token_usage"}


def test_the_default_company_has_half_a_million_charges_in_24_months(tmp_path: Path) -> None:
    counts = demo.build(tmp_path / "w.duckdb", end=ENDS[0])
    assert counts["cost_and_usage"] >= 500_000
    assert counts.keys() == contracts.tables().keys()
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as con:
        days = con.execute(
            "SELECT min(day), max(day), count(*) FROM _askcost.loaded_days WHERE table_name = 'cost_and_usage'"
        ).fetchone()
    assert days == (date(2024, 11, 1), ENDS[0], 753)


def test_a_million_charges_cost_what_half_a_million_do(
    tmp_path: Path, demos: dict[date, duckdb.DuckDBPyConnection]
) -> None:
    done: list[float] = []
    counts = demo.build(
        tmp_path / "w.duckdb", rows=1_000_000, end=ENDS[0], progress=lambda what, share: done.append(share)
    )
    assert 1_000_000 <= counts["cost_and_usage"] <= 1_060_000
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0.0, 1.0)
    total = "SELECT sum(EffectiveCost)::DOUBLE FROM cost_and_usage WHERE BillingCurrency = 'USD'"
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as con:
        big = con.execute(total).fetchone()
    small = demos[ENDS[0]].execute(total).fetchone()
    assert big is not None
    assert small is not None
    assert big[0] == pytest.approx(small[0], rel=0.05)


def test_a_build_replaces_the_warehouse_and_a_failed_one_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = tmp_path / "w.duckdb"
    with duckdb.connect(str(warehouse)) as con:
        con.execute("CREATE TABLE leftover AS SELECT 1")
    with monkeypatch.context() as patch:
        patch.setattr(demo.tokens, "PRICES", "SELECT no_such_column")
        with pytest.raises(LoadError):
            demo.build(warehouse, rows=1, end=ENDS[1])
    with duckdb.connect(str(warehouse), read_only=True) as con:
        assert con.execute("FROM leftover").fetchall() == [(1,)]
    demo.build(warehouse, rows=1, end=ENDS[1])
    with duckdb.connect(str(warehouse), read_only=True) as con:
        assert con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'leftover'").fetchall() == []


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("day -17", date(2026, 11, 6)),
        ("month -6", date(2026, 5, 1)),
        ("month -11", date(2025, 12, 1)),
        ("saturday -18", date(2026, 10, 31)),
        ("saturday -16", date(2026, 11, 7)),
    ],
)
def test_times_are_relative_to_the_last_day(words: str, day: date) -> None:
    assert moment(words, date(2026, 11, 23)) == day


def test_fewer_rows_than_none_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="--rows"):
        demo.build(tmp_path / "w.duckdb", rows=0)
    assert not (tmp_path / "w.duckdb").exists()
