"""An answer as the page draws it: plain JSON of texts already written for people. Knows no HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from assistant import verifying
from assistant.analysis.report import Report
from assistant.desk import changes, incidents
from assistant.desk.desk import Desk, Recalled
from assistant.desk.shown import cells, quiet, unlinked, writer
from assistant.errors import AssistantError
from assistant.sql import explain
from assistant.telling.figures import currency_of
from assistant.telling.table import plain
from assistant.telling.understood import understood
from assistant.values import Answer, AnswerColumn, CheckedQuery, Reading, Stage

# Emphasis, code, links, HTML, tables, entities; directives. Nothing more: the copy button copies backslashes too.
MARKUP = re.compile(r"[\\`*_\[\]<>~|&]|:(?=\w|:)")
BLOCK = re.compile(r"^(\d*)([#+=.)-])")


def text(words: str) -> str:
    """Words as Markdown that shows them as they are: no emphasis, no HTML, no links from what the data says."""
    return BLOCK.sub(r"\1\\\2", MARKUP.sub(r"\\\g<0>", unlinked(words)))


def code(source: str, language: str = "") -> str:
    """Source as a fenced block that nothing inside it can end."""
    longest = max((len(run) for run in re.findall(r"`+", source)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{source}\n{fence}"


def panel(recalled: Recalled, desk: Desk, user: str | None) -> dict[str, Any]:
    """Everything under an answer's sentence: table, reading, assumptions, SQL, what it took."""
    answer = recalled.answer
    model = desk.assistant.warehouse.model
    plan = answer.plan
    now = desk.now(plan) if plan else None
    return {
        "answer_id": answer.answer_id,
        "columns": [_head(column, answer.rows, at) for at, column in enumerate(answer.columns)],
        "rows": cells(answer),
        "row_count": len(answer.rows),
        "truncated": answer.truncated,
        "chips": [_chip(chip) for chip in changes.chips(plan, model, now)] if plan and now else [],
        "follow_ups": [{"key": c.key, "label": c.label} for c in changes.follow_ups(plan, model)] if plan else [],
        "assumptions": [plain(line) for line in answer.assumptions],
        "sql": explain.format(answer.sql) if answer.sql else "",
        "sql_by": writer(answer),
        "may_save": answer.sql is not None and not (plan and plan.analysis) and verifying.may(desk.assistant, user),
        "policy": desk.assistant.access(user).note,
        "quiet": quiet(answer, desk),
        "renewed": recalled.renewed,
        "incidents": _incidents(answer, desk, user),
        "today": desk.today.isoformat(),
    }


def replayed(report: Report) -> dict[str, Any]:
    """What became of an answer: sentences, the rows that changed, notes; all of it texts."""
    answer = Answer("answered", "", "", columns=report.columns, rows=report.rows)
    return {
        "sentences": [plain(said) for said in report.sentences],
        "columns": [_head(column, report.rows, at) for at, column in enumerate(report.columns)],
        "rows": cells(answer),
        "notes": [plain(note) for note in report.notes],
    }


def unreplayed(why: str) -> dict[str, Any]:
    return {"sentences": [plain(why)], "columns": [], "rows": [], "notes": []}


def _incidents(answer: Answer, desk: Desk, user: str | None) -> list[dict[str, Any]]:
    try:
        return [_incident(one) for one in incidents.of(answer, desk, user)]
    except AssistantError:
        return []  # the table is there without its buttons


def _incident(one: incidents.Incident) -> dict[str, Any]:
    until = f" until {one.until}" if one.until and one.status == "snoozed" else ""
    return {"id": one.id, "about": one.about, "status": one.status, "said": f"{one.status}{until}"}


def record(record: dict[str, Any]) -> list[tuple[str, str]]:
    """What the audit keeps, line by line."""
    told = {
        "Answer": record["answer_id"],
        "Asked": f"{record['at'][:19].replace('T', ' ')} UTC, {record['surface']}",
        "By": record["user"] or "the local operator",
        "Question": record["question"],
        "Understood": record["understood"],
        "Answered": record["answer"] or record["error"],
        "Plan": json.dumps(record["plan"], ensure_ascii=False) if record["plan"] else "",
        "Planned by": record["planner"],
        "Rows": f"{record['row_count']:,}",
        "Row policy": record["policy"],
        "Digest of the rows": record["digest"],
        "Engine": record["engine"],
        "Tokens": f"{record['tokens_input']:,} in, {record['tokens_output']:,} out",
        "Data version": record["data_version"],
    }
    said = [(name, plain(str(value))) for name, value in told.items() if value]
    for one in record["feedback"]:
        verdict = "helpful" if one["helpful"] else "not helpful"
        said.append(("Feedback", plain(f"{verdict}: {one['reason']}" if one["reason"] else verdict)))
    return said


def stage(stage: Stage, value: Any, desk: Desk) -> tuple[str, str]:
    """A stage that was reached: its name, and what came of it as Markdown."""
    if stage == "understood":
        return "Understood", _understood(value, desk)
    if stage == "sql":
        return "SQL", code(explain.format(value), "sql")
    if stage == "checked":
        return "Checked", _checked(value)
    count = f"{len(value.rows):,} row{'' if len(value.rows) == 1 else 's'}"
    cut = " (the first; there were more)" if value.truncated else ""
    return "Ran", f"{count}{cut} in {value.milliseconds:,.0f} ms on DuckDB, read-only."


def told(answer: Answer) -> tuple[str, str]:
    """The last step: the words are there, and what they may say."""
    return "Told", f"Every figure in the text stands in the rows or follows from them. Answer `{answer.answer_id}`."


def _understood(value: Reading | str, desk: Desk) -> str:
    if isinstance(value, str):
        return text(value)
    said = text(understood(value.plan, desk.assistant.warehouse.model))
    return "\n".join([said, *(f"- {text(line)}" for line in value.assumptions)])


def _checked(query: CheckedQuery) -> str:
    said = ["One read-only statement; every table, column and function in it is known."]
    said.append(f"- Tables: {text(', '.join(query.tables))}")
    if query.functions:
        said.append(f"- Functions: {text(', '.join(query.functions))}")
    said.append(f"- Row policy: {text(query.policy or 'none')}")
    return "\n".join([*said, *(f"- {text(lint.message)}" for lint in query.warnings)])


def difference(desk: Desk, answer: Answer, original: str, user: str | None) -> str:
    """How the rows differ from those of the answer whose SQL was edited."""
    try:
        earlier = desk.recall(original, user).answer
    except AssistantError:
        return ""
    before, after = set(map(repr, earlier.rows)), set(map(repr, answer.rows))
    if before == after and len(earlier.rows) == len(answer.rows):
        return "The same rows as the original."
    return (
        f"{len(after - before):,} of {len(answer.rows):,} rows are not in the original; "
        f"{len(before - after):,} of its {len(earlier.rows):,} are not here."
    )


def _head(column: AnswerColumn, rows: Sequence[Sequence[Any]], at: int) -> dict[str, Any]:
    name = plain(column.name).replace("_", " ")
    unit = currency_of(column.unit)
    return {"label": name, "unit": unit or "", "number": column.kind == "metric"}


def _chip(chip: changes.Chip) -> dict[str, Any]:
    return {
        "part": chip.part,
        "label": plain(chip.label),
        "changes": [{"key": c.key, "label": plain(c.label)} for c in chip.changes],
    }
