"""Spark as the second engine: the same rows, the same rights, stopped where it runs. One real cluster for all of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import spark_cluster
import sqlglot
import yaml
from conftest import CORPUS, CORPUS_FILES, AssistantFor, Once, ResultsOf, WarehouseOf
from desk import Desk
from sqlglot import Expr, exp

from assistant import evaluation
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.desk.desk import StoppableEngine
from assistant.engines.engine import Engine
from assistant.engines.published import Published
from assistant.errors import AssistantError, EngineError, GuardRefusal, LoadError, Refused
from assistant.sql import guard
from assistant.sql.dialects import DIALECTS, translate
from assistant.sql.equivalents import sayable
from assistant.values import Limits, Question, Rows
from assistant.warehouse.parquet import publish

CASES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "cases" / "engines.yaml").read_text(encoding="utf-8"))
ITEMS = {item["id"]: item for file in CORPUS_FILES for item in evaluation.read(CORPUS / file)}
# Billions of pairs: nobody waits for it.
ENDLESS = (
    "SELECT count(*) FROM cost_and_usage AS a, cost_and_usage AS b, cost_and_usage AS c "
    "WHERE a.ListCost + b.ListCost > c.ListCost"
)


@pytest.fixture(scope="session")
def cluster(once: Once, worker_id: str) -> dict[str, Any]:
    """url, and the process id of each part. It ends with the test run."""
    run = os.getpid() if worker_id == "master" else os.getppid()
    found: dict[str, Any] = json.loads(once("spark.json", lambda path: spark_cluster.launch(path, run)).read_text())
    return found


@pytest.fixture(scope="session")
def published(once: Once, warehouse_of: WarehouseOf) -> WarehouseOf:
    """company → where its tables are as Parquet."""

    def make(company: str, path: Path) -> None:
        copy = path.parent / f"{company}.duckdb"  # the file itself may be open in this process
        shutil.copyfile(warehouse_of(company), copy)
        publish(copy, path)

    return lambda company: once(f"{company}.published", lambda path: make(company, path))


@pytest.fixture(scope="session")
def spark_for(
    cluster: dict[str, Any], published: WarehouseOf, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """company → an Assistant whose statements run on the cluster; it has no warehouse file."""
    opened: dict[str, Assistant] = {}
    turn = threading.Lock()

    def find(company: str) -> Assistant:
        with turn:
            if company not in opened:
                config = Config(
                    warehouse=tmp_path_factory.mktemp("spark") / "none.duckdb",
                    engine="spark",
                    spark_url=cluster["url"],
                    spark_tables=str(published(company)),
                )
                opened[company] = Assistant(config)
            return opened[company]

    yield find
    for one in opened.values():
        one.close()


def alike(one: Any, other: Any) -> bool:
    """Doubles are added up in another order on each engine, and on each run."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or abs(one - other) <= 1e-9 * max(abs(one), abs(other))
    return type(one) is type(other) and one == other


def difference(of: Sequence[tuple[Any, ...]], and_: Sequence[tuple[Any, ...]], ordered: bool) -> str | None:
    if not ordered:
        of, and_ = sorted(of, key=str), sorted(and_, key=str)
    if len(of) != len(and_):
        return f"{len(of)} rows, and {len(and_)}"
    pairs = zip(of, and_, strict=True)
    return next((f"{a} and {b}" for a, b in pairs if len(a) != len(b) or not all(map(alike, a, b))), None)


def together(work: Any, over: Sequence[Any]) -> list[str]:
    with ThreadPoolExecutor(3) as threads:
        return [told for told in threads.map(work, over) if told]


# --- the same rows -----------------------------------------------------------------------------------------


def test_questions_of_every_shape_have_the_same_answer(spark_for: Any, assistant_for: AssistantFor) -> None:
    duck = {company: assistant_for(company) for company in {ITEMS[id]["company"] for id in CASES["questions"]}}

    def compare(id: str) -> str | None:
        item = ITEMS[id]
        question = Question(item["question"], today=date.fromisoformat(str(item["today"])))
        one, other = duck[item["company"]].ask(question), spark_for(item["company"]).ask(question)
        if (one.status, one.columns, one.answer) != (other.status, other.columns, other.answer):
            return f"{id}: {one.status} {one.answer or one.error}\n  {other.status} {other.answer or other.error}"
        told = difference(one.rows, other.rows, ordered=True)
        return f"{id}: {told}" if told else None

    assert together(compare, CASES["questions"]) == []


