"""What a model call costs: the company's own prices from schemas/llm.yaml, else genai-prices, at the day of the call.

A model that neither lists has no price; that is said, and never taken for zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import yaml

from assistant.errors import SchemaError

MILLION = 1_000_000


@dataclass(frozen=True)
class Usage:
    """Tokens of one call, as the reply states them. `input` includes cached and written, `output` reasoning."""

    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Price:
    """USD for one call, None when unknown; `basis` says whose price and of which day."""

    usd: Decimal | None
    basis: str


class Prices:
    """Prices of one installation. `base_url` tells whose models they are."""

    def __init__(self, schemas: Path, base_url: str | None) -> None:
        self._own = _own(schemas / "llm.yaml")
        self._base_url = base_url

    def price(self, model: str, usage: Usage, at: datetime) -> Price:
        own = self._own.get(model)
        if own is not None:
            fresh = usage.input - usage.cached_input
            total = fresh * own["input"] + usage.cached_input * own["cached_input"] + usage.output * own["output"]
            return Price(total / MILLION, "schemas/llm.yaml")
        # The catalogue takes half a second to import, and only an answer with a model call needs it.
        from genai_prices import Usage as Counted
        from genai_prices import calc_price
        from genai_prices.data_snapshot import get_snapshot

        try:
            provider = get_snapshot().find_provider(None, None, self._base_url).id if self._base_url else "openai"
        except LookupError:
            provider = "openai"  # a gateway; a model of its own name is unknown, OpenAI's cost what OpenAI asks
        counted = Counted(
            input_tokens=usage.input,
            cache_read_tokens=usage.cached_input,
            cache_write_tokens=usage.cache_write,
            output_tokens=usage.output,
        )
        try:
            found = calc_price(counted, model, provider_id=provider, genai_request_timestamp=at)
        except LookupError:
            return Price(None, "unknown")
        return Price(found.total_price, f"genai-prices {provider}/{found.model.id} {at:%Y-%m-%d}")


def provider(url: str) -> str:
    """Whose models an endpoint serves, as bills name them; its host when the catalogue does not know it."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        return str(get_snapshot().find_provider(None, None, url).name)
    except LookupError:
        return url.split("://")[-1].split("/")[0].split(":")[0]


def _own(file: Path) -> dict[str, dict[str, Decimal]]:
    """model → USD per million tokens. Raises SchemaError."""
    if not file.exists():
        return {}
    try:
        read = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise SchemaError(file.name, mark.line + 1 if mark else 1, "this is not YAML.") from None
    prices: dict[str, dict[str, Decimal]] = {}
    listed = read.get("prices") if isinstance(read, dict) else None
    for model, row in (listed or {}).items():
        try:
            cost = {key: Decimal(str(row[key])) for key in ("input", "output")}
            cost["cached_input"] = Decimal(str(row.get("cached_input", row["input"])))
        except (KeyError, TypeError, AttributeError, InvalidOperation):
            raise SchemaError(
                file.name, 1, f"the price of `{model}` needs numbers for input and output (USD per million tokens)."
            ) from None
        prices[str(model)] = cost
    return prices
