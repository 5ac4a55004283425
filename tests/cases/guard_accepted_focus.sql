-- The FOCUS use-case library (focus.finops.org, CC BY 4.0, Joint Development Foundation), for DuckDB.
-- Table and parameters are those of guard_warehouse.sql. Format as in guard_accepted.sql.

-- Allocate multi-currency charges per application
SELECT
  Tags->>'ApplicationId',
  ServiceProviderName,
  BillingAccountId,
  BillingAccountName,
  BillingCurrency,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE
  BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  Tags->>'ApplicationId',
  ServiceProviderName,
  BillingAccountId,
  BillingAccountName,
  BillingCurrency;

-- Analyze service costs by region
SELECT
  ChargePeriodStart,
  ServiceProviderName,
  RegionId,
  ServiceName,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ChargePeriodStart,
  ServiceProviderName,
  RegionId,
  ServiceName
ORDER BY ChargePeriodStart,
  SUM(EffectiveCost) DESC;

-- Analyze tag coverage
SELECT
    SUM(CASE
        WHEN json_extract_string(tags, '$.' || '2026-09-01') IS NOT NULL
        THEN EffectiveCost
        ELSE 0
    END) / SUM(EffectiveCost) * 100 AS TaggedPercentage
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
     AND EffectiveCost > 0
     AND ServiceProviderName = 'AWS';

-- Report application cost month over month
SELECT
  MONTH(BillingPeriodStart),
  ServiceName,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE Tags->>'Application' = '2026-09-01'
  AND ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  MONTH(BillingPeriodStart),
  ServiceName;

-- Compare billed cost per subaccount to budget
SELECT
  ServiceProviderName,
  SubAccountId,
  SubAccountName,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE ChargeCategory = 'Usage'
  AND ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd <= TIMESTAMP '2026-11-01'
  AND ServiceProviderName = 'AWS'
  AND SubAccountId = 'AWS'
GROUP BY
  ServiceProviderName,
  SubAccountId,
  SubAccountName;

-- Compare resource usage month over month
SELECT
  MONTH(ChargePeriodStart),
  ServiceProviderName,
  ServiceName,
  ResourceId,
  SkuId,
  ConsumedUnit,
  SUM(ConsumedQuantity) AS TotalConsumedQuantity
FROM cost_and_usage
WHERE ChargeCategory='Usage'
  AND ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  MONTH(ChargePeriodStart),
  ServiceProviderName,
  ServiceName,
  ResourceId,
  SkuId,
  ConsumedUnit;

-- Report corrections by subaccount for a previously invoiced billing period
SELECT
  ServiceProviderName,
  BillingAccountId,
  ServiceCategory,
  SubAccountId,
  SubAccountName,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
  AND ChargeClass = 'Correction'
GROUP BY
  ServiceProviderName,
  BillingAccountId,
  SubAccountId,
  SubAccountName,
  ServiceCategory;

-- Analyze cost per compute service for a subaccount
SELECT
  Min(ChargePeriodStart),
  Max(ChargePeriodEnd),
  ServiceName,
  ResourceId,
  ResourceName,
  SUM(PricingQuantity),
  SUM(EffectiveCost) AS MonthlyEffectiveCost
FROM cost_and_usage
WHERE SubAccountId = 'AWS'
  AND ServiceCategory = 'Compute'
  AND ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ServiceName,
  ResourceId,
  ResourceName
ORDER BY MonthlyEffectiveCost DESC;

-- Analyze costs by availability zone for a subaccount
SELECT
  ServiceProviderName,
  RegionName,
  AvailabilityZone,
  BillingPeriodStart,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE SubAccountId = 'AWS'
  AND ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ServiceProviderName,
  RegionName,
  AvailabilityZone,
  BillingPeriodStart
 ORDER BY ServiceProviderName,
  RegionName,
  AvailabilityZone,
  BillingPeriodStart;

-- Report costs by service category
SELECT
  ServiceProviderName,
  BillingCurrency,
  BillingPeriodStart,
  ServiceCategory,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' and BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ServiceProviderName,
  BillingCurrency,
  BillingPeriodStart,
  ServiceCategory
ORDER BY TotalBilledCost DESC;

-- Analyze costs by service name
SELECT
  BillingPeriodStart,
  ServiceProviderName,
  SubAccountId,
  SubAccountName,
  ServiceName,
  SUM(BilledCost) AS TotalBilledCost,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE ServiceName = 'AWS'
  AND BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodStart < TIMESTAMP '2026-09-01'
GROUP BY
  BillingPeriodStart,
  ServiceProviderName,
  SubAccountId,
  SubAccountName,
  ServiceName;

-- Identify anomalous daily spending by subaccount and region
SELECT
  DATE(ChargePeriodStart) AS Day,
  ServiceProviderName,
  SubAccountId,
  RegionId,
  RegionName,
  SUM(EffectiveCost) AS DailyEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  DATE(ChargePeriodStart),
  ServiceProviderName,
  SubAccountId,
  RegionId,
  RegionName;

-- Identify anomalous daily spending by subaccount, region, and service
SELECT
  DATE(ChargePeriodStart) AS Day,
  ServiceProviderName,
  SubAccountId,
  RegionId,
  RegionName,
  ServiceName,
  SUM(EffectiveCost) AS DailyEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  DATE(ChargePeriodStart),
  ServiceProviderName,
  SubAccountId,
  RegionId,
  RegionName,
  ServiceName;

-- Identify anomalous daily spending by subaccount
SELECT
  DATE(ChargePeriodStart) AS Day,
  ServiceProviderName,
  SubAccountId,
  SUM(EffectiveCost) AS DailyEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  DATE(ChargePeriodStart),
  ServiceProviderName,
  SubAccountId;

