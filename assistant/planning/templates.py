"""Verified queries by meaning: a question with the plan of a verified one gets its SQL, with its own names and days.

The plan comes from the local planner, never from likeness. A name or a period is put in place of the verified one only
where the SQL holds it as a literal beside a column of that very dimension, or as its first and last days; everything
else must be equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import sqlglot
from sqlglot import Expr, exp

from assistant.errors import AssistantError
from assistant.planning import local
from assistant.planning.local import Context
from assistant.semantics import calendar, verified
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.model import SemanticModel
from assistant.semantics.verified import Verified
from assistant.values import Filter, Period, QueryPlan

DAY = re.compile(r"(\d{4}-\d\d-\d\d)([ T]00:00:00(\.0+)?Z?)?")
DATED = re.compile(r"(19|20)\d\d\b")
PARTS = (exp.Year, exp.Quarter, exp.Month, exp.Week, exp.Day, exp.Extract, exp.DateFromParts, exp.CurrentDate)


@dataclass(frozen=True)
class Template:
    """A verified query, the plan that its question is, and whether the question names its days."""

    query: Verified
    plan: QueryPlan
    dated: bool


@dataclass(frozen=True)
class Filled:
    """The SQL of one question, and what stands in it in place of what was verified, in words."""

    query: Verified
    sql: str
    instead: tuple[str, ...] = ()


def of(query: Verified, lexicon: Lexicon, today: date, reporting: str | None) -> Iterator[Template]:
    """One for each way to ask it that has one reading as a plain plan."""
    for question in query.questions:
        try:
            found = local.read(question, lexicon, Context(today, None, reporting))
        except AssistantError:
            continue
        if found.plan.analysis is None and not found.competitors:
            yield Template(query, found.plan, verified.dated(question, lexicon.vocabulary.calendar))


def find(plan: QueryPlan, dated: bool, templates: Sequence[Template], model: SemanticModel) -> Filled | None:
    """The verified SQL of this plan. Equal plans come before those that need something in place."""
    alike = [one for one in templates if one.dated == dated and _shape(one.plan) == _shape(plan)]
    for one in alike:
        if _same(one.plan, plan):
            return Filled(one.query, one.query.sql)
    return next((filled for one in alike if (filled := _filled(one, plan, model))), None)


def _slot(condition: Filter) -> bool:
    return condition.op == "in" and len(condition.values) == 1


def _shape(plan: QueryPlan) -> QueryPlan:
    """The plan without the names and days that may be others."""
    filters = tuple(f.model_copy(update={"values": ()}) if _slot(f) else f for f in plan.filters)
    days = None if plan.comparison is None else _days(plan.period)
    comparison = _days(plan.comparison)
    return plan.model_copy(update={"filters": filters, "period": days, "comparison": comparison})


def _days(period: Period | None) -> Period | None:
    """Its days alone: the words that named them do not matter."""
    return Period(start=period.start, end=period.end) if period else None


def _same(one: QueryPlan, other: QueryPlan) -> bool:
    return one.filters == other.filters and _days(one.period) == _days(other.period)


def _filled(template: Template, plan: QueryPlan, model: SemanticModel) -> Filled | None:
    """None where one thing can't be put in place for certain."""
    tree = sqlglot.parse_one(template.query.sql, dialect="duckdb")
    instead: list[str] = []
    for was, now in zip(template.plan.filters, plan.filters, strict=True):
        if was == now:
            continue
        columns = _columns(model.dimension(plan.dataset, was.dimension).expression)
        if not _replace_name(tree, was.values[0], now.values[0], columns):
            return None
        instead.append(f"{now.values[0]} in place of {was.values[0]}")
    was_days, now_days = template.plan.period, plan.period
    if _days(was_days) != _days(now_days):
        if was_days is None or now_days is None or not _replace_days(tree, was_days, now_days):
            return None
        instead.append(f"{calendar.label(now_days)} in place of {calendar.label(was_days)}")
    return Filled(template.query, tree.sql("duckdb", pretty=True), tuple(instead))


def _columns(expression: str) -> set[str]:
    return {column.name for column in sqlglot.parse_one(expression, dialect="duckdb").find_all(exp.Column)}


def _replace_name(tree: Expr, was: str, now: str, columns: set[str]) -> bool:
    """Whether the name stands in the SQL, and only beside columns of its own dimension."""
    found = [one for one in tree.find_all(exp.Literal) if one.is_string and one.name == was]
    for one in found:
        beside = one.parent
        named = isinstance(beside, exp.EQ | exp.In) and {c.name for c in beside.find_all(exp.Column)} <= columns
        if not named or not beside or beside.find(exp.Column) is None:
            return False
    for one in found:
        one.replace(exp.Literal.string(now))
    return bool(found)


def _replace_days(tree: Expr, was: Period, now: Period) -> bool:
    """Whether the SQL names its first day and its end, and no day besides, nor the length of the time."""
    if was.days == 1 != now.days or any(tree.find_all(*PARTS)):
        return False
    if any(not one.is_string and one.name == str(was.days) for one in tree.find_all(exp.Literal)):
        return False
    places = {was.last_day.isoformat(): now.last_day, was.end.isoformat(): now.end, was.start.isoformat(): now.start}
    found = [one for one in tree.find_all(exp.Literal) if one.is_string and DATED.match(one.name)]
    days = [DAY.fullmatch(one.name) for one in found]
    named = {one[1] for one in days if one}
    if not all(days) or not named <= set(places) or was.start.isoformat() not in named or len(named) != 2:
        return False
    for one, day in zip(found, days, strict=True):
        assert day is not None
        one.replace(exp.Literal.string(places[day[1]].isoformat() + (day[2] or "")))
    return True
