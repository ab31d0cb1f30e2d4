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

COMMAND = [sys.executable, "-m", "siphonbench", "generate", "--preset", "small", "--seed", "5", "--out", "made"]
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
    running = subprocess.Popen(
        [*COMMAND, "--workers", "2"], cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    shards = folder / "made.partial" / "_work"
    until(lambda: len(workers(running)) >= 2 and shards.is_dir())
    time.sleep(1.5)  # they have begun to simulate
    return running


def workers(running: subprocess.Popen[str]) -> list[psutil.Process]:
    return [p for p in psutil.Process(running.pid).children() if "spawn_main" in " ".join(p.cmdline())]


@pytest.mark.slow
@pytest.mark.parametrize("presses", [1, 2, 5])
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
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_two_generators_never_share_a_folder(tmp_path: Path) -> None:
    first = started(tmp_path)
    try:
        for more in ([], ["--resume"], ["--preset", "nano", "--seed", "6"]):
            second = subprocess.run([*COMMAND, *more], cwd=tmp_path, capture_output=True, text=True, check=False)
            assert second.returncode == 2
            assert f"is being written by process {first.pid} on " in second.stderr
            assert len(second.stderr.strip().splitlines()) == 1
    finally:
        os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    nano = [*COMMAND, "--preset", "nano", "--workers", "1"]  # the lock of a killed run holds nobody up
    subprocess.run(nano, cwd=tmp_path, capture_output=True, check=True)
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


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
