"""Writes docs/slack-*.json and docs/slack-chart.png: what the Slack bot says about the demo company."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

from pydantic import SecretStr

from assistant.alerts.talk import Speaker, Talk
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk import briefing, incidents, shown
from assistant.desk.desk import Desk
from assistant.surfaces.slack import blocks, notices, picture, views
from assistant.surfaces.slack.answering import around
from assistant.surfaces.slack.parts import Message
from assistant.warehouse import demo

DOCS = Path(__file__).parent
TODAY = date(2026, 10, 14)
ANSWERED = "AWS cost by team last month"
ASKED_BACK = "cost of core last month"
ODD = "anomalies last month"
ALERT = "tell me when AI spend rises by more than 10 % week over week, to #finance"


def write(warehouse: Path) -> None:
    """The examples, from a demo warehouse that ends on TODAY."""
    folder = Path(tempfile.mkdtemp())
    config = Config(warehouse=warehouse, ledger=folder / "ledger.sqlite", slack_web_url="https://costs.example.com")
    config = config.model_copy(update={"alerts_slack": {"#finance": SecretStr("https://hooks.example.com/in")}})
    desk = Desk(Assistant(config), TODAY)
    answer = desk.ask(ANSWERED, None, None)
    chart = shown.picture(answer, desk)
    assert chart
    (DOCS / "slack-chart.png").write_bytes(picture.to_png(chart))
    extras = replace(around(answer, desk), image="F0123456789", described=picture.described(chart))
    _save("slack-answer.json", blocks.answered(answer, extras))
    _save("slack-clarify.json", blocks.asked_back(desk.ask(ASKED_BACK, None, None)))
    odd = desk.ask(ODD, None, None)
    extras = replace(around(odd, desk), incidents=incidents.of(odd, desk, None))
    _save("slack-anomalies.json", blocks.answered(odd, extras))
    talk = Talk(desk)
    draft = talk.offer(ALERT, Speaker(None, "thread"))
    assert draft.draft
    _save("slack-alert.json", notices.reply(draft, "U0123456789"))
    talk.keep(ALERT, draft.draft.seal, Speaker(None, "thread"))
    lines, questions = briefing.lines(desk, None), briefing.questions(desk, None)
    home = views.home(lines, ["There is no limit on tokens for you."], [ANSWERED], questions, talk.listed(None))
    (DOCS / "slack-home.json").write_text(json.dumps(home, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


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
