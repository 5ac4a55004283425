"""Scope and row policies: every base table becomes its filtered form, every CTE gets a name of its own.

Because nothing but these filtered forms can be reached, columns need no resolving here: what they don't
expose doesn't exist for the statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from assistant.sql.guard import allowed, parser, tags
from assistant.sql.guard.draft import Draft
from assistant.sql.guard.parser import Tree
from assistant.values import Access, TableAccess

Scope = Mapping[str, str]  # a CTE's name in lower case → the name it is given


def own_tables(draft: Draft, access: Access) -> None:
    """Replace every table by `(SELECT its visible columns FROM main.table WHERE policy)`; rename CTEs."""
    draft.tree = _Resolver(draft, access).query(draft.tree, {})


class _Resolver:
    def __init__(self, draft: Draft, access: Access) -> None:
        self.draft, self.access = draft, access
        self.tables = {name.lower(): table for name, table in access.tables.items()}
        self.policed = any(table.predicate is not None for table in access.tables.values())
        self.named = named(draft.nodes)
        self.ctes = 0

    def query(self, node: Any, scope: Scope) -> Any:
        """`node` with its tables replaced. Names resolve as in DuckDB: inner first, CTEs before tables."""
        if isinstance(node, list):
            return [self.query(item, scope) for item in node]
        if not isinstance(node, dict):
            return node
        kind = parser.kind(node)
        if kind == "BASE_TABLE":
            return self.table(node, scope)
        if kind == "SHOW_REF" and "query" not in node:
            return self.shown(node, scope)
        if node.get("class") == "COLUMN_REF":
            return self.column(node)
        if "cte_map" in node:
            node = dict(node)
            scope = self.with_ctes(node, scope)
        shortcuts: tags.Shortcuts = {}
        if kind == "SELECT_NODE":
            if self.draft.shortcuts:
                node, shortcuts = tags.replaced(node, lambda leaf: self.base(leaf, scope))
            if sample := node.get("sample"):
                node = node | {"sample": self.sample(sample)}
        new = {key: value if key == "cte_map" else self.query(value, scope) for key, value in node.items()}
        if kind == "SELECT_NODE":
            tags.expose(new["from_table"], shortcuts)
        return new

    def with_ctes(self, node: Tree, scope: Scope) -> Scope:
        """Rename the CTEs of `node` in place; the scope that its body sees."""
        renamed = []
        for entry in node["cte_map"].get("map", []):
            self.ctes += 1
            name = f"with_{self.ctes}_{entry['key']}"
            body = entry["value"]["query_node"]
            if parser.kind(body) == "RECURSIVE_CTE_NODE":
                body = self.recursive(body, scope, entry["key"].lower(), name)
            else:
                body = self.query(body, scope)
            rest = {key: self.query(value, scope) for key, value in entry["value"].items() if key != "query_node"}
            renamed.append({"key": name, "value": rest | {"query_node": body}})
            scope = {**scope, entry["key"].lower(): name}
        if renamed:
            node["cte_map"] = {"map": renamed}
        return scope

    def recursive(self, body: Tree, scope: Scope, key: str, name: str) -> Tree:
        body = dict(body)
        scope = self.with_ctes(body, scope)
        itself = {**scope, key: name}
        for part, value in body.items():
            if part != "cte_map":
                body[part] = self.query(value, itself if part == "right" else scope)
        return body | {"cte_name": name}

    def base(self, node: Tree, scope: Scope) -> TableAccess | None:
        """The base table that a table reference means; None for CTEs, subqueries, and unknown tables."""
        if parser.kind(node) != "BASE_TABLE":
            return None
        path = [str(part).lower() for part in node["qualified_name"]["path"]]
        if (len(path) == 1 and path[0] in scope) or path[:-1] not in ([], ["main"]):
            return None
        return self.tables.get(path[-1])

    def table(self, node: Tree, scope: Scope) -> Tree:
        path = [str(part) for part in node["qualified_name"]["path"]]
        name = path[-1]
        if len(path) == 1 and (given := scope.get(name.lower())):
            place = {
                "table_name": given,
                "qualified_name": {"path": [given]},
                "alias": node.get("alias") or name,
            }
            return node | place | ({"sample": self.sample(node["sample"])} if "sample" in node else {})
        if (table := self.base(node, scope)) is None:
            reason = {key.lower(): text for key, text in self.access.closed.items()}.get(name.lower())
            if path[:-1] not in ([], ["main"]):
                message = f"The table {'.'.join(path)} can't be read"
            elif reason:
                message = f"The table {name} is not open to you: {reason.rstrip('.')}"
            else:
                message = f"There is no table {name}"
            raise self.draft.refuse("tables", message, node, self.choices(name))
        self.draft.tables[table.name] = None
        return self.filtered(table, node, node.get("alias") or name)

    def choices(self, name: str) -> str:
        if near := allowed.nearest(name, self.access.tables):
            return f"The nearest one is {near}."
        return f"Open tables are {', '.join(self.access.tables)}." if self.access.tables else "No table is open."

    def filtered(self, table: TableAccess, node: Tree, alias: str) -> Tree:
        columns = [column.name for column in table.columns]
        used = columns
        if self.named is not None:
            used = [name for name in columns if name.lower() in self.named]
        for name in used:
            self.draft.columns[f"{table.name}.{name}"] = None
        if not node.get("column_name_alias") and alias.lower() not in self.draft.bare:
            columns = used or columns[:1]
        query: Tree = {
            "type": "SELECT_NODE",
            "cte_map": {},
            "select_list": [_shown(name, table) for name in columns],
            "from_table": {
                "type": "BASE_TABLE",
                "schema_name": "main",
                "table_name": table.name,
                "qualified_name": {"path": ["main", table.name]},
            },
            "aggregate_handling": "STANDARD_HANDLING",
        }
        if table.predicate is not None:
            query["where_clause"] = predicate(table.predicate)
            self.draft.policies[f"{table.name}: {table.predicate}"] = None
        place: Tree = {key: node[key] for key in ("query_location", "column_name_alias") if key in node}
        if "sample" in node:
            place["sample"] = self.sample(node["sample"])
        return {"type": "SUBQUERY", "alias": alias, "subquery": {"node": query}} | place

    def sample(self, sample: Tree) -> Tree:
        # SYSTEM takes whole blocks of the scan, and so depends on rows that a policy hides.
        return sample | {"method": "Bernoulli"} if self.policed and sample.get("method") == "System" else sample

    def shown(self, node: Tree, scope: Scope) -> Tree:
        """SHOW TABLES lists the open tables; SHOW t describes what of t is visible."""
        path = [str(part) for part in node.get("qualified_name", {}).get("path", [])]
        kind, name = node.get("show_type"), path[-1].strip('"').lower() if path else ""
        if kind == "SHOW_SPECIAL" and name in {"tables", "__show_tables_expanded"}:
            names = ", ".join("('" + name.replace("'", "''") + "')" for name in sorted(self.access.tables))
            text = f"FROM (VALUES {names}) AS t(name)" if names else "SELECT NULL AS name LIMIT 0"
            return {"type": "SUBQUERY", "alias": "open_tables", "subquery": {"node": parser.parse(text)}}
        if kind not in {"DESCRIBE", "SUMMARY", "SHOW"} or not path:
            raise self.draft.refuse("show", "This SHOW is not allowed", node, "SHOW TABLES and DESCRIBE are.")
        table = {"type": "BASE_TABLE", "table_name": path[-1], "qualified_name": {"path": path}}
        query = star_from(self.table(table, scope))
        return {
            "type": "SHOW_REF",
            "query": query,
            "show_type": "SUMMARY" if kind == "SUMMARY" else "DESCRIBE",
            "qualified_name": {},
        }

    def column(self, node: Tree) -> Tree:
        names = node["column_names"]
        if len(names) > 2 and names[0].lower() == "main" and names[1].lower() in self.tables:
            return node | {"column_names": names[1:]}
        return node


def star_from(table: Tree) -> Tree:
    """SELECT * FROM table."""
    return {
        "type": "SELECT_NODE",
        "cte_map": {},
        "select_list": [{"class": "STAR", "type": "STAR"}],
        "from_table": table,
        "aggregate_handling": "STANDARD_HANDLING",
    }


def _shown(name: str, table: TableAccess) -> Tree:
    return masked(table.masks[name], name) if name in table.masks else _column(name)


def _column(name: str) -> Tree:
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": [name]}


@lru_cache(maxsize=256)
def predicate(sql: str) -> Tree:
    """The tree of a policy's condition."""
    where: Tree = parser.parse(f"SELECT 1 WHERE ({sql})")["where_clause"]
    return where


@lru_cache(maxsize=256)
def masked(sql: str, name: str) -> Tree:
    """The tree of what stands for a column, under the column's name."""
    item: Tree = parser.parse(f"SELECT {sql}")["select_list"][0]
    return item | {"alias": name}


def named(nodes: Sequence[Tree]) -> frozenset[str] | None:
    """Names that occur in the statement, in lower case; None when it takes columns without naming them."""
    names: set[str] = set()
    for node in nodes:
        if (
            node.get("class") == "STAR"
            or parser.kind(node) in {"SHOW_REF", "PIVOT"}
            or node.get("ref_type") in {"NATURAL", "POSITIONAL"}
        ):
            return None
        for value in node.values():
            if isinstance(value, list):
                names.update(item.lower() for item in value if isinstance(item, str))
    return frozenset(names)
