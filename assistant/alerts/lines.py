"""The threshold of a rule in words: an amount, a change against the time before, a part of the budget.

Knows no schedule, no place and no figures of the data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from assistant.alerts.phrases import AMOUNT, PERCENT, any_of, cut, named
from assistant.alerts.rule import Line
from assistant.errors import Clarify
from assistant.semantics import words
from assistant.values import Grain


def line_of(text: str, says: Mapping[str, Any]) -> tuple[str, Line | None]:
    """The question that is left, and the line, if there is one. Raises Clarify for half of one."""
    for read in (_budget, _change, _amount):
        rest, line = read(text, says)
        if line is not None:
            return rest, line
    return text, None


# --- a part of the budget -------------------------------------------------------------------------------------------


def _budget(text: str, says: Mapping[str, Any]) -> tuple[str, Line | None]:
    """“we have used 80 % of the budget”, “any team goes over its budget”: budgets are of months."""
    its = says["budgets"]
    used, of, gone, over = (any_of(its[name]) for name in ("used", "of", "gone", "over"))
    for pattern in (rf"{used}\s+{PERCENT}\s+{of}", rf"{PERCENT}\s+{of}\s+{gone}", rf"(?P<over>{over})"):
        found = re.search(rf"(?<!\w){pattern}", text, re.IGNORECASE)
        if found is None:
            continue
        parts = found.groupdict()
        value = _number(parts["percent"]) if parts.get("percent") else Decimal(100)
        who = f"{text[: found.start()]} {text[found.end() :]}".strip(" ,")
        line = Line(side="above", value=value, unit="percent", per=Grain.MONTH)
        return _whose(who, its), line
    return text, None


def _whose(who: str, its: Mapping[str, Any]) -> str:
    """“we” → budget used; “team Payments” → budget used of team Payments; “any team” → budget used by team."""
    asked = str(its["question"])
    if not who or re.fullmatch(any_of(its["all"]), who, re.IGNORECASE):
        return asked
    each = re.match(rf"{any_of(its['any'])}\s+(?P<what>.+)", who, re.IGNORECASE)
    return f"{asked} by {each['what']}" if each else f"{asked} of {who}"


# --- a change -------------------------------------------------------------------------------------------------------


def _change(text: str, says: Mapping[str, Any]) -> tuple[str, Line | None]:
    """“rises by more than 20 % week over week”, “grows by more than 500 dollars against last month”."""
    against = named(says["against"])
    before = rf"(?P<against>{any_of(against)})"
    moves = rf"(?P<up>{any_of(says['rises'])})|(?P<down>{any_of(says['falls'])})"
    rest, found = cut(text, rf"(?:{moves})\s*(?:{PERCENT}|{_sized(says)})\s*{before}?", "thresholds")
    if found is None:
        return text, None
    counted = found["against"]
    if counted is None:
        rest, elsewhere = cut(rest, before, "times to compare with")
        counted = elsewhere and elsewhere["against"]
    if counted is None:
        said = found.group().strip()
        raise Clarify(f"“{said}” against what?", tuple(f"{said} {of[0]}" for of in says["against"].values()))
    value, unit = _size(found, says)
    of = "change_percent" if found["percent"] else "change"
    side = "above" if found["up"] else "below"
    per = Grain(against[counted.lower()])
    return rest, Line.model_validate({"side": side, "value": value, "unit": unit, "per": per, "of": of})


# --- an amount ------------------------------------------------------------------------------------------------------


def _amount(text: str, says: Mapping[str, Any]) -> tuple[str, Line | None]:
    """“passes 5,000 dollars a day”, “falls below 60 % a week” of what is a percentage itself."""
    per = named(says["per"])
    compare = rf"(?P<above>{any_of(says['above'])})|(?P<below>{any_of(says['below'])})"
    pattern = rf"(?:{compare})\s*(?:{PERCENT}|{_sized(says)})\s*(?P<per>{any_of(per)})?"
    rest, found = cut(text, pattern, "thresholds")
    if found is None:
        return text, None
    counted = found["per"]
    if counted is None:  # “daily spend passes …”
        rest, before = cut(rest, rf"(?P<per>{any_of(word for word in per if word.endswith('ly'))})", "counts")
        counted = before and before["per"]
    if counted is None:
        said = found.group().strip()
        raise Clarify(f"“{said}” in how long?", tuple(f"{said} {of[0]}" for of in says["per"].values()))
    value, unit = _size(found, says)
    unit = "percent" if found["percent"] else unit
    return rest, Line(
        side="above" if found["above"] else "below", value=value, unit=unit, per=Grain(per[counted.lower()])
    )


def _sized(says: Mapping[str, Any]) -> str:
    """An amount with its size and unit: 5, 5k, $5, 5 million dollars."""
    units = named(says["units"])
    return rf"{AMOUNT}\s*(?P<size>{any_of(says['amounts'])})?\s*(?P<unit>{any_of(units)})?"


def _size(found: re.Match[str], says: Mapping[str, Any]) -> tuple[Decimal, str | None]:
    """Its number, and the unit that it names; none of a percentage."""
    if found["percent"]:
        return _number(found["percent"]), None
    token = words.tokens(found["amount"])[0]
    assert token.number is not None
    unit = named(says["units"]).get((found["unit"] or "").lower())
    if unit and token.currency and unit != token.currency:
        raise Clarify(f"“{found.group().strip()}” names two currencies.")
    value = token.number * Decimal(says["amounts"].get((found["size"] or "").lower(), 1))
    return value, unit or token.currency


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))
