# ruff: noqa: E501
"""Quillfox Interactive, the tests' fourth company: a games and media firm. All in USD.

Deterministic, standard library only, knows nothing about askcost. Charges run from 2024-11-01 to 2025-08-20.
`build(folder)` writes the files and returns [(table name, or None for FOCUS, [paths])], FOCUS first.

What is there to trip over: games called "Q", "Top Gun Racing", "Summer Sale", "Quest 3000", "7 Days of Frost";
"Analytics" is a team and a service category; "Lumen" a team and (as "lumen") an app with other rows; "Matchmaker"
an app and an initiative with the same rows; "São Paulo" has an accent; Databricks is prepaid (purchase billed on
2025-01-15, its usage afterwards has BilledCost 0); OpenAI starts in December, Gemini in March, token_usage in
February, gpu_usage in January; the cluster tin-can went into service on 2025-05-12; CloudFront five-fold on
2025-06-20 to 22; there are no allocation rules.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

FIRST_DAY, LAST_DAY = date(2024, 11, 1), date(2025, 8, 20)
STARTS = {"OpenAI": date(2024, 12, 1), "Google": date(2025, 3, 1)}
PREPAID = date(2025, 1, 15)
EIGHT = Decimal("0.00000001")

Row = dict[str, Any]
Tables = list[tuple[str | None, list[Path]]]

# service → category, subcategory, list price, unit
SERVICES = {
    "Amazon GameLift Servers": ("Compute", "Other (Compute)", "0.276", "Hours"),
    "Amazon Elastic Compute Cloud": ("Compute", "Virtual Machines", "0.204", "Hours"),
    "Amazon Elastic Kubernetes Service": ("Compute", "Containers", "0.10", "Hours"),
    "AWS Lambda": ("Compute", "Serverless Compute", "0.0002", "Requests"),
    "Amazon CloudFront": ("Networking", "Content Delivery", "0.085", "GB"),
    "Amazon Simple Storage Service": ("Storage", "Object Storage", "0.025", "GB"),
    "Amazon DynamoDB": ("Databases", "NoSQL Databases", "0.0014", "1000 Requests"),
    "Amazon ElastiCache": ("Databases", "Caching", "0.126", "Hours"),
    "Amazon Virtual Private Cloud": ("Networking", "Network Connectivity", "0.052", "GB"),
    "OCI Compute": ("Compute", "Virtual Machines", "0.118", "OCPU Hours"),
    "Oracle Autonomous Database": ("Databases", "Relational Databases", "0.336", "ECPU Hours"),
    "OCI Object Storage": ("Storage", "Object Storage", "0.0255", "GB"),
    "Virtual Warehouse": ("Analytics", "Data Warehouses", "3.90", "Credits"),
    "Data Storage": ("Storage", "Other (Storage)", "0.75", "TB Days"),
    "Jobs Compute": ("Analytics", "Data Processing", "0.30", "DBU"),
    "SQL Warehouse": ("Analytics", "Data Warehouses", "0.70", "DBU"),
    "Infrastructure Monitoring": ("Management and Governance", "Observability", "0.60", "Host Days"),
    "Log Management": ("Management and Governance", "Observability", "1.70", "Million Events"),
    "OpenAI API": ("AI and Machine Learning", "Generative AI", "2.00", "1000000 Tokens"),
    "Gemini API": ("AI and Machine Learning", "Generative AI", "1.25", "1000000 Tokens"),
}
REGIONS = {
    "sa-east-1": "South America (São Paulo)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "eu-north-1": "Europe (Stockholm)",
    "uk-london-1": "UK South (London)",
    "ap-mumbai-1": "India West (Mumbai)",
    "": None,
}
ACCOUNTS = {
    "qf-live": "410022003301",
    "qf-dev": "410022003302",
    "qf-data": "410022003303",
    "quillfox-oci": "ocid1.compartment.qf01",
    "QUILLFOX_EU": "QF-EU-77120",
    "feature-lab": "ws-90017",
    "quillfox-main": "dd-551",
    "npc-dialogue": "proj_npc",
    "support-desk": "proj_sup",
    "gemini-prod": "gemini-prod-3121",
}
# provider → publisher, invoice prefix, billing account id and name, negotiated discount
PROVIDERS = {
    "AWS": ("Amazon Web Services, Inc.", "AWSINV", "410022003300", "Quillfox Holdings", "0.07"),
    "Oracle": ("Oracle Corporation", "OCI", "ocid1.tenancy.qf", "Quillfox Oracle Tenancy", "0.15"),
    "Snowflake": ("Snowflake Inc.", "SNOW", "QFORG", "Quillfox Data", "0.12"),
    "Databricks": ("Databricks, Inc.", "DBX", "dbx-4410", "Quillfox Data", "0"),
    "Datadog": ("Datadog, Inc.", "DD", "dd-org-9", "Quillfox Holdings", "0.05"),
    "OpenAI": ("OpenAI, LLC", "OAI", "org-qf81", "Quillfox AI", "0"),
    "Google": ("Google LLC", "GGL", "0A1B2C-77", "Quillfox AI", "0.04"),
}
# name|provider|service|account|region|team|environment|Game|cost-center|app|studio|initiative|list cost a day|growth
_LINES = """
gl-tgr|AWS|Amazon GameLift Servers|qf-live|sa-east-1|Netcode|production|Top Gun Racing|GAM-100|matchmaker|North Star|Matchmaker|310|.02
gl-q|AWS|Amazon GameLift Servers|qf-live|ap-northeast-1|Netcode|production|Q|GAM-200|lobby|Studio 9||190|.03
ec2-tgr|AWS|Amazon Elastic Compute Cloud|qf-live|eu-north-1|Backend|production|Top Gun Racing|GAM-100|api|North Star||260|.01
ec2-quest|AWS|Amazon Elastic Compute Cloud|qf-live|ap-southeast-2|Backend|production|Quest 3000|GAM-200|api|Lisbon||175|0
ec2-qa|AWS|Amazon Elastic Compute Cloud|qf-dev|eu-north-1|Backend|qa|Quest 3000|GAM-200|api|Lisbon||64|.01
ec2-dev|AWS|Amazon Elastic Compute Cloud|qf-dev|eu-north-1||development||||Studio 9||48|0
eks-lumen|AWS|Amazon Elastic Kubernetes Service|qf-live|eu-north-1|Lumen|production|Q|GAM-200|lobby|Studio 9|Live Ops 2.0|85|.01
lambda-lumen|AWS|AWS Lambda|qf-dev|eu-north-1|Backend|staging|Q|GAM-200|lumen|Studio 9||7|0
cf-sale|AWS|Amazon CloudFront|qf-live||Live Ops|production|Summer Sale|MED-310|store|Pixel Foundry|Live Ops 2.0|140|.02
s3-assets|AWS|Amazon Simple Storage Service|qf-live|eu-north-1|Live Ops|production|Summer Sale|MED-310|store|Pixel Foundry||72|.03
s3-replays|AWS|Amazon Simple Storage Service|qf-data|ap-northeast-1|Analytics|production|Q|MED-310|replays|Studio 9||58|.04
s3-orphan|AWS|Amazon Simple Storage Service|qf-dev|ap-southeast-2||||||||19|0
ddb-lobby|AWS|Amazon DynamoDB|qf-live|ap-northeast-1|Netcode|production|Q|GAM-200|lobby|Studio 9||66|.01
cache-tgr|AWS|Amazon ElastiCache|qf-live|sa-east-1|Netcode|production|Top Gun Racing|GAM-100|matchmaker|North Star|Matchmaker|44|0
vpc|AWS|Amazon Virtual Private Cloud|qf-live|eu-north-1|Backend|production||CORP-900|api|||33|0
oci-store|Oracle|OCI Compute|quillfox-oci|uk-london-1|Live Ops|production|Quest 3000|GAM-200|store|Lisbon||120|.01
oci-cheat|Oracle|OCI Compute|quillfox-oci|ap-mumbai-1|Trust|production|7 Days of Frost|GAM-100|anticheat|North Star|Cheat Detection|95|.02
oci-adb|Oracle|Oracle Autonomous Database|quillfox-oci|uk-london-1|Backend|production|Quest 3000|GAM-200|api|Lisbon||135|0
oci-bucket|Oracle|OCI Object Storage|quillfox-oci|ap-mumbai-1||staging|7 Days of Frost||anticheat|North Star|Cheat Detection|22|0
sf-wh|Snowflake|Virtual Warehouse|QUILLFOX_EU||Analytics|production||MED-310|insights|Pixel Foundry||150|.03
sf-store|Snowflake|Data Storage|QUILLFOX_EU||Analytics|production||MED-310|insights|Pixel Foundry||31|.02
dbx-jobs|Databricks|Jobs Compute|feature-lab||Analytics|production|Q|MED-310|insights|Studio 9|Moonshot|88|.04
dbx-sql|Databricks|SQL Warehouse|feature-lab||Live Ops|development|Top Gun Racing|GAM-100|insights|North Star||36|0
dd-infra|Datadog|Infrastructure Monitoring|quillfox-main||Backend|production||CORP-900|api|||61|.01
dd-logs|Datadog|Log Management|quillfox-main|||||CORP-900||||47|.02
oa-npc|OpenAI|OpenAI API|npc-dialogue||Netcode|production|Q|GAM-200|npc-brain|Studio 9|Moonshot|70|.08
oa-support|OpenAI|OpenAI API|support-desk||Live Ops|production|Summer Sale|MED-310|support-bot|Pixel Foundry||54|.05
oa-dev|OpenAI|OpenAI API|npc-dialogue||Backend|development||CORP-900|code-helper|||25|.06
gm-mod|Google|Gemini API|gemini-prod||Trust|production|7 Days of Frost|GAM-100|mod-guard|North Star|Cheat Detection|39|.07
gm-test|Google|Gemini API|gemini-prod||Trust|qa|||mod-guard|North Star||11|0
"""
WORKLOADS = [line.split("|") for line in _LINES.strip().splitlines()]
MODELS = {"oa-npc": "gpt-4.1", "oa-support": "gpt-4.1-mini", "oa-dev": "o3", "Google": "gemini-2.5-flash"}


def chance(*key: object) -> float:
    """A number in [0, 1) that depends on the key alone."""
    digest = hashlib.sha256("|".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def months(first: date, last: date) -> list[date]:
    return [day for day in days(first, last) if day.day == 1]


def next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def step(day: date) -> int:
    return (day.year - 2024) * 12 + day.month - 11


# --- charges -----------------------------------------------------------------------------------


def charge_rows() -> Iterator[Row]:
    """Every charge with FOCUS column names; dates for times, Decimal for amounts."""
    for day in days(FIRST_DAY, LAST_DAY):
        for fields in WORKLOADS:
            if day >= STARTS.get(fields[1], FIRST_DAY):
                yield usage(fields, day)
        wasted = Decimal(repr(3 + 11 * chance("unused", day))).quantize(Decimal("0.01"))
        yield (
            charge("AWS", day, "0", "Usage", "Unused savings plan")
            | PLAN
            | {
                "EffectiveCost": wasted,
                "ListCost": Decimal(0),
                "ContractedCost": Decimal(0),
                "PricingCategory": "Committed",
                "CommitmentDiscountStatus": "Unused",
            }
        )
        if day.day == 1:
            yield from monthly(day)
    yield from single_events()


def base(provider: str, day: date) -> Row:
    publisher, prefix, account_id, account, _ = PROVIDERS[provider]
    month = day.replace(day=1)
    return {
        "ProviderName": provider,
        "ServiceProviderName": provider,
        "HostProviderName": provider,
        "PublisherName": publisher,
        "InvoiceIssuerName": publisher,
        "InvoiceId": f"{prefix}-{month:%Y%m}",
        "BillingAccountId": account_id,
        "BillingAccountName": account,
        "BillingCurrency": "USD",
        "BillingPeriodStart": month,
        "BillingPeriodEnd": next_month(month),
        "ChargePeriodStart": day,
        "ChargePeriodEnd": day + timedelta(days=1),
        "Tags": {},
    }


def usage(fields: list[str], day: date) -> Row:
    (
        name,
        provider,
        service,
        account,
        region,
        team,
        env,
        game,
        centre,
        app,
        studio,
        initiative,
        daily,
        growth,
    ) = fields
    category, subcategory, price_text, unit = SERVICES[service]
    factor = (1 + float(growth) * step(day)) * (0.82 + 0.36 * chance(name, day))
    if day.weekday() >= 5:
        factor *= 0.4 if env in ("development", "qa", "staging") else 1.25 if game else 1.0
    if name == "cf-sale" and date(2025, 6, 20) <= day <= date(2025, 6, 22):
        factor *= 5
    price = Decimal(price_text)
    quantity = (Decimal(repr(float(daily) * factor)) / price).quantize(Decimal("0.0001"))
    listed = quantity * price
    contracted_price = (price * (1 - Decimal(PROVIDERS[provider][4]))).quantize(EIGHT)
    contracted = quantity * contracted_price
    row = base(provider, day) | {
        "BilledCost": contracted,
        "EffectiveCost": contracted,
        "ListCost": listed,
        "ContractedCost": contracted,
        "ListUnitPrice": price,
        "ContractedUnitPrice": contracted_price,
        "PricingQuantity": quantity,
        "PricingUnit": unit,
        "ConsumedQuantity": quantity,
        "ConsumedUnit": unit,
        "PricingCategory": "Standard",
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargeDescription": f"{service} {unit}",
        "ServiceName": service,
        "ServiceCategory": category,
        "ServiceSubcategory": subcategory,
        "RegionId": region or None,
        "RegionName": REGIONS[region],
        "SubAccountId": ACCOUNTS[account],
        "SubAccountName": account,
        "ResourceId": f"{provider.lower()}/{name}/{int(chance('r', name, day) * (len(name) % 4 + 2))}",
        "ResourceName": name,
        "SkuId": f"SKU-{service.replace(' ', '')[:12].upper()}",
        "SkuPriceId": f"SKU-{service.replace(' ', '')[:12].upper()}.1",
        "SkuMeter": unit,
        "Tags": {
            key: value
            for key, value in (
                ("team", team),
                ("environment", env),
                ("Game", game),
                ("cost-center", centre),
                ("app", app),
            )
            if value
        },
        "x_Studio": studio or None,
        "x_Initiative": initiative or None,
        "oci_CompartmentName": f"{app or 'shared'}-compartment" if provider == "Oracle" else None,
    }
    model = MODELS.get(name) or MODELS.get(provider)
    if model:
        row["SkuPriceDetails"] = {"ModelId": model, "TokenDirection": "Blended"}
    if name == "ec2-tgr" and chance("sp", day) < 0.75:
        row |= PLAN_USED | {
            "BilledCost": Decimal(0),
            "EffectiveCost": (listed * Decimal("0.68")).quantize(EIGHT),
        }
    if provider == "Databricks" and day >= PREPAID:
        row |= DBU_USED | {
            "BilledCost": Decimal(0),
            "EffectiveCost": (listed * Decimal("0.8")).quantize(EIGHT),
        }
    return row


PLAN = {
    "ServiceName": "Amazon Elastic Compute Cloud",
    "ServiceCategory": "Compute",
    "ServiceSubcategory": "Virtual Machines",
    "SubAccountId": ACCOUNTS["qf-live"],
    "SubAccountName": "qf-live",
    "RegionId": "eu-north-1",
    "RegionName": REGIONS["eu-north-1"],
    "CommitmentDiscountCategory": "Spend",
    "CommitmentDiscountId": "sp-7731",
    "CommitmentDiscountName": "Compute Savings Plan 2024",
    "CommitmentDiscountType": "Savings Plan",
}
PLAN_USED = {k: v for k, v in PLAN.items() if k.startswith("Commitment")} | {
    "PricingCategory": "Committed",
    "CommitmentDiscountStatus": "Used",
}
DBU_USED = {
    "PricingCategory": "Committed",
    "CommitmentDiscountCategory": "Spend",
    "CommitmentDiscountId": "dbcu-2025",
    "CommitmentDiscountName": "Databricks commit 2025",
    "CommitmentDiscountType": "Pre-purchase plan",
    "CommitmentDiscountStatus": "Used",
}


def charge(provider: str, day: date, amount: str, category: str, words: str) -> Row:
    """A charge that is not metered: tax, credit, fee, correction."""
    value = Decimal(amount)
    return base(provider, day) | {
        "BilledCost": value,
        "EffectiveCost": value,
        "ListCost": value,
        "ContractedCost": value,
        "ChargeCategory": category,
        "ChargeFrequency": "One-Time",
        "ChargeDescription": words,
        "ServiceName": "Billing and fees",
        "ServiceCategory": "Other",
        "ServiceSubcategory": "Other (Other)",
    }


def monthly(day: date) -> Iterator[Row]:
    number = step(day)
    yield charge("AWS", day, f"{1710 + 22 * number}.40", "Tax", "IVA on AWS services")
    yield charge("Datadog", day, f"{190 + 5 * number}.15", "Tax", "Sales tax")
    yield charge("AWS", day, f"-{310 + 20 * (number % 3)}.00", "Credit", "Activate credit")
    if day.month % 3 == 2:
        yield charge("Oracle", day, "-275.25", "Credit", "Support rewards")
    fee = charge("AWS", day, f"{4300 + 15 * number}.00", "Purchase", "Savings plan, monthly fee")
    yield fee | PLAN | {"EffectiveCost": Decimal(0), "ChargeFrequency": "Recurring"}
    if day >= STARTS["OpenAI"]:
        seats = charge("OpenAI", day, f"{(40 + 3 * number) * 30}.00", "Purchase", "ChatGPT Enterprise seats")
        yield seats | {
            "ServiceName": "ChatGPT Enterprise",
            "ServiceCategory": "AI and Machine Learning",
            "ServiceSubcategory": "Generative AI",
            "ChargeFrequency": "Recurring",
            "ChargePeriodEnd": next_month(day),
            "PricingQuantity": Decimal(40 + 3 * number),
            "PricingUnit": "Seats",
            "Tags": {"team": "Art & Audio", "cost-center": "MED-310"},
            "x_Studio": "Pixel Foundry",
        }


def single_events() -> Iterator[Row]:
    upfront = charge("Databricks", PREPAID, "24000.00", "Purchase", "Databricks commit 2025")
    yield (
        upfront
        | {k: v for k, v in DBU_USED.items() if k != "CommitmentDiscountStatus"}
        | {
            "EffectiveCost": Decimal(0),
            "ServiceName": "Jobs Compute",
            "ServiceCategory": "Analytics",
            "ServiceSubcategory": "Data Processing",
        }
    )
    yield charge("Oracle", date(2025, 4, 9), "-960.25", "Usage", "Refund, London outage") | {
        "ChargeClass": "Correction",
        "ServiceName": "OCI Compute",
        "ServiceCategory": "Compute",
        "SubAccountId": ACCOUNTS["quillfox-oci"],
        "SubAccountName": "quillfox-oci",
        "Tags": {"team": "Live Ops", "environment": "production"},
        "x_Studio": "Lisbon",
    }
    yield charge("AWS", date(2025, 7, 22), "118.40", "Usage", "Corrected CDN traffic") | {
        "ChargeClass": "Correction",
        "ServiceName": "Amazon CloudFront",
        "ServiceCategory": "Networking",
        "ServiceSubcategory": "Content Delivery",
        "SubAccountId": ACCOUNTS["qf-live"],
        "SubAccountName": "qf-live",
        "Tags": {"team": "Live Ops", "Game": "Summer Sale", "environment": "production"},
        "x_Studio": "Pixel Foundry",
    }
    yield charge("Snowflake", date(2024, 12, 31), "-4.19", "Adjustment", "Rounding")
    yield charge("AWS", date(2025, 8, 11), "-750.00", "Credit", "Goodwill credit")


# --- files -------------------------------------------------------------------------------------

_COMMON = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "x_Studio",
    "x_Initiative",
]
_OLD, _NEW = ["ProviderName", "PublisherName"], ["ServiceProviderName", "HostProviderName"]
_MORE = ["InvoiceId", "ServiceSubcategory", "SkuMeter"]
COLUMNS = {
    "AWS": _OLD + _COMMON + _MORE,
    "Oracle": _COMMON + _OLD + ["oci_CompartmentName"],
    "Snowflake": _COMMON + _MORE + _OLD,
    "Databricks": (_COMMON + _MORE + _NEW)[::-1],
    "Datadog": [name for name in _COMMON + _OLD if not name.startswith("Commitment")],
    "OpenAI": _NEW + _COMMON + _MORE + ["SkuPriceDetails"],
    "Google": _COMMON + _MORE + ["SkuPriceDetails"] + _NEW,
}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"{value:%Y-%m-%d}T00:00:00Z"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _tags_as_list(row: Row) -> Row:
    return row | {"Tags": json.dumps([{"key": key, "value": value} for key, value in row["Tags"].items()])}


def write_csv(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> Path:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows(rows)
    content = file.getvalue().encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def write_focus(folder: Path) -> Tables:
    by_provider: dict[str, list[Row]] = {name: [] for name in COLUMNS}
    for row in charge_rows():
        by_provider[row["ProviderName"]].append(row)
    tables: Tables = []
    for provider, rows in by_provider.items():
        columns = COLUMNS[provider]
        if provider == "Databricks":
            rows = [_tags_as_list(row) for row in rows]
        if provider in ("Snowflake", "Datadog"):
            rows = [row | {"Tags": row["Tags"] or None} for row in rows]
        files: dict[str, list[Row]] = {}
        for row in rows:
            month = f"-{row['BillingPeriodStart']:%Y-%m}" if provider == "AWS" else ""
            suffix = ".csv.gz" if provider in ("Oracle", "OpenAI") else ".csv"
            files.setdefault(f"{provider.lower()}{month}{suffix}", []).append(row)
        written = [
            write_csv(folder / name, columns, ([_text(row.get(c)) for c in columns] for row in part))
            for name, part in files.items()
        ]
        tables.append((None, written))
    return tables


# --- the other tables --------------------------------------------------------------------------

TOKENS_START, GPUS_START = date(2025, 2, 1), date(2025, 1, 1)
# provider, model, version, team, application, user, environment, purpose, daily input tokens
_AGENTS = (
    ("OpenAI", "gpt-4.1", "2025-04-14", "Netcode", "npc-brain", "svc-npc", "production", "dialogue", 6_200_000),
    ("OpenAI", "gpt-4.1-mini", "2025-04-14", "Live Ops", "support-bot", "svc-support", "production", "customer support", 8_900_000),
    ("OpenAI", "o3", "2025-04-16", "Backend", "code-helper", "pavel", "development", "coding", 1_700_000),
    ("OpenAI", "o3", "2025-04-16", "Netcode", "code-helper", "dana.k", "development", "code review", 950_000),
    ("OpenAI", "gpt-4.1-mini", "2025-04-14", "Live Ops", "support-bot", "ruth", "qa", "testing", 420_000),
    ("Google", "gemini-2.5-flash", "001", "Trust", "mod-guard", "svc-mod", "production", "moderation", 11_300_000),
    ("Google", "gemini-2.5-pro", "001", "Analytics", "insights", "ruth", "development", "analysis", 640_000),
    ("Google", "gemini-2.5-pro", "001", "Trust", "mod-guard", "pavel", "qa", "testing", 310_000),
)  # fmt: skip
_PRICES = {  # USD per million: input, cached input, output
    "gpt-4.1": (2.0, 0.5, 8.0),
    "gpt-4.1-mini": (0.4, 0.1, 1.6),
    "o3": (2.0, 0.5, 8.0),
    "gemini-2.5-flash": (0.3, 0.075, 2.5),
    "gemini-2.5-pro": (1.25, 0.31, 10.0),
}


def token_usage() -> Iterator[tuple[Any, ...]]:
    for day in days(TOKENS_START, LAST_DAY):
        for provider, model, version, team, app, user, env, purpose, size in _AGENTS:
            if day < STARTS[provider] or (env != "production" and day.weekday() >= 5):
                continue
            given = int(size * (1 + 0.06 * step(day)) * (0.75 + 0.5 * chance("t", day, app, user)))
            cached = int(given * (0.6 if env == "production" else 0.15) * (0.8 + 0.3 * chance("c", day, app, user)))
            output = int(given * (0.07 + 0.09 * chance("o", day, app, user)))
            reasoning = int(output * 0.45) if model in ("o3", "gemini-2.5-pro") else 0
            price = _PRICES[model]
            cost = ((given - cached) * price[0] + cached * price[1] + output * price[2]) / 1e6
            batch = "true" if purpose == "moderation" and day.day % 4 == 0 else "false"
            yield (
                day, provider, model, version, app, team, user, env, purpose, given // 2900 + 1,
                given, cached, 0, output, reasoning, batch, f"{cost:.6f}",
            )  # fmt: skip


def token_allowances() -> Iterator[tuple[Any, ...]]:
    for month in months(TOKENS_START, LAST_DAY):
        yield month, "team", "Live Ops", 480_000_000, "", "false"
        yield month, "team", "Netcode", "", 650, "true"
        yield month, "team", "Trust", 600_000_000, "", "false"
        yield month, "user", "pavel", 75_000_000, "", "true"
        yield month, "user", "ruth", "", 90, "false"


_FLEET = (
    (
        "aurora-1",
        "H100",
        24,
        "Luleå",
        "SE",
        "2024-10-01",
        864_000,
        96_000,
        48,
        0.7,
        1.12,
        0.048,
        5_200,
        4_100,
    ),
    ("kite", "L40S", 12, "Campinas", "BR", "2024-12-05", 132_000, 12_000, 40, 0.35, 1.5, 0.11, 1_900, 1_250),
    ("tin-can", "A10", 8, "Porto", "PT", "2025-05-12", 36_000, 0, 36, 0.15, 1.6, 0.17, 700, 450),
)
# cluster, team, workload, model, share of the cluster's hours, busy share
_JOBS = (
    ("aurora-1", "Netcode", "training", "npc-brain-xl", 0.44, 0.83),
    ("aurora-1", "Trust", "training", "cheat-net", 0.23, 0.7),
    ("aurora-1", "Analytics", "dev", "", 0.11, 0.28),
    ("kite", "Netcode", "inference", "npc-brain-xl", 0.52, 0.61),
    ("kite", "Trust", "inference", "cheat-net", 0.2, 0.49),
    ("tin-can", "Live Ops", "inference", "voice-lines", 0.63, 0.57),
)


def gpu_usage() -> Iterator[tuple[Any, ...]]:
    fleet = {str(row[0]): (int(str(row[2])), date.fromisoformat(str(row[5]))) for row in _FLEET}
    for day in days(GPUS_START, LAST_DAY):
        for cluster, team, workload, model, share, busy in _JOBS:
            count, since = fleet[cluster]
            if day < since or (workload == "dev" and day.weekday() >= 5):
                continue
            allocated = round(count * 24 * share * (0.82 + 0.22 * chance("g", day, cluster, team)), 2)
            used = round(allocated * busy * (0.85 + 0.2 * chance("b", day, cluster, team)), 2)
            run = f"{model}-{day:%y%m}" if workload == "training" else ""
            yield day, cluster, team, workload, run, model, "2" if model else "", allocated, used


def business_metrics() -> Iterator[tuple[Any, ...]]:
    for month in months(FIRST_DAY, date(2025, 7, 1)):
        for metric, product, size, revenue, hours in (
            ("matches played", "Top Gun Racing", 812_000, "0.031", 0.0),
            ("matches played", "Q", 455_000, "0.044", 0.0),
            ("matches played", "Quest 3000", 268_000, "0.052", 0.0),
            ("support tickets closed", "", 18_400, "", 0.35),
            ("copies sold", "7 Days of Frost", 9_100, "24.50", 0.0),
            ("copies sold", "Quest 3000", 4_300, "39.00", 0.0),
        ):
            volume = size + int(size * 0.03 * step(month)) + int(size * 0.05 * chance(metric, product, month))
            money = Decimal(volume) * Decimal(revenue) if revenue else ""
            yield month, metric, product, volume, money, round(volume * hours, 1) if hours else ""


def budgets() -> Iterator[tuple[Any, ...]]:
    for month in months(date(2025, 1, 1), date(2025, 12, 31)):
        number = month.month
        yield month, "total", "", 84_000 + 1_500 * number
        for team, amount in (
            ("Netcode", 23_500),
            ("Backend", 21_000),
            ("Live Ops", 14_000),
            ("Analytics", 12_500),
        ):
            yield month, "team", team, amount + 250 * number
        yield month, "cost_center", "GAM-100", 26_000 + 300 * number
        yield month, "service_category", "AI and Machine Learning", 6_500 + 700 * number


def fx_rates() -> Iterator[tuple[Any, ...]]:
    for number, month in enumerate(months(FIRST_DAY, LAST_DAY)):
        yield month, "EUR", "USD", f"{1.04 + 0.012 * number:.4f}"
        yield month, "BRL", "USD", f"{0.168 + 0.0015 * number:.4f}"


_TEXTS = {
    "grid_intensity": """
