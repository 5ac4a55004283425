"""The stand-in model: a question goes the whole way through the real client, without a key, and nothing is hidden."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from conftest import WarehouseOf

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.planning import proposal
from assistant.surfaces import demo_model
from assistant.surfaces.openai_protocol import ProtocolServer
from assistant.values import Answer, Question

KNOWN = demo_model.words(Config().schemas)


@pytest.fixture
def assistant(warehouse_of: WarehouseOf, tmp_path: Path) -> Iterator[Assistant]:
    with ProtocolServer(lambda request: demo_model.reply(request, KNOWN)) as server:
        config = Config(  # type: ignore[call-arg]
            warehouse=warehouse_of("tarnbrook"),
            ledger=tmp_path / "l.sqlite",
            llm_base_url=server.url,
            llm_model=demo_model.NAME,
            llm_narration_model=demo_model.NAME,
        )
        opened = Assistant(config)
        yield opened
        opened.close()


def ask(assistant: Assistant, text: str) -> Answer:
    return assistant.ask(Question(text, today=date(2026, 3, 19)))


@pytest.mark.parametrize(
    ("question", "understood"),
    [
        ("which squads were splurging last month", "Effective cost · Feb 2026 · by squad"),
        ("splurging on the bezos cloud by squad last month", "Provider is AWS"),
        ("top 3 squads by splurging last month", "by squad · top 3"),
        ("splurging by squad last month compared to the month before", "compared with Jan 2026"),
        ("share of splurging by squad last month", "share"),
    ],
)
def test_words_it_knows_are_completed(question: str, understood: str, assistant: Assistant) -> None:
    answer = ask(assistant, question)
    assert (answer.status, answer.planner) == ("answered", "llm"), answer
    assert understood in answer.understood
    assert answer.tokens.cost_usd == 0.0  # schemas/llm.yaml says so; a model without a price would be None
    assert answer.tokens.input > 200


def test_a_word_it_does_not_know_is_asked_back(assistant: Assistant) -> None:
    answer = ask(assistant, "flibbering by squad last month")
    assert answer.status == "clarify"
    assert answer.clarify is not None
    assert "“flibbering”" in answer.clarify.question


def test_its_plans_are_in_the_schema_s_own_form() -> None:
    draft = {
        "metrics": ["effective_cost"], "dimensions": ["squad"], "filters": [{"dimension": "provider", "op": "empty"}],
        "period": {"start": "2026-02-01", "end": "2026-03-01"}, "share": True, "limit": 3,
        "order": {"by": "effective_cost"}, "having": [{"metric": "effective_cost", "op": ">", "value": "5"}],
    }  # fmt: skip
    read = proposal.Proposal.model_validate(demo_model.plan({"draft": draft}, KNOWN))
    assert (read.share, read.limit, read.order and read.order.descending) == (True, 3, True)
    assert read.period is not None
    assert read.having[0].value == 5


def test_the_command_says_what_to_set_and_ends_quietly() -> None:
    command = [sys.executable, "-m", "assistant.surfaces.cli.main", "demo-model", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert running.stdout is not None
    said = "".join(running.stdout.readline() for _ in range(3))
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    assert re.search(r"ASKCOST_LLM_BASE_URL=http://127.0.0.1:\d+/v1 ASKCOST_LLM_MODEL=askcost-demo", said)
    assert (running.returncode, errors) == (0, "")
