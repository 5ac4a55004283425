"""Pictures of forecasts and incidents: sums up to each day with the band of 80 %, and what was beside what was due.

Knows finished forecasts and incidents only; how a chart is drawn stands in telling/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from assistant.finops.forecast import Forecast
from assistant.values import Chart, Series, Value

BAND = "four times in five"


def of_forecast(one: Forecast, title: str, unit: str, budget: Decimal | None = None) -> Chart:
    """Up to each day of the period: what was, what is expected with its band, and the budget that it must stay below.

    The band widens with the part of the remaining amount that is to come, so that it ends at the forecast's own.
    """
    days = [day.isoformat() for day, _ in (*one.past, *one.days)]
    sums, total = [], Decimal(0)
    for _, amount in (*one.past, *one.days):
        total += amount
        sums.append(total)
    here = len(one.past)
    if here:  # days are rounded to cents; what was said of the whole is not their sum
        sums[here - 1] = one.so_far
    sums[-1] = one.expected
    actual: list[Value | None] = [*sums[:here], *(None for _ in one.days)]
    # The line of what is expected begins where what was ends.
    expected: list[Value | None] = [None if at < here - 1 else value for at, value in enumerate(sums)]
    series = [Series("Expected", tuple(expected), dashed=True)]
    if here:
        series.insert(0, Series("Actual", tuple(actual)))
    if budget is not None:
        series.append(Series("Budget", tuple(budget for _ in days), dashed=True))
    return Chart(
        "line", f"{title}, up to each day", tuple(days), tuple(series), unit, band=_band(one, sums), band_name=BAND
    )


def _band(one: Forecast, sums: Sequence[Decimal]) -> tuple[tuple[Value | None, ...], tuple[Value | None, ...]] | None:
    if one.low is None or one.high is None:
        return None
    here = len(one.past)
    start = sums[here - 1] if here else Decimal(0)
    ahead = one.expected - start
    low, high = list[Value | None](), list[Value | None]()
    for at, value in enumerate(sums):
        part = (value - start) / ahead if ahead else Decimal(1)
        known = at >= here - 1
        low.append(_cents(value - part * (one.expected - one.low)) if known else None)
        high.append(_cents(value + part * (one.high - one.expected)) if known else None)
    return tuple(low), tuple(high)


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"))


def of_incident(body: Mapping[str, Any], where: str) -> Chart:
    """Its days with some before and after: actual, expected, and the days that were anomalous."""
    days = [day for day, *_ in body["evidence"]]
    actual, expected = (tuple(Decimal(str(one[at])) for one in body["evidence"]) for at in (1, 2))
    marked = tuple(at for at, one in enumerate(body["evidence"]) if one[3])
    series = (Series("Actual", actual), Series("Expected", expected, dashed=True))
    return Chart("line", f"{where}, a day", tuple(days), series, body["unit"], marked=marked)
