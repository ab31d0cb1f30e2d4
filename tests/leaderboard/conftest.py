"""What several tests need: a dataset to submit to, and an empty store of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lb_stores import Postgres, Tracking

from leaderboard.tracking.store import Store


@pytest.fixture(scope="session")
def nano(nano_of: Callable[[int], Path]) -> Path:
    return nano_of(7)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def tracking_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    server = Tracking(tmp_path_factory.mktemp("tracking"))
    yield server
    server.stop()


REAL = (pytest.mark.slow, pytest.mark.server)
KINDS = ("sqlite", pytest.param("postgresql", marks=REAL), pytest.param("server", marks=REAL))


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind: what holds for one holds for all."""
    if request.param == "sqlite":
        return Store(tmp_path / "board")
    server = request.getfixturevalue({"postgresql": "postgres", "server": "tracking_server"}[request.param])
    return server.store(tmp_path / "board")  # type: ignore[no-any-return]
