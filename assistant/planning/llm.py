"""The only door to a language model: messages in, one reply out. Knows nothing about plans, prompts or budgets.

LangChain is imported when the first real call is made (seconds), so that questions without a model never wait.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Thread
from typing import Any, Protocol

from assistant.ledger.prices import Usage

Message = tuple[str, str]  # (system | user | assistant, text)
Schema = Mapping[str, Any]  # a JSON schema with a `title`


@dataclass(frozen=True)
class Reply:
    """The text as the model wrote it. `outcome`: ok | refusal | length | content_filter."""

    text: str
    usage: Usage
    outcome: str = "ok"


class Failed(Exception):
    """No reply. `again`: asking once more may help, after `wait` seconds; `down`: the endpoint is out of order."""

    def __init__(self, outcome: str, again: bool = False, down: bool = False, wait: float | None = None) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.again = again
        self.down = down
        self.wait = wait


class LLM(Protocol):
    """One model. `reply` raises Failed."""

    @property
    def name(self) -> str: ...

    @property
    def host(self) -> str: ...

    def reply(self, messages: Sequence[Message], schema: Schema | None) -> Reply: ...


class Scripted:
    """Replies from a list, for tests and demonstrations: text, objects (sent as JSON), Reply or Failed."""

    name = host = "scripted"

    def __init__(self, *replies: Any) -> None:
        self.seen: list[Sequence[Message]] = []
        self._replies = deque(replies)

    def reply(self, messages: Sequence[Message], schema: Schema | None) -> Reply:
        self.seen.append(messages)
        if not self._replies:
            raise Failed("no reply is scripted")
        reply = self._replies.popleft()
        if isinstance(reply, Failed):
            raise reply
        if isinstance(reply, Reply):
            return reply
        return Reply(reply if isinstance(reply, str) else json.dumps(reply), Usage(input=100, output=20))


class ChatModel:
    """A model behind any endpoint that speaks OpenAI's chat protocol. One call is one request."""

    def __init__(self, name: str, base_url: str | None, key: str, seconds: float, output_tokens: int) -> None:
        self.name = name
        self.host = base_url or "https://api.openai.com/v1"
        self._seconds = seconds
        self._settings = {"timeout": seconds, "max_tokens": output_tokens, "api_key": key or "none"}
        self._client: Any = None

    def reply(self, messages: Sequence[Message], schema: Schema | None) -> Reply:
        try:
            chain = self._chain(schema)
            raw = _within(self._seconds, lambda: chain.invoke(list(messages)))
        except Exception as error:  # whatever the libraries raise: a model that fails costs the call, not the answer
            return _partial_reply(error)
        return _reply(raw["raw"] if schema is not None else raw)

    def _chain(self, schema: Schema | None) -> Any:
        if self._client is None:
            self._client = _chat_openai()(
                model=self.name,
                base_url=self.host,
                temperature=0,
                max_retries=0,  # retries are ours: each attempt is a row of the ledger
                use_responses_api=False,
                **self._settings,
            )
        if schema is None:
            return self._client
        return self._client.with_structured_output(dict(schema), method="json_schema", strict=True, include_raw=True)


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """The call's result, however slowly its bytes come: the client's own timeout is for each of them."""
    done: Future[Any] = Future()

    def work() -> None:
        try:
            done.set_result(call())
        except BaseException as error:
            done.set_exception(error)

    Thread(target=work, daemon=True).start()
    try:
        return done.result(seconds + 1)
    except FutureTimeout:
        raise Failed("timeout", down=True) from None


def _chat_openai() -> Any:
    if find_spec("langchain_openai") is None:
        raise Failed("langchain-openai is not installed: pip install 'askcost[llm]'")
    from langchain_openai import ChatOpenAI

    return ChatOpenAI


def _reply(message: Any) -> Reply:
    used = message.usage_metadata or {}
    came, went = used.get("input_token_details") or {}, used.get("output_token_details") or {}
    usage = Usage(
        input=int(used.get("input_tokens") or 0),
        cached_input=int(came.get("cache_read") or 0),
        cache_write=int(came.get("cache_creation") or 0),
        output=int(used.get("output_tokens") or 0),
        reasoning=int(went.get("reasoning") or 0),
    )
    refusal = message.additional_kwargs.get("refusal")
    text = message.content if isinstance(message.content, str) else json.dumps(message.content)
    return Reply("", usage, "refusal") if refusal else Reply(text, usage)


def _partial_reply(error: Exception) -> Reply:
    """A reply that ended early still has its usage; everything else raises Failed without the server's words."""
    if isinstance(error, Failed):
        raise error
    import openai

    completion = getattr(error, "completion", None)
    if completion is not None:
        used = completion.usage
        came = getattr(used, "prompt_tokens_details", None)
        went = getattr(used, "completion_tokens_details", None)
        usage = Usage(
            input=getattr(used, "prompt_tokens", 0) or 0,
            cached_input=getattr(came, "cached_tokens", 0) or 0,
            output=getattr(used, "completion_tokens", 0) or 0,
            reasoning=getattr(went, "reasoning_tokens", 0) or 0,
        )
        length = isinstance(error, openai.LengthFinishReasonError)
        return Reply("", usage, "length" if length else "content_filter")
    if isinstance(error, openai.APITimeoutError):
        raise Failed("timeout", down=True) from None
    if isinstance(error, openai.APIConnectionError):
        raise Failed("no connection", again=True, down=True) from None
    if isinstance(error, openai.APIStatusError):
        down = error.status_code >= 500
        spent = getattr(error, "code", None) == "insufficient_quota"
        again = down or (error.status_code in (408, 409, 429) and not spent)
        raise Failed(f"HTTP {error.status_code}", again, down, _wait(error.response.headers)) from None
    raise Failed("unreadable reply", again=True, down=True) from None


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the endpoint asks to wait."""
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
