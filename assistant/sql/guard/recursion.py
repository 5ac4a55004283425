"""Does a recursive query end? It must be seen to: by a counter with an end, or UNION over stored values."""

from __future__ import annotations

from collections.abc import Iterator

from assistant.sql.guard import allowed, bounds, parser
from assistant.sql.guard.draft import Draft
from assistant.sql.guard.parser import Tree
from assistant.values import Access

_UPWARD = {"COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO"}
_DOWNWARD = {"COMPARE_GREATERTHAN", "COMPARE_GREATERTHANOREQUALTO"}
_ARITHMETIC = {"+", "-", "*", "/", "//", "%", "greatest", "least", "round", "trunc"}
_HINT = "Count the rounds and end them: SELECT …, depth + 1 FROM … WHERE depth < 100."


def ending(draft: Draft, access: Access) -> None:
    """Refuse recursive queries without a visible end."""
    for entry in [e for node in draft.nodes for e in node.get("cte_map", {}).get("map", ())]:
        node = entry["value"]["query_node"]
        if parser.kind(node) != "RECURSIVE_CTE_NODE":
            continue
        name = str(node["cte_name"])
        step = node["right"]
        if parser.kind(step) != "SELECT_NODE" or len(list(_uses(step, name.lower()))) != 1:
            raise draft.refuse("recursion", f"The recursive part of {name} must name {name} once", None, _HINT)
        columns = _columns(entry)
        if any(_doubles(item, columns) for item in step["select_list"]):
            raise draft.refuse("recursion", f"The recursive query {name} may double a value in each round", None, _HINT)
        counts = any(_counts(item, name) for name, item in zip(columns, step["select_list"], strict=False) if name)
        if not any(_ends(condition, columns, step) for condition in _conditions(step)) and (
            node.get("union_all") or counts or not _copies(step)
        ):
            raise draft.refuse("recursion", f"It can't be seen that the recursive query {name} ends", None, _HINT)


def _uses(step: Tree, name: str) -> Iterator[Tree]:
    return (
        node
        for node in parser.walk(step)
        if parser.kind(node) == "BASE_TABLE" and str(node.get("table_name")).lower() == name
    )


def _columns(entry: Tree) -> list[str]:
    """The names of the recursive table's columns, in lower case; empty where unknown."""
    if aliases := entry["value"].get("aliases"):
        return [str(alias).lower() for alias in aliases]
    first = entry["value"]["query_node"]["left"]
    while parser.kind(first) == "SET_OPERATION_NODE":
        first = first["children"][0]
    return [
        str(item.get("alias") or (item.get("column_names") or [""])[-1]).lower()
        for item in first.get("select_list", ())
    ]


def _conditions(step: Tree) -> Iterator[Tree]:
    """The parts of WHERE, and of inner joins' ON, that must all hold."""
    stack = [step["where_clause"]] if "where_clause" in step else []
    tables = [step["from_table"]]
    while tables:
        table = tables.pop()
        if parser.kind(table) == "JOIN":
            tables += [table["left"], table["right"]]
            if table.get("join_type") == "INNER" and "condition" in table:
                stack.append(table["condition"])
    while stack:
        condition = stack.pop()
        if condition.get("type") == "CONJUNCTION_AND":
            stack += condition["children"]
        else:
            yield condition


def _ends(condition: Tree, columns: list[str], step: Tree) -> bool:
    """counter < end, with the counter growing by a fixed amount each round (or the mirror image)."""
    if condition.get("class") != "COMPARISON":
        if condition.get("class") == "BETWEEN":
            upper = {"class": "COMPARISON", "type": "COMPARE_LESSTHANOREQUALTO", "left": condition["input"]}
            return _ends(upper | {"right": condition["upper"]}, columns, step)
        return False
    left, right, kind = condition["left"], condition["right"], condition["type"]
    if kind not in _UPWARD | _DOWNWARD:
        return False
    for counter, end, upward in ((left, right, kind in _UPWARD), (right, left, kind in _DOWNWARD)):
        name = _counter(counter)
        if name is None or name not in columns or _mentions(end, columns):
            continue
        index = columns.index(name)
        if index < len(step["select_list"]) and _step(step["select_list"][index], name) == (1 if upward else -1):
            return _near(end)
    return False


