"""What tests of more than one room share."""

from __future__ import annotations

import os

# The tests' own processes take all cores: more threads in each would only wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

import fcntl
import importlib
import socket
import sqlite3
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import siphonbench
from leaderboard.tracking.store import Store

# How long a case takes is no promise; 40 examples, drawn anew in every run, keep the suite short.
hypothesis.settings.register_profile("any machine", deadline=None, max_examples=40)
hypothesis.settings.load_profile("any machine")

os.environ["COLUMNS"] = (
    "200"  # tables as a wide terminal has them, wherever tests run; those of narrow ones ask for theirs
)

Once = Callable[[str, Callable[[Path], object]], Path]
# Of another shape than nano: fewer accounts and days.
LITTLE = """
preset = "nano"
name = "little"
accounts = 150
extraction_accounts = 30
campaigns = 9
days = 3
buckets = 2
rate_cap = 20
"""


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """Something at a path of that name, to be read only: made by one process for all of a run."""
    base = tmp_path_factory.getbasetemp()

    def made(name: str, make: Callable[[Path], object]) -> Path:
        path = (base if worker_id == "master" else base.parent) / name
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                make(path)
        return path

    return made


@pytest.fixture(scope="session", autouse=True)
def _quick_boards(once: Once) -> Iterator[None]:
    """A new SQLite board takes its tables from one that MLflow made: its fifty migrations take two seconds."""
    client = Store.client

    def first(store: Store) -> Any:
        whole = once("whole-board", lambda folder: client(Store(folder)).search_experiments())
        client(Store(whole))  # imports MLflow as the library does
        with closing(sqlite3.connect(whole / "mlflow.db")) as made:
            tables = [s for s in made.iterdump() if not s.startswith('INSERT INTO "experiments"')]
        utils = importlib.import_module("mlflow.store.db.utils")
        real = utils._initialize_tables

        def copied(engine: Any) -> None:
            if engine.dialect.name != "sqlite":
                real(engine)
                return
            with engine.connect() as connection:
                for statement in tables:
                    connection.exec_driver_sql(statement)

        patched.setattr(utils, "_initialize_tables", copied)
        patched.setattr(Store, "client", client)
        return client(store)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Store, "client", first)
        yield


@pytest.fixture(scope="session")
def nano_of(once: Once) -> Callable[[int], Path]:
    """Nano of a seed, to be read only."""
    return lambda seed: once(f"nano-{seed}", lambda folder: siphonbench.generate("nano", seed, folder))


@pytest.fixture(scope="session")
def nano(nano_of: Callable[[int], Path]) -> Path:
    """Nano of seed 0, to be read only."""
    return nano_of(0)


@pytest.fixture(scope="session")
def little(once: Once, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world `LITTLE`, to be read only."""
    plan = tmp_path_factory.mktemp("plan") / "little.toml"
    plan.write_text(LITTLE)
    return once("little", lambda folder: siphonbench.generate(config=plan, seed=3, out=folder))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, dict[str, Any]]]:
    """File system of an S3-compatible server, and the options that open it; the bucket is called "bucket"."""
    s3fs = pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = server.ThreadedMotoServer("127.0.0.1", port, verbose=False)
    running.start()
    options = {"endpoint_url": f"http://127.0.0.1:{port}", "client_kwargs": {"region_name": "us-east-1"}}
    # Servers of one process share what they hold.
    urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/reset", data=b"").close()
    try:
        system = s3fs.S3FileSystem(**options)
        system.call_s3("create_bucket", Bucket="bucket")
        yield system, options
    finally:
        running.stop()
