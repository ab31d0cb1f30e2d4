"""A column of the board is one line: added to a copy, it stands in the terminal and on the page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.house import PACKAGES

ROOT = Path(__file__).resolve().parent.parent
FIRST = "    columns=(\n"
LINE = '        BoardColumn("overall/ap_rare", "AP where campaigns are rare", "AP-rare"),\n'
BOARD = """
import sys, polars as pl, siphonbench
from pathlib import Path
from leaderboard.tracking import board_table
data = siphonbench.load(sys.argv[1])
calls = data.test.requests.polars().group_by("account_id").agg(score=pl.len().cast(pl.Float64))
scores = data.test.accounts.polars().select("account_id").join(calls, on="account_id", how="left").fill_null(0)
scores.collect().write_parquet("predictions.parquet")
board = siphonbench.submit(data, "predictions.parquet", "board")
print(Path(siphonbench.__file__).parent, [column.title for column in board.columns])
from rich.console import Console
Console(width=160).print(board_table.table(board))
"""


@pytest.mark.slow
def test_one_line_adds_a_column(tmp_path: Path, nano: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    task = tmp_path / "leaderboard/tasks/accounts.py"
    text = task.read_text("utf-8")
    assert text.count(FIRST) == 1
    task.write_text(text.replace(FIRST, FIRST + LINE), "utf-8")
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", BOARD, str(nano)]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path / 'siphonbench'} ['AP where campaigns are rare', " in done.stdout
    assert "AP-rare" in done.stdout
    assert any("AP where campaigns are rare" in page.read_text("utf-8") for page in tmp_path.glob("board/*.html"))
