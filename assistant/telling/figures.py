"""How numbers are written for people, the same in tables and sentences. Computes nothing.

Values are exact; only their writing is rounded, half away from zero.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
# Wide enough for DuckDB's widest number, DECIMAL(38), and the digits after it.
ROUNDING = Context(prec=100, rounding=ROUND_HALF_UP)
Number = int | float | Decimal


def figure(value: Number, unit: str | None) -> str:
    """A value in its column's unit: `percent`, a currency, a unit cost as `USD per loan`, or a quantity."""
    if unit == "percent":
        return percent(value)
    if currency := currency_of(unit):
        return unit_cost(value, currency) if unit != currency else money(value, currency)
    return quantity(value)


def currency_of(unit: str | None) -> str | None:
    """The currency code that a unit starts with: USD for `USD`, `USD per loan` and `USD/loan`."""
    found = re.match(r"([A-Z]{3})(?:$|\s+per\s|\s*/)", unit or "")
    return found[1] if found else None


def money(value: Number, currency: str) -> str:
    """$1,234.56, or CHF 1,234.56 where no symbol is common; cents always."""
    return _signed(value, currency, _fixed(_exact(value), 2))


def unit_cost(value: Number, currency: str) -> str:
    """As money, but four significant digits below one: $0.001234."""
    exact = _exact(value)
    return _signed(value, currency, _significant(exact) if 0 < abs(exact) < 1 else _fixed(exact, 2))


def percent(value: Number) -> str:
    """12.3% for 12.3."""
    return f"{_fixed(_exact(value), 1)}%"


def quantity(value: Number, unit: str = "") -> str:
    """1,234 or 1,234.56 or 0.001234, with its unit after it when one is given."""
    exact = _exact(value)
    if exact == exact.to_integral_value():
        text = _fixed(exact, 0)
    else:
        text = _significant(exact).rstrip("0") if abs(exact) < 1 else _fixed(exact, 2)
    return f"{text} {unit}".strip()


def _exact(value: Number) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _fixed(value: Decimal, places: int) -> str:
    text = f"{value.quantize(Decimal(1).scaleb(-places), context=ROUNDING):,f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text  # no minus before nothing


def _significant(value: Decimal) -> str:
    """Four significant digits of a value below one."""
    return f"{value.quantize(Decimal(1).scaleb(value.adjusted() - 3), context=ROUNDING):f}"


def _signed(value: Number, currency: str, text: str) -> str:
    symbol = SYMBOLS.get(currency, f"{currency} ")
    return f"-{symbol}{text[1:]}" if text.startswith("-") else f"{symbol}{text}"
