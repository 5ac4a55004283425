"""Whether words in a conversation are about alerts, by the phrases of schemas/alerts.yaml. Pure.

In doubt they are a question: an alert that was not wanted is worse than a question that is asked back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from dateutil import parser

from assistant.alerts.lines import line_of
from assistant.alerts.phrases import any_of
from assistant.alerts.reading import schedule_of, target_of
from assistant.errors import Clarify

What = Literal["rule", "list", "mute", "unmute", "remove"]


@dataclass(frozen=True)
class Meaning:
    """certain: these words can hardly be a question. until: the words of a mute's end. pronoun: “it”, “that one”."""

    what: What
    certain: bool = True
    until: str = ""
    pronoun: bool = False


def meant(text: str, says: Mapping[str, Any]) -> Meaning | None:
    """What the words want of alerts; None for an ordinary question."""
    return _handled(text, says) or _rule(text, says)


def _handled(text: str, says: Mapping[str, Any]) -> Meaning | None:
    """“my alerts”, “mute it until Friday”, “delete that alert”: nothing else may be said in the same breath."""
    talk, bare = says["talk"], " ".join(text.split()).strip(" .!?")
    if re.fullmatch(rf"(?:{any_of(talk['list'])}\s+)?{any_of(talk['lists'])}", bare, re.IGNORECASE):
        return Meaning("list")
    things = rf"(?:(?P<pronoun>{any_of(talk['pronouns'])})|{any_of(talk['alerts'])})"
    whats: tuple[What, ...] = ("mute", "unmute", "remove")
    for what in whats:
        end = rf"(?:\s+{any_of(talk['until'])}\s+(?P<until>.+))?" if what == "mute" else "(?P<until>)"
        pattern = rf"(?:{any_of(says['polite'])}\s+)?{any_of(talk[what])}\s+{things}{end}"
        if found := re.fullmatch(pattern, bare, re.IGNORECASE):
            return Meaning(what, until=found["until"] or "", pronoun=found["pronoun"] is not None)
    return None


def _rule(text: str, says: Mapping[str, Any]) -> Meaning | None:
    talk = says["talk"]
    start = rf"[\s,:;]*(?:{any_of(says['polite'])}\s+)?"
    whom = rf"\s+{any_of(says['whom'])}(?:\s+(?P<when>{any_of(says['when'])}))?"
    if re.match(f"{start}{any_of(talk['strong'])}{whom}", text, re.IGNORECASE):
        return Meaning("rule")
    told = re.match(f"{start}{any_of(talk['weak'])}{whom}", text, re.IGNORECASE)
    if told and told["when"] and _happens(text[told.end() :], told["when"], says):
        return Meaning("rule", certain=False)
    sent = re.match(rf"{start}{any_of(talk['deliver'])}(?!\w)", text, re.IGNORECASE)
    return Meaning("rule") if _timed(text, bool(sent), says) else None


def _happens(rest: str, when: str, says: Mapping[str, Any]) -> bool:
    """“… passes 5,000 dollars a day”, “… there is a new anomaly”: something that can come about."""
    moment = re.fullmatch(any_of(says["talk"]["moments"]), when, re.IGNORECASE)
    news = re.match(rf"\s*(?P<news>{any_of(says['news'])})", rest, re.IGNORECASE)
    new = news and re.search(rf"(?<!\w){any_of(says['talk']['new'])}", news["news"], re.IGNORECASE)
    if not (moment or new) and re.search(rf"(?<!\w){any_of(says['talk']['states'])}", rest, re.IGNORECASE):
        return False  # “tell me if we are over budget” asks how it is now
    try:
        _, line = line_of(rest, says)
    except Clarify:
        return True  # half a threshold, which is asked about
    return line is not None or bool(news and (moment or new))


def _timed(text: str, sent: bool, says: Mapping[str, Any]) -> bool:
    """“Monday 8:00: …”, “… every Monday at 8”, “send me … every Monday”: said of a time that comes again."""
    try:
        _, schedule = schedule_of(text, says)
        _, target = target_of(text, says)
    except Clarify:
        return sent  # two times, or no such time of day
    if schedule is None:
        return False
    before, after = text[: schedule.at].rstrip(), text[schedule.at + len(schedule.said) :].lstrip()
    if re.search(rf"(?<!\w){any_of(says['talk']['counted'])}$", before, re.IGNORECASE):
        return False
    each = re.search(rf"(?<!\w){any_of(says['talk']['each'])}", schedule.said, re.IGNORECASE) is not None
    if not before.strip(" ,:;"):
        return after.startswith(":") or (schedule.timed and (each or bool(target)))
    return (schedule.timed and (each or sent or bool(target))) or (each and (sent or bool(target)))


def day_of(words: str, today: date, says: Mapping[str, Any]) -> date:
    """“Friday”, “tomorrow”, “two weeks” → the day. Raises Clarify for what is no day to come."""
    talk, said = says["talk"], words.strip().lower()
    if said in talk["tomorrow"]:
        return today + timedelta(days=1)
    span = re.fullmatch(rf"(?P<n>an?|the next|next|\d{{1,3}})\s+(?P<unit>{any_of(talk['spans'])})", said)
    if span:
        return today + timedelta(days=int(talk["spans"][span["unit"]]) * (int(span["n"]) if span["n"].isdigit() else 1))
    try:
        found = parser.parse(said, default=datetime(today.year, today.month, today.day)).date()
    except (ValueError, OverflowError):
        raise Clarify(f"I don't know the day “{words}”; write it like Friday or {today.year}-12-31.") from None
    if found <= today:  # “Friday”, said on a Friday; “1 March”, said in May
        found = found + timedelta(days=7) if found == today else found.replace(year=found.year + 1)
    return found
