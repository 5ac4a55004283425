"""Another assistant behind a command or an address: a question goes in, rows come out. Knows no cost and no score."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from assistant.errors import Refused
from assistant.values import Answer, AnswerColumn, Clarification, Period, Question, Status, Tokens

SECONDS = 300.0


class Adapter:
    """`where`: an http(s) address, or a command. A command gets {question}, {today}, {user}, {thread}, {company} and
    {warehouse} put into its arguments, and the same as JSON on standard input; an address gets that JSON by POST.
    An argument like --user={user} is left out when there is none.

    The reply is a JSON list of rows, or an object like `askcost ask --json`, of which `status` and `rows` are read,
    and `period`, `confidence`, `tokens` when they are there. Anything else is an error of that assistant.
    Raises Refused for a command that can't be started.
    """

    def __init__(self, where: str, company: str = "", warehouse: Path | None = None) -> None:
        self._where = where
        self._about = {"company": company, "warehouse": str(warehouse or "")}

    def ask(self, question: Question) -> Answer:
        asked = {
            "question": question.text,
            "today": question.today.isoformat() if question.today else "",
            "user": question.user or "",
            "thread": question.thread or "",
            **self._about,
        }
        started = time.perf_counter()
        try:
            text = self._posted(asked) if self._where.startswith(("http://", "https://")) else self._run(asked)
            answer = answer_of(json.loads(text), question.text)
        except (ValueError, TypeError, KeyError, AttributeError, OSError, subprocess.SubprocessError) as error:
            answer = Answer("error", "", question.text, error=f"{type(error).__name__}: {error}"[:300])
        return replace(answer, timings_ms={"total": (time.perf_counter() - started) * 1000})

    def _run(self, asked: Mapping[str, str]) -> str:
        words = [_filled(word, asked) for word in shlex.split(self._where) if not _left_out(word, asked)]
        try:
            done = subprocess.run(words, input=json.dumps(asked), capture_output=True, text=True, timeout=SECONDS)
        except (FileNotFoundError, PermissionError, IndexError) as error:
            raise Refused(f"The adapter {self._where!r} can't be started: {error}.") from None
        if not done.stdout.strip():
            raise ValueError(f"printed nothing, exit {done.returncode}: {done.stderr.strip()[-200:]}")
        return done.stdout

    def _posted(self, asked: Mapping[str, str]) -> str:
        request = urllib.request.Request(
            self._where, json.dumps(asked).encode(), {"content-type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as reply:
                return str(reply.read().decode("utf-8"))
        except urllib.error.HTTPError as error:
            raise ValueError(f"status {error.code}: {error.read()[:200]!r}") from None


def _filled(word: str, asked: Mapping[str, str]) -> str:
    """In one pass, so that braces in a question stay what they are."""
    return re.sub(r"\{(\w+)\}", lambda found: asked.get(found[1], found[0]), word)


def _left_out(word: str, asked: Mapping[str, str]) -> bool:
    return any(asked.get(name) == "" for name in re.findall(r"\{(\w+)\}", word))


def answer_of(said: Any, question: str) -> Answer:
    """Raises ValueError, TypeError, KeyError or AttributeError for what is no reply."""
    said = {"status": "answered", "rows": said} if isinstance(said, list) else dict(said)
    if said["status"] not in get_args(Status):
        raise ValueError(f"no status: {said['status']!r}")
    if said["status"] == "answered" and not isinstance(said.get("rows"), list):
        raise ValueError("answered without rows")
    period, clarify, tokens = said.get("period"), said.get("clarify"), said.get("tokens") or {}
    return Answer(
        said["status"],
        str(said.get("answer_id") or ""),
        question,
        columns=tuple(AnswerColumn(str(c["name"]), "dimension") for c in said.get("columns") or ()),
        rows=tuple(_row(row) for row in said.get("rows") or ()),
        period=Period(start=period["start"], end=period["end"]) if period else None,
        confidence=said.get("confidence"),
        clarify=Clarification(str(clarify.get("question", ""))) if clarify else None,
        error=said.get("error"),
        tokens=Tokens(
            input=int(tokens.get("input", 0)),
            output=int(tokens.get("output", 0)),
            cost_usd=tokens.get("cost_usd") if tokens else None,
        ),
    )


def _row(row: Any) -> tuple[Any, ...]:
    if not isinstance(row, list | dict):
        raise TypeError(f"no row: {row!r}")
    return tuple(row.values()) if isinstance(row, dict) else tuple(row)
