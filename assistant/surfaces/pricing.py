"""Prices of the catalogue and token usage for estimates, repricing, waste and allowances. Draws nothing.

Formulas stand in assistant/finops/; what they assume stands in schemas/finops.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from dateutil.relativedelta import relativedelta
from pydantic import ValidationError
from rapidfuzz import process

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import Clarify, LoadError, Refused, SchemaError
from assistant.finops import allowances, estimate, tokens
from assistant.finops.allowances import Allowance, Status
from assistant.finops.estimate import Design, Estimate, ModelRates, Rates, Spread
from assistant.finops.gpus import BreakEven, break_even
from assistant.finops.tokens import Finding, Habit, Limits, Repriced, Usage
from assistant.surfaces.economics import dimension, loaded, needs, newest_whole_month, query, text
from assistant.values import Period, QueryPlan
from assistant.warehouse import prices

USAGE = "token_usage"


@cache
def assumptions(schemas: Path) -> dict[str, Any]:
    """schemas/finops.yaml, with decimal numbers."""
    path = schemas / "finops.yaml"
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {"estimate": read["estimate"], "waste": read["waste"]}
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise SchemaError(path.name, 1, f"can't be read: {error}.") from None


# --- the catalogue ---------------------------------------------------------------------------------------------------


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


# --- pricing before deployment ---------------------------------------------------------------------------------------


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
    energy, carbon = _footprint(choices[0], about)
    notes = [
        f"Prices of {day}, in USD, {days} days a month; an estimate.",
        f"Band: requests and output ±{spread.requests:.0%}, cached share ∓{spread.cached * 100:.0f} points.",
    ]
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


def _footprint(
    choice: Estimate, about: Mapping[str, Any]
) -> tuple[tuple[Decimal, Decimal] | None, tuple[Decimal, Decimal] | None]:
    """kWh and kgCO2e a month, low and high; None for a model without a published estimate."""
    listed = about["energy_kwh_per_1k_output_tokens"].get(choice.model)
    if listed is None:
        return None, None
    factor = Decimal(str(about["grid"]["kgco2e_per_kwh"]))
    low, high = (Decimal(str(kwh)) * choice.output_tokens_per_month / 1000 for kwh in listed)
    return (low, high), (low * factor, high * factor)


def budget_of(assistant: Assistant, said: str, month: date, user: str | None) -> tuple[str, Decimal]:
    """(whose, USD) of a budget named `total` or `team=Payments`. Raises Refused when there is none for the month."""
    needs(assistant, user, "budgets")
    name, _, value = said.partition("=")
    rows = query(
        assistant, f"SELECT dimension, value, amount_usd FROM budgets WHERE month = DATE '{month.replace(day=1)}'", user
    )
    for key, subject, amount in rows:
        same = str(key).replace(" ", "_").casefold() == name.strip().replace(" ", "_").casefold()
        if same and (not value or str(subject).casefold() == value.strip().casefold()):
            return f"{key} {subject}".strip() if value else str(key), Decimal(amount)
    raise Refused(f"There is no budget for {said} in {month:%b %Y}. Write for example total or team=Payments.")


def models_used(assistant: Assistant, user: str | None) -> list[str]:
    """The models of the newest month of token usage, the dearest first; nothing where none is loaded or open."""
    access = assistant.access(user)
    if USAGE not in access.tables:
        return []
    last = assistant.warehouse.catalog.days[USAGE].last.replace(day=1)
    rows = query(
        assistant,
        f"SELECT model, SUM(cost_usd) AS cost FROM {USAGE} WHERE usage_date >= DATE '{last}' GROUP BY model "
        "ORDER BY cost DESC NULLS LAST",
        user,
    )
    return [str(model) for model, _ in rows]


@dataclass(frozen=True)
class OwnGpus:
    """One cluster of the fleet against the API: its cost of a month in USD, and where both cost the same."""

    cluster: str
    month: date
    usd_per_month: Decimal
    break_even: BreakEven


def own_gpus(assistant: Assistant, choice: Estimate, speed: Decimal, user: str | None) -> list[OwnGpus]:
    """The fleet's clusters against a choice's blended API price. speed: tokens a second of one GPU. Raises Refused."""
    house = needs(assistant, user, "gpu_fleet", "gpu_usage")
    if not choice.tokens_per_month or not choice.first.expected:
        return []
    per_million = choice.first.expected / choice.tokens_per_month * 1_000_000
    month = newest_whole_month(house, "gpu_usage")
    period = Period(start=month, end=month + relativedelta(months=1))
    plan = QueryPlan(dataset="gpu_hours", metrics=("gpu_cost",), dimensions=("cluster",), period=period)
    costs = assistant._run(plan, house, assistant.access(user))[1].rows
    counts = dict(query(assistant, "SELECT cluster, gpu_count FROM gpu_fleet", user))
    return [
        OwnGpus(name, month, Decimal(usd), break_even(Decimal(usd), int(counts[name]), speed, per_million))
        for name, usd in sorted(costs)
        if usd
    ]


# --- what if, and waste ----------------------------------------------------------------------------------------------


def month_of(assistant: Assistant, month: date | None, user: str | None) -> tuple[date, date, list[str]]:
    """[start, end) of a month of token usage, by default the newest whole one. Raises Refused when not loaded."""
    house = needs(assistant, user, USAGE)
    start = month or newest_whole_month(house, USAGE)
    end = start + relativedelta(months=1)
    note = loaded(house, USAGE, start, end)
    return start, end, [note] if note else []


def move(
    assistant: Assistant, source: str, target: str, month: date | None, where: Mapping[str, str], user: str | None
) -> tuple[date, Repriced, list[str]]:
    """One month's usage of a model repriced on another. where: dimension → value that narrows the usage."""
    start, end, notes = month_of(assistant, month, user)
    house = assistant.warehouse
    maker, goal = model_named(target)
    known = {v.value for v in house.catalog.values if v.table == USAGE and v.field == "model"}
    own = next((m for m in known if m.casefold() == source.casefold()), None)
    if own is None:
        near = [m for m in sorted(known) if source.casefold() in m.casefold()] or sorted(known)[:8]
        raise Clarify(f"No usage of “{source}” is loaded. Which model is meant?", tuple(near))
    tests = [f"model = {text(own)}", f"usage_date >= DATE '{start}'", f"usage_date < DATE '{end}'"]
    for name, value in where.items():
        key = dimension(house, name, "The filter", USAGE)
        tests.append(f"{house.model.dimension(USAGE, key).expression} = {text(value)}")
    rows = query(
        assistant,
        "SELECT provider, usage_date, COALESCE(batch, FALSE), requests, input_tokens, "
        "COALESCE(cached_input_tokens, 0), COALESCE(cache_write_tokens, 0), output_tokens, cost_usd "
        f"FROM {USAGE} WHERE {' AND '.join(tests)}",
        user,
    )
    if not rows:
        raise Refused(f"There is no usage of {own} in {start:%b %Y} under these filters.")
    usage = [_usage(provider, own, day, batch, numbers, paid) for provider, day, batch, *numbers, paid in rows]
    if goal == own:
        maker = usage[0].provider
    return start, tokens.reprice(usage, maker, goal, cache(spans)), notes


