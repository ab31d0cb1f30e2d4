"""The README's table again: unchanged figures pass, and each that moved is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import siphonbench
from baselines import plugins
from baselines.registry import WITHOUT_EXTRAS
from generator.dataset import Dataset
from siphonbench.cli.main import app
from siphonbench.workflows import reproduction

FEW = ("--detector", "volume", "--detector", "constant")


@pytest.fixture(autouse=True)
def _made_once(nano_of: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The worlds are made, but once for all tests."""

    def generate(preset: str, seed: int, folder: Path, workers: int) -> Dataset:
        assert preset == "nano"
        return siphonbench.load(nano_of(seed))

    monkeypatch.setattr("siphonbench.api.generate", generate)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_kept_figures_pass() -> None:
    done = call("reproduce", *FEW)
    assert done.exit_code == 0, done.output
    assert "All 10 figures are as kept" in done.stdout


def test_figures_of_every_baseline_that_needs_no_extra_are_kept() -> None:
    found, _ = reproduction.kept(reproduction.FOLDER / "nano.json")
    scoring = {name for name in WITHOUT_EXTRAS if "accounts" in plugins.find(name).tasks}
    assert {key.split("/")[1] for key in found} == scoring


def test_writing_some_figures_keeps_those_of_others(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"tolerance": 0.1, "figures": {"11/volume/ap": 0.5, "11/mine/ap": 0.25}}))
    done = call("reproduce", *FEW, "--figures", file, "--write")
    assert done.exit_code == 0, done.output
    figures, _ = reproduction.kept(file)
    assert figures["11/mine/ap"] == 0.25
    assert 0 < figures["11/volume/ap"] < 0.5


def test_one_changed_figure_is_named(tmp_path: Path) -> None:
    document = json.loads((reproduction.FOLDER / "nano.json").read_text("utf-8"))
    document["figures"]["11/volume/ap"] += 0.05
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(document))
    done = call("reproduce", *FEW, "--figures", file)
    assert done.exit_code == 1
    first, second = done.stdout.strip().splitlines()
    assert first == "1 of 10 figures moved:"
    assert second.startswith("11/volume/ap: ")


def test_bad_figures_are_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    for text, said in (
        ("{", "can't be read as JSON"),
        ('{"tolerance": 0.1, "figures": {"11/volume/ap": "high"}}', "holds no figures"),
        ('{"tolerance": 0.1, "figures": {}}', "keeps no figures of these seeds"),
    ):
        file.write_text(text)
        done = call("reproduce", *FEW, "--figures", file)
        assert (done.exit_code, done.stdout) == (2, "")
        assert said in done.stderr


def test_figures_come_with_the_package_and_others_must_be_kept_first() -> None:
    assert reproduction.FOLDER.is_relative_to(Path(siphonbench.__file__).parent)
    done = call("reproduce", *FEW, "--preset", "small")
    assert done.exit_code == 2
    assert "figures of these presets come along: nano. For others keep your own first" in done.stderr
