"""Sums read instead of a table's rows, where they give the same result. Pure speed, after every rule has passed.

A SELECT over one table in its filtered form is answered from a rollup when it aggregates, when every value that it
groups or filters by stands in the rollup or is a day (month) of its time, when what it adds up is a kept sum or a
number of rows, and when the row policy and the masks too need nothing else. What isn't surely so reads the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from assistant.sql.guard import parser, tags
from assistant.sql.guard.parser import Tree
from assistant.values import Access, Rollup, TableAccess

SCHEMA, ROWS = "_askcost", "_rows"
UNITS = {"day": ("day", "week", "month", "quarter", "year"), "month": ("month", "quarter", "year")}
MIDNIGHT = re.compile(r"\d{4}-\d\d-\d\d([ T]00:00(:00(\.0+)?)?)?")
# Give the same for the same values, wherever they are called.
_SCALARS = (
    "+ - * / // % || ~~ !~~ ~~* !~~* abs ceil concat contains ends_with floor greatest ifnull least left length "
    "lower ltrim nullif regexp_extract regexp_matches regexp_replace replace right round rtrim starts_with "
    "strftime substr substring trim trunc upper year quarter month week day date_part datepart to_months to_days "
    "to_years"
)
SCALARS = frozenset(_SCALARS.split())
WHOLE = ("COMPARE_GREATERTHANOREQUALTO", "COMPARE_LESSTHAN")
TURNED = {"COMPARE_LESSTHANOREQUALTO": WHOLE[0], "COMPARE_GREATERTHAN": WHOLE[1]}
_KEPT = (
    "type modifiers cte_map select_list from_table where_clause group_expressions group_sets aggregate_handling "
    "having qualify"
)
KEPT = frozenset(_KEPT.split())
EXPRESSIONS = frozenset(
    ["CONSTANT", "CAST", "COMPARISON", "CONJUNCTION", "OPERATOR", "CASE", "BETWEEN", "WINDOW", "TYPE"]
)


class _No(Exception):
    """This SELECT can't surely be answered from this rollup."""


def answered(tree: Tree, access: Access) -> tuple[Tree, tuple[str, ...]]:
    """The tree with rollups in the place of tables, and their names; itself and none where nothing fits."""
    tables = {table.name: table for table in access.tables.values() if table.rollups}
    if not tables:
        return tree, ()
    used: dict[str, None] = {}
    found: Tree = _visited(tree, tables, used)
    return (found, tuple(used)) if used else (tree, ())


def _visited(node: Any, tables: Mapping[str, TableAccess], used: dict[str, None]) -> Any:
    if isinstance(node, list):
        return [_visited(item, tables, used) for item in node]
    if not isinstance(node, dict):
        return node
    if parser.kind(node) == "SELECT_NODE" and (table := _table(node, tables)):
        for rollup in table.rollups:
            try:
                found = _Routed(node, table, rollup).select()
            except _No:
                continue
            used[rollup.name] = None
            return found | {"cte_map": _visited(node.get("cte_map", {}), tables, used)}
    return {key: _visited(value, tables, used) for key, value in node.items()}


def _table(node: Tree, tables: Mapping[str, TableAccess]) -> TableAccess | None:
    """The table that a SELECT reads, when it is one alone in its filtered form."""
    source = node.get("from_table", {})
    if parser.kind(source) != "SUBQUERY" or "sample" in source or source.get("column_name_alias"):
        return None
    inner = source["subquery"]["node"]
    base = inner.get("from_table", {}) if parser.kind(inner) == "SELECT_NODE" else {}
    path = base.get("qualified_name", {}).get("path", [])
    return tables.get(path[1]) if parser.kind(base) == "BASE_TABLE" and path[:1] == ["main"] else None


