"""Invoice tie-out: loaded BilledCost of each invoice against the invoice's own total.

Source: FOCUS, BilledCost: the sum of BilledCost for an InvoiceId must equal the invoice issued. No tolerance: a
difference is a difference. Knows no file and no drawing.
"""

from __future__ import annotations
