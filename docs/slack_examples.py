"""Writes docs/slack-*.json and docs/slack-chart.png: what the Slack bot says about the demo company."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk import shown
from assistant.desk.desk import Desk
from assistant.surfaces.slack import blocks, picture
from assistant.surfaces.slack.answering import around
from assistant.surfaces.slack.blocks import Message
from assistant.warehouse import demo

DOCS = Path(__file__).parent
TODAY = date(2026, 10, 14)
ANSWERED = "AWS cost by team last month"
ASKED_BACK = "cost of core last month"


def write(warehouse: Path) -> None:
    """The examples, from a demo warehouse that ends on TODAY."""
    folder = Path(tempfile.mkdtemp())
    config = Config(warehouse=warehouse, ledger=folder / "ledger.sqlite", slack_web_url="https://costs.example.com")
    desk = Desk(Assistant(config), TODAY)
    answer = desk.ask(ANSWERED, None, None)
    chart = shown.picture(answer, desk)
    assert chart
    (DOCS / "slack-chart.png").write_bytes(picture.to_png(chart))
    extras = replace(around(answer, desk), image="F0123456789", described=picture.described(chart))
    _save("slack-answer.json", blocks.answered(answer, extras))
    _save("slack-clarify.json", blocks.asked_back(desk.ask(ASKED_BACK, None, None)))


def _save(name: str, message: Message) -> None:
    content = {"text": message.text, "blocks": list(message.blocks)}
    (DOCS / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write(Path(sys.argv[1]))
    else:
        path = Path(tempfile.mkdtemp()) / "demo.duckdb"
        demo.build(path, end=TODAY)
        write(path)
