"""The compose file says what the servers understand, and publishes the site alone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from typer.testing import CliRunner

from siphonbench.cli.main import app

COMPOSE = Path(__file__).resolve().parents[2] / "deploy" / "compose.yaml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text())["services"])


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text())["networks"])


def test_only_the_site_is_published(services: dict[str, Any]) -> None:
    assert [name for name, s in services.items() if "ports" in s] == ["site"]
    assert all(p.startswith("127.0.0.1:") for p in services["site"]["ports"])
    assert [name for name, s in services.items() if "outside" in s["networks"]] == ["site"]


def test_no_password_stands_in_it() -> None:
    assert set(re.findall(r"(?:PASSWORD: |siphonbench:)(\S*)", COMPOSE.read_text())) <= {
        "${POSTGRES_PASSWORD:?choose",
        "",
    }


@pytest.mark.parametrize(("service", "command"), [("site", ["serve"])])
def test_every_option_is_known(services: dict[str, Any], service: str, command: list[str]) -> None:
    told = CliRunner().invoke(app, [*command, "--help"], terminal_width=200).stdout
    options = [o.partition("=")[0] for o in services[service]["command"] if o.startswith("--")]
    assert options
    assert all(o in told for o in options)


def test_every_option_of_mlflow_is_known(services: dict[str, Any]) -> None:
    from click.testing import CliRunner as Click
    from mlflow.cli import server

    told = Click().invoke(server, ["--help"]).output
    options = [o.partition("=")[0] for o in services["mlflow"]["command"] if o.startswith("--")]
    assert len(options) >= 5
    assert all(o in told for o in options)


def test_the_proxy_is_believed_and_nobody_else(services: dict[str, Any], networks: dict[str, Any]) -> None:
    (subnet,) = networks["outside"]["ipam"]["config"]
    assert f"--proxy={subnet['gateway']}" in services["site"]["command"]


def test_no_container_calls_the_internet(services: dict[str, Any], networks: dict[str, Any]) -> None:
    masquerade = networks["outside"]["driver_opts"]["com.docker.network.bridge.enable_ip_masquerade"]
    assert (networks["inside"]["internal"], masquerade) == (True, "false")
    assert all(s["networks"] for s in services.values())  # none falls back to the default network


def test_passwords_are_in_no_list_of_processes(services: dict[str, Any]) -> None:
    for service in services.values():
        assert "PASSWORD" not in str(service.get("command", ""))


def test_images_are_pinned(services: dict[str, Any]) -> None:
    build = (COMPOSE.parent / "Dockerfile").read_text()
    named = [s["image"] for s in services.values() if "image" in s] + re.findall(
        r"^FROM (\S+)", build, re.MULTILINE
    )
    assert named
    assert all(re.search(r":\d+\.\d+", image) for image in named), named
    assert re.search(r"pip install \S* ?uv==\d", build)


def test_the_image_holds_the_packages_alone() -> None:
    lines = (COMPOSE.parents[1] / ".dockerignore").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("#")]
    assert kept[0] == "*"
    assert {line[1:] for line in kept if line.startswith("!")} >= {"generator", "siphonbench", "uv.lock"}
    assert not {line for line in kept if "data/" in line or "secret" in line}


@pytest.mark.parametrize(
    "path", ["spring.secret", "spring.secret.private/world/x", "ml/class.json", "a/token.txt"]
)
def test_git_leaves_secrets_out(path: str) -> None:
    root = COMPOSE.parents[1]
    if not (root / ".git").exists():
        pytest.skip("no repository")
    assert subprocess.run(["git", "check-ignore", "-q", path], cwd=root, check=False).returncode == 0
