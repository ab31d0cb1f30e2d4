"""What a terminal can't show is replaced: a name of another script never ends a command in a traceback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import siphonbench
from leaderboard.tracking.store import Store

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
