"""FinOps lints: statements that run, but probably don't mean what their writer thinks.

Knows nothing about access. What it knows about columns stands in schemas/guard.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from assistant.config import ROOT
from assistant.sql import guard
from assistant.sql.guard import parser
from assistant.sql.guard.allowed import FastLoader
from assistant.sql.guard.parser import Tree
from assistant.values import Lint

_ADDING = {"sum", "avg", "mean", "median"}
_BELOW = {"COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO"}
_MIRRORED = {
    "COMPARE_GREATERTHAN": "COMPARE_LESSTHAN",
    "COMPARE_GREATERTHANOREQUALTO": "COMPARE_LESSTHANOREQUALTO",
}


@dataclass(frozen=True)
class Query:
    """One SELECT within a statement: its own expressions, without those of its subqueries and CTEs."""

    select: Tree
    nodes: tuple[Tree, ...]
    named: frozenset[str]
    currencies: int
    outermost: bool


def find(sql: str, currencies: int = 1) -> tuple[Lint, ...]:
    """Warnings on a statement that passed the guard; `currencies`: how many BillingCurrency has.

    Each warning stands once, whatever the number of places.
    """
    tree = guard.read(sql)
    everywhere = _names(parser.walk(tree))
    found: dict[Lint, None] = {}
    for select in parser.walk(tree):
        if parser.kind(select) == "SELECT_NODE":
            query = Query(select, tuple(_own(select)), everywhere, currencies, select is tree)
            for lint in LINTS:
                found.update(dict.fromkeys(lint(query)))
    return tuple(found)


@cache
def _known() -> dict[str, Any]:
    raw: dict[str, Any] = yaml.load((ROOT / "schemas" / "guard.yaml").read_text("utf-8"), FastLoader)
    known: dict[str, Any] = raw["lints"]
    return known


def mixed_currencies(query: Query) -> Iterator[Lint]:
    """Money of several currencies in one sum."""
    currency = _known()["currency"]
    summed = _summed(query, _known()["money"])
    if query.currencies > 1 and summed and currency.lower() not in query.named:
        yield Lint(
            "mixed currencies",
            f"{summed[0]} holds amounts of {query.currencies} currencies, which are added here. "
            f"Group by or filter on {currency}.",
        )


def mixed_bases(query: Query) -> Iterator[Lint]:
    """Billed plus effective cost, and the like."""
    for node in query.nodes:
        if node.get("function_name") == "+" and len(node.get("arguments", ())) == 2:
            left, right = (_of(argument["expression"], _known()["money"]) for argument in node["arguments"])
            if left and right and set(left) != set(right):
                yield Lint(
                    "mixed cost bases",
                    f"{left[0]} and {right[0]} are two views of the same charges: adding counts twice.",
                )


def period_ends(query: Query) -> Iterator[Lint]:
    """Periods end at the first moment that is not in them."""
    starts, ends = _known()["starts"], _known()["ends"]
    for node in query.nodes:
        if node.get("class") == "BETWEEN" and (column := _column(node["input"], [*starts, *ends])):
            yield Lint(
                "inclusive end",
                f"BETWEEN takes only the first moment of its last day of {column}. "
                f"Write {column} >= … AND {column} < the day after.",
            )
        if node.get("class") != "COMPARISON":
            continue
        low, high, kind = node["left"], node["right"], node["type"]
        if kind in _MIRRORED:
            low, high, kind = high, low, _MIRRORED[kind]
        if kind not in _BELOW:
            continue
        if kind == "COMPARE_LESSTHANOREQUALTO" and (column := _column(high, ends)):
            yield Lint("inclusive end", f"{column} is the first moment after the period: compare with <, not <=.")
        elif kind == "COMPARE_LESSTHANOREQUALTO" and (column := _column(low, starts)):
            yield Lint(
                "inclusive end",
                f"{column} <= a day takes only that day's first moment. Write {column} < the day after.",
            )
        elif kind == "COMPARE_LESSTHAN" and (column := _column(low, ends)):
            yield Lint(
                "inclusive end",
                f"{column} < … leaves out the period that ends exactly then. Write {column} <= …",
            )


def lost_nulls(query: Query) -> Iterator[Lint]:
    """<> and NOT IN leave out rows without a value."""
    for node in query.nodes:
        if node.get("type") == "COMPARE_NOTEQUAL":
            column = _column(node["left"], _known()["nullable"]) or _column(node["right"], _known()["nullable"])
        elif node.get("type") == "COMPARE_NOT_IN":
            column = _column(node["children"][0], _known()["nullable"])
        elif node.get("type") == "OPERATOR_NOT" and node["children"][0].get("type") == "COMPARE_IN":
            column = _column(node["children"][0]["children"][0], _known()["nullable"])
        else:
            continue
        if column:
            yield Lint(
                "lost empty values",
                f"Rows without {column} are left out too; IS DISTINCT FROM keeps them.",
            )


def repeated_purchases(query: Query) -> Iterator[Lint]:
    """List and billed cost of a purchase repeat what amortised cost spreads over usage."""
    known = _known()
    summed = _summed(query, known["money"])
    others = [name for name in summed if name != known["amortised"]]
    if known["amortised"] in summed and others and known["category"].lower() not in query.named:
        yield Lint(
            "purchases beside amortised cost",
            f"{others[0]} of a purchase is set beside {known['amortised']} of the usage it pays for. "
            f"Filter on {known['category']} (for savings: Usage).",
        )


def summed_prices(query: Query) -> Iterator[Lint]:
    """A sum of unit prices is nothing."""
    for column in _summed(query, _known()["unit_prices"], {"sum"}):
        yield Lint("summed prices", f"{column} is a price for one unit; its sum has no meaning.")


def mixed_units(query: Query) -> Iterator[Lint]:
    """Hours plus gigabytes."""
    for quantity, unit in _known()["quantities"].items():
        if _summed(query, [quantity], {"sum"}) and unit.lower() not in query.named:
            yield Lint("mixed units", f"{quantity} is counted in several units. Group by or filter on {unit}.")


def counted_twice(query: Query) -> Iterator[Lint]:
    """Cached tokens are part of input tokens."""
    for node in query.nodes:
        if node.get("function_name") == "+":
            for whole, parts in _known()["includes"].items():
                for part in parts:
                    if _of(node, [whole]) and _of(node, [part]):
                        yield Lint("counted twice", f"{whole} already includes {part}.")


def any_rows(query: Query) -> Iterator[Lint]:
    """LIMIT without ORDER BY."""
    kinds = {modifier["type"] for modifier in query.select.get("modifiers", ())}
    if query.outermost and "LIMIT_MODIFIER" in kinds and "ORDER_MODIFIER" not in kinds:
        yield Lint("any rows", "LIMIT without ORDER BY returns any of the rows, not the largest.")


LINTS: tuple[Callable[[Query], Iterator[Lint]], ...] = (
    mixed_currencies,
    mixed_bases,
    period_ends,
    lost_nulls,
    repeated_purchases,
    summed_prices,
    mixed_units,
    counted_twice,
    any_rows,
)


def _own(select: Tree) -> Iterator[Tree]:
    """Expressions of one SELECT, parents first, without those of subqueries, CTEs and derived tables."""
    stack: list[Any] = [value for key, value in select.items() if key not in {"cte_map", "from_table"}]
    tables: list[Tree] = [select["from_table"]]
    while tables:
        table = tables.pop()
        if parser.kind(table) == "JOIN":
            tables += [table["left"], table["right"]]
            stack.append(table.get("condition"))
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack += reversed(item)
        elif isinstance(item, dict) and "cte_map" not in item:
            yield item
            stack += reversed(item.values())


def _names(nodes: Iterator[Tree]) -> frozenset[str]:
    return frozenset(str(node["column_names"][-1]).lower() for node in nodes if node.get("class") == "COLUMN_REF")


def _of(node: Tree, columns: list[str]) -> list[str]:
    """Which of `columns` an expression mentions."""
    names = _names(parser.walk(node))
    return [column for column in columns if column.lower() in names]


def _column(node: Tree, columns: list[str]) -> str | None:
    """Which of `columns` an expression is: itself, a cast of it, or a key of it."""
    while node.get("class") == "CAST" or node.get("type") == "ARRAY_EXTRACT":
        # A day is whole: comparing CAST(… AS DATE) inclusively is right.
        if str(node.get("type_expr", {}).get("type_name", "")).lower() == "date":
            return None
        node = node["child"] if "child" in node else node["children"][0]
    if node.get("class") != "COLUMN_REF":
        return None
    name = str(node["column_names"][-1]).lower()
    return next((column for column in columns if column.lower() == name), None)


def _summed(query: Query, columns: list[str], functions: set[str] = _ADDING) -> list[str]:
    """Which of `columns` this SELECT aggregates."""
    inside = [node for node in query.nodes if str(node.get("function_name", "")).lower() in functions]
    return [column for column in columns if any(_of(node, [column]) for node in inside)]