-- Report effective cost of compute
SELECT
  CommitmentDiscountType,
  ServiceProviderName,
  ServiceName,
  SubAccountId,
  SubAccountName,
  BillingPeriodStart,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd <= TIMESTAMP '2026-11-01'
  AND ServiceCategory = 'Compute'
GROUP BY
  CommitmentDiscountType,
  ServiceName,
  ServiceProviderName,
  SubAccountId,
  SubAccountName,
  BillingPeriodStart;

-- Determine Effective Savings Rate
SELECT
  SUM(ContractedCost) AS ContractedCost,
  SUM(EffectiveCost) AS EffectiveCost,
  (SUM(ContractedCost) - SUM(EffectiveCost)) / NULLIF(SUM(ContractedCost), 0) AS EffectiveSavingsRate
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01';

-- Determine Effective Savings Rate by Service
SELECT
  ServiceProviderName,
  ServiceName,
  SUM(ContractedCost) AS ContractedCost,
  SUM(EffectiveCost)  AS EffectiveCost,
  (SUM(ContractedCost) - SUM(EffectiveCost)) / NULLIF(SUM(ContractedCost), 0) AS EffectiveSavingsRate
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY ServiceProviderName, ServiceName;

-- Forecast amortized costs month over month based on historical trends
SELECT
  MONTH(BillingPeriodStart),
  ServiceProviderName,
  ServiceCategory,
  ServiceName,
  ChargeCategory,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01'  AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  MONTH(BillingPeriodStart),
  ServiceProviderName,
  ServiceCategory,
  ServiceName,
  ChargeCategory;

-- Forecast cashflow month over month based on historical trends by service
SELECT
  MONTH(BillingPeriodStart),
  ServiceProviderName,
  ServiceCategory,
  ServiceName,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  MONTH(BillingPeriodStart),
  ServiceProviderName,
  ServiceCategory,
  ServiceName;

-- Get historical usage and rates to enable cost forecasting
SELECT
  ServiceProviderName,
  BillingPeriodStart,
  BillingPeriodEnd,
  ServiceCategory,
  ServiceName,
  RegionId,
  RegionName,
  PricingUnit,
  SUM(EffectiveCost) AS TotalEffectiveCost,
  SUM(PricingQuantity) AS TotalPricingQuantity
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd <= TIMESTAMP '2026-11-01'
GROUP BY
  ServiceProviderName,
  BillingPeriodStart,
  BillingPeriodEnd,
  ServiceCategory,
  ServiceName,
  RegionId,
  RegionName,
  PricingUnit;

-- Identify unused commitments
SELECT
  MIN(ChargePeriodStart) AS ChargePeriodStart,
  MAX(ChargePeriodEnd) AS ChargePeriodEnd,
  ServiceProviderName,
  BillingAccountId,
  CommitmentDiscountId,
  CommitmentDiscountType,
  CommitmentDiscountStatus,
  SUM(BilledCost) AS TotalBilledCost,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND CommitmentDiscountStatus = 'Unused'
GROUP BY
  ServiceProviderName,
  BillingAccountId,
  CommitmentDiscountId,
  CommitmentDiscountType,
  CommitmentDiscountStatus;

-- Analyze marketplace vendors costs
SELECT
  ChargePeriodStart,
  ChargePeriodEnd,
  ServiceProviderName,
  HostProviderName,
  InvoiceIssuerName,
  ROUND(SUM(EffectiveCost),2) AS TotalEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND InvoiceIssuerName != ServiceProviderName
GROUP BY
  ChargePeriodStart,
  ChargePeriodEnd,
  ServiceProviderName,
  HostProviderName,
  InvoiceIssuerName
ORDER BY TotalEffectiveCost ASC;

-- Report recurring charges for commitment-based discounts over a period
SELECT BillingPeriodStart,
       CommitmentDiscountId,
       CommitmentDiscountName,
       CommitmentDiscountType,
       ChargeFrequency,
       SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01'
  AND BillingPeriodStart < TIMESTAMP '2026-09-01'
  AND ChargeFrequency = 'Recurring'
  AND CommitmentDiscountId IS NOT NULL
GROUP BY BillingPeriodStart,
         CommitmentDiscountId,
         CommitmentDiscountName,
         CommitmentDiscountType,
         ChargeFrequency;

-- Report corrections for a previously invoiced billing period
SELECT
  ServiceProviderName,
  BillingAccountId,
  ChargeCategory,
  ServiceCategory,
  ServiceName,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
  AND ChargeClass = 'Correction'
GROUP BY
  ServiceProviderName,
  BillingAccountId,
  ChargeCategory,
  ServiceCategory,
  ServiceName;

-- Report service costs by providers subaccount
SELECT
  ServiceProviderName,
  ServiceName,
  SubAccountId,
  ChargePeriodStart,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
  AND SubAccountId = 'AWS'
  AND ServiceProviderName = 'AWS'
GROUP BY
  ServiceProviderName,
  ServiceName,
  SubAccountId,
  ChargePeriodStart
ORDER BY
  SUM(EffectiveCost),
  ChargePeriodStart DESC;

-- Report spending across billing periods for a provider by service category
SELECT ProviderName,
       BillingAccountName,
       BillingAccountId,
       BillingCurrency,
       BillingPeriodStart,
       ServiceCategory,
       ServiceName,
       SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01'
  and ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND ProviderName = 'AWS'
GROUP BY ProviderName,
         BillingAccountName,
         BillingAccountId,
         BillingCurrency,
         BillingPeriodStart,
         ServiceCategory,
         ServiceName
ORDER BY TotalBilledCost DESC;

-- Report subaccounts by region
SELECT
  ServiceProviderName,
  SubAccountId,
  RegionId,
  RegionName,
  COUNT(1)
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ServiceProviderName,
  SubAccountId,
  RegionId,
  RegionName;

