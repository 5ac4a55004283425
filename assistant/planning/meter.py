"""One answer's talk with models: reserved before, recorded before the reply is read, three requests at most.

Knows retries, fallbacks and limits; not what is said.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from assistant.config import Config
from assistant.errors import Clarify, LedgerError
from assistant.ledger import budget, store
from assistant.ledger.budget import Budget, Limit, Spent
from assistant.ledger.prices import Price, Prices, Usage
from assistant.ledger.spend import Call, Spend, Who
from assistant.planning.llm import LLM, ChatModel, Failed, Message, Reply, Schema

MOST_CALLS = 3
LONGEST_WAIT = 5.0
# A model that is out of order is left alone for this long; answers do without it.
REST_SECONDS = 30.0
CHARACTERS_PER_TOKEN = 2.5  # low on purpose: a reservation may be too large, never too small


class Unavailable(Exception):
    """No model answers this; the text is a sentence that says why."""


@dataclass
class Desk:
    """What all answers share: the models, the ledger, the allowances."""

    config: Config
    planning: tuple[LLM, ...]
    narration: tuple[LLM, ...]
    spend: Spend
    budget: Budget
    prices: Prices
    resting: dict[str, float] = field(default_factory=dict)
    backoff: float = 0.5

    def meter(self, who: Who, forced: bool = False, allowances: Callable[[], Sequence[Limit]] = lambda: ()) -> Meter:
        return Meter(self, who, forced, allowances)


def desk(config: Config, planning: Sequence[LLM] = (), narration: Sequence[LLM] = ()) -> Desk | None:
    """The configured models, or the given ones; None when there are none."""
    if not planning and not config.has_llm:
        return None
    key = config.llm_api_key.get_secret_value() if config.llm_api_key else ""

    def models(*names: str | None) -> tuple[LLM, ...]:
        wanted = dict.fromkeys(n for n in names if n)
        return tuple(
            ChatModel(
                n,
                config.llm_base_url,
                key,
                config.llm_timeout_seconds,
                config.llm_output_tokens,
                config.llm_api_version,
            )
            for n in wanted
        )

    narrator = config.llm_narration_model
    spend = Spend(store.of(config))
    return Desk(
        config=config,
        planning=tuple(planning) or models(config.llm_model, config.llm_fallback_model),
        narration=tuple(narration) or (() if planning or not narrator else models(narrator)),
        spend=spend,
        budget=Budget(spend, budget.limits(config), config.llm_timeout_seconds + 60),
        prices=Prices(config.schemas, config.llm_base_url),
    )


@dataclass
class Meter:
    """Counts what one answer asks of models.

    forced: the user asked for the model, so nothing is quoted first. allowances: this user's and team's own limits,
    read when the first call is made. warnings: what to say of allowances that run low.
    """

    desk: Desk
    who: Who
    forced: bool = False
    allowances: Callable[[], Sequence[Limit]] = lambda: ()
    calls: int = 0
    tokens: int = 0
    models: list[str] = field(default_factory=list)
    warnings: tuple[str, ...] = ()
    _own: Sequence[Limit] | None = None

    def say(self, purpose: str, messages: Sequence[Message], schema: Schema | None = None) -> str:
        """The model's text. Raises Unavailable, and Clarify when the next call should be agreed to first."""
        models = self.desk.narration if purpose == "narration" else self.desk.planning
        failure = Failed("no model is set for this")
        for model in models:
            try:
                reply = self._tried(model, purpose, messages, schema)
            except Failed as error:
                failure = error
                continue
            if reply.outcome in ("refusal", "content_filter"):
                raise Unavailable("The language model declined to read this question.")
            if reply.outcome == "length":
                raise Unavailable("The language model's reply was too long and was cut.")
            self.models.append(model.name)
            return reply.text
        raise Unavailable(f"The language model could not be reached ({failure.outcome}).")

    def _tried(self, model: LLM, purpose: str, messages: Sequence[Message], schema: Schema | None) -> Reply:
        """Once, and once more when that may help. A model that is down, or asks for a long pause, rests meanwhile."""
        if self.desk.resting.get(model.name, 0.0) > time.monotonic():
            raise Failed("it failed a moment ago")
        try:
            try:
                return self._one(model, purpose, messages, schema)
            except Failed as error:
                if not error.again or (error.wait or 0) > LONGEST_WAIT:
                    raise
                self._pause(error)
                return self._one(model, purpose, messages, schema)
        except Failed as error:
            rest = max(REST_SECONDS if error.down else 0.0, error.wait or 0.0)
            if rest:
                self.desk.resting[model.name] = time.monotonic() + rest
            raise

    def _one(self, model: LLM, purpose: str, messages: Sequence[Message], schema: Schema | None) -> Reply:
        if self.calls >= MOST_CALLS:
            raise Unavailable(f"The language model was asked {MOST_CALLS} times and gave nothing usable.")
        config = self.desk.config
        size = sum(len(text.encode()) for _, text in messages) + (len(str(schema)) if schema else 0)
        prompt = int(size / CHARACTERS_PER_TOKEN)
        estimate = prompt + config.llm_output_tokens
        if self.tokens + estimate > config.llm_answer_tokens:
            raise Unavailable(
                f"The language model would need about {estimate:,} tokens more, and one answer may take "
                f"{config.llm_answer_tokens:,} (ASKCOST_LLM_ANSWER_TOKENS)."
            )
        price = self._price(model, Usage(input=prompt, output=config.llm_output_tokens)).usd
        if estimate > config.llm_ask_above_tokens and not self.forced:
            money = f", ${price:,.2f}" if price is not None else ""
            raise Clarify(
                f"This needs the language model, at up to {estimate:,} tokens{money}. "
                "Ask again with the planner set to “llm” to go on.",
            )
        reservation = self._reserved(estimate, price)
        self.calls += 1
        started = time.perf_counter()
        outcome, usage = "interrupted", Usage()
        try:
            reply = model.reply(messages, schema)
            outcome, usage = reply.outcome, reply.usage
            if usage == Usage():  # an endpoint that doesn't count: an estimate is nearer than nothing
                usage = Usage(input=size // 4, output=len(reply.text) // 4)
        except Failed as error:
            outcome = error.outcome
            if error.billed:  # nobody says what it cost; the prompt was sent, and what came was written
                usage = Usage(input=size // 4, output=error.characters // 4)
            raise
        finally:
            ms = (time.perf_counter() - started) * 1000
            self.tokens += usage.input + usage.output
            cost = self._price(model, usage) if usage != Usage() else Price(Decimal(0), "no usage reported")
            call = Call(purpose, model.host, model.name, usage, cost, ms, outcome, reservation)
            self._recorded(call)
        return reply

    def _price(self, model: LLM, usage: Usage) -> Price:
        return self.desk.prices.price(model.name, usage, datetime.now(UTC))

    def _reserved(self, tokens: int, usd: Decimal | None) -> str:
        try:
            if self._own is None:
                self._own = self.allowances()
            reservation = self.desk.budget.reserve(self.who, tokens, usd, self._own)
        except Spent as error:
            raise Unavailable(str(error)) from None
        except LedgerError:
            raise Unavailable("The spend ledger can't be written, so the language model is not used.") from None
        self.warnings = reservation.warnings
        return reservation.name

    def _recorded(self, call: Call) -> None:
        try:
            self.desk.spend.record(self.who, call)
        except LedgerError:
            raise Unavailable("The spend ledger can't be written, so the reply is not used.") from None

    def _pause(self, failure: Failed) -> None:
        """Backs off with jitter; as long as the endpoint asks, at least."""
        if failure.wait is not None:
            time.sleep(failure.wait * random.uniform(1.0, 1.2))
        else:
            time.sleep(self.desk.backoff * random.uniform(0.8, 1.2))
