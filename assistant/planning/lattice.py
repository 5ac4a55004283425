"""The cheapest way to cover a question's words with meanings. What stays uncovered is reported by name.

Knows what words can mean (the lexicon, the calendar), not what a question is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product, zip_longest

from assistant.semantics.lexicon import LONGEST, Lexicon
from assistant.semantics.meanings import PARTIAL, Meaning, ValueHit
from assistant.semantics.time_expressions import TimeExpression
from assistant.semantics.words import Token, compact

# What a piece of a reading costs: fewer and longer pieces are better, a skipped word is nearly never right.
PIECE, OPERATOR, HOLLOW, UNKNOWN, PER_EDIT, NAMED = 1.0, 0.6, 0.35, 40.0, 1.5, 0.5
# Meanings this much dearer than the best one of the same span are still kept for the rules to choose from.
KEEP = 0.9
SEPARATORS = {",", "–", "—", "-", "&", "+", "=", ":", "%", "<", ">", "<=", ">=", "!="}


@dataclass(frozen=True)
class Span:
    """Some neighbouring words of the question and everything they can mean."""

    start: int
    end: int
    tokens: tuple[Token, ...]
    meanings: tuple[Meaning, ...] = ()
    times: tuple[TimeExpression, ...] = ()
    number: Decimal | None = None
    percent: bool = False
    currency: str | None = None
    corrected: str | None = None

    @property
    def text(self) -> str:
        return " ".join(t.text for t in self.tokens)

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(t.word for t in self.tokens)

    @property
    def known(self) -> bool:
        return bool(self.meanings or self.times or self.number is not None)

    def of(self, kind: str) -> Meaning | None:
        """The cheapest meaning of a kind."""
        return next((m for m in self.meanings if m.kind == kind), None)

    def operator(self, *names: str) -> bool:
        return any(m.kind == "operator" and m.names[0] in names for m in self.meanings)

    @property
    def hits(self) -> tuple[ValueHit, ...]:
        meaning = self.of("value")
        return meaning.hits if meaning else ()

    @property
    def hollow(self) -> bool:
        """May be passed over without loss."""
        return self.of("ignore") is not None or all(
            t.word in (",", ":", "=", "&", "+", "–", "—", "-") for t in self.tokens
        )


@dataclass(frozen=True)
class Cover:
    spans: tuple[Span, ...]
    cost: float

    @property
    def unknown(self) -> tuple[Span, ...]:
        return tuple(s for s in self.spans if not s.known and not s.hollow)


def cover(tokens: Sequence[Token], lexicon: Lexicon) -> Cover:
    """The best cover, after trying corrections for words that nothing explains."""
    spelled = lexicon.vocabulary.spellings
    tokens = [
        t.corrected(spelled[t.word]) if t.word in spelled and not lexicon.meanings([t.word]) else t for t in tokens
    ]
    tokens = list(_ranges([*_capitals(_left_out(tokens, lexicon), lexicon)], lexicon))
    best = _best(tokens, lexicon)
    if best.unknown:
        best = _with_parts(best, lexicon)
    if best.unknown:
        best = _corrected(tokens, best, lexicon)
    return replace(best, spans=tuple(_unglued(best.spans, lexicon)))


def _left_out(tokens: Sequence[Token], lexicon: Lexicon) -> Iterator[Token]:
    """`all compute but kubernetes`: behind such a word, `but` is `except`; not in `all of AWS but only production`."""
    wording, every = lexicon.vocabulary.wording, False
    for token, after in zip_longest(tokens, tokens[1:]):
        every |= token.word in wording["every"]
        says = after is not None and any(m.kind == "operator" for m in lexicon.meanings([after.word]))
        yield token.corrected(wording["except"][0]) if every and token.word in wording["unless"] and not says else token


def _capitals(tokens: Iterator[Token], lexicon: Lexicon) -> Iterator[Token]:
    """`spend in the US`, `the IT budget`: no pronouns, though the lower case would be ones. "IT spend" is a measure."""
    found = list(tokens)
    shouting = not any(t.text.islower() for t in found)
    for at, (token, after) in enumerate(zip_longest(found, found[1:])):
        named = token.word in lexicon.vocabulary.wording["capitals"] and token.text.isupper() and not shouting
        before = [t.word for t in found[max(0, at - LONGEST) : at]]
        if named and any(lexicon.value_hits(compact("".join([*before[k:], token.word]))) for k in range(len(before))):
            named = False  # "Group IT", "9000 Group IT"
        if named and not lexicon.value_hits(token.word) and not (after and lexicon.meanings([token.word, after.word])):
            token = token.corrected(token.word + ".")
        yield token


def _ranges(tokens: Sequence[Token], lexicon: Lexicon) -> Iterator[Token]:
    """`Jan-Jul` is a range, though a hyphen inside a name says nothing."""
    months = lexicon.vocabulary.calendar.words.months
    for before, token in zip((None, *tokens), tokens, strict=False):
        if before is not None and token.glued and before.word in months and token.word in months:
            yield Token("-", "-", before.end, token.start)
        yield token


def _unglued(spans: Sequence[Span], lexicon: Lexicon) -> Iterator[Span]:
    """`each model cost`, `which model cost most`: the dimension that is asked for, and then the metric."""
    for before, span in zip((None, *spans), spans, strict=False):
        if before is None or span.of("metric") is None or not before.operator("group", "each_of", "which"):
            yield span
            continue
        for k in range(len(span.tokens) - 1, 0, -1):
            first, rest = lexicon.meanings(span.words[:k]), lexicon.meanings(span.words[k:])
            if any(m.kind == "dimension" for m in first) and any(m.kind == "metric" for m in rest):
                yield Span(span.start, span.start + k, span.tokens[:k], tuple(first))
                yield Span(span.start + k, span.end, span.tokens[k:], tuple(rest))
                break
        else:
            yield span


def _corrected(tokens: Sequence[Token], best: Cover, lexicon: Lexicon) -> Cover:
    """Every combination of the nearest known words for the (at most four) uncovered ones."""
    places = [s.start for s in best.unknown if s.end - s.start == 1][:4]
    options: list[list[tuple[int, str | None, int]]] = []
    for place in places:
        near = lexicon.corrections(tokens[place].word)
        options.append([(place, None, 0), *[(place, word, edits) for word, edits in near]])
    winner = best
    for combination in product(*options):
        changes = {place: word for place, word, _ in combination if word is not None}
        if not changes:
            continue
        changed = [t.corrected(changes[i]) if i in changes else t for i, t in enumerate(tokens)]
        candidate = _with_parts(_best(changed, lexicon), lexicon)
        cost = candidate.cost + PER_EDIT * sum(edits for _, word, edits in combination if word is not None)
        if cost < winner.cost:
            spans = tuple(
                replace(s, corrected=" ".join(s.words)) if any(i in changes for i in range(s.start, s.end)) else s
                for s in candidate.spans
            )
            winner = Cover(spans, cost)
    return winner


def _with_parts(found: Cover, lexicon: Lexicon) -> Cover:
    """Gives uncovered words the values they are a part of: `oregon` → US West (Oregon)."""
    spans: list[Span] = []
    cost = found.cost
    pending = list(found.spans)
    while pending:
        span = pending.pop(0)
        if span.known or span.hollow:
            spans.append(span)
            continue
        run = [span]
        while pending and not pending[0].known and not pending[0].hollow:
            run.append(pending.pop(0))
        while run:
            for size in range(len(run), 0, -1):
                words = [w for s in run[:size] for w in s.words]
                tiny = all(len(w) < 4 and w.isalpha() and w.islower() for s in run[:size] for w in (s.text,))
                hits = () if tiny else lexicon.partial_hits(words) or lexicon.partial_alias_hits(words)
                if hits:
                    merged = Span(
                        run[0].start,
                        run[size - 1].end,
                        tuple(t for s in run[:size] for t in s.tokens),
                        (Meaning("value", PARTIAL, hits=hits),),
                    )
                    spans.append(merged)
                    cost += PIECE + PARTIAL - UNKNOWN * size
                    run = run[size:]
                    break
            else:
                spans.append(run.pop(0))
    return Cover(tuple(spans), cost)


def _best(tokens: Sequence[Token], lexicon: Lexicon) -> Cover:
    words = [t.word for t in tokens]
    count = len(tokens)
    costs = [0.0] + [float("inf")] * count
    chosen: list[Span | None] = [None] * (count + 1)
    for start in range(count):
        for span, cost in _spans(tokens, words, start, lexicon):
            total = costs[start] + cost
            if total < costs[span.end] - 1e-9:
                costs[span.end] = total
                chosen[span.end] = span
    spans: list[Span] = []
    place = count
    while place > 0:
        best = chosen[place]
        assert best is not None
        spans.append(best)
        place = best.start
    return Cover(tuple(reversed(spans)), costs[count])


def _spans(tokens: Sequence[Token], words: Sequence[str], start: int, lexicon: Lexicon) -> list[tuple[Span, float]]:
    """Every span that begins at `start`, with its cost; the single word is always among them."""
    found: list[tuple[Span, float]] = []
    times: dict[int, list[TimeExpression]] = {}
    for length, expression in lexicon.vocabulary.calendar.match(words, start):
        if any(t.currency or t.percent or "," in t.text[1:-1] for t in tokens[start : start + length]):
            continue  # neither $2000 nor 2,000 is a year
        times.setdefault(start + length, []).append(expression)
    for end in range(start + 1, min(start + LONGEST, len(tokens)) + 1):
        part = tuple(tokens[start:end])
        if end - start > 1 and any(t.word == "," for t in part):
            break
        meanings = lexicon.meanings([t.word for t in part])
        span = Span(start, end, part, times=tuple(times.pop(end, ())))
        cheapest = UNKNOWN
        if meanings:
            floor = meanings[0].cost
            kept = tuple(m for m in meanings if m.cost <= floor + KEEP)
            span = replace(span, meanings=kept)
            cheapest = min(_cost(m, len(part)) for m in kept) - NAMED * _as_written(span)
        if span.times:
            cheapest = min(cheapest, PIECE - 0.1)
        amount = number(part, lexicon)
        if amount is not None:
            value, percent, currency = amount
            span = replace(span, number=value, percent=percent, currency=currency)
            cheapest = min(cheapest, PIECE - 0.05)
        if len(part) == 1 and not span.known and part[0].word in SEPARATORS:
            cheapest = HOLLOW
        if span.known or len(part) == 1:
            found.append((span, cheapest))
    for end, expressions in times.items():
        part = tuple(tokens[start:end])
        found.append((Span(start, end, part, times=tuple(expressions)), PIECE - 0.1))
    return found


def _as_written(span: Span) -> bool:
    """`Group IT spend`: two words or more, letter for letter as a name has them, capitals included."""
    text = span.text
    return len(span.tokens) > 1 and not text.islower() and any(text in v for h in span.hits for v in h.values)


def _cost(meaning: Meaning, length: int) -> float:
    if meaning.kind == "ignore":
        return HOLLOW * length
    if meaning.kind in ("operator", "analysis"):
        return OPERATOR + meaning.cost
    if meaning.kind == "refusal":
        return OPERATOR - 0.1
    longer = 0.1 * (length - 1)  # "charge count" says more than "charge" and "count"
    return PIECE + meaning.cost - longer - (0.02 if meaning.kind == "value" else 0.0)


def number(part: Sequence[Token], lexicon: Lexicon) -> tuple[Decimal, bool, str | None] | None:
    """An amount: `$5k`, `5 million dollars`, `twenty percent`, `three`."""
    vocabulary = lexicon.vocabulary
    words = tuple(t.word for t in part)
    value: Decimal | None = None
    used = 0
    percent, currency = False, None
    if words[0] in vocabulary.currencies and len(part) > 1 and part[1].number is not None:
        currency, used = vocabulary.currencies[words[0]], 1
    if used < len(part) and part[used].number is not None:
        value, percent = part[used].number, part[used].percent
        currency = part[used].currency or currency
        used += 1
    else:
        for size in (3, 2, 1):
            if words[:size] in vocabulary.numbers and len(words) >= size:
                value, used = vocabulary.numbers[words[:size]], size
                break
    if value is None:
        return None
    if used < len(words) and words[used] in vocabulary.multipliers:
        value, used = value * vocabulary.multipliers[words[used]], used + 1
    if used < len(words) and words[used] in ("%", "percent", "pct"):
        percent, used = True, used + 1
    elif used + 1 < len(words) and words[used : used + 2] == ("per", "cent"):
        percent, used = True, used + 2
    if used < len(words) and words[used] in vocabulary.currencies:
        currency, used = vocabulary.currencies[words[used]], used + 1
    return (value, percent, currency) if used == len(words) else None
