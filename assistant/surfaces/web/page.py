"""The web application around Chainlit's own: answers' data for the page, files, and what a browser may load.

Every route asks for the answer on behalf of the signed-in user; the desk decides who sees it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Annotated, NamedTuple, TypeVar

import chainlit as cl
import chainlit.server
from anyio import to_thread
from chainlit.config import config as chainlit_config
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from assistant.alerts.firing import Readers, unknown
from assistant.alerts.talk import Talk
from assistant.desk import replay, shown
from assistant.desk.desk import Desk, Recalled
from assistant.errors import AssistantError
from assistant.surfaces.web import alerts, api, history, logs, payload, sign_in
from assistant.surfaces.web.chat import Chat, name_of
from assistant.surfaces.web.gate import Gate
from assistant.surfaces.web.metrics import Metrics
from assistant.surfaces.web.passwords import Passwords
from assistant.surfaces.web.settings import LOOPBACK, WebSettings, beside
from assistant.surfaces.web.sign_in import SignedIn
from assistant.telling.plotly_chart import to_plotly
from assistant.telling.table import to_csv, to_xlsx
from assistant.values import Answer

FOREIGN = re.compile(r"<link\b[^>]*\bhref=\"https?://[^>]*>", re.DOTALL)
MOST_THREADS = 64
LEAVING_SECONDS = 20
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


logger = logging.getLogger(__name__)
Content = TypeVar("Content", str, bytes)
routes = APIRouter()


class Asked(NamedTuple):
    """An answer found again for who asks."""

    recalled: Recalled
    desk: Desk
    user: str | None


async def asked_for(request: Request, answer_id: str, user: SignedIn) -> Asked:
    """Status 404 for an answer that is not this user's, whether or not it exists."""
    desk, who = request.app.state.desk, name_of(user)
    try:
        return Asked(await to_thread.run_sync(desk.recall, answer_id, who), desk, who)
    except AssistantError as error:
        raise HTTPException(404, str(error)) from None


Answered = Annotated[Asked, Depends(asked_for)]


@routes.get("/answers/{answer_id}")
async def panel(asked: Answered) -> Response:
    return _private(JSONResponse(await to_thread.run_sync(payload.panel, *asked)))


@routes.get("/answers/{answer_id}/chart")
async def chart(asked: Answered) -> Response:
    drawn = shown.picture(asked.recalled.answer, asked.desk)
    if drawn is None:
        raise HTTPException(404, "This answer has no chart.")
    answer = asked.recalled.answer
    return _private(
        JSONResponse(to_plotly(await to_thread.run_sync(shown.with_trend, drawn, answer, asked.desk, asked.user)))
    )


@routes.get("/answers/{answer_id}/lineage")
async def lineage(asked: Answered) -> Response:
    found = await to_thread.run_sync(shown.lineage, asked.recalled.answer, asked.desk, asked.user)
    return _private(JSONResponse(found))


@routes.get("/answers/{answer_id}/audit")
async def audit(asked: Answered) -> Response:
    kept = await to_thread.run_sync(asked.desk.record, asked.recalled.answer.answer_id, asked.user)
    return _private(JSONResponse(payload.record(kept)))


@routes.get("/answers/{answer_id}/replay")
async def replayed(asked: Answered) -> Response:
    """The answer run again on what is loaded now; in words when it can't be."""
    core, answer_id = asked.desk.assistant, asked.recalled.answer.answer_id
    try:
        report = await to_thread.run_sync(replay.replay, core, answer_id)
    except AssistantError as error:
        return _private(JSONResponse(payload.unreplayed(str(error))))
    return _private(JSONResponse(await to_thread.run_sync(payload.replayed, report)))


@routes.get("/answers/{answer_id}/csv")
async def csv(asked: Answered) -> Response:
    answer = asked.recalled.answer
    content = await _made(to_csv, answer)
    return _file(content.encode(), "text/csv; charset=utf-8", answer.answer_id, "csv")


