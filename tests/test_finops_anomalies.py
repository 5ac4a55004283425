"""Anomalies: figures by hand, laws, one incident for each cause, and scans of companies."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import AssistantFor, CheckFor, WarehouseOf
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.analysis import anomalies as analysis
from assistant.analysis import scanning
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import Refused, SchemaError
from assistant.finops import incidents
from assistant.finops.anomalies import Rules, Tracker, scan
from assistant.finops.incidents import Cube, Node
from assistant.ledger.incidents import Incidents
from assistant.surfaces.cli.main import main
from assistant.values import Question
from assistant.warehouse.load import load

START = date(2026, 1, 5)  # a Monday
RULES = Rules()


def week(days: int, weekday: float = 1000.0, weekend: float = 400.0) -> list[float]:
    return [weekend if d % 7 > 4 else weekday for d in range(days)]


def changed(values: list[float], days: Sequence[int], change: Callable[[float], float]) -> list[float]:
    return [change(v) if n in days else v for n, v in enumerate(values)]


def events(values: Sequence[float | None], rules: Rules = RULES) -> list[tuple[str, int, int]]:
    """(kind, first day, last day), days counted from the series' first."""
    return [(e.kind, (e.start - START).days, (e.last - START).days) for e in scan(START, values, rules)[1]]


# --- one series ------------------------------------------------------------------------------------------------------

BY_HAND: list[tuple[str, list[float], list[tuple[str, int, int]]]] = [
    ("a rhythm is none", week(90), []),
    ("a spike of two days", changed(week(90), (60, 61), lambda v: v + 800), [("spike", 60, 61)]),
    ("below the minimum", changed(week(90, 50, 20), (60,), lambda v: v + 90), []),
    ("below the percentage", changed(week(90, 10_000, 4_000), (60,), lambda v: v + 600), []),
    ("a quiet week", changed(week(90), range(63, 68), lambda v: v / 5), [("drop", 63, 67)]),
    ("a service that ends", changed(week(90), range(60, 90), lambda v: 0), [("gone", 60, 74)]),
    ("first seen, then normal", [0.0] * 60 + week(90)[60:], [("new", 60, 74)]),
    ("a level that stays", changed(week(120), range(60, 120), lambda v: v * 2), [("spike", 60, 74)]),
    ("all zeros", [0.0] * 90, []),
    ("credits now and then", changed(week(90), (10, 20, 30), lambda v: -500.0), [("drop", 30, 30)]),
    ("too short", [*week(27), 9_000.0], []),
]


@pytest.mark.parametrize(("name", "values", "expected"), BY_HAND, ids=[name for name, *_ in BY_HAND])
def test_events_of_a_series(name: str, values: list[float], expected: list[tuple[str, int, int]]) -> None:
    found = events(values)
    assert [(kind, first) for kind, first, _ in found] == [(kind, first) for kind, first, _ in expected]
    assert all(abs(last - its) <= 1 for (_, _, last), (_, _, its) in zip(found, expected, strict=True))


def test_a_days_expected_amount_is_that_of_its_weekday() -> None:
    days, _ = scan(START, changed(week(90), (60,), lambda v: v + 800), RULES)
    assert (days[60].actual, days[60].expected, days[60].excess) == (1800.0, 1000.0, 800.0)
    assert days[67].expected == days[60].expected
    assert {d.expected for d in days[63:70]} == {1000.0, 400.0}


def test_a_fee_is_told_once_and_missed_when_it_does_not_come() -> None:
    fees = [n for n in range(200) if (START + timedelta(n)).day == 1]
    values = changed(week(200), fees, lambda v: v + 3_000)
    assert events(values) == []  # the first fee lies in the days that are only learnt from
    missed = changed(values, fees[-1:], lambda v: v - 3_000)
    assert events(missed) == [("drop", fees[-1], fees[-1])]
    late = [n for n in range(40, 200) if (START + timedelta(n)).day == 20]
    assert events(changed(week(200), late, lambda v: v + 3_000)) == [("spike", late[0], late[0])]


