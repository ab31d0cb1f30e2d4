"""The course: every unit's solutions run, every graded cell can fail, and students get no answers."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import nbclient
import nbformat
import pytest

from generator.errors import UserError
from tests.conftest import Once

COURSE = Path(__file__).resolve().parent.parent / "coursework"
UNITS = sorted(f.parent.name for f in COURSE.glob("unit*/unit*.py"))
ARMS_RACE = "unit6"  # no detector is made in it


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, COURSE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


build = _module("build")


def _roles(notebook: Any, *names: str) -> dict[str, Any]:
    """Cells by grade id that are exactly what is named: "grade", "solution"."""
    return {
        c.metadata.nbgrader.grade_id: c
        for c in notebook.cells
        if "nbgrader" in c.metadata and {k for k in ("grade", "solution") if c.metadata.nbgrader[k]} == set(names)
    }


@pytest.fixture(scope="session")
def shared_world(once: Once) -> Path:
    """Where the class world is kept: made once for all units."""

    def made(home: Path) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("SIPHONBENCH_COURSE", str(home))
            _module("course").world()

    return once("course", made)


@pytest.fixture
def at_home(shared_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIPHONBENCH_COURSE", str(shared_world))
    monkeypatch.setenv("SIPHONBENCH_SCORES", str(tmp_path / "scores.json"))
    monkeypatch.setenv("PYTHONPATH", str(COURSE.parent))
    monkeypatch.chdir(tmp_path)


def _fails(test: str, names: dict[str, Any]) -> bool:
    try:
        exec(test, names)
    except (AssertionError, TypeError, ValueError, UserError):
        return True
    return False


def test_units_are_numbered() -> None:
    assert [f"unit{n}" for n in range(1, len(UNITS) + 1)] == UNITS


@pytest.mark.parametrize("unit", UNITS)
def test_metadata_is_what_nbgrader_takes(unit: str) -> None:
    solved = build.solved(unit)
    nbformat.validate(solved)
    for notebook in (solved, build.handed_out(solved)):
        graded = [c for c in notebook.cells if "nbgrader" in c.metadata]
        for cell in graded:
            said = cell.metadata.nbgrader
            assert said.schema_version == 3
            assert said.cell_type == cell.cell_type
            assert re.fullmatch(r"[A-Za-z0-9_-]+", said.grade_id)
            assert all(isinstance(said[k], bool) for k in ("grade", "solution", "locked", "task"))
            assert said.grade or said.solution
            assert said.locked is not said.solution  # who must write in a cell must be able to
            assert ("points" in said) is said.grade
            assert said.get("points", 1) > 0
        assert len({c.metadata.nbgrader.grade_id for c in graded}) == len(graded)
        assert {f"{i}-test" for i in _roles(notebook, "solution")} == set(_roles(notebook, "grade"))


@pytest.mark.parametrize("unit", UNITS)
def test_students_get_no_answers(unit: str) -> None:
    solved = build.solved(unit)
    given = build.handed_out(solved)
    text = json.dumps(given)
    assert not re.search("(BEGIN|END) (SOLUTION|HIDDEN)", text)
    assert re.search("BEGIN SOLUTION", json.dumps(solved))
    for before, after in zip(solved.cells, given.cells, strict=True):
        secrets = re.findall(r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END", before.source, re.DOTALL)
        for line in (x.strip() for secret in secrets for x in secret.splitlines()):
            assert len(line) < 15 or line not in text, f"students can read: {line}"
        if before.metadata.get("nbgrader", {}).get("solution"):
            assert after.source != before.source
            assert "YOUR CODE HERE" in after.source or after.source == "YOUR ANSWER HERE"
        elif not secrets:
            assert after == before


@pytest.mark.parametrize("unit", UNITS)
def test_points_stand_in_the_rubric(unit: str) -> None:
    solved, rubric = build.solved(unit), (COURSE / unit / "RUBRIC.md").read_text("utf-8")
    run = sum(c.metadata.nbgrader.points for c in _roles(solved, "grade").values())
    read = {i: c.metadata.nbgrader.points for i, c in _roles(solved, "grade", "solution").items()}
    assert f"{run:.0f} points are graded by running the notebook, {sum(read.values()):.0f} by a person" in rubric
    for name, points in read.items():
        _, _, rest = rubric.partition(f"## {name.removeprefix(unit + '-')} ({points:.0f} points)")
        assert rest, f"no rubric for {name} ({points:.0f} points)"
        rows = re.findall(r"^\| (\d+) \|", rest.partition("\n## ")[0], re.MULTILINE)
        assert sum(map(int, rows)) == points
    opening = solved.cells[0].source
    assert re.search(r"\*\*Time:\*\* about \d+ minutes", opening)
    assert "After this unit you can" in opening


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS[:1])  # the others' cells run below, without a kernel
def test_a_notebook_runs_in_a_kernel(unit: str, at_home: None, tmp_path: Path) -> None:
    source, _ = build.build(tmp_path / "course", [unit])
    notebook = build.nbformat.reads(source.read_text("utf-8"), 4)
    there = {"metadata": {"path": str(source.parent)}}
    nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3", resources=there).execute()
    ran = [c for c in notebook.cells if c.cell_type == "code"]
    assert all(c.execution_count for c in ran)
    assert any("image/png" in o.get("data", {}) for c in ran for o in c.outputs)


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_solutions_run_and_wrong_answers_fail(
    unit: str, at_home: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plt = _at_a_desk(monkeypatch)
    wrong = tomllib.loads((COURSE / unit / "wrong.toml").read_text("utf-8"))
    solved = build.solved(unit)
    assert {f"{unit}-{name}-test" for name in wrong} == set(_roles(solved, "grade"))
    here: dict[str, Any] = {"__name__": "__main__", "display": lambda *_: None}
    drawn = 0
    for cell in solved.cells:
        said = cell.metadata.get("nbgrader", {})
        if said.get("grade") and not said.get("solution"):
            answers = wrong[said.grade_id.removeprefix(f"{unit}-").removesuffix("-test")]
            assert len(answers) >= 2
            for why, answer in answers.items():
                there = here.copy()
                exec(answer, there)  # the wrong answers are ours
                assert _fails(cell.source, there), f"{said.grade_id} lets pass: {why}"
        if cell.cell_type == "code":
            exec(cell.source, here)
            drawn += len(plt.get_fignums())
            plt.close("all")
    assert drawn
    sys.modules.pop("course", None)
    assert (unit == ARMS_RACE) == (not (tmp_path / "scores.json").exists())  # one number goes through the course
    if unit == UNITS[-1]:
        assert len((tmp_path / "predictions.csv").read_text().splitlines()) > 1000  # and ends on the class board
        kept = json.loads((tmp_path / "scores.json").read_text())
        own, best = (next(row for name, row in kept.items() if name.startswith(n)) for n in ("7 ", "8 "))
        assert (
            own["AP"] >= best["low"] > own["chance"]
        )  # no worse than the benchmark's, as far as this week can tell


def _at_a_desk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Where cells run without a kernel: beside course.py, without a screen."""
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.setenv("MPLBACKEND", "agg")
    plt.switch_backend("agg")
    monkeypatch.syspath_prepend(str(COURSE))
    monkeypatch.delitem(sys.modules, "course", raising=False)
    return plt


