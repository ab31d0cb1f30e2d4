"""Tools around the course: grading without nbgrader, Gradescope's zip, Otter's notebooks, and alike answers."""

from __future__ import annotations

import json
import runpy
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

from tests.test_door_coursework import COURSE, UNITS, _module, build

V4: Any = nbformat.v4


@pytest.fixture
def autograde(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(COURSE))
    monkeypatch.delitem(sys.modules, "canary", raising=False)
    return _module("autograde")


def cell(role: str, name: str, source: str, points: float = 0) -> Any:
    made = V4.new_code_cell(source if role == "solution" else f"{source}\n{build.PROBE}")
    graded = {"grade_id": name, "schema_version": 3, "cell_type": "code", **build.ROLES[role]}
    made.metadata["nbgrader"] = graded | ({"points": points} if points else {})
    return made


def unit() -> Any:
    """Two questions."""
    return V4.new_notebook(
        cells=[
            cell("solution", "u-two", "two = 2"),
            cell("test", "u-two-test", "assert two == 2", 2.0),
            cell("solution", "u-three", "three = 3"),
            cell("test", "u-three-test", "assert three == 3", 3.0),
        ]
    )


@pytest.mark.slow
def test_points_are_given_for_right_answers_alone(autograde: ModuleType) -> None:
    wrong = {"u-two-test": ["two = 4"], "u-three-test": ["three = 4"]}
    submitted = unit()
    submitted.cells[1].source = "pass"  # an emptied test comes back
    submitted.cells[2].source = "three = 4"
    del submitted.cells[3]  # and so does a dropped one
    found = {t["name"]: t for t in autograde.grade(submitted, unit(), wrong)["tests"]}
    assert {name: (t["score"], t["max_score"]) for name, t in found.items()} == {
        "u-two": (2, 2),
        "u-three": (0, 3),
    }
    assert "AssertionError" in found["u-three"]["output"]


def test_tests_are_put_back_each_once(autograde: ModuleType) -> None:
    submitted = unit()
    submitted.cells += [submitted.cells[1].copy(), V4.new_markdown_cell("notes")]
    restored = autograde.restored(submitted, unit())
    assert [c.source for c in restored.cells[:4]] == [c.source for c in unit().cells]
    assert [c.source for c in restored.cells[4:]] == ["notes"]


def test_gradescope_gets_what_it_runs(tmp_path: Path) -> None:
    build.build(tmp_path / "course", ["unit1"])
    out = _module("gradescope").pack(tmp_path / "course", "unit1", "https://git.example.org/siphonbench.git")
    with zipfile.ZipFile(out) as packed:
        names = set(packed.namelist())
        script = packed.read("run_autograder").decode()
        assert all(packed.getinfo(n).external_attr >> 16 & 0o100 for n in ("setup.sh", "run_autograder"))
        assert b"git+https://git.example.org/siphonbench.git" in packed.read("setup.sh")
    called = {word for word in script.split() if word.endswith((".py", ".json", ".ipynb")) and "/" not in word}
    assert called == {"autograde.py", "unit1.ipynb", "wrong.json"}
    assert called | {"canary.py", "course.py", "class.toml", "setup.sh", "run_autograder"} == names


@pytest.mark.parametrize("name", UNITS)
def test_otter_gets_every_question(name: str) -> None:
    notebook = runpy.run_path(str(COURSE / "otter.py"))["converted"](name)
    open_, questions = [], 0
    for part in notebook.cells:
        if part.cell_type == "raw" and part.source.startswith("# BEGIN"):
            open_.append(part.source.split("\n")[0].removeprefix("# BEGIN "))
            questions += open_ == ["QUESTION"]
        elif part.cell_type == "raw" and part.source.startswith("# END"):
            assert open_.pop() == part.source.removeprefix("# END ")
        assert "HIDDEN TESTS" not in part.source
        assert "CANARY" not in part.source
    assert open_ == []
    assert questions == sum(bool(c.metadata.get("nbgrader", {}).get("grade")) for c in build.solved(name).cells)


def test_alike_answers_come_first() -> None:
    similarity = _module("similarity")
    codes = {
        "ada": "def f(x):\n    total = 0\n    for v in x:\n        total += v * 2\n    return total / len(x)",
        "bo": "# mine\ndef f(rows):\n    s = 0\n    for r in rows:\n        s += r * 2\n    return s / len(rows)",
        "cy": "import numpy as np\nf = lambda x: np.mean(np.asarray(x) * 2)",
        "di": "def f(x):\n    return sum(v * 2 for v in x) / len(x)",
        "eve": "from statistics import mean\ndef f(x):\n    return 2 * mean(x)",
    }
    texts = dict(
        zip(codes, ("it is fair because", "we owe a reason to", "x", "", "nobody can tell who"), strict=True)
    )
    given = {}
    for name, code in codes.items():
        roles = {"a": V4.new_code_cell(code), "b": V4.new_markdown_cell(texts[name])}
        for key, made in roles.items():
            made.metadata["nbgrader"] = {"grade_id": key, "solution": True}
        given[name] = similarity.answers(V4.new_notebook(cells=[*roles.values(), V4.new_code_cell("print(1)")]))
    first, second, *_ = similarity.pairs(given)
    assert (first.first, first.second, first.cell) == ("ada", "bo", "a")
    assert first.similarity > 2 * second.similarity
    assert json.dumps(given["ada"]["a"]) == json.dumps(given["bo"]["a"])  # names and comments don't count
