"""An answer → Block Kit. Pure; within Slack's limits, which the SDK checks. Knows no channel and no rights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextActionsBlock,
    FeedbackButtonObject,
    FeedbackButtonsElement,
    ImageBlock,
    Option,
    StaticSelectElement,
    TableBlock,
)

from assistant.desk.changes import Change
from assistant.desk.incidents import Incident
from assistant.surfaces.slack import notices
from assistant.surfaces.slack.escape import words
from assistant.surfaces.slack.parts import Message
from assistant.surfaces.slack.parts import context as _context
from assistant.surfaces.slack.parts import message as _message
from assistant.surfaces.slack.parts import plain as _plain
from assistant.surfaces.slack.parts import section as _section
from assistant.telling.figures import currency_of
from assistant.values import Answer, AnswerColumn

MOST_ROWS = 20  # Slack takes 99; a phone's reader doesn't
MOST_COLUMNS = 20
MOST_CELL = 80
MOST_TABLE = 6_000  # of about 13,000 characters in a message
MOST_BUTTONS = 5
MOST_INCIDENTS = 5


@dataclass(frozen=True)
class Extras:
    """What stands around an answer. changes: offered as buttons; groupings: in a menu. image: a Slack file's id."""

    cells: Sequence[Sequence[str]] = ()
    changes: Sequence[Change] = ()
    groupings: Sequence[Change] = ()
    image: str | None = None
    described: str = ""
    quiet: str = ""
    note: str | None = None
    web: str | None = None
    incidents: Sequence[Incident] = ()


def answered(answer: Answer, extras: Extras) -> Message:
    """Sentence, chart, table, what was understood, buttons."""
    blocks: list[Block] = [_context(extras.note)] if extras.note else []
    blocks.append(_section(answer.answer or "There is nothing to say about it."))
    if extras.image:
        blocks.append(ImageBlock(slack_file={"id": extras.image}, alt_text=words(extras.described, 2_000)))
    table, shown = _table(answer, extras.cells)
    if table:
        blocks.append(table)
    for one in extras.incidents[:MOST_INCIDENTS]:
        blocks += notices.incident(one)
    blocks += [_context(line) for line in _small(answer, extras, shown if table else len(answer.rows))]
    blocks += _buttons(answer, extras)
    return _message(answer.answer, blocks)


def asked_back(answer: Answer) -> Message:
    """The question, and its options as buttons, or as a menu when there are many."""
    assert answer.clarify
    blocks: list[Block] = [_section(answer.clarify.question)]
    options = [words(option, 75) for option in answer.clarify.options]
    if 0 < len(options) <= MOST_BUTTONS:
        buttons = [
            ButtonElement(text=_plain(o), action_id=f"choose:{n}", value=answer.answer_id)
            for n, o in enumerate(options)
        ]
        blocks.append(ActionsBlock(elements=buttons))
    elif options:
        menu = _menu("Choose one", f"choose:{answer.answer_id}", [(o, f"{n}") for n, o in enumerate(options[:100])])
        blocks.append(ActionsBlock(elements=[menu]))
    return _message(answer.clarify.question, blocks)


def refused(text: str, suggestions: Sequence[str] = ()) -> Message:
    """Why not, and what can be asked."""
    blocks: list[Block] = [_section(text)]
    if suggestions:
        buttons = [
            ButtonElement(text=_plain(words(s, 75)), action_id=f"ask:{n}", value=words(s, 2_000))
            for n, s in enumerate(suggestions[:MOST_BUTTONS])
        ]
        blocks += [_context("You could ask"), ActionsBlock(elements=buttons)]
    return _message(text, blocks)


def said(text: str) -> Message:
    """Words alone."""
    return _message(text, [_section(text)])


def web_link(web: str | None, question: str) -> str | None:
    """Where the web chat waits with this question typed in."""
    return f"{web.rstrip('/')}/?prompt={quote(question[:500])}" if web and question else None


def _menu(placeholder: str, action_id: str, options: Sequence[tuple[str, str]]) -> StaticSelectElement:
    return StaticSelectElement(
        placeholder=_plain(placeholder),
        action_id=action_id,
        options=[Option(text=_plain(words(text, 75)), value=value[:150]) for text, value in options[:100]],
    )


def _table(answer: Answer, cells: Sequence[Sequence[str]]) -> tuple[TableBlock | None, int]:
    """The first rows that fit, and how many they are; none for a single number."""
    columns = answer.columns[:MOST_COLUMNS]
    if not cells or (len(cells) == 1 and len(columns) == 1):
        return None, 0
    rows = [[_cell(_head(column)) for column in columns]]
    room = MOST_TABLE - sum(len(cell["text"]) for cell in rows[0])
    for line in cells[:MOST_ROWS]:
        row = [_cell(text) for text in line[:MOST_COLUMNS]]
        room -= sum(len(cell["text"]) for cell in row)
        if room < 0:
            break
        rows.append(row)
    settings = [{"align": "right" if c.kind == "metric" else "left", "is_wrapped": c.kind != "metric"} for c in columns]
    return TableBlock(rows=rows, column_settings=settings), len(rows) - 1


def _head(column: AnswerColumn) -> str:
    name = column.name.replace("_", " ")
    unit = currency_of(column.unit)
    return f"{name} ({unit})" if unit and unit.lower() not in name.lower() else name


def _cell(text: str) -> dict[str, Any]:
    return {"type": "raw_text", "text": words(text, MOST_CELL) or "–"}


def _small(answer: Answer, extras: Extras, shown: int) -> list[str]:
    lines = []
    if shown < len(answer.rows):
        more = " The web has them all too." if extras.web else ""
        lines.append(f"The first {shown} of {len(answer.rows):,} rows; the CSV file has all of them.{more}")
    if answer.truncated:
        lines.append("There were more rows than can be returned; narrow the question.")
    lines.append(f"Understood: {answer.understood or 'SQL'}")
    lines += [" · ".join(answer.assumptions)] if answer.assumptions else []
    return [*lines, extras.quiet] if extras.quiet else lines


def _buttons(answer: Answer, extras: Extras) -> list[Block]:
    blocks: list[Block] = []
    asks: list[Any] = [
        ButtonElement(
            text=_plain(words(c.label, 75)),
            action_id=f"change:{c.key}"[:255],
            value=answer.answer_id,
        )
        for c in extras.changes[:MOST_BUTTONS]
    ]
    if extras.groupings:
        options = [(c.label, c.key) for c in extras.groupings if len(c.key) <= 150]
        asks.append(_menu("Break down", f"change:{answer.answer_id}", options))
    if asks:
        blocks.append(ActionsBlock(elements=asks))
    tools: list[Any] = [
        ButtonElement(text=_plain("Show SQL"), action_id="sql", value=answer.answer_id),
        ButtonElement(text=_plain("Receipt"), action_id="receipt", value=answer.answer_id),
        ButtonElement(text=_plain("CSV file"), action_id="csv", value=answer.answer_id),
        ButtonElement(text=_plain("Save question"), action_id="save", value=answer.answer_id),
    ]
    if extras.web:
        tools.append(ButtonElement(text=_plain("More in the web"), action_id="link", url=extras.web))
    judge = FeedbackButtonsElement(
        action_id=f"feedback:{answer.answer_id}",
        positive_button=FeedbackButtonObject(text="Helpful", value="up", accessibility_label="This answer helped"),
        negative_button=FeedbackButtonObject(text="Not helpful", value="down", accessibility_label="It did not help"),
    )
    return [*blocks, ActionsBlock(elements=tools), ContextActionsBlock(elements=[judge])]
