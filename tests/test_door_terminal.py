"""What a terminal can't show is replaced: a name of another script never ends a command in a traceback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

import siphonbench
from baselines import registry
from leaderboard.tracking.store import Store
from siphonbench.cli.common.app import SECTIONS
from siphonbench.cli.main import app

NAME = "Жозефина 🦝"
EACH = """
import sys
from siphonbench.__main__ import main

for command in sys.argv[1:]:  # as if each were typed
    sys.argv[1:] = command.split("|")
    try:
        main()
    except SystemExit as ended:
        print(f"<{ended.code}>")
"""


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_name_that_the_terminal_lacks_is_replaced(encoding: str, nano: Path, here: Path) -> None:
    accounts = siphonbench.load(nano).test.accounts.polars().select("account_id", score=pl.lit(1.0)).collect()
    accounts.write_parquet("entry/predictions.parquet", mkdir=True)
    Path("entry/card.toml").write_text(f'name = "{NAME}"\n', "utf-8")
    Store(Path("siphonbench-board")).client()  # its tables are made quickly here
    commands = (f"submit|entry|--data|{nano}", f"leaderboard|--data|{nano}", f"info|{NAME}")
    done = subprocess.run(
        [sys.executable, "-c", EACH, *commands],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert b"Traceback" not in done.stderr
    submit, leaderboard, info = re.findall(rb"(.*?)<(\d)>\s*", done.stdout, re.DOTALL)
    assert (submit[1], leaderboard[1], info[1]) == (b"0", b"0", b"2")
    for said, _ in (submit, leaderboard):
        assert (NAME.encode() in said) == (encoding == "utf-8")


def typed(*arguments: str, **env: str) -> str:
    command = [sys.executable, "-m", "siphonbench", *arguments]
    return subprocess.run(command, env=os.environ | env, capture_output=True, text=True, check=True).stdout


def test_version_is_told_and_the_same_everywhere() -> None:
    root = Path(siphonbench.__file__).parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == siphonbench.__version__
    assert f"version: {siphonbench.__version__}\n" in (root / "CITATION.cff").read_text("utf-8")
    assert typed("--version") == f"siphonbench {siphonbench.__version__}\n"


def test_root_help_has_a_section_for_every_command() -> None:
    named = [name for names in SECTIONS.values() for name in names]
    assert sorted(named) == sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    shown = CliRunner().invoke(app, ["--help"]).stdout.partition("Options:")[2]
    assert [*SECTIONS] == re.findall(r"^(\S.*):$", shown, re.MULTILINE)
    assert "..." not in shown  # no summary is cut
    assert "--install-completion" in shown


def test_a_shell_completes_commands() -> None:
    run = "import sys; sys.argv = ['siphonbench']; from siphonbench.__main__ import main; main()"
    asked = {"_SIPHONBENCH_COMPLETE": "complete_bash", "COMP_WORDS": "siphonbench gener", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", run], env=os.environ | asked, capture_output=True, text=True)
    assert done.stdout.split() == ["generate"]


def test_names_are_never_cut_in_a_narrow_terminal() -> None:
    narrow, _, _ = typed("baselines", "list", COLUMNS="60").partition(f"{len(registry.DETECTORS)} built-in")
    assert all(f" {name} " in narrow for name in registry.DETECTORS)
    assert max(map(len, narrow.splitlines())) <= 60
    assert "…" not in narrow
    wide = typed("baselines", "list", COLUMNS="200")
    assert 160 < max(map(len, wide.splitlines())) <= 200
