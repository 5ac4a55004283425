"""The few blocks that everything in Slack is made of. Plain texts: nothing in them is markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    DatePickerElement,
    PlainTextObject,
    SectionBlock,
)

from assistant.surfaces.slack.escape import mrkdwn, words


@dataclass(frozen=True)
class Message:
    """text: what a notification says, escaped. blocks: as JSON."""

    text: str
    blocks: tuple[dict[str, Any], ...]


def message(text: str, blocks: Sequence[Block]) -> Message:
    return Message(mrkdwn(text), tuple(block.to_dict() for block in blocks[:50]))


def plain(text: str) -> PlainTextObject:
    return PlainTextObject(text=text, emoji=False)


def section(text: str) -> SectionBlock:
    return SectionBlock(text=plain(words(text)))


def context(text: str) -> ContextBlock:
    return ContextBlock(elements=[plain(words(text, 1_000))])


def button(label: str, action_id: str, value: str, style: str | None = None, sure: str = "") -> ButtonElement:
    """sure: asked before it is done."""
    confirm = ConfirmObject(title="Sure?", text=plain(words(sure, 300)), confirm="Yes", deny="No") if sure else None
    text = plain(words(label, 75))
    return ButtonElement(text=text, action_id=action_id[:255], value=value, style=style, confirm=confirm)


def day(label: str, action_id: str) -> DatePickerElement:
    return DatePickerElement(action_id=action_id[:255], placeholder=plain(label))
