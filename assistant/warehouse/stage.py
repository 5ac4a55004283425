"""All files of one load as one temporary table, of text but for what Parquet holds exactly. Knows files and names."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import NoReturn

import duckdb

from assistant.errors import LoadError
from assistant.warehouse import files
from assistant.warehouse.files import Source
from assistant.warehouse.index import TAG, literal, quote

FILE = "__file"
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
TIMES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", "DATE")


@dataclass(frozen=True)
class Stage:
    """Temp table `stage`: `columns`, `__file` the index into `sources`; rows in file order.

    A column is VARCHAR, unless every file that has it is Parquet and holds it as decimal, integer or time.

    `present` holds, for each source, the table's column that each of its header's words became.
    """

    con: duckdb.DuckDBPyConnection
    sources: tuple[Source, ...]
    columns: tuple[str, ...]
    present: tuple[tuple[str, ...], ...]

    def blame(self, row: int, message: str, column: str | None = None, value: object = None) -> NoReturn:
        """Raise a LoadError that names where the staged row `row` stands in its file."""
        found = self.con.execute(
            f"SELECT {FILE}, (SELECT min(rowid) FROM stage AS f WHERE f.{FILE} = s.{FILE}) FROM stage AS s "
            "WHERE rowid = ?",
            [row],
        ).fetchone()
        assert found is not None
        index, first = found
        source, number = self.sources[index], row - first
        word = column
        if column in self.present[index]:
            word = source.header[self.present[index].index(column)]
        line = None
        if source.types:
            message = f"{message} (row {number + 1} of the Parquet file)"
        else:
            line = next((at for i, (at, _) in enumerate(files.records(source)) if i == number), None)
        shown = value if value is None else str(value)
        shown = shown if shown is None or len(shown) <= 80 else shown[:77] + "..."
        raise LoadError(message, file=source.name, line=line, column=word, value=shown)

    def blame_first(self, bad: Mapping[str, tuple[str, str]]) -> None:
        """Raise for the first row where a column's predicate holds. `bad`: column → (SQL, message)."""
        hits = []
        for column, (predicate, message) in bad.items():
            shown = quote(column) if column in self.columns else "NULL"
            row = self.con.execute(
                f"SELECT rowid, {shown} FROM stage WHERE {predicate} ORDER BY rowid LIMIT 1"
            ).fetchone()
            if row:
                hits.append((row[0], column, row[1], message))
        if hits:
            first, column, value, message = min(hits, key=lambda hit: hit[0])
            self.blame(first, message, column if column in self.columns else None, value)


