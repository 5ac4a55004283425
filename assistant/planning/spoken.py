"""The words of a question that brings figures along: which number belongs to which words, and what is left over.

Knows the words (`workloads` of schemas/vocabulary.yaml), not what is made of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from assistant.planning import lattice
from assistant.semantics import words
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.model_names import Mention
from assistant.semantics.words import Token

LONGEST = 6
# Pieces that add nothing to a workload; any other word that is left over is asked about.
_SILENT = {
    "conjunction", "followup", "which", "including", "include", "copula", "versus", "compare", "equals", "group",
    "each_of", "convert", "average", "above", "previous", "add", "same", "sum_up",
}  # fmt: skip


@dataclass
class Figure:
    """A number of the question and what it is; `per` and `each` say how often and of whom."""

    number: Decimal
    start: int
    end: int
    percent: bool = False
    currency: str | None = None
    name: str | None = None
    per: str | None = None
    each: bool = False


@dataclass
class Reader:
    tokens: Sequence[Token]
    lexicon: Lexicon
    mentions: list[Mention] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    used: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.words = self.lexicon.vocabulary.workloads
        self.spoken = [t.word for t in self.tokens]

    def phrase(self, at: int, known: Mapping[tuple[str, ...], str] | frozenset[tuple[str, ...]]) -> int:
        """How many words from here make a phrase of `known`, none of them used."""
        for size in range(min(LONGEST, len(self.spoken) - at), 0, -1):
            if tuple(self.spoken[at : at + size]) in known and not self.used & set(range(at, at + size)):
                return size
        return 0

    def phrase_before(self, end: int, known: Mapping[tuple[str, ...], str] | frozenset[tuple[str, ...]]) -> int:
        for size in range(min(LONGEST, end), 0, -1):
            if tuple(self.spoken[end - size : end]) in known and not self.used & set(range(end - size, end)):
                return size
        return 0

    def use(self, start: int, size: int) -> None:
        self.used |= set(range(start, start + size))

    # --- numbers -----------------------------------------------------------------------------------------------------

    def read_figures(self) -> None:
        at = 0
        while at < len(self.tokens):
            figure = self.number(at)
            if figure is not None:
                self.figures.append(figure)
            at = figure.end if figure else at + 1
        for figure in self.figures:
            self._after(figure)
        for figure in self.figures:
            if figure.name is None:
                self._before(figure)
        for figure in self.figures:
            if figure.name is not None:
                self.use(figure.start, figure.end - figure.start)
        for at in range(len(self.tokens)):
            size = self.phrase(at, self.words.quantities)
            name = self.words.quantities.get(tuple(self.spoken[at : at + size])) if size else None
            if name in self.words.flags:
                self.flags.append(str(name))
                self.use(at, size)

    def number(self, at: int) -> Figure | None:
        for end in range(min(at + 4, len(self.tokens)), at, -1):
            if self.used & set(range(at, end)):
                continue
            found = lattice.number(tuple(self.tokens[at:end]), self.lexicon)
            if found is not None:
                return Figure(found[0], at, end, found[1], found[2])
        return None

    def _after(self, figure: Figure) -> None:
        """The words behind a number, over fillers, up to a barrier or the next number."""
        at = figure.end
        while at < len(self.tokens):
            size = self.phrase(at, self.words.quantities)
            if size:
                self._name(figure, at, size)
                return
            rate = self.phrase(at, self.words.rates)
            if rate and not self.phrase(at, self.words.fillers):
                return
            if self.spoken[at] in self.words.barriers or not self.phrase(at, self.words.fillers):
                return
            at += self.phrase(at, self.words.fillers)

    def _before(self, figure: Figure) -> None:
        end = figure.start
        while end > 0 and self.spoken[end - 1] not in self.words.barriers:
            size = self.phrase_before(end, self.words.quantities)
            if size:
                self._name(figure, end - size, size, behind=figure.end)
                return
            filler = self.phrase_before(end, self.words.fillers) or (1 if self.spoken[end - 1] in ("=", ":") else 0)
            if not filler:
                return
            end -= filler

    def _name(self, figure: Figure, at: int, size: int, behind: int | None = None) -> None:
        figure.name = self.words.quantities[tuple(self.spoken[at : at + size])]
        between = range(figure.end, at) if at >= figure.end else range(at + size, figure.start)
        self.used |= set(between)
        self.use(at, size)
        end = behind if behind is not None else at + size
        while end < len(self.tokens):
            rate, each = self.phrase(end, self.words.rates), self.phrase(end, self.words.each)
            if rate and figure.name in ("requests", "growth", "limit_usd_per_month"):
                figure.per = self.words.rates[tuple(self.spoken[end : end + rate])]
            elif each:
                figure.each = True
            elif not (figure.name != "requests" and (rate := self.phrase(end, self.words.fillers))):
                return
            self.use(end, rate or each)
            end += rate or each

    # --- what is left ------------------------------------------------------------------------------------------------

    def rest(self) -> str:
        return " ".join(t.text for i, t in enumerate(self.tokens) if i not in self.used)

    def unread(self) -> str | None:
        """The first of the left words that would change a workload, if any."""
        for at in range(len(self.tokens)):
            self.use(at, self.phrase(at, self.words.moves))
        left = words.tokens(self.rest())
        for span in lattice.cover(left, self.lexicon).spans if left else ():
            operators = {m.names[0] for m in span.meanings if m.kind == "operator"}
            costs = {n for m in span.meanings if m.kind == "metric" for n in m.names} & {"effective_cost", "token_cost"}
            own = span.of("analysis") is not None or span.of("refusal") is not None
            if span.number is not None or not (span.hollow or operators & _SILENT or costs or own):
                return span.text
        return None
