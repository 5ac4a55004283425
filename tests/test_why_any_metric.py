"""Why a ratio, a count, a unit cost or a derived amount changed: against hand-written SQL, exact, and said honestly."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, localcontext
from typing import Any

import pytest
from conftest import AssistantFor, CheckFor
from hypothesis import given
from hypothesis import strategies as st

from assistant.assistant import Assistant
from assistant.errors import Refused
from assistant.finops import ratio
from assistant.finops.ratio import Portion
from assistant.finops.variance import Bridge
from assistant.telling import numbers
from assistant.values import Answer, Question

TODAY = date(2026, 10, 15)


@pytest.fixture(scope="module")
def demo(assistant_for: AssistantFor) -> Assistant:
    return assistant_for("demo")


def ask(assistant: Assistant, text: str, thread: str | None = None) -> Answer:
    answer = assistant.ask(Question(text, thread=thread, today=TODAY))
    assert answer.status == "answered", (answer.error, answer.clarify)
    return answer


def column(answer: Answer, name: str) -> list[Any]:
    place = [c.name for c in answer.columns].index(name)
    return [row[place] for row in answer.rows]


def steps(answer: Answer) -> dict[str, Decimal]:
    return dict(zip(column(answer, "step"), column(answer, "amount"), strict=True))


def sums(answer: Answer) -> bool:
    first, *moves, last = column(answer, "amount")
    with localcontext(prec=80):
        return bool(first + sum(moves, Decimal(0)) == last)


# --- laws -------------------------------------------------------------------------------------------------------------

amounts = st.decimals("-1000000", 10**9, places=6)
belows = st.just(Decimal(0)) | st.decimals("0.001", 10**9, places=3)
sides = st.tuples(amounts, belows)
groups = st.lists(st.tuples(sides, sides), min_size=1, max_size=8)


def made(rows: list[tuple[Any, Any]]) -> list[Portion]:
    return [Portion((str(n),), None, before, after) for n, (before, after) in enumerate(rows)]


def exact(bridge: Bridge) -> bool:
    with localcontext(prec=200):
        return bridge.before + sum((s.amount for s in bridge.steps), Decimal(0)) == bridge.after


@given(groups, st.sampled_from([Decimal(1), Decimal(100), Decimal(10**6)]))
def test_the_steps_of_a_ratio_sum_to_its_change_exactly(rows: list[Any], scale: Decimal) -> None:
    try:
        bridge = ratio.bridge(made(rows), scale)
    except Refused:
        assert any(not sum(side[place][1] for side in rows) for place in (0, 1))
        return
    assert exact(bridge)
    n0, d0 = (sum(before[i] for before, _ in rows) for i in (0, 1))
    assert abs(bridge.before - scale * n0 / d0) <= max(abs(bridge.before), 1) * Decimal("1e-20")


def told(bridge: Bridge) -> dict[str, float]:
    return {step.cause.value: round(float(step.amount), 9) for step in bridge.steps}


def test_a_ratio_by_hand() -> None:
    """10 of 100 and 90 of 100 → 12 of 300 and 90 of 100: own rate (0.04 − 0.1)·(0.5 + 0.75)/2 = −0.0375; the mix moves
    a quarter from the second, (0.9 − R̄), to the first, ((0.1 + 0.04)/2 − R̄): −0.25·0.9 + 0.25·0.07 = −0.2075."""
    rows = [((Decimal(10), Decimal(100)), (Decimal(12), Decimal(300))), ((Decimal(90), Decimal(100)),) * 2]
    bridge = ratio.bridge(made(rows), Decimal(1))
    assert (bridge.before, bridge.after) == (Decimal("0.5"), Decimal("0.255"))
    assert told(bridge) == {"rates within groups": -0.0375, "mix between groups": -0.2075}


def test_what_starts_counts_only_as_far_as_it_is_above_or_below_the_whole() -> None:
    same = ((Decimal(50), Decimal(100)),) * 2
    new = ((Decimal(0), Decimal(0)), (Decimal(50), Decimal(100)))
    assert told(ratio.bridge(made([same, new]), Decimal(1))) == {}
    dear = ((Decimal(0), Decimal(0)), (Decimal(150), Decimal(100)))
    assert told(ratio.bridge(made([same, dear]), Decimal(1))) == {"new": 0.375, "mix between groups": 0.125}


def test_a_cost_without_its_denominator_is_apart() -> None:
    rows = [((Decimal(100), Decimal(10)),) * 2, ((Decimal(0), Decimal(0)), (Decimal(20), Decimal(0)))]
    assert told(ratio.bridge(made(rows), Decimal(1))) == {"outside the denominator": 2.0}


def test_without_a_denominator_there_is_no_ratio() -> None:
    with pytest.raises(Refused, match="no ratio"):
        ratio.bridge(made([((Decimal(1), Decimal(0)), (Decimal(1), Decimal(1)))]), Decimal(1))


# --- against hand-written SQL -----------------------------------------------------------------------------------------

SEP = "usage_date >= DATE '2026-09-01' AND usage_date < DATE '2026-10-01'"
AUG = "usage_date >= DATE '2026-08-01' AND usage_date < DATE '2026-09-01'"
BY_HAND = f"""
WITH item AS (
    SELECT provider, model, application, team,
        sum(cost_usd) FILTER (WHERE {{aug}})::DOUBLE AS n0, sum(cost_usd) FILTER (WHERE {{sep}})::DOUBLE AS n1,
        sum(input_tokens + output_tokens) FILTER (WHERE {{aug}})::DOUBLE AS d0,
        sum(input_tokens + output_tokens) FILTER (WHERE {{sep}})::DOUBLE AS d1
    FROM token_usage WHERE {AUG} OR {SEP} GROUP BY ALL),
