"""A task is one file and one line, a metric one entry: each is added to a copy of the packages, and works."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import siphonbench

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
print(json.dumps({"task": shown.task, "metrics": metrics, "page": page.read_text(), "tasks": [*TASKS]}))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in ("generator", "baselines", "leaderboard", "siphonbench"):
        shutil.copytree(HOME / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def insert(file: Path, after: str, text: str) -> None:
    """Add text behind the one line that says so."""
    source = file.read_text("utf-8")
    assert source.count(after) == 1
    file.write_text(source.replace(after, after + text), "utf-8")


def use(copy: Path, nano: Path, task: str, entry: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", USE, str(nano), str(entry), str(copy / "board"), task]
    return subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)


@pytest.fixture
def entry(nano: Path, tmp_path: Path) -> Path:
    """A submission that is right about every account."""
    labels = siphonbench.load(nano).reveal("test").labels.polars()
    names = labels.select(
        pl.col("account_id").cast(pl.String), score=(pl.col("label") == "extraction").cast(pl.Float64)
    )
    names.collect().write_csv(tmp_path / "perfect.csv")
    return tmp_path / "perfect.csv"


def test_a_task_is_one_file_and_one_line(copy: Path, nano: Path, entry: Path) -> None:
    (copy / "leaderboard" / "tasks" / "shared.py").write_text(TASK, "utf-8")
    registry = copy / "leaderboard" / "records" / "task_definitions.py"
    insert(
        registry,
        '    "early": "leaderboard.tasks.early:TASK",\n',
        '    "shared": "leaderboard.tasks.shared:TASK",\n',
    )
    done = use(copy, nano, "shared", entry)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout.splitlines()[-1])
    assert (shown["task"], shown["metrics"]["ap"], shown["tasks"][-1]) == ("shared", 1.0, "shared")
    assert "shared on nano" in shown["page"]
    # Validated as every task is.
    entry.write_text("account_id,score\nnobody,1\n")
    refused = use(copy, nano, "shared", entry)
    assert "accounts missing" in refused.stderr


def test_a_metric_is_one_entry(copy: Path, nano: Path, entry: Path) -> None:
    insert(copy / "leaderboard" / "metrics" / "ranking.py", "METRICS: dict[str, RankingMetric] = {\n", METRIC)
    done = use(copy, nano, "accounts", entry)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout.splitlines()[-1])
    assert shown["metrics"]["first_place"] == 1.0
    assert "share of positives in the first place" in shown["page"]
