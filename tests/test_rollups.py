"""A rollup never changes an answer: random plans and SQL, several companies, row policies, after any loads."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from conftest import WarehouseOf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_laws import LAW, anything

from assistant.assistant import Assistant
from assistant.config import ROOT, Config
from assistant.desk import advice
from assistant.errors import Clarify, GuardRefusal, Refused
from assistant.sql import compile as sql_compile
from assistant.sql import guard
from assistant.surfaces.cli.main import main
from assistant.values import Access, CheckedQuery, Period, QueryPlan, Question
from assistant.warehouse.load import load
from assistant.warehouse.publish import writing

Both = Callable[[Any, Access], CheckedQuery]
USERS = [None, "noor", "ines"]


@pytest.fixture(scope="module")
def small_tables_too(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Schemas under which a table of any size has every rollup."""
    folder = tmp_path_factory.mktemp("rollups") / "schemas"
    shutil.copytree(ROOT / "schemas", folder)
    wanted = folder / "rollups.yaml"
    text = wanted.read_text(encoding="utf-8").replace("least_rows: 200_000", "least_rows: 1")
    wanted.write_text(text.replace("most_part: 0.33", "most_part: 1"), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASKCOST_SCHEMAS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def rolled_up(
    small_tables_too: Path, warehouse_of: WarehouseOf, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Assistant]]:
    """company → an Assistant over its warehouse with rollups."""
    opened: dict[str, Assistant] = {}

    def find(company: str) -> Assistant:
        if company not in opened:
            path = tmp_path_factory.mktemp("rolled_up") / f"{company}.duckdb"
            shutil.copyfile(warehouse_of(company), path)
            with writing(path):
                pass
            opened[company] = Assistant(Config(warehouse=path))
        return opened[company]

    yield find
    for one in opened.values():
        one.close()


def unrouted(access: Access) -> Access:
    return replace(access, tables={name: replace(table, rollups=()) for name, table in access.tables.items()})


def compare(assistant: Assistant, statement: Any, access: Access) -> CheckedQuery:
    """The checked statement, after its rows were found to be those of the tables themselves."""
    routed, plain = guard.check(statement, access), guard.check(statement, unrouted(access))
    assert (routed.whole, plain.rollups) == (plain.executable, ())
    found, expected = assistant.engine.run(routed), assistant.engine.run(plain)
    assert (found.columns, found.types) == (expected.columns, expected.types)
    assert found.rows == expected.rows, routed.executable
    return routed


# --- plans ----------------------------------------------------------------------------------------------


@given(plan=anything(), user=st.sampled_from(USERS), whole_months=st.booleans())
@settings(LAW, max_examples=60)
def test_any_plan_gives_the_rows_that_the_table_gives(
    rolled_up: Callable[[str], Assistant], plan: QueryPlan, user: str | None, whole_months: bool
) -> None:
    assistant = rolled_up("tarnbrook")
    if whole_months and plan.period:
        start, end = (day.replace(day=1) for day in (plan.period.start, plan.period.end))
        plan = plan.model_copy(update={"period": Period(start=start, end=max(end, date(start.year + 1, 1, 1)))})
    house = assistant.warehouse
    try:
        statement = sql_compile.compile(plan, house.model, house.catalog)
        compare(assistant, statement.tree, assistant.access(user))
    except (Clarify, Refused) as error:
        if isinstance(error, GuardRefusal):
            raise


ASKED = [
    ("tarnbrook", None, "cost by service last month", True),
    ("tarnbrook", None, "top 5 squads by cost this year", True),
    ("tarnbrook", None, "discount rate by provider and month this year", True),
    ("tarnbrook", "noor", "cost by service last month", True),
    ("tarnbrook", "ines", "cost by month this year", True),
    ("tarnbrook", None, "how many services had cost last month", True),
    ("tarnbrook", None, "number of line items by provider last month", True),
    ("tarnbrook", None, "number of resources by service last month", True),
    ("tarnbrook", None, "top 10 resources last month", True),
    ("tarnbrook", None, "top 10 SKUs last month", False),
    ("tarnbrook", None, "services above $500 last month", True),
    ("tarnbrook", None, "tokens by model last month", True),
    ("tarnbrook_multi", None, "cost by service last month", True),
    ("fresh", None, "cost by provider last month", True),
]


@pytest.mark.parametrize(("company", "user", "question", "by_rollup"), ASKED, ids=[f"{c}: {q}" for c, _, q, _ in ASKED])
def test_questions_are_answered_from_a_rollup_where_one_is_exact(
    rolled_up: Callable[[str], Assistant], company: str, user: str | None, question: str, by_rollup: bool
) -> None:
    assistant = rolled_up(company)
    newest = assistant.warehouse.catalog.days["cost_and_usage"].last
    answer = assistant.ask(Question(question, user, today=newest))
    assert answer.status == "answered", answer.error
    assert "_askcost" not in (answer.sql or "")  # what people see runs over the tables they know
    assert (answer.executed or "").startswith("/* answered from rollup_") == by_rollup, answer.executed
    assert assistant.run(answer.sql or "", user)[1].rows == tuple(answer.rows) or answer.columns[-1].unit


