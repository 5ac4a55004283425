"""Teaching: a sentence becomes a proposal, shows what it changes, and means something only once it is accepted."""

from __future__ import annotations

import json
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import CORPUS, CORPUS_FILES, AssistantFor, CheckFor, WarehouseOf

from assistant import evaluation, lessons
from assistant.assistant import Assistant
from assistant.config import ROOT
from assistant.desk.desk import Desk
from assistant.errors import LedgerError, Refused, SchemaError
from assistant.ledger.lessons import Lessons
from assistant.planning import teaching
from assistant.semantics import taught, vocabulary
from assistant.surfaces.cli.main import main
from assistant.values import Answer, Question

TODAY = date(2026, 3, 19)
JANUARY = "ChargePeriodStart >= '2026-01-01' AND ChargePeriodStart < '2026-02-01'"
RUN_COST = "when I say run cost I mean compute without tax"


@pytest.fixture
def core(assistant_for: AssistantFor, tmp_path: Path) -> Assistant:
    """With schemas and a ledger of its own."""
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    return assistant_for("tarnbrook", schemas=tmp_path / "schemas")


@pytest.fixture(scope="module")
def reader(assistant_for: AssistantFor) -> Assistant:
    """For sentences that teach nothing."""
    return assistant_for("tarnbrook")


def ask(core: Assistant, text: str, user: str | None = None) -> Answer:
    return core.ask(Question(text, user, today=TODAY))


def said(answer: Answer) -> str:
    return answer.answer or answer.error or (answer.clarify.question if answer.clarify else "")


def learn(core: Assistant, sentence: str) -> None:
    """Taught and accepted by the operator."""
    proposed = ask(core, sentence)
    assert proposed.clarify, said(proposed)
    assert proposed.clarify.options, said(proposed)
    accepted = ask(core, proposed.clarify.options[0])
    assert accepted.status == "answered", said(accepted)


# --- what is understood, and what it means then ----------------------------------------------------------------------

LEARNT = [
    (
        RUN_COST,
        "a measure: effective cost where service category is Compute and charge category is not Tax",
        "run cost in January 2026",
        f"SELECT SUM(EffectiveCost) FROM cost_and_usage WHERE {JANUARY} AND ServiceCategory = 'Compute' "
        "AND ChargeCategory <> 'Tax'",
    ),
    (
        RUN_COST,
        "a measure",
        "top 2 providers by run cost in January 2026",
        "SELECT ProviderName, SUM(EffectiveCost) FILTER (ServiceCategory = 'Compute' AND ChargeCategory <> 'Tax') c "
        f"FROM cost_and_usage WHERE {JANUARY} GROUP BY ALL ORDER BY c DESC NULLS LAST LIMIT 2",
    ),
    (
        "by 'the lab' I mean team Orion",
        "a name for squad is Orion",
        "billed cost of the lab in January 2026",
        f"SELECT SUM(BilledCost) FROM cost_and_usage WHERE {JANUARY} AND Tags['Squad'] = 'Orion'",
    ),
    (
        "call effective cost 'burn'",
        "another name for effective cost",
        "burn in January 2026",
        f"SELECT SUM(EffectiveCost) FROM cost_and_usage WHERE {JANUARY}",
    ),
    (
        "When we say “prod stack”, we mean production without networking.",
        "a condition: env is prod and service category is not Networking",
        "cost excluding the prod stack in January 2026",
        f"SELECT SUM(EffectiveCost) FROM cost_and_usage WHERE {JANUARY} AND NOT (coalesce(Tags['Env'] = 'prod', FALSE) "
        "AND ServiceCategory IS DISTINCT FROM 'Networking')",
    ),
    (
        "pressure means savings divided by list cost",
        "a measure: savings divided by list cost",
        "pressure in January 2026",
        "SELECT SUM(ListCost - EffectiveCost) FILTER (ChargeCategory = 'Usage') "
        f"/ SUM(ListCost) FROM cost_and_usage WHERE {JANUARY}",
    ),
    (
        "amortisation gap is short for billed cost minus effective cost",
        "a measure: billed cost minus effective cost",
        "amortisation gap in January 2026",
        f"SELECT SUM(BilledCost) - SUM(EffectiveCost) FROM cost_and_usage WHERE {JANUARY}",
    ),
    (
        "netted savings stands for savings of AWS",
        "a measure: savings where provider is AWS",
        "netted savings in January 2026",
        "SELECT SUM(ListCost - EffectiveCost) FILTER (ChargeCategory = 'Usage') "
        f"FROM cost_and_usage WHERE {JANUARY} AND ServiceProviderName = 'AWS'",
    ),
]


