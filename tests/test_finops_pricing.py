"""Prices before deployment, repricing, waste and allowances: by hand figures, laws, and over the demo company."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AssistantFor, CheckFor, WarehouseOf
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.analysis import footprint, pricing, token_habits, token_kinds
from assistant.analysis.allowances import allowances_of
from assistant.config import Config
from assistant.errors import Clarify, LoadError, Refused
from assistant.finops import allowances, estimate, tokens
from assistant.finops.allowances import Allowance
from assistant.finops.estimate import ModelRates, Rates, Spread
from assistant.finops.tokens import Habit, Limits, Usage
from assistant.surfaces.cli import pricing as cli
from assistant.surfaces.cli.pricing import Asked
from assistant.values import Period

FOLDER = Path(__file__).parent / "cases"
DESIGNS = yaml.safe_load((FOLDER / "finops_estimate.yaml").read_text(encoding="utf-8"))
ALLOWANCES = yaml.safe_load((FOLDER / "finops_allowances.yaml").read_text(encoding="utf-8"))
DAYS = Decimal(DESIGNS["days_per_month"])
SPREAD = Spread(Decimal("0.2"), Decimal("0.2"), Decimal("0.1"))
PRICES_OF = date(2026, 10, 15)


def _rates(listed: Sequence[float], above: int, upto: int) -> Rates:
    return Rates(above, upto, *(Decimal(str(price)) / 1_000_000 for price in listed))


def _spans(listed: dict[str, Any], kind: str) -> tuple[Rates, ...]:
    edge = listed.get("above", 2**62)
    return (_rates(listed[kind], -1, edge), _rates(listed.get("then", listed[kind]), edge, 2**62))


PRICES = {
    name: ModelRates(name, "maker", _spans(listed, "standard"), _spans(listed, "batch"))
    for name, listed in DESIGNS["prices"].items()
}


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


# --- before deployment -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", DESIGNS["cases"], ids=lambda case: case["name"])
def test_designs_cost_what_they_cost_by_hand(case: dict[str, Any]) -> None:
    design = pricing.design_of(case["design"])
    one = estimate.price(design, PRICES, design.models[0], SPREAD, DAYS)
    assert one.per_request == _decimal(case["per_request"])
    assert one.first.expected == _decimal(case["month"])
    assert one.last.expected == _decimal(case.get("last", case["month"]))
    assert "total" not in case or one.total.expected == _decimal(case["total"])
    assert one.over_limit == case.get("over")
    assert one.first.low <= one.first.expected <= one.first.high


@pytest.mark.parametrize("case", DESIGNS["wrong"], ids=lambda case: case["problem"])
def test_designs_that_cannot_be_are_refused_by_name(case: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=case["problem"]):
        pricing.design_of(case["design"])


def test_the_band_holds_more_and_longer_requests_that_are_cached_less() -> None:
    workload = {"requests_per_day": 1000, "input_tokens": 1000, "output_tokens": 100, "cached": 0.5}
    design = pricing.design_of({"models": ["big"], "workloads": [workload]})
    one = estimate.price(design, PRICES, "big", SPREAD, DAYS)
    dearer = {"requests_per_day": 1200, "input_tokens": 1000, "output_tokens": 120, "cached": 0.4}
    high = estimate.price(pricing.design_of({"workloads": [dearer]}), PRICES, "big", SPREAD, DAYS)
    assert one.first.high == high.first.expected


@pytest.mark.parametrize(("text", "value"), [("60%", "0.6"), ("0.6", "0.6"), ("100%", "1"), ("0", "0")])
def test_parts_of_one(text: str, value: str) -> None:
    assert cli.part(text) == Decimal(value)


@pytest.mark.parametrize("text", ["60", "-5%", "some", "120%"])
def test_what_is_no_part_of_one(text: str) -> None:
    with pytest.raises(ValueError, match="60%"):
        cli.part(text)


DESIGN = """
name: Letter writer
models: [claude-sonnet-5-5]
limit_usd_per_month: {limit}
workloads:
  - {{requests_per_day: 200000, input_tokens: 1500, output_tokens: 400, cached: 0.6}}
