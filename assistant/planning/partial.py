"""What the local planner understood of a question, and the few names of the model near the rest.

Everything here comes from the lexicon of the user who asks: what a row policy hides is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from assistant.errors import Clarify, Refused
from assistant.planning import attach, lattice, resolve
from assistant.planning.draft import Draft
from assistant.planning.lattice import Span
from assistant.planning.local import Context
from assistant.semantics import bind, words
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.meanings import GUESSED
from assistant.semantics.model import Dataset
from assistant.values import Access, Filter, QueryPlan

MOST_DATASETS, MOST_METRICS, MOST_DIMENSIONS = 2, 5, 7
MOST_VALUES, VALUES_EACH, SHORT_LIST, FEW = 16, 3, 24, 6
NEAR = 78


@dataclass(frozen=True)
class Partial:
    """`plan`: the reading without the `unknown` words. `kept`: filters it said in the data's own words.

    metrics and dimensions by dataset, values by dimension: the pruned catalogue. `timed`: the days were understood.
    `limit`: the number of rows that the question names. `analysis`: that it asks for one, which no model plans.
    """

    question: str
    unknown: tuple[str, ...]
    plan: QueryPlan | None
    kept: tuple[Filter, ...]
    timed: bool
    limit: int | None
    analysis: str | None
    metrics: Mapping[str, tuple[str, ...]]
    dimensions: Mapping[str, tuple[str, ...]]
    values: Mapping[str, tuple[str, ...]]


def of(text: str, unknown: Sequence[str], lexicon: Lexicon, context: Context, access: Access) -> Partial:
    """Raises Refused for what is out of scope."""
    spans = lattice.cover(words.tokens(text), lexicon).spans
    draft = attach.attach(spans, lexicon)
    timed = bool(draft.times)
    unsure = _guessed(draft)
    draft.unknown, draft.number = [], None
    try:
        candidates = resolve.resolve(draft, lexicon, context.today, context.previous, context.reporting)
    except (Clarify, Refused):
        candidates = []
    plan = candidates[0].plan if candidates else None
    if plan and not _open(lexicon.model.datasets[plan.dataset], lexicon, access):
        plan = None
    kept = plan.filters + plan.part if plan and len(candidates) == 1 else ()
    datasets = _datasets(spans, plan, lexicon, access)
    loose = [w for phrase in unknown for w in words.split(phrase) if len(w) > 2]
    return Partial(
        question=text,
        unknown=tuple(unknown),
        plan=plan,
        kept=tuple(f for f in kept if f.dimension not in unsure),
        timed=timed and plan is not None,
        limit=draft.limit,
        analysis=draft.analysis,
        metrics={d.name: _metrics(d, spans, loose, plan, lexicon) for d in datasets},
        dimensions={d.name: _dimensions(d, spans, loose, plan, lexicon) for d in datasets},
        values=_values(datasets, spans, loose, lexicon),
    )


def _guessed(draft: Draft) -> set[str]:
    """Dimensions of values that were read through a typo or a part of a name."""
    doubtful = [u for u in draft.values if u.corrected or any(h.how in GUESSED for h in u.hits)]
    return {h.dimension for use in doubtful for h in use.hits}


def _named(spans: Sequence[Span], kind: str) -> list[str]:
    return list(dict.fromkeys(n for s in spans for m in s.meanings if m.kind == kind for n in m.names))


def _open(dataset: Dataset, lexicon: Lexicon, access: Access) -> bool:
    return lexicon.catalog.has(*dataset.tables) and all(t in access.tables for t in dataset.tables)


def _datasets(spans: Sequence[Span], plan: QueryPlan | None, lexicon: Lexicon, access: Access) -> list[Dataset]:
    """The likeliest datasets that the user may read, in the order of schemas/."""
    metrics, dimensions = _named(spans, "metric"), _named(spans, "dimension")
    hits = {h.dataset for s in spans for h in s.hits}
    scored: dict[str, float] = {}
    for dataset in lexicon.model.datasets.values():
        if not _open(dataset, lexicon, access):
            continue
        score = 3.0 * any(lexicon.model.metric(m).dataset == dataset.name for m in metrics)
        score += any(d in lexicon.model.dimensions[dataset.name] for d in dimensions)
        score += (dataset.name in hits) + 3.0 * (plan is not None and plan.dataset == dataset.name)
        scored[dataset.name] = score - dataset.preference / 10
    ranked = sorted(scored, key=lambda name: -scored[name])[:MOST_DATASETS]
    best = [name for name in ranked if name == ranked[0] or scored[name] > 0]
    return [d for d in lexicon.model.datasets.values() if d.name in best]


def _near(wanted: Iterable[str], phrases: Mapping[str, str]) -> list[str]:
    """Names whose phrases look like one of the words. `phrases`: phrase → name."""
    found: list[str] = []
    for word in wanted:
        near = process.extract(word, phrases.keys(), scorer=fuzz.WRatio, score_cutoff=NEAR, limit=3)
        found += [phrases[phrase] for phrase, _, _ in near]
    return list(dict.fromkeys(found))


def _metrics(
    dataset: Dataset, spans: Sequence[Span], loose: Sequence[str], plan: QueryPlan | None, lexicon: Lexicon
) -> tuple[str, ...]:
    own = {m.name: m for m in lexicon.model.metrics.values() if m.dataset == dataset.name}
    near = _near(loose, {p: m.name for m in own.values() for p in (m.label, *m.synonyms)})
    wanted = [*(plan.metrics if plan else ()), *_named(spans, "metric"), *near]
    return _some(wanted, own, MOST_METRICS, list(own))


def _dimensions(
    dataset: Dataset, spans: Sequence[Span], loose: Sequence[str], plan: QueryPlan | None, lexicon: Lexicon
) -> tuple[str, ...]:
    own = lexicon.model.dimensions[dataset.name]
    near = _near(loose, {p: d.name for d in own.values() for p in (d.label, *d.synonyms)})
    hits = [h.dimension for s in spans for h in s.hits if h.dataset == dataset.name]
    filled = {d.name for ds in bind.by_field(lexicon.model, lexicon.catalog).values() for d in ds}
    usual = [d for d in own.values() if d.scan == "primary" and d.id_of is None and d.name in filled]
    # a company's own tags are asked for more often than what every bill has
    common = [d.name for d in sorted(usual, key=lambda d: "Tags." not in f"{d.field}" and "x_" not in f"{d.field}")]
    wanted = [*(plan.dimensions if plan else ()), *_named(spans, "dimension"), *hits, *near]
    return _some(wanted, own, MOST_DIMENSIONS, common)


def _some(wanted: Sequence[str], own: Iterable[str], most: int, common: Sequence[str]) -> tuple[str, ...]:
    """The wanted names, then common ones up to `most`, in the model's own order, which is the same every time."""
    order = list(own)
    chosen = dict.fromkeys(n for n in wanted if n in order)
    for name in common:
        if len(chosen) >= most:
            break
        chosen[name] = None
    return tuple(n for n in order if n in chosen)


