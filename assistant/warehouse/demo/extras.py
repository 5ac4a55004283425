"""Charges of no metered resource: tokens, seats, commitments, credits, taxes, own GPUs, planted stories."""

from __future__ import annotations

import duckdb

from assistant.warehouse.demo.company import Company

TAGS = ("team", "environment", "application", "project")

# account_number: twelve digits for a sub-account, the same in every row.
MACROS = """
CREATE TEMP MACRO account_number(account, sub) AS lpad((hash(account, sub) % 1000000000000)::VARCHAR, 12, '0')
"""

# What follows from the other columns of a charge, for metered resources once a month.
DERIVED = f"""
CASE WHEN sub IS NOT NULL THEN account_number(account, sub) END AS sub_id,
CASE WHEN meter IS NOT NULL THEN upper(substr(format('{{:016x}}', hash(account, meter)), 1, 12)) END AS sku,
sku || '.P1' AS sku_price, coalesce(description, service || ': ' || meter) AS about,
map_from_entries(list_filter([{", ".join(f"{{'k': '{tag}', 'v': {tag}}}" for tag in TAGS)}],
    lambda entry: entry.v IS NOT NULL)) AS tags
"""

# A charge as charges.FOCUS expects it; metered resources have the same columns.
EXTRA = """
CREATE OR REPLACE TEMP TABLE extra (
    id BIGINT, account VARCHAR, service VARCHAR, category VARCHAR, subcategory VARCHAR, meter VARCHAR,
    kind VARCHAR, unit VARCHAR, details VARCHAR, commitment VARCHAR, status VARCHAR, pricing VARCHAR,
    sub VARCHAR, region VARCHAR, region_name VARCHAR, zone VARCHAR, resource VARCHAR, resource_name VARCHAR,
    team VARCHAR, cost_center VARCHAR, application VARCHAR, environment VARCHAR, project VARCHAR,
    description VARCHAR, charge VARCHAR, class VARCHAR, frequency VARCHAR, day DATE, until DATE, billing DATE,
    quantity DECIMAL(18,6), consumed DECIMAL(18,6), consumed_unit VARCHAR, list_price DECIMAL(18,6),
    contracted_price DECIMAL(18,6), list DECIMAL(18,9),
    contracted DECIMAL(18,9), effective DECIMAL(18,9), billed DECIMAL(18,9))
"""

# Tokens, a row each day, workspace, model and kind of token; together token_usage's cost_usd, to the digit.
TOKENS = """
CREATE TEMP TABLE token_charge AS
WITH used AS (
    SELECT usage_date AS day, provider, model, team, application, environment, batch,
        sum(input_tokens - cached_input_tokens - cache_write_tokens)::BIGINT AS input,
        sum(cached_input_tokens)::BIGINT AS cached, sum(cache_write_tokens)::BIGINT AS written,
        sum(output_tokens)::BIGINT AS output
    FROM main.token_usage GROUP BY ALL),
metered AS (
    SELECT * FROM used UNPIVOT (tokens FOR direction IN (
        input AS 'Input', cached AS 'Cache Read', written AS 'Cache Write', output AS 'Output'))
    WHERE tokens > 0),
dated AS (
    SELECT DISTINCT provider, model, "from", until, unnest([
        {'direction': 'Input', 'price': input}, {'direction': 'Cache Read', 'price': coalesce(cached, input)},
        {'direction': 'Cache Write', 'price': coalesce(write, input)},
        {'direction': 'Output', 'price': output}], recursive := true) FROM model_price)
SELECT day, day + 1 AS until, date_trunc('month', day)::DATE AS billing, vendor.account, vendor.service,
    'AI and Machine Learning' AS category, 'Generative AI' AS subcategory,
    metered.model || ' ' || metered.direction || CASE WHEN batch THEN ' Batch' ELSE '' END AS meter,
    '1000000 Tokens' AS unit, 'Tokens' AS consumed_unit, tokens AS consumed,
    (tokens::DECIMAL(18,0) * 0.000001)::DECIMAL(18,6) AS quantity,
    (price * CASE WHEN batch THEN $batch_price::DECIMAL(9,3) ELSE 1 END)::DECIMAL(18,6) AS list_price,
    list_price AS contracted_price, (quantity * list_price)::DECIMAL(18,9) AS list, list AS contracted,
    list AS effective, list AS billed, slug(team) || CASE environment WHEN 'production' THEN '-prod'
    ELSE '-nonprod' END AS sub, team, cost_center, application, environment, 'Usage' AS charge,
    'Usage-Based' AS frequency, 'Standard' AS pricing,
    json_object('x_Model', metered.model, 'x_TokenType', metered.direction)::VARCHAR AS details
FROM metered JOIN vendor USING (provider) JOIN team USING (team)
JOIN dated ON dated.provider = metered.provider AND dated.model = metered.model
    AND dated.direction = metered.direction AND day >= "from" AND day < dated.until
"""

