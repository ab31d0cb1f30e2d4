"""A board's folder and database are their owner's alone, whatever the umask says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.tracking.store import Store


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    old = os.umask(0o022)
    yield
    os.umask(old)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_board_lets_nobody_in(tmp_path: Path) -> None:
    store = Store.at(tmp_path / "board")
    store.engine().dispose()
    assert mode(tmp_path / "board") == 0o700
    assert {f.name: mode(f) for f in (tmp_path / "board").glob("mlflow.db*")} == {"mlflow.db": 0o600}


def test_a_folder_that_was_there_keeps_its_permissions_and_the_database_is_closed(tmp_path: Path) -> None:
    (tmp_path / "board").mkdir(mode=0o755)
    store = Store.at(tmp_path / "board")
    store.engine().dispose()
    with store.lock():
        pass
    assert mode(tmp_path / "board") == 0o755
    assert mode(tmp_path / "board/mlflow.db") == 0o600
