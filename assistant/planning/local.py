"""The local planner: words → one plan, or a question back. No model, no network, no token.

cover (lattice) → attach (draft) → resolve (plans) → and, where several plans remain, the data decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from assistant.errors import Clarify, Refused
from assistant.planning import attach, brief, lattice, resolve
from assistant.planning.resolve import Candidate
from assistant.semantics import words
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.meanings import GUESSED
from assistant.values import Filter, QueryPlan, Reading

LONGEST_QUESTION = 2_000
USAGE = "token_usage"

# Runs a plan and returns its rows; the planner only asks for it when readings compete.
Run = Callable[[QueryPlan], Sequence[tuple[Any, ...]]]


class Uncovered(Clarify):
    """Words of the question that nothing here explains; a language model may."""

    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What a question is read against: the day, the conversation's last plan, the reporting currency, who asks."""

    today: date
    previous: QueryPlan | None = None
    reporting: str | None = None
    user: str | None = None


def read(text: str, lexicon: Lexicon, context: Context, run: Run | None = None) -> Reading:
    """The reading of one message. Raises Clarify (Uncovered for unknown words) or Refused; never guesses."""
    if not text.strip():
        raise Clarify("The question is empty. Ask, for example: “cost by service last month”.")
    if len(text) > LONGEST_QUESTION:
        raise Refused(f"The question has {len(text):,} characters; {LONGEST_QUESTION:,} is the most.")
    own = brief.read(text, lexicon, context.previous)
    if own is not None and own.rest is None:
        plan = QueryPlan(dataset=USAGE, metrics=(lexicon.vocabulary.analyses[own.analysis].metric,))
        return Reading(plan.model_copy(update={"analysis": own.analysis, "given": own.given}), 0.95, own.notes)
    if (same := _same_thing(text, lexicon, context.previous)) is not None:
        return same
    text = text if own is None or own.rest is None else own.rest
    cover = lattice.cover(words.tokens(text), lexicon)
    draft = attach.attach(cover.spans, lexicon, own.analysis if own else None)
    draft.asker = context.user if draft.own else None
    try:
        candidates = resolve.resolve(draft, lexicon, context.today, context.previous, context.reporting)
    except Clarify as error:
        if not draft.unknown:
            raise
        uncovered = Uncovered(error.question, error.options)
        uncovered.words = tuple(draft.unknown)
        raise uncovered from None
    chosen = candidates[0] if len(candidates) == 1 or run is None else _decide(text, candidates, run)
    plan = chosen.plan if own is None else chosen.plan.model_copy(update={"given": own.given})
    return Reading(
        plan=plan,
        confidence=round(chosen.confidence, 3),
        assumptions=(*(own.notes if own else ()), *chosen.assumptions),
        competitors=tuple(c.plan for c in candidates if c is not chosen),
    )


def _same_thing(text: str, lexicon: Lexicon, previous: QueryPlan | None) -> Reading | None:
    """`who owns it`, `since when`: another look at what the last analysis was about, in words of its own."""
    last = lexicon.vocabulary.analyses.get(previous.analysis or "") if previous is not None else None
    if previous is None or last is None:
        return None
    asks = last.asks or (lexicon.vocabulary.analyses[last.wider].asks if last.wider else {})
    said = words.split(text)
    name = asks.get(said[1:] if said[:1] == ("and",) else said)
    if name is None:
        return None
    split = previous.dimensions if "dimensions" in lexicon.vocabulary.analyses[name].takes else ()
    return Reading(previous.model_copy(update={"analysis": name, "dimensions": split}), 0.95)


def filters(text: str, lexicon: Lexicon) -> tuple[Filter, ...]:
    """A condition in a question's words (`cost_center = Retail`), strictly: for row policies and allocation rules.

    Raises Clarify for anything else in it: an unknown, misspelt or partial name, two readings, an `or` between
    different dimensions. A guess here would open or close somebody's data.
    """
    cover = lattice.cover(words.tokens(text), lexicon)
    draft = attach.attach(cover.spans, lexicon)
    guessed = [s.text for s in cover.spans if s.corrected or any(h.how in GUESSED for h in s.hits)]
    if draft.unknown or guessed:
        name = (draft.unknown or guessed)[0]
        raise Clarify(f"“{name}” is not a name in this data.", tuple(lexicon.near(name)))
    if not (draft.values or draft.empties):
        raise Clarify(f"“{text}” is not a condition; write for example “cost_center = Retail”.")
    if draft.times or draft.dimensions or draft.thresholds or draft.metrics or draft.descending is not None:
        raise Clarify(f"“{text}” is more than a condition on costs; write for example “cost_center = Retail”.")
    found = resolve.conditions(draft, lexicon)
    if len(found) > 1 and any("or" in s.words for s in cover.spans):
        raise Clarify(f"“{text}”: an “or” between different dimensions can't be kept; list values of one dimension.")
    return found


def _decide(text: str, candidates: Sequence[Candidate], run: Run) -> Candidate:
    """Readings with the same rows are one reading; else the user is asked, with both named.

    Each option is the question again, in words that have one reading.
    """
    results = [(candidate, run(candidate.plan)) for candidate in candidates]
    first = results[0]
    if all(_same(rows, first[1]) for _, rows in results[1:]):
        return first[0]
    shown = [f"{' and '.join(c for _, c in one.choices)}{_headline(rows)}" for one, rows in results]
    question = f"That name is used in more than one way here: {', or '.join(shown)}. Which one do you mean?"
    raise Clarify(question, tuple(_said_again(text, candidate) for candidate, _ in results))


def _said_again(text: str, candidate: Candidate) -> str:
    for words_, choice in candidate.choices:
        text = text.replace(words_, choice, 1) if words_ in text else f"{text} ({choice})"
    return text


def _same(one: Sequence[tuple[Any, ...]], other: Sequence[tuple[Any, ...]]) -> bool:
    return sorted(map(repr, one)) == sorted(map(repr, other))


def _headline(rows: Sequence[tuple[Any, ...]]) -> str:
    if len(rows) == 1 and rows[0] and isinstance(rows[0][-1], int | float | Decimal):
        return f" ({rows[0][-1]:,.2f})"
    return f" ({len(rows)} rows)"
