"""What was loaded since an answer, and the charges in it that reloads changed, under its asker's rights.

Charges of a load that replaced nothing can't be told from the others; its files are named instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from assistant.analysis import people
from assistant.assistant import Assistant
from assistant.errors import AssistantError, Refused
from assistant.premises import check_planned
from assistant.sql import compile as sql_compile
from assistant.sql.restated import COSTS, of_restated
from assistant.values import Access, CheckedQuery, Grain, QueryPlan, Question

# What tells one charge from another, as far as the model has it.
CHARGE = ("service", "resource", "charge_category", "charge_class", "charge_description", "invoice")
MOST_TOLD = 10
MOST_ROWS = 50_000


@dataclass(frozen=True)
class Since:
    """loads: table, file, at, rows, days. charges: what tells them apart, and each metric before, after and change.

    metrics: those that add up. why_none: why no charge is named. whole: the answer
    has every row that the charges count in, so that its change can be held against theirs.
    """

    loads: tuple[dict[str, Any], ...]
    charges: tuple[dict[str, Any], ...] = ()
    metrics: tuple[str, ...] = ()
    why_none: str | None = None
    whole: bool = False


def since(
    assistant: Assistant,
    at: datetime,
    tables: tuple[str, ...],
    plan: QueryPlan | None,
    question: Question,
    access: Access,
) -> Since:
    """Everything after that moment (UTC) that touches the tables and the plan's days."""
    files = tuple(touching(history(assistant), at, tables, plan))
    if plan is None or plan.analysis or COSTS not in tables:
        return Since(files, why_none="Charges are named for answers that have a plan over costs.")
    metrics = tuple(m for m in plan.metrics if assistant.warehouse.model.metrics[m].additive)
    if not metrics:
        return Since(files, why_none="No charge is named: what was asked does not add up over charges.")
    with assistant.reading() as read:
        known = any((schema, table) == ("_askcost", "restated") for schema, table, *_ in read.columns())
    if not known:
        return Since(files)
    try:
        return Since(
            files, tuple(_charges(assistant, at, plan, metrics, question, access)), metrics, whole=_whole(plan)
        )
    except AssistantError as error:
        return Since(files, why_none=f"The charges can't be named: {error}")


def _whole(plan: QueryPlan) -> bool:
    partly = plan.limit or plan.limit_per or plan.having or plan.part or plan.count_groups or plan.comparison
    return not (partly or plan.average or plan.series_change)


def history(assistant: Assistant) -> list[dict[str, Any]]:
    """Every load of the warehouse, oldest first."""
    with assistant.reading() as read:
        rows = read(
            "SELECT table_name, file, loaded_at, rows, first_day, last_day, "
            "TRY_CAST(report ->> 'replaced_rows' AS BIGINT) FROM _askcost.loads ORDER BY loaded_at"
        )
    names = ("table", "file", "at", "rows", "first_day", "last_day", "replaced_rows")
    return [dict(zip(names, row, strict=True)) for row in rows]


def touching(
    loads: Iterable[Mapping[str, Any]], at: datetime, tables: Sequence[str], plan: QueryPlan | None
) -> Iterator[dict[str, Any]]:
    """The loads after that moment (UTC) into these tables, without those of days beside the plan's."""
    for one in loads:
        first, last, period = one["first_day"], one["last_day"], plan.period if plan else None
        beside = period and first and (first >= period.end or last < period.start)
        if one["at"] > at and one["table"] in tables and (not beside or (plan and plan.comparison)):
            when = one["at"].isoformat(timespec="seconds")
            yield {**one, "at": when, "replaced_rows": one["replaced_rows"] or 0}


def _charges(
    assistant: Assistant, at: datetime, plan: QueryPlan, metrics: tuple[str, ...], question: Question, access: Access
) -> Iterable[dict[str, Any]]:
    """Each restated charge that the plan counts, largest change first."""
    house = assistant.warehouse
    own = house.model.dimensions[plan.dataset]
    more = tuple(name for name in CHARGE if name in own and name not in plan.dimensions)
    fine = QueryPlan(
        dataset=plan.dataset, metrics=metrics, dimensions=(*plan.dimensions, *more), filters=plan.filters,
        period=plan.period, grain=Grain.DAY, currency=plan.currency,
    )  # fmt: skip
    statement = sql_compile.compile(fine, house.model, house.catalog, assistant.vocabulary.calendar.fiscal_start)
    seen = people.open_to(fine, house.model, access)
    checked = check_planned(statement.tree, replace(seen, limits=replace(seen.limits, rows=MOST_ROWS)))
    keys = [i for i, c in enumerate(statement.columns) if c.kind != "metric"]
    names = [c.name for c in statement.columns]
    sides = [_side(assistant, of_restated(checked, at, after), keys, question) for after in (False, True)]
    found = []
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        old, new = sides[0].get(key), sides[1].get(key)
        one: dict[str, Any] = {names[i]: value for i, value in zip(keys, key, strict=True) if value is not None}
        one["what"] = "late" if old is None else "withdrawn" if new is None else "changed"
        for name in metrics:
            place = names.index(name)
            before, after = (Decimal(side[place] or 0) if side else Decimal(0) for side in (old, new))
            one[name] = {"before": before, "after": after, "change": after - before}
        if any(one[name]["change"] for name in metrics):
            found.append(one)
    return sorted(found, key=lambda one: abs(one[metrics[0]]["change"]), reverse=True)


def _side(
    assistant: Assistant, checked: CheckedQuery, keys: list[int], question: Question
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    found = assistant.engine.run(checked, owner=question.user)
    if found.truncated:
        raise Refused(f"more than {MOST_ROWS:,} were restated.")
    return {tuple(row[i] for i in keys): row for row in found.rows}


def words(found: Since, totals: Mapping[str, Decimal]) -> Iterable[str]:
    """The loads and charges in sentences. totals: the answer's change of each metric, where it has one."""
    for load in found.loads:
        instead = f", in place of {load['replaced_rows']:,}" if load["replaced_rows"] else ""
        days = f", days {load['first_day']} to {load['last_day']}" if load["first_day"] else ""
        at = load["at"].replace("T", " ")
        yield f"Loaded since, on {at} UTC: {load['file']}, {load['rows']:,} rows{instead}{days}."
    if found.why_none:
        yield found.why_none
    for one in found.charges[:MOST_TOLD]:
        yield _charge(one, found.metrics[0])
    if len(found.charges) > MOST_TOLD:
        yield f"… and {len(found.charges) - MOST_TOLD:,} more charges (--json has all)."
    for name in found.metrics if found.charges and found.whole else ():
        moved = sum((one[name]["change"] for one in found.charges), Decimal(0))
        if name in totals and totals[name] == moved:
            yield f"These charges are the whole change of {name}: {moved:f}."
        elif name in totals:
            yield f"These charges move {name} by {moved:f}; the change is {totals[name]:f}, so more than they changed."


def _charge(one: Mapping[str, Any], name: str) -> str:
    told = [str(v) for key, v in one.items() if key != "what" and not isinstance(v, dict)]
    moved = one[name]
    return f"{one['what']}: {' · '.join(told)}: {name} {moved['before']:f} → {moved['after']:f} ({moved['change']:+f})"
