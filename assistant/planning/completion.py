"""What the model is told, and what becomes of its reply: a plan, once repaired if wrong; else SQL; else a question.

Every text that people or data wrote travels inside one JSON message, so that none of it can end its own place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from sqlglot import exp, parse_one

from assistant.config import ROOT
from assistant.errors import Clarify, GuardRefusal, Refused
from assistant.planning import proposal
from assistant.planning.llm import Message
from assistant.planning.local import Context
from assistant.planning.meter import Meter, Unavailable
from assistant.planning.partial import Partial
from assistant.planning.proposal import Invalid, Proposal
from assistant.semantics.lexicon import Lexicon
from assistant.values import Access, AnswerColumn, CheckedQuery, QueryPlan, Reading

PROMPTS = ROOT / "prompts"
LONGEST_QUESTION_BACK = 300
DIGEST_ROWS = 12
SQL_SCHEMA = {
    "title": "statement",
    "type": "object",
    "properties": {"sql": {"type": "string"}},
    "required": ["sql"],
    "additionalProperties": False,
}
# Checks a statement for this user. Raises GuardRefusal.
Check = Callable[[str], CheckedQuery]
# Compiles and guards a plan, without running it. Raises Refused for what no statement can say.
Fits = Callable[[QueryPlan], object]


@dataclass(frozen=True)
class Statement:
    """SQL that a model wrote and the guard passed; what it means nobody has checked."""

    checked: CheckedQuery


@cache
def prompt(name: str) -> str:
    return (PROMPTS / name).read_text(encoding="utf-8").strip()


@cache
def schema() -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(prompt("plan.schema.json"))
    return found


@cache
def version() -> str:
    """Of every prompt: a changed one makes kept plans stale."""
    digest = sha256()
    for file in sorted(PROMPTS.iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def plan_messages(partial: Partial, lexicon: Lexicon, context: Context) -> list[Message]:
    """The instructions, and the question with what is near it; what changes least stands first."""
    days = [lexicon.catalog.days.get(lexicon.model.datasets[d].loaded_from) for d in partial.metrics]
    known = [d for d in days if d is not None]
    said = {
        "catalogue": {
            name: {"metrics": " ".join(metrics), "dimensions": " ".join(partial.dimensions[name])}
            for name, metrics in partial.metrics.items()
        },
        "values": partial.values,
        "loaded": [min(d.first for d in known).isoformat(), max(d.last for d in known).isoformat()] if known else [],
        "today": context.today.isoformat(),
        **({"before": _short(context.previous)} if context.previous else {}),
        **({"draft": _short(partial.plan)} if partial.plan else {}),
        "unclear": partial.unknown,
        "question": partial.question,
    }
    return [("system", prompt("plan.md")), ("user", _json(said))]


def complete(
    partial: Partial, lexicon: Lexicon, context: Context, access: Access, meter: Meter, check: Check, fits: Fits
) -> Reading | Statement:
    """Raises Unavailable without a usable reply, Clarify when the model asks back, Refused when nothing is loaded."""
    messages = plan_messages(partial, lexicon, context)
    text = meter.say("planning", messages, schema())
    try:
        return _read(text, partial, lexicon, context, access, meter, check, fits)
    except Invalid as error:
        messages += [("assistant", text[:4_000]), ("user", _json({"error": str(error), "do": "repair the plan"}))]
    text = meter.say("repair", messages, schema())
    try:
        return _read(text, partial, lexicon, context, access, meter, check, fits)
    except Invalid:
        raise Unavailable("The language model gave no plan that holds for this data.") from None


def _read(
    text: str,
    partial: Partial,
    lexicon: Lexicon,
    context: Context,
    access: Access,
    meter: Meter,
    check: Check,
    fits: Fits,
) -> Reading | Statement:
    found = proposal.read(text)
    if found.clarify:
        raise Clarify(_question_back(found, partial))
    if found.needs_sql:
        return _statement(partial, lexicon, context, access, meter, check)
    reading = proposal.reading(found, partial, lexicon, context, access)
    try:
        fits(reading.plan)
    except Refused as refusal:
        raise Invalid(str(refusal)) from None
    words = " and ".join(f"“{w}”" for w in partial.unknown) or "the question"
    note = f"{words} was read by the language model {meter.models[-1]}; check what was understood"
    return Reading(reading.plan, reading.confidence, (note, *reading.assumptions))


def _question_back(found: Proposal, partial: Partial) -> str:
    """The model's question, if it is one: no figures that nobody asked about, no links, not long."""
    text = " ".join(str(found.clarify).split())
    figures = set(re.findall(r"\d[\d,.]*", text)) - set(re.findall(r"\d[\d,.]*", partial.question))
    if len(text) > LONGEST_QUESTION_BACK or figures or not text.isprintable() or re.search(r"://|[<>\[\]`]", text):
        raise Unavailable("The language model is not sure either.")
    return text


