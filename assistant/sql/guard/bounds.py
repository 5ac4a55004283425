"""How much one value may grow: ranges, repeated text, formats. What literals can't prove, the engine does."""

from __future__ import annotations

import re

import duckdb

from assistant.errors import GuardRefusal
from assistant.sql.guard import allowed, parser
from assistant.sql.guard.draft import Draft
from assistant.sql.guard.outputs import text
from assistant.sql.guard.parser import Tree
from assistant.values import Access

_RANGES = {"range", "generate_series"}
_AGGREGATING = {"list_aggregate", "list_aggr", "array_aggregate", "array_aggr", "aggregate"}
_WIDTHS = re.compile(r"\d{4,}")


def bounded(draft: Draft, access: Access) -> None:
    """Refuse sizes above schemas/guard.yaml; make the engine check range() ends that only it can know."""
    lists = allowed.lists()
    tabled = {id(node["function"]) for node in draft.nodes if parser.kind(node) == "TABLE_FUNCTION"}
    for node in reversed(draft.nodes):  # inner calls first: outer ones are rewritten from their text
        if node.get("class") != "FUNCTION":
            continue
        name = str(node["function_name"]).lower()
        arguments = [argument["expression"] for argument in node.get("arguments", [])]
        if name in _RANGES:
            most = lists.bounds["table_rows" if id(node) in tabled else "list_rows"]
            _range(draft, node, name, arguments, most)
        elif name in lists.sized:
            _sized(draft, node, name, arguments, lists.sized[name], lists.bounds["repeat"])
        elif name in {"format", "printf"}:
            _format(draft, node, name, arguments)
        elif name in _AGGREGATING:
            inner = _literal(arguments[1], "STRING") if len(arguments) > 1 else None
            if inner is None or inner.lower() not in lists.aggregates:
                raise draft.refuse(
                    "functions",
                    f"{name}() takes the name of an aggregate function as text, not {inner!r}"
                    if inner
                    else f"{name}() must be given the name of an aggregate function as text",
                    node,
                    "For example 'sum' or 'max'.",
                )


def _literal(node: Tree, kind: str) -> str | None:
    literal = node.get("literal", {})
    return str(literal.get("text", "")) if literal.get("kind") == kind else None


def small(node: Tree, most: int) -> bool:
    """Whether an expression is a whole number up to `most`, or capped by least(…, such a number)."""
    if (number := _literal(node, "INTEGER")) is not None:
        return int(number) <= most
    if node.get("class") == "CAST":
        return small(node["child"], most)
    return str(node.get("function_name", "")).lower() == "least" and any(
        _literal(argument["expression"], "INTEGER") is not None and small(argument["expression"], most)
        for argument in node.get("arguments", ())
    )


def _sized(draft: Draft, node: Tree, name: str, arguments: list[Tree], index: int, most: int) -> None:
    sized = allowed.lists().sized
    if len(arguments) > index and not small(arguments[index], most):
        raise draft.refuse(
            "bounds",
            f"{name}() may make a value of any size here",
            node,
            f"Give a number of at most {most:,}, or least(…, {most}).",
        )
    # Each of them multiplies what stands within it.
    if any(
        str(inner.get("function_name", "")).lower() in sized
        for argument in arguments
        for inner in parser.walk(argument)
    ):
        raise draft.refuse(
            "bounds", f"{name}() stands around another function that repeats", node, "Use one at a time."
        )


def _format(draft: Draft, node: Tree, name: str, arguments: list[Tree]) -> None:
    pattern = _literal(arguments[0], "STRING") if arguments else None
    nested = pattern is not None and name == "format" and re.search(r"\{[^{}]*\{", pattern.replace("{{", ""))
    star = pattern is not None and name == "printf" and re.search(r"%[^A-Za-z%]*\*", pattern)
    if pattern is None or nested or star or _WIDTHS.search(pattern):
        raise draft.refuse(
            "bounds",
            f"The pattern of {name}() must be text in quotes, with widths below 1,000",
            node,
            "For example format('{:.2f}', x).",
        )


def _range(draft: Draft, node: Tree, name: str, arguments: list[Tree], most: int) -> None:
    if not arguments or len(arguments) > 3:
        return  # DuckDB says what is missing
    if all(_constant(argument) for argument in arguments):
        count = _count([text(argument | {"alias": ""}) for argument in arguments])
        if count is None or count > most:
            size = f"{count:,.0f}" if count is not None else "an unknown number of"
            raise draft.refuse("bounds", f"{name}() would make {size} elements", node, f"At most {most:,} are allowed.")
        return
    step = arguments[2] if len(arguments) == 3 else None
    if step is not None and not _constant(step):
        raise draft.refuse(
            "bounds",
            f"The step of {name}() must be a fixed number or interval",
            node,
            "For example INTERVAL 1 DAY.",
        )
    # The ends are known only row by row: beyond the bound the engine raises this error instead.
    end = 0 if len(arguments) == 1 else 1
    texts = [text(argument | {"alias": ""}) for argument in arguments]
    start = texts[0] if end else "0"
    if step is not None and _is_interval(step):
        seconds = _seconds(texts[2])
        if not seconds:
            raise draft.refuse("bounds", f"The step of {name}() must not be zero", node)
        steps = f"date_diff('second', {start}, {texts[1]}) / {seconds}"
    else:
        steps = f"(CAST({texts[end]} AS HUGEINT) - CAST({start} AS HUGEINT)) / ({texts[2] if step else 1})"
    message = f"{name}() would make more than {most} elements"
    guarded = f"CASE WHEN abs({steps}) > {most} THEN error('{message}') ELSE {texts[end]} END"
    expression = parser.parse(f"SELECT {guarded}")["select_list"][0]
    node["arguments"][end] = node["arguments"][end] | {"expression": expression}


def _constant(node: Tree) -> bool:
    lists = allowed.lists()
    return all(
        inner["class"] in {"CONSTANT", "CAST", "TYPE"}
        or (inner["class"] == "FUNCTION" and inner["function_name"].lower() in lists.constant_functions)
        or (inner["class"] == "COLUMN_REF" and inner["column_names"][-1].lower() in lists.value_names)
        for inner in parser.walk(node)
        if "class" in inner
    )


def _is_interval(node: Tree) -> bool:
    lists = allowed.lists()
    return any(
        str(inner.get("function_name", "")).lower() in lists.interval_functions
        or str(inner.get("type_name", "")).lower() == "interval"
        for inner in parser.walk(node)
    )


def _count(texts: list[str]) -> float | None:
    start, end = ("0", texts[0]) if len(texts) == 1 else (texts[0], texts[1])
    step = texts[2] if len(texts) == 3 else "1"
    for question in (
        f"SELECT (CAST({end} AS DOUBLE) - CAST({start} AS DOUBLE)) / CAST({step} AS DOUBLE)",
        f"SELECT (epoch(CAST({end} AS TIMESTAMP)) - epoch(CAST({start} AS TIMESTAMP))) / epoch({step})",
    ):
        try:
            answer = parser.evaluate(question)
        except duckdb.Error:
            continue
        return None if answer is None else float(answer)
    return None


def _seconds(step: str) -> float | None:
    try:
        answer = parser.evaluate(f"SELECT epoch({step})")
    except duckdb.Error as error:
        raise GuardRefusal("bounds", f"The step of a range can't be read: {str(error).splitlines()[0]}") from None
    return None if answer is None else abs(float(answer))