SEATS = """
INSERT INTO extra BY NAME
SELECT seat.account, seat.service, seat.category, seat.subcategory, seat.meter, 'Seats' AS unit,
    greatest(1, round(CASE "of" WHEN 'people' THEN people ELSE developers END * share
        * pow(1 + $growth, month_number)))::DECIMAL(18,6) AS quantity,
    seat.price AS list_price, (seat.price * (1 - coalesce(discount, 0)))::DECIMAL(9,6) AS contracted_price,
    (quantity * list_price)::DECIMAL(18,9) AS list,
    (quantity * contracted_price)::DECIMAL(18,9) AS contracted, contracted AS effective, contracted AS billed,
    team, cost_center, 'production' AS environment,
    'Usage' AS charge, 'Recurring' AS frequency, 'Standard' AS pricing, month AS day,
    (day + INTERVAL 1 MONTH)::DATE AS until, day AS billing
FROM seat JOIN account USING (account), team, span_month
"""

FEES = """
INSERT INTO extra BY NAME
SELECT fee.account, fee.service, fee.category, fee.subcategory, fee.charge, fee.frequency, fee.class,
    fee.description, 1 AS quantity, amount AS list, amount AS contracted, amount AS effective,
    amount AS billed, month AS day, (day + INTERVAL 1 MONTH)::DATE AS until,
    CASE WHEN "of" IS NULL THEN day ELSE "from" END AS billing
FROM fee, span_month WHERE month BETWEEN coalesce("of", "from", month) AND coalesce("of", "to", month)
"""

# The commitment is what its resources could use at most, in whole cents an hour.
COMMITMENTS = """
INSERT INTO extra BY NAME
WITH promised AS (
    SELECT month, account, commitment, billed_as.service, line.category, line.subcategory, pay,
        billed_as.name AS description,
        (ceil(sum(amount::DECIMAL(9,3) * effective_price)::DOUBLE * 100 / 24) / 100)::DECIMAL(9,2) AS hourly
    FROM month_series JOIN commitment AS billed_as USING (commitment)
    JOIN (
        SELECT commitment, min(category) AS category, min(subcategory) AS subcategory FROM line GROUP BY ALL
    ) AS line USING (commitment)
    WHERE covered GROUP BY ALL),
used AS (
    SELECT commitment, billing AS month, day, sum(effective) AS used
    FROM metered WHERE status = 'Used' GROUP BY ALL),
charged AS (
    SELECT promised.*, day, day + 1 AS until, 'Usage' AS charge, 'Usage-Based' AS frequency,
        'Unused' AS status, 'Committed' AS pricing, (hourly * 24 - used)::DECIMAL(18,9) AS effective,
        0 AS billed, 0 AS list
    FROM promised JOIN used USING (commitment, month)
    UNION ALL BY NAME
    SELECT promised.*, month AS day,
        (day + CASE pay WHEN 'upfront' THEN INTERVAL 1 YEAR ELSE INTERVAL 1 MONTH END)::DATE AS until,
        'Purchase' AS charge, CASE pay WHEN 'upfront' THEN 'One-Time' ELSE 'Recurring' END AS frequency,
        'Standard' AS pricing, 0 AS effective,
        (hourly * 24 * (until - day))::DECIMAL(18,9) AS billed, billed AS list
    FROM promised JOIN span_month USING (month) WHERE pay = 'monthly' OR month_index % 12 = 0)
SELECT * EXCLUDE (pay, hourly, month), list AS contracted, month AS billing, 'Hours' AS unit,
    CASE charge WHEN 'Purchase' THEN 24 * (until - day) END AS quantity,
    CASE charge WHEN 'Purchase' THEN hourly END AS list_price, list_price AS contracted_price
FROM charged
"""

