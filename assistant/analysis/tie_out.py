"""Invoice tie-out: loaded BilledCost of each invoice against the invoice's own total.

Source: FOCUS 1.4, BilledCost: its sum for an InvoiceId and InvoiceIssuerName may differ from the payable amount of the
issued invoice by MAX(100 × Subunit, SQRT(Rows) × 0.5 × Subunit), its Rounding Variance Tolerance; Subunit is the
currency's smallest unit. What agrees to that unit is tied out. Draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from dateutil.relativedelta import relativedelta

from assistant.analysis.books import COSTS, Books, text
from assistant.analysis.report import Report, dimension, metric
from assistant.semantics import calendar
from assistant.telling.figures import ROUNDING, money
from assistant.values import Period, QueryPlan

INVOICES = "invoices"
# ISO 4217: currencies whose smallest unit is no hundredth.
SUBUNITS = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"), Decimal(1)),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), Decimal("0.001")),
}
CENT = Decimal("0.01")
MOST_CANDIDATES = 5
COLUMNS = (
    *(dimension(name) for name in ("invoice", "issuer", "billing_period", "currency")),
    *(metric(name, None) for name in ("loaded", "invoiced", "difference")),
    dimension("state"),
)
_ORDER = ("off", "issuer unclear", "no charges loaded", "within tolerance", "no invoice loaded", "tied out")


@dataclass(frozen=True)
class Line:
    """One invoice: what is loaded of it, and its total; None where one of both is missing.

    unclear: charges of more than one issuer carry its number, and the invoice names none. rows: of its charges.
    """

    invoice: str
    currency: str
    issuer: str | None
    period: date | None
    loaded: Decimal | None
    invoiced: Decimal | None
    unclear: bool = False
    rows: int = 0

    @property
    def tolerance(self) -> Decimal:
        """FOCUS 1.4, Rounding Variance Tolerance, in the invoice's currency."""
        unit = SUBUNITS.get(self.currency, CENT)
        return max(100 * unit, Decimal(self.rows).sqrt() * unit / 2)

    @property
    def difference(self) -> Decimal | None:
        """loaded − invoiced."""
        return None if self.loaded is None or self.invoiced is None else self.loaded - self.invoiced

    @property
    def state(self) -> str:
        if self.unclear:
            return "issuer unclear"
        if self.invoiced is None:
            return "no invoice loaded"
        if self.loaded is None or self.difference is None:
            return "no charges loaded"
        if not self.difference.quantize(SUBUNITS.get(self.currency, CENT), context=ROUNDING):
            return "tied out"
        return "within tolerance" if abs(self.difference) <= self.tolerance else "off"


def answer(plan: QueryPlan, books: Books) -> Report:
    """The tie-out that a question asks for: the billing months of its period, all invoices when it covers all days."""
    books.needs(COSTS, INVOICES)
    days, period = books.house.catalog.days[COSTS], plan.period
    whole = period is None or (period.unit is None and period.start <= days.first and period.end > days.last)
    if whole or period is None:
        return report(books)
    return report(books, period.start.replace(day=1), period.end)


def report(books: Books, month: date | None = None, end: date | None = None) -> Report:
    """A line for each invoice and currency, those that are off first; under it the charges that may explain it.

    month: only its billing month, or those up to `end`. Raises Refused when costs or invoices are not loaded or not
    open to the user.
    """
    books.needs(COSTS, INVOICES)
    until = end or (month + relativedelta(months=1) if month else None)
    lines = sorted((one for one in _lines(books) if _within(one.period, month, until)), key=_place)
    off = [one for one in lines if one.state in _ORDER[:3]]
    unknown = sum(1 for one in lines if one.state == "no invoice loaded")
    candidates = [_candidates(books, one) for one in off[:MOST_CANDIDATES]]
    notes = [note for one, found in zip(off, candidates, strict=False) for note in _told(one, found)]
    worst = next((one for one in off if one.difference), None)
    if unknown:
        notes.append(f"{unknown:,} invoices of the charges are not in the table invoices; nothing is said about them.")
    tied = sum(1 for one in lines if one.state == "tied out")
    checked = len(lines) - unknown
    near = sum(1 for one in lines if one.state == "within tolerance")
    when = f" of {calendar.label(Period(start=month, end=until))}" if month and until else ""
    sentence = f"{tied:,} of {checked:,} invoices{when} tie out to the cent"
    sentence += f", {near:,} more within FOCUS's rounding tolerance" if near else ""
    sentence += f"; {len(off):,} {'is' if len(off) == 1 else 'are'} off" if off else ""
    if worst is not None and worst.difference is not None:
        sentence += f", most of all {worst.invoice}, by {money(worst.difference, worst.currency)}"
    sentence += "."
    rows = tuple(
        (one.invoice, one.issuer, one.period, one.currency, one.loaded, one.invoiced, one.difference, one.state)
        for one in lines
    )
    extra = {
        "tied_out": tied,
        "within_tolerance": near,
        "off": len(off),
        "candidates": [c for found in candidates for c in found],
    }
    return Report(COLUMNS, rows, (sentence,), tuple(notes), extra=extra)


