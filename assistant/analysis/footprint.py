"""Energy and carbon of a model API's inference: EcoLogits' ranges, offline. An estimate, and called one.

Source: domain.md §3. EcoLogits ignores input tokens and guesses the size of closed models; the grid is that of the
provider's data centres, embodied carbon of the servers included. What a company measured itself comes first.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from assistant.finops.estimate import Design, ModelRates

Range = tuple[Decimal, Decimal]


@dataclass(frozen=True)
class Footprint:
    """Low and high of a month: kWh with the data centre's overhead, kgCO2e with the embodied share."""

    kwh: Range
    kg: Range


def of_design(
    design: Design, rates: Mapping[str, ModelRates], about: Mapping[str, Any], days: Decimal
) -> Footprint | None:
    """The footprint of a design on its first model; None when one of its models has no estimate."""
    total = [Decimal(0)] * 4
    for one in design.workloads:
        rate = rates[one.model or design.models[0]]
        found = of_request(rate.provider, rate.model, one.output_tokens, about)
        if found is None:
            return None
        times = one.requests_per_day * (1 + one.retries) * days
        total = [sum_ + times * part for sum_, part in zip(total, (*found.kwh, *found.kg), strict=True)]
    return Footprint((total[0], total[1]), (total[2], total[3]))


def of_request(maker: str, model: str, output_tokens: Decimal, about: Mapping[str, Any]) -> Footprint | None:
    """One request with so many output tokens. about: `estimate` of schemas/finops.yaml."""
    measured = (about["energy_kwh_per_1k_output_tokens"] or {}).get(model)
    if measured is not None:
        factor = Decimal(str(about["grid"]["kgco2e_per_kwh"]))
        low, high = (Decimal(str(kwh)) * output_tokens / 1000 for kwh in measured)
        return Footprint((low, high), (low * factor, high * factor))
    provider = about["energy_providers"].get(maker)
    if provider is None:
        return None
    # Two thirds of a second to import, and only an estimate needs it.
    from ecologits.tracers.utils import llm_impacts

    logging.getLogger("ecologits").setLevel(logging.ERROR)  # its warnings are this module's docstring
    found = llm_impacts(provider, model, max(round(output_tokens), 1), math.inf)
    if found.errors or found.energy is None or found.gwp is None:
        return None
    return Footprint(_range(found.energy.value), _range(found.gwp.value))


def _range(value: Any) -> Range:
    return Decimal(str(getattr(value, "min", value))), Decimal(str(getattr(value, "max", value)))
