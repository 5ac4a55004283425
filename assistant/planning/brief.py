"""What a question brings along beside its data: a workload, the model of a what-if, a GPU's speed.

Cuts these words out, so that an ordinary question is left, or nothing. Every number is read or asked about; knows no
price and no formula. Words: `workloads` of schemas/vocabulary.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from assistant.errors import Clarify
from assistant.planning.spoken import LONGEST, Figure, Reader
from assistant.semantics import model_names, words
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.model_names import Mention
from assistant.values import QueryPlan

PER_DAY = {
    "second": Decimal(86_400), "minute": Decimal(1_440), "hour": Decimal(24), "day": Decimal(1),
    "week": 1 / Decimal(7), "year": 1 / Decimal(365),
}  # fmt: skip
_WORKLOAD = ("requests", "input_tokens", "output_tokens")
_GPU = ("gpu_tokens_per_second", "rented_usd_per_hour")


@dataclass(frozen=True)
class Brief:
    """given: figures and names by their names in the vocabulary. rest: the question without them; None: all read."""

    analysis: str
    given: tuple[tuple[str, str], ...]
    rest: str | None
    notes: tuple[str, ...] = ()


def read(text: str, lexicon: Lexicon, previous: QueryPlan | None) -> Brief | None:
    """The brief of a question; None for an ordinary one. Raises Clarify for a figure that is not understood."""
    reader = Reader(words.tokens(text), lexicon)
    if _asks_why_charged(reader):
        return _charged(reader)
    imagined = bool(reader.words.hypothetical & set(reader.spoken))
    before = previous.analysis if previous is not None else None
    if not (imagined or before == "estimate" or _names_a_load(reader)):
        return None
    reader.mentions = model_names.mentions(reader.tokens, lexicon)
    for mention in reader.mentions:
        reader.use(mention.start, mention.end - mention.start)
    reader.read_figures()
    known = {f.name for f in reader.figures if f.name}
    rated = any(f.name == "requests" and f.per for f in reader.figures)
    if len(known & set(_WORKLOAD)) >= (2 if rated else 3):
        return _estimate(reader, known)
    if before == "estimate" and previous is not None and (known or reader.mentions or reader.flags):
        return _changed(reader, previous)
    if known & set(_GPU):
        return _gpus(reader)
    if known == {"investment"}:
        return Brief("unit_cost_change", _given(reader), reader.rest())
    if imagined and reader.mentions and not known & set(_WORKLOAD):
        return _what_if(reader)
    return None


def _asks_why_charged(reader: Reader) -> bool:
    places = range(len(reader.tokens))
    return all(any(reader.phrase(at, known) for at in places) for known in (reader.words.why, reader.words.charged))


def _charged(reader: Reader) -> Brief:
    """`why was Retail charged 18 % of the GPU pool`: pool and part are cut out, the consumer and the month stay."""
    given: dict[str, str] = {}
    pools = [str(row["pool"]) for row in reader.lexicon.catalog.small.get("allocation_rules", ())]
    for at in range(len(reader.tokens)):
        for known in (reader.words.why, reader.words.charged):
            reader.use(at, reader.phrase(at, known))
        figure = reader.number(at) if "percent" not in given else None
        if figure is not None and figure.percent:
            given["percent"] = _written(figure.number)
            reader.use(figure.start, figure.end - figure.start)
        pool, size = _pool(reader, at, pools) if "pool" not in given else (None, 0)
        if pool is not None:
            given["pool"] = pool
            reader.use(at, size)
    return Brief("chargeback", tuple(given.items()), reader.rest())


def _pool(reader: Reader, at: int, pools: Sequence[str]) -> tuple[str | None, int]:
    """The pool whose name stands here, or the only one with the word before “pool” in its name."""
    for size in range(min(LONGEST, len(reader.spoken) - at), 0, -1):
        said = reader.spoken[at : at + size]
        if reader.used & set(range(at, at + size)):
            continue
        exact = [p for p in pools if list(words.split(p)) == [w for w in said if w not in reader.words.pool]]
        part = [
            p for p in pools if size > 1 and said[-1] in reader.words.pool and set(said[:-1]) <= set(words.split(p))
        ]
        found = list(dict.fromkeys(exact or part))
        if len(found) == 1:
            return found[0], size
    return None, 0


def _names_a_load(reader: Reader) -> bool:
    """Whether requests or a GPU's speed are spoken of at all; most questions end here."""
    spoken = f" {' '.join(reader.spoken)} "
    kinds = ("requests", "investment", *_GPU)
    named = any(f" {' '.join(p)} " in spoken for p, name in reader.words.quantities.items() if name in kinds)
    return named and any(t.number is not None for t in reader.tokens)


# --- a workload ------------------------------------------------------------------------------------------------------


