"""Individuals: whom a role sees by name, as SQL that stands for the columns of schemas/roles.yaml. Runs nothing.

Source: the practice's rule that usage shames nobody: people see themselves, leads their team, others only groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from assistant.semantics.schema_files import Node, words

Sees = Literal["own", "team", "all"]


@dataclass(frozen=True)
class PeopleColumn:
    """A column that names individuals. team: the column of their team; where: SQL for the rows that name people."""

    table: str
    column: str
    team: str | None = None
    where: str | None = None


@dataclass(frozen=True)
class People:
    """others: what stands for everybody else; least: the smallest group shown; machines: prefixes of no person."""

    others: str = "other people"
    least: int = 5
    machines: tuple[str, ...] = ()
    columns: tuple[PeopleColumn, ...] = ()


def read(node: Node | None) -> People:
    """Raises SchemaError naming file and line."""
    if node is None:
        return People()
    node.only(("others", "least", "machines", "columns"))
    if not str(node.require("least")).isdigit():
        raise node.fail("`least` must be a number of people.")
    columns = []
    for one in node.require("columns"):
        one.only(("table", "column", "team", "where"))
        columns.append(PeopleColumn(one.require("table"), one.require("column"), one.get("team"), one.get("where")))
    machines = words(node.get("machines", []), node, "machines")
    return People(node.require("others"), int(node.require("least")), machines, tuple(columns))


def masks(
    people: People, sees: Sees, user: str, team: str | None, colleagues: Iterable[str]
) -> Mapping[str, Mapping[str, str]]:
    """table → column → SQL. colleagues: people listed in the user's team, for tables without a team column."""
    if sees == "all":
        return {}
    found: dict[str, dict[str, str]] = {}
    for one in people.columns:
        names = [user, *(colleagues if sees == "team" and team and not one.team else ())]
        tests = [f"{one.column} IS NULL", f"{one.column} IN ({', '.join(map(_text, names))})"]
        tests += [f"starts_with({one.column}, {_text(prefix)})" for prefix in people.machines]
        if sees == "team" and team and one.team:
            tests.append(f"{one.team} = {_text(team)}")
        if one.where:
            tests.append(f"NOT ({one.where})")
        shown = " OR ".join(f"({test})" for test in tests)
        found.setdefault(one.table, {})[one.column] = (
            f"CASE WHEN {shown} THEN {one.column} ELSE {_text(people.others)} END"
        )
    return found


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
