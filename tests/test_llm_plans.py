"""Whatever plan a model writes, it is refused with a reason or it runs: never a crash, never another user's value."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AssistantFor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.assistant import Assistant
from assistant.errors import Clarify, Refused
from assistant.planning import partial, proposal
from assistant.planning.local import Context
from assistant.planning.proposal import Invalid
from assistant.premises import check_planned
from assistant.sql import compile as sql_compile

TODAY = Context(date(2026, 3, 19))
CASES = yaml.safe_load((Path(__file__).parent / "cases" / "llm_plans.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tarnbrook(assistant_for: AssistantFor) -> Assistant:
    return assistant_for("tarnbrook")


def read(assistant: Assistant, reply: Any, question: str = "splurging", user: str | None = None) -> Any:
    house, access = assistant.warehouse, assistant.access(user)
    part = partial.of(question, ("splurging",), house.lexicon, TODAY, access)
    text = reply if isinstance(reply, str) else json.dumps(reply)
    return proposal.reading(proposal.read(text), part, house.lexicon, TODAY, access).plan


@pytest.mark.parametrize("case", CASES["accepted"], ids=lambda c: c["name"])
def test_accepted(tarnbrook: Assistant, case: dict[str, Any]) -> None:
    plan = read(tarnbrook, case["reply"], case.get("question", "splurging")).model_dump(mode="json")
    assert {key: plan[key] for key in case["plan"]} == case["plan"]


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda c: c["name"])
def test_refused(tarnbrook: Assistant, case: dict[str, Any]) -> None:
    with pytest.raises((Invalid, Refused)) as refusal:
        read(tarnbrook, case["reply"], case.get("question", "splurging"), case.get("user"))
    assert case["says"] in str(refusal.value)


# What one dataset has; mistakes are mixed in rarely, so that most plans run.
NAMES = {
    "costs": (
        [
            "effective_cost",
            "billed_cost",
            "discount_rate",
            "charge_count",
            "newest_day",
            "number_of_squad@cost_and_usage",
        ],
        ["squad", "provider", "service", "any_tag", "billing_period", "currency", "charge_class", "cost_pool"],
    ),
    "tokens": (
        ["tokens", "cache_hit_rate", "token_cost", "requests"],
        ["provider", "model", "team", "user", "purpose"],
    ),
    "gpus": (["gpu_cost", "gpu_hours_available", "gpu_utilization"], ["cluster", "team", "workload", "site"]),
    "plans": (["budget", "remaining", "used_percent"], ["team", "cost_center", "service_category"]),
}
VALUES = ["AWS", "aws", "Core", "Payments", "Compute", "x'); DROP"]
GRAINS = ["day", "week", "month", "quarter", "year"]
DAYS = ["2026-01-01/2026-02-01", "2025-12-01/2026-01-01", "2026-02-01/2026-03-20"]
SHAPES: list[dict[str, Any]] = [
    {}, {}, {"comparison": "2025-11-01/2025-12-01"}, {"shape": "share"}, {"shape": "count_groups"},
    *({"grain": g} for g in GRAINS), *({"average": g} for g in GRAINS),
    *({"grain": g, "shape": s} for g in GRAINS for s in ("series_change", "share")),
]  # fmt: skip


@st.composite
def replies(draw: st.DrawFn) -> dict[str, Any]:
    metrics, dimensions = NAMES[draw(st.sampled_from(sorted(NAMES)))]
    chosen = draw(st.lists(st.sampled_from(metrics), min_size=1, max_size=2, unique=True))
    split = draw(st.lists(st.sampled_from(dimensions), max_size=2, unique=True))
    ops = st.sampled_from(["empty", "filled", "in", "not_in"])
    one = st.fixed_dictionaries(
        {"dimension": st.sampled_from(dimensions), "op": ops, "values": st.lists(st.sampled_from(VALUES), max_size=1)}
    )
    reply = {"metrics": chosen, "dimensions": split, "filters": draw(st.lists(one, max_size=1))}
    reply |= {"period": draw(st.sampled_from(["", *DAYS]))} | draw(st.sampled_from(SHAPES))
    orders = ["", *(f"{m} desc" for m in chosen), "change asc", "share desc", "1; DROP TABLE x"]
    reply["order"] = draw(st.sampled_from(orders))
    if reply.get("shape") == "share":
        reply["part"] = draw(st.lists(one, max_size=1))
    if split:
        reply["limit"] = draw(st.sampled_from([0, 0, 3, 10**9]))
        reply["having"] = draw(st.sampled_from([[], [], [f"{chosen[0]} > 5"], ["share >= 1"], ["change < 0"]]))
    if len(split) == 2 and reply.get("limit"):
        reply["limit_per"] = draw(st.sampled_from(["", split[0]]))
    return reply


@given(reply=replies())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_plan_is_refused_or_runs(tarnbrook: Assistant, reply: dict[str, Any]) -> None:
    house = tarnbrook.warehouse
    try:
        plan = read(tarnbrook, reply)
    except (Invalid, Refused, Clarify):
        return
    # whatever passed is the compiler's to say and the guard's to pass: a model never gets the guard's words
    statement = sql_compile.compile(plan, house.model, house.catalog)
    checked = check_planned(statement.tree, tarnbrook.access(None))
    assert tarnbrook.engine.run(checked).columns == tuple(c.name for c in statement.columns)
