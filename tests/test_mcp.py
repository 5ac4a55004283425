"""The MCP server, by the official client over both transports: tools, who asks, progress, cancel, what is let in."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import mcp.types as types
import pytest
import web_company
from click.testing import CliRunner
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from program_server import SLOW, desk, running, served, soon

from assistant.config import ROOT, Config
from assistant.desk import facts
from assistant.desk.desk import Desk
from assistant.desk.tokens import Tokens
from assistant.surfaces.cli.main import main
from assistant.surfaces.mcp_server.server import over_http
from assistant.surfaces.mcp_server.tools import TOOLS
from assistant.telling.answer_object import AnswerObject

QUESTION = "cost by service last month"
Use = Callable[[ClientSession], Awaitable[Any]]
TRANSPORTS = ("stdio", "http")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return web_company.build(tmp_path_factory.mktemp("mcp") / "costs.duckdb")


@pytest.fixture(scope="module")
def asked(warehouse: Path) -> Iterator[Desk]:
    with desk(Config(warehouse=warehouse), web_company.TODAY) as open_desk:
        yield open_desk


@pytest.fixture(scope="module")
def url(asked: Desk) -> Iterator[str]:
    with served(over_http(asked, True, ())) as root:
        yield f"{root}/mcp"


def secret(warehouse: Path, user: str | None) -> str:
    return Tokens(warehouse.with_suffix(".tokens.sqlite")).create(user, "a test")[1]


@asynccontextmanager
async def over(transport: str, warehouse: Path, url: str, user: str) -> AsyncIterator[ClientSession]:
    if transport == "stdio":
        command = ["-m", "assistant.surfaces.cli.main", "mcp", "--user", user, "--today", web_company.TODAY.isoformat()]
        environment = {**os.environ, "ASKCOST_WAREHOUSE": str(warehouse)}
        streams: Any = stdio_client(StdioServerParameters(command=sys.executable, args=command, env=environment))
        async with streams as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            yield session
    else:
        headers = {"authorization": f"Bearer {secret(warehouse, user)}"}
        async with (
            httpx.AsyncClient(headers=headers) as client,
            streamable_http_client(url, http_client=client) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            yield session


def test_all_that_a_model_is_told_of_the_tools_costs_under_1000_tokens() -> None:
    told = [tool.model_dump(mode="json", exclude_none=True) for tool in TOOLS]
    written = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    assert max(len(written) / 4, len(re.findall(r"\w+|[^\w\s]+", written))) < 1_000


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_tool_answers_as_its_user(transport: str, warehouse: Path, url: str) -> None:
    async def use() -> None:
        async with over(transport, warehouse, url, "ben") as session:
            assert [t.name for t in (await session.list_tools()).tools] == [t.name for t in TOOLS]
            stages: list[tuple[float, str | None]] = []

            async def heard(done: float, _: float | None, words: str | None) -> None:
                stages.append((done, words))

            answer = await session.call_tool("ask", {"question": QUESTION, "thread": "t"}, progress_callback=heard)
            assert answer.structuredContent is not None
            told = AnswerObject.model_validate(answer.structuredContent)
            assert (told.status, told.user, told.row_count, answer.isError) == ("answered", "ben", 3, False)
            assert sum(row[1] for row in told.rows) == pytest.approx(28 * (2 + 4 + 6 + 3 * 0.02))  # Cumulus alone
            assert [at for at, _ in stages] == [1, 2, 3, 4]
            assert stages[-1][1] == "Read 3 rows."
            assert told.answer in answer.content[0].text
            assert "Model API,168.56" in answer.content[0].text

            more = await session.call_tool("ask", {"question": "and by provider", "thread": "t"})
            assert [row[0] for row in more.structuredContent["rows"]] == ["Cumulus"]
            lost = await session.call_tool("ask", {"question": "cost by flurb last month"})
            assert (lost.structuredContent["status"], lost.isError) == ("clarify", False)
            assert "flurb" in lost.content[0].text

            rows = await session.call_tool("sql", {"sql": "SELECT DISTINCT ProviderName AS p FROM cost_and_usage"})
            assert rows.structuredContent["rows"] == [["Cumulus"]]
            stolen = await session.call_tool("sql", {"sql": "DROP TABLE cost_and_usage"})
            assert stolen.structuredContent["status"] == "refused"
            many = await session.call_tool(
                "sql", {"sql": "SELECT a.BilledCost FROM cost_and_usage a, cost_and_usage b"}
            )
            assert (many.structuredContent["row_count"], many.structuredContent["truncated"]) == (500, True)

            what = await session.call_tool("explain", {"sql": "SELECT sum(EffectiveCost) AS c FROM cost_and_usage"})
            assert what.structuredContent["columns"] == [
                {"name": "c", "definition": "SUM(EffectiveCost)", "sources": ["cost_and_usage.EffectiveCost"]}
            ]
            assert "Cumulus" in what.structuredContent["policy"]
            assert what.structuredContent["estimate"]["rows"] == 297

            names = await session.call_tool("metrics_and_dimensions", {})
            (costs,) = names.structuredContent["datasets"]
            assert costs["loaded"] == ["2025-12-01", "2026-03-09"]
            assert {"name": "team", "label": "team"} in costs["dimensions"]

            mine = (await session.call_tool("audit", {})).structuredContent["answers"]
            assert told.answer_id in [one["answer_id"] for one in mine]
            (whole,) = (await session.call_tool("audit", {"answer_id": told.answer_id})).structuredContent["answers"]
            assert (whole["surface"], whole["sql"]) == ("mcp" if transport == "stdio" else "test", told.sql)

            for tool, given, words in (
                ("ask", {}, "'question' is a required property"),
                ("ask", {"question": QUESTION, "today": "tomorrow"}, "2026-10-14"),
                ("explain", {"sql": "SELECT nothing FROM cost_and_usage"}, "nothing"),
                ("metrics_and_dimensions", {"dataset": "gold"}, "cost_and_usage"),
                ("audit", {"answer_id": "01"}, "not given to you"),
            ):
                wrong = await session.call_tool(tool, given)
                assert wrong.isError, tool
                assert words in wrong.content[0].text

    asyncio.run(use())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_cancel_stops_the_statement(transport: str, warehouse: Path, url: str, asked: Desk) -> None:
    async def use() -> None:
        async with over(transport, warehouse, url, "ada") as session:
            begun = asyncio.Event()

            async def heard(*_: Any) -> None:
                begun.set()

            call = session.call_tool("sql", {"sql": SLOW}, timedelta(seconds=60), progress_callback=heard)
            waiting = asyncio.create_task(call)
            await asyncio.wait_for(begun.wait(), 20)
            number = session._request_id - 1
            cancelled = types.CancelledNotification(params=types.CancelledNotificationParams(requestId=number))
            await session.send_notification(types.ClientNotification(cancelled))
            with pytest.raises(Exception, match="cancelled"):
                await waiting
            after = await session.call_tool("ask", {"question": "cost last month"})
            assert after.structuredContent["status"] == "answered"
            while True:  # the stopped statement is recorded as what it is
                kept = (await session.call_tool("audit", {})).structuredContent["answers"]
                if any(one["question"] == SLOW and one["status"] == "error" for one in kept):
                    return
                await asyncio.sleep(0.1)

    async def in_time() -> None:
        await asyncio.wait_for(use(), 40)

    asyncio.run(in_time())
    if transport == "http":
        soon(lambda: running(asked) == 0)


def test_on_stdio_nothing_but_the_protocol_is_on_standard_output(warehouse: Path) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    call = {"name": "ask", "arguments": {"question": QUESTION}}
    sent = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
    ]
    command = [sys.executable, "-m", "assistant.surfaces.cli.main", "mcp", "--today", "2026-03-10"]
    environment = {**os.environ, "ASKCOST_WAREHOUSE": str(warehouse)}
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, env=environment, encoding="utf-8") as server:
        assert server.stdin
        assert server.stdout
        assert server.stderr
        server.stdin.write("".join(f"{json.dumps(one)}\n" for one in sent) + "no protocol at all\n")
        server.stdin.flush()
        said = []
        while not any(one.get("id") == 2 for one in said):
            said.append(json.loads(server.stdout.readline()))
        server.stdin.close()
        assert [json.loads(line)["jsonrpc"] for line in server.stdout] == []
        assert server.wait(20) == 0
        assert "Traceback" not in server.stderr.read()


@pytest.mark.parametrize(
    ("command", "exit", "words"),
    [
        (["mcp", "--user", "mallory"], 4, "mallory"),
        (["mcp", "--http", "--user", "ada"], 2, "each token says who asks"),
        (["mcp", "--warehouse", "nowhere.duckdb"], 1, "nowhere.duckdb"),
    ],
)
def test_what_it_can_not_start_with_is_said(warehouse: Path, command: list[str], exit: int, words: str) -> None:
    done = CliRunner(env={"ASKCOST_WAREHOUSE": str(warehouse)}).invoke(main, command)
    assert (done.exit_code, done.stdout) == (exit, ""), done.stderr
    assert words in done.stderr


def test_only_who_bears_a_token_is_let_in(warehouse: Path, url: str, asked: Desk) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}

    def knock(bearer: str, at: str = url, **more: str) -> httpx.Response:
        accept = {"accept": "application/json, text/event-stream", "authorization": f"Bearer {bearer}"}
        return httpx.post(at, json=body, headers={**accept, **more})

    tokens = Tokens(warehouse.with_suffix(".tokens.sqlite"))
    token, bearer = tokens.create("ada", "a test")
    opened = knock(bearer)
    assert opened.status_code == 200
    session = {"mcp-session-id": opened.headers["mcp-session-id"]}
    assert knock(secret(warehouse, "ada"), **session).status_code == 404  # another token, even of the same user
    assert knock(bearer, host="evil.example").status_code in (403, 421)
    assert knock(bearer, origin="https://evil.example").status_code == 403
    assert knock(secret(warehouse, None)).status_code == 200  # the local operator's, at this machine
    with served(over_http(asked, False, ())) as open_to_others:
        refused = knock(secret(warehouse, None), f"{open_to_others}/mcp")
        assert (refused.status_code, "local operator" in refused.json()["error"]) == (403, True)
    tokens.revoke(token.id)
    assert knock(bearer, **session).status_code == 401
    assert knock("askcost_guess").status_code == 401


def test_a_token_that_asks_too_often_is_told_when_to_come_back(warehouse: Path) -> None:
    config = Config(warehouse=warehouse, token_per_minute=2)

    async def use(url: str) -> None:
        async with over("http", warehouse, url, "ada") as session:
            said = [await session.call_tool("audit", {}) for _ in range(3)]
            assert [one.isError for one in said] == [False, False, True]
            assert "2 times in a minute" in said[2].content[0].text

    with desk(config, web_company.TODAY) as few, served(over_http(few, True, ())) as root:
        asyncio.run(use(f"{root}/mcp"))


def test_what_a_role_does_not_see_is_not_offered(warehouse: Path, tmp_path: Path) -> None:
    schemas = tmp_path / "schemas"
    shutil.copytree(ROOT / "schemas", schemas)
    roles = (schemas / "roles.yaml").read_text(encoding="utf-8")
    hidden = "hidden: { cost_and_usage: [ServiceName, BilledCost] }, people: own, verifies"
    (schemas / "roles.yaml").write_text(
        re.sub(r"(analyst:.*?)hidden: \{\}, people: own, verifies", rf"\1{hidden}", roles), encoding="utf-8"
    )
    with desk(Config(warehouse=warehouse, schemas=schemas), web_company.TODAY) as own:
        for user, there in (("ada", True), ("ben", False)):
            (costs,) = facts.offered(own, user)["datasets"]
            assert ("service" in [d["name"] for d in costs["dimensions"]]) == there
            assert ("billed_cost" in [m["name"] for m in costs["metrics"]]) == there
            assert "effective_cost" in [m["name"] for m in costs["metrics"]]


def test_a_question_on_the_command_line_does_not_load_the_servers() -> None:
    code = (
        "import sys, assistant.surfaces.cli.main, assistant.surfaces.cli.asking;"
        "print([m for m in ('mcp', 'fastapi', 'starlette', 'uvicorn', 'chainlit') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
