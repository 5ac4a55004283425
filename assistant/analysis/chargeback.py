"""Chargeback of one month by the loaded allocation rules, and each consumer's statement. Formulas: finops/allocation.

Closed months, files and drawing are not its business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from decimal import Decimal
from typing import Any

from dateutil.relativedelta import relativedelta

from assistant.analysis import closing
from assistant.analysis.books import COSTS, Books
from assistant.analysis.report import Report, dimension, metric
from assistant.errors import AssistantError, Clarify, Refused
from assistant.finops import allocation
from assistant.finops.allocation import Chargeback, Cost, Line, Rule
from assistant.house import Warehouse
from assistant.planning import local
from assistant.sql.conditions import condition
from assistant.telling.figures import money, quantity
from assistant.values import Filter, QueryPlan


def chargeback(books: Books, month: date | None, by: str | None) -> tuple[date, Chargeback]:
    """One month's costs by consumer and rule; `by` names the key of charges that no rule matches.

    Default month: the newest whole one; default key: that of most rules. Raises Refused and Clarify.
    """
    start, _, result = month_of(books, month, by)
    return start, result


def month_of(books: Books, month: date | None, by: str | None) -> tuple[date, str, Chargeback]:
    """The month, its key and its lines; those of a closed month as they were closed, with corrections."""
    house = books.needs(COSTS)
    if house.catalog.has("allocation_rules"):
        books.needs("allocation_rules")
    start = month or books.newest_whole_month(COSTS)
    end = start + relativedelta(months=1)
    note = books.partly_loaded(COSTS, start, end)
    read = rules(books, start, end)
    keys = [rule.key for rule, _ in read]
    own = books.dimension(by, "--by") if by else _commonest(keys) or books.dimension("team", "The default key")
    rows = books.rows(_charges(house, read, [own, *keys], start, end))
    names = list(dict.fromkeys((own, *keys)))
    costs = [
        Cost(str(currency or "unknown"), rule, dict(zip(names, values, strict=True)), Decimal(amount))
        for currency, rule, *values, amount in rows
        if amount is not None
    ]
    result = allocation.allocate(costs, [rule for rule, _ in read], own)
    notes = [note] if note else []
    if not read:
        notes.append(f"No allocation rule is in force in {start:%b %Y}: only direct costs are shown.")
    result = replace(result, notes=(*notes, *result.notes))
    closed = books.drawer.versions("closed month", closing.name(start, own)) if books.drawer else []
    return start, own, closing.as_closed(result, closed)


def rules(books: Books, start: date, end: date) -> list[tuple[Rule, tuple[Filter, ...]]]:
    """The rules in force within [start, end) in file order, each with its condition.

    A later rule of the same pool and match replaces the earlier one from its effective_from on.
    """
    house = books.house
    found: list[tuple[Rule, tuple[Filter, ...]]] = []
    for number, row in enumerate(house.catalog.small.get("allocation_rules", ()), 1):
        place = f"Allocation rule {number} ({row['pool']})"
        try:
            match = local.filters(str(row["match"]), house.lexicon)
        except AssistantError as error:
            raise Refused(f"The match of {place[0].lower()}{place[1:]} can't be read: {error}") from None
        key = books.dimension(str(row["key_dimension"]), place)
        only = match[0] if len(match) == 1 else None
        rule = Rule(
            pool=str(row["pool"]),
            method=row["method"],
            key=key,
            weights=_weights(row.get("weights"), place),
            number=number,
            start=row.get("effective_from"),
            consumers=frozenset(only.values) if only and only.dimension == key and only.op == "in" else frozenset(),
        )
        found.append((rule, match))
    dated = [(replace(rule, end=_replaced(rule, match, found)), match) for rule, match in found]
    return [
        (r, m)
        for r, m in dated
        if (r.start is None or r.start < end)
        and (r.end is None or r.end > start)
        and (r.start is None or r.start != r.end)
    ]


def _replaced(rule: Rule, match: tuple[Filter, ...], found: Sequence[tuple[Rule, tuple[Filter, ...]]]) -> date | None:
    first = rule.start or date.min
    starts = [
        other.start
        for other, its in found
        if other.start is not None and other.start > first and other.pool == rule.pool and its == match
    ]
    return min(starts, default=None)


def _weights(value: Any, place: str) -> dict[str, Decimal]:
    if value in (None, ""):
        return {}
    try:
        read = json.loads(value, parse_float=Decimal, parse_int=Decimal) if isinstance(value, str) else value
        return {str(name): Decimal(str(weight)) for name, weight in read.items()}
    except (ValueError, ArithmeticError, AttributeError):
        raise Refused(f'The weights of {place} are not JSON like {{"A": 0.6, "B": 0.4}}.') from None


def _commonest(keys: Sequence[str]) -> str | None:
    return max(keys, key=keys.count, default=None)


def _charges(
    house: Warehouse, read: Sequence[tuple[Rule, tuple[Filter, ...]]], keys: Sequence[str], start: date, end: date
) -> str:
    """Cost by currency, first matching rule and key values."""
    own = house.model.dimensions[COSTS]
    arms = []
    for place, (rule, match) in enumerate(read):
        tests = [condition(own[one.dimension].expression, one).sql(dialect="duckdb") for one in match]
        tests += [f"ChargePeriodStart >= TIMESTAMP '{rule.start}'"] if rule.start and rule.start > start else []
        tests += [f"ChargePeriodStart < TIMESTAMP '{rule.end}'"] if rule.end and rule.end < end else []
        arms.append(f"WHEN {' AND '.join(f'({t})' for t in tests)} THEN {place}")
    chosen = f"CASE {' '.join(arms)} END" if arms else "NULL"
    split_by = "".join(f"{own[key].expression} AS key_{n}, " for n, key in enumerate(dict.fromkeys(keys)))
    return (
        f"SELECT BillingCurrency AS currency, {chosen} AS rule, {split_by}SUM(EffectiveCost) AS cost "
        f"FROM {COSTS} WHERE ChargePeriodStart >= TIMESTAMP '{start}' AND ChargePeriodStart < TIMESTAMP '{end}' "
        "GROUP BY ALL"
    )


def answer(plan: QueryPlan, books: Books) -> Report:
    """A month's chargeback; one consumer's statement when the question names one."""
    month = books.one_month(plan.period)
    if not plan.filters:
        return report(books, month, plan.dimensions[0] if plan.dimensions else None)
    named = plan.filters[0]
    if len(plan.filters) > 1 or named.op != "in" or len(named.values) != 1:
        raise Clarify("Chargeback is shown for everybody or for one consumer. Whose statement is meant?")
    given = dict(plan.given)
    if "pool" in given:
        said = Decimal(given["percent"]) if "percent" in given else None
        return pool_report(books, month, named.dimension, named.values[0], given["pool"], said)
    return report(books, month, named.dimension, named.values[0])


def pool_report(
    books: Books, month: date | None, by: str, consumer: str, pool: str, said: Decimal | None = None
) -> Report:
    """Why a consumer bears what it bears of one pool, by the driver's figures. said: the part asked about, in per cent.

    Raises Clarify where the pool is split by another key, or not charged to the consumer.
    """
    start, result = chargeback(books, month, by)
    split = [line for line in result.lines if line.pool == pool and line.consumer and not line.feeds]
    lines = [line for line in split if line.dimension == by and str(line.consumer).casefold() == consumer.casefold()]
    if not split:
        raise Refused(f"Nothing of {pool} is charged to anyone in {start:%b %Y}.")
    if not lines:
        keys = {line.dimension.replace("_", " ") for line in split}
        known = sorted({str(line.consumer) for line in split})
        raise Clarify(
            f"{pool} is charged by {' and '.join(sorted(keys))}; {consumer} bears nothing of it in {start:%b %Y}. "
            "Whose share is meant?",
            tuple(known[:20]),
        )
    found = _report(start, result, lines, True)
    share = lines[0].share
    head = f"{consumer}, {start:%b %Y}: {' '.join(_why(line) for line in lines)}"
    if said is not None and share is not None and round(share, 0) != round(said, 0):
        head = f"Not {quantity(said)}% but {quantity(round(share, 2))}%. {head}"
    return replace(found, sentences=(head,))


def report(books: Books, month: date | None, by: str | None = None, consumer: str | None = None) -> Report:
    """One row for each consumer and rule; with `consumer` that one's statement, and why each line is what it is."""
    start, result = chargeback(books, month, by)
    lines = [line for line in result.lines if not line.feeds]
    if consumer:
        known = sorted({line.consumer for line in lines if line.consumer})
        lines = [line for line in lines if (line.consumer or "").casefold() == consumer.casefold()]
        if not lines:
            raise Clarify(f"Nothing is charged to “{consumer}” in {start:%b %Y}. Who is meant?", tuple(known[:20]))
    return _report(start, result, lines, bool(consumer))


