"""Unit costs, energy and carbon, depreciation: by hand figures, laws, and over companies' warehouses."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AssistantFor, CheckFor, WarehouseOf
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.analysis import carbon as carbon_analysis
from assistant.analysis import unit_costs
from assistant.config import Config
from assistant.errors import Clarify, Refused
from assistant.finops import carbon, gpus, unit_cost
from assistant.finops.carbon import Energy, Factor
from assistant.finops.gpus import Asset
from assistant.finops.unit_cost import Month
from assistant.surfaces.cli import reports
from assistant.values import Question

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "finops_unit_cost.yaml").read_text(encoding="utf-8"))


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _months(rows: list[list[Any]]) -> list[Month]:
    return [Month(date.fromisoformat(f"{m}-01"), _decimal(cost), _decimal(volume)) for m, cost, volume in rows]


# --- unit cost -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_months_and_what_their_change_is_made_of(case: dict[str, Any]) -> None:
    if "refused" in case:
        with pytest.raises(Refused, match=case["refused"]):
            unit_cost.series(_months(case["months"]))
        return
    found, notes = unit_cost.series(_months(case["months"]))
    assert [m.average for m in found] == [_decimal(v) for v in case["average"]]
    assert [m.marginal for m in found] == [_decimal(v) for v in case["marginal"]]
    assert notes == case.get("notes", [])
    if "compare_refused" in case:
        with pytest.raises(Refused, match=case["compare_refused"]):
            unit_cost.compare(found[0], found[-1])
    if "compare" in case:
        one = unit_cost.compare(found[0], found[-1], _decimal(case.get("investment")))
        assert {name: getattr(one, name) for name in case["compare"]} == {
            name: _decimal(value) for name, value in case["compare"].items()
        }
        paid = None if one.payback_months is None else round(one.payback_months, 1)
        assert paid == _decimal(case.get("payback"))


money = st.decimals(0, 10**9, places=6)
volumes = st.decimals(1, 10**7, places=2)


@settings(max_examples=100, deadline=None)
@given(money, volumes, money, volumes)
def test_volume_and_rate_effects_add_up_to_the_change(
    cost: Decimal, volume: Decimal, later: Decimal, more: Decimal
) -> None:
    first = unit_cost.UnitCost(date(2026, 1, 1), cost, volume, cost / volume, None)
    last = unit_cost.UnitCost(date(2026, 2, 1), later, more, later / more, None)
    one = unit_cost.compare(first, last)
    with localcontext(prec=60):
        assert one.volume_effect + one.rate_effect == one.change == later - cost
        assert one.rate_effect == -one.avoided


def test_a_companys_unit_costs_are_its_costs_over_its_volumes(assistant_for: AssistantFor, check_for: CheckFor) -> None:
    assistant = assistant_for("demo")
    found = unit_costs.unit_costs(assistant.books(None), "loan", None, None, None)
    rows = check_for("demo")(
        "SELECT b.month, (SELECT sum(EffectiveCost) FROM cost_and_usage WHERE BillingCurrency = 'USD' AND "
        "date_trunc('month', ChargePeriodStart) = b.month AND Tags['application'] IN ('Loan Origination', "
        "'Mortgage Assistant')), sum(volume) FROM business_metrics AS b WHERE metric = 'loans processed' "
        "GROUP BY b.month"
    )[1]
    assert {m.month: (m.cost, m.volume) for m in found.months} == {m: (c, v) for m, c, v in rows}
    baseline, after = unit_cost.mean(found.months[-9:-6]), found.months[-1]
    one = unit_cost.compare(baseline, after, Decimal(50_000))
    assert (baseline.cost, after.cost, baseline.average, after.average) == (8000, 21600, 8, Decimal("7.2"))
    assert (one.avoided, one.marginal, round(one.payback_months or 0, 1)) == (2400, Decimal("6.8"), Decimal("20.8"))


def test_the_command_and_the_question_give_the_same_unit_costs(
    assistant_for: AssistantFor, warehouse_of: WarehouseOf, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = Config(warehouse=warehouse_of("demo"), ledger=tmp_path / "l.sqlite")
    change = unit_costs.Change((date(2026, 1, 1), date(2026, 3, 1)))
    books = reports.books(config, None)
    reports.show(unit_costs.report(books, "loan", None, date(2026, 1, 1), date(2026, 10, 1), change), "json")
    answer = json.loads(capsys.readouterr().out)
    asked = assistant_for("demo").ask(Question("cost per loan by month this year", today=date(2026, 10, 15)))
    assert [[row[0], row[3]] for row in answer["rows"]] == [[str(month), value] for month, value in asked.rows]
    assert answer["comparison"]["avoided"] == 2400
    assert answer["comparison"]["volume_effect"] + answer["comparison"]["rate_effect"] == 13600


def test_a_metric_that_is_not_loaded_is_asked_back(assistant_for: AssistantFor) -> None:
    with pytest.raises(Clarify) as caught:
        unit_costs.unit_costs(assistant_for("demo").books(None), "parcels", None, None, None)
    assert "loans processed" in caught.value.options


# --- carbon ----------------------------------------------------------------------------------------------------------


def _factor(since: str, kg: str, method: str = "location", source: str | None = "Register") -> Factor:
    return Factor("North", date.fromisoformat(since), Decimal(kg), method, source)


def _energy(day: str, kwh: int) -> Energy:
    return Energy(date.fromisoformat(day), "Hall", "North", Decimal(kwh), Decimal(kwh))


def test_each_day_takes_the_factor_valid_on_it_and_the_methods_stay_apart() -> None:
    rows, notes = carbon.by_cluster_and_month(
        [_energy("2026-01-31", 100), _energy("2026-02-09", 100), _energy("2026-02-10", 100)],
        [_factor("2025-01-01", "0.5"), _factor("2026-02-10", "0.4"), _factor("2025-01-01", "0.1", "market", None)],
    )
    assert [(r.month.month, r.kwh, r.location.kg, r.market.kg) for r in rows] == [(1, 100, 50, 10), (2, 200, 90, 20)]
    assert rows[1].location.source == "Register (from 2025-01-01) · Register (from 2026-02-10)"
    assert rows[1].market.source == "no source given (from 2025-01-01)"
    assert notes == []


def test_a_day_without_a_factor_makes_the_months_carbon_unknown_not_smaller() -> None:
    rows, notes = carbon.by_cluster_and_month(
        [_energy("2026-02-01", 100), _energy("2026-02-20", 100)], [_factor("2026-02-10", "0.4")]
    )
    assert (rows[0].location.kg, rows[0].market.kg, rows[0].kwh) == (None, None, 200)
    assert len(notes) == 2
    assert all("North" in note for note in notes)


def test_two_factors_of_one_grid_and_day_are_refused() -> None:
    with pytest.raises(Refused, match="two location-based factors for North"):
        carbon.check([_factor("2026-01-01", "0.4"), _factor("2026-01-01", "0.5")])


@pytest.mark.parametrize("company", ["demo", "tarnbrook"])
def test_a_companys_carbon_is_that_of_the_question(company: str, assistant_for: AssistantFor) -> None:
    assistant = assistant_for(company)
    last = assistant.warehouse.catalog.days["gpu_usage"].last
    start = (last.replace(day=1) - timedelta(days=1)).replace(day=1)
    found, _ = carbon_analysis.carbon_of(assistant.books(None), start, last.replace(day=1), None)
    question = f"energy and carbon by cluster in {start:%B %Y}"
    answer = assistant.ask(Question(question, today=last + timedelta(days=1)))
    names = [c.name for c in answer.columns]
    asked = {row[0]: row for row in answer.rows}
    assert set(asked) == {row.cluster for row in found}
    for row in found:
        for name, value in (
            ("gpu_energy", row.kwh),
            ("carbon_location", row.location.kg),
            ("carbon_market", row.market.kg),
        ):
            assert float(value or 0) == pytest.approx(float(asked[row.cluster][names.index(name)]), rel=1e-9, abs=1e-9)


def test_the_fleets_carbon_is_not_open_under_a_row_policy(assistant_for: AssistantFor) -> None:
    with pytest.raises(Refused, match="row policy"):
        carbon_analysis.carbon_of(assistant_for("demo").books("rhea.collins"), None, None, None)


# --- own GPUs --------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    st.decimals(0, 10**8, places=2),
    st.decimals(0, 1, places=3),
    st.integers(1, 120),
)
def test_depreciation_over_the_life_is_capex_less_salvage(day: date, capex: Decimal, part: Decimal, life: int) -> None:
    salvage = capex * part
    plan = gpus.depreciation(Asset(day, capex, salvage, life))
    assert sum(plan.values()) == capex - salvage
    assert min(plan) == day.replace(day=1)
    assert all(amount > Decimal("-0.01") for amount in plan.values())


def test_whole_months_bear_the_same_and_the_first_bears_its_days() -> None:
    plan = gpus.depreciation(Asset(date(2026, 1, 16), Decimal(1240), Decimal(40), 12))
    assert plan[date(2026, 2, 1)] == 100
    assert round(plan[date(2026, 1, 1)], 2) == Decimal("51.61")
    assert len(plan) == 13


@pytest.mark.parametrize(("life", "salvage"), [(0, 0), (12, -1), (12, 1001)])
def test_lives_and_salvage_values_that_cannot_be(life: int, salvage: int) -> None:
    with pytest.raises(Refused):
        gpus.depreciation(Asset(date(2026, 1, 1), Decimal(1000), Decimal(salvage), life))


def test_break_even_against_an_api() -> None:
    # $2.50 an hour, 700 tokens a second: 0.992 per million at full use, so an API at 9.92 breaks even at a tenth.
    one = gpus.break_even(Decimal("2.50") * 730, 1, Decimal(700), Decimal("9.920635"))
    assert round(one.utilisation, 4) == Decimal("0.1000")
    assert round(one.tokens_per_month / 10**6, 2) == Decimal("183.96")
    with pytest.raises(Refused):
        gpus.break_even(Decimal(1), 1, Decimal(0), Decimal(1))
