"""What people call a time, and which days that is: tests/cases/calendar.yaml, read from the contract."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AssistantFor

from assistant.errors import Clarify, Refused
from assistant.planning import local
from assistant.planning.local import Context
from assistant.semantics import vocabulary
from assistant.semantics.catalog import Days
from assistant.semantics.lexicon import Lexicon

ROOT = Path(__file__).parent.parent
GROUPS = yaml.safe_load((ROOT / "tests" / "cases" / "calendar.yaml").read_text(encoding="utf-8"))
CASES = [
    pytest.param(group, *case, id=f"{group['today']}: {case[0] or 'no period'}")
    for group in GROUPS
    for case in ([words, rest] for words, *rest in group["cases"])
]
Reader = Callable[[dict[str, Any]], Lexicon]


@pytest.fixture(scope="module")
def lexicon_of(assistant_for: AssistantFor, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """group → Tarnbrook's words, with the loaded days and the fiscal year of the group."""
    house = assistant_for("tarnbrook").warehouse

    @cache
    def make(first: date, newest: date, fiscal: int) -> Lexicon:
        months = {(first + timedelta(days=n)).replace(day=1) for n in range((newest - first).days + 1)}
        days = {**house.catalog.days, "cost_and_usage": Days(first, newest, frozenset(months))}
        schemas = tmp_path_factory.mktemp("schemas")
        text = (ROOT / "schemas" / "vocabulary.yaml").read_text(encoding="utf-8")
        assert "fiscal_year_starts: 1\n" in text
        text = text.replace("fiscal_year_starts: 1\n", f"fiscal_year_starts: {fiscal}\n")
        (schemas / "vocabulary.yaml").write_text(text, encoding="utf-8")
        for name in ("finops.yaml", "everyday.txt"):
            shutil.copy(ROOT / "schemas" / name, schemas)
        return Lexicon(house.model, replace(house.catalog, days=days), vocabulary.read(schemas))

    return lambda group: make(group["first"], group["newest"], group.get("fiscal", 1))


@pytest.mark.parametrize(("group", "words", "expected"), CASES)
def test_these_words_are_these_days(group: dict[str, Any], words: str, expected: list[Any], lexicon_of: Reader) -> None:
    days, message = _read(group, words, lexicon_of)
    if expected == ["asks or refused"]:
        assert days in (["asks"], ["refused"])
        return
    assert days == expected, message
    if days == ["refused"]:
        assert str(group["newest"].year) in message, "says what is loaded"


def _read(group: dict[str, Any], words: str, lexicon_of: Reader) -> tuple[list[Any], str]:
    """The days as in the cases, and what was said when there are none."""
    try:
        plan = local.read(f"cost {words}", lexicon_of(group), Context(today=group["today"])).plan
    except Clarify as asked:
        return ["asks"], str(asked)
    except Refused as refused:
        return ["refused"], str(refused)
    periods = [period for period in (plan.period, plan.comparison) if period]
    return [day for period in periods for day in (period.start, period.end)], ""


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 120
