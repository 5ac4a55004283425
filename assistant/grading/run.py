"""One run over question files: what came of each question, the figures of a kind, and what changed since another run.

Knows nothing of how a question is answered or how a report looks.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from assistant.errors import LoadError
from assistant.evaluation import Result

FORMAT = 1


@dataclass(frozen=True)
class Graded:
    """One question and what came of it. cost_usd None: not known. confidence None: not said. ms: as the asker waits."""

    file: str
    id: str
    kind: str
    question: str
    verdict: str
    status: str
    confidence: float | None
    tokens: int
    cost_usd: float | None
    ms: float
    note: str

    @property
    def key(self) -> tuple[str, str]:
        return self.file, self.id or self.question


@dataclass(frozen=True)
class Run:
    """at: UTC. by: who answered."""

    at: str
    by: str
    results: tuple[Graded, ...]
    format: int = FORMAT


@dataclass(frozen=True)
class Figures:
    """Percentages are of all questions; p50 and p95 by nearest rank, milliseconds; cost None: of some it is unknown."""

    questions: int
    right: int
    wrong: int
    accuracy_percent: float
    coverage_percent: float
    clarify_percent: float
    refused_percent: float
    failed: int
    tokens: int
    cost_usd: float | None
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Point:
    """Answering only from this confidence on: how many of the questions get a number, how many numbers are wrong."""

    confidence: float
    coverage_percent: float
    risk_percent: float


@dataclass(frozen=True)
class Changes:
    """Since the run before: what became right, what was right and is not any more, what was only in one of them."""

    before: str
    repaired: tuple[Graded, ...]
    broken: tuple[Graded, ...]
    new: int
    gone: int


def graded(file: str, result: Result) -> Graded:
    answer = result.answer
    return Graded(
        file,
        result.id,
        result.kind,
        result.question,
        result.verdict,
        answer.status,
        answer.confidence,
        answer.tokens.input + answer.tokens.output,
        answer.tokens.cost_usd,
        float(answer.timings_ms.get("total", 0.0)),
        result.note,
    )


def finished(by: str, results: Sequence[Graded]) -> Run:
    return Run(datetime.now(UTC).isoformat(timespec="seconds"), by, tuple(results))


def figures(results: Sequence[Graded]) -> Figures:
    """Of at least one question."""

    def percent(part: Iterable[bool]) -> float:
        return 100 * sum(part) / len(results)

    costs = [r.cost_usd for r in results]
    times = sorted(r.ms for r in results)
    return Figures(
        len(results),
        sum(r.verdict == "right" for r in results),
        sum(r.verdict == "wrong" for r in results),
        percent(r.verdict == "right" for r in results),
        percent(r.status == "answered" for r in results),
        percent(r.status == "clarify" for r in results),
        percent(r.status == "refused" for r in results),
        sum(r.status == "error" for r in results),
        sum(r.tokens for r in results),
        None if None in costs else math.fsum(c for c in costs if c),
        _rank(times, 0.5),
        _rank(times, 0.95),
    )


def by_kind(results: Sequence[Graded]) -> dict[str, Figures]:
    kinds: dict[str, list[Graded]] = {}
    for one in results:
        kinds.setdefault(one.kind or "other", []).append(one)
    return {kind: figures(found) for kind, found in sorted(kinds.items())}


def curve(results: Sequence[Graded]) -> list[Point]:
    """The risk–coverage curve: a point for each confidence, the surest answers first (Geifman and El-Yaniv 2017).

    Coverage is of all questions, risk of the answered ones. An answer that says no confidence counts as sure.
    """
    answered = [(1.0 if r.confidence is None else r.confidence, r.verdict == "wrong") for r in results
                if r.status == "answered"]  # fmt: skip
    points = []
    for least in sorted({confidence for confidence, _ in answered}, reverse=True):
        kept = [wrong for confidence, wrong in answered if confidence >= least]
        points.append(Point(least, 100 * len(kept) / len(results), 100 * sum(kept) / len(kept)))
    return points


def changes(now: Run, before: Run) -> Changes:
    """Question by question, by file and id."""
    old, new = {r.key: r for r in before.results}, {r.key: r for r in now.results}
    both = [(old[key], one) for key, one in new.items() if key in old]
    return Changes(
        before.at,
        tuple(one for was, one in both if one.verdict == "right" != was.verdict),
        tuple(one for was, one in both if was.verdict == "right" != one.verdict),
        len(new.keys() - old.keys()),
        len(old.keys() - new.keys()),
    )


def keep(run: Run, folder: Path) -> Path:
    """Writes the run beside those before it. Raises OSError."""
    runs = folder / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    path = runs / f"{run.at[:19].replace(':', '')}-{os.getpid()}.json"
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(asdict(run), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def last(folder: Path) -> Run | None:
    """The newest run that is kept in this folder. Raises LoadError when it can't be read."""
    paths = sorted((folder / "runs").glob("*.json"))
    if not paths:
        return None
    try:
        said = json.loads(paths[-1].read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise ValueError
        return Run(**{**said, "results": tuple(Graded(**one) for one in said["results"])})
    except (OSError, ValueError, KeyError, TypeError):
        raise LoadError("is no run that this askcost can read; move it away to begin anew", str(paths[-1])) from None


def _rank(values: Sequence[float], part: float) -> float:
    return values[max(0, math.ceil(part * len(values)) - 1)]
