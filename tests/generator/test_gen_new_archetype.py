"""An archetype is one TOML file: a new one is found, checked, planned and labelled with nothing else touched."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import generator
from tests.generator.conftest import TINY

_RUN = """
import json, sys
from pathlib import Path
from generator.config import dataset_config, scenario_template
from generator.dataset import load
from generator.pipeline import generate

plan = dataset_config.from_dict(json.loads(sys.argv[1]), "a copy")
data = load(generate.generate(plan, Path(sys.argv[2])))
labels = data.train.labels.pandas()
print(json.dumps({
    "labels": sorted(labels.loc[labels.archetype == "B99", "label"].unique()),
    "accounts": int((labels.archetype == "B99").sum()),
    "template": "B1 to B99" in scenario_template.text("nano", "mine"),
}))
"""


@pytest.mark.slow
def test_an_archetype_is_one_file(tmp_path: Path) -> None:
    package = Path(generator.__file__).parent
    copy = shutil.copytree(package, tmp_path / "generator", ignore=shutil.ignore_patterns("__pycache__"))
    archetype = (copy / "archetypes" / "B7.toml").read_text("utf-8").replace('id = "B7"', 'id = "B99"')
    (copy / "archetypes" / "B99.toml").write_text(archetype, "utf-8")
    plan = json.dumps(TINY | {"mix": {"B1": 0.5, "B99": 0.5}})
    done = subprocess.run(
        [sys.executable, "-c", _RUN, plan, str(tmp_path / "data")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["labels"] == ["benign"]
    assert told["accounts"] > 50
    assert told["template"]
