"""Pricing before deployment: a design on models of the catalogue, a budget, own GPUs. Formulas: finops/estimate.

What estimates assume stands in schemas/finops.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from dateutil.relativedelta import relativedelta
from pydantic import ValidationError
from rapidfuzz import process

from assistant.analysis import footprint
from assistant.analysis.books import USAGE, Books
from assistant.analysis.report import Report, dimension, metric
from assistant.config import Config
from assistant.errors import Clarify, LoadError, Refused, SchemaError
from assistant.finops import estimate
from assistant.finops.estimate import Band, Design, Estimate, ModelRates, Rates, Spread
from assistant.finops.gpus import BreakEven, break_even
from assistant.telling.figures import money, quantity
from assistant.values import Period, QueryPlan
from assistant.warehouse import prices


def model_named(name: str) -> tuple[str, str]:
    """(maker, model) of a model's name as the catalogue has it. Raises Clarify with the names that are near."""
    from genai_prices.data_snapshot import get_snapshot  # half a second to import

    snapshot = get_snapshot()
    maker, _, bare = name.rpartition("/")
    try:
        provider, info = snapshot.find_provider_model(bare, None, maker or None, None)
        return provider.id, bare if info.id != bare else info.id
    except LookupError:
        pass
    known = {model.id: model.name or model.id for p in snapshot.providers for model in p.models if p.id in _makers()}
    wanted = name.casefold().split()
    containing = [i for i, shown in known.items() if all(w in f"{i} {shown}".casefold() for w in wanted)]
    near = sorted(containing, reverse=True)[:8] or [i for i, *_ in process.extract(name, list(known), limit=5)]
    raise Clarify(f"“{name}” is not one model of the price catalogue. Which one is meant?", tuple(near))


@cache
def _makers() -> frozenset[str]:
    """The makers of the models that designs are compared with."""
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    named = assumptions(Config().schemas)["estimate"]["models"]
    return frozenset(snapshot.find_provider_model(model, None, None, None)[0].id for model in named)


def spans(provider: str, model: str, day: date, batch: bool) -> tuple[Rates, ...]:
    """USD per token on a day, by request size; empty for a model that the catalogue lacks."""
    found = prices._rates(provider, model, day, batch)
    return tuple(Rates(above, upto, *four) for _, _, _, _, above, upto, *four, _ in found)


def model_rates(name: str, day: date) -> ModelRates:
    """Prices of a model as people name it. Raises Clarify."""
    maker, model = model_named(name)
    return ModelRates(model, maker, spans(maker, model, day, False), spans(maker, model, day, True))


@dataclass(frozen=True)
class Quote:
    """The design on each model that was asked for, cheaper ones, energy and carbon of the first, budget left."""

    design: Design
    day: date
    choices: tuple[Estimate, ...]
    alternatives: tuple[Estimate, ...]
    energy_kwh: tuple[Decimal, Decimal] | None
    carbon_kg: tuple[Decimal, Decimal] | None
    days_per_month: Decimal
    notes: tuple[str, ...]

    @property
    def over_limit(self) -> bool:
        return any(choice.over_limit for choice in self.choices[:1])


