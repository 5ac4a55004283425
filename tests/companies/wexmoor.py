"""Wexmoor University Hospitals: a fictional teaching hospital group, for the fourth held-out questions.

Charges run from 2025-05-01 to 2026-06-17, all in USD. Knows nothing about how questions are read.

What is there to trip over: providers under their long names; no tag called team (`owner` is it), tag keys `owner`,
`dept`, `Stage`, `study`, `workload`; columns `x_Campus` and `x_GrantCode` (some codes are plain numbers); **Bridge** is
an owner and a study with different rows, **Pathology** a dept and an account with different rows, **Cardio Lab** a
study and an account with the same rows; owners Discovery, Intake, Signal, studies Daylight, First Steps, Balance and
workloads records, backup, chat are plain words; charges without owner, study or any tag; tax and credits without
account, region or tags; a savings plan with unused hours, a reservation paid upfront; a refund and a late correction.
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

FIRST_DAY, LAST_DAY = date(2025, 5, 1), date(2026, 6, 17)
AWS, AZURE, GCP = "Amazon Web Services", "Microsoft Azure", "Google Cloud Platform"
BILLING = {
    AWS: ("510300112233", "Wexmoor Trust"), AZURE: ("EA-88412", "Wexmoor EA"), GCP: ("01WX-77AA", "Wexmoor Research"),
    "OpenAI": ("org-wx1", "Wexmoor AI"), "Snowflake": ("SF20417", "Wexmoor Data"), "Hetzner": ("K00998", "Vault"),
}  # fmt: skip
_REGIONS = """eu-west-2=Europe (London)|eu-north-1=Europe (Stockholm)|us-east-1=US East (N. Virginia)|uksouth=UK South|
ukwest=UK West|northeurope=North Europe|westeurope=West Europe|europe-west4=Netherlands|europe-west1=Belgium|
fsn1=Falkenstein|hel1=Helsinki"""
REGIONS = dict(pair.strip().split("=") for pair in _REGIONS.split("|"))
# list: list cost a day; growth: of it, a month
_LINES = f"""
key|provider|service|category|account|region|owner|dept|Stage|study|workload|campus|grant|list|growth
ec2-rec|{AWS}|Amazon Elastic Compute Cloud|Compute|wx-clinical|eu-west-2|Night Shift|Admissions|live||records|Northgate||430|.01
ec2-book|{AWS}|Amazon Elastic Compute Cloud|Compute|wx-clinical|eu-west-2|Intake|Admissions|live||booking|Northgate||185|.02
ec2-uat|{AWS}|Amazon Elastic Compute Cloud|Compute|wx-clinical|eu-west-2|Intake|Admissions|uat||booking|Northgate||58|0
ec2-gen|{AWS}|Amazon Elastic Compute Cloud|Compute|wx-research|us-east-1|Discovery|Oncology|live|Genome Atlas|genomics|Quay|NIH-77|260|.03
ec2-box|{AWS}|Amazon Elastic Compute Cloud|Compute|wx-research|us-east-1|Discovery|Oncology|sandbox|First Steps|genomics|Quay|4471|74|-.01
ec2-none|{AWS}|Amazon Elastic Compute Cloud|Compute|wx-research|eu-north-1||||||||31|.02
s3-pacs|{AWS}|Amazon Simple Storage Service|Storage|wx-clinical|eu-west-2|Imaging Core|Radiology|live||pacs|Northgate||210|.04
s3-gen|{AWS}|Amazon Simple Storage Service|Storage|wx-research|us-east-1|Discovery|Oncology|live|Genome Atlas|genomics|Quay|NIH-77|118|.03
s3-bak|{AWS}|Amazon Simple Storage Service|Storage|wx-clinical|eu-north-1|Night Shift||live||backup|Riverside||66|.01
rds-rec|{AWS}|Amazon Relational Database Service|Databases|wx-clinical|eu-west-2|Night Shift|Admissions|live||records|Northgate||175|.01
rds-brg|{AWS}|Amazon Relational Database Service|Databases|wx-research|eu-west-2|Bridge|Cardiology|live|Balance|records|Riverside|MRC-0417|49|.02
cdn-web|{AWS}|Amazon CloudFront|Networking|wx-clinical|eu-west-2|Intake||live||website|Northgate||27|.01
bed-chat|{AWS}|Amazon Bedrock|AI and Machine Learning|wx-clinical|eu-west-2|Signal|Radiology|live||chat|Northgate||64|.06
lam-free|{AWS}|AWS Lambda|Compute|wx-clinical|eu-west-2|Intake|Admissions|live||booking|Northgate||0|0
card-ec2|{AWS}|Amazon Elastic Compute Cloud|Compute|Cardio Lab|eu-north-1|Signal|Cardiology|live|Cardio Lab|pacs|Riverside|MRC-0417|92|.02
card-s3|{AWS}|Amazon Simple Storage Service|Storage|Cardio Lab|eu-north-1|Signal|Cardiology|live|Cardio Lab|backup|Riverside|MRC-0417|23|.01
vm-path|{AZURE}|Virtual Machines|Compute|Pathology|uksouth|Imaging Core|Pathology|live||pacs|Riverside||240|.01
vm-lab|{AZURE}|Virtual Machines|Compute|Pathology|northeurope|Bridge|Oncology|sandbox|Daylight||Riverside|EPS-2201|61|.02
vm-desk|{AZURE}|Virtual Machines|Compute|Hospital IT|uksouth|Intake|Estates|live||records|Northgate||133|0
vm-dr|{AZURE}|Virtual Machines|Compute|Hospital IT|ukwest|Night Shift||live||backup|Northgate||44|0
sql-rec|{AZURE}|Azure SQL Database|Databases|Hospital IT|uksouth|Night Shift|Admissions|live||records|Northgate||121|.01
sql-uat|{AZURE}|Azure SQL Database|Databases|Hospital IT|northeurope|Night Shift|Admissions|uat||records|Northgate||36|0
blob-p|{AZURE}|Azure Blob Storage|Storage|Pathology|uksouth|Imaging Core|Pathology|live||pacs|Riverside||88|.03
blob-x|{AZURE}|Azure Blob Storage|Storage|Hospital IT|westeurope||||||Quay||26|.01
bq|{GCP}|BigQuery|Analytics|wx-genomics|europe-west4|Discovery|Pathology|live|Genome Atlas|lake|Quay|NIH-77|102|.04
gke|{GCP}|Google Kubernetes Engine|Compute|wx-genomics|europe-west4|Discovery|Oncology|live|Daylight|genomics|Quay|EPS-2201|97|.02
gke-box|{GCP}|Google Kubernetes Engine|Compute|wx-genomics|europe-west1|Bridge|Oncology|sandbox|Bridge|genomics|Quay|4471|38|.01
vtx|{GCP}|Vertex AI|AI and Machine Learning|wx-genomics|europe-west4|Signal|Radiology|uat|Daylight|chat|Quay|EPS-2201|72|.05
gcs|{GCP}|Cloud Storage|Storage|wx-genomics|europe-west1|Discovery|Oncology|live|Bridge|lake|Quay|4471|33|.02
oai-chat|OpenAI|OpenAI API|AI and Machine Learning|ward-assistants||Signal|Admissions|live||chat|||141|.07
oai-dev|OpenAI|OpenAI API|AI and Machine Learning|ward-assistants||Discovery|Oncology|sandbox|First Steps|chat|||39|.03
sf-wh|Snowflake|Snowflake Warehouses|Analytics|WEXMOOR_DW|eu-west-2|Bridge|Estates|live||lake|Northgate||156|.02
sf-st|Snowflake|Snowflake Storage|Storage|WEXMOOR_DW|eu-west-2|Bridge|Estates|live||lake|Northgate||29|.01
sf-pipe|Snowflake|Snowpipe|Analytics|WEXMOOR_DW|eu-west-2||||||Northgate||17|.01
hz-srv|Hetzner|Cloud Servers|Compute|archive|fsn1|Night Shift||live||backup|Riverside||24|0
hz-box|Hetzner|Storage Box|Storage|archive|hel1|Imaging Core|Radiology|live|First Steps|backup|Riverside|4471|19|.01
"""  # noqa: E501
_FIELDS, *_VALUES = [line.split("|") for line in _LINES.strip().splitlines()]
LINES = [dict(zip(_FIELDS, values, strict=True)) for values in _VALUES]
TAG_KEYS = ("owner", "dept", "Stage", "study", "workload")
DISCOUNT = {AWS: 0.94, AZURE: 0.9, GCP: 0.97, "Snowflake": 0.92}
STARTS = {"OpenAI": date(2025, 8, 11), "Hetzner": date(2025, 6, 1)}
PLAN = ("sp-0b7", "Trust Compute Plan", "Savings Plan", "Spend")
RESERVED = ("ri-311", "Pathology VM Reservation", "Reservation", "Usage")


def chance(*parts: Any) -> float:
    """The same number from 0 to 1 for the same parts."""
    return int(hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


def days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(n) for n in range((last - first).days + 1))


def months(first: date, last: date) -> list[date]:
    return [day for day in days(first, last) if day.day == 1]


def step(day: date) -> int:
    return (day.year - FIRST_DAY.year) * 12 + day.month - FIRST_DAY.month


def charge(day: date, provider: str, service: str, category: str, cost: float, **more: Any) -> Row:
    month = day.replace(day=1)
    row: Row = {
        "ProviderName": provider, "InvoiceIssuerName": provider, "BillingCurrency": "USD",
        "BillingAccountId": BILLING[provider][0], "BillingAccountName": BILLING[provider][1],
        "BillingPeriodStart": month, "BillingPeriodEnd": (month + timedelta(31)).replace(day=1),
        "ChargePeriodStart": day, "ChargePeriodEnd": day + timedelta(1),
        "ChargeCategory": "Usage", "ChargeFrequency": "Usage-Based", "ServiceName": service,
        "ServiceCategory": category, "InvoiceId": f"{provider[:2].upper()}-{month:%Y%m}", "Tags": {},
    }  # fmt: skip
    return row | dict.fromkeys(("ListCost", "ContractedCost", "BilledCost", "EffectiveCost"), cost) | more


def commitment(of: tuple[str, str, str, str], status: str | None) -> Row:
    names = ("Id", "Name", "Type", "Category", "Status")
    return {f"CommitmentDiscount{name}": value for name, value in zip(names, (*of, status), strict=True)}


def usage_rows(day: date) -> Iterator[Row]:
    for line in LINES:
        provider = line["provider"]
        if day < STARTS.get(provider, FIRST_DAY):
            continue
        size = float(line["list"]) * (1 + float(line["growth"])) ** step(day) * (0.85 + 0.3 * chance(line["key"], day))
        size *= 0.55 if day.weekday() > 4 and line["Stage"] in ("uat", "sandbox") else 1.0
        paid = size * DISCOUNT.get(provider, 1.0)
        row = charge(
            day, provider, line["service"], line["category"], paid, ListCost=size, PricingCategory="Standard",
            SubAccountId=f"id-{line['account'].lower().replace(' ', '-')}", SubAccountName=line["account"],
            RegionId=line["region"] or None, RegionName=REGIONS.get(line["region"]), SkuId=f"sku-{line['key']}",
            ResourceId=f"{line['key']}-{1 + int(3 * chance('r', line['key'], day))}",
            Tags={key: line[key] for key in TAG_KEYS if line[key]},
            x_Campus=line["campus"] or None, x_GrantCode=line["grant"] or None,
        )  # fmt: skip
        covered = {"ec2-rec": (PLAN, 0.66), "vm-path": (RESERVED, 0.58)}.get(line["key"])
        if covered and (covered[0] is PLAN or day >= date(2025, 7, 1)):
            row |= commitment(covered[0], "Used") | {"PricingCategory": "Committed"}
            row |= {"BilledCost": 0.0, "EffectiveCost": size * covered[1]}
        yield row
    unused = charge(day, AWS, "Amazon Elastic Compute Cloud", "Compute", 0, SubAccountId="id-wx-clinical",
                    SubAccountName="wx-clinical", RegionId="eu-west-2", RegionName=REGIONS["eu-west-2"])  # fmt: skip
    yield unused | commitment(PLAN, "Unused") | {"EffectiveCost": 9 + 8 * chance("unused", day)}


def monthly_rows(day: date) -> Iterator[Row]:
    account = {"SubAccountId": "id-wx-clinical", "SubAccountName": "wx-clinical"}
    fee = charge(day, AWS, "Amazon Elastic Compute Cloud", "Compute", 8_850, **account)
    yield fee | commitment(PLAN, None) | {"ChargeCategory": "Purchase", "ChargeFrequency": "Recurring",
                                          "EffectiveCost": 0.0}  # fmt: skip
    yield charge(day, AWS, "Amazon Elastic Compute Cloud", "Compute", 3_900 + 40 * step(day), ChargeCategory="Tax")
    yield charge(day, AZURE, "Virtual Machines", "Compute", 2_450.5 + 15 * step(day), ChargeCategory="Tax")
    yield charge(day, AWS, "Amazon Elastic Compute Cloud", "Compute", -1_250, ChargeCategory="Credit")
    if day.month in (1, 4, 7, 10):
        yield charge(day, GCP, "BigQuery", "Analytics", -3_000.75, ChargeCategory="Credit")


def once_rows() -> Iterator[Row]:
    paid = charge(date(2025, 7, 1), AZURE, "Virtual Machines", "Compute", 52_000, ChargeCategory="Purchase",
                  SubAccountId="id-pathology", SubAccountName="Pathology")  # fmt: skip
    yield paid | commitment(RESERVED, None) | {"EffectiveCost": 0.0, "ChargeFrequency": "One-Time"}
    yield charge(date(2026, 2, 11), AZURE, "Azure SQL Database", "Databases", -913.4, ChargeClass="Correction",
                 SubAccountId="id-hospital-it", SubAccountName="Hospital IT", RegionId="uksouth",
                 RegionName="UK South", Tags={"owner": "Night Shift", "Stage": "live"})  # fmt: skip
    yield charge(date(2026, 5, 7), "Snowflake", "Snowflake Warehouses", "Analytics", 268.15, ChargeClass="Correction",
                 SubAccountId="id-wexmoor_dw", SubAccountName="WEXMOOR_DW", Tags={"owner": "Bridge"})  # fmt: skip
    yield charge(date(2026, 3, 31), "Hetzner", "Cloud Servers", "Compute", -0.42, ChargeCategory="Adjustment")


_COMMON_TEXT = """BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart
ChargeCategory ChargeClass ChargeFrequency ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost
InvoiceIssuerName ListCost PricingCategory RegionId RegionName ResourceId ServiceCategory ServiceName SkuId
SubAccountId SubAccountName Tags CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName
CommitmentDiscountStatus CommitmentDiscountType"""
_COMMON = _COMMON_TEXT.split()
COLUMNS = {
    AWS: [*_COMMON, "ProviderName", "InvoiceId", "x_Campus", "x_GrantCode"],
    AZURE: ["InvoiceId", "ProviderName", *_COMMON, "x_Campus", "x_GrantCode"],
    GCP: [*_COMMON, "ServiceProviderName", "x_GrantCode", "x_Campus"],
    "OpenAI": [*reversed(_COMMON), "ServiceProviderName"],
    "Snowflake": [*_COMMON, "ProviderName", "x_Campus"],
    "Hetzner": [*_COMMON, "ProviderName", "x_Campus", "x_GrantCode"],
}


def _text(value: Any) -> str:
    if isinstance(value, float | date):
        return f"{value:.6f}" if isinstance(value, float) else f"{value}T00:00:00Z"
    return json.dumps(value) if isinstance(value, dict | list) else str("" if value is None else value)


def write_csv(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> Path:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows(rows)
    content = file.getvalue().encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def write_focus(folder: Path) -> Tables:
    by_provider: dict[str, list[Row]] = {provider: [] for provider in COLUMNS}
    rows = [row for day in days(FIRST_DAY, LAST_DAY) for row in usage_rows(day)]
    rows += [row for day in months(FIRST_DAY, LAST_DAY) for row in monthly_rows(day)]
    for row in sorted([*rows, *once_rows()], key=lambda row: row["ChargePeriodStart"]):
        by_provider[row["ProviderName"]].append(row | {"ServiceProviderName": row["ProviderName"]})
    tables: Tables = []
    for provider, rows in by_provider.items():
        if provider == "Snowflake":
            rows = [r | {"Tags": [{"key": k, "value": v} for k, v in r["Tags"].items()]} for r in rows]
        path = folder / f"{provider.lower().replace(' ', '_')}.csv{'.gz' if provider in (AWS, GCP) else ''}"
        columns = COLUMNS[provider]
        tables.append((None, [write_csv(path, columns, ([_text(r.get(c)) for c in columns] for r in rows))]))
    return tables


# provider, model, application, team, user, environment, purpose, input tokens a day
_AGENTS = (
    ("OpenAI", "gpt-5", "ward-notes", "Signal", "svc-ward", "production", "summarisation", 5_400_000),
    ("OpenAI", "gpt-5-mini", "booking-bot", "Intake", "svc-booking", "production", "patient chat", 9_800_000),
    ("OpenAI", "gpt-5", "code-buddy", "Discovery", "maud", "development", "coding", 1_300_000),
    ("OpenAI", "gpt-5-mini", "code-buddy", "Discovery", "tariq", "development", "code review", 880_000),
    (AWS, "claude-sonnet-4-5", "letter-writer", "Intake", "svc-letters", "production", "summarisation", 2_700_000),
    (AWS, "claude-sonnet-4-5", "ward-notes", "Signal", "olwen", "test", "testing", 510_000),
    (GCP, "gemini-2.5-flash", "scan-triage", "Imaging Core", "svc-triage", "production", "triage", 7_100_000),
)  # fmt: skip
_PRICES = {"gpt-5": (1.25, 0.125, 10.0), "gpt-5-mini": (0.25, 0.025, 2.0), "claude-sonnet-4-5": (3.0, 0.3, 15.0),
           "gemini-2.5-flash": (0.3, 0.03, 2.5)}  # fmt: skip


def token_usage() -> Iterator[tuple[Any, ...]]:
    for day in days(date(2025, 9, 1), LAST_DAY):
        for provider, model, app, team, user, env, purpose, size in _AGENTS:
            if env != "production" and day.weekday() > 4:
                continue
            given = int(size * (1 + 0.05 * step(day)) * (0.8 + 0.4 * chance("t", day, app, user)))
            cached = int(given * (0.62 if env == "production" else 0.2) * (0.8 + 0.3 * chance("c", day, app, user)))
            output = int(given * (0.08 + 0.08 * chance("o", day, app, user)))
            reasoning = int(output * 0.4) if model == "gpt-5" else 0
            price = _PRICES[model]
            cost = ((given - cached) * price[0] + cached * price[1] + output * price[2]) / 1e6
            batch = "true" if purpose == "triage" and day.day % 5 == 0 else "false"
            yield (day, provider, model, app, team, user, env, purpose, given // 2_600 + 1, given, cached, output,
                   reasoning, batch, f"{cost:.6f}")  # fmt: skip


def token_allowances() -> Iterator[tuple[Any, ...]]:
    for month in months(date(2025, 9, 1), LAST_DAY):
        yield from ((month, "team", "Intake", 620_000_000, "", "false"), (month, "team", "Signal", "", 1_150, "true"))
        yield from ((month, "user", "maud", 55_000_000, "", "true"), (month, "user", "tariq", "", 40, "false"))


_FLEET = (
    ("mendel", "H200", 16, "Quay", "NL", "2025-06-01", 720_000, 72_000, 48, 0.7, 1.2, 0.14, 4_800, 3_600),
    ("franklin", "L40S", 12, "Northgate", "GB", "2025-06-01", 138_000, 12_000, 42, 0.35, 1.45, 0.22, 1_700, 1_300),
)
# cluster, team, workload, model, share of the cluster's hours, busy share
_JOBS = (
    ("mendel", "Discovery", "training", "variant-net", 0.48, 0.81),
    ("mendel", "Signal", "training", "ecg-former", 0.22, 0.66),
    ("mendel", "Bridge", "dev", "", 0.09, 0.31),
    ("franklin", "Imaging Core", "inference", "scan-triage", 0.55, 0.58),
    ("franklin", "Signal", "inference", "ecg-former", 0.17, 0.44),
)


def gpu_usage() -> Iterator[tuple[Any, ...]]:
    counts = {str(row[0]): int(str(row[2])) for row in _FLEET}
    for day in days(date(2025, 7, 1), LAST_DAY):
        for cluster, team, workload, model, share, busy in _JOBS:
            if workload == "dev" and day.weekday() > 4:
                continue
            hours = round(counts[cluster] * 24 * share * (0.84 + 0.2 * chance("g", day, cluster, team)), 2)
            used = round(hours * busy * (0.85 + 0.2 * chance("b", day, cluster, team)), 2)
            yield day, cluster, team, workload, f"{model}-{day:%y%m}" if model else "", model, hours, used


def business_metrics() -> Iterator[tuple[Any, ...]]:
    for month in months(FIRST_DAY, date(2026, 5, 1)):
        for metric, size in (("scans read", 21_500), ("appointments booked", 64_000), ("genomes sequenced", 390)):
            volume = size + int(size * 0.02 * step(month)) + int(size * 0.05 * chance(metric, month))
            yield month, metric, "", volume, volume * 410 if size < 1_000 else "", ""


def budgets() -> Iterator[tuple[Any, ...]]:
    for month in months(date(2025, 7, 1), date(2026, 12, 31)):
        yield month, "total", "", 122_000 + 1_000 * step(month)
        for team, amount in (("Discovery", 25_000), ("Intake", 13_000), ("Signal", 17_500), ("Bridge", 11_000)):
            yield month, "team", team, amount + 100 * step(month)
        yield month, "service_category", "Storage", 21_000


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
}  # fmt: skip
_TEXTS = {
    "grid_intensity": """grid_region,valid_from,kgco2e_per_kwh,method,source
