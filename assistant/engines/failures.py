"""What went wrong in an engine → one clear line for a person. Shows no path, value or hidden name.

DuckDB's own messages are never passed on: they list candidate columns, and a conversion error
quotes values of rows that a policy hides.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from assistant.errors import EngineError
from assistant.values import Limits

NARROWER = "Ask for a shorter period, add a filter, or group by something coarser."


def missing_warehouse(path: Path) -> EngineError:
    return EngineError(
        f"There is no warehouse {path.name} yet. Run `askcost demo` to build one with example data, "
        "or `askcost load FILE…` to load your own."
    )


def stopped(limit: str, limits: Limits) -> EngineError:
    """The error for a statement that came to one of its limits, or was cancelled."""
    sentences = {
        "time": f"The query was stopped after {limits.seconds:g} seconds. {NARROWER}",
        "memory": f"The query needed more than its {limits.memory_mb:,} MB of memory. {NARROWER}",
        "temp": f"The query needed more than its {limits.temp_mb:,} MB of temporary space. {NARROWER}",
        "cancel": "The query was stopped on request.",
        "busy": "Too many queries are running at the moment, so this one was not started. Try again in a minute.",
        "died": "The process that ran the query was ended by the system, most likely because the query "
        f"needed too much memory. {NARROWER}",
    }
    return EngineError(sentences[limit], limit="memory" if limit == "died" else limit)


FAULTS: tuple[tuple[str, str], ...] = (
    (r"division by zero|divide.by.zero", "The query divides by zero; wrap the divisor in NULLIF(…, 0)."),
    (
        r"overflow|out.of.range",
        "A number in the query is too large for its type; cast it to DOUBLE or to a wider DECIMAL.",
    ),
    (
        r"must appear in the GROUP BY|cannot be referenced.+before.+GROUP BY|MISSING_(AGGREGATION|GROUP_BY)",
        "A selected column is neither grouped nor aggregated; add it to GROUP BY or aggregate it.",
    ),
    (
        r"more than one row returned by a subquery|SCALAR_SUBQUERY_TOO_MANY_ROWS",
        "A subquery used as a single value returned several rows; aggregate it or add LIMIT 1.",
    ),
    (
        r"no function matches|could not choose a best candidate|DATATYPE_MISMATCH",
        "A function in the query does not accept arguments of these types; cast them to what it expects.",
    ),
    (
        r"cannot compare values of type|cannot mix values of type|type mismatch",
        "The query compares or combines values of different types; cast one of them.",
    ),
    (
        r"could not convert|conversion error|failed to cast|unimplemented type for cast|could not parse|CAST_INVALID",
        "A value could not be converted to the type asked for; TRY_CAST leaves such values empty.",
    ),
    (
        r"window function|aggregate function calls cannot|aggregates? cannot",
        "An aggregate or window function stands where the database does not allow one; move it to a subquery.",
    ),
)


def failure(error: BaseException, limits: Limits) -> EngineError:
    """The EngineError for whatever came up while a statement ran; EngineErrors stay as they are."""
    text = str(error)
    match error:
        case EngineError():
            return error
        case duckdb.InterruptException():
            return stopped("time", limits)
        case duckdb.OutOfMemoryException() if "max_temp_directory_size" in text:
            return stopped("temp", limits)
        case duckdb.OutOfMemoryException() | MemoryError():
            return stopped("memory", limits)
        case duckdb.FatalException() | duckdb.InternalException():
            return stopped("died", limits)  # DuckDB refuses everything from here on
        case duckdb.IOException() if "space left" in text:
            return stopped("temp", limits)
        case duckdb.PermissionException() | duckdb.IOException():
            return EngineError("The query reaches for something outside the warehouse; only its tables are open.")
    return fault(text)


def fault(text: str) -> EngineError:
    """The EngineError for a fault of the statement, by what the database calls it."""
    for pattern, sentence in FAULTS:
        if re.search(pattern, text, re.IGNORECASE):
            return EngineError(sentence)
    return EngineError("The database could not run this query. Ask for it in a simpler form.")


def unopened(error: duckdb.Error, path: Path) -> EngineError:
    """The EngineError for a warehouse file that is there but could not be opened."""
    text = str(error).lower()
    if "lock on file" in text:
        return EngineError(
            f"The warehouse {path.name} is open for writing in another program. "
            "Close it there, or wait until it has finished, and ask again."
        )
    if "different configuration" in text:
        return EngineError(f"The warehouse {path.name} is already open in this process with other limits.")
    if "not a valid duckdb" in text or "version number" in text or "serializ" in text:
        return EngineError(
            f"{path.name} is not a warehouse that this version can read. Build it again with "
            "`askcost demo` or `askcost load FILE…`."
        )
    return EngineError(f"The warehouse {path.name} can not be opened. `askcost doctor` says what is missing.")