"""


@pytest.mark.parametrize(("limit", "code"), [(100_000, 0), (1_000, 1)])
def test_a_file_over_its_limit_fails_a_pipeline(
    limit: int, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "estimate.yaml"
    file.write_text(DESIGN.format(limit=limit), encoding="utf-8")
    config = Config(warehouse=tmp_path / "none.duckdb")
    assert cli.estimate(config, Asked(pricing.read_design(file), PRICES_OF, shape="json")) == code
    answer = json.loads(capsys.readouterr().out)
    first = dict(zip((c["name"] for c in answer["columns"]), answer["rows"][0], strict=True))
    # 600 uncached at $2, 900 cached at $0.10 and 400 out at $10 a million
    assert first["per_request"] == pytest.approx(0.00529)
    assert first["month_expected"] == pytest.approx(0.00529 * 200_000 * 30.4167)
    assert answer["over_limit"] == bool(code)
    others = [row for row in answer["rows"] if row[1] == "alternative"]
    assert others
    assert all(row[2] < first["per_request"] for row in others)
    assert cli.estimate(config, Asked(pricing.read_design(file), PRICES_OF, shape="markdown")) == code
    assert "| claude-sonnet-5-5 | asked |" in capsys.readouterr().out


def test_a_budget_is_held_against_the_estimate(
    warehouse_of: WarehouseOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config(warehouse=warehouse_of("demo"), ledger=tmp_path / "l.sqlite")
    workload = {"requests_per_day": 10, "input_tokens": 1500, "output_tokens": 400}
    design = pricing.design_of({"models": ["gpt-6-luna"], "workloads": [workload]})
    assert cli.estimate(config, Asked(design, date(2026, 9, 15), "total", shape="json")) == 0
    assert json.loads(capsys.readouterr().out)["budget"]["amount_usd"] > 0
    with pytest.raises(Refused, match="no budget for team=Nobody"):
        cli.estimate(config, Asked(design, date(2026, 9, 15), "team=Nobody", shape="json"))


def test_a_file_that_is_no_design_is_named(tmp_path: Path) -> None:
    file = tmp_path / "estimate.yaml"
    file.write_text("workloads: [", encoding="utf-8")
    with pytest.raises(LoadError, match=r"estimate\.yaml"):
        pricing.read_design(file)
    file.write_text("workloads: [{requests_per_day: 5}]", encoding="utf-8")
    with pytest.raises(LoadError, match=r"input_tokens"):
        pricing.read_design(file)


@pytest.mark.parametrize("name", ["sonnet", "claude-sonet-5-5"])
def test_a_model_that_could_be_several_is_asked_back(name: str) -> None:
    with pytest.raises(Clarify) as caught:
        pricing.model_named(name)
    assert "claude-sonnet-5-5" in caught.value.options


# --- what if ---------------------------------------------------------------------------------------------------------

counts = st.integers(0, 10**9).map(Decimal)
usages = st.lists(
    st.builds(
        lambda requests, plain, cached, written, output, batch: Usage(
            "maker", "big", PRICES_OF, batch, requests, plain + cached + written, cached, written, output, None
        ),
        counts, counts, counts, counts, counts, st.booleans(),
    ),
    max_size=8,
)  # fmt: skip


def priced(provider: str, model: str, day: date, batch: bool) -> Sequence[Rates]:
    rates = PRICES.get(model)
    return () if rates is None else rates.batch if batch else rates.standard


@settings(max_examples=80, deadline=None)
@given(usages)
def test_the_same_model_costs_the_same_and_a_tenth_of_the_price_a_tenth(usage: list[Usage]) -> None:
    same = tokens.reprice(usage, "maker", "big", priced)
    assert (same.change, same.before) == (0, same.after)
    twentieth = tokens.reprice(usage, "maker", "small", priced)
    assert twentieth.after * 20 == pytest.approx(same.before)


def test_models_without_a_price_are_left_out_of_both_sides_and_named() -> None:
    known = Usage("maker", "big", PRICES_OF, False, *map(Decimal, (1, 1000, 0, 0, 100)), Decimal(1))
    found = tokens.reprice([known], "maker", "unknown", priced)
    assert (found.before, found.after, found.paid, found.unpriced) == (0, 0, 0, ("unknown",))


def test_kinds_of_tokens_are_disjoint_and_cost_the_whole(assistant_for: AssistantFor, check_for: CheckFor) -> None:
    september = Period(start=date(2026, 9, 1), end=date(2026, 10, 1))
    report = token_kinds.report(assistant_for("demo").books(None), september)
    ((tokens_, paid),) = check_for("demo")(
        "SELECT sum(input_tokens + output_tokens), sum(cost_usd) FROM token_usage "
        "WHERE usage_date >= '2026-09-01' AND usage_date < '2026-10-01'"
    )[1]
    assert sum(row[1] for row in report.rows) == tokens_
    assert sum(row[3] for row in report.rows) == pytest.approx(100)
    assert float(sum(row[2] for row in report.rows)) == pytest.approx(float(paid), rel=1e-6)


def test_a_companys_usage_repriced_on_its_own_model_is_what_it_paid(
    assistant_for: AssistantFor, check_for: CheckFor
) -> None:
    assistant = assistant_for("demo")
    (model, paid), *_ = check_for("demo")(
        "SELECT model, sum(cost_usd) FROM token_usage WHERE usage_date BETWEEN DATE '2026-09-01' AND DATE '2026-09-30' "
        "GROUP BY model ORDER BY 2 DESC"
    )[1]
    month, found, _ = token_habits.move(assistant.books(None), model, model, None, {})
    assert month == date(2026, 9, 1)
    assert (found.before, found.after, found.paid) == (pytest.approx(paid), pytest.approx(paid), paid)
    with pytest.raises(Clarify):
        token_habits.move(assistant.books(None), "no-such-model", model, None, {})


# --- waste -----------------------------------------------------------------------------------------------------------

LIMITS = Limits(frozenset({"labelling"}), *map(Decimal, ("0.5", "1000", "50", "1.25", "1")))


def _habit(cached: int = 0, output: int = 1000, batch: bool = False, purpose: str = "chat", later: int = 500) -> Habit:
    """1,000 requests of 2,000 tokens, the second half of them `later` thousands of tokens."""
    numbers = map(Decimal, (1000, 2_000_000, cached * 1000, 0, output * 1000))
    halves = ((Decimal(2_000_000 - later * 2000), Decimal(500)), (Decimal(later * 2000), Decimal(500)))
    return Habit(Usage("maker", "big", PRICES_OF, batch, *numbers, None), "Desk", "Red", purpose, *halves)


@pytest.mark.parametrize(
    ("habit", "kind", "saving"),
    [
        (_habit(cached=500), "low cache hit", "0.9"),  # a quarter of 2 million at $1.80 less
        (_habit(cached=0), "low cache hit", "1.8"),
        (_habit(cached=1000, purpose="Labelling"), "no batch", "6.1"),
        (_habit(cached=1000, output=40), "oversized model", "2.47"),
        (_habit(cached=1000, later=750), "context growth", "1.1"),
    ],
)
def test_a_wasteful_habit_is_found_with_its_saving(habit: Habit, kind: str, saving: str) -> None:
    limits = Limits(
        LIMITS.offline, LIMITS.cached, LIMITS.least_cached_tokens, LIMITS.short_output, LIMITS.growth, Decimal(0)
    )
    found = tokens.waste([habit], limits, priced, {"big": ["small"]})
    assert [(f.kind, f.saving) for f in found] == [(kind, Decimal(saving))]


def test_good_habits_and_small_savings_are_left_alone() -> None:
    assert tokens.waste([_habit(cached=1500)], LIMITS, priced, {"big": ["small"]}) == []
    assert tokens.waste([_habit(cached=500)], LIMITS, priced, {}) == []
    assert tokens.waste([_habit(batch=True, cached=1500, purpose="labelling")], LIMITS, priced, {}) == []


def test_a_companys_waste_is_sorted_and_never_above_what_it_paid(assistant_for: AssistantFor) -> None:
    _, found, _ = token_habits.waste(assistant_for("demo").books(None), date(2026, 9, 1))
    assert [f.saving for f in found] == sorted((f.saving for f in found), reverse=True)
    assert found
    assert all(0 < f.saving <= (f.habit.usage.cost or 0) for f in found)


# --- allowances ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ALLOWANCES, ids=lambda case: case["name"])
def test_allowances(case: dict[str, Any]) -> None:
    june = date(2026, 6, 1)
    used = {june + timedelta(days=day - 1): Decimal(amount) for day, amount in case["used"].items()}
    allowance = Allowance(june, "team", "Red", Decimal(3000), "tokens", hard=True)
    one = allowances.status(allowance, used, june + timedelta(days=case["until"] - 1))
    assert (one.left, round(one.used_percent or 0, 2)) == (case["left"], _decimal(case["percent"]))
    assert round(one.projected, 6) == case["projected"]
    assert one.run_out == (case["run_out"] and june + timedelta(days=case["run_out"] - 1))
    assert (one.state, one.resets) == (case["state"], date(2026, 7, 1))


def test_people_see_their_own_allowance_and_the_teams(assistant_for: AssistantFor) -> None:
    assistant = assistant_for("demo")
    everyone = {(s.allowance.subject_type, s.allowance.subject) for s in allowances_of(assistant.books(None), None)}
    seen = {(s.allowance.subject_type, s.allowance.subject) for s in allowances_of(assistant.books("tomas.beck"), None)}
    assert {kind for kind, _ in everyone} == {"team", "user"}
    assert seen == {(kind, subject) for kind, subject in everyone if kind == "team"}


def test_own_gpus_stand_beside_the_api(assistant_for: AssistantFor, check_for: CheckFor) -> None:
    assistant = assistant_for("demo")
    workload = {"requests_per_day": 1000, "input_tokens": 900, "output_tokens": 100}
    choice = estimate.price(pricing.design_of({"workloads": [workload]}), PRICES, "big", SPREAD, DAYS)
    found = {one.cluster: one for one in pricing.own_gpus(assistant.books(None), choice, Decimal(700))}
    rows = check_for("demo")(
        "SELECT cluster, (capex_usd - salvage_usd) / useful_life_months + facility_usd_per_month + staff_usd_per_month "
        "+ gpu_count * 24 * 30 * power_kw_per_gpu * pue * electricity_usd_per_kwh, gpu_count FROM gpu_fleet"
    )[1]
    assert set(found) == {cluster for cluster, *_ in rows}
    for cluster, usd, count in rows:
        one = found[cluster]
        assert one.month == date(2026, 9, 1)
        assert float(one.usd_per_month) == pytest.approx(float(usd))
        # 900 × $2 + 100 × $10 for a thousand tokens: $2.80 a million
        assert float(one.break_even.tokens_per_month) == pytest.approx(float(usd) / 2.8 * 10**6)
        assert float(one.break_even.capacity_per_month) == 700 * 3600 * 730 * count


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "gpt-6-luna", "mistral-large-4"])
def test_inference_energy_is_a_range_that_grows_with_requests_and_outputs(model: str) -> None:
    def footprint_of(requests: int, output: int) -> footprint.Footprint:
        workload = {"requests_per_day": requests, "input_tokens": 1500, "output_tokens": output}
        design = pricing.design_of({"models": [model], "workloads": [workload]})
        found = pricing.quote(design, PRICES_OF, Config().schemas)
        assert found.energy_kwh
        assert found.carbon_kg
        return footprint.Footprint(found.energy_kwh, found.carbon_kg)

    one, twice, longer = footprint_of(1000, 400), footprint_of(2000, 400), footprint_of(1000, 800)
    assert 0 < one.kwh[0] <= one.kwh[1]
    assert 0 < one.kg[0] <= one.kg[1] < one.kwh[1]
    assert twice.kwh == tuple(2 * value for value in one.kwh)
    assert all(long > short for long, short in zip(longer.kwh, one.kwh, strict=True))


def test_a_model_without_an_estimate_gets_none_and_a_measured_one_its_own() -> None:
    about = pricing.assumptions(Config().schemas)["estimate"]
    assert footprint.of_request("x-ai", "grok-4.7", Decimal(400), about) is None
    assert footprint.of_request("openai", "gpt-77", Decimal(400), about) is None
    own = {**about, "energy_kwh_per_1k_output_tokens": {"gpt-77": [0.001, 0.002]}}
    found = footprint.of_request("openai", "gpt-77", Decimal(500), own)
    assert found
    assert found.kwh == (Decimal("0.0005"), Decimal("0.001"))
    assert found.kg == (Decimal("0.000229"), Decimal("0.000458"))


def test_a_move_without_any_price_is_refused_not_free(assistant_for: AssistantFor) -> None:
    with pytest.raises(Refused, match="no price of solenne-grand-2"):
        token_habits.what_if(
            assistant_for("tarnbrook").books(None), "solenne-grand-2", "gpt-6-luna", date(2026, 2, 1), {}
        )
