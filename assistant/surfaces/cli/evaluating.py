"""`askcost eval`: how good the answers are."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from assistant import evaluation
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.telling.table import plain


def run(config: Config, file: Path, as_json: bool) -> int:
    """Exit 0 when no number was wrong, 1 otherwise."""
    assistant = Assistant(config, surface="eval")

    def check(sql: str) -> tuple[Sequence[str], Sequence[tuple[Any, ...]]]:
        _, rows = assistant.run(sql)
        return rows.columns, rows.rows

    started = time.perf_counter()
    score = evaluation.run(assistant, evaluation.read(file), check)
    seconds = time.perf_counter() - started
    misses = [r for r in score.results if r.verdict != "right"]
    if as_json:
        click.echo(
            json.dumps(
                {
                    "questions": len(score.results),
                    "accuracy_percent": round(score.accuracy, 2),
                    "coverage_percent": round(score.coverage, 2),
                    "wrong_numbers": score.count("wrong"),
                    "asked_back": score.count("asked back"),
                    "misses": [
                        {"id": r.id, "question": r.question, "verdict": r.verdict, "note": r.note} for r in misses
                    ],
                }
            )
        )
    else:
        for result in misses:
            click.echo(plain(f"{result.verdict:10} {result.id} {result.question!r}: {result.note}"[:300]))
        click.echo(
            f"{len(score.results)} questions in {seconds:.1f} s: accuracy {score.accuracy:.1f} %, "
            f"coverage {score.coverage:.1f} %, wrong numbers {score.count('wrong')}, "
            f"asked back {score.count('asked back')}"
        )
    return 1 if score.count("wrong") else 0
