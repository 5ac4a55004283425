"""Statements as files, whole and inert; closed months change by correction lines only."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner
from conftest import AssistantFor, WarehouseOf
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.analysis import chargeback, closing
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import AssistantError, Refused
from assistant.finops.allocation import Line
from assistant.ledger.drawer import Drawer
from assistant.surfaces.cli import billing
from assistant.surfaces.cli.main import main
from assistant.telling.statement import to_html
from assistant.values import AnswerColumn
from assistant.warehouse.load import load

SEPTEMBER = date(2026, 9, 1)
COLUMNS = (
    "BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,"
    "ChargeCategory,BilledCost,EffectiveCost,ListCost,ContractedCost,ServiceName,ServiceCategory,ProviderName,Tags"
)
RULES = "pool,match,method,key_dimension,weights,effective_from\nCommon,service = Common Room,proportional,crew,,\n"
FORMULA, OUTSIDE = "=cmd|' /C calc'!A1", "../../Blue <script>alert(1)</script>"


def _charges(path: Path, *rows: tuple[str, str, str, int]) -> str:
    lines = [COLUMNS]
    for month, service, crew, amount in rows:
        last = "30" if month == "09" else "31"
        period = f"1,USD,2026-{month}-01T00:00:00Z,2026-{int(month) + 1:02}-01T00:00:00Z"
        tags = f'"{{""crew"": ""{crew}""}}"' if crew else '"{}"'
        lines.append(
            f"{period},2026-{month}-{last}T00:00:00Z,2026-{int(month) + 1:02}-01T00:00:00Z,Usage,{amount},{amount},"
            f"{amount},{amount},{service},Compute,Acme,{tags}"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Assistant]:
    """A September: one crew 60, the other 40, and 30 for both by what they spend; their names are hostile."""
    file = _charges(
        tmp_path / "costs.csv",
        ("09", "Engine Room", FORMULA, 60), ("09", "Engine Room", OUTSIDE, 40), ("09", "Common Room", "", 30),
    )  # fmt: skip
    load([file], tmp_path / "w.duckdb")
    (tmp_path / "allocation_rules.csv").write_text(RULES, encoding="utf-8")
    load([str(tmp_path / "allocation_rules.csv")], tmp_path / "w.duckdb", "allocation_rules")
    assistant = Assistant(Config(warehouse=tmp_path / "w.duckdb", ledger=tmp_path / "ledger.sqlite"))
    yield assistant
    assistant.close()


# --- statements ------------------------------------------------------------------------------------------------------


def test_the_statements_together_are_the_month(assistant_for: AssistantFor) -> None:
    books = assistant_for("tarnbrook").books(None)
    _, result = chargeback.chargeback(books, date(2026, 2, 1), None)
    _, statements = chargeback.statements(books, date(2026, 2, 1), None)
    place = [c.name for c in statements[0][1].columns].index("total")
    assert sum(row[place] for _, one in statements for row in one.rows) == sum(t.source for t in result.totals)


def test_each_line_says_which_rule_made_it_and_why(company: Assistant) -> None:
    _, statements = chargeback.statements(company.books(None), SEPTEMBER, "crew")
    report = dict(statements)[FORMULA]
    found = [dict(zip((c.name for c in report.columns), row, strict=True)) for row in report.rows]
    assert [(f["rule"], f["rule_number"], f["rule_matches"], f["total"]) for f in found] == [
        (None, None, None, 60), ("Common", "1", "service = Common Room", 18),
    ]  # fmt: skip
    assert found[1]["why"] == "Common: $18.00, 60% of $30.00, by direct cost: $60.00 of $100.00."


def test_files_stay_in_their_folder_and_run_nowhere(company: Assistant, tmp_path: Path) -> None:
    folder = tmp_path / "statements"
    assert billing.write(company.books(None), folder, SEPTEMBER, "crew", showback=False) == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        f"2026-09-chargeback-{name}.{kind}"
        for name in ("blue-script-alert-1-script", "cmd-c-calc-a1")
        for kind in ("csv", "html", "xlsx")
    ]
    assert not list(tmp_path.rglob("*.part"))
    rows = list(csv.reader((folder / "2026-09-chargeback-cmd-c-calc-a1.csv").read_text("utf-8").splitlines()))
    assert all(not cell.startswith(("=", "+", "@")) for row in rows for cell in row)
    assert sum(Decimal(row[rows[0].index("total")]) for row in rows[1:]) == 78
    sheet = openpyxl.load_workbook(BytesIO((folder / "2026-09-chargeback-cmd-c-calc-a1.xlsx").read_bytes())).active
    assert sheet is not None
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    page = (folder / "2026-09-chargeback-blue-script-alert-1-script.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "To be posted" in page


def test_a_showback_posts_nothing(company: Assistant, tmp_path: Path) -> None:
    billing.write(company.books(None), tmp_path / "s", SEPTEMBER, "crew", showback=True)
    pages = [path.read_text("utf-8") for path in (tmp_path / "s").glob("*showback*.html")]
    assert len(pages) == 2
    assert all("nothing is posted" in page for page in pages)


def test_a_folder_that_is_none_is_named(company: Assistant, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(AssistantError, match="can't be written"):
        billing.write(company.books(None), tmp_path / "file" / "in", SEPTEMBER, "crew", showback=False)


@given(st.text(max_size=60))
def test_a_page_shows_text_and_nothing_else(text: str) -> None:
    page = to_html(text, [text], [AnswerColumn(text, "dimension")], [[text]], [text])
    plain = to_html("", [""], [AnswerColumn("", "dimension")], [[""]], [""])
    assert page.count("<") == plain.count("<")
    assert page.count('"') == plain.count('"')


# --- closed months ---------------------------------------------------------------------------------------------------


def _month(company: Assistant) -> list[tuple[str | None, str | None, Decimal, bool]]:
    _, result = chargeback.chargeback(company.books(None), SEPTEMBER, "crew")
    return [(line.consumer, line.pool, line.total, line.correction) for line in result.lines]


def _close(company: Assistant) -> str:
    start, by, result = chargeback.month_of(company.books(None), SEPTEMBER, "crew")
    return closing.close(company.books(None), Drawer(company.config.ledger_path), start, by, result)


def _more(company: Assistant, *rows: tuple[str, str, str, int]) -> None:
    folder = company.config.warehouse.parent
    load([_charges(folder / "costs.csv", *rows)], company.config.warehouse, replace=True)


def test_what_comes_after_the_close_stands_in_correction_lines(company: Assistant) -> None:
    before = _month(company)
    assert "closed by crew with 4 lines" in _close(company)
    assert _month(company) == before
    engine, other = ("09", "Engine Room", FORMULA, 70), ("09", "Engine Room", OUTSIDE, 30)
    _more(company, engine, other, ("09", "Common Room", "", 50))
    after = _month(company)
    assert after[:4] == before
    assert {(c, p): amount for c, p, amount, correction in after if correction} == {
        (FORMULA, None): 10, (OUTSIDE, None): -10, (FORMULA, "Common"): 35 - 18, (OUTSIDE, "Common"): 15 - 12,
    }  # fmt: skip
    assert sum(amount for *_, amount, _ in after) == 150
    answer = chargeback.report(company.books(None), SEPTEMBER, "crew")
    classes = [row[[c.name for c in answer.columns].index("charge_class")] for row in answer.rows]
    assert classes == [None] * 4 + ["Correction"] * 4


def test_corrections_are_closed_in_their_turn_even_the_same_amount_twice(company: Assistant) -> None:
    _close(company)
    for amount in (65, 70):  # five more each time
        engine, other = ("09", "Engine Room", FORMULA, amount), ("09", "Engine Room", OUTSIDE, 40)
        _more(company, engine, other, ("09", "Common Room", "", 30))
        assert "correction lines" in _close(company)
        assert sum(total for *_, total, _ in _month(company)) == amount + 70
        with pytest.raises(Refused, match="has not changed"):
            _close(company)
    kept = Drawer(company.config.ledger_path).versions("closed month", "2026-09 by crew")
    assert [paper.version for paper in kept] == [1, 2, 3]


def test_a_month_is_closed_when_it_is_whole(assistant_for: AssistantFor) -> None:
    books = assistant_for("demo").books(None)
    start, by, result = chargeback.month_of(books, date(2026, 10, 1), None)
    assert books.drawer
    with pytest.raises(Refused, match="up to 2026-10-14 only"):
        closing.close(books, books.drawer, start, by, result)


def test_what_is_closed_is_never_changed(company: Assistant) -> None:
    _close(company)
    with sqlite3.connect(company.config.ledger_path) as connection:
        for statement in ("UPDATE papers SET content = '{}'", "DELETE FROM papers"):
            with pytest.raises(sqlite3.Error, match="append-only"):
                connection.execute(statement)


cents = st.integers(-(10**9), 10**9).map(lambda n: Decimal(n).scaleb(-2))
some_lines = st.lists(
    st.builds(
        Line, st.just("USD"), st.just("team"), st.sampled_from(["Red", "Blue", None]),
        st.sampled_from(["Common", None]), st.just("direct"), cents, cents, cents,
    ),
    max_size=8,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(some_lines, some_lines)
def test_closed_lines_and_their_corrections_are_the_month_as_it_is(kept: list[Line], now: list[Line]) -> None:
    changed = closing.corrections(kept, now)
    assert sum((line.total for line in [*kept, *changed]), Decimal(0)) == sum((n.total for n in now), Decimal(0))
    assert closing.corrections([*kept, *changed], now) == []


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_writes_and_closes(warehouse_of: WarehouseOf, tmp_path: Path) -> None:
    shutil.copyfile(warehouse_of("tarnbrook"), tmp_path / "w.duckdb")  # the months are closed beside it
    where = ["--warehouse", str(tmp_path / "w.duckdb")]
    run = CliRunner().invoke(main, ["chargeback", "--month", "2026-02", "--statements", str(tmp_path / "s"), *where])
    assert run.exit_code == 0, run.output
    assert len(list((tmp_path / "s").glob("*.xlsx"))) == len(list((tmp_path / "s").glob("*.html"))) > 3
    assert CliRunner().invoke(main, ["chargeback", "--close", "2026-02", *where]).exit_code == 0
    assert CliRunner().invoke(main, ["chargeback", "--close", "2026-02", *where]).exit_code == 4
    shown = CliRunner().invoke(main, ["chargeback", "--month", "2026-02", "--json", *where])
    assert "nothing changed since" in shown.output
    assert CliRunner().invoke(main, ["chargeback", "--close", "2026-02", "--consumer", "x", *where]).exit_code == 2
