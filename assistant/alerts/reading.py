"""Plain words → a Rule. Schedule, threshold and channel by schemas/alerts.yaml; what is left is a question.

Every word is accounted for: each stands in a phrase of that file, or in the question, where the local planner asks back
about what it doesn't know. Nothing is sent or kept here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from ulid import ULID

from assistant.alerts import question
from assistant.alerts.lines import line_of
from assistant.alerts.phrases import AMOUNT, any_of, cut, named, phrases
from assistant.alerts.question import EXAMPLES, Asker
from assistant.alerts.rule import Channel, Line, Rule, occurrences, shape
from assistant.assistant import Assistant
from assistant.errors import Clarify, Refused
from assistant.telling.understood import understood
from assistant.values import QueryPlan

LONGEST = 1_000
MONTH = timedelta(days=32)
ADDRESS = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
TARGET = rf"(?P<target>\#[\w-]+|slack:[CDG]\w+|https?://\S+|{ADDRESS})"
TIME = r"(?:(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s?(?P<half>am|pm)(?!\w)|(?P<hour24>\d{1,2}):(?P<minute24>\d\d)"


@dataclass(frozen=True)
class Schedule:
    """said: the words of it; at: where they stand. timed: a time of day is among them."""

    cron: str
    zone: str | None
    said: str = ""
    at: int = 0
    timed: bool = False


def read(text: str, asker: Asker, assistant: Assistant) -> Rule:
    """The rule of these words. Raises Clarify for words that it can't place, Refused as the question would."""
    if len(text) > LONGEST:
        raise Refused(f"The rule has {len(text):,} characters; {LONGEST:,} is the most.")
    says = phrases(assistant.config.schemas)
    rest, channel = _channel(text, asker, says)
    rest, schedule = schedule_of(rest, says)
    rest, told = _trigger(rest, says)
    line = None
    if told:
        rest, line = line_of(rest, says)
    elif schedule is None:
        raise Clarify(
            "When should this be told? Say “tell me when … passes …”, or a time like “Monday 8:00:”.", EXAMPLES
        )
    if line is not None and schedule is not None:
        raise Clarify("A threshold is looked at whenever data is loaded. Leave the time out, or leave the amount out.")
    wanted = _bare(rest)
    zone = (schedule.zone if schedule else None) or asker.zone or assistant.config.alerts_zone
    if zone not in available_timezones():
        raise Clarify(f"“{zone}” is not a time zone; write it like Europe/Berlin.")
    if line is None:
        wanted = _without(wanted, says["digests" if schedule else "news"])
    asked = replace(asker, now=_last(schedule, zone, asker.now))
    wanted, line, answer = question.settled(wanted, line, asked, assistant)
    assert answer.plan
    read = answer.understood if schedule else understood(shape(answer.plan), assistant.warehouse.model)
    return Rule(
        id=str(ULID())[-8:].lower(),
        owner=asker.user,
        words=" ".join(text.split()),
        kind=_kind(answer.plan, line, schedule),
        question=wanted,
        plan=answer.plan,
        understood=read,
        channel=channel,
        made=asker.now,
        line=line,
        cron=schedule.cron if schedule else None,
        zone=zone,
    )


# --- the parts ------------------------------------------------------------------------------------------------------


def _channel(text: str, asker: Asker, says: Mapping[str, Any]) -> tuple[str, Channel]:
    rest, target = target_of(text, says)
    if target and asker.to:
        raise Clarify(f"Send it to {target} or to {asker.to}? Say it once.")
    target = target or asker.to or asker.otherwise
    if target is None:
        raise Clarify("Where should it be sent? Add “to #channel”, “to ann@company.example”, or a webhook's URL.")
    return rest, channel_of(target)


def target_of(text: str, says: Mapping[str, Any]) -> tuple[str, str | None]:
    """The words without the place that they name, and the place. Raises Clarify for two."""
    rest, found = cut(text, rf"(?:{any_of(says['towards'])}\s+)?{TARGET}", "places to send it to")
    return rest, found["target"].rstrip(".,;") if found else None


def channel_of(to: str) -> Channel:
    """#finance or slack:C012AB3CD, ann@company.example, https://… Raises Clarify."""
    if re.fullmatch(r"#[\w-]+|slack:[CDG][A-Z0-9]+", to):
        return Channel(kind="slack", to=to.removeprefix("slack:"))
    if re.fullmatch(ADDRESS, to):
        return Channel(kind="email", to=to)
    if re.match(r"https?://\S+$", to):
        return Channel(kind="webhook", to=to)
    raise Clarify(f"“{to}” is no place to send to; write #channel, slack:C012AB3CD, an e-mail address or a URL.")


