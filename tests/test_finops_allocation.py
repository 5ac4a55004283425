"""Chargeback: who bears what, to the cent; by rules over typed rows, and over a company's warehouse."""

from __future__ import annotations

import csv
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AssistantFor, CheckFor, WarehouseOf
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.analysis import chargeback
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import Clarify, Refused
from assistant.finops.allocation import Chargeback, Cost, Rule, allocate
from assistant.surfaces.cli import reports
from assistant.warehouse.load import load

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "finops_allocation.yaml").read_text(encoding="utf-8"))
MONTH = date(2026, 2, 1)


def _rule(about: dict[str, Any]) -> Rule:
    weights = {name: Decimal(str(weight)) for name, weight in about.get("weights", {}).items()}
    return Rule(**{**about, "weights": weights, "consumers": frozenset(about.get("consumers", ()))})


def _cost(about: dict[str, Any], key: str) -> Cost:
    return Cost(
        about.get("currency", "USD"), about.get("rule"), {key: about.get(key)}, Decimal(str(about["amount"]))
    )  # fmt: skip


def _borne(result: Chargeback, currency: str) -> dict[str, list[Decimal]]:
    found: dict[str, list[Decimal]] = {}
    for line in result.lines:
        if line.consumer is not None and not line.feeds and line.currency == currency:
            amounts = found.setdefault(line.consumer, [Decimal(0), Decimal(0)])
            amounts[0] += line.direct
            amounts[1] += line.allocated
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_rules(case: dict[str, Any]) -> None:
    key = case.get("by", "team")
    rules = [_rule(about) for about in case.get("rules", ())]
    costs = [_cost(about, key) for about in case["costs"]]
    if "refused" in case:
        with pytest.raises(Refused, match=case["refused"]):
            allocate(costs, rules, key)
        return
    result = allocate(costs, rules, key)
    currency = case.get("currency", "USD")
    expected = {name: [Decimal(str(a)) for a in amounts] for name, amounts in case["borne"].items()}
    assert _borne(result, currency) == expected
    assert next(t for t in result.totals if t.currency == currency).unallocated == Decimal(str(case.get("none", 0)))
    if "notes" in case:
        assert list(result.notes) == case["notes"]


# --- laws ------------------------------------------------------------------------------------------------------------

