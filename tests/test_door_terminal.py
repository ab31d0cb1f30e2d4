"""What a terminal can't show is replaced: a name of another script never ends a command in a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import siphonbench

NAME = "Жозефина 🦝"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_name_that_the_terminal_lacks_is_replaced(encoding: str, nano: Path, here: Path) -> None:
    accounts = siphonbench.load(nano).test.accounts.polars().select("account_id", score=pl.lit(1.0)).collect()
    accounts.write_parquet("entry/predictions.parquet", mkdir=True)
    Path("entry/card.toml").write_text(f'name = "{NAME}"\n', "utf-8")
    for command in (["submit", "entry"], ["leaderboard"], ["info", NAME]):
        done = subprocess.run(
            [sys.executable, "-m", "siphonbench", *command, *(() if command[0] == "info" else ("--data", nano))],
            env=os.environ | {"PYTHONIOENCODING": encoding},
            capture_output=True,
        )
        assert done.returncode == (2 if command[0] == "info" else 0), done.stderr.decode(errors="replace")
        assert b"Traceback" not in done.stderr
        if command[0] in ("submit", "leaderboard"):
            assert (NAME.encode() in done.stdout) == (encoding == "utf-8")
