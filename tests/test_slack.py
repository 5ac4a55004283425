"""The Slack bot: its answers in blocks, its buttons, modals, home and pane; what the documentation shows of them."""

from __future__ import annotations

import csv
import io
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import web_company
import yaml
from conftest import Once
from slack_office import (
    ADA,
    ALL,
    BEN,
    COMMON,
    MALLORY,
    ROWS,
    SHAPE,
    large,
    office,
    scenario,
    small,
)
from slack_server import Message, validate

from assistant.surfaces.slack import blocks, requests
from assistant.surfaces.slack.checks import SCOPES
from assistant.values import Answer, Clarification

DOCS = Path(__file__).parent.parent / "docs"


# --- answers ----------------------------------------------------------------------------------------------


@scenario
async def test_a_mention_is_answered_in_its_thread(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path, slack_web_url="https://costs.example") as there:
        message = await there.ask(ADA, "cost by team last month", "C3")
        assert message.states[0] == "Working on it…"
        assert message.kinds() == SHAPE
        assert ALL in message.block("section")["text"]["text"]
        rows = [[cell["text"] for cell in row] for row in message.block("table")["rows"]]
        assert rows[0] == ["team", "effective cost (USD)"]
        assert len(rows) == 1 + len(web_company.TEAMS)
        image = message.block("image")
        content = there.slack.files[image["slack_file"]["id"]]["content"]
        width, height = struct.unpack(">II", content[16:24])
        assert content.startswith(b"\x89PNG")
        assert 600 < width < 1_600
        assert height > 200
        assert COMMON in image["alt_text"]
        assert "Effective cost · Feb 2026 · by team" in message.words
        assert (
            message.button("More in the web")["url"] == "https://costs.example/?prompt=cost%20by%20team%20last%20month"
        )
        assert list(tmp_path.glob("**/*.png")) == list(tmp_path.glob("**/*.csv")) == []


