"""What a rule has to say, and saying it once. Runs as the rule's owner, under their row policy.

A threshold tells of each crossing: the first day above after one that was not; a week, month, quarter or year above.
A digest tells at its time, up to a day late. An anomaly is told once, by its incident's id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from assistant.alerts import crossing, sending
from assistant.alerts.crossing import Crossing, Loaded, size
from assistant.alerts.question import ask
from assistant.alerts.reading import MONTH
from assistant.alerts.rule import Alert, Line, Message, Rule, occurrences, shape
from assistant.answers import Clock
from assistant.assistant import Assistant
from assistant.errors import AssistantError, LedgerError, Refused
from assistant.ledger.alerts import FOREVER, Alerts, Firing, Kept
from assistant.semantics import calendar
from assistant.telling.answer_object import plain_value
from assistant.telling.table import to_terminal
from assistant.values import Answer, Grain, Period, Question, Reading

LOG = logging.getLogger(__name__)
DAY = timedelta(days=1)
AGAIN = timedelta(hours=1)  # what can't be answered is not asked every minute
LATE = timedelta(hours=24)  # a digest that could not go out in time still goes out within
BACK = {Grain.DAY: 7, Grain.WEEK: 14, Grain.MONTH: 45, Grain.QUARTER: 100, Grain.YEAR: 380}  # days looked at again
MOST_ROWS = 30
WIDTH = 90

# A Slack channel's id → the users who read it. Raises Refused when that can't be known.
Readers = Callable[[str], tuple[str, ...]]


def unknown(channel: str) -> tuple[str, ...]:
    raise Refused(f"askcost can't see who reads {channel}, so nothing is sent there (pip install 'askcost[slack]').")


@dataclass(frozen=True)
class Told:
    """One thing that a run did: outcome sent, muted or failed, with the reason."""

    rule: str
    occurrence: str
    outcome: str
    error: str | None = None


class Watch:
    """Over one Assistant. What was looked at and has not changed since is not looked at again."""

    def __init__(self, assistant: Assistant, alerts: Alerts, readers: Readers = unknown) -> None:
        self.assistant, self.alerts, self._readers = assistant, alerts, readers
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._failed: dict[str, datetime] = {}

    @property
    def _fiscal(self) -> int:
        return self.assistant.vocabulary.calendar.fiscal_start

    def rules(self) -> dict[str, tuple[Rule, Kept]]:
        return {name: (Rule.model_validate_json(kept.body), kept) for name, kept in self.alerts.rules().items()}

    def run(self, now: datetime) -> list[Told]:
        """Whatever is due is sent; nothing that one rule meets keeps another from it. Raises LedgerError."""
        found: list[Told] = []
        for rule, kept in self.rules().values():
            if rule.id in self._failed and now - self._failed[rule.id] < AGAIN:
                continue
            try:
                for alert in self.due(rule, now):
                    found += self._fire(rule, kept, alert, now)
                self._failed.pop(rule.id, None)
                continue
            except LedgerError:
                self._seen.clear()
                raise
            except AssistantError as error:
                said = str(error)
            except Exception as error:  # a defect of ours must cost one rule, not the others' alerts
                LOG.exception("alert %s", rule.id)
                said = f"Something went wrong inside askcost ({type(error).__name__})."
            self._failed[rule.id] = now
            found += self._problem(rule, said, now)
        return found

    def due(self, rule: Rule, now: datetime) -> list[Alert]:
        """What the rule has to say by now and nobody has said yet. Raises AssistantError."""
        fired = self.alerts.fired(rule.id)
        if rule.cron is not None:
            since = max(now - LATE, rule.made)
            moments = [at for at in occurrences(rule.cron, rule.zone, since, now) if _key(at) not in fired][-1:]
            return [self.digest(rule, at) for at in moments]
        state = (self.assistant.warehouse.catalog.data_version, now.date())
        if self._seen.get(rule.id) == state:
            return []
        told = self.crossings(rule, now) if rule.line else self.anomalies(rule, now)
        self._seen[rule.id] = state
        return [alert for alert in told if alert.occurrence not in fired]

    def test(self, rule: Rule, now: datetime) -> list[Alert]:
        """What the rule would have sent: crossings and anomalies of the last 30 days, or its last digest."""
        if rule.cron is not None:
            moments = occurrences(rule.cron, rule.zone, now - MONTH, now)[-1:]
            return [self.digest(rule, at) for at in moments]
        if rule.line is None:
            return self.anomalies(rule, now, now.date() - timedelta(days=30))
        back = max(30, BACK[rule.line.per])
        return self.crossings(rule, now, now.date() - timedelta(days=back))

    def retry(self, firing: Firing, rule: Rule) -> Told | None:
        """Sends a dead letter again; None when it holds no message, or somebody else is at it."""
        attempt = firing.attempt + 1
        if firing.message is None or not self.alerts.claim(rule.id, firing.occurrence, firing.message, attempt):
            return None
        return self._send(rule, firing.occurrence, Message.model_validate_json(firing.message), attempt)

    # --- the kinds ----------------------------------------------------------------------------------------------

    def digest(self, rule: Rule, at: datetime) -> Alert:
        """The answer as of that moment's day in the rule's zone."""
        local = at.astimezone(ZoneInfo(rule.zone))
        answer = ask(rule.question, rule.owner, local, self.assistant, self.readers(rule))
        self._same(rule, answer)
        title = f"{rule.question[:1].upper()}{rule.question[1:]}"
        return Alert(occurrence=_key(local), message=self._message(rule, title, answer.answer, answer))

    def anomalies(self, rule: Rule, now: datetime, since: date | None = None) -> list[Alert]:
        """Open incidents that lasted into the rule's life, each with its row."""
        answer = ask(rule.question, rule.owner, now, self.assistant, self.readers(rule))
        self._same(rule, answer)
        names = [column.name for column in answer.columns]
        found = []
        for row in answer.rows:
            one = dict(zip(names, row, strict=True))
            if one["status"] != "open" or one["last"] < (since or rule.made.date()):
                continue
            days = f"on {one['start']}" if one["start"] == one["last"] else f"from {one['start']} to {one['last']}"
            excess, actual, expected = (size(abs(one[n]), one["unit"]) for n in ("excess", "actual", "expected"))
            title = f"Anomaly: {one['where']}, {excess} {'more' if one['excess'] > 0 else 'less'} than expected {days}"
            text = f"Actual {actual}, expected {expected}." + (f" Owner: {one['owner']}." if one["owner"] else "")
            message = self._message(rule, title, text, answer, [row])
            told = message.model_copy(update={"incident": str(one["id"])})
            found.append(Alert(occurrence=str(one["id"]), message=told))
        return found

    def crossings(self, rule: Rule, now: datetime, since: date | None = None) -> list[Alert]:
        """since: the first day that counts; the day the rule was made, or some days back, when absent."""
        line = rule.line
        assert line is not None
        first = since or max(rule.made.date(), now.date() - timedelta(days=BACK[line.per]))
        first = calendar.floor(first, line.per, self._fiscal)
        before = calendar.floor(first - DAY, line.per, self._fiscal)
        start = before if line.of == "value" else calendar.floor(before - DAY, line.per, self._fiscal)
        answer = self._by(rule, line, Period(start=start, end=now.date() + DAY), now)
        floor = first if since is None and before < rule.made.date() else before
        loaded = self._loaded(rule)
        found = crossing.crossings(answer, line, first, floor, loaded, self._fiscal)
        return [self._crossing(rule, line, answer, one, loaded.newest) for one in found]

    def _crossing(self, rule: Rule, line: Line, answer: Answer, one: Crossing, newest: date) -> Alert:
        named = [i for i, c in enumerate(answer.columns) if c.kind == "dimension" and c.name != "currency"]
        groups = [str(one.row[i]) for i in named]
        what = " · ".join([f"{rule.question[:1].upper()}{rule.question[1:]}", *groups])
        happened, said = crossing.told(one, line, newest)
        key = " · ".join([one.bucket.start.isoformat(), *groups])
        return Alert(occurrence=key, message=self._message(rule, f"{what}: {happened}", said, answer, [one.row]))

    def _by(self, rule: Rule, line: Line, period: Period, now: datetime) -> Answer:
        house, readers = self.assistant.warehouse, self.readers(rule)
        plan = rule.plan.model_copy(update={"grain": line.per, "period": period})
        question = Question(rule.question, rule.owner, None, now.date(), readers=readers)
        answer = self.assistant.of_plan(
            question, "", Reading(plan, 1.0), house, self.assistant.access(rule.owner, readers), Clock()
        )
        held = [at for at, column in enumerate(answer.columns) if column.name == "currency"]
        units = {row[held[0]] for row in answer.rows} if held else {answer.columns[-1].unit}
        if answer.truncated or units - {line.unit}:
            raise Refused(f"“{rule.question}” is no longer in {line.unit} alone, so its threshold means nothing.")
        return answer

    def _loaded(self, rule: Rule) -> Loaded:
        """The days loaded of what the rule looks at; none of them, no crossing is whole."""
        house = self.assistant.warehouse
        days = house.catalog.days.get(house.model.datasets[rule.plan.dataset].loaded_from)
        additive = house.model.metric(rule.plan.metrics[0]).additive
        return Loaded(days.first, days.last, additive) if days else Loaded(date.max, date.min, additive)

    def _same(self, rule: Rule, answer: Answer) -> None:
        assert answer.plan
        if shape(answer.plan) != shape(rule.plan):
            said = f"“{rule.question}” is read differently by now: {answer.understood}; it was {rule.understood}."
            raise Refused(f"{said} Nothing is sent until the rule is added anew.")

    def readers(self, rule: Rule) -> tuple[str, ...]:
        """Who else sees what is sent: the readers of the bot's channel."""
        channel = sending.by_bot(rule.channel, self.assistant.config)
        return self._readers(channel) if channel else ()

    def _message(
        self, rule: Rule, title: str, text: str, answer: Answer, rows: Sequence[Sequence[Any]] | None = None
    ) -> Message:
        """rows: those that it is about; all, drawn as a table, when absent."""
        shown, table = (answer.rows if rows is None else rows), ""
        if rows is None and answer.rows and (len(answer.rows) > 1 or len(answer.columns) > 1):
            more = len(shown) - MOST_ROWS
            table = to_terminal(answer.columns, shown[:MOST_ROWS], WIDTH) + (
                f"\n… and {more:,} more" if more > 0 else ""
            )
        read = f"Read as: {rule.understood if rule.line else answer.understood}"
        whose = f"Alert {rule.id} of {rule.owner or 'the operator'}"
        quiet = f"{whose}; “my alerts” in the chat, or askcost alerts mute {rule.id}, keeps it quiet"
        seen = None if self.readers(rule) else self.assistant.access(rule.owner).note
        return Message(
            title=title,
            text=text,
            table=table,
            small=tuple(part for part in (read, seen, quiet) if part),
            columns=tuple(column.name for column in answer.columns),
            rows=tuple(tuple(plain_value(value) for value in row) for row in shown),
        )

    # --- saying it ----------------------------------------------------------------------------------------------

    def _fire(self, rule: Rule, kept: Kept, alert: Alert, now: datetime) -> list[Told]:
        if not self.alerts.claim(rule.id, alert.occurrence, alert.message.model_dump_json()):
            return []
        if muted(kept, rule, now):
            self.alerts.settle(rule.id, alert.occurrence, "muted")
            return [Told(rule.id, alert.occurrence, "muted")]
        return [self._send(rule, alert.occurrence, alert.message, 1)]

    def _send(self, rule: Rule, occurrence: str, message: Message, attempt: int) -> Told:
        try:
            sending.send(message, rule.channel, f"{rule.id} {occurrence}", self.assistant.config)
        except AssistantError as error:
            self.alerts.settle(rule.id, occurrence, "failed", str(error), attempt)
            return Told(rule.id, occurrence, "failed", str(error))
        self.alerts.settle(rule.id, occurrence, "sent", attempt=attempt)
        return Told(rule.id, occurrence, "sent")

    def _problem(self, rule: Rule, said: str, now: datetime) -> list[Told]:
        """A rule that can't be looked at: kept among the dead letters, once a day."""
        occurrence = f"problem {now.date()}"
        if not self.alerts.claim(rule.id, occurrence, None):
            return []
        self.alerts.settle(rule.id, occurrence, "failed", said)
        return [Told(rule.id, occurrence, "failed", said)]


def muted(kept: Kept, rule: Rule, now: datetime) -> bool:
    """A mute ends when its day begins where the owner is."""
    until = kept.muted_until
    return until is not None and (until == FOREVER or now.astimezone(ZoneInfo(rule.zone)).date() < until)


def _key(at: datetime) -> str:
    """A local time without its offset: the hour that comes twice in autumn is one."""
    return at.replace(tzinfo=None).isoformat(timespec="minutes")


def now_at(today: date | None) -> datetime:
    """Now; with a day given, its last second (UTC)."""
    if today is None:
        return datetime.now(UTC)
    return datetime(today.year, today.month, today.day, tzinfo=UTC) + DAY - timedelta(seconds=1)
