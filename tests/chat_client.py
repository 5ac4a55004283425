"""A chat without a browser: what Chainlit's page says over its websocket, and what it hears."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import aiohttp
import socketio


class ChatClient:
    """One tab. `headers` are what a proxy would add; `thread` continues a conversation."""

    def __init__(self, url: str, headers: dict[str, str] | None = None, thread: str | None = None) -> None:
        self.url, self.headers = url, headers or {}
        self.session_id, self.thread = str(uuid.uuid4()), thread
        self.heard: list[dict[str, Any]] = []
        self.panels: list[str] = []
        self._ended, self._greeted, self._resumed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> ChatClient:
        try:
            await self._enter()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _enter(self) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        self.http = aiohttp.ClientSession(self.url, cookie_jar=jar, headers=self.headers)
        self._wire = aiohttp.ClientSession()
        self._socket = socketio.AsyncClient(reconnection=False, request_timeout=120, http_session=self._wire)
        self._socket.on("new_message", self._message)
        self._socket.on("element", self._element)
        self._socket.on("task_end", lambda *_: self._ended.set())
        self._socket.on("resume_thread", self._again)
        async with self.http.post("/auth/header") as reply:
            assert reply.status == 200, await reply.text()
        cookies = "; ".join(f"{cookie.key}={cookie.value}" for cookie in jar)
        given = {"sessionId": self.session_id, "clientType": "webapp", "userEnv": "{}", "threadId": self.thread or ""}
        await self._socket.connect(
            self.url,
            {"Cookie": cookies},
            auth=given,
            transports=["websocket"],
            socketio_path="/ws/socket.io",
            wait_timeout=120,
        )
        await self._socket.emit("connection_successful")
        async with asyncio.timeout(120):  # until the briefing, or the earlier conversation, is there
            await (self._resumed if self.thread else self._greeted).wait()

    async def __aexit__(self, *error: object) -> None:
        await self._socket.disconnect()
        await self._wire.close()
        await self.http.close()

    async def ask(self, words: str, seconds: float = 60) -> list[dict[str, Any]]:
        """Sends words and waits until their answer is complete; the messages that came."""
        before = len(self.heard)
        await self.say(words)
        async with asyncio.timeout(seconds):
            while not any(m["type"] == "assistant_message" for m in self.heard[before:]):
                await self._ended_once()
        return self.heard[before:]

    async def say(self, words: str) -> None:
        step = {"id": str(uuid.uuid4()), "name": "user", "type": "user_message", "output": words, "createdAt": ""}
        await self._socket.emit("client_message", {"message": {**step, "threadId": ""}, "fileReferences": []})

    async def stop(self) -> None:
        await self._socket.emit("stop")

    async def panel(self, place: int = -1) -> dict[str, Any]:
        """What the page shows under an answer."""
        async with self.http.get(f"/answers/{self.panels[place]}") as reply:
            return dict(await reply.json())

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(path) as reply:
            kind = reply.content_type
            return reply.status, (await reply.json() if kind == "application/json" else await reply.text())

    async def post(self, path: str, body: Any) -> Any:
        async with self.http.post(path, json=body) as reply:
            return await reply.json()

    def said(self) -> list[str]:
        """The assistant's messages so far."""
        return [m["output"] for m in self.heard if m["type"] == "assistant_message"]

    async def _ended_once(self) -> None:
        self._ended.clear()
        await self._ended.wait()

    async def act(self, name: str, **given: Any) -> Any:
        """Clicks what an element offers."""
        action = {"id": str(uuid.uuid4()), "name": name, "payload": given, "label": "", "tooltip": ""}
        return await self.post("/project/action", {"sessionId": self.session_id, "action": action})

    def _again(self, thread: dict[str, Any]) -> None:
        self.heard += thread["steps"]
        self._resumed.set()

    def _message(self, message: dict[str, Any]) -> None:
        if message["type"] == "assistant_message":
            self._greeted.set()
        self.thread = message["threadId"]
        self.heard.append(message)

    def _element(self, element: dict[str, Any]) -> None:
        if element["name"] == "Answer":
            props = element["props"]
            self.panels.append((json.loads(props) if isinstance(props, str) else props)["answer_id"])
