"""Energy and carbon of own GPUs by cluster and month, both methods apart. Formulas: finops/carbon."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from assistant.analysis.books import Books, text
from assistant.analysis.report import Report, dimension, metric, time
from assistant.errors import Clarify, Refused
from assistant.finops import carbon
from assistant.finops.carbon import ClusterMonth, Energy, Factor


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
    rows = books.rows(
        "SELECT u.usage_date, u.cluster, f.grid_region, f.in_service_date, SUM(u.gpu_hours_allocated) AS hours, "
        "f.power_kw_per_gpu, f.pue "
        f"FROM gpu_usage AS u LEFT JOIN gpu_fleet AS f ON f.cluster = u.cluster WHERE {where} GROUP BY ALL",
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
        books.needs("grid_intensity")
        found = books.rows(
            "SELECT grid_region, valid_from, kgco2e_per_kwh, COALESCE(method, 'location'), source FROM grid_intensity",
        )
        factors = [Factor(*row) for row in found]
    result, notes = carbon.by_cluster_and_month(days, factors)
    strangers = sorted({name for _, name, grid, *_ in rows if not grid})
    early = sorted({name for day, name, grid, service, *_ in rows if grid and day < service})
    notes += [f"{name} has usage but is not in gpu_fleet, so its energy is unknown and left out." for name in strangers]
    notes += [f"{name} has usage before its in_service_date; one of the two is wrong." for name in early]
    return result, notes


def _cluster(books: Books, said: str) -> str:
    known = [str(c) for (c,) in books.rows("SELECT DISTINCT cluster FROM gpu_fleet ORDER BY cluster")]
    same = [name for name in known if name.casefold() == said.casefold()]
    if not same:
        raise Clarify(f"“{said}” is not a cluster of the fleet.", tuple(known))
    return same[0]


def report(books: Books, start: date | None, end: date | None, cluster: str | None = None) -> Report:
    """Energy and carbon of own GPUs by cluster and month; location- and market-based apart, with their sources."""
    if start and end and end <= start:
        raise Refused("--to lies before --from; give the earlier month first.")
    found, notes = carbon_of(books, start, end, cluster)
    columns = (
        time(), dimension("cluster"), dimension("grid_region"), metric("gpu_hours_allocated", "GPU-hours"),
        metric("energy", "kWh"), metric("carbon_location", "kgCO2e"), metric("carbon_market", "kgCO2e"),
        dimension("location_source"), dimension("market_source"),
    )  # fmt: skip
    rows = tuple(
        (m.month, m.cluster, m.grid_region, m.gpu_hours, m.kwh, m.location.kg, m.market.kg, m.location.source,
         m.market.source)
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
    wide = frozenset({"location_source", "market_source", "grid_region"})
    return Report(columns, rows, (method,), (*notes, *sorted(sources)), wide)