class _Routed:
    """Holds one SELECT while it is tried on one rollup. Raises _No from anywhere."""

    def __init__(self, node: Tree, table: TableAccess, rollup: Rollup) -> None:
        self.node, self.table, self.rollup = node, table, rollup
        self.physical = {name.lower(): "value" for name in rollup.dimensions}
        self.physical |= {name.lower(): "sum" for name in rollup.sums}
        self.physical[rollup.time.lower()] = "time"
        self.alias = str(node["from_table"].get("alias", "")).lower()
        self.inner = node["from_table"]["subquery"]["node"]
        self.exposed = {str(item.get("alias") or item["column_names"][-1]).lower(): item for item in self._items()}
        self.named = {str(item.get("alias", "")).lower() for item in node["select_list"]} - {""}
        self.taken: dict[str, None] = {}
        self.aggregates = self.windows = 0
        self.counted = False

    def _items(self) -> Iterator[Tree]:
        for item in self.inner["select_list"]:
            if "alias" not in item and item.get("class") != "COLUMN_REF":
                raise _No
            yield item

    def select(self) -> Tree:
        node = self.node
        if not node.keys() <= KEPT:
            raise _No
        apart = ("from_table", "select_list", "cte_map")  # its WITH clauses are queries of their own
        new = {key: self.tree(value) for key, value in node.items() if key not in apart}
        new["select_list"] = [self.output(item) for item in node["select_list"]]
        distinct = any(parser.kind(one) == "DISTINCT_MODIFIER" for one in node.get("modifiers", ()))
        grouped = node.get("group_expressions") or node.get("aggregate_handling") == "FORCE_AGGREGATES"
        if not (self.aggregates or grouped or (distinct and not self.windows)):
            raise _No
        return node | new | {"from_table": self.source()}

    def source(self) -> Tree:
        """The filtered form of the rollup, with the columns that were taken."""
        items = [self.policy(self.exposed[name]) for name in self.taken]
        if self.counted or not items:
            items.append({"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": [ROWS]})
        inner = self.inner | {"select_list": items}
        inner["from_table"] = {
            "type": "BASE_TABLE",
            "schema_name": SCHEMA,
            "table_name": self.rollup.name,
            "qualified_name": {"path": [SCHEMA, self.rollup.name]},
        }
        if where := self.inner.get("where_clause"):
            inner["where_clause"] = self.policy(where, ("value",))
        source: Tree = self.node["from_table"]
        return source | {"subquery": {"node": inner}}

    # --- what the filtered form says: columns of the table itself -----------------------------------

    def policy(self, node: Any, kinds: tuple[str, ...] = ("value", "time", "sum")) -> Any:
        """A condition or a column of the filtered form, of these kinds; tags are read from their own columns."""
        if isinstance(node, list):
            return [self.policy(item, kinds) for item in node]
        if not isinstance(node, dict):
            return node
        if (access := tags.tag_access(node)) and len(access[0]) == 1 and access[0][0].lower() == "tags":
            column = self.table.shortcuts.get(access[1])
            if column is None or self.physical.get(column.lower()) != "value":
                raise _No
            place = {key: node[key] for key in ("alias", "query_location") if key in node}
            return {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": [column]} | place
        if node.get("class") == "COLUMN_REF":
            names = node["column_names"]
            if len(names) != 1 or self.physical.get(names[0].lower()) not in kinds:
                raise _No
        elif "class" in node and not self.plain(node):
            raise _No
        return {key: self.policy(value, kinds) for key, value in node.items()}

    def plain(self, node: Tree) -> bool:
        """An expression whose value depends on nothing but its parts."""
        if node["class"] == "FUNCTION":
            return node["function_name"].lower() in SCALARS
        return node["class"] in EXPRESSIONS

    def kind(self, name: str) -> str:
        """What an exposed column is: a value, the time, or a kept sum."""
        item = self.exposed[name]
        if item.get("class") == "COLUMN_REF" and "column_names" in item:
            known = self.physical.get(str(item["column_names"][-1]).lower())
            if known is None:
                raise _No
            return known
        names = [c["column_names"][-1].lower() for c in parser.walk(item) if c.get("class") == "COLUMN_REF"]
        if any(self.physical.get(one) != "value" for one in names):
            raise _No
        return "value"

    # --- what the SELECT says ---------------------------------------------------------------------

    def tree(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.tree(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "distinct_on_targets" in value:
            raise _No
        if "class" in value:
            return self.expression(value)
        return {key: self.tree(item) for key, item in value.items()}

    def output(self, item: Tree) -> Tree:
        new: Tree = self.expression(item)
        if new == item or "alias" in item:
            return new
        if item.get("function_name") != "count_star":
            raise _No  # its column would get another name
        return new | {"alias": "count_star()"}

    def column(self, node: Tree) -> str | None:
        """The exposed column that a reference means; None for the name of an output."""
        names = [str(name).lower() for name in node["column_names"]]
        if len(names) == 2 and names[0] == self.alias:
            names = names[1:]
        if len(names) != 1:
            raise _No
        if names[0] in self.exposed:
            return names[0]
        if names[0] not in self.named:
            raise _No
        return None

    def expression(self, node: Tree) -> Tree:
        match node["class"]:
            case "COLUMN_REF":
                if (name := self.column(node)) is not None:
                    if self.kind(name) == "value" or (self.kind(name) == "time" and self.dated and not self.monthly):
                        self.taken[name] = None
                    else:
                        raise _No
                return node
            case "FUNCTION":
                return self.function(node)
            case "COMPARISON":
                if self.bounds(node):
                    return node
            case "CAST":
                child = node["child"]
                if self.is_time(child) and self.is_day(node) and not self.monthly:
                    return self.with_time(node)
        if node["class"] not in EXPRESSIONS:
            raise _No
        self.windows += node["class"] == "WINDOW"
        return {key: self.tree(value) for key, value in node.items()}

    def function(self, node: Tree) -> Tree:
        name = node["function_name"].lower()
        arguments = [one["expression"] for one in node.get("arguments", ())]
        if name in ("count_star", "count") and not arguments and not node.get("distinct"):
            self.aggregates += 1
            return self.count(node)
        if name == "sum" and len(arguments) == 1 and not node.get("distinct"):
            self.aggregates += 1
            return self.sum(node, arguments[0])
        if name in ("min", "max") or (name == "count" and node.get("distinct")):
            self.aggregates += 1
            return {key: self.tree(value) for key, value in node.items()}
        if name == "date_trunc" and len(arguments) == 2:
            unit = str(arguments[0].get("literal", {}).get("text", "")).lower()
            if unit in UNITS[self.rollup.grain] and self.shifted(arguments[1]):
                return node
        if name not in SCALARS or node.get("distinct") or node.get("filter"):
            raise _No
        return {key: self.tree(value) for key, value in node.items()}

    def sum(self, node: Tree, argument: Tree) -> Tree:
        if argument.get("class") != "COLUMN_REF" or (name := self.column(argument)) is None:
            raise _No
        if self.kind(name) != "sum":
            raise _No
        self.taken[name] = None
        return {key: value if key == "arguments" else self.tree(value) for key, value in node.items()}

    def count(self, node: Tree) -> Tree:
        """COUNT(*) as the sum of the numbers of rows: 0, and not NULL, where there is none."""
        self.counted = True
        text = f"SELECT CAST(COALESCE(SUM({ROWS}), 0) AS BIGINT)"
        cast: Tree = parser.parse(text)["select_list"][0]
        if "filter" in node:
            cast["child"]["children"][0]["filter"] = self.tree(node["filter"])
        return cast | {key: node[key] for key in ("alias",) if key in node}

    # --- time --------------------------------------------------------------------------------------

    @property
    def monthly(self) -> bool:
        return self.rollup.grain == "month"

    @property
    def dated(self) -> bool:
        """Whether the time is a day and has no hours."""
        return any(c.name == self.rollup.time and c.type == "DATE" for c in self.table.columns)

    def is_time(self, node: Tree) -> bool:
        if node.get("class") != "COLUMN_REF":
            return False
        name = self.column(node)
        return name is not None and self.kind(name) == "time"

    def with_time(self, node: Tree) -> Tree:
        """`node` as it is, its time column taken."""
        for one in parser.walk(node):
            if one.get("class") == "COLUMN_REF" and (name := self.column(one)):
                self.taken[name] = None
        return node

    def is_day(self, cast: Tree) -> bool:
        return not cast.get("try_cast") and _type(cast) == "DATE"

    def shifted(self, node: Tree) -> bool:
        """The time itself, as a day, or moved by whole months."""
        if node.get("class") == "CAST" and self.is_day(node):
            node = node["child"]
        if node.get("function_name") in ("+", "-") and len(node["arguments"]) == 2:
            moved, by = (one["expression"] for one in node["arguments"])
            if by.get("function_name") != "to_months" or any(
                c.get("class") == "COLUMN_REF" or c.get("class") == "SUBQUERY" for c in parser.walk(by)
            ):
                return False
            node = moved
        if not self.is_time(node):
            return False
        self.with_time(node)
        return True

    def bounds(self, node: Tree) -> bool:
        """A comparison of the time that cuts between days (months): from one on, or before one."""
        left, right, kind = node["left"], node["right"], node["type"]
        if self.is_time(right):
            left, right, kind = right, left, TURNED.get(kind, "")
        elif not self.is_time(left):
            return False
        day = _midnight(right) if kind in WHOLE else None
        if day is None or (self.monthly and day.day != 1 and not self.beyond(kind, day)):
            return False
        self.with_time(left)
        return True

    def beyond(self, kind: str, day: date) -> bool:
        """Whether everything loaded lies before that day, so that `time < day` cuts nothing off."""
        return kind == "COMPARE_LESSTHAN" and self.rollup.newest is not None and day > self.rollup.newest


def _midnight(node: Tree) -> date | None:
    """The day that a constant moment begins."""
    if node.get("class") == "CAST":
        if node.get("try_cast") or _type(node) not in ("DATE", "TIMESTAMP"):
            return None
        node = node["child"]
    literal = node.get("literal", {}) if node.get("class") == "CONSTANT" else {}
    if literal.get("kind") != "STRING" or not MIDNIGHT.fullmatch(text := str(literal.get("text", ""))):
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _type(cast: Tree) -> str:
    return str(cast["type_expr"].get("type_name", "")).upper()
