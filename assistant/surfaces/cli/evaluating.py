"""`askcost eval`: how good the answers are, of askcost or of another assistant. Draws only."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from ulid import ULID

from assistant import evaluation
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import LoadError
from assistant.evaluation import Asked, Check, Result, Score
from assistant.grading import report
from assistant.grading import run as runs
from assistant.grading.adapter import Adapter
from assistant.grading.run import Changes, Graded
from assistant.telling.table import plain


@dataclass(frozen=True)
class Wanted:
    """companies: a folder with the warehouse of each item's company. adapter: who is asked in askcost's place."""

    files: Sequence[Path]
    companies: Path | None = None
    adapter: str | None = None
    report: Path | None = None
    fail_on_regression: bool = False
    as_json: bool = False


def run(config: Config, wanted: Wanted) -> int:
    """Exit 0 when no number was wrong (and none broke, if that is wanted), 1 otherwise."""
    if wanted.report is not None:
        report.check_chart()
    before = runs.last(wanted.report) if wanted.report else None
    started = time.perf_counter()
    results = list(_results(config, wanted))
    if not results:
        raise LoadError("no question is in them", ", ".join(map(str, wanted.files)))
    seconds = time.perf_counter() - started
    score = Score(tuple(result for _, result in results))
    now = runs.finished(_who(wanted.adapter), [runs.graded(file.name, result) for file, result in results])
    changed = runs.changes(now, before) if before else None
    if wanted.report is not None:
        paths = (*report.write(now, changed, wanted.report), runs.keep(now, wanted.report))
        click.echo(f"Written: {', '.join(map(str, paths))}", err=wanted.as_json)
    if wanted.as_json:
        click.echo(json.dumps(_object(score, now.results, changed)))
    else:
        _draw(score, seconds, changed)
    broken = bool(wanted.fail_on_regression and changed and changed.broken)
    return 1 if score.count("wrong") or broken else 0


def _results(config: Config, wanted: Wanted) -> Iterator[tuple[Path, Result]]:
    """Every question of every file, in order; threads of one run do not continue those of another."""
    files = [(file, evaluation.read(file)) for file in wanted.files]
    this = str(ULID())
    houses: dict[str, tuple[Asked, Check]] = {}
    with ExitStack() as stack:
        for file, items in files:
            for item in items:
                company = str(item.get("company") or "") if wanted.companies else ""
                if company not in houses:
                    houses[company] = _house(config, wanted, company, stack)
                asked, check = houses[company]
                item = {**item, "thread": f"{this}/{item['thread']}" if item.get("thread") else None}
                result = evaluation.judge(asked, item, check, names_period=wanted.adapter is None)
                if item.get("expect") != "any":  # else it only sets the scene for what follows in its thread
                    yield file, result


def _house(config: Config, wanted: Wanted, company: str, stack: ExitStack) -> tuple[Asked, Check]:
    """Who is asked about a company, and what runs its check SQL."""
    if wanted.companies is not None:
        config = config.model_copy(update={"warehouse": wanted.companies / f"{company}.duckdb", "ledger": None})
        if not config.warehouse.exists():
            raise LoadError("is needed for the questions about this company, and is not there", str(config.warehouse))
    assistant = Assistant(config, surface="eval")
    stack.callback(assistant.close)

    def check(sql: str) -> tuple[Sequence[str], Sequence[tuple[Any, ...]]]:
        _, rows = assistant.run(sql)
        return rows.columns, rows.rows

    asked = Adapter(wanted.adapter, company, config.warehouse.absolute()) if wanted.adapter else assistant
    return asked, check


def _who(adapter: str | None) -> str:
    """A name without arguments, which may hold a key."""
    if adapter is None:
        return f"askcost {version('askcost')}"
    return urlsplit(adapter).hostname or "adapter" if "://" in adapter else Path(adapter.split()[0]).name


def _object(score: Score, results: Sequence[Graded], changed: Changes | None) -> dict[str, Any]:
    misses = [r for r in results if r.verdict != "right"]
    return {
        "questions": len(score.results),
        "accuracy_percent": round(score.accuracy, 2),
        "coverage_percent": round(score.coverage, 2),
        "wrong_numbers": score.count("wrong"),
        "asked_back": score.count("asked back"),
        "by_kind": {kind: asdict(figures) for kind, figures in runs.by_kind(results).items()},
        "became_right": [r.id for r in changed.repaired] if changed else None,
        "broken": [r.id for r in changed.broken] if changed else None,
        "misses": [{"id": r.id, "question": r.question, "verdict": r.verdict, "note": r.note} for r in misses],
    }


def _draw(score: Score, seconds: float, changed: Changes | None) -> None:
    for result in (r for r in score.results if r.verdict != "right"):
        click.echo(plain(f"{result.verdict:10} {result.id} {result.question!r}: {result.note}"[:300]))
    if changed is not None:
        for one in changed.broken:
            click.echo(plain(f"BROKEN     {one.id} {one.question!r} was right on {changed.before[:10]}"))
        click.echo(f"Since the last run: {len(changed.repaired)} became right, {len(changed.broken)} broke.")
    click.echo(
        f"{len(score.results)} questions in {seconds:.1f} s: accuracy {score.accuracy:.1f} %, "
        f"coverage {score.coverage:.1f} %, wrong numbers {score.count('wrong')}, "
        f"asked back {score.count('asked back')}"
    )
