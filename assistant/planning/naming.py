"""Which dimension of a dataset a phrase names; of several equally good ones the user is asked."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.errors import Clarify
from assistant.planning.scope import Lacks, Scope
from assistant.semantics.model import Dataset, plural
from assistant.semantics.words import split, stem


def dimension(scope: Scope, names: Sequence[str], text: str, dataset: Dataset) -> str:
    """The dataset's dimension for a phrase; of several equally good ones the user is asked."""
    own = scope.model.dimensions[dataset.name]
    present = [n for n in names if n in own]
    if not present:
        label = plural(own[next(iter(own))].label) if own else "nothing"
        raise Lacks(
            f"{dataset.label} have no “{text}”. They can be split by {', '.join(splits(scope, dataset)[:8]) or label}.",
            tuple(splits(scope, dataset)[:6]),
        )
    first = present[0]
    if len(present) > 1 and not is_named(scope, first, text, dataset):
        raise Clarify(
            f"Which one is “{text}”: {' or '.join(own[n].label for n in present)}?",
            tuple(own[n].label for n in present),
        )
    if not is_named(scope, first, text, dataset):
        scope.notes.assume(f"'{text}' read as {own[first].label}")
    return first


def is_named(scope: Scope, name: str, text: str, dataset: Dataset) -> bool:
    dimension = scope.model.dimension(dataset.name, name)
    wanted = tuple(stem(w) for w in split(text))
    return any(tuple(stem(w) for w in split(p)) == wanted for p in (dimension.label, *dimension.synonyms))


def splits(scope: Scope, dataset: Dataset) -> list[str]:
    return scope.lexicon.dimension_labels(dataset.name)


def ranked_labels(scope: Scope, dataset: Dataset) -> list[str]:
    return [d.removesuffix("s") for d in splits(scope, dataset)[:4]]


def tags(scope: Scope, dataset: Dataset) -> list[str]:
    """The labels of the dimensions that were found in tags and extra columns."""
    own = scope.model.dimensions[dataset.name].values()
    return [d.label for d in own if (d.field or "").startswith(("Tags.", "x_"))]
