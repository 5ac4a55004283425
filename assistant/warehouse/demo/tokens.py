"""token_usage and token_allowances of the demo company. Knows nothing about charges."""

from __future__ import annotations

import duckdb

from assistant.warehouse.demo.company import Company, moment

# A tier's price holds until the tier's next model or price.
PRICES = """
CREATE TEMP TABLE model_price AS
SELECT *, lead("from", 1, DATE '9999-01-01') OVER (PARTITION BY provider,
    tier ORDER BY "from") AS until FROM model
"""

DEVELOPERS = """
CREATE TEMP TABLE developer AS
WITH named AS (
    SELECT team, row_number() OVER (ORDER BY team.rowid, k) - 1 AS n
    FROM team, unnest(range(developers)) AS each(k)),
shares AS (
    SELECT *, sum(share) OVER (ORDER BY rowid) AS high, high - share AS low, sum(share) OVER () AS total
    FROM coding)
SELECT team,
    $first[1 + n % len($first)] || '.' || $last[1 + n // len($first) % len($last)] || '@' || $domain AS user,
    $starts::DATE + (draw('start', n, 0) * ($end::DATE - $starts::DATE - 30))::INTEGER AS "from",
    0.5 + 1.3 * draw('size', n, 0) AS size, shares.* EXCLUDE (low, high, total)
FROM named JOIN shares ON roll('vendor', n, 0) % total >= low AND roll('vendor', n, 0) % total < high
"""

# Counts are tens of tokens, so that half a price of three decimals still gives nine.
USAGE = """
CREATE TABLE main.token_usage AS
WITH active AS (
    SELECT day, month_number, developer.*, size * (0.3 + 1.4 * draw('day', user, day)) AS amount
    FROM developer JOIN calendar ON day >= "from"
    WHERE draw('active', user, day) < CASE WHEN weekend THEN $coding_rhythm ELSE 0.86 END),
coded AS (
    SELECT *, purpose AS done, 1.0 AS part FROM active
    UNION ALL BY NAME
    SELECT active.*, besides.purpose AS done, besides.size AS part FROM active JOIN besides
        ON draw(besides.purpose, user, day) < besides.chance),
asked AS (
    SELECT day, provider, tier, $coding_application AS application, team, user, 'development' AS environment,
        done AS purpose, false AS batch, hit, write,
        amount * part * pow(1 + $coding_growth, month_number) AS scale,
        requests * scale AS requests, input * 1e6 * scale AS input, output * 1e6 * scale AS output
    FROM coded
    UNION ALL BY NAME
    SELECT day, provider, tier, application, team, user, coalesce(environment, 'production') AS environment,
        purpose, coalesce(batch, false) AS batch, hit, write,
        pow(1 + growth, month_number) * CASE WHEN weekend THEN rhythm ELSE 1 END
            * (0.9 + 0.2 * draw('agent', user, day)) AS scale,
        requests * scale AS requests, input * 1e6 * scale AS input, output * 1e6 * scale AS output
    FROM agent JOIN calendar ON day >= "from"),
counted AS (
    SELECT * EXCLUDE (scale, hit, write) REPLACE (
            greatest(1, requests::BIGINT) AS requests, (input / 10)::BIGINT * 10 AS input,
            (output / 10)::BIGINT * 10 AS output),
        (input * coalesce(hit, 0) / 10)::BIGINT * 10 AS cached,
        (input * coalesce(write, 0) / 10)::BIGINT * 10 AS written
    FROM asked
    UNION ALL BY NAME
    SELECT day, provider, tier, application, team, user, 'production' AS environment, purpose,
        false AS batch, requests, input, cached, output, 0 AS written
    FROM steady JOIN calendar ON day >= "from" AND day < "to"),
priced AS (
    SELECT counted.*, model, CASE WHEN batch THEN $batch_price::DECIMAL(9,3) ELSE 1 END AS part,
        model_price.input AS p_input, coalesce(model_price.cached, model_price.input) AS p_cached,
        coalesce(model_price.write, model_price.input) AS p_write, model_price.output AS p_output
    FROM counted JOIN model_price
        ON model_price.provider = counted.provider AND model_price.tier = counted.tier
        AND day >= model_price."from" AND day < until)
SELECT day AS usage_date, provider, model, NULL::VARCHAR AS model_version, application, team, user AS user_id,
    environment, purpose, requests, input AS input_tokens, cached AS cached_input_tokens,
    written AS cache_write_tokens, output AS output_tokens,
    CASE WHEN tier IN ('large', 'medium') THEN output * 3 // 10 ELSE 0 END AS reasoning_tokens, batch,
    ((((input - cached - written) * p_input + cached * p_cached + written * p_write + output * p_output)
        ::DECIMAL(28,9) * part)::DECIMAL(34,12) * 0.000001)::DECIMAL(18,9) AS cost_usd,
    'reported' AS cost_basis
FROM priced ORDER BY ALL
"""

ALLOWANCES = """
CREATE TABLE main.token_allowances AS
WITH months AS (SELECT DISTINCT month FROM calendar)
SELECT month, 'team' AS subject_type, team AS subject, NULL::BIGINT AS tokens,
    coalesce(larger.usd, $team_usd)::DECIMAL(18,6) AS usd, $team_hard::BOOLEAN AS hard
FROM months, (SELECT DISTINCT team FROM main.token_usage) AS users LEFT JOIN larger USING (team)
UNION ALL
SELECT month, 'user', user, $user_tokens::BIGINT, NULL, $user_hard::BOOLEAN
FROM months JOIN developer ON developer."from" < month + INTERVAL 1 MONTH
ORDER BY ALL
"""


def write(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Create main.token_usage (one row a day, user, purpose and model) and main.token_allowances."""
    facts = company.facts
    coding, people, allowances = facts["coding"], facts["people"], facts["allowances"]
    con.execute(PRICES)
    con.execute(
        DEVELOPERS,
        {**people, "starts": moment(coding["starts"], company.end), "end": company.end},
    )
    con.execute(
        USAGE,
        {
            "coding_rhythm": coding["rhythm"],
            "coding_growth": coding["growth"],
            "coding_application": coding["application"],
            "batch_price": facts["batch_price"],
        },
    )
    con.execute(
        ALLOWANCES,
        {
            "team_usd": allowances["team"]["usd"],
            "team_hard": allowances["team"]["hard"],
            "user_tokens": allowances["people"]["tokens"],
            "user_hard": allowances["people"]["hard"],
        },
    )
