"""Alerts and incidents as Block Kit: a draft to confirm, a list to mute and remove, what can be said of an incident."""

from __future__ import annotations

import json
from collections.abc import Sequence

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    InteractiveElement,
    RichTextBlock,
    RichTextPreformattedElement,
)
from slack_sdk.models.blocks.block_elements import RichTextElementParts

from assistant.alerts.talk import Draft, Listed, Reply
from assistant.desk.incidents import Incident
from assistant.desk.shown import unlinked
from assistant.surfaces.slack.parts import Message, button, context, day, message, section

MOST_LISTED = 15
MOST_TABLE = 1_500
ACTIONS = ("alert_keep", "alert_not", "alert_mute", "alert_until", "alert_unmute", "alert_remove")
INCIDENTS = ("incident_expected", "incident_closed", "incident_open", "incident_snoozed")


def reply(one: Reply, slack_user: str) -> Message:
    """What is said of alerts to this person."""
    blocks: list[Block] = [section(one.text)]
    if one.draft:
        blocks += _draft(one.draft, slack_user)
    elif one.alerts:
        blocks += listed(one)
    elif one.choices:
        buttons = [button(label, f"ask:{n}", said[:2_000]) for n, (label, said) in enumerate(one.choices[:5])]
        blocks.append(ActionsBlock(elements=buttons))
    return message(one.text, blocks)


def _draft(one: Draft, slack_user: str) -> list[Block]:
    blocks: list[Block] = [section(one.rule.words), *(context(fact) for fact in one.facts)]
    blocks.append(section(f"{one.head}{':' if one.sent else '.'}"))
    for alert in one.sent:
        blocks += [section(alert.message.title), context(alert.message.text)]
        if alert.message.table:
            blocks.append(_table(alert.message.table))
    # What is kept is read from these very words again, and only if that gives this very draft.
    value = json.dumps([slack_user, one.seal, one.rule.words], ensure_ascii=False)
    keep = button("Keep it", "alert_keep", value, "primary")
    return [*blocks, ActionsBlock(elements=[keep, button("Not now", "alert_not", slack_user)])]


def _table(table: str) -> RichTextBlock:
    lines, room = [], MOST_TABLE
    for line in table.splitlines():
        room -= len(line) + 1
        if room < 0:
            lines.append("…")
            break
        lines.append(unlinked(f"|{line}")[1:])
    return RichTextBlock(
        elements=[RichTextPreformattedElement(elements=[RichTextElementParts.Text(text="\n".join(lines))])]
    )


def listed(one: Reply) -> list[Block]:
    """Somebody's own alerts, each with its buttons. until: the end of a mute that was asked for."""
    blocks: list[Block] = []
    for alert in one.alerts[:MOST_LISTED]:
        quiet = f" · quiet {alert.muted}" if alert.muted else ""
        blocks += [section(alert.words), context(f"{alert.facts}{quiet}"), ActionsBlock(elements=_handles(alert, one))]
    if len(one.alerts) > MOST_LISTED:
        blocks.append(context(f"{len(one.alerts) - MOST_LISTED} more: the web chat has them all, under “my alerts”."))
    return blocks


def _handles(alert: Listed, one: Reply) -> list[InteractiveElement]:
    remove = button("Remove", "alert_remove", alert.id, sure=f"“{alert.words}” will be told no more.")
    if alert.muted:
        return [button("Unmute", "alert_unmute", alert.id), remove]
    asked = [button(f"Mute until {one.until}", "alert_until", f"{alert.id} {one.until}")] if one.until else []
    mute = button("Mute", "alert_mute", alert.id)
    return [*asked, mute, day("Mute until…", f"alert_until:{alert.id}"), remove]


def incident(one: Incident) -> Sequence[Block]:
    """Where an incident stands, and what can be said of it."""
    until = f" until {one.until}" if one.until and one.status == "snoozed" else ""
    return [context(f"{one.about} · {one.status}{until}"), ActionsBlock(elements=incident_buttons(one.id, one.status))]


def incident_buttons(name: str, status: str = "open") -> list[InteractiveElement]:
    if status != "open":
        return [button("Reopen", "incident_open", name)]
    return [
        button("Expected", "incident_expected", name),
        button("Close", "incident_closed", name),
        day("Snooze until…", f"incident_snoozed:{name}"),
    ]
