"""Assistant: the one way through the house. question → plan → SQL → guard → engine → narration.

Wires the stages and keeps nothing between questions but one snapshot of the warehouse's names.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
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
from assistant.errors import AssistantError, Clarify, GuardRefusal, LedgerError, Refused
from assistant.house import Warehouse, read_warehouse, user_access, visible
from assistant.ledger import allowances, store
from assistant.ledger.audit import Ledger
from assistant.ledger.budget import Limit
from assistant.ledger.drawer import Drawer
from assistant.ledger.receipts import Receipt
from assistant.ledger.saved import Saved
from assistant.ledger.spend import Who
from assistant.planning import completion, meter, routing
from assistant.planning.completion import Statement
from assistant.planning.local import Context
from assistant.planning.meter import Desk, Meter, Unavailable
from assistant.planning.routing import Route
from assistant.semantics import model, verified, vocabulary
from assistant.semantics.catalog import Reader
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.model import SemanticModel
from assistant.semantics.verified import Verified
from assistant.sql import compile as sql_compile
from assistant.sql import guard, lints, policy, roles, scan
from assistant.sql.roles import Roles
from assistant.sql.scan import Scan
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
    Stage,
    Status,
    Tokens,
)

VERIFIED = "Verified query: "
logger = logging.getLogger(__name__)

UNDERSTOOD_SQL = "SQL written by a language model, unverified"
UNVERIFIED = (
    "Unverified: a language model wrote this SQL, because no checked plan can say the question. "
    "It passed the guard and your row policy; that it means what you asked, nobody has checked."
)
Watch = Callable[[Stage, Any], None]


def unseen(stage: Stage, value: Any) -> None:
    """A Watch that looks away."""


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
        self.ledger = Ledger(store.of(config), config.audit_days, config.audit_rows)
        self.saved = Saved(config.ledger_path)
        self._warehouse: Warehouse | None = None
        self._accesses: dict[tuple[str, str | None], Access] = {}
        self._lexicons: dict[tuple[Any, ...], Lexicon] = {}
        self._sizes: dict[tuple[str, str | None, str], int] = {}

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

    def known(self, question: str) -> Verified | None:
        """The verified query of these words: what this company's analysts saved last, else the one in schemas/."""
        words = verified.normal(question)
        entry = self.saved.find(words)
        if entry is None:
            return self.verified.get(words)
        return Verified(entry.question, entry.sql, entry.by, entry.on) if entry.sql else None

    @cached_property
    def roles(self) -> Roles:
        return roles.read(self.config.schemas)

    @property
    def warehouse(self) -> Warehouse:
        """The current version's names; read anew when a load has published another."""
        version = duckdb_engine.file_version(self.config.warehouse)
        if self._warehouse is None or self._warehouse.version != version:
            if isinstance(self.engine, DuckDBEngine):
                self.engine.close()  # DuckDB hands out the old file again while this process holds it open
            with self.reading() as reader:
                self._warehouse = read_warehouse(reader, self.schema, self.vocabulary, version)
            self._accesses.clear()
            self._lexicons.clear()
            self._sizes.clear()
        return self._warehouse

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Runs trusted SQL of ours, past every policy: for what the warehouse knows of itself."""
        connection = duckdb_engine.open_locked(self.config.warehouse, self.limits)
        try:
            yield lambda text: connection.cursor().execute(text).fetchall()
        finally:
            connection.close()

    def access(self, user: str | None, readers: Sequence[str] = ()) -> Access:
        """What this user, and every one of the readers too, may see.

        Raises Refused for one that is not listed, or whose policy can't be read.
        """
        if readers:
            return policy.intersection([self.access(one) for one in dict.fromkeys((user, *readers))])
        house = self.warehouse
        key = (house.catalog.data_version, user)
        if key not in self._accesses:
            self._accesses[key] = user_access(user, house, self.limits, self.roles)
        return self._accesses[key]

    def books(self, user: str | None, today: date | None = None, readers: Sequence[str] = ()) -> Books:
        """What an analysis reads with, as this user. Raises Refused for a user that is not listed."""
        house, access = self.warehouse, self.access(user, readers)
        return Books(
            house=house,
            access=access,
            engine=lambda checked: self.engine.run(checked, owner=user),
            today=today or datetime.now(UTC).date(),
            schemas=self.config.schemas,
            drawer=Drawer(self.config.ledger_path),
            people=self.roles.people,
            fiscal=self.vocabulary.calendar.fiscal_start,
            ledger=self.config.ledger_path,
        )

    def lexicon(self, house: Warehouse, access: Access) -> Lexicon:
        """The words that whoever sees this much knows, kept until the next load."""
        seen = ((t.name, t.predicate, t.columns, tuple(sorted(t.masks.items()))) for t in access.tables.values())
        key = (house.catalog.data_version, access.note is None, *seen)
        if key not in self._lexicons:
            self._lexicons[key] = visible(house, access, self._run_sql)
        return self._lexicons[key]

    def people(self) -> dict[str, str | None]:
        """Listed user → their team."""
        listed = self.warehouse.catalog.small.get("users", ())
        return {str(r["user"]): str(r["team"]) if r.get("team") else None for r in listed}

    def team(self, user: str) -> str | None:
        return self.people().get(user)

    def allowances(self, who: Who) -> tuple[Limit, ...]:
        """The limits that the loaded token_allowances set this user and team in the running month."""
        operator = self.access(None)
        return allowances.of(who, tuple(operator.tables), lambda text: self._run_sql(text, operator).rows)

    # --- questions -----------------------------------------------------------------------------------

    def ask(self, question: Question, watch: Watch = unseen) -> Answer:
        """One answer; errors become answers with their status. Recorded in the ledger.

        watch: is told each stage's value as it is made; an AssistantError that it raises ends the answer there.
        """
        started = time.perf_counter()
        answer_id = str(ULID())
        thread = question.thread
        try:
            answer = self._answer(question, answer_id, watch)
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
        except Exception as error:  # a defect of ours must cost one answer, not a batch or a conversation
            logger.exception("answer %s", answer_id)
            said = f"Something went wrong inside askcost ({type(error).__name__}), not in your question."
            answer = Answer("error", answer_id, question.text, error=f"{said} It is logged under {answer_id}.")
        timings = {**answer.timings_ms, "total": round((time.perf_counter() - started) * 1000, 1)}
        answer = replace(answer, thread=thread, user=question.user, timings_ms=timings)
        if self.desk is not None:
            answer = self._billed(answer, self.desk)
        self.record(answer, question.today, question.readers)
        return answer

    def record(self, answer: Answer, today: date | None = None, readers: tuple[str, ...] = ()) -> None:
        """Keeps an answer in the audit, with what it was made with."""
        version, definitions, policy = "", None, None
        if self._warehouse is not None:
            version, definitions = self._warehouse.catalog.data_version, self._warehouse.model.version
            with suppress(AssistantError):  # somebody unknown has no policy, and is recorded nevertheless
                policy = self.access(answer.user, readers).note
        receipt = Receipt(
            policy=policy,
            engine=duckdb_engine.NAME if self.engine.dialect == "duckdb" else self.engine.dialect,
            definitions=definitions,
            readers=readers,
            today=today or datetime.now(UTC).date(),
        )
        self.ledger.record(answer, self.surface, version, receipt)

    def _answer(self, question: Question, answer_id: str, watch: Watch) -> Answer:
        clock = Clock()
        house = self.warehouse
        access = self.access(question.user, question.readers)
        today = question.today or datetime.now(UTC).date()
        context = Context(
            today=today,
            previous=self.ledger.last_plan(question.thread, question.user, bool(question.readers)),
            reporting=self.config.reporting_currency,
            user=question.user,
        )

        known = self.known(question.text)
        if known is not None:
            watch("understood", f"{VERIFIED}{known.name}")
            checked = guard.check(known.sql, access)
            clock.lap("plan")
            answer = self._of_sql(question, answer_id, checked, house, access, clock, watch)
            noun = "row" if len(answer.rows) == 1 else "rows"
            return replace(
                answer,
                understood=f"{VERIFIED}{known.name}",
                answer=f"{known.name[:1].upper()}{known.name[1:]}: {len(answer.rows)} {noun}.",
                assumptions=(f"verified by {known.by} on {known.on}", *answer.assumptions),
                confidence=1.0,
            )

        def run(plan: QueryPlan) -> Sequence[tuple[Any, ...]]:
            return self._run(plan, house, people.open_to(plan, house.model, access))[1].rows

        team = self.team(question.user) if question.user else None
        who = Who(answer_id, question.user, team, question.thread)
        forced = question.planner == "llm"
        talk = self.desk.meter(who, forced, lambda: self.allowances(who)) if self.desk else None
        routed = routing.read(
            Route(
                question=question,
                lexicon=self.lexicon(house, access),
                context=context,
                access=access,
                run=run,
                check=lambda text: check_written(text, access, house),
                fits=lambda plan: check_planned(self._compiled(plan, house).tree, access),
                meter=talk,
            )
        )
        clock.lap("plan")
        if isinstance(routed.read, Statement):
            watch("understood", UNDERSTOOD_SQL)
            answer = self._of_sql(question, answer_id, routed.read.checked, house, access, clock, watch)
            warned = (*answer.assumptions, *(talk.warnings if talk else ()))
            told = replace(answer, understood=UNDERSTOOD_SQL, answer=UNVERIFIED, assumptions=warned)
            return replace(told, planner="sql", confidence=0.4)
        answer = self.of_plan(question, answer_id, routed.read, house, access, clock, watch)
        if routed.read.plan.analysis is not None or people.left_out(self.roles.people) in answer.assumptions:
            return replace(answer, planner=routed.planner)  # its words are computed: there is nothing to tell better
        answer = self._narrated(replace(answer, planner=routed.planner), talk)
        clock.lap("narrate")
        return replace(answer, timings_ms=clock.laps)

    def of_plan(
        self,
        question: Question,
        answer_id: str,
        reading: Reading,
        house: Warehouse,
        access: Access,
        clock: Clock,
        watch: Watch = unseen,
    ) -> Answer:
        """A reading compiled, checked, run and told; not recorded. Raises AssistantError."""
        watch("understood", reading)
        if reading.plan.analysis is not None:
            return self._analysed(question, answer_id, reading, clock, watch)
        statement = sql_compile.compile(reading.plan, house.model, house.catalog, self.vocabulary.calendar.fiscal_start)
        watch("sql", statement.sql)
        checked = check_planned(statement.tree, people.open_to(reading.plan, house.model, access))
        clock.lap("guard")
        watch("checked", checked)
        rows = self.engine.run(checked, owner=question.user)
        rows, notes = self._grouped(reading.plan, statement.columns, rows, house, access)
        reading = replace(reading, assumptions=(*reading.assumptions, *notes))
        clock.lap("execute")
        watch("ran", rows)
        answer = self._told(question, answer_id, reading, statement, rows, house, access)
        said = people.left_out(self.roles.people)
        if said in notes:
            answer = replace(answer, answer=f"{answer.answer} {said[:1].upper()}{said[1:]}.")
        return replace(answer, timings_ms=clock.laps, executed=checked.executable)

    def _analysed(self, question: Question, answer_id: str, reading: Reading, clock: Clock, watch: Watch) -> Answer:
        """The report of an analysis: more than one statement, each through the guard."""
        plan = reading.plan
        books = self.books(question.user, question.today, question.readers)
        found = analyses.answer(plan, books)
        clock.lap("execute")
        sql = ";\n\n".join(books.statements)
        watch("sql", sql)
        kept = [c.name not in found.wide for c in found.columns]
        columns = tuple(c for c, keep in zip(found.columns, kept, strict=True) if keep)
        rows = tuple(tuple(v for v, keep in zip(row, kept, strict=True) if keep) for row in found.rows)
        watch("ran", Rows(tuple(c.name for c in columns), (), rows, milliseconds=clock.laps["execute"]))
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
            sql=sql,
            confidence=reading.confidence,
            assumptions=(*reading.assumptions, *found.notes, *note),
            plan=plan,
            timings_ms=clock.laps,
            executed=";\n\n".join(books.executed),
        )

    def _of_sql(
        self,
        question: Question,
        answer_id: str,
        checked: CheckedQuery,
        house: Warehouse,
        access: Access,
        clock: Clock,
        watch: Watch,
    ) -> Answer:
        """The rows of a statement that somebody wrote, with its lints."""
        watch("sql", checked.sql)
        watch("checked", checked)
        rows = self.engine.run(checked, owner=question.user)
        clock.lap("execute")
        watch("ran", rows)
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
            executed=checked.executable,
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
        except LedgerError:
            return answer
        asked = tokens != Tokens() and answer.status != "answered"
        return replace(answer, tokens=tokens, planner="llm" if asked else answer.planner)

    def _compiled(self, plan: QueryPlan, house: Warehouse) -> sql_compile.Statement:
        return sql_compile.compile(plan, house.model, house.catalog, self.vocabulary.calendar.fiscal_start)

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
        statement = self._compiled(plan, house)
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

    def check(self, text: str, user: str | None = None, readers: Sequence[str] = ()) -> CheckedQuery:
        """Only validates, with FinOps lints as warnings. Raises GuardRefusal."""
        access = self.access(user, readers)
        checked = guard.check(text, access)
        found = lints.find(text, len(self.warehouse.catalog.currencies))
        return replace(checked, warnings=(*found, *_of_people(checked, access)))

    def estimate(self, checked: CheckedQuery, user: str | None = None) -> Scan:
        """What the statement is going to read, estimated from the rows that the user sees."""
        house, access = self.warehouse, self.access(user)
        return scan.estimate(checked, access, {name: self._table(name, house, access) for name in checked.tables})

    def _table(self, name: str, house: Warehouse, access: Access) -> scan.Table:
        key = (house.catalog.data_version, access.tables[name].predicate, name)
        if key not in self._sizes:
            self._sizes[key] = int(self._run_sql(f"SELECT count(*) FROM {name}", access).rows[0][0])
        dataset = next((d for d in house.model.datasets.values() if d.loaded_from == name), None)
        return scan.Table(self._sizes[key], dataset.time if dataset else None, house.catalog.days.get(name))

    def run(
        self, text: str, user: str | None = None, readers: Sequence[str] = (), watch: Watch = unseen
    ) -> tuple[CheckedQuery, Rows]:
        """Validates, applies the row policy of the user and the readers, runs."""
        checked = self.check(text, user, readers)
        watch("checked", checked)
        rows = self.engine.run(checked, owner=user)
        watch("ran", rows)
        return checked, rows

    def close(self) -> None:
        self.engine.close()
        self.ledger.close()
        if self.desk is not None:
            self.desk.spend.store.close()


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


def _kind(type_: str) -> Literal["dimension", "time", "metric"]:
    if type_.startswith(("DATE", "TIMESTAMP")):
        return "time"
    return "metric" if type_.startswith(("DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "BIGINT", "INTEGER")) else "dimension"


class Clock:
    """Milliseconds from one lap to the next."""

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
