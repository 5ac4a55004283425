"""Which days a draft speaks of, and which it compares with. Knows the loaded days; not metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from assistant.errors import Clarify, Refused
from assistant.planning.draft import Draft, TimeUse
from assistant.planning.scope import Scope
from assistant.semantics import calendar
from assistant.semantics.calendar import Now, Shift
from assistant.semantics.catalog import Days
from assistant.semantics.model import Dataset
from assistant.semantics.time_expressions import TimeExpression
from assistant.semantics.vocabulary import Analysis
from assistant.values import Grain, Period

DEFAULT_DAYS = 30
# A period that nobody named is only set against one of about its length: months differ by three days.
LIKE_DAYS = 3
# A month without a year is the coming one where it is near; "forecast for October" in November may mean the last one.
MOST_MONTHS_AHEAD = 9
_SHIFT_OF: dict[Grain, Shift] = {g: g.value for g in Grain}


@dataclass(frozen=True)
class Spans:
    """The period, the one it is compared with, and what was assumed."""

    period: Period
    comparison: Period | None = None
    series_change: bool = False
    assumptions: tuple[str, ...] = ()


def now(today: date, days: Days) -> Now:
    return Now(today=today, first=days.first, newest=days.last)


def choose(scope: Scope, dataset: Dataset, days: Days, grain: Grain | None) -> Spans:
    """Raises Refused when no day of a period is loaded, Clarify when a date has two readings."""
    draft, today, previous, analysis = scope.draft, scope.today, scope.previous, scope.analysis
    moment = now(today, days)
    if analysis is not None and analysis.ahead:
        return _ahead(scope, analysis, moment)
    mains = [t for t in draft.times if not t.versus]
    against = [t for t in draft.times if t.versus]
    assumptions: list[str] = []
    first = [t for t in mains if t.expressions[0].shift is None]
    shifts = [t for t in mains if t.expressions[0].shift is not None]
    against += shifts
    compares = draft.compare or draft.change or bool(draft.against) or bool([t for t in draft.times if t.versus])
    if shifts and not first and not compares and previous is not None and previous.period is not None:
        moved = calendar.shifted(previous.period, shifts[0].expressions[0].shift or "prior")
        _loaded(moved, days, dataset)
        return Spans(moved)
    comparison: Period | None = None
    assumed = False
    if len(first) == 2 and compares and not against:
        one, two = (_resolve(t, moment) for t in first)
        later, earlier = (one, two) if one.start >= two.start else (two, one)
        period, comparison = later, earlier
    elif len(first) >= 2:
        period = _union([_resolve(t, moment) for t in first], first)
    elif first:
        period = _resolve(first[0], moment)
    elif against and against[0].expressions[0].last is not None and not (previous and previous.period):
        # "are we up versus last month": this month so far is what is meant
        unit = against[0].expressions[0].last
        start = calendar.floor(today, unit)
        period = Period(start=start, end=min(moment.until, start + calendar.step(unit)), to_date=True, unit=unit)
        assumptions.append(f"no period named: this {unit.value} so far, {calendar.label(period)}")
    elif previous is not None and previous.period is not None:
        period = previous.period
    elif analysis is not None:
        period = _usual(scope, analysis, moment)
        assumptions.append(f"no period named: {analysis.period}, {calendar.label(period)}")
    else:
        period, note = _default(dataset, days, today, draft)
        assumptions.append(note)
        assumed = True
    if dataset.grain == "month":
        period = _whole_months(period, dataset)
    _loaded(period, days, dataset)
    series_change = False
    if against:
        comparison = _against(against[0], period, moment)
        if assumed and abs(comparison.days - period.days) > LIKE_DAYS:
            raise Clarify(f"Which period should be compared with {calendar.label(comparison)}?")
        if comparison.start > period.start and not comparison.to_date:
            period, comparison = comparison, period  # "March versus April": the later one is the current one
            _loaded(period, days, dataset)
    elif comparison is None and (draft.against or draft.change):
        if grain is not None:
            series_change = True
            period = _complete(period, grain, days)
        else:
            period, comparison = _prior(draft, period, days, today, bool(first), assumptions)
    if comparison is not None and comparison.start == period.start and _names_last(scope):
        comparison = calendar.shifted(period, "year")  # "this October against last October"
    if comparison is not None and comparison.start == period.start:
        raise Clarify(f"That compares {calendar.label(period)} with itself. With which days should it be compared?")
    if comparison is not None:
        if dataset.grain == "day":  # a month of a monthly table is whole
            period, comparison = aligned(period, comparison, days, assumptions)
            _alike(period, comparison, days)
        _loaded(comparison, days, dataset)
        if days.count(comparison.start, comparison.end) < comparison.days:
            assumptions.append(_partly(comparison, days))
    if days.count(period.start, period.end) < period.days and dataset.grain == "day":
        assumptions.append(_partly(period, days))
    return Spans(period, comparison, series_change, tuple(assumptions))


def _alike(period: Period, comparison: Period, loaded: Days) -> None:
    """Raises Clarify for periods of which one is more than twice as long: their sums say nothing of each other."""
    passed = (min(period.end, loaded.last + timedelta(days=1)) - period.start).days
    short, long = sorted((passed, comparison.days))
    if long > 2 * short + LIKE_DAYS:
        raise Clarify(
            f"{calendar.label(period)} has {period.days} days and {calendar.label(comparison)} has {comparison.days}. "
            "Compare periods of like length, or ask for the average per day."
        )


def _names_last(scope: Scope) -> bool:
    """Whether one of two equal periods is called this one and the other the last."""
    said, wording = {t.text.split()[0].lower() for t in scope.draft.times}, scope.lexicon.vocabulary.wording
    return all(said & set(wording[name]) for name in ("this", "last"))


def is_now(scope: Scope, use: TimeUse) -> bool:
    """Whether a period holds the day of the question: `today`, `this month`."""
    expression = use.expressions[0]
    if expression.ambiguous or expression.future or expression.shift is not None:
        return False
    period = expression.resolve(Now(today=scope.today, first=date.min, newest=scope.today))
    return period.start <= scope.today < period.end


def _shift_only(use: TimeUse) -> bool:
    return use.expressions[0].shift is not None


def _resolve(use: TimeUse, moment: Now) -> Period:
    expression = use.expressions[0]
    if expression.ambiguous:
        raise Clarify(f"Which day is “{use.text}”?", expression.ambiguous)
    if expression.future:
        raise Refused(
            f"“{use.text}” lies in the future; ask for a forecast, or for days that are loaded. "
            f"Charges are loaded from {moment.first} to {moment.newest}."
        )
    period = expression.resolve(moment)
    return period.model_copy(update={"words": use.text})


def _ahead(scope: Scope, analysis: Analysis, moment: Now) -> Spans:
    """A period whose days may still come, uncut: the whole of this month, the coming December."""
    if not scope.draft.times:
        period = scope.previous.period if scope.edits and scope.previous and scope.previous.analysis else None
        if period is not None:
            return Spans(period)
        period = _usual(scope, analysis, moment)
        return Spans(period, assumptions=(f"no period named: {analysis.period}, {calendar.label(period)}",))
    if len(scope.draft.times) > 1:
        raise Clarify(f"{analysis.label}: until when? Name one month, quarter or year.")
    return Spans(_coming(scope.draft.times[0].expressions[0], moment))


def _coming(expression: TimeExpression, moment: Now) -> Period:
    if expression.shift is not None or expression.ambiguous:
        raise Clarify("Until when? Name a month, a quarter or a year.")
    period = (expression.whole or expression.resolve)(moment)
    if not expression.named_year and period.end <= calendar.floor(moment.today, Grain.MONTH):
        coming = calendar.whole(period.start + calendar.step(Grain.YEAR), Grain.MONTH) if period.unit else period
        if coming.start > moment.today + calendar.step(Grain.MONTH, MOST_MONTHS_AHEAD):
            raise Clarify(
                f"{calendar.label(period)} is past, and {calendar.label(coming)} far off. Which one is meant?"
            )
        return coming
    return period


def _usual(scope: Scope, analysis: Analysis, moment: Now) -> Period:
    """The period that an analysis takes when none is named."""
    _, expression = scope.lexicon.vocabulary.calendar.match(analysis.period.split(), 0)[0]
    return _coming(expression, moment) if analysis.ahead else expression.resolve(moment)


def _union(periods: list[Period], uses: list[TimeUse]) -> Period:
    """Neighbouring periods are one; a period within another narrows it; others would need one answer each."""
    inner = min(periods, key=lambda p: p.days)
    if all(p.start <= inner.start and inner.end <= p.end for p in periods):
        return inner
    ordered = sorted(periods, key=lambda p: p.start)
    end = ordered[0].end
    for period in ordered[1:]:
        if period.start != end:
            texts = " and ".join(u.text for u in uses)
            raise Clarify(
                f"“{texts}” are different periods. Compare them, or ask for one of them?",
                (f"compare {uses[0].text} and {uses[1].text}", *(u.text for u in uses[:4])),
            )
        end = period.end
    return Period(start=ordered[0].start, end=end, to_date=any(p.to_date for p in periods))


def _default(dataset: Dataset, days: Days, today: date, draft: Draft) -> tuple[Period, str]:
    if dataset.grain == "month":
        start = calendar.floor(max(min(days.last, today), days.first), Grain.MONTH)
        period = Period(start=start, end=start + calendar.step(Grain.MONTH), unit=Grain.MONTH)
        return period, f"no period named: the newest month of {dataset.label}, {calendar.label(period)}"
    unit = {"month": Grain.MONTH, "week": Grain.WEEK, "quarter": Grain.QUARTER, "year": Grain.YEAR}.get(
        draft.against or ""
    )
    if unit and draft.against != "year":
        end = calendar.floor(today, unit)
        period = Period(start=end - calendar.step(unit), end=end, unit=unit)
        return period, f"no period named: the last whole {unit.value}, {calendar.label(period)}"
    period = Period(start=today - timedelta(days=DEFAULT_DAYS), end=today)
    return period, f"no period named: the last {DEFAULT_DAYS} days, {calendar.label(period)}"


def _whole_months(period: Period, dataset: Dataset) -> Period:
    """Monthly tables know no days: the months that the period touches."""
    start = period.start.replace(day=1)
    end = calendar.floor(period.last_day, Grain.MONTH) + calendar.step(Grain.MONTH)
    return period.model_copy(update={"start": start, "end": end})


def _loaded(period: Period, days: Days, dataset: Dataset) -> None:
    if days.count(period.start, period.end) == 0:
        raise Refused(
            f"Nothing is loaded for {calendar.label(period)}: {dataset.label} are loaded "
            f"from {_day(days.first)} to {_day(days.last)}."
        )


def check_loaded(scope: Scope) -> None:
    """Raises Refused when the message's only period lies wholly outside the loaded charges."""
    dataset = scope.current
    days = scope.catalog.days.get(dataset.loaded_from)
    plain = [t for t in scope.draft.times if not (t.expressions[0].shift or t.expressions[0].ambiguous)]
    if days is not None and len(plain) == 1 and not plain[0].expressions[0].future:
        _loaded(_resolve(plain[0], now(scope.today, days)), days, dataset)


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _partly(period: Period, days: Days) -> str:
    spans = days.spans(period.start, period.end)
    listed = ", ".join(calendar.label(Period(start=a, end=b)) for a, b in spans)
    return f"of {calendar.label(period)} only {listed} is loaded"


