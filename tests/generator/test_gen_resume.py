"""A generation that is killed at any moment goes on to the bytes of an uninterrupted one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from generator.config import dataset_config
from generator.config.dataset_config import Config
from generator.dataset import Dataset
from generator.errors import UserError
from generator.pipeline import generate, shards, targets

LITTLE = """
preset = "nano"
seed = 5
accounts = 240
extraction_accounts = 36
campaigns = 9
days = 3
quiet_days = 0
buckets = 3
"""
SHARDS = 9  # three worlds of three buckets
ROOT = str(Path(__file__).resolve().parents[2])
Tree = dict[str, bytes]


def tree(folder: Path) -> Tree:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def start(folder: Path, workers: int = 1) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "siphonbench",
        "generate",
        "--config",
        "mine.toml",
        "--out",
        "made",
        "--resume",
    ]
    return subprocess.Popen(
        [*command, "--workers", str(workers)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": ROOT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


@pytest.fixture(scope="module")
def want(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """What an uninterrupted run leaves."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "mine.toml").write_text(LITTLE)
    generate.generate(dataset_config.from_file(folder / "mine.toml"), folder / "made")
    return tree(folder / "made")


def finished(folder: Path) -> int:
    """Shards that a generation has finished."""
    return len(list(folder.glob(f"made.partial/{targets.WORK}/*-*")))


