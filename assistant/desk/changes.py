"""The changes a reader can make to an answer with one click: another metric, period, filter or grouping.

A change is a whole plan, made from the answer's own; nothing a browser sends is ever a plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from dateutil.relativedelta import relativedelta

from assistant.semantics import calendar
from assistant.semantics.calendar import Now
from assistant.semantics.model import SemanticModel
from assistant.telling.understood import filter_words
from assistant.values import Filter, Grain, Period, QueryPlan

MOST_CHOICES = 12
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Change:
    """One thing changed. `key` names it in a payload; `label` is the choice in a menu; `words` is what is asked."""

    key: str
    label: str
    words: str
    plan: QueryPlan


@dataclass(frozen=True)
class Chip:
    """One part of the reading, with what it could be instead."""

    part: str
    label: str
    changes: tuple[Change, ...]


def chips(plan: QueryPlan, model: SemanticModel, now: Now) -> list[Chip]:
    """Metric, period, each filter, grouping, comparison; in the order of the reading.

    Another period or filter is analysed again; another metric or grouping asks for the numbers themselves.
    """
    plain = _plain(plan)
    found = [Chip("metric", _upper(" and ".join(model.metric(m).label for m in plan.metrics)), _metrics(plain, model))]
    if plan.period:
        found.append(Chip("period", calendar.label(plan.period), tuple(_periods(plan, now))))
    for at, one in enumerate(plan.filters):
        found.append(Chip("filter", filter_words(one, plan, model), tuple(_filters(plan, at, one, model))))
    names = [_label(d, plan, model) for d in plan.dimensions]
    if plan.grain:
        names.append(plan.grain.value)
    found.append(Chip("grouping", f"by {' and '.join(names)}" if names else "in total", _groupings(plain, model)))
    if plan.comparison:
        alone = plain.model_copy(update={"comparison": None, "order": None, "having": ()})
        drop = Change("compare:none", "Without comparison", "without comparison", alone)
        found.append(Chip("comparison", f"compared with {calendar.label(plan.comparison)}", (drop,)))
    if plan.limit:
        found.append(Chip("ranking", _ranked(plan, plan.limit), tuple(_rankings(plan))))
    extras = {
        "share": "with shares",
        "having": "above a threshold",
        "average": "as an average",
        "currency": "converted",
    }
    found += [_extra(plan, name, said) for name, said in extras.items() if getattr(plan, name)]
    return found


def follow_ups(plan: QueryPlan, model: SemanticModel) -> list[Change]:
    """At most four next questions that make sense for this answer."""
    found = list(_of_bridge(plan))
    plan = _plain(plan)
    if not found and plan.comparison and not (plan.dimensions or plan.grain or plan.having or plan.share):
        why = plan.model_copy(update={"analysis": "why"})
        found.append(Change("why", "Why did it change?", "why did it change", why))
    if plan.period and not plan.comparison and not plan.series_change and not plan.grain:
        before = calendar.shifted(plan.period, "prior")
        label = f"Compare with {calendar.label(before)}"
        found.append(Change("compare:prior", label, label.lower(), _compared(plan, before)))
    if plan.period and not plan.grain and not plan.comparison:
        found += _trend(plan)
    taken = {*plan.dimensions, *(f.dimension for f in plan.filters if f.op == "in" and len(f.values) == 1)}
    offered = [d for d in _dimensions(plan, model) if d not in taken]
    for name in offered[: 4 - len(found)]:
        found.append(_by(plan, name, model))
    return found


def _of_bridge(plan: QueryPlan) -> Iterator[Change]:
    """What a bridge is asked next: usage or prices, whose it is."""
    asks = {"why_rates": ("Rate or usage?", "rate or usage"), "why_owners": ("Who owns that?", "who owns that")}
    if plan.analysis is None or not plan.analysis.startswith("why"):
        return
    for name, (label, words) in asks.items():
        if name != plan.analysis:
            yield Change(name, label, words, plan.model_copy(update={"analysis": name, "dimensions": ()}))


def _plain(plan: QueryPlan) -> QueryPlan:
    """The numbers that an analysis is about."""
    return plan.model_copy(update={"analysis": None, "given": ()}) if plan.analysis else plan


def trend(plan: QueryPlan) -> QueryPlan | None:
    """The same number over its period; None when the period is short or there is none."""
    if plan.period is None or plan.period.days < 4 or plan.grain or plan.dimensions or plan.average or plan.part:
        return None
    return _trend(plan)[0].plan.model_copy(update={"comparison": None, "share": False})


def find(key: str, plan: QueryPlan, model: SemanticModel, now: Now) -> Change | None:
    """The change of that key, if it is one that this plan offers."""
    every = [*follow_ups(plan, model), *(change for chip in chips(plan, model, now) for change in chip.changes)]
    return next((change for change in every if change.key == key), None)


def _metrics(plan: QueryPlan, model: SemanticModel) -> tuple[Change, ...]:
    current = model.metric(plan.metrics[0])
    others = [m for m in model.metrics.values() if m.dataset == plan.dataset and m.name not in plan.metrics]
    others.sort(key=lambda m: m.unit != current.unit)
    # A ranking or threshold is one of the old metric's values: it would mean something else under the new.
    return tuple(
        Change(
            f"metric:{m.name}",
            _upper(m.label),
            f"{m.label} instead",
            plan.model_copy(update={"metrics": (m.name,), "having": (), "order": None}),
        )
        for m in others[:MOST_CHOICES]
    )


def _periods(plan: QueryPlan, now: Now) -> Iterator[Change]:
    month = calendar.floor(now.newest, Grain.MONTH)
    first = calendar.floor(now.today, Grain.MONTH)
    year = calendar.floor(now.today, Grain.YEAR)
    quarter = calendar.floor(now.today, Grain.QUARTER)
    until = now.until
    choices = {
        "last_month": ("Last month", calendar.whole(first - DAY, Grain.MONTH)),
        "this_month": ("This month to date", _to_date(first, until, Grain.MONTH)),
        "last_quarter": ("Last quarter", calendar.whole(quarter - DAY, Grain.QUARTER)),
        "this_year": ("This year to date", _to_date(year, until, Grain.YEAR)),
        "last_30_days": ("Last 30 days", Period(start=now.today - 30 * DAY, end=now.today)),
        "last_12_months": ("Last 12 months", Period(start=first - relativedelta(months=12), end=first)),
        "newest_month": ("Newest month loaded", calendar.whole(month, Grain.MONTH)),
    }
    if plan.period:
        choices["before"] = ("The period before", calendar.shifted(plan.period, "prior"))
        choices["year_before"] = ("A year earlier", calendar.shifted(plan.period, "year"))
    seen = {(plan.period.start, plan.period.end)} if plan.period else set()
    for key, (words, period) in choices.items():
        if (period.start, period.end) in seen or period.end <= now.first or period.start > now.newest:
            continue
        if period.days <= 0:
            continue
        seen.add((period.start, period.end))
        label = calendar.label(period)
        update = {"period": period, "comparison": calendar.shifted(period, "prior") if plan.comparison else None}
        yield Change(f"period:{key}", f"{words} · {label}", f"for {label}", plan.model_copy(update=update))


def _to_date(start: object, until: object, unit: Grain) -> Period:
    return Period.model_validate({"start": start, "end": until, "to_date": True, "unit": unit})


def _filters(plan: QueryPlan, at: int, one: Filter, model: SemanticModel) -> Iterator[Change]:
    words = filter_words(one, plan, model)
    rest = (*plan.filters[:at], *plan.filters[at + 1 :])
    update = {"filters": rest}
    yield Change(f"drop:{at}", "Remove this filter", f"without: {words}", plan.model_copy(update=update))
    opposite = {"in": "not_in", "not_in": "in", "empty": "filled", "filled": "empty"}[one.op]
    flipped = one.model_copy(update={"op": opposite})
    said = filter_words(flipped, plan, model)
    changed = plan.model_copy(update={"filters": (*plan.filters[:at], flipped, *plan.filters[at + 1 :])})
    yield Change(f"flip:{at}", said, said, changed)
    if one.op == "in" and len(one.values) == 1 and one.dimension not in plan.dimensions:
        label = _label(one.dimension, plan, model)
        split = plan.model_copy(update={"filters": rest, "dimensions": (*plan.dimensions, one.dimension)})
        yield Change(f"all:{at}", f"All, by {label}", f"all, by {label}", split)


def _groupings(plan: QueryPlan, model: SemanticModel) -> tuple[Change, ...]:
    found = [_by(plan, name, model) for name in _dimensions(plan, model) if name not in plan.dimensions]
    found = found[:MOST_CHOICES]
    if plan.period and not plan.comparison:
        found += _trend(plan)
    if plan.dimensions or plan.grain:
        update = {"dimensions": (), "grain": None, "limit": None, "limit_per": None, "order": None, "having": ()}
        alone = plan.model_copy(update={**update, "series_change": False})
        found.append(Change("by:none", "In total", "in total", alone))
    return tuple(found)


def _ranked(plan: QueryPlan, limit: int) -> str:
    return f"{'top' if plan.order is None or plan.order.descending else 'bottom'} {limit}"


def _rankings(plan: QueryPlan) -> Iterator[Change]:
    for limit in (5, 10, 25):
        if limit != plan.limit:
            said = _ranked(plan, limit)
            yield Change(f"limit:{limit}", _upper(said), said, plan.model_copy(update={"limit": limit}))
    whole = plan.model_copy(update={"limit": None, "limit_per": None, "order": None})
    yield Change("limit:none", "All of them", "all of them", whole)


def _extra(plan: QueryPlan, name: str, said: str) -> Chip:
    """Something about the reading that can only be left out."""
    nothing = QueryPlan.model_fields[name].default
    update = {name: nothing, **({"part": ()} if name == "share" else {})}
    label = f"in {plan.currency}" if name == "currency" else said
    drop = Change(f"{name}:none", "Leave this out", f"not {label}", plan.model_copy(update=update))
    return Chip(name, label, (drop,))


def _by(plan: QueryPlan, name: str, model: SemanticModel) -> Change:
    label = _label(name, plan, model)
    update = {"dimensions": (name,), "limit_per": None, "order": plan.order if plan.limit else None}
    return Change(f"by:{name}", f"By {label}", f"by {label}", plan.model_copy(update=update))


def _trend(plan: QueryPlan) -> list[Change]:
    assert plan.period
    fine = plan.period.days <= 62
    grains = (Grain.DAY,) if fine else (Grain.MONTH, Grain.WEEK) if plan.period.days <= 200 else (Grain.MONTH,)
    whole = {"limit": None, "limit_per": None, "order": None, "having": (), "average": None}
    return [
        Change(
            f"grain:{grain.value}",
            f"Trend by {grain.value}",
            f"trend by {grain.value}",
            plan.model_copy(update={**whole, "grain": grain}),
        )
        for grain in grains
        if grain is not plan.grain
    ]


def _compared(plan: QueryPlan, before: Period) -> QueryPlan:
    update = {"comparison": before, "share": False, "part": (), "having": (), "order": None, "average": None}
    return plan.model_copy(update=update)


def _dimensions(plan: QueryPlan, model: SemanticModel) -> list[str]:
    """Those worth offering: found by their values, and not an id beside a name."""
    held = model.dimensions[plan.dataset].values()
    return [d.name for d in held if d.scan == "primary" and not d.id_of and d.name != "currency"]


def _label(name: str, plan: QueryPlan, model: SemanticModel) -> str:
    found = model.dimensions[plan.dataset].get(name)
    return found.label if found else name.replace("_", " ")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
