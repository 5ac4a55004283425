"""Row policies: every answer holds permitted rows only, and what a user can't see might as well not exist."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AssistantFor, CheckFor, WarehouseOf

from assistant import evaluation
from assistant.assistant import Assistant
from assistant.config import Config
from assistant.errors import Refused
from assistant.sql import policy
from assistant.telling.answer_object import to_dict
from assistant.values import Answer, Question
from assistant.warehouse.publish import writing

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "policy.yaml").read_text(encoding="utf-8"))
TODAY = date(2026, 3, 19)
USERS = CASES["users"]


@pytest.fixture(scope="module")
def tarnbrook(assistant_for: AssistantFor) -> Assistant:
    return assistant_for("tarnbrook")


def ask(assistant: Assistant, text: str, user: str | None, thread: str | None = None) -> Answer:
    return assistant.ask(Question(text, user, thread, TODAY))


# --- permitted rows only ------------------------------------------------------------------------------


@pytest.mark.parametrize("user", USERS)
def test_every_kind_of_question_counts_permitted_rows_only(
    user: str, tarnbrook: Assistant, check_for: CheckFor
) -> None:
    for case in CASES["questions"]:
        answer = ask(tarnbrook, case["question"], user)
        names, rows = check_for("tarnbrook")(case["sql"].format(allowed=f"({USERS[user]})"))
        assert answer.status == "answered", f"{case['question']}: {answer.error or answer.clarify}"
        problem = evaluation.difference(answer, names, rows, False, None)
        assert not problem, f"{case['question']}: {problem}"
        assert any("you see" in one for one in answer.assumptions)


@pytest.mark.parametrize("user", USERS)
def test_sql_by_hand_counts_permitted_rows_only(user: str, tarnbrook: Assistant, check_for: CheckFor) -> None:
    total = "SELECT count(*) AS n, sum(BilledCost) AS billed FROM cost_and_usage"
    (permitted,) = check_for("tarnbrook")(f"{total} WHERE {USERS[user]}")[1]
    (everything,) = check_for("tarnbrook")(total)[1]
    for statement in (
        total,
        f"{total} AS c WHERE TRUE OR c.BilledCost > 0",
        f"WITH cost_and_usage AS (SELECT * FROM cost_and_usage) {total}",
        f"SELECT * FROM ({total})",
        "SELECT count(*), sum(a.BilledCost) FROM cost_and_usage AS a LEFT JOIN (SELECT 1 AS one) ON one = 1",
    ):
        try:
            rows = tarnbrook.run(statement, user)[1].rows
        except Refused:
            continue
        assert rows == (permitted,) != (everything,), statement
    assert tarnbrook.run(total, user)[1].rows == (permitted,)


@pytest.mark.parametrize("user", USERS)
def test_tables_without_the_dimension_are_closed(user: str, tarnbrook: Assistant) -> None:
    access = tarnbrook.access(user)
    assert sorted(access.tables) == CASES["open"][user]
    for table in set(tarnbrook.warehouse.catalog.tables) - set(access.tables):
        with pytest.raises(Refused, match=table):
            tarnbrook.run(f"SELECT count(*) AS n FROM {table}", user)


@pytest.mark.parametrize(
    "question",
    [
        "GPU fleet cost last month",
        "policies issued last month",
        "token allowances by team this month",
        "budget last month",
    ],
)
def test_questions_over_closed_tables_are_not_answered(question: str, tarnbrook: Assistant) -> None:
    assert ask(tarnbrook, question, None).status == "answered"
    answer = ask(tarnbrook, question, "rita")
    assert answer.status in ("refused", "clarify")
    assert not answer.rows


def test_only_administrators_see_the_list_of_users(tarnbrook: Assistant) -> None:
    statement = "SELECT count(*) AS n FROM users"
    assert tarnbrook.run(statement, "root.ops")[1].rows == tarnbrook.run(statement)[1].rows
    for user in ("avery", "fen", "noor"):
        with pytest.raises(Refused, match="users"):
            tarnbrook.run(statement, user)


def test_without_a_policy_a_user_sees_every_charge(tarnbrook: Assistant) -> None:
    everything = ask(tarnbrook, "cost by squad last month", None)
    for user in ("avery", "fen", "root.ops"):
        assert ask(tarnbrook, "cost by squad last month", user).rows == everything.rows


@pytest.mark.parametrize("user", ["nobody", "Noor", "noor ", "", "noor' OR '1'='1", "NULL", "*"])
def test_a_user_that_is_not_listed_is_refused(user: str, tarnbrook: Assistant) -> None:
    answer = ask(tarnbrook, "cost last month", user)
    assert answer.status == "refused"
    assert repr(user) in (answer.error or "")
    assert not answer.rows
    with pytest.raises(Refused):
        tarnbrook.run("SELECT 1 AS n", user)


# --- several readers at once ----------------------------------------------------------------------------

ROOMS = [("mara", "teo"), ("lina", "teo", "mara"), ("avery", "rita"), ("fen", "avery")]


@pytest.mark.parametrize("room", ROOMS, ids="-".join)
def test_readers_together_see_what_each_of_them_may(
    room: tuple[str, ...], tarnbrook: Assistant, check_for: CheckFor
) -> None:
    allowed = " AND ".join(f"({USERS.get(user, 'TRUE')})" for user in room)
    for case in CASES["questions"]:
        answers = [
            tarnbrook.ask(Question(case["question"], user, None, TODAY, readers=room)) for user in (room[0], room[-1])
        ]
        names, rows = check_for("tarnbrook")(case["sql"].format(allowed=f"({allowed})"))
        for answer in answers:
            assert answer.status == "answered", f"{case['question']}: {answer.error or answer.clarify}"
            problem = evaluation.difference(answer, names, rows, False, None)
            assert not problem, f"{case['question']}: {problem}"


def test_readers_whose_rows_exclude_each_other_see_none(tarnbrook: Assistant) -> None:
    for case in CASES["questions"]:
        answer = tarnbrook.ask(Question(case["question"], "mara", None, TODAY, readers=("noor",)))
        assert all(value in (None, 0) for row in answer.rows for value in row), case["question"]


def test_readers_together_have_the_tables_that_all_have(tarnbrook: Assistant) -> None:
    access = tarnbrook.access("rita", ("rita", "noor"))
    assert [*access.tables] == ["cost_and_usage"]
    assert access.limits.seconds == min(tarnbrook.access(u).limits.seconds for u in ("rita", "noor"))
    said = " ".join([access.note or "", *access.closed.values()])
    assert "Retail" not in said
    assert "Orion" not in said
    assert policy.sees_more(tarnbrook.access("rita"), access)
    assert not policy.sees_more(tarnbrook.access("fen"), tarnbrook.access("fen", ("fen", "avery")))


def test_readers_together_know_the_words_that_all_know(tarnbrook: Assistant) -> None:
    alone = tarnbrook.ask(Question("cost of Payments last month", "mara", None, TODAY))
    never = tarnbrook.ask(Question("cost of Zzyzxqua last month", "mara", None, TODAY, readers=("noor",)))
    together = tarnbrook.ask(Question("cost of Payments last month", "mara", None, TODAY, readers=("noor",)))
    assert alone.status == "answered"
    assert together.status == "clarify"
    assert str(together.clarify) == str(never.clarify).replace("Zzyzxqua", "Payments")


def test_an_analysis_for_several_readers_reads_what_all_of_them_may(tarnbrook: Assistant) -> None:
    question = "why did cost change in February 2026"
    one, other = (tarnbrook.ask(Question(question, user, None, TODAY)) for user in ("mara", "teo"))
    together = tarnbrook.ask(Question(question, "mara", None, TODAY, readers=("teo",)))
    assert {a.status for a in (one, other, together)} == {"answered"}
    assert len({a.answer for a in (one, other, together)}) == 3
    assert together.answer == tarnbrook.ask(Question(question, "teo", None, TODAY, readers=("mara",))).answer


def test_one_reader_that_is_not_listed_is_enough_to_refuse(tarnbrook: Assistant) -> None:
    answer = tarnbrook.ask(Question("cost last month", "mara", None, TODAY, readers=("noor", "nobody")))
    assert (answer.status, answer.rows) == ("refused", ())


def test_readers_continue_each_other(tarnbrook: Assistant) -> None:
    room = ("mara", "avery")
    tarnbrook.ask(Question("cost by region in January 2026", "mara", "room", TODAY, readers=room))
    continued = tarnbrook.ask(Question("and by provider?", "avery", "room", TODAY, readers=room))
    assert continued.period
    assert continued.period.start == date(2026, 1, 1)


# --- what can't be seen does not exist ----------------------------------------------------------------


def _told(answer: Answer) -> dict[str, Any]:
    told = to_dict(answer)
    for name in ("answer_id", "timings_ms"):
        del told[name]
    return told


@pytest.fixture(scope="module", params=["noor", "ines"])
def worlds(
    request: pytest.FixtureRequest,
    warehouse_of: WarehouseOf,
    tarnbrook: Assistant,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Assistant, Assistant, list[str]]]:
    """A user; the warehouse; one where all that she must not see was never loaded; the names that it lacks."""
    user = request.param
    path = tmp_path_factory.mktemp("world") / "tarnbrook.duckdb"
    shutil.copyfile(warehouse_of("tarnbrook"), path)
    with writing(path) as con:
        con.execute(f"DELETE FROM cost_and_usage WHERE ({USERS[user]}) IS NOT TRUE")
        if user == "noor":
            con.execute("DELETE FROM token_usage WHERE team IS DISTINCT FROM 'Orion'")
            con.execute("DELETE FROM gpu_usage WHERE team IS DISTINCT FROM 'Orion'")
    smaller = Assistant(Config(warehouse=path))
    known = {value.value for value in smaller.warehouse.catalog.values}
    hidden = {
        value.value
        for value in tarnbrook.warehouse.catalog.values
        if value.table in ("cost_and_usage", "token_usage", "gpu_usage") and value.value not in known
    }
    yield user, tarnbrook, smaller, sorted(hidden)
    smaller.close()


@pytest.mark.parametrize("probe", CASES["probes"])
def test_a_hidden_name_is_answered_as_if_it_had_never_been_loaded(
    probe: str, worlds: tuple[str, Assistant, Assistant, list[str]]
) -> None:
    user, whole, smaller, hidden = worlds
    names = [name for name in hidden if not name.isdigit() and len(name) < 40]
    assert len(names) > 20
    for name in names[:: len(names) // 20]:
        question = probe.format(value=name)
        assert _told(ask(whole, question, user)) == _told(ask(smaller, question, user)), question


def test_a_misspelt_hidden_name_suggests_nothing_hidden(
    worlds: tuple[str, Assistant, Assistant, list[str]],
) -> None:
    user, whole, smaller, hidden = worlds
    names = [name for name in hidden if name.isalpha() and len(name) > 5]
    for name in names[:: len(names) // 12 or 1]:
        question = f"cost of {name[:3]}{name[4:]}{name[3]} last month by account"
        assert _told(ask(whole, question, user)) == _told(ask(smaller, question, user)), question


def test_a_hidden_name_gets_the_text_of_a_name_that_never_was(tarnbrook: Assistant) -> None:
    never, hidden = (ask(tarnbrook, f"cost of {name} last month", "noor") for name in ("Zzyzxqua", "Payments"))
    assert hidden.status == never.status == "clarify"
    assert str(hidden.clarify).replace("Payments", "Zzyzxqua") == str(never.clarify)
    seen = ask(tarnbrook, "cost of Payments last month", "mara")
    assert (seen.status, len(seen.rows)) == ("answered", 1)


# --- conversations belong to their user ---------------------------------------------------------------


@pytest.mark.parametrize("other", ["noor", None])
def test_a_thread_of_another_user_is_not_continued(other: str | None, tarnbrook: Assistant) -> None:
    thread = f"t-{other}"
    ask(tarnbrook, "Payments cost by region in January 2026", "mara", thread)
    fresh = ask(tarnbrook, "and by provider?", other, f"{thread}-fresh")
    answer = ask(tarnbrook, "and by provider?", other, thread)
    assert (answer.status, answer.rows, answer.period) == (fresh.status, fresh.rows, fresh.period)
    own = ask(tarnbrook, "and by provider?", "mara", thread)
    assert own.status == "answered"
    assert own.period
    assert own.period.start == date(2026, 1, 1)
