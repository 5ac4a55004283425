"""Assistant: the one way through the house. question → plan → SQL → guard → engine → narration.

Wires the stages and keeps nothing between questions but one snapshot of the warehouse's names.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Literal

from sqlglot import Expr
from ulid import ULID

from assistant.analysis import analyses, people
from assistant.analysis.books import Books
from assistant.config import Config
from assistant.engines import duckdb_engine
from assistant.engines.duckdb_engine import DuckDBEngine
from assistant.engines.engine import Engine
from assistant.errors import AssistantError, Clarify, GuardRefusal, Refused
from assistant.house import Warehouse, read_warehouse, user_access, visible
from assistant.ledger.audit import Ledger
from assistant.ledger.drawer import Drawer
from assistant.ledger.spend import Who
from assistant.planning import completion, meter, routing
from assistant.planning.completion import Statement
from assistant.planning.local import Context
from assistant.planning.meter import Desk, Meter, Unavailable
from assistant.planning.routing import Route
from assistant.semantics import model, verified, vocabulary
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.model import SemanticModel
from assistant.semantics.verified import Verified
from assistant.sql import compile as sql_compile
from assistant.sql import guard, lints, roles
from assistant.sql.roles import Roles
from assistant.telling import narrate, numbers
from assistant.telling.understood import understood
from assistant.values import (
    Access,
    Answer,
    AnswerColumn,
    CheckedQuery,
    Clarification,
    Limits,
    Lint,
    QueryPlan,
    Question,
    Reading,
    Rows,
    Status,
    Tokens,
)

UNDERSTOOD_SQL = "SQL written by a language model, unverified"
UNVERIFIED = (
    "Unverified: a language model wrote this SQL, because no checked plan can say the question. "
    "It passed the guard and your row policy; that it means what you asked, nobody has checked."
)


class Assistant:
    """Answers questions and checked SQL over one warehouse file. Threads may share it."""

    def __init__(
        self, config: Config, engine: Engine | None = None, surface: str = "python", desk: Desk | None = None
    ) -> None:
        self.config = config
        self.desk = desk or meter.desk(config)
        self.surface = surface
        self.limits = Limits(seconds=config.query_seconds, memory_mb=config.query_memory_mb)
        self.engine: Engine = engine or DuckDBEngine(config.warehouse, self.limits)
        self.ledger = Ledger(config.ledger_path)
        self._warehouse: Warehouse | None = None
        self._accesses: dict[tuple[str, str | None], Access] = {}
        self._lexicons: dict[tuple[str, str | None], Lexicon] = {}

    # --- the warehouse ----------------------------------------------------------------------------

    @cached_property
    def vocabulary(self) -> vocabulary.Vocabulary:
        return vocabulary.read(self.config.schemas)

    @cached_property
    def schema(self) -> SemanticModel:
        return model.read(self.config.schemas)

    @cached_property
    def verified(self) -> dict[tuple[str, ...], Verified]:
        return verified.read(self.config.schemas)

    @cached_property
    def roles(self) -> Roles:
        return roles.read(self.config.schemas)

    @property
    def warehouse(self) -> Warehouse:
        """The current version's names; read anew when a load has published another."""
        version = duckdb_engine.file_version(self.config.warehouse)
        if self._warehouse is None or self._warehouse.version != version:
            connection = duckdb_engine.open_locked(self.config.warehouse, self.limits)
            try:
                self._warehouse = read_warehouse(
                    lambda text: connection.cursor().execute(text).fetchall(),
                    self.schema,
                    self.vocabulary,
                    version,
                )
            finally:
                connection.close()
            self._accesses.clear()
            self._lexicons.clear()
        return self._warehouse

    def access(self, user: str | None) -> Access:
        """What this user may see. Raises Refused for a user that is not listed, or whose policy can't be read."""
        house = self.warehouse
        key = (house.catalog.data_version, user)
        if key not in self._accesses:
            self._accesses[key] = user_access(user, house, self.limits, self.roles)
        return self._accesses[key]

    def books(self, user: str | None, today: date | None = None) -> Books:
        """What an analysis reads with, as this user. Raises Refused for a user that is not listed."""
        house, access = self.warehouse, self.access(user)
        return Books(
            house=house,
            access=access,
            engine=lambda checked: self.engine.run(checked, owner=user),
            today=today or datetime.now(UTC).date(),
            schemas=self.config.schemas,
            drawer=Drawer(self.config.ledger_path),
            people=self.roles.people,
            fiscal=self.vocabulary.calendar.fiscal_start,
        )

    def _lexicon(self, house: Warehouse, access: Access) -> Lexicon:
        """The words that this user knows, kept until the next load."""
        key = (house.catalog.data_version, access.user)
        if key not in self._lexicons:
            self._lexicons[key] = visible(house, access, self._run_sql)
        return self._lexicons[key]

    # --- questions -----------------------------------------------------------------------------------

    def ask(self, question: Question) -> Answer:
        """One answer; errors become answers with their status. Recorded in the ledger."""
        started = time.perf_counter()
        answer_id = str(ULID())
        thread = question.thread
        try:
            answer = self._answer(question, answer_id)
        except Clarify as error:
            answer = Answer(
                "clarify",
                answer_id,
                question.text,
                clarify=Clarification(error.question, error.options),
                error=None,
            )
        except AssistantError as error:
            status: Status = "refused" if isinstance(error, Refused) else "error"
            answer = Answer(status, answer_id, question.text, error=str(error))
        timings = {**answer.timings_ms, "total": round((time.perf_counter() - started) * 1000, 1)}
        answer = replace(answer, thread=thread, user=question.user, timings_ms=timings)
        if self.desk is not None:
            answer = self._billed(answer, self.desk)
        version = self._warehouse.catalog.data_version if self._warehouse else ""
        self.ledger.record(answer, self.surface, version)
        return answer

    def _answer(self, question: Question, answer_id: str) -> Answer:
        clock = _Clock()
        house = self.warehouse
        access = self.access(question.user)
        today = question.today or datetime.now(UTC).date()
        context = Context(
            today=today,
            previous=self.ledger.last_plan(question.thread, question.user),
            reporting=self.config.reporting_currency,
        )

        known = self.verified.get(verified.normal(question.text))
        if known is not None:
            checked = guard.check(known.sql, access)
            clock.lap("plan")
            answer = self._of_sql(question, answer_id, checked, house, access, clock)
            noun = "row" if len(answer.rows) == 1 else "rows"
            return replace(
                answer,
                understood=f"Verified query: {known.name}",
                answer=f"{known.name[:1].upper()}{known.name[1:]}: {len(answer.rows)} {noun}.",
                assumptions=(f"verified by {known.by} on {known.on}", *answer.assumptions),
                confidence=1.0,
            )

        def run(plan: QueryPlan) -> Sequence[tuple[Any, ...]]:
            return self._run(plan, house, people.open_to(plan, house.model, access))[1].rows

        talk = self.desk.meter(_who(question, answer_id, house), question.planner == "llm") if self.desk else None
        routed = routing.read(
            Route(
                question=question,
                lexicon=self._lexicon(house, access),
                context=context,
                access=access,
                run=run,
                check=lambda text: check_written(text, access, house),
                meter=talk,
            )
        )
        clock.lap("plan")
        if isinstance(routed.read, Statement):
            answer = self._of_sql(question, answer_id, routed.read.checked, house, access, clock)
            return replace(answer, understood=UNDERSTOOD_SQL, answer=UNVERIFIED, planner="sql", confidence=0.4)
        reading = routed.read
        if reading.plan.analysis is not None:
            return self._analysed(question, answer_id, reading, routed.planner, clock)
        statement = sql_compile.compile(reading.plan, house.model, house.catalog, self.vocabulary.calendar.fiscal_start)
        checked = check_planned(statement.tree, people.open_to(reading.plan, house.model, access))
        clock.lap("guard")
        rows = self.engine.run(checked, owner=question.user)
        rows, notes = self._grouped(reading.plan, statement.columns, rows, house, access)
        reading = replace(reading, assumptions=(*reading.assumptions, *notes))
        clock.lap("execute")
        answer = self._told(question, answer_id, reading, statement, rows, house, access)
        answer = self._narrated(replace(answer, planner=routed.planner), talk)
        if people.left_out(self.roles.people) in notes:
            said = people.left_out(self.roles.people)
            answer = replace(answer, answer=f"{answer.answer} {said[:1].upper()}{said[1:]}.")
        clock.lap("narrate")
        return replace(answer, timings_ms=clock.laps)

    def _analysed(
        self, question: Question, answer_id: str, reading: Reading, planner: routing.Planner, clock: _Clock
    ) -> Answer:
        """The report of an analysis: more than one statement, each through the guard."""
        plan = reading.plan
        books = self.books(question.user, question.today)
        found = analyses.answer(plan, books)
        clock.lap("execute")
        kept = [c.name not in found.wide for c in found.columns]
        columns = tuple(c for c, keep in zip(found.columns, kept, strict=True) if keep)
        rows = tuple(tuple(v for v, keep in zip(row, kept, strict=True) if keep) for row in found.rows)
        label = self.vocabulary.analyses[plan.analysis or ""].label
        note = (books.access.note,) if books.access.note else ()
        return Answer(
            status="answered",
            answer_id=answer_id,
            question=question.text,
            understood=f"{label} · {understood(plan, books.house.model)}",
            answer=" ".join(found.sentences),
            columns=columns,
            rows=rows,
            period=plan.period,
            sql=";\n\n".join(books.statements),
            planner=planner,
            confidence=reading.confidence,
            assumptions=(*reading.assumptions, *found.notes, *note),
            plan=plan,
            timings_ms=clock.laps,
        )

    def _of_sql(
        self,
        question: Question,
        answer_id: str,
        checked: CheckedQuery,
        house: Warehouse,
        access: Access,
        clock: _Clock,
    ) -> Answer:
        """The rows of a statement that somebody wrote, with its lints."""
        rows = self.engine.run(checked, owner=question.user)
        clock.lap("execute")
        warnings = (*lints.find(checked.sql, len(house.catalog.currencies)), *_of_people(checked, access))
        note = (access.note,) if access.note else ()
        return Answer(
            status="answered",
            answer_id=answer_id,
            question=question.text,
            columns=tuple(AnswerColumn(n, _kind(t)) for n, t in zip(rows.columns, rows.types, strict=True)),
            rows=rows.rows,
            truncated=rows.truncated,
            sql=checked.sql,
            assumptions=(*(f"{w.rule}: {w.message}" for w in warnings), *note),
            timings_ms=clock.laps,
        )

    def _narrated(self, answer: Answer, talk: Meter | None) -> Answer:
        """With the narrating model's sentences, if there is one and every figure of them stands in the rows."""
        if talk is None or not talk.desk.narration or not answer.rows:
            return answer
        try:
            said = completion.narration(answer.question, answer.columns, answer.rows, answer.answer, talk)
        except (Unavailable, Clarify):
            return answer
        quoted = [answer.understood, *answer.answer.split()]
        quoted += [str(v) for row in answer.rows for v in row if not isinstance(v, int | float)]
        kept = numbers.checked(said, answer.columns, answer.rows, quoted)
        return replace(answer, answer=" ".join(kept)) if kept and kept == said else answer

    def _billed(self, answer: Answer, desk: Desk) -> Answer:
        """What the ledger says the answer took, whatever became of it."""
        try:
            tokens = desk.spend.tokens(answer.answer_id)
        except (sqlite3.Error, OSError):
            return answer
        asked = tokens != Tokens() and answer.status != "answered"
        return replace(answer, tokens=tokens, planner="llm" if asked else answer.planner)

    def _grouped(
        self, plan: QueryPlan, columns: Sequence[AnswerColumn], rows: Rows, house: Warehouse, access: Access
    ) -> tuple[Rows, tuple[str, ...]]:
        """Without groups of people that are too small for this user to see."""

        def run(count: QueryPlan, seen: Access) -> tuple[Sequence[AnswerColumn], Sequence[tuple[Any, ...]]]:
            columns, rows = self._run(count, house, seen)
            return columns, rows.rows

        kept, notes = people.grouped(plan, columns, rows.rows, house.model, access, self.roles.people, run)
        return replace(rows, rows=kept), notes

    def _run(self, plan: QueryPlan, house: Warehouse, access: Access) -> tuple[Sequence[AnswerColumn], Rows]:
        statement = sql_compile.compile(plan, house.model, house.catalog, self.vocabulary.calendar.fiscal_start)
        return statement.columns, self.engine.run(check_planned(statement.tree, access))

    def _run_sql(self, text: str, access: Access) -> Rows:
        return self.engine.run(guard.check(text, access))

    def _told(
        self,
        question: Question,
        answer_id: str,
        reading: Reading,
        statement: sql_compile.Statement,
        rows: Rows,
        house: Warehouse,
        access: Access,
    ) -> Answer:
        columns, values = _one_currency(statement.columns, rows.rows)
        told = narrate.tell(reading.plan, columns, values, house.model, rows.truncated, freshness(reading.plan, house))
        assumptions = (*reading.assumptions, *((access.note,) if access.note else ()))
        return Answer(
            status="answered",
            answer_id=answer_id,
            question=question.text,
            understood=understood(reading.plan, house.model),
            answer=told,
            columns=columns,
            rows=values,
            truncated=rows.truncated,
            period=reading.plan.period,
            sql=statement.sql,
            planner="local",
            confidence=reading.confidence,
            assumptions=assumptions,
            plan=reading.plan,
        )

    # --- statements ------------------------------------------------------------------------------------

    def check(self, text: str, user: str | None = None) -> CheckedQuery:
        """Only validates, with FinOps lints as warnings. Raises GuardRefusal."""
        checked = guard.check(text, self.access(user))
        found = lints.find(text, len(self.warehouse.catalog.currencies))
        return replace(checked, warnings=(*found, *_of_people(checked, self.access(user))))

    def run(self, text: str, user: str | None = None) -> tuple[CheckedQuery, Rows]:
        """Validates, applies the user's row policy, runs."""
        checked = self.check(text, user)
        return checked, self.engine.run(checked, owner=user)

    def close(self) -> None:
        self.engine.close()