def read_design(file: Path) -> Design:
    """A design from YAML. Raises LoadError naming the file and what is wrong in it."""
    try:
        return design_of(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LoadError(f"can't be read: {error}", str(file)) from None
    except Refused as error:
        raise LoadError(str(error), str(file)) from None


def design_of(content: Any) -> Design:
    """A design from plain values. Raises Refused naming every value that is wrong."""
    try:
        return Design.model_validate(content)
    except ValidationError as error:
        faults = []
        for fault in error.errors():
            if fault["type"] == "too_short" and error.error_count() > 1:
                continue  # a list of faulty things counts as empty
            place = ".".join(str(p + 1) if isinstance(p, int) else str(p) for p in fault["loc"]) or "the design"
            given = fault["input"] if isinstance(fault["input"], str | int | float | Decimal) else None
            faults.append(f"{place}{f' is {given}' if given is not None else ''}: {_lower(fault['msg'])}")
        raise Refused(f"The design can't be priced: {'; '.join(faults)}.") from None


def _lower(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def quote(design: Design, day: date, schemas: Path, used: Sequence[str] = ()) -> Quote:
    """Prices a design at the prices of a day. used: models the company already has, compared too."""
    about = assumptions(schemas)["estimate"]
    days = Decimal(str(about["days_per_month"]))
    spread = Spread(**{name: Decimal(str(part)) for name, part in about["band"].items()})
    fixed = {one.model for one in design.workloads if one.model}
    wanted: list[str | None] = list(design.models) or [None]
    rates = {name: model_rates(name, day) for name in (*design.models, *sorted(fixed))}
    for name, one in rates.items():
        if not one.standard:
            raise Refused(f"The price catalogue has no token prices for {name} on {day}.")
    choices = tuple(estimate.price(design, rates, name, spread, days) for name in wanted)
    others = _alternatives(design, day, [*about["models"], *used], rates, spread, days)
    cheaper = [o for o in others if o.first.expected < min(c.first.expected for c in choices)]
    cheaper = sorted(cheaper, key=lambda o: -o.first.expected)[: int(about["alternatives"])]
    found = footprint.of_design(design, rates, about, days)
    energy, carbon = (found.kwh, found.kg) if found else (None, None)
    notes = [
        f"Prices of {day}, in USD, {days} days a month; an estimate.",
        f"Band: requests and output ±{spread.requests:.0%}, cached share ∓{spread.cached * 100:.0f} points.",
    ]
    if found:
        notes.append("Energy and carbon: EcoLogits, by output tokens, grid of the provider, embodied share included.")
    if cheaper:
        notes.append("The alternatives are compared by price alone, not by what they can do.")
    return Quote(design, day, choices, tuple(cheaper), energy, carbon, days, tuple(notes))


def _alternatives(
    design: Design, day: date, names: Sequence[str], taken: Mapping[str, ModelRates], spread: Spread, days: Decimal
) -> list[Estimate]:
    """The whole design on each other model that the catalogue prices for requests of this size."""
    plain = design.model_copy(
        update={"workloads": tuple(w.model_copy(update={"model": None}) for w in design.workloads)}
    )
    found = []
    seen = {one.model for one in taken.values()}
    for name in dict.fromkeys(names):
        try:
            one = model_rates(name, day)
            if one.model in seen or not one.standard:
                continue
            seen.add(one.model)
            found.append(estimate.price(plain, {name: one}, name, spread, days))
        except (Clarify, Refused):
            continue
    return found


def budget_of(books: Books, said: str, month: date) -> tuple[str, Decimal]:
    """(whose, USD) of a budget named `total` or `team=Payments`. Raises Refused when there is none for the month."""
    books.needs("budgets")
    name, _, value = said.partition("=")
    rows = books.rows(
        f"SELECT dimension, value, amount_usd FROM budgets WHERE month = DATE '{month.replace(day=1)}'",
    )
    for key, subject, amount in rows:
        same = str(key).replace(" ", "_").casefold() == name.strip().replace(" ", "_").casefold()
        if same and (not value or str(subject).casefold() == value.strip().casefold()):
            return f"{key} {subject}".strip() if value else str(key), Decimal(amount)
    raise Refused(f"There is no budget for {said} in {month:%b %Y}. Write for example total or team=Payments.")


def models_used(books: Books) -> list[str]:
    """The models of the newest month of token usage, the dearest first; nothing where none is loaded or open."""
    access = books.access
    if USAGE not in access.tables:
        return []
    last = books.house.catalog.days[USAGE].last.replace(day=1)
    rows = books.rows(
        f"SELECT model, SUM(cost_usd) AS cost FROM {USAGE} WHERE usage_date >= DATE '{last}' GROUP BY model "
        "ORDER BY cost DESC NULLS LAST",
    )
    return [str(model) for model, _ in rows]


@dataclass(frozen=True)
class OwnGpus:
    """One cluster of the fleet against the API: its cost of a month in USD, and where both cost the same."""

    cluster: str
    month: date
    usd_per_month: Decimal
    break_even: BreakEven


def own_gpus(books: Books, choice: Estimate, speed: Decimal) -> list[OwnGpus]:
    """The fleet's clusters against a choice's blended API price. speed: tokens a second of one GPU. Raises Refused."""
    books.needs("gpu_fleet", "gpu_usage")
    if not choice.tokens_per_month or not choice.first.expected:
        return []
    per_million = choice.first.expected / choice.tokens_per_month * 1_000_000
    month = books.newest_whole_month("gpu_usage")
    return [
        OwnGpus(name, month, usd, break_even(usd, gpus, speed, per_million))
        for name, gpus, _, usd in fleet_costs(books)
    ]


def fleet_costs(books: Books) -> list[tuple[str, int, str, Decimal]]:
    """(cluster, GPUs, GPU model, USD) of the newest whole month, for clusters in service. Raises Refused."""
    books.needs("gpu_fleet", "gpu_usage")
    month = books.newest_whole_month("gpu_usage")
    period = Period(start=month, end=month + relativedelta(months=1))
    plan = QueryPlan(dataset="gpu_hours", metrics=("gpu_cost",), dimensions=("cluster",), period=period)
    costs = {name: Decimal(str(usd)) for name, usd in books.plan(plan) if usd}
    fleet = sorted(books.rows("SELECT cluster, gpu_count, gpu_model FROM gpu_fleet"))
    return [(name, int(count), str(kind), costs[name]) for name, count, kind in fleet if name in costs]


@cache
def assumptions(schemas: Path) -> dict[str, Any]:
    """schemas/finops.yaml, with decimal numbers."""
    path = schemas / "finops.yaml"
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {name: read[name] for name in ("estimate", "waste", "gpus")}
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise SchemaError(path.name, 1, f"can't be read: {error}.") from None


def report(quote: Quote, held: tuple[str, Decimal] | None, over_budget: bool, fleet: Sequence[OwnGpus]) -> Report:
    first, design = quote.choices[0], quote.design
    bands = ("low", "expected", "high")
    columns = (
        *(dimension("model"), dimension("role"), metric("per_request", "USD per request")),
        *(metric(f"{of}_{n}", "USD") for of in ("month", "last_month", "total") for n in bands),
    )
    rows = tuple(
        (one.model, role, one.per_request, *_three(one.first), *_three(one.last), *_three(one.total))
        for role, several in (("asked", quote.choices), ("alternative", quote.alternatives))
        for one in several
    )
    sentences = [
        f"{design.name} on {first.model}: {money(first.first.expected, 'USD')} a month expected "
        f"({money(first.first.low, 'USD')} to {money(first.first.high, 'USD')}), "
        f"{quantity(first.requests_per_month)} requests."
    ]
    if design.growth:
        sentences.append(f"In month {design.months} with growth: {money(first.last.expected, 'USD')}.")
    if design.limit_usd_per_month is not None:
        verdict = "over" if quote.over_limit else "within"
        sentences.append(
            f"{money(first.peak.expected, 'USD')} in its dearest month is {verdict} the limit of "
            f"{money(design.limit_usd_per_month, 'USD')} a month."
        )
    if held:
        sentences.append(
            f"That is {quantity(round(100 * first.first.expected / held[1], 1)) if held[1] else '–'}% of the budget "
            f"of {held[0]}, {money(held[1], 'USD')} a month{': over it' if over_budget else ''}."
        )
    if quote.energy_kwh and quote.carbon_kg:
        kwh, kg = ([quantity(round(v, 1)) for v in pair] for pair in (quote.energy_kwh, quote.carbon_kg))
        sentences.append(f"An estimate of its energy: {kwh[0]} to {kwh[1]} kWh and {kg[0]} to {kg[1]} kgCO2e a month.")
    sentences += [_against(one, first.tokens_per_month) for one in fleet]
    wide = {f"total_{n}" for n in bands} | {"last_month_low", "last_month_high"}
    wide |= set() if design.growth else {"last_month_expected"}
    extra = {
        "design": design.model_dump(mode="python"), "prices_of": quote.day, "days_per_month": quote.days_per_month,
        "over_limit": quote.over_limit, "budget": {"of": held[0], "amount_usd": held[1]} if held else None,
        "over_budget": over_budget if held else None, "energy_kwh": quote.energy_kwh, "carbon_kgco2e": quote.carbon_kg,
        "own_gpus": [asdict(one) for one in fleet],
    }  # fmt: skip
    return Report(columns, rows, tuple(sentences), quote.notes, frozenset(wide), extra)


def _against(one: OwnGpus, needed: Decimal) -> str:
    """The fleet's cost does not shrink with its load, so what counts is whether the load fills it."""
    even, percent = one.break_even, quantity(round(100 * one.break_even.utilisation, 1))
    text = f"Own GPUs ({one.cluster}, {money(one.usd_per_month, 'USD')} in {one.month:%b %Y}) cost the same as the API "
    text += f"at {quantity(round(even.tokens_per_month / 10**6))} million tokens a month, {percent}% of what they serve"
    return f"{text}; this design has {quantity(round(needed / 10**6))} million."


def _three(band: Band) -> tuple[Decimal, Decimal, Decimal]:
    return band.low, band.expected, band.high
