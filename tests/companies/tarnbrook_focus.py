"""What Tarnbrook runs and with whom: workloads, providers and the columns each provider exports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Workload:
    """One line that is charged every day; `daily` is its list cost a day at the start."""

    name: str
    provider: str
    service: str
    category: str
    subcategory: str
    account: str
    account_id: str
    region: str
    region_name: str
    squad: str
    env: str
    line: str
    business_unit: str | None
    cost_centre: str | None
    daily: float
    price: Decimal
    unit: str
    discount: Decimal
    growth: float
    resources: int
    hour: int
    resource_type: str
    sku: str
    sku_id: str
    price_details: str | None
    commitment: bool
    created_by: str

    @property
    def tags(self) -> dict[str, str]:
        pairs = {
            "Squad": self.squad,
            "Env": self.env,
            "product-line": self.line,
            "aws:createdBy": self.created_by,
        }
        return {key: value for key, value in pairs.items() if value}


# service → category, subcategory, price, unit, resource type
SERVICES = {
    "Amazon Elastic Compute Cloud": ("Compute", "Virtual Machines", "0.192", "Hours", "instance"),
    "Amazon Simple Storage Service": ("Storage", "Object Storage", "0.023", "GB", "bucket"),
    "Amazon Relational Database Service": ("Databases", "Relational Databases", "0.34", "Hours", "db"),
    "Amazon Elastic Kubernetes Service": ("Compute", "Containers", "0.10", "Hours", "cluster"),
    "AmazonCloudWatch": ("Management and Governance", "Observability", "0.30", "Metrics", ""),
    "Amazon Bedrock": ("AI and Machine Learning", "Generative AI", "0.003", "1000 Tokens", ""),
    "AWS Lambda": ("Compute", "Serverless Compute", "0.0002", "Requests", "function"),
    "Amazon Virtual Private Cloud": ("Networking", "Network Connectivity", "0.045", "GB", "natgateway"),
    "Amazon SageMaker": ("AI and Machine Learning", "AI Platforms", "1.21", "Hours", "endpoint"),
    "Virtual Machines": ("Compute", "Virtual Machines", "0.21", "Hours", "Virtual machine"),
    "Storage Accounts": ("Storage", "Object Storage", "0.02", "GB", "Storage account"),
    "SQL Database": ("Databases", "Relational Databases", "0.52", "Hours", "SQL database"),
    "Azure OpenAI": ("AI and Machine Learning", "Generative AI", "0.005", "1000 Tokens", "Cognitive account"),
    "Azure Kubernetes Service": ("Compute", "Containers", "0.12", "Hours", "Kubernetes service"),
    "Azure Monitor": ("Management and Governance", "Observability", "2.76", "GB", "Workspace"),
    "Compute Engine": ("Compute", "Virtual Machines", "0.19", "Hours", "instance"),
    "BigQuery": ("Analytics", "Data Warehouses", "6.25", "TB", "dataset"),
    "Cloud Storage": ("Storage", "Object Storage", "0.02", "GB", "bucket"),
    "Vertex AI": ("AI and Machine Learning", "AI Platforms", "0.9", "Hours", "endpoint"),
    "Google Kubernetes Engine": ("Compute", "Containers", "0.10", "Hours", "cluster"),
    "Claude API": ("AI and Machine Learning", "Generative AI", "3.00", "1000000 Tokens", ""),
    "Solenne Inference": ("AI and Machine Learning", "Generative AI", "2.00", "1000000 Tokens", ""),
}

REGIONS = {
    "us-east-1": "US East (N. Virginia)",
    "eu-west-1": "Europe (Ireland)",
    "eu-central-1": "Europe (Frankfurt)",
    "uksouth": "UK South",
    "westeurope": "West Europe",
    "europe-west4": "Netherlands",
    "us-central1": "Iowa",
    "": "",
}

ACCOUNTS = {
    "tarnbrook-prod": "700100200301",
    "tarnbrook-dev": "700100200302",
    "Orion": "700100200303",
    "Harbor Analytics": "700100200304",
    "Retail Digital": "sub-77a1",
    "Corporate Platform": "sub-77b2",
    "risk-models": "risk-models-4411",
    "data-lake": "data-lake-9021",
    "claude-org": "org-ant-01",
    "solenne-workspace": "ws-sol-7",
}

# squads that are also other words: Orion (an account too), Claims (a business unit too), May (a month)
# A cost centre of "=" is named like the account.
_TABLE = """
nat-prod|AWS|Amazon Virtual Private Cloud|tarnbrook-prod|eu-west-1|Core|prod||Corporate|1030|95|.01
ec2-pay|AWS|Amazon Elastic Compute Cloud|tarnbrook-prod|eu-west-1|Payments|prod|Motor|Retail|1010|420|.02
ec2-claims|AWS|Amazon Elastic Compute Cloud|tarnbrook-prod|eu-central-1|Claims|prod|Home|Claims|1020|310|.01
ec2-core|AWS|Amazon Elastic Compute Cloud|tarnbrook-prod|us-east-1|Core|prod||Corporate|1030|260|.015
ec2-orion|AWS|Amazon Elastic Compute Cloud|tarnbrook-prod|us-east-1|Orion|prod|Marine|Commercial|1040|180|.03
ec2-dev|AWS|Amazon Elastic Compute Cloud|tarnbrook-dev|eu-west-1|Payments|dev|Motor|Retail|1010|140|.01
ec2-may|AWS|Amazon Elastic Compute Cloud|tarnbrook-dev|eu-west-1|May|staging|Travel|Commercial|1040|75|.02
ec2-untagged|AWS|Amazon Elastic Compute Cloud|tarnbrook-dev|us-east-1|||||1030|66|.0
orion-core|AWS|Amazon Elastic Compute Cloud|Orion|us-east-1|Core|prod|Marine|Commercial|1040|120|.01
orion-data|AWS|Amazon Simple Storage Service|Orion|us-east-1|Data Platform|prod|Marine|Commercial|1040|55|.04
harbor-rds|AWS|RDS|Harbor Analytics|us-east-1|Data Platform|prod||Commercial|=|130|.01
harbor-s3|AWS|Amazon Simple Storage Service|Harbor Analytics|us-east-1|Data Platform|prod||Commercial|=|42|.02
s3-lake|AWS|Amazon Simple Storage Service|tarnbrook-prod|eu-west-1|Data Platform|prod||Corporate|1030|160|.03
s3-claims|AWS|Amazon Simple Storage Service|tarnbrook-prod|eu-central-1|Claims|prod|Home|Claims|1020|48|.01
s3-untagged|AWS|Amazon Simple Storage Service|tarnbrook-dev|eu-west-1||dev||||21|.0
rds-pay|AWS|RDS|tarnbrook-prod|eu-west-1|Payments|prod|Motor|Retail|1010|210|.01
rds-claims|AWS|RDS|tarnbrook-prod|eu-central-1|Claims|prod|Home|Claims|1020|150|.0
rds-dev|AWS|RDS|tarnbrook-dev|eu-west-1|Core|dev||Corporate|1030|60|.0
eks-core|AWS|Amazon Elastic Kubernetes Service|tarnbrook-prod|eu-west-1|Core|prod||Corporate|1030|88|.01
eks-pay|AWS|Amazon Elastic Kubernetes Service|tarnbrook-prod|eu-west-1|Payments|prod|Motor|Retail|1010|64|.02
cw-core|AWS|AmazonCloudWatch|tarnbrook-prod|eu-west-1|Core|prod||Corporate|1030|45|.01
cw-dev|AWS|AmazonCloudWatch|tarnbrook-dev|us-east-1||dev|||1030|18|.0
bedrock-claims|AWS|Amazon Bedrock|tarnbrook-prod|eu-central-1|Claims|prod|Home|Claims|1020|110|.05
bedrock-orion|AWS|Amazon Bedrock|tarnbrook-prod|us-east-1|Orion|prod|Marine|Commercial|1040|85|.08
sagemaker-risk|AWS|Amazon SageMaker|tarnbrook-prod|eu-central-1|Risk|prod||Specialty|1050|140|.02
lambda-pay|AWS|AWS Lambda|tarnbrook-prod|eu-west-1|Payments|prod|Motor|Retail|1010|12|.02
lambda-free|AWS|AWS Lambda|tarnbrook-dev|eu-west-1|May|dev|Travel|Commercial|1040|0|.0
lambda-orion|AWS|AWS Lambda|Orion|us-east-1|Orion|staging|Marine|Commercial|1040|9|.01
vm-retail|Microsoft|Virtual Machines|Retail Digital|uksouth|Payments|prod|Motor|Retail|1010|240|.02
vm-growth|Microsoft|Virtual Machines|Retail Digital|westeurope|Growth|prod|Home|Retail|1010|170|.03
vm-core|Microsoft|Virtual Machines|Corporate Platform|uksouth|Core|prod||Corporate|1030|135|.0
vm-dev|Microsoft|Virtual Machines|Corporate Platform|westeurope|Core|dev||Corporate|1030|70|.01
sa-retail|Microsoft|Storage Accounts|Retail Digital|uksouth|Payments|prod|Motor|Retail|1010|38|.01
sa-untagged|Microsoft|Storage Accounts|Corporate Platform|westeurope||prod||Corporate|1030|27|.0
sql-retail|Microsoft|SQL Database|Retail Digital|uksouth|Payments|prod|Motor|Retail|1010|155|.01
sql-growth|Microsoft|SQL Database|Retail Digital|westeurope|Growth|prod|Home|Retail|1010|80|.02
sql-may|Microsoft|SQL Database|Corporate Platform|uksouth|May|prod|Travel|Commercial|1040|66|.01
aoai-growth|Microsoft|Azure OpenAI|Retail Digital|westeurope|Growth|prod|Home|Retail|1010|90|.06
aoai-dev|Microsoft|Azure OpenAI|Corporate Platform|westeurope|Core|dev||Corporate|1030|35|.05
aks-growth|Microsoft|Azure Kubernetes Service|Retail Digital|westeurope|Growth|prod|Home|Retail|1010|58|.01
mon-core|Microsoft|Azure Monitor|Corporate Platform|uksouth|Core|prod||Corporate|1030|32|.01
mon-untagged|Microsoft|Azure Monitor|Corporate Platform|uksouth||||||14|.0
gce-risk|Google Cloud|Compute Engine|risk-models|europe-west4|Risk|prod||Specialty|1050|190|.02
gce-risk-dev|Google Cloud|Compute Engine|risk-models|europe-west4|Risk|dev||Specialty|1050|60|.01
gce-data|Google Cloud|Compute Engine|data-lake|us-central1|Data Platform|prod||Corporate|1030|85|.01
bq-data|Google Cloud|BigQuery|data-lake|us-central1|Data Platform|prod||Corporate|1030|175|.03
bq-risk|Google Cloud|BigQuery|risk-models|europe-west4|Risk|prod||Specialty|1050|92|.02
bq-growth|Google Cloud|BigQuery|data-lake|us-central1|Growth|staging|Home|Retail|1010|33|.02
gcs-data|Google Cloud|Cloud Storage|data-lake|us-central1|Data Platform|prod||Corporate|1030|64|.02
gcs-untagged|Google Cloud|Cloud Storage|data-lake|us-central1||||Corporate|1030|19|.0
vertex-risk|Google Cloud|Vertex AI|risk-models|europe-west4|Risk|prod||Specialty|1050|125|.05
vertex-dev|Google Cloud|Vertex AI|risk-models|europe-west4|Risk|dev||Specialty|1050|44|.03
gke-risk|Google Cloud|Google Kubernetes Engine|risk-models|europe-west4|Risk|prod||Specialty|1050|41|.01
claude-core-in|Anthropic|Claude API|claude-org||Core|prod||Corporate|1030|70|.07
claude-core-out|Anthropic|Claude API|claude-org||Core|prod||Corporate|1030|115|.07
claude-claims-in|Anthropic|Claude API|claude-org||Claims|prod|Home|Claims|1020|40|.06
claude-claims-out|Anthropic|Claude API|claude-org||Claims|prod|Home|Claims|1020|62|.06
claude-untagged|Anthropic|Claude API|claude-org||||||1030|16|.02
solenne-pay-in|Solenne AI|Solenne Inference|solenne-workspace||Payments|prod|Motor|Retail|1010|30|.04
solenne-pay-out|Solenne AI|Solenne Inference|solenne-workspace||Payments|prod|Motor|Retail|1010|52|.04
solenne-orion-out|Solenne AI|Solenne Inference|solenne-workspace||Orion|staging|Marine|Commercial|1040|26|.05
"""

_DISCOUNTS = {
    "AWS": "0.06",
    "Microsoft": "0.1",
    "Google Cloud": "0.08",
    "Anthropic": "0",
    "Solenne AI": "0.05",
}
_CREATORS = {"Core": "iam:deploy-bot", "Payments": "iam:anna", "Claims": "iam:jonas"}
_MODELS = {"Anthropic": ("claude-sonnet-4-5", "Claude"), "Solenne AI": ("solenne-grand-2", "Solenne Grand")}


def _details(name: str, provider: str) -> str | None:
    if provider not in _MODELS:
        return None
    model, family = _MODELS[provider]
    direction = "Input" if name.endswith("-in") else "Output"
    return json.dumps({"ModelId": model, "ModelFamily": family, "TokenDirection": direction})


def _workload(line: str) -> Workload:
    name, provider, service, account, region, squad, env, product, unit, centre, daily, growth = line.split("|")
    service = "Amazon Relational Database Service" if service == "RDS" else service
    category, subcategory, price, measure, resource_type = SERVICES[service]
    return Workload(
        name=name,
        provider=provider,
        service=service,
        category=category,
        subcategory=subcategory,
        account=account,
        account_id=ACCOUNTS[account],
        region=region,
        region_name=REGIONS[region],
        squad=squad,
        env=env,
        line=product,
        business_unit=unit or None,
        cost_centre=(account if centre == "=" else centre) or None,
        daily=float(daily),
        price=Decimal(price),
        unit=measure,
        discount=Decimal(_DISCOUNTS[provider]),
        growth=float(growth),
        resources=len(name) % 5 + 2,
        hour=23 if service == "AWS Lambda" else 0,
        resource_type=resource_type,
        sku="output tokens" if name.endswith("-out") else "input tokens" if name.endswith("-in") else measure,
        sku_id=f"SKU-{service.replace(' ', '')[:14].upper()}-{'OUT' if name.endswith('-out') else 'STD'}",
        price_details=_details(name, provider),
        commitment=name in ("ec2-pay", "ec2-claims", "ec2-core"),
        created_by=_CREATORS.get(squad, "") if provider == "AWS" else "",
    )


WORKLOADS = tuple(_workload(line) for line in _TABLE.strip().splitlines())

_FACTS = {
    "AWS": ("Amazon Web Services, Inc.", "EUINV", "700100200300", "Tarnbrook Mutual Holdings", "USD"),
    "Microsoft": ("Microsoft", "E0", "8821-EA", "Tarnbrook Enterprise Agreement", "USD"),
    "Google Cloud": ("Google Cloud", "GC", "01AB-77", "Tarnbrook Google Billing", "USD"),
    "Larkspur": ("Larkspur Ltd", "LK", "LKSP-5", "Tarnbrook Group Purchasing", "GBP"),
    "Anthropic": ("Anthropic", "ANT", "ant-5521", "Tarnbrook AI", "USD"),
    "Solenne AI": ("Solenne AI SAS", "SOL", "sol-88", "Tarnbrook AI Europe", "EUR"),
}


def provider_facts(provider: str) -> dict[str, str]:
    keys = ("publisher", "prefix", "billing_account_id", "billing_account", "currency")
    return dict(zip(keys, _FACTS[provider], strict=True))


# --- the columns of each provider's export -----------------------------------------------------

_COMMON = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
]
_COMMITMENT = [
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
]
_OWN = ["x_BusinessUnit", "x_CostCentre"]

AWS_COLUMNS = [*_COMMON, *_COMMITMENT, "ProviderName", *_OWN]
MICROSOFT_COLUMNS = [
    "ProviderName",
    *_COMMON,
    *_COMMITMENT,
    "InvoiceId",
    "ServiceSubcategory",
    "SkuMeter",
    "PricingCurrency",
    *_OWN,
    "x_ResourceGroupName",
]
GOOGLE_COLUMNS = [
    *_COMMON,
    *_COMMITMENT,
    "InvoiceId",
    "ServiceSubcategory",
    "ServiceProviderName",
    "HostProviderName",
    *_OWN,
]
ANTHROPIC_COLUMNS = [
    *(name for name in _COMMON if name != "PublisherName"),
    "InvoiceId",
    "ServiceSubcategory",
    "ServiceProviderName",
    "HostProviderName",
    "SkuMeter",
    "SkuPriceDetails",
    *_OWN,
]
SOLENNE_COLUMNS = ANTHROPIC_COLUMNS[::-1]
LARKSPUR_COLUMNS = {
    "charge_period_start": "ChargePeriodStart",
    "charge_period_end": "ChargePeriodEnd",
    "billing_period_start": "BillingPeriodStart",
    "billing_period_end": "BillingPeriodEnd",
    "billing_account_id": "BillingAccountId",
    "billing_account_name": "BillingAccountName",
    "billing_currency": "BillingCurrency",
    "billed_cost": "BilledCost",
    "effective_cost": "EffectiveCost",
    "list_cost": "ListCost",
    "contracted_cost": "ContractedCost",
    "list_unit_price": "ListUnitPrice",
    "contracted_unit_price": "ContractedUnitPrice",
    "pricing_quantity": "PricingQuantity",
    "pricing_unit": "PricingUnit",
    "charge_category": "ChargeCategory",
    "charge_frequency": "ChargeFrequency",
    "charge_description": "ChargeDescription",
    "invoice_id": "InvoiceId",
    "invoice_issuer_name": "InvoiceIssuerName",
    "service_provider_name": "ServiceProviderName",
    "service_name": "ServiceName",
    "service_category": "ServiceCategory",
    "service_subcategory": "ServiceSubcategory",
    "sku_id": "SkuId",
    "tags": "Tags",
    "x_seat_type": "x_seat_type",
}
