"""Forecasts and budgets: figures by hand, laws, and a company's month, quarter and year."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import AssistantFor, CheckFor, WarehouseOf
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.analysis import budget_outlook, forecasts
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import Refused
from assistant.finops import budgets, forecast
from assistant.finops.budgets import Budget
from assistant.finops.forecast import Daily
from assistant.surfaces.cli.main import main
from assistant.values import Question

START = date(2025, 1, 1)
OCTOBER, NOVEMBER = date(2025, 10, 1), date(2025, 11, 1)


def daily(
    last: date, weekday: float = 100.0, weekend: float = 40.0, fee: float = 0.0, spike: date | None = None
) -> Daily:
    days = [START + timedelta(n) for n in range((last - START).days + 1)]
    metered = [(weekend if d.weekday() > 4 else weekday) + (9_000 if d == spike else 0) for d in days]
    return Daily(START, tuple(metered), tuple(fee if d.day == 1 else 0.0 for d in days))


# October 2025 has 23 weekdays and 8 days of weekends: 23 × 100 + 8 × 40 = 2,620; to the 10th 8 and 2: 880.
def test_a_month_by_hand() -> None:
    made = forecast.forecast(daily(date(2025, 10, 10), fee=500), OCTOBER, NOVEMBER)
    assert (made.so_far, made.expected, made.as_of) == (Decimal(1380), Decimal(3120), date(2025, 10, 10))
    assert (made.low, made.high) == (made.expected, made.expected)  # it never missed
    assert len(made.days) == 21
    assert made.run_rate == Decimal("4278.00")  # 1,380 ÷ 10 × 31: what it would be with the fee every ten days


def test_a_fee_that_has_not_come_yet_is_expected() -> None:
    known = daily(date(2025, 10, 3), fee=500)
    late = Daily(known.start, known.metered, (*known.scheduled[:-3], 0.0, 0.0, 0.0))
    assert forecast.forecast(late, OCTOBER, NOVEMBER).expected == Decimal(3120)
    quarter = forecast.forecast(daily(date(2025, 10, 10), fee=500), OCTOBER, date(2026, 1, 1))
    assert (quarter.fees, quarter.expected) == (Decimal(1000), Decimal("9140.00"))  # 66 × 100 + 26 × 40 + 3 × 500


def test_one_spike_does_not_become_the_level() -> None:
    plain = forecast.forecast(daily(date(2025, 10, 10)), OCTOBER, NOVEMBER)
    spiked = forecast.forecast(daily(date(2025, 10, 10), spike=date(2025, 10, 7)), OCTOBER, NOVEMBER)
    assert spiked.expected - spiked.so_far == plain.expected - plain.so_far
    assert spiked.so_far - plain.so_far == 9_000


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 10**6), min_size=7, max_size=7), st.integers(1, 29))
def test_a_weekly_rhythm_is_forecast_exactly(profile: list[int], day: int) -> None:
    last = date(2025, 10, day)
    length = (NOVEMBER - START).days
    whole = [float(profile[n % 7]) for n in range(length)]
    known = whole[: (last - START).days + 1]
    made = forecast.forecast(Daily(START, tuple(known), (0.0,) * len(known)), OCTOBER, NOVEMBER)
    actual = sum(whole[(OCTOBER - START).days :])
    assert float(made.expected) == pytest.approx(actual, rel=1e-6, abs=0.02)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(50, 150), min_size=200, max_size=280), st.sampled_from([4, 1000]))
def test_a_forecast_scales_with_its_series(values: list[int], k: int) -> None:
    last = START + timedelta(len(values) - 1)
    span = (last.replace(day=1), last + timedelta(40))
    one = forecast.forecast(Daily(START, tuple(map(float, values)), (0.0,) * len(values)), *span)
    more = forecast.forecast(Daily(START, tuple(float(k * v) for v in values), (0.0,) * len(values)), *span)
    assert float(more.expected) == pytest.approx(k * float(one.expected), rel=1e-4)
    assert (one.low is None) == (more.low is None)
    if one.low is not None and one.high is not None:
        assert one.low <= one.expected <= one.high


@pytest.mark.parametrize(
    ("last", "end", "says"),
    [
        (START + timedelta(8), date(2025, 2, 1), "9 days, 28 are needed"),
        (date(2025, 10, 31), NOVEMBER, "is over"),
        (date(2025, 10, 10), OCTOBER, "ends before it begins"),
    ],
)
def test_what_can_not_be_forecast_says_why(last: date, end: date, says: str) -> None:
    with pytest.raises(Refused, match=says):
        forecast.forecast(daily(last), OCTOBER if last > OCTOBER else START, end)


def test_a_short_history_has_no_band_and_says_so() -> None:
    made = forecast.forecast(daily(START + timedelta(39)), date(2025, 2, 1), date(2025, 3, 1))
    assert (made.low, made.high) == (None, None)
    assert "0 earlier forecasts" in made.notes[0]


def test_zeros_and_days_that_were_not_loaded_are_forecast_too() -> None:
    zeros = Daily(START, (0.0,) * 283, (0.0,) * 283)
    assert forecast.forecast(zeros, OCTOBER, NOVEMBER).expected == 0
    known = daily(date(2025, 10, 10))
    holes = Daily(START, tuple(None if n in (100, 270) else v for n, v in enumerate(known.metered)), known.scheduled)
    assert forecast.forecast(holes, OCTOBER, NOVEMBER).expected == Decimal(2620)


# --- budgets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "state", "run_out"),
    [
        (800, "over", date(2025, 10, 10)),  # 880 up to the 10th
        (2_000, "will exceed", date(2025, 10, 24)),
        (2_620, "on track", date(2025, 10, 31)),
        (5_000, "on track", None),
    ],
)
def test_a_budget_runs_out_on_the_day_that_reaches_it(amount: int, state: str, run_out: date | None) -> None:
    known = daily(date(2025, 10, 10))
    budget = Budget("team", "Warp", OCTOBER, NOVEMBER, Decimal(amount))
    found = budgets.status(budget, known, forecast.forecast(known, OCTOBER, NOVEMBER))
    assert (found.state, found.run_out, found.used, found.projected) == (state, run_out, Decimal(880), Decimal(2620))
    assert found.over == Decimal(2620 - amount)
    assert found.why


def test_pace_is_the_part_used_over_the_part_of_the_days() -> None:
    known = daily(date(2025, 10, 10))
    found = budgets.status(Budget("total", None, OCTOBER, NOVEMBER, Decimal(1760)), known, None)
    assert (found.used_percent, found.pace, found.state) == (Decimal("50.0"), Decimal("1.55"), "unknown")


# --- a company -------------------------------------------------------------------------------------------------------

END = date(2026, 10, 14)


@pytest.fixture(scope="module")
def demo(assistant_for: AssistantFor) -> Assistant:
    return assistant_for("demo")


def test_a_forecast_of_the_past_comes_near_what_was_spent(demo: Assistant) -> None:
    spent = dict(demo.books(None).rows(
        "SELECT BillingCurrency, SUM(EffectiveCost) AS cost FROM cost_and_usage "
        "WHERE ChargePeriodStart >= '2026-09-01' AND ChargePeriodStart < '2026-10-01' GROUP BY ALL"
    ))  # fmt: skip
    found, notes = forecasts.forecasts(demo.books(None, date(2026, 9, 10)), forecasts.Subject(), ("month",))
    assert [unit for unit, *_ in found] == ["USD", "EUR"]  # never added
    for unit, _, one in found:
        assert one.as_of == date(2026, 9, 10)
        assert abs(one.expected / spent[unit] - 1) < Decimal("0.03")
        assert one.low is not None
        assert one.high is not None
        assert one.low < one.expected < one.high
    assert notes == []


def test_a_forecast_in_the_chat_is_that_of_the_command(demo: Assistant, warehouse_of: WarehouseOf) -> None:
    answer = demo.ask(Question("forecast for this month by cost center", today=END))
    assert answer.status == "answered", (answer.error, answer.clarify)
    where = ["--warehouse", str(warehouse_of("demo")), "--today", str(END), "--json"]
    said = CliRunner().invoke(main, ["forecast", "--until", "month", "--by", "cost center", *where])
    rows = json.loads(said.output)["rows"]
    names = [c["name"] for c in json.loads(said.output)["columns"]]
    mine = {(row[0], row[1]): float(row[names.index("forecast")]) for row in rows}
    shown = [c.name for c in answer.columns]
    theirs = {(row[0], row[1]): float(row[shown.index("forecast")]) for row in answer.rows}
    assert mine == theirs
    assert len(mine) > 5


def test_the_chart_of_a_forecast_ends_at_its_band_beside_the_budget(demo: Assistant, check_for: CheckFor) -> None:
    answer = demo.ask(Question("forecast for this month", today=date(2026, 10, 15)))
    assert answer.chart
    assert answer.chart.band
    row = dict(zip([c.name for c in answer.columns], answer.rows[0], strict=True))
    assert [side[-1] for side in answer.chart.band] == [row["low"], row["high"]]
    actual, expected, budget = answer.chart.series
    assert (actual.values[13], expected.values[13], expected.values[-1]) == (
        row["so_far"],
        row["so_far"],
        row["forecast"],
    )
    ((planned,),) = check_for("demo")(
        "SELECT sum(amount_usd) FROM budgets WHERE month = DATE '2026-10-01' AND dimension = 'total'"
    )[1]
    assert set(budget.values) == {planned}
    assert len(answer.chart.labels) == 31
    narrowed = demo.ask(Question("forecast for this month for AWS", today=date(2026, 10, 15)))
    assert narrowed.chart
    assert [one.name for one in narrowed.chart.series] == ["Actual", "Expected"]


def test_a_forecast_keeps_the_row_policy(demo: Assistant) -> None:
    found = forecasts.report(demo.books("rhea.collins", END), forecasts.Subject(by="team"), ("month",))
    assert {row[0] for row in found.rows} == {"Lending", "Cards", "Digital Channels", None} & {r[0] for r in found.rows}
    with pytest.raises(Refused):
        budget_outlook.report(demo.books("rhea.collins", END))


def test_budgets_of_a_month_at_risk_first(demo: Assistant) -> None:
    found, notes = budget_outlook.budgets_of(demo.books(None, END), None)
    states = [s.state for s in found]
    assert states == sorted(states, key=["over", "will exceed", "at risk", "unknown", "on track"].index)
    total = next(s for s in found if s.budget.dimension == "total")
    assert total.projected
    assert total.budget.amount > 1_000_000
    assert any("other currencies" in note for note in notes)
    over, _ = budget_outlook.budgets_of(demo.books(None, END), date(2026, 9, 1))
    assert all(s.projected == s.used and s.low is None for s in over)


def test_the_command_says_what_is_wrong(warehouse_of: WarehouseOf, tmp_path: Path) -> None:
    where = ["--warehouse", str(warehouse_of("demo"))]
    run = CliRunner().invoke
    assert run(main, ["forecast", "--until", "2026-01-01", *where]).exit_code == 4
    assert run(main, ["forecast", "--until", "someday", *where]).exit_code == 2
    assert run(main, ["forecast", "--month", "2026-10", *where]).exit_code == 2
    assert run(main, ["forecast", "team = Nobody Here", *where]).exit_code == 3
    missing = run(main, ["forecast", "--warehouse", str(tmp_path / "none.duckdb")])
    assert (missing.exit_code, "Traceback" in missing.output) == (1, False)


def test_days_that_are_missing_lately_are_no_zeros_and_no_crash() -> None:
    days: list[float | None] = [100.0] * 60 + [None] * 45 + [100.0] * 10
    start = date(2026, 1, 1)
    amounts = {start + timedelta(days=n): Decimal(100) for n, v in enumerate(days) if v is not None}
    last = start + timedelta(days=len(days) - 1)
    daily = forecast.series_of(start, last, amounts, {}, frozenset(amounts))
    with pytest.raises(Refused, match="Of the last 56 days only 11 are loaded"):
        forecast.forecast(daily, date(2026, 4, 1), date(2026, 6, 1))


def sums(check: Any, column: str, start: date, end: date) -> Decimal:
    text = f"SELECT sum({column}) FROM token_usage WHERE usage_date >= DATE '{start}' AND usage_date < DATE '{end}'"
    return Decimal(check(text)[1][0][0])


def test_a_rate_is_forecast_as_its_parts_and_its_band_is_what_it_missed_by(
    demo: Assistant, check_for: CheckFor
) -> None:
    check, today = check_for("demo"), date(2026, 10, 15)
    found = {
        what: demo.ask(Question(f"forecast {what} for this month", today=today))
        for what in ("token cost", "tokens", "the cost per million tokens")
    }
    cost, tokens, rate = (dict(zip([c.name for c in a.columns], a.rows[0], strict=True)) for a in found.values())
    assert rate["forecast"] == pytest.approx(1_000_000 * cost["forecast"] / tokens["forecast"])
    so_far = 1_000_000 * sums(check, "cost_usd", date(2026, 10, 1), today)
    so_far /= sums(check, "input_tokens + output_tokens", date(2026, 10, 1), today)
    assert rate["so_far"] == pytest.approx(so_far, rel=Decimal("1e-6"))
    assert rate["low"] < rate["forecast"] < rate["high"]
    assert any("with 17 days to go" in note for note in found["the cost per million tokens"].assumptions)


def test_how_good_a_forecast_was_is_a_follow_up_with_every_earlier_try(demo: Assistant, check_for: CheckFor) -> None:
    asked = [
        demo.ask(Question(q, thread="record", today=date(2026, 10, 15)))
        for q in ("forecast token cost for this month", "how good was this forecast?", "only Claims", "and by team?")
    ]
    assert [a.plan.analysis for a in asked if a.plan] == ["forecast", "forecast_record", "forecast_record", "forecast"]
    names = [c.name for c in asked[1].columns]
    rows = [dict(zip(names, row, strict=True)) for row in asked[1].rows]
    assert len(rows) >= 10
    for row in rows[-3:]:
        end = (row["start"] + timedelta(days=32)).replace(day=1)
        assert (end - row["as_of"]).days == 18  # 17 days to go
        assert row["actual"] == pytest.approx(
            sums(check_for("demo"), "cost_usd", row["start"], end), rel=Decimal("1e-6")
        )
        assert row["error"] == pytest.approx(100 * (row["forecast"] / row["actual"] - 1), abs=Decimal("0.01"))
    whole = sum(row["actual"] for row in rows)
    missed = 100 * sum(abs(row["forecast"] - row["actual"]) for row in rows) / whole
    assert f"On average it was {missed:.1f}% off" in asked[1].answer


def test_a_fiscal_year_ends_when_the_company_says(warehouse_of: WarehouseOf, tmp_path: Path) -> None:
    schemas = tmp_path / "schemas"
    shutil.copytree(Config().schemas, schemas)
    words = (schemas / "vocabulary.yaml").read_text(encoding="utf-8")
    (schemas / "vocabulary.yaml").write_text(words.replace("fiscal_year_starts: 1", "fiscal_year_starts: 4"))
    assistant = Assistant(Config(warehouse=warehouse_of("demo"), schemas=schemas, ledger=tmp_path / "ledger.sqlite"))
    answer = assistant.ask(Question("forecast for this fiscal year", today=date(2026, 10, 15)))
    assert answer.plan
    assert answer.plan.period
    assert (answer.plan.period.start, answer.plan.period.end) == (date(2026, 4, 1), date(2027, 4, 1))
    assert answer.chart
    assert (answer.chart.labels[0], answer.chart.labels[-1]) == ("2026-04-01", "2027-03-31")


def test_a_years_budget_is_the_sum_of_its_months(demo: Assistant, check_for: CheckFor) -> None:
    answer = demo.ask(Question("will we exceed the annual budget", today=date(2026, 10, 15)))
    ((planned,),) = check_for("demo")(
        "SELECT sum(amount_usd) FROM budgets WHERE year(month) = 2026 AND dimension = 'total'"
    )[1]
    names = [c.name for c in answer.columns]
    (total,) = [row for row in answer.rows if row[names.index("dimension")] == "total"]
    assert total[names.index("budget")] == planned
    assert answer.answer.startswith("The total budget: on track")
