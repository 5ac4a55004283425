# ruff: noqa: E501
"""Kestrelway Group: a fictional parcel carrier with a marketplace ("Bazaar"). Deterministic; all USD.

Charges 2025-09-01 .. 2026-10-20. Providers AWS, Microsoft, Snowflake (SaaS), OpenAI, Kestrelway Depots (on-premises).
Teams: Snowflake is the cold-chain team (and a provider), Returns a team and an application, Oracle the demand team,
Forecast an application, Price Match an application, Dispatch/Sorter/Manifest on-premises services, august-8b a model.
"""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import date, timedelta
from pathlib import Path

FIRST, LAST = date(2025, 9, 1), date(2026, 10, 20)
AWS, MS, SF, OA, OWN = "AWS", "Microsoft", "Snowflake", "OpenAI", "Kestrelway Depots"
BILL = {
    AWS: ("410022003300", "Kestrelway Freight"),
    MS: ("EA-55120", "Kestrelway EA"),
    SF: ("kw_sf_01", "Kestrelway Data"),
    OA: ("org-kestrel", "Kestrelway AI"),
    OWN: ("DEP-1", "Depots"),
}
REG = {
    "eu-west-1": "Europe (Ireland)",
    "us-east-1": "US East (N. Virginia)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "westeurope": "West Europe",
    "uksouth": "UK South",
    "rtm": "Rotterdam",
    "": None,
}
# key|provider|service|category|account|region|team|app|env|cost_center|bu|list a day|growth a month
LINES = f"""
e1|{AWS}|Amazon Elastic Compute Cloud|Compute|linehaul-live|eu-west-1|Last Mile|Parcel Tracker|production|1100 Linehaul|Freight|310|.015
e2|{AWS}|Amazon Elastic Compute Cloud|Compute|linehaul-live|us-east-1|Cross Dock|Compass|production|1100 Linehaul|Freight|190|.01
e3|{AWS}|Amazon Elastic Compute Cloud|Compute|playpen|eu-west-1|Cross Dock|Compass|dev|1100 Linehaul|Freight|54|0
e4|{AWS}|Amazon Elastic Compute Cloud|Compute|bazaar-live|us-east-1|Storefront|Seller Hub|production|2200 Marketplace|Bazaar|260|.03
e5|{AWS}|Amazon Elastic Compute Cloud|Compute|playpen|us-east-1|||||Freight|38|.01
k1|{AWS}|Amazon Elastic Kubernetes Service|Compute|bazaar-live|us-east-1|Checkout|Basket|production|2200 Marketplace|Bazaar|175|.02
k2|{AWS}|Amazon Elastic Kubernetes Service|Compute|bazaar-live|eu-west-1|Checkout|Basket|staging|2200 Marketplace|Bazaar|41|.01
l1|{AWS}|AWS Lambda|Compute|linehaul-live|eu-west-1|Last Mile|Doorbell|production|1100 Linehaul|Freight|66|.04
r1|{AWS}|Amazon Relational Database Service|Databases|bazaar-live|us-east-1|Checkout|Basket|production|2200 Marketplace|Bazaar|148|.015
r2|{AWS}|Amazon Relational Database Service|Databases|linehaul-live|eu-west-1|Returns|Returns|production|1100 Linehaul|Freight|72|.01
r3|{AWS}|Amazon Relational Database Service|Databases|linehaul-live|eu-west-1|Last Mile|Returns|production|1100 Linehaul|Freight|27|.01
r4|{AWS}|Amazon Relational Database Service|Databases|playpen|eu-west-1|Returns|Returns|dev|1100 Linehaul|Freight|16|0
d1|{AWS}|Amazon DynamoDB|Databases|bazaar-live|us-east-1|Storefront|Price Match|production|2200 Marketplace|Bazaar|83|.035
s1|{AWS}|Amazon Simple Storage Service|Storage|linehaul-live|eu-west-1|Last Mile|Parcel Tracker|production|1100 Linehaul|Freight|95|.025
s2|{AWS}|Amazon Simple Storage Service|Storage|bazaar-live|us-east-1|Storefront|Seller Hub|production|2200 Marketplace|Bazaar|58|.03
s3|{AWS}|Amazon Simple Storage Service|Storage|playpen|ap-southeast-2|||dev|||22|.01
c1|{AWS}|Amazon CloudFront|Networking|bazaar-live|us-east-1|Storefront|Seller Hub|production|2200 Marketplace|Bazaar|112|.02
n1|{AWS}|Amazon Virtual Private Cloud|Networking|linehaul-live|eu-west-1|Cross Dock|Compass|production|1100 Linehaul|Freight|47|.01
n2|{AWS}|AWS Direct Connect|Networking|linehaul-live|ap-southeast-2|Cross Dock||production|3300 Group IT|Shared|31|0
g1|{AWS}|AWS Glue|Analytics|linehaul-live|eu-west-1|Oracle|Forecast|production|1100 Linehaul|Freight|64|.02
b1|{AWS}|AWS Batch|Compute|linehaul-live|eu-west-1|Oracle|Forecast|staging|1100 Linehaul|Freight|29|.02
bd|{AWS}|Amazon Bedrock|AI and Machine Learning|bazaar-live|us-east-1|Storefront|Price Match|production|2200 Marketplace|Bazaar|77|.05
cw|{AWS}|Amazon CloudWatch|Management and Governance|linehaul-live|eu-west-1|||production|3300 Group IT|Shared|35|.02
v1|{MS}|Virtual Machines|Compute|Cold Chain|westeurope|Snowflake|Frostbite|production|4400 Cold Chain|Freight|225|.01
v2|{MS}|Virtual Machines|Compute|Customs|uksouth|Customs|Manifest Desk|production|1100 Linehaul|Freight|132|.01
v3|{MS}|Virtual Machines|Compute|Cold Chain|westeurope|Snowflake|Frostbite|dev|4400 Cold Chain|Freight|37|0
v4|{MS}|Virtual Machines|Compute|Shared Services|uksouth|||dr|3300 Group IT|Shared|48|0
q1|{MS}|Azure SQL Database|Databases|Customs|uksouth|Customs|Manifest Desk|production|1100 Linehaul|Freight|88|.01
q2|{MS}|Azure SQL Database|Databases|Cold Chain|westeurope|Snowflake|Frostbite|production|4400 Cold Chain|Freight|69|.02
bl|{MS}|Blob Storage|Storage|Cold Chain|westeurope|Snowflake|Frostbite|production|4400 Cold Chain|Freight|40|.02
mo|{MS}|Azure Monitor|Management and Governance|Shared Services|westeurope||||3300 Group IT|Shared|26|.01
fd|{MS}|Azure Front Door|Networking|Customs|uksouth|Customs|Manifest Desk|production|1100 Linehaul|Freight|19|0
os|{MS}|Azure OpenAI Service|AI and Machine Learning|Customs|uksouth|Customs|Manifest Desk|production|1100 Linehaul|Freight|52|.05
sw|{SF}|Snowflake Warehouse|Analytics|kw_main|westeurope|Oracle|Forecast|production|1100 Linehaul|Freight|168|.02
sb|{SF}|Snowflake Warehouse|Analytics|kw_main|westeurope|Storefront|Seller Hub|production|2200 Marketplace|Bazaar|91|.03
ss|{SF}|Snowflake Storage|Storage|kw_main|westeurope|||production|3300 Group IT|Shared|24|.02
ol|{OA}|OpenAI API|AI and Machine Learning|default||Storefront|Seller Hub|production|2200 Marketplace|Bazaar|84|.06
oc|{OA}|OpenAI API|AI and Machine Learning|default||Last Mile|Doorbell|production|1100 Linehaul|Freight|45|.05
od|{OA}|OpenAI API|AI and Machine Learning|coding||Checkout|Basket|dev|2200 Marketplace|Bazaar|33|.03
di|{OWN}|Dispatch|Compute|Depot South|rtm|Cross Dock|Compass|production|1100 Linehaul|Freight|121|0
so|{OWN}|Sorter|Compute|Depot South|rtm|Last Mile|Parcel Tracker|production|1100 Linehaul|Freight|98|0
ma|{OWN}|Manifest|Databases|Depot South|rtm|Customs|Manifest Desk|production|1100 Linehaul|Freight|43|0
co|{OWN}|Colocation|Other|Depot South|rtm||||3300 Group IT|Shared|57|0
lg|{AWS}|Amazon EC2 Legacy Fleet|Compute|old-fleet|eu-west-1|Returns|Night Owl|production|1100 Linehaul|Freight|44|0
nw|{MS}|Container Apps|Compute|Customs|uksouth|Customs|Pigeon|staging|1100 Linehaul|Freight|61|.02
""".strip().splitlines()
KEYS = [
    "key",
    "provider",
    "service",
    "category",
    "account",
    "region",
    "team",
    "app",
    "env",
    "cc",
    "bu",
    "list",
    "growth",
]
ROWS = [dict(zip(KEYS, line.split("|"), strict=True)) for line in LINES]
DISC = {AWS: 0.95, MS: 0.92, SF: 0.9}
SP = ("sp-kw-1", "Linehaul Savings Plan", "Savings Plan", "Spend")
RI = ("ri-kw-7", "Cold Chain Reservation", "Reservation", "Usage")
COLUMNS = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "PricingCategory",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ServiceCategory",
    "ServiceName",
    "ServiceProviderName",
    "SkuId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "x_BusinessUnit",
]


