"""The web chat in a real browser, offline: what an executive sees, clicks and downloads.

Needs Debian's chromium (or PLAYWRIGHT's own); without a browser the tests fail rather than pass unseen.
"""

from __future__ import annotations

import contextlib
import csv
import io
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import web_company
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from web_server import Server

from assistant.config import Config
from assistant.surfaces.cli import serving

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
expect.set_options(timeout=30_000)  # a busy machine is slow, not wrong
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    warehouse = web_company.build(tmp_path_factory.mktemp("chat") / "costs.duckdb")
    server = Server(warehouse, ASKCOST_ALERTS_SLACK='{"#finance": "http://127.0.0.1:9/hook"}')
    yield server
    server.stop()


class Visit:
    """A page that must not call any other host nor complain; asking waits for the whole answer."""

    def __init__(self, browser: Browser, server: Server, **options: Any) -> None:
        self.server = server
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(**options)
        self.context.route(lambda url: not url.startswith(server.url), self._refuse)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.open()

    def open(self, width: int = 1280, height: int = 800, scheme: Any = "light") -> None:
        """A new conversation."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme=scheme)
        self.page.goto(self.server.url)

    def _refuse(self, route: Any) -> None:
        if not route.request.url.startswith(("data:", "blob:")):
            self.foreign.append(route.request.url)
        route.abort()

    def ask(self, question: str) -> None:
        self.answered(lambda: self.say(question))

    def say(self, words: str) -> None:
        """Text typed while the page is still being put together is lost, so it is typed until it stands there."""
        expect(self.page.get_by_test_id("briefing")).to_be_attached()
        said = self.page.locator("[data-step-type=user_message]")
        before = said.count()
        for _ in range(3):
            self.page.fill("#chat-input", words)
            self.page.wait_for_selector("#chat-submit:not([disabled])")
            self.page.click("#chat-submit")
            with contextlib.suppress(AssertionError):
                expect(said).to_have_count(before + 1, timeout=10_000)
                break

    def answered(self, act: Any) -> None:
        """Does something, and waits until there is one answer (or question back) more."""
        ends = "[data-testid=quiet], [data-testid=choices]"
        before = self.page.locator(ends).count()
        act()
        expect(self.page.locator(ends)).to_have_count(before + 1)

    def at_its_address(self) -> None:
        """Waits until a conversation has its address and stands still.

        A question makes the page draw every panel anew, on a slow machine after its answer, and clicks get lost.
        """
        self.page.wait_for_url("**/thread/**")
        self.page.evaluate("""() => new Promise((still) => {
            let waiting = setTimeout(still, 1500)
            new MutationObserver(() => { clearTimeout(waiting); waiting = setTimeout(still, 1500) })
                .observe(document.body, { childList: true, subtree: true })
        })""")

    def last(self, testid: str) -> Any:
        return self.page.get_by_test_id(testid).last

    def check(self) -> None:
        """Raises when the page called another host, or complained of more than not being signed in yet."""
        assert self.foreign == []
        assert [c for c in self.complaints if "401" not in c and "Unauthorized" not in c] == []


@pytest.fixture(scope="module")
def tab(browser: Browser, server: Server) -> Iterator[Visit]:
    """One tab for all that the local operator does, so that the page's programs are fetched once."""
    visit = Visit(browser, server, accept_downloads=True)
    yield visit
    visit.context.close()


@pytest.fixture
def visit(tab: Visit) -> Iterator[Visit]:
    tab.open()
    yield tab
    tab.check()


