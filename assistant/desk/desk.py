"""Desk: where people's questions are put, and where given answers are found again. Knows no surface.

Rows are remembered for the newest answers only; an older answer is made again from its record, under what its
reader may see now.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from typing import Any, TypeVar

from ulid import ULID

from assistant.answers import Clock
from assistant.assistant import Assistant
from assistant.desk import changes
from assistant.desk.changes import Change
from assistant.engines.engine import Engine
from assistant.errors import AssistantError, Clarify, Refused
from assistant.premises import Watch, unseen
from assistant.semantics.calendar import Now
from assistant.semantics.catalog import Reader
from assistant.values import (
    Answer,
    AnswerColumn,
    CheckedQuery,
    Clarification,
    QueryPlan,
    Question,
    Reading,
    Rows,
)

REMEMBERED = 64
NOT_YOURS = "There is no such answer, or it was not given to you."
Kept = TypeVar("Kept")
_stoppable: ContextVar[str | None] = ContextVar("stoppable", default=None)


class StoppableEngine:
    """An Engine whose statements carry the name of the chat they run for, so that its stop button finds them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.dialect = engine.dialect
        self._running: set[object] = set()

    @property
    def name(self) -> str:
        return self._engine.name

    @property
    def running(self) -> int:
        """How many statements run or wait for their turn."""
        return len(self._running)

    def run(self, query: CheckedQuery, owner: str | None = None, query_id: str | None = None) -> Rows:
        self._running.add(this := object())
        try:
            return self._engine.run(query, owner or _stoppable.get(), query_id or _stoppable.get())
        finally:
            self._running.discard(this)

    def cancel(self, query_id: str) -> bool:
        return self._engine.cancel(query_id)

    def version(self) -> str:
        return self._engine.version()

    def reading(self) -> AbstractContextManager[Reader]:
        return self._engine.reading()

    def close(self) -> None:
        self._engine.close()


@contextmanager
def stoppable(name: str) -> Iterator[None]:
    """Statements inside run under this name: `engine.cancel(name)` stops them."""
    token = _stoppable.set(name)
    try:
        yield
    finally:
        _stoppable.reset(token)


@dataclass(frozen=True)
class Recalled:
    """An answer found again; `renewed` when its rows were read anew from data loaded since."""

    answer: Answer
    renewed: bool = False


