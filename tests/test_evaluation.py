"""What counts as the right answer, and how answers add up to a score."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from assistant import evaluation
from assistant.errors import LoadError
from assistant.evaluation import Result, Score
from assistant.values import Answer, Clarification, Period, Question

FEBRUARY = Period(start=date(2026, 2, 1), end=date(2026, 3, 1))


def answered(*rows: tuple[Any, ...], period: Period | None = FEBRUARY) -> Answer:
    return Answer("answered", "1", "q", rows=rows, period=period)


class Parrot:
    """Gives one answer whatever it is asked, and remembers what that was."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        return self.answer


def judged(answer: Answer, wanted: Sequence[tuple[Any, ...]] = (), **item: Any) -> str:
    names = [f"c{place}" for place in range(len(wanted[0]))] if wanted else []
    item = {"question": "q", "sql": "SELECT 1" if wanted else None, **item}
    return evaluation.judge(Parrot(answer), item, lambda sql: (names, wanted)).verdict  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("got", "wanted", "verdict"),
    [
        ([("a", 1.0)], [("a", Decimal("1.00"))], "right"),
        ([("a", Decimal("10.004"))], [("a", 10)], "right"),
        ([("a", Decimal("10.006"))], [("a", 10)], "wrong"),
        ([("a", 5_000_000_001.0)], [("a", 5_000_000_000)], "right"),
        ([("a", 5_000_000_010.0)], [("a", 5_000_000_000)], "wrong"),
        ([(None, 1)], [(None, 1)], "right"),
        ([(None, 1)], [("", 1)], "wrong"),
        ([("a", None)], [("a", 0)], "wrong"),
        ([("a", 1)], [("A", 1)], "wrong"),
        ([("2026-02-01", 1)], [(date(2026, 2, 1), 1)], "right"),
        ([(date(2026, 2, 1), 1)], [(datetime(2026, 2, 1), 1)], "right"),
        ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)], "right"),
        ([("a", 1), ("b", 2)], [("a", 1)], "wrong"),
        ([("a", 1)], [("a", 1), ("a", 1)], "wrong"),
        ([("a", 1, 2)], [("a", 1)], "wrong"),
        ([(1, "a")], [("a", 1)], "wrong"),
    ],
)
def test_rows_are_right_when_they_are_the_wanted_ones(got: Any, wanted: Any, verdict: str) -> None:
    assert judged(answered(*got), wanted) == verdict


def test_the_order_counts_only_when_it_was_asked_for() -> None:
    got, wanted = [("a", 1), ("b", 2)], [("b", 2), ("a", 1)]
    assert judged(answered(*got), wanted, ordered=False) == "right"
    assert judged(answered(*got), wanted, ordered=True) == "wrong"


def test_an_answer_may_carry_more_columns_when_the_item_says_which_count() -> None:
    got = [("a", 1, 50.0), ("b", 2, 25.0)]
    assert judged(answered(*got), [("a", 50), ("b", 25)], compare=["c0", "c1"]) == "right"
    assert judged(answered(*got), [(50,), (25,)], compare=["c0"]) == "right"
    assert judged(answered(*got), [("a", 51), ("b", 25)], compare=["c0", "c1"]) == "wrong"
    assert judged(answered(*got), [(50, "a"), (25, "b")], compare=["c0", "c1"]) == "wrong"


def test_a_right_figure_of_another_period_is_wrong() -> None:
    wanted = [("a", 1)]
    assert judged(answered(("a", 1)), wanted, period=["2026-02-01", "2026-03-01"]) == "right"
    assert judged(answered(("a", 1)), wanted, period=["2026-02-01", "2026-02-28"]) == "wrong"
    assert judged(answered(("a", 1), period=None), wanted, period=["2026-02-01", "2026-03-01"]) == "wrong"


CLARIFY = Answer("clarify", "1", "q", clarify=Clarification("which?"))
REFUSED = Answer("refused", "1", "q", error="no")
FAILED = Answer("error", "1", "q", error="broken")


@pytest.mark.parametrize(
    ("answer", "expected", "verdict"),
    [
        (CLARIFY, "clarify", "right"),
        (REFUSED, "refused", "right"),
        (CLARIFY, "refused", "wrong kind"),
        (CLARIFY, "either", "right"),
        (REFUSED, "either", "right"),
        (FAILED, "either", "wrong kind"),
        (answered(("a", 1)), "refused", "wrong"),
        (answered(("a", 1)), "either", "wrong"),
        (CLARIFY, "answered", "asked back"),
        (FAILED, "answered", "asked back"),
        (answered(("a", 1)), "answered", "right"),
    ],
)
def test_asking_back_refusing_and_answering_are_judged_apart(answer: Answer, expected: str, verdict: str) -> None:
    assert judged(answer, expect=expected) == verdict


def test_an_item_is_asked_as_its_user_in_its_thread_on_its_day() -> None:
    parrot = Parrot(CLARIFY)
    item = {"question": "cost", "user": "noor", "thread": "t", "today": "2026-03-19"}
    evaluation.judge(parrot, item, lambda sql: ([], []))  # type: ignore[arg-type]
    evaluation.judge(parrot, {"question": "cost", "today": date(2026, 3, 19)}, lambda sql: ([], []))  # type: ignore[arg-type]
    day = date(2026, 3, 19)
    assert parrot.asked == [Question("cost", "noor", "t", day), Question("cost", None, None, day)]


def test_a_score_counts_accuracy_and_coverage() -> None:
    verdicts = ("right", "right", "asked back", "wrong")
    answers = (answered(("a", 1)), REFUSED, CLARIFY, answered(("a", 1)))
    score = Score(
        tuple(Result(str(i), f"k{i % 2}", "q", v, a) for i, (v, a) in enumerate(zip(verdicts, answers, strict=True)))  # type: ignore[arg-type]
    )
    assert (score.accuracy, score.coverage) == (50.0, 50.0)
    assert (score.count("wrong"), score.count("asked back")) == (1, 1)
    assert score.by_kind() == {"k0": {"right": 1, "asked back": 1}, "k1": {"right": 1, "wrong": 1}}
    assert Score(()).accuracy == Score(()).coverage == 0.0


# --- files of questions -------------------------------------------------------------------------------


def test_questions_are_read_from_yaml_and_json_lines(tmp_path: Path) -> None:
    (tmp_path / "q.yaml").write_text("- {id: a, question: cost}\n- question: spend\n")
    (tmp_path / "q.jsonl").write_text('{"id": "a", "question": "cost"}\n\n{"question": "spend"}\n')
    assert evaluation.read(tmp_path / "q.yaml") == [{"id": "a", "question": "cost"}, {"question": "spend"}]
    assert evaluation.read(tmp_path / "q.jsonl") == evaluation.read(tmp_path / "q.yaml")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.yaml", "a: [1"),
        ("q.yaml", "question: cost"),
        ("q.yaml", "- cost"),
        ("q.yaml", "- {id: 1}"),
        ("q.yaml", ""),
        ("q.jsonl", "{"),
        ("q.jsonl", "[1]"),
    ],
)
def test_a_file_that_holds_no_questions_is_named_in_one_line(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(LoadError, match=name) as caught:
        evaluation.read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="none"):
        evaluation.read(tmp_path / "none.yaml")
