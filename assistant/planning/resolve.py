"""Draft (+ the conversation's last plan) → the plans it can mean, best first, with what was assumed.

Chooses the dataset that has everything the draft names; keeps every value reading that remains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice, product

from assistant.errors import Clarify, Refused
from assistant.planning import periods
from assistant.planning.draft import DimensionUse, Draft, ThresholdUse, ValueUse
from assistant.semantics import calendar
from assistant.semantics.lexicon import Lexicon, ValueHit
from assistant.semantics.model import Dataset, Metric, plural
from assistant.semantics.words import singular, split, stem
from assistant.values import Filter, Grain, Order, QueryPlan, Threshold

MOST_READINGS = 6
TOP = 10
COST = "effective_cost"


@dataclass
class Candidate:
    """One plan and how it was reached; `choices` name the value readings that tell it from others."""

    plan: QueryPlan
    assumptions: tuple[str, ...] = ()
    confidence: float = 1.0
    choices: tuple[str, ...] = ()


@dataclass
class _Notes:
    assumptions: list[str] = field(default_factory=list)
    doubt: float = 0.0

    def assume(self, text: str, doubt: float = 0.02) -> None:
        if text not in self.assumptions:
            self.assumptions.append(text)
            self.doubt += doubt


def resolve(
    draft: Draft, lexicon: Lexicon, today: date, previous: QueryPlan | None, reporting: str | None
) -> list[Candidate]:
    """Raises Clarify or Refused when no plan can be made."""
    return _Resolver(draft, lexicon, today, previous, reporting).candidates()


def conditions(draft: Draft, lexicon: Lexicon) -> tuple[Filter, ...]:
    """The filters of a draft that says nothing else. Raises Clarify for several readings."""
    return _Resolver(draft, lexicon, date.min, None, None).conditions()


class _Resolver:
    def __init__(
        self, draft: Draft, lexicon: Lexicon, today: date, previous: QueryPlan | None, reporting: str | None
    ) -> None:
        self.draft = draft
        self.lexicon = lexicon
        self.model = lexicon.model
        self.catalog = lexicon.catalog
        self.today = today
        self.previous = previous
        self.reporting = reporting
        self.notes = _Notes()
        self.count_groups = False
        own = bool(draft.metrics or draft.counted or draft.units)
        named = bool(draft.times) and bool(draft.dimensions or draft.values or own)
        marked = draft.followup or draft.refers or draft.same
        self.edits = previous is not None and not (own and bool(draft.times) and not draft.same) and (
            marked or not (own or named)
        )
        if self.edits and own and not marked:
            self.edits = False

    # --- metrics ----------------------------------------------------------------------------------

    def candidates(self) -> list[Candidate]:
        self._check_covered()
        metrics = self._metrics()
        found: list[Candidate] = []
        failure: Exception | None = None
        for dataset, names in self._datasets(metrics):
            try:
                found = list(self._plans(dataset, names))
            except (Clarify, Refused) as error:
                failure = failure or error
                if isinstance(error, _Lacks):
                    continue
                raise
            if found:
                return found
        if failure is not None:
            raise failure
        raise Refused("I could not find data that holds all of that together.")

    def _check_covered(self) -> None:
        if self.draft.unknown:
            word = self.draft.unknown[0]
            near = self.lexicon.near(word)
            hint = " Did you mean one of these?" if near else " Say it in other words, or leave it out."
            raise Clarify(f"I don't know “{word}” in this data.{hint}", tuple(near))
        if not self.draft.says_anything:
            if self.previous is None or not self.draft.refers:
                raise Clarify(
                    "What would you like to know? For example: “cost by service last month”.",
                    ("cost last month", "cost by service last month", "top 5 services this month"),
                )

    def _metrics(self) -> tuple[str, ...]:
        draft = self.draft
        names = [n for group in draft.metrics for n in group]
        names = list(dict.fromkeys(names))
        if COST in names and len(names) > 1 and not draft.metrics_listed:
            names = [n for n in names if not self._is_value(n)]
        others = [n for n in names if n != COST]
        if COST in names and others:
            if "budget" in others:
                names = ["budget", "actual", "remaining", "used_percent"]
            elif all(self.model.metric(n).unit in ("currency", "USD", "percent") or "per" in self.model.metric(n).unit for n in others) and len(draft.metrics) == 2 and not draft.metrics_listed:
                names = others
            elif not draft.metrics_listed:
                texts = " ".join(draft.metric_texts)
                raise Clarify(
                    f"“{texts}”: the cost, or the {self.model.metric(others[0]).label}?",
                    ("cost", self.model.metric(others[0]).label),
                )
        if draft.units:
            names = self._with_units(names)
        if draft.counted and draft.thresholds and len(draft.counted) == 1:
            # "how many services cost more than $5k" counts groups, not values
            draft.dimensions.append(draft.counted.pop())
            self.count_groups = True
        if draft.counted:
            return tuple(n for n in names if n != COST) if not draft.metrics_listed else tuple(names)
        if not names:
            if self.edits and self.previous is not None:
                return self.previous.metrics
            names = self._default_metrics()
        return tuple(names)

    def _is_value(self, name: str) -> bool:
        """`spend on GPUs`: a thing that is counted elsewhere is here the name of what is paid for."""
        if name == COST or not self.model.metric(name).counted:
            return False
        text = self._word_for(self.model.metric(name))
        hits = self.lexicon.partial_hits([singular(w) for w in split(text)])
        if hits:
            self.draft.values.append(ValueUse(hits, text, place=len(text)))
        return bool(hits)

    def _with_units(self, names: list[str]) -> list[str]:
        draft = self.draft
        if draft.per_unit and (not names or names == [COST] or names == ["unit_cost"]):
            if COST in names or not names:
                return ["unit_cost"]
        if "unit_cost" in names:
            return names
        inside = [n for n in names if self.model.metric(n).dataset == "business_metrics"]
        if inside:
            return inside
        if not names or all(self.model.metric(n).counted for n in names):
            return ["business_volume"]
        unit = draft.units[0][0]
        raise Clarify(
            f"Do you mean the cost per {unit.split()[0].rstrip('s')}, or how many {unit}?",
            (f"cost per {unit.split()[0].rstrip('s')}", f"number of {unit}"),
        )

    def _default_metrics(self) -> list[str]:
        """No metric named: cost, or what the only dataset with these names measures."""
        return []

    def _datasets(self, metrics: tuple[str, ...]) -> Iterator[tuple[Dataset, tuple[str, ...]]]:
        """Datasets that could answer, in order of preference, with the metrics spelled for each."""
        if not metrics and not self.draft.counted:
            for dataset in self.model.datasets.values():
                if self.catalog.has(*dataset.tables) and not dataset.scoped:
                    default = dataset.default_metric
                    if dataset.name == "token_usage":
                        default = "token_cost"
                    yield dataset, (default,)
            if not self.catalog.tables:
                raise Refused("Nothing is loaded yet: `askcost load FILE…` or `askcost demo`.")
            return
        offered = False
        for dataset in self.model.datasets.values():
            spelled = self._spelled(metrics, dataset)
            if spelled is None:
                continue
            if not self.catalog.has(*dataset.tables):
                if not offered and all(self.model.metric(m).dataset == dataset.name for m in metrics):
                    missing = [t for t in dataset.tables if not self.catalog.has(t)]
                    raise Refused(
                        f"That needs {' and '.join(missing)}, which is not loaded: "
                        f"`askcost load FILE --table {missing[0]}`."
                    )
                continue
            offered = True
            yield dataset, spelled
        if not offered:
            labels = [self.model.metric(m).label for m in metrics]
            raise Refused(f"{' and '.join(labels)} are not kept together in the loaded data; ask one by one.")

    def _spelled(self, metrics: tuple[str, ...], dataset: Dataset) -> tuple[str, ...] | None:
        """The same metrics in this dataset: themselves, or what stands in for them."""
        result: list[str] = []
        for name in metrics:
            metric = self.model.metric(name)
            if metric.dataset == dataset.name:
                result.append(name)
                continue
            original = metric.stands_in_for or name
            if self.model.has_metric(original) and self.model.metric(original).dataset == dataset.name and metric.stands_in_for:
                result.append(original) if self.edits else None
                if not self.edits:
                    return None
                continue
            substitute = next(
                (m.name for m in self.model.metrics.values() if m.dataset == dataset.name and m.stands_in_for == original),
                None,
            )
            if substitute is None:
                return None
            result.append(substitute)
        for use in self.draft.counted:
            dimension = next((n for n in use.names if n in self.model.dimensions[dataset.name]), None)
            if dimension is None:
                return None
            result.append(self._distinct(dataset, dimension))
        return tuple(dict.fromkeys(result))

    def _distinct(self, dataset: Dataset, dimension: str) -> str:
        return self.model.distinct(dataset.name, dimension)

    # --- dimensions -----------------------------------------------------------------------------------

    def _dimension(self, names: Sequence[str], text: str, dataset: Dataset) -> str:
        """The dataset's dimension for a phrase; of several equally good ones the user is asked."""
        own = self.model.dimensions[dataset.name]
        present = [n for n in names if n in own]
        if not present:
            label = plural(own[next(iter(own))].label) if own else "nothing"
            raise _Lacks(
                f"{dataset.label} have no “{text}”. They can be split by {', '.join(self._splits(dataset)) or label}.",
                tuple(self._splits(dataset)[:6]),
            )
        first = present[0]
        if len(present) > 1 and not self._is_named(first, text, dataset):
            raise Clarify(
                f"Which one is “{text}”: {' or '.join(own[n].label for n in present)}?",
                tuple(own[n].label for n in present),
            )
        if not self._is_named(first, text, dataset):
            self.notes.assume(f"'{text}' read as {own[first].label}")
        return first

    def _is_named(self, name: str, text: str, dataset: Dataset) -> bool:
        dimension = self.model.dimension(dataset.name, name)
        wanted = tuple(stem(w) for w in split(text))
        return any(
            tuple(stem(w) for w in split(p)) == wanted for p in (dimension.label, *dimension.synonyms)
        )

    def _splits(self, dataset: Dataset) -> list[str]:
        return self.lexicon.dimension_labels(dataset.name)

    # --- plans ---------------------------------------------------------------------------------------------

    def _plans(self, dataset: Dataset, metrics: tuple[str, ...]) -> Iterator[Candidate]:
        self.notes = _Notes()
        draft = self.draft
        base = self.previous if self.edits else None
        used = [self.model.metric(m) for m in metrics]
        dimensions, limit_per = self._grouping(dataset, base)
        grain = self._grain(base)
        if grain is None and draft.trend:
            grain = self._trend_grain(dataset)
        if all(m.periodless for m in used):
            yield Candidate(self._periodless(dataset, metrics, dimensions))
            return
        days = self.catalog.days.get(dataset.loaded_from)
        if days is None:
            raise Refused(f"No day of {dataset.label} is loaded.")
        spans = periods.choose(draft, dataset, days, self.today, self.previous, grain)
        if grain is None and draft.against not in (None, "prior", "year"):
            unit = Grain(draft.against)
            if spans.period.start + calendar.step(unit) < spans.period.end:
                grain = unit  # "month over month from November to February" is a series
                spans = periods.choose(draft, dataset, days, self.today, self.previous, grain)
        for note in spans.assumptions:
            self.notes.assume(note)
        comparison, series_change = spans.comparison, spans.series_change
        if base is not None and comparison is None and not series_change:
            comparison, series_change = self._kept_comparison(base, spans.period, days)
        self._check_fleet(used, dimensions, dataset)
        self._current = dataset
        uses = draft.values
        choices = [self._readings(use, dataset) for use in uses]
        fixed = self._fixed_filters(dataset, base, uses, choices)
        limit, order = self._ranking(dataset, metrics, dimensions, grain, comparison, series_change, base)
        having, notes = self._thresholds(metrics, dimensions, grain, comparison, series_change)
        currency = self._currency(dataset, used, base)
        share = draft.share or (base.share if base else False)
        average = self._average(used, base)
        for combination in islice(product(*choices), MOST_READINGS):
            filters, part = self._filters(uses, combination, fixed, base, share, dimensions)
            dims = self._compared_values(dimensions, uses, combination, spans.comparison)
            plan = QueryPlan(
                dataset=dataset.name,
                metrics=metrics,
                dimensions=dims,
                grain=grain,
                filters=filters,
                period=spans.period,
                comparison=comparison,
                series_change=series_change,
                share=share,
                part=part,
                average=average,
                order=order,
                limit=limit,
                limit_per=limit_per,
                having=having,
                count_groups=self.count_groups,
                currency=currency,
            )
            assumptions = [*self._metric_assumptions(used), *self.notes.assumptions, *notes]
            doubt = self.notes.doubt + sum(self._hit_doubt(h, u, assumptions) for h, u in zip(combination, uses, strict=True))
            if dataset.name != "cost_and_usage":
                assumptions.append(f"answered from {dataset.label}")
            yield Candidate(
                plan,
                tuple(dict.fromkeys(assumptions)),
                max(0.3, 0.99 - doubt),
                tuple(self._choice(h, dataset) for h in combination),
            )

    def _metric_assumptions(self, used: Sequence[Metric]) -> list[str]:
        return [f"'{t}' — {m.assumption}" if t else m.assumption for m in used if m.assumption for t in [self._word_for(m)]]

    def _word_for(self, metric: Metric) -> str:
        for names, text in zip(self.draft.metrics, self.draft.metric_texts, strict=True):
            if metric.name in names:
                return text
        return ""

    def _choice(self, hit: ValueHit, dataset: Dataset) -> str:
        label = self.model.dimension(dataset.name, self._own(hit, dataset)).label
        return f"{', '.join(hit.values[:3])} as {label}"

    def _hit_doubt(self, hit: ValueHit, use: ValueUse, assumptions: list[str]) -> float:
        shown = ", ".join(hit.values[:6])
        label = hit.dimension.replace("_", " ")
        if use.corrected:
            assumptions.append(f"'{use.text}' read as {label} {shown}")
            return 0.12
        if hit.how in ("part", "family"):
            assumptions.append(f"'{use.text}' read as {label} {shown}")
            return 0.08
        if hit.how in ("alias", "inflected") and use.text.lower() != shown.lower():
            assumptions.append(f"'{use.text}' read as {label} {shown}")
            return 0.02
        return 0.0

    def _periodless(self, dataset: Dataset, metrics: tuple[str, ...], dimensions: tuple[str, ...]) -> QueryPlan:
        """What is loaded, what is owned: no days, one reading of each value."""
        self._current = dataset
        hits = [self._readings(use, dataset)[0] for use in self.draft.values]
        fixed = self._fixed_filters(dataset, None, (), ())
        filters, _ = self._filters(self.draft.values, hits, fixed, None, False, dimensions)
        return QueryPlan(dataset=dataset.name, metrics=metrics, dimensions=dimensions, filters=filters)

    def _grouping(self, dataset: Dataset, base: QueryPlan | None) -> tuple[tuple[str, ...], str | None]:
        draft = self.draft
        uses = [u for u in draft.dimensions if u.names]
        uses = self._untagged(uses, dataset)
        uses = [u for u in uses if not (u.bare and self._only_introduces(u, dataset))]
        names = [self._dimension(u.names, u.text, dataset) for u in uses]
        names = list(dict.fromkeys(names))
        limit_per = None
        ranked = draft.descending is not None or draft.limit is not None
        if ranked and len(names) > 1:
            each = [n for n, u in zip(names, uses, strict=False) if u.each]
            limit_per = each[0] if each else None
            if limit_per:
                names = [limit_per, *[n for n in names if n != limit_per]]
        if base is None or draft.breakdown and names:
            return tuple(names), limit_per
        kept = [d for d in base.dimensions if d in self.model.dimensions[dataset.name]]
        if not names:
            return tuple(kept), base.limit_per if base.limit_per in kept else None
        if draft.adds:
            names = [*kept, *[n for n in names if n not in kept]]
        return tuple(names), limit_per

    def _only_introduces(self, use: DimensionUse, dataset: Dataset) -> bool:
        """`Marine (product line)`, `AWS services`: the word goes with a value and splits nothing."""
        ranked = bool(
            self.draft.which or self.draft.limit or self.draft.thresholds or self.draft.descending is not None
        )
        if use.described and not ranked:
            return True
        if use.names and self.model.dimensions[dataset.name].get(use.names[0]) is not None:
            if self.model.dimension(dataset.name, use.names[0]).scan == "secondary" and not (
                ranked
            ):
                return bool(self.draft.values)
        return any(h.dimension in use.names for v in self.draft.values if not v.negated for h in v.hits) and not use.plural

    def _untagged(self, uses: list[DimensionUse], dataset: Dataset) -> list[DimensionUse]:
        """`untagged cost by squad` asks for what has no squad; by provider it stays a breakdown."""
        for empty in self.draft.empties:
            if empty.names or empty.filled:
                continue
            for use in uses:
                name = self._dimension(use.names, use.text, dataset)
                if (self.model.dimension(dataset.name, name).field or "").startswith(("Tags.", "x_")):
                    empty.names, empty.text = use.names, use.text
                    return [u for u in uses if u is not use]
        return uses

    def _grain(self, base: QueryPlan | None) -> Grain | None:
        grains = self.draft.grains
        if len(grains) > 1:
            return min(grains, key=list(Grain).index)
        if grains:
            return grains[0]
        return base.grain if base else None

    def _trend_grain(self, dataset: Dataset) -> Grain:
        if dataset.grain == "month":
            return Grain.MONTH
        days = self.catalog.days[dataset.loaded_from]
        period = periods.choose(self.draft, dataset, days, self.today, self.previous, Grain.DAY).period
        return Grain.DAY if period.days <= 62 else Grain.MONTH

    def _kept_comparison(self, base: QueryPlan, period: object, days: object) -> tuple[object, bool]:  # type: ignore[return]
        if base.series_change:
            return None, True
        if base.comparison is None or base.period is None:
            return None, False
        if period == base.period:
            return base.comparison, False
        for shift in ("prior", "year"):
            if calendar.shifted(base.period, shift).start == base.comparison.start:  # type: ignore[arg-type]
                return periods._aligned(period, calendar.shifted(period, shift), days, [])[1], False  # type: ignore[arg-type]
        return None, False

    def _check_fleet(self, used: Sequence[Metric], dimensions: Sequence[str], dataset: Dataset) -> None:
        usage_only = [d for d in dimensions if self.model.dimension(dataset.name, d).usage_only]
        fleet = [m for m in used if m.fleet]
        if usage_only and fleet and len(fleet) == len(used):
            raise Refused(
                f"{fleet[0].label} is known for clusters, not by {usage_only[0].replace('_', ' ')}: "
                "ask by cluster, GPU model or site."
            )

    def conditions(self) -> tuple[Filter, ...]:
        """The draft's filters on charges, each with exactly one reading."""
        dataset = self._current = self.model.datasets["cost_and_usage"]
        combination = []
        for use in self.draft.values:
            readings = self._readings(use, dataset)
            if len(readings) > 1:
                raise Clarify(
                    f"“{use.text}” could mean several things.", tuple(self._choice(h, dataset) for h in readings)
                )
            combination.append(readings[0])
        fixed = self._fixed_filters(dataset, None, (), ())
        return self._filters(self.draft.values, combination, fixed, None, False, ())[0]

    # --- filters --------------------------------------------------------------------------------------------

    def _own(self, hit: ValueHit, dataset: Dataset) -> str:
        """The hit's dimension as this dataset calls it."""
        own = self.model.dimensions[dataset.name]
        if hit.dimension in own:
            return hit.dimension
        return next(n for n in own if self.lexicon.vocabulary.same_concept(n, hit.dimension))

    def _fits(self, hit: ValueHit, dataset: Dataset) -> bool:
        if hit.dataset == dataset.name:
            return True
        if dataset.scoped is None:
            return False
        own = self.model.dimensions[dataset.name]
        return hit.dimension in own or any(self.lexicon.vocabulary.same_concept(n, hit.dimension) for n in own)

    def _readings(self, use: ValueUse, dataset: Dataset) -> list[ValueHit]:
        """The dimensions this value can stand in, within the dataset; primary ones first."""
        hits = [h for h in use.hits if self._fits(h, dataset)]
        if not hits:
            raise _Lacks(f"“{use.text}” is not found in {dataset.label}.", ())
        for scan in ("primary", "secondary", "named"):
            kept = [h for h in hits if h.scan == scan or use.restricted]
            if kept:
                hits = kept
                break
        distinct: dict[tuple[str, tuple[str, ...]], ValueHit] = {}
        for hit in hits:
            key = (self._own(hit, dataset), hit.values)
            if key not in distinct or distinct[key].weight < hit.weight:
                distinct[key] = hit
        merged: dict[str, ValueHit] = {}
        for (dimension, _), hit in distinct.items():
            other = merged.get(dimension)
            if other is None:
                merged[dimension] = hit
            elif hit.how in ("part",):
                options = sorted({v for h in distinct.values() for v in h.values})
                raise Clarify(
                    f"“{use.text}” could be {len(options)} things. Which one?", tuple(options[:8])
                )
            else:  # spellings of one name: "AWS" and "aws"
                merged[dimension] = ValueHit(
                    hit.dataset, hit.dimension, tuple(dict.fromkeys((*other.values, *hit.values))),
                    other.weight + hit.weight, hit.scan, other.how,
                )  # fmt: skip
        ids = {d: self.model.dimension(dataset.name, d).id_of for d in merged}
        result = [h for d, h in merged.items() if not any(i == d for i in ids.values())] or list(merged.values())
        return sorted(result, key=lambda h: -h.weight)

    def _fixed_filters(
        self, dataset: Dataset, base: QueryPlan | None, uses: Sequence[ValueUse], choices: Sequence[Sequence[ValueHit]]
    ) -> list[tuple[Filter, str | None]]:
        """Filters that have one reading: untagged, tagged, units of work."""
        fixed: list[tuple[Filter, str | None]] = []
        for use in self.draft.empties:
            if use.names:
                name = self._dimension(use.names, use.text, dataset)
            else:
                name = "any_tag"
            if name not in self.model.dimensions[dataset.name]:
                raise _Lacks(f"{dataset.label} have no tags.", ())
            if name == "any_tag" and not use.filled and "unallocated" in use.text:
                raise Clarify(
                    "Unallocated to what?", tuple(f"cost without a {s}" for s in self._splits(dataset)[-4:])
                )
            fixed.append((Filter(dimension=name, op="filled" if use.filled else "empty"), use.side))
        for names in self.draft.units:
            if "business_metric" in self.model.dimensions[dataset.name]:
                fixed.append((Filter(dimension="business_metric", values=names), None))
        return fixed

    def _filters(
        self,
        uses: Sequence[ValueUse],
        combination: Sequence[ValueHit],
        fixed: Sequence[tuple[Filter, str | None]],
        base: QueryPlan | None,
        share: bool,
        dimensions: Sequence[str],
    ) -> tuple[tuple[Filter, ...], tuple[Filter, ...]]:
        whole: list[Filter] = []
        part: list[Filter] = []
        sides = self._sides(uses, share, dimensions)
        for use, hit, side in zip(uses, combination, sides, strict=True):
            op = "not_in" if use.negated else "in"
            name = self._own_name(hit)
            target = part if side == "part" else whole
            same = next((f for f in target if f.dimension == name and f.op == op), None)
            if same is not None:
                target[target.index(same)] = same.model_copy(
                    update={"values": tuple(dict.fromkeys((*same.values, *hit.values)))}
                )
            else:
                target.append(Filter(dimension=name, op=op, values=hit.values))  # type: ignore[arg-type]
        if share and any(c.op in ("empty", "filled") for c, _ in fixed):
            whole, part = [*whole, *part], []  # "of the AWS bill, what share has no team"
        for condition, side_ in fixed:
            part_of_share = share and side_ != "whole" and condition.op in ("empty", "filled")
            (part if part_of_share else whole).append(condition)
        if base is not None:
            whole, part = self._edited(base, whole, part, share, dimensions)
        return tuple(whole), tuple(part)

    def _own_name(self, hit: ValueHit) -> str:
        return self._own(hit, self._current) if self._current else hit.dimension

    _current: Dataset | None = None

    def _sides(
        self, uses: Sequence[ValueUse], share: bool, dimensions: Sequence[str]
    ) -> list[str]:
        """Which values make the part of a share, and which the whole."""
        if not share:
            return ["whole"] * len(uses)
        marked = [u.side for u in uses]
        if any(s == "part" for s in marked):
            return [s or "whole" for s in marked]
        positive = [u for u in uses if not u.negated]
        if dimensions or not positive:
            return ["whole"] * len(uses)
        return ["whole" if u.negated or u.side == "whole" else "part" for u in uses]

    def _edited(
        self, base: QueryPlan, whole: list[Filter], part: list[Filter], share: bool, dimensions: Sequence[str]
    ) -> tuple[list[Filter], list[Filter]]:
        """The conversation's filters with the new ones put in their place."""
        own = self.model.dimensions[self._current.name] if self._current else {}
        kept = [f for f in base.filters if f.dimension in own]
        kept_part = [f for f in base.part if f.dimension in own]
        for use in self.draft.readmitted:
            gone = {(h.dimension, v) for h in use.hits for v in h.values}
            kept = [f for f in kept if not (f.op == "not_in" and any((f.dimension, v) in gone for v in f.values))]
        for new in whole:
            if new.op == "in":
                kept = [f for f in kept if f.dimension != new.dimension or f.op == "not_in"]
            elif new.op == "not_in":
                kept = [
                    f.model_copy(update={"values": tuple(v for v in f.values if v not in new.values)})
                    if f.dimension == new.dimension and f.op == "in"
                    else f
                    for f in kept
                ]
                if any(f.dimension == new.dimension and f.op == "in" for f in kept):
                    kept = [f for f in kept if f.values or f.op in ("empty", "filled")]
            else:
                kept = [f for f in kept if f.dimension != new.dimension]
            kept.append(new)
        if share and not base.share and not part and not dimensions:
            movable = [f for f in kept if f.op == "in"]
            return [f for f in kept if f not in movable[-1:]], movable[-1:]
        return kept, part or kept_part

    def _compared_values(
        self,
        dimensions: tuple[str, ...],
        uses: Sequence[ValueUse],
        combination: Sequence[ValueHit],
        comparison: object,
    ) -> tuple[str, ...]:
        """`AWS versus Azure`: values set side by side are rows of their own."""
        if not (self.draft.compare or self.draft.apart) or comparison is not None:
            return dimensions
        names = [self._own_name(h) for h, u in zip(combination, uses, strict=True) if not u.negated]
        for name in names:
            if names.count(name) > 1 and name not in dimensions:
                return (*dimensions, name)
        return dimensions

    # --- ranking, thresholds, rest ------------------------------------------------------------------------------

    def _ranking(
        self,
        dataset: Dataset,
        metrics: tuple[str, ...],
        dimensions: tuple[str, ...],
        grain: Grain | None,
        comparison: object,
        series_change: bool,
        base: QueryPlan | None,
    ) -> tuple[int | None, Order | None]:
        draft = self.draft
        by = self._measure(metrics[0], comparison is not None or series_change)
        if draft.sorted is not None:
            return (draft.limit or (base.limit if base else None)), Order(by=by, descending=draft.sorted)
        if draft.descending is None and draft.limit is None:
            if base is not None and (base.limit or base.order):
                return base.limit, Order(by=by, descending=base.order.descending if base.order else True)
            if comparison is not None and draft.direction and dimensions and draft.which:
                return None, Order(by=by, descending=draft.direction == "up")
            return None, None
        descending = draft.descending if draft.descending is not None else (base.order.descending if base and base.order else True)
        if draft.direction == "down":
            descending = not descending
        if not dimensions and grain is None:
            if base is None or not base.dimensions:
                raise Clarify(
                    "The top of what? Name what to rank, for example services or teams.",
                    tuple(f"top {TOP} {plural(d)}" if not d.endswith("s") else f"top {TOP} {d}" for d in self._ranked_labels(dataset)),
                )
        limit = draft.limit
        if limit is None:
            uses = [u for u in draft.dimensions if not u.each] or draft.dimensions
            singular = bool(uses) and not any(u.plural for u in uses)
            limit = 1 if singular or (not uses and grain) else (base.limit if base and base.limit and not uses else TOP)
        return limit, Order(by=by, descending=descending)

    def _ranked_labels(self, dataset: Dataset) -> list[str]:
        return [d.removesuffix("s") for d in self._splits(dataset)[:4]]

    def _measure(self, metric: str, compared: bool) -> str:
        name = self.model.metric(metric).column
        if compared:
            if self.draft.change or self.draft.by_rate:
                return "change_percent" if self.draft.by_rate else "change"
            return "current"
        if self._averaged and not self.draft.trend:
            return f"average_{name}_per_{self._averaged.value}"
        return name

    @property
    def _averaged(self) -> Grain | None:
        return self.draft.average_grain if self.draft.average else None

    def _average(self, used: Sequence[Metric], base: QueryPlan | None) -> Grain | None:
        draft = self.draft
        if not draft.average:
            return base.average if base else None
        if not any(m.additive for m in used):
            return None
        if draft.average_grain is None:
            label = used[0].label
            raise Clarify(
                f"Average {label} per what?", (f"average {label} per day", f"average {label} per month")
            )
        return draft.average_grain

    def _thresholds(
        self,
        metrics: tuple[str, ...],
        dimensions: tuple[str, ...],
        grain: Grain | None,
        comparison: object,
        series_change: bool,
    ) -> tuple[tuple[Threshold, ...], list[str]]:
        result: list[Threshold] = []
        notes: list[str] = []
        compared = comparison is not None or series_change
        for use in self.draft.thresholds:
            metric = use.metric if use.metric in metrics else metrics[0]
            grouped = bool(dimensions or grain)
            of = self._threshold_of(use, compared)
            if not grouped and self.model.metric(metrics[0]).name in ("charge_count", COST) and of == "value":
                if self.model.metric(metrics[0]).name == "charge_count":
                    result.append(Threshold(metric=COST, op=use.op, value=use.value, upper=use.upper, of="row"))
                else:
                    notes.append(f"asked against {use.text}; the amount is shown whole")
                continue
            if not grouped:
                notes.append(f"asked against {use.text}; the amount is shown whole")
                continue
            value = -use.value if of in ("change", "change_percent") and self.draft.direction == "down" else use.value
            op = {">": "<", ">=": "<="}.get(use.op, use.op) if value < 0 else use.op
            result.append(Threshold(metric=metric, op=op, value=value, upper=use.upper, of=of))  # type: ignore[arg-type]
        if compared and self.draft.direction and self.draft.which and self.draft.descending is None and not result and dimensions:
            op = ">" if self.draft.direction == "up" else "<"
            result.append(Threshold(metric=metrics[0], op=op, value=Decimal(0), of="change"))  # type: ignore[arg-type]
        return tuple(result), notes

    def _threshold_of(self, use: ThresholdUse, compared: bool) -> str:
        if use.percent:
            if compared:
                return "change_percent"
            if self.draft.share:
                return "share"
            raise Clarify(
                f"“{use.text}” of what: of the total, or the change against the period before?",
                (f"share {use.text} of the total", f"change {use.text}"),
            )
        return "change" if compared and self.draft.change else "value"

    def _currency(self, dataset: Dataset, used: Sequence[Metric], base: QueryPlan | None) -> str | None:
        if dataset.currency is None or not any(m.unit == "currency" for m in used):
            if self.draft.currency and self.draft.currency != "USD":
                raise Refused(f"These figures are kept in USD; they can't be shown in {self.draft.currency}.")
            return None
        wanted = self.draft.currency or (base.currency if base else None)
        currencies = self.catalog.currencies
        if wanted is None:
            wanted = self.reporting if self.reporting and len(currencies) > 1 else None
            if wanted and not self._convertible(wanted):
                return None
            return wanted
        if currencies == (wanted,):
            return None
        if not self._convertible(wanted):
            raise Refused(
                f"I can't convert to {wanted}: fx_rates has no rate from "
                f"{' and '.join(c for c in currencies if c != wanted)} to {wanted}."
            )
        self.notes.assume(f"converted to {wanted} at the month's fx_rates")
        return wanted

    def _convertible(self, currency: str) -> bool:
        pairs = {(r["from_currency"], r["to_currency"]) for r in self.catalog.small.get("fx_rates", ())}
        return all(c == currency or (c, currency) in pairs for c in self.catalog.currencies)


class _Lacks(Clarify):
    """This dataset lacks a name; another may have it."""


__all__ = ["Candidate", "DimensionUse", "resolve"]
