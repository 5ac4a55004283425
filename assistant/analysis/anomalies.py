"""Incidents of anomalous cost and usage, with what people said of them: open, expected, snoozed until, closed.

Scanning stands in analysis/scanning. An incident that two series saw is told once, by the one with more detail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from assistant.analysis import outlook_chart
from assistant.analysis.books import Books
from assistant.analysis.report import Report, dimension, metric, time
from assistant.analysis.scanning import Settings, named, scan, scope, settings
from assistant.errors import Refused
from assistant.finops.incidents import Node
from assistant.ledger.incidents import Decision, Incidents, What, now
from assistant.semantics import calendar
from assistant.telling.figures import currency_of, figure, quantity
from assistant.values import Filter, Grain, Period, QueryPlan

MOST_NAMED = 3


@dataclass(frozen=True)
class Told:
    """An incident with its state: open, expected, snoozed or closed; until, note and user are the decision's."""

    body: Mapping[str, Any]
    status: What
    decision: Decision | None

    @property
    def excess(self) -> float:
        return float(self.body["actual"] - self.body["expected"])

    @property
    def where(self) -> str:
        return Node(tuple((n, v) for n, v in self.body["node"])).named()


def _stored(books: Books, store: Incidents) -> list[dict[str, Any]]:
    return store.all(scope(books))


def told(books: Books, store: Incidents, since: date | None = None, until: date | None = None,
         filters: Sequence[Filter] = ()) -> list[Told]:  # fmt: skip
    """The incidents of [since, until) that touch what the filters name, dearest first; the same cost once."""
    its = settings(books.schemas)
    decisions, found = store.decisions(scope(books)), []
    for body in _stored(books, store):
        start, last = date.fromisoformat(body["start"]), date.fromisoformat(body["last"])
        outside = (since and last < since) or (until and start >= until)
        if outside or not all(_touched(body, f, books) for f in filters):
            continue
        found.append(Told(body, _status(body, decisions.get(body["id"]), books, its), decisions.get(body["id"])))
    names = {s.name: s.within for s in its.series}
    twice = {
        id(other)
        for one in found
        for other in found
        if names.get(one.body["series"]) == other.body["series"] and _same(one.body, other.body)
    }
    return sorted((o for o in found if id(o) not in twice), key=_rank)


def _rank(one: Told) -> tuple[bool, str, float]:
    """Money before hours; the largest first in each currency."""
    return currency_of(one.body["unit"]) is None, one.body["unit"], -abs(one.excess)


def _touched(body: Mapping[str, Any], one: Filter, books: Books) -> bool:
    dataset = next(s.dataset for s in settings(books.schemas).series if s.name == body["series"])
    known = {n: named(books, n, dataset) for n in body["touches"]}
    name = next((n for n, field in known.items() if field == one.dimension or n == one.dimension), None)
    if name is None:
        return False
    values = body["touches"][name]
    inside = {"in": any(v in one.values for v in values), "not_in": any(v not in one.values for v in values),
              "empty": None in values, "filled": any(v is not None for v in values)}  # fmt: skip
    return inside[one.op]


def _same(detailed: Mapping[str, Any], coarse: Mapping[str, Any]) -> bool:
    """Whether two series tell of one cause: the same days, about the same amount, and nothing that differs."""
    if detailed["start"] > coarse["last"] or coarse["start"] > detailed["last"]:
        return False
    mine, its = detailed["actual"] - detailed["expected"], coarse["actual"] - coarse["expected"]
    shared = [n for n in detailed["touches"] if n in coarse["touches"] and n != "provider"]
    agree = all(set(detailed["touches"][n]) & set(coarse["touches"][n]) for n in shared)
    return agree and bool(shared) and mine * its > 0 and 0.5 <= mine / its <= 2


def _status(body: Mapping[str, Any], decision: Decision | None, books: Books, its: Settings) -> What:
    if decision and decision.what == "snoozed" and decision.until and decision.until > books.today:
        return "snoozed"
    if decision and decision.what in ("expected", "closed"):
        return decision.what
    ended = (books.today - date.fromisoformat(body["last"])).days > its.closes_after
    return "closed" if ended and not body["ongoing"] else "open"


def decide(books: Books, store: Incidents, name: str, what: What, until: date | None, note: str | None,
           by: str | None = None) -> None:  # fmt: skip
    """Keeps what somebody says of an incident. Raises Refused for one that this user has not."""
    known = {one["id"] for one in _stored(books, store)}
    if name not in known:
        raise Refused(f"There is no incident {name}; “anomalies”, or `askcost anomalies`, lists them with their ids.")
    store.decide(scope(books), name, Decision(what, now(), until, note, by or books.user))


def report(
    books: Books, store: Incidents, since: date | None = None, until: date | None = None,
    filters: Sequence[Filter] = (), everything: bool = False, anew: bool = False,
) -> Report:  # fmt: skip
    """Scans what is new and lists the incidents: open ones, or all of them."""
    notes = scan(books, store, anew)
    found = told(books, store, since, until, filters)
    shown = [one for one in found if everything or one.status == "open"]
    columns = (
        dimension("id"), dimension("status"), dimension("kind"), dimension("where"), time("start"), time("last"),
        metric("days", "days"), dimension("unit"), metric("actual", None), metric("expected", None),
        metric("excess", None), metric("excess_a_day", None), dimension("owner"), dimension("series"), time("found"),
        dimension("until"), dimension("note"),
    )  # fmt: skip
    rows = tuple(
        (
            o.body["id"], o.status, o.body["kind"], o.where, date.fromisoformat(o.body["start"]),
            date.fromisoformat(o.body["last"]), o.body["days"], o.body["unit"], _money(o.body["actual"]),
            _money(o.body["expected"]), _money(o.excess), _money(o.excess / o.body["days"]), o.body["owner"],
            o.body["series"], date.fromisoformat(o.body["found"]),
            o.decision.until if o.decision else None, o.decision.note if o.decision else None,
        )
        for o in shown
    )  # fmt: skip
    wide = frozenset({"days", "series", "found", "until", "note"} - ({"note", "until"} if everything else set()))
    whole = {"incidents": [_whole(o) for o in shown]}
    chart = outlook_chart.of_incident(shown[0].body, shown[0].where) if shown else None
    return Report(columns, rows, _sentences(shown, found), tuple(notes), wide, whole, chart)


