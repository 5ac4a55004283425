"""What an answer says: the figure first, its period and currency, nothing that the rows don't hold."""

from __future__ import annotations

import itertools
import re
from datetime import date, timedelta

import pytest
from conftest import CORPUS_FILES, AssistantFor, ResultsOf

from assistant.assistant import Assistant
from assistant.semantics import calendar
from assistant.telling import numbers
from assistant.telling.figures import SYMBOLS, currency_of
from assistant.values import Answer, Grain, Period, Question

TODAY = date(2026, 3, 19)


@pytest.fixture(scope="module")
def tarnbrook(assistant_for: AssistantFor) -> Assistant:
    return assistant_for("tarnbrook")


def told(assistant: Assistant, text: str, thread: str | None = None) -> str:
    answer = assistant.ask(Question(text, None, thread, TODAY))
    assert answer.status == "answered", answer.error or answer.clarify
    return answer.answer


# --- every answer of the corpus -----------------------------------------------------------------------


@pytest.mark.parametrize("file", CORPUS_FILES)
def test_every_narrative_holds_only_figures_of_its_rows_and_names_period_and_currency(
    file: str, results_of: ResultsOf
) -> None:
    answered = [result.answer for result in results_of(file) if result.answer.status == "answered"]
    assert answered
    faults = [f"{a.question!r}: {fault}: {a.answer!r}" for a in answered for fault in _faults(a)]
    assert not faults, "\n".join(faults)


def _faults(answer: Answer) -> list[str]:
    plan, text = answer.plan, answer.answer
    assert plan
    faults = [] if text.strip() else ["says nothing"]
    quoted = [str(value) for row in answer.rows for value in row if isinstance(value, str)]
    quoted += [value for one in (*plan.filters, *plan.part) for value in one.values]
    quoted += [_label(v, plan.grain) for row in answer.rows for v in row if isinstance(v, date)]
    quoted += [
        calendar.label(Period(start=first, end=last + timedelta(days=1)))
        for row in answer.rows
        for first, last in itertools.pairwise(v for v in row if isinstance(v, date))
        if first <= last
    ]
    quoted += [calendar.label(period) for period in (plan.period, plan.comparison) if period]
    quoted += re.findall(r"Data is loaded up to (\d+ \w+ \d+)", text)
    quoted += [column.unit or "" for column in answer.columns]
    quoted.append((answer.understood or "").split(" · ")[0])  # "cost per 1k tokens"
    asked: list[numbers.Number] = [*(one.value for one in plan.having), *([plan.limit] if plan.limit else [])]
    if plan.analysis:
        return faults  # its sentences also quote columns that are too wide to show; its own tests check them
    invented = numbers.unsupported(text, answer.columns, answer.rows, quoted, asked)
    if invented:
        faults.append(f"figures from nowhere {invented}")
    if plan.period and calendar.label(plan.period) not in text:
        faults.append(f"no period {calendar.label(plan.period)}")
    metrics = [place for place, column in enumerate(answer.columns) if column.kind == "metric"]
    for currency in {currency_of(answer.columns[place].unit) for place in metrics[:1]} - {None}:
        said = any(row[metrics[0]] is not None for row in answer.rows)
        if said and SYMBOLS.get(str(currency), str(currency)) not in text:
            faults.append(f"no {currency}")
    return faults


def _label(day: date, grain: Grain | None) -> str:
    """A bucket as people call it, written down here once more."""
    if grain is Grain.MONTH:
        return f"{day:%b %Y}"
    if grain is Grain.QUARTER:
        return f"Q{(day.month + 2) // 3} {day.year}"
    return str(day.year) if grain is Grain.YEAR else f"{day.day} {day:%b %Y}"


# --- what is said of each shape -----------------------------------------------------------------------


def test_a_total_is_said_first(tarnbrook: Assistant) -> None:
    assert told(tarnbrook, "cost last month").startswith("Effective cost was $188,628.77 in Feb 2026.")


def test_a_breakdown_says_the_total_and_the_largest(tarnbrook: Assistant) -> None:
    text = told(tarnbrook, "cost by provider last month")
    assert "$188,628.77" in text
    assert "AWS is the largest with $88,375.12 (46.9%)" in text


def test_a_ranking_says_what_it_leaves_out(tarnbrook: Assistant) -> None:
    text = told(tarnbrook, "top 3 squads last month")
    assert "Payments $41,670.32, Core $35,444.53, Claims $28,073.65" in text
    assert "without a squad" in text


def test_a_comparison_says_by_how_much_and_from_what(tarnbrook: Assistant) -> None:
    text = told(tarnbrook, "cost in February 2026 versus January 2026")
    assert "$188,628.77" in text
    assert "$202,307.96" in text
    assert "down $13,679.19 (6.8%)" in text
    assert "Jan 2026" in text


def test_a_ranking_by_size_says_nothing_of_the_largest_move(tarnbrook: Assistant) -> None:
    text = told(tarnbrook, "top 2 squads by cost in February 2026 versus January 2026")
    assert "largest move" not in text
    assert text.startswith("Payments had the highest effective cost in Feb 2026: $41,670.32")
    assert "Jan 2026" in text


def test_a_trend_says_where_it_began_and_ended(tarnbrook: Assistant) -> None:
    text = told(tarnbrook, "monthly cost from December 2025 to February 2026")
    assert "Dec 2025" in text
    assert "$188,628.77 (Feb 2026)" in text


def test_a_period_that_reaches_the_newest_day_says_what_is_loaded(tarnbrook: Assistant) -> None:
    assert "18 Mar 2026" in told(tarnbrook, "cost this month")


def test_nothing_found_is_said(tarnbrook: Assistant) -> None:
    text = told(tarnbrook, "Amazon Bedrock cost in March 2025")
    assert "Feb 2026" not in text
    assert re.search(r"(?i)nothing|no charges|\$0\.00", text)


def test_amounts_of_several_currencies_are_said_apart(assistant_for: AssistantFor) -> None:
    answer = assistant_for("tarnbrook_multi").ask(Question("cost last month", None, None, TODAY))
    assert answer.status == "answered"
    currencies = [column.name for column in answer.columns]
    assert "currency" in currencies
    place = currencies.index("currency")
    assert {row[place] for row in answer.rows} == {"USD", "EUR", "GBP"}
    assert all(symbol in answer.answer for symbol in "$€£")


def test_several_measures_of_two_periods_are_each_told(tarnbrook: Assistant) -> None:
    text = told(tarnbrook, "billed and effective cost in February 2026 versus January 2026")
    assert "effective cost $188,628.77, down $13,679.19 (6.8%)" in text.lower()
    assert "billed cost $" in text.lower()
    assert "Jan 2026" in text


def test_a_quantity_has_its_unit_unless_its_name_says_it(tarnbrook: Assistant) -> None:
    assert " kWh in Feb 2026" in told(tarnbrook, "GPU energy last month")
    assert "tokens tokens" not in told(tarnbrook, "tokens last month").lower()
