"""What Slack delivers → a Job, or None when nobody asked anything. Pure; knows no answers."""

from __future__ import annotations

import html
import re
from typing import Any

from assistant.surfaces.slack.store import Job

CHANNEL = re.compile(r"(?<=\bto )<#(C\w+)(?:\|[^<>]*)?>")  # where an alert should go
LABELLED = re.compile(r"<[^<>|]*\|([^<>]*)>")
BARE = re.compile(r"<[!#@]?([^<>|]*)>")
LONGEST = 2_000


def of_event(body: dict[str, Any]) -> Job | None:
    """A question in words: a mention, a direct message, or a line in a thread (`follow`)."""
    event = body.get("event") or {}
    kind, user, text = event.get("type"), event.get("user"), event.get("text") or ""
    if not user or event.get("bot_id") or event.get("subtype") not in (None, "file_share", "thread_broadcast"):
        return None
    channel, ts, thread = str(event.get("channel")), str(event.get("ts")), event.get("thread_ts")
    team = str(body.get("team_id") or "")
    if kind == "app_mention":
        bots = {str(one.get("user_id")) for one in body.get("authorizations") or ()}
        do, thread = "ask", thread or ts
        text = re.sub(r"<@(\w+)(\|[^>]*)?>", lambda m: "" if m[1] in bots or not bots else m[0], text)
    elif kind == "message" and channel.startswith("D"):
        do = "ask"
    elif kind == "message" and thread and "<@" not in text:
        do = "follow"
    else:
        return None
    words = spoken(text)
    # The same message may arrive as a mention and as a message: it is one question.
    return Job(f"{channel}:{ts}", do, user, channel, thread, words, team=team) if words else None


def of_command(body: dict[str, Any]) -> Job | None:
    """`/askcost cost last month`: answered in a direct message."""
    words = spoken(str(body.get("text") or ""))
    key = f"command:{body.get('trigger_id')}"
    job = Job(key, "ask", str(body["user_id"]), "", None, words, team=str(body.get("team_id") or ""))
    return job if words else None


def of_action(body: dict[str, Any]) -> Job | None:
    """A click that asks for an answer: `ask`, `choose`, `change` and `csv`, before the colon of the action's id."""
    action = body["actions"][0]
    do, _, rest = str(action["action_id"]).partition(":")
    value = str((action.get("selected_option") or action).get("value") or "")
    user, message = str(body["user"]["id"]), body.get("message") or {}
    channel = str((body.get("channel") or {}).get("id") or (body.get("container") or {}).get("channel_id") or "")
    thread = message.get("thread_ts") or (None if channel.startswith("D") else message.get("ts"))
    # A menu's value is the change, and its id the answer; a button's the other way round.
    text, answer_id = (value, rest) if "selected_option" in action else (rest, value)
    if do == "ask":
        text, answer_id = value, ""
    if do not in ("ask", "choose", "change", "csv"):
        return None
    key = f"action:{user}:{action.get('action_ts')}:{action['action_id']}:{value}"[:250]
    team = str((body.get("team") or {}).get("id") or "")
    return Job(key, do, user, channel, thread, text, answer_id, team)


def spoken(text: str) -> str:
    """A message's text as it was typed: Slack's links and mentions as their words, entities as characters."""
    text = BARE.sub(r"\1", LABELLED.sub(r"\1", CHANNEL.sub(r"slack:\1", text)))
    return " ".join(html.unescape(text).split())[:LONGEST]
