"""Whether the bot could start: tokens, scopes, people. Asks Slack with the synchronous client; changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackRequestError

from assistant.assistant import Assistant
from assistant.config import Config

# docs/slack-manifest.yaml asks for the same.
SCOPES = frozenset(
    {
        "app_mentions:read", "assistant:write", "channels:history", "channels:read", "chat:write", "commands",
        "files:read", "files:write", "groups:history", "groups:read", "im:history", "im:read", "im:write",
        "mpim:history", "mpim:read", "users:read",
    }
)  # fmt: skip


class Check(NamedTuple):
    """then: what to do when it isn't good. needed: without it the bot can't start."""

    good: bool
    what: str
    then: str = ""
    needed: bool = False


def checks(config: Config, assistant: Assistant) -> Iterator[Check]:
    """One line each; needs a bot token, and reaches Slack."""
    yield from _bot_token(config)
    yield from _app_token(config)
    yield from _people(assistant)


def _bot_token(config: Config) -> Iterator[Check]:
    assert config.slack_bot_token
    client = WebClient(token=config.slack_bot_token.get_secret_value(), base_url=config.slack_base_url, timeout=10)
    try:
        reply = client.auth_test()
    except (SlackApiError, SlackRequestError, OSError) as error:
        yield Check(
            False, f"Slack: the bot token does not work ({_why(error)})", "ASKCOST_SLACK_BOT_TOKEN, xoxb-…", True
        )
        return
    yield Check(True, f"Slack: signed in to {reply.get('team')} as {reply.get('user')}")
    header = next((v for k, v in reply.headers.items() if k.lower() == "x-oauth-scopes"), "")
    granted = set(re.split(r"[,\s]+", header if isinstance(header, str) else ",".join(header)))
    if missing := sorted(SCOPES - granted):
        then = "install the app again from docs/slack-manifest.yaml."
        yield Check(False, f"Slack: scopes missing: {', '.join(missing)}", then)
    else:
        yield Check(True, "Slack: every scope is granted")


def _app_token(config: Config) -> Iterator[Check]:
    if config.slack_app_token is None:
        good = config.slack_signing_secret is not None
        then = "ASKCOST_SLACK_APP_TOKEN (xapp-…) for Socket Mode, or ASKCOST_SLACK_SIGNING_SECRET for `--http`."
        yield Check(good, "Slack: HTTP mode, requests are checked by the signing secret", then)
        return
    client = WebClient(base_url=config.slack_base_url, timeout=10)
    try:
        client.apps_connections_open(app_token=config.slack_app_token.get_secret_value())
        yield Check(True, "Slack: the app token opens Socket Mode")
    except (SlackApiError, SlackRequestError, OSError) as error:
        yield Check(
            False, f"Slack: the app token does not work ({_why(error)})", "ASKCOST_SLACK_APP_TOKEN, xapp-…", True
        )


def _people(assistant: Assistant) -> Iterator[Check]:
    ids = [str(row.get("slack_id") or "").strip() for row in assistant.warehouse.catalog.small.get("users", ())]
    known = [one for one in ids if one]
    then = "fill slack_id in the table `users`, and load it with --replace."
    yield Check(bool(known), f"Slack: {len(set(known))} of {len(ids)} users have a Slack ID", then)
    if twice := sorted({one for one in known if known.count(one) > 1}):
        yield Check(False, f"Slack: IDs of several users: {', '.join(twice)}", "until then they are unknown.")


def _why(error: Exception) -> str:
    return str(error.response.get("error")) if isinstance(error, SlackApiError) else type(error).__name__
