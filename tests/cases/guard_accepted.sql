-- What analysts write. Each statement stands under the reason it is here, and ends with a semicolon.
-- Rows and column names must be those of the same statement on an unprotected copy.

-- plain totals
SELECT sum(EffectiveCost) AS cost FROM cost_and_usage;

-- unnamed aggregate keeps DuckDB's column name
SELECT sum(EffectiveCost), count(*), avg(BilledCost), min(ChargePeriodStart), max(ChargePeriodEnd) FROM cost_and_usage;

-- several expressions without names
SELECT ServiceName, sum(BilledCost) - sum(EffectiveCost), round(sum(BilledCost), 2), count(DISTINCT ResourceId)
FROM cost_and_usage GROUP BY ServiceName ORDER BY ServiceName;

-- names are found whatever their case
select servicename, SUM(billedcost) from COST_AND_USAGE group by SERVICENAME order by 2 desc, 1;

-- schema-qualified table and columns
SELECT main.cost_and_usage.ServiceName, sum(main.cost_and_usage.BilledCost) AS billed
FROM main.cost_and_usage GROUP BY main.cost_and_usage.ServiceName ORDER BY billed DESC;

-- quoted names
SELECT "ServiceName", sum("EffectiveCost") AS "Effective cost (USD)" FROM "cost_and_usage" GROUP BY "ServiceName" ORDER BY 1;

-- non-ASCII quoted name and text
SELECT SubAccountName AS "coût", sum(BilledCost) AS "Größe" FROM cost_and_usage WHERE SubAccountName = 'Zürich' GROUP BY 1;

-- comments of both kinds, with a semicolon inside
/* monthly report; owner: finance */
SELECT date_trunc('month', ChargePeriodStart) AS month, -- first day; UTC
  sum(EffectiveCost) AS cost
FROM cost_and_usage GROUP BY month ORDER BY month;

-- group by position, order by position
SELECT ServiceCategory, RegionId, sum(EffectiveCost) FROM cost_and_usage GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2;

-- group by all, order by all
SELECT ServiceCategory, RegionName, sum(EffectiveCost) AS cost FROM cost_and_usage GROUP BY ALL ORDER BY ALL;

-- alias used in WHERE, GROUP BY and HAVING
SELECT lower(ServiceName) AS svc, sum(EffectiveCost) AS cost FROM cost_and_usage
WHERE svc LIKE '%ec2%' OR svc LIKE '%s3%' GROUP BY svc HAVING cost > 10 ORDER BY svc;

-- lateral column alias within the select list
SELECT ServiceName, sum(ListCost) AS list, sum(EffectiveCost) AS eff, list - eff AS saved, saved / nullif(list, 0) AS rate
FROM cost_and_usage GROUP BY ServiceName ORDER BY ServiceName;

-- prefix aliases
SELECT svc: ServiceName, cost: sum(EffectiveCost) FROM cost_and_usage GROUP BY ALL ORDER BY svc;

-- trailing commas
SELECT ServiceName, sum(EffectiveCost) AS cost, FROM cost_and_usage GROUP BY ServiceName, ORDER BY cost DESC, ServiceName;

-- distinct
SELECT DISTINCT ServiceCategory FROM cost_and_usage ORDER BY 1;

-- distinct on
SELECT DISTINCT ON (ServiceName) ServiceName, ResourceId, EffectiveCost FROM cost_and_usage
ORDER BY ServiceName, EffectiveCost DESC, ResourceId NULLS LAST;

-- select star with a limit
SELECT * FROM cost_and_usage ORDER BY ChargePeriodStart, BilledCost, ResourceId, x_Weight LIMIT 5;

-- star exclude
SELECT * EXCLUDE (Tags, SkuPriceDetails, AllocatedTags) FROM cost_and_usage WHERE x_Weight = 3 ORDER BY ALL;

-- star replace
SELECT * REPLACE (round(amount_usd / 1000, 3) AS amount_usd) FROM budgets ORDER BY ALL;

-- star rename
SELECT * RENAME (amount_usd AS amount) FROM budgets ORDER BY ALL;

-- star like
SELECT * LIKE '%tokens' FROM token_usage ORDER BY ALL LIMIT 10;

-- star similar to
SELECT * SIMILAR TO '.*tokens' FROM token_usage ORDER BY ALL LIMIT 10;

-- qualified star
SELECT b.*, b.amount_usd * 12 AS yearly FROM budgets b ORDER BY ALL;

-- columns by regular expression
SELECT COLUMNS('.*_tokens') FROM token_usage ORDER BY ALL LIMIT 10;

-- columns in an aggregate
SELECT model, sum(COLUMNS('.*_tokens')) FROM token_usage GROUP BY model ORDER BY model;

-- columns with a new name
SELECT min(COLUMNS('(input|output)_tokens')) AS 'min_\1' FROM token_usage;

-- columns star with lambda
SELECT COLUMNS(lambda c: c LIKE '%tokens') FROM token_usage ORDER BY ALL LIMIT 4;

-- columns in WHERE
SELECT usage_date, model FROM token_usage WHERE COLUMNS('.*put_tokens') > 1500 ORDER BY ALL;

-- from first
FROM budgets;

-- from first with select
FROM cost_and_usage SELECT ServiceName, sum(EffectiveCost) AS cost GROUP BY ALL ORDER BY cost DESC, ServiceName LIMIT 3;

-- table statement
TABLE budgets;

-- values
VALUES (1, 'a'), (2, 'b');

-- values as a table
SELECT * FROM (VALUES ('AWS', 1), ('OpenAI', 2)) AS v(provider, rank) ORDER BY rank;

-- mapping by a values list
SELECT m.tower, sum(c.EffectiveCost) AS cost FROM cost_and_usage c
JOIN (VALUES ('Compute', 'Compute'), ('Storage', 'Storage'), ('Databases', 'Data')) AS m(category, tower)
  ON m.category = c.ServiceCategory GROUP BY m.tower ORDER BY m.tower;

-- a single CTE
WITH monthly AS (
  SELECT date_trunc('month', ChargePeriodStart) AS month, sum(EffectiveCost) AS cost FROM cost_and_usage GROUP BY 1
) SELECT month, cost, cost - lag(cost) OVER (ORDER BY month) AS change FROM monthly ORDER BY month;

-- CTEs that build on each other
WITH a AS (SELECT ServiceName s, sum(EffectiveCost) c FROM cost_and_usage GROUP BY ALL),
  b AS (SELECT s, c, c / sum(c) OVER () AS share FROM a),
  c AS (SELECT * FROM b WHERE share > 0.05)
SELECT s, round(share * 100, 2) AS percent FROM c ORDER BY percent DESC, s;

-- a CTE named like the table it reads
WITH cost_and_usage AS (SELECT * FROM cost_and_usage WHERE ChargeCategory = 'Usage')
SELECT count(*) AS n, sum(BilledCost) AS billed FROM cost_and_usage;

-- nested WITH
WITH outer_q AS (WITH inner_q AS (SELECT team, sum(cost_usd) AS c FROM token_usage GROUP BY team) SELECT * FROM inner_q WHERE c > 0)
SELECT * FROM outer_q ORDER BY team;

-- an inner CTE shadows an outer one
WITH t AS (SELECT 1 AS x) SELECT (WITH t AS (SELECT 2 AS x) SELECT x FROM t) AS inner_x, x FROM t;

