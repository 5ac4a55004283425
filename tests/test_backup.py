"""Backup and restore: everything that a company would miss is found again, or nothing was changed."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import DATA

from assistant import verifying
from assistant.assistant import Assistant
from assistant.backup import MANIFEST, backup
from assistant.config import ROOT, Config
from assistant.desk import replay
from assistant.desk.tokens import Tokens
from assistant.errors import AssistantError, Refused
from assistant.ledger import chain, store
from assistant.ledger.alerts import Alerts
from assistant.ledger.drawer import Drawer
from assistant.ledger.incidents import Decision, Incidents
from assistant.restore import restore
from assistant.surfaces.cli.main import main
from assistant.surfaces.slack.store import Store as SlackStore
from assistant.surfaces.web.passwords import Passwords, cookie_secret
from assistant.values import Question
from assistant.warehouse.load import load

TODAY = date(2025, 4, 2)
ASKED = "spend by team in March 2025"
WHOLE_PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A company with something in every store, its own definitions, and files that belong to somebody else."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "schemas", folder / "definitions")
    (folder / "definitions" / "note.yaml").write_text("ours: yes\n")
    config = Config(warehouse=folder / "costs.duckdb", schemas=folder / "definitions")
    load([str(DATA / "small_bill.csv")], config.warehouse)
    house = Assistant(config, surface="web")
    answer = house.ask(Question(ASKED, today=TODAY))
    assert answer.status == "answered", answer
    house.ledger.judge(answer.answer_id, None, True, "as expected")
    verifying.save(house, answer.answer_id, "SELECT 42 AS spend", None, TODAY)
    house.close()
    Drawer(config.ledger_path).keep("estimate", "copilot", {"usd": "12.5"})
    Incidents(config.ledger_path).decide("all", "i-1", Decision("dismissed", datetime(2026, 2, 1, tzinfo=UTC)))
    Alerts(store.of(config)).add("weekly", json.dumps({"said": "every Monday"}))
    Passwords(beside(config, "passwords.sqlite")).set("ada", WHOLE_PASSWORD)
    cookie_secret(beside(config, "web-secret"))
    slack = SlackStore(beside(config, "slack.sqlite"))
    slack.save("U1", ASKED)
    slack.close()
    for name in ("costs.chats.sqlite", "costs.eu.ledger.sqlite", "other.tokens.sqlite", "costs.results.sqlite"):
        with closing(sqlite3.connect(folder / name)) as chats, chats:
            chats.execute("CREATE TABLE IF NOT EXISTS threads AS SELECT 'a chat' AS name")
    return config


def beside(config: Config, ending: str) -> Path:
    return config.warehouse.with_suffix(f".{ending}")


@pytest.fixture
def house(seeded: Config, tmp_path: Path) -> Config:
    """A copy of the company for a test that changes it, with a token of its own."""
    shutil.copytree(seeded.warehouse.parent, tmp_path / "house")
    return Config(warehouse=tmp_path / "house" / "costs.duckdb", schemas=tmp_path / "house" / "definitions")


@pytest.fixture(scope="module")
def kept(seeded: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the company; copied before it is harmed."""
    folder = tmp_path_factory.mktemp("kept") / "b"
    backup(seeded, folder)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_everything_is_found_again_elsewhere(house: Config, tmp_path: Path) -> None:
    token, secret = Tokens.of(house).create("ada", "laptop")
    made = backup(house, tmp_path / "monday")
    new = Config(warehouse=tmp_path / "new" / "bills.duckdb", schemas=tmp_path / "new" / "definitions")
    manifest, notes = restore(new, tmp_path / "monday")
    assert manifest == made
    assert notes == ()
    assert sorted(p.name for p in new.warehouse.parent.iterdir()) == [
        "bills.chats.sqlite",
        "bills.duckdb",
        "bills.ledger.sqlite",
        "bills.passwords.sqlite",
        "bills.slack.sqlite",
        "bills.tokens.sqlite",
        "bills.web-secret",
        "definitions",
    ]
    assert files_of(new.schemas) == files_of(house.schemas)
    assert Tokens.of(new).holder(secret) == token
    assert Passwords(beside(new, "passwords.sqlite")).fits("ada", WHOLE_PASSWORD)
    assert cookie_secret(beside(new, "web-secret")) == cookie_secret(beside(house, "web-secret"))
    assert SlackStore(beside(new, "slack.sqlite")).saved("U1") == [ASKED]
    assert Drawer(new.ledger_path).newest("estimate", "copilot").content == {"usd": "12.5"}  # type: ignore[union-attr]
    assert Incidents(new.ledger_path).decisions("all")["i-1"].what == "dismissed"
    assert list(Alerts(store.of(new)).rules()) == ["weekly"]
    with closing(sqlite3.connect(beside(new, "chats.sqlite"))) as chats:
        assert chats.execute("SELECT name FROM threads").fetchall() == [("a chat",)]
    restored = Assistant(new)
    (kept,) = restored.ledger.answers()
    assert [f["reason"] for f in restored.ledger.feedback(kept["answer_id"])] == ["as expected"]
    assert "the same" in replay.replay(restored, kept["answer_id"]).sentences[0]
    assert restored.ask(Question(ASKED, today=TODAY)).rows == ((42,),)  # the verified query
    assert chain.verify(store.of(new), seen=made.head).breaks == ()
    restored.close()


