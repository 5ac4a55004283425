"""A reply to a question that was asked back, joined with that question so that nothing of it is lost.

`Marée by month in Q2` → “Marée” could mean several things → `the crew` → `crew Marée by month in Q2`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from assistant.semantics.words import singular, split

QUOTED = re.compile(r"“([^”]+)”")
MOST_WORDS = 6


def chosen(reply: str, options: Sequence[str], wording: Mapping[str, Sequence[str]]) -> str | None:
    """The one option that a short reply names: its text, some of its words, or its place. None for anything else."""
    words = split(reply)
    if not words or len(words) > MOST_WORDS:
        return None
    exact = [o for o in options if split(o) == words]
    if exact:
        return exact[0]
    said = {singular(w) for w in words if w not in wording["filler"]}
    if not said:
        return None
    for number, (option, ordinal) in enumerate(zip(options, wording["ordinals"], strict=False), 1):
        if said in ({str(number)}, {ordinal}):
            return option
    naming = [o for o in options if said <= {singular(w) for w in split(o)}]
    return naming[0] if len(naming) == 1 else None


def completed(question: str, asked: str, option: str) -> str:
    """The question with the option in the place of the word that was asked about; else with the option behind it.

    An option that is the whole question already stands for itself.
    """
    if set(split(question)) <= set(split(option)):
        return option
    for word in QUOTED.findall(asked):
        pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
        if pattern.search(question):
            return pattern.sub(lambda _: option, question, count=1)
    return f"{question} {option}"