def _usage(provider: str, model: str, day: date, batch: bool, numbers: Sequence[Any], paid: Any) -> Usage:
    requests, read, cached, written, output = (_number(n) for n in numbers)
    cost = None if paid is None else Decimal(paid)
    return Usage(provider, model, day, batch, requests, read, cached, written, output, cost)


def _number(value: Any) -> Decimal:
    return Decimal(value or 0)


def waste(assistant: Assistant, month: date | None, user: str | None) -> tuple[date, list[Finding], list[str]]:
    """Habits of one month that cost more than they must, largest saving first."""
    start, end, notes = month_of(assistant, month, user)
    about = assumptions(assistant.config.schemas)
    limits = Limits(
        offline=frozenset(p.casefold() for p in about["waste"]["offline"]),
        **{k: Decimal(str(v)) for k, v in about["waste"].items() if k != "offline"},
    )
    late = f"usage_date >= DATE '{start + (end - start) / 2}'"
    rows = query(
        assistant,
        "SELECT provider, model, application, team, purpose, COALESCE(batch, FALSE), SUM(requests), "
        "SUM(input_tokens), SUM(COALESCE(cached_input_tokens, 0)), SUM(COALESCE(cache_write_tokens, 0)), "
        f"SUM(output_tokens), SUM(cost_usd), SUM(input_tokens) FILTER (WHERE {late}), "
        f"SUM(requests) FILTER (WHERE {late}) "
        f"FROM {USAGE} WHERE usage_date >= DATE '{start}' AND usage_date < DATE '{end}' GROUP BY ALL",
        user,
    )
    habits = []
    for provider, model, application, team, purpose, batch, *numbers, paid, late_input, late_requests in rows:
        one = _usage(provider, model, end - timedelta(days=1), batch, numbers, paid)
        later = (_number(late_input), _number(late_requests))
        earlier = (one.input - later[0], one.requests - later[1])
        habits.append(Habit(one, application, team, purpose, earlier, later))
    used = {habit.usage.model for habit in habits}
    makers = {model: _maker(model) for model in {*about["estimate"]["models"], *used}}
    smaller = {
        model: [other for other in makers if other != model and makers[other] == makers[model] is not None]
        for model in used
    }
    return start, tokens.waste(habits, limits, cache(spans), smaller), notes


