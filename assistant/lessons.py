"""Lessons: people teach a word in a sentence; it is a proposal until somebody who may review it accepts it.

Accepting writes schemas/taught.yaml; the next question uses the word. Before that it shows which questions it changes:
the newest ones that were asked and the verified ones, read with and without it. Draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from ulid import ULID

from assistant.errors import AssistantError, Refused
from assistant.ledger.lessons import Lesson, Lessons
from assistant.ledger.store import Store
from assistant.planning import local, teaching
from assistant.planning.local import Context
from assistant.planning.teaching import Forms, Heard
from assistant.premises import Premises
from assistant.semantics import bind, taught
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.taught import Word
from assistant.semantics.words import split
from assistant.telling.understood import understood
from assistant.values import Answer, Clarification, Question

COSTS = "cost_and_usage"
MOST_ASKED = 200
MOST_SHOWN = 5


@dataclass(frozen=True)
class Changed:
    """A question that the word changes, how it is read without and with it. by: who asked; "" for a verified one."""

    question: str
    by: str
    before: str
    after: str


def respond(core: Premises, store: Store, question: Question, answer_id: str) -> Answer | None:
    """What is said to a sentence that teaches or reviews a word; None for every other one. Raises AssistantError."""
    forms = teaching.forms(core.config.schemas)
    said = teaching.heard(question.text, forms)
    if said is None:
        return None
    own, today = Lessons(store), question.today or datetime.now(UTC).date()
    if said.do == "teach":
        return _proposed(core, own, question, said, answer_id, forms)
    if not any(_is(one, said.word) for one in own.pending()):
        return None  # a question after all
    call = accept if said.do == "accept" else reject
    told = call(core, own, said.word, question.user, today)
    return Answer("answered", answer_id, question.text, understood="A word that was taught", answer=told)


def _proposed(core: Premises, own: Lessons, question: Question, said: Heard, answer_id: str, forms: Forms) -> Answer:
    access = core.access(question.user, question.readers)
    lexicon = core.lexicon(core.warehouse, access)
    word = teaching.understand(said, lexicon, newest(core), forms)
    body = word.model_dump_json(exclude_defaults=True)
    known = next((one for one in own.pending() if one.body == body), None)
    name = known.id if known else str(ULID())
    if known is None:
        own.propose(name, question.user, word.word, question.text, body)
    reviews = may(core, question.user) and not question.readers
    told = " ".join(_told(core, own.store, word, name, lexicon, question.user, reviews))
    options = (f'accept the word "{word.word}"', f'reject the word "{word.word}"') if reviews else ()
    return Answer("clarify", answer_id, question.text, clarify=Clarification(told, options))


def _told(
    core: Premises, store: Store, word: Word, name: str, lexicon: Lexicon, user: str | None, reviews: bool
) -> Iterator[str]:
    yield f"Understood: '{word.word}' would be {next(teaching.described(word, lexicon))}."
    if (until_now := _read(word.word, lexicon, newest(core))) and not until_now.startswith(_UNREAD):
        yield f"By itself it was read until now as: {until_now}."
    found = changed(core, store, word)
    mine = [one for one in found if reviews or one.by in ("", user or "the local operator")]
    yield f"Of the questions asked lately and the verified ones it changes {len(found) or 'none'}."
    for one in mine[:MOST_SHOWN]:
        yield f"'{one.question}': {one.before} → {one.after}."
    if len(found) > len(mine[:MOST_SHOWN]):
        yield f"The others are shown by `askcost teach show {name}`."
    yield (
        "Nothing changes before it is accepted."
        if reviews
        else f"It is kept as a proposal until an analyst accepts it (askcost teach accept {name})."
    )


def may(core: Premises, user: str | None) -> bool:
    """Whether this user's role reviews words (`verifies` in schemas/roles.yaml); the local operator does."""
    role = core.roles.roles.get(core.access(user).role)
    return user is None or (role is not None and role.verifies)


def newest(core: Premises) -> date:
    """The day after the newest one loaded: what is read as of it is about days that are there."""
    days = core.warehouse.catalog.days
    loaded = [days[COSTS]] if COSTS in days else list(days.values())  # budgets reach into the future
    return min((one.last for one in loaded), default=datetime.now(UTC).date()) + timedelta(days=1)


def _is(lesson: Lesson, name: str) -> bool:
    return lesson.id == name or split(lesson.word) == split(name)


# --- what it changes --------------------------------------------------------------------------------------------------

_UNREAD = "not understood: "


