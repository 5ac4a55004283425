"""Energy and carbon of own GPUs by cluster and month, both methods apart. Formulas: finops/carbon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from assistant.analysis.books import Books, text
from assistant.analysis.report import Report, dimension, metric, time
from assistant.analysis.unit_costs import metric_named
from assistant.errors import Clarify, Refused
from assistant.finops import carbon
from assistant.finops.carbon import ClusterMonth, Energy, Factor
from assistant.telling.figures import quantity
from assistant.values import Grain, QueryPlan


def carbon_of(
    books: Books, start: date | None, end: date | None, cluster: str | None
) -> tuple[list[ClusterMonth], list[str]]:
    """Energy and carbon of own GPUs within [start, end); default: the year of the newest usage. Raises Refused."""
    house = books.needs("gpu_usage", "gpu_fleet")
    newest = house.catalog.days["gpu_usage"].last
    until = end or newest + timedelta(days=1)
    since = start or (until - timedelta(days=1)).replace(month=1, day=1)
    where = f"u.usage_date >= DATE '{since}' AND u.usage_date < DATE '{until}'"
    if cluster:
        where += f" AND u.cluster = {text(_cluster(books, cluster))}"
    embodied, site = (_optional(books, "gpu_fleet", "f", name) for name in ("embodied_kgco2e", "wue_l_per_kwh"))
    rows = books.rows(
        "SELECT u.usage_date, u.cluster, f.grid_region, f.in_service_date, SUM(u.gpu_hours_allocated) AS hours, "
        f"f.power_kw_per_gpu, f.pue, f.gpu_count, f.useful_life_months, {embodied} AS embodied, {site} AS site "
        f"FROM gpu_usage AS u LEFT JOIN gpu_fleet AS f ON f.cluster = u.cluster WHERE {where} GROUP BY ALL",
    )
    if not rows:
        raise Refused(f"No GPU usage is loaded from {since} to {until - timedelta(days=1)}; the newest is of {newest}.")
    factors: list[Factor] = []
    grids: list[Factor] = []
    if house.catalog.has("grid_intensity"):
        books.needs("grid_intensity")
        litres = _optional(books, "grid_intensity", "g", "water_l_per_kwh")
        found = books.rows(
            "SELECT g.grid_region, g.valid_from, g.kgco2e_per_kwh, COALESCE(g.method, 'location'), g.source, "
            f"{litres} AS water FROM grid_intensity AS g",
        )
        factors = [Factor(*row[:5]) for row in found]
        grids = [replace(f, kg_per_kwh=_decimal(row[5])) for f, row in zip(factors, found, strict=True) if row[5]]
    days = [_energy(row, grids) for row in rows if row[2]]
    result, notes = carbon.by_cluster_and_month(days, factors)
    strangers = sorted({name for _, name, grid, *_ in rows if not grid})
    early = sorted({name for day, name, grid, service, *_ in rows if grid and day < service})
    notes += [f"{name} has usage but is not in gpu_fleet, so its energy is unknown and left out." for name in strangers]
    notes += [f"{name} has usage before its in_service_date; one of the two is wrong." for name in early]
    return result, notes


def _energy(row: Sequence[Any], grids: Sequence[Factor]) -> Energy:
    """One cluster's day. grids: water factors of the grids, litres per kWh in place of kg."""
    day, name, grid, _, hours, kilowatts, pue, gpus, life, embodied, site = row
    it_kwh = Decimal(hours) * Decimal(kilowatts)
    known = [carbon.valid(grids, grid, method, day) for method in (carbon.LOCATION, carbon.MARKET)]
    litres = next((factor.kg_per_kwh for factor in known if factor), None)
    making = None
    if embodied is not None:
        making = Decimal(hours) * carbon.embodied_per_hour(_decimal(embodied), int(gpus), int(life))
    water = carbon.water(it_kwh, Decimal(pue), None if site is None else _decimal(site), litres)
    return Energy(day, name, grid, Decimal(hours), it_kwh * Decimal(pue), making, water)


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value))


def _optional(books: Books, table: str, alias: str, column: str) -> str:
    """SQL for a column that companies may add to a table, NULL where they have not."""
    names = {c.name for c in books.access.tables[table].columns} if table in books.access.tables else set()
    return f"TRY_CAST({alias}.{column} AS DOUBLE)" if column in names else "NULL"


def _cluster(books: Books, said: str) -> str:
    known = [str(c) for (c,) in books.rows("SELECT DISTINCT cluster FROM gpu_fleet ORDER BY cluster")]
    same = [name for name in known if name.casefold() == said.casefold()]
    if not same:
        raise Clarify(f"“{said}” is not a cluster of the fleet.", tuple(known))
    return same[0]


def answer(plan: QueryPlan, books: Books) -> Report:
    """The plan's period, of one cluster when it names one."""
    if set(plan.dimensions) - {"cluster"} or plan.grain not in (None, Grain.MONTH):
        raise Clarify("The carbon report is by cluster and month. For other groups ask for “carbon by …”.")
    named = plan.filters[0] if plan.filters else None
    if named and (len(plan.filters) > 1 or named.dimension != "cluster" or named.op != "in" or len(named.values) != 1):
        raise Clarify("The carbon report takes one cluster, or all. Which one is meant?")
    assert plan.period is not None
    return report(books, plan.period.start, plan.period.end, named.values[0] if named else None)


