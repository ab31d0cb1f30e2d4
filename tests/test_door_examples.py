"""Five ways in: each example is short, and runs on a release folder as it stands in the documentation."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import siphonbench
from tests.conftest import LITTLE, Once

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = {
    "with_pandas": ("pandas", "extraction"),
    "with_polars": ("polars", "payment_id"),
    "with_duckdb": ("duckdb", "conversation"),
    "with_hugging_face": ("datasets", "failed requests"),
    "with_pyg": ("torch_geometric", "HeteroData"),
}


@pytest.fixture(scope="session")
def folder(once: Once, tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = tmp_path_factory.mktemp("plan") / "little.toml"
    plan.write_text(LITTLE)
    return once("little-release", lambda out: siphonbench.release(out, seed=7, config=plan))


def test_there_is_a_test_for_each() -> None:
    assert {f.stem for f in (ROOT / "examples").glob("*.py")} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_short(name: str) -> None:
    assert len((ROOT / f"examples/{name}.py").read_text("utf-8").splitlines()) <= 15


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name: str, folder: Path, tmp_path: Path) -> None:
    package, said = EXAMPLES[name]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is an extra that is not installed here")
    env = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / f"examples/{name}.py"), str(folder)]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
