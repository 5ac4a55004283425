"""Own GPUs: whose cost, what a training run cost, carbon with embodied share and water, SCI; by separate SQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import AssistantFor, CheckFor
from hypothesis import given
from hypothesis import strategies as st

from assistant.analysis import carbon as carbon_analysis
from assistant.analysis import own_gpus, pricing, training_runs
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import Refused
from assistant.finops import carbon
from assistant.values import Period, Question
from assistant.warehouse.load import load

TODAY = date(2026, 10, 15)
SEPTEMBER = Period(start=date(2026, 9, 1), end=date(2026, 10, 1))
# Cost of an available GPU-hour by cluster on a day of September (30 days): straight line, running cost, full power.
RATE = (
    "((capex_usd - salvage_usd) / useful_life_months + facility_usd_per_month + staff_usd_per_month) "
    "/ day(last_day(usage_date)) / (gpu_count * 24) + power_kw_per_gpu * pue * electricity_usd_per_kwh"
)
USED = f"SELECT {{}}, sum({{}} * ({RATE})) FROM gpu_usage JOIN gpu_fleet USING (cluster) WHERE usage_date >= "
DAYS = "DATE '2026-09-01' AND usage_date < DATE '2026-10-01' {} GROUP BY ALL"


@pytest.fixture(scope="module")
def demo(assistant_for: AssistantFor) -> Assistant:
    return assistant_for("demo")


@pytest.mark.parametrize(
    ("question", "key", "hours", "where"),
    [
        ("idle gpu cost by team in September", "team", "(gpu_hours_allocated - gpu_hours_busy)", ""),
        ("gpu cost by model version in September", "model_version", "gpu_hours_allocated", ""),
        ("training cost by team in September", "team", "gpu_hours_allocated", "AND workload = 'training'"),
        ("gpu inference cost by team in September", "team", "gpu_hours_allocated", "AND workload = 'inference'"),
        ("gpu cost by team for inference in September", "team", "gpu_hours_allocated", "AND workload = 'inference'"),
    ],
)
def test_the_cost_of_used_hours_has_an_owner(
    question: str, key: str, hours: str, where: str, demo: Assistant, check_for: CheckFor
) -> None:
    answer = demo.ask(Question(question, today=TODAY))
    assert answer.status == "answered", (answer.error, answer.clarify)
    expected = dict(check_for("demo")(USED.format(key, hours) + DAYS.format(where))[1])
    found = {name: value for name, value in answer.rows if value}
    assert found == {name: pytest.approx(float(value)) for name, value in expected.items()}


def test_used_and_unallocated_cost_are_the_fleets(demo: Assistant) -> None:
    def cost(question: str) -> float:
        ((value,),) = demo.ask(Question(f"{question} in September", today=TODAY)).rows
        return float(value)

    used, nobodys = cost("cost of allocated gpu hours"), cost("unallocated gpu cost")
    assert used + nobodys == pytest.approx(cost("gpu fleet cost"))


def test_a_run_costs_what_all_its_attempts_cost(demo: Assistant, check_for: CheckFor) -> None:
    found = {run.name: run for run in training_runs.runs(demo.books(None), SEPTEMBER)}
    rows = check_for("demo")(
        f"SELECT run_id, sum(gpu_hours_allocated * ({RATE})), count(DISTINCT usage_date), min(usage_date) "
        "FROM gpu_usage JOIN gpu_fleet USING (cluster) WHERE workload = 'training' AND usage_date < DATE '2026-10-01' "
        "GROUP BY run_id HAVING max(usage_date) >= DATE '2026-09-01'"
    )[1]
    assert {name: (run.days, run.first) for name, run in found.items()} == {r[0]: (r[2], r[3]) for r in rows}
    for name, usd, *_ in rows:
        assert float(found[name].usd) == pytest.approx(float(usd)), name
    early = [run for run in found.values() if run.first < SEPTEMBER.start]
    assert early
    assert all(run.before > 0 for run in early)


def test_break_even_of_the_fleet_and_of_rented_gpus(demo: Assistant, check_for: CheckFor) -> None:
    report = own_gpus.report(demo.books(None), Decimal(700), date(2026, 9, 1), rent=Decimal("2.50"))
    ((per_million, tokens),) = check_for("demo")(
        "SELECT sum(cost_usd) / sum(input_tokens + output_tokens) * 1e6, sum(input_tokens + output_tokens) "
        "FROM token_usage WHERE usage_date >= '2026-09-01' AND usage_date < '2026-10-01'"
    )[1]
    rows = {row[0]: row for row in report.rows}
    for cluster, gpus, _, usd in pricing.fleet_costs(demo.books(None)):
        for name, month in ((f"own: {cluster}", float(usd)), (f"rented like {cluster}", 2.5 * 730 * gpus)):
            assert float(rows[name][5]) == pytest.approx(month / per_million * 1e6)
            assert float(rows[name][6]) == pytest.approx(100 * month / per_million * 1e6 / (700 * 3600 * 730 * gpus))
            assert rows[name][7] == tokens


# --- carbon: embodied, water, SCI ------------------------------------------------------------------------------------


@given(st.decimals(0, 10**7, places=2), st.integers(1, 10_000), st.integers(1, 120))
def test_embodied_carbon_over_the_life_is_what_it_took_to_make(kg: Decimal, gpus: int, life: int) -> None:
    whole = carbon.embodied_per_hour(kg, gpus, life) * gpus * 730 * life
    assert abs(whole - kg) <= Decimal("1e-9") * max(kg, Decimal(1))


@pytest.mark.parametrize(("kg", "gpus", "life"), [(1, 0, 12), (1, 8, 0), (-1, 8, 12)])
def test_hardware_that_cannot_be(kg: int, gpus: int, life: int) -> None:
    with pytest.raises(Refused):
        carbon.embodied_per_hour(Decimal(kg), gpus, life)


def test_sci_by_hand() -> None:
    # GSF v1.1: 1,000 kg over four years are 28.5 g an hour; with 2 kg operational, a tenth of both for each of ten.
    making = carbon.embodied_per_hour(Decimal(1000), 1, 48)
    assert round(making * 1000, 1) == Decimal("28.5")
    assert carbon.sci(Decimal(2), making, Decimal(10)) == (2 + making) / 10
    with pytest.raises(Refused, match="unit of work"):
        carbon.sci(Decimal(2), None, Decimal(0))
    assert carbon.water(Decimal(100), Decimal("1.5"), Decimal("0.2"), Decimal(2)) == 320
    assert carbon.water(Decimal(100), Decimal("1.5"), None, None) is None


FLEET = (
    "cluster,gpu_model,gpu_count,site,grid_region,in_service_date,capex_usd,useful_life_months,power_kw_per_gpu,pue,"
    "electricity_usd_per_kwh,embodied_kgco2e,wue_l_per_kwh\n"
    "Hall,H100,10,Town,North,2026-01-01,1000,48,1,1.5,0.1,35040,0.2\n"
    "Late,H100,10,Town,North,2026-09-20,1000,48,1,1.5,0.1,,\n"
)
USAGE = (
    "usage_date,cluster,team,workload,gpu_hours_allocated,gpu_hours_busy\n"
    "2026-09-10,Hall,Red,training,100,80\n2026-09-11,Hall,Blue,inference,100,50\n2026-09-30,Late,Red,training,0,0\n"
)
GRID = (
    "grid_region,valid_from,kgco2e_per_kwh,method,source,water_l_per_kwh\n"
    "North,2026-01-01,0.4,location,Register,2\nNorth,2026-01-01,0.1,market,Contract,\n"
)
VOLUMES = "month,metric,volume\n2026-09-01,letters sorted,1200\n2026-08-01,letters sorted,900\n"


@pytest.fixture
def halls(tmp_path: Path) -> Iterator[Assistant]:
    for table, text in (
        ("gpu_fleet", FLEET), ("gpu_usage", USAGE), ("grid_intensity", GRID), ("business_metrics", VOLUMES),
    ):  # fmt: skip
        (tmp_path / f"{table}.csv").write_text(text, encoding="utf-8")
        load([str(tmp_path / f"{table}.csv")], tmp_path / "w.duckdb", table)
    assistant = Assistant(Config(warehouse=tmp_path / "w.duckdb", ledger=tmp_path / "l.sqlite"))
    yield assistant
    assistant.close()


def test_embodied_share_and_water_of_a_fleet_that_declares_them(halls: Assistant) -> None:
    found, _ = carbon_analysis.carbon_of(halls.books(None), SEPTEMBER.start, SEPTEMBER.end, "hall")
    (month,) = found
    assert (month.kwh, month.location.kg, month.market.kg) == (300, 120, 30)
    # 35,040 kg over 10 GPUs × 730 h × 48 months: 0.1 kg an hour, and 200 hours
    assert round(month.embodied or 0, 9) == 20
    # 200 IT kWh × (0.2 + 1.5 × 2)
    assert month.water == 640
    report = carbon_analysis.report(halls.books(None), SEPTEMBER.start, SEPTEMBER.end, "Hall")
    assert not {"water", "carbon_embodied"} & report.wide


def test_sci_of_a_unit_of_work_takes_the_embodied_share_in(halls: Assistant) -> None:
    answer = halls.ask(Question("software carbon intensity per letter in September", today=TODAY))
    assert answer.status == "answered", (answer.error, answer.clarify)
    row = dict(zip((c.name for c in answer.columns), answer.rows[0], strict=True))
    assert (row["carbon_location"], row["volume"]) == (120, 1200)
    if row["carbon_embodied"] is not None:  # unknown while the other cluster does not declare its own
        assert round(row["sci"], 6) == Decimal(1000 * 140) / 1200
    report = carbon_analysis.sci_report(halls.books(None), "letter", SEPTEMBER.start, SEPTEMBER.end, "Hall")
    assert round(report.rows[0][-1], 6) == round(Decimal(1000 * 140) / 1200, 6)


def test_a_business_month_that_is_missing_is_named(halls: Assistant) -> None:
    load_more = halls.config.warehouse.parent / "gpu_usage_more.csv"
    load_more.write_text(USAGE.replace("2026-09", "2026-07"), encoding="utf-8")
    load([str(load_more)], halls.config.warehouse, "gpu_usage")
    report = carbon_analysis.sci_report(halls.books(None), "letters sorted", date(2026, 7, 1), SEPTEMBER.end, "Hall")
    assert [row[0].month for row in report.rows] == [9]
    assert "Jul 2026 has no volume and is left out." in report.notes


def test_usage_before_the_fleet_is_in_service_is_named(halls: Assistant) -> None:
    more = halls.config.warehouse.parent / "early.csv"
    more.write_text(USAGE.replace("2026-09-30,Late,Red,training,0,0", "2026-09-02,Late,Red,training,5,5"), "utf-8")
    load([str(more)], halls.config.warehouse, "gpu_usage", replace=True)
    _, notes = carbon_analysis.carbon_of(halls.books(None), SEPTEMBER.start, SEPTEMBER.end, None)
    assert "Late has usage before its in_service_date; one of the two is wrong." in notes


def test_a_cluster_that_the_fleet_lacks_is_named(halls: Assistant) -> None:
    more = halls.config.warehouse.parent / "strange.csv"
    more.write_text(USAGE.replace("Late", "Elsewhere").replace(",0,0", ",5,5"), "utf-8")
    load([str(more)], halls.config.warehouse, "gpu_usage", replace=True)
    found, notes = carbon_analysis.carbon_of(halls.books(None), SEPTEMBER.start, SEPTEMBER.end, None)
    assert {month.cluster for month in found} == {"Hall"}
    assert any(note.startswith("Elsewhere has usage but is not in gpu_fleet") for note in notes)
