"""Reads the series of schemas/anomalies.yaml, scores their new days, keeps the incidents in the ledger.

Detection stands in finops/anomalies, one incident for each cause in finops/incidents. Each currency is scanned apart.
A new day costs a step of each series; days that were restated since make the scan begin anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from assistant.analysis.books import Books
from assistant.errors import Clarify, Refused, SchemaError
from assistant.finops import incidents as roll
from assistant.finops.anomalies import Rules
from assistant.finops.incidents import Cube, Incident, Known, Node, Watched
from assistant.ledger.incidents import Incidents
from assistant.sql.conditions import condition
from assistant.values import Filter

BACK = 60  # days read for a new day: what an incident is compared with, and what may have been restated
YEARS = range(2015, 2041)  # that public holidays are known for
WARM = 84  # days before the first scan's first day


@dataclass(frozen=True)
class Series:
    """One entry of schemas/anomalies.yaml."""

    name: str
    dataset: str
    metric: str
    minimum: float
    filters: tuple[Filter, ...]
    nodes: tuple[tuple[str, ...], ...]
    complete_by: str | None = None
    owner: str | None = None
    within: str | None = None


@dataclass(frozen=True)
class Settings:
    rules: Rules
    series: tuple[Series, ...]
    scan_days: int
    late_days: int
    late_share: float
    closes_after: int


@cache
def settings(schemas: Path) -> Settings:
    """schemas/anomalies.yaml. Raises SchemaError."""
    path = schemas / "anomalies.yaml"
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
        rules = dict(read["rules"])
        countries = rules.pop("countries", None) or ()
        rules["holidays"] = frozenset(map(_holiday, rules.get("holidays", ()))) | _public(countries)
        series = tuple(
            Series(**{
                **one,
                "filters": tuple(Filter.model_validate(f) for f in one.get("filters", ())),
                "nodes": tuple(map(tuple, one["nodes"])),
            })
            for one in read["series"]
        )  # fmt: skip
        others = {name: read[name] for name in ("scan_days", "late_days", "late_share", "closes_after")}
        return Settings(Rules(**rules), series, **others)
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, NotImplementedError) as error:
        raise SchemaError(path.name, 1, f"can't be read: {error}.") from None


def _public(countries: Sequence[str]) -> frozenset[date]:
    """Public holidays of these countries (ISO 3166, with a part after a dash: DE-BY), from 2015 to 2040."""
    if not countries:
        return frozenset()
    import holidays  # a second that nobody without a country should wait for

    found: set[date] = set()
    for one in countries:
        country, _, part = str(one).partition("-")
        found |= set(holidays.country_holidays(country, subdiv=part or None, years=YEARS))
    return frozenset(found)


def _holiday(said: object) -> date | tuple[int, int]:
    parts = [int(p) for p in str(said).split("-")]
    return date(*parts) if len(parts) == 3 else (parts[0], parts[1])


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Room:
    """A series as this user's warehouse has it: the names of its dimensions, and the days it is read for."""

    series: Series
    names: Mapping[str, str]
    unit: str
    start: date
    last: date


def room(books: Books, series: Series, back: int) -> Room | None:
    """None when the series is not loaded, or not open to the user."""
    model, catalog = books.house.model, books.house.catalog
    source = model.datasets[series.dataset].source if series.dataset in model.datasets else ""
    if source not in books.access.tables or source not in catalog.days or not model.has_metric(series.metric):
        return None
    last = min(catalog.days[source].last, books.today)
    first = max(catalog.days[source].first, last - timedelta(days=back))
    if first > last:
        return None
    asked = dict.fromkeys(name for group in series.nodes for name in group)
    names = {name: found for name in asked if (found := named(books, name, series.dataset))}
    return Room(series, names, model.metric(series.metric).unit, first, last)


def named(books: Books, name: str, dataset: str) -> str | None:
    try:
        return books.dimension(name, "schemas/anomalies.yaml", dataset)
    except (Refused, Clarify):
        return None


