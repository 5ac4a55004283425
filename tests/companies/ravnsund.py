"""Ravnsund Interactive: a fictional Nordic game studio and publisher, for the fifth held-out questions.

Charges run from 2025-01-01 (or `since`) to 2026-08-23: all in USD, or (`own_currency="EUR"`) in EUR but for AWS and
Anthropic, with the same digits. Knows nothing about how questions are read.

What is there to trip over: no tag called team (`crew` is it), tag keys `crew`, `env`, `game-title`, `Data Class`;
columns `x_Studio` and `x_GLAccount` (values begin with numbers); crews with accents (Néctar, Marée), with & (Trust &
Safety) and of plain words (Day One, Launch, Loot, Backbone); titles with a number (Orbit 9) and with & (Hollow &
Hearth); **Marée** is a crew and a title with different rows, **Player Data** an account and a data class with the same
rows; charges without crew, title, studio or any tag; SaaS seats bought monthly; on-premises charges; a savings plan
with unused hours, a commitment paid upfront; tax and credits without account, region or tags; a refund, a late
correction, an adjustment; a free service; a crash-dump flood on four days; a closed beta that ends with 2025.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from companies.ravnsund_focus import FIRST_DAY, Tables, write_csv, write_focus
from companies.ravnsund_tables import HEADERS, TEXTS


def build(folder: Path, own_currency: str = "USD", since: date = FIRST_DAY) -> Tables:
    """Write the company's files into `folder`: (table name or None for FOCUS, paths) each, in an order that loads."""
    focus = folder / "focus"
    focus.mkdir(parents=True, exist_ok=True)
    tables = write_focus(focus, own_currency, since)
    for name, (header, rows) in HEADERS.items():
        tables.append((name, [write_csv(folder / f"{name}.csv", header.split(","), rows())]))
    for name, text in TEXTS.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        tables.append((name, [folder / f"{name}.csv"]))
    return tables
