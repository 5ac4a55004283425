"""A kept answer run again under its asker's rights: the same, or what changed, row by row, and which charges moved it.

Draws nothing and changes nothing; the answer that was given stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from assistant.analysis.report import Report, dimension, metric
from assistant.answers import Clock
from assistant.assistant import Assistant
from assistant.desk import restatement
from assistant.errors import Refused
from assistant.ledger import receipts
from assistant.telling.figures import figure
from assistant.values import Access, AnswerColumn, QueryPlan, Question, Reading

Cells = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """Rows by the values of their key columns; a key that occurs again is told apart by its number."""

    keys: tuple[AnswerColumn, ...]
    metrics: tuple[AnswerColumn, ...]
    rows: Mapping[Cells, Cells]


@dataclass(frozen=True)
class Again:
    """A kept answer's rows as they are now. question: its asker's, under the rights that they have now."""

    question: Question
    access: Access
    plan: QueryPlan | None
    columns: Sequence[AnswerColumn]
    rows: Sequence[Cells]
    tables: tuple[str, ...]


def replay(assistant: Assistant, answer_id: str, reader: str | None = None) -> Report:
    """What becomes of the kept plan, or SQL, on the data loaded now.

    Rows: those that changed, with before, after and change of each metric. extra: same_data, same_digest, both
    digests, the loads since and the restated charges. reader: sees it too, so what they may not see is left out.
    Raises Refused when there is nothing to run, or its asker may not see it any more; other AssistantErrors.
    """
    record = kept(assistant, answer_id)
    return compare(assistant, record, again(assistant, record, (reader,) if reader else ()))


def compare(assistant: Assistant, record: Mapping[str, Any], now: Again) -> Report:
    """The kept rows beside those of now; `replay` says what the Report holds."""
    same_data = record["data_version"] == assistant.warehouse.catalog.data_version
    found = receipts.digest(now.rows)
    report = _told(record, now.columns, now.rows, same_data, found == record["digest"])
    extra: dict[str, Any] = {
        "answer_id": record["answer_id"],
        "same_data": same_data,
        "same_digest": found == record["digest"],
        "digest_before": record["digest"],
        "digest_now": found,
        "totals": report.extra["totals"],
    }
    notes = (*report.notes, *_changed_rules(assistant, record, now.access))
    if not same_data and not extra["same_digest"]:
        more = restatement.since(assistant, moment(record), now.tables, now.plan, now.question, now.access)
        notes = (*notes, *restatement.words(more, report.extra["totals"]))
        extra |= {"loads": more.loads, "charges": more.charges}
    return Report(report.columns, report.rows, report.sentences, notes, extra=extra)


def moment(record: Mapping[str, Any]) -> datetime:
    """When it was answered (UTC)."""
    return datetime.fromisoformat(record["at"]).replace(tzinfo=None)


def kept(assistant: Assistant, answer_id: str) -> dict[str, Any]:
    """The record of an answer that can be run again. Raises Refused."""
    record = next(iter(assistant.ledger.answers(answer_id)), None)
    if record is None:
        raise Refused(assistant.ledger.problem or f"There is no answer {answer_id}.")
    if why := cannot(record):
        raise Refused(f"The answer {answer_id} can't be run again: {why}.")
    return record


def cannot(record: Mapping[str, Any]) -> str | None:
    """Why an answer can't be run again; None when it can."""
    if record["status"] != "answered":
        return f"its status is {record['status']}"
    if record["surface"] == "report":
        return f"it is a report; give the command again: {record['question']}"
    if not record["columns"] or not (record["plan"] or record["sql"]):
        return "it has no rows"
    return None if record["digest"] else "its rows were not kept yet"


def asked(record: Mapping[str, Any], readers: tuple[str, ...] = ()) -> Question:
    """The question of an answer, for its asker, its readers and these others."""
    day = date.fromisoformat(record["today"]) if record["today"] else None
    return Question(record["question"], record["user"], today=day, readers=(*(record["readers"] or ()), *readers))


def again(assistant: Assistant, record: Mapping[str, Any], readers: tuple[str, ...] = ()) -> Again:
    """The kept plan, or SQL, run on what is loaded now. Raises AssistantError."""
    question = asked(record, tuple(one for one in readers if one != record["user"]))
    access = assistant.access(question.user, question.readers)
    plan = QueryPlan.model_validate(record["plan"]) if record["plan"] else None
    if plan is None:
        return of_sql(assistant, record, record["sql"], question, access)
    return of_plan(assistant, record, plan, question, access)


def of_sql(assistant: Assistant, record: Mapping[str, Any], sql: str, question: Question, access: Access) -> Again:
    checked, found = assistant.run(sql, question.user, question.readers)
    kinds = {c["name"]: c["kind"] for c in record["columns"] or ()}
    columns = [AnswerColumn(name, kinds.get(name, "dimension")) for name in found.columns]
    return Again(question, access, None, columns, found.rows, checked.tables)


def of_plan(
    assistant: Assistant, record: Mapping[str, Any], plan: QueryPlan, question: Question, access: Access
) -> Again:
    house = assistant.warehouse
    answer = assistant.of_plan(question, record["answer_id"], Reading(plan, 1.0), house, access, Clock())
    dataset = house.model.datasets[plan.dataset]
    tables = (dataset.loaded_from, *(one for one in dataset.tables if one != dataset.loaded_from))
    return Again(question, access, plan, answer.columns, answer.rows, tables)