def test_an_accepted_word_means_what_was_shown(core: Assistant, check_for: CheckFor) -> None:
    known = set()
    for sentence, understood, question, sql in LEARNT:
        if sentence not in known:
            before = ask(core, question)
            proposed = ask(core, sentence)
            assert (proposed.status, understood in said(proposed)) == ("clarify", True), said(proposed)
            assert ask(core, question).rows == before.rows  # nothing changes before it is accepted
            learn(core, sentence)
            known.add(sentence)
        answer = ask(core, question)
        assert answer.status == "answered", said(answer)
        names, wanted = check_for("tarnbrook")(sql)
        assert not evaluation.difference(answer, names, wanted, True, None), question


def test_another_name_of_a_dimension(core: Assistant) -> None:
    learn(core, "define squad lead as cost center")
    by = ask(core, "cost by squad lead in January 2026")
    assert by.rows == ask(core, "cost by cost center in January 2026").rows


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("by AWS I mean Azure", "a name in your data, provider AWS, already"),
        ("when I say cost I mean billed cost", "a measure, effective cost, already"),
        ("when I say services I mean teams", "already"),
        ("by July I mean team Orion", "a time or a number"),
        ("by last month I mean team Orion", "a time or a number"),
        ("by top I mean team Orion", "a word of the language"),
        ("by relational I mean team Orion", "a part of names in your data"),
        ("by the lab I mean team Nobody", "don't know 'Nobody'"),
        ("when I say monthly thing I mean cost last month", "more than a word can mean"),
        ("when I say big ones I mean top 5 services", "more than a word can mean"),
        ("when I say split thing I mean cost by team", "more than a word can mean"),
        ("when I say mix I mean billed cost plus tokens", ""),
    ],
)
def test_what_can_not_be_learnt_is_asked_about(reader: Assistant, sentence: str, why: str) -> None:
    answer = ask(reader, sentence)
    assert answer.status == "clarify", answer
    assert why in said(answer)
    assert not Lessons(reader.ledger.store).all()


def test_no_question_of_the_corpus_teaches() -> None:
    forms = teaching.forms(ROOT / "schemas")
    taught_by = [
        item["question"]
        for file in CORPUS_FILES
        for item in evaluation.read(CORPUS / file)
        if teaching.heard(item["question"], forms)
    ]
    assert not taught_by


# --- what it changes ------------------------------------------------------------------------------------------------


def test_the_questions_that_it_changes_are_shown_first(core: Assistant) -> None:
    for text in ("what did run cost last month", "cost by service last month", "run cost by team in January 2026"):
        ask(core, text)
    proposed = said(ask(core, RUN_COST))
    assert "By itself it was read until now as: Effective cost" in proposed
    assert "it changes 2." in proposed
    assert "'run cost by team in January 2026': Effective cost · Jan 2026 · by squad → Run cost" in proposed
    assert "by service" not in proposed


def test_a_reader_sees_only_their_own_questions_of_these(core: Assistant) -> None:
    ask(core, "run cost of Payments last month")
    ask(core, "run cost last month", "noor")
    [executive] = [str(u["user"]) for u in core.warehouse.catalog.small["users"] if u["role"] == "executive"][:1]
    proposed = ask(core, RUN_COST, executive)
    assert proposed.clarify
    assert not proposed.clarify.options
    assert "it changes 2." in said(proposed)
    assert "Payments" not in said(proposed)
    assert "until an analyst accepts it" in said(proposed)


# --- review -----------------------------------------------------------------------------------------------------------


def roles(core: Assistant, verifies: bool) -> list[str]:
    kinds = ("analyst", "admin") if verifies else ("executive", "finance")
    return [str(u["user"]) for u in core.warehouse.catalog.small["users"] if u["role"] in kinds]


def test_only_those_whose_role_verifies_review(core: Assistant) -> None:
    reader, analyst = roles(core, False)[0], roles(core, True)[0]
    ask(core, "call effective cost 'burn'", reader)
    assert ask(core, 'accept the word "burn"', reader).status == "refused"
    assert ask(core, 'accept the word "burn"', analyst).status == "answered"
    [word] = taught.read(core.config.schemas).words
    assert (word.by, word.accepted_by, word.on) == (reader, analyst, TODAY.isoformat())
    assert word.why == "call effective cost 'burn'"


def test_an_accepted_word_is_a_version_of_the_model_at_once_and_for_other_processes(core: Assistant) -> None:
    other = Assistant(core.config)
    before = other.warehouse.model.version
    learn(core, "call effective cost 'burn'")
    assert other.warehouse.model.version != before
    answer = other.ask(Question("burn by team in January 2026", today=TODAY))
    assert answer.status == "answered"
    assert core.warehouse.model.version == other.warehouse.model.version
    assert taught.read(core.config.schemas).version == 1
    assert lessons.undo(core, Lessons(core.ledger.store), None, None, TODAY) == "'burn' is no longer effective cost."
    file = taught.read(core.config.schemas)
    assert (file.version, file.words, file.withdrawn[0]["word"]) == (2, (), "burn")
    assert other.ask(Question("burn by team in January 2026", today=TODAY)).rows != ()
    assert other.warehouse.model.version not in ("", before)
    with pytest.raises(Refused, match="No word"):
        lessons.undo(core, Lessons(core.ledger.store), "burn", None, TODAY)
    other.close()


