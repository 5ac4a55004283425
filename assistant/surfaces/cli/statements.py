"""`askcost sql`: statements that people write, through the same guard and sandbox as any other."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import click

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk.desk import statement
from assistant.engine_room import open_engine
from assistant.errors import AssistantError, Refused
from assistant.sql import explain
from assistant.sql.scan import Scan
from assistant.surfaces.cli.asking import lines
from assistant.telling.answer_object import plain_value
from assistant.telling.table import plain, to_csv, to_terminal
from assistant.values import AnswerColumn, CheckedQuery, Rows


def _assistant(config: Config, run: bool) -> Assistant:
    """People's statements run where they can be killed; a mere check starts no worker."""
    return Assistant(config, engine=open_engine(config, workers=1 if run else 0), surface="sql")


def once(config: Config, text: str, user: str | None, check: bool, explained: bool, shape: str) -> int:
    assistant = _assistant(config, run=not check)
    try:
        if not (check or explained):
            _, ran = statement(assistant, text, user, None, None)
            if ran.error is not None:
                raise ran.error
            assert ran.checked is not None
            assert ran.rows is not None
            _show(ran.checked, ran.rows, shape)
            return 0
        checked = assistant.check(text, user)
        if explained:
            for one in explain.explain(checked, assistant.access(user)):
                click.echo(plain(f"{one.column}: {one.definition}  ← {', '.join(one.sources) or 'nothing loaded'}"))
            return 0
        _say_checked(checked, assistant.estimate(checked, user), shape)
        return 0
    finally:
        assistant.close()


def rewritten(text: str, to: str | None) -> int:
    click.echo(explain.transpile(text, to) if to else explain.format(text))
    return 0


def batch(config: Config, file: Path, user: str | None, check: bool) -> int:
    """JSON Lines in (`id`, `sql`, optional `user`), JSON Lines out, one for each, in order."""
    assistant = _assistant(config, run=not check)
    try:
        for row in lines(file, "sql"):
            click.echo(json.dumps(_one(assistant, row, user, check), ensure_ascii=False))
    finally:
        assistant.close()
    return 0


def _one(assistant: Assistant, row: dict[str, Any], user: str | None, check: bool) -> dict[str, Any]:
    started = time.perf_counter()
    result: dict[str, Any] = {"id": row.get("id"), "accepted": False, "reason": None}
    columns: list[Any] | None = None
    rows: list[Any] | None = None
    try:
        if check:
            assistant.check(str(row["sql"]), row.get("user", user))
            result["accepted"] = True
        else:
            _, ran = statement(assistant, str(row["sql"]), row.get("user", user), None, None)
            result["accepted"] = ran.checked is not None or not isinstance(ran.error, Refused)
            if ran.error is not None:
                raise ran.error
            assert ran.rows
            found = ran.rows
            columns = [{"name": n, "type": t} for n, t in zip(found.columns, found.types, strict=True)]
            rows = [[plain_value(v) for v in r] for r in found.rows]
    except Refused as error:
        result |= {"accepted": False, "reason": str(error)}  # the guard's word, or the other engine's dialect
    except AssistantError as error:
        result["reason"] = f"failed in the engine: {error}"
    result["ms"] = round((time.perf_counter() - started) * 1000, 2)
    if not check:
        result |= {"columns": columns, "rows": rows}
    return result


def _say_checked(checked: CheckedQuery, scan: Scan, shape: str) -> None:
    if shape == "json":
        click.echo(
            json.dumps(
                {
                    "accepted": True,
                    "tables": checked.tables,
                    "columns": checked.columns,
                    "functions": checked.functions,
                    "policy": checked.policy,
                    "scan": {"rows": scan.rows, "bytes": scan.bytes},
                    "warnings": [w.message for w in checked.warnings],
                }
            )
        )
        return
    click.echo(f"accepted: reads {', '.join(checked.tables) or 'no table'}")
    click.echo(f"estimate: {scan}")
    if checked.policy:
        click.echo(plain(f"row policy: {checked.policy}"))
    _warn(checked)


def _warn(checked: CheckedQuery) -> None:
    for warning in checked.warnings:
        click.echo(plain(f"note ({warning.rule}): {warning.message}"), err=True)


def _show(checked: CheckedQuery, rows: Rows, shape: str) -> None:
    columns = [
        AnswerColumn(name, "metric" if _numeric(kind) else "dimension")
        for name, kind in zip(rows.columns, rows.types, strict=True)
    ]
    if shape == "json":
        click.echo(
            json.dumps(
                {
                    "columns": [{"name": n, "type": t} for n, t in zip(rows.columns, rows.types, strict=True)],
                    "rows": [[plain_value(v) for v in row] for row in rows.rows],
                    "row_count": len(rows.rows),
                    "truncated": rows.truncated,
                    "policy": checked.policy,
                    "warnings": [w.message for w in checked.warnings],
                },
                ensure_ascii=False,
            )
        )
        return
    if shape == "csv":
        sys.stdout.write(to_csv(columns, rows.rows))
    else:
        width = shutil.get_terminal_size((120, 24)).columns
        click.echo(to_terminal(columns, rows.rows, width, sys.stdout.isatty()))
        if rows.truncated:
            click.echo(f"Only the first {len(rows.rows):,} rows are shown.", err=True)
    _warn(checked)


def _numeric(kind: str) -> bool:
    return kind.split("(")[0] in (
        "DECIMAL",
        "DOUBLE",
        "FLOAT",
        "BIGINT",
        "INTEGER",
        "HUGEINT",
        "SMALLINT",
        "TINYINT",
    )
