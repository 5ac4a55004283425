"""Alerts in a conversation, the same for the web, Slack and the terminal: words → what is said and offered.

A rule is kept only when the very draft that was shown is confirmed. Everybody handles their own rules only.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from assistant.alerts import reading, sending
from assistant.alerts.described import span, when
from assistant.alerts.firing import Readers, Watch, muted, unknown
from assistant.alerts.meaning import Meaning, day_of, meant
from assistant.alerts.phrases import phrases
from assistant.alerts.question import EXAMPLES, Asker, Dated
from assistant.alerts.reading import ADDRESS
from assistant.alerts.rule import Alert, Rule, shape
from assistant.assistant import Assistant
from assistant.desk.desk import Desk
from assistant.errors import Clarify, Refused
from assistant.ledger import store
from assistant.ledger.alerts import FOREVER, Alerts, Decision, Kept

SHOWN = 3
MOST_RULES = 50
REMEMBERED = 1_000
MAIL = ("email", "e_mail", "mail", "e-mail", "email_address")  # columns of `users`, where a company has one
NONE = "You have no alerts. Say what you want to be told, like “{}”."
UNKNOWN = re.compile(r"“([^”]+)”")


@dataclass(frozen=True)
class Speaker:
    """Who speaks, where. place: where their alerts go unless they say otherwise; readers: who else reads along."""

    user: str | None
    thread: str | None
    place: str | None = None
    readers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A rule that waits for its confirmation. sent: the newest of what it would have sent. seal: names this draft."""

    rule: Rule
    facts: tuple[str, ...]
    head: str
    sent: tuple[Alert, ...]
    seal: str


@dataclass(frozen=True)
class Listed:
    """A rule in somebody's list. muted: until when, in words; None while it speaks."""

    id: str
    words: str
    facts: str
    muted: str | None


@dataclass(frozen=True)
class Reply:
    """text: what is said. choices: label → what a click on it says. until: the end of a mute that was asked for."""

    text: str
    choices: tuple[tuple[str, str], ...] = ()
    draft: Draft | None = None
    alerts: tuple[Listed, ...] = ()
    until: date | None = None


