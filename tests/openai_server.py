"""A model that replies from a script, over the package's own protocol server, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from assistant.surfaces.openai_protocol import ProtocolServer, Request, Step

USAGE = {
    "prompt_tokens": 420,
    "completion_tokens": 90,
    "total_tokens": 510,
    "prompt_tokens_details": {"cached_tokens": 128},
    "completion_tokens_details": {"reasoning_tokens": 30},
}


class OpenAIServer(ProtocolServer):
    """Replies with the steps of its script, in order; the last one again and again when `repeat`."""

    def __init__(self, *script: Step, repeat: bool = False) -> None:
        super().__init__(self._next)
        self.script = deque(script)
        self.repeat = repeat
        self.requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> OpenAIServer:
        super().__enter__()
        return self

    def prompt(self, place: int = -1) -> str:
        """Everything that one request said to the model, as one text."""
        messages: Sequence[Mapping[str, Any]] = self.requests[place]["messages"]
        return "\n".join(str(m["content"]) for m in messages)

    def _next(self, request: Request) -> Step:
        with self._lock:
            self.requests.append(request)
            if not self.script:
                return {"status": 500}
            step = self.script[0] if self.repeat and len(self.script) == 1 else self.script.popleft()
        return {"usage": USAGE, **step}
