"""Tells the readers of answers that a correction touched, once each, through the channels of alerts.

A direct message or e-mail to whoever asked holds the old and new figures, under their own rights now; a Slack channel,
which others read, is only told that an answer given there changed. What does not arrive is a dead letter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from assistant.alerts import sending
from assistant.alerts.firing import Told
from assistant.alerts.rule import Channel, Message
from assistant.assistant import Assistant
from assistant.desk.recall import Touched
from assistant.errors import AssistantError, Refused
from assistant.ledger.alerts import Alerts, Firing

RULE = "recall"  # the name that its firings have among those of alerts
MOST_TOLD = 20


def notify(assistant: Assistant, alerts: Alerts, found: Iterable[Touched]) -> list[Told]:
    """One message to each reader about all their answers that nobody told them of yet. Raises LedgerError."""
    fired = alerts.fired(RULE)
    waiting: dict[str, list[Touched]] = {}
    for one in found:
        if _key(one) not in fired:
            waiting.setdefault(_reader(one.record), []).append(one)
    told = [_tell(assistant, alerts, reader, ones) for reader, ones in waiting.items()]
    return [one for one in told if one is not None]


def _key(one: Touched) -> str:
    return f"{one.answer_id} {one.now[:40]}"


def retry(assistant: Assistant, alerts: Alerts, firing: Firing) -> Told | None:
    """Sends a dead letter of a recall again; None when somebody else is at it."""
    attempt = firing.attempt + 1
    if firing.message is None or not alerts.claim(RULE, firing.occurrence, firing.message, attempt):
        return None
    message = Message.model_validate_json(firing.message)
    return _send(assistant, alerts, firing.occurrence, message, attempt)


def _reader(record: Any) -> str:
    """`slack:C0…` where others read along, else `user:` and who asked."""
    if record["surface"] == "slack" and record["readers"]:
        return ":".join(str(record["thread"]).split(":")[:2])
    return f"user:{record['user'] or ''}"


def _tell(assistant: Assistant, alerts: Alerts, reader: str, ones: Sequence[Touched]) -> Told | None:
    """None when somebody else is telling them. The message is kept before its answers count as told."""
    occurrence = f"{reader} {hashlib.sha256(' '.join(map(_key, ones)).encode()).hexdigest()[:12]}"
    message = _message(ones, alone=reader.startswith("user:"))
    if not alerts.claim(RULE, occurrence, message.model_dump_json()):
        return None
    for one in ones:
        alerts.claim(RULE, _key(one), None)
        alerts.settle(RULE, _key(one), "sent")
    return _send(assistant, alerts, occurrence, message, 1)


def _send(assistant: Assistant, alerts: Alerts, occurrence: str, message: Message, attempt: int) -> Told:
    try:
        channel = _channel(assistant, occurrence.rsplit(" ", 1)[0])
        sending.send(message, channel, f"{RULE} {occurrence}", assistant.config)
    except AssistantError as error:
        alerts.settle(RULE, occurrence, "failed", str(error), attempt)
        return Told(RULE, occurrence, "failed", str(error))
    alerts.settle(RULE, occurrence, "sent", attempt=attempt)
    return Told(RULE, occurrence, "sent")


def _channel(assistant: Assistant, reader: str) -> Channel:
    """Raises Refused for somebody who can't be reached."""
    kind, _, name = reader.partition(":")
    if kind == "slack":
        return Channel(kind="slack", to=name)
    users = assistant.warehouse.catalog.small.get("users", ())
    row = next((one for one in users if str(one["user"]) == name), {})
    slack_id = str(row.get("slack_id") or "").strip()
    if slack_id and assistant.config.slack_bot_token is not None:
        return Channel(kind="slack", to=slack_id)
    if "@" in name:
        return Channel(kind="email", to=name)
    who = name or "the local operator"
    raise Refused(f"There is no way to reach {who}: no slack_id in `users` with a bot, and the name is no address.")


def _message(ones: Sequence[Touched], alone: bool) -> Message:
    """alone: only who asked reads it."""
    count = f"{len(ones)} answer{'' if len(ones) == 1 else 's'}"
    lines = [line for one in ones[:MOST_TOLD] for line in _lines(one, alone)]
    more = [f"… and {len(ones) - MOST_TOLD} more."] if len(ones) > MOST_TOLD else []
    return Message(
        title=f"Recall: {count} given to {'you' if alone else 'this channel'} would be different now",
        text="\n".join([*lines, *more]),
        small=("Each can be run again: askcost audit replay ID, or Receipt under the answer.",),
        columns=("answer_id", "question", "asked", "causes"),
        rows=tuple((o.answer_id, o.record["question"], o.record["at"], "; ".join(o.causes)) for o in ones),
    )


def _lines(one: Touched, alone: bool) -> Iterable[str]:
    yield f"“{one.record['question']}” ({one.record['at'][:10]}, {one.answer_id}): {'; '.join(one.causes)}."
    if alone:
        yield from (f"  {said}" for said in (one.report.sentences if one.report else (one.problem or "",)))