TAXES = """
INSERT INTO extra BY NAME
WITH bill AS (
    SELECT account, billing AS month, sum(billed) AS billed FROM (
        SELECT account, billing, billed FROM metered
        UNION ALL SELECT account, billing, billed FROM extra) GROUP BY ALL)
SELECT account, tax.name AS service, 'Other' AS category, 'Other (Other)' AS subcategory, 'Tax' AS charge,
    'Recurring' AS frequency, tax.name AS description, (bill.billed * rate)::DECIMAL(18,2) AS list,
    list AS contracted, list AS effective, list AS billed, month AS day,
    (day + INTERVAL 1 MONTH)::DATE AS until, day AS billing
FROM tax JOIN bill USING (account) JOIN span_month USING (month) WHERE loaded = days
"""

# What the month's loans must cost, less the assistant's tokens, spread over resources and days; the running
# total is cut to cents, so that the parts add up to it. A month under way has its share of days.
MORTGAGE = """
INSERT INTO extra BY NAME
WITH assistant AS (
    SELECT billing AS month, sum(effective) AS spent FROM token_charge
    WHERE list_contains($applications, application) GROUP BY ALL),
target AS (
    SELECT month, 
        (((volume * unit_cost * loaded / days)::DECIMAL(18,2) - coalesce(spent, 0)) * 100)::BIGINT AS cents
    FROM span_month ASOF JOIN mortgage_era ON span_month.month >= mortgage_era."from"
    LEFT JOIN assistant USING (month)),
parts AS (
    SELECT month, day, mortgage_part.*, weight * CASE WHEN weekend THEN 4 ELSE 10 END AS size,
        sum(size) OVER (PARTITION BY month ORDER BY day, mortgage_part.rowid) AS upto,
        sum(size) OVER (PARTITION BY month) AS total
    FROM span, mortgage_part)
SELECT parts.* EXCLUDE (month, price, weight, size, upto, total), day + 1 AS until, month AS billing,
    'aws' AS account,
    ((cents * upto // total - cents * (upto - size) // total)::DECIMAL(12,0) * 0.01)::DECIMAL(18,9)
        AS effective,
    effective AS billed, effective AS list, effective AS contracted,
    price AS list_price, price AS contracted_price, (effective / price)::DECIMAL(18,6) AS quantity,
    'Usage' AS charge, 'Usage-Based' AS frequency,
    'Standard' AS pricing, $team AS team, cost_center, $applications[1] AS application,
    $environment AS environment, $project AS project, slug($team) || '-prod' AS sub, place.region,
    place.name AS region_name
FROM parts JOIN target USING (month), team,
    (FROM region WHERE account = 'aws' ORDER BY rowid LIMIT 1) AS place
WHERE team.team = $team
"""

NAT = """
INSERT INTO extra BY NAME
SELECT $account AS account, $service AS service, $category AS category, $subcategory AS subcategory,
    $meter AS meter, $kind AS kind, $unit AS unit, $resource AS resource,
    'nat-' || slug($application) AS resource_name, slug($team) || '-prod' AS sub, quantity,
    $price::DECIMAL(9,6) AS list_price, list_price AS contracted_price,
    (quantity * list_price)::DECIMAL(18,9) AS list, list AS contracted, list AS effective, list AS billed,
    team, cost_center, $application AS application, $project AS project, $environment AS environment,
    'Usage' AS charge, 'Usage-Based' AS frequency, 'Standard' AS pricing, day, day + 1 AS until,
    month AS billing, place.region, place.name AS region_name
FROM nat_era JOIN span ON day >= "from" AND day < "to", team,
    (FROM region WHERE account = $account ORDER BY rowid LIMIT 1) AS place
WHERE team.team = $team
"""