def test_statements_have_the_same_rows_names_and_types(spark_for: Any, assistant_for: AssistantFor) -> None:
    duck, spark = assistant_for("tarnbrook"), spark_for("tarnbrook")

    def compare(sql: str) -> str | None:
        try:
            one, other = duck.run(sql)[1], spark.run(sql)[1]
        except AssistantError as error:
            return f"{sql}: {error}"
        if (one.columns, one.types) != (other.columns, other.types):
            return f"{sql}: {one.columns} {one.types}, and {other.columns} {other.types}"
        told = difference(one.rows, other.rows, ordered="ORDER BY" in sql)
        return f"{sql}: {told}" if told else None

    assert together(compare, CASES["same"]) == []


def test_an_analysis_reads_through_the_same_engine(spark_for: Any, assistant_for: AssistantFor) -> None:
    question = Question("why did our costs go up in February 2026?", today=date(2026, 3, 18))
    one, other = assistant_for("tarnbrook").ask(question), spark_for("tarnbrook").ask(question)
    assert one.status == "answered", one.error
    assert (other.answer, other.columns) == (one.answer, one.columns)
    assert difference(one.rows, other.rows, ordered=True) is None


def test_every_function_that_is_listed_has_been_compared(assistant_for: AssistantFor) -> None:
    access = assistant_for("tarnbrook").access(None)
    used: set[type[Expr]] = set()
    names: set[str] = set()
    for sql in CASES["same"]:
        for node in sqlglot.parse_one(guard.check(sql, access).executable, dialect="duckdb").walk():
            used.add(type(node))
            names.add(node.name.lower() if isinstance(node, exp.Anonymous) else "")
    known, unnamed = sayable()
    assert {kind.__name__ for kind in known if not any(issubclass(one, kind) for one in used)} == set()
    # as DuckDB writes them, or only in what the guard adds
    assert unnamed - names <= {"datepart", "array_extract", "to_weeks", "to_minutes", "to_seconds", "error"}


# --- what can't be said --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["says"])
def test_what_would_mean_something_else_is_refused(
    case: dict[str, str], assistant_for: AssistantFor, published: WarehouseOf
) -> None:
    checked = guard.check(case["sql"], assistant_for("tarnbrook").access(None))
    with pytest.raises(Refused, match=case["says"]):
        translate(checked.executable, schema_of(published("tarnbrook")))


def test_plans_of_every_shape_can_be_said_in_every_dialect(results_of: ResultsOf, published: WarehouseOf) -> None:
    shapes: dict[tuple[str, ...], str] = {}
    for result in results_of("tarnbrook.yaml"):
        sql = result.answer.executed
        if sql and ";\n\n" not in sql:
            kinds = {type(node).__name__ for node in sqlglot.parse_one(sql, dialect="duckdb").walk()}
            shapes.setdefault(tuple(sorted(kinds)), sql)
    assert len(shapes) > 20
    schema = schema_of(published("tarnbrook"))
    for sql in shapes.values():
        for dialect in DIALECTS:
            text = translate(sql, schema, dialect).sql
            assert isinstance(sqlglot.parse_one(text, dialect=dialect), exp.Query)


def schema_of(folder: Path) -> Any:
    return Published(str(folder)).manifest(lambda: pytest.fail("it is a folder here")).schema


# --- who may see what ----------------------------------------------------------------------------------------