class Desk:
    """Answers for people at browsers and in chats. `today` fixes the day for demonstrations; None is the real one.

    observers: are handed each new answer.
    """

    def __init__(self, assistant: Assistant, today: date | None = None) -> None:
        self.assistant = assistant
        self.observers: list[Callable[[Answer], None]] = []
        self._today = today
        self._recent: OrderedDict[str, Answer] = OrderedDict()
        self._made: OrderedDict[tuple[Any, ...], list[Any]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def today(self) -> date:
        return self._today or datetime.now(UTC).date()

    @property
    def moment(self) -> datetime:
        """Now; of a day that is fixed, its last second (UTC)."""
        if self._today is None:
            return datetime.now(UTC)
        return datetime.combine(self._today, time_of_day.max, UTC).replace(microsecond=0)

    def ask(
        self,
        text: str,
        user: str | None,
        thread: str | None,
        readers: tuple[str, ...] = (),
        watch: Watch = unseen,
        today: date | None = None,
    ) -> Answer:
        """One answer to a question in words. readers: as in Question, here and below. today: None is the desk's."""
        question = Question(text, user, thread, today or self.today, readers=readers)
        return self._new(self.assistant.ask(question, watch))

    def peek(self, text: str, user: str | None) -> Answer:
        """An answer outside any conversation, by the local planner only: it costs no tokens."""
        return self.assistant.ask(Question(text, user, None, self.today, "local"))

    def once(self, name: str, user: str | None, make: Callable[[], list[Kept]]) -> list[Kept]:
        """What `make` returns, made once a day for each user and version of the warehouse."""
        key = (name, user, self.today, self.assistant.warehouse.catalog.data_version)
        with self._lock:
            if key in self._made:
                return self._made[key]
        made = make()
        with self._lock:
            while len(self._made) >= REMEMBERED:
                self._made.popitem(last=False)
            self._made[key] = made
        return made

    def change(
        self,
        answer_id: str,
        key: str,
        user: str | None,
        thread: str | None,
        readers: tuple[str, ...] = (),
        watch: Watch = unseen,
    ) -> Answer:
        """The answer of `answer_id` with one thing changed. Raises Refused when there is no such change."""
        found = self.offered(answer_id, key, user, thread, readers)
        question = Question(found.words, user, thread, self.today, readers=readers)
        return self._new(self._recorded(found.plan, question, watch))

    def offered(
        self, answer_id: str, key: str, user: str | None, thread: str | None = None, readers: tuple[str, ...] = ()
    ) -> Change:
        """The change of that key. Raises Refused when that answer has none such."""
        plan = self.recall(answer_id, user, thread, readers).answer.plan
        found = changes.find(key, plan, self.assistant.warehouse.model, self.now(plan)) if plan else None
        if found is None:
            raise Refused("This change can't be made to that answer any more; ask in words instead.")
        return found

    def run(self, sql: str, user: str | None, thread: str | None, watch: Watch = unseen) -> Answer:
        """The rows of a reader's own SQL, through the guard and under their row policy. Recorded."""
        return self._new(statement(self.assistant, sql, user, thread, self.today, watch)[0])

    def recall(
        self, answer_id: str, user: str | None, thread: str | None = None, readers: tuple[str, ...] = ()
    ) -> Recalled:
        """An answer that was given to this very user; with readers, one of their thread, made anew for who they are
        now. Raises Refused when there is none."""
        with self._lock:
            held = self._recent.get(answer_id)
        if held is not None and held.user == user and not readers:
            return Recalled(held)
        record = self.record(answer_id, user, thread, readers)
        if record["status"] != "answered":
            raise Refused(NOT_YOURS)
        question = Question(record["question"], user, record["thread"], self.today, readers=readers, confirmed=True)
        if not (record["plan"] or record["sql"]):
            return Recalled(Answer("answered", answer_id, question.text, answer=record["answer"] or "", user=user))
        if record["plan"]:
            answer = self._planned(QueryPlan.model_validate(record["plan"]), question, answer_id)
        else:
            checked, rows = self.assistant.run(record["sql"], user, readers)
            answer = Answer(
                "answered",
                answer_id,
                question.text,
                understood=record["understood"] or "",
                answer=record["answer"] or "",
                columns=tuple(_column(n, t) for n, t in zip(rows.columns, rows.types, strict=True)),
                rows=rows.rows,
                truncated=rows.truncated,
                sql=checked.sql,
                planner=record["planner"],
            )
        version = self.assistant.warehouse.catalog.data_version
        answer = replace(answer, user=user, thread=record["thread"])
        return Recalled(answer if readers else self._keep(answer), record["data_version"] != version)

    def record(
        self, answer_id: str, user: str | None, thread: str | None = None, readers: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """What the audit keeps of an answer that was given to this very user, or in the readers' thread.

        Raises Refused when there is none.
        """
        found = next(iter(self.assistant.ledger.answers(answer_id)), None)
        theirs = found is not None and (found["thread"] == thread if readers else found["user"] == user)
        if found is None or not theirs:
            raise Refused(NOT_YOURS)
        return {**found, "feedback": self.assistant.ledger.feedback(answer_id)}

    def aside(self, plan: QueryPlan, user: str | None) -> Answer:
        """The rows of a plan that nobody asked for, such as a trend beside a number. Raises AssistantError."""
        return self._planned(plan, Question("", user, None, self.today), "")

    def now(self, plan: QueryPlan) -> Now:
        """What is loaded for the plan's dataset, beside today."""
        house = self.assistant.warehouse
        days = house.catalog.days.get(house.model.datasets[plan.dataset].loaded_from)
        return Now(self.today, days.first if days else self.today, days.last if days else self.today)

    # --- plans -------------------------------------------------------------------------------------

    def _recorded(self, plan: QueryPlan, question: Question, watch: Watch) -> Answer:
        started = time.perf_counter()
        answer_id = str(ULID())
        try:
            answer = self._planned(plan, question, answer_id, watch)
        except AssistantError as error:
            answer = _failed(error, answer_id, question.text)
        timings = {**answer.timings_ms, "total": _since(started)}
        answer = replace(answer, thread=question.thread, user=question.user, timings_ms=timings)
        self.assistant.record(answer, question.today, question.readers)
        return answer

    def _planned(self, plan: QueryPlan, question: Question, answer_id: str, watch: Watch = unseen) -> Answer:
        core = self.assistant
        reading, access = Reading(plan, 1.0), core.access(question.user, question.readers)
        return core.of_plan(question, answer_id, reading, core.warehouse, access, Clock(), watch)

    def _new(self, answer: Answer) -> Answer:
        for observe in self.observers:
            observe(answer)
        return self._keep(answer)

    def _keep(self, answer: Answer) -> Answer:
        with self._lock:
            self._recent[answer.answer_id] = answer
            self._recent.move_to_end(answer.answer_id)
            while len(self._recent) > REMEMBERED:
                self._recent.popitem(last=False)
        return answer


@dataclass(frozen=True)
class Ran:
    """What came of somebody's statement: the error that it ended with, else what was run and its rows."""

    checked: CheckedQuery | None = None
    rows: Rows | None = None
    error: AssistantError | None = None


def statement(
    core: Assistant, sql: str, user: str | None, thread: str | None, today: date | None, watch: Watch = unseen
) -> tuple[Answer, Ran]:
    """A statement as an answer, with what stands behind it. Recorded, also when it was refused or failed."""
    started = time.perf_counter()
    answer_id = str(ULID())
    try:
        checked, rows = core.run(sql, user, watch=watch)
        ran = Ran(checked, rows)
        answer = Answer(
            "answered",
            answer_id,
            sql,
            answer=f"Your statement returned {len(rows.rows):,} row{'' if len(rows.rows) == 1 else 's'}.",
            columns=tuple(_column(n, t) for n, t in zip(rows.columns, rows.types, strict=True)),
            rows=rows.rows,
            truncated=rows.truncated,
            sql=checked.sql,
            planner="sql",
            assumptions=tuple(lint.message for lint in checked.warnings),
            timings_ms={"execute": round(rows.milliseconds, 1)},
            executed=checked.executable,
        )
    except AssistantError as error:
        answer, ran = _failed(error, answer_id, sql), Ran(error=error)
    answer = replace(answer, timings_ms={**answer.timings_ms, "total": _since(started)}, user=user, thread=thread)
    core.record(answer, today)
    return answer, ran


def _failed(error: AssistantError, answer_id: str, text: str) -> Answer:
    if isinstance(error, Clarify):
        return Answer("clarify", answer_id, text, clarify=Clarification(error.question, error.options))
    return Answer("refused" if isinstance(error, Refused) else "error", answer_id, text, error=str(error))


def _column(name: str, kind: str) -> AnswerColumn:
    """A column of somebody's SQL: what it is can only be told from its type."""
    if kind.startswith(("DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "BIGINT", "INTEGER", "UBIGINT", "UINTEGER")):
        return AnswerColumn(name, "metric")
    return AnswerColumn(name, "time" if kind.startswith(("DATE", "TIMESTAMP")) else "dimension")


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
