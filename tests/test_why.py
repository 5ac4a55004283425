"""Why a metric changed, over companies' warehouses: against hand-written SQL, under policies, in words, as a chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AssistantFor, CheckFor
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from assistant.analysis import why
from assistant.analysis.books import Books
from assistant.analysis.items import Basis
from assistant.analysis.report import Report
from assistant.assistant import Assistant
from assistant.desk import changes
from assistant.errors import Clarify, Refused
from assistant.finops import variance
from assistant.telling import numbers
from assistant.telling.chart import MOST_STEPS
from assistant.telling.understood import understood
from assistant.values import Filter, Grain, Period, QueryPlan, Question

USERS = yaml.safe_load((Path(__file__).parent / "cases" / "policy.yaml").read_text(encoding="utf-8"))["users"]
FIRST, LAST = date(2025, 2, 1), date(2026, 3, 18)
COLUMN = {"effective_cost": "EffectiveCost", "billed_cost": "BilledCost", "list_cost": "ListCost"}


def month(year: int, number: int) -> Period:
    end = date(year + number // 12, number % 12 + 1, 1)
    return Period(start=date(year, number, 1), end=end, unit=Grain.MONTH)


JAN, FEB = month(2026, 1), month(2026, 2)


def plan(metric: str = "effective_cost", before: Period = JAN, after: Period = FEB, **more: Any) -> QueryPlan:
    dataset = more.pop("dataset", "cost_and_usage")
    return QueryPlan(dataset=dataset, metrics=(metric,), period=after, comparison=before, analysis="why", **more)


@pytest.fixture(scope="module")
def tarnbrook(assistant_for: AssistantFor) -> Assistant:
    return assistant_for("tarnbrook")


@pytest.fixture(scope="module")
def books(tarnbrook: Assistant) -> Books:
    return tarnbrook.books(None)


def amounts(report: Report) -> dict[str, Decimal]:
    """Step → amount, the first and the last being the periods."""
    names = [column.name for column in report.columns]
    return {row[names.index("step")]: row[names.index("amount")] for row in report.rows}


def sums(report: Report) -> bool:
    first, *steps, last = amounts(report).values()
    with localcontext(prec=60):
        return first + sum(steps, Decimal(0)) == last


def within(period: Period) -> str:
    return f"ChargePeriodStart >= TIMESTAMP '{period.start}' AND ChargePeriodStart < TIMESTAMP '{period.end}'"


def total(check: Callable[[str], Any], column: str, period: Period, where: str = "TRUE") -> Decimal:
    ((found,),) = check(f"SELECT coalesce(sum({column}), 0) FROM cost_and_usage WHERE {within(period)} AND {where}")[1]
    return Decimal(found)


# --- against hand-written SQL -----------------------------------------------------------------------------------------

CHARGES = {
    "tax": "ChargeCategory = 'Tax'",
    "credits": "ChargeCategory = 'Credit'",
    "purchases": "ChargeCategory = 'Purchase'",
    "refunds and corrections": "ChargeClass = 'Correction'",
    "unused commitments": "CommitmentDiscountStatus = 'Unused'",
}


@pytest.mark.parametrize("metric", COLUMN)
def test_before_after_and_the_charges_that_are_no_usage_are_those_of_the_bill(
    metric: str, books: Books, check_for: CheckFor
) -> None:
    check, column = check_for("tarnbrook"), COLUMN[metric]
    report = why.answer(plan(metric), books)
    found = amounts(report)
    assert sums(report)
    assert (found["Jan 2026"], found["Feb 2026"]) == (total(check, column, JAN), total(check, column, FEB))
    for name, where in CHARGES.items():
        assert found.get(name, 0) == total(check, column, FEB, where) - total(check, column, JAN, where), name


# The same formulas as SQL, each workload of the company being one item: (q1 − q0)·p̄, less what 28 instead of 31 days
# make, and Δp·q̄ taken apart into what is paid for a unit at list, at contracted prices and in fact.
BY_HAND = """
WITH item AS (
    SELECT SkuId, RegionId, Tags['Squad'], PricingUnit,
        sum(PricingQuantity) FILTER (WHERE {jan})::DOUBLE AS q0,
        sum(PricingQuantity) FILTER (WHERE {feb})::DOUBLE AS q1,
        sum(EffectiveCost) FILTER (WHERE {jan})::DOUBLE AS c0, sum(EffectiveCost) FILTER (WHERE {feb})::DOUBLE AS c1,
        sum(ListCost) FILTER (WHERE {jan})::DOUBLE AS l0, sum(ListCost) FILTER (WHERE {feb})::DOUBLE AS l1,
        sum(ContractedCost) FILTER (WHERE {jan})::DOUBLE AS k0, sum(ContractedCost) FILTER (WHERE {feb})::DOUBLE AS k1
    FROM cost_and_usage
    WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
    GROUP BY ALL HAVING q0 > 0 AND q1 > 0),
