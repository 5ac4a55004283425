"""Who reads a question: the local planner; for uncovered words a kept plan or the model; else it is asked back.

Knows no prompt. A kept plan is found again only for the same words, day, data, model, prompts, rights and conversation.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from assistant.errors import AssistantError, Clarify, LedgerError, Refused
from assistant.planning import completion, local, partial
from assistant.planning.completion import Check, Fits, Statement
from assistant.planning.local import Context, Run, Uncovered
from assistant.planning.meter import Meter, Unavailable
from assistant.semantics.lexicon import Lexicon
from assistant.values import Access, Question, Reading

Planner = Literal["local", "llm", "cache", "sql"]
_READING: TypeAdapter[Reading] = TypeAdapter(Reading)


@dataclass(frozen=True)
class Routed:
    """A question read. `read` is a Statement when only SQL could say it."""

    read: Reading | Statement
    planner: Planner


@dataclass(frozen=True)
class Route:
    """Everything a question is read with. `meter` None: no model is configured."""

    question: Question
    lexicon: Lexicon
    context: Context
    access: Access
    run: Run
    check: Check
    fits: Fits
    meter: Meter | None


def read(route: Route) -> Routed:
    """Raises Clarify or Refused."""
    if route.question.planner == "llm":
        return _forced(route)
    try:
        return Routed(local.read(route.question.text, route.lexicon, route.context, route.run), "local")
    except Uncovered as unsure:
        if route.meter is None or route.question.planner == "local":
            raise
        try:
            return _by_model(route, route.meter, unsure.words)
        except Unavailable as error:
            raise Clarify(f"{unsure.question} {error}", unsure.options) from None


def _forced(route: Route) -> Routed:
    """The model reads, whatever the local planner could; it stands in when the model can't be had."""
    if route.meter is None:
        raise Refused(
            "No language model is configured. Set ASKCOST_LLM_MODEL, and ASKCOST_LLM_BASE_URL or ASKCOST_LLM_API_KEY, "
            "or leave the planner to “auto”."
        )
    understood: Reading | None = None
    unsure: AssistantError | None = None
    try:
        understood = local.read(route.question.text, route.lexicon, route.context, route.run)
    except Clarify as error:
        unsure = error
    words = unsure.words if isinstance(unsure, Uncovered) else ()
    try:
        return _by_model(route, route.meter, words)
    except Unavailable as error:
        if isinstance(unsure, Clarify):
            raise Clarify(f"{unsure.question} {error}", unsure.options) from None
        assert understood is not None
        return Routed(replace(understood, assumptions=(*understood.assumptions, str(error))), "local")


def _by_model(route: Route, meter: Meter, words: tuple[str, ...]) -> Routed:
    key = _key(route, meter)
    kept = _kept(meter, key)
    if kept is not None:
        return Routed(kept, "cache")
    part = partial.of(route.question.text, words, route.lexicon, route.context, route.access)
    if part.analysis is not None:  # a plan without it would answer another question
        label = route.lexicon.vocabulary.analyses[part.analysis].label
        raise Unavailable(f"“{label}” is an analysis, and a language model completes plain questions only.")
    found = completion.complete(part, route.lexicon, route.context, route.access, meter, route.check, route.fits)
    if isinstance(found, Statement):
        return Routed(found, "sql")
    _keep(meter, key, found)
    return Routed(replace(found, assumptions=(*found.assumptions, *meter.warnings)), "llm")


def _key(route: Route, meter: Meter) -> str:
    """Everything that the reading of a question depends on."""
    context, access, catalog = route.context, route.access, route.lexicon.catalog
    parts = (
        " ".join(route.question.text.casefold().split()).rstrip(" ?.!"),
        context.today.isoformat(),
        context.previous.model_dump_json() if context.previous else "",
        context.reporting or "",
        context.user or "",
        catalog.data_version,
        route.lexicon.model.version,
        completion.version(),
        [m.name for m in meter.desk.planning],
        sorted(
            (t.name, t.predicate or "", sorted(t.masks.items()), [c.name for c in t.columns])
            for t in access.tables.values()
        ),
    )
    return sha256(json.dumps(parts).encode()).hexdigest()


def _kept(meter: Meter, key: str) -> Reading | None:
    try:
        text = meter.desk.spend.plan(key)
        return _READING.validate_json(text) if text else None
    except (LedgerError, ValidationError):
        return None


def _keep(meter: Meter, key: str, reading: Reading) -> None:
    try:
        meter.desk.spend.keep(key, _READING.dump_json(reading).decode())
    except LedgerError:
        return  # the next one asks again