-- CTE with column names
WITH spend(service, amount) AS (SELECT ServiceName, sum(EffectiveCost) FROM cost_and_usage GROUP BY 1)
SELECT spend.service, spend.amount FROM spend ORDER BY spend.amount DESC, 1 LIMIT 3;

-- materialized CTE used twice
WITH m AS MATERIALIZED (SELECT team, sum(input_tokens) AS t FROM token_usage GROUP BY team)
SELECT a.team, a.t, a.t - b.t AS behind FROM m a CROSS JOIN (SELECT max(t) AS t FROM m) b ORDER BY a.team;

-- not materialized CTE
WITH m AS NOT MATERIALIZED (SELECT * FROM budgets) SELECT count(*) FROM m;

-- recursive calendar of days
WITH RECURSIVE days AS (
  SELECT DATE '2026-09-01' AS d UNION ALL SELECT CAST(d + INTERVAL 1 DAY AS DATE) FROM days WHERE d < DATE '2026-09-10'
) SELECT d, coalesce(sum(EffectiveCost), 0) AS cost FROM days LEFT JOIN cost_and_usage ON CAST(ChargePeriodStart AS DATE) = d
GROUP BY d ORDER BY d;

-- recursive counter
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12) SELECT i FROM n ORDER BY i;

-- recursive counter compared the other way round
WITH RECURSIVE n AS (SELECT 0 AS i, 1.0 AS f UNION ALL SELECT i + 1, f * 1.05 FROM n WHERE 12 > i) SELECT i, round(f, 4) FROM n ORDER BY i;

-- recursive over months, bound by the data
WITH RECURSIVE m AS (
  SELECT CAST(date_trunc('month', min(ChargePeriodStart)) AS DATE) AS month FROM cost_and_usage
  UNION ALL
  SELECT CAST(month + INTERVAL 1 MONTH AS DATE) FROM m
  WHERE month < (SELECT date_trunc('month', max(ChargePeriodStart)) FROM cost_and_usage)
) SELECT month FROM m ORDER BY month;

-- recursive walk along a hierarchy that ends by itself (UNION removes repeats)
WITH RECURSIVE tree AS (
  SELECT 'team-0' AS node
  UNION
  SELECT b.value FROM budgets b JOIN tree ON b.dimension = 'team' AND b.value > tree.node
) SELECT node FROM tree ORDER BY node;

-- WITH RECURSIVE although nothing recurs
WITH RECURSIVE a AS (SELECT team, sum(requests) AS r FROM token_usage GROUP BY team) SELECT * FROM a ORDER BY team;

-- running total
SELECT CAST(ChargePeriodStart AS DATE) AS day, sum(sum(EffectiveCost)) OVER (ORDER BY CAST(ChargePeriodStart AS DATE)) AS running
FROM cost_and_usage GROUP BY 1 ORDER BY 1;