def test_row_policies_hold_on_the_cluster(spark_for: Any, assistant_for: AssistantFor) -> None:
    duck, spark = assistant_for("tarnbrook"), spark_for("tarnbrook")
    sql = "SELECT ServiceName, count(*) AS n, sum(EffectiveCost) AS c FROM cost_and_usage GROUP BY ALL ORDER BY ALL"
    policed = [str(u["user"]) for u in duck.warehouse.catalog.small["users"] if u.get("row_policy")]
    assert policed
    everything = spark.run(sql)[1].rows
    for user in policed[:3]:
        seen = spark.run(sql, user)[1].rows
        assert difference(duck.run(sql, user)[1].rows, seen, ordered=True) is None
        assert seen != everything
        with pytest.raises(GuardRefusal):
            spark.run("SELECT * FROM users", user)
    with pytest.raises(Refused, match="not in the list"):
        spark.run(sql, "mallory")


def test_attacks_stop_before_the_cluster(cluster: dict[str, Any], published: WarehouseOf, desk: Desk) -> None:
    attacks = [{"id": n, "sql": sql} for n, sql in enumerate(CASES["attacks"])]
    done = desk.run(
        *("sql", "--engine", "spark", "--batch", desk.write("attacks.jsonl", *attacks)),
        ASKCOST_SPARK_URL=cluster["url"],
        ASKCOST_SPARK_TABLES=str(published("tarnbrook")),
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [CASES["attacks"][one["id"]] for one in answers if one["accepted"]] == []
    assert len(answers) == len(attacks)
    assert not [one for one in answers if "org.apache" in one["reason"] or "JVM" in one["reason"]]


# --- limits ----------------------------------------------------------------------------------------------------


def run(spark: Assistant, sql: str, engine: Engine | None = None, query_id: str | None = None, **limits: Any) -> Rows:
    checked = guard.check(sql, replace(spark.access(None), limits=Limits(**limits)))
    return (engine or spark.engine).run(checked, query_id=query_id)


def test_cancelling_stops_ones_own_statement_on_the_cluster_and_no_other(spark_for: Any) -> None:
    spark = spark_for("tarnbrook")
    engine = StoppableEngine(spark.engine)
    ended: dict[str, str | None] = {}

    def ask(name: str) -> None:
        try:
            run(spark, ENDLESS, engine, name, seconds=200)
        except EngineError as error:
            ended[name] = error.limit

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("mine", "theirs")]
    for thread in threads:
        thread.start()
    spark_cluster.wait_for(lambda: engine.running == 2)
    assert not engine.cancel("nobody's")
    assert engine.cancel("mine")
    threads[0].join()
    assert ended == {"mine": "cancel"}
    assert threads[1].is_alive()
    assert engine.cancel("theirs")
    threads[1].join()
    # The cluster has two cores. If one of the two still ran there, this would wait for them.
    assert run(spark, "SELECT count(*), sum(EffectiveCost) FROM cost_and_usage", seconds=60).rows


def test_a_statement_that_passes_its_time_is_stopped_and_the_next_runs(spark_for: Any) -> None:
    with pytest.raises(EngineError, match="stopped after 2 seconds") as error:
        run(spark_for("tarnbrook"), ENDLESS, seconds=2)
    assert error.value.limit == "time"
    assert run(spark_for("tarnbrook"), "SELECT count(*), sum(EffectiveCost) FROM cost_and_usage", seconds=60).rows


def test_no_more_comes_back_than_allowed(spark_for: Any) -> None:
    found = run(spark_for("tarnbrook"), "SELECT ServiceName FROM cost_and_usage", rows=7)
    assert (len(found.rows), found.truncated) == (7, True)
    long = "SELECT 'long' AS x"
    for _ in range(3):
        long = f"SELECT concat({', '.join(['x'] * 40)}) AS x FROM ({long})"
    with pytest.raises(EngineError, match="100,000 characters") as error:
        run(spark_for("tarnbrook"), long)
    assert error.value.limit == "size"


def test_errors_are_for_people(spark_for: Any, tmp_path: Path, cluster: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match="could not be converted to the type") as error:
        run(spark_for("tarnbrook"), "SELECT sum(CAST(ServiceName AS INTEGER)) FROM cost_and_usage")
    assert "Amazon" not in str(error.value)
    for settings, said in (
        ({"spark_url": "sc://127.0.0.1:1"}, "No Spark cluster answers at 127.0.0.1:1"),
        ({"spark_url": "http://127.0.0.1"}, "as in sc://localhost:15002"),
        ({"spark_url": None}, "Set ASKCOST_SPARK_URL"),
        ({"spark_url": cluster["url"]}, "No tables are published"),
    ):
        (tmp_path / "nothing").mkdir(exist_ok=True)
        config = Config(
            warehouse=tmp_path / "none.duckdb", engine="spark", spark_tables=str(tmp_path / "nothing"), **settings
        )
        with pytest.raises(AssistantError, match=said):
            Assistant(config).run("SELECT count(*) FROM cost_and_usage")


