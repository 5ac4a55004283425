"""What holds for every plan, whatever the question was: random plans over Tarnbrook, compiled, guarded, run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from conftest import AssistantFor
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from assistant.errors import Clarify, GuardRefusal, Refused
from assistant.sql import compile as sql_compile
from assistant.sql import guard
from assistant.values import Filter, Grain, Order, Period, QueryPlan, Rows, Threshold

FIRST, NEWEST = date(2025, 2, 1), date(2026, 3, 18)
MONEY = ("effective_cost", "billed_cost", "list_cost", "contracted_cost")
# Enough different shapes: a tag, columns with and without empty values, ids, a column of one provider alone.
DIMENSIONS = (
    "provider", "service", "service_category", "account", "region", "charge_category", "charge_class", "squad",
    "env", "business_unit", "cost_centre", "resource_type", "pricing_category", "commitment_status", "publisher",
)  # fmt: skip
VALUES = {
    "provider": ("AWS", "Microsoft", "Google Cloud", "Anthropic", "Nobody's"),
    "squad": ("Payments", "Core", "Orion", "May", "O'Brien; DROP TABLE users --"),
    "env": ("prod", "dev", "staging"),
    "region": ("Europe (Ireland)", "UK South", "Iowa"),
    "charge_category": ("Usage", "Tax", "Credit", "Purchase"),
    "business_unit": ("Retail", "Corporate", "Claims"),
    "service_category": ("Compute", "AI and Machine Learning", "Storage"),
}
LAW = settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
Run = Callable[[QueryPlan], Rows]


@pytest.fixture(scope="module")
def run(assistant_for: AssistantFor) -> Run:
    """plan → its rows, through compiler, guard and engine."""
    assistant = assistant_for("tarnbrook")
    house, access = assistant.warehouse, assistant.access(None)

    def execute(plan: QueryPlan) -> Rows:
        statement = sql_compile.compile(plan, house.model, house.catalog)
        rows = assistant.engine.run(guard.check(statement.tree, access))
        assert list(rows.columns) == [column.name for column in statement.columns]
        assert not rows.truncated
        return rows

    return execute


# --- random plans -------------------------------------------------------------------------------------

days = st.dates(FIRST - timedelta(days=20), NEWEST + timedelta(days=20))
periods = st.tuples(days, days).map(lambda pair: Period(start=min(pair), end=max(pair) + timedelta(days=1)))
filled = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.builds(
        Filter,
        dimension=st.just(name),
        op=st.sampled_from(["in", "not_in"]),
        values=st.lists(st.sampled_from(VALUES[name]), min_size=1, max_size=3, unique=True).map(tuple),
    )
)
empties = st.builds(Filter, dimension=st.sampled_from(DIMENSIONS), op=st.sampled_from(["empty", "filled"]))
filters = st.lists(filled | empties, max_size=2).map(tuple)
groups = st.lists(st.sampled_from(DIMENSIONS), min_size=1, max_size=2, unique=True).map(tuple)
money = st.sampled_from(MONEY)
plans = st.builds(
    QueryPlan,
    dataset=st.just("cost_and_usage"),
    metrics=money.map(lambda name: (name,)),
    filters=filters,
    period=periods,
)


def changed(plan: QueryPlan, **values: Any) -> QueryPlan:
    return plan.model_copy(update=values)


def total(rows: Rows, place: int = -1) -> Decimal:
    return sum((Decimal(str(row[place])) for row in rows.rows if row[place] is not None), Decimal(0))


# --- anything runs ------------------------------------------------------------------------------------


@st.composite
def anything(draw: st.DrawFn) -> QueryPlan:
    """Values for every field of a plan, whether they are ever asked for together or not."""
    metric = draw(money | st.sampled_from(["savings", "discount_rate", "unused_commitment"]))
    dimensions = draw(groups | st.just(()))
    grain = draw(st.none() | st.sampled_from(Grain))
    comparison, series_change = draw(st.none() | periods), grain is not None and draw(st.booleans())
    of = ["value", *(["change", "change_percent"] if comparison or series_change else [])]
    average = draw(st.none() | st.sampled_from(Grain))
    output = "current" if comparison or series_change else metric
    orders = st.none() if average else st.none() | st.builds(Order, by=st.just(output), descending=st.booleans())
    thresholds = st.builds(
        Threshold,
        metric=st.just(metric),
        op=st.sampled_from([">", ">=", "<", "<=", "="]),
        value=st.decimals(-1000, 100_000, places=2),
        of=st.sampled_from(of),
    )
    return QueryPlan(
        dataset="cost_and_usage",
        metrics=(metric,),
        dimensions=dimensions,
        grain=grain,
        filters=draw(filters),
        period=draw(periods),
        comparison=comparison,
        series_change=series_change,
        share=draw(st.booleans()),
        part=draw(st.just(()) | filled.map(lambda one: (one,))),
        average=average,
        order=draw(orders),
        limit=draw(st.none() | st.integers(1, 20)),
        limit_per=draw(st.sampled_from([None, *dimensions])),
        having=draw(st.lists(thresholds, max_size=1).map(tuple)),
        count_groups=bool(dimensions) and draw(st.booleans()),
    )


@given(plan=anything())
@settings(LAW, max_examples=120)
def test_any_plan_runs_or_is_turned_down_in_words(run: Run, plan: QueryPlan) -> None:
    try:
        rows = run(plan)
    except (Clarify, Refused) as error:
        if isinstance(error, GuardRefusal):
            raise
        return
    assert not plan.count_groups or len(rows.rows) == 1


# --- sums ---------------------------------------------------------------------------------------------


@given(plan=plans, dimensions=groups)
@LAW
def test_a_breakdown_sums_to_its_total(run: Run, plan: QueryPlan, dimensions: tuple[str, ...]) -> None:
    assert total(run(changed(plan, dimensions=dimensions))) == total(run(plan))


@given(plan=plans, grain=st.sampled_from(Grain))
@LAW
def test_the_buckets_of_a_trend_sum_to_its_total(run: Run, plan: QueryPlan, grain: Grain) -> None:
    rows = run(changed(plan, grain=grain))
    assert total(rows) == total(run(plan))
    buckets = [row[0] for row in rows.rows]
    assert buckets == sorted(set(buckets))


@given(plan=plans, one=filled)
@LAW
def test_a_filter_never_raises_a_sum_of_charges(run: Run, plan: QueryPlan, one: Filter) -> None:
    usage = (Filter(dimension="charge_category", values=("Usage",)), Filter(dimension="charge_class", op="empty"))
    wide = changed(plan, filters=(*usage, *plan.filters))
    narrow = changed(wide, filters=(*wide.filters, one))
    assert 0 <= total(run(narrow)) <= total(run(wide))


@given(plan=plans, day=days)
@LAW
def test_the_parts_of_a_period_sum_to_the_whole(run: Run, plan: QueryPlan, day: date) -> None:
    assert plan.period
    assume(plan.period.start < day < plan.period.end)
    before = changed(plan, period=Period(start=plan.period.start, end=day))
    after = changed(plan, period=Period(start=day, end=plan.period.end))
    assert total(run(before)) + total(run(after)) == total(run(plan))


@given(plan=plans, one=filled)
@LAW
def test_what_is_excluded_and_what_is_left_are_the_whole(run: Run, plan: QueryPlan, one: Filter) -> None:
    inside, outside = (one.model_copy(update={"op": op}) for op in ("in", "not_in"))
    parts = [total(run(changed(plan, filters=(*plan.filters, part)))) for part in (inside, outside)]
    assert sum(parts) == total(run(plan))


@given(plan=plans, name=st.sampled_from(DIMENSIONS))
@LAW
def test_the_empty_and_the_filled_are_the_whole(run: Run, plan: QueryPlan, name: str) -> None:
    parts = [Filter(dimension=name, op="empty"), Filter(dimension=name, op="filled")]
    sums = [total(run(changed(plan, filters=(*plan.filters, part)))) for part in parts]
    assert sum(sums) == total(run(plan))


@given(plan=plans)
@LAW
def test_an_average_times_the_loaded_days_is_the_total(run: Run, plan: QueryPlan) -> None:
    assert plan.period
    loaded = (min(plan.period.end, NEWEST + timedelta(days=1)) - max(plan.period.start, FIRST)).days
    assume(loaded > 0)
    average = total(run(changed(plan, average=Grain.DAY)))
    assert float(average * loaded) == pytest.approx(float(total(run(plan))), rel=1e-9, abs=1e-6)


# --- shares, rankings, thresholds ---------------------------------------------------------------------


@given(plan=plans, dimensions=groups)
@LAW
def test_shares_sum_to_a_hundred_and_stand_beside_their_amounts(
    run: Run, plan: QueryPlan, dimensions: tuple[str, ...]
) -> None:
    rows = run(changed(plan, dimensions=dimensions, share=True))
    whole = total(run(plan))
    assert total(rows, -2) == whole
    assume(whole != 0)
    assert float(total(rows)) == pytest.approx(100)
    for row in rows.rows:
        assert float(row[-1]) == pytest.approx(float(100 * row[-2] / whole))


@given(plan=plans, name=st.sampled_from(DIMENSIONS), count=st.integers(1, 8), descending=st.booleans())
@LAW
def test_the_top_is_the_beginning_of_the_ranking(
    run: Run, plan: QueryPlan, name: str, count: int, descending: bool
) -> None:
    assume(all(one.dimension != name for one in plan.filters))  # "top untagged": there the empty ones are meant
    ranked = changed(plan, dimensions=(name,), order=Order(by=plan.metrics[0], descending=descending))
    top = run(changed(ranked, limit=count)).rows
    everything = run(changed(ranked, limit=1000)).rows
    assert top == everything[:count]
    amounts = [row[-1] for row in everything]
    assert amounts == sorted(amounts, reverse=descending)
    broken_down = run(changed(plan, dimensions=(name,))).rows
    assert sorted(everything, key=repr) == sorted((row for row in broken_down if row[0] is not None), key=repr)


@given(plan=plans, names=groups.filter(lambda names: len(names) == 2), count=st.integers(1, 4))
@LAW
def test_the_top_within_each_is_the_beginning_of_its_ranking(
    run: Run, plan: QueryPlan, names: tuple[str, ...], count: int
) -> None:
    ranked = changed(plan, dimensions=names, order=Order(by=plan.metrics[0]), limit_per=names[0])
    top, everything = (_by_first(run(changed(ranked, limit=limit)).rows) for limit in (count, 1000))
    assert top == {key: rows[:count] for key, rows in everything.items()}


def _by_first(rows: Sequence[tuple[Any, ...]]) -> dict[Any, list[tuple[Any, ...]]]:
    found: dict[Any, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found


@given(plan=plans, name=st.sampled_from(DIMENSIONS), least=st.integers(0, 40_000))
@LAW
def test_a_threshold_keeps_exactly_the_groups_that_pass_it(run: Run, plan: QueryPlan, name: str, least: int) -> None:
    grouped = changed(plan, dimensions=(name,))
    above = Threshold(metric=plan.metrics[0], op=">", value=Decimal(least))
    kept = run(changed(grouped, having=(above,))).rows
    passing = [row for row in run(grouped).rows if row[-1] is not None and row[-1] > least and row[0] is not None]
    assert sorted((r for r in kept if r[0] is not None), key=repr) == sorted(passing, key=repr)
    ((count,),) = run(changed(grouped, having=(above,), count_groups=True)).rows
    assert count in (len(kept), len(passing))


# --- comparisons --------------------------------------------------------------------------------------


@given(plan=plans, other=periods, dimensions=groups | st.just(()))
@LAW
def test_a_change_is_the_difference_of_what_each_period_costs(
    run: Run, plan: QueryPlan, other: Period, dimensions: tuple[str, ...]
) -> None:
    grouped = changed(plan, dimensions=dimensions)
    rows = run(changed(grouped, comparison=other)).rows
    width = len(dimensions)
    plans_of_both = (grouped, changed(grouped, period=other))
    now, before = ({row[:width]: row[-1] or 0 for row in run(one).rows} for one in plans_of_both)
    assert {row[:width] for row in rows} >= {key for key in {**now, **before} if dimensions}
    for row in rows:
        key, (current, previous, change, percent) = row[:width], row[width:]
        assert (current or 0, previous or 0) == (now.get(key, 0), before.get(key, 0))
        assert change == (current or 0) - (previous or 0)
        if previous:
            assert float(percent) == pytest.approx(float(100 * change / abs(previous))) or float(
                percent
            ) == pytest.approx(float(100 * change / previous))
        else:
            assert percent is None
