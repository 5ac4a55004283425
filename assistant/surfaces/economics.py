"""Reads what the finops functions calculate with, through the Assistant, so that the guard and row policies hold.

Every surface calls these; nothing here draws. Formulas stand in assistant/finops/.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from dateutil.relativedelta import relativedelta

from assistant.assistant import Assistant
from assistant.errors import AssistantError, Clarify, Refused
from assistant.finops import allocation, carbon, unit_cost
from assistant.finops.allocation import Chargeback, Cost, Rule
from assistant.finops.carbon import ClusterMonth, Energy, Factor
from assistant.finops.unit_cost import Month, UnitCost
from assistant.house import Warehouse
from assistant.planning import local
from assistant.semantics.words import split
from assistant.sql import derived
from assistant.sql.conditions import condition
from assistant.values import Filter, QueryPlan

COSTS = "cost_and_usage"
MOST_ROWS = 200_000


def query(assistant: Assistant, text: str, user: str | None) -> Sequence[tuple[Any, ...]]:
    """Rows of checked SQL. Raises Refused rather than calculating with a part of them."""
    access = assistant.access(user)
    access = replace(access, limits=replace(access.limits, rows=MOST_ROWS))
    rows = assistant._run_sql(text, access)
    if rows.truncated:
        raise Refused(f"This needs more than {MOST_ROWS:,} groups of rows; choose a coarser key or a shorter period.")
    return rows.rows


def needs(assistant: Assistant, user: str | None, *tables: str) -> Warehouse:
    """The warehouse, when these tables are loaded and open to the user. Raises Refused naming the one that is not."""
    access = assistant.access(user)
    for table in tables:
        if table in access.closed:
            raise Refused(f"This is not open to you: {access.closed[table]}.")
        if table not in access.tables:
            raise Refused(f"Nothing is loaded in {table}; load it with `askcost load FILE --table {table}`.")
    return assistant.warehouse


def newest_whole_month(house: Warehouse, table: str) -> date:
    """The newest month of the table that is loaded to its end; else its newest month."""
    days = house.catalog.days[table]
    this = days.last.replace(day=1)
    whole = (days.last + timedelta(days=1)).day == 1
    before = this - relativedelta(months=1)
    return before if not whole and before in days.months else this


def loaded(house: Warehouse, table: str, start: date, end: date) -> str | None:
    """A note when only a part of [start, end) is loaded. Raises Refused when nothing is."""
    days = house.catalog.days[table]
    found = days.count(start, end)
    if not found:
        raise Refused(f"No {table} is loaded for {start:%b %Y}; it is loaded from {days.first} to {days.last}.")
    if found < (end - start).days and days.last < end - timedelta(days=1):
        return f"{start:%b %Y} is loaded up to {days.last} only."
    return None


def dimension(house: Warehouse, name: str, place: str, dataset: str = COSTS) -> str:
    """The dimension of costs that people call `name`. Raises Refused or Clarify, both naming `place`."""
    own = house.model.dimensions[dataset]
    plain = "_".join(split(name))
    if plain in own:
        return plain
    found = [n for n in house.lexicon.dimension_names(split(name)) if n in own]
    if len(found) > 1:
        raise Clarify(f"{place} names “{name}”, which could be several things.", tuple(own[n].label for n in found))
    if not found:
        known = ", ".join(house.lexicon.dimension_labels(dataset)[:8])
        raise Refused(f"{place} names “{name}”, which costs are not kept by. They have: {known}.")
    return found[0]


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


# --- chargeback ------------------------------------------------------------------------------------------------------


def chargeback(assistant: Assistant, month: date | None, by: str | None, user: str | None) -> tuple[date, Chargeback]:
    """One month's costs by consumer and rule; `by` names the key of charges that no rule matches.

    Default month: the newest whole one; default key: that of most rules. Raises Refused and Clarify.
    """
    house = needs(assistant, user, COSTS)
    if house.catalog.has("allocation_rules"):
        needs(assistant, user, "allocation_rules")
    start = month or newest_whole_month(house, COSTS)
    end = start + relativedelta(months=1)
    note = loaded(house, COSTS, start, end)
    read = rules(house, start, end)
    keys = [rule.key for rule, _ in read]
    own = dimension(house, by, "--by") if by else _commonest(keys) or dimension(house, "team", "The default key")
    rows = query(assistant, _charges(house, read, [own, *keys], start, end), user)
    names = list(dict.fromkeys((own, *keys)))
    costs = [
        Cost(str(currency or "unknown"), rule, dict(zip(names, values, strict=True)), Decimal(amount))
        for currency, rule, *values, amount in rows
        if amount is not None
    ]
    result = allocation.allocate(costs, [rule for rule, _ in read], own)
    notes = [note] if note else []
    if not read:
        notes.append(f"No allocation rule is in force in {start:%b %Y}: only direct costs are shown.")
    return start, replace(result, notes=(*notes, *result.notes))


def rules(house: Warehouse, start: date, end: date) -> list[tuple[Rule, tuple[Filter, ...]]]:
    """The rules in force within [start, end) in file order, each with its condition.

    A later rule of the same pool and match replaces the earlier one from its effective_from on.
    """
    found: list[tuple[Rule, tuple[Filter, ...]]] = []
    for number, row in enumerate(house.catalog.small.get("allocation_rules", ()), 1):
        place = f"Allocation rule {number} ({row['pool']})"
        try:
            match = local.filters(str(row["match"]), house.lexicon)
        except AssistantError as error:
            raise Refused(f"The match of {place[0].lower()}{place[1:]} can't be read: {error}") from None
        key = dimension(house, str(row["key_dimension"]), place)
        only = match[0] if len(match) == 1 else None
        rule = Rule(
            pool=str(row["pool"]),
            method=row["method"],
            key=key,
            weights=_weights(row.get("weights"), place),
            number=number,
            start=row.get("effective_from"),
            consumers=frozenset(only.values) if only and only.dimension == key and only.op == "in" else frozenset(),
        )
        found.append((rule, match))
    dated = [(replace(rule, end=_replaced(rule, match, found)), match) for rule, match in found]
    return [
        (r, m)
        for r, m in dated
        if (r.start is None or r.start < end)
        and (r.end is None or r.end > start)
        and (r.start is None or r.start != r.end)
    ]


def _replaced(rule: Rule, match: tuple[Filter, ...], found: Sequence[tuple[Rule, tuple[Filter, ...]]]) -> date | None:
    first = rule.start or date.min
    starts = [
        other.start
        for other, its in found
        if other.start is not None and other.start > first and other.pool == rule.pool and its == match
    ]
    return min(starts, default=None)


def _weights(value: Any, place: str) -> dict[str, Decimal]:
    if value in (None, ""):
        return {}
    try:
        read = json.loads(value, parse_float=Decimal, parse_int=Decimal) if isinstance(value, str) else value
        return {str(name): Decimal(str(weight)) for name, weight in read.items()}
    except (ValueError, ArithmeticError, AttributeError):
        raise Refused(f'The weights of {place} are not JSON like {{"A": 0.6, "B": 0.4}}.') from None


def _commonest(keys: Sequence[str]) -> str | None:
    return max(keys, key=keys.count, default=None)


def _charges(
    house: Warehouse, read: Sequence[tuple[Rule, tuple[Filter, ...]]], keys: Sequence[str], start: date, end: date
) -> str:
    """Cost by currency, first matching rule and key values."""
    own = house.model.dimensions[COSTS]
    arms = []
    for place, (rule, match) in enumerate(read):
        tests = [condition(own[one.dimension].expression, one).sql(dialect="duckdb") for one in match]
        tests += [f"ChargePeriodStart >= TIMESTAMP '{rule.start}'"] if rule.start and rule.start > start else []
        tests += [f"ChargePeriodStart < TIMESTAMP '{rule.end}'"] if rule.end and rule.end < end else []
        arms.append(f"WHEN {' AND '.join(f'({t})' for t in tests)} THEN {place}")
    chosen = f"CASE {' '.join(arms)} END" if arms else "NULL"
    split_by = "".join(f"{own[key].expression} AS key_{n}, " for n, key in enumerate(dict.fromkeys(keys)))
    return (
        f"SELECT BillingCurrency AS currency, {chosen} AS rule, {split_by}SUM(EffectiveCost) AS cost "
        f"FROM {COSTS} WHERE ChargePeriodStart >= TIMESTAMP '{start}' AND ChargePeriodStart < TIMESTAMP '{end}' "
        "GROUP BY ALL"
    )


# --- unit costs ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UnitCosts:
    """A metric's months, money in `currency`."""

    metric: str
    product: str | None
    currency: str
    months: tuple[UnitCost, ...]
    notes: tuple[str, ...]


