"""A detector is one file and one line of the registry: added to a copy, every command knows it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("generator", "baselines", "leaderboard", "siphonbench")
DETECTOR = '''\
"""Floor: accounts that sent nothing come last."""

from dataclasses import dataclass
from typing import ClassVar, Self

import polars as pl

from baselines.base import detector
from baselines.features import account_features, feature_table
from generator.dataset import Split

_DAYS = feature_table.named("active_days")


@dataclass
class ActiveDays(detector.Detector):
    """Share of the window's days with a request."""

    name: ClassVar[str] = "active-days"
    description: ClassVar[str] = "share of days with a request"
    source: ClassVar[str] = "floor"
    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(_DAYS)
    floor: ClassVar[bool] = True

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Share of active days."""
        frame = account_features.account_features(split, _DAYS)
        return frame.select("account_id", score=pl.col("active_days").fill_null(0.0))
'''


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages with one detector more: a file, and a line."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "baselines/detectors/trivial/active_days.py").write_text(DETECTOR, "utf-8")
    registry = tmp_path / "baselines/registry.py"
    head, mark, rest = registry.read_text("utf-8").partition("_ENTRIES = {\n")
    line = '    "active-days": "baselines.detectors.trivial.active_days:ActiveDays",\n'
    registry.write_text(head + mark + line + rest, "utf-8")
    return tmp_path


def siphonbench(folder: Path, *arguments: str) -> str:
    """Standard output of a command of the copy."""
    done = subprocess.run(
        [sys.executable, "-m", "siphonbench", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_detector_is_one_file_and_one_line(copy: Path) -> None:
    assert "active-days" in siphonbench(copy, "baselines", "list")
    assert "active-days keeps 15 of 15 promises" in siphonbench(copy, "baselines", "check", "active-days")
