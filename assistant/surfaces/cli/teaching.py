"""`askcost teach`: the words that people proposed, and what becomes of them. Draws only."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import click

from assistant import lessons
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.ledger import store
from assistant.ledger.lessons import Lesson, Lessons
from assistant.planning import teaching
from assistant.semantics import taught
from assistant.semantics.taught import Word
from assistant.telling.table import plain


def run(config: Config, what: str, name: str | None, why: str, user: str | None, as_json: bool) -> int:
    own, core, today = Lessons(store.of(config)), Assistant(config, surface="cli"), datetime.now(UTC).date()
    try:
        if what == "list":
            _list(core, own, as_json)
        elif what == "show":
            _show(core, own, lessons.find(own, str(name)), as_json)
        elif what == "undo":
            click.echo(plain(lessons.undo(core, own, name, user, today)))
        else:
            decide = lessons.accept if what == "accept" else lessons.reject
            click.echo(plain(decide(core, own, str(name), user, today, why)))
    finally:
        core.close()
    return 0


def _list(core: Assistant, own: Lessons, as_json: bool) -> None:
    known, pending = taught.read(core.config.schemas), own.pending()
    if as_json:
        words = [word.model_dump(mode="json", exclude_defaults=True) for word in known.words]
        shown = [asdict(one) for one in pending]
        click.echo(json.dumps({"version": known.version, "words": words, "pending": shown}, ensure_ascii=False))
        return
    for word in known.words:
        click.echo(plain(f"{word.word}: {word.meaning} (by {word.by}, accepted by {word.accepted_by} on {word.on})"))
    for one in pending:
        click.echo(plain(f"pending  {one.id}  {one.user or 'the local operator'}, {one.at[:10]}: {one.said}"))
    if not known.words and not pending:
        click.echo('Nothing was taught yet. For example: askcost ask "when I say run cost I mean compute without tax"')


def _show(core: Assistant, own: Lessons, one: Lesson, as_json: bool) -> None:
    """With every question that it changes: whoever reviews sees them all."""
    word = Word.model_validate_json(one.body)
    found = lessons.changed(core, own.store, word) if one.decision is None else []
    if as_json:
        click.echo(json.dumps({**asdict(one), "changes": [asdict(c) for c in found]}, ensure_ascii=False))
        return
    who = one.user or "the local operator"
    click.echo(plain(f"{one.id}  {one.decision or 'pending'}  {who}, {one.at[:16]} UTC: {one.said}"))
    click.echo(plain(f"Understood: '{word.word}' would be {next(teaching.described(word, core.warehouse.lexicon))}."))
    click.echo(f"Of the questions asked lately and the verified ones it changes {len(found) or 'none'}.")
    for changed in found:
        click.echo(plain(f"\n  {changed.question} ({changed.by or 'verified'})"))
        click.echo(plain(f"    now    {changed.before}"))
        click.echo(plain(f"    then   {changed.after}"))