def killed_and_resumed(folder: Path, moments: list[int], workers: int) -> Tree:
    """What is there after a kill as soon as so many shards are finished, and a last run to the end."""
    (folder / "mine.toml").write_text(LITTLE)
    for moment in moments:
        running = start(folder, workers)
        while finished(folder) < moment and running.poll() is None:
            time.sleep(0.005)
        running.kill()
        running.communicate()
        assert not (folder / "made").exists()
    last = start(folder, workers)
    _, said = last.communicate()
    assert last.returncode == 0, said.decode()
    assert sorted(f.name for f in folder.iterdir()) == ["made", "mine.toml"]
    return tree(folder / "made")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_again_and_again(workers: int, want: Tree, tmp_path: Path) -> None:
    """From outside, early, midway and late; `test_a_cut_at_any_write` has the moments within a shard."""
    assert killed_and_resumed(tmp_path, [1, SHARDS // 2, SHARDS - 2], workers) == want


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(LITTLE)
    running = start(tmp_path, workers=2)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("made.partial/train/*/*/*")) and time.monotonic() < until:
        time.sleep(0.05)
    children = psutil.Process(running.pid).children(recursive=True)
    assert len(children) >= 2
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert psutil.wait_procs(children, timeout=20)[1] == []


# --- in this process: where exactly the power is cut


class _CutError(BaseException):
    """Nothing catches it but what undoes."""


def cut(made: Config, out: Path, number: int) -> None:
    """The power goes with the write of that number: a part of the file stands under its temporary name."""
    real, count = targets.Folder.write, iter(range(10**9))

    def write(self: targets.Folder, path: str, content: bytes) -> None:
        if next(count) == number:
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).with_name(".stray.partial").write_bytes(content[: len(content) // 2])
            raise _CutError
        real(self, path, content)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(targets.Folder, "write", write)
        generate.generate(made, out, resume=True)


@pytest.mark.parametrize("number", [0, 1, 2, 12, 13, 25, 26, 38, 79, 82, 86, 90])
def test_a_cut_at_any_write(number: int, tiny: Dataset, tiny_config: Config, tmp_path: Path) -> None:
    with pytest.raises(_CutError):
        cut(tiny_config, tmp_path / "made", number)
    told: list[tuple[int, int]] = []
    generate.generate(tiny_config, tmp_path / "made", on_shard=lambda *n: told.append(n), resume=True)
    assert told[0] == (min(6, max(0, number - 1) // 13), 6)  # 4 days x 3 tables and a receipt per shard
    assert tree(tmp_path / "made") == tree(tiny.path)
    assert [f.name for f in tmp_path.iterdir()] == ["made"]


@pytest.mark.parametrize("broken", ["publish", "rename"])
def test_a_cut_when_all_is_written(
    broken: str, tiny: Dataset, tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_here(*_: Any) -> None:
        raise _CutError

    with monkeypatch.context() as patched:
        place: Any = targets.Folder if broken == "publish" else Path
        patched.setattr(place, broken, cut_here)
        with pytest.raises(_CutError):
            generate.generate(tiny_config, tmp_path / "made", resume=True)
    with monkeypatch.context() as patched:
        patched.setattr(shards, "make", cut_here)  # nothing is made again
        for _ in range(2):
            generate.generate(tiny_config, tmp_path / "made", resume=True)
    assert tree(tmp_path / "made") == tree(tiny.path)


@pytest.fixture(scope="module")
def cut_midway(tiny_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("half")
    with pytest.raises(_CutError):
        cut(tiny_config, folder / "made", 30)
    return folder / "made.partial"


@pytest.fixture
def half(cut_midway: Path, tmp_path: Path) -> Path:
    """Two of six shards, and a bit of the third."""
    return Path(shutil.copytree(cut_midway, tmp_path / "made.partial"))


def _zeros(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def _torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize("damage", [_zeros, _torn, Path.unlink])
@pytest.mark.parametrize("name", ["train/requests/day-001/bucket-0001.parquet", "_work/train-0001"])
def test_what_a_power_cut_spoiled_is_made_again(
    name: str, damage: Callable[[Path], None], half: Path, tiny: Dataset, tiny_config: Config
) -> None:
    damage(half / name)
    told: list[tuple[int, int]] = []
    made = generate.generate(tiny_config, half.with_name("made"), 1, lambda *n: told.append(n), resume=True)
    assert told[0] == (1, 6)
    assert tree(made) == tree(tiny.path)


def test_leftovers_of_another_dataset_are_refused_and_kept(half: Path, tiny_config: Config) -> None:
    before = tree(half)
    other = replace(tiny_config, seed=8)
    with pytest.raises(UserError, match=r"holds part of another dataset: .*tiny-seed7.*tiny-seed8") as caught:
        generate.generate(other, half.with_name("made"), resume=True)
    assert len(str(caught.value).splitlines()) == 1
    assert tree(half) == before


def test_leftovers_of_another_version_are_refused(
    half: Path, tiny_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generator.pipeline.resume_state.version", lambda _: "9.9")
    with pytest.raises(UserError, match=r"holds part of another dataset: .*versions"):
        generate.generate(tiny_config, half.with_name("made"), resume=True)


@pytest.mark.parametrize("record", [None, b"", b"{", b"[]", b"7", b"\xff"])
def test_leftovers_without_a_record_are_refused(record: bytes | None, half: Path, tiny_config: Config) -> None:
    file = half / "_work/record.json"
    file.unlink()
    if record is not None:
        file.write_bytes(record)
    with pytest.raises(UserError, match="no record of what they are part of"):
        generate.generate(tiny_config, half.with_name("made"), resume=True)


def test_without_resume_it_begins_anew(half: Path, tiny: Dataset, tiny_config: Config) -> None:
    (half / "train/requests/day-001/bucket-0001.parquet").write_bytes(b"spoiled")
    told: list[tuple[int, int]] = []
    made = generate.generate(tiny_config, half.with_name("made"), on_shard=lambda *n: told.append(n))
    assert (told[0], tree(made)) == ((0, 6), tree(tiny.path))


def test_a_finished_dataset_is_done_and_another_one_refused(
    tiny: Dataset, tiny_config: Config, tmp_path: Path
) -> None:
    generate.generate(tiny_config, tmp_path / "made", resume=True)
    assert generate.generate(tiny_config, tmp_path / "made", resume=True) == tmp_path / "made"
    with pytest.raises(UserError, match="holds 4 entries already"):
        generate.generate(replace(tiny_config, seed=8), tmp_path / "made", resume=True)


def test_a_full_disk_keeps_what_is_finished(
    tiny: Dataset, tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(shards, "write_table", full)
        with pytest.raises(UserError, match="go on with --resume"):
            generate.generate(tiny_config, tmp_path / "made", resume=True)
    assert tree(generate.generate(tiny_config, tmp_path / "made", resume=True)) == tree(tiny.path)


def test_sealed_leftovers_need_the_same_secret(tiny_config: Config, tmp_path: Path) -> None:
    sealed = replace(tiny_config, secret="ab" * 32, splits=("test",), days=2)
    with pytest.raises(_CutError):
        cut(sealed, tmp_path / "made", 3)
    assert not [path for path, content in tree(tmp_path).items() if sealed.secret.encode() in content]
    with pytest.raises(UserError, match="part of another dataset"):
        generate.generate(replace(sealed, secret="cd" * 32), tmp_path / "made", resume=True)
    made = generate.generate(sealed, tmp_path / "made", resume=True)
    assert tree(made) == tree(generate.generate(sealed, tmp_path / "again"))


def test_receipts_come_back_as_they_were(tiny_config: Config, tmp_path: Path) -> None:
    job = shards.ShardJob(
        dataset_config.from_dict(tiny_config.as_dict(), "x"), "train", 0, targets.open_target(tmp_path / "made")
    )
    (tmp_path / "made.partial").mkdir()
    shards.make(job)
    content = job.target.read(job.receipt)
    assert content is not None
    assert shards.ShardReceipt.unpack(content).pack() == content
    for end in range(0, len(content) - 1, 997):
        with pytest.raises(ValueError, match="torn"):
            shards.ShardReceipt.unpack(content[:end])