def test_a_holiday_may_be_as_quiet_as_a_sunday() -> None:
    day = (date(2026, 5, 1) - START).days  # a Friday
    values = changed(week(150), (day,), lambda v: 400.0)
    assert events(values) == [("drop", day, day)]
    assert events(values, Rules(holidays=frozenset({(5, 1)}))) == []


def test_what_comes_every_week_is_one_event_and_then_normal() -> None:
    mondays = range(63, 150, 7)
    assert len(events(changed(week(150), mondays, lambda v: v + 900))) == 1


def test_days_that_were_not_loaded_are_no_drop() -> None:
    values: list[float | None] = list(week(90))
    values[60:65] = [None] * 5
    assert events(values) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1e5), min_size=7, max_size=7), st.integers(60, 150))
def test_a_weekly_rhythm_has_no_anomaly(profile: list[float], days: int) -> None:
    assert events([profile[d % 7] for d in range(days)]) == []


noisy = st.lists(st.floats(700, 1300), min_size=80, max_size=120)


@settings(max_examples=30, deadline=None)
@given(noisy, st.integers(60, 75), st.floats(500, 5000), st.sampled_from([0.25, 2.0, 64.0]))
def test_another_unit_scales_expected_and_finds_the_same(values: list[float], at: int, more: float, k: float) -> None:
    values = changed(values, (at,), lambda v: v + more)
    days, found = scan(START, values, RULES)
    scaled, same = scan(START, [k * v for v in values], Rules(minimum=RULES.minimum * k))
    assert [vars(e) for e in same] == [vars(e) for e in found]
    assert [d.expected for d in scaled] == pytest.approx([k * d.expected for d in days])


@settings(max_examples=20, deadline=None)
@given(noisy, st.integers(40, 75), st.floats(-600, 5000))
def test_day_by_day_with_its_state_kept_is_the_whole_scan(values: list[float], at: int, more: float) -> None:
    values = changed(values, range(at, at + 20), lambda v: v + more)
    days, found = scan(START, values, RULES)
    tracker, again = Tracker(RULES), []
    for n, value in enumerate(values):
        again.append(tracker.step(START + timedelta(n), value))
        tracker = Tracker.of(json.loads(json.dumps(tracker.state())), RULES)
    assert (again, tracker.events) == (days, found)


# --- one incident for each cause -------------------------------------------------------------------------------------

DIMENSIONS = ("provider", "service", "team")
GROUPS = ((), ("provider",), ("service",), ("team",), ("service", "team"))
CELLS: dict[tuple[str | None, ...], float] = {
    ("AWS", "EC2", "Red"): 900, ("AWS", "EC2", "Blue"): 700, ("AWS", "S3", "Red"): 300, ("AWS", "S3", "Blue"): 250,
    ("GCP", "BigQuery", "Blue"): 500, ("GCP", "BigQuery", None): 100,
}  # fmt: skip


def cube(spikes: dict[tuple[str | None, ...], dict[int, float]], **more: Any) -> Cube:
    cells = {
        key: [level * (0.5 if d % 7 > 4 else 1) + spikes.get(key, {}).get(d, 0.0) for d in range(90)]
        for key, level in CELLS.items()
    }
    return Cube(DIMENSIONS, START, 90, cells, **more)


def rolled(made: Cube, known: Sequence[incidents.Known] = ()) -> list[incidents.Incident]:
    return incidents.roll_up(made, incidents.watch(made, GROUPS, RULES, {}), START, RULES, "team", known)