def fill(
    con: duckdb.DuckDBPyConnection,
    sources: Sequence[Source],
    known: Callable[[str], str | None],
    partitions: Iterable[str] = (),
    exact: Mapping[str, str] | None = None,
) -> Stage:
    """Read `sources` into the temp table `stage`; `known` maps a header's word to the table's column.

    Words it doesn't know keep their spelling, the first seen one when files differ in case. `partitions`:
    the table's columns that a hive folder's name may give when the file lacks them. `exact`: the columns that may
    stay as Parquet has them, and what they are (DECIMAL, TIMESTAMP).
    """
    spelling: dict[str, str] = {}
    present, given = [], []
    partitions = frozenset(partitions)
    for source in sources:
        names = tuple(_names(source, known, spelling))
        present.append(names)
        folder = {column: value for key, value in source.partition if (column := known(key)) in partitions}
        given.append({key: value for key, value in folder.items() if key and key not in names})
    columns = dict.fromkeys(name for names in (*present, *given) for name in names)
    # A header-only file has nothing but must not hide the others.
    kinds = {name: _kind(name, sources, present, given, exact or {}) for name in columns}
    typed = ", ".join(f"{quote(name)} {kind}" for name, kind in kinds.items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE stage ({typed}, {FILE} INTEGER)")
    order = range(len(sources))
    alike = groupby(
        order,
        key=lambda i: (present[i], sources[i].types, sources[i].delimiter, sources[i].gzipped, given[i]),
    )
    for (names, *_, extra), members in alike:
        group = list(members)
        _read(con, [sources[i] for i in group], group[0], names, extra, kinds)
    return Stage(con, tuple(sources), tuple(columns), tuple(present))


def _names(source: Source, known: Callable[[str], str | None], spelling: dict[str, str]) -> Iterable[str]:
    seen: dict[str, str] = {}
    for number, word in enumerate(source.header, 1):
        name = known(word) or spelling.setdefault(word.lower(), word or f"column{number}")
        if name.startswith((TAG, "__")):  # hidden columns are ours
            name = "x_" + re.sub(r"\W", "_", name)
        if name.lower() in seen:
            first = seen[name.lower()]
            raise LoadError(
                f"The header names {name} twice ({first!r} and {word!r}). Remove or rename one of them.",
                file=source.name,
                line=None if source.types else 1,
                column=word,
            )
        seen[name.lower()] = word
        yield name


def _read(
    con: duckdb.DuckDBPyConnection,
    sources: list[Source],
    first: int,
    names: tuple[str, ...],
    extra: Mapping[str, str],
    kinds: Mapping[str, str],
) -> None:
    one = sources[0]
    paths = "[" + ", ".join(literal(files.escaped(source.path)) for source in sources) + "]"
    if one.types:
        pairs = zip(one.header, names, one.types, strict=True)
        shown = [
            f"{_text(quote(word), kind) if kinds[name] == 'VARCHAR' else quote(word)} AS {quote(name)}"
            for word, name, kind in pairs
        ]
        relation = f"read_parquet({paths}, hive_partitioning = false)"
    else:
        shown = [f"c{i} AS {quote(name)}" for i, name in enumerate(names)]
        relation = _read_csv(paths, one)
    shown += [f"{literal(value)} AS {quote(name)}" for name, value in extra.items()]
    insert = f"INSERT INTO stage BY NAME SELECT {', '.join(shown)}, {first} + file_index AS {FILE} FROM "
    try:
        con.execute(insert + relation)
    except duckdb.Error as error:
        if one.types:
            raise LoadError(f"The Parquet file can't be read ({files.first_line(error)}).", file=one.name) from error
        for offset, source in enumerate(sources):
            if fault := files.fault(source, str(error)):
                raise fault from error
            if len(sources) > 1:  # the group failed as a whole; each file alone tells which
                _read(con, [source], first + offset, names, extra, kinds)
        if len(sources) == 1:
            _read_rewritten(con, insert, one, error)


def _read_rewritten(con: duckdb.DuckDBPyConnection, insert: str, source: Source, error: duckdb.Error) -> None:
    """Valid CSV that DuckDB declines (mixed line ends): written anew in one form, then read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rewritten.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerow(source.header)
            writer.writerows(fields[: len(source.header)] for _, fields in files.records(source))
        try:
            plain = replace(source, path=path, delimiter=",", gzipped=False)
            con.execute(insert + _read_csv(f"[{literal(files.escaped(path))}]", plain))
        except duckdb.Error:
            raise LoadError(f"The CSV can't be read ({files.first_line(error)}).", file=source.name) from error


def _read_csv(paths: str, source: Source) -> str:
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(source.header)))
    nulls = ", ".join(literal(word) for word in files.NULLS)
    return (
        f"read_csv({paths}, auto_detect = false, header = true, quote = '\"', escape = '\"', "
        f"delim = {literal(source.delimiter)}, compression = '{'gzip' if source.gzipped else 'none'}', "
        f"columns = {{{columns}}}, nullstr = [{nulls}], max_line_size = {files.LONGEST_LINE}, "
        "hive_partitioning = false)"
    )


def _kind(
    name: str,
    sources: Sequence[Source],
    present: Sequence[tuple[str, ...]],
    given: Sequence[Mapping[str, str]],
    exact: Mapping[str, str],
) -> str:
    """The staged type of a column: that of all files, where no value can lose or gain a digit by it."""
    found = {
        _exact(dict(zip(names, source.types, strict=False)).get(name, ""), exact.get(name))
        for source, names, folder in zip(sources, present, given, strict=True)
        if name in names or name in folder
    }
    return found.pop() if len(found) == 1 else "VARCHAR"


def _exact(kind: str, wanted: str | None) -> str:
    if wanted == "DECIMAL" and (kind in WHOLE or re.fullmatch(r"DECIMAL\(\d+,(\d|1[0-8])\)", kind)):
        return kind
    return "TIMESTAMP" if wanted == "TIMESTAMP" and kind in TIMES else "VARCHAR"


def _text(column: str, kind: str) -> str:
    """A Parquet column as the text a CSV would hold; nested values as JSON, doubles at their shortest."""
    nested = kind.endswith("]") or kind.startswith(("MAP", "STRUCT"))
    text = f"CAST(to_json({column}) AS VARCHAR)" if nested else f"CAST({column} AS VARCHAR)"
    nulls = ", ".join(literal(word) for word in files.NULLS)
    return f"CASE WHEN {text} NOT IN ({nulls}) THEN {text} END"