-- moving average over a frame
WITH d AS (SELECT CAST(ChargePeriodStart AS DATE) AS day, sum(EffectiveCost) AS cost FROM cost_and_usage GROUP BY 1)
SELECT day, cost, avg(cost) OVER (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS week FROM d ORDER BY day;

-- range frame with an interval
WITH d AS (SELECT CAST(ChargePeriodStart AS DATE) AS day, sum(EffectiveCost) AS cost FROM cost_and_usage GROUP BY 1)
SELECT day, sum(cost) OVER (ORDER BY day RANGE BETWEEN INTERVAL 2 DAY PRECEDING AND CURRENT ROW) AS s FROM d ORDER BY day;

-- named windows
SELECT model, usage_date, cost_usd, sum(cost_usd) OVER w AS running, rank() OVER (w) AS r
FROM token_usage WINDOW w AS (PARTITION BY model ORDER BY usage_date, user_id, requests) ORDER BY ALL;

-- window with exclude and filter
SELECT team, usage_date, sum(requests) FILTER (WHERE batch) OVER (PARTITION BY team ORDER BY usage_date, requests
  ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING EXCLUDE CURRENT ROW) AS near FROM token_usage ORDER BY ALL;

-- lag, lead, first and last value with ignore nulls
SELECT usage_date, team, lag(cost_usd, 1, 0) OVER o AS before, lead(cost_usd) OVER o AS after_,
  first_value(model IGNORE NULLS) OVER o AS first_model, last_value(model) OVER o AS last_model,
  nth_value(model, 2) OVER o AS second FROM token_usage
WINDOW o AS (PARTITION BY team ORDER BY usage_date, user_id, requests, input_tokens) ORDER BY ALL;

-- ranking functions
SELECT ServiceName, sum(EffectiveCost) AS c, rank() OVER (ORDER BY sum(EffectiveCost) DESC) AS r,
  dense_rank() OVER (ORDER BY sum(EffectiveCost) DESC) AS d, row_number() OVER (ORDER BY sum(EffectiveCost) DESC, ServiceName) AS n,
  ntile(2) OVER (ORDER BY sum(EffectiveCost) DESC, ServiceName) AS t, percent_rank() OVER (ORDER BY sum(EffectiveCost)) AS p,
  cume_dist() OVER (ORDER BY sum(EffectiveCost)) AS u FROM cost_and_usage GROUP BY ServiceName ORDER BY n;

-- top three in each category by QUALIFY
SELECT ServiceCategory, ServiceName, sum(EffectiveCost) AS cost FROM cost_and_usage GROUP BY 1, 2
QUALIFY row_number() OVER (PARTITION BY ServiceCategory ORDER BY sum(EffectiveCost) DESC, ServiceName) <= 3 ORDER BY ALL;

-- qualify by alias
SELECT team, usage_date, cost_usd, row_number() OVER (PARTITION BY team ORDER BY cost_usd DESC, usage_date, user_id) AS rn
FROM token_usage QUALIFY rn = 1 ORDER BY team;

-- filtered aggregates
SELECT sum(EffectiveCost) FILTER (WHERE ChargeCategory = 'Usage') AS usage, sum(EffectiveCost) FILTER (ChargeCategory = 'Tax') AS tax
FROM cost_and_usage;

-- rollup with grouping
SELECT ServiceCategory, RegionId, grouping(ServiceCategory, RegionId) AS g, sum(EffectiveCost) AS cost
FROM cost_and_usage GROUP BY ROLLUP (ServiceCategory, RegionId) ORDER BY ALL;

-- cube
SELECT provider, purpose, sum(cost_usd) AS c FROM token_usage GROUP BY CUBE (provider, purpose) ORDER BY ALL;

-- grouping sets
SELECT provider, model, team, sum(requests) AS r FROM token_usage GROUP BY GROUPING SETS ((provider, model), (team), ()) ORDER BY ALL;

-- grouping_id
SELECT provider, grouping_id(provider) AS g, count(*) FROM token_usage GROUP BY ROLLUP (provider) ORDER BY ALL;

-- pivot by SQL standard
SELECT * FROM (SELECT ServiceCategory, ChargeCategory, EffectiveCost FROM cost_and_usage)
PIVOT (sum(EffectiveCost) FOR ChargeCategory IN ('Usage', 'Tax', 'Credit')) ORDER BY ALL;

-- pivot in DuckDB's form with values
PIVOT token_usage ON provider IN ('OpenAI', 'Anthropic') USING sum(cost_usd) AS cost GROUP BY team ORDER BY team;

-- pivot in DuckDB's form without values
PIVOT token_usage ON provider USING sum(cost_usd) GROUP BY team ORDER BY team;

-- pivot over an expression and two measures
PIVOT (SELECT team, month(usage_date) AS m, cost_usd, requests FROM token_usage) ON m USING sum(cost_usd) AS cost, sum(requests) AS req GROUP BY team ORDER BY team;

-- pivot of a CTE
WITH t AS (SELECT team, provider, cost_usd FROM token_usage) PIVOT t ON provider USING sum(cost_usd) ORDER BY team;

-- pivot as a subquery
SELECT team, "OpenAI" * 2 AS double FROM (PIVOT token_usage ON provider USING sum(cost_usd) GROUP BY team) ORDER BY team;

-- pivot on several columns
PIVOT token_usage ON provider, batch USING count(*) GROUP BY team ORDER BY team;

-- pivot_wider with a limit
PIVOT_WIDER token_usage ON purpose USING sum(requests) GROUP BY model ORDER BY model LIMIT 2;

-- unpivot by SQL standard
SELECT * FROM (SELECT model, sum(input_tokens) AS input, sum(output_tokens) AS output FROM token_usage GROUP BY model)
UNPIVOT (tokens FOR kind IN (input, output)) ORDER BY ALL;

-- unpivot in DuckDB's form
UNPIVOT (SELECT team, sum(input_tokens) AS input, sum(output_tokens) AS output FROM token_usage GROUP BY team)
ON input, output INTO NAME kind VALUE tokens ORDER BY ALL;

-- unpivot by columns
UNPIVOT (SELECT team, sum(input_tokens) AS i_t, sum(output_tokens) AS o_t FROM token_usage GROUP BY team)
ON COLUMNS(* EXCLUDE team) INTO NAME kind VALUE tokens ORDER BY ALL;

-- unpivot including nulls
SELECT * FROM (SELECT 'a' AS k, 1 AS x, NULL::INTEGER AS y) UNPIVOT INCLUDE NULLS (v FOR n IN (x, y)) ORDER BY ALL;

-- union, intersect, except
SELECT team FROM token_usage UNION SELECT value FROM budgets WHERE dimension = 'team' ORDER BY 1;

-- union all with types that widen
SELECT 'billed' AS basis, sum(BilledCost) AS amount FROM cost_and_usage
UNION ALL SELECT 'effective', sum(EffectiveCost) FROM cost_and_usage ORDER BY basis;

-- union by name
SELECT team, sum(cost_usd) AS cost FROM token_usage GROUP BY team
UNION ALL BY NAME SELECT 0 AS cost, value AS team FROM budgets ORDER BY ALL;

-- intersect and except
(SELECT team FROM token_usage INTERSECT SELECT value FROM budgets) EXCEPT SELECT 'team-2' ORDER BY 1;

-- except all
SELECT x_CostCenter FROM token_usage EXCEPT ALL SELECT x_CostCenter FROM token_usage LIMIT 3;

-- three branches with a limit in one
(SELECT 1 AS x ORDER BY x LIMIT 1) UNION ALL (SELECT 2) UNION ALL SELECT 3 ORDER BY x;

-- inner join with using
SELECT team, sum(t.cost_usd) AS cost, any_value(b.amount_usd) AS budget FROM token_usage t
JOIN (SELECT value AS team, amount_usd FROM budgets WHERE month = DATE '2026-09-01') b USING (team) GROUP BY team ORDER BY team;

-- left join of actual against budget
WITH actual AS (SELECT date_trunc('month', usage_date)::DATE AS month, team, sum(cost_usd) AS cost FROM token_usage GROUP BY ALL)
SELECT b.month, b.value AS team, b.amount_usd, a.cost, a.cost - b.amount_usd AS variance
FROM budgets b LEFT JOIN actual a ON a.month = b.month AND a.team = b.value WHERE b.dimension = 'team' ORDER BY ALL;

-- full outer join
SELECT coalesce(a.team, b.value) AS team, a.r, b.n FROM (SELECT team, sum(requests) r FROM token_usage GROUP BY 1) a
FULL OUTER JOIN (SELECT value, count(*) n FROM budgets GROUP BY 1) b ON a.team = b.value ORDER BY ALL;

-- right join, cross join, comma join
SELECT count(*) FROM budgets b RIGHT JOIN token_usage t ON t.team = b.value, (SELECT 1 AS one) o CROSS JOIN (SELECT 2 AS two);

-- natural join
SELECT count(*) FROM (SELECT team, model FROM token_usage) NATURAL JOIN (SELECT DISTINCT team FROM token_usage);

-- self join of one table, two periods
SELECT a.ServiceName, a.c AS september, b.c AS october FROM
  (SELECT ServiceName, sum(EffectiveCost) c FROM cost_and_usage WHERE month(ChargePeriodStart) = 9 GROUP BY 1) a
  JOIN (SELECT ServiceName, sum(EffectiveCost) c FROM cost_and_usage WHERE month(ChargePeriodStart) = 10 GROUP BY 1) b USING (ServiceName)
ORDER BY 1;

-- self join with aliases
SELECT count(*) AS pairs FROM budgets a JOIN budgets b ON a.value = b.value AND a.month < b.month;

-- semi join
SELECT count(*) FROM token_usage t SEMI JOIN budgets b ON t.team = b.value;

-- anti join
SELECT DISTINCT team FROM token_usage ANTI JOIN budgets ON team = value ORDER BY team;

-- as-of join: the budget in force
SELECT t.usage_date, t.team, b.amount_usd FROM (SELECT DISTINCT usage_date, team FROM token_usage) t
ASOF JOIN (SELECT month, value AS team, amount_usd FROM budgets) b ON t.team = b.team AND t.usage_date >= b.month ORDER BY ALL;

-- as-of left join
SELECT t.team, t.d, b.amount_usd FROM (SELECT team, min(usage_date) AS d FROM token_usage GROUP BY team) t
ASOF LEFT JOIN (SELECT month AS d, value AS team, amount_usd FROM budgets) b USING (team, d) ORDER BY ALL;

-- positional join
SELECT * FROM (SELECT month FROM budgets ORDER BY ALL LIMIT 3) POSITIONAL JOIN (SELECT amount_usd FROM budgets ORDER BY ALL LIMIT 3);

-- lateral join
SELECT t.team, x.model, x.cost FROM (SELECT DISTINCT team FROM token_usage) t,
  LATERAL (SELECT model, sum(cost_usd) AS cost FROM token_usage u WHERE u.team = t.team GROUP BY model ORDER BY cost DESC, model LIMIT 1) x
ORDER BY ALL;

-- left join lateral
SELECT b.value, x.c FROM (SELECT DISTINCT value FROM budgets) b LEFT JOIN LATERAL (SELECT sum(cost_usd) AS c FROM token_usage WHERE team = b.value) x ON true ORDER BY ALL;

-- scalar subquery
SELECT ServiceName, sum(EffectiveCost) / (SELECT sum(EffectiveCost) FROM cost_and_usage) AS share FROM cost_and_usage GROUP BY 1 ORDER BY 1;

-- correlated subquery
SELECT DISTINCT team, (SELECT max(cost_usd) FROM token_usage i WHERE i.team = o.team) AS most FROM token_usage o ORDER BY team;

-- exists and not exists
SELECT count(*) FROM token_usage t WHERE EXISTS (SELECT 1 FROM budgets b WHERE b.value = t.team)
  AND NOT EXISTS (SELECT 1 FROM budgets b WHERE b.value = t.team AND b.amount_usd > 960);

-- in and not in, with lists and subqueries
SELECT count(*) FROM cost_and_usage WHERE ServiceCategory IN ('Compute', 'Storage') AND RegionId NOT IN ('global')
  AND SubAccountId IN (SELECT 'acc-0' UNION SELECT 'acc-1');

-- tuple in a subquery
SELECT count(*) FROM budgets WHERE (month, value) IN (SELECT DATE '2026-09-01', 'team-0');

-- any and all
SELECT count(*) FROM budgets WHERE amount_usd >= ALL (SELECT amount_usd FROM budgets) OR value = ANY (SELECT 'team-1');

-- subquery in HAVING
SELECT team, sum(cost_usd) AS c FROM token_usage GROUP BY team
HAVING sum(cost_usd) > (SELECT avg(c) FROM (SELECT sum(cost_usd) AS c FROM token_usage GROUP BY team)) ORDER BY team;

-- a tag by key
SELECT Tags['team'] AS team, sum(EffectiveCost) AS cost FROM cost_and_usage GROUP BY Tags['team'] ORDER BY ALL;

-- a tag by key without a name
SELECT Tags['team'], sum(EffectiveCost) FROM cost_and_usage GROUP BY 1 ORDER BY ALL;

-- a tag with a table's alias
SELECT c.Tags['env'] AS env, count(*) FROM cost_and_usage c WHERE c.Tags['team'] IS NOT NULL GROUP BY ALL ORDER BY ALL;

-- a tag whose key no row has
SELECT count(*) AS n, count(Tags['nobody']) AS tagged FROM cost_and_usage;

-- a tag key with a dash
SELECT Tags['cost-center'] AS cc, count(*) AS n FROM cost_and_usage GROUP BY cc ORDER BY cc;

-- a tag as map_extract and element_at
SELECT map_extract_value(Tags, 'team') AS team, count(*) FROM cost_and_usage WHERE element_at(Tags, 'env') IS NOT NULL GROUP BY 1 ORDER BY 1;

-- tag coverage
SELECT round(100.0 * sum(EffectiveCost) FILTER (WHERE Tags['team'] IS NOT NULL) / sum(EffectiveCost), 2) AS tagged_percent FROM cost_and_usage;

-- tags in HAVING, QUALIFY, ORDER BY and a window
SELECT Tags['team'] AS team, Tags['env'] AS env, sum(EffectiveCost) AS c, rank() OVER (PARTITION BY Tags['env'] ORDER BY sum(EffectiveCost) DESC) AS r
FROM cost_and_usage GROUP BY Tags['team'], Tags['env'] HAVING Tags['team'] <> 'team-3' QUALIFY r <= 2 ORDER BY Tags['env'], r, Tags['team'];

-- tags through a CTE and a join
WITH c AS (SELECT Tags['team'] AS team, EffectiveCost FROM cost_and_usage)
SELECT c.team, sum(EffectiveCost) AS cost, sum(b.amount_usd) AS budget FROM c LEFT JOIN budgets b ON b.value = c.team GROUP BY 1 ORDER BY 1;

-- tags of a derived table that has Tags
SELECT t.Tags['team'] AS team, count(*) FROM (SELECT Tags, EffectiveCost FROM cost_and_usage WHERE EffectiveCost > 5) t GROUP BY 1 ORDER BY 1;

-- a whole-map comparison beside a key
SELECT count(*) FROM cost_and_usage WHERE Tags IS NULL OR (cardinality(Tags) = 1 AND Tags['env'] = 'prod');

-- star beside a tag
SELECT *, Tags['team'] AS team FROM cost_and_usage WHERE x_Weight = 5 ORDER BY ALL;

-- unnest of map keys
SELECT key, count(*) AS n FROM (SELECT unnest(map_keys(Tags)) AS key FROM cost_and_usage) GROUP BY key ORDER BY key;

-- unnest of map entries in FROM
SELECT e.entry.key AS key, e.entry.value AS value, count(*) AS n FROM cost_and_usage, unnest(map_entries(Tags)) AS e(entry)
GROUP BY ALL ORDER BY ALL;

-- cross join lateral unnest
SELECT k.key, count(*) FROM cost_and_usage c CROSS JOIN LATERAL (SELECT unnest(map_keys(c.Tags)) AS key) k GROUP BY 1 ORDER BY 1;

-- recursive unnest of a struct
SELECT unnest({'a': 1, 'b': {'c': 2}}, recursive := true);

-- map functions
SELECT cardinality(Tags) AS n, map_contains(Tags, 'team') AS has_team, map_values(Tags) AS vs, map_entries(Tags)[1].key AS first
FROM cost_and_usage WHERE x_Weight = 7 ORDER BY ALL;

-- map literal and lookup
SELECT ServiceCategory, MAP {'Compute': 'IaaS', 'Storage': 'IaaS', 'Databases': 'PaaS'}[ServiceCategory] AS tier, count(*)
FROM cost_and_usage GROUP BY ALL ORDER BY ALL;

-- struct literal and access
SELECT s.a + s.b AS total, s['a'] AS a FROM (SELECT {'a': 1, 'b': 2} AS s);

-- struct of aggregates
SELECT team, {'in': sum(input_tokens), 'out': sum(output_tokens)} AS tokens FROM token_usage GROUP BY team ORDER BY team;

-- row to struct
SELECT b FROM budgets b ORDER BY b.month, b.value;

-- list comprehension
SELECT [x * 2 FOR x IN [1, 2, 3, 4] IF x > 1] AS doubled;

-- lambda
SELECT list_transform(list(DISTINCT upper(team)), lambda x: x || '!') AS l FROM (SELECT team FROM token_usage WHERE team = 'team-1');

-- lambda with an index, filter and reduce
SELECT list_filter([10, 20, 30], lambda x, i: i > 1) AS f, list_reduce([1, 2, 3], lambda a, b: a + b) AS r;

-- list aggregates and slices
SELECT team, list_sort(list(DISTINCT model)) AS models, list_sort(list(DISTINCT model))[1] AS first, list_sort(list(DISTINCT model))[1:1] AS head,
  len(list(model)) AS n FROM token_usage GROUP BY team ORDER BY team;

-- list functions
SELECT list_sum([1, 2, 3]) AS s, list_avg([1, 2]) AS a, list_contains([1, 2], 2) AS c, list_distinct([1, 1]) AS d, list_concat([1], [2]) AS l,
  list_aggregate([1, 2, 3], 'max') AS m, array_to_string(['a', 'b'], '-') AS j, flatten([[1], [2]]) AS f, list_zip([1], ['a']) AS z;

-- generate_series in FROM
SELECT d::DATE AS day, coalesce(sum(cost_usd), 0) AS cost FROM generate_series(TIMESTAMP '2026-09-01', TIMESTAMP '2026-09-07', INTERVAL 1 DAY) AS g(d)
LEFT JOIN token_usage ON usage_date = d::DATE GROUP BY 1 ORDER BY 1;

-- range in FROM and in the select list
SELECT r.i, range(r.i) AS before FROM range(0, 5) AS r(i) ORDER BY 1;

-- unnest of generate_series over dates
SELECT unnest(generate_series(DATE '2026-01-01', DATE '2026-06-01', INTERVAL 1 MONTH))::DATE AS month;

-- a calendar bounded by the data
SELECT count(*) AS days FROM (SELECT unnest(generate_series(min(usage_date), max(usage_date), INTERVAL 1 DAY)) AS d FROM token_usage);

-- range with computed ends
SELECT count(*) FROM range(DATE '2026-01-01', DATE '2026-01-01' + INTERVAL 3 MONTH, INTERVAL '1 day');

-- generate_subscripts
SELECT generate_subscripts([10, 20, 30], 1) AS i;

-- dates: truncation, parts, differences
SELECT DISTINCT date_trunc('week', ChargePeriodStart) AS w, extract(year FROM ChargePeriodStart) AS y, date_part('quarter', ChargePeriodStart) AS q,
  year(ChargePeriodStart) AS y2, monthname(ChargePeriodStart) AS m, dayname(ChargePeriodStart) AS d, isodow(ChargePeriodStart) AS i,
  date_diff('day', DATE '2026-01-01', ChargePeriodStart::DATE) AS n FROM cost_and_usage ORDER BY ALL LIMIT 20;

-- dates: arithmetic and literals
SELECT DATE '2026-03-31' + INTERVAL 1 MONTH AS a, DATE '2026-03-31' - 5 AS b, DATE '2026-03-31' - DATE '2026-03-01' AS c,
  TIMESTAMP '2026-03-31 10:00:00' - INTERVAL '2 hours 30 minutes' AS d, last_day(DATE '2026-02-10') AS e, make_date(2026, 2, 3) AS f,
  age(DATE '2026-03-01', DATE '2026-01-15') AS g, date_add(DATE '2026-01-01', INTERVAL 3 DAY) AS h, datediff('month', DATE '2026-01-31', DATE '2026-02-01') AS i;

-- half-open period
SELECT sum(BilledCost) FROM cost_and_usage WHERE ChargePeriodStart >= '2026-09-01' AND ChargePeriodStart < '2026-10-01';

-- between dates
SELECT count(*) FROM token_usage WHERE usage_date BETWEEN DATE '2026-09-01' AND '2026-09-30';

-- days in month, run rate
SELECT sum(cost_usd) / count(DISTINCT usage_date) * day(last_day(max(usage_date))) AS run_rate FROM token_usage WHERE month(usage_date) = 9;

-- formatting of dates
SELECT DISTINCT strftime(usage_date, '%Y-%m') AS month, strftime('%d.%m.%Y', usage_date) AS day, strptime('2026-01-02', '%Y-%m-%d') AS p,
  try_strptime('nope', '%Y') AS t FROM token_usage ORDER BY ALL LIMIT 9;

-- epochs and buckets
SELECT time_bucket(INTERVAL 1 WEEK, usage_date) AS w, sum(requests) AS r, epoch(min(usage_date)::TIMESTAMP) AS e FROM token_usage GROUP BY 1 ORDER BY 1;

-- time zones
SELECT count(*) FROM cost_and_usage WHERE ChargePeriodStart AT TIME ZONE 'UTC' < TIMESTAMPTZ '2026-09-01 00:00:00+00';

-- relative to today
SELECT count(*) FROM token_usage WHERE usage_date < current_date + INTERVAL 100 YEAR AND usage_date <= today() + 36500 AND now() > TIMESTAMPTZ '2020-01-01 00:00:00+00';

-- case in both forms
SELECT CASE WHEN EffectiveCost > 30 THEN 'big' WHEN EffectiveCost > 10 THEN 'mid' ELSE 'small' END AS size,
  CASE ChargeCategory WHEN 'Usage' THEN 1 ELSE 0 END AS usage, count(*) FROM cost_and_usage GROUP BY ALL ORDER BY ALL;

-- if, ifnull, coalesce, nullif
SELECT if(batch, 'batch', 'live') AS kind, sum(ifnull(cost_usd, 0)) AS c, sum(cost_usd) / nullif(sum(requests), 0) AS per, coalesce(x_CostCenter, 'none') AS cc
FROM token_usage GROUP BY ALL ORDER BY ALL;

-- casts in every form
SELECT CAST(sum(cost_usd) AS DECIMAL(38, 2)) AS a, sum(cost_usd)::DOUBLE AS b, TRY_CAST('x' AS INTEGER) AS c, '2026-01-01'::DATE AS d, 1::VARCHAR AS e,
  [1, 2]::BIGINT[] AS f, {'a': 1}::STRUCT(a BIGINT) AS g, MAP {'a': 1}::MAP(VARCHAR, INTEGER) AS h, CAST('1.5' AS NUMERIC(10, 1)) AS i FROM token_usage;

-- integer and decimal division, modulo, power
SELECT 7 // 2 AS a, 7 / 2 AS b, -7 // 2 AS c, 7 % 3 AS d, 2 ** 10 AS e, 2 ^ 3 AS f, 7.5 / 2 AS g, 10 / 4.0 AS h, mod(7, 4) AS i;

-- number functions
SELECT round(2.567, 2) AS a, ceil(1.2) AS b, floor(-1.2) AS c, abs(-3) AS d, greatest(1, 3, 2) AS e, least(1, NULL, 2) AS f, sign(-2) AS g, ln(10) AS h,
  log(100) AS i, log2(8) AS j, exp(1) AS k, sqrt(16) AS l, pi() AS m, trunc(1.9) AS n, power(2, 3) AS o, round_even(2.5, 0) AS p;

-- null-safe comparison
SELECT count(*) FILTER (WHERE RegionId IS DISTINCT FROM 'global') AS a, count(*) FILTER (WHERE RegionId IS NOT DISTINCT FROM NULL) AS b,
  count(*) FILTER (WHERE RegionId <> 'global') AS c FROM cost_and_usage;

-- pattern matching
SELECT count(*) FROM cost_and_usage WHERE ServiceName LIKE 'Amazon%' OR ServiceName ILIKE '%openai%' OR ServiceName GLOB 'GPT*'
  OR ServiceName SIMILAR TO 'Cosmos.*' OR ServiceName NOT LIKE '%50!%%' ESCAPE '!' OR regexp_matches(ServiceName, '^O.H');

-- like with escape, wildcard characters in data
SELECT DISTINCT ServiceName FROM cost_and_usage WHERE ServiceName LIKE '%50$%$_off' ESCAPE '$';

-- quotes in values
SELECT count(*) FROM cost_and_usage WHERE ServiceName = 'O''Hara''s "AI" 50%_off' AND ServiceName <> E'a\'b' AND ServiceName <> $$it's$$;

-- text functions
SELECT DISTINCT upper(ServiceName) AS u, length(ServiceName) AS l, substring(ServiceName, 1, 3) AS s, substring(ServiceName FROM 2 FOR 2) AS t, left(ServiceName, 2) AS a,
  ServiceName[1:3] AS sl, split_part(ServiceName, ' ', 1) AS w, string_split(ServiceName, ' ')[1] AS w2, replace(ServiceName, 'Amazon', 'AWS') AS r,
  trim(ServiceName) AS tr, concat(ServiceName, '-', RegionId) AS c, ServiceName || '!' AS d, position('a' IN ServiceName) AS p, strpos(ServiceName, 'z') AS p2,
  starts_with(ServiceName, 'A') AS st, contains(ServiceName, 'EC2') AS co, reverse(ServiceName) AS re, concat_ws('/', RegionId, 'x') AS cw FROM cost_and_usage ORDER BY ALL;

-- regular expressions
SELECT DISTINCT regexp_extract(ResourceId, 'res/(\d+)', 1) AS id, regexp_replace(ResourceId, '[0-9]+', 'N', 'g') AS r, regexp_extract_all('a1b2', '\d') AS x,
  regexp_split_to_array('a,b', ',') AS sp FROM cost_and_usage ORDER BY ALL;

-- dot-call syntax
SELECT DISTINCT ServiceName.lower().replace(' ', '_') AS slug FROM cost_and_usage ORDER BY 1;

-- format and printf
SELECT format('{} has {:.2f}', ServiceName, sum(EffectiveCost)::DOUBLE) AS f, printf('%s: %.1f', ServiceName, sum(EffectiveCost)::DOUBLE) AS p,
  format('{:,}', count(*)) AS n FROM cost_and_usage GROUP BY ServiceName ORDER BY ServiceName;

-- bar chart
SELECT team, bar(sum(requests), 0, 1000, 20) AS chart FROM token_usage GROUP BY team ORDER BY team;

-- string aggregation with order
SELECT team, string_agg(DISTINCT model, ', ' ORDER BY model) AS models, listagg(DISTINCT provider, '/' ORDER BY provider) AS p FROM token_usage GROUP BY team ORDER BY team;

-- first and last by order
SELECT team, first(model ORDER BY usage_date, requests) AS f, last(model ORDER BY usage_date, requests) AS l, array_agg(requests ORDER BY requests DESC)[1:2] AS top FROM token_usage GROUP BY team ORDER BY team;

-- the row that has the most
SELECT max_by(ServiceName, EffectiveCost) AS a, arg_max(ServiceName, EffectiveCost) AS b, min_by(RegionName, BilledCost) AS c, arg_max(x_Weight, EffectiveCost, 2) AS d FROM cost_and_usage WHERE x_Weight < 37;

-- quantiles
SELECT median(EffectiveCost) AS a, quantile_cont(EffectiveCost, 0.95) AS b, quantile_disc(EffectiveCost, [0.5, 0.9]) AS c,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY EffectiveCost) AS d, percentile_disc(0.9) WITHIN GROUP (ORDER BY BilledCost DESC) AS e, mode(ServiceName) AS f FROM cost_and_usage;