def test_what_is_written_meanwhile_is_in_it_whole_or_not_at_all(house: Config, tmp_path: Path) -> None:
    busy, stop = Assistant(house, surface="web"), threading.Event()

    def chat() -> None:
        while not stop.is_set():
            busy.ask(Question(ASKED, today=TODAY))

    chatting = threading.Thread(target=chat)
    chatting.start()
    made = [backup(house, tmp_path / f"backup-{n}") for n in range(3)]
    stop.set()
    chatting.join()
    busy.close()
    assert all(m.breaks == () for m in made)
    assert made[0].records <= made[1].records <= made[2].records
    new = Config(warehouse=tmp_path / "new.duckdb", schemas=house.schemas)
    restore(new, tmp_path / "backup-2")
    assert chain.verify(store.of(new)).records == made[2].records


def test_a_backup_is_for_its_owner_only_and_replaces_nothing(house: Config, tmp_path: Path) -> None:
    backup(house, tmp_path / "b")
    assert (tmp_path / "b").stat().st_mode & 0o077 == 0
    before = files_of(tmp_path / "b")
    with pytest.raises(Refused, match="there already"):
        backup(house, tmp_path / "b")
    assert files_of(tmp_path / "b") == before
    with pytest.raises(AssistantError, match="no warehouse"):
        backup(Config(warehouse=tmp_path / "none.duckdb"), tmp_path / "c")
    assert not list(tmp_path.glob("c*"))


def damage(name: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[:-1] + b"?")

    return change


