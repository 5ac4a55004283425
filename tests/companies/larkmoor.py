# ruff: noqa: E501
"""Larkmoor Mutual: a fictional national insurance group (policies, claims, brokers). Deterministic; all USD.

Charges 2025-05-01 .. 2026-06-17. Providers AWS, Microsoft, Google Cloud, Snowflake, OpenAI, Anthropic, Salesforce and
GitHub (seats), Larkmoor Data Center (on-premises, Columbus).
Awkward on purpose: Growth is a team; Claims and Claims Motor are two teams; Lisbon is an application (the quote engine);
Cyber is a team and an application (other rows); Life is a product and an Azure subscription (other rows); Pet-Care and
Home-Plus are products; cost centers are "4200 Broker Portal"; larkllm-13b is a model of the house.
"""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import date, timedelta
from pathlib import Path

FIRST, LAST = date(2025, 5, 1), date(2026, 6, 17)
AWS, MS, GC, SF, OA, AN, SA, GH, OWN = (
    "AWS",
    "Microsoft",
    "Google Cloud",
    "Snowflake",
    "OpenAI",
    "Anthropic",
    "Salesforce",
    "GitHub",
    "Larkmoor Data Center",
)
BILL = {
    AWS: ("701188220044", "Larkmoor Payer"),
    MS: ("EA-90417", "Larkmoor Enterprise Agreement"),
    GC: ("01A2B3-C4D5E6", "Larkmoor GCP Billing"),
    SF: ("lm_sf_9", "Larkmoor Snowflake Org"),
    OA: ("org-larkmoor", "Larkmoor OpenAI"),
    AN: ("anth-lm-3", "Larkmoor Anthropic"),
    SA: ("SFDC-LM", "Larkmoor CRM"),
    GH: ("gh-larkmoor", "Larkmoor GitHub"),
    OWN: ("DC-01", "Larkmoor Facilities"),
}
REG = {
    "us-east-1": "US East (N. Virginia)",
    "us-west-2": "US West (Oregon)",
    "eastus2": "East US 2",
    "centralus": "Central US",
    "us-central1": "Iowa",
    "cmh": "Columbus",
    "": None,
}
PL, CL, GS = "Personal Lines", "Commercial Lines", "Group Services"
EC2, RDS, S3 = "Amazon Elastic Compute Cloud", "Amazon Relational Database Service", "Amazon Simple Storage Service"
UW, CH, DS, BP, AC, IT = (
    "2100 Underwriting",
    "2300 Claims Handling",
    "4100 Direct Sales",
    "4200 Broker Portal",
    "5000 Actuarial Science",
    "9000 Group IT",
)
AI, MG = "AI and Machine Learning", "Management and Governance"
# key|provider|service|category|account|region|team|app|env|product|data class|cost center|division|list a day|growth a month
LINES = f"""
a1|{AWS}|{EC2}|Compute|claims-prod|us-east-1|Claims|Claimdesk|prod|Home-Plus|pii|{CH}|{PL}|242|.012
a2|{AWS}|{EC2}|Compute|claims-prod|us-east-1|Claims Motor|FirstNotice|prod|Motor|pii|{CH}|{PL}|205|.015
a3|{AWS}|{EC2}|Compute|claims-nonprod|us-east-1|Claims|Claimdesk|uat|Home-Plus|internal|{CH}|{PL}|58|0
a4|{AWS}|{EC2}|Compute|claims-nonprod|us-west-2|Claims Motor|FirstNotice|dev|Motor|internal|{CH}|{PL}|31|.01
a5|{AWS}|{EC2}|Compute|distribution|us-east-1|Broker Services|BrokerLink|prod|Small Business|internal|{BP}|{CL}|171|.025
a6|{AWS}|{EC2}|Compute|sandbox|us-west-2|||||||{GS}|42|.02
a7|{AWS}|{EC2}|Compute|policy-prod|us-east-1|Growth|Lisbon|prod|Motor|internal|{DS}|{PL}|133|.03
b1|{AWS}|Amazon Elastic Kubernetes Service|Compute|policy-prod|us-east-1|Policy Admin|PolicyHub|prod|Motor|pii|{UW}|{PL}|188|.018
b2|{AWS}|Amazon Elastic Kubernetes Service|Compute|policy-prod|us-west-2|Policy Admin|PolicyHub|dr|Motor|pii|{UW}|{PL}|49|0
b3|{AWS}|AWS Lambda|Compute|distribution|us-east-1|Growth|Lisbon|prod|Pet-Care|public|{DS}|{PL}|37|.05
b4|{AWS}|AWS Lambda|Compute|claims-prod|us-east-1|Claims|Claimdesk|prod|Pet-Care|pii|{CH}|{PL}|22|.03
c1|{AWS}|{RDS}|Databases|claims-prod|us-east-1|Claims|Claimdesk|prod|Home-Plus|pii|{CH}|{PL}|119|.01
c2|{AWS}|{RDS}|Databases|claims-prod|us-east-1|Claims Motor|FirstNotice|prod|Motor|pii|{CH}|{PL}|84|.012
c3|{AWS}|{RDS}|Databases|policy-prod|us-east-1|Policy Admin|PolicyHub|prod|Motor|pii|{UW}|{PL}|97|.01
c4|{AWS}|{RDS}|Databases|claims-nonprod|us-east-1|Claims|Claimdesk|dev|Home-Plus|internal|{CH}|{PL}|18|0
c5|{AWS}|Amazon DynamoDB|Databases|distribution|us-east-1|Broker Services|BrokerLink|prod|Small Business|internal|{BP}|{CL}|46|.03
d1|{AWS}|{S3}|Storage|claims-prod|us-east-1|Claims|Claimdesk|prod|Home-Plus|pii|{CH}|{PL}|88|.022
d2|{AWS}|{S3}|Storage|policy-prod|us-west-2|Policy Admin|PolicyHub|dr|Motor|pii|{UW}|{PL}|24|.02
d3|{AWS}|{S3}|Storage|sandbox|us-west-2|||dev|||||19|.01
e1|{AWS}|Amazon CloudFront|Networking|distribution|us-east-1|Growth|Lisbon|prod|Motor|public|{DS}|{PL}|53|.02
e2|{AWS}|Amazon Virtual Private Cloud|Networking|claims-prod|us-east-1|Claims|Claimdesk|prod||internal|{CH}|{PL}|29|.01
e3|{AWS}|AWS Direct Connect|Networking|shared-network|us-east-1|Platform||prod||internal|{IT}|{GS}|34|0
f1|{AWS}|Amazon Bedrock|{AI}|claims-prod|us-east-1|Fraud Watch|Watchdog|prod|Motor|pii|{CH}|{PL}|61|.05
f2|{AWS}|Amazon SageMaker|{AI}|claims-prod|us-east-1|Fraud Watch|Watchdog|uat|Motor|internal|{CH}|{PL}|39|.02
f3|{AWS}|AWS Glue|Analytics|policy-prod|us-east-1|Actuarial|Ratebook|prod|Life|internal|{AC}|{PL}|44|.015
f4|{AWS}|AWS Batch|Compute|policy-prod|us-west-2|Actuarial|Ratebook|uat|Life|internal|{AC}|{PL}|27|.01
g1|{AWS}|Amazon CloudWatch|{MG}|shared-network|us-east-1|Platform||prod||internal|{IT}|{GS}|33|.02
g2|{AWS}|Amazon GuardDuty|Security|shared-network|us-east-1|Cyber|Cyber|prod||internal|{IT}|{GS}|26|.015
h1|{MS}|Virtual Machines|Compute|Underwriting Workbench|eastus2|Underwriting|Quill|prod|Small Business|internal|{UW}|{CL}|196|.01
h2|{MS}|Virtual Machines|Compute|Underwriting Workbench|eastus2|Underwriting|Quill|uat|Small Business|internal|{UW}|{CL}|43|0
h3|{MS}|Virtual Machines|Compute|Life|centralus|Policy Admin|Evergreen|prod|Life|pii|{UW}|{PL}|128|.008
h4|{MS}|Virtual Machines|Compute|Corporate IT|centralus||||||{IT}|{GS}|36|0
i1|{MS}|Azure SQL Database|Databases|Underwriting Workbench|eastus2|Underwriting|Quill|prod|Small Business|internal|{UW}|{CL}|81|.01
i2|{MS}|Azure SQL Database|Databases|Life|centralus|Policy Admin|Evergreen|prod|Life|pii|{UW}|{PL}|66|.012
i3|{MS}|Azure SQL Database|Databases|Life|centralus|Actuarial|Ratebook|dev|Home-Plus|internal|{AC}|{PL}|14|0
j1|{MS}|Blob Storage|Storage|Life|centralus|Policy Admin|Evergreen|prod|Life|pii|{UW}|{PL}|31|.02
j2|{MS}|Azure Monitor|{MG}|Corporate IT|centralus|Platform||prod||internal|{IT}|{GS}|21|.01
j3|{MS}|Microsoft Defender for Cloud|Security|Corporate IT|eastus2|Cyber|Sentinel Desk|prod||internal|{IT}|{GS}|38|.01
j4|{MS}|Microsoft Sentinel|Security|Corporate IT|eastus2|Platform|Cyber|prod||internal|{IT}|{GS}|28|.02
j5|{MS}|Azure OpenAI Service|{AI}|Underwriting Workbench|eastus2|Underwriting|Quill|prod|Small Business|internal|{UW}|{CL}|57|.06
k1|{GC}|BigQuery|Analytics|lm-pricing|us-central1|Actuarial|Ratebook|prod|Motor|internal|{AC}|{PL}|92|.03
k2|{GC}|Compute Engine|Compute|lm-pricing|us-central1|Actuarial|Ratebook|prod|Home-Plus|internal|{AC}|{PL}|63|.01
k3|{GC}|Cloud Storage|Storage|lm-pricing|us-central1|Actuarial|Ratebook|prod||internal|{AC}|{PL}|17|.02
k4|{GC}|Vertex AI|{AI}|lm-labs|us-central1|Fraud Watch|Watchdog|dev|Motor|internal|{AC}|{PL}|48|.04
k5|{GC}|Google Kubernetes Engine|Compute|lm-labs|us-central1||||||{AC}||23|.01
l1|{SF}|Snowflake Compute|Analytics|LM_MAIN|us-east-1|Actuarial|Ratebook|prod|Life|internal|{AC}|{PL}|104|.02
l2|{SF}|Snowflake Compute|Analytics|LM_MAIN|us-east-1|Broker Services|BrokerLink|prod|Small Business|internal|{BP}|{CL}|59|.02
l3|{SF}|Snowflake Compute|Analytics|LM_MAIN|us-east-1|Claims Motor|FirstNotice|prod|Motor|pii|{CH}|{PL}|41|.025
l4|{SF}|Snowflake Storage|Storage|LM_MAIN|us-east-1|Platform||prod||internal|{IT}|{GS}|16|.02
m1|{OA}|OpenAI API|{AI}|production||Claims|Claimdesk|prod|Home-Plus|pii|{CH}|{PL}|72|.06
m2|{OA}|OpenAI API|{AI}|production||Growth|Concierge|prod|Pet-Care|public|{DS}|{PL}|51|.07
m3|{OA}|OpenAI API|{AI}|engineering||Policy Admin|PolicyHub|dev||internal|{UW}|{PL}|24|.02
n1|{AN}|Claude API|{AI}|default||Broker Services|BrokerLink|prod|Small Business|internal|{BP}|{CL}|64|.06
n2|{AN}|Claude API|{AI}|default||Underwriting|Quill|prod|Small Business|pii|{UW}|{CL}|47|.05
n3|{AN}|Claude API|{AI}|coding||Platform||dev||internal|{IT}|{GS}|29|.05
o1|{OWN}|Mainframe|Compute|Columbus Hall A|cmh|Policy Admin|Evergreen|prod|Life|pii|{UW}|{PL}|265|0
o2|{OWN}|VMware Estate|Compute|Columbus Hall A|cmh|Platform||prod||internal|{IT}|{GS}|118|0
o3|{OWN}|Backup Vault|Storage|Columbus Hall B|cmh|Platform||dr||internal|{IT}|{GS}|39|0
o4|{OWN}|Colocation|Other|Columbus Hall B|cmh||||||{IT}|{GS}|62|0
x1|{AWS}|Amazon OpenSearch Service|Analytics|distribution|us-west-2|Broker Services|Agentview|prod|Small Business|internal|{BP}|{CL}|52|0
x2|{GC}|Cloud Run|Compute|lm-labs|us-central1|Growth|Concierge|prod|Pet-Care|public|{DS}|{PL}|36|.04
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
    "product",
    "dclass",
    "cc",
    "division",
    "list",
    "growth",
]
ROWS = [dict(zip(KEYS, line.split("|"), strict=True)) for line in LINES]
DISC = {AWS: 0.94, MS: 0.91, GC: 0.96, SF: 0.88, AN: 0.95}
SP = ("sp-lm-2", "Claims Savings Plan", "Savings Plan", "Spend")
RI = ("ri-lm-5", "Underwriting Reservation", "Reservation", "Usage")
# provider, service, category, sku, list a seat, contracted a seat, (team, app, cost center, division, seats at first, more a month)
SEATS = [
    (
        SA,
        "Service Cloud",
        "Business Applications",
        "sc-enterprise",
        165.0,
        132.0,
        [
            ("Claims", "Northstar", CH, PL, 84, 1),
            ("Claims Motor", "Northstar", CH, PL, 46, 1),
            ("Broker Services", "Northstar", BP, CL, 38, 2),
        ],
    ),
    (
        SA,
        "Marketing Cloud",
        "Business Applications",
        "mc-growth",
        210.0,
        189.0,
        [("Growth", "Northstar", DS, PL, 25, 0)],
    ),
    (
        GH,
        "GitHub Copilot",
        "Developer Tools",
        "copilot-business",
        19.0,
        19.0,
        [
            ("Platform", "", IT, GS, 22, 1),
            ("Policy Admin", "", UW, PL, 31, 2),
            ("Claims", "", CH, PL, 18, 1),
            ("Fraud Watch", "", CH, PL, 9, 0),
        ],
    ),
    (MS, "Microsoft 365", "Business Applications", "m365-e5", 57.0, 48.0, [("", "", IT, GS, 410, 4)]),
]
COLUMNS = [
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
    "x_CostCenter",
    "x_Division",
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
        "ChargeDescription": service,
        "ChargeFrequency": "Usage-Based",
        "ServiceName": service,
        "ServiceCategory": category,
        "InvoiceId": f"{provider[:3].upper()}-{m:%Y%m}",
        "Tags": {},
        "ListCost": cost,
        "ContractedCost": cost,
        "BilledCost": cost,
        "EffectiveCost": cost,
    }
    return row | more


def commit(of, status):
    names = [f"CommitmentDiscount{n}" for n in ("Id", "Name", "Type", "Category", "Status")]
    return dict(zip(names, (*of, status), strict=True))


def place(acc, region=""):
    return {
        "SubAccountId": "sub-" + acc.lower().replace(" ", "-").replace("_", "-"),
        "SubAccountName": acc,
        "RegionId": region or None,
        "RegionName": REG[region],
    }


def usage():
    for day in days(FIRST, LAST):
        for r in ROWS:
            k, p = r["key"], r["provider"]
            if (k == "x1" and day >= date(2026, 2, 20)) or (k == "x2" and day < date(2026, 4, 6)):
                continue
            size = float(r["list"]) * (1 + float(r["growth"])) ** step(day) * (0.9 + 0.2 * rnd(k, day))
            if r["env"] in ("dev", "uat") and day.weekday() > 4:
                size *= 0.35
            if k in ("a1", "a2", "c1", "c2", "m1") and date(2026, 4, 11) <= day <= date(2026, 4, 19):
                size *= 1.8  # the hail storm
            if k == "e2" and date(2026, 5, 12) <= day <= date(2026, 5, 17):
                size *= 9
            if k == "k1" and day.day == 1:
                size *= 3
            tags = {
                t: r[f]
                for t, f in (
                    ("team", "team"),
                    ("application", "app"),
                    ("environment", "env"),
                    ("product", "product"),
                    ("data_class", "dclass"),
                )
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
                x_CostCenter=r["cc"] or None,
                x_Division=r["division"] or None,
                **place(r["account"], r["region"]),
            )
            cov = {"a1": (SP, 0.66), "a2": (SP, 0.66), "h1": (RI, 0.58)}.get(k)
            if cov:
                row |= commit(cov[0], "Used") | {
                    "PricingCategory": "Committed",
                    "BilledCost": 0.0,
                    "EffectiveCost": size * cov[1],
                }
            yield row
        u = charge(day, AWS, EC2, "Compute", 0.0, **place("claims-prod", "us-east-1"), x_CostCenter=CH, x_Division=PL)
        yield u | commit(SP, "Unused") | {"EffectiveCost": 11 + 12 * rnd("su", day)}
        if day >= date(2025, 11, 1):
            u = charge(
                day,
                MS,
                "Virtual Machines",
                "Compute",
                0.0,
                **place("Underwriting Workbench", "eastus2"),
                x_CostCenter=UW,
                x_Division=CL,
                Tags={"team": "Underwriting"},
            )
            yield u | commit(RI, "Unused") | {"EffectiveCost": 5 + 4 * rnd("ru", day)}


def monthly():
    for m in months(FIRST, LAST):
        at = {"ChargeCategory": "Purchase", "ChargeFrequency": "Recurring", "EffectiveCost": 0.0}
        yield charge(m, AWS, EC2, "Compute", 9_650.0, **place("claims-prod", "us-east-1")) | commit(SP, None) | at
        w = place("Underwriting Workbench", "eastus2")
        yield charge(m, MS, "Virtual Machines", "Compute", 3_820.0, **w) | commit(RI, None) | at
        for p, service, category, amount in (
            (AWS, EC2, "Compute", 2310.0 + 24 * step(m)),
            (MS, "Virtual Machines", "Compute", 1240.5 + 13 * step(m)),
            (GC, "Compute Engine", "Compute", 402.25 + 6 * step(m)),
        ):
            yield charge(m, p, service, category, amount, ChargeCategory="Tax", ChargeFrequency="Recurring")
        for p, service, category, sku, price, ours, who in SEATS:
            for team, app, cc, division, n, more in who:
                n += more * step(m)
                tags = {t: v for t, v in (("team", team), ("application", app)) if v}
                yield charge(
                    m,
                    p,
                    service,
                    category,
                    n * ours,
                    ListCost=n * price,
                    ChargeFrequency="Recurring",
                    ConsumedQuantity=n,
                    ConsumedUnit="Seats",
                    SkuId=sku,
                    Tags=tags,
                    x_CostCenter=cc,
                    x_Division=division,
                    **place({SA: "crm", GH: "larkmoor-eng", MS: "Corporate IT"}[p]),
                )
        if m.month % 3 == 2:
            yield charge(
                m + timedelta(19),
                AWS,
                "Amazon Elastic Kubernetes Service",
                "Compute",
                -1425.5,
                ChargeCategory="Credit",
                **place("policy-prod", "us-east-1"),
                x_CostCenter=UW,
                x_Division=PL,
            )
        if m >= date(2026, 1, 1):
            yield charge(
                m + timedelta(7),
                GC,
                "Vertex AI",
                AI,
                -260.0,
                ChargeCategory="Credit",
                **place("lm-labs", "us-central1"),
                x_CostCenter=AC,
                x_Division=PL,
            )
    yield charge(
        date(2026, 3, 24),
        AWS,
        "Amazon DynamoDB",
        "Databases",
        -488.8,
        ChargeClass="Correction",
        x_CostCenter=BP,
        x_Division=CL,
        Tags={
            "team": "Broker Services",
            "application": "BrokerLink",
            "environment": "prod",
            "product": "Small Business",
        },
        **place("distribution", "us-east-1"),
    )
    yield charge(
        date(2026, 2, 17),
        SF,
        "Snowflake Compute",
        "Analytics",
        73.4,
        ChargeCategory="Adjustment",
        x_CostCenter=IT,
        x_Division=GS,
        **place("LM_MAIN", "us-east-1"),
    )


# provider, model, app, team, user, env, purpose, input a day, prices
AGENTS = [
    (OA, "gpt-5.5", "Claimdesk", "Claims", "svc-claimdesk", "prod", "claim summaries", 8_200_000, (5, 0.5, 30)),
    (
        OA,
        "gpt-5.4-mini",
        "Concierge",
        "Growth",
        "svc-concierge",
        "prod",
        "customer chat",
        24_000_000,
        (0.75, 0.075, 4.5),
    ),
    (OA, "gpt-5.5", "PolicyHub", "Policy Admin", "ines", "dev", "coding", 1_900_000, (5, 0.5, 30)),
    (OA, "gpt-5.4-mini", "PolicyHub", "Policy Admin", "w.adeyemi", "dev", "code review", 2_300_000, (0.75, 0.075, 4.5)),
    (
        AN,
        "claude-sonnet-4-5",
        "BrokerLink",
        "Broker Services",
        "svc-broker",
        "prod",
        "submission triage",
        6_100_000,
        (3, 0.3, 15),
    ),
    (
        AN,
        "claude-haiku-4-5",
        "Quill",
        "Underwriting",
        "svc-quill",
        "prod",
        "document extraction",
        13_500_000,
        (1, 0.1, 5),
    ),
    (AN, "claude-sonnet-4-5", "", "Platform", "tobias", "dev", "coding", 2_600_000, (3, 0.3, 15)),
    (
        AWS,
        "claude-haiku-4-5",
        "Watchdog",
        "Fraud Watch",
        "svc-watchdog",
        "prod",
        "fraud scoring",
        9_400_000,
        (1, 0.1, 5),
    ),
    (OWN, "larkllm-13b", "FirstNotice", "Claims Motor", "svc-fnol", "prod", "triage", 18_000_000, (0.04, 0.04, 0.09)),
]


def tokens():
    for d in days(date(2025, 9, 1), LAST):
        for p, m, app, team, user, env, purpose, size, pr in AGENTS:
            if env == "dev" and d.weekday() > 4:
                continue
            i = int(size * (1 + 0.05 * (step(d) - 4)) * (0.8 + 0.4 * rnd("t", d, app, user)))
            c = int(i * (0.5 if env == "prod" else 0.22) * (0.8 + 0.3 * rnd("c", d, app, user)))
            o = int(i * (0.05 + 0.07 * rnd("o", d, app, user)))
            rs = int(o * 0.4) if m == "gpt-5.5" else 0
            cost = ((i - c) * pr[0] + c * pr[1] + o * pr[2]) / 1e6
            batch = "true" if purpose == "document extraction" and d.day % 2 == 0 else "false"
            yield d, p, m, app, team, user, env, purpose, i // 2400 + 1, i, c, o, rs, batch, f"{cost:.6f}"


def allowances():
    for m in months(date(2025, 9, 1), LAST):
        yield m, "team", "Claims", 420_000_000, "", "false"
        yield m, "team", "Policy Admin", "", 640, "true"
        yield m, "team", "Platform", 90_000_000, "", "false"
        yield m, "user", "ines", 55_000_000, "", "true"


FLEET = [
    ("quarry", "H100", 16, "Columbus", "PJM", "2025-05-01", 612_000, 72_000, 48, 0.7, 1.25, 0.09, 3_900, 2_600),
    ("kiln", "L40S", 24, "Dallas", "ERCOT", "2025-10-01", 264_000, 24_000, 40, 0.35, 1.4, 0.11, 2_500, 1_700),
    ("sandpit", "A10", 8, "Columbus", "PJM", "2026-03-01", 48_000, 0, 36, 0.15, 1.25, 0.09, 600, 400),
]
JOBS = [
    ("quarry", "Actuarial", "training", "storm-net", 0.44, 0.82),
    ("quarry", "Fraud Watch", "training", "ring-finder", 0.25, 0.66),
    ("quarry", "Underwriting", "dev", "", 0.07, 0.28),
    ("kiln", "Claims Motor", "inference", "larkllm-13b", 0.48, 0.55),
    ("kiln", "Fraud Watch", "inference", "ring-finder", 0.21, 0.4),
    ("sandpit", "Platform", "dev", "", 0.35, 0.2),
]


def gpus():
    fleet = {f[0]: f for f in FLEET}
    for d in days(date(2025, 6, 1), LAST):
        for c, t, w, m, sh, b in JOBS:
            if d < date.fromisoformat(fleet[c][5]) or (w == "dev" and d.weekday() > 4):
                continue
            h = round(fleet[c][2] * 24 * sh * (0.85 + 0.2 * rnd("g", d, c, t)), 2)
            busy = round(h * b * (0.85 + 0.2 * rnd("b", d, c, t)), 2)
            yield d, c, t, w, f"{m}-{d:%y%m}" if m else "", m, h, busy


def business():
    for m in months(FIRST, date(2026, 5, 1)):
        for metric, product, size, rev, hours in (
            ("policies issued", "Motor", 21_400, 610.0, 0),
            ("policies issued", "Home-Plus", 9_800, 890.0, 0),
            ("policies issued", "Pet-Care", 6_100, 320.0, 0),
            ("claims settled", "Motor", 5_900, 0, 3.4),
            ("claims settled", "Home-Plus", 3_300, 0, 5.1),
            ("quotes generated", "", 188_000, 0, 0),
            ("broker submissions", "", 14_700, 0, 0.6),
        ):
            v = size + int(size * 0.012 * step(m)) + int(size * 0.07 * rnd(metric, product, m))
            if metric == "claims settled" and m == date(2026, 4, 1):
                v = int(v * 1.4)
            yield m, metric, product, v, f"{v * rev:.2f}" if rev else "", f"{v * hours:.1f}" if hours else ""


def budgets():
    for m in months(FIRST, date(2026, 12, 31)):
        yield m, "total", "", 158_000 + 1_900 * step(m)
        for t, a in (
            ("Claims", 32_500),
            ("Claims Motor", 19_200),
            ("Growth", 17_000),
            ("Underwriting", 15_800),
            ("Policy Admin", 31_000),
            ("Broker Services", 19_000),
        ):
            yield m, "team", t, a + 180 * step(m)
        yield m, "cost_center", BP, 18_500 + 250 * step(m)
        yield m, "cost_center", IT, 36_000


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
PJM,2025-01-01,0.371,location,eGRID 2025
PJM,2026-01-01,0.358,location,eGRID 2026
PJM,2025-01-01,0.044,market,solar contract
ERCOT,2025-01-01,0.349,location,eGRID 2025
ERCOT,2026-04-01,0.331,location,eGRID 2026
ERCOT,2025-01-01,0.402,market,residual mix
""",
    "unit_cost_map": """metric,product,dimension,value
policies issued,,team,Policy Admin
claims settled,,team,Claims
claims settled,,team,Claims Motor
quotes generated,,application,Lisbon
broker submissions,,cost_center,4200 Broker Portal
""",
    "tbm_map": """dimension,value,cost_pool,tower,sub_tower,solution
service_category,Compute,Cloud Services,Compute,Servers,Core Insurance
service_category,Storage,Cloud Services,Storage,Online Storage,Core Insurance
service_category,Databases,Cloud Services,Data,Database,Core Insurance
service_category,Networking,Cloud Services,Network,Delivery,Core Insurance
service_category,Analytics,Software and SaaS,Data,Warehouse,Insight
service_category,AI and Machine Learning,Software and SaaS,AI,Models,Insight
service_category,Management and Governance,Cloud Services,IT Management,Monitoring,Run
service_category,Security,Software and SaaS,Security,Cyber Defense,Run
service_category,Business Applications,Software and SaaS,Applications,Subscriptions,Workplace
service_category,Developer Tools,Software and SaaS,Applications,Engineering,Workplace
service_category,Other,Facilities,Data Center,Colocation,Run
""",
    "users": """user,team,role,row_policy,slack_id
margit,,executive,,L01
owen,,finance,,L02
dana,Claims,analyst,team = Claims,L03
rashid,,analyst,division = Commercial Lines,L04
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
        if r["ChargePeriodStart"] <= LAST:
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
