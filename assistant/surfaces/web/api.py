"""The HTTP API: `/api/v1/ask` and `/api/v1/sql`, each with the answer object; errors in words. Decides nothing.

Who asks is the token's user (assistant/desk/bearer.py). Chainlit is not needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import date
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp
from ulid import ULID

from assistant.desk import running
from assistant.desk.bearer import Door
from assistant.desk.desk import Desk
from assistant.desk.rate import Rate
from assistant.desk.tokens import Tokens
from assistant.errors import AssistantError
from assistant.premises import Watch
from assistant.telling.answer_object import AnswerObject, to_dict
from assistant.values import Answer

PATH = "/api/v1"
FIRST, LAST = date(2000, 1, 1), date(2100, 1, 1)
ABOUT = (
    "Ask your cost warehouse. A question that can't be answered is answered too: `status` is then `clarify` or "
    "`refused`, and the HTTP status 200. Tokens: `askcost token`."
)
FAILED = "This went wrong inside askcost, not in your request. Whoever runs it finds it in the log under {}."
logger = logging.getLogger(__name__)


class Problem(BaseModel):
    """Why there is no answer object."""

    error: str


class Ask(BaseModel):
    question: str = Field(min_length=1, max_length=2_000, examples=["cost by team last month"])
    thread: str | None = Field(None, max_length=200, description="Continues this conversation of yours.")
    today: date | None = Field(None, ge=FIRST, le=LAST, description="The day that “today” means.")


class Statement(BaseModel):
    sql: str = Field(min_length=1, max_length=100_000, examples=["SELECT count(*) FROM cost_and_usage"])
    thread: str | None = Field(None, max_length=200)


def application(desk: Desk, local: bool) -> ASGIApp:
    """The API behind its door, to be mounted at PATH. local: the server can be reached from this machine only."""
    config = desk.assistant.config
    problems: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem} for status in (400, 401, 403, 413, 422, 429, 500, 503)
    }
    api = FastAPI(title="askcost", version="1", description=ABOUT, docs_url=None, redoc_url=None, responses=problems)
    api.state.desk = desk
    for path, handler in (("/ask", ask), ("/sql", sql)):
        signed = [Depends(HTTPBearer(auto_error=False, description="A token of `askcost token`."))]
        api.post(path, response_model=AnswerObject, dependencies=signed)(handler)
    api.exception_handler(RequestValidationError)(_invalid)
    api.exception_handler(HTTPException)(_in_words)
    api.exception_handler(AssistantError)(_unready)
    api.exception_handler(Exception)(_failed)
    described = frozenset({f"{PATH}/openapi.json"})
    return Door(api, desk, Tokens.of(config), local, Rate(config.token_per_minute), described)


async def ask(request: Request, asked: Ask) -> Response:
    """One question in words, with what it was understood as, the rows, and the SQL that read them."""
    desk, user = request.app.state.desk, request.scope["askcost.token"].user
    return await _answered(
        request, lambda watch: desk.ask(asked.question, user, asked.thread, watch=watch, today=asked.today)
    )


async def sql(request: Request, statement: Statement) -> Response:
    """The rows of your own SQL, through the guard and under your row policy."""
    desk, user = request.app.state.desk, request.scope["askcost.token"].user
    return await _answered(request, lambda watch: desk.run(statement.sql, user, statement.thread, watch))


async def _answered(request: Request, call: Callable[[Watch], Answer]) -> Response:
    """The answer object; when the caller hangs up, its statement is stopped."""
    work = asyncio.create_task(running.made(request.app.state.desk, call))
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            return Response(status_code=499)  # to nobody
        content = await asyncio.to_thread(to_dict, await work)
    finally:
        work.cancel()
        gone.cancel()
    return JSONResponse(content, headers={"cache-control": "no-store"})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _problem(status: int, words: str) -> Response:
    return JSONResponse({"error": words}, status)


async def _invalid(_: Request, error: Any) -> Response:
    """What is wrong and where; without what was sent, which may be no text at all."""
    said = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
    return _problem(422, f"The request can't be read. {'; '.join(said)}.".encode("utf-8", "replace").decode())


async def _in_words(_: Request, error: Any) -> Response:
    return _problem(error.status_code, f"{error.detail}. What there is: {PATH}/openapi.json.")


async def _unready(_: Request, error: Exception) -> Response:
    return _problem(503, str(error))


async def _failed(_: Request, error: Exception) -> Response:
    reference = str(ULID())
    logger.error("api failed, reference %s", reference, exc_info=error)
    return _problem(500, FAILED.format(reference))
