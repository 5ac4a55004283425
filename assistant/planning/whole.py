"""What only the whole message tells of a draft: how it opens, and which of its words explain each other.

Knows the draft and where its words stood; attaches nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from assistant.errors import Clarify
from assistant.planning.draft import Draft
from assistant.planning.sentence import Sentence


def open(draft: Draft, sentence: Sentence) -> None:
    """A message that starts like a follow-up; the words themselves carry nothing else."""
    if not sentence.spans:
        return
    thanks = set(sentence.lexicon.vocabulary.wording["thanks"])
    first = next((s for s in sentence.spans if not set(s.words) <= thanks), sentence.spans[0])
    last = sentence.spans[-1]
    if first.operator("followup", "same", "add") or (last.operator("followup") and not last.hollow):
        draft.followup = True


def close(draft: Draft, sentence: Sentence, metric_places: Sequence[int]) -> None:
    """Puts right what was read before the rest of the message was known."""
    said = {word for span in sentence.spans for word in span.words}
    if said & set(sentence.lexicon.vocabulary.wording["pronouns"]):
        draft.refers = True  # "how many tokens did they use": those of the question before
    if draft.change and not draft.which and _between(draft, sentence):
        draft.change, draft.direction, draft.compare = False, None, True
    if draft.change and not draft.analysis:
        _from_when(draft)
    if draft.direction and _narrows(draft, sentence):
        draft.which = True
    if draft.share:
        _sides_of_share(draft, sentence, metric_places)
    if draft.average and draft.average_grain is None and draft.grains:
        draft.average_grain = draft.grains.pop()  # "per month, on average"
    if draft.grains and draft.change and not (draft.direction or draft.by_rate or draft.against):
        draft.change = False  # "how did cost move month by month" is a series
    if draft.analysis:
        beside = sentence.lexicon.vocabulary.analyses[draft.analysis].beside
        draft.unknown = [word for word in draft.unknown if word.lower() not in beside]
    named = [e for e in draft.empties if e.names]
    if named:  # "untagged (no squad tag)" says one thing twice
        draft.empties = named


def _between(draft: Draft, sentence: Sentence) -> bool:
    """`do we spend more on AWS or Azure`: two names are set against each other, not two periods."""
    return any(
        two.joined and any("or" in s.words for s in sentence.spans[one.place : two.place])
        for one, two in pairwise(draft.values)
    ) and not any(t.versus for t in draft.times)


def _from_when(draft: Draft) -> None:
    """`changed since Q2`: from that quarter's figure to which one? All days since are no answer."""
    since = [t for t in draft.times if any(e.since for e in t.expressions)]
    if since and len(draft.times) == 1 and not (draft.grains or draft.against):
        label = draft.metric_texts[0] if draft.metric_texts else "cost"
        raise Clarify(
            f"Changed {since[0].text}: which two periods shall be compared? "
            f"Name both, or see the {label} of each month {since[0].text}.",
            (f"{label} by month {since[0].text}",),
        )


def _narrows(draft: Draft, sentence: Sentence) -> bool:
    """`crews that spent less`, `only the increases`: a move that says which rows are wanted."""
    if not (draft.dimensions or draft.metrics or draft.values or draft.times):
        return any(s.operator("include") for s in sentence.spans)
    relative = sentence.lexicon.vocabulary.wording["relative"]
    return any(
        one.of("dimension") and len(other.words) == 1 and other.words[0] in relative
        for one, other in pairwise(sentence.spans)
    )


def _sides_of_share(draft: Draft, sentence: Sentence, metric_places: Sequence[int]) -> None:
    """`what share of AI spend is OpenAI`: AI is the whole, OpenAI the part."""
    share = next(j for j, s in enumerate(sentence.spans) if s.operator("share"))
    values = [v for v in draft.values if not v.negated]
    copula = next(
        (j for j in range(len(sentence.spans) - 1, share, -1) if sentence.spans[j].operator("copula")),
        None,
    )
    whole = set(sentence.lexicon.vocabulary.wording["whole"])
    if len(values) == 1 and values[0].place == share - 1 and whole & set(sentence.spans[share].words):
        values[0].side = "part"  # "AI share of total per team": of each team's total
    if len(values) < 2:
        return
    if sentence.spans[share].words[-1] == "of" and values[0].place == share + 1 and not any(v.joined for v in values):
        for value in values:
            value.side = "whole" if value is values[0] else "part"  # "percent of AWS in production"
        return
    if copula is not None and any(v.place > copula for v in values) and any(v.place < copula for v in values):
        for value in values:
            value.side = "part" if value.place > copula else "whole"
    elif any(v.place < share for v in values) and any(v.place > share for v in values):
        for value in values:
            value.side = "part" if value.place < share else "whole"
    else:
        for place in metric_places:
            if any(v.place < place for v in values) and any(v.place > place for v in values):
                for value in values:
                    value.side = "part" if value.place > place else "whole"