-- statistics
SELECT round(stddev(EffectiveCost), 6) AS a, round(variance(EffectiveCost), 4) AS b, round(corr(EffectiveCost, ListCost), 6) AS c, round(skewness(EffectiveCost), 6) AS d,
  round(regr_slope(EffectiveCost, x_Weight), 6) AS e, mad(EffectiveCost) AS f, round(covar_pop(ListCost, BilledCost), 4) AS g FROM cost_and_usage;

-- z-score of days
WITH d AS (SELECT CAST(ChargePeriodStart AS DATE) AS day, sum(EffectiveCost) AS c FROM cost_and_usage GROUP BY 1)
SELECT day, round((c - avg(c) OVER ()) / stddev_pop(c) OVER (), 3) AS z FROM d ORDER BY abs(z) DESC, day LIMIT 5;

-- histogram aggregate
SELECT histogram(model) AS h FROM token_usage;

-- approximate functions
SELECT approx_count_distinct(ResourceId) > 10 AS a, approx_quantile(EffectiveCost, 0.5) BETWEEN 10 AND 30 AS b FROM cost_and_usage;

-- booleans
SELECT team, bool_or(batch) AS some, bool_and(batch) AS every, count_if(batch) AS n, count(*) FILTER (batch) AS m FROM token_usage GROUP BY team ORDER BY team;

