"""Documentation against code: docs/reference.md is what docs/generate.py writes; every page names real things."""

from __future__ import annotations

import re
import runpy
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
    assert runpy.run_path(str(ROOT / "docs" / "generate.py"))["reference"]() == REFERENCE, "run `make docs`"


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
