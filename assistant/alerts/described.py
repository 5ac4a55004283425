"""A rule in a few words, as every surface says it."""

from __future__ import annotations

from calendar import day_name

from assistant.alerts.crossing import wanted
from assistant.alerts.firing import BACK
from assistant.alerts.rule import Rule

WEEKDAYS = {"*": "", "mon-fri": "Monday to Friday ", "sat,sun": "Saturday and Sunday "} | {
    name[:3].lower(): f"every {name} " for name in day_name
}


def when(rule: Rule) -> str:
    """“when above $5,000.00 a day”, “when 20% more than the whole week before”, “every Monday at 8:00 UTC”."""
    line = rule.line
    if line is not None and line.of == "value":
        return f"when {line.side} {wanted(line)} a {line.per}"
    if line is not None:
        return f"when {wanted(line)} {'more' if line.side == 'above' else 'less'} than the whole {line.per} before"
    if rule.cron is None:
        return "when one is found"
    minute, hour, day, _, weekday = rule.cron.split()
    days = {"*": WEEKDAYS.get(weekday, f"{weekday} "), "1": "the 1st of each month ", "last": "each month's last day "}
    return f"{days[day] or 'every day '}at {hour}:{int(minute):02} {rule.zone}"


def span(rule: Rule, count: int) -> str:
    """How much it would have sent."""
    days = max(30, BACK[rule.line.per]) if rule.line else 30
    past = "At its last time" if rule.cron else f"In the last {days} days"
    return f"{past} it would have sent {count} message{'' if count == 1 else 's'}"
