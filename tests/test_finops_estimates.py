"""Estimates kept with their versions, compared with what came of them and with the design before."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from conftest import AssistantFor, CheckFor, WarehouseOf

from assistant.analysis import estimates, pricing
from assistant.config import ROOT
from assistant.errors import Clarify, Refused
from assistant.ledger.drawer import Drawer
from assistant.surfaces.cli.main import main
from assistant.values import Question

DAY = date(2026, 9, 1)
DESIGN = """
name: {name}
application: Claims Copilot
models: [claude-sonnet-5-5]
limit_usd_per_month: 20000
workloads:
  - {{requests_per_day: {requests}, input_tokens: 60000, output_tokens: 3000, cached: 0.6}}
"""
# 24,000 uncached at $2, 36,000 cached at $0.10 and 3,000 out at $10 a million
A_REQUEST = Decimal("0.0816")


def _file(folder: Path, name: str, requests: int, title: str = "Copilot") -> str:
    path = folder / f"{name}.yaml"
    path.write_text(DESIGN.format(name=title, requests=requests), encoding="utf-8")
    return str(path)


def _run(folder: Path, *arguments: str) -> Result:
    where = ["--warehouse", str(folder / "none.duckdb")]
    return CliRunner().invoke(main, ["estimate", "--day", "2026-09-01", *arguments, *where])


def test_an_estimate_is_kept_in_versions(tmp_path: Path) -> None:
    for requests in (1000, 2000):
        assert _run(tmp_path, "--file", _file(tmp_path, "e", requests), "--save", "copilot").exit_code == 0
    listed = json.loads(_run(tmp_path, "--list", "--json").output)
    names = [c["name"] for c in listed["columns"]]
    found = [dict(zip(names, row, strict=True)) for row in listed["rows"]]
    assert [(f["name"], f["version"], f["model"]) for f in found] == [
        ("copilot", 1, "claude-sonnet-5-5"), ("copilot", 2, "claude-sonnet-5-5"),
    ]  # fmt: skip
    assert [f["month_expected"] for f in found] == [
        pytest.approx(float(A_REQUEST) * requests * 30.4167) for requests in (1000, 2000)
    ]
    paper = Drawer(tmp_path / "none.ledger.sqlite").newest("estimate", "copilot")
    assert paper
    assert pricing.design_of(paper.content["design"]) == pricing.read_design(tmp_path / "e.yaml")


def test_a_kept_estimate_meets_the_usage_of_its_application_and_model(
    assistant_for: AssistantFor, check_for: CheckFor, tmp_path: Path
) -> None:
    assistant = assistant_for("demo")
    drawer = Drawer(tmp_path / "l.sqlite")
    design = pricing.read_design(Path(_file(tmp_path, "e", 10_000)))
    estimates.save(drawer, "copilot", pricing.quote(design, DAY, assistant.config.schemas), None)
    report = estimates.actual(assistant.books(None), drawer, "copilot", DAY)
    found = {row[0]: row[2:] for row in report.rows}
    ((requests, read, cached, out, cost),) = check_for("demo")(
        "SELECT sum(requests), sum(input_tokens), sum(cached_input_tokens), sum(output_tokens), sum(cost_usd) "
        "FROM token_usage WHERE application = 'Claims Copilot' AND model = 'claude-sonnet-5-5' "
        "AND usage_date >= '2026-09-01'"
    )[1]
    days = 44
    expected = {
        "requests a day": (10_000, requests / days),
        "input tokens of a request": (60_000, read / requests),
        "output tokens of a request": (3000, out / requests),
        "cached input, %": (60, 100 * cached / read),
        "batch requests, %": (0, 0),
        "cost of a request": (A_REQUEST, cost / requests),
        "cost of a month": (A_REQUEST * 10_000 * Decimal("30.4167"), float(cost) / days * 30.4167),
    }
    for name, (planned, came) in expected.items():
        assert float(found[name][0]) == pytest.approx(float(planned)), name
        assert float(found[name][1]) == pytest.approx(float(came)), name
    deviation = found["cost of a month"][2]
    assert float(deviation) == pytest.approx(100 * (float(cost) / days / (float(A_REQUEST) * 10_000) - 1))
    assert "below the band" in report.sentences[0]


def test_what_can_not_be_compared_is_said(assistant_for: AssistantFor, tmp_path: Path) -> None:
    assistant, drawer = assistant_for("demo"), Drawer(tmp_path / "l.sqlite")
    design = pricing.read_design(Path(_file(tmp_path, "e", 10)))
    estimates.save(drawer, "copilot", pricing.quote(design, DAY, assistant.config.schemas), None)
    with pytest.raises(Clarify) as caught:
        estimates.actual(assistant.books(None), drawer, "pilot")
    assert caught.value.options == ("copilot",)
    with pytest.raises(Refused, match="No usage of Claims Copilot on claude-sonnet-5-5"):
        estimates.actual(assistant.books(None), drawer, "copilot", date(2026, 11, 1))
    with pytest.raises(Refused, match="row policy"):
        estimates.actual(assistant.books("rhea.collins"), drawer, "copilot", DAY)


# --- in a pull request -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "says", "code"),
    [
        (1000, 2000, r"\$2,482.00 a month more than before (\$2,482.00, 100%).", 0),
        (2000, 1000, r"\$2,482.00 a month less than before (\$4,964.01, -50%).", 0),
        (1000, 1000, r"No change: \$2,482.00 a month as before.", 0),
        (None, 1000, r"New: \$2,482.00 a month that were not there before.", 0),
        (1000, 9000, r"\$19,856.02 a month more than before", 1),
    ],
)
def test_the_change_of_a_design_is_a_comment(
    before: int | None, now: int, says: str, code: int, tmp_path: Path
) -> None:
    old = _file(tmp_path, "old", before) if before else str(tmp_path / "absent.yaml")
    run = _run(tmp_path, "--file", _file(tmp_path, "new", now), "--compare", old, "--markdown")
    assert run.exit_code == code, run.output
    plain = run.output.replace("\\(", "(").replace("\\)", ")")
    assert plain.startswith(says)
    assert "| claude-sonnet-5-5 | asked |" in plain


def test_a_strangers_design_stays_text_in_the_comment(tmp_path: Path) -> None:
    title = "'[free](http://evil.example) ![x](http://evil.example/x.png) @everyone <b>bold</b> | a `code`'"
    run = _run(tmp_path, "--file", _file(tmp_path, "new", 1000, title), "--markdown")
    assert run.exit_code == 0, run.output
    assert not re.search(r"(?<!\\)[\[\]<>`|](?![ \n-])", run.output.split("\n\n")[0])
    assert "http://" not in run.output
    assert "@everyone" not in run.output


def test_compare_needs_a_file(tmp_path: Path) -> None:
    workload = ["--requests-per-day", "1", "--input-tokens", "1", "--output-tokens", "1"]
    run = _run(tmp_path, "--model", "gpt-6-luna", *workload, "--compare", "x.yaml")
    assert run.exit_code == 2


def test_the_recipe_runs_the_command_that_is_tested_here() -> None:
    text = (ROOT / "docs" / "ci-estimate.md").read_text(encoding="utf-8")
    (workflow,) = re.findall(r"```yaml\n(# \.github.*?)```", text, re.DOTALL)
    steps = yaml.safe_load(workflow)["jobs"]["estimate"]["steps"]
    (runs,) = [step["run"] for step in steps if "askcost estimate" in step.get("run", "")]
    for part in ("askcost estimate --file", "--compare", "--markdown"):
        assert part in runs
    assert "github.event.pull_request.title" not in workflow  # nothing a stranger writes reaches the shell
    options = {name for option in main.commands["estimate"].params for name in option.opts}
    assert set(re.findall(r"--[a-z-]+", runs)) <= options


@pytest.mark.parametrize("company", ["demo", "tarnbrook"])
def test_the_question_is_priced_like_the_command(
    company: str, assistant_for: AssistantFor, warehouse_of: WarehouseOf, tmp_path: Path
) -> None:
    asked = assistant_for(company).ask(
        Question("10k requests a day, 60k tokens in, 3k out, 60% cached on claude-sonnet-5-5", today=DAY)
    )
    run = CliRunner().invoke(
        main,
        [
            "estimate", "--file", _file(tmp_path, "e", 10_000), "--day", "2026-09-01", "--json",
            "--warehouse", str(warehouse_of(company)),
        ],
    )  # fmt: skip
    content = json.loads(run.output)
    names = [c["name"] for c in content["columns"]]
    chosen = [names.index(c.name) for c in asked.columns]
    assert [[row[i] for i in chosen] for row in content["rows"]] == [
        [float(v) if isinstance(v, Decimal) else v for v in row] for row in asked.rows
    ]
