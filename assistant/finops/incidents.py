"""Anomalous days at many nodes → one incident for each cause, at the deepest node that explains it. Pure.

A node is a set of dimension values; a cell has a value of every dimension, and a node's amounts are the sum of its
cells. Events are taken by their size. Each looks for the deepest node within it that holds `explains` of its excess;
what an incident has explained is taken from all other nodes, so that no dollar is counted twice, and what is then left
of an event below the minimum was the same cause. One cube holds one currency (or one unit) only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from assistant.finops.anomalies import Day, Event, Kind, Rules, Tracker

Key = tuple[str | None, ...]  # a value of each dimension of the cube
EXPLAINS = 0.8
SHOWN = 42  # days of evidence before the start


@dataclass(frozen=True)
class Node:
    """(dimension, value) pairs in the cube's order; a value None means charges without one. () is everything."""

    values: tuple[tuple[str, str | None], ...] = ()

    def named(self) -> str:
        return " · ".join(value if value is not None else f"no {name}" for name, value in self.values) or "everything"


@dataclass(frozen=True)
class Cube:
    """Amounts by cell and day from `start` on. missing: days that were not loaded. late: cells' days that are not
    complete yet, from the index on."""

    dimensions: tuple[str, ...]
    start: date
    days: int
    cells: Mapping[Key, Sequence[float]]
    missing: frozenset[int] = frozenset()
    late: Mapping[Key, int] = field(default_factory=dict)

    @property
    def last(self) -> date:
        return self.start + timedelta(days=self.days - 1)

    def nodes(self, groups: Iterable[tuple[str, ...]]) -> dict[Node, list[Key]]:
        """The nodes of these groups of dimensions with their cells. Groups with a dimension that is not here: none."""
        found: dict[Node, list[Key]] = {}
        for group in groups:
            if any(name not in self.dimensions for name in group):
                continue
            places = [(name, self.dimensions.index(name)) for name in self.dimensions if name in group]
            for key in self.cells:
                found.setdefault(Node(tuple((name, key[place]) for name, place in places)), []).append(key)
        return found

    def amounts(self, keys: Sequence[Key]) -> list[float | None]:
        """A node's days; None where nothing was loaded. Ends where one of its cells is not complete."""
        ends = min((self.late.get(key, self.days) for key in keys), default=self.days)
        sums = [sum(day) for day in zip(*(self.cells[key] for key in keys), strict=True)]
        return [None if n in self.missing else value for n, value in enumerate(sums[:ends])]


@dataclass(frozen=True)
class Incident:
    """One cause. actual, expected: over its days, in the cube's unit; a day: the mean excess.

    last: its newest anomalous day · ongoing: that is the newest complete one · evidence: days for a chart ·
    also: other nodes that saw the same · owner: whom most of the excess belongs to.
    """

    id: str
    node: Node
    kind: Kind
    start: date
    last: date
    found: date
    ongoing: bool
    actual: float
    expected: float
    days: int
    evidence: tuple[Day, ...]
    also: tuple[Node, ...] = ()
    owner: str | None = None

    @property
    def excess(self) -> float:
        return self.actual - self.expected

    @property
    def a_day(self) -> float:
        return self.excess / self.days


@dataclass(frozen=True)
class Known:
    """What somebody said is expected: at this node from `start` on, up to `a_day` (signed) is no incident."""

    node: Node
    start: date
    a_day: float
    until: date | None = None


@dataclass
class Watched:
    """A node while it is scanned: its cells, its days (actual, expected) and its tracker."""

    node: Node
    keys: list[Key]
    tracker: Tracker
    days: dict[date, Day] = field(default_factory=dict)


def watch(
    cube: Cube, groups: Sequence[tuple[str, ...]], rules: Rules, states: Mapping[Node, dict[str, Any]]
) -> list[Watched]:
    """Scores the days that no state has seen yet.

    Left out: nodes that move by less than the minimum, and nodes with the same cells as a deeper one.
    """
    found = []
    nodes = cube.nodes(groups)
    deepest = {frozenset(keys): node for node, keys in sorted(nodes.items(), key=lambda n: len(n[0].values))}
    for node, keys in nodes.items():
        if node.values and deepest[frozenset(keys)] != node and node not in states:
            continue
        amounts = cube.amounts(keys)
        held = [v for v in amounts if v is not None]
        if node.values and node not in states and max(held, default=0) - min(held, default=0) < rules.minimum:
            continue
        tracker = Tracker.of(states[node], rules) if node in states else Tracker(rules)
        one = Watched(node, keys, tracker)
        one.days = remembered(tracker)
        begin = 0 if tracker.last is None else (tracker.last - cube.start).days + 1
        for place in range(max(begin, 0), len(amounts)):
            day = cube.start + timedelta(days=place)
            one.days[day] = tracker.step(day, amounts[place])
        found.append(one)
    return found


