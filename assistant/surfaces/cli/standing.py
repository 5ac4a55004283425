"""`askcost verified`, and what must still hold after a load: verified queries, recalled cases, earlier answers.

Says what does not hold on standard error; the load itself stands. A warehouse with no history is looked at in no time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click

from assistant import evaluation, verifying
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk import cases
from assistant.errors import AssistantError
from assistant.surfaces.cli import recalling
from assistant.telling.table import plain

MOST_TOLD = 10


def after_load(config: Config) -> None:
    """Never fails: what can't be looked at is said."""
    assistant = Assistant(config.model_copy(update={"llm_model": None}), surface="eval")
    try:
        problems = list(failing(assistant))
        for said in problems[:MOST_TOLD]:
            click.echo(plain(f"  warning    {said}"), err=True)
        if len(problems) > MOST_TOLD:
            click.echo(f"  warning    … and {len(problems) - MOST_TOLD} more (askcost verified)", err=True)
        if config.ledger_path.exists() or config.ledger_url is not None:
            recalling.briefly(assistant)
    except AssistantError as error:
        click.echo(plain(f"  warning    what was verified could not be tested: {error}"), err=True)
    finally:
        assistant.close()


def failing(assistant: Assistant) -> Iterator[str]:
    """Verified queries that do not run any more, and recalled cases that are answered otherwise."""
    for query, problem in verifying.problems(assistant, datetime.now(UTC).date()):
        yield f"the verified query “{query.name}” does not hold, tell {query.owner}: {problem}"
    path = cases.place(assistant)
    if not path.exists():
        return

    def check(sql: str) -> Any:
        _, rows = assistant.run(sql)
        return rows.columns, rows.rows

    for one in evaluation.run(assistant, evaluation.read(path), check).results:
        if one.verdict != "right":
            yield f"the recalled case {one.id}, “{one.question}”: {one.note}"


def listed(config: Config, as_json: bool) -> int:
    assistant = Assistant(config, surface="eval")
    today = datetime.now(UTC).date()
    wrong = dict(verifying.problems(assistant, today))
    found = [{**asdict(one), "problem": wrong.get(one)} for one in assistant.in_use(today)]
    lapsed = [asdict(one) | {"problem": "lapsed"} for one in assistant.lapsed(today)]
    if as_json:
        click.echo(json.dumps({"verified": [*found, *lapsed]}, ensure_ascii=False))
    for one in () if as_json else (*found, *lapsed):
        until = f", until {one['until']}" if one["until"] else ""
        state = one["problem"] or "holds"
        click.echo(plain(f"{one['name']}: {state}; {one['owner']}, verified by {one['by']} on {one['on']}{until}"))
    assistant.close()
    return 0


def test(config: Config) -> int:
    assistant = Assistant(config.model_copy(update={"llm_model": None}), surface="eval")
    problems = list(failing(assistant))
    assistant.close()
    for said in problems:
        click.echo(plain(said))
    click.echo("Everything that was verified holds." if not problems else f"{len(problems)} do not hold.")
    return 1 if problems else 0


def decide(config: Config, what: str, question: str, until: date | None, owner: str | None, user: str | None) -> int:
    """Renews or withdraws a saved query; says which earlier answers that touches."""
    assistant = Assistant(config, surface="eval")
    if what == "withdraw":
        verifying.drop(assistant, question, user)
        click.echo(plain(f"“{question}” is planned anew from now on."))
    else:
        last = until or datetime.now(UTC).date() + timedelta(days=config.verified_days)
        verifying.renew(assistant, question, user, last, owner)
        click.echo(plain(f"“{question}” is verified until {last}."))
    recalling.briefly(assistant)
    assistant.close()
    return 0
