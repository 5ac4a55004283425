"""Numbers, counts and currencies of a sentence: limits, thresholds, `how many`, `in euro`.

Knows neighbours; not dimensions to group by, periods or plans.
"""

from __future__ import annotations

import re
from decimal import Decimal

from assistant.planning.draft import Comparator, DimensionUse, Draft, ThresholdUse, ValueUse
from assistant.planning.lattice import Span
from assistant.planning.scope import COST
from assistant.planning.sentence import Sentence
from assistant.semantics.meanings import Meaning, ValueHit


class Amounts:
    """What the numbers of one sentence say, written into its draft. True where an operator found its number."""

    def __init__(self, sentence: Sentence, draft: Draft) -> None:
        self.sentence = sentence
        self.draft = draft
        self.counting = ""  # the "how many" that may still wait for what it counts

    def threshold(self, i: int, span: Span, op: Comparator) -> bool:
        j = self.sentence.after(i)
        if j is None or self.sentence.spans[j].number is None:
            return False
        number = self.sentence.spans[j]
        if number.times and not number.currency and op in (">", "<") and self.sentence.is_year(number):
            return False
        self.sentence.used.add(j)
        metric = None
        k = self.sentence.after(j)
        if k is not None and (m := self.sentence.spans[k].of("metric")) and len(m.names) == 1:
            metric = m.names[0]
        assert number.number is not None
        for threshold in self.draft.thresholds:
            if threshold.value == number.number:
                return True
        self.draft.thresholds.append(
            ThresholdUse(op, number.number, None, number.percent, metric, f"{span.text} {number.text}")
        )
        after = self.sentence.after(j)
        if after is not None and self.sentence.spans[after].operator("at_least", "at_most") and op in (">", "<"):
            self.sentence.used.add(after)
        return True

    def between(self, i: int, span: Span) -> bool:
        j = self.sentence.after(i)
        k = self.sentence.after(j) if j is not None else None
        if j is None or k is None:
            return False
        if self.sentence.spans[k].operator("conjunction"):
            k = self.sentence.after(k)
        if (
            k is None
            or self.sentence.spans[j].number is None
            or self.sentence.spans[k].number is None
            or self.sentence.spans[j].times
        ):
            return False
        low, high = self.sentence.spans[j].number, self.sentence.spans[k].number
        assert low is not None
        assert high is not None
        if low * (factor := _factor(self.sentence.spans[k])) < high and _factor(self.sentence.spans[j]) == 1:
            low *= factor  # "between 5 and 10k"
        self.sentence.used |= {j, k}
        self.draft.thresholds.append(
            ThresholdUse("between", low, high, self.sentence.spans[k].percent, None, f"between {low} and {high}")
        )
        return True

    def superlative(self, i: int, name: str) -> bool:
        """`top` decides the order; the count stands before or after it. "Spends the most" is about cost."""
        self.draft.descending = name == "top"
        said = " ".join(self.sentence.spans[i].words)
        self.draft.by_size |= said in self.sentence.lexicon.vocabulary.wording["sizes"]
        meanings = [m for w in self.sentence.spans[i].words for m in self.sentence.lexicon.meanings((w,))]
        if any(m.kind == "metric" and m.names == (COST,) for m in meanings):
            self.draft.implies_cost = True
        j = self.sentence.after(i)
        if j is not None and self.sentence.spans[j].number is not None and not self.sentence.spans[j].percent:
            number = self.sentence.spans[j].number
            if number is not None and number == number.to_integral_value() and not self.sentence.spans[j].currency:
                if self.draft.limit is not None:
                    self.draft.unknown.append(f"{self.sentence.spans[i].text} {number}")  # one ranking at a time
                self.draft.limit = int(number)
                self.sentence.used.add(j)
        only = set(self.sentence.lexicon.vocabulary.wording["only"])
        named = any(s.of("dimension") or s.hits for s in self.sentence.spans)
        if self.draft.limit is None and not named and any(set(s.words) <= only for s in self.sentence.spans):
            self.draft.limit = 1  # "only the biggest", of what was asked before
        return True

    def convert(self, i: int) -> bool:
        j = self.sentence.after(i)
        if j is None or not self.sentence.spans[j].of("currency") or self.sentence.spans[j].number is not None:
            return False
        meaning = self.sentence.spans[j].of("currency")
        assert meaning is not None
        if self._billed_in(j, meaning):
            return True
        self.draft.currency = meaning.names[0]
        self.sentence.used.add(j)
        return True

    def _billed_in(self, i: int, meaning: Meaning) -> bool:
        """`in euro billing currency` takes the charges billed in it; nothing is converted."""
        j = self.sentence.after(i)
        named = self.sentence.spans[j].of("dimension") if j is not None else None
        if j is None or named is None or named.names != ("currency",):
            return False
        self.sentence.used |= {i, j}
        hit = ValueHit("cost_and_usage", "currency", meaning.names, 0.0, "primary")
        self.draft.values.append(ValueUse((hit,), self.sentence.spans[i].text, i))
        return True

    def currency(self, i: int, meaning: Meaning) -> None:
        if self._billed_in(i, meaning):
            return
        if self.sentence.lexicon.catalog.currencies != (meaning.names[0],):
            self.draft.currency = meaning.names[0]

    def count(self, i: int) -> bool:
        """`how many teams` counts distinct values; `how many tokens` is the metric itself."""
        self.counting = self.sentence.spans[i].text
        j = self.sentence.after(i)
        while j is not None and (
            self.sentence.spans[j].operator("empty", "filled", "count", "top") or self.sentence.spans[j].hits
        ):
            j = self.sentence.after(j)
        if j is None:
            self._count_values(i)
            return True
        meaning = self.sentence.spans[j].of("dimension")
        metric = self.sentence.spans[j].of("metric")
        counted = self.sentence.lexicon.counted_metric(self.sentence.spans[j].words)
        if counted is not None and metric is not None:
            self.draft.metrics.append((counted,))
            self.draft.metric_texts.append(self.sentence.spans[j].text)
            self.sentence.used.add(j)
            return True
        counts = metric is not None and all(self.sentence.lexicon.model.metric(n).counted for n in metric.names)
        if meaning is not None and not counts and not self.sentence.spans[j].of("unit_of_work"):
            if self.sentence.next_is_value_of(j, meaning.names):
                return True
            self.draft.counted.append(DimensionUse(meaning.names, self.sentence.spans[j].text, plural=True))
            self.sentence.used.add(j)
        return True

    def _count_values(self, i: int) -> None:
        """`how many H100s` counts the things that the value names."""
        j = self.sentence.after(i)
        hits = self.sentence.spans[j].hits if j is not None else ()
        for metric in self.sentence.lexicon.model.metrics.values():
            if metric.counts_values_of and any(h.dimension == metric.counts_values_of for h in hits):
                self.draft.metrics.append((metric.name,))
                self.draft.metric_texts.append(metric.label)
                return


def _factor(span: Span) -> Decimal:
    """What the letter or word behind a number multiplies it by: 1,000 in `10k`."""
    digits = re.search(r"\d[\d.,]*", span.text)
    plain = Decimal(digits.group().rstrip(".,").replace(",", "")) if digits else Decimal(0)
    return (span.number or plain) / plain if plain else Decimal(1)
