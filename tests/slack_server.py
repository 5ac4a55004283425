"""Slack on loopback: the Web API with its limits, Socket Mode, file uploads, and signed HTTP requests.

It keeps what a workspace would show: messages by place, ephemeral ones by reader, views, files, statuses. It refuses
what Slack refuses: too many blocks, too long texts, pictures it doesn't have, unknown places.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.signature import SignatureVerifier

BOT = "UBOT"
SECRET = "a secret of this test"
TEAM = "T1"
SCOPES = "chat:write,commands"
JSON_FIELDS = ("blocks", "chunks", "prompts", "files", "view")
MOST_CHARACTERS = 13_200


@dataclass
class Message:
    """What stands at a place. thread: its parent. states: every version that readers could see, oldest first."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread: str | None = None
    states: list[str] = field(default_factory=list)
    sent: dict[str, Any] = field(default_factory=dict)

    def kinds(self) -> list[str]:
        return [block["type"] for block in self.blocks]

    def block(self, kind: str) -> dict[str, Any]:
        return next(block for block in self.blocks if block["type"] == kind)

    @property
    def words(self) -> str:
        """All that a reader reads."""
        return f"{self.text}\n{json.dumps(self.blocks, ensure_ascii=False)}"

    def button(self, label: str) -> dict[str, Any]:
        found = [e for b in self.blocks if b["type"] == "actions" for e in b["elements"]]
        return next(e for e in found if e["type"] == "button" and label in e["text"]["text"])


class Refusal(Exception):
    """An error of the Web API, by its name."""