grid_region,valid_from,kgco2e_per_kwh,method,source
SE,2024-01-01,0.030,location,national inventory 2024
SE,2025-07-01,0.027,location,national inventory 2025
SE,2024-01-01,0.0,market,wind contract
BR,2024-01-01,0.098,location,national inventory 2024
BR,2024-01-01,0.071,market,residual mix
PT,2024-01-01,0.148,location,national inventory 2024
PT,2024-01-01,0.242,market,residual mix
""",
    "unit_cost_map": """
metric,product,dimension,value
matches played,Top Gun Racing,game,Top Gun Racing
matches played,Q,game,Q
matches played,Quest 3000,game,Quest 3000
support tickets closed,,app,support-bot
""",
    "tbm_map": """
dimension,value,cost_pool,tower,sub_tower,solution
service_category,Compute,Cloud Services,Compute,Servers,Game Hosting
service_category,Storage,Cloud Services,Storage,Online Storage,Game Hosting
service_category,Databases,Cloud Services,Data,Database,Game Hosting
service_category,Networking,Cloud Services,Network,Transport,Content Delivery
service_category,Analytics,Software and SaaS,Data,Warehouse,Player Insights
service_category,AI and Machine Learning,Software and SaaS,AI,Models,Player Insights
service_category,Management and Governance,Software and SaaS,Operations,Monitoring,
""",
    "users": """
