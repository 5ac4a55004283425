"""Every question of the corpus against its hand-written check SQL. A wrong number fails; so does too much asking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AssistantFor, CheckFor

from assistant import evaluation
from assistant.assistant import Assistant

CORPUS = Path(__file__).parent / "corpus"
# id → why the answer may differ from the corpus: two fair readings of the contract.
KNOWN: dict[str, str] = yaml.safe_load((CORPUS / "known.yaml").read_text(encoding="utf-8")) or {}
FILES = sorted(path.name for path in CORPUS.glob("*.yaml") if path.name != "known.yaml")
LEAST_RIGHT = 95.0


@pytest.mark.parametrize("file", FILES)
def test_every_number_is_right_and_few_questions_are_asked_back(
    file: str, assistant_for: AssistantFor, check_for: CheckFor
) -> None:
    assistants: dict[str, Assistant] = {}
    results = []
    for item in evaluation.read(CORPUS / file):
        company = item["company"]
        assistant = assistants.setdefault(company, assistants.get(company) or assistant_for(company))
        results.append(evaluation.judge(assistant, item, check_for(company)))
    score = evaluation.Score(tuple(r for r in results if r.id not in KNOWN))
    misses = "\n".join(_told(r) for r in score.results if r.verdict != "right")
    assert not score.count("wrong"), misses
    assert score.accuracy >= LEAST_RIGHT, f"{score.accuracy:.1f} % right\n{misses}"


def test_what_is_known_to_differ_is_in_the_corpus_and_has_a_reason() -> None:
    ids: set[Any] = {item["id"] for file in FILES for item in evaluation.read(CORPUS / file)}
    assert set(KNOWN) <= ids
    assert all(len(reason) > 20 for reason in KNOWN.values())


def _told(result: evaluation.Result) -> str:
    return f"{result.verdict} {result.id} [{result.kind}] {result.question!r}: {result.note}"
