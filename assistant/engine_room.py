"""Which engine a Config asks for, opened. The only place that knows them all."""

from __future__ import annotations

from assistant.config import Config
from assistant.engines.duckdb_engine import DuckDBEngine
from assistant.engines.engine import Engine
from assistant.errors import Refused
from assistant.values import Limits

WORKERS = 2  # of a chat's, kept ready


def limits_of(config: Config) -> Limits:
    return Limits(seconds=config.query_seconds, memory_mb=config.query_memory_mb)


def open_engine(config: Config, workers: int = 0) -> Engine:
    """workers: processes kept ready for what people and models write; none for the planner's own statements only.

    A cluster has processes of its own. Raises Refused for one whose address is not set.
    """
    limits = limits_of(config)
    if config.engine == "spark":
        if config.spark_url is None:
            raise Refused("Set ASKCOST_SPARK_URL to the Spark Connect server, as in sc://localhost:15002.")
        from assistant.engines.spark_engine import SparkEngine
        from assistant.sql.dialects import translate

        return SparkEngine(config.spark_url.get_secret_value(), config.published, translate, limits)
    if workers:
        from assistant.engines.sandbox import Sandbox

        return Sandbox(config.warehouse, limits, workers)
    return DuckDBEngine(config.warehouse, limits)