# --- statements of people -------------------------------------------------------------------------------


def lines(name: str) -> list[str]:
    return (Path(__file__).parent / "cases" / f"rollups_{name}.sql").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("sql", lines("routed"))
def test_a_statement_that_sums_is_answered_from_a_rollup(
    rolled_up: Callable[[str], Assistant], sql: str, user: str | None
) -> None:
    assistant = rolled_up("tarnbrook")
    access = assistant.access(user)
    if "token_usage" in sql and "token_usage" not in access.tables:
        access = assistant.access(None)
    checked = compare(assistant, sql, access)
    assert checked.rollups
    assert "answered from rollup_" in checked.executable


@pytest.mark.parametrize("sql", lines("base"))
def test_what_a_rollup_can_not_surely_say_is_read_from_the_table(
    rolled_up: Callable[[str], Assistant], sql: str
) -> None:
    assistant = rolled_up("tarnbrook")
    assert not compare(assistant, sql, assistant.access(None)).rollups


@pytest.mark.parametrize("name", ['_askcost."rollup_cost_and_usage_services"', "rollup_cost_and_usage_services"])
def test_nobody_names_a_rollup(rolled_up: Callable[[str], Assistant], name: str) -> None:
    assistant = rolled_up("tarnbrook")
    assert any(one.name == "rollup_cost_and_usage_services" for one in assistant.warehouse.catalog.rollups)
    with pytest.raises(GuardRefusal, match=r"can't be read|no table"):
        assistant.check(f"SELECT * FROM {name}")


def test_a_policy_on_what_a_rollup_lacks_reads_the_table(rolled_up: Callable[[str], Assistant]) -> None:
    assistant = rolled_up("tarnbrook")
    access = assistant.access(None)
    costs = access.tables["cost_and_usage"]
    for predicate, by_rollup in (
        ("ServiceName <> 'x'", True),
        ("SkuId IS NULL", False),
        ("EffectiveCost > 1", False),
        ("Tags['Squad'] = 'Payments'", True),
        ("Tags['no such'] IS NULL", False),
    ):
        limited = replace(access, tables={"cost_and_usage": replace(costs, predicate=predicate)})
        checked = guard.check("SELECT ServiceCategory, sum(BilledCost) FROM cost_and_usage GROUP BY 1", limited)
        assert bool(checked.rollups) == by_rollup, predicate


# --- loads ----------------------------------------------------------------------------------------------

HEADER = (
    "BilledCost,EffectiveCost,ListCost,BillingCurrency,BillingPeriodStart,ChargePeriodStart,ChargeCategory,"
    "ProviderName,ServiceName,BillingAccountId,Tags\n"
)
charges = st.tuples(
    st.decimals(-9, 999, places=3), st.integers(1, 28), st.integers(0, 23), st.sampled_from(["a", "b"]),
    st.sampled_from(["", '"{""team"": ""x""}"', '"{""team"": ""y"", ""new"": ""1""}"']),
)  # fmt: skip
bills = st.tuples(st.integers(1, 3), st.sampled_from(["P", "Q"]), st.lists(charges, min_size=1, max_size=6))


def rollups_of(path: Path) -> dict[str, list[Any]]:
    with duckdb.connect(str(path), read_only=True) as con:
        names = con.execute("SELECT name FROM _askcost.rollups WHERE row_count > 0 ORDER BY 1").fetchall()
        return {name: con.execute(f'SELECT * FROM _askcost."{name}" ORDER BY ALL').fetchall() for (name,) in names}


