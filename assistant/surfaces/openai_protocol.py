"""An HTTP server on loopback that speaks OpenAI's chat protocol, Azure's paths too: whole replies and streams.

What it says is somebody else's: the demo model's, or a test's script. A step of theirs is a mapping with `content`
(text, or an object sent as JSON), `usage`, `status`, `code`, `headers`, `body` (raw bytes of the reply), `hang`
(seconds before the reply), `drip` (seconds between its bytes), `cut` (it ends in the middle), `refusal`, `finish`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Step = Mapping[str, Any]
Request = dict[str, Any]


class ProtocolServer:
    """Serves `reply` while open; port 0 takes a free one."""

    def __init__(self, reply: Callable[[Request], Step], port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(reply))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> ProtocolServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"


def _handler(reply: Callable[[Request], Step]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            step = reply({**request, "path": self.path})
            time.sleep(step.get("hang", 0))
            streamed = bool(request.get("stream")) and step.get("status", 200) == 200 and "body" not in step
            body = _stream(step, request) if streamed else step.get("body") or _whole(step, request)
            try:
                self.send_response(step.get("status", 200))
                self.send_header("Content-Type", "text/event-stream" if streamed else "application/json")
                if streamed:
                    self.send_header("Connection", "close")
                else:
                    self.send_header("Content-Length", str(len(body)))
                for name, value in step.get("headers", {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self._write(body[: len(body) // 2] if step.get("cut") else body, step.get("drip", 0))
            except OSError:
                pass  # the client has gone, as it should after its timeout
            self.close_connection = True

        def _write(self, body: bytes, drip: float) -> None:
            if not drip:
                self.wfile.write(body)
            for byte in body if drip else b"":
                self.wfile.write(bytes([byte]))
                time.sleep(drip)

    return Handler


def _text(step: Step) -> str:
    content = step.get("content", "")
    return content if isinstance(content, str) else json.dumps(content)


def _whole(step: Step, request: Request) -> bytes:
    if step.get("status", 200) != 200:
        error = {"message": "scripted failure", "type": "server_error", "code": step.get("code")}
        return json.dumps({"error": error}).encode()
    message = {"role": "assistant", "content": _text(step), "refusal": step.get("refusal")}
    completion = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": request.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": step.get("finish", "stop")}],
        "usage": step.get("usage"),
    }
    return json.dumps(completion).encode()


def _stream(step: Step, request: Request) -> bytes:
    """Server-sent events, a few words each; the usage comes last, and only to those who ask for it."""
    text = _text(step)
    pieces = [text[i : i + 12] for i in range(0, len(text), 12)]
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in pieces
    ]
    choices.append({"index": 0, "delta": {}, "finish_reason": step.get("finish", "stop")})
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": request.get("model")}
    events: list[dict[str, Any]] = [{**head, "choices": [choice]} for choice in choices]
    if (request.get("stream_options") or {}).get("include_usage"):
        events.append({**head, "choices": [], "usage": step.get("usage")})
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n"