-- Analyze costs of components of a resource
SELECT ResourceId,
  ResourceName,
  ResourceType,
  ChargeDescription,
  SkuId,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01'  AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND ResourceId = 'AWS'
GROUP BY ResourceId,
  ResourceName,
  ResourceType,
  ChargeDescription,
  SkuId;

-- Analyze resource costs by SKU
SELECT
  ServiceProviderName,
  ChargePeriodStart,
  ChargePeriodEnd,
  SkuId,
  SkuPriceId,
  PricingUnit,
  ListUnitPrice,
  SUM(PricingQuantity) AS TotalPricingQuantity,
  SUM(ListCost) AS TotalListCost,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ServiceProviderName,
  ChargePeriodStart,
  ChargePeriodEnd,
  SkuId,
  SkuPriceId,
  PricingUnit,
  ListUnitPrice
ORDER BY
  ChargePeriodStart ASC
LIMIT 100;

-- Analyze service costs month over month
SELECT
  MONTH(ChargePeriodStart),
  ServiceProviderName,
  ServiceName,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodStart < TIMESTAMP '2026-09-01'
GROUP BY
  MONTH(ChargePeriodStart),
  ServiceProviderName,
  ServiceName
ORDER BY
  MONTH(ChargePeriodStart),
  SUM(EffectiveCost) DESC;

-- Analyze service costs by subaccount
SELECT
  ChargePeriodStart,
  SubAccountId,
  SubAccountName,
  ServiceName,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE SubAccountID = 'AWS'
  AND ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ChargePeriodStart,
  SubAccountId,
  SubAccountName,
  ServiceName
ORDER BY SUM(EffectiveCost) DESC
LIMIT 10;

-- Update budgets for each application
SELECT
  ServiceProviderName,
  BillingPeriodStart,
  BillingPeriodEnd,
  Tags->>'Application' AS Application,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ServiceProviderName,
  BillingPeriodStart,
  BillingPeriodEnd,
  Tags->>'Application';

-- Update budgets with billed costs
SELECT
  ServiceProviderName,
  BillingPeriodStart,
  BillingPeriodEnd,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ServiceProviderName,
  BillingPeriodStart,
  BillingPeriodEnd;

-- Verify discount accuracy for previously invoiced billing period
SELECT ProviderName,
       BillingAccountId,
       BillingAccountName,
       BillingCurrency,
       ServiceName,
       SUM(EffectiveCost) AS TotalEffectiveCost,
       SUM(ListCost) AS TotalListCost,
       SUM(BilledCost) AS TotalBilledCost,
       (SUM(EffectiveCost) / SUM(BilledCost)) * 100 AS EffectiveDiscount
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01'
  AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
  AND ChargeClass != 'Correction'
GROUP BY ProviderName,
         BillingAccountId,
         BillingAccountName,
         BillingCurrency,
         ServiceName;

-- Verify accuracy of provider invoices
SELECT ProviderName,
       BillingAccountId,
       BillingAccountName,
       BillingCurrency,
       SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01'
  AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY ProviderName,
         BillingAccountId,
         BillingAccountName,
         BillingCurrency;

-- Verify accuracy of services charges across providers
SELECT ProviderName,
       BillingAccountId,
       BillingAccountName,
       BillingCurrency,
       ServiceName,
       SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01'
  AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY ProviderName,
         BillingAccountName,
         BillingAccountId,
         BillingCurrency,
         ServiceName;

-- Analyze capacity reservations on compute costs
SELECT
  CASE
        WHEN CapacityReservationId IS NOT NULL AND  CapacityReservationStatus  = 'Unused' THEN 'Unused Capacity Reservation'
        WHEN CapacityReservationId IS NOT NULL AND  CapacityReservationStatus  = 'Used' THEN 'Compute using Capacity Reservation'
        ELSE 'Compute without Capacity Reservation'
  END AS Status,
  ServiceProviderName,
  BillingAccountId,
  SUM(BilledCost) AS TotalBilledCost,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND ServiceCategory = 'Compute'
GROUP BY
  ServiceProviderName,
  BillingAccountId,
  CapacityReservationId,
  CapacityReservationStatus;

-- Report commitment discount purchases
SELECT
  MIN(ChargePeriodStart) AS ChargePeriodStart,
  MAX(ChargePeriodEnd) AS ChargePeriodEnd,
  ServiceProviderName,
  BillingAccountId,
  CommitmentDiscountId,
  CommitmentDiscountType,
  CommitmentDiscountUnit,
  CommitmentDiscountQuantity,
  ChargeFrequency,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND ChargeCategory = 'Purchase'
  AND CommitmentDiscountId IS NOT NULL
GROUP BY
  ServiceProviderName,
  BillingAccountId,
  CommitmentDiscountId,
  CommitmentDiscountType,
  CommitmentDiscountUnit,
  CommitmentDiscountQuantity,
  ChargeFrequency;

-- Identify unused capacity reservations
SELECT
  ServiceProviderName,
  BillingAccountId,
  CapacityReservationId,
  CapacityReservationStatus,
  SUM(BilledCost) AS TotalBilledCost,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND CapacityReservationStatus = 'Unused'
GROUP BY
  ServiceProviderName,
  BillingAccountId,
  CapacityReservationId,
  CapacityReservationStatus,
  CommitmentDiscountStatus;

-- Report costs by service category and subcategory
SELECT
  ServiceProviderName,
  BillingCurrency,
  BillingPeriodStart,
  ServiceCategory,
  ServiceSubcategory,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' and BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ServiceProviderName,
  BillingCurrency,
  BillingPeriodStart,
  ServiceCategory,
  ServiceSubcategory
ORDER BY TotalBilledCost DESC;

-- Analyze credit memos
SELECT
    ServiceProviderName,
    InvoiceId,
    SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
