"""Premises: what one process knows of a warehouse, and who may see and run what there.

Keeps one snapshot of the warehouse's names until the next load. Knows no questions and no answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from sqlglot import Expr

from assistant.analysis.books import Books
from assistant.config import Config
from assistant.engine_room import limits_of, open_engine
from assistant.engines.cached import Cached
from assistant.engines.engine import Engine
from assistant.errors import Clarify, GuardRefusal, Refused
from assistant.house import Warehouse, read_warehouse, user_access, visible
from assistant.ledger import allowances
from assistant.ledger.budget import Limit
from assistant.ledger.drawer import Drawer
from assistant.ledger.saved import Entry, Saved
from assistant.ledger.spend import Who
from assistant.planning import templates
from assistant.planning.templates import Template
from assistant.semantics import model, taught, verified, vocabulary
from assistant.semantics.catalog import Reader
from assistant.semantics.lexicon import Lexicon
from assistant.semantics.model import SemanticModel
from assistant.semantics.verified import Verified
from assistant.sql import compile as sql_compile
from assistant.sql import guard, lints, policy, roles, scan
from assistant.sql.roles import Roles
from assistant.sql.scan import Scan
from assistant.values import Access, AnswerColumn, CheckedQuery, Lint, QueryPlan, Rows, Stage

ANYWAY = "run it anyway"
_CONFIRMED = re.compile(rf"(?:^|[\s,.;:–—-]+|[\s;]*/\*\s*){ANYWAY}[\s.!]*(?:\*/\s*)?$", re.IGNORECASE)
Watch = Callable[[Stage, Any], None]


def unseen(stage: Stage, value: Any) -> None:
    """A Watch that looks away."""


class Premises:
    """One warehouse file, its definitions, and what each user may see of it. Threads may share it."""

    def __init__(self, config: Config, engine: Engine | None = None) -> None:
        self.config = config
        self.limits = limits_of(config)
        self.engine: Engine = engine or open_engine(config)
        self.results = _caching(self.engine, config)
        self.saved = Saved(config.ledger_path)
        self._warehouse: Warehouse | None = None
        self._accesses: dict[tuple[str, str | None], Access] = {}
        self._lexicons: dict[tuple[Any, ...], Lexicon] = {}
        self._sizes: dict[tuple[str, str | None, str], int] = {}
        self._words = taught.stamp(config.schemas)
        self._templates: tuple[Any, list[Template]] | None = None

    # --- what is known --------------------------------------------------------------------------------

    @cached_property
    def vocabulary(self) -> vocabulary.Vocabulary:
        return vocabulary.read(self.config.schemas)

    @cached_property
    def schema(self) -> SemanticModel:
        return model.read(self.config.schemas)

    @cached_property
    def verified(self) -> dict[tuple[str, ...], Verified]:
        return verified.read(self.config.schemas)

    def known(self, question: str, today: date | None = None) -> Verified | None:
        """The verified query of these words: what this company's analysts saved last, else the one in schemas/.

        None for one that lapsed before that day.
        """
        found = self.filed(question)
        return None if found is None or found.lapsed(today or datetime.now(UTC).date()) else found

    def filed(self, question: str) -> Verified | None:
        """The same, lapsed or not."""
        words = verified.normal(question)
        entry = self.saved.find(words)
        if entry is None:
            return self.verified.get(words)
        return _saved(entry) if entry.sql else None

    def in_use(self, today: date) -> list[Verified]:
        """Every verified query that has not lapsed; those of this company before those of schemas/."""
        entries = self.saved.current()
        own = [_saved(entry) for entry in entries.values() if entry.sql]
        given = dict.fromkeys(one for words, one in self.verified.items() if words not in entries)
        return [one for one in (*own, *given) if not one.lapsed(today)]

    def lapsed(self, today: date) -> list[Verified]:
        """The saved queries whose last day is over."""
        return [one for one in map(_saved, self.saved.current().values()) if one.sql and one.lapsed(today)]

    def templates(self, today: date) -> list[Template]:
        """The verified queries whose questions the planner reads, each with the plan that its question is."""
        house, queries = self.warehouse, tuple(self.in_use(today))
        key = (house.catalog.data_version, house.model.version, today, queries)
        if self._templates is None or self._templates[0] != key:
            made = [one for query in queries for one in templates.of(query, house.lexicon, today, self._reporting)]
            self._templates = (key, made)
        return self._templates[1]

    @property
    def _reporting(self) -> str | None:
        return self.config.reporting_currency

    @cached_property
    def roles(self) -> Roles:
        return roles.read(self.config.schemas)

    @property
    def warehouse(self) -> Warehouse:
        """The current version's names; read anew when a load has published another."""
        version = self.engine.version()
        words = taught.stamp(self.config.schemas)
        if words != self._words:  # somebody was taught: vocabulary and model are read anew
            self._words, self._warehouse = words, None
            for name in ("vocabulary", "schema"):
                self.__dict__.pop(name, None)
        if self._warehouse is None or self._warehouse.version != version:
            with self.engine.reading() as reader:
                self._warehouse = read_warehouse(reader, self.schema, self.vocabulary, version)
            self._accesses.clear()
            self._lexicons.clear()
            self._sizes.clear()
        return self._warehouse

    def reading(self) -> AbstractContextManager[Reader]:
        """Runs trusted SQL of ours, past every policy: for what the warehouse knows of itself."""
        return self.engine.reading()

    def access(self, user: str | None, readers: Sequence[str] = ()) -> Access:
        """What this user, and every one of the readers too, may see.

        Raises Refused for one that is not listed, or whose policy can't be read.
        """
        if readers:
            return policy.intersection([self.access(one) for one in dict.fromkeys((user, *readers))])
        house = self.warehouse
        key = (house.catalog.data_version, user)
        if key not in self._accesses:
            found = user_access(user, house, self.limits, self.roles)
            # Rollups are in the warehouse's own file alone.
            self._accesses[key] = found if self.engine.dialect == "duckdb" else without_rollups(found)
        return self._accesses[key]

    def books(
        self, user: str | None, today: date | None = None, readers: Sequence[str] = (), confirmed: bool = False
    ) -> Books:
        """What an analysis reads with, as this user. Raises Refused for a user that is not listed."""
        house, access = self.warehouse, self.access(user, readers)
        return Books(
            house=house,
            access=access,
            engine=lambda checked: self.execute(checked, access, user, confirmed),
            today=today or datetime.now(UTC).date(),
            schemas=self.config.schemas,
            drawer=Drawer(self.config.ledger_path),
            people=self.roles.people,
            fiscal=self.vocabulary.calendar.fiscal_start,
            ledger=self.config.ledger_path,
        )

    def lexicon(self, house: Warehouse, access: Access) -> Lexicon:
        """The words that whoever sees this much knows, kept until the next load."""
        seen = ((t.name, t.predicate, t.columns, tuple(sorted(t.masks.items()))) for t in access.tables.values())
        key = (house.catalog.data_version, access.note is None, *seen)
        if key not in self._lexicons:
            self._lexicons[key] = visible(house, access, self.run_sql)
        return self._lexicons[key]

    def people(self) -> dict[str, str | None]:
        """Listed user → their team."""
        listed = self.warehouse.catalog.small.get("users", ())
        return {str(r["user"]): str(r["team"]) if r.get("team") else None for r in listed}

    def team(self, user: str) -> str | None:
        return self.people().get(user)

    def allowances(self, who: Who) -> tuple[Limit, ...]:
        """The limits that the loaded token_allowances set this user and team in the running month."""
        operator = self.access(None)
        return allowances.of(who, tuple(operator.tables), lambda text: self.run_sql(text, operator).rows)

    # --- what runs ------------------------------------------------------------------------------------

    def compiled(self, plan: QueryPlan, house: Warehouse) -> sql_compile.Statement:
        return sql_compile.compile(plan, house.model, house.catalog, self.vocabulary.calendar.fiscal_start)

    def run_plan(self, plan: QueryPlan, house: Warehouse, access: Access) -> tuple[Sequence[AnswerColumn], Rows]:
        statement = self.compiled(plan, house)
        return statement.columns, self.results.run(check_planned(statement.tree, access))

    def run_sql(self, text: str, access: Access) -> Rows:
        return self.results.run(guard.check(text, access))

    def execute(self, checked: CheckedQuery, access: Access, owner: str | None, confirmed: bool = False) -> Rows:
        """The rows of a checked statement. Raises Clarify for one that reads very much and was not `confirmed`."""
        most = self.config.ask_above_rows, self.config.ask_above_gb * 1e9
        known = self.warehouse.catalog.rows
        whole = scan.estimate(checked, access, {name: scan.Table(known.get(name, 0)) for name in checked.tables})
        if not confirmed and (whole.rows > most[0] or whole.bytes > most[1]):
            found = self._estimate(checked, access)
            if found.rows > most[0] or found.bytes > most[1]:
                raise Clarify(
                    f"This would read {found}, and over {most[0]:,} rows or {most[1] / 1e9:g} GB it is only run when "
                    "that is meant. Narrow it (a shorter period, a filter, a coarser grouping), or say so: "
                    f"“{ANYWAY}” (in SQL: a comment `-- {ANYWAY}` at its end).",
                    (ANYWAY,),
                )
        return self.results.run(checked, owner=owner)

    def check(self, text: str, user: str | None = None, readers: Sequence[str] = ()) -> CheckedQuery:
        """Only validates, with FinOps lints as warnings. Raises GuardRefusal."""
        access = self.access(user, readers)
        checked = guard.check(text, access)
        found = lints.find(text, len(self.warehouse.catalog.currencies))
        return replace(checked, warnings=(*found, *of_people(checked, access)))

    def estimate(self, checked: CheckedQuery, user: str | None = None) -> Scan:
        """What the statement is going to read, estimated from the rows that the user sees."""
        return self._estimate(checked, self.access(user))

    def _estimate(self, checked: CheckedQuery, access: Access) -> Scan:
        house = self.warehouse
        return scan.estimate(checked, access, {name: self._table(name, house, access) for name in checked.tables})

    def _table(self, name: str, house: Warehouse, access: Access) -> scan.Table:
        key = (house.catalog.data_version, access.tables[name].predicate, name)
        if key not in self._sizes:
            self._sizes[key] = int(self.run_sql(f"SELECT count(*) FROM {name}", access).rows[0][0])
        dataset = next((d for d in house.model.datasets.values() if d.loaded_from == name), None)
        return scan.Table(self._sizes[key], dataset.time if dataset else None, house.catalog.days.get(name))

    def run(
        self, text: str, user: str | None = None, readers: Sequence[str] = (), watch: Watch = unseen
    ) -> tuple[CheckedQuery, Rows]:
        """Validates, applies the row policy of the user and the readers, runs."""
        checked = self.check(text, user, readers)
        watch("checked", checked)
        rows = self.execute(checked, self.access(user, readers), user, confirmed(text))
        watch("ran", rows)
        return checked, rows


