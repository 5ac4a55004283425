"""The documentation as a site, and the tutorial as somebody who follows it to the letter."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from desk import ROOT
from playwright.sync_api import sync_playwright

from assistant.surfaces.cli.main import main

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make site` does: a warning, such as a link that leads nowhere, is an error."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "zensical.toml", folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    build = [Path(sys.executable).with_name("zensical"), "build", "--strict", "--clean"]
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return folder / "build" / "site"


def test_every_page_is_in_the_site_and_found_from_its_menu(site: Path) -> None:
    menu = (site / "index.html").read_text(encoding="utf-8")
    pages = [page.with_suffix(".html").name for page in (ROOT / "docs").glob("*.md")]
    assert [page for page in pages if not (site / page).exists() or f'href="{page}"' not in menu] == ["index.html"] * (
        'href="index.html"' not in menu
    )


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    asked: list[str] = []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "tutorial.html").as_uri())
        assert page.locator("h1").inner_text().startswith("Your own bill")
        browser.close()
    assert len(asked) > 2
    assert [url for url in asked if not url.startswith((site.as_uri(), "data:"))] == []


def test_the_tutorial_says_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of each console block, in order, in one folder; a line's … stands for anything."""
    shutil.copy(ROOT / "tests" / "data" / "focus_sample.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASKCOST_WAREHOUSE", "costs.duckdb")
    monkeypatch.setenv("PATH", f"{_program(tmp_path)}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    blocks = re.findall(r"```console\n(.*?)```", TUTORIAL, re.S)
    steps = [step for block in blocks for step in re.split(r"^\$ ", block, flags=re.M)[1:]]
    assert len(steps) > 10
    for step in steps:
        command, _, told = step.partition("\n")
        code, printed = _run(command)
        assert code in (0, 3), f"{command}\n{printed}"
        pattern = r"\n?".join(re.escape(line).replace("…", ".*?") for line in told.rstrip().split("\n"))
        assert re.fullmatch(pattern, printed.rstrip(), re.S), f"{command}\n{printed}\nis not\n{told}"


def _program(folder: Path) -> Path:
    """A folder whose `askcost` is this one."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "askcost"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m assistant.surfaces.cli.main "$@"\n')
    program.chmod(0o755)
    return folder / "bin"


def _run(command: str) -> tuple[int, str]:
    """What is only askcost runs in this process, which saves its start; the rest in a shell."""
    words = shlex.split(command)
    if words[0] == "askcost":
        result = CliRunner().invoke(main, words[1:])
        return result.exit_code, result.stdout
    shell = ["bash", "-c", f"export PYTHONPATH={ROOT}; {command}"]
    done = subprocess.run(shell, capture_output=True, text=True)
    return done.returncode, done.stdout