def _estimate(reader: Reader, known: set[str]) -> Brief | None:
    spare = next((f for f in reader.figures if f.name is None), None)
    unread = reader.unread()
    if (spare or unread) and len(known) < 3:
        return None  # a question about usage that has figures of its own
    if spare is not None:
        said = " ".join(t.text for t in reader.tokens[spare.start : spare.end])
        raise Clarify(f"What is “{said}” in that workload? Say it with its words, like “1.5k tokens in, 400 out”.")
    if unread is not None:
        raise Clarify(f"“{unread}” is no part of a workload that I know. Say it in other words, or leave it out.")
    return Brief("estimate", _given(reader), None, _notes(reader))


def _changed(reader: Reader, previous: QueryPlan) -> Brief | None:
    """A follow-up that changes a figure or the models of the workload before it."""
    if any(f.name is None for f in reader.figures) or reader.unread() is not None:
        return None
    given = {**dict(previous.given), **dict(_given(reader))}
    return Brief("estimate", tuple(given.items()), None, _notes(reader))


def _given(reader: Reader) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    users = next((f for f in reader.figures if f.name == "users"), None)
    for figure in (f for f in reader.figures if f.name is not None):
        name, number = str(figure.name), figure.number
        if (f"{name}_per_day" if name == "requests" else name) in found:
            raise Clarify(f"There are two figures for {name.replace('_', ' ')}. Which one is meant?")
        if name in reader.words.parts and figure.percent:
            number = number / 100
        elif name in reader.words.parts and name != "growth" and number > 1:
            raise Clarify(f"{number} of what is {name.replace('_', ' ')}? Say it in per cent, like “60 % cached”.")
        if name == "requests":
            name, number = "requests_per_day", _per_day(figure, users, reader.words.days_per_month)
        if name != "users":
            found[name] = _written(number)
    models = tuple(dict.fromkeys(model for mention in reader.mentions for model in mention.models))
    if models:
        found["models"] = ", ".join(models)
    return tuple(found.items()) + tuple((flag, "1") for flag in reader.flags if flag not in found)


def _written(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _per_day(figure: Figure, users: Figure | None, days_per_month: Decimal) -> Decimal:
    if figure.per is None:
        said = f"{_written(figure.number)} requests"
        raise Clarify(f"{said} a day, or a month?", (f"{said} a day", f"{said} a month"))
    if users is not None and not figure.each:
        raise Clarify(f"Is {figure.number:f} requests of each user, or of all {users.number:f} together?")
    each = users.number if users is not None and figure.each else Decimal(1)
    return figure.number * PER_DAY.get(figure.per, 1 / days_per_month) * each


def _notes(reader: Reader) -> tuple[str, ...]:
    """How names of families and flags were read."""
    notes = []
    for mention in reader.mentions:
        said = " ".join(t.text for t in reader.tokens[mention.start : mention.end])
        if words.compact(said) != words.compact(mention.models[0]):
            notes.append(f"'{said}' read as {', '.join(mention.models)}")
    notes += [f"{flag}: all requests, at its price" for flag in reader.flags]
    return tuple(notes)


# --- another model, own GPUs -----------------------------------------------------------------------------------------


def _what_if(reader: Reader) -> Brief | None:
    """`what would September have cost on A instead of B`: A is cut out, B stays and filters."""
    roles = [_role(reader, mention) for mention in reader.mentions]
    targets = [m for m, role in zip(reader.mentions, roles, strict=True) if role == "target"]
    sources = [m for m, role in zip(reader.mentions, roles, strict=True) if role != "target"]
    if len(targets) != 1 or not (sources or len(reader.mentions) == 1):
        return None
    target = targets[0]
    if len(target.models) > 1:
        raise Clarify("Which model should it run on?", target.models)
    for mention in sources:
        reader.used -= set(range(mention.start, mention.end))
    for at in range(len(reader.tokens)):
        reader.use(at, reader.phrase(at, reader.words.moves))
    return Brief("what_if", (("target", target.models[0]),), reader.rest(), _notes(reader))


def _role(reader: Reader, mention: Mention) -> str | None:
    """What the words before a model make of it; they are used up."""
    for name, known in (("source", reader.words.source), ("target", reader.words.target)):
        size = reader.phrase_before(mention.start, known)
        if size:
            reader.use(mention.start - size, size)
            return name
    return None


def _gpus(reader: Reader) -> Brief | None:
    """The speed of a GPU or the rent of one, cut out of a question that weighs own GPUs against an API."""
    given = {str(f.name): _written(f.number) for f in reader.figures if f.name in _GPU}
    for at in range(len(reader.tokens)):
        size = reader.phrase(at, reader.words.quantities)
        if reader.words.quantities.get(tuple(reader.spoken[at : at + size])) in given:
            reader.use(at, size)
    for mention in reader.mentions:
        _role(reader, mention)
        if mention.own:
            reader.used -= set(range(mention.start, mention.end))
        elif len(mention.models) > 1 or "target" in given:
            raise Clarify("Against which model's API?", mention.models)
        else:
            given["target"] = mention.models[0]
    return Brief("break_even", tuple(given.items()), reader.rest(), _notes(reader))
