"""What Prometheus reads of this process: counts and times. Knows no names, no questions and no amounts."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from assistant.values import Answer

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The numbers of one process since it started; a company with several scrapes each."""

    def __init__(self, statements: Callable[[], float], answers: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._answers = Counter(
            "askcost_answers", "Answers by what became of them and who planned them.", ("status", "planner"),
            registry=self._registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "askcost_answer_seconds", "From question to answer.", ("planner",), buckets=SECONDS, registry=self._registry
        )
        self._tokens = Counter("askcost_tokens", "Language models' tokens.", ("kind",), registry=self._registry)
        self._dollars = Counter("askcost_model_dollars", "What they cost, in USD.", registry=self._registry)
        Gauge(
            "askcost_statements_running", "Statements that run or wait for their turn.", registry=self._registry
        ).set_function(statements)
        Gauge("askcost_answers_running", "Answers that somebody is waiting for.", registry=self._registry).set_function(
            answers
        )

    def observe(self, answer: Answer) -> None:
        """Counts an answer."""
        self._answers.labels(answer.status, answer.planner).inc()
        self._seconds.labels(answer.planner).observe(answer.timings_ms.get("total", 0) / 1000)
        self._tokens.labels("input").inc(answer.tokens.input)
        self._tokens.labels("output").inc(answer.tokens.output)
        self._dollars.inc(answer.tokens.cost_usd or 0)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)
