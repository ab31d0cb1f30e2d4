"""The wheel: built, installed into a clean environment, and used from another folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
UV = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
PACKAGE_DATA = (
    "generator/archetypes",
    "generator/kinds",
    "generator/presets",
    "generator/campaign_report/templates",
    "generator/scenarios",
    "generator/text/data",
    "generator/text/data/grammar",
    "generator/text/data/lexicon",
    "leaderboard/seasons/templates",
    "leaderboard/site/templates",
    "leaderboard/site/static",
    "siphonbench/workflows/figures",
    "siphonbench/workflows/templates",
)


def run(*command: object, cwd: Path) -> str:
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(UV is None, reason="uv is needed: pip install uv")
def test_wheel_works_elsewhere(tmp_path: Path) -> None:
    # Built from a copy, because setuptools leaves build/ behind.
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "siphonbench-*", "*.egg-info"))
    run(UV, "build", "--wheel", "--out-dir", tmp_path, source, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")

    # The wheel's own needs at the locked versions, less the GPU libraries that the lock leaves out.
    project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))
    (tmp_path / "overrides.txt").write_text("\n".join(project["tool"]["uv"]["override-dependencies"]))
    locked = ("export", "--locked", "--quiet", "--no-dev", "--no-emit-project", "--no-hashes")
    run(UV, *locked, "--output-file", tmp_path / "locked.txt", cwd=source)
    run(UV, "venv", "--python", sys.executable, "clean", cwd=tmp_path)
    python = tmp_path / "clean/bin/python"
    limits = ("--constraint", "locked.txt", "--override", "overrides.txt")
    run(UV, "pip", "install", "--python", python, *limits, wheel, cwd=tmp_path)
    shutil.rmtree(source)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = "import siphonbench; print(siphonbench.__file__)"
    installed = Path(run(python, "-c", where, cwd=elsewhere).strip()).parents[1]
    assert installed.is_relative_to(tmp_path / "clean")
    for folder in PACKAGE_DATA:
        assert {f.name for f in (installed / folder).iterdir()} == {f.name for f in (ROOT / folder).iterdir()}
    assert (installed / "siphonbench/workflows/quickstart.toml").is_file()
    command = tmp_path / "clean/bin/siphonbench"
    assert "quickstart" in run(command, "--help", cwd=elsewhere)
    run(command, "release", "--preset", "nano", "--out", "release", cwd=elsewhere)
    assert (elsewhere / "release/data_card.md").read_bytes() == (ROOT / "data_card.md").read_bytes()
    assert "figures are as kept" in run(command, "reproduce", "--detector", "volume", cwd=elsewhere)
    assert "Dataset nano" in run(command, "info", "release", cwd=elsewhere)