-- sums of booleans and conditions
SELECT sum((ChargeCategory = 'Usage')::INT) AS n, sum(CASE WHEN ChargeCategory = 'Usage' THEN EffectiveCost ELSE 0 END) AS c FROM cost_and_usage;

-- ordering with nulls
SELECT DISTINCT RegionId FROM cost_and_usage ORDER BY RegionId NULLS FIRST;

-- limit and offset
SELECT ServiceName, sum(EffectiveCost) AS c FROM cost_and_usage GROUP BY 1 ORDER BY c DESC, 1 LIMIT 2 OFFSET 1;

-- limit by per cent
SELECT value FROM budgets ORDER BY month, value LIMIT 50%;

-- limit by an expression
SELECT value FROM budgets ORDER BY month, value LIMIT (1 + 2);

-- fetch first
SELECT value FROM budgets ORDER BY month, value FETCH FIRST 2 ROWS ONLY;

-- sample with a seed
SELECT count(*) > 0 AS some FROM cost_and_usage USING SAMPLE reservoir(50 ROWS) REPEATABLE (42);

-- table sample of all rows
SELECT count(*) FROM cost_and_usage TABLESAMPLE 100 PERCENT (bernoulli);

-- JSON of SKU details
SELECT SkuPriceDetails->>'InstanceSeries' AS series, sum((SkuPriceDetails->>'CoreCount')::INT) AS cores, json_extract_string(SkuPriceDetails, '$.InstanceSeries') AS s2
FROM cost_and_usage GROUP BY 1, 3 ORDER BY 1;