def remembered(tracker: Tracker) -> dict[date, Day]:
    if tracker.last is None:
        return {}
    first = tracker.last - timedelta(days=len(tracker.raw) - 1)
    pairs = enumerate(zip(tracker.raw, tracker.expected, strict=True))
    return {first + timedelta(days=n): Day(first + timedelta(days=n), a, e, None) for n, (a, e) in pairs}


def roll_up(
    cube: Cube, watched: Sequence[Watched], since: date, rules: Rules, owner: str | None, known: Sequence[Known] = ()
) -> list[Incident]:
    """Incidents with an anomalous day on or after `since`, dearest first."""
    by_node = {one.node: one for one in watched}
    explained: dict[tuple[Key, date], float] = {}
    for said in known:
        if said.node in by_node:
            _explain_known(said, by_node[said.node], explained)
    queue = [(one, event) for one in watched for event in one.tracker.events if event.last >= since]
    # With equal excess the deeper node goes first: it says more.
    queue.sort(key=lambda pair: (-abs(round(_excess(*pair), 2)), -len(pair[0].node.values), pair[0].node.named()))
    found: list[Incident] = []
    for one, event in queue:
        left = _left(one, event, explained)
        span = max(1, len(_span(one, event)))
        if abs(left) < rules.minimum * _share_of_days(span) or abs(left) < 0.35 * abs(_excess(one, event)):
            _mention(found, one.node, event)
            continue
        for cause in _causes(one, event, left, watched, explained):
            its = _its_event(cause, event)
            if identity(cause.node, its) in {i.id for i in found}:  # a node above saw the rest of what is told already
                _mention(found, one.node, event)
                continue
            found.append(_incident(cube, cause, its, explained, owner))
    return sorted(found, key=lambda i: (-abs(i.excess), i.id))


def _share_of_days(span: int) -> float:
    """An event must be worth the minimum on its average day; a long one is worth telling for a part of it."""
    return min(span, 7)


def _span(one: Watched, event: Event) -> list[date]:
    length = (event.last - event.start).days + 1
    days = (event.start + timedelta(days=n) for n in range(length))
    return [d for d in days if d in one.days]


def _excess(one: Watched, event: Event) -> float:
    return sum(one.days[d].excess for d in _span(one, event))


def _left(one: Watched, event: Event, explained: Mapping[tuple[Key, date], float]) -> float:
    days = _span(one, event)
    taken = sum(explained.get((key, day), 0.0) for key in one.keys for day in days)
    return _excess(one, event) - taken


def _causes(
    top: Watched, event: Event, left: float, watched: Sequence[Watched], explained: Mapping[tuple[Key, date], float]
) -> list[Watched]:
    """The deepest node within `top` that explains the event; several when few of one depth explain it together."""
    inside = set(top.keys)
    deeper = [
        w
        for w in watched
        if inside.issuperset(w.keys) and (len(w.keys) < len(inside) or len(w.node.values) > len(top.node.values))
    ]
    parts = [(w, _left(w, event, explained)) for w in deeper]
    alone = [(w, x) for w, x in parts if EXPLAINS <= x / left <= 2 - EXPLAINS]
    if alone:
        return [max(alone, key=lambda p: (len(p[0].node.values), -abs(p[1] / left - 1), -len(p[0].keys)))[0]]
    groups: dict[tuple[str, ...], list[tuple[Watched, float]]] = {}
    for w, x in parts:
        if x / left >= 0.2 and any(e.up == event.up and _overlap(e, event) for e in w.tracker.events):
            groups.setdefault(tuple(name for name, _ in w.node.values), []).append((w, x))
    usual = sum(top.days[d].expected for d in _span(top, event))
    for _, some in sorted(groups.items(), key=lambda g: (len(g[1]), -len(g[0]))):
        share = sum(x for _, x in some) / left
        weight = sum(w.days[d].expected for w, _ in some for d in _span(w, event)) / usual if usual > 0 else 0.0
        # What holds most of the cost anyway is not a cause apart: then everything in the node rose.
        if 1 < len(some) <= 3 and EXPLAINS <= share <= 2 - EXPLAINS and weight < EXPLAINS:
            return [w for w, _ in some]
    return [top]


