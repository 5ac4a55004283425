"""Files → a checked, published warehouse. The story of a load; every chapter is another module."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import duckdb
from ulid import ULID

from assistant.errors import LoadError
from assistant.warehouse import contracts, files, focus, index, records, report, stage
from assistant.warehouse.contracts import COSTS
from assistant.warehouse.files import Source
from assistant.warehouse.publish import writing
from assistant.warehouse.report import LoadReport
from assistant.warehouse.stage import FILE, Stage


def load(
    paths: Sequence[str],
    warehouse: Path,
    table: str | None = None,
    replace: bool = False,
    progress: Callable[[str, float], None] | None = None,
    check: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
    only: tuple[str, str] | None = None,
) -> LoadReport:
    """Load files, globs or folders into one table of `warehouse`, all or nothing.

    table: None finds it by the header. replace: for costs, the billing months (of provider and account)
    that the files hold; for other tables, everything, or with `only` (column, value) the rows that have it.
    progress: called with a stage's name and the part done (0 to 1). check: sees the finished copy before it is
    published; what it raises stops the load.
    Raises LoadError, after which the warehouse is as it was.
    """
    tell = progress or (lambda name, part: None)
    if table is not None and table not in contracts.tables():
        raise LoadError(f"There is no table {table!r}. The tables are: {', '.join(contracts.tables())}.")
    found = files.find(paths)
    with writing(warehouse, check=check) as con:
        sources: list[Source] = []
        notes: list[str] = []
        for number, path in enumerate(found):
            tell("reading headers", number / len(found))
            source = files.read(path, con)
            other = _other_dataset(source)
            if other and table in (None, COSTS):
                notes.append(f"{source.name} is FOCUS {other}, which holds no charges; it was left out.")
                continue
            twin = next((other for other in sources if other.sha256 == source.sha256), None)
            if twin:
                notes.append(f"{source.name} has the same content as {twin.name}; it was counted once.")
            else:
                sources.append(source)
        if not sources:
            raise LoadError("These files hold no charges: " + " ".join(notes))
        if table is None:
            table = _recognise(sources)
            if table != COSTS:
                notes.append(f"The header is that of {table}, so the rows went there.")
        tell("reading rows", 0.1)
        con.execute(index.TABLES)
        if not replace:
            _refuse_known(con, sources, table)
        before = _dimensions(con)
        staged = _stage(con, sources, table)
        tell("checking and writing", 0.5)
        if table == COSTS:
            size = _size(con, COSTS)
            con.execute("BEGIN")  # a checkpoint between these could number the rows anew
            costs = focus.insert(staged, replace)
            told = report.of_costs(con, costs)
            notes += told.pop("oddities")
            replaced, about = focus.remove_replaced(con, costs)
            con.execute("COMMIT")
            notes += about
            day: str | None = costs.day
        else:
            done = records.insert(staged, contracts.tables()[table], replace, only)
            told, replaced, day = {}, done.replaced, done.day
            notes += done.oddities
        counts = _count(staged, day)
        if table == COSTS and _size(con, COSTS) != size + sum(rows for rows, *_ in counts) - replaced:
            raise LoadError(
                "The charges do not add up after the load, which is a fault of askcost. Nothing was changed."
            )
        con.execute("DROP TABLE stage")
        tell("indexing", 0.8)
        result = LoadReport(
            table=table,
            files=tuple(source.name for source in sources),
            rows=sum(rows for rows, *_ in counts),
            replaced_rows=replaced,
            first_day=min((first for _, first, _ in counts if first), default=None),
            last_day=max((last for *_, last in counts if last), default=None),
            new_dimensions=tuple(sorted(_dimensions(con) - before)),
            oddities=tuple(notes),
            **told,
        )
        _remember(con, result, sources, counts)
    tell("published", 1.0)
    return result


def _recognise(sources: Sequence[Source]) -> str:
    """The table whose required columns the first header has; costs when it speaks FOCUS or nothing fits."""
    words = sources[0].header
    if sum(1 for word in words if focus.known(word)) >= 5:
        return COSTS
    names = {records.spelled(word) for word in words}
    fitting = [
        table.name
        for table in contracts.tables().values()
        if table.columns and names >= {c.name for c in table.columns.values() if c.required}
    ]
    return fitting[0] if len(fitting) == 1 else COSTS


def _other_dataset(source: Source) -> str | None:
    """The FOCUS dataset without charges that a header belongs to, if it does."""
    marks = {mark.lower(): name for mark, name in contracts.other_datasets().items()}
    words = [word.replace("_", "").replace(" ", "").lower() for word in source.header]
    return next((marks[word] for word in words if word in marks), None)


def _refuse_known(con: duckdb.DuckDBPyConnection, sources: Sequence[Source], table: str) -> None:
    known = dict(
        con.execute(
            "SELECT sha256, strftime(loaded_at, '%Y-%m-%d %H:%M') FROM _askcost.loads WHERE table_name = ?",
            [table],
        ).fetchall()
    )
    for source in sources:
        if source.sha256 in known:
            raise LoadError(
                f"This file's content was already loaded into {table} on {known[source.sha256]} UTC. "
                "Nothing was changed; --replace loads it again in place of the old rows.",
                file=source.name,
            )


def _stage(con: duckdb.DuckDBPyConnection, sources: Sequence[Source], table: str) -> Stage:
    have = {name.lower(): name for name in index.columns(con, table) if not name.startswith(index.TAG)}
    word_of = focus.known if table == COSTS else records.knower(contracts.tables()[table])
    known = contracts.focus_columns() if table == COSTS else contracts.tables()[table].columns
    exact = {name: column.type for name, column in contracts.focus_columns().items()} if table == COSTS else {}
    staged = stage.fill(con, sources, lambda word: word_of(word) or have.get(word.lower()), known, exact)
    if not con.execute("SELECT 1 FROM stage LIMIT 1").fetchone():
        raise LoadError("The file has a header but no rows.", file=sources[0].name)
    return staged


def _dimensions(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Every extra dimension there is now, as people say it."""
    return {words for table in index.tables(con) for _, _, words in index.extra_dimensions(con, table)}


def _count(staged: Stage, day: str | None) -> list[tuple[int, date | None, date | None]]:
    """(rows, first day, last day) of each source, in order."""
    days = f"CAST({day} AS DATE)" if day else "CAST(NULL AS DATE)"
    rows = staged.con.execute(
        f"SELECT {FILE}, count(*), min({days}), max({days}) FROM stage GROUP BY {FILE}"
    ).fetchall()
    found = {number: (count, first, last) for number, count, first, last in rows}
    return [found.get(number, (0, None, None)) for number in range(len(staged.sources))]


def _size(con: duckdb.DuckDBPyConnection, table: str) -> int:
    found = con.execute(f"SELECT count(*) FROM {table}").fetchone() if index.columns(con, table) else None
    return found[0] if found else 0


def _remember(
    con: duckdb.DuckDBPyConnection,
    result: LoadReport,
    sources: Sequence[Source],
    counts: Sequence[tuple[int, date | None, date | None]],
) -> None:
    load_id, moment, told = str(ULID()), index.now(), json.dumps(result.to_dict())
    con.executemany(
        "INSERT INTO _askcost.loads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            [load_id, moment, result.table, source.name, source.sha256, *count, told]
            for source, count in zip(sources, counts, strict=True)
        ],
    )
