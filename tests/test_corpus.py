"""Every question of the corpus against its hand-written check SQL. A wrong number fails; so does too much asking."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from conftest import CORPUS, CORPUS_FILES, ResultsOf

from assistant import evaluation

# id → why the answer may differ from the corpus: two fair readings of the contract.
KNOWN: dict[str, str] = yaml.safe_load((CORPUS / "known.yaml").read_text(encoding="utf-8")) or {}
LEAST_RIGHT = 95.0
# Held-out sets whose misses are kept as they are, not tuned away.
LEAST_OF_FILE = {"heldout3.yaml": 85.0, "heldout6.yaml": 85.0, "heldout7.yaml": 90.0}


@pytest.mark.parametrize("file", CORPUS_FILES)
def test_no_number_is_wrong_and_few_questions_are_asked_back(file: str, results_of: ResultsOf) -> None:
    score = evaluation.Score(tuple(r for r in results_of(file) if r.id not in KNOWN))
    misses = "\n".join(_told(r) for r in score.results if r.verdict != "right")
    assert not score.count("wrong"), misses
    assert score.accuracy >= LEAST_OF_FILE.get(file, LEAST_RIGHT), f"{score.accuracy:.1f} % right\n{misses}"


def test_what_is_known_to_differ_is_in_the_corpus_and_has_a_reason() -> None:
    ids: set[Any] = {item["id"] for file in CORPUS_FILES for item in evaluation.read(CORPUS / file)}
    assert set(KNOWN) <= ids
    assert all(len(reason) > 20 for reason in KNOWN.values())


def _told(result: evaluation.Result) -> str:
    return f"{result.verdict} {result.id} [{result.kind}] {result.question!r}: {result.note}"
