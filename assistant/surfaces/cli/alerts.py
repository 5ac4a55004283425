"""Runs `askcost alerts`: shows rules and what they send, and keeps the scheduler going."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import click

from assistant.alerts import reading, recalling, sending
from assistant.alerts.described import span, when
from assistant.alerts.firing import Told, Watch, muted, now_at
from assistant.alerts.question import EXAMPLES, Asker
from assistant.alerts.rule import Alert, Message, Rule
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import AssistantError, Refused
from assistant.ledger import store
from assistant.ledger.alerts import FOREVER, Alerts, Decision, Kept
from assistant.surfaces.cli.readers import channel_readers
from assistant.telling.table import plain

SHOWN = 5


@dataclass(frozen=True)
class Wanted:
    """What `askcost alerts add` says beside the words."""

    user: str | None
    to: str | None
    zone: str | None
    today: date | None


def watch(config: Config) -> Watch:
    """Questions of alerts are read without a language model: they cost no tokens."""
    assistant = Assistant(config.model_copy(update={"llm_model": None}), surface="alerts")
    return Watch(assistant, Alerts(store.of(config)), channel_readers(assistant))


# --- one rule -------------------------------------------------------------------------------------------------------


def add(config: Config, words: str, wanted: Wanted, yes: bool) -> int:
    own, now = watch(config), now_at(wanted.today)
    rule = reading.read(words, Asker(wanted.user, now, wanted.to, wanted.zone), own.assistant)
    sending.check(rule.channel, config)
    _describe(rule, None)
    found = own.test(rule, now)
    preview(f"{span(rule, len(found))}{f'; the newest {SHOWN}' if len(found) > SHOWN else ''}", found[-SHOWN:])
    if not (yes or (sys.stdin.isatty() and click.confirm("\nKeep it?"))):
        click.echo("\nNothing was kept. Add --yes to keep it.")
        return 3
    own.alerts.add(rule.id, rule.model_dump_json())
    click.echo(f"\nKept as {rule.id}. `askcost alerts run` sends it.")
    return 0


def test(config: Config, name: str, send: bool, today: date | None) -> int:
    own, now = watch(config), now_at(today)
    rule, kept = _known(own, name)
    found = own.test(rule, now)
    _describe(rule, kept)
    preview(f"{span(rule, len(found))}{f'; the newest {SHOWN}' if len(found) > SHOWN else ''}", found[-SHOWN:])
    if send:
        message = found[-1].message if found else Message(title=f"{rule.question}: nothing to tell", text=rule.words)
        marked = message.model_copy(update={"title": f"Test: {message.title}"})
        sending.send(marked, rule.channel, f"{rule.id} test {datetime.now(UTC).isoformat()}", config)
        click.echo(f"\nA test was sent to {rule.channel.to}.")
    return 0


def decide(config: Config, name: str, what: Decision, until: date | None = None) -> int:
    kept = Alerts(store.of(config))
    if name not in kept.rules():
        raise Refused(_unknown(name))
    kept.decide(name, what, until)
    done = {"mute": f"is quiet{f' until {until}' if until else ''}", "unmute": "speaks again", "remove": "is removed"}
    click.echo(f"Alert {name} {done[what]}.")
    return 0


def _known(own: Watch, name: str) -> tuple[Rule, Kept]:
    found = own.rules().get(name)
    if found is None:
        raise Refused(_unknown(name))
    return found


def _unknown(name: str) -> str:
    return f"There is no alert {plain(name)}; `askcost alerts` lists them with their ids."


# --- all of them ----------------------------------------------------------------------------------------------------


def listed(config: Config, as_json: bool) -> int:
    kept = Alerts(store.of(config))
    rules = [(Rule.model_validate_json(one.body), one) for one in kept.rules().values()]
    dead = len(kept.dead())
    if as_json:
        shown = [{**json.loads(one.body), "muted_until": _until(one)} for _, one in rules]
        click.echo(json.dumps({"alerts": shown, "dead": dead}, ensure_ascii=False))
        return 0
    if not rules:
        click.echo(f'No alerts yet. For example: askcost alerts add "{EXAMPLES[1]}"')
    for rule, one in rules:
        _describe(rule, one)
    if dead:
        click.echo(f"\n{dead} never arrived: askcost alerts dead")
    return 0


def dead(config: Config, retry: bool) -> int:
    """Exit 1 when something still has not arrived after trying again."""
    own = watch(config)
    rules = own.rules()
    found = own.alerts.dead()
    failed = 0
    for one in found:
        reason = one.error or "the process that was sending it ended"
        click.echo(plain(f"{one.rule}  {one.at:%Y-%m-%d %H:%M} UTC  {one.occurrence}: {reason}"))
        if retry and one.rule in (*rules, recalling.RULE) and one.message is not None:
            told = (
                recalling.retry(own.assistant, own.alerts, one)
                if one.rule == recalling.RULE
                else own.retry(one, rules[one.rule][0])
            )
            failed += told is not None and told.outcome == "failed"
            click.echo(f"    {_said(told) if told else 'somebody else is sending it'}")
    if not found:
        click.echo("Everything arrived.")
    return 1 if failed else 0


def once(config: Config, today: date | None) -> int:
    """Exit 1 when something could not be sent."""
    found = watch(config).run(now_at(today))
    _log(found)
    return 1 if any(one.outcome == "failed" for one in found) else 0


def forever(config: Config, every: int) -> int:
    from apscheduler.schedulers.blocking import BlockingScheduler

    own = watch(config)

    def look() -> None:
        try:
            _log(own.run(datetime.now(UTC)))
        except AssistantError as error:  # the ledger is away; it may be back in a minute
            click.echo(f"askcost: {error}", err=True)

    scheduler = BlockingScheduler(timezone=UTC)
    scheduler.add_job(
        look, "interval", seconds=every, next_run_time=datetime.now(UTC), coalesce=True, max_instances=1,
        misfire_grace_time=None,
    )  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: scheduler.shutdown())
    click.echo(f"Looking every {every} seconds; Ctrl-C ends.")
    try:
        scheduler.start()
    except KeyboardInterrupt:
        scheduler.shutdown()
    return 0


def _log(found: Sequence[Told]) -> None:
    for one in found:
        click.echo(plain(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC  {one.rule}  {one.occurrence}  {_said(one)}"))


def _said(one: Told) -> str:
    return f"{one.outcome}: {one.error}" if one.error else one.outcome


# --- drawn ----------------------------------------------------------------------------------------------------------


def _describe(rule: Rule, kept: Kept | None) -> None:
    quiet = ""
    if kept and muted(kept, rule, datetime.now(UTC)):
        quiet = "  (quiet)" if kept.muted_until == FOREVER else f"  (quiet until {kept.muted_until})"
    click.echo(plain(f"{rule.id}  {rule.words}{quiet}"))
    click.echo(plain(f"    {rule.kind}, {when(rule)}, to {rule.channel.to}, for {rule.owner or 'the operator'}"))
    click.echo(plain(f"    read as: {rule.understood}"))


def _until(kept: Kept) -> str | None:
    return "forever" if kept.muted_until == FOREVER else kept.muted_until.isoformat() if kept.muted_until else None


def preview(head: str, found: Sequence[Alert]) -> None:
    click.echo(f"\n{head}:")
    for one in found:
        click.echo(f"\n  {plain(one.message.title)}\n  {plain(one.message.text)}")
        for line in one.message.table.splitlines():
            click.echo(f"  {plain(f'|{line}')[1:]}")