moved AS (
    SELECT *, (c0 / q0 + c1 / q1) / 2 AS price, (q0 + q1) / 2 AS quantity,
        (28 - 31) * (q0 / 31 + q1 / 28) / 2 AS longer FROM item)
SELECT sum(longer * price), sum((q1 - q0 - longer) * price),
    sum((l1 / q1 * c0 / l0 - c0 / q0) * quantity),
    sum((k1 / q1 * c0 / k0 - l1 / q1 * c0 / l0) * quantity),
    sum((c1 / q1 - k1 / q1 * c0 / k0) * quantity)
FROM moved
"""


def test_days_usage_and_prices_are_those_of_the_same_formulas_as_sql(books: Books, check_for: CheckFor) -> None:
    (expected,) = check_for("tarnbrook")(BY_HAND.format(jan=within(JAN), feb=within(FEB)))[1]
    found = amounts(why.answer(plan(), books))
    names = ("days in the period", "usage", "list prices", "negotiated discounts", "commitment discounts")
    assert [round(float(found.get(name, 0)), 4) for name in names] == [round(v, 4) + 0.0 for v in expected]
    assert found["commitment discounts"] > 100


def test_what_starts_and_what_stops_is_new_and_gone(books: Books, check_for: CheckFor) -> None:
    check = check_for("tarnbrook")
    bedrock = "ServiceName = 'Amazon Bedrock'"
    found = amounts(why.answer(plan(before=month(2025, 8), after=month(2025, 9)), books))
    assert found["new"] == total(check, "EffectiveCost", month(2025, 9), bedrock)
    harbor = "SubAccountName = 'Harbor Analytics' AND SkuId = 'SKU-AMAZONRELATION-STD'"  # its S3 others use as well
    found = amounts(why.answer(plan(before=month(2025, 12), after=JAN), books))
    assert found["gone"] == -total(check, "EffectiveCost", month(2025, 12), harbor)


days = st.dates(FIRST, LAST)
values = st.sampled_from(
    [
        ("provider", "ServiceProviderName", ("AWS",)),
        ("provider", "ServiceProviderName", ("Microsoft", "Larkspur")),
        ("service_category", "ServiceCategory", ("Compute", "Storage")),
        ("team", "Tags['Squad']", ("Payments",)),
        ("charge_category", "ChargeCategory", ("Usage", "Credit")),
    ]
)
ops = st.sampled_from(["in", "not_in", "empty", "filled"])


def periods(one: date, other: date) -> Period:
    return Period(start=min(one, other), end=max(one, other) + timedelta(days=1))


@given(
    st.builds(periods, days, days),
    st.builds(periods, days, days),
    st.none() | st.tuples(values, ops),
    st.sampled_from(list(COLUMN)),
)
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_two_periods_and_any_filter_sum_exactly(
    books: Books, check_for: CheckFor, before: Period, after: Period, chosen: Any, metric: str
) -> None:
    filters, where = (), "TRUE"
    if chosen is not None:
        (name, column, wanted), op = chosen
        listed = ", ".join(f"'{one}'" for one in wanted)
        name = books.dimension(name, "the test")
        filters = (Filter(dimension=name, op=op, values=wanted if op in ("in", "not_in") else ()),)
        where = {
            "in": f"{column} IN ({listed})",
            "not_in": f"({column} NOT IN ({listed}) OR {column} IS NULL)",
            "empty": f"{column} IS NULL",
            "filled": f"{column} IS NOT NULL",
        }[op]
    check = check_for("tarnbrook")
    expected = [total(check, COLUMN[metric], period, where) for period in (before, after)]
    try:
        report = why.answer(plan(metric, before, after, filters=filters), books)
    except Refused:
        assert expected == [0, 0]
        return
    rows = [row[1] for row in report.rows]
    with localcontext(prec=60):
        assert [rows[0], rows[-1]] == expected
        assert rows[0] + sum(rows[1:-1], Decimal(0)) == rows[-1]
    assert not unsupported(report, books, plan(metric, before, after, filters=filters))


# --- words ------------------------------------------------------------------------------------------------------------


def unsupported(report: Report, books: Books, about: QueryPlan) -> list[str]:
    """Figures of the sentences that are neither in the rows nor follow from them."""
    quoted = [str(v) for row in report.rows for v in row if isinstance(v, str)]
    quoted += understood(about, books.house.model).split(" · ")
    return numbers.unsupported(" ".join(report.sentences), report.columns, report.rows, quoted)


SECOND = periods(date(2024, 9, 16), date(2024, 9, 30))
TOLD: list[tuple[str, QueryPlan]] = [
    ("tarnbrook", plan()),
    ("tarnbrook", plan("billed_cost", month(2025, 5), month(2025, 6))),
    ("tarnbrook", plan(filters=(Filter(dimension="provider", values=("Google Cloud",)),))),
    ("tarnbrook_multi", plan()),
    ("demo", plan(before=month(2026, 8), after=month(2026, 9), currency="USD")),
    ("demo", plan("token_cost", month(2026, 7), month(2026, 8), dataset="token_usage")),
    ("demo", plan("tokens", month(2026, 8), month(2026, 9), dataset="token_usage")),
    ("demo", plan("gpu_hours_allocated", month(2026, 8), month(2026, 9), dataset="gpu_usage")),
    ("focus_sample", plan(before=periods(date(2024, 9, 1), date(2024, 9, 15)), after=SECOND)),
]  # fmt: skip


@pytest.mark.parametrize(("company", "about"), TOLD)
def test_every_figure_that_is_said_stands_in_the_rows(
    company: str, about: QueryPlan, assistant_for: AssistantFor
) -> None:
    books = assistant_for(company).books(None)
    report = why.answer(about, books)
    assert not unsupported(report, books, about)
    if "currency" not in [column.name for column in report.columns]:
        assert sums(report)
        assert 2 <= len(report.sentences) <= 3


def test_drivers_and_their_owners_are_named_down_to_the_resources(
    assistant_for: AssistantFor, check_for: CheckFor
) -> None:
    books = assistant_for("demo").books(None)
    aws = Filter(dimension="provider", values=("AWS",))
    report = why.answer(plan(before=month(2026, 8), after=month(2026, 9), filters=(aws,)), books)
    names = [column.name for column in report.columns]
    (row,) = [row for row in report.rows if row[0] == "usage"]
    usage = dict(zip(names, row, strict=True))
    service, where = usage["main_driver"].split(" › ")[1], within(month(2026, 9))
    owners = check_for("demo")(
        f"SELECT DISTINCT Tags['team'] FROM cost_and_usage WHERE {where} AND ServiceName = '{service}'"
    )[1]
    assert set(usage["owner"].split(" and ")[0].split(", ")) <= {owner for (owner,) in owners}
    assert len(usage["further_drivers"].split("; ")) == 2
    resource, change = usage["resource"].split("; ")[0].split(" ")
    ((expected,),) = check_for("demo")(
        "SELECT coalesce(sum(EffectiveCost) FILTER (month(ChargePeriodStart) = 9), 0) "
        "- coalesce(sum(EffectiveCost) FILTER (month(ChargePeriodStart) = 8), 0) FROM cost_and_usage "
        f"WHERE year(ChargePeriodStart) = 2026 AND ServiceName = '{service}' AND ResourceId = '{resource}'"
    )[1]
    assert change.replace("$", "").replace(",", "") == f"{expected:+.2f}"


# --- currencies -------------------------------------------------------------------------------------------------------


def test_each_currency_has_a_bridge_of_its_own(assistant_for: AssistantFor, check_for: CheckFor) -> None:
    report = why.answer(plan(), assistant_for("tarnbrook_multi").books(None))
    found: dict[str, list[Decimal]] = {}
    for currency, _, amount, *_ in report.rows:
        found.setdefault(currency, []).append(amount)
    check = check_for("tarnbrook_multi")
    assert sorted(found) == ["EUR", "GBP", "USD"]
    for currency, (first, *steps, last) in found.items():
        where = f"BillingCurrency = '{currency}'"
        assert [first, last] == [total(check, "EffectiveCost", p, where) for p in (JAN, FEB)]
        assert first + sum(steps, Decimal(0)) == last


def test_what_exchange_rates_make_is_apart(assistant_for: AssistantFor, check_for: CheckFor) -> None:
    about = plan(before=month(2026, 8), after=month(2026, 9), currency="USD")
    found = amounts(why.answer(about, assistant_for("demo").books(None)))
    ((lowest, highest),) = check_for("demo")(
        "WITH eur AS (SELECT sum(EffectiveCost) FILTER (month(ChargePeriodStart) = 8) AS august, "
        "sum(EffectiveCost) FILTER (month(ChargePeriodStart) = 9) AS september FROM cost_and_usage "
        "WHERE BillingCurrency = 'EUR' AND year(ChargePeriodStart) = 2026), "
        "rate AS (SELECT max(rate) FILTER (month = DATE '2026-09-01') - max(rate) FILTER (month = DATE '2026-08-01') "
        "AS moved FROM fx_rates WHERE from_currency = 'EUR' AND to_currency = 'USD') "
        "SELECT least(august, september) * moved, greatest(august, september) * moved FROM eur, rate"
    )[1]
    low, high = sorted((Decimal(lowest), Decimal(highest)))
    assert low <= found["exchange rates"] <= high


def test_a_missing_exchange_rate_gives_no_number(assistant_for: AssistantFor) -> None:
    with pytest.raises(Refused, match="exchange rate"):
        why.answer(plan(currency="CHF"), assistant_for("tarnbrook_multi").books(None))


# --- who asks, and for what -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", USERS)
def test_a_bridge_is_made_of_permitted_rows_only(user: str, tarnbrook: Assistant, check_for: CheckFor) -> None:
    check, allowed = check_for("tarnbrook"), f"({USERS[user]})"
    found = amounts(why.answer(plan(), tarnbrook.books(user)))
    assert [found["Jan 2026"], found["Feb 2026"]] == [total(check, "EffectiveCost", p, allowed) for p in (JAN, FEB)]


def test_prices_that_are_hidden_are_not_used(books: Books) -> None:
    table = books.access.tables["cost_and_usage"]
    seen = replace(table, columns=tuple(c for c in table.columns if c.name != "ListCost"))
    access = replace(books.access, tables={**books.access.tables, "cost_and_usage": seen})
    found = amounts(why.answer(plan(), replace(books, access=access)))
    assert "rates" in found
    assert not {"list prices", "negotiated discounts", "commitment discounts"} & set(found)


@pytest.mark.parametrize(
    ("about", "error", "says"),
    [
        (plan("newest_day"), Refused, "can't take the change"),
        (plan().model_copy(update={"comparison": None}), Refused, "two periods"),
        (plan().model_copy(update={"metrics": ("effective_cost", "billed_cost")}), Clarify, "which one"),
        (plan(before=month(2024, 1)), Refused, "loaded from"),
        (plan(filters=(Filter(dimension="provider", values=("Nobody",)),)), Refused, "Nothing of that"),
        (plan("used_percent", dataset="budget_lines"), Refused, "ask why the cost"),
        (plan("cache_hit_rate", month(2020, 1), dataset="token_usage"), Refused, "loaded from"),
    ],
)
def test_what_is_no_sum_of_causes_is_refused(about: QueryPlan, error: type[Exception], says: str, books: Books) -> None:
    with pytest.raises(error, match=says):
        why.answer(about, books)


def test_too_many_items_are_made_coarser_and_nothing_is_lost(books: Books) -> None:
    fine, coarse = Basis(books, plan()), Basis(books, plan(), most=30)
    (many,), (few,) = fine.items(JAN, FEB).values(), coarse.items(JAN, FEB).values()
    assert len(few) <= 30 < len(many)
    assert fine.grain.note is None
    assert "too much to look into" in (coarse.grain.note or "")
    assert variance.bridge(few, 31, 28).change == variance.bridge(many, 31, 28).change
    with pytest.raises(Refused, match="Too many different things"):
        Basis(books, plan(), most=1).items(JAN, FEB)


# --- questions and the chart ------------------------------------------------------------------------------------------


def ask(assistant: Assistant, text: str, thread: str | None = None) -> Any:
    return assistant.ask(Question(text, thread=thread, today=date(2026, 3, 19)))


@pytest.mark.parametrize(
    ("question", "before"),
    [
        ("why did cost go down in February?", JAN.start),
        ("what drove the change in cost between November and February", date(2025, 11, 1)),
        ("explain the variance of cost between January and February", JAN.start),
        ("why was cost lower in February than in December", date(2025, 12, 1)),
    ],
)
def test_why_is_asked_in_many_ways(question: str, before: date, tarnbrook: Assistant) -> None:
    answer = ask(tarnbrook, question)
    assert answer.status == "answered", answer.clarify or answer.error
    assert (answer.plan.analysis, answer.plan.period.start, answer.plan.comparison.start) == ("why", FEB.start, before)


def test_follow_ups_keep_the_bridge(tarnbrook: Assistant) -> None:
    answers = [ask(tarnbrook, q, "why-thread") for q in ("cost in February", "why?", "only AWS", "rate or usage?")]
    assert [a.plan.analysis for a in answers] == [None, "why", "why", "why_rates"]
    assert [f.values for f in answers[3].plan.filters] == [("AWS",)]
    assert answers[3].answer.startswith("Usage more than prices: usage +$")
    owners = ask(tarnbrook, "who owns that?", "why-thread")
    assert owners.plan.analysis == "why_owners"
    assert owners.answer.startswith("By squad: ")
    for answer in (*answers[2:], owners):
        first, *steps, last = (row[1] for row in answer.rows)
        assert first + sum(steps, Decimal(0)) == last
        assert (first, last) == (answers[2].rows[0][1], answers[2].rows[-1][1])
    teams = ask(tarnbrook, "and by squad?", "why-thread")
    assert (teams.plan.analysis, teams.plan.dimensions) == ("why", ("squad",))
    assert [row[:2] for row in teams.rows] == [row[:2] for row in owners.rows]
    resources = ask(tarnbrook, "show the resources", "why-thread")
    assert (resources.plan.dimensions, resources.plan.comparison) == (("resource",), answers[3].plan.comparison)


def _heights(values: Sequence[Any]) -> Decimal:
    return sum(values[:-1], Decimal(0))


def test_the_chart_is_a_waterfall_from_before_to_after(tarnbrook: Assistant) -> None:
    answer = ask(tarnbrook, "why did cost go down in February?")
    chart = answer.chart
    assert chart is not None
    assert (chart.kind, chart.unit, chart.labels[0], chart.labels[-1]) == ("waterfall", "USD", "Jan 2026", "Feb 2026")
    (series,) = chart.series
    assert _heights(series.values) == series.values[-1]
    assert len(answer.rows) <= len(chart.labels) or len(chart.labels) == MOST_STEPS + 3


def test_a_bridge_offers_its_own_follow_ups(tarnbrook: Assistant) -> None:
    answer = ask(tarnbrook, "why did cost go down in February?")
    offered = changes.follow_ups(answer.plan, tarnbrook.warehouse.model)
    assert [one.label for one in offered[:2]] == ["Rate or usage?", "Who owns that?"]
    assert [one.plan.analysis for one in offered[:2]] == ["why_rates", "why_owners"]
    plain = answer.plan.model_copy(update={"analysis": None})
    assert changes.follow_ups(plain, tarnbrook.warehouse.model)[0].label == "Why did it change?"
