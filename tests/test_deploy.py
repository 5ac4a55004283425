"""The manifest and the container file say what the program keeps to; `make deploy-check` lints them."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from desk import ROOT

from assistant.config import Config
from assistant.surfaces.cli import serving
from assistant.surfaces.cli.main import main
from assistant.surfaces.web.settings import WebSettings

MANIFEST: dict[str, Any] = {
    one["kind"]: one for one in yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text(encoding="utf-8"))
}
POD = MANIFEST["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
FILE = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
SETTINGS = {f"ASKCOST_{name.upper()}" for name in Config.model_fields} | {
    f"ASKCOST_WEB_{name.upper()}" for name in WebSettings.model_fields
}


def test_the_parts_belong_together() -> None:
    assert sorted(MANIFEST) == ["ConfigMap", "Deployment", "PersistentVolumeClaim", "Service"]
    labels = MANIFEST["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert MANIFEST["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert MANIFEST["Service"]["spec"]["selector"].items() <= labels.items()
    mounted = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    assert mounted == {"data": "/data", "tmp": "/tmp"}
    assert (
        volumes["data"]["persistentVolumeClaim"]["claimName"] == MANIFEST["PersistentVolumeClaim"]["metadata"]["name"]
    )
    assert CONTAINER["envFrom"][0]["configMapRef"]["name"] == MANIFEST["ConfigMap"]["metadata"]["name"]
    assert MANIFEST["Deployment"]["spec"]["strategy"]["type"] == "Recreate"
    assert MANIFEST["Deployment"]["spec"]["replicas"] == 1


def test_it_runs_as_nobody_and_writes_only_its_volumes() -> None:
    pod, own = POD["securityContext"], CONTAINER["securityContext"]
    assert (pod["runAsNonRoot"], pod["seccompProfile"]["type"]) == (True, "RuntimeDefault")
    assert (own["readOnlyRootFilesystem"], own["allowPrivilegeEscalation"]) == (True, False)
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert POD["automountServiceAccountToken"] is False
    assert f"USER {pod['runAsUser']}:{pod['runAsGroup']}" in FILE
    assert POD["terminationGracePeriodSeconds"] > 20  # what answers in the making get


def test_every_setting_is_one_that_askcost_reads_and_secrets_are_only_referred_to() -> None:
    plain = MANIFEST["ConfigMap"]["data"]
    told = {env["name"]: env["valueFrom"]["secretKeyRef"]["name"] for env in CONTAINER["env"]}
    assert set(plain) | set(told) <= SETTINGS
    assert set(told.values()) == {"askcost"}
    WebSettings(
        sign_in=plain["ASKCOST_WEB_SIGN_IN"],
        header=plain["ASKCOST_WEB_HEADER"],
        hosts=tuple(json.loads(plain["ASKCOST_WEB_HOSTS"])),
        log=plain["ASKCOST_WEB_LOG"],
    )
    assert plain["ASKCOST_WAREHOUSE"] in FILE


@pytest.mark.parametrize("words", [CONTAINER["args"], json.loads(re.findall(r"^CMD (\[.*\])", FILE, re.M)[-1])])
def test_it_starts_a_command_that_there_is(words: list[str]) -> None:
    program, name, *options = words
    assert program == "askcost"
    main.commands[name].make_context(name, list(options))
    assert options[options.index("--port") + 1] == str(CONTAINER["ports"][0]["containerPort"])


def test_the_image_has_what_the_manifest_needs_and_installs_what_was_tested() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    installed = re.search(r"-c constraints\.txt -e '\.\[(.*)\]'", FILE)
    assert installed
    assert set(installed[1].split(",")) <= set(extras)
    assert {"web", "postgres"} <= set(installed[1].split(","))
    assert FILE.count("FROM python:3.11-slim") == 2
    assert "HEALTHCHECK" in FILE
    assert "/health" in FILE
    ignored = (ROOT / ".containerignore").read_text()
    assert ignored == (ROOT / ".dockerignore").read_text()
    assert {"warehouse", ".git", ".venv"} <= set(ignored.split("\n"))
    assert not {"schemas", "prompts", "public", ".chainlit", "chainlit.md", "assistant"} & set(ignored.split("\n"))


def test_a_read_only_program_is_copied_to_where_the_chat_can_write(tmp_path: Path) -> None:
    source, folder = tmp_path / "program", tmp_path / "run"
    source.mkdir()
    folder.mkdir()
    for name in serving.ASSETS:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile)(ROOT / name, source / name)
    for path in source.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    serving.furnish(source, folder)
    assert (folder / ".chainlit" / "config.toml").exists()
    assert all(path.stat().st_mode & 0o200 for path in folder.rglob("*"))
