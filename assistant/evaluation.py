"""Question files with the right answers, and the score of an Assistant on them.

An item: id, question, today, expect (answered | clarify | refused | either | any: not scored), sql (check SQL),
ordered, period, compare (the columns that count), thread, user; columns and rows in place of what the SQL gives; plan
(as the audit keeps it). tests/corpus/README.md describes the format and the comparison.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, Protocol

import yaml

from assistant.errors import LoadError
from assistant.values import Answer, Question

Verdict = Literal["right", "asked back", "wrong", "wrong kind"]
Row = tuple[Any, ...]
# Runs check SQL and returns its column names and rows.
Check = Callable[[str], tuple[Sequence[str], Sequence[Row]]]


class Asked(Protocol):
    """Whoever answers: an Assistant, or another one behind an adapter."""

    def ask(self, question: Question) -> Answer: ...


@dataclass(frozen=True)
class Result:
    """`asked back`: no number where one was due. `wrong`: a number that is not the right one."""

    id: str
    kind: str
    question: str
    verdict: Verdict
    answer: Answer
    note: str = ""


@dataclass(frozen=True)
class Score:
    results: tuple[Result, ...]

    def count(self, verdict: Verdict) -> int:
        return sum(r.verdict == verdict for r in self.results)

    @property
    def accuracy(self) -> float:
        """Per cent of the questions handled right, those that must be refused included."""
        return 100 * self.count("right") / len(self.results) if self.results else 0.0

    @property
    def coverage(self) -> float:
        """Per cent of the questions that were answered with a number."""
        answered = sum(r.answer.status == "answered" for r in self.results)
        return 100 * answered / len(self.results) if self.results else 0.0

    def by_kind(self) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}
        for result in self.results:
            found.setdefault(result.kind, Counter())[result.verdict] += 1
        return found


def read(file: Path) -> list[dict[str, Any]]:
    """The items of a YAML or JSON Lines file. Raises LoadError."""
    try:
        text = file.read_text(encoding="utf-8")
        lines = text.splitlines() if file.suffix == ".jsonl" else []
        items = [json.loads(line) for line in lines if line.strip()] if lines else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"can't be read as questions: {error}", str(file)) from None
    except json.JSONDecodeError as error:
        line = next(n for n, one in enumerate(lines, 1) if one == error.doc)
        raise LoadError(f"can't be read as questions: not JSON, {error.msg}", str(file), line) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        raise LoadError(f"can't be read as questions: {problem}", str(file), mark.line + 1 if mark else None) from None
    if not isinstance(items, list) or not all(isinstance(i, dict) and "question" in i for i in items):
        raise LoadError("must be a list of items, each with a `question`", str(file))
    return items


def run(assistant: Asked, items: Sequence[dict[str, Any]], check: Check) -> Score:
    """Asks every item, in order, and judges it."""
    return Score(tuple(judge(assistant, item, check) for item in items))


def judge(assistant: Asked, item: dict[str, Any], check: Check, names_period: bool = True) -> Result:
    """names_period: an answer that does not say which days it is about is not the right one."""
    day = item.get("today")
    answer = assistant.ask(
        Question(
            str(item["question"]),
            item.get("user"),
            item.get("thread"),
            date.fromisoformat(str(day)) if day else None,
        )
    )
    if answer.period is None and not names_period:
        item = {**item, "period": None}
    verdict, note = _verdict(answer, item, check)
    return Result(str(item.get("id", "")), str(item.get("kind", "")), str(item["question"]), verdict, answer, note)


def _verdict(answer: Answer, item: dict[str, Any], check: Check) -> tuple[Verdict, str]:
    expected = item.get("expect", "answered")
    if expected != "answered":
        if answer.status == "answered":
            return "wrong", f"should be {expected}"
        fits = answer.status in ("clarify", "refused") if expected == "either" else answer.status == expected
        return ("right", "") if fits else ("wrong kind", f"{answer.status} instead of {expected}")
    if answer.status != "answered":
        return "asked back", answer.error or (answer.clarify.question if answer.clarify else "")
    if item.get("sql"):
        names, wanted = (item["columns"], item["rows"]) if "rows" in item else check(item["sql"])
        problem = difference(answer, names, wanted, bool(item.get("ordered")), item.get("compare"))
        if problem:
            return "wrong", problem
    if item.get("plan") and _differs(answer, item["plan"]):
        return "wrong", f"read as {answer.understood}, not as the corrected plan"
    period = item.get("period")
    if period and (
        answer.period is None
        or [answer.period.start.isoformat(), answer.period.end.isoformat()] != [str(p) for p in period]
    ):
        return "wrong", f"period {answer.period} instead of {period}"
    return "right", ""


def _differs(answer: Answer, plan: dict[str, Any]) -> bool:
    """Whether the question is read as another plan; one with a verified query has none."""
    return answer.plan is not None and answer.plan.model_dump(mode="json", exclude_defaults=True) != plan


def difference(
    answer: Answer, names: Sequence[str], wanted: Sequence[Row], ordered: bool, compare: Sequence[str] | None
) -> str:
    """Empty when the answer's rows are the wanted ones; else what differs."""
    got = [tuple(_plain(v) for v in row) for row in answer.rows]
    want = [tuple(_plain(v) for v in row) for row in wanted]
    if compare:
        places = [list(names).index(c) for c in compare]
        want = [tuple(row[i] for i in places) for row in want]
        width = len(got[0]) if got else 0
        for chosen in combinations(range(width), len(places)):
            part = [tuple(row[i] for i in chosen) for row in got]
            if _same(part, want, ordered):
                return ""
    if _same(got, want, ordered):
        return ""
    return f"got {got[:3]} ({len(got)} rows), want {want[:3]} ({len(want)} rows)"


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _key(row: Row) -> tuple[Any, ...]:
    return tuple((v is None, "", round(v, 2)) if isinstance(v, int | float) else (v is None, str(v), 0) for v in row)


def _same(got: Sequence[Row], want: Sequence[Row], ordered: bool) -> bool:
    if len(got) != len(want):
        return False
    if not ordered:
        got, want = sorted(got, key=_key), sorted(want, key=_key)
    return all(len(g) == len(w) and all(map(_equal, g, w)) for g, w in zip(got, want, strict=True))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= max(0.00501, 1e-9 * abs(other))
    return bool(one == other)
