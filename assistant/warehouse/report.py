"""What a load did, told to a person and to a machine. Reads tables, changes none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from assistant.warehouse.contracts import COSTS
from assistant.warehouse.focus import Inserted

MOST_INVOICES = 1_000


@dataclass(frozen=True)
class CurrencySum:
    """Exact sums of the rows loaded, in `currency`."""

    currency: str
    billed: Decimal
    effective: Decimal


@dataclass(frozen=True)
class Invoice:
    """What BilledCost adds up to on one invoice: the figure to hold against the paper."""

    invoice: str
    issuer: str | None
    currency: str
    billed: Decimal


@dataclass(frozen=True)
class LoadReport:
    """`first_day`, `last_day`: the loaded rows' days (UTC), inclusive. `oddities`: sentences."""

    table: str
    files: tuple[str, ...]
    rows: int
    replaced_rows: int = 0
    first_day: date | None = None
    last_day: date | None = None
    focus_versions: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    sums: tuple[CurrencySum, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    new_dimensions: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For JSON: days as ISO text, amounts as decimal text, so that no digit is lost."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, date) else value


def of_costs(con: duckdb.DuckDBPyConnection, done: Inserted) -> dict[str, Any]:
    """The FOCUS fields of a LoadReport, from the rows that were just inserted."""
    new = f"FROM {COSTS} WHERE rowid > {done.above}"
    sums = con.execute(
        f"SELECT BillingCurrency, sum(BilledCost), sum(EffectiveCost) {new} GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    providers = con.execute(
        f"SELECT DISTINCT ServiceProviderName {new} AND ServiceProviderName IS NOT NULL ORDER BY ALL"
    ).fetchall()
    invoices = con.execute(
        f"SELECT InvoiceId, InvoiceIssuerName, BillingCurrency, sum(BilledCost) {new} "
        f"AND InvoiceId IS NOT NULL GROUP BY ALL ORDER BY ALL LIMIT {MOST_INVOICES}"
    ).fetchall()
    return {
        "focus_versions": done.versions,
        "providers": tuple(row[0] for row in providers),
        "sums": tuple(CurrencySum(*row) for row in sums),
        "invoices": tuple(Invoice(*row) for row in invoices),
        "oddities": tuple(_oddities(con, done, new)),
    }


ODD_ROWS = {
    "Corrections of earlier charges (ChargeClass Correction)": "ChargeClass = 'Correction'",
    "Periods that end on their last moment, or where they start (FOCUS ends are exclusive; days are "
    "taken from the starts, so no amount moves)": (
        "ChargePeriodEnd <= ChargePeriodStart OR BillingPeriodEnd <= BillingPeriodStart "
        "OR (minute(ChargePeriodEnd) = 59 AND second(ChargePeriodEnd) = 59) "
        "OR (minute(BillingPeriodEnd) = 59 AND second(BillingPeriodEnd) = 59)"
    ),
    "Charges outside their billing period (they count on their charge day)": (
        "ChargePeriodStart < BillingPeriodStart OR ChargePeriodStart >= BillingPeriodEnd"
    ),
    "Billing periods that do not start at midnight UTC, such as 07:00Z": (
        "BillingPeriodStart <> date_trunc('day', BillingPeriodStart)"
    ),
    "Usage below zero": "ChargeCategory = 'Usage' AND (EffectiveCost < 0 OR ConsumedQuantity < 0)",
}


def _oddities(con: duckdb.DuckDBPyConnection, done: Inserted, new: str) -> list[str]:
    tests = ", ".join(f"count(*) FILTER ({test})" for test in ODD_ROWS.values())
    counts = con.execute(f"SELECT {tests} {new}").fetchone()
    told = [
        f"{what}: {count:,} row{'s' if count > 1 else ''}."
        for what, count in zip(ODD_ROWS, counts or (), strict=True)
        if count
    ]
    for column, count in done.rounded.items():
        told.append(f"{column} is rounded: {count:,} values have more decimals than are kept.")
    if len(done.versions) > 1:
        told.append(f"The files follow different FOCUS versions: {', '.join(done.versions)}.")
    if done.keys_left_out:
        told.append(f"{done.keys_left_out:,} rare tag keys stay in Tags but are no dimensions of their own.")
    return told
