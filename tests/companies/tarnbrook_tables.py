"""Tarnbrook's tables beside the charges: tokens, GPUs, grid, business, budgets, rules and people."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path


def _chance(*key: object) -> float:
    digest = hashlib.sha256("|".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def _months(first: date, last: date) -> Iterator[date]:
    yield from (day for day in _days(first, last) if day.day == 1)


Rows = Iterator[tuple[object, ...]]

# provider, model, version, team, application, user, environment, purpose, daily input tokens
_AGENTS = (
    (
        "Anthropic",
        "claude-sonnet-4-5",
        "20250929",
        "Core",
        "pull-pilot",
        "mara",
        "prod",
        "code review",
        4_200_000,
    ),
    ("Anthropic", "claude-sonnet-4-5", "20250929", "Core", "pull-pilot", "teo", "dev", "coding", 6_100_000),
    (
        "Anthropic",
        "claude-haiku-4-5",
        "20251001",
        "Claims",
        "claim-reader",
        "svc-claims",
        "prod",
        "extraction",
        9_800_000,
    ),
    (
        "Anthropic",
        "claude-haiku-4-5",
        "20251001",
        "Claims",
        "claim-reader",
        "ines",
        "dev",
        "testing",
        1_300_000,
    ),
    ("Anthropic", "claude-opus-4-1", "20250805", "Risk", "risk-notes", "oskar", "prod", "analysis", 800_000),
    (
        "Microsoft",
        "gpt-5-mini",
        "2025-08-07",
        "Growth",
        "chat-desk",
        "svc-chat",
        "prod",
        "customer support",
        7_400_000,
    ),
    ("Microsoft", "gpt-5-mini", "2025-08-07", "May", "trip-helper", "lina", "staging", "testing", 500_000),
    (
        "Solenne AI",
        "solenne-grand-2",
        "2",
        "Payments",
        "fraud-watch",
        "svc-fraud",
        "prod",
        "classification",
        5_600_000,
    ),
    ("Solenne AI", "solenne-petit-2", "2", "Orion", "cargo-scan", "noor", "staging", "extraction", 2_200_000),
    ("Solenne AI", "solenne-petit-2", "2", "Payments", "fraud-watch", "mara", "dev", "coding", 900_000),
)
_PRICES = {  # USD per million: input, cached input, output
    "claude-sonnet-4-5": (3.0, 0.3, 15.0),
    "claude-haiku-4-5": (1.0, 0.1, 5.0),
    "claude-opus-4-1": (15.0, 1.5, 75.0),
    "gpt-5-mini": (0.25, 0.025, 2.0),
    "solenne-grand-2": (2.0, 0.2, 6.0),
    "solenne-petit-2": (0.15, 0.015, 0.6),
}


def _token_usage(first: date, last: date) -> Rows:
    for day in _days(first, last):
        months = (day.year - 2025) * 12 + day.month - 2
        for provider, model, version, team, app, user, env, purpose, base in _AGENTS:
            if day.weekday() >= 5 and env != "prod":
                continue
            size = base * (1 + 0.05 * months) * (0.7 + 0.6 * _chance(day, app, user))
            given = int(size)
            cached = int(given * (0.55 if env == "prod" else 0.2) * (0.8 + 0.4 * _chance("c", day, app, user)))
            output = int(given * (0.08 + 0.1 * _chance("o", day, app, user)))
            reasoning = int(output * 0.3) if "opus" in model or "gpt" in model else 0
            price = _PRICES[model]
            cost = ((given - cached) * price[0] + cached * price[1] + output * price[2]) / 1e6
            batch = "true" if purpose == "extraction" and day.day % 3 == 0 else "false"
            yield (
                day, provider, model, version, app, team, user, env, purpose, given // 3500 + 1,
                given, cached, int(given * 0.02), output, reasoning, batch, f"{cost:.6f}",
            )  # fmt: skip


def _token_allowances(first: date, last: date) -> Rows:
    for month in _months(first, last):
        yield month, "team", "Core", 450_000_000, "", "false"
        yield month, "team", "Claims", 400_000_000, "", "true"
        yield month, "team", "Payments", "", 400, "false"
        yield month, "user", "mara", 150_000_000, "", "false"
        yield month, "user", "oskar", "", 500, "true"


_FLEET = (
    (
        "fjord-a",
        "H100",
        64,
        "Bergen",
        "NO-West",
        "2025-01-15",
        2_240_000,
        224_000,
        48,
        0.7,
        1.2,
        0.065,
        9_000,
        6_500,
    ),
    (
        "fjord-b",
        "A100",
        32,
        "Bergen",
        "NO-West",
        "2024-06-01",
        480_000,
        0,
        60,
        0.4,
        1.25,
        0.065,
        4_000,
        3_200,
    ),
    (
        "mersey-1",
        "L40S",
        16,
        "Liverpool",
        "GB",
        "2025-09-10",
        176_000,
        16_000,
        36,
        0.35,
        1.4,
        0.19,
        2_500,
        1_800,
    ),
)
# cluster, team, workload, model, share of the cluster's hours, busy share
_JOBS = (
    ("fjord-a", "Risk", "training", "risk-net", 0.42, 0.86),
    ("fjord-a", "Data Platform", "training", "embed-2", 0.21, 0.71),
    ("fjord-a", "Claims", "inference", "claim-vision", 0.12, 0.55),
    ("fjord-b", "Claims", "inference", "claim-vision", 0.48, 0.62),
    ("fjord-b", "Orion", "dev", "", 0.18, 0.24),
    ("mersey-1", "Payments", "inference", "fraud-net", 0.51, 0.66),
    ("mersey-1", "May", "dev", "", 0.14, 0.31),
)
_SIZES = {row[0]: (int(row[2]), date.fromisoformat(str(row[5]))) for row in _FLEET}


def _gpu_usage(first: date, last: date) -> Rows:
    for day in _days(first, last):
        for cluster, team, workload, model, share, busy in _JOBS:
            count, since = _SIZES[cluster]
            if day < since or (workload == "dev" and day.weekday() >= 5):
                continue
            allocated = round(count * 24 * share * (0.8 + 0.25 * _chance("g", day, cluster, team)), 2)
            used = round(allocated * busy * (0.85 + 0.2 * _chance("b", day, cluster, team)), 2)
            run = f"run-{day:%y%m}-{cluster}" if workload == "training" else ""
            yield day, cluster, team, workload, run, model, "1" if model else "", allocated, used


def _grid() -> Rows:
    yield "NO-West", "2024-01-01", "0.028", "location", "Statnett 2024"
    yield "NO-West", "2026-01-01", "0.025", "location", "Statnett 2026"
    yield "NO-West", "2024-01-01", "0.495", "market", "AIB residual mix"
    yield "GB", "2024-01-01", "0.207", "location", "DESNZ 2024"
    yield "GB", "2026-01-01", "0.177", "location", "DESNZ 2026"
    yield "GB", "2024-01-01", "0.0", "market", "REGO"


def _business(first: date, last: date) -> Rows:
    for month in _months(first, last):
        if month > date(2026, 2, 1):
            break
        step = (month.year - 2025) * 12 + month.month - 2
        for metric, product, base, money, hours in (
            ("policies issued", "Motor", 5200, 310, 0.4),
            ("policies issued", "Home", 3100, 275, 0.5),
            ("policies issued", "Travel", 1400, 48, 0.1),
            ("claims settled", "", 2400, 0, 2.2),
            ("quotes served", "", 61000, 0, 0.01),
        ):
            volume = base + int(base * 0.02 * step) + int(120 * _chance(metric, product, month))
            yield month, metric, product, volume, volume * money if money else "", round(volume * hours, 1)


def _fx(first: date, last: date) -> Rows:
    for number, month in enumerate(_months(first, last)):
        yield month, "EUR", "USD", f"{1.08 + 0.005 * (number % 5):.4f}"
        yield month, "GBP", "USD", f"{1.26 + 0.004 * (number % 6):.4f}"


def _budgets(first: date, last: date) -> Rows:
    for number, month in enumerate(_months(first, date(last.year, 12, 1))):
        yield month, "total", "", 165_000 + 2_500 * number
        for team, amount in (
            ("Payments", 42_000),
            ("Core", 33_000),
            ("Claims", 28_000),
            ("Risk", 18_000),
            ("Orion", 9_000),
        ):
            yield month, "team", team, amount + 400 * number
        yield month, "service_category", "AI and Machine Learning", 21_000 + 1_200 * number


_TEXTS = {
    "unit_cost_map": """
