"""Alerts in a conversation: which words want one, what is shown before it is kept, and whose it is."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import web_company
import yaml
from click.testing import CliRunner, Result

from assistant.alerts.firing import Watch
from assistant.alerts.meaning import day_of, meant
from assistant.alerts.phrases import phrases
from assistant.alerts.talk import Reply, Speaker, Talk
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk.desk import Desk
from assistant.errors import Clarify, Refused
from assistant.surfaces.cli.main import main
from assistant.warehouse.load import load

TESTS = Path(__file__).parent
SAID = yaml.safe_load((TESTS / "cases" / "alert_talk.yaml").read_text(encoding="utf-8"))
SAYS = phrases(Config().schemas)
WORDS = "tell me when cost passes 600 dollars a month"  # January 652.86, February 591.36


@pytest.mark.parametrize(("what", "words"), [(what, words) for what, all_ in SAID.items() for words in all_])
def test_words_want_an_alert_or_a_question(what: str, words: str) -> None:
    found = meant(words, SAYS)
    assert (found.what if found else "none") == what


def test_no_question_of_the_corpus_becomes_an_alert() -> None:
    asked = [
        str(line.split("question:", 1)[1]).strip(" '\"")
        for file in (TESTS / "corpus").glob("*.yaml")
        for line in file.read_text(encoding="utf-8").splitlines()
        if "question:" in line
    ]
    assert len(asked) > 500
    assert [words for words in asked if meant(words, SAYS)] == []


@pytest.mark.parametrize(
    ("words", "day"),
    [("Friday", "2026-03-13"), ("tuesday", "2026-03-17"), ("tomorrow", "2026-03-11"), ("2 weeks", "2026-03-24"),
     ("a week", "2026-03-17"), ("1 March", "2027-03-01"), ("2026-12-01", "2026-12-01"),
     ("the next month", "2026-04-09")],
)  # fmt: skip
def test_the_end_of_a_mute_in_words(words: str, day: str) -> None:
    assert day_of(words, web_company.TODAY, SAYS).isoformat() == day  # a Tuesday


def test_no_day_to_come() -> None:
    with pytest.raises(Clarify, match="I don't know the day “pigs fly”"):
        day_of("pigs fly", web_company.TODAY, SAYS)


# --- a conversation ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company of the web tests; Ada has an address, Ben sees one provider."""
    path = web_company.build(tmp_path_factory.mktemp("talk") / "costs.duckdb")
    with open(path.parent / "people.csv", "w", newline="") as file:
        rows = [("user", "role", "row_policy", "email"), ("ada", "executive", "", "ada@bank.example")]
        csv.writer(file).writerows([*rows, ("ben", "analyst", "provider = Cumulus", "")])
    load([str(path.parent / "people.csv")], path, "users", replace=True)
    return path


@pytest.fixture
def talk(warehouse: Path, tmp_path: Path) -> Iterator[Talk]:
    config = Config(
        warehouse=warehouse,
        ledger=tmp_path / "ledger.sqlite",
        alerts_slack={"#finance": "http://127.0.0.1:9/hook"},  # type: ignore[dict-item]
        smtp_url="smtp://127.0.0.1:9",  # type: ignore[arg-type]
        alerts_from="askcost@bank.example",
    )
    own = Talk(Desk(Assistant(config, surface="web"), web_company.TODAY))
    yield own
    own.desk.assistant.close()
    own.watch.alerts.store.close()


def said(talk: Talk, words: str, user: str | None = None, thread: str = "t", **more: str) -> Reply:
    reply = talk.reply(words, Speaker(user, thread, **more))
    assert reply
    return reply


def kept(talk: Talk, words: str, user: str | None = None) -> str:
    draft = said(talk, words, user).draft
    assert draft
    talk.keep(draft.rule.words, draft.seal, Speaker(user, "t"))
    return list(talk.watch.rules())[-1]


def test_a_draft_shows_what_it_would_have_sent_and_is_kept_when_confirmed(talk: Talk) -> None:
    reply = said(talk, f"{WORDS}, to #finance")
    assert reply.draft
    assert reply.draft.head == "In the last 45 days it would have sent 1 message"
    assert "above $600.00" in reply.draft.sent[0].message.title
    assert talk.watch.rules() == {}
    text, seal = reply.draft.rule.words, reply.draft.seal
    changed = talk.keep(text.replace("600", "590"), seal, Speaker(None, "t"))
    assert changed.draft
    assert "read differently" in changed.text
    assert talk.watch.rules() == {}
    assert talk.keep(text, seal, Speaker(None, "t")).text.startswith("Kept: ")
    assert "already" in talk.keep(text, seal, Speaker(None, "t")).text
    assert len(talk.watch.rules()) == 1


def test_it_goes_to_ones_own_address_or_its_place_is_asked_for(talk: Talk) -> None:
    draft = said(talk, WORDS, "ada").draft
    assert draft
    assert (draft.rule.channel.to, draft.rule.owner) == ("ada@bank.example", "ada")
    asked = said(talk, WORDS, "ben")
    assert asked.text.startswith("Where should it be sent?")
    assert asked.choices == (("To #finance", f"{WORDS}, to #finance"),)
    answered = said(talk, "to #finance", "ben").draft
    assert answered
    assert (answered.rule.channel.to, answered.rule.owner) == ("#finance", "ben")
    assert talk.reply("to #finance", Speaker("ben", "t")) is None  # asked once, answered once
    assert talk.reply("to #finance", Speaker("ben", "another")) is None


