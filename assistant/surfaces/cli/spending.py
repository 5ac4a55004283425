"""`askcost spend`: what the assistant itself spent on models and saved, what is left, and grants.

Own spend as rows of the warehouse is owning.py's.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import click

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import AssistantError, Refused
from assistant.ledger import budget, prices, store
from assistant.ledger.audit import Ledger
from assistant.ledger.budget import Budget, Left, Subject, amount
from assistant.ledger.prices import Usage
from assistant.ledger.spend import Group, Spend, Who
from assistant.planning import completion
from assistant.telling.table import plain

FREE = ("local", "cache")


def report(config: Config, group: str, since: date | None, user: str | None, team: str | None, as_json: bool) -> int:
    """Totals by user, team, model, day, purpose or outcome, savings, allowances. A user who is no admin sees their own.

    Raises Refused for a user who is not listed, LedgerError.
    """
    assistant = Assistant(config, surface="spend")
    everyone = _is_admin(assistant, user)
    who = Who("", user, team or (assistant.team(user) if user else None))
    since = since or datetime.now(UTC).date().replace(day=1)
    ledger = store.of(config)
    spend = Spend(ledger)
    allowances = Budget(spend, budget.limits(config), 0)
    rows = spend.by(cast(Group, group), since.isoformat(), None if everyone else user)
    left = allowances.left(who, _loaded_allowances(assistant, who))
    grants = [g for g in allowances.grants(since.isoformat()) if everyone or g["name"] in (user, who.team)]
    own = None if everyone else user
    saved = _saved(assistant, spend, Ledger(ledger).planners(since.isoformat(), own), since, own)
    assistant.close()
    if as_json:
        answer = {
            "since": since.isoformat(),
            "by": group,
            "rows": [{**row, "cost_usd": float(row["cost_usd"])} for row in rows],
            "saved": saved,
            "allowances": [_left(one) for one in left],
            "grants": grants,
        }
        click.echo(json.dumps(answer, ensure_ascii=False))
        return 0
    _draw_rows(rows, group, since)
    _draw_saved(saved)
    for one in left:
        _draw_left(one)
    for given in grants:
        more = f"{given['tokens']:,} tokens and ${Decimal(given['usd']):,.2f} more for {given['name']}"
        click.echo(plain(f"Granted on {given['day']} by {given['granted_by']}: {more}, {given['reason']}"))
    return 0


def _is_admin(assistant: Assistant, user: str | None) -> bool:
    """The local operator is one. Raises Refused for a user who is not listed."""
    return user is None or assistant.access(user).role == "admin"


def need_admin(config: Config, user: str | None) -> None:
    """Raises Refused for anybody but the local operator and administrators."""
    if user is None:
        return
    assistant = Assistant(config, surface="spend")
    admin = _is_admin(assistant, user)
    assistant.close()
    if not admin:
        raise Refused(f"Only administrators see everybody's spend and grant allowances; {user} is not one.")


def _loaded_allowances(assistant: Assistant, who: Who) -> tuple[budget.Limit, ...]:
    try:
        return assistant.allowances(who)
    except AssistantError:  # no warehouse yet: only what is configured
        return ()


def _draw_rows(rows: list[dict[str, Any]], group: str, since: date) -> None:
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


def _draw_left(one: Left) -> None:
    pace = amount(one.pace(datetime.now(UTC)), one.unit)
    kind = "stops" if one.limit.hard else "warns"
    click.echo(
        plain(
            f"Left for {one.name} ({one.limit.subject}, {one.limit.window}, {kind}): {amount(one.left, one.unit)} of "
            f"{amount(one.allowed, one.unit)}, at a pace of {pace}, resets {one.resets}"
        )
    )
    if one.warns:
        click.echo(plain(f"  ← nearly used up; {one.how_to_ask}"))


def _left(one: Left) -> dict[str, Any]:
    return {
        "subject": one.limit.subject,
        "name": one.name,
        "window": one.limit.window,
        "hard": one.limit.hard,
        "unit": one.unit,
        "allowed": float(one.allowed),
        "used": float(one.used),
        "left": float(one.left),
        "pace": float(one.pace(datetime.now(UTC))),
        "resets": one.resets.isoformat(),
        "more": one.how_to_ask,
    }


# --- what was not spent ----------------------------------------------------------------------------------------------


def _saved(
    assistant: Assistant, spend: Spend, planners: Mapping[str, int], since: date, user: str | None
) -> dict[str, Any] | None:
    """Prompt tokens not sent, against one prompt with every table for each question; None without a warehouse.

    What models were sent counts whole, failures and repairs too, so the saving is rather too small.
    """
    try:
        whole = completion.whole_schema_tokens(assistant.access(None))
    except AssistantError:
        return None
    free = sum(planners.get(planner, 0) for planner in FREE)
    calls = spend.calls("day >= :since AND purpose <> 'narration'", since=since.isoformat())
    answers = free + len(
        {call["answer_id"] for call in calls}
    )  # those asked back too: the whole schema would be sent for them
    sent = sum(call["input"] for call in calls)
    model = assistant.config.llm_model
    price = None
    if model:
        known = prices.Prices(assistant.config.schemas, assistant.config.llm_base_url)
        price = known.price(model, Usage(input=max(whole * answers - sent, 0)), datetime.now(UTC)).usd
    return {
        "answers": answers,
        "answers_without_a_model": free,
        "whole_schema_tokens": whole,
        "tokens_sent": sent,
        "tokens_saved": whole * answers - sent,
        "usd_saved": None if price is None else float(price),
    }


def _draw_saved(saved: dict[str, Any] | None) -> None:
    if not saved or not saved["answers"]:
        return
    money = f", ${saved['usd_saved']:,.4f}" if saved["usd_saved"] is not None else ""
    click.echo(
        f"Saved: {saved['answers_without_a_model']:,} of {saved['answers']:,} answers took no model; about "
        f"{saved['tokens_saved']:,} prompt tokens were not sent{money}, against the whole schema "
        f"({saved['whole_schema_tokens']:,} tokens, characters ÷ 4) with each question."
    )


# --- grants ----------------------------------------------------------------------------------------------------------


def grant(
    config: Config, subject: str, name: str, tokens: int, usd: Decimal, reason: str, user: str | None = None
) -> int:
    """More for a user or a team, until the window ends; kept with its reason. Raises Refused, LedgerError."""
    need_admin(config, user)
    assistant = Assistant(config, surface="spend")
    try:
        known = assistant.people()
    except AssistantError:  # no warehouse yet, so no list of users
        known = {}
    finally:
        assistant.close()
    names = {*known, budget.OPERATOR} if subject == "user" else {team for team in known.values() if team}
    if known and name not in names:
        raise Refused(f"There is no {subject} {name!r} in the list of users.")
    ledger = Budget(Spend(store.of(config)), budget.limits(config), 0)
    ledger.grant(cast(Subject, subject), name, tokens, usd, reason, user or getpass.getuser())
    click.echo(f"Granted {tokens:,} tokens and ${usd:,.2f} more to {subject} {name}: {reason}")
    return 0
