SELECT ServiceName FROM cost_and_usage ORDER BY 1 LIMIT 3
SELECT avg(EffectiveCost) FROM cost_and_usage
SELECT max(EffectiveCost) FROM cost_and_usage
SELECT count(EffectiveCost) FROM cost_and_usage
SELECT median(EffectiveCost) FROM cost_and_usage
SELECT sum(EffectiveCost * 2) FROM cost_and_usage
SELECT sum(DISTINCT EffectiveCost) FROM cost_and_usage
SELECT sum(EffectiveCost) FROM cost_and_usage WHERE EffectiveCost > 10
SELECT sum(EffectiveCost) FILTER (WHERE BilledCost < 0) FROM cost_and_usage
SELECT EffectiveCost, count(*) FROM cost_and_usage GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5
SELECT count(DISTINCT SkuId) FROM cost_and_usage
SELECT SkuId, sum(BilledCost) AS c FROM cost_and_usage GROUP BY 1 ORDER BY c DESC, 1 LIMIT 5
SELECT sum(BilledCost) FROM cost_and_usage WHERE ChargePeriodStart > '2026-01-01'
SELECT sum(BilledCost) FROM cost_and_usage WHERE ChargePeriodStart <= '2026-01-01'
SELECT sum(BilledCost) FROM cost_and_usage WHERE ChargePeriodStart >= '2026-01-01 10:00:00'
SELECT sum(BilledCost) FROM cost_and_usage WHERE ChargePeriodStart = '2026-01-01'
SELECT date_trunc('hour', ChargePeriodStart) AS h, sum(BilledCost) AS c FROM cost_and_usage GROUP BY 1 ORDER BY 1 LIMIT 3
SELECT max(ChargePeriodStart) FROM cost_and_usage
SELECT DISTINCT ServiceName, count(*) OVER (PARTITION BY ServiceName) AS n FROM cost_and_usage ORDER BY ALL
SELECT ServiceName, sum(BilledCost) OVER () AS w FROM cost_and_usage ORDER BY 1, 2 LIMIT 2
SELECT DISTINCT ON (ServiceName) ServiceName FROM cost_and_usage ORDER BY 1
SELECT count(*) FROM cost_and_usage c JOIN cost_and_usage d ON c.ResourceId = d.ResourceId AND c.InvoiceId = d.InvoiceId
SELECT count(Tags) FROM cost_and_usage
SELECT sum(BilledCost) FROM (SELECT * FROM cost_and_usage WHERE ServiceName < 'B')
SELECT sum(BilledCost) FROM cost_and_usage WHERE ServiceName IN (SELECT ServiceName FROM cost_and_usage WHERE BilledCost > 100)
SELECT user_id, sum(cost_usd) AS c FROM token_usage WHERE usage_date >= '2026-01-05' GROUP BY 1 ORDER BY 1