def _overlap(one: Event, other: Event) -> bool:
    return one.start <= other.last and other.start <= one.last


def _its_event(one: Watched, event: Event) -> Event:
    """The cause's own event, when it saw one in the same days."""
    own = [e for e in one.tracker.events if e.up == event.up and _overlap(e, event)]
    return max(own, key=lambda e: abs(_excess(one, e))) if own else event


def _incident(
    cube: Cube, one: Watched, event: Event, explained: dict[tuple[Key, date], float], owner: str | None
) -> Incident:
    days = _span(one, event)
    actual = expected = 0.0
    for day in days:
        taken = sum(explained.get((key, day), 0.0) for key in one.keys)
        actual += one.days[day].actual - taken
        expected += one.days[day].expected
        _explain(one, day, one.days[day].excess - taken, cube, event.start, explained)
    newest = max(one.days)
    first, last = event.start - timedelta(days=SHOWN), event.last + timedelta(days=7)
    return Incident(
        identity(one.node, event), one.node, event.kind, event.start, event.last, event.found,
        ongoing=(newest - event.last).days <= 1, actual=actual, expected=expected, days=len(days),
        evidence=tuple(d for day, d in sorted(one.days.items()) if first <= day <= last),
        owner=_owner(cube, one, days, owner, event.start),
    )  # fmt: skip


def identity(node: Node, event: Event) -> str:
    said = f"{node.values}|{event.start}|{'up' if event.up else 'down'}"
    return hashlib.sha256(said.encode()).hexdigest()[:8]


def _explain(
    one: Watched, day: date, excess: float, cube: Cube, start: date, explained: dict[tuple[Key, date], float]
) -> None:
    """Shares a day's excess out to the cells by how much each moved beyond what is told: every node sees its part."""
    shifts = {key: moved(cube, key, day, start) - explained.get((key, day), 0.0) for key in one.keys}
    same = {key: value for key, value in shifts.items() if value * excess > 0}
    whole = sum(same.values())
    shares = same if whole else dict.fromkeys(one.keys, 1.0)
    whole = whole or float(len(one.keys))
    for key, value in shares.items():
        explained[key, day] = explained.get((key, day), 0.0) + excess * value / whole


def moved(cube: Cube, key: Key, day: date, start: date) -> float:
    """A cell's day against the same weekday of the weeks before the event."""
    amounts, place = cube.cells[key], (day - cube.start).days
    back = ((day - start).days // 7 + 1) * 7
    before = [amounts[p] for p in range(place - back, max(-1, place - back - 56), -7) if p >= 0]
    if not 0 <= place < len(amounts):
        return 0.0
    return amounts[place] - (sorted(before)[len(before) // 2] if before else 0.0)


def _explain_known(one: Known, watched: Watched, explained: dict[tuple[Key, date], float]) -> None:
    """Up to what was expected, and a tenth more, is explained beforehand."""
    for day, seen in watched.days.items():
        if day < one.start or (one.until and day > one.until) or seen.excess * one.a_day <= 0:
            continue
        part = min(abs(seen.excess), 1.1 * abs(one.a_day)) * (1 if one.a_day > 0 else -1)
        for key in watched.keys:
            explained[key, day] = explained.get((key, day), 0.0) + part / len(watched.keys)


def _owner(cube: Cube, one: Watched, days: Sequence[date], owner: str | None, start: date) -> str | None:
    if owner is None or owner not in cube.dimensions:
        return None
    place, totals = cube.dimensions.index(owner), dict[str | None, float]()
    for key in one.keys:
        totals[key[place]] = totals.get(key[place], 0.0) + sum(moved(cube, key, d, start) for d in days)
    return max(totals, key=lambda name: abs(totals[name]), default=None)


def _mention(found: list[Incident], node: Node, event: Event) -> None:
    """Another node that saw the same: told with the incident, not as one."""
    for place, one in enumerate(found):
        inside = set(one.node.values) >= set(node.values)
        if inside and node != one.node and one.start <= event.last and event.start <= one.last:
            found[place] = Incident(**{**vars(one), "also": (*one.also, node)})
            return
