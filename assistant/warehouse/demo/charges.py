"""cost_and_usage of the demo company: metered resources by hash, some months at a time, and `extras`.

Memory stays bounded: at most about SPAN_ROWS charges are sorted and inserted at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import duckdb

from assistant.warehouse import contracts, tags
from assistant.warehouse.demo import extras
from assistant.warehouse.demo.company import Company
from assistant.warehouse.index import TAG, quote

COSTS = f"main.{contracts.COSTS}"
SPAN_ROWS = 1_000_000
FEWEST_RESOURCES = 150  # so that every team and application has some

# One row a resource. Shares of a line's cost are integers, so that their sum has no order.
SERIES = """
CREATE TEMP TABLE series AS
WITH sized AS (
    SELECT line.rowid AS line, line.*, currency, coverage, commitment.price AS commitment_price,
        discount, coalesce(billed, true) AS billed,
        greatest(CASE WHEN commitment IS NULL THEN 1 ELSE 2 END,
            round($resources * line.rows / sum(line.rows) OVER ()))::BIGINT AS size
    FROM line JOIN account USING (account) LEFT JOIN commitment USING (commitment)),
numbered AS (
    SELECT *, 20 + (20 / (0.05 + draw(line, k, 'weight')))::INTEGER AS weight,
        coalesce(k < ceil(size * coverage), false) AS covered
    FROM sized, unnest(range(size)) AS each(k)),
teams AS (SELECT *, sum(weight) OVER (ORDER BY rowid) AS high, sum(weight) OVER () AS total FROM team),
places AS (
    SELECT *, sum(weight) OVER (PARTITION BY account ORDER BY rowid) AS high,
        sum(weight) OVER (PARTITION BY account) AS total FROM region),
stages AS (
    SELECT *, sum(weight) OVER (ORDER BY rowid) AS high, sum(weight) OVER () AS total FROM environment),
owned AS (
    SELECT numbered.*,
        numbered.cost * numbered.weight / sum(numbered.weight) OVER (PARTITION BY line) AS share,
        teams.team AS owner, teams.cost_center AS owner_center, stages.environment AS stage,
        applications[1 + (roll(line, k, 'application') % len(applications))::INTEGER] AS application,
        $projects[1 + (roll(teams.team, k % 7, 'project') % len($projects))::INTEGER] AS project,
        places.region, places.name AS region_name,
        places.region || chr(97 + (roll(line, k, 'zone') % places.zones)::INTEGER) AS zone,
        slug(teams.team) || '-' || stages.suffix AS sub,
        draw(line, k, 'untagged') AS untagged
    FROM numbered
    JOIN teams ON roll(line, k, 'team') % teams.total >= teams.high - teams.weight
        AND roll(line, k, 'team') % teams.total < teams.high
    JOIN stages ON roll(line, k, 'stage') % stages.total >= stages.high - stages.weight
        AND roll(line, k, 'stage') % stages.total < stages.high
    JOIN places ON places.account = numbered.account
        AND roll(line, k, 'place') % places.total >= places.high - places.weight
        AND roll(line, k, 'place') % places.total < places.high)
SELECT row_number() OVER (ORDER BY account, service, owner, line, k) AS id, account, service, category,
    subcategory, meter, kind, unit, resource AS pattern, life, details, commitment, covered, share, growth,
    coalesce(rhythm, 1) AS rhythm, line, k, sub, region, region_name, zone, application AS app, billed,
    price::DECIMAL(9,6) AS list_price,
    (price * (1 - coalesce(discount, 0)))::DECIMAL(9,6) AS contracted_price,
    CASE WHEN covered THEN (contracted_price * commitment_price)::DECIMAL(9,6) ELSE contracted_price END
        AS effective_price,
    -- Nobody tags everything: some resources carry no tags at all, some no team, some no environment.
    CASE WHEN untagged >= 0.07 THEN owner END AS team,
    CASE WHEN untagged >= 0.04 THEN owner_center END AS cost_center,
    CASE WHEN untagged >= 0.07 THEN application END AS application,
    CASE WHEN untagged >= 0.05 AND untagged < 0.97 THEN stage END AS environment,
    CASE WHEN untagged >= 0.18 THEN project END AS project