# --- versions ------------------------------------------------------------------------------------------------------


def test_a_newly_published_version_is_read_without_a_restart(
    cluster: dict[str, Any], warehouse_of: WarehouseOf, tmp_path: Path
) -> None:
    config = Config(
        warehouse=tmp_path / "w.duckdb", engine="spark", spark_url=cluster["url"], spark_tables=str(tmp_path / "lake")
    )
    count = "SELECT count(*) AS n, sum(EffectiveCost) AS c FROM cost_and_usage"
    spark = Assistant(config)
    found = []
    for company in ("focus_sample", "ai_examples", "focus_sample"):
        shutil.copyfile(warehouse_of(company), config.warehouse)
        publish(config.warehouse, tmp_path / "lake")
        found.append(spark.run(count)[1].rows)
        own = Assistant(Config(warehouse=warehouse_of(company), ledger=tmp_path / "l.sqlite"))
        assert found[-1] == own.run(count)[1].rows
        own.close()
    spark.close()
    assert found[0] == found[2] != found[1]
    assert len(list((tmp_path / "lake" / "versions").iterdir())) == 2  # the one before may still be read


def test_a_publish_that_is_killed_leaves_the_version_before(warehouse_of: WarehouseOf, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    for company in ("focus_sample", "tarnbrook"):
        shutil.copyfile(warehouse_of(company), tmp_path / f"{company}.duckdb")
    before = publish(tmp_path / "focus_sample.duckdb", lake)["version"]
    program = [sys.executable, "-m", "assistant.surfaces.cli.main", "publish", "--to", str(lake)]
    process = subprocess.Popen([*program, "--warehouse", str(tmp_path / "tarnbrook.duckdb")])
    spark_cluster.wait_for(lambda: len(list((lake / "versions").iterdir())) == 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert json.loads((lake / "current.json").read_text())["version"] == before
    after = publish(tmp_path / "tarnbrook.duckdb", lake)
    assert after["version"] != before
    assert {one.name for one in (lake / "versions").iterdir()} == {before, after["version"]}
    with pytest.raises(LoadError, match="no warehouse"):
        publish(tmp_path / "none.duckdb", lake)


def test_months_are_folders(published: WarehouseOf) -> None:
    schema = published("tarnbrook") / "versions"
    months = sorted(one.name for one in next(schema.iterdir()).joinpath("main.cost_and_usage").iterdir())
    assert months[0] == "askcost_month=2025-02"
    assert len(months) == 14


# --- faults ----------------------------------------------------------------------------------------------------------


def test_a_worker_killed_during_a_statement_costs_no_answer(
    spark_for: Any, assistant_for: AssistantFor, cluster: dict[str, Any]
) -> None:
    """Its part is done again by the other worker."""
    spark = spark_for("tarnbrook")
    pairs = (
        "SELECT count(*) AS n, sum(a.input_tokens - b.input_tokens) AS d "
        "FROM token_usage AS a, token_usage AS b, (SELECT 1 FROM token_usage LIMIT 3)"
    )
    given: list[Rows | EngineError] = []

    def ask() -> None:
        try:
            given.append(run(spark, pairs, seconds=100))
        except EngineError as error:
            given.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(1.0)  # under way, or about to be
    os.killpg(cluster["pids"]["worker1"], signal.SIGKILL)
    asking.join()
    (answer,) = given
    if isinstance(answer, EngineError):
        assert "lost machines" in str(answer) or answer.limit == "time"
    else:
        assert answer.rows == run(assistant_for("tarnbrook"), pairs, seconds=100).rows
    assert run(spark, "SELECT count(*) FROM cost_and_usage", seconds=60).rows
