-- A small warehouse as askcost loads it: FOCUS rows over three months of 2026, tokens, budgets, people.
-- Physical extras ("Tags.team", …) stand beside what people see. Values are fixed: no random().
CREATE TABLE cost_and_usage AS
SELECT
  CAST(NULL AS JSON) AS AllocatedMethodDetails,
  CAST(NULL AS VARCHAR) AS AllocatedMethodId,
  CAST(NULL AS VARCHAR) AS AllocatedResourceId,
  CAST(NULL AS VARCHAR) AS AllocatedResourceName,
  CAST(NULL AS JSON) AS AllocatedTags,
  CASE i % 4 WHEN 0 THEN 'use1-az1' WHEN 1 THEN 'use1-az2' END AS AvailabilityZone,
  CAST(CASE WHEN i % 19 = 0 THEN 0 WHEN i % 23 = 0 THEN -3.1 ELSE (i % 37) * 1.37 + 0.000123 * i END AS DECIMAL(18, 6))
    AS BilledCost,
  'ba-' || (i % 2) AS BillingAccountId,
  CASE i % 2 WHEN 0 THEN 'Holding' ELSE 'Labs' END AS BillingAccountName,
  CAST('Payer' AS VARCHAR) AS BillingAccountType,
  CASE WHEN i % 10 = 9 THEN 'EUR' ELSE 'USD' END AS BillingCurrency,
  CAST(date_trunc('month', day) + INTERVAL 1 MONTH AS TIMESTAMP) AS BillingPeriodEnd,
  CAST(date_trunc('month', day) AS TIMESTAMP) AS BillingPeriodStart,
  CASE WHEN i % 31 = 0 THEN 'cr-1' END AS CapacityReservationId,
  CASE WHEN i % 31 = 0 THEN 'Unused' END AS CapacityReservationStatus,
  CASE WHEN i % 29 = 0 THEN 'Purchase' WHEN i % 27 = 0 THEN 'Tax' WHEN i % 23 = 0 THEN 'Credit' ELSE 'Usage' END
    AS ChargeCategory,
  CASE WHEN i % 41 = 0 THEN 'Correction' END AS ChargeClass,
  'Charge for item ' || (i % 13) AS ChargeDescription,
  CASE WHEN i % 29 = 0 THEN 'Recurring' ELSE 'Usage-Based' END AS ChargeFrequency,
  CAST(day + INTERVAL 1 DAY AS TIMESTAMP) AS ChargePeriodEnd,
  CAST(day AS TIMESTAMP) AS ChargePeriodStart,
  CASE WHEN i % 7 = 0 THEN 'Spend' END AS CommitmentDiscountCategory,
  CASE WHEN i % 7 = 0 THEN 'sp-' || (i % 3) END AS CommitmentDiscountId,
  CASE WHEN i % 7 = 0 THEN 'Compute plan' END AS CommitmentDiscountName,
  CAST(CASE WHEN i % 7 = 0 THEN i % 11 END AS DECIMAL(18, 6)) AS CommitmentDiscountQuantity,
  CASE WHEN i % 14 = 0 THEN 'Unused' WHEN i % 7 = 0 THEN 'Used' END AS CommitmentDiscountStatus,
  CASE WHEN i % 7 = 0 THEN 'Savings Plan' END AS CommitmentDiscountType,
  CASE WHEN i % 7 = 0 THEN 'Hours' END AS CommitmentDiscountUnit,
  CAST(NULL AS JSON) AS CommitmentProgramEligibilityDetails,
  CAST((i % 50) * 0.5 AS DECIMAL(18, 6)) AS ConsumedQuantity,
  CASE i % 3 WHEN 0 THEN 'Hours' WHEN 1 THEN 'GB' ELSE 'Tokens' END AS ConsumedUnit,
  CAST(NULL AS JSON) AS ContractApplied,
  CAST((i % 37) * 1.2 AS DECIMAL(18, 6)) AS ContractedCost,
  CAST((i % 5) * 0.12 AS DECIMAL(18, 6)) AS ContractedUnitPrice,
  CAST(CASE WHEN i % 29 = 0 THEN 0 ELSE (i % 37) * 1.11 + 0.01 END AS DECIMAL(18, 6)) AS EffectiveCost,
  CASE i % 3 WHEN 0 THEN 'AWS' WHEN 1 THEN 'Microsoft' ELSE 'OpenAI' END AS HostProviderName,
  CAST(NULL AS VARCHAR) AS InvoiceDetailId,
  'inv-' || month(day) AS InvoiceId,
  CASE i % 5 WHEN 0 THEN 'Reseller' ELSE 'Direct' END AS InvoiceIssuerName,
  CAST((i % 37) * 1.5 AS DECIMAL(18, 6)) AS ListCost,
  CAST((i % 5) * 0.15 AS DECIMAL(18, 6)) AS ListUnitPrice,
  CASE i % 4 WHEN 0 THEN 'Standard' WHEN 1 THEN 'Committed' WHEN 2 THEN 'Dynamic' END AS PricingCategory,
  'USD' AS PricingCurrency,
  CAST((i % 5) * 0.11 AS DECIMAL(18, 6)) AS PricingCurrencyContractedUnitPrice,
  CAST((i % 37) * 1.0 AS DECIMAL(18, 6)) AS PricingCurrencyEffectiveCost,
  CAST((i % 5) * 0.13 AS DECIMAL(18, 6)) AS PricingCurrencyListUnitPrice,
  CAST((i % 50) * 0.5 AS DECIMAL(18, 6)) AS PricingQuantity,
  CASE i % 3 WHEN 0 THEN 'Hours' WHEN 1 THEN 'GB' ELSE '1M Tokens' END AS PricingUnit,
  CASE i % 3 WHEN 0 THEN 'AWS' WHEN 1 THEN 'Microsoft' ELSE 'OpenAI' END AS ProviderName,
  CASE i % 3 WHEN 0 THEN 'AWS' WHEN 1 THEN 'Microsoft' ELSE 'OpenAI' END AS PublisherName,
  CASE i % 5 WHEN 0 THEN 'us-east-1' WHEN 1 THEN 'eu-west-1' WHEN 2 THEN 'westeurope' WHEN 3 THEN 'global' END
    AS RegionId,
  CASE i % 5 WHEN 0 THEN 'US East' WHEN 1 THEN 'Ireland' WHEN 2 THEN 'West Europe' WHEN 3 THEN 'Global' END
    AS RegionName,
  CASE WHEN i % 6 <> 0 THEN 'arn:res/' || (i % 17) END AS ResourceId,
  CASE WHEN i % 6 <> 0 THEN 'node-' || (i % 17) END AS ResourceName,
  CASE i % 4 WHEN 0 THEN 'Instance' WHEN 1 THEN 'Bucket' ELSE 'Model' END AS ResourceType,
  CASE i % 4 WHEN 0 THEN 'Compute' WHEN 1 THEN 'Storage' WHEN 2 THEN 'AI and Machine Learning' ELSE 'Databases' END
    AS ServiceCategory,
  CASE i % 6 WHEN 0 THEN 'Amazon EC2' WHEN 1 THEN 'Amazon S3' WHEN 2 THEN 'Azure OpenAI' WHEN 3 THEN 'GPT API'
    WHEN 4 THEN 'Cosmos DB' ELSE 'O''Hara''s "AI" 50%_off' END AS ServiceName,
  CASE i % 3 WHEN 0 THEN 'AWS' WHEN 1 THEN 'Microsoft' ELSE 'OpenAI' END AS ServiceProviderName,
  CASE i % 4 WHEN 0 THEN 'Virtual Machines' ELSE 'Other' END AS ServiceSubcategory,
  'sku-' || (i % 9) AS SkuId,
  CASE i % 2 WHEN 0 THEN 'Input tokens' ELSE 'Output tokens' END AS SkuMeter,
  CAST('{"CoreCount": ' || (i % 8 + 1) || ', "InstanceSeries": "m' || (i % 3) || '"}' AS JSON) AS SkuPriceDetails,
  'price-' || (i % 9) AS SkuPriceId,
  'acc-' || (i % 4) AS SubAccountId,
  CASE i % 4 WHEN 0 THEN 'prod' WHEN 1 THEN 'dev' WHEN 2 THEN 'data' ELSE 'Zürich' END AS SubAccountName,
  CAST('Account' AS VARCHAR) AS SubAccountType,
  CASE WHEN i % 11 = 0 THEN NULL
    WHEN i % 5 = 0 THEN CAST(MAP {'env': 'prod'} AS MAP(VARCHAR, VARCHAR))
    ELSE CAST(MAP {'team': 'team-' || (i % 4), 'env': CASE WHEN i % 2 = 0 THEN 'prod' ELSE 'dev' END,
      'cost-center': 'cc' || (i % 3)} AS MAP(VARCHAR, VARCHAR)) END AS Tags,
  CASE i % 3 WHEN 0 THEN 'Retail' WHEN 1 THEN 'Payments' END AS x_CostCenter,
  CAST(i % 100 AS INTEGER) AS x_Weight,
  CASE i % 2 WHEN 0 THEN 'gateway' ELSE 'cloud' END AS x_Source