-- tags as JSON
SELECT to_json(Tags)->>'team' AS team, count(*) FROM cost_and_usage GROUP BY 1 ORDER BY 1;

-- JSON constructed
SELECT json_object('team', team, 'cost', sum(cost_usd)) AS j FROM token_usage GROUP BY team ORDER BY team;

-- describe a table
DESCRIBE cost_and_usage;

-- describe a query
DESCRIBE SELECT ServiceName, sum(EffectiveCost) AS cost FROM cost_and_usage GROUP BY 1;

-- show a table
SHOW budgets;

-- describe in FROM
SELECT column_name, column_type FROM (DESCRIBE token_usage) WHERE column_name LIKE '%tokens' ORDER BY 1;

-- summarize a query
SELECT column_name, "min", "max", "count" FROM (SUMMARIZE SELECT amount_usd, value FROM budgets) ORDER BY 1;

-- commitment utilisation
SELECT CommitmentDiscountId, sum(EffectiveCost) FILTER (WHERE CommitmentDiscountStatus = 'Used') / nullif(sum(EffectiveCost), 0) AS utilisation
FROM cost_and_usage WHERE CommitmentDiscountId IS NOT NULL AND ChargeCategory = 'Usage' GROUP BY 1 ORDER BY 1;

-- effective savings rate
SELECT 1 - sum(EffectiveCost) / nullif(sum(ListCost), 0) AS esr FROM cost_and_usage WHERE ChargeCategory = 'Usage';

-- month over month by service
WITH m AS (SELECT ServiceName, date_trunc('month', ChargePeriodStart) AS month, sum(EffectiveCost) AS cost FROM cost_and_usage GROUP BY ALL)
SELECT ServiceName, month, cost, cost - lag(cost) OVER w AS change, round(100 * (cost / nullif(lag(cost) OVER w, 0) - 1), 1) AS percent
FROM m WINDOW w AS (PARTITION BY ServiceName ORDER BY month) ORDER BY ALL;