def _values(
    datasets: Sequence[Dataset], spans: Sequence[Span], loose: Sequence[str], lexicon: Lexicon
) -> dict[str, tuple[str, ...]]:
    """Values that the words name or resemble, then the largest of some short lists."""
    found: dict[str, dict[str, None]] = {}

    def add(dimension: str, value: str) -> None:
        if sum(map(len, found.values())) < MOST_VALUES:
            found.setdefault(dimension, {})[value] = None

    names = {d.name for d in datasets}
    for span in spans:
        for hit in [h for h in span.hits if h.dataset in names][:VALUES_EACH]:
            for value in hit.values[:VALUES_EACH]:
                add(hit.dimension, value)
    held = held_values(lexicon, names)
    named = set(_named(spans, "dimension"))
    spoken = {(value, d): value.lower() for d, values in held.items() for value in values if len(value) > 2}
    for word in loose:
        near = process.extract(word.lower(), spoken, scorer=fuzz.WRatio, score_cutoff=NEAR, limit=3)
        for _, _, (value, dimension) in near:
            add(dimension, value)
    short = [d for d in held if len(held[d]) <= SHORT_LIST or d in named]
    for dimension in sorted(short, key=lambda d: (d not in named, -len(held[d]), d)):
        if sum(map(len, found.values())) >= FEW:
            break
        for value in list(held[dimension])[:VALUES_EACH]:
            add(dimension, value)
    return {d: tuple(v) for d, v in found.items()}


def held_values(lexicon: Lexicon, datasets: Iterable[str]) -> dict[str, dict[str, float]]:
    """dimension → its values in these datasets, largest first; only dimensions that people filter by."""
    wanted = set(datasets)
    found: dict[str, dict[str, float]] = {}
    owners = bind.by_field(lexicon.model, lexicon.catalog)
    for entry in lexicon.catalog.values:
        for dimension in owners.get((entry.table, entry.field), ()):
            if dimension.dataset in wanted and dimension.scan == "primary" and dimension.id_of is None:
                held = found.setdefault(dimension.name, {})
                held[entry.value] = held.get(entry.value, 0.0) + float(entry.cost or 0.0)
    return {d: dict(sorted(v.items(), key=lambda item: (-item[1], item[0]))) for d, v in found.items()}
