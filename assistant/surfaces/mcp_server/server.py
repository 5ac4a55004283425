"""The MCP server: a model's tool calls turned into questions, and answers into results. Decides nothing.

Over stdio it asks as one user, over streamable HTTP as the user of each request's token.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from typing import Any

import anyio
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import CallToolResult, TextContent, Tool
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from ulid import ULID

from assistant.desk import facts, running
from assistant.desk.bearer import LARGEST_BODY, Door
from assistant.desk.desk import Desk
from assistant.desk.rate import Rate
from assistant.desk.tokens import Token, Tokens
from assistant.errors import AssistantError, Refused
from assistant.premises import Watch
from assistant.surfaces.mcp_server.tools import INSTRUCTIONS, TOOLS
from assistant.telling.answer_object import to_dict
from assistant.telling.table import to_csv
from assistant.values import Answer

PATH = "/mcp"
MOST_ROWS = 500  # more would fill a model's window and say nothing
ROWS_AS_TEXT = 50
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
FAILED = "This went wrong inside askcost, not in your request. Whoever runs it finds it in the log under {}."
logger = logging.getLogger(__name__)


class Answering:
    """The tools over one desk. user: who asks when no token says so."""

    def __init__(self, desk: Desk, user: str | None = None) -> None:
        self.desk, self.user = desk, user
        self.rate = Rate(desk.assistant.config.token_per_minute)
        self.server: Server[Any, Any] = Server("askcost", version("askcost"), INSTRUCTIONS)
        self.server.list_tools()(self.tools)  # type: ignore[no-untyped-call]
        self.server.call_tool()(self.call)

    async def tools(self) -> list[Tool]:
        return list(TOOLS)

    async def call(self, name: str, given: dict[str, Any]) -> CallToolResult:
        """A result that says in words what is wrong, when something is."""
        try:
            return await self._called(name, given, self._user())
        except AssistantError as error:
            return _wrong(str(error))
        except Exception:
            reference = str(ULID())
            logger.exception("mcp failed, reference %s", reference)
            return _wrong(FAILED.format(reference))

    def _user(self) -> str | None:
        """Raises Refused when the token has asked too often."""
        request = self.server.request_context.request
        if request is None:
            return self.user
        token: Token = request.scope["askcost.token"]
        if seconds := self.rate.take(token.id):
            raise Refused(self.rate.refusal(seconds))
        return token.user

    async def _called(self, name: str, given: dict[str, Any], user: str | None) -> CallToolResult:
        desk = self.desk
        if name == "ask":
            question, thread, today = given["question"], given.get("thread"), _day(given.get("today"))
            return await self._made(lambda watch: desk.ask(question, user, thread, watch=watch, today=today))
        if name == "sql":
            return await self._made(lambda watch: desk.run(given["sql"], user, None, watch))
        if name == "explain":
            found = await asyncio.to_thread(facts.explained, desk, given["sql"], user)
        elif name == "metrics_and_dimensions":
            found = await asyncio.to_thread(facts.offered, desk, user, given.get("dataset"))
        elif name == "audit":
            found = await asyncio.to_thread(facts.given, desk, user, given.get("answer_id"))
        else:
            raise Refused(f"There is no tool {name!r}; there are {', '.join(tool.name for tool in TOOLS)}.")
        return _result(json.dumps(found, ensure_ascii=False), found)

    async def _made(self, call: Callable[[Watch], Answer]) -> CallToolResult:
        """An answer, while its stages are told to who wants to know."""
        context = self.server.request_context
        wanted = context.meta.progressToken if context.meta else None
        reached = 0

        async def tell(words: str) -> None:
            nonlocal reached
            reached += 1
            if wanted is not None:
                await context.session.send_progress_notification(
                    wanted, reached, message=words, related_request_id=str(context.request_id)
                )

        answer = await running.made(self.desk, call, tell)
        if len(answer.rows) > MOST_ROWS:
            answer = replace(answer, rows=answer.rows[:MOST_ROWS], truncated=True)
        return _result(_text(answer), await asyncio.to_thread(to_dict, answer), answer.status == "error")


async def over_stdio(desk: Desk, user: str | None) -> None:
    """Until the client closes standard input. Standard output is the protocol's alone."""
    asked = os.fdopen(os.dup(0), encoding="utf-8", errors="replace")
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # whatever else prints, a library or a worker, prints to standard error
    sys.stdout = sys.stderr
    server = Answering(desk, user).server
    async with stdio_server(anyio.wrap_file(asked), anyio.wrap_file(told)) as (read, write):
        await server.run(read, write, server.create_initialization_options())


def over_http(desk: Desk, local: bool, names: Sequence[str]) -> ASGIApp:
    """Serves PATH to who bears a token. names: those of this host that requests may use, beside this machine's."""
    answering = Answering(desk)
    hosts = [*LOOPBACK, *names]
    served = [f"{host}:*" for host in hosts]
    manager = StreamableHTTPSessionManager(
        answering.server,
        max_request_body_size=LARGEST_BODY,
        security_settings=TransportSecuritySettings(
            allowed_hosts=[*hosts, *served],
            allowed_origins=[
                f"{kind}://{host}{port}" for kind in ("http", "https") for host in hosts for port in ("", ":*")
            ],
        ),
    )

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        """A session belongs to the token that opened it: the manager compares these."""
        token: Token = scope["askcost.token"]
        access = AccessToken(token="", client_id=token.id, scopes=[], subject=token.user)
        await manager.handle_request({**scope, "user": AuthenticatedUser(access)}, receive, send)

    @asynccontextmanager
    async def life(_: Starlette) -> Any:
        async with manager.run():
            yield

    door = Door(inside, desk, Tokens.of(desk.assistant.config), local)
    return Starlette(routes=[Route(PATH, door)], lifespan=life)


def _text(answer: Answer) -> str:
    """The answer for clients that pass on texts only: words, and the first rows as CSV."""
    if answer.status == "clarify" and answer.clarify:
        return "\n".join([answer.clarify.question, *(f"- {option}" for option in answer.clarify.options)])
    if answer.status != "answered":
        return answer.error or "That can't be answered."
    said = [answer.answer, *([f"Understood: {answer.understood}"] if answer.understood else ()), *answer.assumptions]
    rows = to_csv(answer.columns, answer.rows[:ROWS_AS_TEXT])
    left = len(answer.rows) - ROWS_AS_TEXT
    more = f"\n{left:,} more rows are in the structured content." if left > 0 else ""
    return "\n".join([*said, "", rows]) + more


def _result(text: str, found: dict[str, Any], failed: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], structuredContent=found, isError=failed)


def _wrong(words: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=words)], isError=True)


def _day(text: str | None) -> date | None:
    """Raises Refused for what is no day that anybody means."""
    try:
        day = date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise Refused(f"{text!r} is no day; write 2026-10-14.") from None
    if day is not None and not 2000 <= day.year < 2100:
        raise Refused(f"{text!r} is not between 2000 and 2100.")
    return day
