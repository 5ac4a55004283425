"""The smallest company: what holds for a big bill holds for five lines of one."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.telling.answer_object import to_dict
from assistant.values import Question
from assistant.warehouse.load import load

HERE = Path(__file__).parent
CASES = yaml.safe_load((HERE / "cases" / "small_bill.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    warehouse = tmp_path_factory.mktemp("small") / "small.duckdb"
    load([str(HERE / "data" / "small_bill.csv")], warehouse)
    return Assistant(Config(warehouse=warehouse))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["question"])
def test_a_small_bill_answers(case: dict[str, Any], assistant: Assistant) -> None:
    answer = to_dict(assistant.ask(Question(case["question"], today=date(2025, 4, 10))))
    assert answer["status"] == case.get("status", "answered"), json.dumps(answer)
    if "rows" in case:
        assert [[_round(v) for v in row] for row in answer["rows"]] == [[_round(v) for v in r] for r in case["rows"]]


def test_two_spellings_of_a_tag_key_are_two_keys_in_sql(assistant: Assistant) -> None:
    sql = "SELECT count(Tags['Team']), count(Tags['team']) FROM cost_and_usage"
    assert assistant.run(sql)[1].rows == ((1, 3),)


def _round(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float | int) else value