metric,product,dimension,value
policies issued,Motor,product-line,Motor
policies issued,Home,product-line,Home
policies issued,Travel,product-line,Travel
claims settled,,squad,Claims
quotes served,,service_name,Azure OpenAI
""",
    "allocation_rules": """
pool,match,method,key_dimension,weights,effective_from
Shared network,service = Amazon Virtual Private Cloud,proportional,squad,,2025-02-01
Observability,service category = Management and Governance,even,squad,,2025-02-01
Tax,charge category = Tax,fixed,squad,"{""Payments"": 0.5, ""Core"": 0.5}",2025-02-01
""",
    "tbm_map": """
dimension,value,cost_pool,tower,sub_tower,solution
service_category,Compute,Outside Services,Compute,Servers,Policy Administration
service_category,Storage,Outside Services,Storage,Online Storage,Policy Administration
service_category,Databases,Outside Services,Data,Database,Policy Administration
service_category,Networking,Outside Services,Network,LAN/WAN,
service_category,Analytics,Outside Services,Data,Warehouse,Risk Modelling
service_category,AI and Machine Learning,Outside Services,AI Platform,,Risk Modelling
service_category,Business Applications,Software,Application,CRM,Sales
""",
    "users": """
user,team,role,row_policy,slack_id
avery,,executive,,U01
fen,,finance,,U02
root.ops,Core,admin,,U03
noor,Orion,analyst,team = Orion,U04
mara,Payments,analyst,"team in (Payments, Core)",U05
rita,,executive,business unit = Retail,U06
ines,Claims,analyst,business unit = Claims and environment = prod,U07
teo,Core,analyst,environment != dev,U08
lina,May,analyst,cost centre = 1040 and provider = AWS,U09
""",
}


def write_tables(folder: Path, first: date, last: date) -> list[tuple[str, Path]]:
    """Write one CSV for each table of the contract but cost_and_usage; (table, path) each."""
    tables: dict[str, tuple[str, Rows]] = {
        "token_usage": (
            "usage_date,provider,model,model_version,application,team,user_id,environment,purpose,requests,"
            "input_tokens,cached_input_tokens,cache_write_tokens,output_tokens,reasoning_tokens,batch,cost_usd",
            _token_usage(first, last),
        ),
        "token_allowances": (
            "month,subject_type,subject,tokens,usd,hard",
            _token_allowances(first, last),
        ),
        "gpu_fleet": (
            "cluster,gpu_model,gpu_count,site,grid_region,in_service_date,capex_usd,salvage_usd,"
            "useful_life_months,power_kw_per_gpu,pue,electricity_usd_per_kwh,facility_usd_per_month,"
            "staff_usd_per_month",
            iter(_FLEET),
        ),
        "gpu_usage": (
            "usage_date,cluster,team,workload,run_id,model,model_version,gpu_hours_allocated,gpu_hours_busy",
            _gpu_usage(first, last),
        ),
        "grid_intensity": ("grid_region,valid_from,kgco2e_per_kwh,method,source", _grid()),
        "business_metrics": (
            "month,metric,product,volume,revenue_usd,processing_hours",
            _business(first, last),
        ),
        "fx_rates": ("month,from_currency,to_currency,rate", _fx(first, last)),
        "budgets": ("month,dimension,value,amount_usd", _budgets(first, last)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, (header, rows) in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header.split(","))
            writer.writerows(rows)
    for name, text in _TEXTS.items():
        (folder / f"{name}.csv").write_text(text.lstrip(), encoding="utf-8")
    return [(name, folder / f"{name}.csv") for name in (*tables, *_TEXTS)]