NL,2025-01-01,0.268,location,national 2025
NL,2026-01-01,0.251,location,national 2026
NL,2025-01-01,0.019,market,wind contract
GB,2025-01-01,0.177,location,national 2025
GB,2026-05-16,0.169,location,national 2026
GB,2025-01-01,0.204,market,residual mix
""",
    "unit_cost_map": """metric,product,dimension,value
scans read,,workload,pacs
appointments booked,,workload,booking
genomes sequenced,,study,Genome Atlas
""",
    "tbm_map": """dimension,value,cost_pool,tower,sub_tower,solution
service_category,Compute,Cloud Services,Compute,Servers,Patient Record
service_category,Storage,Cloud Services,Storage,Online Storage,Image Archive
service_category,Databases,Cloud Services,Data,Database,Patient Record
service_category,Networking,Cloud Services,Network,Delivery,Public Website
service_category,Analytics,Software and SaaS,Data,Warehouse,Research Lake
service_category,AI and Machine Learning,Software and SaaS,AI,Models,Clinical AI
""",
    "users": """user,team,role,row_policy,slack_id
amara,,executive,,W01
bo,,finance,,W02
maud,Discovery,analyst,owner = Discovery,W03
olwen,Signal,analyst,"owner in (Signal, Imaging Core)",W04
tariq,,analyst,campus = Quay and stage != sandbox,W05
""",
}


def build(folder: Path) -> Tables:
    """Write the company's files into `folder`: (table name or None for FOCUS, paths) each, in an order that loads."""
    focus = folder / "focus"
    focus.mkdir(parents=True, exist_ok=True)
    tables = write_focus(focus)
    for name, (header, rows) in _HEADERS.items():
        tables.append((name, [write_csv(folder / f"{name}.csv", header.split(","), rows())]))
    for name, text in _TEXTS.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        tables.append((name, [folder / f"{name}.csv"]))
    return tables