def _report(start: date, result: Chargeback, lines: Sequence[Line], statement: bool) -> Report:
    one = len({total.currency for total in result.totals}) == 1
    unit = result.totals[0].currency if one else None
    columns = [dimension(n) for n in ("currency", "dimension", "consumer", "rule", "method", "charge_class")]
    amounts = ("direct", "allocated", "unallocated", "total")
    columns += [metric(n, unit) for n in amounts]
    columns += [metric("share", "percent"), *(metric(n, unit) for n in ("driver", "driver_total", "pool_total"))]
    rows = tuple(
        (
            line.currency, line.dimension, line.consumer, line.pool, line.method,
            "Correction" if line.correction else None, line.direct, line.allocated, line.unallocated, line.total,
            line.share, line.driver, line.driver_total, line.pool_total,
        )
        for line in lines
    )  # fmt: skip
    wide = {"driver", "driver_total", "pool_total"} | ({"currency"} if one else set())
    wide |= set() if any(line.correction for line in lines) else {"charge_class"}
    wide |= {"dimension"} if len({line.dimension for line in lines}) == 1 else set()
    sentences = [
        f"Chargeback {start:%b %Y}: {money(t.source, t.currency)} = {money(t.direct, t.currency)} direct + "
        f"{money(t.allocated, t.currency)} allocated + {money(t.unallocated, t.currency)} unallocated."
        for t in result.totals
    ]
    if statement:
        sentences = [f"Statement of {lines[0].consumer}, {start:%b %Y}.", *(_why(line) for line in lines)]
    return Report(
        tuple(columns),
        rows,
        tuple(sentences),
        (*result.notes, *_passed_on(result)),
        frozenset(wide),
        {
            "month": start,
            "totals": [asdict(total) for total in result.totals],
            "transfers": [
                {"currency": t.currency, "from": t.pool, "to": t.consumer, "amount": t.allocated, "share": t.share}
                for t in result.lines
                if t.feeds
            ],
        },
    )


