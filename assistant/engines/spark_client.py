"""The one door to PySpark: a session, its views, its rows, and what its errors mean for people."""

from __future__ import annotations

import atexit
import logging
import re
import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from assistant.engines.failures import fault, stopped
from assistant.errors import AssistantError, EngineError
from assistant.values import Limits, TableColumn

# Without these a day would depend on somebody's time zone, and a product of money on its width.
SETTINGS: dict[str, bool | float | int | str | None] = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
}
REACH_SECONDS = 5.0
TYPES = {
    "VARCHAR": "string", "BOOLEAN": "boolean", "TINYINT": "tinyint", "SMALLINT": "smallint", "INTEGER": "int",
    "BIGINT": "bigint", "FLOAT": "float", "DOUBLE": "double", "DATE": "date", "TIMESTAMP": "timestamp_ntz",
    "HUGEINT": "decimal(38,0)", "UHUGEINT": "decimal(38,0)", "UBIGINT": "decimal(20,0)", "UINTEGER": "bigint",
    "MAP(VARCHAR, VARCHAR)": "map<string,string>",
}  # fmt: skip


def spark_type(kind: str) -> str | None:
    """DuckDB's type → Spark's; None for what has no equal there."""
    return kind.lower() if re.fullmatch(r"DECIMAL\(\d+, ?\d+\)", kind) else TYPES.get(kind)


class Client:
    """A session of its own on a Connect server. Threads may share it."""

    def __init__(self, url: str) -> None:
        _reach(url)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions of pandas, which nothing here hands to it
            try:
                from pyspark.sql.connect.client.retries import DefaultPolicy
                from pyspark.sql.connect.session import SparkSession
            except ImportError:
                raise EngineError("Spark's client is not installed; `pip install 'askcost[spark]'` adds it.") from None
            for name in ("pyspark", "SQLQueryContextLogger", "DataFrameQueryContextLogger"):
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what went wrong is told in our words
            try:
                self._session: Any = SparkSession.builder.remote(url).config(map=SETTINGS).create()
                # Its own policy goes on for ten minutes, while somebody waits.
                self._session.client.set_retry_policies([DefaultPolicy(max_retries=4, max_backoff=2000)])
                self.version = str(self._session.version)
                # Left to the interpreter's end, its channel waits for a thread that is gone already.
                atexit.register(self._session.client.close)
            except Exception as error:
                raise failure(error, Limits()) from None

    def sql(self, text: str) -> Any:
        return self._session.sql(text)

    def view(self, name: str, columns: Mapping[str, str], folder: str) -> None:
        """A view of Parquet files for this session only."""
        listed = ", ".join(f"{_quoted(column)} {spark_type(kind) or 'string'}" for column, kind in columns.items())
        place = folder.replace("\\", "\\\\").replace("'", "\\'")
        self._session.sql(
            f"CREATE OR REPLACE TEMPORARY VIEW {_quoted(name)} ({listed}) USING parquet OPTIONS (path '{place}')"
        )

    def typed(self, frame: Any, outputs: Sequence[TableColumn]) -> Any:
        """The same rows in the types that DuckDB gives them."""
        names = [f"c{number}" for number in range(len(outputs))]
        frame = frame.toDF(*names)
        kinds = [spark_type(column.type) for column in outputs]
        return frame.select(*(frame[n].cast(k) if k else frame[n] for n, k in zip(names, kinds, strict=True)))

    def rows(self, frame: Any) -> Iterator[tuple[Any, ...]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for row in frame.toLocalIterator():
                yield tuple(_plain(value) for value in row)

    def text(self, path: str) -> str:
        """A file that the cluster sees. Raises OSError when it does not."""
        try:
            return "".join(row[0] for row in self.rows(self._session.read.text(path, wholetext=True)))
        except Exception as error:
            raise OSError(_condition(error)) from None

    @contextmanager
    def tagged(self, tag: str) -> Iterator[None]:
        """What this thread starts meanwhile can be interrupted by that tag."""
        self._session.addTag(tag)
        try:
            yield
        finally:
            self._session.removeTag(tag)

    def interrupt(self, tag: str) -> None:
        self._session.interruptTag(tag)

    def close(self) -> None:
        """Whatever the server says to it: it forgets an idle session by itself."""
        atexit.unregister(self._session.client.close)
        with suppress(Exception):
            self._session.stop()


def lost(error: BaseException) -> bool:
    """Whether the server no longer knows the session: it was restarted, or the session was idle too long."""
    return "INVALID_HANDLE.SESSION" in f"{_condition(error)} {error}"


def failure(error: BaseException, limits: Limits) -> EngineError | AssistantError:
    """The EngineError for whatever came up; Spark's own message is never passed on: it quotes values and paths."""
    if isinstance(error, AssistantError):
        return error
    condition, text = _condition(error), str(error)
    if "OPERATION_CANCELED" in condition + text:
        return stopped("cancel", limits)
    if re.search(r"OutOfMemory|exceeding memory limits|maxResultSize", text):
        return stopped("memory", limits)
    if re.search(r"ExecutorLostFailure|FetchFailed|executor.+lost|SparkContext was shut down", text, re.IGNORECASE):
        return EngineError("The cluster lost machines while it ran the query. Ask again in a minute.")
    if re.search(r"PATH_NOT_FOUND|FAILED_READ_FILE|FileNotFound", condition + text):
        return EngineError(
            "A published file can't be read on the cluster. It must see the folder of ASKCOST_SPARK_TABLES; "
            "`askcost publish` writes its files anew."
        )
    if re.search(r"UNAVAILABLE|UNAUTHENTICATED|PERMISSION_DENIED|failed to connect|RETRIES_EXCEEDED", condition + text):
        return EngineError("The Spark cluster does not answer any more, or does not let askcost in.")
    return fault(condition)


def _condition(error: BaseException) -> str:
    """Spark's name for it, such as DIVIDE_BY_ZERO."""
    of = getattr(error, "getCondition", None)
    return str((of() if of else None) or type(error).__name__)


def _reach(url: str) -> None:
    """Spark's client would try for minutes. Raises EngineError when nothing listens there."""
    parts = urlsplit(url)
    if parts.scheme != "sc" or not parts.hostname:
        raise EngineError("ASKCOST_SPARK_URL must name a Spark Connect server, as in sc://localhost:15002.")
    place = parts.hostname, parts.port or 15002
    try:
        socket.create_connection(place, timeout=REACH_SECONDS).close()
    except OSError:
        raise EngineError(
            f"No Spark cluster answers at {place[0]}:{place[1]}. Start its Connect server, or set ASKCOST_SPARK_URL."
        ) from None


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _plain(value: Any) -> Any:
    """Structs as dicts, as DuckDB gives them."""
    return value.asDict(recursive=True) if hasattr(value, "asDict") else value
