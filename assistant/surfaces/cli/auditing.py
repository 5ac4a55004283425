"""`askcost audit`: which answers were given; whether their record is whole; one of them run again. Draws only."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk import replay as replaying
from assistant.errors import LedgerError
from assistant.ledger import chain, search, store
from assistant.ledger.audit import Ledger
from assistant.ledger.search import Sought
from assistant.surfaces.cli import reports
from assistant.telling.table import plain

MOST_BREAKS = 20


def listed(config: Config, sought: Sought, limit: int, as_json: bool) -> int:
    found = search.search(store.of(config), sought, limit)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    for one in found:
        click.echo(
            plain(f"{one['answer_id']}  {one['at'][:19]}  {one['user'] or '-':10} {one['status']:9} {one['question']}")
        )
    return 0


def whole(config: Config, answer_id: str) -> int:
    ledger = Ledger(store.of(config))
    found = ledger.answers(answer_id)
    if ledger.problem:
        raise LedgerError(ledger.problem)
    if not found:
        click.echo(f"There is no answer {answer_id}.", err=True)
        return 1
    click.echo(json.dumps({**found[0], "feedback": ledger.feedback(answer_id)}, indent=2, ensure_ascii=False))
    return 0


def verify(config: Config, seen: str | None, as_json: bool) -> int:
    """Exit 0 when the chain holds, 1 otherwise."""
    verdict = chain.verify(store.of(config), seen)
    if as_json:
        click.echo(json.dumps({"holds": not verdict.breaks, **asdict(verdict)}, ensure_ascii=False))
        return 1 if verdict.breaks else 0
    for told in verdict.breaks[:MOST_BREAKS]:
        click.echo(plain(told), err=True)
    if len(verdict.breaks) > MOST_BREAKS:
        click.echo(f"… and {len(verdict.breaks) - MOST_BREAKS} more.", err=True)
    if not verdict.breaks:
        click.echo(f"The chain holds: {verdict.records:,} records, each as it was written.")
        click.echo(f"Newest: record {verdict.head}, {verdict.newest or 'none'}. Noted elsewhere, it shows with --seen")
        click.echo("later that nothing was cut off.")
    for told in verdict.pruned:
        click.echo(plain(told))
    if verdict.unchained:
        click.echo(f"{verdict.unchained:,} answers are older than the chain and not covered.")
    return 1 if verdict.breaks else 0


def export(config: Config, sought: Sought, out: Path | None) -> int:
    """JSON Lines; a file is whole or not there."""
    lines = (json.dumps(one, ensure_ascii=False) for one in search.records(store.of(config), sought))
    if out is None:
        for line in lines:
            click.echo(line)
        return 0
    partial = out.with_name(f"{out.name}.part-{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8") as file:
            count = sum(1 for line in lines if file.write(line + "\n"))
        os.replace(partial, out)
    except OSError as error:
        raise LedgerError(f"{out} can't be written: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
    click.echo(f"{count:,} records in {out}.")
    return 0


def replay(config: Config, answer_id: str, shape: str | None) -> int:
    assistant = Assistant(config, surface="cli")
    reports.show(replaying.replay(assistant, answer_id), shape)
    assistant.close()
    return 0
