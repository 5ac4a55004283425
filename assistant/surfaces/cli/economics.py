"""`askcost chargeback`, `unit-cost`, `carbon`: draws what surfaces/economics.py calculates, and shows any Report.

Every command prints a table for people, the same rows as JSON or CSV for scripts.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import click

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import Clarify, Refused
from assistant.finops import unit_cost as units
from assistant.finops.allocation import Chargeback, Line
from assistant.surfaces import economics
from assistant.telling.answer_object import plain_value
from assistant.telling.figures import money, quantity
from assistant.telling.table import plain, to_csv, to_terminal
from assistant.values import AnswerColumn


@dataclass(frozen=True)
class Report:
    """Rows with their columns, and what is said about them. wide: columns that only files have.

    extra: what JSON has beside the rows. sentences: said above the table, notes below it.
    """

    columns: tuple[AnswerColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    sentences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    wide: frozenset[str] = frozenset()
    extra: Mapping[str, Any] = field(default_factory=dict)


def show(report: Report, shape: str) -> None:
    """shape: table, json, csv or markdown."""
    if shape == "json":
        content = {
            **report.extra,
            "columns": [asdict(c) for c in report.columns],
            "rows": [[plain_value(v) for v in row] for row in report.rows],
            "row_count": len(report.rows),
            "notes": list(report.notes),
        }
        click.echo(json.dumps(plain_value(content), ensure_ascii=False))
        return
    if shape == "csv":
        sys.stdout.write(to_csv(report.columns, report.rows))
        for note in report.notes:
            click.echo(plain(note), err=True)
        return
    kept = [i for i, c in enumerate(report.columns) if c.name not in report.wide]
    columns = [report.columns[i] for i in kept]
    rows = [[row[i] for i in kept] for row in report.rows]
    for sentence in report.sentences:
        click.echo(plain(sentence))
    click.echo()
    if shape == "markdown":
        click.echo(_markdown(columns, rows))
    else:
        click.echo(to_terminal(columns, rows, shutil.get_terminal_size((120, 24)).columns, sys.stdout.isatty()))
    click.echo()
    for note in report.notes:
        click.echo(plain(f"- {note}" if shape == "markdown" else f"  · {note}"))


def _markdown(columns: Sequence[AnswerColumn], rows: Sequence[Sequence[Any]]) -> str:
    def cell(value: Any, column: AnswerColumn) -> str:
        if column.kind == "metric" and isinstance(value, Decimal | int) and not isinstance(value, bool):
            return money(value, "USD") if column.unit == "USD" else quantity(value)
        return plain("" if value is None else str(value)).replace("|", "\\|").replace("<", "&lt;")

    lines = ["| " + " | ".join(plain(c.name).replace("_", " ") for c in columns) + " |"]
    lines.append("| " + " | ".join("---:" if c.kind == "metric" else "---" for c in columns) + " |")
    lines += ["| " + " | ".join(cell(v, c) for v, c in zip(row, columns, strict=True)) + " |" for row in rows]
    return "\n".join(lines)


def dimension(name: str) -> AnswerColumn:
    return AnswerColumn(name, "dimension")


def time(name: str = "month") -> AnswerColumn:
    return AnswerColumn(name, "time")


def metric(name: str, unit: str | None) -> AnswerColumn:
    return AnswerColumn(name, "metric", unit)


# --- chargeback ------------------------------------------------------------------------------------------------------


def chargeback(
    config: Config, month: date | None, by: str | None, consumer: str | None, user: str | None, shape: str
) -> int:
    """One row for each consumer and rule; with `consumer` that one's statement, and why each line is what it is."""
    assistant = Assistant(config, surface="cli")
    start, result = economics.chargeback(assistant, month, by, user)
    lines = [line for line in result.lines if not line.feeds]
    if consumer:
        known = sorted({line.consumer for line in lines if line.consumer})
        lines = [line for line in lines if (line.consumer or "").casefold() == consumer.casefold()]
        if not lines:
            raise Clarify(f"Nothing is charged to “{consumer}” in {start:%b %Y}. Who is meant?", tuple(known[:20]))
    show(_chargeback(start, result, lines, bool(consumer)), shape)
    return 0


