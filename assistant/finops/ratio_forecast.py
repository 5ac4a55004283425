"""A rate's forecast: its numerator's ÷ its denominator's, and a band of what the same missed by before. Pure.

The band is the error, in the rate's own unit, that four of five earlier forecasts with as many days to go kept within.
"""

from __future__ import annotations

from decimal import Decimal

from assistant.errors import Refused
from assistant.finops.forecast import LEAST_TRIES, Forecast, Try, eightieth

PLACES = Decimal("1e-12")


def divide(above: Forecast, below: Forecast, scale: Decimal) -> Forecast:
    """scale × above ÷ below, both of the same period. Raises Refused where nothing is below.

    naive: both parts' naive forecasts divided; run_rate: the rate so far. days, past: none, for rates do not add up.
    """
    expected = _rate(above.expected, below.expected, scale)
    if expected is None:
        raise Refused("Nothing is expected below the line of this rate, so it has no value to forecast.")
    tries = _tries(above, below, scale)
    missed = [abs(one.forecast - one.actual) for one in tries]
    wide = Decimal(repr(eightieth(missed, len({t.start for t in tries})))) if len(tries) >= LEAST_TRIES else None
    notes = () if wide is not None else (f"No band: only {len(tries)} earlier forecasts to measure it by.",)
    so_far = _rate(above.so_far, below.so_far, scale)
    naive = _rate(above.naive, below.naive, scale) if above.naive is not None and below.naive else None
    return Forecast(
        above.start, above.end, above.as_of, so_far or Decimal(0), expected,
        None if wide is None else (expected - wide).quantize(PLACES),
        None if wide is None else (expected + wide).quantize(PLACES),
        naive, so_far, Decimal(0), Decimal(0), (), tuple(tries), notes,
    )  # fmt: skip


def _rate(above: Decimal | None, below: Decimal | None, scale: Decimal) -> Decimal | None:
    return (scale * above / below).quantize(PLACES) if above is not None and below else None


def _tries(above: Forecast, below: Forecast, scale: Decimal) -> list[Try]:
    """Earlier forecasts that both parts have, of periods in which there was something below."""
    others = {(one.start, one.as_of): one for one in below.tries}
    found, by = [], float(scale)
    for one in above.tries:
        other = others.get((one.start, one.as_of))
        if other is None or not other.forecast or not other.actual:
            continue
        so_far = by * one.so_far / other.so_far if other.so_far else 0.0
        naive = by * one.naive / other.naive if one.naive is not None and other.naive else None
        made = (by * one.forecast / other.forecast, by * one.actual / other.actual)
        found.append(Try(one.start, one.as_of, *made, so_far, naive, so_far))
    return found
