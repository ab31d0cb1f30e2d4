"""Paths as people have them: names, never patterns or queries; what can't be written is told first."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import siphonbench
from generator.config import dataset_config
from generator.errors import UserError
from generator.pipeline import resume_state, shards
from siphonbench.cli.main import app

TINY = """
preset = "nano"
name = "tiny"
accounts = 60
extraction_accounts = 27
campaigns = 9
days = 2
quiet_days = 0
buckets = 1
rate_cap = 10
"""
NAMES = ["a[1]", "q?x=1&y", "p%20q", "st*r", "run=3", "#h", "~t", "x y'\"", "ü名", "[!a]"]


@pytest.fixture
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("plan") / "tiny.toml"
    file.write_text(TINY, "utf-8")
    return file


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tiny") / "data"
    config = tmp_path_factory.mktemp("plan") / "tiny.toml"
    config.write_text(TINY, "utf-8")
    return siphonbench.generate(config=config, out=out).path


def same(folder: str | Path, other: Path) -> None:
    """Whether a dataset is read, by each of the three ways, as the one that it is a copy of."""
    dataset, wanted = siphonbench.load(folder), siphonbench.load(other)
    assert dataset.digest == wanted.digest
    assert dataset.train.requests.polars().collect().equals(wanted.train.requests.polars().collect())
    assert dataset.train.labels.pandas().equals(wanted.train.labels.pandas())
    assert dataset.train.requests.arrow().schema == wanted.train.requests.arrow().schema
    assert siphonbench.verify(folder) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_neither_pattern_nor_query(name: str, tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / name / name)
    same(tmp_path / name / name, tiny)
    same(f"file://{tmp_path}/{name}/{name}", tiny)


def test_brackets_do_not_read_the_neighbour(tiny: Path, plan: Path, tmp_path: Path) -> None:
    siphonbench.generate(config=plan, seed=1, out=tmp_path / "data1")
    shutil.copytree(tiny, tmp_path / "data[1]")
    same(tmp_path / "data[1]", tiny)


def test_written_where_it_was_said(tiny: Path, plan: Path, tmp_path: Path) -> None:
    name = "a[1]?x=1%20*"
    for out in (tmp_path / name, f"file://{tmp_path}/f-{name}"):
        same(siphonbench.generate(config=plan, out=out).path, tiny)
    assert sorted(p.name for p in tmp_path.iterdir()) == [name, f"f-{name}"]


def test_the_working_folder(tiny: Path, plan: Path, here: Path) -> None:
    assert siphonbench.generate(config=plan, out=".").digest == siphonbench.load(tiny).digest
    same(here, tiny)
    assert sorted(p.name for p in here.iterdir()) == ["manifest.json", "test", "train", "validation"]
    with pytest.raises(UserError, match="holds 4 entries already"):
        siphonbench.generate(config=plan, out=".")


def test_a_release_in_the_working_folder(plan: Path, here: Path) -> None:
    siphonbench.release(".", config=plan)
    assert siphonbench.verify(here) == []
    assert not [p.name for p in here.iterdir() if p.name.startswith(".") and p.name[1:4] in ("rel", "par", "loc")]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_a_link(there: bool, tiny: Path, plan: Path, tmp_path: Path) -> None:
    if there:
        (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    siphonbench.generate(config=plan, out=tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    same(tmp_path / "real", tiny)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "real"]


def test_a_folder_in_which_the_system_keeps_files(tiny: Path, plan: Path, tmp_path: Path) -> None:
    for name in (".DS_Store", "lost+found", "._x"):
        (tmp_path / name).touch()
    siphonbench.generate(config=plan, out=tmp_path)
    same(tmp_path, tiny)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A mounted volume, empty."""
    folder = tmp_path / "volume"
    folder.mkdir()
    mount = shutil.which("mount")
    if (
        not mount
        or subprocess.run([mount, "-t", "tmpfs", "none", folder], check=False, capture_output=True).returncode
    ):
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("release", [False, True])
def test_an_empty_mounted_volume(release: bool, plan: Path, volume: Path) -> None:
    if release:
        siphonbench.release(volume, config=plan)
    else:
        siphonbench.generate(config=plan, out=volume)
    assert siphonbench.verify(volume) == []
    assert volume.is_mount()
    assert [p.name for p in volume.parent.iterdir()] == ["volume"]


def test_a_stop_leaves_a_mounted_volume_empty(plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(resume_state, "check_own", stop)
    with pytest.raises(KeyboardInterrupt):
        siphonbench.generate(config=plan, out=tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt):
        siphonbench.generate(config=plan, out=tmp_path, resume=True)
    monkeypatch.undo()
    siphonbench.generate(config=plan, out=tmp_path, resume=True)
    assert siphonbench.verify(tmp_path) == []


def test_what_cannot_be_written_is_refused_before_the_work(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> None:
        raise AssertionError("the work was begun")

    monkeypatch.setattr(shards, "make", work)
    monkeypatch.setattr(resume_state, "_check_room", work)
    (tmp_path / "file").touch()
    sealed = tmp_path / "sealed"
    sealed.mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != sealed and access(path, mode))
    for out, said in (
        (tmp_path / "file", "holds 1 entries already"),
        (tmp_path / "file" / "sub", "can't be written"),
        (Path("/proc/nothing"), "can't be written"),
        (sealed, "can't be written: Permission denied"),
    ):
        with pytest.raises(UserError, match=said):
            siphonbench.generate(config=plan, out=out)
        with pytest.raises(UserError, match=said):
            siphonbench.release(out, config=plan)
    with pytest.raises(OSError, match="File name too long"):
        siphonbench.generate(config=plan, out=tmp_path / ("a" * 300))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "sealed"]


@pytest.mark.parametrize(
    "command",
    [
        "audit --out",
        "fidelity --reference . --out",
        "inspect --out",
        "explain someone --out",
        "leaderboard export",
        "scenario describe nano --plot",
    ],
)
def test_a_file_that_cannot_be_written_is_told_before_the_work(
    command: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work was begun")

    for name in ("siphonbench.api.load", "siphonbench.api.load_verified", "leaderboard.tracking.export.export"):
        monkeypatch.setattr(name, work)
    monkeypatch.setattr("generator.pipeline.forecast.expected", work)
    (here / "file").touch()
    for end in ("html", "svg"):
        (here / f"folder.{end}").mkdir()
    for place in ("file/x.html", "folder.html"):
        given = place.replace("html", "svg") if "--plot" in command else place
        done = CliRunner().invoke(app, [*command.split(), given])
        assert done.exit_code == 2, done.output
        (sentence,) = done.stderr.strip().splitlines()
        assert sentence.startswith("error: ")
    assert sorted(p.name for p in here.iterdir()) == ["file", "folder.html", "folder.svg"]


def test_the_plan_may_lie_anywhere(tmp_path: Path) -> None:
    for name in NAMES:
        file = tmp_path / f"{name}.toml"
        file.write_text(TINY, "utf-8")
        assert dataset_config.from_file(file).name == "tiny"