FROM (
  SELECT i, CAST(DATE '2026-08-15' + CAST(i % 80 AS INTEGER) AS DATE) AS day FROM range(600) AS r(i)
);

ALTER TABLE cost_and_usage ADD COLUMN "Tags.team" VARCHAR;
ALTER TABLE cost_and_usage ADD COLUMN "Tags.env" VARCHAR;
ALTER TABLE cost_and_usage ADD COLUMN "Tags.cost-center" VARCHAR;
UPDATE cost_and_usage SET "Tags.team" = Tags['team'], "Tags.env" = Tags['env'],
  "Tags.cost-center" = Tags['cost-center'];

CREATE TABLE token_usage AS
SELECT
  CAST(DATE '2026-08-15' + CAST(i % 80 AS INTEGER) AS DATE) AS usage_date,
  CASE i % 2 WHEN 0 THEN 'OpenAI' ELSE 'Anthropic' END AS provider,
  CASE i % 4 WHEN 0 THEN 'gpt-5' WHEN 1 THEN 'claude' WHEN 2 THEN 'gpt-5-mini' ELSE 'haiku' END AS model,
  'team-' || (i % 4) AS team,
  'user' || (i % 7) AS user_id,
  CASE i % 3 WHEN 0 THEN 'coding' WHEN 1 THEN 'code review' ELSE 'testing' END AS purpose,
  CAST(i % 20 + 1 AS BIGINT) AS requests,
  CAST(i * 100 % 5000 + 50 AS BIGINT) AS input_tokens,
  CAST(i * 40 % 2000 AS BIGINT) AS cached_input_tokens,
  CAST(i * 30 % 1700 AS BIGINT) AS output_tokens,
  i % 5 = 0 AS batch,
  CAST((i % 50) * 0.0123 AS DECIMAL(18, 6)) AS cost_usd,
  CASE i % 3 WHEN 0 THEN 'Retail' WHEN 1 THEN 'Payments' END AS x_CostCenter
FROM range(240) AS r(i);

CREATE TABLE budgets AS
SELECT CAST(month AS DATE) AS month, dimension, value, CAST(amount AS DECIMAL(18, 2)) AS amount_usd
FROM (VALUES
  ('2026-08-01', 'team', 'team-0', 900), ('2026-08-01', 'team', 'team-1', 700), ('2026-09-01', 'team', 'team-0', 950),
  ('2026-09-01', 'team', 'team-1', 800), ('2026-09-01', 'team', 'team-2', 500), ('2026-10-01', 'team', 'team-0', 990),
  ('2026-10-01', 'total', 'all', 9000)
) AS b(month, dimension, value, amount);

CREATE TABLE users AS
SELECT * FROM (VALUES ('ada', 'team-0', 'analyst', 'cost center = Retail'), ('bob', 'team-1', 'admin', NULL))
  AS u("user", team, role, row_policy);
