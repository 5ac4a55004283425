"""Cases: corrected answers as questions with what must come out of them, in `regression.jsonl` beside the schemas.

They are items as `askcost eval` takes them: asked after every load, and wrong when the reading or the rows are others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from assistant.assistant import Assistant
from assistant.desk import replay
from assistant.desk.recall import Touched
from assistant.errors import AssistantError, LedgerError
from assistant.planning import local
from assistant.planning.local import Context
from assistant.semantics import taught
from assistant.values import QueryPlan

FILE = "regression.jsonl"


def place(assistant: Assistant) -> Path:
    return assistant.config.schemas / FILE


def keep(assistant: Assistant, found: Iterable[Touched]) -> int:
    """Adds the cases that are not there yet; → how many. Raises Refused for schemas that are not the company's own,
    LedgerError when they can't be written."""
    path = place(assistant)
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    known = {json.loads(line)["id"] for line in old.splitlines() if line.strip()}
    new = [one for one in _cases(assistant, found) if one["id"] not in known]
    if new:
        taught.check_own(assistant.config.schemas)
        text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in new)
        partial = path.with_name(f"{FILE}.part-{os.getpid()}")
        try:
            partial.write_text(old + text, encoding="utf-8")
            os.replace(partial, path)
        except OSError as error:
            raise LedgerError(f"{path} can't be written: {error.strerror or error}") from None
        finally:
            partial.unlink(missing_ok=True)
    return len(new)


def _cases(assistant: Assistant, found: Iterable[Touched]) -> Iterator[dict[str, Any]]:
    """Without those that only a conversation, or somebody's rights, makes a question of, and those not answered now."""
    for one in found:
        case = _case(assistant, one) if one.report else None
        if case is not None:
            yield case


def _case(assistant: Assistant, one: Touched) -> dict[str, Any] | None:
    question, known = replay.asked(one.record), assistant.known(one.record["question"])
    about = {
        "id": f"recall-{one.answer_id}",
        "kind": "recalled",
        "question": question.text,
        "today": question.today.isoformat() if question.today else one.record["at"][:10],
        "why": "; ".join(one.causes),
    }
    if known is not None:
        return {**about, "sql": known.sql}
    if not one.record["plan"]:
        return None
    house = assistant.warehouse
    plan = QueryPlan.model_validate(one.record["plan"])
    context = Context(question.today or replay.moment(one.record).date(), None, assistant.config.reporting_currency)
    try:
        alone = local.read(question.text, house.lexicon, context).plan
    except AssistantError:
        return None
    if alone != plan:
        return None
    about["plan"] = plan.model_dump(mode="json", exclude_defaults=True)
    return about if plan.analysis else {**about, "sql": assistant.compiled(plan, house).sql}
