"""Queries behind datasets that are no plain table: GPU fleet days, budgets, allowances, unit costs, one currency.

Each is a CTE over base tables, so the guard puts the row policy into every one of them.
"""

from __future__ import annotations

from sqlglot import Expr, exp, parse_one

from assistant.errors import Refused
from assistant.semantics.catalog import Catalog
from assistant.semantics.model import Dataset, SemanticModel
from assistant.values import QueryPlan


def query(plan: QueryPlan, model: SemanticModel, catalog: Catalog) -> Expr | None:
    """The CTE that stands for the plan's dataset; None when it is a table of that name."""
    dataset = model.datasets[plan.dataset]
    if dataset.scoped == "budgets":
        return _sql(_budget_lines(plan, model, catalog))
    if dataset.scoped == "allowances":
        return _sql(_allowance_lines(plan, model, catalog))
    if dataset.scoped == "unit_costs":
        return _sql(_unit_costs(plan, model, catalog))
    if dataset.query is not None:
        return _sql(dataset.query if catalog.has("grid_intensity") else _without_factors(dataset.query))
    return None


def _sql(text: str) -> Expr:
    return parse_one(text, dialect="duckdb")


def _without_factors(text: str) -> str:
    """No grid factors are loaded: carbon is unknown, the rest is not."""
    tree = _sql(text)
    for subquery in list(tree.find_all(exp.Subquery)):
        if any(t.name == "grid_intensity" for t in subquery.find_all(exp.Table)):
            subquery.replace(exp.null())
    return tree.sql(dialect="duckdb")


def _scope(plan: QueryPlan) -> str:
    """The one dimension that the plan's budget or allowance is kept by."""
    named = {f.dimension for f in (*plan.filters, *plan.part)} | set(plan.dimensions)
    return next(iter(sorted(named)), "total")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _budget_lines(plan: QueryPlan, model: SemanticModel, catalog: Catalog) -> str:
    scope = _scope(plan)
    spelled = _spellings(catalog, "budgets", "dimension", scope)
    lines = (
        "SELECT month AS day, value AS subject, amount_usd AS budget_usd, 0 AS actual_usd "
        f"FROM budgets WHERE dimension IN ({spelled})"
    )
    if not catalog.has("cost_and_usage") or plan.metrics == ("budget",):
        return lines
    if scope == "total":
        return (
            f"{lines} UNION ALL SELECT CAST(ChargePeriodStart AS DATE) AS day, NULL AS subject, 0 AS budget_usd, "
            f"EffectiveCost AS actual_usd FROM cost_and_usage{_usd(catalog, ' WHERE ')}"
        )
    counterpart = model.dimension("budget_lines", scope).counterpart
    if counterpart is None:
        raise Refused(f"Costs are not kept by {scope.replace('_', ' ')}: its budget can't be set against them.")
    expression = model.dimension("cost_and_usage", counterpart).expression
    return (
        f"{lines} UNION ALL SELECT CAST(ChargePeriodStart AS DATE) AS day, {expression} AS subject, 0 AS budget_usd, "
        f"EffectiveCost AS actual_usd FROM cost_and_usage WHERE {expression} IN "
        f"(SELECT value FROM budgets WHERE dimension IN ({spelled})){_usd(catalog, ' AND ')}"
    )


def _usd(catalog: Catalog, joiner: str) -> str:
    """Budgets are in USD; charges in another currency are not added to them."""
    return f"{joiner}BillingCurrency = 'USD'" if len(catalog.currencies) > 1 else ""


def _spellings(catalog: Catalog, table: str, column: str, scope: str) -> str:
    from assistant.semantics.bind import _name

    found = {str(r[column]) for r in catalog.small.get(table, ()) if _name(str(r[column])) == scope}
    return ", ".join(_text(v) for v in sorted(found)) or _text(scope)


def _allowance_lines(plan: QueryPlan, model: SemanticModel, catalog: Catalog) -> str:
    """Allowances and what was used of them, each in its own unit: an allowance in dollars has no tokens to use up."""
    scope = _scope(plan)
    scope = scope if scope in ("user", "team") else "team"
    column = {"user": "user_id", "team": "team"}[scope]
    lines = (
        "SELECT month AS day, subject, tokens AS allowance_tokens, usd AS allowance_usd, "
        "CASE WHEN tokens IS NOT NULL THEN 0 END AS used_tokens, CASE WHEN usd IS NOT NULL THEN 0 END AS used_usd "
        f"FROM token_allowances WHERE subject_type = {_text(scope)}"
    )
    if not catalog.has("token_usage"):
        return lines
    return (
        f"{lines} UNION ALL SELECT usage_date AS day, {column} AS subject, NULL AS allowance_tokens, "
        "NULL AS allowance_usd, CASE WHEN tokens IS NOT NULL THEN input_tokens + output_tokens END AS used_tokens, "
        "CASE WHEN usd IS NOT NULL THEN cost_usd END AS used_usd FROM token_usage JOIN token_allowances "
        f"ON subject_type = {_text(scope)} AND subject = {column} AND month = DATE_TRUNC('month', usage_date)"
    )


