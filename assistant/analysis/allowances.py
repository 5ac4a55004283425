"""Token allowances of a month: used, left, pace and the day they run out. Formulas: finops/allowances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from dateutil.relativedelta import relativedelta

from assistant.analysis.books import USAGE, Books
from assistant.analysis.report import Report, dimension, metric
from assistant.errors import Clarify, Refused
from assistant.finops import allowances
from assistant.finops.allowances import Allowance, Status
from assistant.telling.figures import money, quantity
from assistant.values import QueryPlan


def allowances_of(books: Books, month: date | None) -> list[Status]:
    """The state of every allowance of a month, the most used first.

    A person's allowance is shown to that person and to roles that see it; everyone sees the teams'. Raises Refused.
    """
    house = books.needs("token_allowances", USAGE)
    newest = house.catalog.days[USAGE].last
    start = month or newest.replace(day=1)
    end = start + relativedelta(months=1)
    books.partly_loaded(USAGE, start, end)
    until = min(newest, end - timedelta(days=1))
    rows = books.rows(
        "SELECT subject_type, subject, tokens, usd, COALESCE(hard, FALSE) FROM token_allowances "
        f"WHERE month = DATE '{start}'",
    )
    if not rows:
        raise Refused(f"No allowance is loaded for {start:%b %Y}.")
    result = []
    used = {kind: _daily(books, column, start, end) for kind, column in (("team", "team"), ("user", "user_id"))}
    for kind, subject, count, usd, hard in rows:
        if kind == "user" and books.access.masked and subject == books.people.others:
            continue
        unit = "tokens" if count is not None else "USD"
        allowance = Allowance(start, kind, subject, Decimal(count if count is not None else usd), unit, hard)
        daily = {day: amounts[unit] for day, amounts in used[kind].get(subject, {}).items()}
        result.append(allowances.status(allowance, daily, until))
    return sorted(result, key=lambda s: (-(s.used_percent or 0), s.allowance.subject_type, s.allowance.subject))


def _daily(books: Books, column: str, start: date, end: date) -> dict[str, dict[date, dict[str, Decimal]]]:
    rows = books.rows(
        f"SELECT {column} AS subject, usage_date, SUM(input_tokens + output_tokens) AS tokens, SUM(cost_usd) AS usd "
        f"FROM {USAGE} WHERE usage_date >= DATE '{start}' AND usage_date < DATE '{end}' AND {column} IN "
        f"(SELECT subject FROM token_allowances WHERE month = DATE '{start}') GROUP BY ALL",
    )
    found: dict[str, dict[date, dict[str, Decimal]]] = {}
    for subject, day, count, usd in rows:
        found.setdefault(subject, {})[day] = {"tokens": Decimal(count or 0), "USD": Decimal(usd or 0)}
    return found


def answer(plan: QueryPlan, books: Books) -> Report:
    """The allowances of the plan's month, of the teams or people that it names."""
    for one in plan.filters:
        if one.dimension not in ("team", "user") or one.op != "in":
            raise Clarify("Allowances are kept for teams and users. Whose are meant?")
    if set(plan.dimensions) - {"team", "user"}:
        raise Clarify("Allowances are kept for teams and users. By which of the two?", ("by team", "by user"))
    only = {f.dimension: f.values for f in plan.filters}
    return report(books, books.one_month(plan.period), only, plan.dimensions)


def report(
    books: Books,
    month: date | None,
    only: Mapping[str, Sequence[str]] | None = None,
    kinds: Sequence[str] = (),
) -> Report:
    """Allowances of a month: used, left, pace and the day they run out. only: team or user → their names.

    kinds: team, user or both when empty.
    """
    found = [s for s in allowances_of(books, month) if not kinds or s.allowance.subject_type in kinds]
    if not found:
        raise Refused(f"No allowance of a {' or '.join(kinds)} is loaded, or shown to you.")
    for kind, names in (only or {}).items():
        wanted = {name.casefold() for name in names}
        found = [
            s
            for s in found
            if (s.allowance.subject_type, s.allowance.subject.casefold()) in {(kind, w) for w in wanted}
        ]
        if not found:
            raise Refused(f"No allowance of {' or '.join(names)} is loaded, or it is not shown to you.")
    columns = (
        dimension("subject_type"), dimension("subject"), dimension("unit"), metric("allowance", None),
        metric("used", None), metric("left", None), metric("used_percent", "percent"), metric("pace_per_day", None),
        metric("projected", None), metric("burn_ratio", None), dimension("run_out"), dimension("resets"),
        dimension("hard"), dimension("state"),
    )  # fmt: skip
    rows = tuple(
        (
            s.allowance.subject_type, s.allowance.subject, s.allowance.unit, s.allowance.amount, s.used, s.left,
            s.used_percent, s.pace, s.projected, s.burn_ratio, s.run_out, s.resets, s.allowance.hard, s.state,
        )
        for s in found
    )  # fmt: skip
    wide = frozenset({"pace_per_day", "projected", "burn_ratio", "resets", "hard"})
    return Report(columns, rows, (_told(found),) if found else (), wide=wide)


def _told(found: Sequence[Status]) -> str:
    """One allowance in a sentence; of several, those that run out."""
    month = f"{found[0].allowance.month:%b %Y}"
    if len(found) == 1:
        return f"{_one(found[0])} in {month}."
    over = [s for s in found if s.run_out is not None]
    if not over:
        return f"None of {len(found)} allowances of {month} runs out at its pace so far."
    names = "; ".join(f"{s.allowance.subject} on {s.run_out}" for s in over[:5])
    more = f"; and {len(over) - 5} more" if len(over) > 5 else ""
    return f"{len(over)} of {len(found)} allowances of {month} run out at their pace so far: {names}{more}."


def _one(s: Status) -> str:
    amount, used = (_amount(v, s.allowance.unit) for v in (s.allowance.amount, s.used))
    share = "" if s.used_percent is None else f", {quantity(round(s.used_percent, 1))}%"
    told = f"{s.allowance.subject} used {used} of {amount}{share}"
    if s.state == "used up":
        return f"{told}; it was used up on {s.run_out}"
    if s.run_out is not None:
        return f"{told}, and runs out on {s.run_out} at its pace of {_amount(s.pace, s.allowance.unit)} a day"
    return f"{told}, and does not run out before {s.resets} at its pace of {_amount(s.pace, s.allowance.unit)} a day"


def _amount(value: Decimal, unit: str) -> str:
    return money(value, unit) if unit == "USD" else f"{quantity(round(value))} {unit}"
