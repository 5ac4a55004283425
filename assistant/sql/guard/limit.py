"""How many rows may come back: one more than the limit, so that the engine knows when rows were cut."""

from __future__ import annotations

from assistant.sql.guard import parser
from assistant.sql.guard.draft import Draft
from assistant.sql.guard.parser import Tree
from assistant.values import Access


def row_limit(draft: Draft, access: Access) -> None:
    """LIMIT rows + 1 on the outermost query; a smaller limit of the user's stays."""
    most = access.limits.rows + 1
    limits = [m for m in draft.tree.get("modifiers", []) if m["type"].startswith("LIMIT")]
    own = _rows(limits[0]) if limits else None
    if own is not None and own <= most:
        return
    if not limits and parser.kind(draft.tree.get("from_table", {})) != "SHOW_REF":
        draft.tree.setdefault("modifiers", []).append({"type": "LIMIT_MODIFIER", "limit": _number(most)})
    elif limits and ("limit" not in limits[0] or own is not None):
        limits[0]["limit"] = _number(most)
    else:
        draft.tree = {
            "type": "SELECT_NODE",
            "cte_map": {},
            "modifiers": [{"type": "LIMIT_MODIFIER", "limit": _number(most)}],
            "select_list": [{"class": "STAR", "type": "STAR"}],
            "from_table": {"type": "SUBQUERY", "alias": "asked", "subquery": {"node": draft.tree}},
            "aggregate_handling": "STANDARD_HANDLING",
        }


def _rows(modifier: Tree) -> int | None:
    literal = modifier.get("limit", {}).get("literal", {})
    return int(literal["text"]) if literal.get("kind") == "INTEGER" and "limit_type" not in modifier else None


def _number(value: int) -> Tree:
    return {"class": "CONSTANT", "type": "VALUE_CONSTANT", "literal": {"kind": "INTEGER", "text": str(value)}}
