"""Writes questions/COMPANY.jsonl from tests/corpus: for maintainers, when the corpus was corrected or has grown.

    python benchmarks/focus-questions/generate.py build/focus-questions
    python benchmarks/focus-questions/publish.py build/focus-questions

The rows are what the hand-written SQL gives on the generated data, run past askcost by DuckDB alone.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import yaml

HERE = Path(__file__).parent
CORPUS = HERE.parent.parent / "tests" / "corpus"
KEYS = ("id", "kind", "question", "today", "thread", "user", "expect", "ordered", "period", "compare", "sql", "note")
UNSCORED = "any"  # has no gold rows, and only sets the scene for what follows in its thread


def published(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """company → its questions with gold rows, in the order in which they are asked."""
    two_readings = yaml.safe_load((CORPUS / "known.yaml").read_text(encoding="utf-8")) or {}
    found = defaultdict(list)
    for file in sorted(CORPUS.glob("*.yaml")):
        for item in yaml.safe_load(file.read_text(encoding="utf-8")) if file.name != "known.yaml" else ():
            if item.get("expect", "answered") == "answered" and not item.get("sql"):
                item["expect"] = UNSCORED
            if item["id"] not in two_readings and (item.get("expect") != UNSCORED or item.get("thread")):
                found[item["company"]].append(item)
    return {company: [*with_rows(folder / f"{company}.duckdb", items)] for company, items in sorted(found.items())}


def with_rows(warehouse: Path, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each item as a line of the benchmark."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        return [_line(con, item) for item in items]


def _line(con: duckdb.DuckDBPyConnection, item: dict[str, Any]) -> dict[str, Any]:
    line = {"id": item["id"], "company": item["company"]} | {k: item[k] for k in KEYS if item.get(k) is not None}
    line |= {"today": str(line["today"]), "expect": item.get("expect", "answered")}
    if "period" in line:
        line["period"] = [str(day) for day in line["period"]]
    if item.get("sql"):
        cursor = con.execute(item["sql"])
        line["columns"] = [column[0] for column in cursor.description or ()]
        rows = [[plain(value) for value in row] for row in cursor.fetchall()]
        line["rows"] = rows if item.get("ordered") else sorted(rows, key=json.dumps)
    return line


def plain(value: Any) -> Any:
    """A cell as JSON: numbers with 12 significant digits, days and moments as ISO text."""
    if isinstance(value, Decimal | float):
        return float(f"{value:.12g}")
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat()
    return value.isoformat() if isinstance(value, date) else value


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    (HERE / "questions").mkdir(exist_ok=True)
    for name, lines in published(Path(sys.argv[1])).items():
        text = "".join(json.dumps(line, ensure_ascii=False, default=str) + "\n" for line in lines)
        (HERE / "questions" / f"{name}.jsonl").write_text(text, encoding="utf-8")
        print(f"{name}: {len(lines)} questions")
