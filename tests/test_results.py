"""Results are kept between questions: for the same statement on the same data, and for nobody else's rows."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import WarehouseOf

from assistant.assistant import Assistant
from assistant.config import Config
from assistant.engines.cached import VOLATILE, Cached
from assistant.engines.duckdb_engine import DuckDBEngine
from assistant.sql import guard
from assistant.values import CheckedQuery, Question, Rows
from assistant.warehouse.publish import writing

SUM = "SELECT ServiceCategory, sum(EffectiveCost) AS cost FROM cost_and_usage GROUP BY 1 ORDER BY 1"


class Counting(DuckDBEngine):
    """The real engine, which knows what it was asked."""

    ran = 0
    versions: Iterator[str] | None = None

    def version(self) -> str:
        return next(self.versions) if self.versions else super().version()

    def run(self, query: CheckedQuery, owner: str | None = None, query_id: str | None = None) -> Rows:
        self.ran += 1
        return super().run(query, owner, query_id)


@pytest.fixture
def warehouse(warehouse_of: WarehouseOf, tmp_path: Path) -> Path:
    shutil.copyfile(warehouse_of("focus_sample"), tmp_path / "costs.duckdb")
    return tmp_path / "costs.duckdb"


@pytest.fixture
def engine(warehouse: Path) -> Iterator[Counting]:
    engine = Counting(warehouse)
    yield engine
    engine.close()


@pytest.fixture
def cached(engine: Counting, warehouse: Path) -> Cached:
    return Cached(engine, warehouse.with_suffix(".results.sqlite"), megabytes=1)


@pytest.fixture
def assistant(warehouse: Path) -> Iterator[Assistant]:
    assistant = Assistant(Config(warehouse=warehouse))
    yield assistant
    assistant.close()


def test_the_second_time_nothing_runs_and_the_rows_are_the_same(
    cached: Cached, engine: Counting, assistant: Assistant
) -> None:
    checked = assistant.check(SUM)
    first, second = cached.run(checked), cached.run(checked)
    assert engine.ran == 1
    assert replace(first, milliseconds=0.0) == replace(second, milliseconds=0.0)


def test_every_kind_of_value_comes_back_as_it_was(cached: Cached, engine: Counting, assistant: Assistant) -> None:
    checked = assistant.check(
        "SELECT 1.50::DECIMAL(9,2) AS a, 2::BIGINT AS b, 0.1::DOUBLE AS c, DATE '2026-01-02' AS d, NULL AS e, "
        "TIMESTAMP '2026-01-02 03:04:05' AS f, 'é' AS g, [1, 2] AS h, MAP {'k': 1} AS i, true AS j"
    )
    first, second = cached.run(checked), cached.run(checked)
    assert engine.ran == 1
    assert [repr(v) for v in first.rows[0]] == [repr(v) for v in second.rows[0]]
    assert (first.columns, first.types) == (second.columns, second.types)


def test_a_load_makes_all_results_old(cached: Cached, engine: Counting, assistant: Assistant, warehouse: Path) -> None:
    checked = assistant.check("SELECT count(*) AS n FROM cost_and_usage")
    before = cached.run(checked).rows
    assistant.engine.close()
    with writing(warehouse) as con:
        con.execute("DELETE FROM cost_and_usage WHERE ServiceCategory = 'Compute'")
    after = cached.run(checked).rows
    assert engine.ran == 2
    assert after[0][0] < before[0][0]
    with sqlite3.connect(cached.path) as file:
        assert file.execute("SELECT count(*) FROM results").fetchall() == [(1,)]


def test_what_runs_while_a_load_publishes_is_not_kept(engine: Counting, assistant: Assistant, warehouse: Path) -> None:
    engine.versions = iter("1222")  # the first run sees another version afterwards than before
    cached = Cached(engine, warehouse.with_suffix(".results.sqlite"), megabytes=1)
    checked = assistant.check(SUM)
    cached.run(checked)
    cached.run(checked)
    assert engine.ran == 2


def test_another_policy_is_another_result(cached: Cached, engine: Counting, assistant: Assistant) -> None:
    whole = assistant.access(None)
    costs = whole.tables["cost_and_usage"]
    found = []
    for predicate in (None, "ServiceCategory = 'Compute'", "ServiceCategory = 'Storage'", None):
        tables = {**whole.tables, "cost_and_usage": replace(costs, predicate=predicate)}
        found.append(cached.run(guard.check(SUM, replace(whole, tables=tables))).rows)
    assert engine.ran == 3
    assert found[0] == found[3]
    assert [row[0] for row in found[1]] == ["Compute"]
    assert [row[0] for row in found[2]] == ["Storage"]


def test_another_row_limit_is_another_result(cached: Cached, engine: Counting, assistant: Assistant) -> None:
    checked = assistant.check("SELECT ServiceName FROM cost_and_usage ORDER BY 1")
    few = replace(checked, limits=replace(checked.limits, rows=2))
    assert (len(cached.run(few).rows), cached.run(few).truncated) == (2, True)
    assert len(cached.run(checked).rows) > 2
    assert engine.ran == 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT now() AS t",
        "SELECT current_date AS t",
        "SELECT random() AS r",
        "SELECT today() AS d",
        "SELECT count(*) AS n FROM cost_and_usage USING SAMPLE 10%",
    ],
)
def test_what_may_differ_the_next_time_is_not_kept(
    sql: str, cached: Cached, engine: Counting, assistant: Assistant
) -> None:
    checked = assistant.check(sql)
    assert VOLATILE.search(checked.executable)
    cached.run(checked)
    cached.run(checked)
    assert engine.ran == 2


def test_the_longest_unused_make_room(cached: Cached, engine: Counting, assistant: Assistant) -> None:
    large = "SELECT repeat('x', 40) || i AS x, {n} AS n FROM range(1500) t(i)"
    statements = [assistant.check(large.format(n=n)) for n in range(20)]
    for statement in statements:
        cached.run(statement)
    with sqlite3.connect(cached.path) as file:
        count, size = file.execute("SELECT count(*), sum(size) FROM results").fetchone()
    assert 5 < count < 20
    assert size <= 1_000_000
    assert os.path.getsize(cached.path) < 3_000_000
    cached.run(statements[-1])
    assert engine.ran == 20
    cached.run(statements[0])
    assert engine.ran == 21


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b""])
def test_a_broken_file_costs_no_answer(damage: bytes, cached: Cached, engine: Counting, assistant: Assistant) -> None:
    checked = assistant.check(SUM)
    expected = cached.run(checked).rows
    for left in cached.path.parent.glob(f"{cached.path.name}-*"):
        left.unlink()
    cached.path.write_bytes(damage)
    assert cached.run(checked).rows == expected
    cached.run(checked)
    cached.run(checked)
    assert engine.ran <= 3


def test_a_folder_that_can_not_be_written_costs_no_answer(engine: Counting, assistant: Assistant) -> None:
    cached = Cached(engine, Path("/proc/no/such/folder/results.sqlite"), megabytes=1)
    checked = assistant.check(SUM)
    assert cached.run(checked).rows == cached.run(checked).rows
    assert engine.ran == 2


ASK = (
    "import sys; from pathlib import Path; from assistant.assistant import Assistant; "
    "from assistant.config import Config; "
    f"rows = Assistant(Config(warehouse=Path(sys.argv[1]))).run({SUM!r})[1]; print(rows.rows)"
)


def test_processes_share_results_which_only_their_owner_may_read(warehouse: Path) -> None:
    def ask(**environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", ASK, str(warehouse)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    path = warehouse.with_suffix(".results.sqlite")
    unkept = ask(ASKCOST_RESULT_CACHE_MB="0")
    assert not path.exists()
    first = ask()
    assert path.stat().st_mode & 0o077 == 0
    with sqlite3.connect(path) as file:  # what another process finds is what stands here
        file.execute("UPDATE results SET rows = replace(rows, 'Compute', 'Kept')")
    assert unkept == first
    assert ask() == first.replace("Compute", "Kept") != first


# --- a question that reads very much ----------------------------------------------------------------------


def asked(assistant: Assistant, text: str, **about: Any) -> Any:
    return assistant.ask(Question(text, today=assistant.warehouse.catalog.days["cost_and_usage"].last, **about))


@pytest.fixture
def careful(warehouse: Path) -> Iterator[Assistant]:
    assistant = Assistant(Config(warehouse=warehouse, ask_above_rows=100))
    yield assistant
    assistant.close()


QUESTION = "cost by service this year"


def test_a_question_that_reads_very_much_is_asked_about_first(careful: Assistant) -> None:
    answer = asked(careful, QUESTION, thread="t")
    assert answer.status == "clarify"
    assert "rows" in answer.clarify.question
    assert answer.clarify.options == ("run it anyway",)
    assert "run it anyway" in answer.clarify.question
    chosen = asked(careful, "run it anyway", thread="t")
    assert (chosen.status, chosen.question) == ("answered", QUESTION)
    at_once = asked(careful, f"{QUESTION}, run it anyway.")
    assert at_once.rows == chosen.rows
    assert len(chosen.rows) > 1


def test_the_words_alone_mean_nothing_without_something_asked(careful: Assistant) -> None:
    assert asked(careful, "run it anyway", thread="fresh").status != "answered"


def test_a_narrow_question_just_runs(warehouse: Path) -> None:
    assistant = Assistant(Config(warehouse=warehouse, ask_above_rows=600))
    days = assistant.warehouse.catalog.days["cost_and_usage"]
    assert asked(assistant, f"cost by service on {days.last}").status == "answered"
    assert asked(assistant, f"cost by service since {days.first}").status == "clarify"
    assistant.close()


def test_statements_say_so_in_a_comment(warehouse: Path) -> None:
    def sql(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "assistant.surfaces.cli.main", "sql", "--warehouse", str(warehouse)],
            input=text,
            env={**os.environ, "ASKCOST_ASK_ABOVE_ROWS": "100"},
            capture_output=True,
            text=True,
        )

    refused, meant = sql(SUM), sql(f"{SUM} -- run it anyway")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "-- run it anyway" in refused.stderr
    assert meant.returncode == 0
    assert "Compute" in meant.stdout