-- pareto
WITH s AS (SELECT ServiceName, sum(EffectiveCost) AS c FROM cost_and_usage GROUP BY 1)
SELECT ServiceName, c, sum(c) OVER (ORDER BY c DESC, ServiceName) / sum(c) OVER () AS cumulative FROM s ORDER BY c DESC, ServiceName;

-- currencies kept apart
SELECT BillingCurrency, ServiceName, sum(BilledCost) AS billed FROM cost_and_usage GROUP BY ALL HAVING sum(BilledCost) <> 0 ORDER BY ALL;

-- cache hit rate by model
SELECT model, sum(cached_input_tokens) / nullif(sum(input_tokens), 0) AS hit_rate, sum(input_tokens + output_tokens) AS tokens,
  sum(cost_usd) * 1e6 / sum(input_tokens + output_tokens) AS per_million FROM token_usage GROUP BY model ORDER BY model;

-- invoice tie-out
SELECT InvoiceId, BillingCurrency, sum(BilledCost) AS invoiced FROM cost_and_usage GROUP BY 1, 2 ORDER BY 1, 2;

-- sparse days filled and cumulated against a budget
WITH days AS (SELECT unnest(generate_series(DATE '2026-09-01', DATE '2026-09-30', INTERVAL 1 DAY))::DATE AS d),
  spend AS (SELECT usage_date AS d, sum(cost_usd) AS c FROM token_usage GROUP BY 1)
SELECT d, sum(coalesce(c, 0)) OVER (ORDER BY d) AS spent, 950.0 / 30 * day(d) AS line FROM days LEFT JOIN spend USING (d) ORDER BY d;

-- linear trend of days
WITH d AS (SELECT date_diff('day', DATE '2026-08-15', usage_date) AS x, sum(cost_usd) AS y FROM token_usage GROUP BY 1)
SELECT round(regr_slope(y, x), 8) AS slope, round(regr_intercept(y, x), 8) AS base, round(regr_r2(y, x), 8) AS r2 FROM d;

-- resources first seen
SELECT date_trunc('month', first_seen) AS month, count(*) AS new_resources FROM (SELECT ResourceId, min(ChargePeriodStart) AS first_seen FROM cost_and_usage WHERE ResourceId IS NOT NULL GROUP BY 1) GROUP BY 1 ORDER BY 1;

-- the most frequent value for each group
SELECT team, mode(model) AS m, count(DISTINCT model) AS n FROM token_usage GROUP BY ALL ORDER BY ALL;

-- constants only
SELECT 1 AS one, 'a' AS text, NULL AS nothing, true AS yes, 1e3 AS big, 1_000 AS thousand, INTERVAL '1' YEAR AS y;

-- subquery with an alias of columns
SELECT t.a, t.b FROM (SELECT team, sum(requests) FROM token_usage GROUP BY 1) AS t(a, b) ORDER BY t.a;

-- table alias with columns
SELECT a, d FROM budgets AS t(a, b, c, d) WHERE b = 'team' ORDER BY ALL;

-- group by an expression that is also selected
SELECT coalesce(Tags['team'], 'untagged') AS team, sum(EffectiveCost) FROM cost_and_usage GROUP BY coalesce(Tags['team'], 'untagged') ORDER BY 1;

-- hour of day and weekday
SELECT hour(ChargePeriodStart) AS h, dayofweek(ChargePeriodStart) AS d, count(*) FROM cost_and_usage GROUP BY ALL ORDER BY ALL;

-- positional reference
SELECT #1 AS first FROM (SELECT team, model FROM token_usage) ORDER BY ALL LIMIT 2;

-- try
SELECT TRY(CAST(model AS INTEGER)) AS n, count(*) FROM token_usage GROUP BY ALL;

-- collation
SELECT count(*) FROM cost_and_usage WHERE ServiceName COLLATE NOCASE = 'amazon ec2';

-- bits and hashes of ids
SELECT count(DISTINCT md5(ResourceId)) AS a, count(DISTINCT hash(ResourceId)) AS b, bit_and(x_Weight) AS c, 5 & 3 AS d, 1 << 4 AS e FROM cost_and_usage;

-- type of an expression
SELECT typeof(sum(EffectiveCost)) AS a, typeof(avg(EffectiveCost)) AS b FROM cost_and_usage;

-- chained set operations in a CTE
WITH all_rows AS (SELECT 'cloud' AS kind, sum(EffectiveCost) AS c FROM cost_and_usage UNION ALL SELECT 'tokens', sum(cost_usd) FROM token_usage)
SELECT kind, c, c / sum(c) OVER () AS share FROM all_rows ORDER BY kind;

-- union of columns by star
SELECT * FROM budgets UNION ALL SELECT * FROM budgets ORDER BY ALL;

-- join on the billing month of tokens and cloud
SELECT m, sum(cloud) AS cloud, sum(tokens) AS tokens FROM (
  SELECT date_trunc('month', ChargePeriodStart)::DATE AS m, EffectiveCost AS cloud, 0 AS tokens FROM cost_and_usage
  UNION ALL SELECT date_trunc('month', usage_date)::DATE, 0, cost_usd FROM token_usage) GROUP BY m ORDER BY m;

-- a column named like a keyword, and an alias named like a table
SELECT month, value AS budgets FROM budgets ORDER BY ALL;

-- having without group by
SELECT sum(BilledCost) AS s FROM cost_and_usage HAVING count(*) > 10;

-- deep but ordinary arithmetic
SELECT round(((sum(ListCost) - sum(ContractedCost)) / nullif(sum(ListCost), 0)) * 100, 3) AS discount, ((1 + 2) * (3 - (4 / (5 + 6)))) AS x FROM cost_and_usage;

-- window over a filtered distinct count by month
SELECT month, n, sum(n) OVER (ORDER BY month ROWS UNBOUNDED PRECEDING) AS total FROM (SELECT date_trunc('month', usage_date) AS month, count(DISTINCT user_id) AS n FROM token_usage GROUP BY 1) ORDER BY month;

-- offset without limit
SELECT month, value FROM budgets ORDER BY ALL OFFSET 5;

-- the local clock's names
SELECT current_date = current_date AS a, current_timestamp IS NOT NULL AS b;

-- nested aggregates in lists of structs
SELECT list({'m': model, 'c': c} ORDER BY c DESC, model)[1].m AS top FROM (SELECT model, sum(cost_usd) AS c FROM token_usage GROUP BY 1);

-- array_agg of filtered rows, exploded again
SELECT unnest(list_sort(array_agg(DISTINCT purpose))) AS purpose FROM token_usage;

-- no-break spaces from a copied document
SELECT ServiceName, sum(BilledCost) AS billed
  FROM cost_and_usage GROUP BY ServiceName ORDER BY ALL;

-- repeated text of a bounded size
SELECT team, repeat('▇', least(20, CAST(sum(cost_usd) AS INTEGER))) AS bar FROM token_usage GROUP BY team ORDER BY team;