AND ChargeCategory = 'Credit'
GROUP BY
    ServiceProviderName,
    InvoiceId;

-- Analyze effective cost by pricing currency
SELECT
    ServiceProviderName,
    HostProviderName,
    ServiceName,
    PricingCurrency,
    SUM(PricingCurrencyEffectiveCost) AS TotalPricingCurrencyEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
    ServiceProviderName,
    HostProviderName,
    ServiceName,
    PricingCurrency;

-- Analyze purchase of virtual currency
SELECT
    ServiceProviderName,
    ChargeDescription,
    PricingUnit,
    BillingCurrency,
    SUM(PricingQuantity) AS TotalPricingQuantity,
    SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
    AND ChargeCategory = 'Purchase'
     AND PricingUnit = 'AWS'
GROUP BY
    ServiceProviderName,
    ChargeDescription,
    PricingUnit,
    BillingCurrency;

-- Calculate average rate of a component resource
SELECT
    ServiceProviderName,
    ServiceName,
    PricingUnit,
    RegionName,
    json_extract_string(SkuPriceDetails, '$.InstanceSeries') AS InstanceSeries,
    SUM(CAST(json_extract_string(SkuPriceDetails, '$.CoreCount') AS BIGINT)) AS TotalCoreCount,
    CASE
        WHEN SUM(CAST(json_extract_string(SkuPriceDetails, '$.CoreCount') AS BIGINT)) > 0
        THEN SUM(EffectiveCost) / SUM(CAST(json_extract_string(SkuPriceDetails, '$.CoreCount') AS BIGINT))
        ELSE NULL
    END AS AverageEffectiveCoreCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
AND json_exists(SkuPriceDetails, '$.CoreCount') AND json_exists(SkuPriceDetails, '$.InstanceSeries')
GROUP BY
    ServiceProviderName,
    ServiceName,
    PricingUnit,
    RegionName,
    InstanceSeries;

-- Calculate consumption of virtual currency within a billing period
SELECT
    ServiceProviderName,
    SUM(PricingCurrencyEffectiveCost) AS TotalPricingCurrencyEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
AND PricingCurrency = 'AWS'
AND ChargeCategory = 'Usage'
GROUP BY
    ServiceProviderName
ORDER BY TotalPricingCurrencyEffectiveCost DESC
LIMIT 10;

-- Calculate unit economics
SELECT
    CAST(ChargePeriodStart AS DATE) AS ChargePeriodDate,
    SUM(BilledCost) / NULLIF(SUM(CAST(ConsumedQuantity AS DECIMAL(10, 2))), 0) AS CostPerGB
FROM cost_and_usage
WHERE
    ChargeDescription LIKE '%transfer%'
    AND ConsumedUnit = 'GB'
GROUP BY
    CAST(ChargePeriodStart AS DATE)
ORDER BY
    ChargePeriodDate ASC;

-- Determine contracted savings by virtual currency
SELECT
        ServiceName,
        ServiceSubcategory,
        ChargeDescription,
        BillingCurrency,
        PricingCurrency,
        SUM(PricingCurrencyListUnitPrice-PricingCurrencyContractedUnitPrice) AS ContractedSavingsInPricingCurrency,
        SUM(ListUnitPrice - ContractedUnitPrice) AS ContractedSavingsInBillingCurrency
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
AND PricingCurrencyListUnitPrice > PricingCurrencyContractedUnitPrice
GROUP BY
        ServiceName,
        ServiceSubcategory,
        ChargeDescription,
        BillingCurrency,
        PricingCurrency;

-- Determine target of virtual currency usage
SELECT
    ServiceProviderName,
    HostProviderName,
    ServiceName,
    ChargeDescription,
    SUM(PricingCurrencyEffectiveCost) AS TotalPricingCurrencyEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
AND PricingCurrency = 'AWS'
GROUP BY
    ServiceProviderName,
    HostProviderName,
    ServiceName,
    ChargeDescription
ORDER BY TotalPricingCurrencyEffectiveCost DESC
LIMIT 10;

-- Identify sources of billed cost
SELECT
    ServiceProviderName,
    HostProviderName,
    InvoiceIssuerName,
    InvoiceId,
    SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
    ServiceProviderName,
    HostProviderName,
    InvoiceIssuerName,
    InvoiceId;

-- Quantify usage of a component resource
SELECT
    ServiceProviderName,
    ServiceName,
    PricingUnit,
    RegionName,
    json_extract_string(SkuPriceDetails, '$.InstanceSeries') AS InstanceSeries,
    SUM(CAST(json_extract_string(SkuPriceDetails, '$.CoreCount') AS BIGINT)) AS TotalCoreCount
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
AND json_exists(SkuPriceDetails, '$.CoreCount') AND json_exists(SkuPriceDetails, '$.InstanceSeries')
GROUP BY
    ServiceProviderName,
    ServiceName,
    PricingUnit,
    RegionName,
    InstanceSeries;

-- Understand the billing account or sub account entity
SELECT DISTINCT
    ServiceProviderName,
    BillingAccountID,
    BillingAccountName,
    BillingAccountType
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01';

-- Verify accuracy of provider invoices aka invoice reconciliation
SELECT
    InvoiceIssuerName,
    InvoiceId,
    SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
    InvoiceIssuerName,
    InvoiceId;

-- Analyze cost by participating entities
SELECT
  BillingPeriodStart,
  BillingPeriodEnd,
  ServiceProviderName,
  InvoiceIssuerName,
  HostProviderName,
  ServiceName,
  BillingCurrency,
  SUM(BilledCost) AS TotalBilledCost
 FROM cost_and_usage
 WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
 GROUP BY
  BillingPeriodStart,
  BillingPeriodEnd,
  ServiceProviderName,
  InvoiceIssuerName,
  HostProviderName,
  ServiceName,
  BillingCurrency
 ORDER BY TotalBilledCost DESC;