def test_a_cause_is_told_once_at_the_deepest_node_that_explains_it() -> None:
    [one] = rolled(cube({("AWS", "EC2", "Red"): {70: 4_000, 71: 4_000}}))
    assert one.node == Node((("service", "EC2"), ("team", "Red")))
    assert (one.excess, one.days, one.a_day, one.owner) == (8_000, 2, 4_000, "Red")
    assert (one.start, one.last, one.kind) == (START + timedelta(70), START + timedelta(71), "spike")
    assert {n.named() for n in one.also} == {"everything", "EC2", "Red"}
    assert [d.actual for d in one.evidence if d.anomalous] == [4_900, 4_900]


def test_two_causes_of_one_day_are_two_incidents() -> None:
    found = rolled(cube({("AWS", "EC2", "Red"): {70: 4_000}, ("GCP", "BigQuery", None): {70: 2_500}}))
    assert [(i.node.named(), i.excess) for i in found] == [("EC2 · Red", 4_000), ("BigQuery · no team", 2_500)]


def test_what_rises_everywhere_in_a_service_is_the_services() -> None:
    [one] = rolled(cube({("AWS", "EC2", "Red"): {70: 900}, ("AWS", "EC2", "Blue"): {70: 700}}))
    assert (one.node.named(), one.excess) == ("EC2", 1_600)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.sampled_from(sorted(CELLS, key=str)),
        st.dictionaries(st.integers(60, 85), st.floats(300, 5_000), min_size=1, max_size=3),
        max_size=4,
    )
)
def test_no_dollar_is_counted_twice(spikes: dict[tuple[str | None, ...], dict[int, float]]) -> None:
    found = rolled(cube(spikes))
    injected = sum(sum(days.values()) for days in spikes.values())
    assert sum(i.excess for i in found) <= injected * 1.000001 + 1e-6
    assert len({i.id for i in found}) == len(found)


def test_days_that_are_not_complete_yet_are_not_judged() -> None:
    late = {key: 88 for key in CELLS if key[0] == "AWS"}
    missing = cube({key: {88: -level, 89: -level} for key, level in CELLS.items() if key[0] == "AWS"}, late=late)
    assert rolled(missing) == []
    assert rolled(cube({key: {88: -level, 89: -level} for key, level in CELLS.items() if key[0] == "AWS"})) != []


def test_what_is_expected_up_to_an_amount_is_no_incident() -> None:
    node = Node((("service", "EC2"), ("team", "Red")))
    made = cube({("AWS", "EC2", "Red"): {80: 1_000}})
    assert rolled(made, [incidents.Known(node, START + timedelta(75), 1_000)]) == []
    assert rolled(made, [incidents.Known(node, START + timedelta(81), 1_000)]) != []
    assert rolled(made, [incidents.Known(node, START + timedelta(75), 200)]) != []


# --- a company's warehouse -------------------------------------------------------------------------------------------

LAST = START + timedelta(79)
MONEY = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")


def charge(day: date, service: str, team: str, amount: float, currency: str = "USD", **more: str) -> dict[str, str]:
    month = day.replace(day=1)
    following = (month + timedelta(days=32)).replace(day=1)
    cost = dict.fromkeys(MONEY, f"{amount:.2f}")
    return {
        **cost, "BillingAccountId": "1", "BillingAccountName": "Ostrava Mills", "BillingCurrency": currency,
        "BillingPeriodStart": f"{month}T00:00:00Z", "BillingPeriodEnd": f"{following}T00:00:00Z",
        "ChargeCategory": "Usage", "ChargeClass": "", "ChargeDescription": service, "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": f"{day}T00:00:00Z", "ChargePeriodEnd": f"{day + timedelta(1)}T00:00:00Z",
        "PricingQuantity": "1", "PricingUnit": "Hours", "ProviderName": "Loom Cloud", "PublisherName": "Loom Cloud",
        "InvoiceIssuerName": "Loom Cloud", "ServiceCategory": "Compute", "ServiceName": service, "SubAccountId": "7",
        "SubAccountName": "mill", "Tags": json.dumps({"team": team}), **more,
    }  # fmt: skip


