"""Plain words → a Rule. Schedule, threshold and channel by schemas/alerts.yaml; what is left is a question.

Every word is accounted for: each stands in a phrase of that file, or in the question, where the local planner asks back
about what it doesn't know. Nothing is sent or kept here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import yaml
from ulid import ULID

from assistant.alerts import question
from assistant.alerts.question import EXAMPLES, Asker
from assistant.alerts.rule import Channel, Line, Rule, occurrences, shape
from assistant.assistant import Assistant
from assistant.errors import Clarify, Refused, SchemaError
from assistant.semantics import words
from assistant.telling.understood import understood
from assistant.values import Grain, QueryPlan

LONGEST = 1_000
MONTH = timedelta(days=32)
NEEDED = {
    *("verbs", "whom", "when", "news", "digests", "above", "below"),
    *("per", "units", "amounts", "days", "times", "default_time", "towards"),
}
ADDRESS = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
TARGET = rf"(?P<target>\#[\w-]+|https?://\S+|{ADDRESS})"
TIME = r"(?:(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s?(?P<half>am|pm)(?!\w)|(?P<hour24>\d{1,2}):(?P<minute24>\d\d)"
AMOUNT = r"(?P<amount>[$€£]?\s?\d[\d,]*(?:\.\d+)?\s?(?:k|m|bn|b)?)(?![\w%])"


@dataclass(frozen=True)
class Schedule:
    cron: str
    zone: str | None


def read(text: str, asker: Asker, assistant: Assistant) -> Rule:
    """The rule of these words. Raises Clarify for words that it can't place, Refused as the question would."""
    if len(text) > LONGEST:
        raise Refused(f"The rule has {len(text):,} characters; {LONGEST:,} is the most.")
    says = phrases(assistant.config.schemas)
    rest, channel = _channel(text, asker.to, says)
    rest, schedule = _schedule(rest, says)
    rest, told = _trigger(rest, says)
    line = None
    if told:
        rest, line = _line(rest, says)
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


@cache
def phrases(schemas: Path) -> Mapping[str, Any]:
    """schemas/alerts.yaml. Raises SchemaError."""
    path = schemas / "alerts.yaml"
    try:
        read: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        missing = NEEDED - set(read)
    except (OSError, yaml.YAMLError, TypeError) as error:
        raise SchemaError(path.name, 1, f"can't be read: {error}.") from None
    if missing:
        raise SchemaError(path.name, 1, f"lacks {', '.join(sorted(missing))}.")
    return read


# --- the parts ------------------------------------------------------------------------------------------------------


def _any(said: Iterable[str]) -> str:
    """One of these phrases, the longest that fits, as whole words."""
    ordered = sorted((s.strip() for s in said), key=len, reverse=True)
    return "(?:" + "|".join(rf"{re.escape(s)}(?!\w)" for s in ordered) + ")"


