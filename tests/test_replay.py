"""Restated bills: an answer run again says what changed to the cent, and which charges moved it. Invoices tie out."""

from __future__ import annotations

import json
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assistant.analysis import tie_out
from assistant.analysis.report import Report
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk import briefing
from assistant.desk.desk import Desk
from assistant.desk.replay import replay
from assistant.errors import Refused
from assistant.surfaces.cli.main import main
from assistant.values import Question
from assistant.warehouse.load import load

TODAY = date(2026, 3, 10)
HEAD = (
    "BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,"
    "ChargeCategory,ChargeClass,ChargeDescription,BilledCost,EffectiveCost,ListCost,ContractedCost,ServiceName,"
    "ServiceCategory,ProviderName,InvoiceId,InvoiceIssuerName,Tags"
)


def charge(day: int, service: str, team: str, said: str, cost: str, invoice: str = "INV-1", kind: str = "") -> str:
    start, end = date(2026, 2, day), date.fromordinal(date(2026, 2, day).toordinal() + 1)
    return (
        f"acc,USD,2026-02-01,2026-03-01,{start},{end},Usage,{kind},{said},{cost},{cost},{cost},{cost},{service},"
        f'Compute,Aero,{invoice},Aero,"{{""team"":""{team}""}}"'
    )


FIRST = [
    charge(1, "Compute", "red", "vm hours", "100.10"),
    charge(2, "Disk", "blue", "disk months", "20.20"),
    charge(3, "Net", "red", "egress", "5.05"),
    charge(4, "Queue", "blue", "messages", "1.01"),
]
# late: 7.77 · changed: Disk +3.50 · withdrawn: messages −1.01 · a correction of −2.34; Net is as it was.
SECOND = [
    FIRST[0],
    charge(2, "Disk", "blue", "disk months", "23.70"),
    FIRST[2],
    charge(28, "Compute", "red", "late vm hours", "7.77", invoice=""),
    charge(1, "Compute", "red", "vm hours of January", "-2.34", kind="Correction"),
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loaded")
    warehouse = folder / "w.duckdb"
    load([put(folder, "bill.csv", HEAD, *FIRST)], warehouse)
    load([put(folder, "users.csv", "user,role,row_policy", "zoe,analyst,team = red", "ada,admin,")], warehouse, "users")
    return warehouse


@pytest.fixture
def company(loaded: Path, tmp_path: Path) -> Assistant:
    """Each test has its own, for it is reloaded."""
    shutil.copyfile(loaded, tmp_path / "w.duckdb")
    return Assistant(Config(warehouse=tmp_path / "w.duckdb"))


def put(folder: Path, name: str, *lines: str) -> str:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder / name)


def restate(company: Assistant, *rows: str) -> None:
    folder = company.config.warehouse.parent
    load([put(folder, "bill-again.csv", HEAD, *rows)], company.config.warehouse, replace=True)


def ask(company: Assistant, text: str, user: str | None = None) -> str:
    answer = company.ask(Question(text, user, today=TODAY))
    assert answer.status == "answered", answer
    return answer.answer_id


def changes(report: Report) -> dict[Any, Decimal]:
    return {row[0]: row[-1] for row in report.rows}


def moved(report: Report, metric: str = "effective_cost") -> list[tuple[str, str, Decimal]]:
    return [(c["what"], c["charge_description"], c[metric]["change"]) for c in report.extra["charges"]]


# --- replay -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["cost by service last month", "cost last month", "daily cost in February", "top 2 services last month"]
)
def test_the_same_data_gives_the_same_digest(text: str, company: Assistant) -> None:
    report = replay(company, ask(company, text))
    assert (report.extra["same_data"], report.extra["same_digest"], report.rows) == (True, True, ())
    assert report.sentences[0].startswith("The data is the same")


def test_a_reload_of_something_else_leaves_the_answer(company: Assistant) -> None:
    given = ask(company, "cost by service last month")
    restate(company, *FIRST)
    report = replay(company, given)
    assert (report.extra["same_data"], report.extra["same_digest"]) == (False, True)


def test_a_restatement_is_explained_to_the_cent(company: Assistant) -> None:
    given = ask(company, "cost by service last month")
    restate(company, *SECOND)
    report = replay(company, given)
    assert [c.name for c in report.columns] == [
        "service", "effective_cost_before", "effective_cost_after", "effective_cost_change",
    ]  # fmt: skip
    assert report.rows == (
        ("Compute", Decimal("100.10"), Decimal("105.53"), Decimal("5.43")),
        ("Disk", Decimal("20.20"), Decimal("23.70"), Decimal("3.50")),
        ("Queue", Decimal("1.01"), None, Decimal("-1.01")),
    )
    assert "$126.36 before, $134.28 now, a change of $7.92" in report.sentences[1]
    assert moved(report) == [
        ("late", "late vm hours", Decimal("7.77")),
        ("changed", "disk months", Decimal("3.50")),
        ("late", "vm hours of January", Decimal("-2.34")),
        ("withdrawn", "messages", Decimal("-1.01")),
    ]
    told = "\n".join(report.notes)
    assert "bill-again.csv" in told
    assert "Correction" in told
    assert "These charges are the whole change of effective_cost: 7.92." in told