FROM owned
"""

# A month of every resource: what it is called now, and how much of it a weekday uses. Covered resources keep
# the level of the commitment's term (twelve months from the first), the others grow.
MONTHS = f"""
CREATE OR REPLACE TEMP TABLE month_series AS
WITH aged AS (
    SELECT series.*, month, month_number, substr(format('{{:016x}}', roll(line, k,
            CASE WHEN life IS NULL THEN 0 ELSE (month_number + 120 + k) // life END)), 4) AS hex,
        CASE WHEN covered THEN month_number - month_index % 12 + 6 ELSE month_number END AS level
    FROM series, (SELECT DISTINCT month, month_number, month_index FROM span)),
named AS (
    SELECT * EXCLUDE (share, growth, level, pattern, life, line, k, hex, app, month_number),
        replace(replace(replace(replace(pattern, '{{hex}}', hex), '{{application}}', slug(app)),
            '{{region}}', region), '{{account}}', account_number(account, sub)) AS resource,
        CASE WHEN pattern IS NOT NULL THEN slug(app) || '-' || right(hex, 5) END AS resource_name,
        NULL::VARCHAR AS description,
        share * pow(1 + growth, level) / 30.4 / contracted_price
            * CASE WHEN covered THEN 1 ELSE 0.92 + 0.16 * draw(id, month_number, 'month') END AS amount
    FROM aged)
SELECT *, {extras.DERIVED} FROM named
"""

METERED = """
CREATE OR REPLACE TEMP VIEW metered AS
SELECT month_series.* EXCLUDE (month, amount, billed, effective_price, rhythm, commitment, covered),
    day, day + 1 AS until, span.month AS billing, 'Usage' AS charge, 'Usage-Based' AS frequency,
    CASE WHEN covered THEN commitment END AS commitment, CASE WHEN covered THEN 'Used' END AS status,
    CASE WHEN covered THEN 'Committed' ELSE 'Standard' END AS pricing,
    greatest(0.001, amount * CASE WHEN covered THEN 0.88 + 0.12 * draw(id, day, 'use')
        WHEN weekend THEN rhythm * (0.93 + 0.14 * draw(id, day, 'use'))
        ELSE 0.93 + 0.14 * draw(id, day, 'use') END)::DECIMAL(9,3) AS quantity,
    quantity * list_price AS list, quantity * contracted_price AS contracted,
    quantity * effective_price AS effective,
    CASE WHEN covered OR NOT billed THEN 0 ELSE quantity * effective_price END AS billed
FROM month_series JOIN span USING (month)
"""

# The FOCUS column → its expression over a charge `c`, its account `a` and its commitment `m`.
FOCUS = {
    "AvailabilityZone": "c.zone",
    "BilledCost": "c.billed",
    "BillingAccountId": "a.id",
    "BillingAccountName": "a.name",
    "BillingAccountType": "a.kind",
    "BillingCurrency": "coalesce(a.currency, 'USD')",
    "BillingPeriodEnd": "(c.billing + INTERVAL 1 MONTH)",
    "BillingPeriodStart": "c.billing",
    "ChargeCategory": "c.charge",
    "ChargeClass": "c.class",
    "ChargeDescription": "c.about",
    "ChargeFrequency": "c.frequency",
    "ChargePeriodEnd": "c.until",
    "ChargePeriodStart": "c.day",
    "CommitmentDiscountCategory": "m.category",
    "CommitmentDiscountId": "m.id",
    "CommitmentDiscountName": "m.name",
    "CommitmentDiscountQuantity": "CASE m.category WHEN 'Spend' THEN c.effective WHEN 'Usage' THEN c.quantity END",
    "CommitmentDiscountStatus": "c.status",
    "CommitmentDiscountType": "m.kind",
    "CommitmentDiscountUnit": "CASE m.category WHEN 'Spend' THEN 'USD' WHEN 'Usage' THEN c.unit END",
    "ConsumedQuantity": "CASE WHEN c.charge = 'Usage' THEN coalesce(c.consumed, c.quantity) END",
    "ConsumedUnit": "CASE WHEN c.charge = 'Usage' THEN coalesce(c.consumed_unit, c.unit) END",
    "ContractedCost": "c.contracted",
    "ContractedUnitPrice": "c.contracted_price",
    "EffectiveCost": "c.effective",
    "HostProviderName": "coalesce(a.host, a.provider)",
    "InvoiceId": "CASE WHEN a.billed IS DISTINCT FROM false AND last_day(c.billing) <= $end "
    "THEN a.prefix || '-' || strftime(c.billing, '%Y%m') END",
    "InvoiceIssuerName": "a.issuer",
    "ListCost": "c.list",
    "ListUnitPrice": "c.list_price",
    "PricingCategory": "c.pricing",
    "PricingCurrency": "coalesce(a.currency, 'USD')",
    "PricingCurrencyContractedUnitPrice": "c.contracted_price",
    "PricingCurrencyEffectiveCost": "c.effective",
    "PricingCurrencyListUnitPrice": "c.list_price",
    "PricingQuantity": "c.quantity",
    "PricingUnit": "c.unit",
    "ProviderName": "a.provider",
    "PublisherName": "a.provider",
    "RegionId": "c.region",
    "RegionName": "c.region_name",
    "ResourceId": "c.resource",
    "ResourceName": "c.resource_name",
    "ResourceType": "c.kind",
    "ServiceCategory": "c.category",
    "ServiceName": "c.service",
    "ServiceProviderName": "a.provider",
    "ServiceSubcategory": "c.subcategory",
    "SkuId": "c.sku",
    "SkuMeter": "c.meter",
    "SkuPriceDetails": "c.details",
    "SkuPriceId": "c.sku_price",
    "SubAccountId": "c.sub_id",
    "SubAccountName": "c.sub",
    "SubAccountType": "CASE WHEN c.sub IS NOT NULL THEN a.sub_kind END",
    "Tags": "c.tags",
    "x_CostCenter": "c.cost_center",
}


def write(con: duckdb.DuckDBPyConnection, company: Company, rows: int, progress: Callable[[float], None]) -> None:
    """Create main.cost_and_usage with at least `rows` charges, by day; needs the token and GPU tables."""
    types = _types()
    con.execute(f"CREATE TABLE {COSTS} ({', '.join(f'{quote(name)} {kind}' for name, kind in types.items())})")
    tags.add_columns(con, {tag: TAG + tag for tag in extras.TAGS})
    extras.prepare(con, company)
    days = (company.end - company.start).days + 1
    resources = max(FEWEST_RESOURCES, (rows - extras.count(con)) // days + 1)
    con.execute(SERIES, {"resources": resources, "projects": company.facts["projects"]})
    insert = _insert(types)
    # Few steps for a small company; a big one goes month by month, and a few days at a time into the table.
    step = max(1, SPAN_ROWS // (resources * 31))
    months = range(company.facts["months"] + 1)
    for first in months[::step]:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE span AS FROM calendar WHERE month_index >= $first AND month_index < $last",
            {"first": first, "last": first + step},
        )
        con.execute(MONTHS)
        con.execute(METERED)
        extras.add(con, company)
        days_at_once = max(1, SPAN_ROWS // resources)
        days_of_span = [day for (day,) in con.execute("SELECT day FROM span ORDER BY day").fetchall()]
        for start in days_of_span[::days_at_once]:
            until = start + timedelta(days=days_at_once)
            con.execute(insert, {"end": company.end, "start": start, "until": until})
            progress(min(1.0, (until - company.start).days / days))


def _types() -> dict[str, str]:
    """Columns of the table but the hidden ones of tags: FOCUS, then x_CostCenter."""
    types = {}
    for column in contracts.focus_columns().values():
        scale = 9 if column.name.endswith("Cost") else 6
        types[column.name] = f"DECIMAL(38,{scale})" if column.type == "DECIMAL" else column.type
    return types | {"x_CostCenter": "VARCHAR"}


def _insert(types: dict[str, str]) -> str:
    values = ", ".join(
        [f"({FOCUS.get(name, 'NULL')})::{kind}" for name, kind in types.items()] + [f"c.{tag}" for tag in extras.TAGS]
    )
    return (
        f"INSERT INTO {COSTS} SELECT {values} "
        "FROM (FROM metered UNION ALL BY NAME FROM extra) AS c JOIN account AS a USING (account) "
        "LEFT JOIN commitment AS m USING (commitment) "
        "WHERE c.day >= $start AND c.day < $until ORDER BY c.day, c.id"
    )
