"""A small company whose names mean harm: HTML, links, formulas, right-to-left text. Its figures are easy to add up."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from pathlib import Path

from assistant.warehouse.load import load

TODAY = date(2026, 3, 10)
HTML = '<img src=x onerror="window.harmed=1"><b>Bold</b>'
LINK = "[Invoice](https://evil.example/pay) www.evil.example"
FORMULA = '=HYPERLINK("https://evil.example")'
HEBREW = "צוות תשלומים"
LONG = "Platform " + "x" * 300
TEAMS = (HTML, LINK, FORMULA, HEBREW, LONG, "Payments")
SERVICES = ("Compute Engine", "Object Store", "Model API")
PROVIDERS = ("Nimbus", "Cumulus")
USERS = (("ada", "executive", ""), ("ben", "analyst", "provider = Cumulus"))


def build(warehouse: Path, spike: int = 0) -> Path:
    """Three months of daily charges, and two users: one sees everything, one a single provider.

    spike: what one team costs on the last day, at the provider that both users see.
    """
    folder = warehouse.parent / "files"
    folder.mkdir(parents=True)
    with open(folder / "bill.csv", "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(
            [
                "BilledCost",
                "EffectiveCost",
                "ListCost",
                "ContractedCost",
                "BillingCurrency",
                "BillingPeriodStart",
                "ChargePeriodStart",
                "ChargeCategory",
                "ProviderName",
                "ServiceName",
                "ServiceCategory",
                "Tags",
            ]
        )
        for n in range((TODAY - date(2025, 12, 1)).days):
            day = date(2025, 12, 1) + timedelta(days=n)
            for at, team in enumerate(TEAMS):
                last = day == TODAY - timedelta(days=1) and team == HEBREW
                cost = str(spike) if spike and last else f"{at + 1}.{day.month:02}"
                service, provider = SERVICES[at % 3], PROVIDERS[at % 2]
                start = day.replace(day=1).isoformat()
                tags = json.dumps({"team": team})
                out.writerow([cost, cost, cost, cost, "USD", start, day, "Usage", provider, service, "Compute", tags])
    users = "\n".join(f"{user},{role},{policy}" for user, role, policy in USERS)
    (folder / "users.csv").write_text(f"user,role,row_policy\n{users}\n")
    load([str(folder / "bill.csv")], warehouse)
    load([str(folder / "users.csv")], warehouse, "users")
    return warehouse
