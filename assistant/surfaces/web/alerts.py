"""What the page shows of alerts: a draft with what it would have sent, and the reader's own list. Plain JSON of texts.

Fetched when it is drawn, under the reader's present rights: nothing of it is kept with the chat.
"""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response

from assistant.alerts.rule import Message
from assistant.alerts.talk import Draft, Speaker, Talk
from assistant.errors import AssistantError
from assistant.surfaces.web.chat import name_of
from assistant.surfaces.web.sign_in import SignedIn
from assistant.telling.table import plain

routes = APIRouter(prefix="/alerts")
LONGEST = 1_000


@routes.get("")
async def listed(request: Request, user: SignedIn) -> Response:
    found = await _found(request.app.state.talk.listed, name_of(user))
    return _private(
        [
            {"id": one.id, "words": plain(one.words), "facts": plain(one.facts), "muted": one.muted}
            for one in found.alerts
        ]
    )


@routes.get("/draft")
async def draft(request: Request, user: SignedIn, words: str) -> Response:
    """The draft of these words, made anew."""
    talk: Talk = request.app.state.talk
    if len(words) > LONGEST:
        raise HTTPException(422, "These are too many words for an alert.")
    reply = await _found(talk.offer, words, Speaker(name_of(user), None))
    if reply.draft is None:
        raise HTTPException(404, reply.text)
    return _private(_drawn(reply.draft) | {"kept": await _found(talk.holds, reply.draft, name_of(user))})


def _drawn(one: Draft) -> dict[str, Any]:
    return {
        "words": plain(one.rule.words),
        "facts": [plain(fact) for fact in one.facts],
        "head": one.head,
        "sent": [_message(alert.message) for alert in one.sent],
        "seal": one.seal,
    }


def _message(message: Message) -> dict[str, str]:
    table = "\n".join(plain(f"|{line}")[1:] for line in message.table.splitlines())
    return {"title": plain(message.title), "text": plain(message.text), "table": table}


async def _found(call: Any, *arguments: Any) -> Any:
    try:
        return await to_thread.run_sync(call, *arguments)
    except AssistantError as error:
        raise HTTPException(404, str(error)) from None


def _private(content: Any) -> Response:
    return JSONResponse(content, headers={"cache-control": "no-store"})
