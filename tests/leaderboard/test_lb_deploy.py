"""The compose file says what the servers understand, and publishes the site alone."""

from __future__ import annotations

import re
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
