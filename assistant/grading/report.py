"""A run → Markdown, and the same as one page of HTML that stands alone: no script, nothing from elsewhere.

Questions and notes are text from people and data: escaped, whatever they hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from assistant.errors import AssistantError
from assistant.grading.run import Changes, Figures, Graded, Point, Run, by_kind, curve, figures
from assistant.telling.table import plain

CURVE = "risk-coverage.svg"
MOST_LISTED = 200
HEAD = (
    "kind", "questions", "right", "wrong numbers", "accuracy %", "coverage %", "clarify %", "refused %", "failed",
    "tokens", "cost USD", "p50 ms", "p95 ms",
)  # fmt: skip
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1a1a1a;"
    "background:#fff}table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}"
    "th,td{padding:.3rem .7rem;border-bottom:1px solid #ccc;text-align:left;vertical-align:top}"
    "td{font-variant-numeric:tabular-nums}svg{max-width:100%;height:auto}"
)


def check_chart() -> None:
    """Raises AssistantError when the curve can't be drawn here."""
    if find_spec("vl_convert") is None:
        raise AssistantError("A report's curve needs one more package: pip install 'askcost[report]'")


def write(run: Run, changed: Changes | None, folder: Path) -> tuple[Path, ...]:
    """report.md, report.html and the curve. Raises AssistantError."""
    svg = _drawn(curve(run.results))
    text = markdown(run, changed)
    pages = {"report.md": text, CURVE: svg, "report.html": _page(text, svg)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in pages.items():
            partial = folder / f"{name}.part"
            partial.write_text(content, encoding="utf-8")
            partial.replace(folder / name)
    except OSError as error:
        raise AssistantError(f"The report in {folder} can't be written: {error.strerror or error}.") from None
    return tuple(folder / name for name in pages)


def markdown(run: Run, changed: Changes | None) -> str:
    """The whole report; `changed` None: there is no run before it."""
    whole, points = figures(run.results), curve(run.results)
    kinds = [(_text(kind), found) for kind, found in by_kind(run.results).items()]
    lines = [
        "# How good the answers are\n",
        f"{_text(run.by)}, {run.at[:16].replace('T', ' ')} UTC: {whole.questions:,} questions, "
        f"**{whole.accuracy_percent:.1f} % right, {whole.wrong} wrong numbers**, "
        f"{whole.coverage_percent:.1f} % answered with a number.\n",
        *_changes(changed),
        "## By kind of question\n",
        *_table(HEAD, [(kind, *_cells(found)) for kind, found in [*kinds, ("**all**", whole)]]),
        "*Right*: the rows, or the refusal, are the wanted ones. *Wrong number*: an answer that is not. *Coverage*: "
        "answered with a number. Times are what the asker waits.\n",
        "## Risk and coverage\n",
        f"![Share of wrong numbers when only the surest answers are given]({CURVE})\n",
        "Answering only from a confidence on: how many of the questions get a number, how many of these are wrong.\n",
        *_table(
            ("confidence from", "coverage %", "wrong %"),
            [(f"{p.confidence:.2f}", f"{p.coverage_percent:.1f}", f"{p.risk_percent:.2f}") for p in points],
        ),
        "## What was not right\n",
        *_listed([r for r in run.results if r.verdict != "right"]),
    ]
    return "\n".join(lines)


def _changes(changed: Changes | None) -> list[str]:
    if changed is None:
        return ["There is no run before this one to compare with.\n"]
    return [
        f"## Since {changed.before[:16].replace('T', ' ')} UTC\n",
        f"{len(changed.repaired)} became right, {len(changed.broken)} were right and are not any more; "
        f"{changed.new} questions are new, {changed.gone} are gone.\n",
        *(["### Broken\n", *_listed(changed.broken)] if changed.broken else []),
        *(["### Became right\n", *_listed(changed.repaired)] if changed.repaired else []),
    ]


def _listed(results: Sequence[Graded]) -> list[str]:
    if not results:
        return ["Nothing.\n"]
    shown = [(r.id, r.kind, r.question, r.verdict, r.note[:300]) for r in results[:MOST_LISTED]]
    more = [f"… and {len(results) - MOST_LISTED} more.\n"] if len(results) > MOST_LISTED else []
    rows = [[_text(text) for text in one] for one in shown]
    return [*_table(("id", "kind", "question", "verdict", "note"), rows, texts=5), *more]


def _cells(f: Figures) -> list[str]:
    cost = "unknown" if f.cost_usd is None else f"{f.cost_usd:.4f}"
    return [
        f"{f.questions:,}", f"{f.right:,}", f"{f.wrong:,}", f"{f.accuracy_percent:.1f}", f"{f.coverage_percent:.1f}",
        f"{f.clarify_percent:.1f}", f"{f.refused_percent:.1f}", f"{f.failed:,}", f"{f.tokens:,}", cost,
        f"{f.p50_ms:,.0f}", f"{f.p95_ms:,.0f}",
    ]  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> list[str]:
    """texts: how many columns stand left; the others are numbers."""
    line = ["---" if place < texts else "---:" for place in range(len(head))]
    return [f"| {' | '.join(cells)} |" for cells in (head, line, *rows)] + [""]


def _text(text: str) -> str:
    """Markdown that shows exactly this text, in a table too."""
    return re.sub(r"([\\`*_\[\]<>|&~#!])", r"\\\1", " ".join(plain(text).split()))


def _page(text: str, svg: str) -> str:
    from markdown_it import MarkdownIt  # comes with rich

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    drawn = svg[svg.index("<svg") :]
    body = re.sub(rf'<p><img src="{CURVE}" alt="([^"]*)" ?/></p>', lambda m: f"<figure>{drawn}</figure>", body)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>How good the answers are</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{STYLE}</style></head>\n'
        f"<body><main>{body}</main></body></html>\n"
    )


def _drawn(points: Sequence[Point]) -> str:
    """The curve as SVG. vl-convert may fetch nothing from anywhere."""
    import vl_convert  # heavy, and only wanted for this

    return str(vl_convert.vegalite_to_svg(json.dumps(_spec(points)), allowed_base_urls=[]))


def _spec(points: Sequence[Point]) -> dict[str, Any]:
    """Vega-Lite: risk over coverage, with its data inside."""
    values = [{"coverage": p.coverage_percent, "risk": p.risk_percent, "confidence": p.confidence} for p in points]
    most = max([5.0, *(p.risk_percent for p in points)])
    axis = {"labelFontSize": 12, "titleFontSize": 13, "gridColor": "#e6e8ea"}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 620,
        "height": 260,
        "background": "#ffffff",
        "padding": 10,
        "data": {"values": values},
        "mark": {"type": "line", "point": True, "color": "#0072b2", "interpolate": "linear"},
        "encoding": {
            "x": {
                "field": "coverage",
                "type": "quantitative",
                "scale": {"domain": [0, 100]},
                "axis": {**axis, "title": "questions answered with a number, %"},
            },
            "y": {
                "field": "risk",
                "type": "quantitative",
                "scale": {"domain": [0, most]},
                "axis": {**axis, "title": "wrong among the answered, %"},
            },
            "order": {"field": "coverage"},
        },
    }