-- Analyze total cost by allocated resource
SELECT
  AllocatedResourceId,
  AllocatedResourceName,
  ResourceId AS OriginResourceId,
  SUM(EffectiveCost) AS TotalEffectiveCost,
  COUNT(*) AS ChargeCount
 FROM cost_and_usage
 WHERE ChargeCategory='Usage'
  AND ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd <= TIMESTAMP '2026-11-01'
  AND AllocatedMethodId IS NOT NULL
  AND AllocatedResourceId IS NOT NULL
 GROUP BY
  AllocatedResourceId,
  AllocatedResourceName,
  ResourceId
 ORDER BY TotalEffectiveCost DESC;

-- Identify resources with shared cost allocation
SELECT
  DISTINCT ResourceId,
  ResourceName,
  AllocatedMethodId
 FROM cost_and_usage
 WHERE ChargeCategory='Usage'
  AND ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd <= TIMESTAMP '2026-11-01'
  AND AllocatedMethodId IS NOT NULL
 ORDER BY ResourceId;

-- Report on initial contract commitments
SELECT
  MIN(CU.ChargePeriodStart) AS ChargePeriodStart,
  MAX(CU.ChargePeriodEnd) AS ChargePeriodEnd,
  CU.ServiceProviderName,
  JSON_VALUE(CA, '$.ContractCommitmentID') AS ContractCommitmentId,
  SUM(CAST(JSON_VALUE(CA, '$.ContractCommitmentAppliedCost') AS DOUBLE)) AS ContractCommitmentAppliedCost
 FROM cost_and_usage CU
 CROSS JOIN
  UNNEST(json_extract(CU.ContractApplied, '$.Elements[*]')) AS _u(CA)
 WHERE JSON_VALUE(CA, '$.ContractCommitmentAppliedCost') IS NOT NULL
  AND ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND ChargeCategory = 'Purchase'
 GROUP BY
  CU.ServiceProviderName,
  JSON_VALUE(CA, '$.ContractCommitmentID');

-- Report spending across billing periods for a service provider by service category
SELECT
ServiceProviderName,
BillingAccountName,
BillingAccountId,
BillingCurrency,
BillingPeriodStart,
ServiceCategory,
ServiceName,
SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' and ChargePeriodEnd < TIMESTAMP '2026-11-01'
AND ServiceProviderName = 'AWS'
GROUP BY
ServiceProviderName,
BillingAccountName,
BillingAccountId,
BillingCurrency,
BillingPeriodStart,
ServiceCategory,
ServiceName
ORDER BY TotalBilledCost DESC;

-- Track contract commitment burn-down over time
SELECT
  CU.BillingPeriodStart,
  CU.ServiceProviderName,
  CU.BillingAccountId,
  JSON_VALUE(CA, '$.ContractCommitmentID') AS ContractCommitmentId,
  SUM(CAST(JSON_VALUE(CA, '$.ContractCommitmentAppliedCost') AS DOUBLE)) AS AppliedCost,
  SUM(CU.EffectiveCost) AS TotalEffectiveCost
 FROM cost_and_usage CU
 CROSS JOIN
  UNNEST(json_extract(CU.ContractApplied, '$.Elements[*]')) AS _u(CA)
 WHERE JSON_VALUE(CA, '$.ContractCommitmentID') IS NOT NULL
  AND BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodStart < TIMESTAMP '2026-09-01'
 GROUP BY
  CU.BillingPeriodStart,
  CU.ServiceProviderName,
  CU.BillingAccountId,
  JSON_VALUE(CA, '$.ContractCommitmentID')
 ORDER BY BillingPeriodStart, ContractCommitmentId;

-- Track marketplace purchases across providers
SELECT
  ServiceProviderName,
  HostProviderName,
  InvoiceIssuerName,
  ServiceName,
  ChargeCategory,
  SUM(BilledCost) AS TotalBilledCost,
  COUNT(DISTINCT ResourceId) AS ResourceCount
 FROM cost_and_usage
 WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND ServiceProviderName != HostProviderName
  AND ChargeCategory IN ('Purchase', 'Usage')
 GROUP BY
  ServiceProviderName,
  HostProviderName,
  InvoiceIssuerName,
  ServiceName,
  ChargeCategory
 ORDER BY TotalBilledCost DESC;

-- Verify accuracy of service provider invoices
SELECT
  ServiceProviderName,
  BillingAccountId,
  BillingAccountName,
  BillingCurrency,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ServiceProviderName,
  BillingAccountId,
  BillingAccountName,
  BillingCurrency;

-- Verify accuracy of services charges across service providers
SELECT
  ServiceProviderName,
  BillingAccountId,
  BillingAccountName,
  BillingCurrency,
  ServiceName,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ServiceProviderName,
  BillingAccountName,
  BillingAccountId,
  BillingCurrency,
  ServiceName;

-- Verify discount accuracy for a previously invoiced billing period (corrections excluded)
SELECT
  ServiceProviderName,
  BillingAccountId,
  BillingAccountName,
  BillingCurrency,
  ServiceName,
  SUM(EffectiveCost) AS TotalEffectiveCost,
  SUM(ListCost) AS TotalListCost,
  SUM(BilledCost) AS TotalBilledCost,
  ((SUM(ListCost) - SUM(EffectiveCost)) / NULLIF(SUM(ListCost), 0)) * 100 AS EffectiveDiscount
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
  AND ChargeClass != 'Correction'
GROUP BY
  ServiceProviderName,
  BillingAccountId,
  BillingAccountName,
  BillingCurrency,
  ServiceName;