amounts = st.decimals(-1_000_000, 1_000_000, places=9)
names = st.sampled_from(["A", "B", "C", "D"])
RULES = [
    Rule("Pool one", "proportional", "team"),
    Rule("Pool two", "even", "team"),
    Rule("Pool three", "fixed", "team", {"A": Decimal("0.3333"), "Pool two": Decimal("0.6667")}),
    Rule("Kept", "direct", "team"),
]
costs = st.lists(
    st.builds(
        Cost,
        st.sampled_from(["USD", "EUR"]),
        st.none() | st.integers(0, len(RULES) - 1),
        st.fixed_dictionaries({"team": st.none() | names}),
        amounts,
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(costs)
def test_what_is_borne_and_what_is_not_add_up_to_the_source_to_the_cent(charges: list[Cost]) -> None:
    result = allocate(charges, RULES, "team")
    for total in result.totals:
        source = sum((c.amount for c in charges if c.currency == total.currency), Decimal(0))
        lines = [line for line in result.lines if line.currency == total.currency and not line.feeds]
        assert abs(total.source - source) <= Decimal("0.005")
        assert sum((line.total for line in lines), Decimal(0)) == total.source
        assert total.direct + total.allocated + total.unallocated == total.source
        assert all(line.total == round(line.total, 2) for line in lines)


@settings(max_examples=50, deadline=None)
@given(costs)
def test_each_pool_is_handed_out_whole_and_reruns_agree(charges: list[Cost]) -> None:
    result = allocate(charges, RULES, "team")
    for rule, currency in {(line.rule, line.currency) for line in result.lines if line.pool_total is not None}:
        lines = [line for line in result.lines if (line.rule, line.currency) == (rule, currency)]
        assert sum((line.total for line in lines), Decimal(0)) == lines[0].pool_total
    assert allocate(list(reversed(charges)), RULES, "team").totals == result.totals


# --- a company's warehouse -------------------------------------------------------------------------------------------

NETWORK = "ServiceName = 'Amazon Virtual Private Cloud'"
WATCHING = "ServiceCategory = 'Management and Governance'"
TAX = "ChargeCategory = 'Tax'"
DAYS = "ChargePeriodStart >= TIMESTAMP '2026-02-01' AND ChargePeriodStart < TIMESTAMP '2026-03-01'"


def test_a_companys_month_follows_its_rules(assistant_for: AssistantFor, check_for: CheckFor) -> None:
    assistant = assistant_for("tarnbrook")
    _, result = chargeback.chargeback(assistant.books(None), MONTH, None)
    check = check_for("tarnbrook")
    rule = f"CASE WHEN {NETWORK} THEN 'network' WHEN {WATCHING} THEN 'watching' WHEN {TAX} THEN 'tax' ELSE 'own' END"
    squad = assistant.warehouse.model.dimension("cost_and_usage", "squad").expression
    base = (
        f"WITH c AS (SELECT {rule} AS rule, {squad} AS squad, EffectiveCost AS cost FROM cost_and_usage WHERE {DAYS}), "
        "direct AS (SELECT squad, sum(cost) AS cost FROM c WHERE rule = 'own' AND squad IS NOT NULL GROUP BY squad), "
        "pool AS (SELECT sum(cost) FILTER (rule = 'network') AS network, sum(cost) FILTER (rule = 'watching') AS "
        "watching, sum(cost) FILTER (rule = 'tax') AS tax FROM c) "
    )
    rows = check(
        f"{base} SELECT squad, cost, coalesce(network, 0) * cost / sum(cost) OVER () "
        "+ coalesce(watching, 0) / count(*) OVER () + "
        "CASE WHEN squad IN ('Payments', 'Core') THEN coalesce(tax, 0) * 0.5 ELSE 0 END FROM direct, pool"
    )[1]
    found = _borne(result, "USD" if "USD" in {t.currency for t in result.totals} else result.totals[0].currency)
    assert {squad for squad, *_ in rows} == set(found)
    for name, direct, allocated in rows:
        assert abs(found[name][0] - Decimal(direct)) <= Decimal("0.01"), name
        assert abs(float(found[name][1]) - float(allocated)) <= 0.03, name
    whole = check(f"SELECT sum(EffectiveCost) FROM cost_and_usage WHERE {DAYS}")[1][0][0]
    assert abs(result.totals[0].source - whole) <= Decimal("0.005")


def test_currencies_of_a_company_stay_apart(assistant_for: AssistantFor, check_for: CheckFor) -> None:
    _, result = chargeback.chargeback(assistant_for("tarnbrook_multi").books(None), MONTH, None)
    rows = check_for("tarnbrook_multi")(
        f"SELECT BillingCurrency, sum(EffectiveCost) FROM cost_and_usage WHERE {DAYS} GROUP BY 1"
    )[1]
    assert len(rows) > 1
    assert {t.currency: t.source for t in result.totals} == {c: round(amount, 2) for c, amount in rows}


def test_rules_are_not_open_under_a_row_policy(assistant_for: AssistantFor) -> None:
    with pytest.raises(Refused, match="row policy"):
        chargeback.chargeback(assistant_for("tarnbrook").books("noor"), MONTH, None)


def test_a_month_that_is_not_loaded_is_refused(assistant_for: AssistantFor) -> None:
    with pytest.raises(Refused, match="2031"):
        chargeback.chargeback(assistant_for("tarnbrook").books(None), date(2031, 1, 1), None)


def test_json_csv_and_table_hold_the_same(
    warehouse_of: WarehouseOf, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = Config(warehouse=warehouse_of("tarnbrook"), ledger=tmp_path / "l.sqlite")
    reports.show(chargeback.report(reports.books(config, None), MONTH, None, None), "json")
    answer = json.loads(capsys.readouterr().out)
    column = [c["name"] for c in answer["columns"]]
    total = sum(Decimal(str(row[column.index("total")])) for row in answer["rows"])
    assert total == sum(Decimal(str(t["source"])) for t in answer["totals"])
    reports.show(chargeback.report(reports.books(config, None), MONTH, None, None), "csv")
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert sum(Decimal(row["total"]) for row in rows) == total
    reports.show(chargeback.report(reports.books(config, None), MONTH, None, "payments"), "table")
    statement = capsys.readouterr().out
    assert "Statement of Payments" in statement
    assert "by fixed weights" in statement
    assert "by direct cost" in statement
    with pytest.raises(Clarify):
        chargeback.report(reports.books(config, None), MONTH, None, "Zebra")


# --- rules that change, and rules that can't be -----------------------------------------------------------------------

HEADER = "pool,match,method,key_dimension,weights,effective_from\n"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One September: Red 60, Blue 40, and 30 of a shared service on each of three days."""
    folder = tmp_path_factory.mktemp("small")
    columns = (
        "BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,"
        "ChargeCategory,BilledCost,EffectiveCost,ListCost,ContractedCost,ServiceName,ServiceCategory,ProviderName,Tags"
    )
    period = "1,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z"
    lines = [columns]
    for day, service, team, amount in (
        ("01", "Engine Room", "Red", 60),
        ("01", "Engine Room", "Blue", 40),
        ("05", "Common Room", "", 30),
        ("15", "Common Room", "", 30),
        ("25", "Common Room", "", 30),
    ):
        tags = f'"{{""crew"": ""{team}""}}"' if team else '"{}"'
        lines.append(
            f"{period},2026-09-{day}T00:00:00Z,2026-09-{int(day) + 1:02}T00:00:00Z,Usage,{amount},{amount},{amount},"
            f"{amount},{service},Compute,Acme,{tags}"
        )
    (folder / "costs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    load([str(folder / "costs.csv")], folder / "w.duckdb")
    return folder


def _with_rules(small: Path, rules: str) -> Assistant:
    (small / "allocation_rules.csv").write_text(HEADER + rules, encoding="utf-8")
    load([str(small / "allocation_rules.csv")], small / "w.duckdb", "allocation_rules", replace=True)
    return Assistant(Config(warehouse=small / "w.duckdb", ledger=small / "l.sqlite"))


def test_a_newer_rule_replaces_the_older_from_its_day_on(small: Path) -> None:
    assistant = _with_rules(
        small,
        'Common,service = Common Room,fixed,crew,"{""Red"": 1}",2026-09-10\n'
        'Common,service = Common Room,fixed,crew,"{""Blue"": 1}",2026-09-20\n',
    )
    _, result = chargeback.chargeback(assistant.books(None), None, None)
    assert _borne(result, "USD") == {"Red": [60, 30], "Blue": [40, 30]}
    assert result.totals[0].unallocated == 30


def test_the_first_rule_that_matches_wins(small: Path) -> None:
    assistant = _with_rules(
        small,
        "Common,service = Common Room,proportional,crew,,\nAll,service category = Compute,direct,crew,,\n",
    )
    _, result = chargeback.chargeback(assistant.books(None), date(2026, 9, 1), "crew")
    assert _borne(result, "USD") == {"Red": [60, 54], "Blue": [40, 36]}


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("Common,service = Nowhere At All,even,crew,,\n", "allocation rule 1"),
        ("Common,service = Common Room,even,starsign,,\n", "starsign"),
    ],
)
def test_a_rule_that_names_nothing_is_refused_by_its_number(small: Path, rules: str, problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        chargeback.chargeback(_with_rules(small, rules).books(None), None, "crew")


def test_without_rules_only_direct_costs_are_shown(warehouse_of: WarehouseOf, assistant_for: AssistantFor) -> None:
    assistant = assistant_for("focus_sample")
    key = assistant.warehouse.lexicon.dimension_labels("cost_and_usage")[0]
    _, result = chargeback.chargeback(assistant.books(None), None, key)
    assert all(t.allocated == 0 and t.direct + t.unallocated == t.source for t in result.totals)
    assert any("only direct costs" in note for note in result.notes)
