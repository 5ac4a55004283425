"""Dimensions in a message: what it is split by, and what is asked to be empty."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.planning.draft import DimensionUse, Draft, EmptyUse
from assistant.planning.lattice import Span
from assistant.planning.sentence import Sentence
from assistant.semantics.meanings import Meaning


@dataclass
class Negation:
    """`word`: an exclusion that still waits for what it excludes; `readmitting`: `including` was said instead."""

    draft: Draft
    word: str = ""
    readmitting: bool = False

    def wait(self, word: str) -> None:
        self.settle()
        self.word, self.readmitting = word, False

    def settle(self) -> None:
        """An exclusion that found nothing to exclude must not be dropped in silence."""
        if self.word:
            self.draft.unknown.append(self.word)
            self.word = ""


@dataclass
class Groups:
    """Takes the names of dimensions, one after another."""

    sentence: Sentence
    draft: Draft
    negation: Negation

    def take(self, i: int, span: Span, meaning: Meaning) -> None:
        neighbour = self.sentence.value_beside(i, meaning.names)
        if neighbour is not None:
            return  # the value takes this word as its qualifier when it is attached
        before = self.sentence.before(i)
        if before is not None and self.negation.word and self.sentence.spans[before].operator("exclude"):
            self.draft.empties.append(EmptyUse(meaning.names, False, span.text))
            self.negation.word = ""
            return
        last = self.draft.dimensions[-1] if self.draft.dimensions else None
        if (
            last is not None
            and i > 0
            and self.sentence.spans[i - 1].of("dimension")
            and i - 1 not in self.sentence.used
            and last.text == self.sentence.spans[i - 1].text
            and self.sentence.meaning(self.sentence.spans[i - 1]) is self.sentence.spans[i - 1].of("dimension")
        ):
            self.draft.dimensions.pop()
            self.draft.unknown.append(f"{last.text} {span.text}")
            return
        if self._divides(i):
            self.draft.unknown.append(f"per {span.text}")
            return
        each = self.sentence.each_before(i)
        grouped = self.sentence.grouped_before(i)
        whole = not grouped and i > 0 and self.sentence.spans[i - 1].words == ("all",)
        if whole and self.draft.metrics:
            return  # "all providers" restricts nothing and splits nothing
        if not grouped and self.sentence.limits_itself(i, meaning.names):
            return
        if any(d.names == meaning.names for d in self.draft.dimensions):
            if each:
                use = next(d for d in self.draft.dimensions if d.names == meaning.names)
                use.each = use.within = True  # "by model and team, top 3 per team"
            return
        use = DimensionUse(
            meaning.names, span.text, self.sentence.is_plural(span), bare=not grouped, each=each, whole=whole
        )
        use.described = use.bare and i > 0 and self._described(i)
        self.draft.dimensions.append(use)
        self.negation.settle()

    def _divides(self, i: int) -> bool:
        """`the app with the highest cost per user`: a rate that is not kept, and no ranking within each user."""
        per = self.sentence.before(i)
        measure = (
            self.sentence.before(per) if per is not None and self.sentence.spans[per].operator("each_of") else None
        )
        top = self.sentence.before(measure) if measure is not None else None
        return (
            measure is not None
            and top is not None
            and self.sentence.spans[measure].of("metric") is not None
            and self.sentence.spans[top].operator("top", "bottom")
        )

    def _described(self, i: int) -> bool:
        """`AWS services`, `compute category services`: a value stands before the word as its adjective."""
        j = i - 1
        while j > 0 and j in self.sentence.used:
            j -= 1
        return bool(self.sentence.spans[j].hits) and any(v.place == j for v in self.draft.values)

    def empty(self, i: int, span: Span, filled: bool) -> bool:
        follows = self.sentence.spans[i + 1] if i + 1 < len(self.sentence.spans) else None
        if _plain_no(self.sentence, i):
            return True
        plain = not filled and set(self.sentence.lexicon.vocabulary.wording["nothing"]) & set(span.words)
        if plain and follows is not None and follows.hits and not follows.of("dimension"):
            self.negation.wait(span.text)  # "no tax"
            return True
        filled = filled != bool(self.negation.word)
        self.negation.word = ""
        j = self.sentence.after(i)
        if j is not None:
            meaning = self.sentence.spans[j].of("dimension")
            grouped = any(s.operator("group", "each_of") for s in self.sentence.spans[i + 1 : j])
            if meaning and not grouped and not self._tagless(span, meaning):
                self.draft.empties.append(EmptyUse(meaning.names, filled, self.sentence.spans[j].text))
                self.sentence.used.add(j)
                if j + 1 < len(self.sentence.spans) and self.sentence.is_tag(j + 1):
                    self.sentence.used.add(j + 1)  # "carries a CostCenter tag"
                return True
        k = self.sentence.before(i)
        if k is not None and self.draft.dimensions and self.sentence.spans[k].of("dimension"):
            meaning = self.sentence.spans[k].of("dimension")
            assert meaning is not None
            if self.draft.dimensions[-1].names == meaning.names and not self.draft.dimensions[-1].each and j is None:
                self.draft.dimensions.pop()
                self.draft.empties.append(EmptyUse(meaning.names, filled, self.sentence.spans[k].text))
                return True
        if not span.of("ignore"):
            self.draft.empties.append(EmptyUse((), filled, span.text))
        return True

    def _tagless(self, span: Span, meaning: Meaning) -> bool:
        """`untagged resources`: what has no tag, not what has no such name."""
        says_tag = any("tag" in word for word in span.words)
        fields = [
            d.field or ""
            for ds in self.sentence.lexicon.model.dimensions.values()
            for d in ds.values()
            if d.name in meaning.names
        ]
        return says_tag and not any(f.startswith(("Tags.", "x_")) for f in fields) and "any_tag" not in meaning.names


def _plain_no(sentence: Sentence, i: int) -> bool:
    """`no, the total`: an answer, not something that is missing."""
    nothing = set(sentence.lexicon.vocabulary.wording["nothing"])
    return i == 0 and set(sentence.spans[0].words) <= nothing and [s.text for s in sentence.spans[1:2]] == [","]