@given(story=st.lists(bills, min_size=2, max_size=4))
@settings(LAW, max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_after_any_loads_and_replacements_rollups_are_as_built_at_once(
    small_tables_too: Path, story: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("loads")
    step_by_step, at_once = folder / "steps.duckdb", folder / "once.duckdb"
    for number, (month, provider, rows) in enumerate(story):
        file = folder / f"{number}.csv"
        text = "".join(
            f"{cost},{cost},{cost},USD,2026-{month:02}-01,2026-{month:02}-{day:02}T{hour:02}:00:00Z,Usage,"
            f"{provider},{service},1,{tag}\n"
            for cost, day, hour, service, tag in rows
        )
        file.write_text(f"{HEADER}{text}")
        load([str(file)], step_by_step, replace=True)
    shutil.copyfile(step_by_step, at_once)
    with duckdb.connect(str(at_once)) as con:
        con.execute("DELETE FROM _askcost.rollup_days")
    with writing(at_once):
        pass
    found = rollups_of(step_by_step)
    assert found
    assert found == rollups_of(at_once)


def test_a_late_or_changed_charge_rebuilds_only_its_days(small_tables_too: Path, tmp_path: Path) -> None:
    path, file = tmp_path / "w.duckdb", tmp_path / "bill.csv"
    rows = [f"1,1,1,USD,2026-0{m}-01,2026-0{m}-{d:02},Usage,P,s,1,\n" for m in (1, 2) for d in range(1, 21)]
    file.write_text(HEADER + "".join(rows))
    load([str(file)], path)
    name = "rollup_cost_and_usage_owners"
    with duckdb.connect(str(path)) as con:  # marks every day, so that one built anew shows
        mark = f"UPDATE _askcost.{name} SET ListCost = ListCost"
        con.execute(f"{mark} + 1 WHERE day(ChargePeriodStart) = 1")
        con.execute(f"{mark} - 1 WHERE day(ChargePeriodStart) = 2")
    with writing(path) as con:
        con.execute("UPDATE cost_and_usage SET ServiceName = 'moved' WHERE ChargePeriodStart = '2026-02-20'")
    with duckdb.connect(str(path), read_only=True) as con:
        kept = con.execute(
            f"SELECT sum(ListCost) FROM _askcost.{name} WHERE ChargePeriodStart = '2026-01-01'"
        ).fetchall()
        moved = con.execute(
            f"SELECT ServiceName FROM _askcost.{name} WHERE ChargePeriodStart = '2026-02-20'"
        ).fetchall()
    assert kept == [(2,)]
    assert moved == [("moved",)]


def test_a_rollup_that_does_not_add_up_is_not_kept(small_tables_too: Path, tmp_path: Path) -> None:
    path, file = tmp_path / "w.duckdb", tmp_path / "bill.csv"
    file.write_text(
        HEADER + "1,1,1,USD,2026-01-01,2026-01-01,Usage,P,s,1,\n2,2,2,USD,2026-01-01,2026-01-02,Usage,P,s,1,\n"
    )
    load([str(file)], path)
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE _askcost.rollup_cost_and_usage_owners SET ListCost = 7")
    with writing(path) as con:
        con.execute("UPDATE cost_and_usage SET ServiceName = 'x' WHERE ListCost = 2")
    assert "rollup_cost_and_usage_owners" not in rollups_of(path)
    with writing(path):
        pass
    assert "rollup_cost_and_usage_owners" in rollups_of(path)


@pytest.mark.parametrize(("least", "most", "kept"), [("1_000", "1", 0), ("1", "0.2", 0), ("3", "0.9", 1)])
def test_a_small_table_and_one_that_would_not_shrink_get_none(
    small_tables_too: Path, least: str, most: str, kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "schemas"
    shutil.copytree(small_tables_too, folder)
    text = (folder / "rollups.yaml").read_text().replace("least_rows: 1\n", f"least_rows: {least}\n")
    (folder / "rollups.yaml").write_text(text.replace("most_part: 1\n", f"most_part: {most}\n"))
    monkeypatch.setenv("ASKCOST_SCHEMAS", str(folder))
    file = tmp_path / "bill.csv"
    file.write_text(HEADER + "".join(f"1,1,1,USD,2026-01-01,2026-01-0{d},Usage,P,s,1,\n" for d in (1, 2, 2, 3)))
    load([str(file)], tmp_path / "w.duckdb")
    assert bool(rollups_of(tmp_path / "w.duckdb")) == kept


def test_a_mistake_in_rollups_yaml_is_named(
    small_tables_too: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "schemas"
    shutil.copytree(small_tables_too, folder)
    text = (folder / "rollups.yaml").read_text()
    (folder / "rollups.yaml").write_text(text.replace("services: {grain: day", "services: {grain: hour"))
    monkeypatch.setenv("ASKCOST_SCHEMAS", str(folder))
    file = tmp_path / "bill.csv"
    file.write_text(HEADER + "1,1,1,USD,2026-01-01,2026-01-01,Usage,P,s,1,\n")
    with pytest.raises(Exception, match=r"rollups\.yaml, line \d+: `grain` is day or month"):
        load([str(file)], tmp_path / "w.duckdb")


def test_advice_finds_what_was_asked_and_keeps_it(
    rolled_up: Callable[[str], Assistant], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.duckdb"
    shutil.copyfile(rolled_up("tarnbrook").config.warehouse, path)
    today = datetime.now(UTC).date()

    def advised() -> advice.Advice:
        assistant = Assistant(Config(warehouse=path))
        newest = assistant.warehouse.catalog.days["cost_and_usage"].last
        for question in (
            "cost by service subcategory last month",
            "cost by service subcategory last month",
            "top 5 SKUs",
        ):
            assert assistant.ask(Question(question, today=newest)).status == "answered"
        assistant.ask(Question("cost by service last month", "noor", today=newest))
        found = advice.advise(assistant, 30, today)
        assistant.close()
        return found

    before = advised()
    (best, *_) = before.proposals
    assert (best.rollup.dimensions, best.rollup.grain, best.questions) == (("ServiceSubcategory",), "month", 2)
    assert before.answered >= 1
    runner = CliRunner().invoke(main, ["warehouse", "advise", "--add", "--warehouse", str(path)])
    assert runner.exit_code == 0, runner.output
    assert best.rollup.name in runner.output
    after = advised()
    assert after.proposals == ()
    assert after.answered >= before.answered + 3
    listed = CliRunner().invoke(main, ["warehouse", "rollups", "--warehouse", str(path)])
    assert f"{best.rollup.name}: " in listed.output
