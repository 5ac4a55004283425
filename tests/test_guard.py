"""The guard against its corpora: what analysts write passes unchanged in meaning, what attacks is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import duckdb
import guard_warehouse as warehouse
import pytest
import sqlglot
import yaml
from sqlglot import exp

from assistant.errors import GuardRefusal
from assistant.sql import guard
from assistant.values import Access, Limits, TableAccess, TableColumn

POLICY = "x_CostCenter = 'Retail'"
ACCEPTED = [*warehouse.statements("guard_accepted.sql"), *warehouse.statements("guard_accepted_focus.sql")]
OPEN_TO_RETAIL = [case for case in ACCEPTED if "budgets" not in case[1].lower()]  # which lack the dimension
REFUSED = [json.loads(line) for line in (warehouse.CASES / "guard_refused.jsonl").read_text().splitlines()]
CONTAINED = [json.loads(line) for line in (warehouse.CASES / "guard_contained.jsonl").read_text().splitlines()]
MESSAGES = yaml.safe_load((warehouse.CASES / "guard_messages.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def stored() -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.stored() as connection:
        yield connection


@pytest.fixture(scope="module")
def plain() -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.unprotected() as connection:
        yield connection


@pytest.fixture(scope="module")
def retail_only() -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.unprotected(POLICY) as connection:
        yield connection


@pytest.fixture(scope="module")
def everything(stored: duckdb.DuckDBPyConnection) -> Access:
    return warehouse.access(stored)


@pytest.fixture(scope="module")
def retail(stored: duckdb.DuckDBPyConnection) -> Access:
    return warehouse.access(stored, POLICY)


# --- analysts --------------------------------------------------------------------------------


@pytest.mark.parametrize(("reason", "sql"), ACCEPTED, ids=[reason for reason, _ in ACCEPTED])
def test_analysts_get_what_they_asked_for(reason, sql, stored, plain, everything):
    assert warehouse.run(stored, guard.check(sql, everything).executable) == warehouse.run(plain, sql)


@pytest.mark.parametrize(("reason", "sql"), OPEN_TO_RETAIL, ids=[reason for reason, _ in OPEN_TO_RETAIL])
def test_a_policy_shows_the_same_as_a_copy_without_the_hidden_rows(reason, sql, stored, retail_only, retail):
    assert warehouse.run(stored, guard.check(sql, retail).executable) == warehouse.run(retail_only, sql)


def test_an_expression_tree_is_taken_like_text(stored, everything):
    tree = sqlglot.parse_one("SELECT count(*) AS n FROM cost_and_usage -- all", dialect="duckdb")
    assert warehouse.run(stored, guard.check(tree, everything).executable)[2] == [(600,)]


# --- attacks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("case", REFUSED, ids=[f"{case['class']}: {case['reason']}" for case in REFUSED])
def test_attacks_are_refused(case, retail):
    with pytest.raises(GuardRefusal):
        guard.check(case["sql"], retail)


@pytest.mark.parametrize("case", REFUSED, ids=[f"{case['class']}: {case['reason']}" for case in REFUSED])
def test_attacks_are_refused_to_the_operator_too(case, everything):
    if case["class"] == "policy" or "budgets" in case["sql"]:
        pytest.skip("harmless to someone who may see everything")
    with pytest.raises(GuardRefusal):
        guard.check(case["sql"], everything)


@pytest.mark.parametrize("case", CONTAINED, ids=[case["reason"] for case in CONTAINED])
def test_what_runs_sees_only_permitted_rows(case, stored, retail_only, retail):
    checked = guard.check(case["sql"], retail)
    got = warehouse.run(stored, checked.executable)
    assert "Payments" not in repr(got[2])
    if "SHOW" not in case["sql"] and "\"Tags['team']\"" not in case["sql"]:
        assert got == warehouse.run(retail_only, case["sql"])


HIDDEN_ROWS = {
    "as stored": "SELECT 1",
    "gone": f"DELETE FROM {{table}} WHERE ({POLICY}) IS NOT TRUE",
    "hostile": f"UPDATE {{table}} SET {{text}} = 'not a number: ' || {{text}}, {{number}} = -1e9, "
    f"x_CostCenter = coalesce(x_CostCenter, 'Secret') WHERE ({POLICY}) IS NOT TRUE",
}
FIELDS = {
    "cost_and_usage": {"text": "ServiceName", "number": "EffectiveCost"},
    "token_usage": {"text": "model", "number": "cost_usd"},
}


@pytest.fixture(scope="module")
def three_warehouses() -> list[duckdb.DuckDBPyConnection]:
    connections = []
    for change in HIDDEN_ROWS.values():
        connection = warehouse.stored()
        for table, fields in FIELDS.items():
            connection.execute(change.format(table=table, **fields))
        connections.append(connection)
    return connections


@pytest.mark.parametrize("sql", [sql for _, sql in OPEN_TO_RETAIL] + [case["sql"] for case in CONTAINED])
def test_hidden_rows_change_nothing(sql, three_warehouses, retail):
    executable = guard.check(sql, retail).executable
    first, *others = (warehouse.run(connection, executable) for connection in three_warehouses)
    assert all(other == first for other in others)


# --- what a refusal says ---------------------------------------------------------------------


@pytest.mark.parametrize("case", MESSAGES, ids=[case["sql"][:60] for case in MESSAGES])
def test_a_refusal_says_what_would_work(case, retail):
    with pytest.raises(GuardRefusal) as raised:
        guard.check(case["sql"], retail)
    text = str(raised.value)
    assert raised.value.rule == case["rule"], text
    assert all(piece in text for piece in case["says"]), text
    assert not any(piece in text for piece in case.get("not", ())), text


TOO_MUCH = {
    "length": f"SELECT '{'x' * 21_000}'",
    "brackets": "SELECT " + "(" * 3_000 + "1" + ")" * 3_000,
    "open brackets": "SELECT " + "(" * 3_000,
    "subqueries": "SELECT * FROM " + "(SELECT * FROM " * 200 + "budgets" + ")" * 200,
    "method calls": "SELECT 'a'" + ".upper()" * 800,
    "subscripts": "SELECT x" + "[1]" * 2_000,
    "casts": "SELECT 1" + "::INT" * 1_500,
    "list": "SELECT 1 IN (" + "1," * 9_000 + "1)",
    "sum": "SELECT 1" + "+1" * 9_000,
    "nots": "SELECT " + "NOT " * 4_000 + "true",
    "cases": "SELECT " + "CASE WHEN " * 900 + "1" + " THEN 1 END" * 900,
    "signs": "SELECT " + "- " * 9_000 + "1",
    "from brackets": "SELECT * FROM " + "(" * 3_000 + "budgets" + ")" * 3_000,
    "structs": "SELECT " + "{'a':" * 2_500 + "1" + "}" * 2_500,
    "comments": "SELECT " + "/*" * 9_000,
    "quotes": "SELECT " + "'" * 9_001,
    "dollars": "SELECT " + "$a$" * 6_001,
    "joins": "SELECT 1 FROM budgets" + " JOIN budgets ON 1" * 1_000,
    "nested CTEs": "WITH a AS (" * 300 + "SELECT 1" + ") SELECT 1" * 300,
    "lambdas": "SELECT " + "(lambda x: " * 300 + "1" + ")" * 300,
    "unions": "SELECT 1" + " UNION SELECT 1" * 1_300,
    "recursions": "WITH RECURSIVE "
    + ", ".join(f"r{i} AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r{i} WHERE n < 5)" for i in range(150))
    + " SELECT 1",
    "stars": "SELECT " + ", ".join("*" * 500) + " FROM cost_and_usage",
    "stars of stars": "SELECT *, *, * FROM (SELECT *, *, *, *, * FROM (SELECT *, *, *, *, *, * FROM cost_and_usage))",
    "column patterns": "SELECT " + ", ".join(["COLUMNS(*) + COLUMNS(*)"] * 90) + " FROM cost_and_usage",
    "aliases": "SELECT 1 AS a0" + "".join(f", a{i} + a{i} AS a{i + 1}" for i in range(25)),
    "grouping sets": "SELECT 1 FROM token_usage GROUP BY CUBE ("
    + ", ".join(f"requests + {i}" for i in range(12))
    + ")",
    "pivoted columns": "SELECT * FROM token_usage PIVOT (count(*) FOR requests IN "
    + "({0}) input_tokens IN ({0}))".format(", ".join(map(str, range(200)))),
    "nested lambdas": "SELECT " + "list_transform([1], lambda x: " * 30 + "x" + ")" * 30,
}


@pytest.mark.parametrize("sql", TOO_MUCH.values(), ids=TOO_MUCH)
def test_too_much_of_anything_is_a_refusal(sql, retail):
    with pytest.raises(GuardRefusal):
        guard.check(sql, retail)


# --- the checked query -----------------------------------------------------------------------


def test_it_tells_what_is_read(everything):
    checked = guard.check("SELECT lower(ServiceName), sum(BilledCost) FROM cost_and_usage c GROUP BY 1;", everything)
    assert checked.sql == "SELECT lower(ServiceName), sum(BilledCost) FROM cost_and_usage c GROUP BY 1"
    assert checked.tables == ("cost_and_usage",)
    assert checked.columns == ("cost_and_usage.BilledCost", "cost_and_usage.ServiceName")
    assert checked.functions == ("lower", "sum")
    assert checked.policy is None


def test_it_tells_the_policy(retail):
    checked = guard.check("SELECT count(*) FROM cost_and_usage", retail)
    assert checked.policy == f"cost_and_usage: {POLICY}"
    assert "Retail" in checked.executable


def test_every_reference_is_filtered(retail):
    sql = (
        "WITH a AS (SELECT * FROM cost_and_usage) SELECT (SELECT count(*) FROM cost_and_usage), * "
        "FROM a, LATERAL (SELECT max(x_Weight) FROM cost_and_usage c WHERE c.RegionId = a.RegionId) "
        "UNION ALL FROM (SELECT 1, * FROM cost_and_usage) x, (SELECT 1)"
    )
    executable = guard.check(sql, retail).executable
    assert executable.count("main.cost_and_usage") == executable.count("'Retail'") == 4


@pytest.mark.parametrize(
    ("asked", "rows"),
    [("", 6), ("LIMIT 2", 2), ("LIMIT 50", 6), ("LIMIT 99%", 6), ("OFFSET 595", 5), ("LIMIT (3 + 30)", 6)],
)
def test_rows_are_limited_to_one_more_than_allowed(asked, rows, stored, everything):
    few = replace(everything, limits=Limits(rows=5))
    checked = guard.check(f"SELECT x_Weight FROM cost_and_usage {asked}", few)
    assert len(warehouse.run(stored, checked.executable)[2]) == rows


def test_a_tag_is_read_from_its_own_column(everything):
    asked = "SELECT Tags['team'], c.Tags->>'env' AS env FROM cost_and_usage c WHERE Tags['cost-center'] = 'cc1'"
    executable = guard.check(asked, everything).executable
    assert all(f'"Tags.{key}"' in executable for key in ("team", "env", "cost-center"))
    assert "Tags[" not in executable.replace("\"Tags['", "")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT *, Tags['team'] FROM cost_and_usage",
        "SELECT COLUMNS('Cost$'), Tags['team'] FROM cost_and_usage",
        "SELECT c, Tags['team'] FROM cost_and_usage c",
        "SELECT Tags['nobody'] FROM cost_and_usage",
        "SELECT Tags['team'] AS tags FROM cost_and_usage",
        "SELECT count(*) FROM cost_and_usage a NATURAL JOIN cost_and_usage b WHERE a.Tags['team'] = 'x'",
    ],
)
def test_a_tag_stays_as_it_is_where_its_column_could_be_seen(sql, everything):
    assert '"Tags.' not in guard.check(sql, everything).executable


def test_only_named_columns_are_taken_from_a_table(everything):
    executable = guard.check("SELECT sum(BilledCost) FROM cost_and_usage", everything).executable
    assert "(SELECT BilledCost FROM main.cost_and_usage)" in executable


def test_sampling_blocks_would_depend_on_hidden_rows(retail, everything):
    sql = "SELECT count(*) FROM cost_and_usage TABLESAMPLE 50 PERCENT (system)"
    assert "Bernoulli" in guard.check(sql, retail).executable
    assert "Bernoulli" not in guard.check(sql, everything).executable


def test_show_tables_lists_the_open_ones(stored, retail):
    assert warehouse.run(stored, guard.check("SHOW TABLES", retail).executable)[2] == [
        ("cost_and_usage",),
        ("token_usage",),
    ]


@pytest.mark.parametrize(
    "expression",
    [
        "len(range(x_Weight * 100000))",
        "range(len(range(x_Weight * 100000)) % 2)",
        "len(generate_series(ChargePeriodStart, ChargePeriodEnd + INTERVAL (x_Weight) DAY, INTERVAL 1 SECOND))",
    ],
)
def test_ends_that_only_rows_know_are_checked_as_it_runs(expression, stored, everything):
    checked = guard.check(f"SELECT {expression} FROM cost_and_usage", everything)
    with pytest.raises(duckdb.Error, match="more than 1000000 elements"):
        warehouse.run(stored, checked.executable)


def test_awkward_names_of_tables_and_columns_are_quoted():
    awkward = TableAccess('weird "table"; --', (TableColumn('a "b" c', "INTEGER"), TableColumn("select", "DATE")))
    access = Access({awkward.name: awkward})
    with duckdb.connect(":memory:") as connection:
        connection.execute('CREATE TABLE "weird ""table""; --" ("a ""b"" c" INTEGER, "select" DATE, hidden INTEGER)')
        connection.execute("""INSERT INTO "weird ""table""; --" VALUES (1, '2026-01-01', 3)""")
        checked = guard.check('SELECT *, "a ""b"" c" + 1 AS "x;y" FROM "weird ""table""; --"', access)
        assert warehouse.run(connection, checked.executable)[0] == ['a "b" c', "select", "x;y"]


def test_statements_are_checked_side_by_side(everything):
    statements = [sql for _, sql in ACCEPTED[:40]]
    alone = [guard.check(sql, everything).executable for sql in statements]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda sql: guard.check(sql, everything).executable, statements * 3))
    assert together == alone * 3


def test_a_second_parser_reads_the_same_tables(everything):
    read = 0
    for _, sql in ACCEPTED:
        checked = guard.check(sql, everything)
        try:
            tree = sqlglot.parse_one(checked.executable, dialect="duckdb")
        except sqlglot.ParseError:
            continue  # lambdas in brackets
        read += 1
        assert {table.name for table in tree.find_all(exp.Table) if table.db == "main"} == set(checked.tables)
    assert read > 0.95 * len(ACCEPTED)
