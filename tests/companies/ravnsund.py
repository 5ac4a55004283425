"""Ravnsund Interactive: a fictional Nordic game studio and publisher, for the fifth held-out questions.

Charges run from 2025-01-01 (or `since`) to 2026-08-23: all in USD, or (`own_currency="EUR"`) in EUR but for AWS and
Anthropic, with the same digits. Knows nothing about how questions are read.

What is there to trip over: no tag called team (`crew` is it), tag keys `crew`, `env`, `game-title`, `Data Class`;
columns `x_Studio` and `x_GLAccount` (values begin with numbers); crews with accents (Néctar, Marée), with & (Trust &
Safety) and of plain words (Day One, Launch, Loot, Backbone); titles with a number (Orbit 9) and with & (Hollow &
Hearth); **Marée** is a crew and a title with different rows, **Player Data** an account and a data class with the same
rows; charges without crew, title, studio or any tag; SaaS seats bought monthly; on-premises charges; a savings plan
with unused hours, a commitment paid upfront; tax and credits without account, region or tags; a refund, a late
correction, an adjustment; a free service; a crash-dump flood on four days; a closed beta that ends with 2025.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
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
    yield charge(date(2026, 4, 9), AWS, "Amazon DynamoDB", "Databases", -742.18, ChargeClass="Correction",
                 Tags={"crew": "Backbone", "env": "prod"}, x_Studio="Malmö", **place("rv-services", "eu-north-1"))  # fmt: skip
    yield charge(date(2026, 7, 14), "Perforce", "Helix Core", "Developer Tools", 316.0, ChargeClass="Correction",
                 Tags={"crew": "Backbone"}, x_Studio="Malmö", **place("depot", ""))  # fmt: skip
    yield charge(date(2026, 6, 30), OVH, "Object Storage", "Storage", -0.61, ChargeCategory="Adjustment")


_COMMON = """BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart
ChargeCategory ChargeClass ChargeFrequency ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost
InvoiceId InvoiceIssuerName ListCost PricingCategory RegionId RegionName ResourceId ServiceCategory ServiceName SkuId
SubAccountId SubAccountName Tags CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName
CommitmentDiscountStatus CommitmentDiscountType x_Studio x_GLAccount""".split()
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
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else "" if value is None else str(value)


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


# provider, model, application, team, user, environment, purpose, input tokens a day
_AGENTS = (
    ("Anthropic", "claude-sonnet-4-5", "npc-dialogue", "Néctar", "svc-npc", "production", "dialogue", 6_200_000),
    ("Anthropic", "claude-haiku-4-5", "lore-writer", "Marée", "svc-lore", "production", "localisation", 8_900_000),
    ("Anthropic", "claude-sonnet-4-5", "code-mate", "Backbone", "sve", "development", "coding", 1_900_000),
    ("Anthropic", "claude-haiku-4-5", "code-mate", "Backbone", "inès", "development", "code review", 1_250_000),
    ("Mistral AI", "mistral-large-2411", "ban-review", "Trust & Safety", "svc-ban", "production", "moderation",
     7_400_000),
    ("Mistral AI", "mistral-small-2503", "ban-review", "Trust & Safety", "ola.k", "test", "testing", 640_000),
    (GCP, "gemini-2.5-flash", "crash-sorter", "Launch", "svc-crash", "production", "triage", 4_100_000),
)
_PRICES = {"claude-sonnet-4-5": (3.0, 0.3, 15.0), "claude-haiku-4-5": (1.0, 0.1, 5.0),
           "mistral-large-2411": (2.0, 0.2, 6.0), "mistral-small-2503": (0.1, 0.01, 0.3),
           "gemini-2.5-flash": (0.3, 0.03, 2.5)}  # fmt: skip


def token_usage() -> Iterator[tuple[Any, ...]]:
    for day in days(date(2025, 10, 1), LAST_DAY):
        for provider, model, app, team, user, env, purpose, size in _AGENTS:
            if env != "production" and day.weekday() > 4:
                continue
            given = int(size * (1 + 0.04 * (step(day) - 9)) * (0.8 + 0.4 * chance("t", day, app, user)))
            cached = int(given * (0.58 if env == "production" else 0.17) * (0.8 + 0.3 * chance("c", day, app, user)))
            output = int(given * (0.07 + 0.08 * chance("o", day, app, user)))
            reasoning = int(output * 0.3) if model == "claude-sonnet-4-5" else 0
            price = _PRICES[model]
            cost = ((given - cached) * price[0] + cached * price[1] + output * price[2]) / 1e6
            batch = "true" if purpose in ("triage", "localisation") and day.day % 4 == 0 else "false"
            yield (day, provider, model, app, team, user, env, purpose, given // 3_100 + 1, given, cached, output,
                   reasoning, batch, f"{cost:.6f}")  # fmt: skip


def token_allowances() -> Iterator[tuple[Any, ...]]:
    for month in months(date(2025, 10, 1), LAST_DAY):
        yield from ((month, "team", "Marée", 420_000_000, "", "false"), (month, "team", "Backbone", "", 260, "true"))
        yield from ((month, "user", "sve", 75_000_000, "", "true"), (month, "user", "inès", "", 45, "false"))


_FLEET = (
    ("skadi", "H100", 8, "Malmö", "SE", "2025-03-01", 304_000, 38_000, 48, 0.7, 1.15, 0.09, 2_600, 2_100),
    ("embla", "L40S", 24, "Kraków", "PL", "2025-03-01", 252_000, 24_000, 42, 0.35, 1.5, 0.19, 3_100, 1_900),
)
# cluster, team, workload, model, share of the cluster's hours, busy share
_JOBS = (
    ("skadi", "Néctar", "training", "npc-voice", 0.51, 0.79),
    ("skadi", "Trust & Safety", "training", "toxicity-net", 0.24, 0.63),
    ("skadi", "Day One", "dev", "", 0.07, 0.28),
    ("embla", "Néctar", "inference", "npc-voice", 0.46, 0.55),
    ("embla", "Trust & Safety", "inference", "toxicity-net", 0.21, 0.41),
)


def gpu_usage() -> Iterator[tuple[Any, ...]]:
    counts = {str(row[0]): int(str(row[2])) for row in _FLEET}
    for day in days(date(2025, 4, 1), LAST_DAY):
        for cluster, team, workload, model, share, busy in _JOBS:
            if workload == "dev" and day.weekday() > 4:
                continue
            hours = round(counts[cluster] * 24 * share * (0.84 + 0.2 * chance("g", day, cluster, team)), 2)
            used = round(hours * busy * (0.85 + 0.2 * chance("b", day, cluster, team)), 2)
            yield day, cluster, team, workload, f"{model}-{day:%y%m}" if model else "", model, hours, used


def business_metrics() -> Iterator[tuple[Any, ...]]:
    sizes = (("matches played", "Tide Runner", 9_100_000), ("matches played", "Hollow & Hearth", 3_300_000),
             ("player reports reviewed", "", 148_000), ("builds shipped", "", 310))  # fmt: skip
    for month in months(FIRST_DAY, date(2026, 7, 1)):
        for metric, product, size in sizes:
            volume = size + int(size * 0.02 * step(month)) + int(size * 0.05 * chance(metric, product, month))
            yield month, metric, product, volume, f"{volume * 0.06:.2f}" if product else "", ""


def budgets() -> Iterator[tuple[Any, ...]]:
    for month in months(FIRST_DAY, date(2026, 12, 31)):
        yield month, "total", "", 128_000 + 1_500 * step(month)
        for team, amount in (("Launch", 40_000), ("Marée", 18_000), ("Day One", 16_500), ("Néctar", 12_500)):
            yield month, "team", team, amount + 200 * step(month)
        yield month, "service_category", "AI and Machine Learning", 9_000 + 250 * step(month)


def fx_rates() -> Iterator[tuple[Any, ...]]:
    for month in months(FIRST_DAY, LAST_DAY):
        rate = round(1.06 + 0.004 * step(month), 4)
        yield month, "EUR", "USD", rate


_HEADERS: dict[str, tuple[str, Callable[[], Iterable[tuple[Any, ...]]]]] = {
    "token_usage": ("usage_date,provider,model,application,team,user_id,environment,purpose,requests,input_tokens,"
                    "cached_input_tokens,output_tokens,reasoning_tokens,batch,cost_usd", token_usage),
    "token_allowances": ("month,subject_type,subject,tokens,usd,hard", token_allowances),
    "gpu_fleet": ("cluster,gpu_model,gpu_count,site,grid_region,in_service_date,capex_usd,salvage_usd,"
                  "useful_life_months,power_kw_per_gpu,pue,electricity_usd_per_kwh,facility_usd_per_month,"
                  "staff_usd_per_month", lambda: _FLEET),
    "gpu_usage": ("usage_date,cluster,team,workload,run_id,model,gpu_hours_allocated,gpu_hours_busy", gpu_usage),
    "business_metrics": ("month,metric,product,volume,revenue_usd,processing_hours", business_metrics),
    "budgets": ("month,dimension,value,amount_usd", budgets),
    "fx_rates": ("month,from_currency,to_currency,rate", fx_rates),
}  # fmt: skip
_TEXTS = {
    "grid_intensity": """grid_region,valid_from,kgco2e_per_kwh,method,source