def _passed_on(result: Chargeback) -> list[str]:
    return [
        f"{line.pool} passes {money(line.allocated, line.currency)} on to the pool {line.consumer}."
        for line in result.lines
        if line.feeds
    ]


def statements(books: Books, month: date | None, by: str | None) -> tuple[date, list[tuple[str, Report]]]:
    """(month, (consumer, statement) of everyone who bears something); each line with the rule that made it and why."""
    start, _, result = month_of(books, month, by)
    matches = dict(enumerate(books.house.catalog.small.get("allocation_rules", ()), 1))
    numbers = [rule.number for rule, _ in rules(books, start, start + relativedelta(months=1))]
    lines = [line for line in result.lines if not line.feeds]
    found = []
    for consumer in dict.fromkeys(line.consumer for line in lines):
        own = [line for line in lines if line.consumer == consumer]
        report = _report(start, result, own, True)
        extra = tuple(_rule_words(line, numbers, matches) for line in own)
        columns = (*report.columns, dimension("rule_number"), dimension("rule_matches"), dimension("why"))
        rows = tuple((*row, *words) for row, words in zip(report.rows, extra, strict=True))
        sums = {line.currency: sum((o.total for o in own if o.currency == line.currency), Decimal(0)) for line in own}
        total = " and ".join(money(amount, currency) for currency, amount in sums.items())
        head = f"{consumer or 'Unallocated'} bears {total} in {start:%b %Y}."
        found.append((consumer or "Unallocated", replace(report, columns=columns, rows=rows, sentences=(head,))))
    return start, found


def _rule_words(
    line: Line, numbers: Sequence[int], matches: Mapping[int, Mapping[str, Any]]
) -> tuple[str | None, str | None, str]:
    """The number of a line's rule in the file, what it matches, and why the line is what it is."""
    number = numbers[line.rule] if line.rule is not None and line.rule < len(numbers) else None
    row = matches.get(number) if number is not None else None
    if row is None or row["pool"] != line.pool:  # a line of a closed month, whose rules are others now
        return None, None, _why(line)
    return str(number), str(row["match"]), _why(line)


def _why(line: Line) -> str:
    total = money(line.total, line.currency)
    if line.correction:
        return f"{line.pool or 'Own charges'}: {total}, a correction of the closed month."
    if line.consumer is None:
        return f"{line.pool or 'Own charges'}: {total}, which nobody bears yet."
    if line.pool is None or line.method == "direct":
        return f"{line.pool or 'Own charges'}: {total}, charged directly."
    part = f"{line.pool}: {total}, {quantity(round(line.share or Decimal(0), 2))}% of "
    part += money(line.pool_total or Decimal(0), line.currency)
    if line.driver is not None and line.driver_total is not None:
        own, everyone = money(line.driver, line.currency), money(line.driver_total, line.currency)
        return f"{part}, by direct cost: {own} of {everyone}."
    return f"{part}, split {'evenly' if line.method == 'even' else 'by fixed weights'}."
