"""Rows → sentences. The first is the answer; then what stands out; then what is missing. By template, no model.

Every figure passes numbers.checked: a sentence whose figures can't be traced to the rows is withheld.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from assistant.semantics import calendar
from assistant.semantics.model import Metric, SemanticModel, plural
from assistant.telling import numbers
from assistant.telling.figures import Number, currency_of, figure
from assistant.telling.understood import filter_words, threshold_words
from assistant.values import AnswerColumn, Grain, QueryPlan

Row = Sequence[Any]
UNSAID = ("percent", "count", "quantity", "ratio", "currency", "date")  # units that need no word behind a figure


def tell(
    plan: QueryPlan,
    columns: Sequence[AnswerColumn],
    rows: Sequence[Row],
    model: SemanticModel,
    truncated: bool = False,
    complete: str | None = None,
) -> str:
    """The narrative. `complete`: what to say of the data's freshness when the period is not all loaded."""
    story = _Story(plan, columns, rows, model, truncated)
    asked = [t.value for t in plan.having] + ([plan.limit] if plan.limit else [])
    kept = numbers.checked(story.sentences(), columns, rows, story.quoted, asked)
    kept = kept or [f"{len(rows):,} row{'' if len(rows) == 1 else 's'}."]  # rows are never shown without a word
    return " ".join([*kept, *([complete] if complete else [])])