def test_a_word_is_decided_once_and_a_taken_one_is_asked_about(core: Assistant) -> None:
    ask(core, "by the lab I mean team Orion")
    ask(core, "by the lab I mean team Payments")
    ask(core, "by the lab I mean team Payments")  # said again it is the same proposal
    own = Lessons(core.ledger.store)
    assert len(own.pending()) == 2
    first = own.pending()[1]
    lessons.accept(core, own, first.id, None, TODAY)
    with pytest.raises(Refused, match="decided already"):
        lessons.reject(core, own, first.id, None, TODAY)
    taken = ask(core, 'accept the word "lab"')
    assert "already" in said(taken)
    assert ask(core, 'reject the word "lab"').status == "answered"
    assert not own.pending()


def test_a_word_for_a_value_is_unknown_to_who_may_not_see_the_value(core: Assistant) -> None:
    learn(core, "by the lab I mean team Payments")
    learn(core, "when I say lab cost I mean billed cost of team Payments")
    assert ask(core, "cost of the lab in January 2026").status == "answered"
    assert ask(core, "lab cost in January 2026").status == "answered"
    for text in ("cost of the lab in January 2026", "lab cost in January 2026"):
        hidden, unknown = ask(core, text, "noor"), ask(core, text.replace("lab", "zorkmid"), "noor")
        assert hidden.status == unknown.status
        assert said(hidden).split(" in ")[0].replace("lab", "zorkmid") == said(unknown).split(" in ")[0]
        assert not hidden.clarify or not any("lab" in option.split() for option in hidden.clarify.options)


def test_an_accepted_sentence_is_found_again_after_a_restart(core: Assistant) -> None:
    desk = Desk(core, TODAY)
    proposed = desk.ask(RUN_COST, None, None)
    assert proposed.clarify
    accepted = desk.ask(proposed.clarify.options[0], None, None)
    again = Desk(Assistant(core.config), TODAY).recall(accepted.answer_id, None)
    assert again.answer.answer == accepted.answer


# --- the file ---------------------------------------------------------------------------------------------------------


def test_the_file_is_whole_or_as_it_was(core: Assistant) -> None:
    folder = core.config.schemas
    learn(core, "call effective cost 'burn'")
    before = (folder / taught.FILE).read_text(encoding="utf-8")
    (folder / taught.FILE).unlink()
    (folder / taught.FILE).mkdir()
    with pytest.raises(LedgerError, match="can't be written"):
        taught.write(folder, taught.Lessons(2))
    assert not list(folder.glob("*.part-*"))
    (folder / taught.FILE).rmdir()
    (folder / taught.FILE).write_text(before.replace("kind: metric", "kind: rumour"), encoding="utf-8")
    with pytest.raises(SchemaError, match=r"taught\.yaml"):
        vocabulary.read(folder)


def test_the_schemas_of_an_installed_package_are_not_written(tmp_path: Path) -> None:
    folder = tmp_path / "site-packages" / "schemas"
    folder.mkdir(parents=True)
    with pytest.raises(Refused, match="ASKCOST_SCHEMAS"):
        taught.write(folder, taught.Lessons(1))
    assert not list(folder.iterdir())


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(core: Assistant, warehouse_of: WarehouseOf) -> Any:
    environment = {"ASKCOST_SCHEMAS": str(core.config.schemas), "ASKCOST_LEDGER": str(core.config.ledger)}

    def run(*args: str) -> Result:
        return CliRunner().invoke(main, [*args, "--warehouse", str(warehouse_of("tarnbrook"))], env=environment)

    return run


def test_the_command_line_teaches_and_reviews(core: Assistant, command: Any) -> None:
    ask(core, "run cost by team in January 2026")
    done = command("ask", RUN_COST)
    assert done.exit_code == 3
    [one] = json.loads(command("teach", "list", "--json").stdout)["pending"]
    shown = command("teach", "show", one["id"])
    assert "now    Effective cost · Jan 2026 · by squad" in shown.stdout
    assert "then   Run cost · Jan 2026 · by squad" in shown.stdout
    assert command("teach", "accept", "run cost", "--why", "agreed").exit_code == 0
    assert "run cost: compute without tax (by the local operator, accepted by the local operator" in (
        command("teach").stdout
    )
    answer = json.loads(command("ask", "run cost in January 2026", "--json").stdout)
    assert answer["understood"] == "Run cost · Jan 2026"
    assert Decimal(str(answer["rows"][0][0])) > 0
    assert command("teach", "undo", "run cost").exit_code == 0
    assert command("teach", "undo", "run cost").exit_code == 4
    assert command("teach", "accept").exit_code == 2
    assert command("teach", "accept", "nothing").exit_code == 4
