"""A small server on loopback that speaks OpenAI's chat protocol from a script, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {
    "prompt_tokens": 420,
    "completion_tokens": 90,
    "total_tokens": 510,
    "prompt_tokens_details": {"cached_tokens": 128},
    "completion_tokens_details": {"reasoning_tokens": 30},
}
Step = Mapping[str, Any]


class OpenAIServer:
    """Replies with the steps of its script, in order; the last one again and again when `repeat`.

    A step: `content` (text, or an object sent as JSON), `usage`, `status`, `headers`, `body` (raw bytes of the
    reply), `hang` (seconds before the reply), `drip` (seconds between its bytes), `cut` (the reply ends in the middle),
    `refusal`, `finish`.
    """

    def __init__(self, *script: Step, repeat: bool = False) -> None:
        self.script = deque(script)
        self.repeat = repeat
        self.requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def prompt(self, place: int = -1) -> str:
        """Everything that one request said to the model, as one text."""
        messages: Sequence[Mapping[str, Any]] = self.requests[place]["messages"]
        return "\n".join(str(m["content"]) for m in messages)

    def _next(self, request: dict[str, Any]) -> Step:
        with self._lock:
            self.requests.append(request)
            if not self.script:
                return {"status": 500}
            return self.script[0] if self.repeat and len(self.script) == 1 else self.script.popleft()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                step = server._next(request)
                time.sleep(step.get("hang", 0))
                body = step.get("body") or json.dumps(_completion(step, request)).encode()
                try:
                    self.send_response(step.get("status", 200))
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    for name, value in step.get("headers", {}).items():
                        self.send_header(name, value)
                    self.end_headers()
                    for byte in body if step.get("drip") else ():
                        self.wfile.write(bytes([byte]))
                        time.sleep(step["drip"])
                    if not step.get("drip"):
                        self.wfile.write(body[: len(body) // 2] if step.get("cut") else body)
                except OSError:
                    pass  # the client has gone, as it should after its timeout
                self.close_connection = True

        return Handler


def _completion(step: Step, request: Mapping[str, Any]) -> dict[str, Any]:
    if step.get("status", 200) != 200:
        return {"error": {"message": "scripted failure", "type": "server_error", "code": step.get("code")}}
    content = step.get("content", "")
    message = {
        "role": "assistant",
        "content": content if isinstance(content, str) else json.dumps(content),
        "refusal": step.get("refusal"),
    }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": request.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": step.get("finish", "stop")}],
        "usage": step.get("usage", USAGE),
    }
