"""schemas/: every metric runs, every mistake is shown where it stands, and what people add works without code."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AssistantFor

from assistant.assistant import Assistant
from assistant.errors import SchemaError
from assistant.semantics import model, vocabulary
from assistant.semantics.model import Metric
from assistant.sql import compile as sql_compile
from assistant.sql import guard
from assistant.values import Answer, Filter, Period, QueryPlan, Question, Rows

ROOT = Path(__file__).parent.parent
MISTAKES = yaml.safe_load((ROOT / "tests" / "cases" / "schema_mistakes.yaml").read_text(encoding="utf-8"))
METRICS = model.read(ROOT / "schemas").metrics
TODAY = date(2026, 3, 19)
Change = Callable[..., Path]


@pytest.fixture
def changed(tmp_path: Path) -> Change:
    """(file, old, new) … → a copy of schemas/ in which each old became new, once."""

    def copy(*changes: tuple[str, str, str]) -> Path:
        folder = tmp_path / "schemas"
        shutil.copytree(ROOT / "schemas", folder, dirs_exist_ok=True)
        for file, old, new in changes:
            text = (folder / file).read_text(encoding="utf-8")
            assert old in text, f"{file} has no {old!r}"
            (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder

    return copy


def read(folder: Path) -> None:
    model.read(folder)
    vocabulary.read(folder)


def ask(assistant: Assistant, text: str) -> Answer:
    answer = assistant.ask(Question(text, None, None, TODAY))
    assert answer.status == "answered", answer.error or answer.clarify
    return answer


# --- what is there works ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tarnbrook(assistant_for: AssistantFor) -> Assistant:
    return assistant_for("tarnbrook")


def measured(assistant: Assistant, dataset: str, metric: Metric, *dimensions: str) -> Rows:
    house = assistant.warehouse
    january = None if metric.periodless else Period(start=date(2026, 1, 1), end=date(2026, 2, 1))
    work = "business_metric" if dataset == "unit_costs" else metric.within
    within = (Filter(dimension=work, values=("policies issued",)),) if work else ()
    plan = QueryPlan(dataset=dataset, metrics=(metric.name,), dimensions=dimensions, filters=within, period=january)
    statement = sql_compile.compile(plan, house.model, house.catalog)
    return assistant.engine.run(guard.check(statement.tree, assistant.access(None)))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_gives_a_figure(name: str, tarnbrook: Assistant) -> None:
    metric = tarnbrook.warehouse.model.metric(name)
    rows = measured(tarnbrook, metric.dataset, metric)
    assert metric.column in rows.columns
    assert any(row[rows.columns.index(metric.column)] is not None for row in rows.rows)


@pytest.mark.parametrize("dataset", model.read(ROOT / "schemas").datasets)
def test_every_dimension_splits_its_default_metric(dataset: str, tarnbrook: Assistant) -> None:
    house = tarnbrook.warehouse.model
    metric = next(
        m
        for m in (house.metric(house.datasets[dataset].default_metric), *house.metrics.values())
        if m.dataset == dataset
    )
    (whole,) = {row[-1] for row in measured(tarnbrook, dataset, metric).rows}
    for dimension in house.dimensions[dataset]:
        rows = measured(tarnbrook, dataset, metric, dimension)
        assert rows.columns[0] == dimension
        if metric.additive and not house.datasets[dataset].scoped:
            assert sum(row[-1] or 0 for row in rows.rows) == whole, dimension


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_found_by_its_words_and_by_no_other_metric(name: str, tarnbrook: Assistant) -> None:
    metric = tarnbrook.warehouse.model.metric(name)
    for words in () if metric.periodless else metric.synonyms:
        if words in tarnbrook.vocabulary.ignore:
            continue  # "list" is a measure only beside another one
        answer = tarnbrook.ask(Question(f"{words} in January 2026", None, None, TODAY))
        if answer.plan is not None:
            assert name in answer.plan.metrics, f"{words!r} → {answer.plan.metrics}"


# --- what is wrong is shown ---------------------------------------------------------------------------


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case["name"])
def test_a_mistake_is_shown_where_it_stands(case: dict[str, Any], changed: Change) -> None:
    folder = changed((case["file"], case["old"], case["new"]))
    with pytest.raises(SchemaError) as caught:
        read(folder)
    message = str(caught.value)
    assert message.startswith(f"{Path(case['file']).name}, line ")
    assert all(str(word) in message for word in case["says"]), message
    assert "\n" not in message
    if "at" in case:
        lines = (folder / case["file"]).read_text(encoding="utf-8").splitlines()
        place = next(number for number, line in enumerate(lines, 1) if case["at"] in line)
        assert abs(caught.value.line - place) <= 1, message


@pytest.mark.parametrize("file", ["model/tokens.yaml", "vocabulary.yaml"])
def test_a_file_cut_anywhere_is_a_mistake_or_still_whole(file: str, changed: Change) -> None:
    folder = changed()
    text = (ROOT / "schemas" / file).read_text(encoding="utf-8")
    lines = []
    for part in range(1, 24):
        (folder / file).write_text(text[: len(text) * part // 24], encoding="utf-8")
        try:
            read(folder)
        except SchemaError as error:
            lines.append(error.line)
    assert len(lines) > 12
    assert min(lines) >= 1


def test_a_missing_file_is_named(changed: Change) -> None:
    folder = changed()
    (folder / "vocabulary.yaml").unlink()
    with pytest.raises(SchemaError, match=r"vocabulary\.yaml"):
        vocabulary.read(folder)


def test_an_answer_with_broken_schemas_says_so(assistant_for: AssistantFor, changed: Change) -> None:
    folder = changed(("model/tokens.yaml", 'version: "0.1.1"', 'version: "9"'))
    answer = assistant_for("tarnbrook", schemas=folder).ask(Question("cost", None, None, TODAY))
    assert answer.status == "error"
    assert "tokens.yaml, line" in (answer.error or "")


# --- what people add works ----------------------------------------------------------------------------


def test_a_new_synonym_is_understood(assistant_for: AssistantFor, changed: Change, tarnbrook: Assistant) -> None:
    words = "moolah by provider last month"
    assert tarnbrook.ask(Question(words, None, None, TODAY)).status == "clarify"
    taught = assistant_for(
        "tarnbrook", schemas=changed(("model/costs.yaml", "synonyms: [cost, spend,", "synonyms: [moolah, cost, spend,"))
    )
    assert ask(taught, words).rows == ask(tarnbrook, "cost by provider last month").rows


def test_a_new_metric_is_answered(assistant_for: AssistantFor, changed: Change, tarnbrook: Assistant) -> None:
    metric = (
        "\n    metrics:\n      - { name: tax_paid, description: Tax as charged, "
        "expression: { dialects: [{ dialect: ANSI_SQL, "
        "expression: \"SUM(BilledCost) FILTER (WHERE ChargeCategory = 'Tax')\" }] }, "
        "ai_context: { synonyms: [fiscal contribution, levies] }, custom_extensions: [{ vendor_name: ASKCOST, "
        'data: \'{"dataset": "cost_and_usage", "unit": "currency", "additive": true}\' }] }'
    )
    taught = assistant_for("tarnbrook", schemas=changed(("model/costs.yaml", "\n    metrics:", metric)))
    answer = ask(taught, "levies by provider last quarter")
    assert [(c.name, c.unit) for c in answer.columns] == [("provider", None), ("tax_paid", "USD")]
    billed = ask(tarnbrook, "billed tax by provider last quarter")
    assert sorted(r for r in answer.rows if r[1]) == sorted(billed.rows)
    assert "Tax paid" in answer.answer


def test_a_new_concept_word_finds_the_dimension(assistant_for: AssistantFor, changed: Change) -> None:
    taught = assistant_for(
        "tarnbrook", schemas=changed(("vocabulary.yaml", "[team, squad, group,", "[posse, team, squad, group,"))
    )
    assert ask(taught, "cost by posse last month").columns[0].name == "squad"


def test_another_fiscal_year_moves_quarters_and_years(assistant_for: AssistantFor, changed: Change) -> None:
    moved = changed(("vocabulary.yaml", "fiscal_year_starts: 1\n", "fiscal_year_starts: 2\n"))
    taught = assistant_for("tarnbrook", schemas=moved)
    answer = ask(taught, "cost last quarter")
    assert answer.period
    assert (answer.period.start, answer.period.end) == (date(2025, 11, 1), date(2026, 2, 1))
    quarters = ask(taught, "cost by quarter in the last 3 quarters")
    assert [row[0] for row in quarters.rows] == [date(2025, 5, 1), date(2025, 8, 1), date(2025, 11, 1)]


def test_a_new_refusal_is_said(assistant_for: AssistantFor, changed: Change) -> None:
    text = (ROOT / "schemas" / "vocabulary.yaml").read_text(encoding="utf-8")
    kinds = yaml.safe_load(text)["refusals"]
    assert kinds
    first = next(iter(kinds)) if isinstance(kinds, dict) else kinds[0]
    words = (kinds[first] if isinstance(kinds, dict) else first)["words"]
    folder = changed()
    changed_text = text.replace(f"words: [{words[0]},", f"words: [unicorn gossip, {words[0]},", 1)
    assert changed_text != text
    (folder / "vocabulary.yaml").write_text(changed_text, encoding="utf-8")
    answer = assistant_for("tarnbrook", schemas=folder).ask(Question("unicorn gossip please", None, None, TODAY))
    assert answer.status == "refused"