def _chargeback(start: date, result: Chargeback, lines: Sequence[Line], statement: bool) -> Report:
    one = len({total.currency for total in result.totals}) == 1
    unit = result.totals[0].currency if one else None
    columns = [dimension(n) for n in ("currency", "dimension", "consumer", "rule", "method")]
    amounts = ("direct", "allocated", "unallocated", "total")
    columns += [metric(n, unit) for n in amounts]
    columns += [metric("share", "percent"), *(metric(n, unit) for n in ("driver", "driver_total", "pool_total"))]
    rows = tuple(
        (
            line.currency, line.dimension, line.consumer, line.pool, line.method, line.direct, line.allocated,
            line.unallocated, line.total, line.share, line.driver, line.driver_total, line.pool_total,
        )
        for line in lines
    )  # fmt: skip
    wide = {"driver", "driver_total", "pool_total"} | ({"currency"} if one else set())
    wide |= {"dimension"} if len({line.dimension for line in lines}) == 1 else set()
    sentences = [
        f"Chargeback {start:%b %Y}: {money(t.source, t.currency)} = {money(t.direct, t.currency)} direct + "
        f"{money(t.allocated, t.currency)} allocated + {money(t.unallocated, t.currency)} unallocated."
        for t in result.totals
    ]
    if statement:
        sentences = [f"Statement of {lines[0].consumer}, {start:%b %Y}.", *(_why(line) for line in lines)]
    return Report(
        tuple(columns),
        rows,
        tuple(sentences),
        (*result.notes, *_passed_on(result)),
        frozenset(wide),
        {
            "month": start,
            "totals": [asdict(total) for total in result.totals],
            "transfers": [
                {"currency": t.currency, "from": t.pool, "to": t.consumer, "amount": t.allocated, "share": t.share}
                for t in result.lines
                if t.feeds
            ],
        },
    )


def _passed_on(result: Chargeback) -> list[str]:
    return [
        f"{line.pool} passes {money(line.allocated, line.currency)} on to the pool {line.consumer}."
        for line in result.lines
        if line.feeds
    ]


def _why(line: Line) -> str:
    total = money(line.total, line.currency)
    if line.pool is None or line.method == "direct":
        return f"{line.pool or 'Own charges'}: {total}, charged directly."
    part = f"{line.pool}: {total}, {quantity(round(line.share or Decimal(0), 2))}% of "
    part += money(line.pool_total or Decimal(0), line.currency)
    if line.driver is not None and line.driver_total is not None:
        own, everyone = money(line.driver, line.currency), money(line.driver_total, line.currency)
        return f"{part}, by direct cost: {own} of {everyone}."
    return f"{part}, split {'evenly' if line.method == 'even' else 'by fixed weights'}."


# --- unit cost -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """Months of a baseline and after, [first, last], and what was invested in between."""

    baseline: tuple[date, date]
    after: tuple[date, date] | None = None
    investment: Decimal | None = None


def unit_cost(
    config: Config,
    name: str,
    product: str | None,
    start: date | None,
    end: date | None,
    change: Change | None,
    user: str | None,
    shape: str,
) -> int:
    """Month by month: cost, volume, average and marginal cost; with `change` what the difference is made of."""
    if start and end and end <= start:
        raise Refused("--to lies before --from; give the earlier month first.")
    found = economics.unit_costs(Assistant(config, surface="cli"), name, product, start, end, user)
    unit = f"{found.currency} per unit"
    columns = (
        time(), metric("cost", found.currency), metric("volume", "count"), metric("unit_cost", unit),
        metric("marginal_cost", unit),
    )  # fmt: skip
    rows = tuple((m.month, m.cost, m.volume, m.average, m.marginal) for m in found.months)
    shown = found.metric + (f" ({found.product})" if found.product else "")
    report = Report(
        columns,
        rows,
        (f"Unit cost of {shown}.",),
        found.notes,
        extra={"metric": found.metric, "currency": found.currency},
    )
    if change:
        report = _with_comparison(report, _comparison(found.months, change), found.currency)
    show(report, shape)
    return 0


