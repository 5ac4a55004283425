"""`askcost ask`: one question, a conversation, or a batch. Draws answers; decides nothing."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import click
from ulid import ULID

from assistant.alerts.meaning import meant
from assistant.alerts.phrases import phrases
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import LoadError
from assistant.telling.answer_object import to_dict
from assistant.telling.table import plain, to_sparks, to_terminal
from assistant.values import Answer, Question

EXIT = {"answered": 0, "error": 1, "clarify": 3, "refused": 4}
MOST_SHOWN = 40
Planner = Literal["auto", "local", "llm"]


@dataclass(frozen=True)
class Asked:
    """How a question is asked and its answer wanted."""

    thread: str | None = None
    user: str | None = None
    today: date | None = None
    as_json: bool = False
    planner: Planner = "auto"


def once(config: Config, text: str, asked: Asked) -> int:
    assistant = Assistant(config, surface="cli")
    if meant(text, phrases(config.schemas)):
        from assistant.surfaces.cli import talking

        code = talking.said(talking.talk(assistant, asked.today), text, asked.user, asked.thread, asked.as_json)
        if code is not None:
            return code
    answer = assistant.ask(Question(text, asked.user, asked.thread, asked.today, asked.planner))
    if asked.as_json:
        click.echo(json.dumps(to_dict(answer), ensure_ascii=False))
    else:
        draw(answer)
    return EXIT[answer.status]


def converse(config: Config, asked: Asked) -> int:
    """Questions from the terminal until an empty line; each continues the thread."""
    assistant = Assistant(config, surface="cli")
    asked = replace(asked, thread=asked.thread or str(ULID()))
    click.echo("Ask about your costs; an empty line ends. For example: cost by service last month")
    from assistant.surfaces.cli import talking

    talk = talking.talk(assistant, asked.today)
    while True:
        try:
            text = input("\n> ").strip()
        except (EOFError, KeyboardInterrupt):
            click.echo()
            return 0
        if not text or text.lower() in ("quit", "exit", "q"):
            return 0
        if talking.said(talk, text, asked.user, asked.thread, False) is not None:
            continue
        draw(assistant.ask(Question(text, asked.user, asked.thread, asked.today, asked.planner)))


def batch(
    config: Config, file: Path, out: Path | None, user: str | None, today: date | None, planner: Planner = "auto"
) -> int:
    """JSON Lines in, JSON Lines out in the same order. All or nothing for --out."""
    assistant = Assistant(config, surface="batch")
    if out is None:
        for line in _answers(assistant, file, user, today, planner):
            click.echo(line)
        return 0
    partial = out.with_name(out.name + f".part-{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8") as stream:
            for line in _answers(assistant, file, user, today, planner):
                stream.write(line + "\n")
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return 0


def _answers(assistant: Assistant, file: Path, user: str | None, today: date | None, planner: Planner) -> Iterator[str]:
    run = str(ULID())  # threads of one batch do not continue those of another
    for row in lines(file, "question"):
        day = date.fromisoformat(row["today"]) if row.get("today") else today
        thread = f"{run}/{row['thread']}" if row.get("thread") else None
        answer = assistant.ask(Question(str(row["question"]), row.get("user", user), thread, day, planner))
        answer = replace(answer, thread=row.get("thread"))
        yield json.dumps({"id": row.get("id"), **to_dict(answer)}, ensure_ascii=False)


def lines(file: Path, needed: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file. Raises LoadError naming the line."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"can't be read: {error}", str(file)) from None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise LoadError(f"not JSON: {error.msg}", str(file), number) from None
        if not isinstance(row, dict) or needed not in row:
            raise LoadError(f"each line must be an object with “{needed}”", str(file), number)
        if row.get("today"):
            try:
                date.fromisoformat(str(row["today"]))
            except ValueError:
                raise LoadError(
                    "“today” must be a date like 2026-11-24", str(file), number, value=str(row["today"])
                ) from None
        yield row


def draw(answer: Answer) -> None:
    """The answer for a person at a terminal."""
    color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    if answer.status != "answered":
        _draw_unanswered(answer)
        return
    click.echo(plain(answer.answer))
    dimmed = (lambda text: click.style(text, dim=True)) if color else str
    if answer.planner == "sql" and answer.sql:
        click.echo(f"\n{plain(answer.sql)}")
    if len(answer.rows) > 1 or len(answer.columns) > 1:
        width = min(shutil.get_terminal_size((100, 24)).columns, 140)
        click.echo()
        click.echo(to_terminal(answer.columns, answer.rows[:MOST_SHOWN], width, color))
        if len(answer.rows) > MOST_SHOWN:
            click.echo(dimmed(f"… {len(answer.rows) - MOST_SHOWN} more rows (--json shows all)"))
    if answer.chart is not None and answer.chart.kind == "line":
        click.echo()
        click.echo(to_sparks(answer.chart, min(shutil.get_terminal_size((100, 24)).columns, 140)))
    click.echo()
    click.echo(dimmed(plain(f"Understood: {answer.understood}")))
    for assumption in answer.assumptions:
        click.echo(dimmed(plain(f"  · {assumption}")))
    tokens = answer.tokens.input + answer.tokens.output
    total = answer.timings_ms.get("total", 0)
    click.echo(dimmed(f"{answer.planner} planner · {tokens} tokens · {total:.0f} ms · {answer.answer_id}"))


def _draw_unanswered(answer: Answer) -> None:
    if answer.clarify is None:
        click.echo(plain(answer.error or "No answer."), err=True)
        return
    click.echo(plain(answer.clarify.question))
    for option in answer.clarify.options:
        click.echo(f"  · {plain(option)}")