def _money(value: float) -> Decimal:
    return Decimal(repr(round(value, 6))).quantize(Decimal("0.01"))


def _whole(one: Told) -> dict[str, Any]:
    return {**one.body, "status": one.status, "where": one.where,
            "also": [Node(tuple((n, v) for n, v in node)).named() for node in one.body["also"]]}  # fmt: skip


def _sentences(shown: Sequence[Told], found: Sequence[Told]) -> tuple[str, ...]:
    if not shown:
        others = f"; {len(found)} that are closed, expected or snoozed" if found else ""
        return (f"No open anomaly{others}.",)
    top = shown[0]
    start, last = date.fromisoformat(top.body["start"]), date.fromisoformat(top.body["last"])
    more = "above" if top.excess > 0 else "below"
    parts = [f"{len(shown)} {'anomaly' if len(shown) == 1 else 'anomalies'}."]
    parts.append(
        f"The largest: {top.where}, {_written(abs(_money(top.excess)), top.body['unit'])} {more} the expected "
        f"for {calendar.label(Period(start=start, end=last + timedelta(days=1)))}."
    )
    return tuple(parts)


def _written(amount: Decimal, unit: str) -> str:
    return figure(amount, unit) if currency_of(unit) else quantity(amount, unit)


def answer(plan: QueryPlan, books: Books) -> Report:
    """The incidents of a plan's period and filters. Raises Refused."""
    report = _of(plan, books)
    if not report.rows and plan.period is not None and plan.period.days == 1:
        told = (*report.sentences, *_usual_day(plan, books))
        return replace(report, sentences=("Nothing out of the ordinary was found on that day.", *told[1:]))
    return report


def answer_owners(plan: QueryPlan, books: Books) -> Report:
    """Whose the incidents are; those that nobody is named for."""
    report = _of(plan, books)
    bodies = report.extra["incidents"]
    if not bodies:
        return report
    named = [f"{one['where']}: {one['owner']}" for one in bodies if one["owner"]][:MOST_NAMED]
    nobody = [one["where"] for one in bodies if not one["owner"]]
    said = [f"{'; '.join(named)}."] if named else []
    if nobody:
        said.append(f"Nobody is named for {'; '.join(nobody[:MOST_NAMED])}: the charges have no team.")
    return replace(report, sentences=tuple(said))


def answer_since(plan: QueryPlan, books: Books) -> Report:
    """Since when, until when, and whether it goes on."""
    report = _of(plan, books)
    said = []
    for one in report.extra["incidents"][:MOST_NAMED]:
        first, last = (date.fromisoformat(one[name]) for name in ("start", "last"))
        until = "and goes on" if one["ongoing"] else f"until {_day(last)}"
        days = f"{one['days']} day{'' if one['days'] == 1 else 's'}"
        said.append(f"{one['where']}: since {_day(first)} {until}, {days}.")
    return replace(report, sentences=tuple(said)) if said else report


def _of(plan: QueryPlan, books: Books) -> Report:
    if books.ledger is None:
        raise Refused("Anomalies are kept in the ledger, and there is none here.")
    start, end = (plan.period.start, plan.period.end) if plan.period else (None, None)
    return report(books, Incidents(books.ledger), start, end, plan.filters, everything=True)


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _usual_day(plan: QueryPlan, books: Books) -> list[str]:
    """What the day cost beside the same weekday before, of what follows use; nothing where that is not loaded."""
    its = settings(books.schemas)
    series = next((s for s in its.series if s.dataset == plan.dataset), None)
    assert plan.period is not None
    if series is None or plan.dataset not in books.access.tables:
        return []
    own = books.house.model.dimensions[series.dataset]
    filters = (*(f for f in series.filters if f.dimension in own), *plan.filters)
    start = plan.period.start - timedelta(weeks=its.rules.weeks)
    span = Period(start=start, end=plan.period.end)
    asked = QueryPlan(dataset=series.dataset, metrics=(series.metric,), grain=Grain.DAY, filters=filters, period=span)
    names = books.columns(asked)
    amounts: dict[str, dict[date, Decimal]] = {}
    for row in books.plan(asked):
        held = dict(zip(names, row, strict=True))
        unit = str(held.get("currency") or (books.house.catalog.currencies or ("USD",))[0])
        amounts.setdefault(unit, {})[held["day"]] = Decimal(str(held[series.metric] or 0))
    said = []
    for unit, days in amounts.items():
        before = [
            days[d] for n in range(1, its.rules.weeks + 1) if (d := plan.period.start - timedelta(weeks=n)) in days
        ]
        if before and plan.period.start in days:
            usual = _written(Decimal(median(before)), unit)
            what = f"What follows use was {_written(days[plan.period.start], unit)}"
            said.append(f"{what}; the median of the {len(before)} {plan.period.start:%A}s before is {usual}.")
    return said
