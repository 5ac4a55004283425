"""The HTTP API over a real server: the answer object, whose it is, what is refused in words, and nothing breaks it."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import web_company
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from program_server import SLOW, desk, running, served, soon
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance
from starlette.applications import Starlette
from starlette.routing import Mount

from assistant.config import Config
from assistant.desk.desk import Desk
from assistant.desk.rate import Rate
from assistant.desk.tokens import Tokens
from assistant.surfaces.cli.main import main
from assistant.surfaces.web import api
from assistant.telling.answer_object import AnswerObject, to_dict

QUESTION = "cost by service last month"
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return web_company.build(tmp_path_factory.mktemp("api") / "costs.duckdb")


@pytest.fixture(scope="module")
def asked(warehouse: Path) -> Iterator[Desk]:
    with desk(Config(warehouse=warehouse, token_per_minute=100_000), web_company.TODAY) as open_desk:
        yield open_desk


@pytest.fixture(scope="module")
def url(asked: Desk) -> Iterator[str]:
    with served(mounted(asked)) as root:
        yield f"{root}{api.PATH}"


def mounted(desk: Desk, local: bool = True) -> Starlette:
    return Starlette(routes=[Mount(api.PATH, api.application(desk, local))])


def tokens(warehouse: Path) -> Tokens:
    return Tokens(warehouse.with_suffix(".tokens.sqlite"))


def bearer(warehouse: Path, user: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {tokens(warehouse).create(user, 'a test')[1]}"}


def test_a_question_gets_the_answer_object_as_its_user(warehouse: Path, url: str, asked: Desk) -> None:
    ben, ada = bearer(warehouse, "ben"), bearer(warehouse, "ada")
    body = {"question": QUESTION, "thread": "t"}
    said = httpx.post(f"{url}/ask", json=body, headers=ben)
    assert (said.status_code, said.headers["cache-control"]) == (200, "no-store")
    found = AnswerObject.model_validate(said.json())
    same = to_dict(asked.ask(QUESTION, "ben", "t"))
    gone = {"answer_id", "timings_ms"}
    assert {k: v for k, v in said.json().items() if k not in gone} == {k: v for k, v in same.items() if k not in gone}
    assert set(said.json()) == set(AnswerObject.model_fields)
    assert sum(row[1] for row in found.rows) == pytest.approx(28 * (2 + 4 + 6 + 3 * 0.02))  # Cumulus alone

    more = httpx.post(f"{url}/ask", json={"question": "and by provider", "thread": "t"}, headers=ben).json()
    assert [row[0] for row in more["rows"]] == ["Cumulus"]
    other = httpx.post(f"{url}/ask", json={"question": "and by provider", "thread": "t"}, headers=ada).json()
    assert other["period"] != more["period"]  # ben's conversation is not ada's to continue
    earlier = httpx.post(f"{url}/ask", json={**body, "today": "2026-02-10"}, headers=ben).json()
    assert earlier["period"] == {"start": "2026-01-01", "end": "2026-02-01"}
    lost = httpx.post(f"{url}/ask", json={"question": "cost by flurb"}, headers=ben)
    assert (lost.status_code, lost.json()["status"]) == (200, "clarify")


def test_a_statement_runs_under_the_row_policy(warehouse: Path, url: str) -> None:
    count = {"sql": "SELECT count(*) AS n FROM cost_and_usage"}
    rows = {
        u: httpx.post(f"{url}/sql", json=count, headers=bearer(warehouse, u)).json()["rows"] for u in ("ada", "ben")
    }
    assert rows == {"ada": [[594]], "ben": [[297]]}
    refused = httpx.post(f"{url}/sql", json={"sql": "DROP TABLE users"}, headers=bearer(warehouse, "ada"))
    assert (refused.status_code, refused.json()["status"]) == (200, "refused")


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        ({"json": {"question": QUESTION}, "headers": {}}, 401, "askcost token"),
        ({"json": {"question": QUESTION}, "headers": {"authorization": "Basic YTpi"}}, 401, "Bearer"),
        ({"json": {"question": QUESTION}, "headers": {"authorization": "Bearer wrong"}}, 401, "unknown or was revoked"),
        ({"json": {}}, 422, "body.question: Field required"),
        ({"json": {"question": ""}}, 422, "at least 1 character"),
        ({"json": {"question": "x" * 2_001}}, 422, "at most 2000"),
        ({"json": {"question": QUESTION, "today": "0001-01-01"}}, 422, "2000-01-01"),
        ({"json": {"question": QUESTION, "today": "soon"}}, 422, "body.today"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 422, "can't be read"),
        ({"content": b'{"question": "\\ud800"}', "headers": {"content-type": "application/json"}}, 422, "question"),
        ({"content": b"\xff\xfe", "headers": {"content-type": "application/json"}}, 422, "can't be read"),
        ({"content": b"x" * 1_000_001}, 413, "1,000,000 bytes"),
        ({"path": "/nothing", "json": {}}, 404, "openapi.json"),
        ({"path": "/ask?x=1", "method": "DELETE"}, 405, "openapi.json"),
    ],
)
def test_what_is_wrong_is_said_in_words(
    warehouse: Path, url: str, request_: dict[str, Any], status: int, words: str
) -> None:
    given = {"method": "POST", "path": "/ask", "headers": {}, **request_}
    if given["headers"] or "headers" not in request_:
        given["headers"] = {**bearer(warehouse, "ada"), **given["headers"]}
    said = httpx.request(given.pop("method"), url + given.pop("path"), **given)
    assert said.status_code == status, said.text
    assert words in said.json()["error"]
    assert ("www-authenticate" in said.headers) == (status == 401)


def test_a_token_opens_only_while_it_may(warehouse: Path, url: str, asked: Desk) -> None:
    def status(secret: str, at: str = url) -> tuple[int, str]:
        said = httpx.post(f"{at}/ask", json={"question": QUESTION}, headers={"authorization": f"Bearer {secret}"})
        return said.status_code, said.json().get("error") or ""

    token, secret = tokens(warehouse).create("ada", "a laptop")
    assert status(secret) == (200, "")
    tokens(warehouse).revoke(token.id)
    assert status(secret)[0] == 401
    leaver = tokens(warehouse).create("mallory", "left")[1]
    assert status(leaver)[0] == 403
    assert "not in the list of users" in status(leaver)[1]
    operator = tokens(warehouse).create(None, "cron")[1]
    assert status(operator) == (200, "")
    with served(mounted(asked, local=False)) as open_to_others:
        assert status(operator, open_to_others + api.PATH)[0] == 403


def test_too_many_asks_are_told_when_to_come_back(warehouse: Path) -> None:
    with (
        desk(Config(warehouse=warehouse, token_per_minute=2), web_company.TODAY) as few,
        served(mounted(few)) as root,
    ):
        who, another = bearer(warehouse, "ada"), bearer(warehouse, "ada")
        said = [httpx.post(f"{root}{api.PATH}/sql", json={"sql": "SELECT 1"}, headers=who) for _ in range(3)]
        assert [one.status_code for one in said] == [200, 200, 429]
        assert 0 < int(said[2].headers["retry-after"]) <= 30
        assert "2 times in a minute" in said[2].json()["error"]
        assert httpx.post(f"{root}{api.PATH}/sql", json={"sql": "SELECT 1"}, headers=another).status_code == 200


def test_a_bucket_gives_as_many_as_it_says_to_each() -> None:
    rate = Rate(3)
    assert [bool(rate.take("a")) for _ in range(4)] == [False, False, False, True]
    assert rate.take("b") == 0


def test_who_hangs_up_stops_the_statement(warehouse: Path, url: str, asked: Desk) -> None:
    headers = bearer(warehouse, "ada")

    def ask() -> None:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/sql", json={"sql": SLOW}, headers=headers, timeout=1)

    asking = threading.Thread(target=ask)
    asking.start()
    soon(lambda: running(asked) == 1)
    asking.join()
    soon(lambda: running(asked) == 0)


def test_no_secret_is_kept_or_logged(warehouse: Path, url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token, secret = tokens(warehouse).create("ada", "a laptop")
    for body in ({"question": QUESTION}, {"question": 1}):
        httpx.post(f"{url}/ask", json=body, headers={"authorization": f"Bearer {secret}"})
    assert caplog.records
    assert secret not in caplog.text
    files = [f for f in warehouse.parent.rglob("*") if f.is_file()]
    assert [f.name for f in files if secret.encode() in f.read_bytes()] == []
    kept = warehouse.with_suffix(".tokens.sqlite")
    assert kept.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(kept)) as connection:
        assert (token.id,) in connection.execute("SELECT id FROM tokens").fetchall()


def test_tokens_are_made_listed_and_revoked_by_command(warehouse: Path) -> None:
    def run(*arguments: str) -> Any:
        return CliRunner(env={"ASKCOST_WAREHOUSE": str(warehouse)}).invoke(main, ["token", *arguments])

    made = run("ada", "--name", "Ada's laptop")
    secret = made.stdout.strip()
    assert (made.exit_code, secret.startswith("askcost_")) == (0, True)
    token = tokens(warehouse).holder(secret)
    assert token
    assert (token.user, token.name) == ("ada", "Ada's laptop")
    assert token.id in made.stderr
    listed = run("--list", "--json")
    assert token.id in [one["id"] for one in json.loads(listed.stdout)]
    assert secret not in listed.stdout + run("--list").stdout
    assert run("--revoke", token.id).exit_code == 0
    assert tokens(warehouse).holder(secret) is None
    operator = json.loads(run("--operator", "--name", "cron", "--json").stdout)
    assert operator["user"] is None
    for arguments, exit, words in (
        (("mallory", "--name", "x"), 4, "mallory"),
        (("ada",), 2, "--name"),
        (("--revoke", "nothing"), 4, "askcost token --list"),
        (("ada", "--list"), 2, "one of"),
        (("ada", "--name", "x" * 101), 4, "100 characters"),
    ):
        done = run(*arguments)
        assert done.exit_code == exit, arguments
        assert words in done.stderr


@pytest.mark.parametrize("path", ["/ask", "/sql"])
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_no_input_breaks_it_whether_the_schema_allows_it_or_not(
    warehouse: Path, url: str, path: str, mode: schemathesis.GenerationMode
) -> None:
    operation = schemathesis.openapi.from_url(f"{url}/openapi.json")[path]["POST"]
    headers = bearer(warehouse, "ben")

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def holds(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    holds()