@scenario
async def test_a_thread_goes_on_for_those_who_asked_in_it(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        first = await there.ask(ADA, "cost by team in January 2026", "C3")
        await there.slack.push(there.slack.event(there.slack.line(ADA, "and by service?", "C3", first.thread)))
        second = await there.slack.answer("C3", first.thread, 2)
        assert "Jan 2026 · by service" in second.words
        other = await there.ask(ADA, "cost by service", "C3")  # another thread knows nothing of January
        assert "Jan 2026 ·" not in other.words
        there.slack.channels["C3"]["members"].append(BEN)
        await there.slack.push(there.slack.event(there.slack.line(BEN, "lunch?", "C3", first.thread)))
        await there.slack.push(there.slack.event(there.slack.line(ADA, f"<@{BEN}> look", "C3", first.thread)))
        await there.slack.push(there.slack.event(there.slack.line(ADA, "cost of nobody", "C3")))
        await there.quiet()
        assert len(there.slack.said("C3", first.thread)) == 2
        assert len(there.slack.said("C3")) == 3


@scenario
async def test_a_question_that_asks_back_is_answered_by_a_button(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        asked = await there.write(ADA, "cost of teh Bold last month")
        assert "I don't know “teh”" in asked.words
        await there.click(ADA, asked, asked.button("Compute"))
        chosen = await there.slack.answer(f"D{ADA}", nth=2)
        assert "Compute" in chosen.words
        assert "“teh”" not in chosen.words
        forged = asked.button("Compute") | {"action_id": "choose:77"}
        await there.click(ADA, asked, forged)
        await there.quiet()


def test_many_options_become_a_menu_and_long_texts_are_cut() -> None:
    options = tuple(f"{n} {'long ' * 40}" for n in range(120))
    message = blocks.asked_back(Answer("clarify", "A1", "q", clarify=Clarification("which? " * 900, options)))
    validate([*message.blocks], 50)
    (menu,) = message.blocks[1]["elements"]
    assert (menu["type"], len(menu["options"])) == ("static_select", 100)
    chosen = {**menu, "selected_option": menu["options"][7], "action_ts": "1"}
    job = requests.of_action(
        {"actions": [chosen], "user": {"id": ADA}, "channel": {"id": "D1"}, "message": {"ts": "1"}}
    )
    assert job
    assert (job.do, job.text, job.answer_id) == ("choose", "7", "A1")


@scenario
async def test_buttons_break_down_compare_and_say_why(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        first = await there.ask(ADA, "cost last month", "C3")
        assert "image" not in first.kinds()  # one number needs no picture
        await there.click(ADA, first, first.button("Compare with"))
        second = await there.slack.answer("C3", first.thread, 2)
        assert "compared with Jan 2026" in second.words
        await there.click(ADA, second, second.button("By provider"))
        third = await there.slack.answer("C3", first.thread, 3)
        assert third.block("image")["alt_text"].startswith("Steps of Effective cost")
        await there.click(ADA, second, second.button("Why did it change?"))
        why = await there.slack.answer("C3", first.thread, 4)
        assert "The largest causes" in why.words
        assert "by provider" not in why.words
        menu = next(e for b in first.blocks for e in b.get("elements", ()) if e["type"] == "static_select")
        option = next(o for o in menu["options"] if o["value"] == "by:provider")
        await there.click(ADA, first, menu | {"selected_option": option})
        last = await there.slack.answer("C3", first.thread, 5)
        assert "Feb 2026 · by provider" in last.words


@scenario
async def test_the_sql_is_shown_in_a_modal(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path, slack_web_url="https://costs.example") as there:
        message = await there.ask(ADA, "cost by team last month", "C3")
        await there.click(ADA, message, message.button("Show SQL"))
        (view,) = await there.slack.until(lambda: [v for v in there.slack.modals.values() if len(v["blocks"]) > 1])
        code = view["blocks"][0]["elements"][0]
        assert code["type"] == "rich_text_preformatted"
        assert "SELECT" in code["elements"][0]["text"]
        assert "https://costs.example/?prompt=cost" in json.dumps(view)
        await there.click(
            BEN, message, message.button("Show SQL")
        )  # who is not in the channel can click nothing there,
        there.slack.channels["C3"]["members"].append(MALLORY)  # and if they could:
        there.bot.store.forget_room("C3")
        await there.click(MALLORY, message, message.button("Show SQL"))
        await there.slack.until(lambda: "not in askcost" in json.dumps(list(there.slack.modals.values())))


@scenario
async def test_a_number_is_explained(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        message = await there.ask(ADA, "cost by team last month", "C3")
        await there.slack.push(there.slack.shortcut(ADA, message), kind="interactive")
        (view,) = await there.slack.until(lambda: [v for v in there.slack.modals.values() if len(v["blocks"]) > 1])
        said = json.dumps(view, ensure_ascii=False)
        assert "Effective cost · Feb 2026 · by team" in said
        assert "cost_and_usage.EffectiveCost" in said
        there.slack.modals.clear()
        await there.slack.push(there.slack.shortcut(ADA, Message("C3", "1.2", "we spent $5", [])), kind="interactive")
        await there.slack.until(lambda: "no answer of askcost" in json.dumps(list(there.slack.modals.values())))


@scenario
async def test_thousands_of_rows_are_cut_and_the_file_has_them_all(once: Once, tmp_path: Path) -> None:
    async with office(large(once), tmp_path) as there:
        message = await there.ask(ADA, "cost by resource on 2025-12-15", "C3")
        assert f"of {ROWS + 1:,} rows" in message.words
        assert len(message.block("table")["rows"]) == 21
        await there.click(ADA, message, message.button("CSV file"))
        file = await there.sent()
        rows = list(csv.reader(io.StringIO(file["content"].decode())))
        assert len(rows) == ROWS + 2
        await there.quiet()
        assert (file["channel"], file["thread"]) == ("C3", message.thread)


@scenario
async def test_a_receipt_shows_the_record_and_the_answer_run_again(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        message = await there.ask(ADA, "cost by team last month", "C3")
        await there.click(ADA, message, message.button("Receipt"))
        (view,) = await there.slack.until(lambda: [v for v in there.slack.modals.values() if len(v["blocks"]) > 1])
        said = json.dumps(view, ensure_ascii=False)
        assert "Question: cost by team last month" in said
        assert "Run again: The data is the same, and so is the answer" in said


@scenario
async def test_names_from_the_data_stay_text(once: Once, tmp_path: Path) -> None:
    async with office(large(once), tmp_path) as there:
        for text in ("cost by team on 2025-12-20", "cost by team and service on 2025-12-20"):
            message = await there.ask(ADA, text, "C3")
            assert "!channel" in message.words  # it is there, as text
            assert "<" not in message.text
            assert "https://evil" not in message.words
            marked = [t for block in message.blocks for t in texts(block) if t.get("type") == "mrkdwn"]
            assert marked == []
        refusal = await there.ask(ADA, "cost of &lt;!channel&gt; zebra last month", "C3")
        assert "<" not in refusal.text
        await there.click(ADA, message, message.button("CSV file"))
        file = await there.sent()
        assert "'=HYPERLINK" in file["content"].decode()


def texts(value: Any) -> list[dict[str, Any]]:
    """Every text object inside."""
    if isinstance(value, list):
        return [found for one in value for found in texts(one)]
    if not isinstance(value, dict):
        return []
    return ([value] if isinstance(value.get("text"), str) else []) + texts(list(value.values()))


# --- home, pane, what people keep -----------------------------------------------------------------------------


@scenario
async def test_the_home_has_briefing_allowance_and_saved_questions(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        message = await there.write(ADA, "cost by team last month")
        follow = await there.write(ADA, "and by service?")
        await there.click(ADA, message, message.button("Save question"))
        await there.slack.until(lambda: any("Saved: “cost by team" in m.words for m in there.slack.said(f"D{ADA}")))
        await there.click(ADA, follow, follow.button("Save question"))
        await there.slack.until(lambda: any("can't be saved" in m.words for m in there.slack.said(f"D{ADA}")))
        opened = {"type": "app_home_opened", "user": ADA, "tab": "home", "event_ts": "1"}
        await there.slack.push(there.slack.event(opened))
        home = await there.slack.until(lambda: there.slack.homes.get(ADA))
        said = json.dumps(home, ensure_ascii=False)
        assert "Last week: " in said
        assert "cost no tokens" in said
        (ask,) = [e for b in home["blocks"] for e in b.get("elements", ()) if e.get("action_id") == "ask:saved"]
        assert ask["value"] == "cost by team last month"
        before = len(there.slack.said(f"D{ADA}"))
        await there.slack.push(there.slack.click(ADA, None, ask), kind="interactive")
        assert ALL in (await there.slack.answer(f"D{ADA}", nth=before + 1)).words
        await there.slack.push(there.slack.click(ADA, None, {**ask, "action_id": "unsave"}), kind="interactive")
        await there.slack.until(lambda: "ask:saved" not in json.dumps(there.slack.homes[ADA]))


@pytest.mark.parametrize("streams", [True, False])
@scenario
async def test_the_pane_suggests_shows_a_status_and_streams_where_it_can(
    streams: bool, once: Once, tmp_path: Path
) -> None:
    async with office(small(once), tmp_path) as there:
        there.slack.streams = streams
        thread, place = there.slack.ts(), f"D{ADA}"
        context = {"channel_id": "C1", "team_id": "T1", "enterprise_id": None}
        pane = {"user_id": ADA, "context": context, "channel_id": place, "thread_ts": thread}
        started = {"type": "assistant_thread_started", "assistant_thread": pane, "event_ts": "1"}
        await there.slack.push(there.slack.event(started))
        (prompts,) = await there.slack.until(lambda: there.slack.of("assistant.threads.setSuggestedPrompts"))
        assert prompts["prompts"][0]["message"].startswith("Cost by")
        message = await there.write(ADA, "cost by team last month", thread)
        assert ALL in message.words
        assert message.kinds()[0] == "section"
        assert there.slack.of("assistant.threads.setStatus")[0]["status"] == "is reading your costs…"
        (begun,) = there.slack.of("chat.startStream")
        assert begun["recipient_user_id"] == ADA
        assert len(there.slack.of("chat.stopStream")) == streams
        follow = await there.write(ADA, "and by service?", thread)
        assert "Feb 2026 · by service" in follow.words


@scenario
async def test_feedback_is_kept(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        message = await there.ask(ADA, "cost last month", "C3")
        button = message.block("context_actions")["elements"][0]
        await there.click(ADA, message, {**button, "value": "down"})
        rows = await there.slack.until(lambda: there.bot.store._rows("SELECT user, value FROM feedback"))
        assert rows == [("ada", "down")]


# --- what the documentation shows ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["answer", "clarify", "alert", "anomalies"])
def test_the_examples_in_docs_are_blocks_that_slack_takes(name: str) -> None:
    content = json.loads((DOCS / f"slack-{name}.json").read_text(encoding="utf-8"))
    validate(content["blocks"], 50)
    assert content["text"]


def test_the_home_in_docs_is_a_view_that_slack_takes() -> None:
    home = json.loads((DOCS / "slack-home.json").read_text(encoding="utf-8"))
    validate(home["blocks"], 100)
    assert "Your alerts" in json.dumps(home)


def test_the_manifest_asks_for_what_the_doctor_looks_for() -> None:
    manifest = yaml.safe_load((DOCS / "slack-manifest.yaml").read_text(encoding="utf-8"))
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == SCOPES