@dataclass(frozen=True)
class _Story:
    plan: QueryPlan
    columns: Sequence[AnswerColumn]
    rows: Sequence[Row]
    model: SemanticModel
    truncated: bool

    # --- words ------------------------------------------------------------------------------------

    @cached_property
    def quoted(self) -> list[str]:
        """Every name and date in reach that may hold digits."""
        texts = [str(v) for row in self.rows for v in row if isinstance(v, str)]
        texts += [v for f in (*self.plan.filters, *self.plan.part) for v in f.values]
        texts += [_bucket(v, self.plan.grain) for row in self.rows for v in row if isinstance(v, date)]
        texts += [self.period, self.before, self._filters.strip(), *(c.unit or "" for c in self.columns)]
        texts += [m.label for m in self.metrics] + [m.description for m in self.metrics]
        return texts

    @cached_property
    def metrics(self) -> list[Metric]:
        return [self.model.metric(m) for m in self.plan.metrics]

    @cached_property
    def period(self) -> str:
        return calendar.label(self.plan.period) if self.plan.period else ""

    @cached_property
    def before(self) -> str:
        return calendar.label(self.plan.comparison) if self.plan.comparison else ""

    @property
    def scope(self) -> str:
        """` in Oct 2026, provider AWS`."""
        single = self.period and not any(c in self.period for c in "–") and len(self.period.split()) < 3
        when = (f" in {self.period}" if single else f" for {self.period}") if self.period else ""
        return when + self._filters

    @property
    def _filters(self) -> str:
        filters = "; ".join(filter_words(f, self.plan, self.model) for f in self.plan.filters)
        return f" ({filters})" if filters else ""

    @property
    def subject(self) -> str:
        label = self.metrics[0].label
        if self.plan.average:
            label = f"average {label} per {self.plan.average.value}"
        if self.plan.cumulative:
            label = f"cumulative {label}"
        return label[:1].upper() + label[1:]

    @property
    def was(self) -> str:
        """`tokens were`, `cost was`."""
        head, _, _ = self.metrics[0].label.partition(" per ")
        many = head.endswith("s") and not self.plan.average
        return "were" if many and not self.metrics[0].label.startswith("number") else "was"

    def dimension(self, name: str) -> str:
        found = self.model.dimensions[self.plan.dataset].get(name)
        return found.label if found else name.replace("_", " ")

    def _places(self, kind: str) -> list[int]:
        return [i for i, c in enumerate(self.columns) if c.kind == kind]

    def shown(self, row: Row, place: int) -> str:
        value = row[place]
        if value is None:
            return "unknown"
        if isinstance(value, date | str):
            return _bucket(value, self.plan.grain)
        unit = self.columns[place].unit
        currency = next((str(row[i]) for i, c in enumerate(self.columns) if c.name == "currency"), None)
        return self._measured(value, unit or currency)

    def _measured(self, value: Number, unit: str | None) -> str:
        """`1,200.5 kWh`: with its unit, unless the figure's signs or the metric's own words say it."""
        text, label = figure(value, unit), self.metrics[0].label.lower()
        if not unit or unit in UNSAID or currency_of(unit) or unit.lower().replace("-", " ") in label:
            return text
        return f"{text} {unit}"

    def name(self, row: Row) -> str:
        """What a row is about: `Payments`, `AWS / US East`, `Jun 2026`."""
        parts = []
        alone = not self.plan.dimensions and not self.plan.grain
        for i, column in enumerate(self.columns):
            if column.kind == "metric" or (column.name == "currency" and not alone):
                continue
            value = row[i]
            parts.append(f"no {self.dimension(column.name)}" if value is None else _bucket(value, self.plan.grain))
        return " / ".join(parts)

    # --- sentences -----------------------------------------------------------------------------------

    def sentences(self) -> Iterator[str]:
        metrics = self._places("metric")
        if not self.rows:
            yield self._nothing()
            return
        if self.plan.count_groups:
            count = self.rows[0][0]
            label = " and ".join(self.dimension(d) for d in self.plan.dimensions)
            met = " and ".join(threshold_words(t, self.model) for t in self.plan.having)
            yield f"{count} {label if count == 1 else plural(label)} with {met}{self.scope}."
        elif not metrics:
            yield f"{len(self.rows)} rows{self.scope}."
        elif self.plan.comparison or self.plan.series_change:
            yield from self._changes(metrics)
        elif len(self.rows) == 1:
            yield self._single(metrics)
        elif [c.name for c in self.columns if c.kind != "metric"] == ["currency"]:
            place = metrics[1] if self.plan.part else metrics[0]
            part = " and ".join(filter_words(f, self.plan, self.model) for f in self.plan.part)
            rows = [r for r in self.rows if r[place] is not None]
            known = [self._at(r, place) if part else self.shown(r, place) for r in rows]
            what = f"{part}, share of {self.subject.lower()}" if part else self.subject
            listed = len(self.metrics) > 1 and not part
            others = "".join(
                f"; {self._column(i)} {' and '.join(self.shown(r, i) for r in rows)}" for i in metrics[1:] if listed
            )
            yield f"{what}{self.scope}: {' and '.join(known) or 'nothing'}{others}."
        elif self._places("time") and not self._places("dimension"):
            yield from self._series(metrics[0])
        elif self.plan.dimensions or self._places("dimension"):
            yield from self._breakdown(metrics)
        yield from self._left_out()
        if self.truncated:
            yield f"Only the first {len(self.rows)} rows are shown."

    def _nothing(self) -> str:
        if self.plan.having and self.plan.dimensions:
            asked = " and ".join(threshold_words(t, self.model) for t in self.plan.having)
            return f"No {' or '.join(self.dimension(d) for d in self.plan.dimensions)} has {asked}{self.scope}."
        return f"Nothing matches{self.scope}."

    def _single(self, metrics: Sequence[int]) -> str:
        row = self.rows[0]
        about = f"{self.name(row)}: " if self.name(row) else ""
        if self.plan.part and len(metrics) > 1:
            part = " and ".join(filter_words(f, self.plan, self.model) for f in self.plan.part)
            amount, share = (self.shown(row, place) for place in metrics[:2])
            return f"{part}: {share} of {self.subject.lower()}{self.scope}, which is {amount}."
        if len(metrics) == 1:
            return f"{about}{self.subject} {self.was} {self.shown(row, metrics[0])}{self.scope}."
        listed = "; ".join(f"{self._column(i)} {self.shown(row, i)}" for i in metrics)
        listed = listed[:1].upper() + listed[1:]
        return f"{about}{listed}{self.scope}."

    def _column(self, place: int) -> str:
        name = self.columns[place].name
        metric = next((m for m in self.metrics if m.column == name), None)
        return metric.label if metric else name.replace("_", " ")

    def _at(self, row: Row, place: int) -> str:
        return f"{self.shown(row, place)} ({self.name(row)})"

    def _series(self, metric: int) -> Iterator[str]:
        known = [r for r in self.rows if r[metric] is not None]
        total = self._total(metric)
        whole = f", {total} in all" if total else ""
        first, last = self._at(self.rows[0], metric), self._at(self.rows[-1], metric)
        yield f"{self.subject} by {self._bucket_name}{self.scope}: from {first} to {last}{whole}."
        if len(known) > 2 and not self.plan.cumulative:
            high = self._at(max(known, key=lambda r: r[metric]), metric)
            low = self._at(min(known, key=lambda r: r[metric]), metric)
            yield f"The highest was {high}, the lowest {low}."

    def _breakdown(self, metrics: Sequence[int]) -> Iterator[str]:
        metric = next((i for i in metrics if any(r[i] is not None for r in self.rows)), metrics[0])
        subject = self._column(metric)
        subject = self.subject if metric == metrics[0] else subject[:1].upper() + subject[1:]
        leaders = [r for r in self.rows if r[metric] is not None][:3]
        more = ", …" if len(self.rows) > 3 else ""
        listed = ", ".join(f"{self.name(r)} {self.shown(r, metric)}" for r in leaders) + more
        total = self._total(metric)
        if self.plan.limit is not None and not self.plan.limit_per:
            yield self._ranked(metric, listed)
        elif total:
            yield f"{subject}{self.scope} {self.was} {total} over {self._counted}."
            if leaders and not self.plan.grain:
                share = self._share(leaders[0], metric)
                part = f" ({share})" if share else ""
                yield f"{self.name(leaders[0])} is the largest with {self.shown(leaders[0], metric)}{part}."
        else:
            yield f"{subject}{self.scope} by {self._split_by}: {listed}."

    def _ranked(self, metric: int, listed: str) -> str:
        direction = "lowest" if self.plan.order and not self.plan.order.descending else "highest"
        what = f"the {direction} {self.subject.lower()}{self.scope}"
        if len(self.rows) == 1:
            return f"{self.name(self.rows[0])} had {what}: {self.shown(self.rows[0], metric)}."
        if any(c.name == "currency" for c in self.columns):
            return f"{what[:1].upper()}{what[1:]}, in each currency: {listed}."
        return f"The {self._counted} with {what}: {listed}."

    @property
    def _counted(self) -> str:
        """`8 squads`, `10 months and 17 providers`: rows without a value are none of them."""
        parts = []
        for place, column in enumerate(self.columns):
            if column.kind == "metric" or column.name == "currency":
                continue
            known = len({row[place] for row in self.rows if row[place] is not None})
            label = column.name if column.kind == "time" else self.dimension(column.name)
            parts.append(f"{known} {label if known == 1 else plural(label)}")
        return " and ".join(parts)

    def _changes(self, metrics: Sequence[int]) -> Iterator[str]:
        if len(self.metrics) > 1:
            yield self._several_changes(metrics)
            return
        current, previous, change, percent = metrics[:4]
        if self.plan.series_change:
            last = self.name(self.rows[-1])
            moved = " and ".join(  # one row a currency
                f"{self._moved(row, change, percent)} to {self.shown(row, current)}"
                for row in (self.rows[-1:] if self.plan.dimensions else self.rows)
                if self.name(row) == last
            )
            yield f"{self.subject}{self.scope}: {moved} in {last}."
            return
        if len(self.rows) == 1 and not self.plan.dimensions:
            row = self.rows[0]
            moved, before = self._moved(row, change, percent), self.shown(row, previous)
            now = self.shown(row, current)
            yield f"{self.subject} {self.was} {now}{self.scope}, {moved} from {before} in {self.before}."
            return
        if not self.plan.dimensions:  # one row a currency
            listed = ", and ".join(
                f"{self.shown(row, current)}, {self._moved(row, change, percent)} from {self.shown(row, previous)}"
                for row in self.rows
            )
            yield f"{self.subject}{self.scope}, against {self.before}: {listed}."
            return
        sums = self._total(current), self._total(previous)
        if all(sums) and not self.plan.limit and not self.plan.having:
            yield f"{self.subject} {self.was} {sums[0]}{self.scope}, against {sums[1]} in {self.before}."
        if self.plan.limit and self.plan.order and not self.plan.order.by.endswith(("change", "change_percent")):
            yield self._leading(current, change, percent)
            return
        movers = sorted((r for r in self.rows if r[change] is not None), key=lambda r: -abs(r[change]))
        if movers:
            moved = self._moved(movers[0], change, percent)
            told = all(sums) and not self.plan.limit and not self.plan.having
            between = "" if told else f" from {self.before} to {self.period}{self._filters}"
            yield f"The largest move{between}: {self.name(movers[0])}, {moved} to {self.shown(movers[0], current)}."

    def _several_changes(self, metrics: Sequence[int]) -> str:
        if len(self.rows) > 1 or len(metrics) != 4 * len(self.metrics):
            return f"{len(self.rows)} rows compare {self.period} with {self.before}."
        row = self.rows[0]
        said = [
            f"{metric.label} {self.shown(row, metrics[at])}, {self._moved(row, metrics[at + 2], metrics[at + 3])}"
            for at, metric in zip(range(0, len(metrics), 4), self.metrics, strict=True)
        ]
        text = "; ".join(said)
        return f"{text[:1].upper()}{text[1:]}{self.scope}, against {self.before}."

    def _leading(self, current: int, change: int, percent: int) -> str:
        """What stands first by its size: who moved most may not be among the rows."""
        direction = "highest" if not self.plan.order or self.plan.order.descending else "lowest"
        row = next((r for r in self.rows if r[current] is not None), self.rows[0])
        moved = self._moved(row, change, percent)
        return (
            f"{self.name(row)} had the {direction} {self.subject.lower()}{self.scope}: {self.shown(row, current)}, "
            f"{moved} from {self.before}."
        )

    def _moved(self, row: Row, change: int, percent: int) -> str:
        value = row[change]
        if value is None:
            return "with nothing to compare"
        if not value:
            return "unchanged"
        amount = self.shown([*row[:change], abs(value), *row[change + 1 :]], change)
        rate = row[percent]
        relative = f" ({figure(abs(rate), 'percent')})" if rate is not None else ""
        return f"{'up' if value > 0 else 'down'} {amount}{relative}"

    def _left_out(self) -> Iterator[str]:
        if (self.plan.limit is None and not self.plan.having) or not self.plan.dimensions:
            return
        names = [d for d in self.plan.dimensions if not any(f.dimension == d for f in self.plan.filters)]
        if names and (self.plan.limit is not None or any(t.of == "value" for t in self.plan.having)):
            listed = " or ".join(self.dimension(n) for n in names)
            yield f"Charges without {an(listed)} are left out of the ranking."

    # --- derived -----------------------------------------------------------------------------------------

    def _total(self, place: int) -> str | None:
        """The column's sum when summing means something: additive, one currency, all rows there."""
        column = self.columns[place]
        mixed = any(c.name == "currency" for c in self.columns)
        if mixed or self.truncated or self.plan.limit or not (self.metrics[0].additive) or column.unit == "percent":
            return None
        values = [row[place] for row in self.rows if row[place] is not None]
        if self.plan.cumulative or (self.plan.average and self.plan.grain):
            return None
        return self._measured(sum((Decimal(str(v)) for v in values), Decimal(0)), column.unit)

    @property
    def _bucket_name(self) -> str:
        return self.plan.grain.value if self.plan.grain else "bucket"

    @property
    def _split_by(self) -> str:
        grain = [self.plan.grain.value] if self.plan.grain else []
        return " and ".join([*grain, *(self.dimension(d) for d in self.plan.dimensions)])

    def _share(self, row: Row, place: int) -> str | None:
        total = sum((Decimal(str(r[place])) for r in self.rows if r[place] is not None), Decimal(0))
        if not total or any(r[place] is not None and r[place] < 0 for r in self.rows):
            return None
        return figure(100 * Decimal(str(row[place])) / total, "percent")


def an(words: str) -> str:
    """`an account`, `a team`."""
    return f"an {words}" if re.match("(?i)[aeiou](?!ni|s[ae]|u)", words) else f"a {words}"


def _bucket(value: Any, grain: Grain | None) -> str:
    if isinstance(value, date):
        if grain is Grain.MONTH:
            return f"{value:%b %Y}"
        if grain is Grain.QUARTER:
            return f"Q{(value.month + 2) // 3} {value.year}"
        if grain is Grain.YEAR:
            return str(value.year)
        return f"{value.day} {value:%b %Y}"
    return str(value)
