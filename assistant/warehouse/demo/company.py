"""schemas/demo.yaml as temporary tables, and the calendar and chance that all generators share."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import yaml

from assistant.config import ROOT

SOURCE = ROOT / "schemas" / "demo.yaml"

# DuckDB's type for each kind of value in the file; text that tells a time is a DATE.
KINDS = {bool: "BOOLEAN", int: "BIGINT", float: "DECIMAL(18,6)", list: "VARCHAR[]"}
TIME = re.compile(r"(day|month|saturday) -?\d+")


@dataclass(frozen=True)
class Company:
    """The file's facts that are no lists, and the days [start, end] of the data."""

    facts: Mapping[str, Any]
    start: date
    end: date


def read(con: duckdb.DuckDBPyConnection, end: date, seed: int) -> Company:
    """Put the demo company's lists, `calendar` and the chance macros into `con` as temporary objects."""
    facts = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    start = moment(f"month -{facts['months']}", end)
    for name, rows in _lists(facts).items():
        add_table(con, name, rows, end)
    con.execute(
        # `month_number` is 0 in the last day's month, negative before; `month_index` counts from the first.
        "CREATE TEMP TABLE calendar AS SELECT day::DATE AS day, date_trunc('month', day)::DATE AS month, "
        "-date_diff('month', day, $end::DATE) AS month_number, isodow(day) > 5 AS weekend, "
        "date_diff('month', $start::DATE, day) AS month_index "
        "FROM range($start::TIMESTAMP, $end::TIMESTAMP + INTERVAL 1 DAY, INTERVAL 1 DAY) AS days(day) "
        "ORDER BY day",
        {"start": start, "end": end},
    )
    con.execute(f"CREATE TEMP MACRO roll(a, b, c) AS hash({int(seed)}, a, b, c) >> 11")
    con.execute("CREATE TEMP MACRO draw(a, b, c) AS roll(a, b, c) / 9007199254740992.0")
    con.execute("CREATE TEMP MACRO slug(name) AS lower(replace(name, ' ', '-'))")
    return Company(facts, start, end)


def add_table(con: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Mapping[str, Any]], end: date) -> None:
    """Create the temporary table `name`, a column for each key that a row has.

    Numbers travel as text, so that decimals stay exact.
    """
    shape: dict[str, str] = {}
    filled: list[dict[str, Any]] = [{} for _ in rows]
    for row, place in zip(rows, filled, strict=True):
        for key, value in row.items():
            time = isinstance(value, str) and TIME.fullmatch(value)
            kind = "DATE" if time else KINDS.get(type(value), "VARCHAR")
            shape[key] = KINDS[float] if {shape.get(key), kind} == {KINDS[int], KINDS[float]} else kind
            place[key] = str(moment(value, end)) if time else value
    con.execute(
        f'CREATE TEMP TABLE "{name}" AS SELECT unnest(from_json($rows, $shape), recursive := true)',
        {"rows": json.dumps(filled), "shape": json.dumps([shape])},
    )


def moment(words: str, end: date) -> date:
    """A relative time of demo.yaml as a day: `day -17`, `month -6`, `saturday -18`."""
    unit, number = words.split()
    if unit == "month":
        months = end.year * 12 + end.month - 1 + int(number)
        return date(months // 12, months % 12 + 1, 1)
    day = end + timedelta(days=int(number))
    return day if unit == "day" else day - timedelta(days=(day.weekday() - 5) % 7)


def _lists(facts: Mapping[str, Any]) -> Mapping[str, list[Mapping[str, Any]]]:
    return {
        "team": facts["teams"],
        "environment": facts["environments"],
        "account": facts["accounts"],
        "region": facts["regions"],
        "line": facts["lines"],
        "commitment": facts["commitments"],
        "seat": facts["seats"],
        "fee": facts["fees"],
        "tax": facts["taxes"],
        "model": facts["models"],
        "vendor": facts["vendors"],
        "agent": facts["agents"],
        "steady": facts["steady"],
        "coding": facts["coding"]["kinds"],
        "besides": facts["coding"]["also"],
        "larger": facts["allowances"]["larger"],
        "mortgage_era": facts["mortgage"]["eras"],
        "mortgage_part": facts["mortgage"]["resources"],
        "nat_era": facts["nat_spike"]["eras"],
        "fleet": facts["fleet"],
        "job": facts["jobs"],
        "idle_weekend": [facts["idle_weekend"]],
        "intensity": facts["grid_intensity"],
        "metric": facts["business_metrics"],
        "unit_map": facts["unit_cost_map"],
        "rule": facts["allocation_rules"],
        "tower": facts["tbm_map"],
        "person": facts["users"],
    }