def build(folder: Path, days: int = 80, spike: range = range(70, 73), changes_currency: bool = False) -> Path:
    """A mill: looms 600 and dyes 200 a day, a fee of 5,000 on each first, dyes + 900 on the spike's days."""
    rows = []
    for n in range(days):
        day = START + timedelta(n)
        currency = "EUR" if changes_currency and n >= 60 else "USD"
        rows += [charge(day, "Looms", team, 300) for team in ("Warp", "Weft")]
        rows += [charge(day, "Dyes", "Warp", 200 + (900 if n in spike else 0), currency)]
        if day.day == 1:
            fee = {"ChargeCategory": "Purchase", "ChargeFrequency": "Recurring"}
            rows.append(charge(day, "Support", "Warp", 5_000, **fee))
    folder.mkdir(exist_ok=True)
    path = folder / "mill.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    load([str(path)], folder / "mill.duckdb")
    return folder / "mill.duckdb"


def mill(folder: Path, **how: Any) -> Assistant:
    return Assistant(Config(warehouse=build(folder, **how), ledger=folder / "ledger.sqlite"))


def lines(assistant: Assistant, today: date, everything: bool = False) -> list[tuple[Any, ...]]:
    """(status, kind, where, start, excess, excess a day) of each incident."""
    store = Incidents(assistant.config.ledger_path)
    found = analysis.report(assistant.books(None, today), store, everything=everything)
    names = [c.name for c in found.columns]
    wanted = [names.index(n) for n in ("status", "kind", "where", "start", "excess", "excess_a_day")]
    return [tuple(row[i] for i in wanted) for row in found.rows]


def test_a_new_day_is_scored_alone_and_updates_its_incident(tmp_path: Path) -> None:
    assistant = mill(tmp_path)
    store, first = Incidents(assistant.config.ledger_path), START + timedelta(70)
    assert lines(assistant, first - timedelta(1)) == []
    assert lines(assistant, first) == [("open", "spike", "Dyes · Warp", first, 900, 900)]
    [before] = store.all("")
    assert lines(assistant, first + timedelta(2)) == [("open", "spike", "Dyes · Warp", first, 2_700, 900)]
    [after] = store.all("")
    assert after["id"] == before["id"]
    state = store.state("", "cost")
    assert state
    assert state[0] == first + timedelta(2)
    whole = lines(mill(tmp_path / "other"), first + timedelta(2))
    assert whole == lines(assistant, first + timedelta(2))


def test_what_people_say_of_an_incident_holds_in_the_next_run(tmp_path: Path) -> None:
    assistant = mill(tmp_path)
    store, today = Incidents(assistant.config.ledger_path), LAST
    books = assistant.books(None, today)
    analysis.report(books, store)
    [one] = store.all("")
    analysis.decide(books, store, one["id"], "snoozed", today + timedelta(5), "Vera looks")
    assert lines(assistant, today) == []
    assert [row[0] for row in lines(assistant, today, everything=True)] == ["snoozed"]
    assert [row[0] for row in lines(assistant, today + timedelta(5))] == ["open"]
    analysis.decide(books, store, one["id"], "expected", None, "the spring order")
    assert [row[0] for row in lines(assistant, today, everything=True)] == ["expected"]
    analysis.decide(books, store, one["id"], "closed", None, None)
    assert lines(assistant, today) == []
    analysis.decide(books, store, one["id"], "open", None, None)
    assert [row[0] for row in lines(assistant, today)] == ["open"]
    assert [row[0] for row in lines(assistant, today + timedelta(60), everything=True)] == ["closed"]
    with pytest.raises(Refused, match="no incident 00000000"):
        analysis.decide(books, store, "00000000", "closed", None, None)


def test_days_that_are_restated_are_scanned_anew(tmp_path: Path) -> None:
    assistant = mill(tmp_path)
    assert len(lines(assistant, LAST)) == 1
    build(tmp_path / "again", spike=range(0))
    load([str(tmp_path / "again" / "mill.csv")], tmp_path / "mill.duckdb", replace=True)
    assert lines(assistant, LAST) == []