def test_two_restatements_add_up(company: Assistant) -> None:
    given = ask(company, "cost last month")
    restate(company, *SECOND)
    restate(company, *SECOND[:-1], charge(5, "Disk", "blue", "snapshots", "0.01"))
    report = replay(company, given)
    total = sum((change for *_, change in moved(report)), Decimal(0))
    assert total == report.rows[0][-1] == Decimal("10.27")


def test_only_the_charges_that_the_question_counts_are_named(company: Assistant) -> None:
    given = ask(company, "cost of Disk last month")
    restate(company, *SECOND)
    assert moved(replay(company, given)) == [("changed", "disk months", Decimal("3.50"))]


def test_charges_are_not_held_against_a_part_of_the_rows(company: Assistant) -> None:
    given = ask(company, "top 1 services by cost last month")
    restate(company, *SECOND)
    report = replay(company, given)
    assert changes(report) == {"Compute": Decimal("5.43")}
    assert not any("These charges" in note for note in report.notes)


def test_a_load_beside_it_is_named_when_it_is_not_a_restatement(company: Assistant) -> None:
    given = ask(company, "cost last month")
    later = charge(27, "Compute", "red", "vm hours", "4.00")
    load([put(company.config.warehouse.parent, "more.csv", HEAD, later)], company.config.warehouse)
    report = replay(company, given)
    assert report.rows == ((Decimal("126.36"), Decimal("130.36"), Decimal("4.00")),)
    assert [one["file"].endswith("more.csv") for one in report.extra["loads"]] == [True]
    assert report.extra["charges"] == ()


def test_a_replay_shows_its_asker_s_rows_only(company: Assistant) -> None:
    given = ask(company, "cost by service last month", "zoe")
    restate(company, *SECOND)
    report = replay(company, given)
    assert changes(report) == {"Compute": Decimal("5.43")}
    assert {said for _, said, _ in moved(report)} == {"late vm hours", "vm hours of January"}
    assert "disk" not in json.dumps([report.notes, report.extra], default=str).lower()


def test_rights_that_were_taken_away_hold(company: Assistant) -> None:
    given = ask(company, "cost by service last month", "zoe")
    folder = company.config.warehouse.parent
    load([put(folder, "u.csv", "user,role", "ada,admin")], company.config.warehouse, "users", replace=True)
    with pytest.raises(Refused, match="zoe"):
        replay(company, given)


def test_sql_is_replayed_too(company: Assistant) -> None:
    statement = "SELECT ServiceName, SUM(BilledCost) AS billed FROM cost_and_usage GROUP BY ServiceName"
    given = Desk(company, TODAY).run(statement, "ada", None).answer_id
    assert replay(company, given).extra["same_digest"]
    restate(company, *SECOND)
    report = replay(company, given)
    assert changes(report) == {"Compute": Decimal("5.43"), "Disk": Decimal("3.50"), "Queue": Decimal("-1.01")}
    assert any("bill-again.csv" in note for note in report.notes)


def test_what_was_refused_can_not_be_replayed(company: Assistant) -> None:
    refused = company.ask(Question("cost in 2019", today=TODAY))
    for one in (refused.answer_id, "nothing"):
        with pytest.raises(Refused, match=one):
            replay(company, one)


def test_the_command_explains_and_names_the_charges(company: Assistant) -> None:
    given = ask(company, "cost by service last month")
    restate(company, *SECOND)
    company.close()  # DuckDB hands out the old file while this process holds it open
    place = ("--warehouse", str(company.config.warehouse))
    done = CliRunner().invoke(main, ["audit", "replay", given, *place])
    assert done.exit_code == 0, done.output
    assert "late vm hours" in done.output
    found = json.loads(CliRunner().invoke(main, ["audit", "replay", given, "--json", *place]).output)
    assert [row[-1] for row in found["rows"]] == [5.43, 3.5, -1.01]
    assert len(found["charges"]) == 4


# --- tie-out ------------------------------------------------------------------------------------------


def invoices(company: Assistant, *rows: str, head: str = "invoice_id,currency,amount") -> None:
    folder = company.config.warehouse.parent
    load([put(folder, "invoices.csv", head, *rows)], company.config.warehouse, replace=True)


def states(report: Report) -> dict[str, tuple[Any, str]]:
    return {row[0]: (row[-2], row[-1]) for row in report.rows}


