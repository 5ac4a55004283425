"""The Slack bot answers every question once: retries, limits, broken sockets, restarts, bursts; the command itself."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
import web_company
from aiohttp import web
from conftest import Once
from desk import Desk as CommandDesk
from slack_office import (
    ADA,
    ALL,
    make,
    office,
    scenario,
    small,
)
from slack_server import BOT, SlackServer

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import AssistantError
from assistant.surfaces.cli import slacking
from assistant.surfaces.slack.bot import PATH
from assistant.surfaces.slack.checks import SCOPES, checks
from assistant.surfaces.slack.store import Job, Post, Store

# --- delivery -----------------------------------------------------------------------------------------------


@scenario
async def test_a_retried_event_is_answered_once(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        event = there.slack.mention(ADA, "cost last month", "C3")
        as_message = there.slack.event({**event["event"], "type": "message"})  # the same, by another subscription
        for payload in (event, event, as_message):
            await there.slack.push(payload, retry=1)
        await there.slack.answer("C3")
        await there.slack.push(event, retry=2)
        await there.quiet()
        assert len(there.slack.said("C3")) == 1


@scenario
async def test_slack_may_ask_to_wait(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        wait = (429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "0"})
        there.slack.fail = {"chat.postMessage": [wait, wait], "chat.update": [wait]}
        message = await there.ask(ADA, "cost last month", "C3")
        assert ALL in message.words
        assert len(there.slack.said("C3")) == 1
        assert len(there.slack.of("chat.postMessage")) == 3


@scenario
async def test_a_picture_that_slack_does_not_take_costs_only_the_picture(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        refusal = (200, {"ok": False, "error": "invalid_blocks"}, {})
        there.slack.fail = {"chat.update": [refusal]}
        message = await there.ask(ADA, "cost by team last month", "C3")
        assert "image" not in message.kinds()
        assert "table" in message.kinds()


@scenario
async def test_a_socket_that_breaks_is_opened_again(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        await there.slack.sockets[0].send_json({"type": "disconnect", "reason": "refresh_requested"})
        await there.slack.until(lambda: there.slack.connections == 2)
        assert ALL in (await there.ask(ADA, "cost last month", "C3")).words


@scenario
async def test_what_a_bot_left_unfinished_another_finishes_in_the_same_message(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        dead = Store(tmp_path / "slack.sqlite")
        acknowledged = there.slack._chat_postMessage(
            {"channel": "C3", "text": "Working on it…", "thread_ts": "1.1", "unfurl_links": False}
        )
        job = Job("C3:1.1", "ask", ADA, "C3", "1.1", "cost last month")
        dead.put(job)
        assert dead.take("a dead bot", 0.2, 1) == [job]
        dead.posted(job.key, "channel", Post("C3", acknowledged["ts"], thread="slack:C3:1.1"))
        dead.close()
        await asyncio.sleep(0.25)
        there.bot._wake.set()
        message = await there.slack.answer("C3", "1.1")
        assert ALL in message.words
        await there.quiet()
        assert len(there.slack.said("C3")) == 1


@scenario
async def test_questions_of_one_conversation_are_answered_in_order(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path, bots=2) as there:
        lines = ("cost by team in January 2026", "and by service?", "only Nimbus", "compared to the month before")
        for n, text in enumerate(lines):
            await there.slack.push(there.slack.event(there.slack.line(ADA, text, f"D{ADA}")), n)
            # the bots hear over lines of their own: what is sent at once may arrive in another order
            await there.slack.until(lambda n=n: len(there.slack.said(f"D{ADA}")) > n)
        await there.quiet()
        said = [re.search('Understood: ([^"]+)', message.words) for message in there.slack.said(f"D{ADA}")]
        assert [found and found[1] for found in said] == [
            "Effective cost · Jan 2026 · by team",
            "Effective cost · Jan 2026 · by service",
            "Effective cost · Jan 2026 · Provider is Nimbus · by service",
            "Effective cost · Jan 2026 · Provider is Nimbus · by service · compared with Dec 2025",
        ]


@scenario
async def test_what_fails_again_and_again_is_given_up_in_words(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path, lease=0.6) as there:
        there.slack.fail = {"chat.update": [(200, {"ok": False, "error": "fatal_error"}, {})] * 3}
        message = await there.ask(ADA, "cost last month", "C3")
        assert "Something went wrong inside askcost" in message.words
        await there.quiet()
        assert len(there.slack.said("C3")) == 1


@scenario
async def test_a_burst_over_two_bots_is_answered_once_each(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path, bots=2) as there:
        events = [there.slack.mention(ADA, "cost last month", "C3") for _ in range(200)]
        envelopes = set()
        for n, event in enumerate(events):
            envelopes.add(await there.slack.push(event, n % 2))
            if n % 4 == 0:
                envelopes.add(await there.slack.push(event, (n + 1) % 2, retry=1))
        await there.slack.until(lambda: envelopes <= there.slack.acknowledged, 30)
        await there.slack.until(lambda: len(there.slack.said("C3")) >= 200, 45)
        await there.quiet()
        answered = [message for message in there.slack.said("C3") if ALL in message.words]
        assert {message.words for message in there.slack.said("C3") if ALL not in message.words} == set()
        assert sorted(m.thread for m in answered) == sorted(e["event"]["ts"] for e in events)
        assert len(there.slack.said("C3")) == 200
        owners = there.bot.store._rows("SELECT owner, count(*) FROM jobs GROUP BY 1")
        assert len(owners) == 2


@scenario
async def test_the_command_runs_until_it_is_told_to_stop(once: Once, tmp_path: Path) -> None:
    async with SlackServer() as slack:
        slack.channels["C3"] = {"info": {"is_private": True}, "members": [ADA, BOT]}
        settings = {
            "ASKCOST_SLACK_BOT_TOKEN": "xoxb-test",
            "ASKCOST_SLACK_APP_TOKEN": "xapp-test",
            "ASKCOST_SLACK_BASE_URL": slack.base_url,
            "ASKCOST_WAREHOUSE": str(shutil.copyfile(small(once), tmp_path / "costs.duckdb")),
            "PYTHONPATH": str(Path(__file__).parent.parent),
        }
        command = ("-m", "assistant.surfaces.cli.main", "slack", "--today", web_company.TODAY.isoformat())
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=PIPE, stderr=PIPE, env={**os.environ, **settings}, cwd=tmp_path
        )
        await slack.push(slack.mention(ADA, "cost by team last month", "C3"))
        message = await slack.answer("C3")
        process.terminate()
        out, error = await process.communicate()
        assert ALL in message.words
        assert "image" in message.kinds()
        assert (process.returncode, error.decode()) == (0, "")
        assert b"is connected to Slack" in out
        assert (tmp_path / "costs.slack.sqlite").stat().st_mode & 0o077 == 0


@scenario
async def test_the_doctor_checks_tokens_scopes_and_people(once: Once, tmp_path: Path) -> None:
    async with SlackServer() as slack:
        config = Config(
            warehouse=small(once),
            ledger=tmp_path / "ledger.sqlite",
            slack_bot_token="xoxb-test",
            slack_app_token="xapp-test",
            slack_base_url=slack.base_url,
        )
        assistant = Assistant(config)
        slack.scopes = ",".join(SCOPES)
        good = await asyncio.to_thread(lambda: list(checks(config, assistant)))
        assert all(check.good for check in good), good
        assert "3 of 3 users" in good[-1].what
        slack.scopes = "chat:write,commands"
        slack.fail["apps.connections.open"] = [(200, {"ok": False, "error": "invalid_auth"}, {})]
        bad = [c for c in await asyncio.to_thread(lambda: list(checks(config, assistant))) if not c.good]
        assert ["scopes missing: app_mentions:read" in bad[0].what, "invalid_auth" in bad[1].what] == [True, True]
        assert all(check.then for check in bad)
        slack.fail["auth.test"] = [(200, {"ok": False, "error": "token_revoked"}, {})]
        with pytest.raises(AssistantError, match=r"bot token does not work \(token_revoked\)"):
            await asyncio.to_thread(slacking.check, config, assistant)
        assistant.close()


def test_without_tokens_the_command_says_what_is_missing(desk: CommandDesk) -> None:
    done = desk.run("slack")
    assert done.returncode == 1
    assert "ASKCOST_SLACK_BOT_TOKEN and ASKCOST_SLACK_APP_TOKEN must be set" in done.stderr
    assert "Slack: not set up" in desk.run("doctor").stdout


# --- HTTP mode ----------------------------------------------------------------------------------------------


@scenario
async def test_http_mode_takes_signed_and_fresh_requests_only(once: Once, tmp_path: Path) -> None:
    async with SlackServer() as slack:
        slack.channels["C3"] = {"info": {"is_private": True}, "members": [ADA, BOT]}
        bot = make(small(once), tmp_path, slack)
        await bot.start()
        runner = web.AppRunner(bot.server("127.0.0.1", 0).web_app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
        try:
            event = slack.mention(ADA, "cost by team last month", "C3")
            assert (await slack.post(url, event, secret="another"))[0] == 401
            assert (await slack.post(url, event, age=600))[0] == 401
            assert bot.store._rows("SELECT 1 FROM jobs") == []
            challenge = {"type": "url_verification", "challenge": "abc", "token": "x"}
            assert (await slack.post(url, challenge)) == (200, '{"challenge": "abc"}')
            assert (await slack.post(url, event))[0] == 200
            retry = {"x-slack-retry-num": "1", "x-slack-retry-reason": "http_timeout"}
            assert (await slack.post(url, event, **retry))[0] == 200
            message = await slack.answer("C3")
            click = slack.click(ADA, message, message.button("Compare with"))
            assert (await slack.post(url, {"payload": json.dumps(click)}, form=True))[0] == 200
            await slack.answer("C3", nth=2)
            status, text = await slack.post(url, slack.command(ADA, "cost last month"), form=True)
            assert (status, "direct message" in text) == (200, True)
            assert ALL in (await slack.answer(f"D{ADA}")).words
            assert len(slack.said("C3")) == 2
        finally:
            await runner.cleanup()
            await bot.stop(0)
            bot.store.close()
            bot.answering.desk.assistant.close()
