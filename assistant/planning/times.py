"""Times and grains of a message: which are periods, which are set against each other, which cut rows into steps."""

from __future__ import annotations

from assistant.planning.draft import Against, DimensionUse, Draft, TimeUse
from assistant.planning.lattice import Span
from assistant.planning.sentence import Sentence
from assistant.semantics.meanings import Meaning

AGAINST: dict[str, Against] = {
    "month_over_month": "month",
    "week_over_week": "week",
    "quarter_over_quarter": "quarter",
    "year_over_year": "year",
    "day_over_day": "day",
}


class Times:
    def __init__(self, sentence: Sentence, draft: Draft, metric_places: list[int]) -> None:
        self.sentence = sentence
        self.draft = draft
        self.metric_places = metric_places

    def take(self, i: int, span: Span) -> None:
        ends = span.times[0].ends
        before = self.sentence.spans[i - 1] if i else None
        if before is not None and set(before.words) <= set(self.sentence.lexicon.vocabulary.wording["unless"]):
            self.draft.unknown.append(before.text)  # "all of 2026 but January"
        compares = any(
            s.operator("compare", "change", "increase", "decrease", "growth_rate") or self._sets_side_by_side(s)
            for s in self.sentence.spans
        )
        compares = compares and not any(s.operator(*AGAINST) for s in self.sentence.spans)
        if ends and compares:  # "grew from January to February" sets two months side by side
            self.draft.compare = True
            for end in ends:
                self.draft.times.append(TimeUse((end,), span.text, i))
        else:
            self.draft.times.append(TimeUse(span.times, span.text, i, self._set_against(i)))

    def _set_against(self, i: int) -> bool:
        """Whether the nearest operator before this place sets it against something."""
        for j in range(i - 1, -1, -1):
            span = self.sentence.spans[j]
            if span.times or span.of("metric") or span.of("value") or span.of("dimension"):
                return False
            if span.number is not None:
                return False
            if span.operator("versus") or (span.operator("above", "below") and "than" in span.words):
                return True
            if span.operator("above") and j > 0 and self.sentence.spans[j - 1].times:
                self.draft.compare = True  # "Q4 over Q3"
                return True
        return False

    def grain(self, i: int, span: Span, meaning: Meaning) -> bool:
        """Whether it says what rows are grouped by, and so ends what an exclusion may reach."""
        assert meaning.grain is not None
        bare = meaning.names == ("unit",)
        near = [self.sentence.spans[j] for j in (self.sentence.before(i),) if j is not None]
        if self.draft.average and self.draft.average_grain is None:
            self.draft.average_grain = meaning.grain
            return False
        if bare:
            counted = any(s.operator("count") for s in near)
            if counted:
                self.draft.unknown.append(span.text)
                return False
            context = any(
                s.operator("which", "who", "top", "bottom", "group", "each_of") or s.number is not None
                for s in self.sentence.spans
            )
            if not context:
                self.draft.unknown.append(span.text)
                return False
            self.draft.dimensions.append(DimensionUse((), span.text, span.words[-1].endswith("s")))
        if meaning.grain not in self.draft.grains:
            self.draft.grains.append(meaning.grain)
        return True

    def versus(self, i: int) -> bool:
        """Whether it sets periods or groups side by side; else two measures are listed."""
        j = self.sentence.after(i)
        if (
            self.metric_places
            and j is not None
            and self.sentence.spans[j].of("metric")
            and not self.sentence.spans[j].times
        ):
            self.draft.metrics_listed = True  # "billed versus effective cost" are two measures, not two periods
            return False
        k = self.sentence.before(i)
        kind = self.sentence.spans[j].of("dimension") if j is not None else None
        named = k is not None and bool(self.sentence.spans[k].hits) and not self.sentence.grouped_before(k)
        if j is not None and kind is not None and named and not self.sentence.spans[j].hits:
            self.draft.unknown.append(self.sentence.spans[j].text)  # "Falcon vs team": which one?
        self.draft.compare = True
        return True

    def _sets_side_by_side(self, span: Span) -> bool:
        analysis = span.of("analysis")
        return analysis is not None and self.sentence.lexicon.vocabulary.analyses[analysis.names[0]].compares
