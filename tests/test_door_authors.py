"""For authors of detectors: `baselines check` and `new-detector`, also what they say when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

import siphonbench
from baselines import detector_template, plugins
from baselines.contract import checks, promises
from baselines.registry import DETECTORS
from generator.errors import UserError
from siphonbench.cli.main import app

FAULTY = """
from baselines.base.detector import Detector
from baselines.detectors.trivial.chance import Constant

class Upside(Constant):
    name = "upside"
    floor = False
    def score(self, split):
        return super().score(split).head(0)

class Half(Detector):
    name = description = source = "half"
    fields = ()
    def fit(self, *worlds):
        return self

class Misspelt(Constant):
    fields = ("requests.time",)

class Bare(Constant):
    pass

number = 7
"""


@pytest.fixture
def here(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in; modules imported from it are forgotten."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    known = set(sys.modules)
    yield here
    for name in set(sys.modules) - known:
        if str(Path(getattr(sys.modules[name], "__file__", None) or "/").resolve()).startswith(str(here)):
            del sys.modules[name]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def refused(*arguments: object) -> str:
    done = call(*arguments)
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    (sentence,) = done.stderr.strip().splitlines()
    return sentence.removeprefix("error: ")


def install(folder: Path) -> None:
    """What pip leaves for `importlib.metadata`: names and entry points, from the package's own pyproject."""
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    told = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    told.mkdir()
    lines = [
        f"[{g}]\n" + "\n".join(f"{n} = {v}" for n, v in e.items()) for g, e in project["entry-points"].items()
    ]
    (told / "entry_points.txt").write_text("\n".join(lines))
    (told / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    sys.path.insert(0, str(folder.resolve()))


def test_a_built_in_detector_passes(here: Path) -> None:
    done = call("baselines", "check", "constant")
    assert done.exit_code == 0, done.output
    assert f"constant keeps {len(promises.CONTRACT)} of {len(promises.CONTRACT)} promises" in done.stdout
    assert all(name in done.stdout for name in promises.CONTRACT)


def test_a_broken_promise_is_exit_code_1_with_the_reason(here: Path) -> None:
    Path("mine.py").write_text(FAULTY)
    done = call("baselines", "check", "mine:Upside")
    assert done.exit_code == 1
    assert "FAILED" in done.stdout
    assert "120 missing" in " ".join(done.stdout.split())


def test_what_was_not_tried_is_told(here: Path) -> None:
    Path("mine.py").write_text(FAULTY)
    done = call("baselines", "check", "mine:Misspelt")
    assert done.exit_code == 1
    assert done.stdout.count("FAILED") == 1
    assert done.stdout.count("not tried: mend the declaration first") == len(promises.CONTRACT) - 1
    assert "keeps 0 of 15 promises; 14 were not tried" in done.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nonsense", "no detector 'nonsense': choose from random, constant, volume"),
        ("nowhere:Mine", "importing 'nowhere' or a module that it imports from"),
        ("broken:Mine", "importing 'broken' from"),
        ("exits:Mine", "importing 'exits' from"),
        (
            "mine:Absent",
            "Absent is no class that extends baselines.base.detector.Detector; mine has Constant, Upside, "
            "Misspelt",
        ),
        ("mine:number", "number is no class"),
        ("mine:", "the text after the colon is no class"),
        (":Mine", "':Mine' names no module"),
        ("mine:Half", "Half has no method score"),
        ("cohort-oracle", "cohort-oracle is an upper bound"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(name: str, said: str, here: Path) -> None:
    Path("mine.py").write_text(FAULTY)
    Path("broken.py").write_text("1 / 0\n")
    Path("exits.py").write_text("raise SystemExit('bye')\n")
    assert said in refused("baselines", "check", name)


@pytest.mark.parametrize("name", ["my-idea", "x", "split", "detector", "class-var", "a1-2b"])
def test_a_written_package_keeps_the_contract(name: str, here: Path) -> None:
    folder = detector_template.write(name)
    module, _, kind = detector_template.address(name).partition(":")
    files = sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())
    assert files == sorted(["README.md", f"{module}.py", "pyproject.toml", f"tests/test_{module}.py"])
    sys.path.insert(0, str(folder.resolve()))
    found = plugins.find(f"{module}:{kind}")
    assert found.name == name
    assert {o.name: o.reason for o in checks.outcomes(found) if not o.passed} == {}


@pytest.mark.slow
def test_its_own_tests_pass(here: Path) -> None:
    assert call("new-detector", "my-idea", "--out", "work/mine").exit_code == 0
    path = os.pathsep.join(["work/mine", str(Path(siphonbench.__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "work/mine/tests"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stdout
    assert f"{len(promises.CONTRACT) + 1} passed" in done.stdout
    assert "warning" not in done.stdout


def test_an_installed_detector_stands_beside_the_built_in_ones(nano: Path, here: Path) -> None:
    install(detector_template.write("my-idea"))
    assert set(plugins.everything()) == {*DETECTORS, "my-idea"}
    assert "my-idea" in call("baselines", "list").stdout
    done = call("baselines", "run", "my-idea", "--data", nano, "--out", "entries")
    assert done.exit_code == 0, done.output
    scores = pl.read_parquet("entries/my-idea/predictions.parquet")
    assert scores.height == siphonbench.load(nano).manifest["splits"]["test"]["counts"]["accounts"]


def test_installed_detectors_that_cannot_be_used(here: Path) -> None:
    install(detector_template.write("my-idea"))
    file = Path("my-idea/my_idea.py")
    text = file.read_text()
    file.write_text(text.replace('= "my-idea"', '= "another"'))
    with pytest.raises(UserError, match="calls itself 'another': give its entry point"):
        plugins.find("my-idea")
    entries = next(Path("my-idea").glob("*.dist-info")) / "entry_points.txt"
    entries.write_text(entries.read_text().replace("my-idea =", "volume ="))
    assert "volume" not in plugins.installed()
    assert plugins.find("volume") is DETECTORS["volume"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My-Idea", "at most 40 small letters and digits"),
        ("my_idea", "at most 40 small letters and digits"),
        ("../etc", "at most 40 small letters and digits"),
        ("-x", ""),
        ("", "at most 40 small letters and digits"),
        ("a" * 41, "at most 40 small letters and digits"),
        ("idée", "at most 40 small letters and digits"),
        ("volume", "there is a detector of this name"),
        ("cohort-oracle", "there is a detector of this name"),
        ("class", "it is a word of Python"),
        ("true", "it is a word of Python"),
        ("numpy", "there is a module numpy already"),
        ("baselines", "there is a module baselines already"),
        ("tests", "there is a module tests already"),
        ("json", "there is a module json already"),
    ],
)
def test_bad_names_are_refused(name: str, said: str, here: Path) -> None:
    done = call("new-detector", name)
    assert done.exit_code == 2
    assert said in done.stderr
    assert list(here.iterdir()) == []


def test_a_folder_in_use_is_kept(here: Path) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work")
    assert "mine exists and is not an empty folder" in refused("new-detector", "my-idea", "--out", "mine")
    assert [f.name for f in here.rglob("*")] == ["mine", "thesis.txt"]
    Path("empty").mkdir()
    assert call("new-detector", "my-idea", "--out", "empty").exit_code == 0
    assert Path("empty/pyproject.toml").is_file()