def _counter(node: Tree) -> str | None:
    """The column in `n`, `n + 1`, or a cast of either."""
    if node.get("class") == "CAST":
        return _counter(node["child"])
    if node.get("class") == "COLUMN_REF":
        return str(node["column_names"][-1]).lower()
    if node.get("function_name") in {"+", "-"} and len(node.get("arguments", ())) == 2:
        first, second = (argument["expression"] for argument in node["arguments"])
        return _counter(first) if _fixed(second) else None
    return None


def _step(node: Tree, name: str) -> int:
    """1 when the expression is the column plus a positive fixed amount, -1 when minus, else 0."""
    if node.get("class") == "CAST":
        return _step(node["child"], name)
    if node.get("function_name") in {"+", "-"} and len(node.get("arguments", ())) == 2:
        first, second = (argument["expression"] for argument in node["arguments"])
        if node["function_name"] == "+" and _fixed(first):
            first, second = second, first
        if _counter(first) == name and first.get("class") in {"COLUMN_REF", "CAST"} and _fixed(second):
            return 1 if node["function_name"] == "+" else -1
    if str(node.get("function_name")).lower() == "date_add" and len(node.get("arguments", ())) == 2:
        first, second = (argument["expression"] for argument in node["arguments"])
        return 1 if _counter(first) == name and _fixed(second) else 0
    return 0


def _fixed(node: Tree) -> bool:
    """A positive number or interval that is written out."""
    lists = allowed.lists()
    literals = [inner["literal"] for inner in parser.walk(node) if "literal" in inner]
    return (
        len(literals) == 1
        and _positive(str(literals[0].get("text", "")))
        and all(
            inner["class"] in {"CONSTANT", "CAST", "TYPE"}
            or str(inner.get("function_name", "")).lower() in lists.interval_functions | {"trunc"}
            for inner in parser.walk(node)
            if "class" in inner
        )
    )


def _positive(text: str) -> bool:
    """Whether a literal (`1`, `0.5`, `1 day`) is above zero: every number in it is, and it has no minus."""
    return "-" not in text and any(char in "123456789" for char in text) and "e" not in text.split(" ")[0]


def _near(end: Tree) -> bool:
    """A literal end must not be too far; other ends come from stored values or dates."""
    number = bounds.small(end, allowed.lists().bounds["steps"])
    literal = end.get("literal", {}).get("kind")
    return number if literal in {"INTEGER", "DECIMAL", "FLOAT", "DOUBLE"} else True


def _mentions(node: Tree, columns: list[str]) -> bool:
    return any(
        inner.get("class") == "COLUMN_REF" and str(inner["column_names"][-1]).lower() in columns
        for inner in parser.walk(node)
    )


def _counts(item: Tree, name: str) -> bool:
    return _step(item, name) != 0


def _doubles(item: Tree, columns: list[str]) -> bool:
    """Whether a value is made of two earlier ones other than by arithmetic: text would grow without end."""
    names = [inner for inner in parser.walk(item) if inner.get("class") == "COLUMN_REF" and _mentions(inner, columns)]
    functions = {str(inner["function_name"]).lower() for inner in parser.walk(item) if inner.get("class") == "FUNCTION"}
    return len(names) > 1 and bool(functions - _ARITHMETIC - allowed.lists().interval_functions)


def _copies(step: Tree) -> bool:
    """Whether every column is taken as it is stored: then UNION runs out of new rows."""
    return all(item.get("class") in {"COLUMN_REF", "CONSTANT"} for item in step["select_list"])
