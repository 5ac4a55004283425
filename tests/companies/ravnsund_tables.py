"""Ravnsund's other tables: tokens, GPUs, grids, volumes, budgets, rates, rules, people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

from companies.ravnsund_focus import FIRST_DAY, GCP, LAST_DAY, chance, days, months, step

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
)  # fmt: skip
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


HEADERS: dict[str, tuple[str, Callable[[], Iterable[tuple[Any, ...]]]]] = {
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
TEXTS = {
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