def _named(groups: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {said.strip().lower(): name for name, all_ in groups.items() for said in all_}


def _cut(text: str, pattern: str, what: str) -> tuple[str, re.Match[str] | None]:
    """The text without the one place that fits. Raises Clarify for two."""
    found = list(re.finditer(rf"(?<![\w#@.]){pattern}", text, re.IGNORECASE))
    if len(found) > 1:
        raise Clarify(f"There are two {what} in it: “{found[0].group().strip()}” and “{found[1].group().strip()}”.")
    if not found:
        return text, None
    return f"{text[: found[0].start()]} {text[found[0].end() :]}", found[0]


def _channel(text: str, to: str | None, says: Mapping[str, Any]) -> tuple[str, Channel]:
    rest, found = _cut(text, rf"(?:{_any(says['towards'])}\s+)?{TARGET}", "places to send it to")
    if found and to:
        raise Clarify(f"Send it to {found['target']} or to {to}? Say it once.")
    target = to or (found["target"].rstrip(".,;") if found else "")
    if not target:
        raise Clarify("Where should it be sent? Add “to #channel”, “to ann@company.example”, or a webhook's URL.")
    return rest, channel_of(target)


def channel_of(to: str) -> Channel:
    """#finance or slack:C012AB3CD, ann@company.example, https://… Raises Clarify."""
    if re.fullmatch(r"#[\w-]+|slack:[CG][A-Z0-9]{2,}", to):
        return Channel(kind="slack", to=to.removeprefix("slack:"))
    if re.fullmatch(ADDRESS, to):
        return Channel(kind="email", to=to)
    if re.match(r"https?://\S+$", to):
        return Channel(kind="webhook", to=to)
    raise Clarify(f"“{to}” is no place to send to; write #channel, slack:C012AB3CD, an e-mail address or a URL.")


def _schedule(text: str, says: Mapping[str, Any]) -> tuple[str, Schedule | None]:
    """Without its day and time: “Monday 8:00”, “at 8 am every weekday”, “every month”."""
    days = _named(says["days"])
    each, day = r"(?:(?:on\s+)?(?:every|each|the)\s+|on\s+)?", rf"(?P<day>{_any(days)})"
    time = rf"{TIME}|(?P<named>{_any(says['times'])}))(?!\d)(?:\s+\(?(?P<zone>{_zones()})\)?)?"
    clock = rf"(?:at\s+|@\s*)?{time}|at\s+(?P<plain>\d{{1,2}})(?!\w|:\d)"
    monthly = _any(said for said, when in days.items() if not when.startswith("*"))
    after_amount = rf"{AMOUNT}\s*(?:{_any(says['amounts'])})?\s*(?:{_any(_named(says['units']))})?\s*$"
    for pattern in (
        rf"{each}{day}\s*,?\s*(?:{clock})",
        rf"(?:at\s+)?{time}\s*,?\s*{each}{day}",
        rf"(?:on\s+)?(?:every|each)\s+{day}",
        rf"on\s+the\s+(?P<day>{monthly})",
    ):
        rest, found = _cut(text, pattern, "times")
        if found is None or re.search(after_amount, text[: found.start()], re.IGNORECASE):
            continue  # “5,000 dollars every day” says how an amount is counted
        parts = found.groupdict()
        minute, hour = _clock(parts, says)
        return rest, Schedule(f"{minute} {hour} {days[parts['day'].lower()]}", parts.get("zone"))
    return text, None


@cache
def _zones() -> str:
    return _any(available_timezones())


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
        rf"[\s,:;]*(?:please\s+)?(?:{_any(says['verbs'])}\s+(?:{_any(says['whom'])}\s*)?)(?P<when>{_any(says['when'])})?",
        text, re.IGNORECASE,
    )  # fmt: skip
    return (text[start.end() :], bool(start["when"])) if start else (text, False)


def _line(text: str, says: Mapping[str, Any]) -> tuple[str, Line | None]:
    """Without the threshold, if there is one. Raises Clarify for half of one."""
    per, units = _named(says["per"]), _named(says["units"])
    amount = rf"{AMOUNT}\s*(?P<size>{_any(says['amounts'])})?\s*(?P<unit>{_any(units)})?\s*(?P<per>{_any(per)})?"
    compare = rf"(?P<above>{_any(says['above'])})|(?P<below>{_any(says['below'])})"
    rest, found = _cut(text, rf"(?:{compare})\s*{amount}", "thresholds")
    if found is None:
        return text, None
    counted = found["per"]
    if counted is None:  # “daily spend passes …”
        rest, before = _cut(rest, rf"(?P<per>{_any(word for word in per if word.endswith('ly'))})", "counts")
        counted = before and before["per"]
    if counted is None:
        said = found.group().strip()
        raise Clarify(f"“{said}” in how long?", tuple(f"{said} {of[0]}" for of in says["per"].values()))
    token = words.tokens(found["amount"])[0]
    assert token.number is not None
    unit = units.get((found["unit"] or "").lower())
    if unit and token.currency and unit != token.currency:
        raise Clarify(f"“{found.group().strip()}” names two currencies.")
    value = token.number * Decimal(says["amounts"].get((found["size"] or "").lower(), 1))
    grain = Grain(per[counted.lower()])
    return rest, Line(side="above" if found["above"] else "below", value=value, unit=unit or token.currency, per=grain)


def _bare(text: str) -> str:
    return re.sub(r"\s+([,;:.])", r"\1", " ".join(text.split())).strip(" ,:;.")


def _without(text: str, said: Iterable[str]) -> str:
    return re.sub(rf"^{_any(said)}\s+", "", text, flags=re.IGNORECASE)


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
