"""Ctrl-C ends everything at once, two runs never mix, and what hinders workers is said in a sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from typer.testing import CliRunner

from siphonbench.cli.main import app

GENERATE = ["generate", "--config", "mine.toml", "--out", "made"]
# So many shards that most are left when the first is done.
MINE = 'preset = "nano"\nseed = 5\ntext = "none"\nbuckets = 8\n'
_MOST_SECONDS = 2.0  # that workers may live on after Ctrl-C; a busy machine gets a multiple of it
_PATIENCE = 5


def until(holds: Callable[[], object], seconds: float = 90) -> float:
    """Seconds until something holds."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() < begin + seconds, "nothing happened"
        time.sleep(0.02)
    return time.monotonic() - begin


def started(folder: Path) -> subprocess.Popen[str]:
    """Generation with two workers, in a process group of its own as a terminal makes one, and in mid-shard."""
    (folder / "mine.toml").write_text(MINE)
    running = subprocess.Popen(
        [sys.executable, "-m", "siphonbench", *GENERATE, "--workers", "2"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: list(folder.glob("made.partial/_work/*-*")))  # the receipt of the first shard
    return running


def workers(running: subprocess.Popen[str]) -> list[psutil.Process]:
    return [p for p in psutil.Process(running.pid).children() if "spawn_main" in " ".join(p.cmdline())]


@pytest.mark.slow
@pytest.mark.parametrize("presses", [1, 5])
def test_ctrl_c_ends_all_workers_at_once(presses: int, tmp_path: Path) -> None:
    running = started(tmp_path)
    pool = workers(running)
    for _ in range(presses):  # each reaches every process of the group, as in a terminal
        os.killpg(running.pid, signal.SIGINT)
        time.sleep(0.1)
    took = until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in pool))
    _, said = running.communicate(timeout=60)
    assert took < _MOST_SECONDS * _PATIENCE
    assert running.returncode == 130
    assert said.strip() == "stopped; nothing half-written is left"
    assert [p.name for p in tmp_path.iterdir()] == ["mine.toml"]


@pytest.mark.slow
def test_two_generators_never_share_a_folder(here: Path) -> None:
    first = started(here)
    os.killpg(first.pid, signal.SIGSTOP)  # it stays in the middle of its work
    try:
        for more in ([], ["--resume"], ["--seed", "6"]):
            second = CliRunner().invoke(app, [*GENERATE, "--workers", "1", *more])
            assert second.exit_code == 2
            assert f"is being written by process {first.pid} on " in second.stderr
            assert len(second.stderr.strip().splitlines()) == 1
    finally:
        os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    # The lock of a killed run holds nobody up.
    assert CliRunner().invoke(app, [*GENERATE, "--workers", "1"]).exit_code == 0
    assert sorted(p.name for p in here.iterdir()) == ["made", "mine.toml"]


@pytest.mark.parametrize("engine", ["processes", "dask"])
def test_a_script_without_a_main_guard_is_told_so(engine: str, tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        f"import siphonbench\nsiphonbench.generate('nano', 3, 'made', workers=2, engine='{engine}')\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 'if __name__ == "__main__":' in done.stderr
    assert "memory" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("generator.errors.UserError: ")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.py"]