@pytest.mark.slow
def test_the_session_runs(at_home: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plt = _at_a_desk(monkeypatch)
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in build.solved(build.SESSION).cells:
        assert "nbgrader" not in cell.metadata
        if cell.cell_type == "code":
            exec(cell.source, names)
            plt.close("all")
    sys.modules.pop("course", None)
    kept = json.loads((tmp_path / "scores.json").read_text())
    assert len(kept) == 2
    assert all(row["low"] <= row["AP"] <= row["high"] for row in kept.values())


def test_the_session_has_slides(tmp_path: Path) -> None:
    build.build(tmp_path / "x", [build.SESSION])
    text = (tmp_path / "x" / "slides.html").read_text("utf-8")
    assert text.count("<section>") == (COURSE / "slides.md").read_text("utf-8").count("\n---\n") + 1
    assert "<h2>3 · Link</h2>" in text
    assert "http" not in text
    assert "five minutes" in (tmp_path / "x" / "rubrics" / "viva.md").read_text("utf-8")


def test_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(build.SourceError, match="no unit unit99: choose from unit1"):
        build.build(tmp_path / "x", ["unit99"])
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").touch()
    with pytest.raises(build.SourceError, match="is not an empty folder"):
        build.build(tmp_path / "full", ["unit1"])
    assert sorted(f.name for f in tmp_path.iterdir()) == ["full"]


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (build.build(tmp_path / n, ["unit1"]) for n in ("a", "b"))
    assert [f.read_bytes() for f in first] == [f.read_bytes() for f in second]
