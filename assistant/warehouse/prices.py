"""What tokens cost by the catalogue (genai-prices), at the day of use. Knows nothing about files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import duckdb

from assistant.warehouse import contracts

MILLION = 1_000_000


def price(con: duckdb.DuckDBPyConnection) -> tuple[int, list[str]]:
    """Fill `cost_usd` and `cost_basis` of the temp table `typed`; → (rows not priced, their models).

    `typed` has token_usage's columns with their types. Where cost_usd is NULL it becomes, exact to 18
    decimals, Σ tokens x price: cached, cache-write and reasoning tokens are parts of input and output with
    prices of their own. The tier is that of the average request. Unknown models stay NULL.
    """
    wanted = con.execute(
        "SELECT DISTINCT provider, model, usage_date, coalesce(batch, false) FROM typed WHERE cost_usd IS NULL"
    ).fetchall()
    con.execute(
        "CREATE OR REPLACE TEMP TABLE rates (provider VARCHAR, model VARCHAR, usage_date DATE, "
        "batch BOOLEAN, above BIGINT, upto BIGINT, input DECIMAL(22,18), read DECIMAL(22,18), "
        "write DECIMAL(22,18), output DECIMAL(22,18), reasoning DECIMAL(22,18))"
    )
    rates = [rate for provider, model, day, batch in wanted for rate in _rates(provider, model, day, batch)]
    if rates:
        con.executemany(f"INSERT INTO rates VALUES ({', '.join('?' * 11)})", rates)
    part = "CAST(coalesce({}, 0) AS DECIMAL(16,0))"
    input, read, write, output, reasoning = (
        part.format(name)
        for name in (
            "p.input_tokens", "p.cached_input_tokens", "p.cache_write_tokens",
            "p.output_tokens", "p.reasoning_tokens",
        )
    )  # fmt: skip
    cost = (
        f"CAST({input} - {read} - {write} AS DECIMAL(16,0)) * r.input + {read} * r.read + {write} * r.write "
        f"+ CAST({output} - {reasoning} AS DECIMAL(16,0)) * r.output + {reasoning} * r.reasoning"
    )
    con.execute("UPDATE typed SET cost_basis = CASE WHEN cost_usd IS NOT NULL THEN 'reported' END")
    con.execute(
        f"""UPDATE typed AS p SET cost_usd = {cost}, cost_basis = 'priced' FROM rates AS r
        WHERE p.cost_usd IS NULL AND p.provider = r.provider AND p.model = r.model
            AND p.usage_date = r.usage_date AND coalesce(p.batch, false) = r.batch
            AND p.input_tokens / greatest(p.requests, 1) > r.above
            AND p.input_tokens / greatest(p.requests, 1) <= r.upto
            AND {read} + {write} <= p.input_tokens"""
    )
    rows = con.execute("SELECT count(*) FROM typed WHERE cost_usd IS NULL").fetchone() or (0,)
    models = con.execute(
        "SELECT DISTINCT concat_ws(' ', provider, model) FROM typed WHERE cost_usd IS NULL ORDER BY ALL"
    ).fetchall()
    return rows[0], [row[0] for row in models]


def _rates(provider: str, model: str, day: date, batch: bool) -> Iterator[tuple[Any, ...]]:
    """Prices for one token, one row for each span of request sizes; nothing for an unknown model."""
    # The catalogue takes half a second to import, and only token loads need it.
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    rules = contracts.price_rules()
    try:
        sold_by = snapshot.find_provider(None, provider, None)
    except LookupError:
        return
    try:
        _, info = snapshot.find_provider_model(model, None, provider, None)
    except LookupError:
        if sold_by.id not in rules.resellers:
            return
        try:
            _, info = snapshot.find_provider_model(model, None, None, None)
        except LookupError:
            return
    noon = datetime.combine(day, time(12), UTC)
    listed = info.get_prices(noon, {"processing": "batch"} if batch else None)
    factor = Decimal(1)
    if batch and listed == info.get_prices(noon):
        factor = rules.batch_factor
    keys = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok", "output_reasoning_mtok")
    prices = {key: getattr(listed, key, None) for key in keys}
    if prices["input_mtok"] is None and prices["output_mtok"] is None:
        return
    for key, whole in (
        ("cache_read_mtok", "input_mtok"),
        ("cache_write_mtok", "input_mtok"),
        ("output_reasoning_mtok", "output_mtok"),
    ):
        if prices[key] is None:
            prices[key] = prices[whole]
    starts = {tier.start for price in prices.values() for tier in getattr(price, "tiers", ())}
    edges = [-1, *sorted(starts), 2**62]
    for above, upto in pairwise(edges):
        row = (_at(prices[key], above) * factor / MILLION for key in keys)
        yield (provider, model, day, batch, above, upto, *row)


def _at(price: Any, above: int) -> Decimal:
    """The price of requests larger than `above`: tiers reprice the whole request."""
    if price is None:
        return Decimal(0)
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if tier.start <= above]
    return Decimal(reached[-1] if reached else price.base)