-- Calculate Commitment Discount Coverage Rate with Eligibility-Adjusted Denominator
WITH CommitmentDiscountEligible AS (
  SELECT
    CU.ServiceProviderName,
    CU.EffectiveCost,
    CU.CommitmentDiscountId
  FROM cost_and_usage CU
  WHERE CU.ChargePeriodStart >= TIMESTAMP '2026-09-01' AND CU.ChargePeriodEnd < TIMESTAMP '2026-11-01'
    AND CU.ChargeCategory = 'Usage'
    AND (
      -- Include covered rows in the denominator
      CU.CommitmentDiscountId IS NOT NULL
      -- If uncovered, check if the JSON array contains an eligible program type
      OR EXISTS (
        SELECT 1
        FROM UNNEST(json_extract(CU.CommitmentProgramEligibilityDetails, '$.CommitmentPrograms[*]')) AS _u(CP)
        WHERE JSON_VALUE(CP, '$.ProgramType') IN ('FlexibleSpendPlan', 'ResourceReservation')
      )
    )
)
SELECT
  ServiceProviderName,
  SUM(CASE WHEN CommitmentDiscountId IS NOT NULL THEN EffectiveCost ELSE 0 END) AS CoveredCost,
  SUM(EffectiveCost) AS EligibleCost,
  SUM(CASE WHEN CommitmentDiscountId IS NOT NULL THEN EffectiveCost ELSE 0 END)
    / NULLIF(SUM(EffectiveCost), 0) AS CommitmentCoverageRate
FROM CommitmentDiscountEligible
GROUP BY ServiceProviderName;

-- Cash vs. Accrual Comparison by Billing Period
SELECT
  ServiceProviderName,
  InvoiceIssuerName,
  BillingPeriodStart,
  BillingPeriodEnd,
  SUM(BilledCost) AS TotalBilledCost,
  SUM(EffectiveCost) AS TotalEffectiveCost,
  SUM(EffectiveCost) - SUM(BilledCost) AS CostBasisDifference
FROM cost_and_usage
WHERE
  BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ServiceProviderName,
  InvoiceIssuerName,
  BillingPeriodStart,
  BillingPeriodEnd
HAVING
  ABS(SUM(EffectiveCost) - SUM(BilledCost)) > 0.01;

-- Commitment Discount Effective Cost Breakdown
SELECT
  ServiceProviderName,
  CommitmentDiscountId,
  CommitmentDiscountStatus,
  ChargePeriodStart,
  ChargePeriodEnd,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE
  ChargePeriodStart >= TIMESTAMP '2026-09-01'
  AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND NOT CommitmentDiscountId IS NULL
  AND ChargeCategory = 'Usage'
GROUP BY
  ServiceProviderName,
  CommitmentDiscountId,
  CommitmentDiscountStatus,
  ChargePeriodStart,
  ChargePeriodEnd;

-- Compare Commitment Opportunities Across Providers (Cross-Provider with SaaS)
WITH CommitmentDiscountEligible AS (
  SELECT
    CU.ServiceProviderName,
    JSON_VALUE(CP, '$.ProgramType') AS ProgramType,
    CU.EffectiveCost,
    -- EffectiveCost = BilledCost for uncovered rows; used here for ratio consistency
    CASE WHEN CU.CommitmentDiscountId IS NULL THEN CU.EffectiveCost ELSE 0 END AS UncoveredCost
  FROM cost_and_usage CU
  CROSS JOIN
    UNNEST(json_extract(CU.CommitmentProgramEligibilityDetails, '$.CommitmentPrograms[*]')) AS _u(CP)
  WHERE CU.ChargePeriodStart >= TIMESTAMP '2026-09-01' AND CU.ChargePeriodEnd < TIMESTAMP '2026-11-01'
    AND CU.ChargeCategory = 'Usage'
    AND CU.CommitmentProgramEligibilityDetails IS NOT NULL
    -- Replace with provider-specific discount-bearing program types
    AND JSON_VALUE(CP, '$.ProgramType') IN ('FlexibleSpendPlan', 'ResourceReservation')
)
SELECT
  ServiceProviderName,
  ProgramType AS EligibleProgramType,
  SUM(EffectiveCost) AS EligibleCost,
  SUM(UncoveredCost) AS UncoveredEligibleCost,
  SUM(UncoveredCost) / NULLIF(SUM(EffectiveCost), 0) AS UncoveredRate
FROM CommitmentDiscountEligible
GROUP BY ServiceProviderName, ProgramType
ORDER BY UncoveredEligibleCost DESC;

-- Discount Effectiveness by Service
WITH AggregatedData AS (
  SELECT
    ServiceProviderName,
    BillingAccountId,
    BillingAccountName,
    BillingCurrency,
    ServiceName,
    SUM(EffectiveCost) AS TotalEffectiveCost,
    SUM(BilledCost) AS TotalBilledCost,
    SUM(
      CASE
        WHEN ChargeCategory = 'Usage' AND BilledCost = 0 AND EffectiveCost <> 0
        THEN 0
        ELSE ContractedCost
      END
    ) AS TotalContractedCost,
    SUM(
      CASE
        WHEN ChargeCategory = 'Usage' AND BilledCost = 0 AND EffectiveCost <> 0
        THEN 0
        ELSE ListCost
      END
    ) AS TotalListCost
  FROM cost_and_usage
  WHERE
    BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01' AND ChargeClass IS NULL
  GROUP BY
    ServiceProviderName,
    BillingAccountId,
    BillingAccountName,
    BillingCurrency,
    ServiceName
)
SELECT
  ServiceProviderName,
  BillingAccountId,
  BillingAccountName,
  BillingCurrency,
  ServiceName,
  TotalEffectiveCost,
  TotalBilledCost,
  TotalListCost,
  (1 - TotalContractedCost / NULLIF(TotalListCost, 0)) * 100 AS ContractedDiscount,
  (1 - TotalEffectiveCost / NULLIF(TotalListCost, 0)) * 100 AS EffectiveDiscount