def test_it_runs_as_its_owner(talk: Talk) -> None:
    """Ben sees one provider, which is below that."""
    assert said(talk, f"{WORDS}, to #finance", "ben").draft.head.endswith("0 messages")  # type: ignore[union-attr]
    hidden = said(talk, "tell me when cost of Nimbus passes 5 dollars a day, to #finance", "ben")
    assert hidden.draft is None
    assert "I don't know “Nimbus”" in hidden.text


def test_what_is_not_understood_is_asked_with_whole_rules_to_choose(talk: Talk) -> None:
    half = said(talk, "tell me when cost passes 20 dollars, to #finance")
    assert half.text == "“passes 20 dollars” in how long?"
    assert half.choices[0][1] == "tell me when cost passes 20 dollars a day, to #finance"
    assert said(talk, half.choices[0][1]).draft
    wrong = said(talk, "tell me when cost of Cumulonimbus passes 5 dollars a day, to #finance")
    assert ("Cumulus", "tell me when cost of Cumulus passes 5 dollars a day, to #finance") in wrong.choices


def test_a_threshold_of_a_certain_time_stays_a_question(talk: Talk) -> None:
    assert talk.reply("tell me when cost passes 9 dollars a day in February", Speaker(None, "t")) is None
    assert (
        "leave “February” out" in said(talk, "alert me when cost passes 9 dollars a day in February, to #finance").text
    )


def test_a_place_that_the_settings_do_not_know_is_refused(talk: Talk) -> None:
    assert "does not know the Slack channel #secret" in said(talk, f"{WORDS}, to #secret").text
    assert "E-mail goes to bank.example only" in said(talk, f"{WORDS}, to ann@evil.example").text
    assert talk.watch.rules() == {}


def test_everybody_handles_their_own(talk: Talk) -> None:
    own, other = kept(talk, f"{WORDS}, to #finance"), kept(talk, f"{WORDS}, to #finance", "ben")
    [listed] = said(talk, "my alerts", "ben").alerts
    assert (listed.id, listed.muted) == (other, None)
    with pytest.raises(Refused, match="no such alert of yours"):
        talk.decide(own, "remove", "ben")
    assert said(talk, "mute it until Friday", "ben").until == date(2026, 3, 13)
    assert talk.decide(other, "mute", "ben", date(2026, 3, 13)).endswith("is quiet until Fri 13 Mar 2026.")
    assert said(talk, "my alerts", "ben").alerts[0].muted == "until Fri 13 Mar 2026"
    with pytest.raises(Refused, match="no day to come"):
        talk.decide(other, "mute", "ben", web_company.TODAY)
    talk.decide(other, "unmute", "ben")
    assert said(talk, "my alerts", "ben").alerts[0].muted is None
    talk.decide(other, "remove", "ben")
    assert said(talk, "my alerts", "ben").text.startswith("You have no alerts")
    assert len(talk.watch.rules()) == 1


def test_remove_that_is_about_an_alert_only_after_one(talk: Talk) -> None:
    assert talk.reply("remove that", Speaker(None, "fresh")) is None
    assert said(talk, "my alerts", thread="fresh").text.startswith("You have no alerts")
    assert said(talk, "remove that", thread="fresh").text.startswith("You have no alerts")


def test_a_slack_channel_takes_alerts_of_its_readers_only(talk: Talk) -> None:
    talk.desk.assistant.config = talk.desk.assistant.config.model_copy(update={"slack_bot_token": "xoxb-test"})
    here = Talk(talk.desk, lambda channel: {"C01": ("ada",), "C02": ("ada", "ben")}[channel])
    draft = said(here, f"{WORDS}, to slack:C02", "ben").draft
    assert draft
    assert "every reader there may see too" in draft.facts[-1]
    assert "You don't read C01 yourself" in said(here, f"{WORDS}, to slack:C01", "ben").text
    assert isinstance(here.watch, Watch)


def test_the_terminal_shows_a_draft_and_keeps_nothing_by_itself(warehouse: Path, tmp_path: Path) -> None:
    config = Config(
        warehouse=warehouse,
        ledger=tmp_path / "l.sqlite",
        alerts_slack={"#finance": "http://127.0.0.1:9/hook"},  # type: ignore[dict-item]
    )
    run = CliRunner()

    def ask(words: str, *more: str) -> Result:
        settings = {"ASKCOST_WAREHOUSE": str(warehouse), "ASKCOST_LEDGER": str(config.ledger)}
        settings["ASKCOST_ALERTS_SLACK"] = '{"#finance": "http://127.0.0.1:9/hook"}'
        return run.invoke(main, ["ask", words, "--today", web_company.TODAY.isoformat(), *more], env=settings)

    shown = ask(f"{WORDS}, to #finance")
    assert shown.exit_code == 3
    assert "would have sent 1 message" in shown.output
    assert "Nothing was kept" in shown.output
    asked = json.loads(ask(f"{WORDS}, to #finance", "--json").output)
    assert asked["status"] == "clarify"
    assert asked["clarify"]["options"] == [f"askcost alerts add '{WORDS}, to #finance' --yes"]
    assert "You have no alerts" in ask("my alerts").output
    assert "$591.36" in ask("cost last month").output
