"""Every engine gives the same bytes, also when a worker dies; and so does an S3-compatible server."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from generator import integrity
from generator.config.dataset_config import Config
from generator.dataset import Dataset, load
from generator.errors import UserError
from generator.pipeline import engines, generate, targets
from generator.publish import verify

SHARDS = 6  # of the tiny dataset: three worlds of two buckets


def tree(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("spark",), "--engine 'spark' is none of serial, processes, dask"),
        (("serial", 1, "tcp://x:1"), "--engine serial has no scheduler"),
    ],
)
def test_a_bad_engine_is_one_sentence(given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        engines.choose(*given)


def test_dask_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"siphonbench\[dist\]"):
        list(engines.choose("dask").run(abs, [1]))


def test_a_dead_worker_of_a_pool_is_told() -> None:
    with pytest.raises(UserError, match="a worker died"):
        list(engines.Processes(2).run(os._exit, [3, 3]))


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_told() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(UserError, match="--scheduler nonsense://x can't be reached"):
        list(engines.Dask("nonsense://x").run(abs, [1]))


@pytest.mark.slow
def test_a_cluster_started_here(tiny: Dataset, tiny_config: Config, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    generate.generate(tiny_config, tmp_path / "made", with_engine=engines.choose("dask", 1))
    assert tree(tmp_path / "made") == tree(tiny.path)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])  # nobody else is there to go on, and somebody is
def test_a_worker_of_a_cluster_is_killed_in_the_middle(
    workers: int, tiny: Dataset, tiny_config: Config, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    killed: list[int] = []
    left: list[int] = []
    with distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
        victim = next(iter(cluster.workers.values())).pid

        def kill() -> None:
            until = time.monotonic() + 60
            while not list(tmp_path.glob("made.partial/*/requests/*/*")) and time.monotonic() < until:
                time.sleep(0.01)
            os.kill(victim, 9)
            killed.append(victim)
            left.append(SHARDS - len(list(tmp_path.glob(f"made.partial/{targets.WORK}/*-*"))))

        killer = threading.Thread(target=kill)
        killer.start()
        runs = engines.choose("", 1, cluster.scheduler_address)
        generate.generate(tiny_config, tmp_path / "made", with_engine=runs)
        killer.join()
    assert killed == [victim]
    assert left[0] > 0
    assert tree(tmp_path / "made") == tree(tiny.path)
    assert [f.name for f in tmp_path.iterdir()] == ["made"]


@pytest.mark.slow
def test_written_to_s3(
    tiny: Dataset,
    tiny_config: Config,
    s3: tuple[Any, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system, options = s3
    monkeypatch.setenv("SIPHONBENCH_CACHE", str(tmp_path / "cache"))
    where = Path("s3://bucket/tiny")
    real, count = targets.Address.write, iter(range(1000))

    def write(self: targets.Address, path: str, content: bytes) -> None:
        if next(count) == 30:
            raise KeyboardInterrupt
        real(self, path, content)

    with monkeypatch.context() as patched:
        patched.setattr(targets.Address, "write", write)
        with pytest.raises(KeyboardInterrupt):
            generate.generate(tiny_config, where, resume=True, storage_options=options)
    assert not system.exists("bucket/tiny/manifest.json")
    with pytest.raises(UserError, match="go on with --resume"):
        generate.generate(tiny_config, where, storage_options=options)
    told: list[tuple[int, int]] = []
    generate.generate(tiny_config, where, 1, lambda *n: told.append(n), True, storage_options=options)
    assert told[0] == (2, 6)
    system.invalidate_cache()
    got = {path.removeprefix("bucket/tiny/"): system.cat_file(path) for path in system.find("bucket/tiny")}
    assert got == tree(tiny.path)
    assert load("s3://bucket/tiny", options).digest == tiny.digest
    assert integrity.verify(verify.local_copy("s3://bucket/tiny", options)) == []
    with pytest.raises(UserError, match="files already"):
        generate.generate(tiny_config, where, storage_options=options)


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_told(tiny_config: Config, s3: tuple[Any, dict[str, Any]]) -> None:
    with pytest.raises(UserError, match="s3://nobody/tiny"):
        generate.generate(tiny_config, Path("s3://nobody/tiny"), storage_options=s3[1])


def test_a_stop_leaves_nothing_at_an_address(tiny_config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec  # type: ignore[import-untyped]

    monkeypatch.setattr("generator.pipeline.shards.write_table", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        generate.generate(tiny_config, Path("memory://engine-test/made"))
    assert fsspec.filesystem("memory").find("/engine-test") == []