def test_a_short_history_says_how_many_days_are_needed(tmp_path: Path) -> None:
    assistant = mill(tmp_path, days=9)
    found = analysis.report(assistant.books(None, LAST), Incidents(assistant.config.ledger_path))
    assert (found.rows, found.notes) == ((), ("cost: not enough history: 9 days, 28 needed.",))


def test_a_change_of_currency_is_a_note_and_no_incident(tmp_path: Path) -> None:
    assistant = mill(tmp_path, spike=range(0), changes_currency=True)
    found = analysis.report(assistant.books(None, LAST), Incidents(assistant.config.ledger_path), everything=True)
    assert found.rows == ()
    assert any("billed in EUR instead of USD since 2026-03-06" in note for note in found.notes), found.notes


def test_the_command_lists_and_decides(tmp_path: Path) -> None:
    warehouse, run = build(tmp_path), CliRunner().invoke
    where = ["--warehouse", str(warehouse)]
    listed = run(main, ["anomalies", "--today", str(LAST), "--json", *where])
    [row] = json.loads(listed.output)["rows"]
    assert row[1:5] == ["open", "spike", "Dyes · Warp", "2026-03-16"]
    assert "$2,700.00 above" in run(main, ["anomalies", "team", "=", "Warp", "--today", str(LAST), *where]).output
    assert "No open anomaly" in run(main, ["anomalies", "service = Looms", "--today", str(LAST), *where]).output
    assert run(main, ["anomalies", "--snooze", row[0], *where]).exit_code == 2
    assert run(main, ["anomalies", "--expect", row[0], "--note", "order", *where]).exit_code == 0
    assert "No open anomaly" in run(main, ["anomalies", "--today", str(LAST), *where]).output
    assert run(main, ["anomalies", "--close", "zzz", *where]).exit_code == 4


# --- the demo company ------------------------------------------------------------------------------------------------

END = date(2026, 10, 14)
STORIES = {  # docs/demo.md: days before the end, and the dollars (or hours) too much
    "runaway agent": ("svc-claims-triage", END - timedelta(17), 16_464.0),
    "GPUs left on": ("ember · Fraud · dev", date(2026, 9, 26), 1_728.0),
    "NAT gateway": ("Amazon Virtual Private Cloud · Payments · Payment Hub", END - timedelta(38), 7_128.0),
    "price cut": ("Statement Reader", date(2026, 7, 1), -4_704.0),
    "cache": ("Care Guide", END - timedelta(24), 5_776.0),
}


@pytest.fixture(scope="module")
def demo(assistant_for: AssistantFor) -> Assistant:
    return assistant_for("demo")


def test_the_stories_of_the_demo_are_found_and_little_else(demo: Assistant) -> None:
    store = Incidents(demo.config.ledger_path)
    found = analysis.report(demo.books(None, END), store, everything=True)
    told = [(row[3], row[4], float(row[10])) for row in found.rows]
    for name, (where, start, excess) in STORIES.items():
        near = [x for w, s, x in told if where in w and s == start]
        assert [x for x in near if abs(x - excess) <= abs(excess) / 100], (name, near)
    assert len(told) <= 20
    answer = demo.ask(Question("any anomalies in September?", today=END))
    assert answer.status == "answered"
    assert any("svc-claims-triage" in str(row) for row in answer.rows)
    own = analysis.report(demo.books("rhea.collins", END), Incidents(demo.config.ledger_path), everything=True)
    assert not any("Claims" in str(row) or "Payments" in str(row) for row in own.rows)


