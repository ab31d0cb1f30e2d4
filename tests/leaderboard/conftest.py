"""A dataset to submit to, made once for all workers of a test run."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

import siphonbench


@pytest.fixture(scope="session")
def nano(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "leaderboard-nano"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            siphonbench.generate("nano", seed=7, out=folder)
    return folder
