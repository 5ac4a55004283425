"""The semantic model of one warehouse: what schemas/ defines, less what is not loaded, plus what was found.

Tag keys, `x_` columns, TBM layers and the dimensions that budgets are kept by become dimensions here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from assistant.semantics import taught
from assistant.semantics.catalog import Catalog, ExtraDimension
from assistant.semantics.model import Dataset, Dimension, SemanticModel
from assistant.semantics.vocabulary import Vocabulary

TBM_LAYERS = ("cost_pool", "tower", "sub_tower", "solution")


def bind(model: SemanticModel, catalog: Catalog, vocabulary: Vocabulary) -> SemanticModel:
    """The model of this warehouse."""
    found = list(_discovered(model, catalog))
    bound = model.with_dimensions(tuple(found))
    bound = bound.with_dimensions(tuple(_tbm(bound, catalog)))
    bound = bound.with_dimensions(tuple(_scoped(bound, catalog, vocabulary)))
    bound = taught.bind(bound, vocabulary.taught)
    return replace(bound, datasets=dict(_loaded_first(bound, catalog)))


def _loaded_first(model: SemanticModel, catalog: Catalog) -> Iterable[tuple[str, Dataset]]:
    """Loaded datasets before others, then by the preference that schemas/ gives them."""
    return sorted(model.datasets.items(), key=lambda item: (not catalog.has(*item[1].tables), item[1].preference))


def _name(words: str) -> str:
    return re.sub(r"\W+", "_", words.strip().lower()).strip("_") or "unnamed"


def _discovered(model: SemanticModel, catalog: Catalog) -> Iterable[Dimension]:
    """One dimension for each name; spellings of one name (`Team`, `team`, `x_Team`) are read as one."""
    by_name: dict[tuple[str, str], list[ExtraDimension]] = {}
    for extra in catalog.extra:
        dataset = next((d.name for d in model.datasets.values() if d.source == extra.table), None)
        if dataset:
            by_name.setdefault((dataset, _name(extra.words)), []).append(extra)
    for (dataset, name), extras in by_name.items():
        builtin = name in model.dimensions[dataset]
        expressions = [_field_expression(e) for e in sorted(extras, key=lambda e: (e.tag_key is not None, e.field))]
        label = extras[0].words
        yield Dimension(
            name=f"tag_{name}" if builtin else name,
            dataset=dataset,
            expression=expressions[0] if len(expressions) == 1 else f"COALESCE({', '.join(expressions)})",
            label=f"{label} tag" if builtin else label,
            synonyms=tuple(_spoken(label, builtin)),
            description="tag or extra column " + ", ".join(e.tag_key or e.field for e in extras),
            scan="secondary" if builtin else "primary",
            field=",".join(e.field for e in extras),
        )


def _spoken(label: str, builtin: bool) -> Iterable[str]:
    """`resource group name` is also asked for as resource group; a built-in name keeps the bare word."""
    if not builtin:
        yield label
        for ending in (" name", " id"):
            if label.endswith(ending):
                yield label.removesuffix(ending)
    yield f"{label} tag"
    yield f"tag {label}"


def _field_expression(extra: ExtraDimension) -> str:
    if extra.tag_key is not None:
        return "Tags['" + extra.tag_key.replace("'", "''") + "']"
    return '"' + extra.field.replace('"', '""') + '"'


def _tbm(model: SemanticModel, catalog: Catalog) -> Iterable[Dimension]:
    """Cost pool, tower, sub-tower and solution: the first mapped dimension, in file order, that has a row."""
    rows = catalog.small.get("tbm_map", ())
    mapped = list(dict.fromkeys(_name(str(r["dimension"])) for r in rows))
    known = [d for d in mapped if d in model.dimensions["cost_and_usage"]]
    for layer in TBM_LAYERS:
        if not known or not any(r.get(layer) for r in rows):
            continue
        arms = []
        for dimension in known:
            expression = model.dimension("cost_and_usage", dimension).expression
            values: dict[str, list[str]] = {}
            for r in rows:
                if _name(str(r["dimension"])) == dimension and r.get(layer):
                    values.setdefault(str(r[layer]), []).append(str(r["value"]))
            for target, sources in values.items():
                listed = ", ".join(_text(v) for v in sources)
                arms.append(f"WHEN {expression} IN ({listed}) THEN {_text(target)}")
        yield Dimension(
            name=layer,
            dataset="cost_and_usage",
            expression="CASE " + " ".join(arms) + " END",
            label=layer.replace("_", " "),
            synonyms=(
                layer.replace("_", " "),
                f"tbm {layer.replace('_', ' ')}",
                f"it {layer.replace('_', ' ')}",
            ),
            description="from tbm_map",
            scan="secondary",
            field=f"tbm_map.{layer}",
        )


def _scoped(model: SemanticModel, catalog: Catalog, vocabulary: Vocabulary) -> Iterable[Dimension]:
    """Budgets and allowances are kept by several dimensions in one table; each becomes a dimension here."""
    for dataset in model.datasets.values():
        if dataset.scope_column is None:
            continue
        names = dict.fromkeys(_name(str(r[dataset.scope_column])) for r in catalog.small.get(dataset.loaded_from, ()))
        for name in names:
            if name == "total":
                continue  # the whole company is what is meant when no dimension is named
            costs = model.dimensions["cost_and_usage"]
            twin = name if name in costs else next((n for n in costs if vocabulary.same_concept(n, name)), None)
            like = next((ds[name] for ds in model.dimensions.values() if name in ds), None)
            yield Dimension(
                name=name,
                dataset=dataset.name,
                expression="subject",
                label=like.label if like else name.replace("_", " "),
                synonyms=like.synonyms if like else (name.replace("_", " "),),
                field=f"{dataset.loaded_from}.{name}",
                counterpart=twin,
            )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def fields(dimension: Dimension) -> tuple[str, ...]:
    """The index fields whose values this dimension shows."""
    return tuple((dimension.field or "").split(",")) if dimension.field else ()


def by_field(model: SemanticModel, catalog: Catalog) -> Mapping[tuple[str, str], list[Dimension]]:
    """(table, field) → the dimensions that show it."""
    result: dict[tuple[str, str], list[Dimension]] = {}
    for dataset in model.datasets.values():
        for dimension in model.dimensions[dataset.name].values():
            for field in fields(dimension):
                for table in dataset.tables:
                    result.setdefault((table, field), []).append(dimension)
    return result
