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
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from threading import Event, Thread
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
    """No reply. `again`: asking once more may help, after `wait` seconds; `down`: the endpoint is out of order.

    billed: the model had the prompt, so it costs, though nobody says how much; `characters` of its reply came.
    """

    def __init__(
        self,
        outcome: str,
        again: bool = False,
        down: bool = False,
        wait: float | None = None,
        billed: bool = False,
        characters: int = 0,
    ) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.again = again
        self.down = down
        self.wait = wait
        self.billed = billed
        self.characters = characters


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
    """A model behind any endpoint that speaks OpenAI's chat protocol. One call is one request.

    api_version: the endpoint is Azure OpenAI's, and the model's name is that of a deployment.
    """

    def __init__(
        self,
        name: str,
        base_url: str | None,
        key: str,
        seconds: float,
        output_tokens: int,
        api_version: str | None = None,
    ) -> None:
        self.name = name
        self.host = base_url or "https://api.openai.com/v1"
        self._seconds = seconds
        self._api_version = api_version
        self._settings = {"timeout": seconds, "max_tokens": output_tokens, "api_key": key or "none"}
        self._client: Any = None

    def reply(self, messages: Sequence[Message], schema: Schema | None) -> Reply:
        try:
            message = _within(self._seconds, lambda stop: self._message(list(messages), schema, stop))
        except Exception as error:  # whatever the libraries raise: a model that fails costs the call, not the answer
            return _partial_reply(error)
        return _reply(message)

    def _message(self, messages: Sequence[Message], schema: Schema | None, stop: Event) -> Any:
        """A plan comes whole; prose comes as a stream, of which is counted what came before it broke off."""
        client = self._opened()
        if schema is not None:
            chain = client.with_structured_output(dict(schema), method="json_schema", strict=True, include_raw=True)
            return chain.invoke(messages)["raw"]
        whole: Any = None
        try:
            for chunk in client.stream(messages):
                whole = chunk if whole is None else whole + chunk
                if stop.is_set():
                    raise Failed("timeout", down=True)  # nobody waits any more; this closes the connection
        except Exception as error:
            if whole is None:
                raise
            raise Failed("cut stream", again=True, billed=True, characters=len(str(whole.content))) from error
        if whole is None or not whole.response_metadata.get("finish_reason"):
            came = 0 if whole is None else len(str(whole.content))
            raise Failed("cut stream", again=True, billed=True, characters=came)
        return whole

    def _opened(self) -> Any:
        if self._client is None:
            settings: dict[str, Any] = {
                "temperature": 0,
                "max_retries": 0,  # retries are ours: each attempt is a row of the ledger
                "use_responses_api": False,
                "stream_usage": True,  # LangChain leaves it out when an endpoint of one's own is set
                **self._settings,
            }
            if self._api_version:
                self._client = _langchain("AzureChatOpenAI")(
                    azure_endpoint=self.host, azure_deployment=self.name, api_version=self._api_version, **settings
                )
            else:
                self._client = _langchain("ChatOpenAI")(model=self.name, base_url=self.host, **settings)
        return self._client


def _within(seconds: float, call: Callable[[Event], Any]) -> Any:
    """The call's result, however slowly its bytes come: the client's own timeout is for each of them."""
    done: Future[Any] = Future()
    stop = Event()

    def work() -> None:
        try:
            done.set_result(call(stop))
        except BaseException as error:
            done.set_exception(error)

    Thread(target=work, daemon=True).start()
    try:
        return done.result(seconds + 1)
    except FutureTimeout:
        stop.set()
        raise Failed("timeout", down=True, billed=True) from None


def _langchain(name: str) -> Any:
    if find_spec("langchain_openai") is None:
        raise Failed("langchain-openai is not installed: pip install 'askcost[llm]'")
    import langchain_openai

    return getattr(langchain_openai, name)


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
    if refusal:
        return Reply("", usage, "refusal")
    ended = message.response_metadata.get("finish_reason")
    return Reply(text, usage, ended if ended in ("length", "content_filter") else "ok")


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
        raise Failed("timeout", down=True, billed=True) from None
    if isinstance(error, openai.APIConnectionError):
        raise Failed("no connection", again=True, down=True, billed=not _never_connected(error)) from None
    if isinstance(error, openai.APIStatusError):
        down = error.status_code >= 500
        spent = getattr(error, "code", None) == "insufficient_quota"
        again = down or (error.status_code in (408, 409, 429) and not spent)
        raise Failed(f"HTTP {error.status_code}", again, down, _wait(error.response.headers)) from None
    raise Failed("unreadable reply", again=True, down=True, billed=True) from None


def _never_connected(error: BaseException | None) -> bool:
    """Whether a cause is a connection that was not made (its HTTP library's own error): then nothing was sent."""
    while error is not None:
        if type(error).__name__ in ("ConnectError", "ConnectTimeout"):
            return True
        error = error.__cause__
    return False


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the endpoint asks to wait: a number, or the time when it may be asked again (RFC 9110 §10.2.3)."""
    said = headers.get("retry-after", "")
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