def unit_costs(
    assistant: Assistant, metric: str, product: str | None, start: date | None, end: date | None, user: str | None
) -> UnitCosts:
    """Cost, volume and unit cost of each month of [start, end); without them every month that is loaded.

    The cost is that of the dimensions and values that unit_cost_map names. Raises Refused and Clarify.
    """
    house = needs(assistant, user, COSTS, "business_metrics", "unit_cost_map")
    name = _metric(house, metric)
    listed = [Filter(dimension="business_metric", values=(name,))]
    where = [f"metric = {text(name)}"]
    if product:
        listed.append(Filter(dimension="product", values=(_product(assistant, name, product, user),)))
        where.append(f"product = {text(listed[-1].values[0])}")
    plan = QueryPlan(dataset="unit_costs", metrics=("unit_cost",), filters=tuple(listed))
    tree = derived.query(plan, house.model, house.catalog)
    assert tree is not None
    served = {c.alias: c.this for c in tree.args["with_"].expressions}["served"]
    costs = dict(query(assistant, served.sql(dialect="duckdb"), user))
    volumes = dict(
        query(
            assistant,
            f"SELECT month, SUM(volume) AS volume FROM business_metrics WHERE {' AND '.join(where)} GROUP BY month",
            user,
        )
    )
    days = house.catalog.days[COSTS]
    wanted = [m for m in sorted({*costs, *volumes}) if (start is None or m >= start) and (end is None or m < end)]
    months, notes = unit_cost.series([Month(m, costs.get(m), volumes.get(m)) for m in wanted])
    if not months:
        raise Refused(f"No month of that period has both costs and volumes of {name}: {' '.join(notes)}".rstrip(": "))
    partial = days.last.replace(day=1)
    if months[-1].month == partial and (days.last + timedelta(days=1)).day != 1:
        notes.append(f"The costs of {partial:%b %Y} are loaded up to {days.last} only.")
    notes += _gaps(months, wanted, start, end)
    several = len(house.catalog.currencies) > 1
    currency = "USD" if several or not house.catalog.currencies else house.catalog.currencies[0]
    notes += ["Costs in other currencies than USD are left out."] if several else []
    return UnitCosts(name, listed[-1].values[0] if product else None, currency, tuple(months), tuple(notes))