class Talk:
    """Over one desk. readers: who reads a Slack channel."""

    def __init__(self, desk: Desk, readers: Readers = unknown) -> None:
        own, config = desk.assistant, desk.assistant.config
        if config.has_llm:  # an alert costs no tokens
            own = Assistant(config.model_copy(update={"llm_model": None}), own.engine, own.surface)
        self.desk, self.watch = desk, Watch(own, Alerts(store.of(config)), readers)
        self._waiting: OrderedDict[str, str] = OrderedDict()

    @property
    def _says(self) -> Mapping[str, Any]:
        return phrases(self.desk.assistant.config.schemas)

    def meaning(self, text: str, speaker: Speaker) -> Meaning | None:
        """What these words want of alerts; None for an ordinary question."""
        if self._completed(text, speaker) is not None:
            return Meaning("rule")
        found = meant(text, self._says)
        if found and found.what == "remove" and found.pronoun and (speaker.thread or "") not in self._waiting:
            return None  # “remove that” may be about a filter
        return found

    def elsewhere(self, text: str) -> bool:
        """Whether a rule's words name a place of their own."""
        return reading.target_of(text, self._says)[1] is not None

    def reply(self, text: str, speaker: Speaker) -> Reply | None:
        """What is said to these words; None for an ordinary question. Raises LedgerError."""
        found = self.meaning(text, speaker)
        if found is None:
            return None
        try:
            if found.what == "rule":
                return self.offer(self._completed(text, speaker) or text, speaker)
            self._remember(speaker, "")
            until = day_of(found.until, self.desk.today, self._says) if found.until else None
            return self.listed(speaker.user, until)
        except Clarify as asked:
            if isinstance(asked, Dated) and not found.certain:
                return None
            return Reply(asked.question, tuple((o, _replaced(text, o, asked.question)) for o in asked.options))
        except Refused as refused:
            return Reply(str(refused))

    # --- making one -----------------------------------------------------------------------------------------------

    def offer(self, text: str, speaker: Speaker) -> Reply:
        """A draft with what it would have sent. Raises Clarify, Refused."""
        place = speaker.place or self._mail(speaker.user)
        if place is None and not self.elsewhere(text):
            self._read(text, replace(speaker, place="#anywhere"))  # what is unclear in the rule itself comes first
            return self._homeless(text, speaker)
        draft = self._draft(text, replace(speaker, place=place))
        self._remember(speaker, "")
        return Reply("This is what I would tell you. Keep it?", draft=draft)

    def keep(self, text: str, seal: str, speaker: Speaker) -> Reply:
        """Keeps the draft that was shown; what is by now read differently is shown again. Raises Clarify, Refused."""
        draft = self._draft(text, replace(speaker, place=speaker.place or self._mail(speaker.user)))
        if draft.seal != seal:
            return Reply("This is read differently by now, so have a look again. Keep it?", draft=draft)
        own = self._own(speaker.user)
        if self.holds(draft, speaker.user):
            return Reply("It is kept already. “my alerts” lists yours.")
        if len(own) >= MOST_RULES:
            raise Refused(f"You have {len(own)} alerts; {MOST_RULES} is the most. “my alerts” removes some.")
        rule = draft.rule
        self.watch.alerts.add(rule.id, rule.model_dump_json())
        self._remember(speaker, "")
        return Reply(f"Kept: {when(rule)}, to {place_of(rule)}. “my alerts” mutes or removes it.")

    def holds(self, draft: Draft, user: str | None) -> bool:
        """Whether this very draft is kept already."""
        return draft.seal in {_seal(rule) for rule, _ in self._own(user).values()}

    def _draft(self, text: str, speaker: Speaker) -> Draft:
        rule = self._read(text, speaker)
        sending.check(rule.channel, self.desk.assistant.config)
        readers = self.watch.readers(rule)
        if readers and speaker.user is not None and speaker.user not in readers:
            raise Refused(f"You don't read {rule.channel.to} yourself, so no alert of yours goes there.")
        found = self.watch.test(rule, self.desk.moment)
        head = span(rule, len(found)) + (f"; the newest {SHOWN}" if len(found) > SHOWN else "")
        facts = (
            f"{rule.kind.capitalize()} {when(rule)}",
            f"Read as: {rule.understood}",
            f"Goes to {place_of(rule)}, and holds what {rule.owner or 'the operator'} may see"
            + (" and every reader there may see too" if len(readers) > 1 else ""),
        )
        return Draft(rule, facts, head, tuple(found[-SHOWN:]), _seal(rule))

    def _read(self, text: str, speaker: Speaker) -> Rule:
        asker = Asker(speaker.user, self.desk.moment, otherwise=speaker.place, readers=speaker.readers)
        return reading.read(text, asker, self.watch.assistant)

    def _homeless(self, text: str, speaker: Speaker) -> Reply:
        self._remember(speaker, text)
        named = sorted(self.desk.assistant.config.alerts_slack)
        places = [name if name.startswith("#") else f"#{name}" for name in named]
        return Reply(
            "Where should it be sent? Answer with a #channel, an e-mail address or a webhook's URL.",
            tuple((f"To {place}", f"{text.rstrip(' .,')}, to {place}") for place in places[:5]),
        )

    def _mail(self, user: str | None) -> str | None:
        """The user's address, where the table `users` has one, or their name is one; if mail can go there."""
        rows = self.desk.assistant.warehouse.catalog.small.get("users", ()) if user else ()
        row = next((r for r in rows if str(r["user"]) == user), {})
        said = [str(row[name]).strip() for name in MAIL if row.get(name)] + [str(user)]
        found = next((one for one in said if re.fullmatch(ADDRESS, one)), None)
        if found is None:
            return None
        try:
            sending.check(reading.channel_of(found), self.desk.assistant.config)
        except Refused:
            return None
        return found

    def _completed(self, text: str, speaker: Speaker) -> str | None:
        """The rule that waits for its place, with the place that these words are."""
        waiting = self._waiting.get(speaker.thread or "")
        if not waiting or len(text) > 300:
            return None
        rest, target = reading.target_of(text, self._says)
        return f"{waiting.rstrip(' .,')}, to {target}" if target and not rest.strip(" .,!") else None

    def _remember(self, speaker: Speaker, text: str) -> None:
        if speaker.thread is None:
            return
        self._waiting[speaker.thread] = text
        self._waiting.move_to_end(speaker.thread)
        while len(self._waiting) > REMEMBERED:
            self._waiting.popitem(last=False)

    # --- those that there are -------------------------------------------------------------------------------------

    def listed(self, user: str | None, until: date | None = None) -> Reply:
        """The user's own rules, for buttons to mute and remove them."""
        now = self.desk.moment
        found = tuple(_listed(rule, kept, now) for rule, kept in self._own(user).values())
        if not found:
            return Reply(NONE.format(EXAMPLES[0]))
        return Reply(f"You have {len(found)} alert{'' if len(found) == 1 else 's'}.", alerts=found, until=until)

    def decide(self, name: str, what: Decision, user: str | None, until: date | None = None) -> str:
        """Mutes, unmutes or removes a rule of this user's own; says so. Raises Refused for any other."""
        own = self._own(user)
        if name not in own:
            raise Refused("There is no such alert of yours; “my alerts” lists them.")
        if until is not None and until <= self.desk.today:
            raise Refused(f"{until:%d %b %Y} is no day to come, so the alert is as it was.")
        self.watch.alerts.decide(name, what, until, user)
        done = {"mute": f"is quiet{f' until {_day(until)}' if until else ' until you unmute it'}",
                "unmute": "speaks again", "remove": "is removed"}  # fmt: skip
        return f"“{own[name][0].words}” {done[what]}."

    def _own(self, user: str | None) -> dict[str, tuple[Rule, Kept]]:
        return {name: one for name, one in self.watch.rules().items() if one[0].owner == user}


def place_of(rule: Rule) -> str:
    """Where it goes, in words: a Slack channel's id says nothing to a person."""
    to = rule.channel.to
    if rule.channel.kind != "slack" or to.startswith("#"):
        return to
    return "your direct messages with askcost" if to.startswith("D") else f"the Slack channel {to}"


def _listed(rule: Rule, kept: Kept, now: datetime) -> Listed:
    quiet = None
    if muted(kept, rule, now):
        quiet = "until you unmute it" if kept.muted_until in (FOREVER, None) else f"until {_day(kept.muted_until)}"
    return Listed(rule.id, rule.words, f"{when(rule)} · to {place_of(rule)}", quiet)


def _day(day: date | None) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}" if day else ""


def _seal(rule: Rule) -> str:
    """Names what a rule does, not when it was made."""
    told = rule.model_copy(update={"plan": shape(rule.plan)})
    body = told.model_dump_json(exclude={"id", "made", "words", "understood"})
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _replaced(text: str, option: str, asked: str) -> str:
    """The words with what was not understood replaced; the innermost quotation is the word itself."""
    for word in reversed(UNKNOWN.findall(asked)):
        if word in text:
            return text.replace(word, option, 1)
    return option