def report(books: Books, start: date | None, end: date | None, cluster: str | None = None) -> Report:
    """Energy and carbon of own GPUs by cluster and month; location- and market-based apart, with their sources."""
    if start and end and end <= start:
        raise Refused("--to lies before --from; give the earlier month first.")
    found, notes = carbon_of(books, start, end, cluster)
    columns = (
        time(), dimension("cluster"), dimension("grid_region"), metric("gpu_hours_allocated", "GPU-hours"),
        metric("energy", "kWh"), metric("carbon_location", "kgCO2e"), metric("carbon_market", "kgCO2e"),
        metric("carbon_embodied", "kgCO2e"), metric("water", "litres"),
        dimension("location_source"), dimension("market_source"),
    )  # fmt: skip
    rows = tuple(
        (m.month, m.cluster, m.grid_region, m.gpu_hours, m.kwh, m.location.kg, m.market.kg, m.embodied, m.water,
         m.location.source, m.market.source)
        for m in found
    )  # fmt: skip
    sources = {
        f"{method}-based, {factor.grid_region}: {factor.kg_per_kwh.normalize():f} kgCO2e/kWh from {factor.valid_from}, "
        f"{factor.source or 'no source given'}"
        for m in found
        for method, one in (("Location", m.location), ("Market", m.market))
        for factor in one.factors
    }
    method = "Energy = allocated GPU-hours × rated kW × PUE. The two methods are alternatives; never add them."
    wide = {"location_source", "market_source", "grid_region"}
    wide |= {"carbon_embodied"} if all(m.embodied is None for m in found) else set()
    wide |= {"water"} if all(m.water is None for m in found) else set()
    return Report(columns, rows, (_told(found), method), (*notes, *sorted(sources)), frozenset(wide))


def _told(found: Sequence[ClusterMonth]) -> str:
    energy = quantity(round(sum((m.kwh for m in found), Decimal(0))))
    parts = []
    for method, kgs in (("location", [m.location.kg for m in found]), ("market", [m.market.kg for m in found])):
        total = carbon.total(kgs)
        parts.append(f"{'an unknown amount of' if total is None else quantity(round(total))} kgCO2e {method}-based")
    first, last = found[0].month, found[-1].month
    months = f"{first:%b %Y}" if first == last else f"{first:%b %Y} – {last:%b %Y}"
    return f"Own GPUs took {energy} kWh in {months}: {parts[0]}, or {parts[1]}."


def answer_sci(plan: QueryPlan, books: Books) -> Report:
    """Carbon per unit of work that the plan's period brought; `given` names the unit."""
    unit = dict(plan.given).get("unit")
    if unit is None:
        kept = sorted({str(row["metric"]) for row in books.house.catalog.small.get("business_metrics", ())})
        raise Clarify("Carbon per one what? Name a unit of work.", tuple(kept))
    named = plan.filters[0] if plan.filters else None
    if named and (len(plan.filters) > 1 or named.dimension != "cluster" or len(named.values) != 1):
        raise Clarify("Carbon per unit of work is of one cluster, or of all. Which one is meant?")
    assert plan.period is not None
    return sci_report(books, unit, plan.period.start, plan.period.end, named.values[0] if named else None)


def sci_report(books: Books, unit: str, start: date | None, end: date | None, cluster: str | None = None) -> Report:
    """SCI by month: (location-based + embodied kgCO2e) ÷ volume of a business metric, over months that have both."""
    name = metric_named(books.needs("business_metrics"), unit)
    found, notes = carbon_of(books, start, end, cluster)
    volumes = dict(
        books.rows(f"SELECT month, SUM(volume) FROM business_metrics WHERE metric = {text(name)} GROUP BY month")
    )
    rows = []
    for month in sorted({m.month for m in found}):
        inside = [m for m in found if m.month == month]
        kg, making = carbon.total([m.location.kg for m in inside]), carbon.total([m.embodied for m in inside])
        volume = volumes.get(month)
        if kg is None or not volume:
            notes.append(f"{month:%b %Y} has {'no volume' if kg is not None else 'no carbon'} and is left out.")
            continue
        rows.append((month, kg, making, Decimal(volume), 1000 * carbon.sci(kg, making, Decimal(volume))))
    if not rows:
        raise Refused(f"No month of that period has both carbon and a volume of {name}.")
    columns = (
        time(), metric("carbon_location", "kgCO2e"), metric("carbon_embodied", "kgCO2e"), metric("volume", "count"),
        metric("sci", "gCO2e per unit"),
    )  # fmt: skip
    if all(row[2] is None for row in rows):
        notes.append("Embodied carbon is not in: gpu_fleet has no embodied_kgco2e.")
    notes.append("Own GPUs, all of what ran on them; location-based, as the SCI specification asks (GSF v1.1).")
    last = rows[-1]
    told = f"{quantity(round(last[4], 2))} gCO2e for each of {name} in {last[0]:%b %Y}."
    return Report(columns, tuple(rows), (told,), tuple(notes), extra={"metric": name})
