"""Individuals are visible to themselves and to their lead by role; others see groups of at least five."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from conftest import AssistantFor, CheckFor

from assistant.analysis import allowances
from assistant.assistant import Assistant
from assistant.config import ROOT
from assistant.errors import SchemaError
from assistant.sql import roles
from assistant.values import Answer, Question

TODAY = date(2026, 10, 15)
ANALYST, DEVELOPER, ADMIN = "tomas.beck", "amara.lindqvist@merrowdale.example", "ines.aldana"
OTHERS = "other people"


@pytest.fixture(scope="module")
def demo(assistant_for: AssistantFor) -> Assistant:
    return assistant_for("demo")


def _ask(demo: Assistant, text: str, user: str | None) -> Answer:
    return demo.ask(Question(text, user, today=TODAY))


def _people(answer: Answer) -> set[str]:
    return {str(row[0]) for row in answer.rows if not str(row[0]).startswith("svc-")}


@pytest.mark.parametrize(
    ("user", "seen"), [(ANALYST, {OTHERS}), (DEVELOPER, {OTHERS, DEVELOPER}), ("priya.raman", {OTHERS})]
)
@pytest.mark.parametrize(
    "question", ["tokens by user last month", "cost by user last month", "tokens by user last month as a share"]
)
def test_others_are_one_group(question: str, user: str, seen: set[str], demo: Assistant) -> None:
    answer = _ask(demo, question, user)
    assert _people(answer) == seen, (answer.clarify, answer.error)
    assert any("one group" in one for one in answer.assumptions)


def test_the_group_holds_what_its_people_used(demo: Assistant, check_for: CheckFor) -> None:
    rows = dict(_ask(demo, "tokens by user last month", ANALYST).rows)
    ((used,),) = check_for("demo")(
        "SELECT sum(input_tokens + output_tokens) FROM token_usage WHERE usage_date >= '2026-09-01' "
        "AND usage_date < '2026-10-01' AND NOT starts_with(user_id, 'svc-')"
    )[1]
    assert rows[OTHERS] == used


def test_administrators_and_the_local_operator_see_everyone(demo: Assistant) -> None:
    everyone = _people(_ask(demo, "tokens by user last month", None))
    assert len(everyone) > 50
    assert _people(_ask(demo, "tokens by user last month", ADMIN)) == everyone


def test_a_lead_sees_their_team(assistant_for: AssistantFor, tmp_path: Path, check_for: CheckFor) -> None:
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    file = tmp_path / "schemas" / "roles.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("hidden: {}, people: own", "hidden: {}, people: team"), encoding="utf-8")
    answer = _ask(assistant_for("demo", schemas=tmp_path / "schemas"), "tokens by user last month", ANALYST)
    team = check_for("demo")(
        "SELECT DISTINCT user_id FROM token_usage WHERE team = 'Data Platform' AND usage_date >= '2026-09-01' "
        "AND usage_date < '2026-10-01' AND NOT starts_with(user_id, 'svc-')"
    )[1]
    assert _people(answer) == {name for (name,) in team} | {OTHERS}


def test_groups_of_fewer_than_five_are_left_out(demo: Assistant, check_for: CheckFor) -> None:
    answer = _ask(demo, "tokens by user and team last month", ANALYST)
    teams = check_for("demo")(
        "SELECT team FROM token_usage WHERE usage_date >= '2026-09-01' AND usage_date < '2026-10-01' "
        "AND NOT starts_with(user_id, 'svc-') GROUP BY team HAVING count(DISTINCT user_id) >= 5"
    )[1]
    assert {row[1] for row in answer.rows if row[0] == OTHERS} == {team for (team,) in teams}
    assert any("fewer than 5 people" in one for one in answer.assumptions)
    assert "left out, also of the total" in answer.answer


def test_how_many_there_are_is_no_secret_and_who_they_are_is(demo: Assistant) -> None:
    question = "how many users used tokens by team last month"
    assert _ask(demo, question, ANALYST).rows == _ask(demo, question, None).rows
    named = _ask(demo, f"tokens of {DEVELOPER} last month", ANALYST)
    assert (named.status, named.rows) == ("clarify", ())
    assert DEVELOPER not in str(named.clarify.options if named.clarify else "")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT DISTINCT user_id FROM token_usage",
        "FROM token_usage SELECT lower(user_id)",
        "SELECT u.user_id FROM token_usage AS u WHERE u.user_id LIKE 'a%'",
        "WITH x AS (SELECT * FROM token_usage) SELECT max(user_id), min(user_id) FROM x",
        "SELECT subject FROM token_allowances WHERE subject_type = 'user'",
    ],
)
def test_sql_by_hand_sees_the_group_too(sql: str, demo: Assistant) -> None:
    checked, rows = demo.run(sql, ANALYST)
    assert {str(v) for row in rows.rows for v in row if not str(v).startswith("svc-")} <= {OTHERS}
    assert [w.rule for w in checked.warnings] == ["individuals"]
    assert len(demo.run(sql)[1].rows) >= len(rows.rows)


def test_an_allowance_is_shown_to_its_person(demo: Assistant) -> None:
    def people(user: str | None) -> set[str]:
        found = allowances.allowances_of(demo.books(user), date(2026, 10, 1))
        return {s.allowance.subject for s in found if s.allowance.subject_type == "user"}

    assert people(ANALYST) == set()
    assert people(DEVELOPER) == {DEVELOPER}
    assert len(people(ADMIN)) > 50
    asked = _ask(demo, "token allowances by user this month", DEVELOPER)
    assert [row[0] for row in asked.rows] == [DEVELOPER]


def test_a_mistake_in_the_rules_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "roles.yaml").write_text(
        "roles:\n  finance: { seconds: 1, memory_mb: 1, rows: 1, people: some }\n", encoding="utf-8"
    )
    with pytest.raises(SchemaError, match=r"line 2.*own, team, all"):
        roles.read(tmp_path)


def test_my_is_whoever_asks_where_people_are_kept(demo: Assistant, check_for: CheckFor) -> None:
    answer = _ask(demo, "how many tokens did I use last month", DEVELOPER)
    _, rows = check_for("demo")(
        "SELECT sum(input_tokens + output_tokens) FROM token_usage WHERE usage_date >= '2026-09-01' "
        f"AND usage_date < '2026-10-01' AND user_id = '{DEVELOPER}'"
    )
    assert [tuple(map(float, r)) for r in answer.rows] == [tuple(map(float, r)) for r in rows]
    assert f"“my” read as those of {DEVELOPER}" in answer.assumptions
    whole = _ask(demo, "cost last month", DEVELOPER)
    assert _ask(demo, "my cost last month", DEVELOPER).rows == whole.rows
    assert _ask(demo, "my tokens last month", None).rows == _ask(demo, "tokens last month", None).rows
    assert _ask(demo, "my token allowance", DEVELOPER).status == "answered"


def test_readers_together_see_nobody_that_one_of_them_may_not(demo: Assistant) -> None:
    lead = "rhea.collins"
    alone = demo.run("SELECT DISTINCT user_id FROM token_usage", DEVELOPER)[1].rows
    together = demo.run("SELECT DISTINCT user_id FROM token_usage", DEVELOPER, (DEVELOPER, ANALYST))[1].rows
    named = {str(row[0]) for row in alone} - {OTHERS}
    assert DEVELOPER in named
    seen = {str(row[0]) for row in together}
    assert OTHERS in seen
    assert DEVELOPER not in seen
    assert "token_usage" not in demo.access(lead, (lead, DEVELOPER)).tables