def rewrite(**said: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        old = json.loads((folder / MANIFEST).read_text())
        (folder / MANIFEST).write_text(json.dumps({**old, **said}))

    return change


def tamper(folder: Path) -> None:
    """Changes an answer, past the triggers, and makes the digest fit."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("DROP TRIGGER answers_no_update")
        ledger.execute("UPDATE answers SET answer = 'nothing was spent'")
    said = json.loads((folder / MANIFEST).read_text())
    said["files"]["ledger.sqlite"]["sha256"] = hashlib.sha256((folder / "ledger.sqlite").read_bytes()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(said))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (damage("warehouse.duckdb"), "warehouse.duckdb is not as it was backed up"),
        (damage("ledger.sqlite"), "ledger.sqlite is not as it was backed up"),
        (damage("schemas/vocabulary.yaml"), "vocabulary.yaml is not as it was backed up"),
        (lambda f: (f / "slack.sqlite").unlink(), "slack.sqlite is missing"),
        (lambda f: (f / "schemas" / "note.yaml").unlink(), "note.yaml is missing"),
        (lambda f: (f / MANIFEST).unlink(), "is no backup"),
        (damage(MANIFEST), "damaged"),
        (rewrite(format=2), "another askcost"),
        (rewrite(files={"../evil.sqlite": {"sha256": "", "bytes": 0}}), "no part of a backup"),
        (rewrite(files={"schemas/../../evil": {"sha256": "", "bytes": 0}}), "no part of a backup"),
        (rewrite(head="0" * 64), "chain is not the one"),
        (tamper, "chain is not the one"),
    ],
)
def test_a_backup_that_is_not_whole_changes_nothing(
    harm: Callable[[Path], object], says: str, house: Config, kept: Path, tmp_path: Path
) -> None:
    shutil.copytree(kept, tmp_path / "b")
    harm(tmp_path / "b")
    before = files_of(house.warehouse.parent)
    with pytest.raises(AssistantError, match=says):
        restore(house, tmp_path / "b", force=True)
    assert files_of(house.warehouse.parent) == before
    assert not (tmp_path / "evil").exists()


def test_what_is_there_is_replaced_only_by_force_and_only_when_nobody_uses_it(house: Config, tmp_path: Path) -> None:
    made = backup(house, tmp_path / "b")
    running = Assistant(house, surface="web")
    running.ask(Question(ASKED, today=TODAY))
    (house.schemas / "note.yaml").write_text("ours: no\n")
    with pytest.raises(Refused, match=r"costs\.duckdb.* would be replaced"):
        restore(house, tmp_path / "b")
    with pytest.raises(Refused, match="is in use"):
        restore(house, tmp_path / "b", force=True)
    with closing(store.of(house)) as ledger:
        assert chain.verify(ledger).records == made.records + 1
    running.close()
    restore(house, tmp_path / "b", force=True)
    assert chain.verify(store.of(house)).records == made.records
    assert (house.schemas / "note.yaml").read_text() == "ours: yes\n"
    assert beside(house, "eu.ledger.sqlite").exists()
    assert not [p for p in house.warehouse.parent.iterdir() if "restore-" in p.name or "before-" in p.name]


def test_definitions_that_are_not_the_programs_own_go_beside_the_warehouse(house: Config, tmp_path: Path) -> None:
    backup(house, tmp_path / "b")
    own = files_of(ROOT / "schemas")
    new = Config(warehouse=tmp_path / "new" / "costs.duckdb")
    _, notes = restore(new, tmp_path / "b")
    assert files_of(ROOT / "schemas") == own
    assert files_of(tmp_path / "new" / "schemas") == files_of(house.schemas)
    assert f"ASKCOST_SCHEMAS={tmp_path / 'new' / 'schemas'}" in notes[0]
    assert "ASKCOST_SCHEMAS" in notes[1]  # it was set when the backup was made


def run(*args: object, **environment: str) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args], env=environment)


def test_the_commands_say_what_they_did_and_what_they_left(house: Config, tmp_path: Path) -> None:
    settings = {"ASKCOST_SCHEMAS": str(house.schemas), "ASKCOST_SMTP_URL": "smtp://u:hidden@h"}
    chats = {"ASKCOST_WEB_HISTORY": "postgresql://u:hidden@h/d"}
    done = run("backup", tmp_path / "b", "--warehouse", house.warehouse, **settings, **chats)
    assert done.exit_code == 0, done.output
    assert "chain has 1 records" in done.output
    assert "ASKCOST_SMTP_URL" in done.output
    assert "ASKCOST_WEB_HISTORY" in done.output
    assert "hidden" not in done.output + (tmp_path / "b" / MANIFEST).read_text()
    again = run("backup", tmp_path / "b", "--warehouse", house.warehouse)
    assert (again.exit_code, again.output.count("\n")) == (4, 1)
    new = tmp_path / "new" / "costs.duckdb"
    back = run("restore", tmp_path / "b", "--warehouse", new)
    assert (back.exit_code, "ASKCOST_SMTP_URL" in back.output) == (0, True), back.output
    verified = run("audit", "verify", "--warehouse", new)
    assert (verified.exit_code, "The chain holds: 1 records" in verified.output) == (0, True)
    (told,) = json.loads(run("audit", "--json", "--warehouse", new).output)
    replayed = run("audit", "replay", told["answer_id"], "--warehouse", new)
    assert (replayed.exit_code, "The data is the same" in replayed.output) == (0, True)
    assert run("restore", tmp_path / "b", "--warehouse", new).exit_code == 4