@routes.get("/answers/{answer_id}/xlsx")
async def xlsx(asked: Answered) -> Response:
    answer = asked.recalled.answer
    book = await _made(to_xlsx, answer)
    return _file(book, XLSX, answer.answer_id, "xlsx")


@routes.get("/ready")
async def ready(request: Request) -> Response:
    """Whether questions can be answered now: the warehouse opens, and the server is not about to leave."""
    desk = request.app.state.desk
    if request.app.state.chat.leaving:
        return JSONResponse({"ready": False, "why": "The server is about to stop."}, 503)
    try:
        await to_thread.run_sync(lambda: desk.assistant.warehouse)
    except AssistantError as error:
        return JSONResponse({"ready": False, "why": str(error)}, 503)
    return JSONResponse({"ready": True})


@routes.get("/metrics")
async def metrics(request: Request) -> Response:
    return _private(Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST))


def application(
    desk: Desk,
    programs: Desk,
    settings: WebSettings,
    local: bool,
    statements: Callable[[], float],
    end: Callable[[], None],
    readers: Readers = unknown,
) -> FastAPI:
    """The whole web application: pages, chats, history, sign-in, and the API.

    programs: where the API asks. local: only this machine reaches it. statements: how many run in the engine.
    end: ends the server that this is served by. readers: who reads a Slack channel that an alert goes to.
    """
    config = desk.assistant.config
    kept = settings.history or f"sqlite+aiosqlite:///{beside(config, 'chats.sqlite').absolute()}"
    url = history.prepare(kept)
    cl.data_layer(lambda: history.History(url))
    sign_in.register(desk, settings, Passwords(beside(config, "passwords.sqlite")))
    talk = Talk(desk, readers)
    chat = Chat(desk, talk)
    chat.register()
    own_page()
    # The reader's system decides. The page knows this value, Chainlit's check of its settings file does not.
    chainlit_config.ui.default_theme = "system"
    app = FastAPI(title="askcost", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_life)
    app.state.desk, app.state.chat, app.state.talk = desk, chat, talk
    app.state.metrics, app.state.end = Metrics(statements, lambda: chat.running), end
    for one in (desk, programs):
        one.observers += [app.state.metrics.observe, logs.answered]
    app.include_router(routes)
    app.include_router(alerts.routes)
    app.mount(api.PATH, api.application(programs, local))
    app.mount("/", chainlit.server.app)
    app.add_middleware(Gate, hosts=LOOPBACK | {*settings.hosts})
    return app


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    """Threads enough for everybody's answers, and on SIGTERM an end that lets those that run be finished."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(MOST_THREADS, "answer"))
    ends: list[asyncio.Task[None]] = []
    loop.add_signal_handler(signal.SIGTERM, lambda: ends.append(loop.create_task(_leave(app))))
    yield


async def _leave(app: FastAPI) -> None:
    """Takes no more questions, waits for the answers in the making, then lets the server end."""
    app.state.chat.leaving = True
    until = asyncio.get_running_loop().time() + LEAVING_SECONDS
    while app.state.chat.running and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.05)
    app.state.end()


def own_page() -> None:
    """Chainlit's page without links to other hosts: the network may be closed, and nobody else is told."""
    original = chainlit.server.get_html_template

    def template(root_path: str) -> str:
        return FOREIGN.sub("", str(original(root_path)))  # type: ignore[no-untyped-call]

    chainlit.server.get_html_template = template


async def _made(make: Callable[..., Content], answer: Answer) -> Content:
    """A file's content; status 507 when there is no room to make it."""
    try:
        return await to_thread.run_sync(make, answer.columns, answer.rows)
    except OSError:
        logger.exception("no room to make a file")
        raise HTTPException(
            507, "The server has no room to make this file. The answer is kept; try again later."
        ) from None


def _private(response: Response) -> Response:
    response.headers["cache-control"] = "no-store"
    return response


def _file(content: bytes, kind: str, answer_id: str, ending: str) -> Response:
    name = f"askcost-{answer_id}.{ending}"
    return _private(
        Response(content, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})
    )