def _gaps(months: Sequence[UnitCost], wanted: Sequence[date], start: date | None, end: date | None) -> list[str]:
    """Months inside the period that have neither cost nor volume."""
    month, last = start or months[0].month, (end or months[-1].month + relativedelta(months=1))
    missing = []
    while month < last:
        if month not in wanted:
            missing.append(f"{month:%b %Y}")
        month += relativedelta(months=1)
    return [f"Nothing is loaded for {', '.join(missing)}."] if missing else []


def _metric(house: Warehouse, said: str) -> str:
    """The business metric that people call `said`: its name, or as in “cost per …”."""
    known = [str(row["metric"]) for row in house.catalog.small.get("business_metrics", ())]
    same = [name for name in known if split(name) == split(said)]
    if same:
        return same[0]
    found = {v for m in house.lexicon.meanings(split(said)) for v in m.names if v in known}
    if len(found) != 1:
        near = [name for name in known if set(split(said)) & set(split(name))]
        near += [name for name in known if name in house.lexicon.near(said) and name not in near]
        raise Clarify(f"“{said}” is not a business metric that is loaded. Which one is meant?", tuple(near or known))
    return found.pop()


def _product(assistant: Assistant, metric: str, said: str, user: str | None) -> str:
    rows = query(assistant, f"SELECT DISTINCT product FROM business_metrics WHERE metric = {text(metric)}", user)
    known = sorted(str(p) for (p,) in rows if p)
    same = [p for p in known if p.casefold() == said.casefold()]
    if not same:
        raise Clarify(f"{metric} are not kept for “{said}”.", tuple(known))
    return same[0]