FROM AggregatedData;

-- Effective Cost by Service and Region
SELECT
  ServiceProviderName,
  BillingPeriodStart,
  BillingPeriodEnd,
  ServiceCategory,
  ServiceName,
  RegionId,
  RegionName,
  PricingUnit,
  SUM(EffectiveCost) AS TotalEffectiveCost,
  SUM(PricingQuantity) AS TotalPricingQuantity
FROM cost_and_usage
WHERE
  BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  ServiceProviderName,
  BillingPeriodStart,
  BillingPeriodEnd,
  ServiceCategory,
  ServiceName,
  RegionId,
  RegionName,
  PricingUnit;

-- Identify Eligible Capacity Reservation Spend
SELECT
  CU.ServiceProviderName,
  CU.ServiceName,
  JSON_VALUE(CP, '$.ProgramType') AS EligibleProgramType,
  CU.CapacityReservationStatus,
  SUM(CU.BilledCost) AS BilledCost,
  COUNT(*) AS RowCount
FROM cost_and_usage CU
CROSS JOIN
  UNNEST(json_extract(CU.CommitmentProgramEligibilityDetails, '$.CommitmentPrograms[*]')) AS _u(CP)
WHERE CU.ChargePeriodStart >= TIMESTAMP '2026-09-01' AND CU.ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND CU.ChargeCategory = 'Usage'
  AND CU.CommitmentProgramEligibilityDetails IS NOT NULL
  AND JSON_VALUE(CP, '$.ProgramType') IN ('AdvanceResourceCommitment', 'ZonalResourceCommitment')
GROUP BY
  CU.ServiceProviderName,
  CU.ServiceName,
  JSON_VALUE(CP, '$.ProgramType'),
  CU.CapacityReservationStatus
ORDER BY BilledCost DESC;

-- Identify Eligible Uncovered Spend by Program Type
SELECT
  CU.ServiceProviderName,
  CU.ServiceName,
  JSON_VALUE(CP, '$.ProgramType') AS EligibleProgramType,
  SUM(CU.BilledCost) AS EligibleUncoveredCost
FROM cost_and_usage CU
CROSS JOIN
  UNNEST(json_extract(CU.CommitmentProgramEligibilityDetails, '$.CommitmentPrograms[*]')) AS _u(CP)
WHERE CU.ChargePeriodStart >= TIMESTAMP '2026-09-01' AND CU.ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND CU.ChargeCategory = 'Usage'
  AND CU.CommitmentDiscountId IS NULL
  AND CU.CommitmentProgramEligibilityDetails IS NOT NULL
  -- Replace with provider-specific discount-bearing program types
  AND JSON_VALUE(CP, '$.ProgramType') IN ('FlexibleSpendPlan', 'ResourceReservation')
GROUP BY
  CU.ServiceProviderName,
  CU.ServiceName,
  JSON_VALUE(CP, '$.ProgramType')
ORDER BY EligibleUncoveredCost DESC;

-- Billed Cost and Invoice Alignment
SELECT
  BillingPeriodStart,
  BillingPeriodEnd,
  InvoiceId,
  SUM(BilledCost)
FROM cost_and_usage
GROUP BY
  BillingPeriodStart,
  BillingPeriodEnd,
  InvoiceId;

-- Charge Categorization
SELECT
  MIN(ChargePeriodStart) AS ChargePeriodStart,
  MAX(ChargePeriodEnd) AS ChargePeriodEnd,
  ProviderName,
  BillingAccountId,
  CommitmentDiscountId,
  CommitmentDiscountType,
  CommitmentDiscountUnit,
  CommitmentDiscountQuantity,
  ChargeFrequency,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND ChargeCategory = 'Purchase'
  AND CommitmentDiscountId IS NOT NULL
GROUP BY
  ProviderName,
  BillingAccountId,
  CommitmentDiscountId,
  CommitmentDiscountType,
  CommitmentDiscountUnit,
  CommitmentDiscountQuantity,
  ChargeFrequency;

-- Charge Categorization
SELECT
  ProviderName,
  BillingAccountId,
  ChargeCategory,
  ServiceCategory,
  ServiceName,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
  AND ChargeClass = 'Correction'
GROUP BY
  ProviderName,
  BillingAccountId,
  ChargeCategory,
  ServiceCategory,
  ServiceName;

-- Charge Categorization
SELECT
  BillingPeriodStart,
  CommitmentDiscountId,
  CommitmentDiscountName,
  CommitmentDiscountType,
  ChargeFrequency,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodStart < TIMESTAMP '2026-09-01'
  AND ChargeFrequency = 'Recurring'
  AND CommitmentDiscountId IS NOT NULL
GROUP BY
  BillingPeriodStart,
  CommitmentDiscountId,
  CommitmentDiscountName,
  CommitmentDiscountType,
  ChargeFrequency;

-- Commit Usage and Under Usage
SELECT
  ProviderName,
  BillingAccountId,
  CapacityReservationId,
  CapacityReservationStatus,
  SUM(BilledCost) AS TotalBilledCost,
  SUM(EffectiveCost) AS TotalEffectiveCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd < TIMESTAMP '2026-11-01'
  AND CapacityReservationStatus = 'Unused'
GROUP BY
  ProviderName,
  BillingAccountId,
  CapacityReservationId,
  CapacityReservationStatus;

-- Cost and Usage Attribution
SELECT
  tags,
  ConsumedUnit,
  SUM(BilledCost),
  SUM(EffectiveCost),
  SUM(ConsumedQuantity)
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  tags,
  ConsumedUnit;

