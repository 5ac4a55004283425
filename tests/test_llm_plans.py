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

from assistant.assistant import Assistant, check_planned
from assistant.errors import Clarify, Refused
from assistant.planning import partial, proposal
from assistant.planning.local import Context
from assistant.planning.proposal import Invalid
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


METRICS = [
    "effective_cost",
    "billed_cost",
    "discount_rate",
    "charge_count",
    "newest_day",
    "tokens",
    "gpu_cost",
    "budget",
]
DIMENSIONS = ["squad", "provider", "service", "team", "model", "cluster", "any_tag", "billing_period", "currency"]
GRAINS = ["", "day", "week", "month", "quarter", "year"]
NAMES = st.sampled_from(DIMENSIONS)
FILTERS = st.lists(
    st.fixed_dictionaries(
        {
            "dimension": NAMES,
            "op": st.sampled_from(["in", "not_in", "empty", "filled"]),
            "values": st.lists(st.sampled_from(["AWS", "aws", "Core", "Payments", "x'); DROP", ""]), max_size=2),
        }
    ),
    max_size=2,
)
DAYS = st.sampled_from(["", "2026-01-01/2026-02-01", "2025-12-01/2026-01-01", "2026-02-01/2026-01-01", "soon"])
REPLIES = st.fixed_dictionaries(
    {
        "metrics": st.lists(st.sampled_from(METRICS), min_size=1, max_size=2),
        "dimensions": st.lists(NAMES, max_size=2),
        "grain": st.sampled_from(GRAINS),
        "filters": FILTERS,
        "part": FILTERS,
        "period": DAYS,
        "comparison": DAYS,
        "shape": st.sampled_from(["plain", "share", "series_change", "count_groups"]),
        "average": st.sampled_from(GRAINS),
        "order": st.sampled_from(["", "effective_cost desc", "change asc", "share", "squad", "1; DROP TABLE x"]),
        "limit": st.sampled_from([0, 1, 5, -3, 10**9]),
        "limit_per": st.sampled_from(["", "squad", "provider"]),
        "having": st.lists(st.sampled_from(["effective_cost > 5", "share >= 1", "change < 0", "a b"]), max_size=1),
    }
)


@given(reply=REPLIES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_plan_is_refused_or_runs(tarnbrook: Assistant, reply: dict[str, Any]) -> None:
    house = tarnbrook.warehouse
    try:
        plan = read(tarnbrook, reply)
        statement = sql_compile.compile(plan, house.model, house.catalog)
        checked = check_planned(statement.tree, tarnbrook.access(None))
    except (Invalid, Refused, Clarify):
        return
    assert tarnbrook.engine.run(checked).columns == tuple(c.name for c in statement.columns)
