"""Draft (+ the conversation's last plan) → the plans it can mean, best first, with what was assumed.

Chooses the dataset that has everything the draft names; keeps every value reading that remains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice, product

from assistant.errors import Clarify, Refused
from assistant.planning import carrying, filtering, grouping, measures, naming, periods, ranking
from assistant.planning.draft import Draft
from assistant.planning.scope import Lacks, Notes, Scope
from assistant.semantics import calendar
from assistant.semantics.calendar import Shift
from assistant.semantics.catalog import Days
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.model import Dataset
from assistant.semantics.vocabulary import Analysis
from assistant.values import Filter, Grain, Period, QueryPlan

MOST_READINGS = 6
ASKER = "user"  # the dimension that people are in; costs have none, so that "my bill" is the company's
ALONE = "read as a question of its own: what it names does not go with the question before"
_WISHES = {
    "metrics": "another measure", "dimensions": "a breakdown", "grain": "a trend", "order": "a ranking",
    "limit": "a ranking", "filters": "a filter", "comparison": "a comparison", "share": "shares",
    "having": "a threshold", "average": "an average", "cumulative": "a running total",
}  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """One plan and how it was reached.

    choices: for each name with several readings, its words in the question and what they are taken for here.
    """

    plan: QueryPlan
    assumptions: tuple[str, ...] = ()
    confidence: float = 1.0
    choices: tuple[tuple[str, str], ...] = ()


def resolve(
    draft: Draft, lexicon: Lexicon, today: date, previous: QueryPlan | None, reporting: str | None
) -> list[Candidate]:
    """Raises Clarify or Refused when no plan can be made."""
    scope = Scope(draft, lexicon, today, previous, reporting)
    try:
        return _candidates(scope)
    except Lacks:
        if not scope.edits or draft.refers or draft.same or draft.followup or (previous and previous.filters):
            raise
        if previous is not None and previous.analysis and not (draft.metrics or draft.counted or draft.times):
            raise  # "only AWS" is about what was explained, not about costs
        # the conversation's data has no such name: a question of its own after all
        alone = _candidates(Scope(draft, lexicon, today, None, reporting))
        return [replace(c, assumptions=(ALONE, *c.assumptions)) for c in alone]


def conditions(draft: Draft, lexicon: Lexicon) -> tuple[Filter, ...]:
    """The filters of a draft that says nothing else. Raises Clarify for several readings."""
    return filtering.conditions(Scope(draft, lexicon, date.min, None, None))


def _candidates(scope: Scope) -> list[Candidate]:
    _check_covered(scope)
    try:
        metrics = measures.choose(scope)
    except Clarify:
        periods.check_loaded(scope)
        raise
    found: list[Candidate] = []
    failure: Exception | None = None
    for dataset, names in measures.datasets(scope, metrics):
        try:
            found = list(_plans(scope, dataset, names))
        except (Clarify, Refused) as error:
            failure = failure or error
            if isinstance(error, Lacks):
                continue
            raise
        if found:
            return found
    if failure is not None:
        raise failure
    raise Refused("I could not find data that holds all of that together.")


def _check_covered(scope: Scope) -> None:
    draft = scope.draft
    if draft.number is not None:
        if scope.previous is not None and scope.previous.limit and draft.limit is None:
            draft.limit, draft.followup = draft.number, True
        else:
            draft.unknown.append(str(draft.number))
    if scope.draft.unknown:
        word = scope.draft.unknown[0]
        near = scope.lexicon.near(word)
        hint = " Did you mean one of these?" if near else " Say it in other words, or leave it out."
        raise Clarify(f"I don't know “{word}” in this data.{hint}", tuple(near))
    if not scope.draft.says_anything and (scope.previous is None or not scope.draft.refers):
        raise Clarify(
            "What would you like to know? For example: “cost by service last month”.",
            ("cost last month", "cost by service last month", "top 5 services this month"),
        )


def _plans(scope: Scope, dataset: Dataset, metrics: tuple[str, ...]) -> Iterator[Candidate]:
    scope.notes = Notes()
    draft = scope.draft
    base = _base(scope)
    if base is not None:
        base = carrying.carried(scope, base, dataset)
    dimensions, limit_per = grouping.split_by(scope, dataset, base)
    if draft.who and draft.thresholds and not dimensions and scope.analysis is None:
        people = [f"{scope.model.metric(metrics[0]).label} by {d}" for d in naming.ranked_labels(scope, dataset)]
        raise Clarify("Who: by what? Name it, for example teams or users.", tuple(people))
    metrics = measures.of_usage(scope, metrics, dimensions, dataset)
    used = [scope.model.metric(m) for m in metrics]
    grain = grouping.grain(scope, base)
    if grain is None and draft.trend:
        grain = grouping.trend_grain(scope, dataset)
    if all(m.periodless for m in used):
        if draft.analysis is not None:
            label = scope.lexicon.vocabulary.analyses[draft.analysis].label
            raise Refused(f"{label}: {used[0].label} is not kept by day, so it has no change from one time to another.")
        yield Candidate(_periodless(scope, dataset, metrics, dimensions, grain))
        return
    days = scope.catalog.days.get(dataset.loaded_from)
    if days is None:
        raise Refused(f"No day of {dataset.label} is loaded.")
    spans = periods.choose(scope, dataset, days, grain)
    if grain is None and draft.against not in (None, "prior", "year"):
        unit = Grain(draft.against)
        if spans.period.start + calendar.step(unit) < spans.period.end:
            grain = unit  # "month over month from November to February" is a series
            spans = periods.choose(scope, dataset, days, grain)
    for note in spans.assumptions:
        scope.notes.assume(note)
    comparison, series_change = spans.comparison, spans.series_change
    if base is not None and comparison is None and not series_change:
        comparison, series_change = _kept_comparison(base, spans.period, days)
    measures.check_fleet(scope, used, dimensions, dataset)
    scope.current = dataset
    uses = draft.values
    choices = [filtering.readings_of(scope, use, dataset) for use in uses]
    fixed = filtering.unambiguous(scope, dataset, base, uses, choices)
    if draft.asker is not None and ASKER in scope.model.dimensions[dataset.name]:
        fixed.append((Filter(dimension=ASKER, values=(draft.asker,)), None))
        scope.notes.assume(f"“my” read as those of {draft.asker}", 0.0)
    limit, order = ranking.limit_and_order(scope, dataset, metrics, dimensions, grain, comparison, series_change, base)
    having, notes = ranking.having(scope, metrics, dimensions, grain, comparison, series_change)
    currency = ranking.currency(scope, dataset, used, base)
    share = draft.share or (base.share if base else False)
    average = ranking.average(scope, used, base)
    if average not in (None, Grain.DAY) and not draft.times and scope.previous is None and scope.analysis is None:
        # the usual thirty days touch two months, and half of one is no month
        label = f"average {used[0].label} per {average}"
        raise Clarify(
            f"{label[:1].upper()}{label[1:]} over which time?", (f"{label} this year", f"{label} last quarter")
        )
    combinations = list(islice(product(*choices), MOST_READINGS))
    pairs = [filtering.straddling(scope, uses, combination) for combination in combinations]
    if pairs and all(pairs):
        one, two = pairs[0] or ("", "")
        raise Clarify(
            f"“{one}” and “{two}” are names of different kinds: the two added up, or the one within the other? "
            f"Ask for each alone, or for one by its kind, like “{one} where … is {two}”."
        )
    for combination in (c for c, pair in zip(combinations, pairs, strict=True) if pair is None):
        filters, part = filtering.of_draft(scope, uses, combination, fixed, base, share, dimensions)
        dims = filtering.compared_values(scope, dimensions, uses, combination, spans.comparison)
        if draft.share and not (dims or part or spans.comparison or series_change):
            raise Clarify(
                f"Which share, of what? {scope.model.metric(metrics[0]).label} alone is all of itself.",
                tuple(f"share by {d}" for d in naming.ranked_labels(scope, dataset)),
            )
        told = draft.dimensions or draft.grains or draft.trend or draft.metrics_listed or len(uses) > 1
        if draft.compare and not (told or comparison or series_change):
            raise Clarify(
                "Compare it with what? Name a second period or a second name.",
                ("compared with the previous period", "compared with the same period last year"),
            )
        plan = _analysed(
            scope,
            QueryPlan(
                dataset=dataset.name,
                metrics=metrics,
                dimensions=dims,
                grain=grain,
                filters=filters,
                period=spans.period,
                comparison=comparison,
                series_change=series_change,
                cumulative=draft.cumulative or (base is not None and base.cumulative and grain is not None),
                share=share,
                part=part,
                average=average,
                order=order,
                limit=limit,
                limit_per=limit_per,
                having=having,
                count_groups=scope.count_groups,
                currency=currency,
            ),
        )
        assumptions = [*measures.metric_assumptions(scope, used), *scope.notes.assumptions, *notes]
        doubt = scope.notes.doubt + sum(
            filtering.hit_doubt(scope, h, u, assumptions) for h, u in zip(combination, uses, strict=True)
        )
        if dataset.name != "cost_and_usage":
            assumptions.append(f"answered from {dataset.label}")
        if dataset.scoped in ("budgets", "unit_costs") and scope.catalog.currencies != ("USD",):
            assumptions.append("charges in other currencies converted to USD at the month's fx_rates")
        yield Candidate(
            plan,
            tuple(dict.fromkeys(assumptions)),
            max(0.3, 0.99 - doubt),
            tuple(
                (use.text, filtering.choice(scope, hit, dataset))
                for use, hit, readings in zip(uses, combination, choices, strict=True)
                if len(readings) > 1
            ),
        )


def _base(scope: Scope) -> QueryPlan | None:
    """The plan that the message edits; an analysis takes over only the parts that it uses."""
    if not scope.edits or scope.previous is None or scope.draft.analysis is None or scope.analysis is None:
        return scope.previous if scope.edits else None
    kept = {"dataset", "metrics", "period", *scope.analysis.takes}
    return QueryPlan(**{n: getattr(scope.previous, n) for n in QueryPlan.model_fields if n in kept})


def _analysed(scope: Scope, plan: QueryPlan) -> QueryPlan:
    """The plan with its analysis. Raises Clarify for a wish that the analysis would drop."""
    analysis = scope.analysis
    if analysis is None:
        return plan
    spare = _spare(plan, analysis)
    wider = scope.lexicon.vocabulary.analyses.get(analysis.wider or "")
    if spare and wider is not None and not scope.draft.analysis:
        analysis, spare = wider, _spare(plan, wider)
    if "units" in analysis.takes and scope.draft.units:
        plan = plan.model_copy(update={"given": (("unit", scope.draft.units[0][0]),)})
    own_names = scope.model.dimensions[plan.dataset]
    fine = any(own_names[name].scan == "secondary" for name in plan.dimensions if name in own_names)
    if (spare or fine) and not scope.draft.analysis:
        return plan  # a follow-up that asks for the numbers again, like "show the resources"
    if not scope.draft.analysis and scope.previous is not None:
        plan = plan.model_copy(update={"given": scope.previous.given})
    if spare:
        wish = _WISHES.get(spare[0], spare[0].replace("_", " "))
        raise Clarify(f"{analysis.label} does not go with {wish} yet. Leave that out, or ask for it alone.")
    return plan.model_copy(update={"analysis": analysis.name})


def _spare(plan: QueryPlan, analysis: Analysis) -> list[str]:
    """The parts of the plan that the analysis does not take."""
    own = {"dataset": plan.dataset, "metrics": (analysis.metric,)}
    usual = {name: own.get(name, field.default) for name, field in QueryPlan.model_fields.items()}
    return [n for n, value in usual.items() if getattr(plan, n) != value and n not in (*analysis.takes, "dataset")]


def _periodless(
    scope: Scope, dataset: Dataset, metrics: tuple[str, ...], dimensions: tuple[str, ...], grain: Grain | None
) -> QueryPlan:
    """What is loaded, what is owned: no days, one reading of each value. Raises Clarify for a wish that needs days."""
    scope.current = dataset
    draft, label = scope.draft, scope.model.metric(metrics[0]).label
    wishes = {
        "a comparison": draft.compare or draft.change or draft.against,
        "an average": draft.average,
        "a share": draft.share,
        "a threshold": draft.thresholds,
        f"figures for each {grain}": grain and scope.model.metric(metrics[0]).unit != "date",
        **{f"“{t.text}”": not periods.is_now(scope, t) for t in draft.times},
    }
    if spare := next((wish for wish, said in wishes.items() if said), None):
        raise Clarify(
            f"{label[:1].upper()}{label[1:]}: known as loaded, without a history, so {spare} does not go with it. "
            "Leave that out, or ask for the cost.",
            (label, f"cost of {label}"),
        )
    hits = [filtering.readings_of(scope, use, dataset)[0] for use in draft.values]
    fixed = filtering.unambiguous(scope, dataset, None, (), ())
    whole, _ = filtering.of_draft(scope, draft.values, hits, fixed, None, False, dimensions)
    limit, order = ranking.limit_and_order(scope, dataset, metrics, dimensions, None, None, False, None)
    return QueryPlan(
        dataset=dataset.name, metrics=metrics, dimensions=dimensions, filters=whole, limit=limit, order=order
    )


def _kept_comparison(base: QueryPlan, period: Period, days: Days) -> tuple[Period | None, bool]:
    if base.series_change:
        return None, True
    if base.comparison is None or base.period is None:
        return None, False
    if period == base.period:
        return base.comparison, False
    shifts: tuple[Shift, ...] = ("prior", "year")
    for shift in shifts:
        if calendar.shifted(base.period, shift).start == base.comparison.start:
            return periods.aligned(period, calendar.shifted(period, shift), days, [])[1], False
    return None, False
