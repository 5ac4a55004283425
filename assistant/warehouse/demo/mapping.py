"""The demo company's small tables: volumes, budgets, rates, rules, maps and people."""

from __future__ import annotations

import duckdb

from assistant.warehouse import contracts, records
from assistant.warehouse.demo.company import Company
from assistant.warehouse.index import quote

# Only whole months have a volume.
METRICS = """
CREATE TABLE main.business_metrics AS
WITH months AS (
    SELECT month, min(month_number) AS month_number FROM calendar GROUP BY month
    HAVING count(*) = day(last_day(month)))
SELECT month, metric, product, (volume * pow(1 + growth, month_number)
        * (0.96 + 0.08 * draw(metric || product, month, 'volume')))::BIGINT::DECIMAL(18,6) AS volume,
    (revenue * volume)::DECIMAL(18,2)::DECIMAL(18,6) AS revenue_usd,
    (hours * volume)::DECIMAL(18,2)::DECIMAL(18,6) AS processing_hours
FROM months, metric
UNION ALL
SELECT month, $metric, $product, volume, volume * revenue, volume * hours
FROM months ASOF JOIN mortgage_era ON months.month >= mortgage_era."from"
ORDER BY ALL
"""

RATES = """
CREATE TABLE main.fx_rates AS
WITH months AS (SELECT DISTINCT month FROM calendar),
rates AS (
    SELECT month, (rate * (1 + drift * sin(month(month) / 6.0 * pi()) + 0.01 * draw('fx', month, 0)))
        ::DECIMAL(18,6) AS rate
    FROM months, (SELECT $rate AS rate, $drift AS drift))
SELECT month, $from AS from_currency, $to AS to_currency, rate FROM rates
UNION ALL SELECT month, $to, $from, (1 / rate)::DECIMAL(18,6) FROM rates
ORDER BY ALL
"""

# Each issuer's invoices say what its charges add up to; whole cents, as invoices do.
INVOICES = """
CREATE TABLE main.invoices AS
SELECT InvoiceId AS invoice_id, InvoiceIssuerName AS issuer, BillingCurrency AS currency,
    round(sum(BilledCost), 2)::DECIMAL(18,6) AS amount,
    min(date_trunc('month', BillingPeriodStart))::DATE AS billing_period
FROM main.cost_and_usage WHERE InvoiceId IS NOT NULL GROUP BY ALL ORDER BY ALL
"""

# Last year's month and a margin, through the end of the last day's year. No one plans untagged costs.
BUDGET = """
INSERT INTO main.budgets
SELECT (date_trunc('month', ChargePeriodStart) + INTERVAL 1 YEAR)::DATE AS month, $dimension,
    {value} AS value,
    (ceil(sum(EffectiveCost) * $margin::DOUBLE / $round_to) * $round_to)::DECIMAL(18,6)
FROM main.cost_and_usage
WHERE BillingCurrency = 'USD' AND value IS NOT NULL AND year(ChargePeriodStart) < year($end::DATE)
GROUP BY ALL ORDER BY ALL
"""

# Contract table → the temporary table that holds its rows.
COPIES = {
    "gpu_fleet": "fleet",
    "grid_intensity": "intensity",
    "unit_cost_map": "unit_map",
    "allocation_rules": "rule",
    "tbm_map": "tower",
    "users": "person",
}


def write(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Create the small tables; budgets need main.cost_and_usage."""
    facts, mortgage = company.facts, company.facts["mortgage"]
    con.execute(METRICS, {"metric": mortgage["metric"], "product": mortgage["product"]})
    con.execute(RATES, facts["fx_rates"])
    for name, source in COPIES.items():
        _copy(con, name, source)
    con.execute("UPDATE main.allocation_rules SET effective_from = (SELECT min(day) FROM calendar)")
    con.execute(INVOICES)
    con.execute("CREATE TABLE main.budgets (month DATE, dimension VARCHAR, value VARCHAR, amount_usd DECIMAL(18,6))")
    budgets = facts["budgets"]
    for dimension, column in budgets["dimensions"].items():
        con.execute(
            BUDGET.format(value=quote(column) if column else "'total'"),
            {
                "dimension": dimension,
                "margin": 1 + budgets["growth"],
                "round_to": budgets["round_to"],
                "end": company.end,
            },
        )


def _copy(con: duckdb.DuckDBPyConnection, name: str, source: str) -> None:
    """Create main.`name` with the contract's columns and types, in the file's order."""
    have = {row[0] for row in con.execute(f"DESCRIBE {source}").fetchall()}
    columns = ", ".join(
        f"{quote(column.name) if column.name in have else 'NULL'}::{_type(column)} AS {quote(column.name)}"
        for column in contracts.tables()[name].columns.values()
    )
    con.execute(f"CREATE TABLE main.{quote(name)} AS SELECT {columns} FROM {source} ORDER BY {source}.rowid")


def _type(column: contracts.Column) -> str:
    return "DECIMAL(38,6)" if column.type == "number" else records.TYPES.get(column.type, "VARCHAR")
