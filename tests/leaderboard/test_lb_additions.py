"""A task is one file and one line, a metric one entry: each is added to a copy of the packages, and works."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import siphonbench
from leaderboard.tracking.store import Store

HOME = Path(__file__).resolve().parents[2]
TASK = '''
"""The *shared* task: which accounts share a campaign with another account."""

from dataclasses import replace

from leaderboard.tasks import accounts


def score(predictions, truth, digest, folds=100):
    """Score an answer as that of the accounts task."""
    return replace(accounts.score(predictions, truth, digest, folds), task="shared")


TASK = replace(accounts.TASK, question="Who shares a campaign?", title="shared campaigns", score=score)
'''
METRIC = """
    "first_place": RankingMetric(
        title="share of positives in the first place",
        chance="share of positives",
        ties=_BLOCK,
        compute=lambda curve: curve.positives[:, 0] / (curve.positives[:, 0] + curve.negatives[:, 0]),
        chance_value=_prevalence,
    ),
"""
USE = """
import json, sys
from pathlib import Path
import siphonbench
from generator.errors import UserError
from leaderboard.records.task_definitions import TASKS
from leaderboard.site import build
from leaderboard.site.settings import ServedDataset, Settings
from leaderboard.tracking.store import Store

data, entry, board, task = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4]
dataset = siphonbench.load(data)
shown = siphonbench.submit(dataset, entry, board, task=task)
build.build(Settings(Store(board), (ServedDataset.at(data),)), board / "site")
(page,) = (board / "site" / "entries").glob("*/index.html")
card = siphonbench.evaluate(dataset, entry, task=task).tables["overall"]
metrics = {name: value.value for name, value in card.items()}
refusal = ""
try:
    siphonbench.submit(dataset, sys.argv[5], board, task=task)
except UserError as error:
    refusal = str(error)
found = {"task": shown.task, "metrics": metrics, "page": page.read_text(), "tasks": [*TASKS]}
print(json.dumps(found | {"refusal": refusal}))
"""


def insert(file: Path, after: str, text: str) -> None:
    """Add text behind the one line that says so."""
    source = file.read_text("utf-8")
    assert source.count(after) == 1
    file.write_text(source.replace(after, after + text), "utf-8")


@pytest.fixture(scope="module")
def shown(nano: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a copy with both additions makes of a submission that is right about every account."""
    copy = tmp_path_factory.mktemp("additions")
    for package in ("generator", "baselines", "leaderboard", "siphonbench"):
        shutil.copytree(HOME / package, copy / package)
    (copy / "leaderboard" / "tasks" / "shared.py").write_text(TASK, "utf-8")
    registry = copy / "leaderboard" / "records" / "task_definitions.py"
    insert(
        registry,
        '    "early": "leaderboard.tasks.early:TASK",\n',
        '    "shared": "leaderboard.tasks.shared:TASK",\n',
    )
    insert(copy / "leaderboard" / "metrics" / "ranking.py", "METRICS: dict[str, RankingMetric] = {\n", METRIC)
    labels = siphonbench.load(nano).reveal("test").labels.polars()
    names = labels.select(
        pl.col("account_id").cast(pl.String), score=(pl.col("label") == "extraction").cast(pl.Float64)
    )
    names.collect().write_csv(copy / "perfect.csv")
    (copy / "faulty.csv").write_text("account_id,score\nnobody,1\n")
    Store(copy / "board").client()  # its tables are made quickly here
    command: list[str | Path] = [
        sys.executable,
        "-c",
        USE,
        nano,
        copy / "perfect.csv",
        copy / "board",
        "shared",
        copy / "faulty.csv",
    ]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_a_task_is_one_file_and_one_line(shown: dict[str, Any]) -> None:
    assert (shown["task"], shown["metrics"]["ap"], shown["tasks"][-1]) == ("shared", 1.0, "shared")
    assert "shared on nano" in shown["page"]
    assert "accounts missing" in shown["refusal"]  # validated as every task is


def test_a_metric_is_one_entry(shown: dict[str, Any]) -> None:
    assert shown["metrics"]["first_place"] == 1.0
    assert "share of positives in the first place" in shown["page"]
