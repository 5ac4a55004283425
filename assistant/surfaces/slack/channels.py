"""Who reads a channel, and so what may be shown there. Asks Slack; knows no blocks and no costs.

Everybody who can read a channel must be known to askcost: a reader that the `users` table doesn't list may see
nothing, and then so may the channel. Apps are no readers; whoever lets one into a channel answers for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from assistant.assistant import Assistant
from assistant.errors import Refused
from assistant.surfaces.slack.store import Store

ROOM_SECONDS = 60.0
PERSON_SECONDS = 86_400.0


@dataclass(frozen=True)
class Room:
    """readers: the warehouse's names of all who read the channel, at least one unless closed, which says why.

    outside: not even a private answer is offered there, for other companies read along.
    """

    readers: tuple[str, ...] = ()
    closed: str | None = None
    outside: bool = False


def user_of(assistant: Assistant, slack_user: str) -> str | None:
    """The warehouse's name of a Slack user; None for one that isn't listed, or is listed twice."""
    rows = assistant.warehouse.catalog.small.get("users", ())
    found = [str(row["user"]) for row in rows if str(row.get("slack_id") or "").strip() == slack_user]
    return found[0] if len(found) == 1 else None


class Channels:
    """What is read about a channel is shared by all bots for a minute, and forgotten when somebody joins or leaves."""

    def __init__(
        self,
        client: AsyncWebClient,
        store: Store,
        assistant: Assistant,
        shared: Collection[str] = (),
        public: bool = True,
    ) -> None:
        self._client, self._store, self._assistant = client, store, assistant
        self._shared, self._public = frozenset(shared), public

    async def room(self, channel: str) -> Room:
        """Closed, never open, when Slack can't be asked."""
        try:
            held = await self._held(channel)
            if held["external"] and channel not in self._shared:
                return Room(
                    closed="This channel is shared with others, and askcost has not been allowed in it.", outside=True
                )
            if held["public"] and not self._public:
                return Room(closed="This channel is public, and askcost answers in private channels only.")
            return await self._readers(held["members"])
        except SlackApiError as error:
            reason = error.response.get("error", "unknown error")
            return Room(closed=f"askcost can't see who reads this channel ({reason}), so nothing is shown here.")

    async def _held(self, channel: str) -> dict[str, Any]:
        held = await asyncio.to_thread(self._store.room, channel, ROOM_SECONDS)
        if held is None:
            began = time.time()
            held = await self._read(channel)
            await asyncio.to_thread(self._store.keep_room, channel, held, began)
        return dict(held)

    async def _read(self, channel: str) -> dict[str, Any]:
        info = (await self._client.conversations_info(channel=channel))["channel"]
        members: list[str] = []
        cursor = None
        while cursor != "":
            page = await self._client.conversations_members(channel=channel, limit=1_000, cursor=cursor)
            members += page["members"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        marks = ("is_shared", "is_ext_shared", "is_org_shared", "is_pending_ext_shared")
        public = not (info.get("is_private") or info.get("is_mpim") or info.get("is_im"))
        return {"members": members, "external": any(info.get(mark) for mark in marks), "public": public}

    async def _readers(self, members: list[str]) -> Room:
        users = await asyncio.to_thread(self._listed, members)
        strangers = [member for member in members if member not in users]
        unknown = [one for one in strangers if await self._human(one)]
        if unknown:
            count = "One person in this channel is" if len(unknown) == 1 else f"{len(unknown)} people here are"
            return Room(closed=f"{count} not known to askcost, so nothing is shown here.")
        if not users:  # no reader's rights would be no limit at all
            return Room(closed="askcost can't see who reads this channel, so nothing is shown here.")
        return Room(tuple(dict.fromkeys(users.values())))

    def _listed(self, members: list[str]) -> dict[str, str]:
        """Members whose rights are known; a policy that can't be read makes a stranger of its user."""
        found = {}
        for member in members:
            user = user_of(self._assistant, member)
            try:
                if user is not None:
                    self._assistant.access(user)
                    found[member] = user
            except Refused:
                continue
        return found

    async def _human(self, slack_user: str) -> bool:
        """Whether somebody reads with these eyes: no app, and no account that was closed."""
        held = await asyncio.to_thread(self._store.human, slack_user, PERSON_SECONDS)
        if held is None:
            user = (await self._client.users_info(user=slack_user))["user"]
            held = not (user.get("is_bot") or user.get("deleted") or slack_user == "USLACKBOT")
            await asyncio.to_thread(self._store.keep_human, slack_user, held)
        return held
