"""Files as people have them: found, recognised, hashed, and searched for the line at fault.

Knows nothing about tables: a header is a list of words here.
"""

from __future__ import annotations

import csv
import glob
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from assistant.errors import LoadError

KINDS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz", ".parquet", ".pq")
DELIMITERS = ",;\t|"
NULLS = ("", "NULL", "null", "\\N")
LONGEST_LINE = 2_000_000
MEGABYTE = 1 << 20
PARTITION = re.compile(r"^([A-Za-z_][\w.-]*)=(.*)$")


@dataclass(frozen=True)
class Source:
    """One file. `types`: of Parquet columns, in DuckDB; none for CSV. `partition`: its hive folders."""

    path: Path
    sha256: str
    header: tuple[str, ...]
    types: tuple[str, ...] = ()
    delimiter: str = ","
    gzipped: bool = False
    partition: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return str(self.path)


def find(paths: Sequence[str]) -> list[Path]:
    """Every data file the paths, globs and folders name, each once, in name order."""
    found: dict[Path, Path] = {}
    for given in paths:
        path = Path(given).expanduser()
        if path.is_dir():
            matches = sorted(file for file in path.rglob("*") if _is_data(file, path))
            if not matches:
                raise LoadError("This folder holds no CSV or Parquet file.", file=given)
        elif path.exists():
            matches = [path]
        else:
            matches = sorted(
                file
                for match in map(Path, glob.glob(str(path), recursive=True))
                for file in (match.rglob("*") if match.is_dir() else [match])
                if not match.is_dir() or _is_data(file, match)
            )
            if not matches:
                raise LoadError("There is no such file. Check the path, or quote the pattern.", file=given)
        for match in matches:
            found.setdefault(match.resolve(), match)
    if not found:
        raise LoadError("No file was named. Give at least one CSV or Parquet file, folder or pattern.")
    return list(found.values())


def read(path: Path, con: duckdb.DuckDBPyConnection) -> Source:
    """Recognise one file by its content and read its header; raises LoadError for what isn't a table."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if not start:
            raise LoadError("The file is empty.", file=str(path))
        folders = (PARTITION.match(part) for part in path.parent.parts)
        partition = tuple((match[1], match[2]) for match in folders if match)
        if start == b"PAR1":
            names, types = _parquet_columns(path, con)
            return Source(path, digest(path), names, types, partition=partition)
        gzipped = start[:2] == b"\x1f\x8b"
        header, delimiter = _header(path, gzipped)
        return Source(path, digest(path, gzipped), header, (), delimiter, gzipped, partition)
    except OSError as error:
        raise LoadError(_why(error), file=str(path)) from error


def digest(path: Path, gzipped: bool = False) -> str:
    """The content's SHA-256; a gzip file is unpacked on the way, because only that finds damage."""
    total = hashlib.sha256()
    with _opened(path, gzipped) as file:
        while block := file.read(MEGABYTE):
            total.update(block)
    return total.hexdigest()


def fault(source: Source, error: str) -> LoadError | None:
    """The first thing wrong with a CSV's form, named by line; None when Python's reader finds nothing."""
    width = len(source.header)
    try:
        for line, fields in records(source):
            if len(fields) != width and not (len(fields) == width + 1 and not fields[-1]):
                return LoadError(
                    f"This line has {len(fields)} fields where the header has {width}. "
                    "Check its quotes and delimiters.",
                    file=source.name,
                    line=line,
                )
    except LoadError as found:
        return found
    longest = re.search(r"[Mm]aximum line size", error)
    at = re.search(r"CSV Error on Line: (\d+)", error)
    if longest:
        return LoadError(
            f"A line is longer than {LONGEST_LINE:,} bytes. Check for a missing quote.",
            file=source.name,
            line=int(at.group(1)) if at else None,
        )
    return None


