"""What a statement is going to read: rows as often as they are read, only the days that its filter leaves."""

from __future__ import annotations

import pytest
from conftest import AssistantFor

from assistant.assistant import Assistant

ALL = "SELECT count(EffectiveCost) FROM cost_and_usage"  # which no rollup answers


@pytest.fixture(scope="module")
def demo(assistant_for: AssistantFor) -> Assistant:
    return assistant_for("demo")


def rows(assistant: Assistant, sql: str, user: str | None = None) -> int:
    return assistant.estimate(assistant.check(sql, user), user).rows


TIMES = [
    (1, "SELECT max(EffectiveCost) FROM cost_and_usage"),
    (1, "FROM cost_and_usage WHERE ServiceName = 'x'"),
    (1, "WITH cost_and_usage AS (SELECT * FROM cost_and_usage) SELECT count(*) FROM cost_and_usage"),
    (
        1,
        "PIVOT (SELECT ServiceName, x_CostCenter FROM cost_and_usage) ON ServiceName IN ('a') USING count(*)",
    ),
    (2, "SELECT 1 FROM cost_and_usage a SEMI JOIN cost_and_usage b ON a.ResourceId = b.ResourceId"),
    (2, f"SELECT ({ALL}) / ({ALL})"),
    (0, "SELECT 1"),
]


@pytest.mark.parametrize(("times", "sql"), TIMES)
def test_a_table_counts_as_often_as_it_is_read(demo: Assistant, times: int, sql: str) -> None:
    assert rows(demo, sql) == times * demo.run(ALL)[1].rows[0][0]


@pytest.mark.parametrize(
    "where",
    [
        "ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodStart < TIMESTAMP '2026-10-01' AND true",
        "ChargePeriodStart BETWEEN DATE '2026-09-01' AND DATE '2026-09-30'",
        "chargeperiodstart > '2026-09-01' AND ChargePeriodStart <= '2026-09-30'",
    ],
)
def test_only_the_days_that_a_filter_leaves_are_counted(demo: Assistant, where: str) -> None:
    days = demo.warehouse.catalog.days["cost_and_usage"]
    loaded = (days.last - days.first).days + 1
    whole = demo.run(ALL)[1].rows[0][0]
    assert rows(demo, f"SELECT 1 FROM cost_and_usage WHERE {where}") == round(whole * 30 / loaded)
    either = f"SELECT 1 FROM cost_and_usage WHERE ({where}) OR ServiceName = 'x'"
    assert rows(demo, either) == whole


def test_a_user_is_told_of_the_rows_that_they_see_alone(demo: Assistant) -> None:
    user = "rhea.collins"
    seen = demo.run(ALL, user)[1].rows[0][0]
    assert 0 < seen < demo.run(ALL)[1].rows[0][0]
    assert rows(demo, ALL, user) == seen


def test_more_columns_are_more_bytes(demo: Assistant) -> None:
    narrow = demo.estimate(demo.check("SELECT sum(EffectiveCost) FROM cost_and_usage"))
    wide = demo.estimate(demo.check("SELECT sum(EffectiveCost), min(ServiceName) FROM cost_and_usage"))
    assert (narrow.bytes, wide.bytes) == (8 * narrow.rows, 28 * narrow.rows)
    assert str(narrow) == f"about {narrow.rows:,} rows, {narrow.bytes / 1e6:,.1f} MB"


def test_a_rollup_counts_with_its_own_rows(demo: Assistant) -> None:
    checked = demo.check("SELECT ServiceName, sum(EffectiveCost) FROM cost_and_usage GROUP BY 1")
    (name,) = checked.rollups
    kept = next(one for one in demo.warehouse.catalog.rollups if one.name == name)
    assert demo.estimate(checked).rows == kept.rows < rows(demo, ALL) / 3