def _told(
    record: Mapping[str, Any], columns: Sequence[AnswerColumn], rows: Sequence[Cells], same_data: bool, same: bool
) -> Report:
    """The difference, told; `extra` has the change of each metric that adds up."""
    kept = [AnswerColumn(**c) for c in record["columns"] or ()]
    names = {name for name, _ in {(c.name, c.kind) for c in kept} & {(c.name, c.kind) for c in columns}}
    before, after = _table(kept, record["rows"] or (), names), _table(columns, rows, names)
    part = len(record["rows"] or ()) < record["row_count"]
    shown = [*before.keys, *(metric(f"{m.name}_{n}", m.unit) for m in before.metrics for n in _SIDES)]
    if same:
        what = "The data is the same, and so is" if same_data else "Data was loaded since, but it is still"
        count = record["row_count"]
        sentence = f"{what} the answer: {count:,} row{'' if count == 1 else 's'}, digest {record['digest'][:12]}…"
        return Report(tuple(shown), (), (sentence,), extra={"totals": {}})
    keys = [k for k in dict.fromkeys([*before.rows, *after.rows]) if not part or k in before.rows]
    changed = [
        (key, before.rows.get(key), after.rows.get(key)) for key in keys if before.rows.get(key) != after.rows.get(key)
    ]
    lines = [(*key[:-1], *_line(len(before.metrics), old, new)) for key, old, new in changed]
    lines.sort(key=lambda line: abs(line[-1] or 0) if before.metrics else 0, reverse=True)
    totals = _totals(before, after, part)
    notes = []
    if part:
        notes.append(
            f"Only the first {len(record['rows'])} of {record['row_count']:,} rows were kept and are compared."
        )
    if names != {c.name for c in kept} or len(columns) != len(kept):
        notes.append(f"The columns are others now; compared are {', '.join(sorted(names)) or 'none'}.")
    why = "" if not same_data else " though no data was loaded since"
    sentences = [f"The answer is another one now{why}: {len(lines):,} of {len(keys):,} rows changed."]
    sentences += [
        f"{name}: {figure(old, unit)} before, {figure(new, unit)} now, a change of {figure(new - old, unit)}."
        for name, (old, new, unit) in totals.items()
    ]
    changes = {name: new - old for name, (old, new, _) in totals.items()}
    return Report(tuple(shown), tuple(lines), tuple(sentences), tuple(notes), extra={"totals": changes})


_SIDES = ("before", "after", "change")


def _table(columns: Sequence[AnswerColumn], rows: Iterable[Sequence[Any]], names: set[str]) -> Table:
    keys = [(i, c) for i, c in enumerate(columns) if c.name in names and c.kind != "metric"]
    metrics = [(i, c) for i, c in enumerate(columns) if c.name in names and c.kind == "metric"]
    keys.sort(key=lambda one: one[1].name)  # a plan always has its columns in one order; SQL's may change
    metrics.sort(key=lambda one: one[1].name)
    found: dict[Cells, Cells] = {}
    for row in rows:
        key = tuple(_text(row[i]) for i, _ in keys)
        number = next(n for n in range(len(found) + 1) if (*key, n) not in found)
        found[(*key, number)] = tuple(_number(row[i]) for i, _ in metrics)
    return Table(tuple(dimension(c.name) for _, c in keys), tuple(c for _, c in metrics), found)


def _text(value: Any) -> Any:
    """A key's value as JSON keeps it."""
    return json.dumps(value) if isinstance(value, list | dict) else json.loads(json.dumps(value, default=str))


def _number(value: Any) -> Any:
    """Amounts as Decimal, exact; floats by the digits that count."""
    if isinstance(value, float):
        return float(format(value, ".12g"))
    try:
        return Decimal(value) if isinstance(value, str | int) and not isinstance(value, bool) else value
    except InvalidOperation:
        return value


def _line(width: int, old: Cells | None, new: Cells | None) -> Iterable[Any]:
    """before, after, change of each metric; a row that is not there counts nothing where amounts add up."""
    for place in range(width):
        before, after = old[place] if old else None, new[place] if new else None
        yield from (before, after, _change(before, after, old is None or new is None))


def _change(before: Any, after: Any, missing: bool) -> Any:
    if missing and isinstance(before if after is None else after, Decimal):
        return (after or Decimal(0)) - (before or Decimal(0))
    numbers = isinstance(before, int | float | Decimal) and isinstance(after, int | float | Decimal)
    return after - before if numbers and type(before) is type(after) else None


def _totals(before: Table, after: Table, part: bool) -> dict[str, tuple[Decimal, Decimal, str | None]]:
    """Metric → sum before and now, where all of it is exact, in one currency, and kept."""
    if part or any(key.name == "currency" for key in before.keys):
        return {}
    found = {}
    for place, one in enumerate(before.metrics):
        sides = [[row[place] for row in table.rows.values() if row[place] is not None] for table in (before, after)]
        if all(isinstance(value, Decimal) for side in sides for value in side):
            old, new = (sum(side, Decimal(0)) for side in sides)
            found[one.name] = (old, new, one.unit)
    return found


def _changed_rules(assistant: Assistant, record: Mapping[str, Any], access: Access) -> Iterable[str]:
    then, now = record["policy"] or "everything", access.note or "everything"
    if then != now:
        yield f"The asker's rights changed: “{then}” then, “{now}” now."
    known, version = record["definitions"], assistant.schema.version
    if known != version:
        yield f"The definitions in schemas/ changed: version {known} then, {version} now."
