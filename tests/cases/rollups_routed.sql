SELECT ServiceName, sum(EffectiveCost) FROM cost_and_usage GROUP BY ALL ORDER BY 1
SELECT count(*) FROM cost_and_usage WHERE ServiceName = 'no such service'
SELECT count(*), count(*) FILTER (ChargeCategory = 'Tax') AS taxes FROM cost_and_usage AS c
SELECT DISTINCT Tags['Squad'] FROM cost_and_usage ORDER BY 1
SELECT Tags['Squad'] AS squad, sum(BilledCost) FROM cost_and_usage GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3
SELECT date_trunc('week', ChargePeriodStart) AS week, sum(ListCost) FROM cost_and_usage GROUP BY 1 ORDER BY 1
SELECT CAST(ChargePeriodStart AS DATE) AS d, count(*) AS n FROM cost_and_usage GROUP BY d HAVING count(*) > 3 ORDER BY d
SELECT sum(BilledCost) FROM cost_and_usage WHERE ChargePeriodStart >= '2026-01-01' AND ChargePeriodStart < DATE '2026-02-01'
SELECT sum(BilledCost) FROM cost_and_usage WHERE TIMESTAMP '2026-01-01 00:00:00' <= ChargePeriodStart
SELECT ServiceCategory, sum(sum(BilledCost)) OVER (ORDER BY ServiceCategory) AS w FROM cost_and_usage GROUP BY ServiceCategory ORDER BY 1
SELECT ServiceProviderName, ServiceCategory, sum(BilledCost) AS c FROM cost_and_usage GROUP BY ROLLUP (ServiceProviderName, ServiceCategory) ORDER BY 1, 2, 3
WITH a AS (SELECT ServiceName AS s, sum(EffectiveCost) AS c FROM cost_and_usage GROUP BY 1) SELECT count(*), max(c) FROM a
SELECT min(ServiceName), max(ServiceName), count(DISTINCT ServiceName) FROM cost_and_usage
SELECT upper(ServiceName) AS u, sum(CONTRACTEDCOST) FROM cost_and_usage WHERE ServiceName LIKE 'A%' GROUP BY ALL ORDER BY u
SELECT a.c - b.c FROM (SELECT sum(ListCost) AS c FROM cost_and_usage) a, (SELECT sum(EffectiveCost) AS c FROM cost_and_usage) b
SELECT model, sum(input_tokens) + sum(output_tokens) AS t, max(usage_date) FROM token_usage GROUP BY 1 ORDER BY 1
SELECT year(usage_date) AS y, month(usage_date) AS m, sum(cost_usd) FROM token_usage GROUP BY ALL ORDER BY y, m