# --- energy and carbon -----------------------------------------------------------------------------------------------


def carbon_of(
    assistant: Assistant, start: date | None, end: date | None, cluster: str | None, user: str | None
) -> tuple[list[ClusterMonth], list[str]]:
    """Energy and carbon of own GPUs within [start, end); default: the year of the newest usage. Raises Refused."""
    house = needs(assistant, user, "gpu_usage", "gpu_fleet")
    newest = house.catalog.days["gpu_usage"].last
    until = end or newest + timedelta(days=1)
    since = start or (until - timedelta(days=1)).replace(month=1, day=1)
    where = f"u.usage_date >= DATE '{since}' AND u.usage_date < DATE '{until}'"
    if cluster:
        where += f" AND u.cluster = {text(_cluster(assistant, cluster, user))}"
    rows = query(
        assistant,
        "SELECT u.usage_date, u.cluster, f.grid_region, f.in_service_date, SUM(u.gpu_hours_allocated) AS hours, "
        "f.power_kw_per_gpu, f.pue "
        f"FROM gpu_usage AS u LEFT JOIN gpu_fleet AS f ON f.cluster = u.cluster WHERE {where} GROUP BY ALL",
        user,
    )
    if not rows:
        raise Refused(f"No GPU usage is loaded from {since} to {until - timedelta(days=1)}; the newest is of {newest}.")
    days = [
        Energy(day, name, grid, Decimal(hours), Decimal(hours) * Decimal(kilowatts) * Decimal(pue))
        for day, name, grid, _, hours, kilowatts, pue in rows
        if grid
    ]
    factors: list[Factor] = []
    if house.catalog.has("grid_intensity"):
        needs(assistant, user, "grid_intensity")
        found = query(
            assistant,
            "SELECT grid_region, valid_from, kgco2e_per_kwh, COALESCE(method, 'location'), source FROM grid_intensity",
            user,
        )
        factors = [Factor(*row) for row in found]
    result, notes = carbon.by_cluster_and_month(days, factors)
    strangers = sorted({name for _, name, grid, *_ in rows if not grid})
    early = sorted({name for day, name, grid, service, *_ in rows if grid and day < service})
    notes += [f"{name} has usage but is not in gpu_fleet, so its energy is unknown and left out." for name in strangers]
    notes += [f"{name} has usage before its in_service_date; one of the two is wrong." for name in early]
    return result, notes


def _cluster(assistant: Assistant, said: str, user: str | None) -> str:
    known = [str(c) for (c,) in query(assistant, "SELECT DISTINCT cluster FROM gpu_fleet ORDER BY cluster", user)]
    same = [name for name in known if name.casefold() == said.casefold()]
    if not same:
        raise Clarify(f"“{said}” is not a cluster of the fleet.", tuple(known))
    return same[0]
