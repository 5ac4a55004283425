"""Bills that no method likes: one day, zeros, holes, negative days, a new currency midway. Asked as a person would."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from datetime import date, timedelta

import pytest
from test_finops_anomalies import charge

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.values import Answer, Question
from assistant.warehouse.load import load

FIRST = date(2026, 1, 1)
Amount = Callable[[int], tuple[float, str]]


def steady(n: int) -> tuple[float, str]:
    return 100.0 + n % 7, "USD"


BILLS: dict[str, tuple[Iterable[int], Amount]] = {
    "one day": (range(1), steady),
    "nine days": (range(9), steady),
    "zeros": (range(120), lambda n: (0.0, "USD")),
    "holes": ([n for n in range(120) if n % 3], steady),
    "no March": ([n for n in range(120) if not 59 <= n < 90], steady),
    "negative": (range(120), lambda n: (-50.0 if n % 10 == 0 else 100.0, "USD")),
    "all negative": (range(120), lambda n: (-10.0, "USD")),
    "new currency": (range(120), lambda n: (100.0, "USD" if n < 60 else "EUR")),
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Assistant]:
    made: dict[str, Assistant] = {}

    def find(name: str) -> Assistant:
        if name not in made:
            folder = tmp_path_factory.mktemp("bill")
            days, amount = BILLS[name]
            rows = [charge(FIRST + timedelta(n), "Looms", "Warp", *amount(n)) for n in days]
            with open(folder / "bill.csv", "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            load([str(folder / "bill.csv")], folder / "bill.duckdb")
            made[name] = Assistant(Config(warehouse=folder / "bill.duckdb", ledger=folder / "ledger.sqlite"))
        return made[name]

    return find


def ask(assistant: Assistant, text: str) -> Answer:
    newest = assistant.warehouse.catalog.days["cost_and_usage"].last
    return assistant.ask(Question(text, today=newest + timedelta(days=1)))


def said(answer: Answer) -> str:
    asked = answer.clarify.question if answer.clarify else ""
    return " ".join((answer.answer, asked, answer.error or "", *answer.assumptions))


@pytest.mark.parametrize(
    ("bill", "question", "status", "says"),
    [
        ("one day", "forecast for this month", "refused", "not enough history for a forecast: 1 days, 28 are needed"),
        ("one day", "why did cost change in January", "refused", "are loaded from 1 Jan 2026"),
        ("one day", "anomalies this month", "answered", "not enough history: 1 days, 28 needed"),
        ("one day", "how good are our forecasts", "refused", "28 are needed"),
        ("nine days", "forecast for this month", "refused", "9 days, 28 are needed"),
        ("nine days", "anomalies this month", "answered", "not enough history: 9 days, 28 needed"),
        ("zeros", "forecast for this month", "answered", "expected to be $0.00"),
        ("zeros", "why did cost change in March", "answered", "did not change: $0.00 in Feb 2026 and in Mar 2026"),
        ("zeros", "anomalies in March", "answered", "No open anomaly"),
        ("zeros", "why did the discount rate change in March", "refused", "Nothing of that"),
        ("holes", "why did cost change in March", "answered", "Feb 2026 to"),
        ("holes", "anomalies in March", "answered", "No open anomaly"),
        ("no March", "forecast for this month", "answered", "No band: only"),
        ("no March", "anomalies in April", "answered", "No open anomaly"),
        ("no March", "why did cost change in April", "refused", "Nothing is loaded for Mar 2026"),
        ("negative", "forecast for this month", "answered", "within 18 % in 2 of 2 earlier periods"),
        ("negative", "why did cost change in March", "answered", "days in the period"),
        ("all negative", "why did cost change in March", "answered", "-$310.00"),
        ("all negative", "forecast for this month", "answered", "-$"),
        ("new currency", "why did cost change in March", "answered", "€"),
        ("new currency", "forecast for this month", "answered", "€"),
        ("new currency", "anomalies in March", "answered", "billed in EUR instead of USD since 2026-03-02"),
    ],
)  # fmt: skip
def test_a_bad_history_is_answered_in_words(
    bill: str, question: str, status: str, says: str, company: Callable[[str], Assistant]
) -> None:
    answer = ask(company(bill), question)
    assert answer.status == status, said(answer)
    assert says in said(answer)


def test_steps_sum_also_where_amounts_are_negative_or_days_are_missing(company: Callable[[str], Assistant]) -> None:
    for bill in ("holes", "negative", "all negative"):
        answer = ask(company(bill), "why did cost change in March")
        first, *steps, last = (row[1] for row in answer.rows)
        assert first + sum(steps) == last, bill


def test_a_currency_that_changed_is_told_apart_before_and_after(company: Callable[[str], Assistant]) -> None:
    answer = ask(company("new currency"), "why did cost change in March")
    rows = [(row[0], row[1], row[2]) for row in answer.rows]
    assert {currency for currency, *_ in rows} == {"USD", "EUR"}
    assert ("EUR", "new", 3_000) in rows
