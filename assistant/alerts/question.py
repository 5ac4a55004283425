"""The question of a rule: what the local planner reads, one number where a threshold is set on it.

Knows no schedule and no channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from assistant.alerts.rule import Line
from assistant.assistant import Assistant
from assistant.errors import AssistantError, Clarify, Refused
from assistant.telling.figures import currency_of
from assistant.values import Answer, QueryPlan, Question

EXAMPLES = ("tell me when AI spend passes 5,000 dollars a day", "Monday 8:00: last week by team, to #finance")


@dataclass(frozen=True)
class Asker:
    """Who wants the rule, when, and where: to may be None when the words say it. zone None: the setting's.

    otherwise: where it goes when the words don't say it. readers: who reads along there.
    """

    user: str | None
    now: datetime
    to: str | None = None
    zone: str | None = None
    otherwise: str | None = None
    readers: tuple[str, ...] = ()


class Dated(Clarify):
    """A threshold of a certain time: an ordinary question, as likely as not."""


def settled(question: str, line: Line | None, asker: Asker, assistant: Assistant) -> tuple[str, Line | None, Answer]:
    """The question as it is asked from now on, the line in the metric's unit, and today's answer."""
    if not question:
        raise Clarify("What should be told? Add a question, like “cost by team last week”.", EXAMPLES)
    answer = ask(question, asker.user, asker.now, assistant, asker.readers)
    if line is None:
        return question, None, answer
    _one_number(answer.plan, question, line)
    unit = unit_of(answer)
    if line.of == "change_percent" and unit is not None:
        return question, line.model_copy(update={"unit": unit}), answer
    if currency_of(line.unit) and unit != line.unit:
        question = f"{question} in {line.unit}"
        answer = ask(question, asker.user, asker.now, assistant, asker.readers)
        unit = unit_of(answer)
    if line.unit not in (None, unit):
        raise Clarify(f"“{question}” is in {unit or 'no one unit'}, not in {line.unit}. Name the amount in that unit.")
    if unit is None and line.of == "change_percent":
        raise Clarify(f"“{question}” is in several currencies. Name one, like “cost in USD”.")
    if unit is None:
        raise Clarify(f"“{question}” is in several currencies. Say which one the amount is in, like “5,000 USD a day”.")
    return question, line.model_copy(update={"unit": unit}), answer


def ask(question: str, user: str | None, now: datetime, assistant: Assistant, readers: tuple[str, ...] = ()) -> Answer:
    """An answer of the local planner. Raises Clarify or Refused when there is none."""
    answer = assistant.ask(Question(question, user, None, now.date(), "local", readers))
    if answer.clarify:
        raise Clarify(f"“{question}”: {answer.clarify.question}", answer.clarify.options)
    if answer.status != "answered":
        raise (Refused if answer.status == "refused" else AssistantError)(answer.error or "That can't be answered.")
    if answer.plan is None:
        raise Clarify(f"“{question}” is a verified query; an alert needs a question in other words.")
    return answer


def unit_of(answer: Answer) -> str | None:
    """The one unit of the answer's metric; None for several currencies."""
    metric = answer.columns[-1]
    if metric.unit:
        return metric.unit
    held = [at for at, column in enumerate(answer.columns) if column.name == "currency"]
    found = {row[held[0]] for row in answer.rows} if held else set()
    return str(found.pop()) if len(found) == 1 else None


def _one_number(plan: QueryPlan | None, question: str, line: Line) -> None:
    assert plan
    if plan.period and plan.period.words:
        raise Dated(f"A threshold counts each {line.per}; leave “{plan.period.words}” out.")
    plain = plan.model_copy(update={"filters": (), "period": None, "currency": None, "dimensions": ()})
    bare = QueryPlan(dataset=plan.dataset, metrics=plan.metrics[:1])
    if plain != bare:
        raise Clarify(f"“{question}” is more than one number for each {line.per}. Name one, like “cost of OpenAI”.")
