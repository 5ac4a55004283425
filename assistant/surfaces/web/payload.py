"""An answer as the page draws it: plain JSON of texts already written for people. Knows no HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from assistant.desk import changes
from assistant.desk.desk import Desk, Recalled
from assistant.desk.shown import cells, quiet, unlinked
from assistant.errors import AssistantError
from assistant.sql import explain
from assistant.telling.figures import currency_of
from assistant.telling.table import plain
from assistant.values import Answer, AnswerColumn

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
        "verified": answer.planner != "sql",
        "policy": desk.assistant.access(user).note,
        "quiet": quiet(answer, desk),
        "renewed": recalled.renewed,
    }


def steps(answer: Answer, desk: Desk, user: str | None) -> list[tuple[str, str]]:
    """What happened on the way, in order: a name and its content as Markdown."""
    if answer.status != "answered" or not answer.sql:
        return []
    understood = [text(answer.understood)] if answer.understood else ["The statement was given as SQL."]
    understood += [f"- {text(line)}" for line in answer.assumptions]
    try:
        checked = desk.assistant.check(answer.sql, user)
    except AssistantError as error:
        checks = [text(str(error))]
    else:
        checks = ["One read-only statement; every table, column and function in it is known."]
        checks.append(f"- Tables: {text(', '.join(checked.tables))}")
        if checked.functions:
            checks.append(f"- Functions: {text(', '.join(checked.functions))}")
        checks.append(f"- Row policy: {text(checked.policy or 'none')}")
        checks += [f"- {text(lint.message)}" for lint in checked.warnings]
    count = f"{len(answer.rows):,} row{'' if len(answer.rows) == 1 else 's'}"
    cut = " (the first; there were more)" if answer.truncated else ""
    took = answer.timings_ms.get("execute", 0)
    return [
        ("Understood", "\n".join(understood)),
        ("SQL", code(explain.format(answer.sql), "sql")),
        ("Checked", "\n".join(checks)),
        ("Ran", f"{count}{cut} in {took:,.0f} ms on DuckDB, read-only."),
        ("Told", "Every figure in the text stands in the rows or follows from them. Answer "
                 f"`{answer.answer_id}`."),
    ]  # fmt: skip


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