def changed(core: Premises, store: Store, word: Word) -> list[Changed]:
    """The newest questions that people asked, and the verified ones, that are read otherwise with the word."""
    house = core.warehouse
    words = replace(core.vocabulary, taught=(*core.vocabulary.taught, word))
    with_it = Lexicon(bind.bind(core.schema, house.catalog, words), house.catalog, words)
    found = []
    for question, by, today in _asked(core, store):
        before, after = (_read(question, lexicon, today) for lexicon in (house.lexicon, with_it))
        if before != after:
            found.append(Changed(question, by, before, after))
    return found


def _asked(core: Premises, store: Store) -> Iterator[tuple[str, str, date]]:
    with store.transaction() as run:
        rows = run(
            'SELECT question, "user", max(today) AS today FROM answers WHERE surface NOT IN '
            "('eval', 'sql', 'report', 'recall') AND planner <> 'sql' AND today IS NOT NULL "
            'GROUP BY question, "user" ORDER BY max(at) DESC LIMIT :most',
            most=MOST_ASKED,
        )
    for row in rows:
        yield row["question"], row["user"] or "the local operator", date.fromisoformat(row["today"])
    for query in core.in_use(datetime.now(UTC).date()):
        yield from ((question, "", newest(core)) for question in query.questions)


def _read(question: str, lexicon: Lexicon, today: date) -> str:
    """How a question is read by itself, in words; the same words are the same reading."""
    try:
        return understood(local.read(question, lexicon, Context(today)).plan, lexicon.model)
    except AssistantError as error:
        return f"{_UNREAD}{str(error)[:120]}"


# --- review -----------------------------------------------------------------------------------------------------------


def find(own: Lessons, name: str) -> Lesson:
    """By id, or the newest pending one of that word. Raises Refused."""
    every = own.all()
    found = next((one for one in every if one.id == name), None)
    found = found or next((one for one in every if one.decision is None and _is(one, name)), None)
    if found is None:
        raise Refused(f"There is no proposal {name}; `askcost teach list` shows those that are pending.")
    return found


def accept(core: Premises, own: Lessons, name: str, user: str | None, today: date, why: str = "") -> str:
    """Makes the word part of the language, and says so. Raises Refused, Clarify for a word that is taken by now."""
    lesson = _pending(core, own, name, user)
    word = Word.model_validate_json(lesson.body)
    teaching.check_free(word.word, core.warehouse.lexicon)
    if not taught.speaks(word, core.warehouse.model):
        raise Refused(f"'{word.word}' is made of something that is no longer loaded; it can't be accepted.")
    lessons = taught.read(core.config.schemas)
    by, who = lesson.user or "the local operator", user or "the local operator"
    kept = word.model_copy(update={"by": by, "accepted_by": who, "on": today.isoformat(), "why": why or lesson.said})
    new = replace(lessons, version=lessons.version + 1, words=(*lessons.words, kept))
    taught.write(core.config.schemas, new)
    own.decide(lesson.id, "accept", user, why)
    return f"From now on '{word.word}' is {next(teaching.described(word, core.warehouse.lexicon))}, for everybody."


def reject(core: Premises, own: Lessons, name: str, user: str | None, today: date, why: str = "") -> str:
    lesson = _pending(core, own, name, user)
    own.decide(lesson.id, "reject", user, why)
    return f"'{lesson.word}' is not learnt."


def _pending(core: Premises, own: Lessons, name: str, user: str | None) -> Lesson:
    if not may(core, user):
        raise Refused("Your role does not review words; an analyst or administrator does.")
    lesson = find(own, name)
    if lesson.decision is not None:
        raise Refused(f"'{lesson.word}' was decided already by {lesson.decided_by or 'the operator'}.")
    return lesson


def undo(core: Premises, own: Lessons, name: str | None, user: str | None, today: date) -> str:
    """Takes a word back, the newest one without a name. Raises Refused."""
    if not may(core, user):
        raise Refused("Your role does not review words; an analyst or administrator does.")
    lessons = taught.read(core.config.schemas)
    found = [one for one in lessons.words if name is None or split(one.word) == split(name)]
    if not found:
        raise Refused(f"No word {name or ''} was taught.")
    word = found[-1]
    gone = {
        **word.model_dump(mode="json", exclude_defaults=True),
        "withdrawn_by": user or "the local operator",
        "withdrawn_on": today.isoformat(),
    }
    words: Sequence[Word] = tuple(one for one in lessons.words if one is not word)
    new = replace(lessons, version=lessons.version + 1, words=tuple(words), withdrawn=(*lessons.withdrawn, gone))
    taught.write(core.config.schemas, new)
    lesson = next((one for one in own.all() if one.decision == "accept" and split(one.word) == split(word.word)), None)
    if lesson is not None:
        own.decide(lesson.id, "undo", user)
    return f"'{word.word}' is no longer {word.meaning}."
