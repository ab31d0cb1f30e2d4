"""The course under nbgrader itself: what it hands out, and that right answers get all points and wrong ones none.

nbgrader is no dependency. Where it is installed, here or in an environment whose `bin` is in PATH, this runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.test_door_coursework import COURSE, UNITS, build

NBGRADER = shutil.which("nbgrader")
SCORES = """
SELECT base_cell.name, grade.auto_score, grade_cells.max_score FROM grade
JOIN base_cell ON grade.cell_id = base_cell.id
JOIN grade_cells ON grade_cells.id = base_cell.id
JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
WHERE submitted_assignment.student_id = ? AND grade_cells.cell_type = 'code'
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NBGRADER is None, reason="nbgrader is not installed: docs/instructor.md says how"),
]


def run(course: Path, *command: str) -> None:
    """One command of nbgrader; its kernel is this Python."""
    kernel = course.parent / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True, exist_ok=True)
    start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": start, "display_name": "x", "language": "python"}))
    env = os.environ | {
        "PATH": f"{Path(str(NBGRADER)).parent}:{os.environ['PATH']}",  # it looks for alembic
        "JUPYTER_PATH": str(kernel.parent.parent),
        "PYTHONPATH": str(COURSE.parent),
        "SIPHONBENCH_COURSE": str(course.parent / "worlds"),
        "HOME": str(course.parent),
    }
    done = subprocess.run([str(NBGRADER), *command], cwd=course, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "ERROR" not in done.stderr, done.stderr[-3000:]


def hand_in(course: Path, unit: str, student: str, answer: Callable[[str, str, str], str]) -> None:
    """A submission: in each cell to be filled in, what `answer(name, solution, given)` says."""
    solutions = {
        n: re.sub(r"(?m)^ *### (BEGIN|END) .*\n?", "", c.source) for n, c in _cells(course, "source", unit)
    }
    given = build.nbformat.read(course / "release" / unit / f"{unit}.ipynb", 4)
    for cell in given.cells:
        said = cell.metadata.get("nbgrader", {})
        if said.get("solution"):
            cell.source = answer(said.grade_id.removeprefix(f"{unit}-"), solutions[said.grade_id], cell.source)
    to = Path(shutil.copytree(course / "release" / unit, course / "submitted" / student / unit))
    build.nbformat.write(given, to / f"{unit}.ipynb")


def scores(course: Path, student: str) -> dict[str, tuple[float, float]]:
    """Points given and points to be had, by graded cell, as the gradebook has them."""
    with sqlite3.connect(course / "gradebook.db") as book:
        return {name: (got, most) for name, got, most in book.execute(SCORES, (student,))}


def _cells(course: Path, part: str, unit: str) -> list[tuple[str, Any]]:
    notebook = build.nbformat.read(course / part / unit / f"{unit}.ipynb", 4)
    return [(c.metadata.nbgrader.grade_id, c) for c in notebook.cells if "nbgrader" in c.metadata]


@pytest.mark.parametrize("unit", UNITS)
def test_right_answers_get_all_points_and_wrong_ones_none(unit: str, tmp_path: Path) -> None:
    course = tmp_path / "course"
    build.build(course, [unit])
    run(course, "generate_assignment", unit)
    ours = build.nbformat.read(course / "students" / unit / f"{unit}.ipynb", 4)
    theirs = build.nbformat.read(course / "release" / unit / f"{unit}.ipynb", 4)
    assert [c.source for c in ours.cells] == [c.source for c in theirs.cells]
    wrong = tomllib.loads((COURSE / unit / "wrong.toml").read_text("utf-8"))
    first = {name: next(iter(answers.values())) for name, answers in wrong.items()}
    hand_in(course, unit, "right", lambda name, solution, given: solution)
    hand_in(course, unit, "wrong", lambda name, solution, given: f"{solution}\n{first.get(name, '')}")
    hand_in(course, unit, "empty", lambda name, solution, given: given)
    run(course, "autograde", unit)
    right, bad, empty = (scores(course, student) for student in ("right", "wrong", "empty"))
    assert right.keys() == {f"{unit}-{name}-test" for name in wrong}
    assert all(got == most > 0 for got, most in right.values()), right
    for found in (bad, empty):
        assert found.keys() == right.keys()
        assert not any(got for got, _ in found.values()), found


CHEATS = {
    "asserts": """\
import ast
class Cheat(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
get_ipython().ast_transformers.append(Cheat())
""",
    "optimised": "import builtins, functools\nbuiltins.compile = functools.partial(compile, optimize=2)",
    "patched": "import math\nmath.isclose = lambda *_, **__: True",
    "emptied": "get_ipython().input_transformers_cleanup.append(lambda lines: [])",
    "dropped": "",
}


@pytest.mark.parametrize("unit", ["unit2", "unit5"])
def test_cheats_get_no_points(unit: str, tmp_path: Path) -> None:
    """Asserts switched off, tests emptied, test cells dropped: nothing is answered, so nothing is given."""
    course = tmp_path / "course"
    build.build(course, [unit])
    run(course, "generate_assignment", unit)
    for name, cheat in CHEATS.items():
        hand_in(course, unit, name, lambda *_, cheat=cheat: cheat)
    file = course / "submitted" / "dropped" / unit / f"{unit}.ipynb"
    notebook = build.nbformat.read(file, 4)
    roles = [(c, c.metadata.get("nbgrader", {})) for c in notebook.cells]
    notebook.cells = [c for c, role in roles if not role.get("grade") or role.get("solution")]
    build.nbformat.write(notebook, file)
    run(course, "autograde", unit)
    tests = {n for n, c in _cells(course, "source", unit) if c.cell_type == "code" and c.metadata.nbgrader.grade}
    for name in CHEATS:
        points = scores(course, name)
        assert points.keys() == tests, name
        assert {got for got, _ in points.values()} == {0}, (name, points)