def _maker(model: str) -> str | None:
    try:
        return model_named(model)[0]
    except Clarify:
        return None


# --- allowances ------------------------------------------------------------------------------------------------------


def allowances_of(assistant: Assistant, month: date | None, user: str | None) -> list[Status]:
    """The state of every allowance of a month, the most used first.

    A person's allowance is shown to that person and to administrators; everyone sees the teams'. Raises Refused.
    """
    house = needs(assistant, user, "token_allowances", USAGE)
    newest = house.catalog.days[USAGE].last
    start = month or newest.replace(day=1)
    end = start + relativedelta(months=1)
    loaded(house, USAGE, start, end)
    until = min(newest, end - timedelta(days=1))
    rows = query(
        assistant,
        "SELECT subject_type, subject, tokens, usd, COALESCE(hard, FALSE) FROM token_allowances "
        f"WHERE month = DATE '{start}'",
        user,
    )
    if not rows:
        raise Refused(f"No allowance is loaded for {start:%b %Y}.")
    role = assistant.access(user).role
    result = []
    used = {
        kind: _daily(assistant, column, start, end, user) for kind, column in (("team", "team"), ("user", "user_id"))
    }
    for kind, subject, count, usd, hard in rows:
        if kind == "user" and user is not None and role != "admin" and subject != user:
            continue
        unit = "tokens" if count is not None else "USD"
        allowance = Allowance(start, kind, subject, _number(count if count is not None else usd), unit, hard)
        daily = {day: amounts[unit] for day, amounts in used[kind].get(subject, {}).items()}
        result.append(allowances.status(allowance, daily, until))
    return sorted(result, key=lambda s: (-(s.used_percent or 0), s.allowance.subject_type, s.allowance.subject))


def _daily(
    assistant: Assistant, column: str, start: date, end: date, user: str | None
) -> dict[str, dict[date, dict[str, Decimal]]]:
    rows = query(
        assistant,
        f"SELECT {column} AS subject, usage_date, SUM(input_tokens + output_tokens) AS tokens, SUM(cost_usd) AS usd "
        f"FROM {USAGE} WHERE usage_date >= DATE '{start}' AND usage_date < DATE '{end}' AND {column} IN "
        f"(SELECT subject FROM token_allowances WHERE month = DATE '{start}') GROUP BY ALL",
        user,
    )
    found: dict[str, dict[date, dict[str, Decimal]]] = {}
    for subject, day, count, usd in rows:
        found.setdefault(subject, {})[day] = {"tokens": _number(count), "USD": _number(usd)}
    return found
