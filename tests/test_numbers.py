"""Every figure of a sentence stands in the rows or follows from them; a sentence with another one is withheld."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.telling import numbers
from assistant.telling.figures import figure
from assistant.values import AnswerColumn

TEAM = AnswerColumn("team", "dimension")
COST = AnswerColumn("effective_cost", "metric", "USD")
ROWS = (("Payments", Decimal("1234.567")), ("Core", Decimal("500.004")), (None, Decimal("-20")))
COMPARED = tuple(AnswerColumn(name, "metric", "USD") for name in ("current", "previous", "change"))
COMPARISON = ((Decimal("1100.5"), Decimal("1000"), Decimal("100.5")),)


def unsupported(text: str, **more: Any) -> list[str]:
    return numbers.unsupported(text, (TEAM, COST), ROWS, **more)


@pytest.mark.parametrize(
    "text",
    [
        "Payments cost $1,234.57.",
        "Payments cost 1234.567, or $1,234.6, or about $1,235.",
        "Core cost $500.00.",
        "Credits of $20.00 (-$20.00, -20) have no team.",
        "All 3 teams cost $1,714.57.",
        "Payments has 72.0% of it.",
        "Payments cost $734.56 more than Core.",
        "No figures here.",
    ],
)
def test_a_figure_of_the_rows_passes_at_the_precision_it_is_shown_in(text: str) -> None:
    assert unsupported(text) == []


@pytest.mark.parametrize(
    ("text", "invented"),
    [
        ("Payments cost $1,234.58.", ["1,234.58"]),
        ("Payments cost $1,236.", ["1,236"]),
        ("Payments cost $12,345.67.", ["12,345.67"]),
        ("Core cost $500.01, Payments $1,234.57.", ["500.01"]),
        ("It will be $9,999.00 next month.", ["9,999.00"]),
        ("Payments has 73.0% of it.", ["73.0"]),
        ("That is 40 % more than in 2019.", ["40", "2019"]),
        ("There are 8 teams.", ["8"]),
    ],
)
def test_an_invented_figure_is_found(text: str, invented: list[str]) -> None:
    assert unsupported(text) == invented


def test_a_change_and_its_percentage_follow_from_a_comparison() -> None:
    assert numbers.unsupported("$1,100.50, up $100.50 (10.1%) from $1,000.00.", COMPARED, COMPARISON) == []
    assert numbers.unsupported("up 11.1%", COMPARED, COMPARISON) == ["11.1"]


def test_names_and_figures_of_the_question_may_hold_digits() -> None:
    text = "Above $5,000: none in 2026 for cost center 4711."
    assert unsupported(text) == ["5,000", "2026", "4711"]
    assert unsupported(text, quoted=["2026", "4711"], asked=[Decimal(5000)]) == []
    assert unsupported("Cost per 9k tokens of Core was $500.00.", quoted=["cost per 9k tokens"]) == []


@pytest.mark.parametrize("name", ["1", "23", "4.5", "7 "])
def test_a_name_with_digits_does_not_let_other_figures_through(name: str) -> None:
    rows = ((name, Decimal("10.00")),)
    for text in (f"It cost ${name.strip()}11.77.", f"It cost $98{name.strip()}.", f"It cost ${name.strip()},123.00"):
        assert numbers.unsupported(text, (TEAM, COST), rows, quoted=[name]), text


def test_a_withheld_sentence_takes_no_other_with_it() -> None:
    sentences = ["Payments cost $1,234.57.", "Core cost $7,777.77.", "Nothing else."]
    assert numbers.checked(sentences, (TEAM, COST), ROWS) == [sentences[0], sentences[2]]


def test_without_rows_every_figure_is_invented() -> None:
    assert numbers.unsupported("It cost $12.00.", (COST,), ()) == ["12.00"]
    assert numbers.unsupported("Nothing was found.", (COST,), ()) == []


@given(
    amounts=st.lists(st.decimals(-(10**9), 10**9, places=6), min_size=1, max_size=6),
    unit=st.sampled_from(["USD", "EUR", "CHF", "USD per loan", "percent", "tokens", None]),
)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_what_is_written_as_people_see_it_is_recognised(amounts: list[Decimal], unit: str | None) -> None:
    column = AnswerColumn("amount", "metric", unit)
    rows = tuple((amount,) for amount in amounts)
    for amount in amounts:
        assert numbers.unsupported(figure(amount, unit), (column,), rows) == []


@given(amount=st.decimals(1000, 10**9, places=2), offset=st.decimals("0.02", "0.4", places=2))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_a_cent_too_many_is_noticed(amount: Decimal, offset: Decimal) -> None:
    rows = ((amount,),)
    assert numbers.unsupported(figure(amount + offset, "USD"), (COST,), rows)