whole AS (SELECT sum(d0) AS d0, sum(d1) AS d1, (sum(n0) / sum(d0) + sum(n1) / sum(d1)) / 2 AS mean FROM item),
pair AS (SELECT item.*, item.d0 / whole.d0 AS w0, item.d1 / whole.d1 AS w1, mean FROM item, whole)
SELECT
    sum(1e6 * (n1 / d1 - n0 / d0) * (w0 + w1) / 2) FILTER (WHERE d0 > 0 AND d1 > 0),
    sum(1e6 * (w1 - w0) * ((n0 / d0 + n1 / d1) / 2 - mean)) FILTER (WHERE d0 > 0 AND d1 > 0),
    sum(1e6 * w1 * (n1 / d1 - mean)) FILTER (WHERE d0 IS NULL),
    sum(-1e6 * w0 * (n0 / d0 - mean)) FILTER (WHERE d1 IS NULL)
FROM pair
""".format(aug=AUG, sep=SEP)


def test_the_price_of_tokens_is_taken_apart_as_the_same_formulas_in_sql_do(
    demo: Assistant, check_for: CheckFor
) -> None:
    answer = ask(demo, "why did the cost per million tokens change in September?")
    found = steps(answer)
    (expected,) = check_for("demo")(BY_HAND)[1]
    names = ("rates within groups", "mix between groups", "new", "gone")
    assert [round(float(found.get(name, 0)), 6) for name in names] == [round(v or 0, 6) + 0.0 for v in expected]
    assert sums(answer)
    assert (
        column(answer, "token_cost")[-1]
        == check_for("demo")(f"SELECT sum(cost_usd) FROM token_usage WHERE {SEP}")[1][0][0]
    )
    assert "token cost went from" in answer.answer


WHAT = [
    "cost per token", "cache hit rate", "discount rate of AWS", "commitment utilization", "commitment coverage of AWS",
    "GPU allocation rate", "GPU utilization", "idle GPU cost", "GPU energy", "carbon", "GPU cost", "training cost",
    "unallocated GPU cost", "cost per available GPU hour", "cost per busy GPU hour", "cost per loan",
    "tokens per request", "number of resources", "number of teams", "number of charges of AWS", "savings of AWS",
]  # fmt: skip


@pytest.mark.parametrize("what", WHAT)
def test_any_metric_is_taken_apart_between_the_figures_that_it_has(what: str, demo: Assistant) -> None:
    answer = ask(demo, f"why did the {what} change between July and September")
    assert answer.plan
    assert sums(answer)
    plain = answer.plan.model_copy(update={"analysis": None, "comparison": None, "metrics": answer.plan.metrics[-1:]})
    if len(answer.plan.metrics) > 1:  # one of them was explained
        plain = plain.model_copy(update={"metrics": (_explained(answer),)})
    for place, period in ((0, answer.plan.comparison), (-1, answer.plan.period)):
        rows = demo.books(None, TODAY).plan(plain.model_copy(update={"period": period}))
        assert float(column(answer, "amount")[place]) == pytest.approx(float(rows[0][-1]), rel=1e-9)
    quoted = [str(v) for row in answer.rows for v in row if isinstance(v, str)] + answer.understood.split(" · ")
    assert not numbers.unsupported(answer.answer, answer.columns, answer.rows, quoted)


def _explained(answer: Answer) -> str:
    return "carbon_location" if "arbon" in answer.answer.split("(")[0] else "fleet_gpu_utilization"


def test_a_count_changes_by_what_came_and_what_went(demo: Assistant, check_for: CheckFor) -> None:
    found = steps(ask(demo, "why did the number of resources change between July and September"))
    ((came, went),) = check_for("demo")(
        "WITH seen AS (SELECT ResourceId, bool_or(month(ChargePeriodStart) = 7) AS july, "
        "bool_or(month(ChargePeriodStart) = 9) AS september FROM cost_and_usage "
        "WHERE year(ChargePeriodStart) = 2026 AND ResourceId IS NOT NULL GROUP BY 1) "
        "SELECT count(*) FILTER (september AND NOT july), count(*) FILTER (july AND NOT september) FROM seen"
    )[1]
    assert (found["new"], found["gone"]) == (came, -went)


def test_the_cost_of_a_loan_is_taken_apart_into_what_serves_it_and_the_volume(demo: Assistant) -> None:
    answer = ask(demo, "why did the cost per loan change between January and September")
    found = steps(answer)
    assert sums(answer)
    assert found["Jan 2026"] == 8
    assert found["Sep 2026"] == Decimal("7.2")
    # domain.md §5: 1,000 loans at 8 → 3,000 at 7.20; (1/3000 − 1/1000)·(8000 + 21600)/2
    assert round(found["volume"], 6) == Decimal("-9.866667")
    assert "cost went from $8,000.00 to $21,600.00" in answer.answer


# --- by a dimension, by owner, by kind --------------------------------------------------------------------------------


def test_split_by_team_every_team_has_its_own_change_and_cause(demo: Assistant, check_for: CheckFor) -> None:
    answer = ask(demo, "why did AWS cost change in September by team")
    expected = check_for("demo")(
        "SELECT coalesce(Tags['team'], 'no team'), "
        "coalesce(sum(EffectiveCost) FILTER (month(ChargePeriodStart) = 9), 0) "
        "- coalesce(sum(EffectiveCost) FILTER (month(ChargePeriodStart) = 8), 0) AS change FROM cost_and_usage "
        "WHERE ChargePeriodStart >= '2026-08-01' AND ChargePeriodStart < '2026-10-01' AND ServiceProviderName = 'AWS' "
        "GROUP BY 1 HAVING change <> 0"
    )[1]
    found = steps(answer)
    assert {name: found[name] for name, _ in expected} == dict(expected)
    assert sums(answer)
    assert set(column(answer, "main_cause")) - {None} <= {"usage", "new", "gone", "days in the period", "tax"}
    by_owner = ask(demo, "who owns the change of AWS cost in September")
    assert steps(by_owner) == found


def test_nobody_is_named_where_the_data_name_nobody(assistant_for: AssistantFor) -> None:
    answer = assistant_for("ai_examples").ask(
        Question("who owns the change between May and June", today=date(2026, 7, 1))
    )
    assert answer.status in ("answered", "refused")
    if answer.status == "answered":
        assert answer.answer


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("why did the budget used go up in September", "ask why the cost"),
        ("why did the cost per loan change in September by product", "what it is made of"),
        ("why did the GPU capex go up in September", "not kept by day"),
    ],
)
def test_what_has_no_honest_bridge_says_why(question: str, says: str, demo: Assistant) -> None:
    answer = demo.ask(Question(question, today=TODAY))
    asked = answer.clarify.question if answer.clarify else ""
    assert answer.status in ("refused", "clarify")
    assert says in f"{answer.error} {asked}"
