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
    """One cluster's day: allocated GPU-hours and kWh."""

    day: date
    cluster: str
    grid_region: str
    gpu_hours: Decimal
    kwh: Decimal


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
    month: date
    cluster: str
    grid_region: str
    gpu_hours: Decimal
    kwh: Decimal
    location: Carbon
    market: Carbon


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
        )
        for (month, cluster), group in sorted(groups.items())
    ]
    return rows, list(dict.fromkeys(_missing(rows)))


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
    total: Decimal | None = Decimal(0)
    for one in sorted(days, key=lambda e: e.day):
        factor = valid(factors, one.grid_region, method, one.day)
        if factor is None:
            total = None
            continue
        used[factor] = None
        total = None if total is None else total + one.kwh * factor.kg_per_kwh
    return Carbon(total, tuple(used))


def _missing(rows: Sequence[ClusterMonth]) -> Iterable[str]:
    for row in rows:
        for method, carbon in ((LOCATION, row.location), (MARKET, row.market)):
            if carbon.kg is None:
                yield f"No {method}-based factor of {row.grid_region} covers all of {row.month:%b %Y}: carbon unknown."
