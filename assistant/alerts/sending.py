"""A Message to where its rule says: Slack, e-mail, a webhook. Tries again after passing failures.

Nothing goes where the settings don't allow. Texts may hold values from the data: each channel gets them as plain text.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import smtplib
import ssl
import time
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.utils import formatdate
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from assistant.alerts.rule import Channel, Message
from assistant.config import Config
from assistant.desk.shown import unlinked
from assistant.errors import AssistantError, Refused
from assistant.telling.table import plain

TRIES = 4
SECONDS = 15
LONGEST = 2_900  # of 3,000 that a block of Slack takes
LOOPBACK = ("127.0.0.1", "::1", "localhost")
PASSING = (408, 425, 429, 500, 502, 503, 504)


class Undelivered(AssistantError):
    """It did not arrive; the message says where and why."""


class Passing(Undelivered):
    """It may arrive when it is tried again."""


def check(channel: Channel, config: Config) -> None:
    """Raises Refused when the settings don't let anything go there."""
    match channel.kind:
        case "slack":
            _slack_target(channel, config)
        case "email":
            _mail_allowed(channel.to, config)
        case "webhook":
            _webhook_allowed(channel.to, config)


def send(message: Message, channel: Channel, key: str, config: Config) -> None:
    """key: the firing's name, the same at every try, so that a receiver can tell a repetition.

    Raises Undelivered after the last try, Refused when the settings don't allow it.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

    check(channel, config)
    sends: Mapping[str, Callable[[Message, Channel, str, Config], None]] = {
        "slack": _to_slack, "email": _to_mail, "webhook": _to_webhook,
    }  # fmt: skip
    again = Retrying(
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential(multiplier=config.alerts_retry_seconds, max=60),
        retry=retry_if_exception_type(Passing),
        reraise=True,
    )
    again(sends[channel.kind], message, channel, key, config)


# --- Slack ----------------------------------------------------------------------------------------------------------


def _slack_target(channel: Channel, config: Config) -> str:
    """An incoming webhook's URL, or a channel's id for the bot."""
    found = config.alerts_slack.get(channel.to) or config.alerts_slack.get(channel.to.removeprefix("#"))
    target = found.get_secret_value() if found else channel.to
    if target.startswith("#"):
        raise Refused(f"askcost does not know the Slack channel {channel.to}; name it in ASKCOST_ALERTS_SLACK.")
    if target.startswith("http"):
        _secure(target)
    elif config.slack_bot_token is None:
        raise Refused(f"Sending to {channel.to} needs the bot's token, ASKCOST_SLACK_BOT_TOKEN.")
    return target


def by_bot(channel: Channel, config: Config) -> str | None:
    """The id of the Slack channel that the bot posts to; None for any other way."""
    target = _slack_target(channel, config) if channel.kind == "slack" else "http"
    return None if target.startswith("http") else target


def blocks(message: Message) -> list[dict[str, Any]]:
    """Block Kit in which nothing is markup: plain texts, and a preformatted table."""

    def said(*lines: str) -> dict[str, Any]:
        return {"type": "plain_text", "text": "\n".join(map(unlinked, lines))[:LONGEST], "emoji": False}

    found: list[dict[str, Any]] = [{"type": "section", "text": said(message.title, message.text)}]
    if message.table:
        lines = _cut(_table(message))
        table = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": lines}]}
        found.append({"type": "rich_text", "elements": [table]})
    if message.small:
        found.append({"type": "context", "elements": [said(" · ".join(message.small))]})
    return found


def decisions(incident: str) -> dict[str, Any]:
    """Buttons under an anomaly that the bot tells of; assistant/surfaces/slack/deciding.py hears them."""

    def said(text: str) -> dict[str, Any]:
        return {"type": "plain_text", "text": text, "emoji": False}

    buttons = [
        {"type": "button", "text": said(label), "action_id": f"incident_{what}", "value": incident}
        for label, what in (("Expected", "expected"), ("Close", "closed"))
    ]
    snooze = {"type": "datepicker", "action_id": f"incident_snoozed:{incident}", "placeholder": said("Snooze until…")}
    return {"type": "actions", "elements": [*buttons, snooze]}


def _table(message: Message) -> str:
    """Its lines in place, without links."""
    return "\n".join(unlinked(f"|{line}")[1:] for line in message.table.splitlines())


def _cut(table: str) -> str:
    """Whole lines, as many as Slack takes."""
    kept = table[:LONGEST]
    return kept if len(table) <= LONGEST else kept.rsplit("\n", 1)[0] + "\n…"


def _to_slack(message: Message, channel: Channel, key: str, config: Config) -> None:
    target = _slack_target(channel, config)
    text = html.escape(unlinked(message.title), quote=False)
    body: dict[str, Any] = {"text": text, "blocks": blocks(message), "unfurl_links": False, "unfurl_media": False}
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if target.startswith("http"):
        _post(target, json.dumps(body).encode(), headers, f"Slack ({channel.to})")
        return
    assert config.slack_bot_token is not None
    if message.incident:
        body["blocks"].append(decisions(message.incident))
    headers["Authorization"] = f"Bearer {config.slack_bot_token.get_secret_value()}"
    url = f"{config.slack_base_url.rstrip('/')}/chat.postMessage"
    reply = _post(url, json.dumps({**body, "channel": target}).encode(), headers, f"Slack ({channel.to})")
    said = json.loads(reply or b"{}")
    if not said.get("ok"):
        kind = Passing if said.get("error") in ("ratelimited", "internal_error", "fatal_error") else Undelivered
        raise kind(f"Slack ({channel.to}) did not take it: {plain(str(said.get('error', 'no reason given')))}.")


# --- e-mail ---------------------------------------------------------------------------------------------------------


def _mail_allowed(to: str, config: Config) -> None:
    if config.smtp_url is None or config.alerts_from is None:
        raise Refused("E-mail needs a server and a sender: ASKCOST_SMTP_URL and ASKCOST_ALERTS_FROM.")
    own = config.alerts_from.rsplit("@", 1)[-1].strip("> ")
    allowed = {domain.lower() for domain in config.alerts_mail_domains or (own,)}
    if to.rsplit("@", 1)[-1].lower() not in allowed:
        raise Refused(f"E-mail goes to {', '.join(sorted(allowed))} only; ASKCOST_ALERTS_MAIL_DOMAINS names more.")


def mail(message: Message, to: str, sender: str, key: str) -> EmailMessage:
    """Text only; the same Message-ID at every try."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, plain(message.title)[:200]
    made["Date"] = formatdate()
    domain = sender.rsplit("@", 1)[-1].strip("> ")
    made["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"
    made["Auto-Submitted"] = "auto-generated"
    parts = (unlinked(message.text), _table(message), "\n".join(map(unlinked, message.small)))
    made.set_content("\n\n".join(part for part in parts if part) + "\n")
    return made


def _to_mail(message: Message, channel: Channel, key: str, config: Config) -> None:
    assert config.smtp_url is not None
    assert config.alerts_from is not None
    made = mail(message, channel.to, config.alerts_from, key)
    where = f"The mail server for {channel.to}"
    try:
        with _server(config.smtp_url.get_secret_value()) as server:
            server.send_message(made)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _mail_error(where, code, said) from None
    except smtplib.SMTPResponseException as error:
        raise _mail_error(where, error.smtp_code, error.smtp_error) from None
    except smtplib.SMTPNotSupportedError as error:
        raise Undelivered(f"{where} can't be used: {plain(str(error))}") from None
    except ssl.SSLError as error:
        raise Undelivered(f"{where} has no encryption that can be trusted ({error.reason}).") from None
    except (smtplib.SMTPException, OSError) as error:
        raise Passing(f"{where} can't be reached: {type(error).__name__}.") from None


def _mail_error(where: str, code: int, said: bytes | str) -> Undelivered:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    kind = Passing if 400 <= code < 500 else Undelivered
    return kind(f"{where} did not take it: {code} {plain(text)[:200]}")


def _server(url: str) -> smtplib.SMTP:
    """Connected, encrypted unless it is this very machine, and signed in where the URL has a password."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("smtp", "smtps") or not host:
        raise Undelivered("ASKCOST_SMTP_URL is no mail server; write smtp://user:password@host:587.")
    context = ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, parts.port or 587, timeout=SECONDS)
    try:
        if parts.scheme == "smtp" and host not in LOOPBACK:
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except BaseException:
        server.close()
        raise
    return server


# --- webhooks -------------------------------------------------------------------------------------------------------


def _webhook_allowed(url: str, config: Config) -> None:
    parts = urlsplit(url)
    _secure(url)
    allowed = {host.lower() for host in config.alerts_webhook_hosts}
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise Refused("That webhook's port is no number.") from None
    host = (parts.hostname or "").lower()
    if not {f"{host}:{port}", *((host,) if port == 443 else ())} & allowed:
        raise Refused(
            f"Nothing may be sent to {plain(host)}; ASKCOST_ALERTS_WEBHOOK_HOSTS lists where webhooks may go."
        )
    if config.alerts_webhook_secret is None:
        raise Refused("Webhooks are signed, and there is no secret yet: ASKCOST_ALERTS_WEBHOOK_SECRET.")


def _secure(url: str) -> None:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise Refused("A webhook's URL may hold no user and no password.")
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise Refused("A webhook's URL starts with https://.")


def signature(secret: str, stamp: str, body: bytes) -> str:
    """HMAC-SHA256 over `stamp.body`, in hexadecimal, as it stands in X-Askcost-Signature after `sha256=`."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _to_webhook(message: Message, channel: Channel, key: str, config: Config) -> None:
    assert config.alerts_webhook_secret is not None
    body = json.dumps({"key": key, **message.model_dump(mode="json")}, ensure_ascii=False).encode()
    stamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Idempotency-Key": hashlib.sha256(key.encode()).hexdigest(),
        "X-Askcost-Timestamp": stamp,
        "X-Askcost-Signature": f"sha256={signature(config.alerts_webhook_secret.get_secret_value(), stamp, body)}",
    }
    _post(channel.to, body, headers, f"The webhook at {urlsplit(channel.to).hostname}")


class _Stays(HTTPRedirectHandler):
    """A redirect could lead anywhere, past the list of hosts."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _post(url: str, body: bytes, headers: Mapping[str, str], where: str) -> bytes:
    request = Request(url, body, {**headers, "User-Agent": "askcost"}, method="POST")
    try:
        with build_opener(_Stays).open(request, timeout=SECONDS) as reply:
            return bytes(reply.read(100_000))
    except HTTPError as error:
        error.close()
        kind = Passing if error.code in PASSING else Undelivered
        raise kind(f"{where} answered {error.code}.") from None
    except (URLError, HTTPException, OSError) as error:
        raise Passing(f"{where} can't be reached: {type(error).__name__}.") from None
