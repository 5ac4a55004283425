"""Assistant: the one way through the house. question → plan → SQL → guard → engine → narration.

Wires the stages and keeps nothing between questions; what is known and who may see it is the Premises'.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from ulid import ULID

from assistant import answers, lessons
from assistant.analysis import analyses, people
from assistant.answers import Clock
from assistant.config import Config
from assistant.engines.engine import Engine
from assistant.errors import AssistantError, Clarify, LedgerError, Refused
from assistant.house import Warehouse, freshness
from assistant.ledger import store
from assistant.ledger.audit import Ledger
from assistant.ledger.receipts import Receipt
from assistant.ledger.spend import Who
from assistant.planning import completion, local, meter, replies, routing, templates
from assistant.planning.completion import Statement
from assistant.planning.local import Context, Run
from assistant.planning.meter import Desk, Meter, Unavailable
from assistant.planning.routing import Route
from assistant.planning.templates import Filled, Template
from assistant.premises import (
    Premises,
    Watch,
    check_planned,
    check_written,
    confirmed,
    of_people,
    unconfirmed,
    unseen,
)
from assistant.semantics import dependencies, verified
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.words import compact
from assistant.sql import compile as sql_compile
from assistant.sql import guard, lints, shape
from assistant.telling import numbers
from assistant.values import (
    Access,
    Answer,
    AnswerColumn,
    CheckedQuery,
    Clarification,
    QueryPlan,
    Question,
    Reading,
    Rows,
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


class Assistant(Premises):
    """Answers questions and checked SQL over one warehouse file. Threads may share it."""

    def __init__(
        self, config: Config, engine: Engine | None = None, surface: str = "python", desk: Desk | None = None
    ) -> None:
        super().__init__(config, engine)
        self.desk = desk or meter.desk(config)
        self.surface = surface
        self.ledger = Ledger(store.of(config), config.audit_days, config.audit_rows)

    def ask(self, question: Question, watch: Watch = unseen) -> Answer:
        """One answer; errors become answers with their status. Recorded in the ledger.

        watch: is told each stage's value as it is made; an AssistantError that it raises ends the answer there.
        """
        started = time.perf_counter()
        answer_id = str(ULID())
        thread = question.thread
        question = self._with_consent(question)
        try:
            whole, notes = self._completed(question)
            answer = self._answer(whole, answer_id, watch)
            answer = replace(answer, question=question.text, assumptions=(*notes, *answer.assumptions))
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

    def _with_consent(self, question: Question) -> Question:
        """The question without the words that confirm its cost; these alone mean the one that was asked back last."""
        if not confirmed(question.text):
            return question
        text = unconfirmed(question.text).strip()
        asked = text or self.ledger.asked_back(question.thread, question.user, bool(question.readers))
        return replace(question, text=asked or question.text, confirmed=bool(asked))

    def _completed(self, question: Question) -> tuple[Question, tuple[str, ...]]:
        """A reply to what was asked back, as the question that it completes; any other question as it is."""
        asked = self.ledger.asked_back(question.thread, question.user, bool(question.readers))
        if asked is None:
            return question, ()
        house, access = self.warehouse, self.access(question.user, question.readers)
        lexicon, context, run = self.lexicon(house, access), self._context(question), self._runner(house, access)
        try:
            local.read(asked, lexicon, context, run)
        except Clarify as error:
            option = replies.chosen(question.text, error.options, self.vocabulary.wording)
            if option is None and replies.QUOTED.search(error.question) and lexicon.value_hits(compact(question.text)):
                option = question.text  # the right name of what was unknown
            text = replies.completed(asked, error.question, option) if option else ""
            with suppress(AssistantError):
                local.read(text, lexicon, context, run)
                return replace(question, text=text), (f"read with the question before: “{text}”",)
        except AssistantError:
            pass
        return question, ()

    def _runner(self, house: Warehouse, access: Access) -> Run:
        return lambda plan: self.run_plan(plan, house, people.open_to(plan, house.model, access))[1].rows

    def _context(self, question: Question) -> Context:
        return Context(
            today=question.today or datetime.now(UTC).date(),
            previous=self.ledger.last_plan(question.thread, question.user, bool(question.readers)),
            reporting=self.config.reporting_currency,
            user=question.user,
        )

    def record(self, answer: Answer, today: date | None = None, readers: tuple[str, ...] = ()) -> None:
        """Keeps an answer in the audit, with what it was made with."""
        version, definitions, policy, depends = "", None, None, None
        if self._warehouse is not None:
            house = self._warehouse
            version, definitions = house.catalog.data_version, house.model.version
            depends = dependencies.of_plan(answer.plan, house.model, house.catalog) if answer.plan else None
            with suppress(AssistantError):  # somebody unknown has no policy, and is recorded nevertheless
                policy = self.access(answer.user, readers).note
        receipt = Receipt(
            policy=policy,
            engine=self.engine.name,
            definitions=definitions,
            readers=readers,
            today=today or datetime.now(UTC).date(),
            depends=depends,
        )
        self.ledger.record(answer, self.surface, version, receipt)

    def _answer(self, question: Question, answer_id: str, watch: Watch) -> Answer:
        clock = Clock()
        house = self.warehouse
        access = self.access(question.user, question.readers)
        context = self._context(question)
        taught = lessons.respond(self, self.ledger.store, question, answer_id)
        if taught is not None:
            return taught
        known = self.known(question.text, context.today)
        if known is not None:
            return self._verified(Filled(known, known.sql), question, answer_id, access, clock, watch)

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
                run=self._runner(house, access),
                check=lambda text: check_written(text, access, house),
                fits=lambda plan: check_planned(self.compiled(plan, house).tree, access),
                meter=talk,
            )
        )
        clock.lap("plan")
        if routed.planner == "local" and isinstance(routed.read, Reading):
            meant = self.verified_plan(routed.read.plan, question, context, self.lexicon(house, access))
            if meant is not None:
                return self._verified(meant, question, answer_id, access, clock, watch)
        if isinstance(routed.read, Statement):
            watch("understood", UNDERSTOOD_SQL)
            answer = self._of_sql(question, answer_id, routed.read.checked, house, access, clock, watch)
            warned = (*answer.assumptions, *(talk.warnings if talk else ()))
            told = replace(answer, understood=UNDERSTOOD_SQL, answer=UNVERIFIED, assumptions=warned)
            return replace(told, planner="sql", confidence=0.4)
        answer = self.of_plan(question, answer_id, routed.read, house, access, clock, watch)
        if (lapsed := self.filed(question.text)) is not None:
            said = f"the verified query “{lapsed.name}” lapsed on {lapsed.until}; {lapsed.owner} can renew it"
            answer = replace(answer, assumptions=(*answer.assumptions, said))
        if routed.read.plan.analysis is not None or people.left_out(self.roles.people) in answer.assumptions:
            return replace(answer, planner=routed.planner)  # its words are computed: there is nothing to tell better
        answer = self._narrated(replace(answer, planner=routed.planner), talk)
        clock.lap("narrate")
        return replace(answer, timings_ms=clock.laps)

    def verified_plan(self, plan: QueryPlan, question: Question, context: Context, lexicon: Lexicon) -> Filled | None:
        """The verified SQL of what the question means outside any conversation; None when there is none."""
        ready = self.templates(context.today) if plan.analysis is None else []
        if not ready:
            return None
        if context.previous is not None:
            with suppress(AssistantError):
                alone = local.read(question.text, lexicon, replace(context, previous=None)).plan
                return self._meant(alone, question, ready) if alone == plan else None
            return None
        return self._meant(plan, question, ready)

    def _meant(self, plan: QueryPlan, question: Question, ready: Sequence[Template]) -> Filled | None:
        dated = verified.dated(question.text, self.vocabulary.calendar)
        return templates.find(plan, dated, ready, self.warehouse.model)

    def _verified(
        self, found: Filled, question: Question, answer_id: str, access: Access, clock: Clock, watch: Watch
    ) -> Answer:
        """The rows of a query that somebody checked, labelled so."""
        query, name = found.query, f"{VERIFIED}{found.query.name}"
        watch("understood", name)
        checked = guard.check(found.sql, access)
        clock.lap("plan")
        answer = self._of_sql(question, answer_id, checked, self.warehouse, access, clock, watch)
        count = f"{len(answer.rows)} {'row' if len(answer.rows) == 1 else 'rows'}"
        until = f", until {query.until}" if query.until else ""
        owner = f"; {query.owner} answers for it" if query.owner not in ("", query.by) else ""
        instead = f" ({'; '.join(found.instead)})" if found.instead else ""
        said = (f"verified by {query.by} on {query.on}{until}{owner}", *found.instead)
        return replace(
            answer,
            understood=name,
            answer=f"{query.name[:1].upper()}{query.name[1:]}{instead}: {count}.",
            assumptions=(*said, *answer.assumptions),
            confidence=1.0,
        )

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
        rows = self.execute(checked, access, question.user, question.confirmed)
        rows, notes = self._grouped(reading.plan, statement.columns, rows, house, access)
        reading = replace(reading, assumptions=(*reading.assumptions, *notes))
        clock.lap("execute")
        watch("ran", rows)
        fresh = freshness(reading.plan, house)
        answer = answers.of_reading(answer_id, question.text, reading, statement, rows, house.model, fresh, access.note)
        said = people.left_out(self.roles.people)
        if said in notes:
            answer = replace(answer, answer=f"{answer.answer} {said[:1].upper()}{said[1:]}.")
        return replace(answer, timings_ms=clock.laps, executed=checked.executable)

    def _analysed(self, question: Question, answer_id: str, reading: Reading, clock: Clock, watch: Watch) -> Answer:
        """The report of an analysis: more than one statement, each through the guard."""
        plan = reading.plan
        shape.check(plan, self.warehouse.model)
        books = self.books(question.user, question.today, question.readers, question.confirmed)
        found = analyses.answer(plan, books)
        clock.lap("execute")
        sql = ";\n\n".join(books.statements)
        watch("sql", sql)
        label = self.vocabulary.analyses[plan.analysis or ""].label
        answer = answers.of_report(
            answer_id, question.text, found, reading, label, books.house.model, books.access.note
        )
        watch("ran", Rows(tuple(c.name for c in answer.columns), (), answer.rows, milliseconds=clock.laps["execute"]))
        executed = ";\n\n".join(books.executed)
        return replace(answer, sql=sql, executed=executed, timings_ms=clock.laps)

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
        rows = self.execute(checked, access, question.user, question.confirmed)
        clock.lap("execute")
        watch("ran", rows)
        warnings = (*lints.find(checked.sql, len(house.catalog.currencies)), *of_people(checked, access))
        answer = answers.of_rows(answer_id, question.text, checked, rows, warnings, access.note)
        return replace(answer, timings_ms=clock.laps)

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

    def _grouped(
        self, plan: QueryPlan, columns: Sequence[AnswerColumn], rows: Rows, house: Warehouse, access: Access
    ) -> tuple[Rows, tuple[str, ...]]:
        """Without groups of people that are too small for this user to see."""

        def run(count: QueryPlan, seen: Access) -> tuple[Sequence[AnswerColumn], Sequence[tuple[Any, ...]]]:
            columns, rows = self.run_plan(count, house, seen)
            return columns, rows.rows

        kept, notes = people.grouped(plan, columns, rows.rows, house.model, access, self.roles.people, run)
        return replace(rows, rows=kept), notes

    def close(self) -> None:
        self.engine.close()
        self.ledger.close()
        if self.desk is not None:
            self.desk.spend.store.close()