def _against(use: TimeUse, period: Period, moment: Now) -> Period:
    # "versus a year ago": the same days a year earlier, not the whole year
    expression = next((e for e in use.expressions if e.shift is not None), use.expressions[0])
    if expression.shift is not None:
        return calendar.shifted(period, expression.shift)
    if expression.last is Grain.YEAR and period.unit is not Grain.YEAR:
        return calendar.shifted(period, "year")
    resolved = _resolve(use, moment)
    if expression.back is not None and resolved.end > period.start:
        unit, count = expression.back  # "versus the previous 7 days": those before the period, not before today
        return Period(start=period.start - calendar.step(unit, count), end=period.start)
    if expression.last is not None and resolved.start >= period.start:
        return calendar.shifted(period, _SHIFT_OF[expression.last])  # "the previous month" of the conversation's
    return resolved


def _prior(
    draft: Draft, period: Period, days: Days, today: date, named: bool, assumptions: list[str]
) -> tuple[Period, Period]:
    shift: Shift = draft.against or "prior"
    if shift != "prior" and shift != "year" and named and period.unit is not None and period.unit.value != shift:
        shift = "prior"
    comparison = calendar.shifted(period, shift)
    return period, comparison


def aligned(period: Period, comparison: Period, days: Days, assumptions: list[str]) -> tuple[Period, Period]:
    """A period still running is compared with as many days of the other one."""
    known = min(period.end, days.last + timedelta(days=1))
    running = period.to_date or known < period.end
    passed = (known - period.start).days
    if running and comparison.days > passed:
        comparison = comparison.model_copy(update={"end": comparison.start + timedelta(days=passed), "to_date": True})
        assumptions.append(f"compared with as many days: {calendar.label(comparison)}")
    return period, comparison


def _complete(period: Period, grain: Grain, days: Days) -> Period:
    """A series of changes leaves out the bucket that is still running."""
    newest = days.last + timedelta(days=1)
    if period.end <= newest and not period.to_date:
        return period
    cut = calendar.floor(min(newest, period.end), grain)
    return period.model_copy(update={"end": cut, "to_date": False}) if cut > period.start else period
