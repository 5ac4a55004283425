"""Names of language models as people say them → those of the price catalogue and of the company's own usage.

The catalogue takes half a second to read, so it is only asked for words that may be its names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from assistant.semantics.lexicon import Lexicon
from assistant.semantics.words import Token, compact, parts

LONGEST = 9
USAGE = "token_usage"


@dataclass(frozen=True)
class Mention:
    """Words [start, end) of a question that name models; several, when they name a family."""

    start: int
    end: int
    models: tuple[str, ...]
    own: bool


@cache
def catalogue() -> Mapping[str, str]:
    """Every model of the price catalogue that has a version in its name, by its letters and digits."""
    from genai_prices.data_snapshot import get_snapshot

    names = (model.id for provider in get_snapshot().providers for model in provider.models)
    return {compact(name): name for name in names if any(c.isdigit() for c in name) and len(compact(name)) > 3}


def used(lexicon: Lexicon) -> tuple[str, ...]:
    """The models of the company's own token usage that this user may know."""
    values = lexicon.catalog.values
    return tuple(sorted({v.value for v in values if v.table == USAGE and v.field == "model"}))


def mentions(tokens: Sequence[Token], lexicon: Lexicon) -> list[Mention]:
    """Models named in full, or by a part of the name that one maker's known models have; left to right."""
    own = {compact(name): name for name in used(lexicon)}
    found: list[Mention] = []
    start = 0
    while start < len(tokens):
        mention = _longest(tokens, start, own, lexicon)
        if mention is not None:
            found.append(mention)
        start = mention.end if mention else start + 1
    return found


def _longest(tokens: Sequence[Token], start: int, own: Mapping[str, str], lexicon: Lexicon) -> Mention | None:
    listed = {compact(name): name for name in lexicon.vocabulary.workloads.models}
    for end in range(min(start + LONGEST, len(tokens)), start, -1):
        written = "".join(t.text for t in tokens[start:end])
        if not tokens[start].text[0].isalnum() or "," in written:
            continue
        name = compact(written)
        if name in own:
            return Mention(start, end, (own[name],), own=True)
        if name in listed:
            return Mention(start, end, (listed[name],), own=False)
        whole = all(t.glued for t in tokens[start + 1 : end])
        if whole and any(c.isdigit() for c in name) and any(c.isalpha() for c in name) and name in catalogue():
            return Mention(start, end, (catalogue()[name],), own=False)
    for end in range(min(start + 3, len(tokens)), start, -1):
        words = [t.word for t in tokens[start:end]]
        family = _family(words, lexicon.vocabulary.workloads.models) or _family(words, tuple(own.values()))
        if family:
            return Mention(start, end, family, own=all(model in own.values() for model in family))
    return None


def _family(words: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The known models that have all of these words, when one of them is long enough to be no accident."""
    if not any(word.isalpha() and len(word) > 2 for word in words):
        return ()
    names = tuple(dict.fromkeys(name for name in known if set(words) <= set(parts(name))))
    makers = {parts(name)[0] for name in names}
    return names if len(makers) == 1 else ()
