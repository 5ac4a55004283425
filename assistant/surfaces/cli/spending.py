"""`askcost spend`: what the assistant itself spent on models, what is left, grants, and its spend as rows to load."""

from __future__ import annotations

import csv
import getpass
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import click

from assistant.config import Config
from assistant.errors import AssistantError
from assistant.ledger import budget
from assistant.ledger.budget import Budget, Left, Subject, amount
from assistant.ledger.spend import Group, Spend, Who
from assistant.telling.table import plain


def report(config: Config, group: str, since: date | None, user: str | None, team: str | None, as_json: bool) -> int:
    """Totals by user, team, model, day, purpose or outcome, and the allowances of one user."""
    spend = Spend(config.ledger_path)
    since = since or datetime.now(UTC).date().replace(day=1)
    try:
        rows = spend.by(cast(Group, group), since.isoformat())
        left = Budget(spend, budget.limits(config), 0).left(Who("", user, team))
    except (sqlite3.Error, OSError) as error:
        raise AssistantError(f"The spend ledger {config.ledger_path} can't be read: {error}") from None
    if as_json:
        answer = {
            "since": since.isoformat(),
            "by": group,
            "rows": [{**row, "cost_usd": float(row["cost_usd"])} for row in rows],
            "allowances": [_left(one) for one in left],
        }
        click.echo(json.dumps(answer, ensure_ascii=False))
        return 0
    click.echo(f"Spent on language models since {since.isoformat()}, by {group}:")
    if not rows:
        click.echo("  nothing")
    for row in rows:
        unknown = f" + {row['unpriced']} calls without a known price" if row["unpriced"] else ""
        name = row[group] or (budget.OPERATOR if group == "user" else f"no {group}")
        click.echo(
            plain(
                f"  {name}: {row['answers']:,} answers, {row['calls']:,} calls, {row['input']:,} tokens in "
                f"({row['cached_input']:,} cached), {row['output']:,} out, ${row['cost_usd']:.4f}{unknown}"
            )
        )
    for one in left:
        warning = "  ← nearly used up" if one.warns else ""
        pace = amount(one.pace(datetime.now(UTC)), one.unit)
        click.echo(
            plain(
                f"Left for {one.name} ({one.limit.subject}, {one.limit.window}): {amount(one.left, one.unit)} of "
                f"{amount(one.allowed, one.unit)}, at a pace of {pace}, resets {one.resets}{warning}"
            )
        )
    return 0


def _left(one: Left) -> dict[str, Any]:
    return {
        "subject": one.limit.subject,
        "name": one.name,
        "window": one.limit.window,
        "unit": one.unit,
        "allowed": float(one.allowed),
        "used": float(one.used),
        "left": float(one.left),
        "pace": float(one.pace(datetime.now(UTC))),
        "resets": one.resets.isoformat(),
    }


def grant(config: Config, subject: str, name: str, tokens: int, usd: Decimal, reason: str) -> int:
    """More for a user, a team or the company (`name` all), until the window ends; kept with its reason."""
    ledger = Budget(Spend(config.ledger_path), budget.limits(config), 0)
    stored = "" if subject == "company" else name
    try:
        ledger.grant(cast(Subject, subject), stored, tokens, usd, reason, getpass.getuser())
    except (sqlite3.Error, OSError) as error:
        raise AssistantError(f"The spend ledger {config.ledger_path} can't be written: {error}") from None
    click.echo(f"Granted {tokens:,} tokens and ${usd:,.2f} more to {subject} {name}: {reason}")
    return 0


def export(config: Config, folder: Path, since: date | None = None) -> int:
    """The ledger from a day on as two files for `askcost load`: token usage, and FOCUS charges (of priced calls)."""
    spend = Spend(config.ledger_path)
    totals: dict[tuple[Any, ...], dict[str, Any]] = defaultdict(lambda: defaultdict(Decimal))
    try:
        for call in spend.calls("day >= ?", since.isoformat() if since else ""):
            key = (
                call["day"],
                call["provider"],
                call["model"],
                call["team"] or "",
                call["user"] or "",
                call["purpose"],
            )
            total = totals[key]
            total["requests"] += 1
            for name in ("input", "cached_input", "cache_write", "output", "reasoning"):
                total[name] += call[name]
            if call["cost_usd"] is None:
                total["unpriced"] += 1
            else:
                total["cost_usd"] += call["cost_usd"]
    except (sqlite3.Error, OSError) as error:
        raise AssistantError(f"The spend ledger {config.ledger_path} can't be read: {error}") from None
    folder.mkdir(parents=True, exist_ok=True)
    keyed = sorted(totals.items())
    _write(folder / "token_usage.csv", (_usage(key, total) for key, total in keyed))
    _write(folder / "cost_and_usage.csv", (_charge(key, total) for key, total in keyed if not total["unpriced"]))
    click.echo(
        f"Wrote {len(keyed)} rows to {folder}/token_usage.csv and cost_and_usage.csv; load them with askcost load."
    )
    return 0


def _usage(key: tuple[Any, ...], total: Mapping[str, Any]) -> dict[str, Any]:
    day, provider, model, team, user, purpose = key
    return {
        "usage_date": day,
        "provider": _host(provider),
        "model": model,
        "application": "askcost",
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


def _charge(key: tuple[Any, ...], total: Mapping[str, Any]) -> dict[str, Any]:
    """One FOCUS row for a day of one model, team, user and purpose."""
    day, provider, model, team, user, purpose = key
    start = date.fromisoformat(day)
    month = start.replace(day=1)
    amounts = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), total["cost_usd"])
    return {
        "BillingAccountId": "askcost",
        "BillingAccountName": "askcost",
        "BillingCurrency": "USD",
        "BillingPeriodStart": f"{month}T00:00:00Z",
        "BillingPeriodEnd": f"{(month + timedelta(days=32)).replace(day=1)}T00:00:00Z",
        "ChargePeriodStart": f"{start}T00:00:00Z",
        "ChargePeriodEnd": f"{start + timedelta(days=1)}T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{model} tokens, {purpose}",
        "ChargeFrequency": "Usage-Based",
        "ServiceProviderName": _host(provider),
        "InvoiceIssuerName": _host(provider),
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": model,
        "ConsumedQuantity": total["input"] + total["output"],
        "ConsumedUnit": "Tokens",
        **amounts,
        "Tags": json.dumps({"team": team, "user": user, "application": "askcost", "purpose": purpose}),
    }


def _host(url: str) -> str:
    return url.split("://")[-1].split("/")[0].split(":")[0]


def _write(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    listed = list(rows)
    with file.open("w", encoding="utf-8", newline="") as stream:
        if listed:
            writer = csv.DictWriter(stream, list(listed[0]))
            writer.writeheader()
            writer.writerows(listed)