def test_an_executive_asks_and_looks_closer(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    expect(page).to_have_title("askcost")
    expect(visit.last("briefing-line").first).to_be_visible()

    visit.ask("cost by team last month")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    expect(visit.last("answer-table").locator("tbody tr")).to_have_count(len(web_company.TEAMS))
    expect(visit.last("quiet")).to_contain_text("0 tokens")

    # What the data says is text: in the sentence, the chart, the table, the steps.
    table = visit.last("answer-table").inner_text()
    for team in web_company.TEAMS:
        assert team in table
    assert page.evaluate("window.harmed === undefined")
    assert page.locator("a[href*=evil], .message-content img[src=x], .js-plotly-plot a").count() == 0

    # Files hold the figures of the table.
    for ending in ("csv", "xlsx"):
        with page.expect_download() as download:
            visit.last(f"download-{ending}").click()
        download.value.save_as(tmp_path / f"answer.{ending}")
    lines = list(csv.reader(io.StringIO((tmp_path / "answer.csv").read_text(encoding="utf-8"))))
    sheet = openpyxl.load_workbook(tmp_path / "answer.xlsx").worksheets[0]
    amounts = [float(line[-1]) for line in lines[1:]]
    assert amounts == pytest.approx([row[-1].value for row in sheet.iter_rows(min_row=2)])
    assert sum(amounts) == pytest.approx(sum(28 * (n + 1.02) for n in range(len(web_company.TEAMS))))
    assert not any(cell.startswith("=") for line in lines for cell in line)

    # How it came about, one click away.
    page.click("button[id='step-How this was answered']")
    page.click("button[id='step-SQL']")
    expect(page.locator("pre").filter(has_text="SELECT").last).to_contain_text("GROUP BY")

    # Nothing that keeps a screen reader or a keyboard out.
    visit.last("sql").locator("summary").click()
    expect(visit.last("sql").locator("table")).to_be_visible()
    found = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []

    # One part of the reading changed; then a follow-up in words.
    visit.answered(lambda: (visit.last("chip-grouping").click(), page.get_by_test_id("change-by:service").click()))
    expect(visit.last("answer-table").locator("tbody tr")).to_have_count(len(web_company.SERVICES))
    visit.ask("only Nimbus")
    expect(visit.last("chip-filter")).to_contain_text("Nimbus")


def test_a_question_back_is_answered_by_a_button_and_sql_can_be_edited(visit: Visit) -> None:
    visit.open(390, 844, "dark")
    page = visit.page
    visit.ask("cost of Cumulonimbus last month")
    visit.answered(lambda: visit.last("choices").get_by_text("Cumulus", exact=True).click())
    expect(visit.last("chip-filter")).to_contain_text("Cumulus")

    visit.ask("cost by service last month")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "wider than a phone"
    visit.last("sql").locator("summary").click()
    visit.last("sql-text").fill("SELECT ServiceName, count(*) AS n FROM cost_and_usage GROUP BY 1")
    visit.answered(lambda: visit.last("sql-run").click())
    expect(visit.last("quiet")).to_contain_text("unverified")
    visit.last("sql").locator("summary").click()
    visit.last("sql-text").fill("DROP TABLE users")
    visit.answered(lambda: visit.last("sql-run").click())
    expect(page.locator(".message-content").last).to_contain_text("DROP")


def test_a_long_statement_shows_where_it_is_and_can_be_stopped(visit: Visit) -> None:
    page = visit.page
    visit.ask("cost by team last month")
    visit.at_its_address()
    page.wait_for_load_state("networkidle")
    visit.last("sql").locator("summary").click()
    visit.last("sql-text").fill("SELECT count(*) FROM " + ", ".join(f"cost_and_usage c{n}" for n in range(5)))
    visit.last("sql-run").click()
    expect(page.locator("button[id='step-Checked']").last).to_be_visible()
    expect(page.locator("button[id='step-Ran']")).to_have_count(0)
    page.click("#stop-button")
    expect(page.get_by_text("Stopped. You can ask again").last).to_be_visible()
    expect(page.locator("#stop-button")).to_have_count(0)
    expect(visit.last("sql-run")).to_be_enabled()
    visit.ask("cost by service last month")
    expect(visit.last("answer-table").locator("tbody tr")).to_have_count(len(web_company.SERVICES))
    assert "askcost_statements_running 0.0" in visit.server.read("/metrics")  # nothing goes on behind the page


def test_sql_is_saved_as_verified_and_an_answer_is_judged(visit: Visit) -> None:
    page = visit.page
    sql = "SELECT ServiceName AS service, SUM(ListCost) AS listed FROM cost_and_usage GROUP BY ALL"
    visit.ask("cost by service in January 2026")
    visit.at_its_address()
    visit.last("sql").locator("summary").click()
    visit.last("sql-text").fill(sql)
    visit.answered(lambda: visit.last("sql-save").click())
    visit.answered(lambda: visit.last("choice").click())
    edited = page.get_by_test_id("sql-text").first
    expect(edited).to_have_value(sql)  # a next question draws every panel anew, which keeps what was written
    expect(edited).to_be_visible()
    expect(visit.last("sql").locator("summary")).to_contain_text("verified")
    expect(visit.last("answer-table")).to_contain_text("listed")
    expect(visit.last("answer")).to_contain_text("verified by local operator")

    page.locator("button[aria-label='Not helpful']").last.click()
    page.get_by_role("dialog").get_by_role("textbox").fill("I wanted the <b>billed</b> cost")
    page.get_by_role("dialog").get_by_role("button", name="Submit").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    receipt, said = visit.last("audit"), "not helpful: I wanted the <b>billed</b> cost"
    for _ in range(3):  # each opening reads it anew; what was said is written a moment after the dialog closes
        receipt.locator("summary").click()
        with contextlib.suppress(AssertionError):
            expect(receipt).to_contain_text(said, timeout=5_000)
            break
        receipt.locator("summary").click()
    expect(receipt).to_contain_text(said)

    visit.last("sql").locator("summary").click()
    visit.answered(lambda: visit.last("sql-withdraw").click())
    visit.ask("cost by service in January 2026")
    expect(visit.last("answer-table")).not_to_contain_text("listed")


def test_an_alert_is_made_by_chatting_and_muted_and_removed_by_buttons(visit: Visit) -> None:
    visit.open(390, 844, "dark")
    page = visit.page
    visit.answered(lambda: visit.say("tell me when cost passes 600 dollars a month"))
    visit.last("choices").get_by_text("To #finance", exact=True).click()  # nobody knows the operator's address
    expect(visit.last("draft")).to_contain_text("it would have sent 1 message")
    expect(visit.last("draft-message")).to_contain_text("$652.86 in Jan 2026, above $600.00")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "wider than a phone"
    visit.last("draft-keep").click()
    expect(visit.last("draft-state")).to_have_text("Kept.")
    visit.say("mute it until Friday")
    expect(visit.last("alert")).to_contain_text("when above $600.00 a month")
    found = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []
    visit.last("alert-mute-until").click()
    expect(visit.last("alert-muted")).to_have_text("quiet until Fri 13 Mar 2026")
    visit.last("alert-unmute").click()
    expect(page.get_by_test_id("alert-muted")).to_have_count(0)
    visit.last("alert-remove").click()
    visit.last("alert-remove-sure").click()
    expect(page.get_by_text("You have no alerts.").last).to_be_visible()
    visit.ask("cost by service last month")  # an ordinary question still is one
    expect(visit.last("answer-table").locator("tbody tr")).to_have_count(len(web_company.SERVICES))


def test_an_incident_is_decided_under_its_answer(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A day of 900 at the end of a calm company."""
    warehouse = web_company.build(tmp_path_factory.mktemp("odd") / "costs.duckdb", spike=900)
    server = Server(warehouse)
    visit = Visit(browser, server)
    try:
        visit.ask("anomalies this month")
        state = visit.last("incidents").get_by_test_id("incident-state").first
        expect(state).to_have_text("open")
        for button, said in (("expect", "expected"), ("reopen", "open"), ("close", "closed"), ("reopen", "open")):
            visit.last("incidents").get_by_test_id(button).first.click()
            expect(state).to_have_text(said)
        visit.last("incidents").get_by_test_id("snooze").first.click()
        visit.last("incidents").get_by_test_id("snooze-day").fill("2026-04-01")
        expect(state).to_have_text("snoozed until 2026-04-01")
        visit.check()
    finally:
        visit.context.close()
        server.stop()


def test_no_mouse_is_needed(visit: Visit) -> None:
    page = visit.page
    expect(page.get_by_test_id("briefing")).to_be_attached()
    reach(page, "document.activeElement.id === 'chat-input'")
    page.keyboard.type("cost by team last month")
    visit.answered(lambda: page.keyboard.press("Enter"))
    visit.at_its_address()
    expect(visit.last("chip-grouping")).to_be_visible()
    reach(page, "document.activeElement.dataset.testid === 'chip-grouping'", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menu")).to_be_visible()
    page.keyboard.press("ArrowDown")
    visit.answered(lambda: page.keyboard.press("Enter"))
    reach(page, "document.activeElement.tagName === 'SUMMARY'", "Shift+Tab")
    page.keyboard.press("Enter")


def reach(page: Page, there: str, key: str = "Tab") -> None:
    """Presses a key until the focus is there."""
    for _ in range(60):
        if page.evaluate(there):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{there} can't be reached with {key}")


def test_thousands_of_rows_are_shown_in_parts_and_downloaded_whole(visit: Visit) -> None:
    page = visit.page
    visit.ask("cost by team last month")
    visit.at_its_address()
    visit.last("sql").locator("summary").click()
    visit.last("sql-text").fill(
        "SELECT a.ServiceName AS service, b.Tags['team'] AS team, a.BilledCost + b.BilledCost AS cost "
        "FROM cost_and_usage a, cost_and_usage b ORDER BY ALL LIMIT 3000"
    )
    visit.answered(lambda: visit.last("sql-run").click())
    rows = visit.last("answer-table").locator("tbody tr")
    expect(rows).to_have_count(12)
    for shown in (112, 212):
        page.get_by_role("button", name="Show more of 3,000 rows").last.click()
        expect(rows).to_have_count(shown)
    expect(visit.last("answer")).to_contain_text("The files have all rows.")
    with page.expect_download() as download:
        visit.last("download-csv").click()
    assert len(Path(download.value.path()).read_text(encoding="utf-8").splitlines()) == 3001
    assert page.evaluate("window.harmed === undefined")
    expect(visit.last("answer").get_by_text("rows are not in the original")).to_be_visible()


def test_each_user_signs_in_sees_their_own_and_finds_it_again(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    warehouse = web_company.build(tmp_path_factory.mktemp("signed") / "costs.duckdb")
    for user, *_ in web_company.USERS:
        serving.set_password(Config(warehouse=warehouse), user, PASSWORD)
    server = Server(warehouse, ASKCOST_WEB_SIGN_IN="password")
    try:
        ada, ben = (Visit(browser, server) for _ in web_company.USERS)
        sign_in(ada.page, "ada", "a wrong password")
        expect(ada.page.locator("#email")).to_be_visible()
        hrefs = []
        for visit, user, seen in ((ada, "ada", len(web_company.PROVIDERS)), (ben, "ben", 1)):
            sign_in(visit.page, user, PASSWORD)
            visit.ask("cost by provider last month")
            expect(visit.last("answer-table").locator("tbody tr")).to_have_count(seen)
            hrefs.append(visit.last("download-csv").get_attribute("href") or "")
            assert visit.context.request.get(server.url + hrefs[-1]).status == 200
        for ending in ("/csv", "/xlsx", "/chart", "/lineage", ""):
            adas = hrefs[0].replace("/csv", ending)
            assert ben.context.request.get(server.url + adas).status == 404
            assert anonymous(server.url + adas) == 401

        server.stop()
        server.start()
        ben.page.reload()
        ben.at_its_address()
        expect(ben.last("answer-table").locator("tbody tr")).to_have_count(1)  # a cold server
        expect(ben.page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
        ben.answered(lambda: ben.last("next-compare:prior").click())
        ada.context.close()
        ben.context.close()
        assert ada.foreign + ben.foreign == []
    finally:
        server.stop()


def anonymous(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def sign_in(page: Page, user: str, password: str) -> None:
    page.fill("#email", user)
    page.fill("#password", password)
    with page.expect_response("**/login"):
        page.click("button[type=submit]")
