"""The phrases of schemas/alerts.yaml, and patterns made of them. Knows neither rules nor questions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from assistant.errors import Clarify, SchemaError

NEEDED = {
    *("verbs", "whom", "when", "news", "digests", "above", "below", "rises", "falls", "against", "budgets"),
    *("per", "units", "amounts", "days", "times", "default_time", "towards", "polite", "talk"),
}
AMOUNT = r"(?P<amount>[$€£]?\s?\d[\d,]*(?:\.\d+)?\s?(?:k|m|bn|b)?)(?![\w%])"
PERCENT = r"(?P<percent>\d[\d,]*(?:\.\d+)?)\s?(?:%|(?:percent|per\s?cent|pct)(?!\w))"


@cache
def phrases(schemas: Path) -> Mapping[str, Any]:
    """schemas/alerts.yaml. Raises SchemaError."""
    path = schemas / "alerts.yaml"
    try:
        read: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        missing = NEEDED - set(read)
    except (OSError, yaml.YAMLError, TypeError) as error:
        raise SchemaError(path.name, 1, f"can't be read: {error}.") from None
    if missing:
        raise SchemaError(path.name, 1, f"lacks {', '.join(sorted(missing))}.")
    return read


def any_of(said: Iterable[str]) -> str:
    """One of these phrases, the longest that fits, as whole words."""
    ordered = sorted((s.strip() for s in said), key=len, reverse=True)
    return "(?:" + "|".join(rf"{re.escape(s)}(?!\w)" for s in ordered) + ")"


def named(groups: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {said.strip().lower(): name for name, all_ in groups.items() for said in all_}


def cut(text: str, pattern: str, what: str) -> tuple[str, re.Match[str] | None]:
    """The text without the one place that fits. Raises Clarify for two."""
    found = list(re.finditer(rf"(?<![\w#@.]){pattern}", text, re.IGNORECASE))
    if len(found) > 1:
        raise Clarify(f"There are two {what} in it: “{found[0].group().strip()}” and “{found[1].group().strip()}”.")
    if not found:
        return text, None
    return f"{text[: found[0].start()]} {text[found[0].end() :]}", found[0]