def cubes(books: Books, of: Room, late_days: int, late_share: float) -> dict[str, Cube]:
    """unit → the cube of that currency (or of the series' unit)."""
    model = books.house.model
    dataset = model.datasets[of.series.dataset]
    own = model.dimensions[of.series.dataset]
    currency = dataset.currency if of.unit == "currency" else None
    parts = [f"{own[field].expression} AS d{n}" for n, field in enumerate(of.names.values())]
    day = f"CAST({dataset.time} AS DATE)"
    tests = [condition(own[f.dimension].expression, f).sql(dialect="duckdb") for f in of.series.filters
             if f.dimension in own]  # fmt: skip
    found: dict[str, dict[roll.Key, list[float]]] = {}
    rows_of: dict[tuple[str | None, int], int] = {}
    by_name = of.series.complete_by
    place = list(of.names).index(by_name) if by_name and by_name in of.names else None
    days = (of.last - of.start).days + 1
    loaded: set[int] = set()
    for first, until in _months(of.start, of.last):
        where = [*tests, f"{dataset.time} >= DATE '{first}'", f"{dataset.time} < DATE '{until}'"]
        text = (
            f"SELECT {', '.join([f'{currency} AS currency' if currency else 'NULL AS currency', *parts])}, "
            f"{day} AS day, {model.metric(of.series.metric).expression} AS amount, COUNT(*) AS charges "
            f"FROM {dataset.source} WHERE {' AND '.join(f'({t})' for t in where)} GROUP BY ALL"
        )
        for unit, *key, on, amount, charges in books.rows(text):
            at = (on - of.start).days
            values = tuple(None if v is None else str(v) for v in key)
            name = str(unit or "unknown") if currency else of.unit
            cell = found.setdefault(name, {}).setdefault(values, [0.0] * days)
            cell[at] += float(amount or 0)
            loaded.add(at)
            by = values[place] if place is not None else None
            rows_of[by, at] = rows_of.get((by, at), 0) + charges
    missing = frozenset(range(days)) - loaded
    late = ends(rows_of, days, late_days, late_share)
    return {
        unit: Cube(tuple(of.names), of.start, days, cells, missing,
                   {k: late[by] for k in cells if (by := k[place] if place is not None else None) in late})
        for unit, cells in found.items()
    }  # fmt: skip


def _months(start: date, last: date) -> list[tuple[date, date]]:
    spans, first = [], start
    while first <= last:
        until = min((first.replace(day=1) + timedelta(days=32)).replace(day=1), last + timedelta(days=1))
        spans.append((first, until))
        first = until
    return spans


