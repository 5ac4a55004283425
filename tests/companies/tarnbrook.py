"""Tarnbrook Mutual, the tests' own company: FOCUS exports of six providers and every other table.

Deterministic: the same call writes the same bytes' worth of rows. Knows nothing about askcost;
the layout of the files follows each provider's habits (see README.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from .tarnbrook_files import (
    write_anthropic,
    write_aws,
    write_google,
    write_larkspur,
    write_microsoft,
    write_solenne,
)
from .tarnbrook_focus import WORKLOADS, Workload, provider_facts
from .tarnbrook_tables import write_tables

FIRST_DAY = date(2025, 2, 1)
LAST_DAY = date(2026, 3, 18)
GOOGLE_START = date(2025, 4, 1)
HARBOR_END = date(2025, 12, 31)
BEDROCK_START = date(2025, 9, 1)
CENT = Decimal("0.01")
FOUR = Decimal("0.0001")

Row = dict[str, Any]
Tables = list[tuple[str | None, list[Path]]]


def build(folder: Path, single_currency: bool = True) -> Tables:
    """Write the company's files into `folder`: (table name or None for FOCUS, paths) each.

    single_currency: everything in USD; otherwise Solenne AI bills in EUR and Larkspur in GBP
    (the amounts' digits stay the same).
    """
    rows = list(charge_rows(single_currency))
    focus = folder / "focus"
    focus.mkdir(parents=True, exist_ok=True)
    by_provider: dict[str, list[Row]] = {}
    for row in rows:
        by_provider.setdefault(row["ProviderName"], []).append(row)
    writers: tuple[tuple[str, Callable[[Path, list[Row]], list[Path]]], ...] = (
        ("AWS", write_aws),
        ("Microsoft", write_microsoft),
        ("Google Cloud", write_google),
        ("Larkspur", write_larkspur),
        ("Anthropic", write_anthropic),
        ("Solenne AI", write_solenne),
    )
    tables: Tables = [(None, write(focus, by_provider[name])) for name, write in writers]
    return tables + [(name, [path]) for name, path in write_tables(folder, FIRST_DAY, LAST_DAY)]


# --- charges -----------------------------------------------------------------------------------


def chance(*key: object) -> float:
    """A number in [0, 1) that depends on the key alone."""
    digest = hashlib.sha256("|".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def charge_rows(single_currency: bool) -> Iterator[Row]:
    """Every charge, with FOCUS column names, times in UTC and amounts as Decimal."""
    for day in days(FIRST_DAY, LAST_DAY):
        for workload in WORKLOADS:
            if _runs(workload, day):
                yield from _usage(workload, day, single_currency)
        yield _unused_commitment(day)
        if day.day == 1:
            yield from _monthly(day, single_currency)
    yield from _single_events()


def _runs(workload: Workload, day: date) -> bool:
    if workload.provider == "Google Cloud" and day < GOOGLE_START:
        return False
    if workload.account == "Harbor Analytics" and day > HARBOR_END:
        return False
    return not (workload.service == "Amazon Bedrock" and day < BEDROCK_START)


def _factor(workload: Workload, day: date) -> float:
    months = (day.year - 2025) * 12 + day.month - 2
    growth = 1.0 + workload.growth * months
    weekend = 0.35 if day.weekday() >= 5 and workload.env in ("dev", "staging") else 1.0
    spike = 6.0 if workload.name == "nat-prod" and date(2026, 2, 10) <= day <= date(2026, 2, 12) else 1.0
    return growth * weekend * spike * (0.85 + 0.3 * chance(workload.name, day))


def _usage(workload: Workload, day: date, single_currency: bool) -> Iterator[Row]:
    price, discount = workload.price, workload.discount
    quantity = (Decimal(repr(workload.daily * _factor(workload, day))) / price).quantize(FOUR)
    listed = quantity * price
    contracted_price = (price * (1 - discount)).quantize(Decimal("0.00000001"))
    contracted = quantity * contracted_price
    committed = workload.commitment and chance("ri", workload.name, day) < 0.8
    effective = (listed * Decimal("0.62")).quantize(Decimal("0.00000001")) if committed else contracted
    start = midnight(day) + timedelta(hours=workload.hour)
    row = _row(workload.provider, day, single_currency) | {
        "BilledCost": Decimal(0) if committed else contracted,
        "EffectiveCost": effective,
        "ListCost": listed,
        "ContractedCost": contracted,
        "ListUnitPrice": price,
        "ContractedUnitPrice": contracted_price,
        "PricingQuantity": quantity,
        "PricingUnit": workload.unit,
        "ConsumedQuantity": quantity,
        "ConsumedUnit": workload.unit,
        "PricingCategory": "Committed" if committed else "Standard",
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargeDescription": f"{workload.service} {workload.sku}",
        "ChargePeriodStart": start,
        "ChargePeriodEnd": start + timedelta(hours=1) if workload.hour else midnight(day) + timedelta(days=1),
        "ServiceName": workload.service,
        "ServiceCategory": workload.category,
        "ServiceSubcategory": workload.subcategory,
        "RegionId": workload.region,
        "RegionName": workload.region_name,
        "SubAccountId": workload.account_id,
        "SubAccountName": workload.account,
        "ResourceId": _resource(workload, day),
        "ResourceName": workload.name,
        "ResourceType": workload.resource_type,
        "SkuId": workload.sku_id,
        "SkuMeter": workload.sku,
        "SkuPriceId": f"{workload.sku_id}.ondemand",
        "SkuPriceDetails": workload.price_details,
        "Tags": workload.tags,
        "x_BusinessUnit": workload.business_unit,
        "x_CostCentre": workload.cost_centre,
        "x_ResourceGroupName": f"rg-{workload.name}" if workload.provider == "Microsoft" else None,
    }
    if committed:
        row |= {
            "CommitmentDiscountCategory": "Usage",
            "CommitmentDiscountId": "ri-0a51",
            "CommitmentDiscountName": "EC2 reserved instances 2025",
            "CommitmentDiscountType": "Reserved Instance",
            "CommitmentDiscountStatus": "Used",
        }
    yield row


def _resource(workload: Workload, day: date) -> str:
    provider = workload.provider.lower().replace(" ", "-")
    return f"{provider}/{workload.name}/{int(chance('r', workload.name, day) * workload.resources)}"


def _row(provider: str, day: date, single_currency: bool = True) -> Row:
    month = day.replace(day=1)
    facts = provider_facts(provider)
    currency = "USD" if single_currency else facts["currency"]
    return {
        "ProviderName": provider,
        "ServiceProviderName": provider,
        "HostProviderName": provider,
        "PublisherName": facts["publisher"],
        "InvoiceIssuerName": facts["publisher"],
        "InvoiceId": f"{facts['prefix']}-{month:%Y%m}",
        "BillingAccountId": facts["billing_account_id"],
        "BillingAccountName": facts["billing_account"],
        "BillingCurrency": currency,
        "PricingCurrency": currency,
        "BillingPeriodStart": midnight(month),
        "BillingPeriodEnd": midnight(next_month(month)),
        "Tags": {},
    }


def _charge(provider: str, day: date, amount: str, category: str, words: str, **more: Any) -> Row:
    """A charge that is not metered: tax, credit, fee, correction."""
    value = Decimal(amount)
    return (
        _row(provider, day)
        | {
            "BilledCost": value,
            "EffectiveCost": value,
            "ListCost": value,
            "ContractedCost": value,
            "ChargeCategory": category,
            "ChargeFrequency": "One-Time",
            "ChargeDescription": words,
            "ChargePeriodStart": midnight(day),
            "ChargePeriodEnd": midnight(day + timedelta(days=1)),
            "ServiceName": "Support and billing",
            "ServiceCategory": "Other",
            "ServiceSubcategory": "Other (Other)",
        }
        | more
    )


EC2 = {
    "ServiceName": "Amazon Elastic Compute Cloud",
    "ServiceCategory": "Compute",
    "ServiceSubcategory": "Virtual Machines",
    "CommitmentDiscountCategory": "Usage",
    "CommitmentDiscountId": "ri-0a51",
    "CommitmentDiscountName": "EC2 reserved instances 2025",
    "CommitmentDiscountType": "Reserved Instance",
    "SubAccountId": "700100200301",
    "SubAccountName": "tarnbrook-prod",
    "RegionId": "eu-west-1",
    "RegionName": "Europe (Ireland)",
}


def _unused_commitment(day: date) -> Row:
    wasted = Decimal(repr(4 + 18 * chance("unused", day))).quantize(CENT)
    zero = Decimal(0)
    return (
        _charge("AWS", day, "0", "Usage", "Unused reserved instance hours")
        | EC2
        | {
            "EffectiveCost": wasted,
            "ListCost": zero,
            "ContractedCost": zero,
            "ChargeFrequency": "Usage-Based",
            "PricingCategory": "Committed",
            "CommitmentDiscountStatus": "Unused",
        }
    )


def _monthly(day: date, single_currency: bool) -> Iterator[Row]:
    months = (day.year - 2025) * 12 + day.month - 2
    yield _charge("AWS", day, f"{2900 + 45 * months}.20", "Tax", "VAT on AWS services")
    yield _charge("Microsoft", day, f"{1450 + 30 * months}.75", "Tax", "VAT on Microsoft services")
    yield _charge("AWS", day, f"-{250 + 15 * (months % 4)}.00", "Credit", "Migration credit")
    if day.month % 3 == 1 and day >= GOOGLE_START:
        yield _charge("Google Cloud", day, "-420.50", "Credit", "Quarterly committed spend credit")
    fee = _charge("AWS", day, f"{5200 + 10 * months}.00", "Purchase", "Reserved instances, monthly fee")
    yield fee | EC2 | {"EffectiveCost": Decimal(0), "ChargeFrequency": "Recurring"}
    seats = (
        ("Payments", "Full", 40),
        ("Claims", "Full", 65),
        ("Claims", "Read-only", 30),
        ("Growth", "Full", 22),
    )
    for squad, seat, count in seats:
        number = count + months // 2
        price = Decimal("85.00") if seat == "Full" else Decimal("19.50")
        amount = number * price
        yield _row("Larkspur", day, single_currency) | {
            "BilledCost": amount,
            "EffectiveCost": amount,
            "ListCost": amount * Decimal("1.1"),
            "ContractedCost": amount,
            "ListUnitPrice": price * Decimal("1.1"),
            "ContractedUnitPrice": price,
            "PricingQuantity": Decimal(number),
            "PricingUnit": "Seats",
            "ChargeCategory": "Purchase",
            "ChargeFrequency": "Recurring",
            "ChargeDescription": f"{seat} seats for {squad}",
            "ChargePeriodStart": midnight(day),
            "ChargePeriodEnd": midnight(next_month(day)),
            "ServiceName": "Larkspur CRM",
            "ServiceCategory": "Business Applications",
            "ServiceSubcategory": "Customer Relationship Management",
            "SkuId": f"LK-{seat.upper()}",
            "Tags": {"Squad": squad, "product-line": "Motor"},
            "x_seat_type": seat,
        }


def _single_events() -> Iterator[Row]:
    payments = {
        "Tags": {"Squad": "Payments", "Env": "prod"},
        "x_BusinessUnit": "Retail",
        "x_CostCentre": "1010",
    }
    microsoft = {
        "ServiceName": "Virtual Machines",
        "ServiceCategory": "Compute",
        "ServiceSubcategory": "Virtual Machines",
    }
    yield (
        _charge("Microsoft", date(2025, 11, 14), "-1840.50", "Usage", "Refund for an outage")
        | payments
        | microsoft
        | {"ChargeClass": "Correction", "SubAccountId": "sub-77a1", "SubAccountName": "Retail Digital"}
    )
    yield (
        _charge("Google Cloud", date(2026, 1, 20), "312.40", "Usage", "Corrected storage usage")
        | {
            "ServiceName": "Cloud Storage",
            "ServiceCategory": "Storage",
            "ServiceSubcategory": "Object Storage",
        }
        | {"ChargeClass": "Correction", "Tags": {"Squad": "Data Platform", "Env": "prod"}}
    )
    yield _charge("AWS", date(2025, 12, 31), "-0.37", "Adjustment", "Rounding of the year")
    yield _charge("AWS", date(2026, 3, 5), "-1200.00", "Credit", "Goodwill credit")
    yield (
        _charge("AWS", date(2025, 6, 3), "18000.00", "Purchase", "Reserved instances, upfront")
        | EC2
        | {"EffectiveCost": Decimal(0)}
    )