-- Data Granularity
SELECT
  ChargePeriodStart,
  ChargePeriodEnd,
  ResourceId,
  SUM(EffectiveCost)
FROM cost_and_usage
Group by
  ChargePeriodStart,
  ChargePeriodEnd,
  ResourceId;

-- Effective Cost Analysis
SELECT
  ProviderName,
  BillingPeriodStart,
  BillingPeriodEnd,
  ServiceCategory,
  ServiceName,
  RegionId,
  RegionName,
  PricingUnit,
  SUM(EffectiveCost) AS TotalEffectiveCost,
  SUM(PricingQuantity) AS TotalPricingQuantity
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' AND BillingPeriodEnd <= TIMESTAMP '2026-11-01'
GROUP BY
  ProviderName,
  BillingPeriodStart,
  BillingPeriodEnd,
  ServiceCategory,
  ServiceName,
  RegionId,
  RegionName,
  PricingUnit;

-- Location
SELECT
  RegionId,
  RegionName,
  AvailabilityZone,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd <= TIMESTAMP '2026-11-01'
GROUP BY
  RegionId,
  RegionName,
  AvailabilityZone;

-- Resource Usage
SELECT
  ProviderName,
  ServiceName,
  ResourceId,
  SkuId,
  ConsumedUnit,
  SUM(ConsumedQuantity) AS TotalQuantity
FROM cost_and_usage
WHERE ChargeCategory='Usage'
  AND ChargePeriodStart >= TIMESTAMP '2026-09-01' AND ChargePeriodEnd <= TIMESTAMP '2026-11-01'
GROUP BY
  ProviderName,
  ServiceName,
  ResourceId,
  SkuId,
  ConsumedUnit;

-- Service Categorization
SELECT
  BillingPeriodStart,
  BillingPeriodEnd,
  ProviderName,
  ServiceCategory,
  ServiceSubcategory,
  ServiceName,
  BillingCurrency,
  SUM(BilledCost) AS TotalBilledCost
FROM cost_and_usage
WHERE BillingPeriodStart >= TIMESTAMP '2026-09-01' and BillingPeriodEnd < TIMESTAMP '2026-11-01'
GROUP BY
  BillingPeriodStart,
  BillingPeriodEnd,
  ProviderName,
  ServiceCategory,
  ServiceSubcategory,
  ServiceName,
  BillingCurrency;

-- Input-side cost with prompt caching, direct provider
select sum(EffectiveCost) from (select *, regexp_extract(x_Source,'[^/]*$') f from cost_and_usage) where f='ai_prompt_caching_a.csv' and SkuPriceDetails->>'TokenDirection'='Input';

-- What caching saved
with i as (select * from (select *, regexp_extract(x_Source,'[^/]*$') f from cost_and_usage) where f='ai_prompt_caching_a.csv' and SkuPriceDetails->>'TokenDirection'='Input'), p as (select any_value(ContractedUnitPrice) u from i where SkuPriceDetails->>'TokenCacheAction'='Uncached') select sum(PricingQuantity)*(select u from p) as without_cache, sum(PricingQuantity)*(select u from p)-sum(EffectiveCost) as saved from i;

-- Input-side cost incl. cache storage, cloud provider
select sum(EffectiveCost) from (select *, regexp_extract(x_Source,'[^/]*$') f from cost_and_usage) where f='ai_prompt_caching_b.csv' and (SkuPriceDetails->>'TokenDirection') is distinct from 'Output';

-- Tokens are not token-hours
select sum(ConsumedQuantity) from (select *, regexp_extract(x_Source,'[^/]*$') f from cost_and_usage) where f='ai_prompt_caching_b.csv' and ConsumedUnit='Tokens';

-- Cost per model
select SkuPriceDetails->>'ModelId' m, sum(EffectiveCost) from (select *, regexp_extract(x_Source,'[^/]*$') f from cost_and_usage) where f='multi_model_invoice_via_csp_marketplace.csv' group by 1 order by 2 desc;

-- Blended price per million output tokens
select sum(EffectiveCost)/sum(ConsumedQuantity)*1e6 from (select *, regexp_extract(x_Source,'[^/]*$') f from cost_and_usage) where f='multi_model_invoice_via_csp_marketplace.csv' and SkuPriceDetails->>'TokenDirection'='Output';

-- Prepaid token commitment: cash
select sum(BilledCost) from (select *, regexp_extract(x_Source,'[^/]*$') f from cost_and_usage) where f='drawdown_via_prepayment_foundation_model_api.csv';

-- Prepaid token commitment: accrual
select sum(EffectiveCost) from (select *, regexp_extract(x_Source,'[^/]*$') f from cost_and_usage) where f='drawdown_via_prepayment_foundation_model_api.csv';

-- Prepaid token commitment: balance
select sum(CommitmentDiscountQuantity) filter(ChargeCategory='Purchase')-sum(CommitmentDiscountQuantity) filter(CommitmentDiscountStatus='Used') from (select *, regexp_extract(x_Source,'[^/]*$') f from cost_and_usage) where f='drawdown_via_prepayment_foundation_model_api.csv';

-- Discount on commitment-covered tokens
select 1-sum(EffectiveCost)/sum(ListCost) from (select *, regexp_extract(x_Source,'[^/]*$') f from cost_and_usage) where f='drawdown_via_prepayment_foundation_model_api.csv' and ChargeCategory='Usage';

-- Virtual currency burn
select sum(PricingCurrencyEffectiveCost), sum(EffectiveCost) from (select *, regexp_extract(x_Source,'[^/]*$') f from cost_and_usage) where f='virtual_currency_pricing_model_a2.csv';

-- Unused commitment
select sum(EffectiveCost) from (select *, regexp_extract(x_Source,'[^/]*$') f from cost_and_usage) where f like 'zero_percent%' and CommitmentDiscountStatus='Unused';
