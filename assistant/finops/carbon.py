"""Energy and carbon of own GPUs by cluster and month, location-based and market-based apart. Pure.

Source: contract.md §3 "AI measures" and domain.md §3 (GHG Protocol Scope 2). energy kWh = allocated GPU-hours × rated
kW × PUE; carbon kgCO2e = kWh × the factor (kgCO2e per kWh) valid on the day. The two methods are never added or mixed,
and a day without a factor makes the month's carbon unknown, not smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from assistant.errors import Refused

LOCATION, MARKET = "location", "market"
HOURS_PER_MONTH = Decimal(730)


@dataclass(frozen=True)
class Factor:
    """Grid intensity in kgCO2e per kWh, valid from a day on."""

    grid_region: str
    valid_from: date
    kg_per_kwh: Decimal
    method: str
    source: str | None


@dataclass(frozen=True)
class Energy:
    """One cluster's day: allocated GPU-hours and kWh; embodied kgCO2e and litres of water where they are known."""

    day: date
    cluster: str
    grid_region: str
    gpu_hours: Decimal
    kwh: Decimal
    embodied: Decimal | None = None
    water: Decimal | None = None


@dataclass(frozen=True)
class Carbon:
    """kgCO2e by one method, with the factors behind it in order of validity; kg None when a day has none."""

    kg: Decimal | None
    factors: tuple[Factor, ...]

    @property
    def source(self) -> str | None:
        """`Statnett 2026 (from 2026-01-01)`, several joined by ` · `."""
        named = [f"{f.source or 'no source given'} (from {f.valid_from})" for f in self.factors]
        return " · ".join(named) or None


@dataclass(frozen=True)
class ClusterMonth:
    """embodied: kgCO2e of making the hardware, by the hours used of its life; water: litres. None where unknown."""

    month: date
    cluster: str
    grid_region: str
    gpu_hours: Decimal
    kwh: Decimal
    location: Carbon
    market: Carbon
    embodied: Decimal | None = None
    water: Decimal | None = None


def embodied_per_hour(kg: Decimal, gpus: int, life_months: int) -> Decimal:
    """kgCO2e of a GPU-hour: the embodied kg of a cluster over the GPU-hours of its declared life (domain.md §3, SCI M).

    Raises Refused for a life or number of GPUs that can't be.
    """
    if life_months < 1 or gpus < 1 or kg < 0:
        raise Refused("Embodied carbon needs a life of one month at least, one GPU at least, and kg not below 0.")
    return kg / (Decimal(gpus) * HOURS_PER_MONTH * life_months)


def water(it_kwh: Decimal, pue: Decimal, site: Decimal | None, grid: Decimal | None) -> Decimal | None:
    """Litres: IT kWh × (WUE of the site + PUE × WUE of the grid); None without any factor (domain.md §3)."""
    if site is None and grid is None:
        return None
    return it_kwh * ((site or Decimal(0)) + pue * (grid or Decimal(0)))


def sci(operational_kg: Decimal, embodied_kg: Decimal | None, units: Decimal) -> Decimal:
    """Software Carbon Intensity (O + M) ÷ R in kgCO2e per unit; O location-based. Raises Refused without a unit."""
    if units <= 0:
        raise Refused("There is no unit of work to relate the carbon to.")
    return (operational_kg + (embodied_kg or Decimal(0))) / units


def by_cluster_and_month(days: Sequence[Energy], factors: Sequence[Factor]) -> tuple[list[ClusterMonth], list[str]]:
    """One row for each cluster and month, and notes on missing factors. Raises Refused for contradictory factors."""
    check(factors)
    groups: dict[tuple[date, str], list[Energy]] = {}
    for one in days:
        groups.setdefault((one.day.replace(day=1), one.cluster), []).append(one)
    rows = [
        ClusterMonth(
            month,
            cluster,
            group[0].grid_region,
            sum((e.gpu_hours for e in group), Decimal(0)),
            sum((e.kwh for e in group), Decimal(0)),
            _carbon(group, factors, LOCATION),
            _carbon(group, factors, MARKET),
            total([e.embodied for e in group]),
            total([e.water for e in group]),
        )
        for (month, cluster), group in sorted(groups.items())
    ]
    return rows, list(dict.fromkeys(_missing(rows)))


def total(values: Sequence[Decimal | None]) -> Decimal | None:
    """Unknown when a part of it is."""
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None


def check(factors: Sequence[Factor]) -> None:
    """Raises Refused when one grid, method and day has two factors: which one holds would be a guess."""
    seen: dict[tuple[str, str, date], Factor] = {}
    for factor in factors:
        other = seen.setdefault((factor.grid_region, factor.method, factor.valid_from), factor)
        if other.kg_per_kwh != factor.kg_per_kwh:
            both = f"{other.kg_per_kwh.normalize():f} and {factor.kg_per_kwh.normalize():f} kgCO2e per kWh"
            raise Refused(
                f"grid_intensity has two {factor.method}-based factors for {factor.grid_region} "
                f"from {factor.valid_from}: {both}. Load one of them with --replace."
            )


def valid(factors: Sequence[Factor], grid_region: str, method: str, day: date) -> Factor | None:
    """The newest factor of a grid and method that is valid on the day."""
    fitting = (f for f in factors if f.grid_region == grid_region and f.method == method and f.valid_from <= day)
    return max(fitting, key=lambda f: f.valid_from, default=None)


def _carbon(days: Sequence[Energy], factors: Sequence[Factor], method: str) -> Carbon:
    used: dict[Factor, None] = {}
    kg: Decimal | None = Decimal(0)
    for one in sorted(days, key=lambda e: e.day):
        factor = valid(factors, one.grid_region, method, one.day)
        if factor is None:
            kg = None
            continue
        used[factor] = None
        kg = None if kg is None else kg + one.kwh * factor.kg_per_kwh
    return Carbon(kg, tuple(used))


def _missing(rows: Sequence[ClusterMonth]) -> Iterable[str]:
    for row in rows:
        for method, carbon in ((LOCATION, row.location), (MARKET, row.market)):
            if carbon.kg is None:
                yield f"No {method}-based factor of {row.grid_region} covers all of {row.month:%b %Y}: carbon unknown."