def _comparison(months: Sequence[units.UnitCost], change: Change) -> units.Comparison:
    after = change.after or (months[-1].month, months[-1].month)
    chosen = []
    for name, (first, last) in (("baseline", change.baseline), ("months after", after)):
        inside = [m for m in months if first <= m.month <= last]
        if not inside:
            raise Refused(
                f"The {name} {first:%b %Y} – {last:%b %Y} has no month with both cost and volume; there are "
                f"{months[0].month:%b %Y} to {months[-1].month:%b %Y}."
            )
        chosen.append(units.mean(inside))
    return units.compare(chosen[0], chosen[1], change.investment)


def _with_comparison(report: Report, one: units.Comparison, currency: str) -> Report:
    def sum_of(value: Decimal | None) -> str:
        return "–" if value is None else money(value, currency)

    sentences = [
        f"A month: {sum_of(one.baseline.cost)} before, {sum_of(one.after.cost)} after ({sum_of(one.change)} change); "
        f"{sum_of(one.baseline.average)} before and {sum_of(one.after.average)} after for one.",
        f"The change is {sum_of(one.volume_effect)} from volume and {sum_of(one.rate_effect)} from the cost of one.",
        f"At the old cost of one it would be {sum_of(one.counterfactual)}: {sum_of(one.avoided)} a month avoided.",
    ]
    if one.marginal is not None:
        sentences.append(f"Each unit more costs {sum_of(one.marginal)}.")
    if one.investment is not None:
        paid = one.payback_months
        back = f"paid back in {quantity(round(paid, 1))} months" if paid else "not paid back: no cost is avoided"
        sentences.append(f"An investment of {sum_of(one.investment)} is {back}.")
    comparison = {
        "baseline": asdict(one.baseline), "after": asdict(one.after), "change": one.change,
        "volume_effect": one.volume_effect, "rate_effect": one.rate_effect, "counterfactual": one.counterfactual,
        "avoided": one.avoided, "marginal": one.marginal, "investment": one.investment,
        "payback_months": one.payback_months,
    }  # fmt: skip
    return replace(report, sentences=(*report.sentences, *sentences), extra={**report.extra, "comparison": comparison})


# --- carbon ----------------------------------------------------------------------------------------------------------


def carbon(
    config: Config, start: date | None, end: date | None, cluster: str | None, user: str | None, shape: str
) -> int:
    """Energy and carbon of own GPUs by cluster and month; location- and market-based apart, with their sources."""
    if start and end and end <= start:
        raise Refused("--to lies before --from; give the earlier month first.")
    found, notes = economics.carbon_of(Assistant(config, surface="cli"), start, end, cluster, user)
    columns = (
        time(), dimension("cluster"), dimension("grid_region"), metric("gpu_hours_allocated", "GPU-hours"),
        metric("energy", "kWh"), metric("carbon_location", "kgCO2e"), metric("carbon_market", "kgCO2e"),
        dimension("location_source"), dimension("market_source"),
    )  # fmt: skip
    rows = tuple(
        (m.month, m.cluster, m.grid_region, m.gpu_hours, m.kwh, m.location.kg, m.market.kg, m.location.source,
         m.market.source)
        for m in found
    )  # fmt: skip
    sources = {
        f"{method}-based, {factor.grid_region}: {factor.kg_per_kwh.normalize():f} kgCO2e/kWh from {factor.valid_from}, "
        f"{factor.source or 'no source given'}"
        for m in found
        for method, one in (("Location", m.location), ("Market", m.market))
        for factor in one.factors
    }
    method = "Energy = allocated GPU-hours × rated kW × PUE. The two methods are alternatives; never add them."
    wide = frozenset({"location_source", "market_source", "grid_region"})
    show(Report(columns, rows, (method,), (*notes, *sorted(sources)), wide), shape)
    return 0