def _caching(engine: Engine, config: Config) -> Engine:
    """The engine, behind the results that are kept on disk, if any are."""
    return Cached(engine, config.results_path, config.result_cache_mb) if config.result_cache_mb else engine


def without_rollups(access: Access) -> Access:
    return replace(access, tables={name: replace(table, rollups=()) for name, table in access.tables.items()})


def confirmed(text: str) -> bool:
    """Whether a statement or a question ends with the words that confirm its cost."""
    return _CONFIRMED.search(text) is not None


def unconfirmed(question: str) -> str:
    """The question without these words."""
    return _CONFIRMED.sub("", question)


def _saved(entry: Entry) -> Verified:
    return Verified(
        entry.question, entry.sql or "", entry.by, entry.on, entry.owner or entry.by, entry.until, (entry.question,)
    )


def check_planned(tree: Expr, access: Access) -> CheckedQuery:
    """The guard's word on our own statement; a place in SQL that nobody wrote would help nobody."""
    try:
        return guard.check(tree, access)
    except GuardRefusal as refusal:
        raise Refused(f"{refusal.message}.") from None


def of_people(checked: CheckedQuery, access: Access) -> tuple[Lint, ...]:
    """A warning where a statement reads a column that shows people as one group: counts take it for one person."""
    read = sorted(access.masked & set(checked.columns))
    message = "shows individuals that your role may not see as one group, and counts them as one"
    return tuple(Lint("individuals", f"{name} {message}.") for name in read)


def check_written(text: str, access: Access, house: Warehouse) -> CheckedQuery:
    """A model's own statement: what the guard passes, unless it adds up currencies. Raises GuardRefusal."""
    checked = guard.check(text, access)
    mixed = next((w for w in lints.find(text, len(house.catalog.currencies)) if w.rule == "mixed currencies"), None)
    if mixed is not None:
        raise GuardRefusal(mixed.rule, mixed.message.removesuffix("."))
    return checked
