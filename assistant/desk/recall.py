"""Which earlier answers a correction touched: of a definition, an allocation rule, a verified query, loaded charges.

An answer is looked at when something that it rests on is another one now, and listed when its figures are. Changes
nothing and tells nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from assistant.analysis.report import Report
from assistant.assistant import VERIFIED, Assistant
from assistant.desk import replay, restatement
from assistant.desk.replay import Again
from assistant.errors import AssistantError, Clarify
from assistant.ledger import receipts, search
from assistant.ledger.search import Sought
from assistant.planning import local
from assistant.planning.local import Context
from assistant.semantics import dependencies
from assistant.sql import guard
from assistant.values import QueryPlan, Question

Loads = Sequence[Mapping[str, Any]]
NOT_OURS = ("eval", "report")  # nobody was told these figures as an answer, or they can't be run again by themselves


@dataclass(frozen=True)
class Touched:
    """One answer whose figures are others now, or that can't be given any more (`problem`, and no report).

    causes: what was corrected, in words.
    """

    record: Mapping[str, Any]
    causes: tuple[str, ...]
    report: Report | None
    problem: str | None = None

    @property
    def answer_id(self) -> str:
        return str(self.record["answer_id"])

    @property
    def now(self) -> str:
        """What tells this state of the answer from another one: the digest of its rows now."""
        return str(self.report.extra["digest_now"]) if self.report else f"none: {self.problem}"


@dataclass(frozen=True)
class _Recipe:
    """What an answer would be made with now: verified SQL, a plan, or (neither) the SQL that it was made with."""

    verified: str | None
    plan: QueryPlan | None
    causes: tuple[str, ...]


def touched(assistant: Assistant, sought: Sought) -> Iterator[Touched]:
    """Of the answers that are looked for, those that a correction touched, oldest first. Raises LedgerError."""
    made: dict[tuple[Any, ...], Again] = {}
    loads = restatement.history(assistant)
    for record in search.records(assistant.ledger.store, sought):
        one = receipts.read(record)
        if one["surface"] in NOT_OURS or replay.cannot(one):
            continue
        try:
            found = _touched(assistant, one, loads, made)
        except AssistantError as error:
            asked_back = isinstance(error, Clarify)
            said = f"{'It is asked back now' if asked_back else 'It is not answered now'}: {error}"
            found = Touched(one, ("what it rests on changed",), None, said)
        if found is not None:
            yield found


def _touched(
    assistant: Assistant, record: Mapping[str, Any], loads: Loads, made: dict[tuple[Any, ...], Again]
) -> Touched | None:
    recipe = _recipe(assistant, record)
    causes = (*recipe.causes, *_definitions(assistant, record), *_data(assistant, record, loads))
    if not causes:
        return None
    sql = recipe.verified or (None if recipe.plan else record["sql"])
    key = (sql, recipe.plan, record["user"], repr(record["readers"]), record["today"])
    if key not in made:
        made[key] = _again(assistant, record, recipe.plan, sql)
    report = replay.compare(assistant, record, made[key])
    return None if report.extra["same_digest"] else Touched(record, causes, report)


def _again(assistant: Assistant, record: Mapping[str, Any], plan: QueryPlan | None, sql: str | None) -> Again:
    question = replay.asked(record)
    access = assistant.access(question.user, question.readers)
    if sql is not None:
        return replay.of_sql(assistant, record, sql, question, access)
    assert plan is not None
    return replay.of_plan(assistant, record, plan, question, access)


def _recipe(assistant: Assistant, record: Mapping[str, Any]) -> _Recipe:
    """Raises AssistantError where a question that had a verified query is not understood without it."""
    question = replay.asked(record)
    known = assistant.known(question.text, question.today)
    was = str(record["understood"] or "").removeprefix(VERIFIED) if _verified(record) else None
    if known is not None:
        return _by_verified(assistant, record, known.name, known.sql, known.on)
    if was is not None:
        anew, context = _planned(assistant, question), Context(_day(question, record))
        meant = assistant.verified_plan(anew, question, context, assistant.warehouse.lexicon)
        if meant is not None:
            return _by_verified(assistant, record, meant.query.name, meant.sql, meant.query.on)
        return _Recipe(None, anew, (f"the verified query “{was}” was withdrawn, or lapsed",))
    plan = QueryPlan.model_validate(record["plan"]) if record["plan"] else None
    return _Recipe(None, plan, ())


def _by_verified(assistant: Assistant, record: Mapping[str, Any], name: str, sql: str, on: str) -> _Recipe:
    checked = guard.check(sql, assistant.access(record["user"], record["readers"] or ()))
    if _verified(record) and checked.sql == record["sql"]:
        return _Recipe(sql, None, ())
    what = "was corrected" if _verified(record) else f"answers these words since {on}"
    return _Recipe(sql, None, (f"the verified query “{name}” {what}",))


def _verified(record: Mapping[str, Any]) -> bool:
    return str(record["understood"] or "").startswith(VERIFIED)


def _planned(assistant: Assistant, question: Question) -> QueryPlan:
    access = assistant.access(question.user, question.readers)
    context = Context(question.today or datetime.now(UTC).date(), None, assistant.config.reporting_currency)
    return local.read(question.text, assistant.lexicon(assistant.warehouse, access), context).plan


def _day(question: Question, record: Mapping[str, Any]) -> date:
    return question.today or replay.moment(record).date()


def _definitions(assistant: Assistant, record: Mapping[str, Any]) -> Iterator[str]:
    """The definitions that the answer rests on and that are others now."""
    house = assistant.warehouse
    if not record["plan"]:
        return
    if record["depends"] is None:
        if record["definitions"] != house.model.version:
            yield "something in schemas/ changed (this answer is from before dependencies were kept)"
        return
    now = dependencies.of_plan(QueryPlan.model_validate(record["plan"]), house.model, house.catalog)
    for name in dependencies.changed(record["depends"], now):
        yield f"the {name} changed" if name == dependencies.RULES else f"the definition of the {name} was corrected"


def _data(assistant: Assistant, record: Mapping[str, Any], loads: Loads) -> Iterator[str]:
    """The loads since that touch the answer's tables and days."""
    if record["data_version"] == assistant.warehouse.catalog.data_version:
        return
    plan = QueryPlan.model_validate(record["plan"]) if record["plan"] else None
    for load in restatement.touching(loads, replay.moment(record), _tables(assistant, record, plan), plan):
        instead = f" in place of {load['replaced_rows']:,} rows" if load["replaced_rows"] else ""
        yield f"{load['file']} was loaded{instead} on {load['at'][:10]}"


def _tables(assistant: Assistant, record: Mapping[str, Any], plan: QueryPlan | None) -> tuple[str, ...]:
    if plan is None:
        return assistant.check(record["sql"], record["user"], record["readers"] or ()).tables
    dataset = assistant.warehouse.model.datasets[plan.dataset]
    more = ("fx_rates",) if plan.currency else ()
    if plan.analysis:
        more = (*more, *assistant.warehouse.catalog.tables)  # an analysis may read any of them
    return tuple(dict.fromkeys((dataset.loaded_from, *dataset.tables, *more)))
