"""Why a cost changed: hand-computed bridges, and laws that hold for any items (domain.md §6)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assistant.errors import Refused
from assistant.finops import drivers, variance
from assistant.finops.variance import Bridge, Cause, Item, Part, Side

ZERO = Decimal(0)


def side(cost: Any, quantity: Any = None, listed: Any = None, contracted: Any = None, reported: Any = None) -> Side:
    given = (quantity, listed, contracted, reported)
    return Side(Decimal(str(cost)), *(None if one is None else Decimal(str(one)) for one in given))


def item(name: str, before: Side | None, after: Side | None, unit: str | None = "h", **more: Any) -> Item:
    return Item((name,), before, after, unit, **more)


def told(bridge: Bridge) -> dict[str, float]:
    return {step.cause.value: float(step.amount) for step in bridge.steps}


def sums(bridge: Bridge) -> bool:
    with localcontext(prec=200):
        return bridge.before + sum((s.amount for s in bridge.steps), ZERO) == bridge.after


# --- computed by hand -------------------------------------------------------------------------------------------------

CASES: dict[str, tuple[list[Item], tuple[int, int], dict[str, float]]] = {
    # domain.md §6: 2,500 → 2,600 = +250 +750 −900. Average price 2.5; a hundred units more; the dear one's share
    # goes from 500/1000 to 800/1100, and its price from 4 to 2.875.
    "volume, mix and rate of items in one unit": (
        [item("cheap", side(500, 500), side(300, 300)), item("dear", side(2000, 500), side(2300, 800))],
        (30, 30),
        {"usage": 250, "mix": 750, "rates": -900},
    ),
    # domain.md §5: 1,000 loans at 8 → 3,000 loans at 7.20.
    "the mortgage": (
        [item("loans", side(8000, 1000), side(21600, 3000), "loan")],
        (31, 31),
        {"usage": 16000, "rates": -2400},
    ),
    # Unlike units: (12−10)·(5+6)/2 = 11 and (6−5)·(10+12)/2 = 11; (50−100)·(0.02+0.02)/2 = −1.
    "unlike units are valued at the mean of both periods, without a mix": (
        [item("hours", side(50, 10), side(72, 12)), item("storage", side(2, 100), side(1, 50), "GB")],
        (30, 30),
        {"usage": 10, "rates": 11},
    ),
    "quantities in units that nobody names are not added up": (
        [item("a", side(500, 500), side(300, 300), None), item("b", side(2000, 500), side(3200, 800), None)],
        (30, 30),
        {"usage": 1000},
    ),
    # 10 a day at price 2 for 28 and for 31 days; and 12 a day instead of 10: (12−10)·31·2 = 124.
    "the number of days is apart from usage a day": (
        [item("vm", side(560, 280), side(744, 372))],
        (28, 31),
        {"days in the period": 60, "usage": 124},
    ),
    "a monthly fee has no more of it in a longer month": (
        [item("seats", side(560, 280), side(744, 372), daily=False)],
        (28, 31),
        {"usage": 184},
    ),
    # 100 h: list 10 → 11 at the same 20 % discount and no commitment: all list price.
    "a dearer list price at the same discount is no discount": (
        [item("vm", side(800, 100, 1000, 800), side(880, 100, 1100, 880))],
        (30, 30),
        {"list prices": 80},
    ),
    "a negotiated discount": (
        [item("vm", side(1000, 100, 1000, 1000), side(900, 100, 1000, 900))],
        (30, 30),
        {"negotiated discounts": -100},
    ),
    # Half of the hours lose a commitment that cost 0.6 of the contracted price.
    "commitment coverage that moved elsewhere": (
        [item("vm", side(600, 100, 1000, 1000), side(800, 100, 1000, 1000))],
        (30, 30),
        {"commitment discounts": 200},
    ),
    # List 10 → 12, contracted 0.9 → 0.8 of it, paid all of it: +2·0.9·100, −12·0.1·100.
    "list price up, discount up": (
        [item("vm", side(900, 100, 1000, 900), side(960, 100, 1200, 960))],
        (30, 30),
        {"list prices": 180, "negotiated discounts": -120},
    ),
    "new, gone, and everything that is no usage": (
        [
            item("new", None, side(70, 7)),
            item("old", side(40, 4), None),
            item("vat", side(20), side(25), None, cause=Cause.TAX),
            item("goodwill", None, side(-12), None, cause=Cause.CREDIT),
            item("outage", side(-5), None, None, cause=Cause.CORRECTION),
            item("seats", side(100), side(110), None, cause=Cause.PURCHASE),
            item("wasted", side(9), side(3), None, cause=Cause.UNUSED),
        ],
        (30, 31),
        {
            "new": 70,
            "gone": -40,
            "unused commitments": -6,
            "purchases": 10,
            "credits": -12,
            "refunds and corrections": 5,
            "tax": 5,
        },
    ),
    # No quantity: a day's cost 1 and 2 for the day more, their mean 1.5; the rest grew.
    "without quantities costs grow and shrink": (
        [
            item("a", side(30), side(62), None),
            item("b", side(62), side(31), None, daily=False),
        ],
        (30, 31),
        {"days in the period": 1.5, "grown": 30.5, "shrunk": -31},
    ),
    "a quantity of one period only is none": (
        [item("a", side(30, 3), side(40), "h")],
        (30, 30),
        {"grown": 10},
    ),
    # 100 EUR at 1.10 → 120 EUR at 1.20: usage 20 EUR at 1.15, and 110 EUR (the mean) dearer by 0.10.
    "exchange rates are apart": (
        [item("vm", side(100, 100, reported=110), side(120, 120, reported=144))],
        (30, 30),
        {"usage": 23, "exchange rates": 11},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bridge_is_what_a_person_computes_by_hand(name: str) -> None:
    items, days, expected = CASES[name]
    bridge = variance.bridge(items, *days)
    assert told(bridge) == expected
    assert list(told(bridge)) == [cause.value for cause in Cause if cause.value in expected]
    assert sums(bridge)


def test_a_period_without_days_is_refused() -> None:
    with pytest.raises(Refused, match="no day is loaded"):
        variance.bridge([item("vm", side(1, 1), side(2, 2))], 0, 30)


def test_net_amounts_show_what_they_hide() -> None:
    bridge = variance.bridge([item("a", None, side(100)), item("b", None, side(-80))], 30, 30)
    (new,) = bridge.steps
    assert (new.amount, new.increases, new.decreases, new.hides) == (20, 100, -80, True)
    bridge = variance.bridge([item("a", None, side(100)), item("b", None, side(-30))], 30, 30)
    assert not bridge.steps[0].hides


# --- laws -------------------------------------------------------------------------------------------------------------

money = st.decimals(-(10**7), 10**7, places=6)
paid = st.decimals("0.000001", 10**7, places=6) | st.decimals("0.000001", 10**3, places=15)
quantities = st.none() | st.decimals(-5, 10**6, places=4)
sides = st.builds(
    Side, cost=money, quantity=quantities, listed=st.none() | money, contracted=st.none() | money, reported=st.none()
)
reported = st.builds(Side, cost=money, quantity=quantities, reported=money)
units = st.sampled_from(["h", "GB", None])
causes = st.sampled_from([Cause.USAGE] * 6 + [Cause.TAX, Cause.CREDIT, Cause.CORRECTION, Cause.PURCHASE, Cause.UNUSED])
keys = st.tuples(st.sampled_from(["AWS", "Azure", None]), st.sampled_from("abcdef"))


def items_of(some: st.SearchStrategy[Side]) -> st.SearchStrategy[list[Item]]:
    one = st.builds(
        Item, keys, st.none() | some, st.none() | some, units, st.sampled_from(["x", "y", None]), causes, st.booleans()
    )
    return st.lists(one, max_size=8)


day_counts = st.integers(1, 400)


@given(items_of(sides) | items_of(reported), day_counts, day_counts)
@example([item("a", Side(Decimal(10), Decimal(3)), Side(Decimal(10), Decimal(7)))], 28, 31)
def test_steps_sum_to_the_change_exactly(items: list[Item], before: int, after: int) -> None:
    bridge = variance.bridge(items, before, after)
    assert sums(bridge)
    with localcontext(prec=200):
        for step in bridge.steps:
            assert sum((part.amount for part in step.parts), ZERO) == step.amount == step.increases + step.decreases


@given(items_of(sides) | items_of(reported), day_counts, day_counts)
def test_swapped_periods_negate_the_change(items: list[Item], before: int, after: int) -> None:
    there = variance.bridge(items, before, after)
    back = variance.bridge([replace(i, before=i.after, after=i.before) for i in items], after, before)
    assert there.change == -back.change
    for cause, opposite in ((Cause.NEW, Cause.GONE), (Cause.TAX, Cause.TAX), (Cause.CREDIT, Cause.CREDIT)):
        assert there.step(cause) == -back.step(opposite)


@given(st.lists(st.tuples(paid, paid, st.decimals("0.01", 10**5, places=2), units), min_size=1, max_size=6), day_counts)
def test_a_pure_price_change_has_no_other_step(rows: list[tuple[Any, ...]], days: int) -> None:
    items = [item(str(n), Side(c0, q), Side(c1, q), unit) for n, (c0, c1, q, unit) in enumerate(rows)]
    assert set(told(variance.bridge(items, days, days))) <= {"rates"}


@given(
    st.lists(st.tuples(paid, st.decimals("0.01", 10**4, places=2), units), min_size=1, max_size=6),
    day_counts,
    day_counts,
)
def test_a_pure_change_of_days_is_all_days(rows: list[tuple[Any, ...]], before: int, after: int) -> None:
    items = [
        item(str(n), Side(c * before, q * before), Side(c * after, q * after), unit)
        for n, (c, q, unit) in enumerate(rows)
    ]
    assert set(told(variance.bridge(items, before, after))) <= {"days in the period"}


@given(st.lists(st.tuples(paid, st.decimals("0.01", 10**4, places=2), st.integers(1, 9), units), max_size=6))
def test_more_of_everything_at_the_same_price_is_usage_and_mix(rows: list[tuple[Any, ...]]) -> None:
    items = [
        item(str(n), Side(c, q, c, c), Side(c * times, q * times, c * times, c * times), unit)
        for n, (c, q, times, unit) in enumerate(rows)
    ]
    assert set(told(variance.bridge(items, 30, 30))) <= {"usage", "mix"}


# --- drivers ----------------------------------------------------------------------------------------------------------


def parts(*rows: tuple[str, str, str | None, Any]) -> list[Part]:
    return [Part((provider, service), owner, Decimal(str(amount))) for provider, service, owner, amount in rows]


def test_drivers_go_down_to_what_explains_most() -> None:
    found = drivers.explain(
        parts(
            ("AWS", "EC2", "Payments", 700),
            ("AWS", "S3", "Claims", 60),
            ("AWS", "SQS", "Claims", 40),
            ("Azure", "VM", "Growth", 150),
            ("GCP", "GKE", None, 50),
        )
    )
    assert [(d.path, d.amount) for d in found.below] == [(("AWS",), 800)]
    assert found.main.path == ("AWS", "EC2")
    assert (found.owners, found.more) == (("Payments", "Growth"), 2)


def test_drivers_of_opposite_signs_are_both_named() -> None:
    found = drivers.explain(parts(("AWS", "EC2", "A", 500), ("Azure", "VM", "B", -480), ("GCP", "GKE", "C", 10)))
    assert [(d.path, d.amount) for d in found.below] == [(("AWS",), 500), (("Azure",), -480)]
    assert found.main.path == ("AWS", "EC2")
    assert (found.increases, found.decreases) == (510, -480)
    assert [d.path for d in found.branches] == [("AWS",), ("Azure",)]


def test_a_level_with_one_branch_alone_explains_nothing() -> None:
    found = drivers.explain(parts(("AWS", "EC2", "A", 40), ("AWS", "S3", "B", 35), ("AWS", "RDS", "B", 30)))
    assert [d.path for d in found.branches] == [("AWS", "EC2"), ("AWS", "S3"), ("AWS", "RDS")]
    assert found.main.path == ("AWS", "EC2")


def test_at_most_three_drivers_and_no_small_ones_below() -> None:
    rows = [("AWS", f"s{n}", "A", 10) for n in range(9)] + [("GCP", "GKE", "B", 9), ("GCP", "GCS", "B", 1)]
    found = drivers.explain(parts(*rows))
    assert [d.path for d in found.below] == [("AWS",)]
    assert [d.path[1] for d in found.below[0].below] == ["s0", "s1", "s2"]


def test_drivers_that_matter_little_are_not_looked_into() -> None:
    rows = [(f"provider {n:02}", service, "A", 10) for n in range(12) for service in ("x", "y")]
    assert [(d.path, d.below) for d in drivers.explain(parts(*rows)).below] == [
        ((f"provider {n:02}",), ()) for n in range(3)
    ]


@given(items_of(sides), day_counts, day_counts)
@settings(max_examples=50)
def test_drivers_are_parts_of_their_whole(items: list[Item], before: int, after: int) -> None:
    for step in variance.bridge(items, before, after).steps:
        whole = drivers.explain(step.parts)
        assert whole.amount == step.amount
        for one in whole.below:
            exact = [p.amount for p in step.parts if p.key[:1] == one.path]
            with localcontext(prec=200):
                assert one.amount == sum(exact, ZERO)