def check_planned(tree: Expr, access: Access) -> CheckedQuery:
    """The guard's word on our own statement; a place in SQL that nobody wrote would help nobody."""
    try:
        return guard.check(tree, access)
    except GuardRefusal as refusal:
        raise Refused(f"{refusal.message}.") from None


def _of_people(checked: CheckedQuery, access: Access) -> tuple[Lint, ...]:
    """A warning where a statement reads a column that shows people as one group: counts take it for one person."""
    read = sorted(access.masked & set(checked.columns))
    message = "shows individuals that your role may not see as one group, and counts them as one"
    return tuple(Lint("individuals", f"{name} {message}.") for name in read)


def check_written(text: str, access: Access, house: Warehouse) -> CheckedQuery:
    """A model's own statement: what the guard passes, unless it adds up currencies. Raises GuardRefusal."""
    checked = guard.check(text, access)
    mixed = next((w for w in lints.find(text, len(house.catalog.currencies)) if w.rule == "mixed currencies"), None)
    if mixed is not None:
        raise GuardRefusal(mixed.rule, mixed.message.removesuffix("."))
    return checked


def _who(question: Question, answer_id: str, house: Warehouse) -> Who:
    users = house.catalog.small.get("users", ())
    team = next((r.get("team") for r in users if question.user and str(r["user"]) == question.user), None)
    return Who(answer_id, question.user, str(team) if team else None, question.thread)