def test_invoices_tie_out_to_the_cent(company: Assistant) -> None:
    invoices(company, "INV-1,USD,126.36", "INV-2,USD,3.00")
    assert states(tie_out.report(company.books(None))) == {
        "INV-1": (Decimal("0.00"), "tied out"),
        "INV-2": (None, "no charges loaded"),
    }
    invoices(company, "INV-1,USD,126.37")
    assert states(tie_out.report(company.books(None))) == {"INV-1": (Decimal("-0.01"), "within tolerance")}
    invoices(company, "INV-1,USD,125.35")
    assert states(tie_out.report(company.books(None))) == {"INV-1": (Decimal("1.01"), "off")}


@pytest.mark.parametrize(
    ("currency", "rows", "tolerance"),
    [("USD", 4, "1.00"), ("EUR", 1_000_000, "5.00"), ("JPY", 4, "100"), ("KWD", 160_000, "0.200")],
)
def test_the_tolerance_is_that_of_focus(currency: str, rows: int, tolerance: str) -> None:
    line = tie_out.Line("I", currency, None, None, Decimal(0), Decimal(0), rows=rows)
    assert line.tolerance == Decimal(tolerance)


def test_what_is_off_is_named(company: Assistant) -> None:
    restate(company, *SECOND)
    invoices(company, "INV-1,USD,134.28")
    report = tie_out.report(company.books(None))
    assert states(report) == {"INV-1": (Decimal("-7.77"), "off")}
    assert [(c["why"], c["charge_description"], c["billed"]) for c in report.extra["candidates"]] == [
        ("without invoice", "late vm hours", Decimal("7.77")),
        ("correction", "vm hours of January", Decimal("-2.34")),
    ]
    exact = [note for note in report.notes if "exactly what is off" in note]
    assert len(exact) == 1
    assert "late vm hours" in exact[0]


def test_an_invoice_number_of_two_issuers_needs_its_issuer(company: Assistant) -> None:
    other = charge(9, "Compute", "red", "vm hours", "9.00").replace("INV-1,Aero", "INV-1,Reseller")
    load([put(company.config.warehouse.parent, "more.csv", HEAD, other)], company.config.warehouse)
    invoices(company, "INV-1,USD,126.36")
    assert "issuer unclear" in {row[-1] for row in tie_out.report(company.books(None)).rows}
    invoices(company, "INV-1,reseller,USD,9", "INV-1,Aero,USD,126.36", head="invoice_id,issuer,currency,amount")
    report = tie_out.report(company.books(None))
    assert {(row[1], row[-1]) for row in report.rows} == {("Aero", "tied out"), ("Reseller", "tied out")}


def test_one_month_and_its_command(company: Assistant) -> None:
    invoices(company, "INV-1,USD,126.36,2026-02", head="invoice_id,currency,amount,billing_period")
    assert not tie_out.report(company.books(None), date(2026, 1, 1)).rows
    place = ("--warehouse", str(company.config.warehouse))
    done = CliRunner().invoke(main, ["tie-out", "--month", "2026-02", *place])
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "1 of 1 invoices of Feb 2026 tie out to the cent.")


def test_invoices_are_closed_to_whoever_sees_a_part(company: Assistant) -> None:
    with pytest.raises(Refused, match="invoices"):
        tie_out.report(company.books(None))
    invoices(company, "INV-1,USD,126.36")
    with pytest.raises(Refused, match="not open to you"):
        tie_out.report(company.books("zoe"))


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("does the bill tie out?", {"INV-1", "INV-9"}),
        ("which invoices don't match?", {"INV-1", "INV-9"}),
        ("tie out February 2026", {"INV-1"}),
        ("do our invoices tie out in Q1 2026", {"INV-1"}),
        ("do the invoices match last month?", {"INV-1"}),
        ("reconcile the invoices of last quarter", set()),
    ],
)
def test_tie_out_is_a_question(company: Assistant, question: str, found: set[str]) -> None:
    rows = ("INV-1,USD,128.37,2026-02", "INV-9,USD,5.00,2025-11")
    invoices(company, *rows, head="invoice_id,currency,amount,billing_period")
    answer = company.ask(Question(question, today=TODAY))
    assert answer.status == ("answered" if found else "refused"), answer
    assert {row[0] for row in answer.rows} == found
    if found:
        assert "by -$2.01" in answer.answer


@pytest.mark.parametrize("question", ["tie out by team", "does AWS tie out", "tie out the top 5 invoices"])
def test_tie_out_asks_about_what_it_can_not_do(company: Assistant, question: str) -> None:
    invoices(company, "INV-1,USD,126.37")
    assert company.ask(Question(question, today=TODAY)).status in ("clarify", "refused")


def test_what_is_off_stands_in_the_briefing(company: Assistant) -> None:
    def line(user: str | None) -> str:
        found = briefing.lines(Desk(company, TODAY), user)
        return next((one.text for one in found if one.title == "Invoices"), "")

    assert line(None) == ""
    invoices(company, "INV-1,USD,120.00", "INV-2,USD,3.00")
    assert "0 of 2 invoices tie out to the cent; 2 are off, most of all INV-1, by $6.36." in line("ada")
    assert line("zoe") == ""