# The company's own GPUs: depreciation, facility and staff by calendar month (cut to cents like the loans),
# power by the hours allocated to each team. Nobody sends an invoice, so nothing is billed.
GPUS = """
INSERT INTO extra BY NAME
WITH monthly AS (
    SELECT fleet.*, month, days, unnest([
        {'meter': 'Depreciation', 'amount': CASE WHEN date_diff('month', in_service_date, month) <
            useful_life_months THEN (capex_usd - salvage_usd) / useful_life_months ELSE 0 END},
        {'meter': 'Facility', 'amount': facility_usd_per_month},
        {'meter': 'Staff', 'amount': staff_usd_per_month}], recursive := true)
    FROM fleet, span_month WHERE in_service_date <= month),
capacity AS (
    SELECT cluster, site, meter, day, 'Months' AS unit, $owner AS team, $application AS application,
        (amount * 100)::BIGINT AS cents,
        ((cents * day(day) // days - cents * (day(day) - 1) // days)::DECIMAL(12,0) * 0.01)
            ::DECIMAL(18,9) AS list
    FROM monthly JOIN span USING (month) WHERE amount > 0),
allocated AS (
    SELECT cluster, usage_date AS day, team, sum(gpu_hours_allocated)::DECIMAL(12,2) AS hours
    FROM main.gpu_usage JOIN span ON usage_date = day GROUP BY ALL),
power AS (
    SELECT cluster, site, 'Electricity' AS meter, day, 'kWh' AS unit, team, $application AS application,
        (hours * power_kw_per_gpu::DECIMAL(6,3) * pue::DECIMAL(4,2))::DECIMAL(18,6) AS quantity,
        electricity_usd_per_kwh AS list_price, (quantity * list_price)::DECIMAL(18,9) AS list
    FROM allocated JOIN fleet USING (cluster)),
spent AS (SELECT * EXCLUDE (cents) FROM capacity UNION ALL BY NAME FROM power)
SELECT spent.* EXCLUDE (cluster, site), 'own' AS account, 'GPU Cluster' AS service,
    'AI and Machine Learning' AS category, 'Machine Learning' AS subcategory, 'GPU cluster' AS kind,
    cluster AS resource, cluster AS resource_name, 'mto-' || slug(site) AS region, site AS region_name,
    'gpu-platform' AS sub, cost_center, 'production' AS environment, day + 1 AS until,
    date_trunc('month', day)::DATE AS billing, list AS contracted, list AS effective, 0 AS billed,
    list_price AS contracted_price, 'Usage' AS charge,
    CASE meter WHEN 'Electricity' THEN 'Usage-Based' ELSE 'Recurring' END AS frequency, 'Standard' AS pricing
FROM spent JOIN team USING (team)
"""

# Extras come after the metered resources of a day, in an order of their own.
NUMBER = f"""
CREATE OR REPLACE TEMP TABLE extra AS
SELECT * REPLACE (1000000000000 + row_number() OVER (ORDER BY row) AS id), {DERIVED} FROM extra AS row
"""


MONTHS = """
CREATE OR REPLACE TEMP TABLE span_month AS
SELECT month, month_number, month_index, count(*) AS loaded, day(last_day(month)) AS days
FROM span GROUP BY ALL
"""


def prepare(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Create the macros of DERIVED and price the tokens once; months take theirs from `token_charge`."""
    con.execute(MACROS)
    con.execute(TOKENS, {"batch_price": company.facts["batch_price"]})


def count(con: duckdb.DuckDBPyConnection) -> int:
    """Charges that come whatever the wanted size: the tokens' (the others are few)."""
    return int((con.execute("SELECT count(*) FROM token_charge").fetchone() or (0,))[0])


def add(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Fill the temporary table `extra` for the months of `span`; needs `month_series` and `metered`."""
    facts = company.facts
    mortgage, nat, owner = facts["mortgage"], facts["nat_spike"], facts["fleet_owner"]
    con.execute(MONTHS)
    con.execute(EXTRA)
    con.execute("INSERT INTO extra BY NAME SELECT token_charge.* FROM token_charge JOIN span USING (day)")
    con.execute(SEATS, {"growth": facts["seat_growth"]})
    con.execute(FEES)
    con.execute(COMMITMENTS)
    con.execute(MORTGAGE, {key: mortgage[key] for key in ("applications", "team", "environment", "project")})
    con.execute(NAT, {key: value for key, value in nat.items() if key != "eras"})
    con.execute(GPUS, {"owner": owner["team"], "application": owner["application"]})
    con.execute(TAXES)
    con.execute(NUMBER)
