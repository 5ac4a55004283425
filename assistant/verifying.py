"""Saving an analyst's SQL as the verified answer of a question, so that the same words get this SQL from then on.

Refuses what would be right today and wrong tomorrow. Knows nothing about how it is offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from sqlglot import exp, parse_one

from assistant.assistant import Assistant
from assistant.errors import AssistantError, Refused
from assistant.planning import local
from assistant.planning.local import Context
from assistant.semantics import verified
from assistant.semantics.verified import Verified
from assistant.values import QueryPlan

DAYS = re.compile(r"(19|20)\d\d\b")
PARTS = (exp.Year, exp.Quarter, exp.Month, exp.Week, exp.Day, exp.Extract, exp.DateFromParts)


def may(core: Assistant, user: str | None) -> bool:
    """Whether this user's role verifies queries (schemas/roles.yaml); the local operator does."""
    role = core.roles.roles.get(core.access(user).role)
    return user is None or (role is not None and role.verifies)


def save(core: Assistant, answer_id: str, sql: str, user: str | None, today: date, until: date | None = None) -> str:
    """Makes `sql` the verified query of that answer's question, and returns the question.

    until: the last day that it holds; after the setting's days when absent.

    Raises Refused when the role may not, the answer is no whole question of this user's, the guard refuses the
    statement, or it names fixed days while the question's period moves.
    """
    question, plan = _asked(core, answer_id, user)
    checked = core.check(sql, user)
    if plan is not None and _alone(core, question, user, today) != plan:
        raise Refused(f"“{question}” continues a conversation; ask it as a whole question first, then save that.")
    fixed = list(_fixed(checked.sql))
    if fixed and verified.moves(question, core.vocabulary.calendar, today):
        raise Refused(
            f"“{question}” means other days as time passes, but the SQL always means {' and '.join(fixed[:2])}. "
            "Write the days with current_date, or name them in the question."
        )
    last = (until or today + timedelta(days=core.config.verified_days)).isoformat()
    core.saved.save(verified.normal(question), question, checked.sql, user or "local operator", answer_id, last)
    return question


def renew(core: Assistant, question: str, user: str | None, until: date, owner: str | None = None) -> None:
    """Lets a saved query hold until that day, its owner another one when given. Raises Refused."""
    _may_verify(core, user)
    entry = core.saved.find(verified.normal(question))
    if entry is None or entry.sql is None:
        raise Refused(f"No query is saved for “{question}”; `askcost verified` lists those that are.")
    core.check(entry.sql, user)
    by, words = user or "local operator", verified.normal(question)
    core.saved.save(words, entry.question, entry.sql, by, None, until.isoformat(), owner or entry.owner)


def drop(core: Assistant, question: str, user: str | None) -> None:
    """Lets that question be planned again. Raises Refused."""
    _may_verify(core, user)
    entry = core.saved.find(verified.normal(question))
    if entry is None or entry.sql is None:
        raise Refused(f"No query is saved for “{question}”; `askcost verified` lists those that are.")
    core.saved.save(verified.normal(question), entry.question, None, user or "local operator")


def withdraw(core: Assistant, answer_id: str, user: str | None) -> str:
    """Lets the question of that answer be planned again, and returns it. Raises Refused as `save` does."""
    question, _ = _asked(core, answer_id, user)
    core.saved.save(verified.normal(question), question, None, user or "local operator", answer_id)
    return question


def problems(core: Assistant, today: date) -> Iterator[tuple[Verified, str]]:
    """The verified queries that do not pass the guard or do not run, each with the reason; for tests after a load.

    Those of schemas/ over tables that this company has not loaded are none of its own.
    """
    for query in core.in_use(today):
        if not _tables(query.sql) <= set(core.warehouse.catalog.tables):
            if query.questions == (query.name,):
                yield query, "a table that it reads is not loaded"
            continue
        try:
            core.run(query.sql)
        except AssistantError as error:
            yield query, str(error)


def _tables(sql: str) -> set[str]:
    tree = parse_one(sql, dialect="duckdb")
    return {one.name for one in tree.find_all(exp.Table)} - {one.alias for one in tree.find_all(exp.CTE)}


def _may_verify(core: Assistant, user: str | None) -> None:
    if not may(core, user):
        raise Refused("Your role does not verify queries; an analyst or administrator can.")


def _asked(core: Assistant, answer_id: str, user: str | None) -> tuple[str, QueryPlan | None]:
    """The question in words of an answer that this user got, and its plan."""
    _may_verify(core, user)
    record = next(iter(core.ledger.answers(answer_id)), None)
    if record is None or record["user"] != user or not record["understood"]:
        raise Refused("Only the SQL of an answer to your own question can be saved.")
    return record["question"], QueryPlan.model_validate(record["plan"]) if record["plan"] else None


def _alone(core: Assistant, question: str, user: str | None, today: date) -> QueryPlan | None:
    """The plan of the question outside any conversation; None when it has none."""
    context = Context(today, None, core.config.reporting_currency)
    try:
        return local.read(question, core.lexicon(core.warehouse, core.access(user)), context).plan
    except AssistantError:
        return None


def _fixed(sql: str) -> Iterator[str]:
    """Places of a statement that name days which do not move."""
    tree = parse_one(sql, dialect="duckdb")
    yield from (v.sql() for v in tree.find_all(exp.Literal) if v.is_string and DAYS.match(v.name))
    for condition in tree.find_all(exp.Predicate):
        if condition.find(*PARTS) and any(not v.is_string for v in condition.find_all(exp.Literal)):
            yield condition.sql("duckdb")