def records(source: Source) -> Iterator[tuple[int, list[str]]]:
    """(physical line, fields) of each record after the header; raises LoadError where the form breaks."""
    line = 1
    csv.field_size_limit(64 * MEGABYTE)
    try:
        with _opened(source.path, source.gzipped) as raw:
            text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            reader = csv.reader(text, delimiter=source.delimiter, strict=True)
            next(reader)
            line = reader.line_num + 1
            for fields in reader:
                if fields:
                    if sum(map(len, fields)) > LONGEST_LINE:
                        raise LoadError(
                            f"It is longer than {LONGEST_LINE:,} characters. Check for a missing quote.",
                            file=source.name,
                            line=line,
                        )
                    yield line, fields
                line = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise LoadError(
            "This is not UTF-8 text. Save the file as UTF-8 and load it again.",
            file=source.name,
            line=_line_of_bad_bytes(source) or line,
        ) from error
    except csv.Error as error:
        raise LoadError(f"This line is not valid CSV ({error}).", file=source.name, line=line) from error
    except OSError as error:
        raise LoadError(_why(error), file=source.name) from error


def escaped(path: Path) -> str:
    """A path for DuckDB, which would read `[`, `*` and `?` as a pattern."""
    return re.sub(r"([\[*?])", r"[\1]", str(path))


def _is_data(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    return not hidden and file.name.lower().endswith(KINDS) and file.is_file()


@contextmanager
def _opened(path: Path, gzipped: bool) -> Iterator[io.BufferedReader | gzip.GzipFile]:
    with path.open("rb") as raw:
        if not gzipped:
            yield raw
            return
        try:
            with gzip.GzipFile(fileobj=raw) as file:
                yield file
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise LoadError("The gzip file is cut off or damaged. Export or copy it again.", file=str(path)) from error


def _parquet_columns(path: Path, con: duckdb.DuckDBPyConnection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        rows = con.execute(
            "DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)", [escaped(path)]
        ).fetchall()
    except duckdb.Error as error:
        raise LoadError(
            f"The Parquet file is cut off or damaged ({first_line(error)}). Export or copy it again.",
            file=str(path),
        ) from error
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows)


def _header(path: Path, gzipped: bool) -> tuple[tuple[str, ...], str]:
    with _opened(path, gzipped) as file:
        start = file.read(MEGABYTE)
    if not start.strip():
        raise LoadError("The file is empty.", file=str(path))
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise LoadError("The file is UTF-16 text. Save it as UTF-8 and load it again.", file=str(path), line=1)
    if start.startswith(b"PK\x03\x04"):
        raise LoadError("This is a zip or Excel file. Save its table as CSV and load that.", file=str(path))
    if b"\0" in start[:65536]:
        raise LoadError("This is a binary file, neither CSV nor Parquet.", file=str(path))
    if len(start) == MEGABYTE and b"\n" not in start and b"\r" not in start:
        raise LoadError("The first line is longer than a megabyte: this is no CSV header.", file=str(path), line=1)
    try:
        text = start.decode("utf-8-sig", errors="strict" if len(start) < MEGABYTE else "ignore")
    except UnicodeDecodeError as error:
        line = start[: error.start].count(b"\n") + 1
        raise LoadError(
            "This is not UTF-8 text. Save the file as UTF-8 and load it again.", file=str(path), line=line
        ) from error
    first = text.splitlines()[0]
    delimiter = max(DELIMITERS, key=first.count) if any(mark in first for mark in DELIMITERS) else ","
    header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    while header and not header[-1].strip():  # a trailing delimiter
        header.pop()
    if not header:
        raise LoadError("The first line holds no column names.", file=str(path), line=1)
    return tuple(name.strip() for name in header), delimiter


def _line_of_bad_bytes(source: Source) -> int | None:
    with _opened(source.path, source.gzipped) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return None


def first_line(error: Exception) -> str:
    """What an engine error says, on one line."""
    return str(error).splitlines()[0].strip()


def _why(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "The file can't be read: permission denied."
    if isinstance(error, FileNotFoundError):
        return "There is no such file."
    return f"The file can't be read: {error.strerror or error}."
