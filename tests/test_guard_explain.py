"""Lints, lineage, layout and other dialects of statements that passed."""

from __future__ import annotations

import guard_warehouse as warehouse
import pytest
import yaml

from assistant.errors import Refused
from assistant.sql import explain, guard, lints

LINTS = yaml.safe_load((warehouse.CASES / "guard_lints.yaml").read_text("utf-8"))
LINEAGE = yaml.safe_load((warehouse.CASES / "guard_lineage.yaml").read_text("utf-8"))
ACCEPTED = [sql for _, sql in warehouse.statements("guard_accepted.sql")]


@pytest.fixture(scope="module")
def everything():
    with warehouse.stored() as connection:
        yield warehouse.access(connection)


@pytest.mark.parametrize("case", LINTS, ids=[case["sql"][:80] for case in LINTS])
def test_lints_speak_when_something_misleads(case, everything):
    guard.check(case["sql"], everything)
    found = lints.find(case["sql"], case.get("currencies", 2))
    assert sorted(lint.rule for lint in found) == sorted(case["lints"]), found


def test_a_lint_names_the_column_and_what_to_write():
    (lint,) = lints.find("SELECT sum(BilledCost) FROM cost_and_usage", 3)
    assert "BilledCost holds amounts of 3 currencies" in lint.message
    assert "Group by or filter on BillingCurrency" in lint.message


@pytest.mark.parametrize("case", LINEAGE, ids=[case["sql"][:80] for case in LINEAGE])
def test_each_column_is_explained(case, everything):
    definitions = explain.explain(guard.check(case["sql"], everything), everything)
    assert [[d.column, d.definition, list(d.sources)] for d in definitions] == case["columns"]


def test_nothing_that_passes_upsets_the_explanations(everything):
    explained = 0
    for sql in ACCEPTED:
        checked = guard.check(sql, everything)
        explained += bool(explain.explain(checked, everything))
        assert explain.format(sql)
        assert isinstance(lints.find(sql, 2), tuple)
    assert explained > 0.8 * len(ACCEPTED)


def test_the_layout_changes_no_meaning(everything):
    with warehouse.stored() as connection:
        for sql in ("SELECT team, sum(requests) AS r FROM token_usage GROUP BY ALL", "FROM budgets SELECT month"):
            laid_out = explain.format(sql)
            assert "\n" in laid_out
            assert warehouse.run(connection, laid_out) == warehouse.run(connection, sql)


@pytest.mark.parametrize(
    ("to", "piece"),
    [
        ("spark", "DATE_TRUNC('MONTH', ChargePeriodStart)"),
        ("bigquery", "TIMESTAMP_TRUNC(ChargePeriodStart, MONTH)"),
        ("snowflake", "DATE_TRUNC('MONTH', ChargePeriodStart)"),
        ("trino", "DATE_TRUNC('MONTH', ChargePeriodStart)"),
    ],
)
def test_statements_are_written_for_other_engines(to, piece):
    sql = "SELECT date_trunc('month', ChargePeriodStart) AS month, sum(BilledCost) FROM cost_and_usage GROUP BY 1"
    assert piece in explain.transpile(sql, to)


@pytest.mark.parametrize(
    ("sql", "to", "says"),
    [
        ("SELECT 1", "cobol", "spark, snowflake, bigquery, trino, not for cobol"),
        ("PIVOT budgets ON month USING sum(amount_usd)", "spark", "no equal in spark"),
        ("SELECT FROM WHERE", "trino", "can't be written for trino"),
    ],
)
def test_what_has_no_equal_is_said(sql, to, says):
    with pytest.raises(Refused, match=says):
        explain.transpile(sql, to)