class SlackServer:
    """One workspace."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.messages: dict[tuple[str, str], Message] = {}
        self.ephemeral: list[tuple[str, str, Message]] = []
        self.files: dict[str, dict[str, Any]] = {}
        self.homes: dict[str, dict[str, Any]] = {}
        self.modals: dict[str, dict[str, Any]] = {}
        self.channels: dict[str, dict[str, Any]] = {}
        self.bots: set[str] = {BOT}
        self.fail: dict[str, list[tuple[int, dict[str, Any], dict[str, str]]]] = {}
        self.scopes = SCOPES
        self.streams = True
        self.sockets: list[web.WebSocketResponse] = []
        self.acknowledged: set[str] = set()
        self.connections = 0
        self._n = itertools.count(1)

    # --- life -----------------------------------------------------------------------------------------

    async def __aenter__(self) -> SlackServer:
        app = web.Application(client_max_size=50 * 2**20)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/upload/{file}", self._upload)
        app.router.add_get("/link", self._link)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.address = f"127.0.0.1:{self._runner.addresses[0][1]}"
        self.base_url = f"http://{self.address}/api/"
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: Any) -> None:
        for socket in self.sockets:
            await socket.close()
        await self._session.close()
        await self._runner.cleanup()

    # --- what a test sees -----------------------------------------------------------------------------

    def of(self, method: str) -> list[dict[str, Any]]:
        return [body for name, body in self.calls if name == method]

    def said(self, channel: str, thread: str | None = None) -> list[Message]:
        """Messages of the bot in a place, oldest first."""
        return [m for m in self.messages.values() if m.channel == channel and (thread is None or m.thread == thread)]

    async def until(self, true: Callable[[], Any], seconds: float = 15) -> Any:
        """What the condition returns, as soon as it is something."""
        end = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < end, f"nothing happened; {[name for name, _ in self.calls][-12:]}"
            await asyncio.sleep(0.01)
        return found

    async def answer(self, channel: str, thread: str | None = None, nth: int = 1) -> Message:
        """The nth message of a place, once it is no acknowledgement any more."""

        def finished() -> Message | None:
            held = self.said(channel, thread)
            return held[nth - 1] if len(held) >= nth and len(held[nth - 1].states) > 1 else None

        found: Message = await self.until(finished)
        return found

    # --- events ---------------------------------------------------------------------------------------

    def ts(self) -> str:
        return f"1772000000.{next(self._n):06d}"

    def event(self, event: dict[str, Any], event_id: str | None = None) -> dict[str, Any]:
        return {
            "type": "event_callback",
            "token": "x",
            "team_id": TEAM,
            "api_app_id": "A1",
            "event_id": event_id or f"Ev{next(self._n)}",
            "event_time": int(time.time()),
            "authorizations": [{"team_id": TEAM, "user_id": BOT, "is_bot": True}],
            "event": event,
        }

    def mention(self, user: str, text: str, channel: str = "C1", thread: str | None = None) -> dict[str, Any]:
        return self.event(self.line(user, f"<@{BOT}> {text}", channel, thread) | {"type": "app_mention"})

    def line(self, user: str, text: str, channel: str, thread: str | None = None) -> dict[str, Any]:
        ts = self.ts()
        place = {"channel": channel, "channel_type": "im" if channel.startswith("D") else "channel"}
        more = {"thread_ts": thread} if thread else {}
        return {"type": "message", "user": user, "text": text, "ts": ts, "event_ts": ts, **place, **more}

    def click(self, user: str, message: Message | None, action: dict[str, Any]) -> dict[str, Any]:
        """The payload of a click on a button or of a choice in a menu."""
        shown = {"ts": message.ts, "text": message.text} if message else {}
        if message and message.thread:
            shown["thread_ts"] = message.thread
        kept = {
            k: v for k, v in action.items() if k in ("type", "action_id", "value", "selected_option", "selected_date")
        }
        return {
            "type": "block_actions",
            "team": {"id": TEAM},
            "user": {"id": user},
            "api_app_id": "A1",
            "token": "x",
            "trigger_id": f"trigger{next(self._n)}",
            "container": {"type": "message" if message else "view"},
            **({"channel": {"id": message.channel}, "message": shown} if message else {}),
            "actions": [{**kept, "block_id": "b", "action_ts": self.ts()}],
        }

    def shortcut(self, user: str, message: Message) -> dict[str, Any]:
        body = self.click(user, message, {})
        del body["actions"]
        return body | {"type": "message_action", "callback_id": "explain_number"}

    def command(self, user: str, text: str, channel: str = "C1") -> dict[str, Any]:
        return {
            "command": "/askcost", "text": text, "team_id": TEAM, "user_id": user, "channel_id": channel, "token": "x",
            "api_app_id": "A1", "trigger_id": f"trigger{next(self._n)}", "response_url": f"http://{self.address}/none",
        }  # fmt: skip

    async def push(self, payload: dict[str, Any], socket: int = -1, kind: str = "events_api", retry: int = 0) -> str:
        """Over one of the open sockets."""
        await self.until(lambda: any(not s.closed for s in self.sockets))
        open_ = [s for s in self.sockets if not s.closed]
        envelope = f"envelope{next(self._n)}"
        more = {"retry_attempt": retry, "retry_reason": "timeout"} if kind == "events_api" else {}
        await open_[socket % len(open_)].send_json(
            {"envelope_id": envelope, "type": kind, "payload": payload, "accepts_response_payload": True, **more}
        )
        return envelope

    async def post(
        self, url: str, body: dict[str, Any], form: bool = False, secret: str = SECRET, age: int = 0, **headers: str
    ) -> tuple[int, str]:
        """A signed request, as Slack sends it in HTTP mode: status and body of the reply."""
        raw = urlencode(body) if form else json.dumps(body)
        stamp = str(int(time.time()) - age)
        signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=raw)
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        sent = {
            "content-type": kind,
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": str(signature),
            **headers,
        }
        async with self._session.post(url, data=raw, headers=sent) as reply:
            return reply.status, await reply.text()

    # --- the Web API ----------------------------------------------------------------------------------

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        sent = await request.read()
        body = json.loads(sent) if request.content_type == "application/json" and sent else dict(await request.post())
        body = {**dict(request.query), **body}
        for name in JSON_FIELDS:
            if isinstance(body.get(name), str):
                body[name] = json.loads(body[name])
        self.calls.append((method, body))
        if self.fail.get(method):
            status, reply, headers = self.fail[method].pop(0)
            return web.json_response(reply, status=status, headers=headers)
        answer = getattr(self, f"_{method.replace('.', '_')}", None)
        headers = {"x-oauth-scopes": self.scopes}
        try:
            if answer is None:
                raise Refusal("unknown_method")
            return web.json_response({"ok": True, **(answer(body) or {})}, headers=headers)
        except Refusal as error:
            return web.json_response({"ok": False, "error": str(error)}, headers=headers)

    def _auth_test(self, body: dict[str, Any]) -> dict[str, Any]:
        me = {"user_id": BOT, "bot_id": "B1", "user": "askcost"}
        return {**me, "team_id": TEAM, "team": "Test", "url": "https://test.slack.com/"}

    def _apps_connections_open(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"url": f"ws://{self.address}/link?ticket={next(self._n)}"}

    def _chat_postMessage(self, body: dict[str, Any]) -> dict[str, Any]:
        channel, ts = body["channel"], self.ts()
        self._known(channel)
        self._checked(body)
        assert body.get("unfurl_links") in (False, "false", "0", 0)
        message = Message(channel, ts, body["text"], body.get("blocks") or [], body.get("thread_ts"), sent=body)
        message.states = [message.text] * (2 if message.blocks else 1)
        self.messages[channel, ts] = message
        return {"channel": channel, "ts": ts, "message": {"text": message.text}}

    def _chat_update(self, body: dict[str, Any]) -> dict[str, Any]:
        message = self.messages.get((body["channel"], body["ts"]))
        if message is None:
            raise Refusal("message_not_found")
        self._checked(body)
        message.text, message.blocks = body["text"], body.get("blocks") or []
        message.states.append(message.text)
        return {"channel": message.channel, "ts": message.ts}

    def _chat_postEphemeral(self, body: dict[str, Any]) -> dict[str, Any]:
        self._known(body["channel"])
        self._checked(body)
        ts = self.ts()
        message = Message(body["channel"], ts, body["text"], body.get("blocks") or [], body.get("thread_ts"))
        self.ephemeral.append((body["channel"], body["user"], message))
        return {"message_ts": ts}

    def _chat_startStream(self, body: dict[str, Any]) -> dict[str, Any]:
        if not self.streams:
            raise Refusal("feature_not_enabled")
        message = Message(body["channel"], self.ts(), "", [], body["thread_ts"], states=["…"], sent=body)
        self.messages[message.channel, message.ts] = message
        return {"channel": message.channel, "ts": message.ts}

    def _chat_stopStream(self, body: dict[str, Any]) -> dict[str, Any]:
        message = self.messages[body["channel"], body["ts"]]
        self._checked(body)
        message.blocks = body["blocks"]
        message.states.append("done")
        return {"channel": message.channel, "ts": message.ts}

    def _conversations_open(self, body: dict[str, Any]) -> dict[str, Any]:
        channel = f"D{body['users']}"
        self.channels.setdefault(channel, {"info": {"is_im": True}, "members": [body["users"], BOT]})
        return {"channel": {"id": channel}}

    def _conversations_info(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"channel": {"id": body["channel"], **self._known(body["channel"])["info"]}}

    def _conversations_members(self, body: dict[str, Any]) -> dict[str, Any]:
        """Two a page, so that who reads only the first page is found out."""
        members, at = self._known(body["channel"])["members"], int(body.get("cursor") or 0)
        after = str(at + 2) if at + 2 < len(members) else ""
        return {"members": members[at : at + 2], "response_metadata": {"next_cursor": after}}

    def _users_info(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"user": {"id": body["user"], "is_bot": body["user"] in self.bots, "deleted": False}}

    def _files_getUploadURLExternal(self, body: dict[str, Any]) -> dict[str, Any]:
        file = f"F{next(self._n):09d}"
        self.files[file] = {"name": body["filename"], "alt": body.get("alt_txt"), "content": b"", "channel": None}
        return {"upload_url": f"http://{self.address}/upload/{file}", "file_id": file}

    def _files_completeUploadExternal(self, body: dict[str, Any]) -> dict[str, Any]:
        for one in body["files"]:
            self.files[one["id"]] |= {"channel": body.get("channel_id"), "thread": body.get("thread_ts")}
        return {"files": [{"id": one["id"], "title": one.get("title")} for one in body["files"]]}

    def _files_info(self, body: dict[str, Any]) -> dict[str, Any]:
        file = self.files[body["file"]]
        file["looks"] = file.get("looks", 0) + 1  # Slack takes a moment to look at a picture
        return {"file": {"id": body["file"], "mimetype": "image/png" if file["looks"] > 1 else ""}}

    def _views_open(self, body: dict[str, Any]) -> dict[str, Any]:
        view = f"V{next(self._n)}"
        self.modals[view] = self._view(body["view"])
        return {"view": {"id": view}}

    def _views_update(self, body: dict[str, Any]) -> dict[str, Any]:
        self.modals[body["view_id"]] = self._view(body["view"])
        return {"view": {"id": body["view_id"]}}

    def _views_publish(self, body: dict[str, Any]) -> dict[str, Any]:
        self.homes[body["user_id"]] = self._view(body["view"])
        return {}

    def _assistant_threads_setStatus(self, body: dict[str, Any]) -> None:
        return None

    _assistant_threads_setTitle = _assistant_threads_setSuggestedPrompts = _assistant_threads_setStatus

    def _known(self, channel: str) -> dict[str, Any]:
        if channel not in self.channels:
            raise Refusal("channel_not_found")
        return self.channels[channel]

    def _checked(self, body: dict[str, Any]) -> None:
        blocks = body.get("blocks") or []
        validate(blocks, 50)
        if len(json.dumps(blocks, ensure_ascii=False)) > 4 * MOST_CHARACTERS or _length(blocks) > MOST_CHARACTERS:
            raise Refusal("msg_too_long")
        for block in blocks:
            if block["type"] == "image":
                file = self.files.get(block.get("slack_file", {}).get("id"))
                if file is None or not file["content"] or file.get("looks", 0) < 2:
                    raise Refusal("invalid_blocks")

    def _view(self, view: dict[str, Any]) -> dict[str, Any]:
        validate(view["blocks"], 100)
        return view

    # --- files and sockets ----------------------------------------------------------------------------

    async def _upload(self, request: web.Request) -> web.Response:
        self.files[request.match_info["file"]]["content"] = await request.read()
        return web.Response(text="OK")

    async def _link(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        self.connections += 1
        await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}})
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT and message.data.startswith("{"):
                self.acknowledged.add(json.loads(message.data)["envelope_id"])
        return socket


def validate(blocks: list[dict[str, Any]], most: int) -> None:
    """Raises Refusal for what Slack, or the SDK's own models, would not take."""
    if len(blocks) > most:
        raise Refusal("invalid_blocks_too_many")
    ids: list[str] = []
    for block in blocks:
        try:
            parsed = Block.parse(block)
            assert parsed is not None
            parsed.to_dict()
        except (SlackObjectFormationError, AssertionError) as error:
            raise Refusal(f"invalid_blocks {error}") from None
        if block["type"] == "table":
            rows = block["rows"]
            if len(rows) > 100 or any(len(row) > 20 or len(row) != len(rows[0]) for row in rows):
                raise Refusal("invalid_blocks table")
            if any(not cell["text"] for row in rows for cell in row):
                raise Refusal("invalid_blocks empty cell")
        actions = [element["action_id"] for element in block.get("elements", ()) if "action_id" in element]
        if len(actions) != len(set(actions)):
            raise Refusal("invalid_blocks action_id twice")
        ids += actions
    if sum(block["type"] == "table" for block in blocks) > 1:
        raise Refusal("only_one_table_allowed")


def _length(value: Any) -> int:
    if isinstance(value, dict):
        return sum(len(v) if k == "text" and isinstance(v, str) else _length(v) for k, v in value.items())
    return sum(map(_length, value)) if isinstance(value, list) else 0
