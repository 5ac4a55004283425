"""Alerts and incidents in Slack: asked for in words, kept and handled by buttons, by those who may."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import web_company
from conftest import Once
from slack_office import ADA, BEN, BENS, COMMON, CYD, MALLORY, Office, odd, office, scenario, small
from slack_server import Message

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk import incidents
from assistant.desk.desk import Desk
from assistant.errors import Refused

WORDS = "tell me when cost passes 100 dollars a month"  # all readers of C1 see 168.56 of last month


async def listed(there: Office, user: str) -> list[dict[str, Any]]:
    """What the Home tab shows."""
    there.slack.homes.pop(user, None)
    await there.slack.push(there.slack.event({"type": "app_home_opened", "user": user, "tab": "home", "event_ts": "1"}))
    home = await there.slack.until(lambda: there.slack.homes.get(user))
    return [block for block in home["blocks"] if block["type"] == "actions"]


def offered(message: Message | list[dict[str, Any]], action: str) -> dict[str, Any]:
    blocks = message.blocks if isinstance(message, Message) else message
    found: dict[str, Any] = next(
        e for b in blocks for e in b.get("elements", ()) if str(e.get("action_id")).split(":")[0] == action
    )
    return found


async def press(there: Office, user: str, message: Message | None, action: dict[str, Any]) -> None:
    """A click; without a message in the Home."""
    await there.slack.push(there.slack.click(user, message, action), kind="interactive")


def rules(there: Office) -> list[tuple[str | None, str]]:
    found = there.bot.answering.talk.watch.rules().values()
    return [(rule.owner, rule.channel.to) for rule, _ in found]


@scenario
async def test_an_alert_of_a_channel_holds_what_its_readers_may_see(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        message = await there.ask(ADA, WORDS, "C1")
        assert "it would have sent 2 messages" in message.words
        assert COMMON in message.words
        assert BENS not in message.words
        assert "every reader there may see too" in message.words
        await there.click(BEN, message, offered(message, "alert_keep"))  # who did not ask for it
        await there.slack.until(lambda: there.slack.ephemeral)
        assert "Only who asked" in there.slack.ephemeral[0][2].words
        assert rules(there) == []
        await there.click(ADA, message, offered(message, "alert_keep"))
        await there.slack.until(lambda: "Kept: when above $100.00 a month" in message.words)
        assert rules(there) == [("ada", "C1")]
        assert there.slack.said(f"D{ADA}") == []  # nothing is whispered: the draft is the channel's
        await there.quiet()


@scenario
async def test_a_direct_message_is_where_an_alert_of_it_goes(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        message = await there.write(BEN, WORDS)
        assert BENS in message.words
        assert "your direct messages with askcost" in message.words
        await there.click(BEN, message, offered(message, "alert_not"))
        await there.slack.until(lambda: "Not kept." in message.words)
        again = await there.write(BEN, WORDS)
        await there.click(BEN, again, offered(again, "alert_keep"))
        await there.slack.until(lambda: rules(there) == [("ben", f"D{BEN}")])
        asked_back = await there.write(BEN, "tell me when cost passes 100 dollars")
        await there.click(BEN, asked_back, asked_back.button("passes 100 dollars a day"))
        offer = await there.slack.answer(f"D{BEN}", nth=4)
        assert "when above $100.00 a day" in offer.words


@scenario
async def test_what_goes_elsewhere_is_said_privately(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        await there.slack.push(there.slack.mention(ADA, f"{WORDS}, to <#C3|own>", "C1"))
        private = await there.slack.answer(f"D{ADA}")
        assert "the Slack channel C3" in private.words
        await there.click(ADA, private, offered(private, "alert_keep"))
        await there.slack.until(lambda: rules(there) == [("ada", "C3")])
        await there.slack.push(there.slack.mention(ADA, "my alerts", "C1"))
        mine = await there.slack.answer(f"D{ADA}", nth=2)
        assert WORDS in mine.words
        assert there.slack.said("C1") == []
        stranger = await there.write(BEN, f"{WORDS}, to <#C3|own>")  # Ben is not in C3
        assert "You don't read C3 yourself" in stranger.words


@scenario
async def test_the_home_mutes_and_removes_ones_own_alerts(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        for user in (ADA, BEN):
            message = await there.write(user, WORDS)
            await there.click(user, message, offered(message, "alert_keep"))
        await there.slack.until(lambda: len(rules(there)) == 2)
        blocks = await listed(there, BEN)
        own = offered(blocks, "alert_mute")
        until = {**own, "action_id": "alert_until", "value": f"{own['value']} 2026-04-01"}
        await press(there, BEN, None, until)
        await there.slack.until(lambda: "quiet until Wed 1 Apr 2026" in json.dumps(there.slack.homes[BEN]))
        await press(there, BEN, None, offered(await listed(there, BEN), "alert_unmute"))
        await there.slack.until(lambda: "quiet until" not in json.dumps(there.slack.homes[BEN]))
        foreign = offered(await listed(there, ADA), "alert_remove")
        for user in (BEN, MALLORY):
            await press(there, user, None, foreign)
        mute = await there.write(BEN, "mute it until Friday")
        await there.click(BEN, mute, offered(mute, "alert_until"))
        await there.slack.until(
            lambda: any("is quiet until Fri 13 Mar 2026" in m.words for m in there.slack.said(f"D{BEN}"))
        )
        assert len(rules(there)) == 2
        await press(there, BEN, None, offered(await listed(there, BEN), "alert_remove"))
        await there.slack.until(lambda: rules(there) == [("ada", f"D{ADA}")])


@scenario
async def test_an_incident_is_decided_by_those_who_see_it(once: Once, tmp_path: Path) -> None:
    """The last day is odd at Cumulus, in a service that Cyd does not see."""
    async with office(odd(once), tmp_path) as there:
        message = await there.write(BEN, "anomalies this month")
        expected = offered(message, "incident_expected")
        own = await there.write(CYD, "anomalies this month")
        assert "incident_expected" not in own.words
        await there.click(CYD, own, expected)
        await there.slack.until(lambda: any("There is no incident" in m.words for m in there.slack.said(f"D{CYD}")))
        for user in (ADA, BEN):
            shown = await there.ask(user, "anomalies this month", "C2")
        await there.click(BEN, shown, offered(shown, "incident_expected"))
        await there.slack.until(lambda: any("is expected from now on" in m.words for *_, m in there.slack.ephemeral))
        after = await there.ask(ADA, "anomalies this month", "C2")
        assert "· expected" in after.words
        assert "· expected" in (await there.write(BEN, "anomalies this month")).words  # both of his views
        await there.click(BEN, after, offered(after, "incident_open"))
        await there.slack.until(lambda: any("is open again" in m.words for *_, m in there.slack.ephemeral))
        snooze = offered(await there.ask(BEN, "anomalies this month", "C2"), "incident_snoozed")
        await press(there, BEN, after, {**snooze, "selected_date": "2026-03-20"})
        await there.slack.until(
            lambda: any("is quiet until Fri 20 Mar 2026" in m.words for *_, m in there.slack.ephemeral)
        )


@scenario
async def test_an_alert_of_an_anomaly_has_buttons_that_decide_it(once: Once, tmp_path: Path) -> None:
    async with office(odd(once), tmp_path) as there:
        message = await there.write(BEN, "tell me about new anomalies")
        await there.click(BEN, message, offered(message, "alert_keep"))
        await there.slack.until(lambda: rules(there))
        watch, now = there.bot.answering.talk.watch, there.desk.moment
        [(rule, _)] = watch.rules().values()
        earlier = rule.model_copy(update={"id": "earlier", "made": now - timedelta(days=3)})  # before the odd day
        watch.alerts.add(earlier.id, earlier.model_dump_json())
        [told] = await there.bot.answering.run(watch.run, now)
        assert told.outcome == "sent"
        alert = there.slack.said(f"D{BEN}")[-1]
        assert "Anomaly: " in alert.text
        await there.click(BEN, alert, offered(alert, "incident_closed"))
        await there.slack.until(lambda: any("is closed" in m.words for m in there.slack.said(f"D{BEN}")))
        assert "· closed" in (await there.write(BEN, "anomalies this month")).words


def test_readers_who_see_different_things_share_no_incidents(once: Once, tmp_path: Path) -> None:
    """Both views are of several readers, with the same role and the same note."""
    assistant = Assistant(Config(warehouse=odd(once), ledger=tmp_path / "ledger.sqlite"))
    desk, both, three = Desk(assistant, web_company.TODAY), ("ada", "ben"), ("ada", "ben", "cyd")
    [found] = incidents.of(desk.ask("anomalies this month", "ada", None, both), desk, "ada", both)
    assert incidents.of(desk.ask("anomalies this month", "cyd", None, three), desk, "cyd", three) == []
    for readers in (three, ()):
        with pytest.raises(Refused, match="There is no incident"):
            incidents.decide(desk, found.id, "closed", "cyd", readers=readers)
    with pytest.raises(Refused, match="a day to come"):
        incidents.decide(desk, found.id, "snoozed", "ben", web_company.TODAY, both)
    assert incidents.decide(desk, found.id, "closed", "ben", readers=both) == f"Incident {found.id} is closed."
    assistant.close()
