"""Alerts in a conversation at a terminal: drawn, and confirmed by a key."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import date

import click
from ulid import ULID

from assistant.alerts.talk import Draft, Reply, Speaker, Talk
from assistant.assistant import Assistant
from assistant.desk.desk import Desk
from assistant.surfaces.cli.alerts import preview
from assistant.surfaces.cli.readers import channel_readers
from assistant.telling.answer_object import to_dict
from assistant.telling.table import plain
from assistant.values import Answer, Clarification

KEPT, ASKED = 0, 3  # exit codes, as those of an answer and of a question back


def talk(assistant: Assistant, today: date | None) -> Talk:
    return Talk(Desk(assistant, today), channel_readers(assistant))


def said(talk: Talk, text: str, user: str | None, thread: str | None, as_json: bool) -> int | None:
    """Answers words that are about alerts, and returns the exit code; None for an ordinary question."""
    speaker = Speaker(user, thread)
    reply = talk.reply(text, speaker)
    if reply is None:
        return None
    if as_json:
        click.echo(json.dumps(to_dict(_answer(reply, text, user, thread)), ensure_ascii=False))
    elif reply.draft:
        _show(reply.draft)
        if not (sys.stdin.isatty() and click.confirm("\nKeep it?")):
            click.echo(f"\nNothing was kept. To keep it: {_command(reply.draft)}")
            return ASKED
        reply = talk.keep(reply.draft.rule.words, reply.draft.seal, speaker)
        click.echo(plain(reply.text))
        return KEPT
    else:
        _draw(reply)
    return KEPT if reply.alerts else ASKED


def _show(draft: Draft) -> None:
    click.echo(plain(draft.rule.words))
    for fact in draft.facts:
        click.echo(plain(f"  · {fact}"))
    preview(draft.head, draft.sent)


def _draw(reply: Reply) -> None:
    click.echo(plain(reply.text))
    for _, words in reply.choices:
        click.echo(f"  · {plain(words)}")
    for one in reply.alerts:
        click.echo(plain(f"{one.id}  {one.words}{f'  (quiet {one.muted})' if one.muted else ''}\n    {one.facts}"))
    if reply.alerts:
        until = f" --until {reply.until}" if reply.until else ""
        click.echo(f"\naskcost alerts mute ID{until} · askcost alerts unmute ID · askcost alerts remove ID")


def _answer(reply: Reply, text: str, user: str | None, thread: str | None) -> Answer:
    """The answer object: an alert is never kept without being confirmed, so its draft asks back."""
    if reply.alerts:
        lines = [reply.text, *(f"{one.id}: {one.words} ({one.facts})" for one in reply.alerts)]
        return Answer("answered", str(ULID()), text, thread, user, answer=" ".join(lines))
    question, options = reply.text, tuple(words for _, words in reply.choices)
    if reply.draft:
        question = f"{reply.draft.rule.words}: {'. '.join(reply.draft.facts)}. {reply.draft.head}. Keep it?"
        options = (_command(reply.draft),)
    return Answer("clarify", str(ULID()), text, thread, user, clarify=Clarification(question, options))


def _command(draft: Draft) -> str:
    rule = draft.rule
    to = "" if rule.channel.to in rule.words else f" --to {rule.channel.to}"
    owner = f" --user {shlex.quote(rule.owner)}" if rule.owner else ""
    return f"askcost alerts add {shlex.quote(rule.words)}{to}{owner} --yes"