def ends(
    rows_of: Mapping[tuple[str | None, int], int], days: int, late_days: int, late_share: float
) -> dict[str | None, int]:
    """Whose newest days have far fewer rows than the same weekdays before: the first day that is not complete."""
    found = {}
    for by in {by for by, _ in rows_of}:
        for day in range(max(0, days - late_days), days):
            before = sorted(rows_of.get((by, d), 0) for d in range(day - 7, max(-1, day - 29), -7))
            usual = before[len(before) // 2] if before else 0
            if usual >= 2 and rows_of.get((by, day), 0) < late_share * usual:
                found[by] = day
                break
    return found


# --- scanning --------------------------------------------------------------------------------------------------------


def scope(books: Books) -> str:
    """Whose view: users with the same row policy and role share their scans, and so do readers who see the same.

    The note of several readers names nobody's policy, so their view is told apart by what it holds.
    """
    access = books.access
    if not access.note:
        return ""
    if access.user != "":
        return f"{access.role}: {access.note}"
    seen = sorted((t.name, t.predicate, t.columns, sorted(t.masks.items())) for t in access.tables.values())
    return f"readers: {hashlib.sha256(repr(seen).encode()).hexdigest()[:32]}"


def scan(books: Books, store: Incidents, anew: bool = False) -> list[str]:
    """Scans what is new, and keeps it. Returns notes: what could not be judged, and why."""
    its = settings(books.schemas)
    notes: list[str] = []
    for series in its.series:
        notes += _scan(books, store, series, its, anew)
    return notes


def _scan(books: Books, store: Incidents, series: Series, its: Settings, anew: bool) -> list[str]:
    where, rules = scope(books), replace(its.rules, minimum=series.minimum)
    kept = None if anew else store.state(where, series.name)
    whole = its.scan_days + WARM
    of = room(books, series, BACK if kept else whole)
    if of is None:
        return []
    if kept and kept[0] > of.last:
        kept, of = None, room(books, series, whole)
    assert of is not None
    newest = of.last.isoformat()
    if kept and kept[0] == of.last and kept[1].get("version") == _version(books):
        return list(kept[1]["notes"])
    if kept and (of.last - kept[0]).days > BACK - 35:
        kept, of = None, room(books, series, whole)
        assert of is not None
    made = cubes(books, of, its.late_days, its.late_share)
    states = _states(kept[1]) if kept else {}
    if kept and _restated(made, states, rules):
        kept, states = None, {}
        of = room(books, series, whole)
        assert of is not None
        made = cubes(books, of, its.late_days, its.late_share)
    days = (of.last - of.start).days + 1
    if not kept and days < rules.history + 1:
        return [f"{series.name}: not enough history: {days} days, {rules.history} needed."]
    notes, found, watched = [], dict[str, Mapping[str, Any]](), dict[str, list[Watched]]()
    said = _known(books, store, series)
    for unit, cube in made.items():
        watched[unit] = roll.watch(cube, series.nodes, rules, states.get(unit, {}))
        since = of.last - timedelta(days=its.scan_days if not kept else BACK - 30)
        told = roll.roll_up(cube, watched[unit], since, rules, series.owner, said.get(unit, ()))
        found |= {_id(one, unit, series): _body(one, unit, cube) for one in told}
        if cube.late:
            late = sorted({str(k[list(of.names).index(series.complete_by or "")]) for k in cube.late})
            notes.append(f"{series.name}: the newest days of {', '.join(late)} are not complete and not judged yet.")
    notes += _currency_changes(found, series)
    state = {
        "version": _version(books), "newest": newest, "notes": notes,
        "units": {u: [[list(map(list, w.node.values)), w.tracker.state()] for w in ws] for u, ws in watched.items()},
    }  # fmt: skip
    store.keep(where, series.name, of.last, state, found, anew=not kept)
    return notes


def _version(books: Books) -> str:
    """Changes with every load, also where a process still holds the file that was there before."""
    return f"{books.house.catalog.data_version} {books.house.version}"


def _states(kept: Mapping[str, Any]) -> dict[str, dict[Node, dict[str, Any]]]:
    return {
        unit: {Node(tuple((n, v) for n, v in values)): state for values, state in nodes}
        for unit, nodes in kept["units"].items()
    }


def _restated(made: Mapping[str, Cube], states: Mapping[str, Mapping[Node, Any]], rules: Rules) -> bool:
    """Whether days that were scanned have other amounts now."""
    for unit, nodes in states.items():
        total = nodes.get(Node())
        if total is None or total["last"] is None or unit not in made:
            continue
        cube, last = made[unit], date.fromisoformat(total["last"])
        upto = (last - cube.start).days + 1
        seen = total["raw"][-28:]
        sums = [sum(c[d] for c in cube.cells.values()) for d in range(max(0, upto - len(seen)), min(upto, cube.days))]
        if len(sums) == len(seen) and any(
            abs(a - b) > max(rules.minimum, 0.01 * abs(b)) for a, b in zip(sums, seen, strict=True)
        ):
            return True
    return False


def _id(one: Incident, unit: str, series: Series) -> str:
    return hashlib.sha256(f"{series.name}|{unit}|{one.id}".encode()).hexdigest()[:8]


def _body(one: Incident, unit: str, cube: Cube) -> dict[str, Any]:
    """An incident as it is kept, in plain values."""
    return {
        "node": [list(pair) for pair in one.node.values], "unit": unit, "kind": one.kind,
        "start": one.start.isoformat(), "last": one.last.isoformat(), "found": one.found.isoformat(),
        "ongoing": one.ongoing, "actual": round(one.actual, 6), "expected": round(one.expected, 6), "days": one.days,
        "owner": one.owner, "also": [[list(pair) for pair in node.values] for node in one.also],
        "touches": _touches(one, cube),
        "evidence": [[d.day.isoformat(), round(d.actual, 6), round(d.expected, 6), d.anomalous]
                     for d in one.evidence],
    }  # fmt: skip


def _touches(one: Incident, cube: Cube) -> dict[str, list[str | None]]:
    """dimension → the values whose cells moved, so that an incident is found by any of them."""
    days = [one.start + timedelta(days=n) for n in range((one.last - one.start).days + 1)]
    inside = [k for k in cube.cells if all(k[cube.dimensions.index(n)] == v for n, v in one.node.values)]
    moved = {k: sum(roll.moved(cube, k, d, one.start) for d in days) for k in inside}
    most = sum(abs(m) for m in moved.values())
    kept = [k for k, m in moved.items() if most and abs(m) >= 0.05 * most]
    return {name: sorted({k[n] for k in kept}, key=str) for n, name in enumerate(cube.dimensions)}


def _known(books: Books, store: Incidents, series: Series) -> dict[str, list[Known]]:
    """unit → what somebody said is expected."""
    decisions = store.decisions(scope(books))
    found: dict[str, list[Known]] = {}
    for one in store.all(scope(books)):
        decision = decisions.get(one["id"])
        if one["series"] == series.name and decision and decision.what == "expected":
            node = Node(tuple((n, v) for n, v in one["node"]))
            # The incident itself is found again, with its decision; what follows it is expected.
            after = date.fromisoformat(one["last"]) + timedelta(days=1)
            a_day = (one["actual"] - one["expected"]) / one["days"]
            found.setdefault(one["unit"], []).append(Known(node, after, a_day, decision.until))
    return found


def _currency_changes(found: dict[str, Mapping[str, Any]], series: Series) -> list[str]:
    """Spend that stops in one currency and starts in another on the same day is billed anew, no incident."""
    notes = []
    for name, gone in list(found.items()):
        for other, new in list(found.items()):
            same = gone["node"] == new["node"] and gone["unit"] != new["unit"] and gone["start"] == new["start"]
            if same and (gone["kind"], new["kind"]) == ("gone", "new"):
                where = Node(tuple((n, v) for n, v in gone["node"])).named()
                notes.append(f"{series.name}: {where} is billed in {new['unit']} instead of {gone['unit']} since "
                             f"{gone['start']}; its amounts before and after are not compared.")  # fmt: skip
                found.pop(name, None)
                found.pop(other, None)
    return notes
