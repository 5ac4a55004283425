"""The company's token_allowances as limits on the assistant itself: this user's and this team's, this month.

An allowance is for all use of models, so what the loaded token_usage shows of the month counts too, without the
assistant's own rows, which the ledger knows better. Source: contract.md §4 (token_allowances), domain.md §1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

from dateutil.relativedelta import relativedelta

from assistant.ledger.budget import Limit
from assistant.ledger.spend import Who

APPLICATION = "askcost"  # what own rows of token_usage are called
# Trusted SQL over the warehouse, under nobody's row policy.
Query = Callable[[str], Sequence[tuple[Any, ...]]]


def of(who: Who, tables: Sequence[str], query: Query, today: date | None = None) -> tuple[Limit, ...]:
    """Limits of the running month; none when the warehouse has no allowances for this user or team."""
    if "token_allowances" not in tables:
        return ()
    month = (today or datetime.now(UTC).date()).replace(day=1)
    subjects: list[tuple[Literal["user", "team"], str, str | None]] = [
        ("user", "user_id", who.user),
        ("team", "team", who.team),
    ]
    found = []
    for kind, column, name in subjects:
        if name is None:
            continue
        rows = query(
            "SELECT tokens, usd, COALESCE(hard, FALSE) FROM token_allowances "
            f"WHERE month = DATE '{month}' AND subject_type = '{kind}' AND subject = {_text(name)}"
        )
        for tokens, usd, hard in rows:
            used = _elsewhere(column, name, month, query) if "token_usage" in tables else (0, Decimal(0))
            money = None if usd is None else Decimal(str(usd))
            found.append(Limit(kind, "month", tokens, money, bool(hard), *used))
    return tuple(found)


def _elsewhere(column: str, name: str, month: date, query: Query) -> tuple[int, Decimal]:
    following = month + relativedelta(months=1)
    rows = query(
        "SELECT COALESCE(SUM(input_tokens + output_tokens), 0), COALESCE(SUM(cost_usd), 0) FROM token_usage "
        f"WHERE usage_date >= DATE '{month}' AND usage_date < DATE '{following}' AND {column} = {_text(name)} "
        f"AND COALESCE(application, '') <> '{APPLICATION}'"
    )
    return int(rows[0][0]), Decimal(str(rows[0][1]))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
