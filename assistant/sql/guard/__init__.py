"""The guard: a statement in, a CheckedQuery out, or a refusal that says what would be allowed.

1. text: length, nesting, characters, before anything parses.
2. DuckDB's own parser reads it: the same one that will read what runs, so that the two can't disagree.
3. RULES check the tree and rewrite it: tables become their filtered forms, rows are limited.
4. DuckDB writes the tree out; that text is parsed again, compared, and bound on empty tables.
5. Where sums are kept that give the same rows, these are read instead.
The text as asked is never run.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import Expr

from assistant.errors import GuardRefusal
from assistant.sql.guard import binding, parser, pivot, rollups, sealed, text
from assistant.sql.guard.bounds import bounded
from assistant.sql.guard.draft import Draft
from assistant.sql.guard.limit import row_limit
from assistant.sql.guard.nodes import known_functions, known_names, known_nodes, known_types
from assistant.sql.guard.outputs import plain_names
from assistant.sql.guard.recursion import ending
from assistant.sql.guard.tables import own_tables
from assistant.sql.guard.weight import weighed
from assistant.values import Access, CheckedQuery

Rule = Callable[[Draft, Access], None]

RULES: tuple[Rule, ...] = (
    known_nodes,
    known_functions,
    known_types,
    known_names,
    plain_names,
    bounded,
    ending,
    own_tables,
    weighed,
    row_limit,
    pivot.wrapped,
)


def check(sql: str | Expr, access: Access) -> CheckedQuery:
    """Check `sql` (DuckDB's dialect) for what `access` opens; GuardRefusal when a rule is broken.

    `executable` gives the rows and column names that `sql` gives on the visible part of the tables.
    """
    asked = sql if isinstance(sql, str) else sql.sql("duckdb", comments=False)
    asked = text.plain(asked)
    try:
        try:
            return _checked(asked, access, shortcuts=True)
        except GuardRefusal as refusal:
            # Tags read from their own columns can break a grouping; as they were asked they may bind.
            if refusal.rule not in binding.RULES:
                raise
            return _checked(asked, access, shortcuts=False)
    except RecursionError:
        raise GuardRefusal("nesting", "The statement is nested too deeply") from None


def _checked(asked: str, access: Access, shortcuts: bool) -> CheckedQuery:
    readable, tree = _parsed(asked)
    draft = Draft(readable, tree, shortcuts)
    for rule in RULES:
        rule(draft, access)
    written = parser.show(draft.tree)
    sealed.same(written, draft.tree, access)
    if readable is asked:
        outputs = binding.bound(draft, written, access)
        faster, used = _from_rollups(draft, access)
    else:  # a PIVOT without values: what columns it makes is known only when it runs
        outputs = ()
        written = pivot.printed(draft.tree)
        sealed.same(pivot.marked(written), draft.tree, access)
        faster, used = None, ()
    return CheckedQuery(
        sql=asked.strip().rstrip(";").rstrip(),
        executable=faster or written,
        tables=tuple(draft.tables),
        columns=tuple(draft.columns),
        functions=tuple(sorted(draft.functions)),
        policy="; ".join(draft.policies) or None,
        limits=access.limits,
        outputs=outputs,
        rollups=used,
        on_tables=written if faster else None,
    )


def _from_rollups(draft: Draft, access: Access) -> tuple[str | None, tuple[str, ...]]:
    """The text that reads rollups, with a comment that says so, and their names; None where none fits."""
    tree, used = rollups.answered(draft.tree, access)
    if not used:
        return None, ()
    written = parser.show(tree)
    if not sealed.faithful(written, tree):
        return None, ()
    return f"/* answered from {', '.join(used)} */ {written}", used


def read(sql: str) -> parser.Tree:
    """The tree of a statement that passed."""
    return _parsed(sql)[1]


def _parsed(asked: str) -> tuple[str, parser.Tree]:
    try:
        return asked, parser.parse(asked)
    except GuardRefusal as refusal:
        if refusal.rule != "only queries" or (marked := pivot.marked(asked)) == asked:
            raise
        return marked, parser.parse(marked)
