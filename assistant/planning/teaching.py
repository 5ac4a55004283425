"""A sentence that teaches a word → the word and its meaning, in what the model has. Reads only; nothing is kept here.

The meaning goes through the planner like a question: one measure, one condition, or both. A word that already means
something is asked about, never redefined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from assistant.errors import AssistantError, Clarify
from assistant.planning import attach, lattice, local
from assistant.planning.draft import Draft
from assistant.planning.local import Context
from assistant.semantics import schema_files, words
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.meanings import Meaning
from assistant.semantics.taught import Word
from assistant.semantics.words import split
from assistant.values import Filter, QueryPlan

QUOTES = "\"“”„'‘’«»"
_KINDS = {"metric": "a measure", "dimension": "something that rows are split by", "value": "a name in your data",
          "operator": "a word of the language", "grain": "a time", "currency": "a currency",
          "analysis": "an analysis", "refusal": "a word that is refused", "unit_of_work": "a unit of work"}  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """What a sentence says of a word: what it means, or (accept, reject) what becomes of it."""

    do: Literal["teach", "accept", "reject"]
    word: str
    meaning: str = ""


Do = Literal["teach", "accept", "reject"]


@dataclass(frozen=True)
class Forms:
    """The patterns of teaching.yaml, and its lists."""

    patterns: tuple[tuple[Do, re.Pattern[str]], ...]
    operations: tuple[tuple[str, re.Pattern[str]], ...]
    longest: int
    questions: frozenset[str]
    bare: frozenset[str]


@cache
def forms(folder: Path) -> Forms:
    """None at all where schemas/ are older than teaching. Raises SchemaError naming file and line."""
    if not (folder / "teaching.yaml").exists():
        return Forms((), (), 0, frozenset(), frozenset())
    top = schema_files.read(folder / "teaching.yaml")
    top.only(("who", "forms", "review", "operations", "longest", "questions", "bare"))
    who = schema_files.words(top.require("who"), top, "who")
    lines: list[tuple[Do, str]] = [("teach", line) for line in schema_files.words(top.require("forms"), top, "forms")]
    reviews: tuple[Do, ...] = ("accept", "reject")
    for do in reviews:
        lines += [(do, line) for line in schema_files.words(top["review"].require(do), top["review"], do)]
    operations = [
        (name, re.compile(rf"(.+?)\s*(?<!\w){re.escape(said)}(?!\w)\s*(.+)", re.I))
        for name, phrases in schema_files.mapping(top.require("operations"), top, "operations").items()
        for said in schema_files.words(phrases, top, f"operations.{name}")
    ]
    return Forms(
        tuple((do, _pattern(line, who)) for do, line in lines),
        tuple(operations),
        int(top.require("longest")),
        frozenset(schema_files.words(top.require("questions"), top, "questions")),
        frozenset(schema_files.words(top.require("bare"), top, "bare")),
    )


def _pattern(line: str, who: Sequence[str]) -> re.Pattern[str]:
    """Words apart by spaces, commas or colons; quotation marks around a word are optional, but for {quoted}."""
    parts = {
        "{who}": f"(?:{'|'.join(map(re.escape, who))})",
        "{word}": rf"[{QUOTES}]?(?P<word>[^{QUOTES},:;?!]+?)[{QUOTES}]?",
        "{quoted}": rf"[{QUOTES}](?P<word>[^{QUOTES},:;?!]+?)[{QUOTES}]",
        "{meaning}": r"(?P<meaning>.+?)",
    }
    return re.compile(r"[\s,:]+".join(parts.get(one) or re.escape(one) for one in line.split()), re.I)


def heard(text: str, known: Forms) -> Heard | None:
    """None for a sentence that teaches nothing, as nearly all do."""
    said = text.strip().rstrip(".! ")
    if said.endswith("?"):
        return None
    for do, pattern in known.patterns:
        if found := pattern.fullmatch(said):
            word = " ".join(found["word"].split())
            key = split(word)
            if not key or key[0] in known.questions or len(key) > known.longest:
                continue
            meaning = found.groupdict().get("meaning") or ""
            return Heard(do, _bare(word, known), meaning.strip(f" {QUOTES}"))
    return None


def _bare(word: str, known: Forms) -> str:
    while " " in word and word.split()[0].lower() in known.bare:
        word = word.split(maxsplit=1)[1]
    return word


def understand(said: Heard, lexicon: Lexicon, today: date, known: Forms) -> Word:
    """The word as something of the model. Raises Clarify for one that is taken, or a meaning that is none.

    today: any day that the data reaches to, for a meaning has no days of its own.
    """
    check_free(said.word, lexicon)
    formula = _formula(said, lexicon, known)
    if formula is not None:
        return formula
    cover = lattice.cover(words.tokens(said.meaning), lexicon)
    draft = attach.attach(cover.spans, lexicon)
    guessed = [s.text for s in cover.spans if s.corrected or any(h.how in ("part", "short") for h in s.hits)]
    if draft.unknown or guessed:
        name = (draft.unknown or guessed)[0]
        raise Clarify(
            f"I don't know {name!r} in this data, so I can't learn a word from it.", tuple(lexicon.near(name))
        )
    if draft.dimensions and not (draft.metrics or draft.values or draft.empties):
        return _dimension(said, lexicon, known)
    return _measured(said, draft, _plan(said, lexicon, today), lexicon)


def check_free(word: str, lexicon: Lexicon) -> None:
    """Raises Clarify for a word that means something already."""
    key = split(word)
    taken = [m for m in lexicon.meanings(key) if m.kind != "ignore"]
    if taken:
        raise Clarify(f"The word {word!r} is {_said(taken[0], lexicon)} already. Teach another word for it.")
    times = [size for size, _ in lexicon.vocabulary.calendar.match(list(key), 0)]
    if len(key) in times or lattice.number(words.tokens(word), lexicon) is not None:
        raise Clarify(f"The word {word!r} is a time or a number already. Teach another word for it.")
    if hits := lexicon.partial_hits(key):
        raise Clarify(
            f"The word {word!r} is a part of names in your data, like {hits[0].values[0]}. Teach another word for it."
        )


def _said(meaning: Meaning, lexicon: Lexicon) -> str:
    what = _KINDS.get(meaning.kind, "a word")
    if meaning.kind == "metric":
        return f"{what}, {lexicon.model.metric(meaning.names[0]).label},"
    if meaning.kind == "value":
        hit = meaning.hits[0]
        return f"{what}, {lexicon.model.dimension(hit.dataset, hit.dimension).label} {hit.values[0]},"
    return what


def _formula(said: Heard, lexicon: Lexicon, known: Forms) -> Word | None:
    for operation, pattern in known.operations:
        found = pattern.fullmatch(said.meaning)
        pair = [_one_metric(part, lexicon) for part in found.groups()] if found else []
        if len(pair) != 2 or None in pair:
            continue
        one, two = (lexicon.model.metric(str(name)) for name in pair)
        if one.dataset != two.dataset:
            raise Clarify(f"{one.label} and {two.label} are not kept together, so they can't make one measure.")
        if operation != "divided" and one.unit != two.unit:
            raise Clarify(f"{one.label} is in {one.unit} and {two.label} in {two.unit}: they can't be added up.")
        return Word.model_validate({
            "word": said.word, "meaning": said.meaning, "kind": "formula", "dataset": one.dataset,
            "metrics": (one.name, two.name), "operation": operation,
        })  # fmt: skip
    return None


def _one_metric(text: str, lexicon: Lexicon) -> str | None:
    found = [m for m in lexicon.meanings(split(text)) if m.kind == "metric"] if split(text) else []
    return found[0].names[0] if found and len(found[0].names) == 1 else None


def _dimension(said: Heard, lexicon: Lexicon, known: Forms) -> Word:
    names = lexicon.dimension_names(split(_bare(said.meaning, known)))
    if not names:
        raise _too_much(said)
    dataset = next(d for d, own in lexicon.model.dimensions.items() if any(n in own for n in names))
    own = tuple(n for n in names if n in lexicon.model.dimensions[dataset])
    return Word(word=said.word, meaning=said.meaning, kind="dimension", dataset=dataset, dimensions=own)


def _plan(said: Heard, lexicon: Lexicon, today: date) -> QueryPlan:
    try:
        reading = local.read(said.meaning, lexicon, Context(today))
    except AssistantError as error:
        raise Clarify(f"I can't learn a word from {said.meaning!r}: {error}") from None
    if reading.competitors:
        raise Clarify(
            f"{said.meaning!r} has more than one reading. Say which kind of name it is, like “team Research”."
        )
    return reading.plan


def _measured(said: Heard, draft: Draft, plan: QueryPlan, lexicon: Lexicon) -> Word:
    plain = QueryPlan(dataset=plan.dataset, metrics=plan.metrics, filters=plan.filters, period=plan.period)
    if plain != plan or draft.times:
        raise _too_much(said)
    word = Word(word=said.word, meaning=said.meaning, kind="metric", dataset=plan.dataset, filters=plan.filters)
    measured = bool(draft.metrics)
    if not plan.filters:
        return word.model_copy(update={"metrics": plan.metrics})
    head = _head_metric(said.word, plan, lexicon)
    if measured or head is not None:
        metrics = plan.metrics if measured or head is None else (head,)
        if len(metrics) > 1:
            raise Clarify(f"{said.meaning!r} are several measures. A word can stand for one of them.")
        if lexicon.model.metric(metrics[0]).periodless:
            raise _too_much(said)
        return word.model_copy(update={"kind": "measure", "metrics": metrics})
    one = plan.filters[0]
    alone = len(plan.filters) == 1 and one.op == "in"
    return word.model_copy(update={"kind": "value" if alone else "filter"})


def _head_metric(word: str, plan: QueryPlan, lexicon: Lexicon) -> str | None:
    """`run cost` is a cost: the metric of its last word, where the meaning's dataset has it."""
    key = split(word)
    found = [m for m in lexicon.meanings(key[-1:]) if m.kind == "metric" and len(m.names) == 1] if len(key) > 1 else []
    name = found[0].names[0] if found else None
    if name is None or lexicon.model.metric(name).dataset == plan.dataset:
        return name
    return plan.metrics[0]