-- path text in a hierarchy with a depth
WITH RECURSIVE r AS (SELECT 'team-0' AS node, 'team-0' AS path, 1 AS depth UNION ALL
  SELECT b.value, r.path || '/' || b.value, r.depth + 1 FROM r JOIN (SELECT DISTINCT value FROM budgets WHERE dimension = 'team') b ON b.value > r.node WHERE r.depth < 5)
SELECT * FROM r ORDER BY ALL;

-- Fibonacci
WITH RECURSIVE f AS (SELECT 1 AS n, 0 AS a, 1 AS b UNION ALL SELECT n + 1, b, a + b FROM f WHERE n <= 20) SELECT n, a FROM f ORDER BY n;

-- a loan's balance month by month
WITH RECURSIVE depreciation(month, book) AS (SELECT 0, 320000.0::DOUBLE UNION ALL SELECT month + 1, book - 320000.0 / 60 FROM depreciation WHERE month + 1 <= 60)
SELECT month, round(book, 2) AS book FROM depreciation ORDER BY month;

-- limit of a described table
SELECT column_name FROM (DESCRIBE budgets) d WHERE column_name LIKE '%a%' ORDER BY 1 LIMIT 1;

-- a CTE that describes
WITH d AS (DESCRIBE budgets) SELECT count(*) FROM d;

-- a filter on all tag keys with a lambda
SELECT count(*) FROM cost_and_usage WHERE len(list_filter(map_keys(Tags), lambda k: k LIKE 'cost%')) > 0;

-- tags as ->> and as a dotted name
SELECT Tags->>'team' AS team, Tags.env, count(*) AS n FROM cost_and_usage GROUP BY ALL ORDER BY ALL;

-- correlated by a tag
SELECT DISTINCT c.Tags['team'] AS team, (SELECT sum(t.cost_usd) FROM token_usage t WHERE t.team = c.Tags['team']) AS tokens FROM cost_and_usage c ORDER BY ALL;

-- two cost tables joined, tags of one
SELECT a.Tags['team'] AS team, count(*) AS n FROM cost_and_usage a JOIN cost_and_usage b ON a.x_Weight = b.x_Weight AND a.Tags['env'] = b.Tags['env'] GROUP BY 1 ORDER BY 1;

-- an alias that is called like the tags column
SELECT Tags['team'] AS Tags, count(*) AS n FROM cost_and_usage GROUP BY 1 ORDER BY 1;

-- tags in a subquery's own scope
SELECT count(*) AS n FROM cost_and_usage o WHERE EXISTS (SELECT 1 FROM cost_and_usage i WHERE i.Tags['team'] = o.Tags['team'] AND i.x_Weight < o.x_Weight);

-- tags in UNION branches
SELECT Tags['team'] AS k FROM cost_and_usage UNION SELECT Tags['env'] FROM cost_and_usage ORDER BY k;

-- a computed tag expression without a name
SELECT upper(Tags['team']), count(*) FROM cost_and_usage GROUP BY ALL ORDER BY ALL;

-- distinct tags beside a list of them
SELECT list_sort(list(DISTINCT Tags['team'])) AS teams, count(DISTINCT Tags['env']) AS envs FROM cost_and_usage;

-- last 30 loaded days
SELECT sum(EffectiveCost) AS cost FROM cost_and_usage WHERE ChargePeriodStart >= (SELECT max(ChargePeriodStart) - INTERVAL 29 DAY FROM cost_and_usage);

-- share of each service in each month, pivoted
PIVOT (SELECT strftime(ChargePeriodStart, '%Y-%m') AS month, ServiceCategory, EffectiveCost FROM cost_and_usage) ON month USING round(sum(EffectiveCost), 2) GROUP BY ServiceCategory ORDER BY ServiceCategory;

-- two pivots in one statement
WITH a AS (PIVOT token_usage ON provider USING sum(requests) GROUP BY team), b AS (PIVOT token_usage ON batch USING sum(requests) GROUP BY team)
SELECT * FROM a JOIN b USING (team) ORDER BY team;

-- a pivot of a pivot's rows
SELECT count(*) AS n FROM (PIVOT (SELECT team, provider, requests FROM token_usage) ON provider USING sum(requests)) p;

-- mixed pivot: one column with values, one without
PIVOT token_usage ON provider IN ('OpenAI'), batch USING sum(requests) GROUP BY team ORDER BY team;

-- a calendar from subqueries
SELECT d::DATE AS day FROM generate_series((SELECT min(usage_date) FROM token_usage), (SELECT min(usage_date) + 5 FROM token_usage), INTERVAL 1 DAY) t(d) ORDER BY 1;

-- JSON unfolded in FROM
SELECT c.SkuId, e.key, e.value FROM cost_and_usage c, json_each(c.SkuPriceDetails) e WHERE c.x_Weight < 2 ORDER BY ALL;

-- a list of a subquery
SELECT ARRAY(SELECT DISTINCT team FROM token_usage ORDER BY team) AS teams;

-- parts of a date as a struct
SELECT DISTINCT date_part(['year', 'month'], usage_date) AS p FROM token_usage ORDER BY ALL;

-- days by adding numbers
SELECT DATE '2026-01-01' + i::INT AS d FROM range(10) t(i) ORDER BY d;

-- an unnamed range and an unnamed subquery
SELECT range(x_Weight % 4), (SELECT max(month) FROM budgets) FROM cost_and_usage WHERE x_Weight < 4 ORDER BY ALL;

-- recursive over VALUES
WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) FROM r;

-- recursive months up to a date written as text
WITH RECURSIVE cal(d) AS (SELECT DATE '2026-01-01' UNION ALL SELECT (d + INTERVAL '1 month')::DATE FROM cal WHERE d < '2026-12-01') SELECT * FROM cal ORDER BY 1;

-- total row by GROUPING
SELECT CASE WHEN grouping(team) = 1 THEN 'Total' ELSE team END AS t, sum(cost_usd) FROM token_usage GROUP BY ROLLUP (team) ORDER BY 1;

-- columns by a list of names, and unpacked
SELECT COLUMNS(['team', 'model']), greatest(*COLUMNS('.*put_tokens')) AS most FROM token_usage ORDER BY ALL LIMIT 5;

-- a statement in brackets
((SELECT 1 AS a) UNION ALL (SELECT 2)) ORDER BY a;

-- histogram with bounds
SELECT histogram(EffectiveCost, [10, 20, 30]) AS h FROM cost_and_usage;

-- pivot with names for its values and two measures
SELECT * FROM (SELECT team, provider, cost_usd FROM token_usage)
PIVOT (sum(cost_usd) AS c, count(*) AS n FOR provider IN ('OpenAI' AS oa, 'Anthropic' AS an) GROUP BY team) ORDER BY team;

-- outliers beside the mean
WITH y AS (SELECT team, avg(cost_usd) AS m, stddev_samp(cost_usd) AS s FROM token_usage GROUP BY team)
SELECT x.team, usage_date, cost_usd FROM token_usage x JOIN y USING (team) WHERE abs(cost_usd - m) > 1.6 * s ORDER BY ALL;

-- two collations
SELECT count(*) FROM cost_and_usage WHERE SubAccountName COLLATE NOCASE.NOACCENT = 'zurich';

-- three aliases that build on each other
SELECT ServiceName, sum(ListCost) AS a, a - sum(EffectiveCost) AS b, b / nullif(a, 0) AS c, c * 100 AS d FROM cost_and_usage GROUP BY 1 ORDER BY 1;