def serving(plan: QueryPlan, model: SemanticModel, catalog: Catalog) -> str:
    """The condition on charges that serve the plan's unit of work. Raises Refused where unit_cost_map names none."""
    wanted = next((f.values for f in plan.filters if f.dimension == "business_metric"), ())
    if not wanted:
        kept = ", ".join(str(r["metric"]) for r in catalog.small.get("business_metrics", ()))
        raise Refused(f"A unit cost needs its unit of work; business_metrics has {kept or 'none'}.")
    products = next((f.values for f in plan.filters if f.dimension == "product"), ())
    conditions = []
    for row in catalog.small.get("unit_cost_map", ()):
        if str(row["metric"]) not in wanted:
            continue
        product = row.get("product")
        if products and product and str(product) not in products:
            continue
        name = str(row["dimension"])
        dimension = _cost_dimension(model, name)
        conditions.append(f"{dimension} = {_text(str(row['value']))}")
    if not conditions:
        raise Refused(f"unit_cost_map names no costs for {' and '.join(wanted)}; load it with `askcost load`.")
    return f"({' OR '.join(dict.fromkeys(conditions))}){_usd(catalog, ' AND ')}"


def _unit_costs(plan: QueryPlan, model: SemanticModel, catalog: Catalog) -> str:
    """Cost of what unit_cost_map names ÷ volume, over months that have both (contract "AI measures")."""
    charges = serving(plan, model, catalog)
    wanted, products = (
        next((f.values for f in plan.filters if f.dimension == name), ()) for name in ("business_metric", "product")
    )
    volumes = f"metric IN ({', '.join(_text(v) for v in wanted)})"
    if products:
        volumes += f" AND product IN ({', '.join(_text(p) for p in products)})"
    metric = _text(wanted[0]) if len(wanted) == 1 else "NULL"
    product = _text(products[0]) if len(products) == 1 else "NULL"
    return (
        f"WITH served AS (SELECT CAST(DATE_TRUNC('month', ChargePeriodStart) AS DATE) AS month, "
        f"SUM(EffectiveCost) AS cost FROM cost_and_usage WHERE {charges} GROUP BY ALL), "
        f"produced AS (SELECT month, SUM(volume) AS volume FROM business_metrics WHERE {volumes} GROUP BY ALL) "
        f"SELECT served.month, served.cost, produced.volume, {metric} AS business_metric, {product} AS product "
        "FROM served JOIN produced ON produced.month = served.month"
    )


def _cost_dimension(model: SemanticModel, name: str) -> str:
    from assistant.semantics.bind import _name

    dimensions = model.dimensions["cost_and_usage"]
    for dimension in dimensions.values():
        names = {
            dimension.name,
            _name(dimension.label),
            *(_name(s) for s in dimension.synonyms),
            _name(dimension.expression),
        }
        if _name(name) in names:
            return dimension.expression
    raise Refused(f"unit_cost_map names the dimension {name!r}, which costs do not have.")


def converted(dataset: Dataset, catalog: Catalog, currency: str) -> Expr:
    """Charges with every money column in one currency, at the month's rate; a missing rate gives no money."""
    money = ("EffectiveCost", "BilledCost", "ListCost", "ContractedCost")
    columns = [c.name for c in catalog.tables[dataset.source] if c.name not in money]
    rate = f"CASE WHEN c.{dataset.currency} = {_text(currency)} THEN 1 ELSE CAST(fx.rate AS DECIMAL(18, 8)) END"
    selected = [f'c."{name}"' for name in columns]
    # the widest product that DuckDB keeps exact: 20 and 18 digits
    selected += [f"CAST(c.{name} AS DECIMAL(20, 10)) * CAST({rate} AS DECIMAL(18, 8)) AS {name}" for name in money]
    return _sql(
        f"SELECT {', '.join(selected)} FROM {dataset.source} AS c LEFT JOIN fx_rates AS fx "
        f"ON fx.month = CAST(DATE_TRUNC('month', c.{dataset.time}) AS DATE) "
        f"AND fx.from_currency = c.{dataset.currency} AND fx.to_currency = {_text(currency)}"
    )
