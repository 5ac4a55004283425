"""Ravnsund's charges, one FOCUS export a provider; tests/companies/ravnsund.py says what is in them."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Tables = list[tuple[str | None, list[Path]]]

FIRST_DAY, LAST_DAY = date(2025, 1, 1), date(2026, 8, 23)
GCP, AWS, OVH, OWN = "Google Cloud", "AWS", "OVHcloud", "Ravnsund Machine Rooms"
BILLING = {
    GCP: ("01RV-5A5A", "Ravnsund Group"), AWS: ("778800112244", "Ravnsund AWS"), OVH: ("rv71-ovh", "Ravnsund SAS"),
    OWN: ("DC-1", "Facilities"), "Anthropic": ("org-ravn", "Ravnsund AI"), "Mistral AI": ("ws-ravn", "Ravnsund AI EU"),
    "Unity": ("U-5520", "Engine"), "Perforce": ("P-109", "Depot"), "JetBrains": ("JB-77", "Tools"),
}  # fmt: skip
DOLLAR_VENDORS = (AWS, "Anthropic")
_REGIONS = """europe-north1=Finland|europe-west9=Paris|asia-northeast3=Seoul|eu-north-1=Europe (Stockholm)|
us-east-2=US East (Ohio)|ap-northeast-1=Asia Pacific (Tokyo)|GRA=Gravelines|WAW=Warsaw|rv-malmo=Malmö cellar"""
REGIONS = dict(pair.strip().split("=") for pair in _REGIONS.split("|"))
# list: list cost a day; growth: of it, a month
_LINES = f"""
key|provider|service|category|account|region|crew|env|game-title|Data Class|studio|gl|list|growth
gke-tide|{GCP}|Google Kubernetes Engine|Compute|tide-live|europe-north1|Launch|prod|Tide Runner||Malmö|6520 Hosting|410|.02
gke-hh|{GCP}|Google Kubernetes Engine|Compute|hearth-live|europe-west9|Marée|prod|Hollow & Hearth||Lyon|6520 Hosting|265|.01
gke-mar|{GCP}|Google Kubernetes Engine|Compute|hearth-live|europe-west9|Launch|cert|Marée||Lyon|6520 Hosting|48|.02
gke-dev|{GCP}|Google Kubernetes Engine|Compute|build-farm|europe-north1|Backbone|dev|||Malmö|6520 Hosting|118|.01
gce-test|{GCP}|Compute Engine|Compute|build-farm|asia-northeast3|Day One|playtest|Orbit 9||Remote|6520 Hosting|97|-.01
gce-box|{GCP}|Compute Engine|Compute|build-farm|europe-north1|Day One|dev|Orbit 9||Remote|6520 Hosting|63|0
gce-none|{GCP}|Compute Engine|Compute|build-farm|europe-north1||||||| 29|.02
span|{GCP}|Cloud Spanner|Databases|tide-live|europe-north1|Launch|prod|Tide Runner||Malmö|6520 Hosting|188|.02
span-hh|{GCP}|Cloud Spanner|Databases|hearth-live|europe-west9|Marée|prod|Hollow & Hearth||Lyon|6520 Hosting|92|.01
bq-pd|{GCP}|BigQuery|Analytics|Player Data|europe-north1|Loot|prod|Tide Runner|Player Data|Malmö|6520 Hosting|142|.03
bq-none|{GCP}|BigQuery|Analytics|build-farm|europe-north1|Backbone|dev||Telemetry||6520 Hosting|36|.01
gcs-pd|{GCP}|Cloud Storage|Storage|Player Data|europe-north1|Loot|prod|Hollow & Hearth|Player Data|Malmö|6520 Hosting|57|.03
gcs-cr|{GCP}|Cloud Storage|Storage|tide-live|europe-north1|Néctar|prod|Tide Runner|Crash Dumps|Malmö|6520 Hosting|44|.02
gcs-art|{GCP}|Cloud Storage|Storage|build-farm|europe-west9|Néctar|dev|Marée|Art Source|Lyon|6520 Hosting|71|.04
vtx|{GCP}|Vertex AI|AI and Machine Learning|tide-live|europe-north1|Trust & Safety|prod|Tide Runner||Malmö|6541 AI|83|.05
glift|{AWS}|Amazon GameLift|Compute|rv-fleet|us-east-2|Launch|prod|Tide Runner||Malmö|6520 Hosting|330|.01
glift-t|{AWS}|Amazon GameLift|Compute|rv-fleet|ap-northeast-1|Launch|prod|Hollow & Hearth||Lyon|6520 Hosting|175|.02
glift-p|{AWS}|Amazon GameLift|Compute|rv-fleet|ap-northeast-1|Day One|playtest|Orbit 9||Remote|6520 Hosting|69|0
ec2|{AWS}|Amazon Elastic Compute Cloud|Compute|rv-services|eu-north-1|Backbone|prod|||Malmö|6520 Hosting|240|.01
ec2-c|{AWS}|Amazon Elastic Compute Cloud|Compute|rv-services|eu-north-1|Trust & Safety|cert|||Kraków|6520 Hosting|54|.01
ddb|{AWS}|Amazon DynamoDB|Databases|rv-services|eu-north-1|Backbone|prod|Tide Runner||Malmö|6520 Hosting|112|.02
ddb-x|{AWS}|Amazon DynamoDB|Databases|rv-services|us-east-2||prod|Hollow & Hearth|||6520 Hosting|24|.01
s3|{AWS}|Amazon Simple Storage Service|Storage|rv-services|eu-north-1|Loot|prod||Telemetry|Malmö|6520 Hosting|76|.03
s3-b|{AWS}|Amazon Simple Storage Service|Storage|rv-services|us-east-2|Backbone|prod||Backups|Kraków|6520 Hosting|33|.01
cdn|{AWS}|Amazon CloudFront|Networking|rv-fleet|us-east-2|Launch|prod|Tide Runner||Malmö|6520 Hosting|127|.02
lam|{AWS}|AWS Lambda|Compute|rv-services|eu-north-1|Trust & Safety|prod|||Kraków|6520 Hosting|0|0
beta|{AWS}|Amazon Elastic Compute Cloud|Compute|orbit-closed-beta|us-east-2|Day One|playtest|Orbit 9||Remote|6520 Hosting|88|.01
ovh-bm|{OVH}|Bare Metal|Compute|rv-ovh|GRA|Marée|prod|Hollow & Hearth||Lyon|6520 Hosting|96|0
ovh-bk|{OVH}|Object Storage|Storage|rv-ovh|WAW|Backbone|prod||Backups|Kraków|6520 Hosting|31|.02
ovh-ci|{OVH}|Bare Metal|Compute|rv-ovh|WAW|Néctar|dev|||Kraków|6520 Hosting|58|.01
rend|{OWN}|Render Farm|Compute|Cellar|rv-malmo|Néctar|dev|Marée|Art Source|Malmö|6550 Render|134|.01
cool|{OWN}|Power and Cooling|Other|Cellar|rv-malmo||||||6550 Render|39|0
cl-npc|Anthropic|Claude API|AI and Machine Learning|npc-lab||Néctar|prod|Hollow & Hearth||Lyon|6541 AI|118|.06
cl-dev|Anthropic|Claude API|AI and Machine Learning|npc-lab||Backbone|dev|||Malmö|6541 AI|46|.04
mis|Mistral AI|La Plateforme|AI and Machine Learning|npc-lab-eu||Trust & Safety|prod|Tide Runner||Kraków|6541 AI|62|.03
"""  # noqa: E501
_FIELDS, *_VALUES = [line.split("|") for line in _LINES.strip().splitlines()]
LINES = [dict(zip(_FIELDS, (v.strip() for v in values), strict=True)) for values in _VALUES]
TAG_KEYS = ("crew", "env", "game-title", "Data Class")
DISCOUNT = {GCP: 0.93, AWS: 0.96, OVH: 0.98, "Mistral AI": 0.95}
STARTS = {"Anthropic": date(2025, 5, 19), "Mistral AI": date(2025, 10, 1), OVH: date(2025, 2, 3)}
PLAN = ("sp-91c", "Services Compute Plan", "Savings Plan", "Spend")
COMMITTED = ("cud-tide-3y", "Tide Spanner Commitment", "Committed Use", "Usage")
FLOOD = {"gcs-cr": (date(2026, 6, 18), date(2026, 6, 21), 9.0)}
# provider, service, account, crew, studio, edition, seats, price of a seat a month
_SEATS = (
    ("Unity", "Unity Pro", "engine", "Day One", "Remote", "Pro", 46, 185.0),
    ("Unity", "Unity Industry", "engine", "Marée", "Lyon", "Industry", 8, 370.0),
    ("Perforce", "Helix Core", "depot", "Backbone", "Malmö", "Enterprise", 120, 39.5),
    ("JetBrains", "All Products Pack", "tools", "Trust & Safety", "Kraków", "Organisation", 65, 77.9),
)


def chance(*parts: Any) -> float:
    """The same number from 0 to 1 for the same parts."""
    return int(hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


def days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(n) for n in range((last - first).days + 1))


def months(first: date, last: date) -> list[date]:
    return [day for day in days(first, last) if day.day == 1]


def step(day: date) -> int:
    return (day.year - FIRST_DAY.year) * 12 + day.month - FIRST_DAY.month


def after(month: date) -> date:
    return (month + timedelta(31)).replace(day=1)


def charge(day: date, provider: str, service: str, category: str, cost: float, **more: Any) -> Row:
    month = day.replace(day=1)
    row: Row = {
        "ServiceProviderName": provider, "InvoiceIssuerName": provider, "BillingCurrency": "USD",
        "BillingAccountId": BILLING[provider][0], "BillingAccountName": BILLING[provider][1],
        "BillingPeriodStart": month, "BillingPeriodEnd": after(month),
        "ChargePeriodStart": day, "ChargePeriodEnd": day + timedelta(1),
        "ChargeCategory": "Usage", "ChargeFrequency": "Usage-Based", "ServiceName": service,
        "ServiceCategory": category, "InvoiceId": f"{provider[:3].upper()}{month:%y%m}", "Tags": {},
    }  # fmt: skip
    return row | dict.fromkeys(("ListCost", "ContractedCost", "BilledCost", "EffectiveCost"), cost) | more


def commitment(of: tuple[str, str, str, str], status: str | None) -> Row:
    names = ("Id", "Name", "Type", "Category", "Status")
    return {f"CommitmentDiscount{name}": value for name, value in zip(names, (*of, status), strict=True)}


def place(account: str, region: str) -> Row:
    return {
        "SubAccountId": f"a-{account.lower().replace(' ', '')}", "SubAccountName": account,
        "RegionId": region or None, "RegionName": REGIONS.get(region),
    }  # fmt: skip


def usage_rows(day: date) -> Iterator[Row]:
    for line in LINES:
        provider, key = line["provider"], line["key"]
        if day < STARTS.get(provider, FIRST_DAY) or (key == "beta" and day.year > 2025):
            continue
        size = float(line["list"]) * (1 + float(line["growth"])) ** step(day) * (0.86 + 0.28 * chance(key, day))
        size *= 1.18 if day.weekday() > 3 and line["env"] == "prod" else 1.0
        first, last, factor = FLOOD.get(key, (LAST_DAY, FIRST_DAY, 1.0))
        size *= factor if first <= day <= last else 1.0
        row = charge(
            day, provider, line["service"], line["category"], size * DISCOUNT.get(provider, 1.0), ListCost=size,
            PricingCategory="Standard", SkuId=f"sku-{key}", ResourceId=f"{key}-{1 + int(4 * chance('r', key, day))}",
            Tags={tag: line[tag] for tag in TAG_KEYS if line[tag]}, x_Studio=line["studio"] or None,
            x_GLAccount=line["gl"] or None, **place(line["account"], line["region"]),
        )  # fmt: skip
        covered = {"ec2": (PLAN, 0.69), "span": (COMMITTED, 0.61)}.get(key)
        if covered and (covered[0] is PLAN or day >= date(2025, 4, 1)):
            row |= commitment(covered[0], "Used") | {"PricingCategory": "Committed"}
            row |= {"BilledCost": 0.0, "EffectiveCost": size * covered[1]}
        yield row
    unused = charge(day, AWS, "Amazon Elastic Compute Cloud", "Compute", 0, **place("rv-services", "eu-north-1"))
    yield unused | commitment(PLAN, "Unused") | {"EffectiveCost": 6 + 7 * chance("unused", day)}


def monthly_rows(day: date) -> Iterator[Row]:
    fee = charge(day, AWS, "Amazon Elastic Compute Cloud", "Compute", 5_400, **place("rv-services", "eu-north-1"))
    yield fee | commitment(PLAN, None) | {"ChargeCategory": "Purchase", "ChargeFrequency": "Recurring",
                                          "EffectiveCost": 0.0}  # fmt: skip
    for provider, service, account, crew, studio, edition, seats, price in _SEATS:
        bought = seats + int(step(day) * 0.7)
        yield charge(
            day, provider, service, "Developer Tools", bought * price, ChargeCategory="Purchase",
            ChargeFrequency="Recurring", ChargePeriodEnd=after(day), PricingQuantity=bought, PricingUnit="Seats",
            Tags={"crew": crew}, x_Studio=studio, x_GLAccount="6530 Licences", x_Edition=edition, **place(account, ""),
        )  # fmt: skip
    yield charge(day, AWS, "Amazon Elastic Compute Cloud", "Compute", 2_210 + 35 * step(day), ChargeCategory="Tax")
    yield charge(day, OVH, "Bare Metal", "Compute", 640.4 + 5 * step(day), ChargeCategory="Tax")
    yield charge(day, GCP, "Google Kubernetes Engine", "Compute", -1_600, ChargeCategory="Credit")
    if day.month in (2, 5, 8, 11):
        yield charge(day, AWS, "Amazon GameLift", "Compute", -2_250.5, ChargeCategory="Credit")


def once_rows() -> Iterator[Row]:
    paid = charge(date(2025, 4, 1), GCP, "Cloud Spanner", "Databases", 61_000, ChargeCategory="Purchase",
                  **place("tide-live", "europe-north1"))  # fmt: skip
    yield paid | commitment(COMMITTED, None) | {"EffectiveCost": 0.0, "ChargeFrequency": "One-Time"}
    refunded = charge(date(2026, 4, 9), AWS, "Amazon DynamoDB", "Databases", -742.18, x_Studio="Malmö",
                      Tags={"crew": "Backbone", "env": "prod"}, **place("rv-services", "eu-north-1"))  # fmt: skip
    yield refunded | {"ChargeClass": "Correction"}
    yield charge(date(2026, 7, 14), "Perforce", "Helix Core", "Developer Tools", 316.0, ChargeClass="Correction",
                 Tags={"crew": "Backbone"}, x_Studio="Malmö", **place("depot", ""))  # fmt: skip
    yield charge(date(2026, 6, 30), OVH, "Object Storage", "Storage", -0.61, ChargeCategory="Adjustment")


_COMMON_TEXT = """BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart
ChargeCategory ChargeClass ChargeFrequency ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost
InvoiceId InvoiceIssuerName ListCost PricingCategory RegionId RegionName ResourceId ServiceCategory ServiceName SkuId
SubAccountId SubAccountName Tags CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName
CommitmentDiscountStatus CommitmentDiscountType x_Studio x_GLAccount"""
_COMMON = _COMMON_TEXT.split()
SEAT_COLUMNS = ["PricingQuantity", "PricingUnit", "x_Edition"]
COLUMNS = {
    GCP: [*_COMMON, "ServiceProviderName"], AWS: ["ServiceProviderName", *_COMMON],
    OVH: [*reversed(_COMMON), "ServiceProviderName"], OWN: [*_COMMON, "ProviderName"],
    "Anthropic": [*_COMMON, "ServiceProviderName"], "Mistral AI": [*_COMMON, "ServiceProviderName"],
    "Unity": [*_COMMON, *SEAT_COLUMNS, "ProviderName"], "Perforce": [*_COMMON, *SEAT_COLUMNS, "ProviderName"],
    "JetBrains": [*_COMMON, *SEAT_COLUMNS, "ServiceProviderName"],
}  # fmt: skip


def _text(value: Any) -> str:
    if isinstance(value, float | date):
        return f"{value:.6f}" if isinstance(value, float) else f"{value}T00:00:00Z"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def write_csv(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> Path:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows(rows)
    content = file.getvalue().encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def write_focus(folder: Path, own_currency: str, since: date) -> Tables:
    by_provider: dict[str, list[Row]] = {provider: [] for provider in COLUMNS}
    rows = [row for day in days(FIRST_DAY, LAST_DAY) for row in usage_rows(day)]
    rows += [row for day in months(FIRST_DAY, LAST_DAY) for row in monthly_rows(day)]
    for row in sorted([*rows, *once_rows()], key=lambda row: row["ChargePeriodStart"]):
        name = row["ServiceProviderName"]
        row["BillingCurrency"] = "USD" if name in DOLLAR_VENDORS else own_currency
        if row["ChargePeriodStart"] >= max(since, STARTS.get(name, FIRST_DAY)):
            by_provider[name].append(row | {"ProviderName": name})
    tables: Tables = []
    for provider, rows in by_provider.items():
        if provider == OVH:
            rows = [r | {"Tags": [{"key": k, "value": v} for k, v in r["Tags"].items()]} for r in rows]
        path = folder / f"{provider.lower().replace(' ', '-')}.csv{'.gz' if provider in (AWS, GCP) else ''}"
        columns = COLUMNS[provider]
        tables.append((None, [write_csv(path, columns, ([_text(r.get(c)) for c in columns] for r in rows))]))
    return tables
