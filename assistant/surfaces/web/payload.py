"""An answer as the page draws it: plain JSON of texts already written for people. Knows no HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from assistant import verifying
from assistant.assistant import UNDERSTOOD_SQL, VERIFIED
from assistant.errors import AssistantError
from assistant.sql import explain
from assistant.surfaces.web import changes
from assistant.surfaces.web.desk import Desk, Recalled
from assistant.telling.chart import Chart, draw
from assistant.telling.figures import currency_of, figure
from assistant.telling.table import plain
from assistant.telling.understood import understood
from assistant.values import Answer, AnswerColumn, CheckedQuery, Grain, Reading, Stage

MOST_ROWS = 1_000
# Emphasis, code, links, HTML, tables, entities; directives. Nothing more: the copy button copies backslashes too.
MARKUP = re.compile(r"[\\`*_\[\]<>~|&]|:(?=\w|:)")
BLOCK = re.compile(r"^(\d*)([#+=.)-])")
UNKNOWN = re.compile(r"“([^”]+)”")
WORD_JOINER = "\u2060"  # has no width; a link that is not one has to be broken by something


def text(words: str) -> str:
    """Words as Markdown that shows them as they are: no emphasis, no HTML, no links from what the data says."""
    clean = plain(words)
    clean = re.sub(r"(?i)(https?|ftp|mailto|xmpp):", rf"\1{WORD_JOINER}:", clean)
    clean = re.sub(r"(?i)\bwww\.", f"www{WORD_JOINER}.", clean)
    clean = re.sub(r"(?<=\S)@(?=\S)", f"@{WORD_JOINER}", clean)
    return BLOCK.sub(r"\1\\\2", MARKUP.sub(r"\\\g<0>", clean.strip()))


def code(source: str, language: str = "") -> str:
    """Source as a fenced block that nothing inside it can end."""
    longest = max((len(run) for run in re.findall(r"`+", source)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{source}\n{fence}"


def picture(answer: Answer, desk: Desk) -> Chart | None:
    """The chart of an answer, or None."""
    if answer.plan is None:
        return draw(answer.columns, answer.rows, None, additive=False)
    model = desk.assistant.warehouse.model
    additive = model.metric(answer.plan.metrics[0]).additive and answer.plan.average is None
    title = " and ".join(model.metric(m).label for m in answer.plan.metrics)
    return draw(answer.columns, answer.rows, answer.plan, additive, title[:1].upper() + title[1:])


def with_trend(chart: Chart, answer: Answer, desk: Desk, user: str | None) -> Chart:
    """A single number with how it came about over its period; as it was when that can't be told."""
    plan = changes.trend(answer.plan) if answer.plan and chart.kind == "number" else None
    if plan is None:
        return chart
    try:
        days = desk.aside(plan, user)
    except AssistantError:
        return chart
    line = draw(days.columns, days.rows, plan)
    if line is None or line.kind != "line" or line.unit != chart.unit:
        return chart
    return replace(chart, trend=tuple(zip(line.labels, line.series[0].values, strict=True)))


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
        "sql_by": _writer(answer),
        "may_save": answer.sql is not None and verifying.may(desk.assistant, user),
        "policy": desk.assistant.access(user).note,
        "quiet": quiet(answer, desk),
        "renewed": recalled.renewed,
    }


def lineage(answer: Answer, desk: Desk, user: str | None) -> list[dict[str, Any]]:
    """Each column's definition and sources. Slow (20 ms a column), so only when somebody opens it."""
    if not answer.sql:
        return []
    access = desk.assistant.access(user)
    found = explain.explain(desk.assistant.check(answer.sql, user), access)
    return [{"column": d.column, "definition": d.definition, "sources": list(d.sources)} for d in found]


def cells(answer: Answer) -> list[list[str]]:
    """The first rows as texts: amounts as figures.py writes them, days by their bucket."""
    grain = answer.plan.grain if answer.plan else None
    money = next((i for i, c in enumerate(answer.columns) if c.name == "currency"), None)
    return [
        [
            _cell(value, column, grain, str(row[money]) if money is not None and row[money] else None)
            for value, column in zip(row, answer.columns, strict=True)
        ]
        for row in answer.rows[:MOST_ROWS]
    ]


def quiet(answer: Answer, desk: Desk) -> str:
    """`24 rows · 12 ms · 0 tokens · $0.00 · data to 14 Oct 2026`."""
    rows = len(answer.rows)
    parts = [f"{rows:,} row{'' if rows == 1 else 's'}"]
    if total := answer.timings_ms.get("total"):
        parts.append(f"{total / 1000:.1f} s" if total >= 1000 else f"{total:.0f} ms")
    used = answer.tokens.input + answer.tokens.output
    parts.append(f"{used:,} tokens")
    if used:
        cost = answer.tokens.cost_usd
        parts.append("price of the model unknown" if cost is None else f"${cost:.4f}")
    if newest := loaded_to(answer, desk):
        parts.append(f"data to {newest.day} {newest:%b %Y}")
    if answer.planner == "sql":
        parts.append(f"{_writer(answer)}, unverified")
    return " · ".join(parts)


def _writer(answer: Answer) -> str:
    """Whose SQL it is, when the planner did not make it."""
    if answer.understood.startswith(VERIFIED):
        return "verified"
    if answer.planner != "sql":
        return ""
    return "a language model's SQL" if answer.understood == UNDERSTOOD_SQL else "your own SQL"


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
        "Tokens": f"{record['tokens_input']:,} in, {record['tokens_output']:,} out",
        "Data version": record["data_version"],
    }
    said = [(name, plain(str(value))) for name, value in told.items() if value]
    for one in record["feedback"]:
        verdict = "helpful" if one["helpful"] else "not helpful"
        said.append(("Feedback", plain(f"{verdict}: {one['reason']}" if one["reason"] else verdict)))
    return said


def loaded_to(answer: Answer, desk: Desk) -> date | None:
    """The newest loaded day of what the answer was read from."""
    house = desk.assistant.warehouse
    table = house.model.datasets[answer.plan.dataset].loaded_from if answer.plan else "cost_and_usage"
    days = house.catalog.days.get(table)
    return days.last if days else None


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


def choice(answer: Answer, option: str) -> str:
    """What an option asks: the question with its unknown word replaced, or the option itself."""
    assert answer.clarify
    for word in UNKNOWN.findall(answer.clarify.question):
        pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
        if pattern.search(answer.question):
            return pattern.sub(lambda _: option, answer.question, count=1)
    return option


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


def _cell(value: Any, column: AnswerColumn, grain: Grain | None, currency: str | None) -> str:
    if value is None:
        return "–" if column.kind == "metric" else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        if column.kind != "metric":
            return str(value)
        return figure(value, column.unit or currency)
    if isinstance(value, date):
        return day(value, grain)
    return plain(str(value))


def day(value: date, grain: Grain | None) -> str:
    """A bucket's first day, as its grain is called."""
    if grain is Grain.MONTH:
        return f"{value:%b %Y}"
    if grain is Grain.QUARTER:
        return f"Q{(value.month + 2) // 3} {value.year}"
    if grain is Grain.YEAR:
        return str(value.year)
    if isinstance(value, datetime) and value.time() != datetime.min.time():
        return value.isoformat(" ")
    return value.isoformat()[:10]
