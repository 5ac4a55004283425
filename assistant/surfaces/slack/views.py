"""Modals and the App Home as Block Kit views. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    PlainTextObject,
    RichTextBlock,
    RichTextPreformattedElement,
    SectionBlock,
)
from slack_sdk.models.blocks.block_elements import RichTextElementParts
from slack_sdk.models.views import View

from assistant.alerts.talk import Reply
from assistant.desk.briefing import Line
from assistant.surfaces.slack import notices
from assistant.surfaces.slack.escape import words

MOST_SAVED = 10
MOST_SQL = 2_900
LOADING = "Looking it up…"


def modal(title: str, blocks: Sequence[Block]) -> dict[str, Any]:
    """At most 100 blocks, as Slack has it."""
    view = View(type="modal", title=_plain(title[:24]), close=_plain("Close"), blocks=[*blocks[:100]])
    return dict(view.to_dict())


def loading(title: str) -> dict[str, Any]:
    return modal(title, [text(LOADING)])


def sql(statement: str, web: str | None) -> list[Block]:
    """The statement as code: Slack's clients copy such a block by one tap. It is cut, and says so, when it is long."""
    cut = len(statement) > MOST_SQL
    code = RichTextElementParts.Text(text=f"{statement[:MOST_SQL]}…" if cut else statement)
    blocks: list[Block] = [RichTextBlock(elements=[RichTextPreformattedElement(elements=[code])])]
    notes = "Checked by the guard; row policies are added when it runs. Copy it with the block's own button."
    blocks.append(small(f"{notes} The whole statement is in the web." if cut else notes))
    if web:
        button = ButtonElement(text=_plain("Run in the web"), action_id="link", url=web)
        blocks.append(ActionsBlock(elements=[button]))
    return blocks


def explained(facts: Sequence[tuple[str, str]], columns: Sequence[tuple[str, str, str]]) -> list[Block]:
    """facts: name, text. columns: name, definition, what it is read from."""
    blocks: list[Block] = [text(f"{name}: {value}") for name, value in facts if value]
    for name, definition, sources in columns[:20]:
        blocks += [text(f"{name} = {definition}"), small(f"from {sources}" if sources else "a constant")]
    return blocks


def home(
    lines: Sequence[Line],
    allowances: Sequence[str],
    saved: Sequence[str],
    questions: Sequence[str],
    alerts: Reply,
    web: str | None = None,
) -> dict[str, Any]:
    """The briefing, the allowance, saved questions, the reader's alerts, questions to start from."""
    blocks: list[Block] = [HeaderBlock(text="What is worth knowing today")]
    for n, line in enumerate(lines):
        more = ButtonElement(text=_plain("See more"), action_id=f"ask:{n}", value=words(line.question, 2_000))
        blocks.append(SectionBlock(text=_plain(words(f"{line.title}: {line.text}")), accessory=more))
    blocks += [] if lines else [text("There is nothing to say yet.")]
    blocks += [DividerBlock(), HeaderBlock(text="Your saved questions")]
    for question in saved[:MOST_SAVED]:
        ask = ButtonElement(text=_plain("Ask"), action_id="ask:saved", value=words(question, 2_000))
        drop = ButtonElement(text=_plain("Remove"), action_id="unsave", value=words(question, 2_000))
        blocks += [text(question), ActionsBlock(elements=[ask, drop])]
    blocks += [] if saved else [small("“Save question” under an answer keeps it here.")]
    blocks += [DividerBlock(), HeaderBlock(text="Your alerts"), *notices.listed(alerts)]
    blocks += [] if alerts.alerts else [small(alerts.text)]
    if questions:
        buttons = [
            ButtonElement(text=_plain(words(q, 75)), action_id=f"ask:start{n}", value=words(q, 2_000))
            for n, q in enumerate(questions[:5])
        ]
        blocks += [DividerBlock(), HeaderBlock(text="Questions to start from"), ActionsBlock(elements=buttons)]
    blocks += [DividerBlock(), HeaderBlock(text="Your allowance"), *(small(one) for one in allowances)]
    if web:
        button = ButtonElement(text=_plain("Open the web chat"), action_id="link", url=web)
        blocks.append(ActionsBlock(elements=[button]))
    return dict(View(type="home", blocks=blocks[:100]).to_dict())


def told(words_: str) -> dict[str, Any]:
    """A home that only says something."""
    return dict(View(type="home", blocks=[text(words_)]).to_dict())


def text(content: str) -> SectionBlock:
    return SectionBlock(text=_plain(words(content)))


def small(content: str) -> ContextBlock:
    return ContextBlock(elements=[_plain(words(content, 1_000))])


def _plain(content: str) -> PlainTextObject:
    return PlainTextObject(text=content, emoji=False)
