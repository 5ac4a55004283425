"""`askcost estimate`: a design from options or a file, priced and compared. Exit code 1 means over a limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from assistant.analysis import estimates, pricing
from assistant.config import Config
from assistant.errors import Refused
from assistant.finops.estimate import Design
from assistant.ledger.drawer import Drawer
from assistant.surfaces.cli.reports import books, show

OVER_LIMIT = 1


@dataclass(frozen=True)
class Asked:
    """A design to price and what is done with it. compared: with the design `before`, None where it is new."""

    design: Design
    day: date
    budget: str | None = None
    user: str | None = None
    shape: str = "table"
    save: str | None = None
    before: Design | None = None
    compared: bool = False


def estimate(config: Config, asked: Asked) -> int:
    """Prices a design. Exit code 1 when its first choice is over the limit or the budget."""
    design, day, budget, user = asked.design, asked.day, asked.budget, asked.user
    warehouse = books(config, user) if config.warehouse.exists() else None
    if warehouse is None and (budget or design.gpu_tokens_per_second is not None):
        raise Refused(f"There is no warehouse at {config.warehouse}, so no budget and no fleet to compare with.")
    used = pricing.models_used(warehouse) if warehouse else []
    held = pricing.budget_of(warehouse, budget, day) if warehouse and budget else None
    quote = pricing.quote(design, day, config.schemas, used)
    first = quote.choices[0]
    over_budget = held is not None and first.first.expected > held[1]
    fleet: list[pricing.OwnGpus] = []
    if warehouse and design.gpu_tokens_per_second is not None:
        fleet = pricing.own_gpus(warehouse, first, design.gpu_tokens_per_second)
    report = pricing.report(quote, held, over_budget, fleet)
    if asked.compared:
        before = pricing.quote(asked.before, day, config.schemas) if asked.before else None
        report = estimates.with_change(report, quote, before)
    if asked.save:
        paper = estimates.save(Drawer(config.ledger_path), asked.save, quote, user)
        report = replace(report, notes=(*report.notes, f"Kept as “{paper.name}”, version {paper.version}."))
    show(report, asked.shape)
    return OVER_LIMIT if quote.over_limit or over_budget else 0


def kept(config: Config, actual: str | None, since: date | None, user: str | None, shape: str) -> int:
    """Lists the kept estimates, or compares one with what came of it."""
    drawer = Drawer(config.ledger_path)
    if actual is None:
        show(estimates.listed(drawer), shape)
    else:
        show(estimates.actual(books(config, user), drawer, actual, since), shape)
    return 0


def price_asked(values: Mapping[str, Any]) -> Design:
    """A design of one workload from the command line's values. Raises Refused naming the wrong ones."""
    design = {k: values[k] for k in _DESIGN if values.get(k) is not None}
    workload = {k: v for k, v in values.items() if k not in design and v is not None and k in _WORKLOAD}
    return pricing.design_of({**design, "workloads": [workload]})


_DESIGN = ("models", "growth", "months", "limit_usd_per_month", "gpu_tokens_per_second", "application")
_WORKLOAD = ("requests_per_day", "input_tokens", "output_tokens", "cached", "cache_write", "batch", "retries")


def part(text: str) -> Decimal:
    """`60%` and `0.6` are the same part of one. Raises ValueError for anything else, 60 included."""
    try:
        number = Decimal(text.rstrip("% ")) / (100 if text.rstrip().endswith("%") else 1)
    except InvalidOperation:
        raise ValueError(f"{text} is no number; write 60% or 0.6.") from None
    if not 0 <= number <= 1:
        raise ValueError(f"{text} is not a part of one; write 60% or 0.6.")
    return number
