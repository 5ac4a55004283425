"""`askcost spend --export` and `--load`: the assistant's own spend as files, or straight into the warehouse.

Loading again replaces what was loaded before and nothing else.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import AssistantError
from assistant.house import Warehouse
from assistant.ledger import own_bill, prices, store
from assistant.ledger.allowances import APPLICATION
from assistant.ledger.audit import Ledger
from assistant.ledger.own_bill import Names
from assistant.ledger.spend import Spend
from assistant.planning import local
from assistant.planning.local import Context
from assistant.warehouse import load as loader

COSTS = "cost_and_usage"
# Which rows of a table are the assistant's own; charges are replaced by billing account and month.
OWN = {"token_usage": "application", "business_metrics": "product", "unit_cost_map": "product"}


def export(config: Config, folder: Path, since: date | None = None) -> int:
    """The ledger from a day on as files for `askcost load`. Raises LedgerError, AssistantError."""
    files = _write(config, folder, since)
    if not files:
        click.echo("Nothing was spent on language models; there is nothing to write.")
        return 0
    listed = ", ".join(f"{file.name} ({rows:,} rows)" for file, rows in files.items())
    click.echo(f"Wrote to {folder}: {listed}. askcost spend --load puts them into the warehouse.")
    return 0


def load(config: Config) -> int:
    """The whole ledger into the warehouse, in place of what was loaded of it before. Raises LoadError, LedgerError."""
    with TemporaryDirectory(prefix="askcost-") as folder:
        files = _write(config, Path(folder), None)
        if not files:
            click.echo("Nothing was spent on language models; there is nothing to load.")
            return 0
        for file, rows in files.items():
            only = (OWN[file.stem], APPLICATION) if file.stem in OWN else None
            loader.load([str(file)], config.warehouse, file.stem, replace=True, only=only)
            click.echo(f"{rows:,} rows into {file.stem}")
    click.echo('Try: askcost ask "what did the assistant cost last month by team"')
    return 0


def _write(config: Config, folder: Path, since: date | None) -> dict[Path, int]:
    """file → its rows, of the tables that have any."""
    ledger = store.of(config)
    calls = Spend(ledger).calls("day >= :since", since=since.isoformat() if since else "")
    first = since.replace(day=1).isoformat() if since else ""
    answers = [month for month in Ledger(ledger).months() if month["month"] >= first] if calls else []
    tables = own_bill.tables(calls, answers, _names(config), prices.provider)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return {_file(folder / f"{name}.csv", rows): len(rows) for name, rows in tables.items() if rows}
    except OSError as error:
        raise AssistantError(f"{folder} can't be written: {error.strerror or error}.") from None


def _file(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    partial = path.with_name(f"{path.name}.part-{os.getpid()}")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(path)
    return path


def _names(config: Config) -> Names:
    """The company's own spelling of team and application, when it has charges; a word it lacks is left out."""
    assistant = Assistant(config, surface="spend")
    try:
        house = assistant.warehouse
    except AssistantError:
        return Names()
    finally:
        assistant.close()
    if COSTS not in house.catalog.days:
        return Names()
    team, application = _spelled("team", house), _spelled("application", house)
    return Names(team.get("tag"), team.get("column"), application.get("tag"), application.get("column"))


def _spelled(word: str, house: Warehouse) -> dict[str, str]:
    """The tag key or the column that "by <word>" means in the charges; neither when it means nothing there."""
    newest = house.catalog.days[COSTS].last
    try:
        plan = local.read(f"cost by {word} on {newest}", house.lexicon, Context(newest)).plan
        dimension = house.model.dimensions[plan.dataset][plan.dimensions[0]]
    except (AssistantError, LookupError):
        return {}
    for extra in house.catalog.extra:
        if extra.table == COSTS and extra.field == dimension.field:
            return {"tag": extra.tag_key} if extra.tag_key else {"column": extra.field}
    return {}
