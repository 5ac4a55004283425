"""Who reads a Slack channel, as the bot finds it out, for what is sent there by a process that is no bot."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

from assistant.alerts.firing import Readers, unknown
from assistant.assistant import Assistant
from assistant.errors import Refused


def channel_readers(assistant: Assistant) -> Readers:
    """Who reads a Slack channel, as the bot finds it out."""
    if assistant.config.slack_bot_token is None or find_spec("slack_bolt") is None:
        return unknown
    from assistant.surfaces.slack.bot import web_client
    from assistant.surfaces.slack.channels import Channels
    from assistant.surfaces.slack.store import Store

    config, token = assistant.config, assistant.config.slack_bot_token
    rooms = Store(config.warehouse.with_suffix(".slack.sqlite"))

    async def read(channel: str) -> tuple[str, ...]:
        client = web_client(token.get_secret_value(), config.slack_base_url)
        found = Channels(client, rooms, assistant, config.slack_shared_channels, config.slack_public_channels)
        room = await found.room(channel)
        if room.closed:
            raise Refused(room.closed)
        return room.readers

    def readers(channel: str) -> tuple[str, ...]:
        try:
            return asyncio.run(read(channel))
        except OSError as error:
            raise Refused(f"Slack can't be asked who reads {channel} ({type(error).__name__}).") from None

    return readers