def test_the_largest_incident_is_shown_as_it_was_against_what_was_expected(demo: Assistant) -> None:
    answer = demo.ask(Question("anomalies in the last 90 days", today=date(2026, 10, 15)))
    assert answer.chart
    names = [column.name for column in answer.columns]
    first = dict(zip(names, answer.rows[0], strict=True))
    assert first["unit"] == answer.chart.unit == "USD"  # money before hours
    assert answer.chart.title.startswith(first["where"])
    actual, expected = answer.chart.series
    days = [answer.chart.labels[at] for at in answer.chart.marked]
    assert (days[0], days[-1]) == (first["start"].isoformat(), first["last"].isoformat())
    inside = sum(actual.values[at] - expected.values[at] for at in answer.chart.marked)
    assert round(inside, 2) == first["excess"]
    assert expected.dashed


def test_what_happened_on_a_day_whose_it_was_and_since_when(demo: Assistant, check_for: CheckFor) -> None:
    def asked(*questions: str) -> list[Any]:
        thread = questions[0]
        return [demo.ask(Question(q, thread=thread, today=date(2026, 10, 15))) for q in questions]

    first, owner, chart, since = asked(
        "what happened on 27 September", "who owns it", "show me the chart", "since when"
    )
    assert [a.plan.analysis for a in (first, owner, chart, since)] == [
        "anomalies", "anomaly_owners", "anomalies", "anomaly_since",
    ]  # fmt: skip
    names = [c.name for c in first.columns]
    top = dict(zip(names, first.rows[0], strict=True))
    assert owner.answer.startswith(f"{top['where']}: {top['owner']}")
    assert f"{top['where']}: since 27 Sep 2026 until 29 Sep 2026, 3 days" in since.answer
    assert chart.chart == first.chart
    (quiet,) = asked("what happened on 12 October")
    ((spent,),) = check_for("demo")(
        "SELECT sum(EffectiveCost) FROM cost_and_usage WHERE ChargePeriodStart >= '2026-10-12' "
        "AND ChargePeriodStart < '2026-10-13' AND BillingCurrency = 'USD' AND ChargeCategory = 'Usage' "
        "AND ChargeClass IS NULL AND ChargeFrequency NOT IN ('Recurring', 'One-Time')"
    )[1]
    assert quiet.rows == ()
    assert f"What follows use was ${spent:,.2f}; the median of the 6 Mondays before" in quiet.answer


def test_public_holidays_of_a_country_may_be_quiet(tmp_path: Path) -> None:
    schemas = tmp_path / "schemas"
    shutil.copytree(Config().schemas, schemas)
    settings_file = schemas / "anomalies.yaml"
    words = settings_file.read_text(encoding="utf-8")
    settings_file.write_text(words.replace("countries: []", "countries: [US, DE-BY]"), encoding="utf-8")
    rules = scanning.settings(schemas).rules
    assert rules.holiday(date(2026, 11, 26))  # Thanksgiving
    assert rules.holiday(date(2026, 1, 6))  # Epiphany, in Bavaria
    assert not rules.holiday(date(2026, 11, 25))
    assert not scanning.settings(Config().schemas).rules.holiday(date(2026, 11, 26))
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "anomalies.yaml").write_text(words.replace("countries: []", "countries: [Atlantis]"), encoding="utf-8")
    with pytest.raises(SchemaError, match=r"(?i)atlantis"):
        scanning.settings(wrong)


def test_every_node_is_a_dimension_that_a_company_can_have(demo: Assistant) -> None:
    model = demo.warehouse.model
    for series in scanning.settings(demo.config.schemas).series:
        assert model.has_metric(series.metric)
        missing = {n for group in series.nodes for n in group} - set(model.dimensions[series.dataset])
        assert not missing, series.name


def test_a_company_without_tokens_or_tags_is_scanned_too(
    assistant_for: AssistantFor, warehouse_of: WarehouseOf
) -> None:
    assistant = assistant_for("focus_sample")
    newest = assistant.warehouse.catalog.days["cost_and_usage"].last
    assert analysis.report(assistant.books(None, newest), Incidents(assistant.config.ledger_path)).rows == ()