def _place(one: Line) -> tuple[int, Decimal, str]:
    """What is off first, the most of it on top."""
    return _ORDER.index(one.state), -abs(one.difference or Decimal(0)), one.invoice


def _month(column: str) -> str:
    """A billing period's month: half a day on, one that starts at 07:00Z or the evening before lies in its month."""
    return f"CAST(date_trunc('month', {column} + INTERVAL 14 HOURS) AS DATE)"


def _within(period: date | None, first: date | None, until: date | None) -> bool:
    return first is None or until is None or (period is not None and first <= period < until)


def _lines(books: Books) -> Iterable[Line]:
    charges = books.rows(
        f"SELECT InvoiceId, BillingCurrency, InvoiceIssuerName, min({_month('BillingPeriodStart')}), "
        f"sum(BilledCost), count(*) FROM {COSTS} WHERE InvoiceId IS NOT NULL GROUP BY ALL"
    )
    loaded: dict[tuple[str, str], list[Line]] = {}
    for invoice, currency, issuer, start, billed, rows in charges:
        one = Line(invoice, currency, issuer, start, billed, None, rows=rows)
        loaded.setdefault((invoice, currency), []).append(one)
    found: list[Line] = []
    for invoice, currency, issuer, period, amount in books.rows(
        f"SELECT invoice_id, currency, issuer, billing_period, amount FROM {INVOICES}"
    ):
        same = loaded.get((invoice, currency), [])
        fitting = [one for one in same if issuer is None or (one.issuer or "").casefold() == issuer.casefold()]
        if len(fitting) == 1:
            same.remove(fitting[0])
            found.append(replace(fitting[0], period=period or fitting[0].period, invoiced=amount))
        else:
            found.append(Line(invoice, currency, issuer, period, None, amount, unclear=len(fitting) > 1))
    found += [one for rest in loaded.values() for one in rest]
    return found


def _candidates(books: Books, one: Line) -> list[dict[str, Any]]:
    """The largest charges that may explain what is off: without invoice, or corrections, in its account and month.

    Source: FOCUS: InvoiceId is null until a charge is invoiced; corrections carry the invoice they were put on.
    """
    if one.period is None:
        return []
    end = one.period + relativedelta(months=1)
    account = f"SELECT BillingAccountId FROM {COSTS} WHERE InvoiceId = {text(one.invoice)}"
    rows = books.rows(
        "SELECT CASE WHEN InvoiceId IS NULL THEN 'without invoice' ELSE 'correction' END AS why, "
        "CAST(ChargePeriodStart AS DATE) AS day, ServiceName, ChargeCategory, ChargeDescription, sum(BilledCost) AS "
        f"billed FROM {COSTS} WHERE {_month('BillingPeriodStart')} >= DATE '{one.period}' "
        f"AND {_month('BillingPeriodStart')} < DATE '{end}' AND BillingCurrency = {text(one.currency)} "
        f"AND (BillingAccountId IN ({account}) OR NOT EXISTS ({account})) "
        f"AND (InvoiceId IS NULL OR (InvoiceId = {text(one.invoice)} AND ChargeClass = 'Correction')) "
        f"GROUP BY ALL HAVING sum(BilledCost) <> 0 "
        f"ORDER BY abs(sum(BilledCost)) DESC, 2, 3, 4, 5 LIMIT {MOST_CANDIDATES}"
    )
    names = ("why", "day", "service", "charge_category", "charge_description", "billed")
    return [{"invoice": one.invoice, "currency": one.currency, **dict(zip(names, row, strict=True))} for row in rows]


def _told(one: Line, found: Sequence[dict[str, Any]]) -> Iterable[str]:
    if one.unclear:
        yield f"{one.invoice}: more than one issuer has an invoice of this number; name the issuer in {INVOICES}."
        return
    invoiced = one.invoiced or Decimal(0)
    if one.difference is None:
        yield f"{one.invoice}: invoiced {money(invoiced, one.currency)}, but no charge carries its number."
    else:
        less = "less" if one.difference < 0 else "more"
        yield f"{one.invoice}: {money(abs(one.difference), one.currency)} {less} is loaded than invoiced."
    missing = invoiced if one.difference is None else -one.difference
    for row in found:
        fits = ", which is exactly what is off" if row["billed"] in (missing, -missing) else ""
        named = " · ".join(str(row[n]) for n in ("day", "service", "charge_category", "charge_description") if row[n])
        yield f"{one.invoice}, {row['why']}: {named}: {money(row['billed'], one.currency)}{fits}."