def rnd(*a):
    return int(hashlib.sha256("|".join(map(str, a)).encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


def days(a, b):
    return [a + timedelta(n) for n in range((b - a).days + 1)]


def months(a, b):
    return [d for d in days(a, b) if d.day == 1]


def step(d):
    return (d.year - FIRST.year) * 12 + d.month - FIRST.month


def nxt(m):
    return (m + timedelta(31)).replace(day=1)


def charge(day, provider, service, category, cost, **more):
    m = day.replace(day=1)
    row = {
        "ServiceProviderName": provider,
        "InvoiceIssuerName": provider,
        "BillingCurrency": "USD",
        "BillingAccountId": BILL[provider][0],
        "BillingAccountName": BILL[provider][1],
        "BillingPeriodStart": m,
        "BillingPeriodEnd": nxt(m),
        "ChargePeriodStart": day,
        "ChargePeriodEnd": day + timedelta(1),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ServiceName": service,
        "ServiceCategory": category,
        "InvoiceId": f"{provider[:2].upper()}-{m:%Y%m}",
        "Tags": {},
        "ListCost": cost,
        "ContractedCost": cost,
        "BilledCost": cost,
        "EffectiveCost": cost,
    }
    return row | more


def commit(of, status):
    return dict(
        zip(
            [f"CommitmentDiscount{n}" for n in ("Id", "Name", "Type", "Category", "Status")],
            (*of, status),
            strict=False,
        )
    )


def place(acc, region=""):
    return {
        "SubAccountId": "id-" + acc.lower().replace(" ", "-"),
        "SubAccountName": acc,
        "RegionId": region or None,
        "RegionName": REG[region],
    }


def usage():
    for day in days(FIRST, LAST):
        for r in ROWS:
            k, p = r["key"], r["provider"]
            if (k == "lg" and day >= date(2026, 3, 16)) or (k == "nw" and day < date(2026, 7, 6)):
                continue
            size = float(r["list"]) * (1 + float(r["growth"])) ** step(day) * (0.9 + 0.2 * rnd(k, day))
            if r["env"] in ("dev", "staging") and day.weekday() > 4:
                size *= 0.4
            if r["bu"] == "Bazaar" and date(2025, 11, 24) <= day <= date(2025, 12, 1):
                size *= 1.9
            if k == "n1" and date(2026, 9, 8) <= day <= date(2026, 9, 14):
                size *= 11
            tags = {
                t: r[f]
                for t, f in (("team", "team"), ("application", "app"), ("environment", "env"), ("cost_center", "cc"))
                if r[f]
            }
            row = charge(
                day,
                p,
                r["service"],
                r["category"],
                size * DISC.get(p, 1.0),
                ListCost=size,
                PricingCategory="Standard",
                SkuId="sku-" + k,
                ResourceId=f"{k}-{1 + int(3 * rnd('r', k, day))}",
                Tags=tags,
                x_BusinessUnit=r["bu"] or None,
                **place(r["account"], r["region"]),
            )
            cov = {"e1": (SP, 0.68), "e2": (SP, 0.7), "v1": (RI, 0.6)}.get(k)
            if cov:
                row |= commit(cov[0], "Used") | {
                    "PricingCategory": "Committed",
                    "BilledCost": 0.0,
                    "EffectiveCost": size * cov[1],
                }
            yield row
        u = charge(
            day,
            AWS,
            "Amazon Elastic Compute Cloud",
            "Compute",
            0.0,
            **place("linehaul-live", "eu-west-1"),
            x_BusinessUnit="Freight",
        )
        yield u | commit(SP, "Unused") | {"EffectiveCost": 9 + 14 * rnd("su", day)}
        if day >= date(2026, 2, 1):
            u = charge(
                day,
                MS,
                "Virtual Machines",
                "Compute",
                0.0,
                **place("Cold Chain", "westeurope"),
                x_BusinessUnit="Freight",
                Tags={"team": "Snowflake", "cost_center": "4400 Cold Chain"},
            )
            yield u | commit(RI, "Unused") | {"EffectiveCost": 4 + 3 * rnd("ru", day)}


def monthly():
    for m in months(FIRST, LAST):
        yield (
            charge(m, AWS, "Amazon Elastic Compute Cloud", "Compute", 10_900.0, **place("linehaul-live", "eu-west-1"))
            | commit(SP, None)
            | {"ChargeCategory": "Purchase", "ChargeFrequency": "Recurring", "EffectiveCost": 0.0}
        )
        yield (
            charge(m, MS, "Virtual Machines", "Compute", 4_300.0, **place("Cold Chain", "westeurope"))
            | commit(RI, None)
            | {"ChargeCategory": "Purchase", "ChargeFrequency": "Recurring", "EffectiveCost": 0.0}
        )
        yield charge(
            m,
            AWS,
            "Amazon Elastic Compute Cloud",
            "Compute",
            2480.0 + 30 * step(m),
            ChargeCategory="Tax",
            ChargeFrequency="Recurring",
        )
        yield charge(
            m,
            MS,
            "Virtual Machines",
            "Compute",
            1120.5 + 11 * step(m),
            ChargeCategory="Tax",
            ChargeFrequency="Recurring",
        )
        if m.month % 3 == 0:
            yield charge(
                m + timedelta(14),
                AWS,
                "Amazon Elastic Kubernetes Service",
                "Compute",
                -1850.25,
                ChargeCategory="Credit",
                **place("bazaar-live", "us-east-1"),
            )
        if m >= date(2026, 4, 1):
            yield charge(
                m + timedelta(9),
                MS,
                "Azure OpenAI Service",
                "AI and Machine Learning",
                -300.0,
                ChargeCategory="Credit",
                **place("Customs", "uksouth"),
            )
    yield charge(
        date(2026, 8, 19),
        AWS,
        "Amazon DynamoDB",
        "Databases",
        -612.4,
        ChargeClass="Correction",
        x_BusinessUnit="Bazaar",
        Tags={
            "team": "Storefront",
            "application": "Price Match",
            "environment": "production",
            "cost_center": "2200 Marketplace",
        },
        **place("bazaar-live", "us-east-1"),
    )
    yield charge(
        date(2026, 5, 31),
        SF,
        "Snowflake Warehouse",
        "Analytics",
        41.75,
        ChargeCategory="Adjustment",
        **place("kw_main", "westeurope"),
    )


AGENTS = [  # provider, model, app, team, user, env, purpose, input a day, prices
    (OA, "gpt-5.5", "Seller Hub", "Storefront", "svc-listing", "production", "listing copy", 9_500_000, (5, 0.5, 30)),
    (
        OA,
        "gpt-5.4-mini",
        "Doorbell",
        "Last Mile",
        "svc-doorbell",
        "production",
        "customer chat",
        21_000_000,
        (0.75, 0.075, 4.5),
    ),
    (OA, "gpt-5.5", "Basket", "Checkout", "mira", "development", "coding", 2_100_000, (5, 0.5, 30)),
    (OA, "gpt-5.4-mini", "Basket", "Checkout", "t.okafor", "development", "code review", 1_700_000, (0.75, 0.075, 4.5)),
    (
        AWS,
        "claude-sonnet-4-5",
        "Price Match",
        "Storefront",
        "svc-prices",
        "production",
        "price research",
        5_200_000,
        (3, 0.3, 15),
    ),
    (
        MS,
        "gpt-5.4-mini",
        "Manifest Desk",
        "Customs",
        "svc-customs",
        "production",
        "document extraction",
        12_400_000,
        (0.75, 0.075, 4.5),
    ),
    (OWN, "august-8b", "Frostbite", "Snowflake", "svc-frost", "production", "triage", 16_000_000, (0.05, 0.05, 0.1)),
    (OA, "gpt-5.5", "Compass", "Cross Dock", "jonas.b", "development", "coding", 1_400_000, (5, 0.5, 30)),
]


def tokens():
    for d in days(date(2026, 1, 1), LAST):
        for p, m, app, team, user, env, purpose, size, pr in AGENTS:
            if env == "development" and d.weekday() > 4:
                continue
            i = int(size * (1 + 0.05 * (step(d) - 4)) * (0.8 + 0.4 * rnd("t", d, app, user)))
            c = int(i * (0.55 if env == "production" else 0.2) * (0.8 + 0.3 * rnd("c", d, app, user)))
            o = int(i * (0.06 + 0.08 * rnd("o", d, app, user)))
            rs = int(o * 0.35) if m == "gpt-5.5" else 0
            cost = ((i - c) * pr[0] + c * pr[1] + o * pr[2]) / 1e6
            yield (
                d,
                p,
                m,
                app,
                team,
                user,
                env,
                purpose,
                i // 2700 + 1,
                i,
                c,
                o,
                rs,
                "true" if purpose == "listing copy" and d.day % 3 == 0 else "false",
                f"{cost:.6f}",
            )


def allowances():
    for m in months(date(2026, 1, 1), LAST):
        yield m, "team", "Storefront", 650_000_000, "", "false"
        yield m, "team", "Checkout", "", 520, "true"
        yield m, "user", "mira", 60_000_000, "", "true"


FLEET = [
    ("anvil", "H100", 16, "Rotterdam", "NL", "2025-09-01", 640_000, 80_000, 48, 0.7, 1.2, 0.14, 4_200, 3_000),
    ("bellows", "L40S", 32, "Leeds", "GB", "2026-01-01", 336_000, 32_000, 42, 0.35, 1.4, 0.21, 3_300, 1_800),
]
JOBS = [
    ("anvil", "Oracle", "training", "demand-net", 0.48, 0.8),
    ("anvil", "Customs", "training", "doc-reader", 0.22, 0.6),
    ("anvil", "Storefront", "dev", "", 0.06, 0.3),
    ("bellows", "Snowflake", "inference", "august-8b", 0.5, 0.5),
    ("bellows", "Last Mile", "inference", "eta-model", 0.19, 0.42),
]


def gpus():
    n = {"anvil": 16, "bellows": 32}
    for d in days(date(2025, 10, 1), LAST):
        for c, t, w, m, sh, b in JOBS:
            if (c == "bellows" and d < date(2026, 1, 1)) or (w == "dev" and d.weekday() > 4):
                continue
            h = round(n[c] * 24 * sh * (0.85 + 0.2 * rnd("g", d, c, t)), 2)
            yield d, c, t, w, f"{m}-{d:%y%m}" if m else "", m, h, round(h * b * (0.85 + 0.2 * rnd("b", d, c, t)), 2)


def business():
    for m in months(FIRST, date(2026, 9, 1)):
        for metric, product, size, rev in (
            ("parcels delivered", "Standard", 1_900_000, 4.1),
            ("parcels delivered", "Express", 420_000, 9.3),
            ("orders placed", "", 610_000, 1.8),
            ("returns processed", "", 88_000, 0),
        ):
            v = size + int(size * 0.015 * step(m)) + int(size * 0.06 * rnd(metric, product, m))
            yield m, metric, product, v, f"{v * rev:.2f}" if rev else "", ""


def budgets():
    for m in months(FIRST, date(2026, 12, 31)):
        yield m, "total", "", 128_000 + 1_800 * step(m)
        for t, a in (
            ("Last Mile", 19_500),
            ("Storefront", 26_000),
            ("Checkout", 12_500),
            ("Snowflake", 10_500),
            ("Cross Dock", 13_800),
        ):
            yield m, "team", t, a + 150 * step(m)
        yield m, "cost_center", "2200 Marketplace", 38_000 + 700 * step(m)
        yield m, "cost_center", "3300 Group IT", 7_200


T = {
    "token_usage": (
        "usage_date,provider,model,application,team,user_id,environment,purpose,requests,input_tokens,cached_input_tokens,output_tokens,reasoning_tokens,batch,cost_usd",
        tokens,
    ),
    "token_allowances": ("month,subject_type,subject,tokens,usd,hard", allowances),
    "gpu_fleet": (
        "cluster,gpu_model,gpu_count,site,grid_region,in_service_date,capex_usd,salvage_usd,useful_life_months,power_kw_per_gpu,pue,electricity_usd_per_kwh,facility_usd_per_month,staff_usd_per_month",
        lambda: FLEET,
    ),
    "gpu_usage": ("usage_date,cluster,team,workload,run_id,model,gpu_hours_allocated,gpu_hours_busy", gpus),
    "business_metrics": ("month,metric,product,volume,revenue_usd,processing_hours", business),
    "budgets": ("month,dimension,value,amount_usd", budgets),
}
TEXTS = {
    "grid_intensity": """grid_region,valid_from,kgco2e_per_kwh,method,source
NL,2025-01-01,0.268,location,national 2025
NL,2026-01-01,0.251,location,national 2026
NL,2025-01-01,0.000,market,wind contract
GB,2025-01-01,0.177,location,national 2025
GB,2026-07-01,0.162,location,national 2026
GB,2025-01-01,0.365,market,residual mix
""",
    "unit_cost_map": """metric,product,dimension,value
parcels delivered,,team,Last Mile
orders placed,,team,Checkout
orders placed,,team,Storefront
returns processed,,team,Returns
""",
    "tbm_map": """dimension,value,cost_pool,tower,sub_tower,solution
service_category,Compute,Cloud Services,Compute,Servers,Delivery
service_category,Storage,Cloud Services,Storage,Online Storage,Delivery
service_category,Databases,Cloud Services,Data,Database,Delivery
service_category,Networking,Cloud Services,Network,Delivery,Delivery
service_category,Analytics,Software and SaaS,Data,Warehouse,Insight
service_category,AI and Machine Learning,Software and SaaS,AI,Models,Insight
service_category,Management and Governance,Cloud Services,IT Management,Monitoring,Run
service_category,Other,Facilities,Data Center,Colocation,Run
""",
    "users": """user,team,role,row_policy,slack_id
helena,,executive,,K01
piotr,,finance,,K02
mira,Checkout,analyst,team = Checkout,K03
sanna,,analyst,business unit = Bazaar,K04
""",
}


def text(v):
    if isinstance(v, float):
        return f"{v:.6f}"
    if isinstance(v, date):
        return f"{v}T00:00:00Z"
    if isinstance(v, dict):
        return json.dumps(v)
    return "" if v is None else str(v)


def build(folder: Path) -> list[tuple[str | None, Path]]:
    """Writes the files and returns (table name, or None for FOCUS; path), FOCUS first."""
    folder.mkdir(parents=True, exist_ok=True)
    out, by = [], {p: [] for p in BILL}
    for r in sorted([*usage(), *monthly()], key=lambda r: r["ChargePeriodStart"]):
        by[r["ServiceProviderName"]].append(r)
    for p, rows in by.items():
        f = folder / f"focus-{p.lower().replace(' ', '-')}.csv"
        with f.open("w", newline="") as h:
            w = csv.writer(h)
            w.writerow(COLUMNS)
            w.writerows([text(r.get(c)) for c in COLUMNS] for r in rows)
        out.append((None, f))
    for n, (head, rows) in T.items():
        f = folder / f"{n}.csv"
        with f.open("w", newline="") as h:
            w = csv.writer(h)
            w.writerow(head.split(","))
            w.writerows(rows())
        out.append((n, f))
    for n, t in TEXTS.items():
        (folder / f"{n}.csv").write_text(t)
        out.append((n, folder / f"{n}.csv"))
    return out
