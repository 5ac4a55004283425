"""schemas/taught.yaml: words that people of this company taught, each with what it means, who said so, when and why.

A word is another name of a metric or a dimension, a name for values, or a measure or condition made of what there is.
Knows nothing of how a word is understood or reviewed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import sqlglot
import yaml
from sqlglot import exp

from assistant.errors import LedgerError, Refused
from assistant.semantics import schema_files
from assistant.semantics.model import Dimension, Metric, SemanticModel
from assistant.values import Filter, Frozen

FILE = "taught.yaml"
HEAD = (
    "# Words that people taught, written by `askcost teach`: what each means, who said and accepted it, when and why.\n"
)
Kind = Literal["metric", "dimension", "value", "measure", "filter", "formula"]
Operation = Literal["divided", "plus", "minus"]


class Word(Frozen):
    """metric, dimension: another name of these. value: a name for the one condition in `filters`. measure: the metric
    over the charges that meet `filters`. filter: a name for several conditions together. formula: two metrics and an
    operation. meaning: in the words of who taught it.
    """

    word: str
    meaning: str
    kind: Kind
    dataset: str
    metrics: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    operation: Operation | None = None
    by: str = ""
    accepted_by: str = ""
    on: str = ""
    why: str = ""

    @property
    def name(self) -> str:
        """What it is called in a plan."""
        return re.sub(r"\W+", "_", self.word.lower()).strip("_")


@dataclass(frozen=True)
class Lessons:
    """The file. version grows with each change; withdrawn: words that are no longer used, with who and when."""

    version: int = 0
    words: tuple[Word, ...] = ()
    withdrawn: tuple[Mapping[str, Any], ...] = ()


def check_own(folder: Path) -> None:
    """Raises Refused for the schemas of an installed package, which the next installation would replace."""
    if "site-packages" in folder.resolve().parts:
        raise Refused(
            f"{folder} belongs to the installed package. Copy it to a folder of your own and name that in "
            "ASKCOST_SCHEMAS; then this can be kept."
        )


def stamp(folder: Path) -> tuple[int, int]:
    """Tells one state of the file from another."""
    try:
        found = (folder / FILE).stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def read(folder: Path) -> Lessons:
    """Raises SchemaError naming file and line."""
    if not (folder / FILE).exists():
        return Lessons()
    top = schema_files.read(folder / FILE)
    top.only(("version", "words", "withdrawn"))
    words = []
    for node in top.get("words") or ():
        try:
            words.append(Word.model_validate(dict(node)))
        except ValueError as error:
            raise node.fail(f"this word can't be read: {str(error).splitlines()[-1].strip()}") from None
    return Lessons(int(top.require("version")), tuple(words), tuple(top.get("withdrawn") or ()))


def write(folder: Path, lessons: Lessons) -> None:
    """The whole file, or nothing. Raises Refused for a folder that is not the company's, LedgerError when it fails."""
    check_own(folder)
    content = {
        "version": lessons.version,
        "words": [word.model_dump(mode="json", exclude_defaults=True) for word in lessons.words],
        "withdrawn": [dict(one) for one in lessons.withdrawn],
    }
    text = HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=118)
    partial = folder / f"{FILE}.part-{os.getpid()}"
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, folder / FILE)
    except OSError as error:
        raise LedgerError(f"{folder / FILE} can't be written: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)


# --- in the model ---------------------------------------------------------------------------------------------------


def bind(model: SemanticModel, words: Sequence[Word]) -> SemanticModel:
    """The model with the measures and conditions that these words make; without what this warehouse can't say."""
    known = [word for word in words if speaks(word, model)]
    conditions = tuple(_condition_dimension(word, model) for word in known if word.kind == "filter")
    made = {word.name: _metric(word, model) for word in known if word.kind in ("measure", "formula")}
    return replace(model.with_dimensions(conditions), metrics={**model.metrics, **made})


def speaks(word: Word, model: SemanticModel) -> bool:
    """Whether everything that the word is made of is there."""
    own = model.dimensions.get(word.dataset, {})
    named = (*word.dimensions, *(condition.dimension for condition in word.filters))
    return all(model.has_metric(name) for name in word.metrics) and all(name in own for name in named)


def _metric(word: Word, model: SemanticModel) -> Metric:
    first = model.metric(word.metrics[0])
    said = f"{word.word} is {word.meaning}, taught by {word.by or 'the operator'} on {word.on}"
    made = replace(
        first, name=word.name, label=word.word, synonyms=(), assumption=said, description=word.meaning,
        stands_in_for=None, of_usage=None, counts=(),
    )  # fmt: skip
    if word.kind == "measure":
        return replace(made, expression=_narrowed(first.expression, conditions(word, model)))
    second = model.metric(word.metrics[1])
    one, two = f"({first.expression})", f"({second.expression})"
    if word.operation == "divided":
        unit = "ratio" if first.unit == second.unit else f"{first.unit} per {second.unit}"
        return replace(made, expression=f"{one} / NULLIF({two}, 0)", unit=unit, additive=False)
    sign = "+" if word.operation == "plus" else "-"
    return replace(made, expression=f"{one} {sign} {two}", additive=first.additive and second.additive)


def _condition_dimension(word: Word, model: SemanticModel) -> Dimension:
    return Dimension(
        name=word.name,
        dataset=word.dataset,
        expression=f"CASE WHEN {conditions(word, model)} THEN {_text(word.meaning)} END",
        label=word.word,
        scan="named",
        description=word.meaning,
    )


def conditions(word: Word, model: SemanticModel) -> str:
    """SQL that is true for what meets all of them; what has no value is not excluded by one."""
    return " AND ".join(f"({_condition(one, model.dimension(word.dataset, one.dimension))})" for one in word.filters)


def _condition(one: Filter, dimension: Dimension) -> str:
    value = f"({dimension.expression})"
    if one.op in ("empty", "filled"):
        return f"{value} IS {'NOT ' if one.op == 'filled' else ''}NULL"
    listed = ", ".join(map(_text, one.values))
    return f"{value} IN ({listed})" if one.op == "in" else f"{value} NOT IN ({listed}) OR {value} IS NULL"


def _narrowed(expression: str, condition: str) -> str:
    """Every aggregate of it over the rows that meet the condition."""
    tree = sqlglot.parse_one(expression, dialect="duckdb")
    for aggregate in list(tree.find_all(exp.AggFunc)):
        narrow = sqlglot.parse_one(condition, dialect="duckdb")
        if isinstance(aggregate.parent, exp.Filter):
            where = aggregate.parent.expression
            where.set("this", exp.and_(exp.paren(where.this), exp.paren(narrow)))
            continue
        filtered = exp.Filter(this=aggregate.copy(), expression=exp.Where(this=narrow))
        if aggregate is tree:
            tree = filtered
        else:
            aggregate.replace(filtered)
    return tree.sql("duckdb")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
