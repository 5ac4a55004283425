"""The Slack bot never shows a channel more than its least-privileged reader may see, and strangers nothing."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import Once
from slack_office import (
    ADA,
    ALL,
    BEN,
    BENS,
    COMMON,
    CYD,
    CYDS,
    MALLORY,
    NIMBUS,
    office,
    scenario,
    small,
)
from slack_server import BOT

# --- who sees what ------------------------------------------------------------------------------------------


@scenario
async def test_each_sees_what_they_may(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        for user, total in ((ADA, ALL), (BEN, BENS), (CYD, CYDS)):
            assert total in (await there.write(user, "cost last month")).words
        await there.slack.push(there.slack.command(BEN, "cost last month", "C9"), kind="slash_commands")
        commanded = await there.slack.answer(f"D{BEN}", nth=2)
        assert BENS in commanded.words


@scenario
async def test_a_channel_sees_what_all_its_members_may(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        for channel, shared in (("C1", COMMON), ("C2", BENS), ("C3", ALL)):
            message = await there.ask(ADA, "cost last month", channel)
            assert shared in message.words
            assert ("Whoever asked may see more" in message.words) is (channel != "C3")
            for hidden in {ALL, BENS, CYDS} - {shared}:
                assert hidden not in message.words
            assert "Cumulus" not in message.words  # a policy names what others must not know of
        await there.quiet()
        privately = there.slack.said(f"D{ADA}")
        assert [ALL in message.words for message in privately] == [True, True]
        by_ben = await there.ask(BEN, "cost last month", "C2")  # sees no more than the channel
        assert "may see more" not in by_ben.words
        assert there.slack.said(f"D{BEN}") == []


@scenario
async def test_a_hidden_name_is_unknown_in_the_channel(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        hidden = await there.ask(ADA, "cost of Nimbus last month", "C2")
        never = await there.ask(ADA, "cost of Zzyzxqua last month", "C2")
        strip = lambda m: m.words.replace("Zzyzxqua", "Nimbus")  # noqa: E731
        assert strip(hidden) == strip(never)
        await there.quiet()
        assert NIMBUS in there.slack.said(f"D{ADA}")[0].words


@scenario
async def test_clicks_in_a_channel_show_what_the_channel_may_see(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        message = await there.ask(ADA, "cost by provider last month", "C2")
        await there.click(ADA, message, message.button("By service category"))
        changed = await there.slack.answer("C2", message.thread, 2)
        assert BENS in changed.words
        await there.click(BEN, message, message.button("CSV file"))
        file = await there.sent()
        assert "Nimbus" not in file["content"].decode()
        # A private answer's button is worth nothing in the hands of the channel.
        own = await there.slack.answer(f"D{ADA}")
        assert "Nimbus" in own.words
        await there.click(BEN, message, own.button("By service category"))
        refused = await there.slack.answer("C2", message.thread, 3)
        assert "no such answer" in refused.words


@scenario
async def test_who_joins_is_counted_and_who_leaves_is_not(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        members = there.slack.channels["C3"]["members"]
        assert ALL in (await there.ask(ADA, "cost last month", "C3")).words
        members.append(BEN)
        joined = {"type": "member_joined_channel", "user": BEN, "channel": "C3", "channel_type": "C", "event_ts": "1"}
        await there.slack.push(there.slack.event(joined))
        assert BENS in (await there.ask(ADA, "cost last month", "C3")).words
        members.remove(BEN)
        await there.slack.push(there.slack.event({**joined, "type": "member_left_channel"}))
        assert ALL in (await there.ask(ADA, "cost last month", "C3")).words
        reads = len(there.slack.of("conversations.info"))
        await there.ask(ADA, "cost last month", "C3")
        assert len(there.slack.of("conversations.info")) == reads


@scenario
async def test_a_reader_that_nobody_knows_closes_the_channel(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        message = await there.ask(ADA, "cost last month", "C4")
        assert "not known to askcost" in message.words
        own = await there.slack.answer(f"D{ADA}")
        assert ALL in own.words
        assert ALL not in message.words
        there.slack.bots.add("UAPP")
        there.slack.channels["C3"]["members"].append("UAPP")  # an app is no reader
        assert ALL in (await there.ask(ADA, "cost last month", "C3")).words
        there.slack.channels["C3"]["members"] = ["UAPP", BOT]  # nobody reads it, says Slack; nothing is shown
        there.bot.store.forget_room("C3")
        empty = await there.ask(ADA, "cost last month", "C3")
        assert ALL not in empty.words
        there.slack.fail["conversations.members"] = [(200, {"ok": False, "error": "missing_scope"}, {})]
        there.bot.store.forget_room("C3")
        unsure = await there.ask(ADA, "cost last month", "C3")
        assert "missing_scope" in unsure.words
        assert ALL not in unsure.words


@scenario
async def test_an_unknown_user_is_told_how_to_be_added_and_gets_nothing(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path) as there:
        await there.slack.push(there.slack.mention(MALLORY, "cost last month", "C4"))
        await there.slack.push(there.slack.event(there.slack.line(MALLORY, "cost last month", f"D{MALLORY}")))
        await there.slack.push(
            there.slack.event({"type": "app_home_opened", "user": MALLORY, "tab": "home", "event_ts": "1"})
        )
        told = [await there.slack.answer(f"D{MALLORY}")]
        await there.slack.until(lambda: there.slack.ephemeral and there.slack.homes)
        ((channel, user, whispered),) = there.slack.ephemeral
        assert (channel, user) == ("C4", MALLORY)
        for said in (told[0].words, whispered.words, json.dumps(there.slack.homes[MALLORY])):
            assert MALLORY in said
            assert "table `users`" in said
            assert "$" not in said
        assert there.slack.said("C4") == []


@scenario
async def test_shared_channels_are_closed_unless_they_are_listed(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path, slack_shared_channels=("C2",)) as there:
        for channel in ("C2", "C3"):
            there.slack.channels[channel]["info"]["is_ext_shared"] = True
        await there.slack.push(there.slack.mention(ADA, "cost last month", "C3"))
        await there.slack.until(lambda: there.slack.ephemeral)
        assert "shared with others" in there.slack.ephemeral[0][2].words
        assert BENS in (await there.ask(ADA, "cost last month", "C2")).words
        await there.quiet()
        assert there.slack.said("C3") == []


@scenario
async def test_public_channels_can_be_left_out(once: Once, tmp_path: Path) -> None:
    async with office(small(once), tmp_path, slack_public_channels=False) as there:
        there.slack.channels["C3"]["info"]["is_private"] = False
        message = await there.ask(ADA, "cost last month", "C3")
        assert "private channels only" in message.words