# --- SQL, when no plan can say it ----------------------------------------------------------------------


def _statement(
    partial: Partial, lexicon: Lexicon, context: Context, access: Access, meter: Meter, check: Check
) -> Statement:
    said = {
        "tables": _tables(partial, lexicon, access),
        "values": partial.values,
        "today": context.today.isoformat(),
        "question": partial.question,
    }
    messages = [("system", prompt("sql.md")), ("user", _json(said))]
    for _ in range(2):
        text = meter.say("sql", messages, SQL_SCHEMA)
        try:
            written = str(json.loads(text)["sql"]).strip()
            if not written:
                raise Unavailable("The loaded tables do not hold what the question asks for.")
            return Statement(check(written))
        except GuardRefusal as refusal:
            problem = str(refusal)
        except (ValueError, KeyError, TypeError):
            problem = 'reply with {"sql": "…"}'
        messages += [("assistant", text[:4_000]), ("user", _json({"error": problem, "do": "repair the statement"}))]
    raise Unavailable("The language model wrote no SQL that passes the checks.")


def _tables(partial: Partial, lexicon: Lexicon, access: Access) -> dict[str, str]:
    """table → the columns that the semantic model uses, with types: the rest would only cost tokens."""
    tables: dict[str, str] = {}
    for name in partial.metrics:
        dataset = lexicon.model.datasets[name]
        expressions = [d.expression for d in lexicon.model.dimensions[name].values()]
        expressions += [m.expression for m in lexicon.model.metrics.values() if m.dataset == name]
        used = {c.name for e in expressions for c in parse_one(e, dialect="duckdb").find_all(exp.Column)}
        used |= {dataset.time, dataset.currency or ""}
        for table in dataset.tables:
            open_ = access.tables[table].columns
            columns = [f"{c.name} {c.type}" for c in open_ if c.name in used or len(open_) <= 16]
            keys = [e.tag_key for e in lexicon.catalog.extra if e.table == table and e.tag_key][:20]
            tags = [f"keys of Tags: {', '.join(keys)}"] if keys else []
            tables[table] = ", ".join([*columns, *tags])
    return tables


def whole_schema_tokens(access: Access) -> int:
    """What the usual design sends with every question, without the question: every table and column of the user.

    Characters ÷ 4.
    """
    tables = (
        f"CREATE TABLE {name} ({', '.join(f'{c.name} {c.type}' for c in table.columns)})"
        for name, table in access.tables.items()
    )
    return len("\n".join((prompt("sql.md"), *tables))) // 4


# --- narration -----------------------------------------------------------------------------------------


def narration(
    question: str, columns: Sequence[AnswerColumn], rows: Sequence[Sequence[Any]], told: str, meter: Meter
) -> list[str]:
    """The model's sentences over a digest of the rows; their figures are still to be checked."""
    said = {
        "columns": [f"{c.name} {c.unit or ''}".strip() for c in columns],
        "rows": [[_cell(v) for v in row] for row in rows[:DIGEST_ROWS]],
        "row_count": len(rows),
        "text": told,
        "question": question,
    }
    text = meter.say("narration", [("system", prompt("narrate.md")), ("user", _json(said))])
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z“\"])", " ".join(text.split()))
    return [s for s in sentences if s.isprintable() and not re.search(r"://|[<>\[\]`*_#|]", s)]


def _cell(value: Any) -> Any:
    if isinstance(value, str | int | bool) or value is None:
        return value
    try:
        return round(float(value), 2)
    except (TypeError, ValueError):
        return str(value)


def _short(plan: QueryPlan) -> dict[str, Any]:
    """A plan without what is usual, as the schema would write it."""
    dumped = plan.model_dump(mode="json", exclude_defaults=True, exclude={"dataset", "currency"})
    for name in ("period", "comparison"):
        if dumped.get(name):
            dumped[name] = {key: dumped[name][key] for key in ("start", "end")}
    return dumped


def _json(said: Mapping[str, Any]) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), default=str)
