"""`askcost audit recall`: earlier answers that a correction touched; readers told, cases kept. Draws only."""

from __future__ import annotations

import json

import click

from assistant.alerts import recalling
from assistant.analysis.report import Report
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk import cases, recall
from assistant.desk.recall import Touched
from assistant.errors import Refused
from assistant.ledger import store
from assistant.ledger.alerts import Alerts
from assistant.ledger.search import Sought
from assistant.telling.answer_object import plain_value
from assistant.telling.table import plain

MOST_NAMED = 5


def run(config: Config, sought: Sought, notify: bool, as_json: bool) -> int:
    """Exit 1 when somebody could not be told."""
    assistant = Assistant(config.model_copy(update={"llm_model": None}), surface="recall")
    try:
        found = list(recall.touched(assistant, sought))
        if as_json:
            click.echo(json.dumps({"recalled": [plain_value(_object(one)) for one in found]}, ensure_ascii=False))
        else:
            _draw(found)
        return _notify(assistant, found) if notify else 0
    finally:
        assistant.close()


def _notify(assistant: Assistant, found: list[Touched]) -> int:
    told = recalling.notify(assistant, Alerts(store.of(assistant.config)), found)
    for one in told:
        who = one.occurrence.rsplit(" ", 1)[0].removeprefix("user:") or "the local operator"
        click.echo(plain(f"{who}: {one.outcome}{f': {one.error}' if one.error else ''}"), err=True)
    try:
        kept = cases.keep(assistant, found)
    except Refused as error:
        click.echo(f"The cases were not kept: {error}", err=True)
    else:
        click.echo(f"{kept} cases joined {cases.place(assistant)}.", err=True)
    return 1 if any(one.outcome == "failed" for one in told) else 0


def _object(one: Touched) -> dict[str, object]:
    kept = {name: one.record[name] for name in ("answer_id", "at", "user", "surface", "thread", "question")}
    report = one.report or Report((), ())
    return {
        **kept,
        "causes": list(one.causes),
        "problem": one.problem,
        "columns": [column.name for column in report.columns],
        "rows": [list(row) for row in report.rows],
        "totals": dict(report.extra.get("totals", {})),
    }


def _draw(found: list[Touched]) -> None:
    if not found:
        click.echo("No earlier answer is touched: what they rest on gives the figures that were given.")
        return
    click.echo(f"{len(found)} earlier answer{'' if len(found) == 1 else 's'} would be different now:\n")
    for one in found:
        record = one.record
        where = f"{record['user'] or 'the local operator'}, {record['surface']}"
        click.echo(plain(f"{one.answer_id}  {record['at'][:16]}  {where}: {record['question']}"))
        for cause in one.causes:
            click.echo(plain(f"    because {cause}"))
        for said in one.report.sentences if one.report else (one.problem or "",):
            click.echo(plain(f"    {said}"))
    click.echo("\nRow by row: askcost audit replay ID. To tell their readers and keep the cases: --notify.")


def briefly(assistant: Assistant) -> None:
    """After a change: how many earlier answers it touched, on standard error."""
    found = list(recall.touched(assistant, Sought()))
    if not found:
        return
    click.echo(f"\n{len(found)} earlier answers would be different now (askcost audit recall):", err=True)
    for one in found[-MOST_NAMED:]:
        click.echo(plain(f"  {one.answer_id}  {one.record['user'] or '-'}: {one.record['question']}"), err=True)