def _too_much(said: Heard) -> Clarify:
    return Clarify(
        f"{said.meaning!r} says more than a word can mean: a measure (“billed cost”), a condition (“team Research”), "
        "or both (“billed cost of compute without tax”). Leave days, groupings and rankings to the question."
    )


def described(word: Word, lexicon: Lexicon) -> Iterator[str]:
    """What was understood, in plain words."""
    model = lexicon.model
    metrics = " and ".join(model.metric(name).label for name in word.metrics)
    match word.kind:
        case "metric":
            yield f"another name for {metrics}"
        case "dimension":
            yield f"another name for {model.dimension(word.dataset, word.dimensions[0]).label}"
        case "formula":
            one, two = (model.metric(name).label for name in word.metrics)
            yield f"a measure: {one} {word.operation}{' by' if word.operation == 'divided' else ''} {two}"
        case "measure":
            yield f"a measure: {metrics} where {_conditions(word.filters, word, lexicon)}"
        case "value":
            yield f"a name for {_conditions(word.filters, word, lexicon)}"
        case _:
            yield f"a condition: {_conditions(word.filters, word, lexicon)}"


def _conditions(filters: Sequence[Filter], word: Word, lexicon: Lexicon) -> str:
    said = {"in": "is", "not_in": "is not", "empty": "is empty", "filled": "has a value"}
    return " and ".join(
        f"{lexicon.model.dimension(word.dataset, one.dimension).label} {said[one.op]} {' or '.join(one.values)}".strip()
        for one in filters
    )
