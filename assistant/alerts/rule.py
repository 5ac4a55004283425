"""Rule: what somebody wants to be told, and Message: what they are told. Frozen, kept as JSON in the ledger.

Knows neither words nor channels' protocols.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from assistant.values import Frozen, Grain, QueryPlan

Kind = Literal["threshold", "digest", "anomaly"]


class Line(Frozen):
    """What is told of when it is passed. unit: the metric's: a currency, tokens, percent.

    of: `value` is the amount of one `per`; `change` and `change_percent` are how much more (above) or less (below) it
    is than that of the whole `per` before.
    """

    side: Literal["above", "below"]
    value: Decimal
    unit: str | None
    per: Grain
    of: Literal["value", "change", "change_percent"] = "value"


class Channel(Frozen):
    """to: #channel or a channel's id, an address, a URL."""

    kind: Literal["slack", "email", "webhook"]
    to: str


class Rule(Frozen):
    """owner None: the local operator. plan: as the question was read when the rule was confirmed.

    A threshold runs the plan itself; a digest or anomaly asks the question anew, because its period moves, and says
    nothing when its words are by now read differently. cron: minute, hour, day, month, weekday in `zone`.
    """

    id: str
    owner: str | None
    words: str
    kind: Kind
    question: str
    plan: QueryPlan
    understood: str
    channel: Channel
    made: datetime
    line: Line | None = None
    cron: str | None = None
    zone: str = "UTC"


class Message(Frozen):
    """Plain texts, values from the data among them; whoever sends them escapes. table: monospaced lines.

    columns and rows: the same for programs, as JSON values. incident: the id of the anomaly that it tells of.
    """

    title: str
    text: str
    table: str = ""
    small: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    incident: str | None = None


class Alert(Frozen):
    """occurrence: names what happened; a rule tells of it once."""

    occurrence: str
    message: Message


def occurrences(cron: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """The moments (after, until] of a schedule, in its own zone."""
    from apscheduler.triggers.cron import CronTrigger

    trigger, found = CronTrigger.from_crontab(cron, ZoneInfo(zone)), []
    at = trigger.get_next_fire_time(None, after.astimezone(UTC) + timedelta(seconds=1))
    while at is not None and at <= until:
        found.append(at)
        # counted in UTC: adding to a local time goes astray where clocks change
        at = trigger.get_next_fire_time(None, at.astimezone(UTC) + timedelta(seconds=1))
    return found


def shape(plan: QueryPlan) -> QueryPlan:
    """The plan without its days, which move from one occurrence to the next."""
    return plan.model_copy(update={"period": None, "comparison": None})