def _kind(type_: str) -> Literal["dimension", "time", "metric"]:
    if type_.startswith(("DATE", "TIMESTAMP")):
        return "time"
    return "metric" if type_.startswith(("DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "BIGINT", "INTEGER")) else "dimension"


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round((now - self._last) * 1000, 2)
        self._last = now


def _one_currency(
    columns: Sequence[AnswerColumn], rows: Sequence[tuple[Any, ...]]
) -> tuple[tuple[AnswerColumn, ...], tuple[tuple[Any, ...], ...]]:
    """A currency column that says the same in every row becomes the amounts' unit."""
    place = next((i for i, c in enumerate(columns) if c.name == "currency" and c.kind == "dimension"), None)
    known = {row[place] for row in rows} if place is not None else set()
    if place is None or len(known) != 1:
        return tuple(columns), tuple(rows)
    unit = str(next(iter(known)))
    kept = tuple(
        replace(c, unit=unit) if c.kind == "metric" and c.unit is None else c
        for i, c in enumerate(columns)
        if i != place
    )
    return kept, tuple(tuple(v for i, v in enumerate(row) if i != place) for row in rows)


def freshness(plan: QueryPlan, house: Warehouse) -> str | None:
    """What to say of the newest loaded day when the period reaches beyond it or ends there."""
    days = house.catalog.days.get(house.model.datasets[plan.dataset].loaded_from)
    if plan.period is None or days is None:
        return None
    monthly = house.model.datasets[plan.dataset].grain == "month"
    if monthly or plan.period.last_day < days.last:
        return None
    return f"Data is loaded up to {days.last.day} {days.last:%b %Y}."
