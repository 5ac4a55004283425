"""Documentation against code: docs/reference.md is what docs/generate.py writes; every page names real things."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.config import Config
from assistant.semantics import model
from assistant.surfaces.cli.main import main

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
SCHEMA = model.read(ROOT / "schemas")
NAMED = [
    *(f"### askcost {name}" for name in main.commands),
    *(f"`ASKCOST_{name.upper()}`" for name in Config.model_fields),
    *(f"| `{name}` |" for name in SCHEMA.metrics),
    *(f"`{dimension}`" for dimensions in SCHEMA.dimensions.values() for dimension in dimensions),
]


def test_the_reference_is_what_the_code_says_now() -> None:
    # in a process of its own: click keeps the help option of the first test that asked a command for help
    told = "import runpy, sys; sys.stdout.write(runpy.run_path('docs/generate.py')['reference']())"
    made = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout == REFERENCE, "run `make docs`"


def test_every_command_setting_metric_and_dimension_is_in_the_reference() -> None:
    assert [named for named in sorted(set(NAMED)) if named not in REFERENCE] == []


def test_every_setting_says_what_it_does() -> None:
    assert all(field.description for field in Config.model_fields.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_commands_and_options_that_there_are(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for command, rest in re.findall(r"(?:^\s*\$ |`)askcost ([a-z][a-z-]*)([^\n`]*)", text, re.M):
        assert command in main.commands, f"askcost {command}"
        below = list(getattr(main.commands[command], "commands", {}).values())
        options = {o for one in (main.commands[command], *below) for parameter in one.params for o in parameter.opts}
        told = set(re.findall(r"(?<=\s)--[a-z-]+", re.sub(r'"[^"]*"', "", rest)))
        assert told <= options | {"--help"}, f"askcost {command}{rest}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
