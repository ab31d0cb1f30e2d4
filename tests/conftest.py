"""What tests of more than one room share."""

from __future__ import annotations

import fcntl
import socket
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import siphonbench

# How long a case takes is no promise; 40 examples, drawn anew in every run, keep the suite short.
hypothesis.settings.register_profile("any machine", deadline=None, max_examples=40)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(scope="session")
def nano_of(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[int], Path]:
    """Nano of a seed, to be read only: made once for all processes of a run."""
    base = tmp_path_factory.getbasetemp()

    def made(seed: int) -> Path:
        folder = (base if worker_id == "master" else base.parent) / f"nano-{seed}"
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                siphonbench.generate("nano", seed, folder)
        return folder

    return made


@pytest.fixture(scope="session")
def nano(nano_of: Callable[[int], Path]) -> Path:
    """Nano of seed 0, to be read only."""
    return nano_of(0)


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
