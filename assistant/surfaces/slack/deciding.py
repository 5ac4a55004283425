"""Clicks that decide: keep an alert, mute or remove it, say what an incident is. Each checks who clicks, and where."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from assistant.alerts.talk import Speaker
from assistant.desk import incidents
from assistant.errors import AssistantError, Refused
from assistant.ledger.alerts import Decision
from assistant.ledger.incidents import What
from assistant.surfaces.slack import notices
from assistant.surfaces.slack.answering import STRANGER, Answering
from assistant.surfaces.slack.parts import Message, message, section
from assistant.surfaces.slack.post import Place

NOT_YOURS = "Only who asked for this alert can keep it; ask for one of your own."
DECISIONS: dict[str, Decision] = {"alert_mute": "mute", "alert_until": "mute", "alert_unmute": "unmute",
                                  "alert_remove": "remove"}  # fmt: skip
WHATS: dict[str, What] = {"incident_expected": "expected", "incident_closed": "closed", "incident_open": "open",
                          "incident_snoozed": "snoozed"}  # fmt: skip


class Deciding:
    """Listeners. After a click in the App Home, `again` draws it anew."""

    def __init__(self, answering: Answering, again: Any) -> None:
        self._answering, self._again = answering, again
        self._talk, self._run = answering.talk, answering.run

    async def keep(self, ack: Any, body: dict[str, Any]) -> None:
        """The draft under the button, kept by who asked for it; its message then says so."""
        await ack()
        await self._answer(body, self._keep, replace_=True)

    async def leave(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()

        async def made(action: dict[str, Any], slack_user: str, user: str, place: Place) -> Message:
            if action["value"] != slack_user:
                raise Refused(NOT_YOURS)
            return _said("Not kept.")

        await self._answer(body, made, replace_=True)

    async def alert(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        await self._answer(body, self._decide)

    async def incident(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        await self._answer(body, self._incident)

    async def _keep(self, action: dict[str, Any], slack_user: str, user: str, place: Place) -> Message:
        asked, seal, words = json.loads(action["value"])
        if asked != slack_user:
            raise Refused(NOT_YOURS)
        speaker = Speaker(user, place.conversation, f"slack:{place.channel}", await self._answering.readers(place))
        return notices.reply(await self._run(self._talk.keep, words, seal, speaker), slack_user)

    async def _decide(self, action: dict[str, Any], slack_user: str, user: str, place: Place | None) -> Message:
        name, until, what = _chosen(action)
        return _said(await self._run(self._talk.decide, name, DECISIONS[what], user, until))

    async def _incident(self, action: dict[str, Any], slack_user: str, user: str, place: Place) -> Message:
        name, until, what = _chosen(action)
        readers = await self._answering.readers(place)
        desk = self._answering.desk
        return _said(await self._run(incidents.decide, desk, name, WHATS[what], user, until, readers))

    async def _answer(self, body: dict[str, Any], made: Any, replace_: bool = False) -> None:
        slack_user, poster = str(body["user"]["id"]), self._answering.poster
        user = await self._answering.user(slack_user)
        channel = (body.get("channel") or {}).get("id") or (body.get("container") or {}).get("channel_id")
        shown = body.get("message") or {}
        place = Place(str(channel), shown.get("thread_ts") or _thread(channel, shown)) if channel else None
        try:
            if user is None:
                raise Refused(STRANGER.format(id=slack_user))
            said = await made(body["actions"][0], slack_user, user, place)
        except AssistantError as error:
            said, replace_ = _said(str(error)), False
        if place is None:
            await self._again(slack_user)
        elif replace_ and shown.get("ts"):
            await poster.change(place, str(shown["ts"]), said)
        else:
            await poster.whisper(place, slack_user, said)


def _thread(channel: str, shown: dict[str, Any]) -> str | None:
    return None if channel.startswith("D") else shown.get("ts")


def _chosen(action: dict[str, Any]) -> tuple[str, date | None, str]:
    """The alert's or incident's id, the day of a menu or of a button, and what was clicked."""
    what, _, name = str(action["action_id"]).partition(":")
    value, _, until = str(action.get("value") or "").partition(" ")
    chosen = str(action.get("selected_date") or until or "")
    return name or value, date.fromisoformat(chosen) if chosen else None, what


def _said(text: str) -> Message:
    return message(text, [section(text)])