def schedule_of(text: str, says: Mapping[str, Any]) -> tuple[str, Schedule | None]:
    """Without its day and time: “Monday 8:00”, “at 8 am every weekday”, “every month”."""
    days = named(says["days"])
    each, day = r"(?:(?:on\s+)?(?:every|each|the)\s+|on\s+)?", rf"(?P<day>{any_of(days)})"
    time = rf"{TIME}|(?P<named>{any_of(says['times'])}))(?!\d)(?:\s+\(?(?P<zone>{_zones()})\)?)?"
    clock = rf"(?:at\s+|@\s*)?{time}|at\s+(?P<plain>\d{{1,2}})(?!\w|:\d)"
    monthly = any_of(said for said, when in days.items() if not when.startswith("*"))
    after_amount = rf"{AMOUNT}\s*(?:{any_of(says['amounts'])})?\s*(?:{any_of(named(says['units']))})?\s*$"
    for pattern in (
        rf"{each}{day}\s*,?\s*(?:{clock})",
        rf"(?:at\s+)?{time}\s*,?\s*{each}{day}",
        rf"(?:on\s+)?(?:every|each)\s+{day}",
        rf"on\s+the\s+(?P<day>{monthly})",
    ):
        rest, found = cut(text, pattern, "times")
        if found is None or re.search(after_amount, text[: found.start()], re.IGNORECASE):
            continue  # “5,000 dollars every day” says how an amount is counted
        parts = found.groupdict()
        minute, hour = _clock(parts, says)
        timed = any(parts.get(name) for name in ("hour", "hour24", "named", "plain"))
        cron = f"{minute} {hour} {days[parts['day'].lower()]}"
        return rest, Schedule(cron, parts.get("zone"), found.group(), found.start(), timed)
    return text, None


@cache
def _zones() -> str:
    return any_of(available_timezones())


def _clock(parts: Mapping[str, str | None], says: Mapping[str, Any]) -> tuple[int, int]:
    named = parts.get("named")
    if parts.get("hour"):
        hour, minute = int(parts["hour"] or 0), int(parts["minute"] or 0)
        right = 1 <= hour <= 12
        hour = hour % 12 + (12 if (parts["half"] or "").lower() == "pm" else 0)
    else:
        said = f"{parts['hour24']}:{parts['minute24']}" if parts.get("hour24") else ""
        said = f"{parts['plain']}:00" if parts.get("plain") else said
        clock = said or (says["times"][named.lower()] if named else says["default_time"])
        hour, minute = map(int, clock.split(":"))
        right = hour < 24
    if not right or minute > 59:
        raise Clarify(f"There is no such time of day: {hour}:{minute:02}. Write it like 8:00 or 8 am.")
    return minute, hour


def _trigger(text: str, says: Mapping[str, Any]) -> tuple[str, bool]:
    """Without “tell me when”; whether that was said. “Send me” alone goes with a time."""
    start = re.match(
        rf"[\s,:;]*(?:{any_of(says['polite'])}\s+)?(?:{any_of(says['verbs'])}\s+(?:{any_of(says['whom'])}\s*)?)(?P<when>{any_of(says['when'])})?",
        text, re.IGNORECASE,
    )  # fmt: skip
    return (text[start.end() :], bool(start["when"])) if start else (text, False)


def _bare(text: str) -> str:
    return re.sub(r"\s+([,;:.])", r"\1", " ".join(text.split())).strip(" ,:;.")


def _without(text: str, said: Iterable[str]) -> str:
    return re.sub(rf"^{any_of(said)}\s+", "", text, flags=re.IGNORECASE)


def _last(schedule: Schedule | None, zone: str, now: datetime) -> datetime:
    """The last time that it would have gone out: “this month”, asked on a month's last day, has data."""
    found = occurrences(schedule.cron, zone, now - MONTH, now) if schedule else []
    return found[-1].astimezone(ZoneInfo(zone)) if found else now


def _kind(plan: QueryPlan, line: Line | None, schedule: Schedule | None) -> Any:
    if line is not None:
        return "threshold"
    if schedule is not None:
        return "digest"
    if plan.analysis == "anomalies":
        return "anomaly"
    raise Clarify("When should this be told? Add an amount (“passes 5,000 dollars a day”), or a time (“Monday 8:00”).",
                  EXAMPLES)  # fmt: skip
