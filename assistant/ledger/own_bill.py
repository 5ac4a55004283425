"""The ledger as rows that a warehouse can load: FOCUS charges, token usage, answers as units of work. Pure.

A call without a known price is in the usage and not in the charges. Source: FOCUS 1.2 CostAndUsage; contract.md §4.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from assistant.ledger.allowances import APPLICATION

Row = dict[str, Any]
_COUNTED = ("input", "cached_input", "cache_write", "output", "reasoning")


@dataclass(frozen=True)
class Names:
    """How a company's bill spells it: the tag keys or columns of team and application.

    A word of our own there would give the company a second dimension of that name.
    """

    team_tag: str | None = "team"
    team_column: str | None = None
    application_tag: str | None = "application"
    application_column: str | None = None


def tables(
    calls: Sequence[Mapping[str, Any]],
    answers: Sequence[Mapping[str, Any]],
    names: Names,
    provider: Callable[[str], str],
) -> dict[str, list[Row]]:
    """table → its rows. calls: the ledger's; answers: month, answered, correct (None: nobody judged any)."""
    keyed = sorted(_totals(calls, provider).items())
    worked = [row for one in answers for row in _work(one)]
    mapped = sorted({row["metric"] for row in worked})
    return {
        "token_usage": [_usage(key, total) for key, total in keyed],
        "cost_and_usage": [_charge(key, total, names) for key, total in keyed if total["priced"]],
        "business_metrics": worked,
        "unit_cost_map": [
            {"metric": m, "product": APPLICATION, "dimension": "billing_account", "value": APPLICATION} for m in mapped
        ],
    }


def _totals(calls: Sequence[Mapping[str, Any]], provider: Callable[[str], str]) -> dict[tuple[str, ...], Row]:
    """(day, provider, model, team, user, purpose) → sums."""
    totals: dict[tuple[str, ...], Row] = defaultdict(lambda: defaultdict(Decimal))
    for call in calls:
        who = (call["team"] or "", call["user"] or "")
        total = totals[(call["day"], provider(call["provider"]), call["model"], *who, call["purpose"])]
        total["requests"] += 1
        for name in _COUNTED:
            total[name] += call[name]
        if call["cost_usd"] is None:
            total["unpriced"] += 1
        else:
            total["priced"] += 1
            total["cost_usd"] += call["cost_usd"]
    return totals


def _usage(key: tuple[str, ...], total: Row) -> Row:
    day, provider, model, team, user, purpose = key
    return {
        "usage_date": day,
        "provider": provider,
        "model": model,
        "application": APPLICATION,
        "team": team or "unassigned",
        "user_id": user,
        "purpose": purpose,
        "requests": total["requests"],
        "input_tokens": total["input"],
        "cached_input_tokens": total["cached_input"],
        "cache_write_tokens": total["cache_write"],
        "output_tokens": total["output"],
        "reasoning_tokens": total["reasoning"],
        "cost_usd": "" if total["unpriced"] else total["cost_usd"],
    }


def _charge(key: tuple[str, ...], total: Row, names: Names) -> Row:
    """One FOCUS row for a day of one model, team, user and purpose."""
    day, provider, model, team, user, purpose = key
    start = date.fromisoformat(day)
    month = start.replace(day=1)
    tags = {f"{APPLICATION}:user": user, f"{APPLICATION}:purpose": purpose}
    if names.team_tag:
        tags[names.team_tag] = team
    if names.application_tag:
        tags[names.application_tag] = APPLICATION
    columns = {names.team_column: team, names.application_column: APPLICATION}
    return {
        "BillingAccountId": APPLICATION,
        "BillingAccountName": APPLICATION,
        "BillingCurrency": "USD",
        "BillingPeriodStart": f"{month}T00:00:00Z",
        "BillingPeriodEnd": f"{(month + timedelta(days=32)).replace(day=1)}T00:00:00Z",
        "ChargePeriodStart": f"{start}T00:00:00Z",
        "ChargePeriodEnd": f"{start + timedelta(days=1)}T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{model} tokens, {purpose}",
        "ChargeFrequency": "Usage-Based",
        "ServiceProviderName": provider,
        "InvoiceIssuerName": provider,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": model,
        "ConsumedQuantity": total["input"] + total["output"],
        "ConsumedUnit": "Tokens",
        **dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), total["cost_usd"]),
        "Tags": json.dumps({key: value for key, value in tags.items() if value}),
        **{column: value for column, value in columns.items() if column},
    }


def _work(answers: Mapping[str, Any]) -> list[Row]:
    """Units of work of a month: answers given, and those of them that somebody called right."""
    units = {"answers": answers["answered"], "correct answers": answers["correct"]}
    return [
        {"month": answers["month"], "metric": metric, "product": APPLICATION, "volume": volume}
        for metric, volume in units.items()
        if volume
    ]
