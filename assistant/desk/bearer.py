"""The door for programs: lets in requests that bear a token, as its user, and says in words why not. Plain ASGI.

Knows nothing of what is inside. A token is looked at anew with each request, so revoking one works at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from assistant.desk.desk import Desk
from assistant.desk.rate import Rate
from assistant.desk.tokens import Token, Tokens
from assistant.errors import AssistantError, Refused

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 1_000_000
NO_TOKEN = "Send a token as “Authorization: Bearer …”; `askcost token USER --name …` creates one."
UNKNOWN = "This token is unknown or was revoked; `askcost token USER --name …` creates another."
LOCAL_ONLY = "This is the local operator's token, which works only where the server listens on this machine alone."
TOO_LARGE = f"The body is larger than {LARGEST_BODY:,} bytes."


class Shut(Exception):
    """Why a request is not let in: its status, the words, further headers."""

    def __init__(self, status: int, words: str, **headers: str) -> None:
        super().__init__(words)
        self.status, self.words, self.headers = status, words, headers


class Door:
    """Requests go on to `app` with `askcost.token` in their scope.

    local: whether the server can be reached from this machine only. rate: None when the inside counts.
    """

    def __init__(
        self,
        app: App,
        desk: Desk,
        tokens: Tokens,
        local: bool,
        rate: Rate | None = None,
        open_paths: frozenset[str] = frozenset(),
    ) -> None:
        self._app, self._desk, self._tokens = app, desk, tokens
        self._local, self._rate, self._open = local, rate, open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            token = await asyncio.to_thread(self._token, headers.get(b"authorization", b""))
            if self._rate is not None and (seconds := self._rate.take(token.id)):
                raise Shut(429, self._rate.refusal(seconds), **{"retry-after": str(seconds)})
            body = await _body(receive)
        except Shut as shut:
            await _say(send, shut)
        else:
            await self._app({**scope, "askcost.token": token}, _again(body, receive), send)

    def _token(self, authorization: bytes) -> Token:
        """Raises Shut: 401 without a token, 403 when it opens nothing here, 503 when costs can't be read now."""
        kind, _, secret = authorization.decode("latin-1").partition(" ")
        if kind.lower() != "bearer" or not secret.strip():
            raise Shut(401, NO_TOKEN, **{"www-authenticate": "Bearer"})
        try:
            token = self._tokens.holder(secret.strip())
            if token is None:
                raise Shut(401, UNKNOWN, **{"www-authenticate": 'Bearer error="invalid_token"'})
            if token.user is None and not self._local:
                raise Shut(403, LOCAL_ONLY)
            self._desk.assistant.access(token.user)
        except Refused as error:
            raise Shut(403, str(error)) from None
        except AssistantError as error:
            raise Shut(503, str(error)) from None
        return token


async def _body(receive: Receive) -> bytes:
    """The whole body, for it is small. Raises Shut (413) when it is not."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise Shut(413, TOO_LARGE)
        if not message.get("more_body"):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body, and then what comes after it."""
    given = False

    async def read() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read


async def _say(send: Send, shut: Shut) -> None:
    body = json.dumps({"error": shut.words}, ensure_ascii=False).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **shut.headers}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": shut.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
