"""An answer's parts as every surface shows them: the chart, cells as texts, where columns come from, the quiet line.

Knows no HTML, no Markdown and no surface: texts are plain.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from assistant.assistant import UNDERSTOOD_SQL, VERIFIED
from assistant.desk import changes
from assistant.desk.desk import Desk
from assistant.errors import AssistantError
from assistant.planning import replies
from assistant.sql import explain
from assistant.telling.chart import draw
from assistant.telling.figures import figure
from assistant.telling.table import plain
from assistant.values import Answer, AnswerColumn, Chart, Grain

MOST_ROWS = 1_000
MOST_NAMES = 2
WORD_JOINER = "\u2060"  # has no width; a link that is not one has to be broken by something


def unlinked(words: str) -> str:
    """Words on one line in which no page or chat finds a link or an address."""
    clean = plain(words)
    clean = re.sub(r"(?i)(https?|ftp|mailto|xmpp):", rf"\1{WORD_JOINER}:", clean)
    clean = re.sub(r"(?i)\bwww\.", f"www{WORD_JOINER}.", clean)
    return re.sub(r"(?<=\S)@(?=\S)", f"@{WORD_JOINER}", clean).strip()


def picture(answer: Answer, desk: Desk) -> Chart | None:
    """The chart of an answer, or None."""
    if answer.plan is None:
        return draw(answer.columns, answer.rows, None, additive=False)
    if answer.plan.analysis:
        return answer.chart or _reported(answer)
    model = desk.assistant.warehouse.model
    additive = model.metric(answer.plan.metrics[0]).additive and answer.plan.average is None
    title = " and ".join(model.metric(m).label for m in answer.plan.metrics)
    return draw(answer.columns, answer.rows, answer.plan, additive, title[:1].upper() + title[1:])


def _reported(answer: Answer) -> Chart | None:
    """The first figure of a report by the names before it, unless these are too many for a bar."""
    first = next((i for i, c in enumerate(answer.columns) if c.kind == "metric"), 0)
    told = [i for i in range(first) if len({row[i] for row in answer.rows}) > 1]
    if len(told) > MOST_NAMES:
        return None
    kept = [*told, first]
    rows = [tuple(row[i] for i in kept) for row in answer.rows]
    return draw([answer.columns[i] for i in kept], rows, None, additive=False)


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


def lineage(answer: Answer, desk: Desk, user: str | None) -> list[dict[str, Any]]:
    """Each column's definition and sources. Slow (20 ms a column), so only when somebody opens it."""
    if not answer.sql or (answer.plan and answer.plan.analysis):
        return []  # an analysis calculates with the rows of several statements
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
        parts.append(f"{writer(answer)}, unverified")
    return " · ".join(parts)


def writer(answer: Answer) -> str:
    """Whose SQL it is, when the planner did not make it."""
    if answer.understood.startswith(VERIFIED):
        return "verified"
    if answer.planner != "sql":
        return ""
    return "a language model's SQL" if answer.understood == UNDERSTOOD_SQL else "your own SQL"


def loaded_to(answer: Answer, desk: Desk) -> date | None:
    """The newest loaded day of what the answer was read from."""
    house = desk.assistant.warehouse
    table = house.model.datasets[answer.plan.dataset].loaded_from if answer.plan else "cost_and_usage"
    days = house.catalog.days.get(table)
    return days.last if days else None


def choice(answer: Answer, option: str) -> str:
    """What an option asks: the question with its unknown word replaced, or the option, which the thread completes."""
    assert answer.clarify
    text = replies.completed(answer.question, answer.clarify.question, option)
    return option if text == f"{answer.question} {option}" else text


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
