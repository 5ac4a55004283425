"""Queries behind datasets that are no plain table: GPU fleet days, budgets, allowances, unit costs, one currency.

Each is a CTE over base tables, so the guard puts the row policy into every one of them.
"""

from __future__ import annotations

from datetime import date

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
            f"EffectiveCost AS actual_usd FROM {costs_in_usd(plan, model, catalog)}"
        )
    counterpart = model.dimension("budget_lines", scope).counterpart
    if counterpart is None:
        raise Refused(f"Costs are not kept by {scope.replace('_', ' ')}: its budget can't be set against them.")
    expression = model.dimension("cost_and_usage", counterpart).expression
    return (
        f"{lines} UNION ALL SELECT CAST(ChargePeriodStart AS DATE) AS day, {expression} AS subject, 0 AS budget_usd, "
        f"EffectiveCost AS actual_usd FROM {costs_in_usd(plan, model, catalog)} WHERE {expression} IN "
        f"(SELECT value FROM budgets WHERE dimension IN ({spelled}))"
    )


def costs_in_usd(plan: QueryPlan, model: SemanticModel, catalog: Catalog) -> str:
    """Charges in USD, which budgets and unit costs are in. Raises Refused when a month has no rate for a currency."""
    if only_usd(catalog):
        return "cost_and_usage"
    known = {(r["from_currency"], r["month"]) for r in catalog.small.get("fx_rates", ()) if r["to_currency"] == "USD"}
    for currency in catalog.currencies:
        for month in _months(plan, catalog):
            if currency != "USD" and (currency, month) not in known:
                raise Refused(
                    f"This is kept in USD, and charges in {currency} can't be set against it: fx_rates has no rate "
                    f"from {currency} to USD for {month:%b %Y}."
                )
    return f"({converted(model.datasets['cost_and_usage'], catalog, 'USD').sql(dialect='duckdb')}) AS usd_costs"


def only_usd(catalog: Catalog) -> bool:
    return not catalog.currencies or tuple(catalog.currencies) == ("USD",)


def _months(plan: QueryPlan, catalog: Catalog) -> list[date]:
    """First days of the loaded months that the plan is about."""
    periods = [p for p in (plan.period, plan.comparison) if p is not None]
    loaded = catalog.days["cost_and_usage"].months
    return sorted(m for m in loaded if any(p.start.replace(day=1) <= m < p.end for p in periods))


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


def serving(plan: QueryPlan, model: SemanticModel, catalog: Catalog) -> dict[str | None, list[str]]:
    """Product (None: all of them) → conditions on the charges that serve the plan's unit of work.

    Raises Refused where unit_cost_map names none.
    """
    wanted = next((f.values for f in plan.filters if f.dimension == "business_metric"), ())
    if not wanted:
        kept = ", ".join(str(r["metric"]) for r in catalog.small.get("business_metrics", ()))
        raise Refused(f"A unit cost needs its unit of work; business_metrics has {kept or 'none'}.")
    products = next((f.values for f in plan.filters if f.dimension == "product"), ())
    served: dict[str | None, list[str]] = {}
    for row in catalog.small.get("unit_cost_map", ()):
        product = str(row["product"]) if row.get("product") else None
        if str(row["metric"]) in wanted and (not products or product is None or product in products):
            condition = f"{_cost_dimension(model, str(row['dimension']))} = {_text(str(row['value']))}"
            served.setdefault(product, []).append(condition)
    if not served:
        raise Refused(f"unit_cost_map names no costs for {' and '.join(wanted)}; load it with `askcost load`.")
    return served


def any_of(served: dict[str | None, list[str]]) -> str:
    """The condition on every charge that serves some product."""
    return f"({' OR '.join(dict.fromkeys(c for conditions in served.values() for c in conditions))})"


def _unit_costs(plan: QueryPlan, model: SemanticModel, catalog: Catalog) -> str:
    """Cost of what unit_cost_map names ÷ volume, over months that have both (contract "AI measures")."""
    served = serving(plan, model, catalog)
    wanted, products = (
        next((f.values for f in plan.filters if f.dimension == name), ()) for name in ("business_metric", "product")
    )
    each = "product" in plan.dimensions
    if each and None in served:
        raise Refused(f"unit_cost_map does not say which product the costs of {' and '.join(wanted)} belong to.")
    volumes = f"metric IN ({', '.join(map(_text, wanted))})"
    if products:
        volumes += f" AND product IN ({', '.join(map(_text, products))})"
    metric = _text(wanted[0]) if len(wanted) == 1 else "NULL"
    name = _text(products[0]) if len(products) == 1 else "NULL"
    if each:
        arms = " ".join(f"WHEN {' OR '.join(conditions)} THEN {_text(str(p))}" for p, conditions in served.items())
        name = f"CASE {arms} END"
    return (
        f"WITH served AS (SELECT CAST(DATE_TRUNC('month', ChargePeriodStart) AS DATE) AS month, "
        f"{name} AS product, SUM(EffectiveCost) AS cost FROM {costs_in_usd(plan, model, catalog)} "
        f"WHERE {any_of(served)} GROUP BY ALL), "
        f"produced AS (SELECT month, {'product' if each else name} AS product, SUM(volume) AS volume "
        f"FROM business_metrics WHERE {volumes} GROUP BY ALL) "
        f"SELECT served.month, served.cost, produced.volume, {metric} AS business_metric, served.product "
        "FROM served JOIN produced ON produced.month = served.month"
        f"{' AND produced.product = served.product' if each else ''}"
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