SE,2025-01-01,0.041,location,national 2025
SE,2026-01-01,0.036,location,national 2026
SE,2025-01-01,0.000,market,hydro contract
PL,2025-01-01,0.612,location,national 2025
PL,2026-06-11,0.589,location,national 2026
PL,2025-01-01,0.701,market,residual mix
""",
    "unit_cost_map": """metric,product,dimension,value
matches played,Tide Runner,game title,Tide Runner
matches played,Hollow & Hearth,game title,Hollow & Hearth
player reports reviewed,,crew,Trust & Safety
builds shipped,,account,build-farm
""",
    "tbm_map": """dimension,value,cost_pool,tower,sub_tower,solution
service_category,Compute,Cloud Services,Compute,Servers,Game Hosting
service_category,Storage,Cloud Services,Storage,Online Storage,Content Vault
service_category,Databases,Cloud Services,Data,Database,Game Hosting
service_category,Networking,Cloud Services,Network,Delivery,Game Hosting
service_category,Analytics,Cloud Services,Data,Warehouse,Player Insight
service_category,AI and Machine Learning,Software and SaaS,AI,Models,Living Worlds
service_category,Developer Tools,Software and SaaS,Application,Tooling,Workshop
service_category,Other,Facilities,Data Center,Power,Workshop
""",
    "allocation_rules": """pool,match,method,key_dimension,weights,effective_from
Common platform,crew = Backbone,proportional,crew,,2025-01-01
""",
    "users": """user,team,role,row_policy,slack_id
gerd,,executive,,R01
lotte,,finance,,R02
sve,Backbone,analyst,crew = Backbone,R03
inès,,analyst,studio = Lyon and env != cert,R04
ola.k,Trust & Safety,analyst,"crew in (Trust & Safety, Loot)",R05
""",
}


def build(folder: Path, own_currency: str = "USD", since: date = FIRST_DAY) -> Tables:
    """Write the company's files into `folder`: (table name or None for FOCUS, paths) each, in an order that loads."""
    focus = folder / "focus"
    focus.mkdir(parents=True, exist_ok=True)
    tables = write_focus(focus, own_currency, since)
    for name, (header, rows) in _HEADERS.items():
        tables.append((name, [write_csv(folder / f"{name}.csv", header.split(","), rows())]))
    for name, text in _TEXTS.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        tables.append((name, [folder / f"{name}.csv"]))
    return tables