user,team,role,row_policy,slack_id
cleo,,executive,,Q01
hart,,finance,,Q02
wim.ops,Backend,admin,,Q03
pavel,Netcode,analyst,team = Netcode,Q04
dana.k,Live Ops,analyst,"team in (Live Ops, Trust)",Q05
rio,,executive,game = Top Gun Racing,Q06
sven,,analyst,studio = North Star and environment = production,Q07
uma,,analyst,environment != qa,Q08
ivo,,finance,cost center = GAM-200 and provider = Oracle,Q09
""",
}
_HEADERS: dict[str, tuple[str, Any]] = {
    "token_usage": (
        (
            "usage_date,provider,model,model_version,application,team,user_id,environment,purpose,requests,"
            "input_tokens,cached_input_tokens,cache_write_tokens,output_tokens,reasoning_tokens,batch,cost_usd"
        ),
        token_usage,
    ),
    "token_allowances": ("month,subject_type,subject,tokens,usd,hard", token_allowances),
    "gpu_fleet": (
        (
            "cluster,gpu_model,gpu_count,site,grid_region,in_service_date,capex_usd,salvage_usd,useful_life_months,"
            "power_kw_per_gpu,pue,electricity_usd_per_kwh,facility_usd_per_month,staff_usd_per_month"
        ),
        lambda: _FLEET,
    ),
    "gpu_usage": (
        "usage_date,cluster,team,workload,run_id,model,model_version,gpu_hours_allocated,gpu_hours_busy",
        gpu_usage,
    ),
    "business_metrics": ("month,metric,product,volume,revenue_usd,processing_hours", business_metrics),
    "budgets": ("month,dimension,value,amount_usd", budgets),
    "fx_rates": ("month,from_currency,to_currency,rate", fx_rates),
}


def build(folder: Path) -> Tables:
    """Write the company's files into `folder`: (table name or None for FOCUS, paths) each, in an order that loads."""
    focus = folder / "focus"
    focus.mkdir(parents=True, exist_ok=True)
    tables = write_focus(focus)
    for name, (header, rows) in _HEADERS.items():
        tables.append((name, [write_csv(folder / f"{name}.csv", header.split(","), rows())]))
    for name, text in _TEXTS.items():
        (folder / f"{name}.csv").write_text(text.lstrip(), encoding="utf-8")
        tables.append((name, [folder / f"{name}.csv"]))
    return tables
