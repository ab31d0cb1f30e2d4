"""Autograding: who switches the asserts off, or empties or drops the tests, gets no points."""

from __future__ import annotations

import sys
from typing import Any

import nbclient
import pytest

from tests.test_door_coursework import UNITS, _module, _roles, build

canary = _module("canary")
TRANSFORMER = """\
import ast
class Cheat(ast.NodeTransformer):
    def visit_{node}(self, node):
        return {becomes}
get_ipython().ast_transformers.append(Cheat())
"""
TOP = """\
import ast
class Cheat(ast.NodeTransformer):
    def visit_Module(self, node):
        node.body = [n for n in node.body if not isinstance(n, ast.Assert)]
        return node
get_ipython().ast_transformers.append(Cheat())
"""
WRONG = ["answer = 40", "answer = None"]
CHEATS = {
    "what the test calls takes anything": "import math\nmath.isclose = lambda *_, **__: True",
    "what the test calls takes any number": "import math\nmath.isclose = lambda a, b: a is not None",
    "asserts become pass": TRANSFORMER.format(node="Assert", becomes="ast.Pass()"),
    "asserts are taken out": TRANSFORMER.format(node="Assert", becomes="None"),
    "asserts outside of blocks are taken out": TOP,
    "every assert is of True": TRANSFORMER.format(
        node="Assert", becomes="ast.copy_location(ast.Assert(ast.Constant(True)), node)"
    ),
    "code is optimised": "import builtins, functools\nbuiltins.compile = functools.partial(compile, optimize=2)",
    "cells are emptied": "get_ipython().input_transformers_cleanup.append(lambda lines: [])",
    "errors are not shown": "get_ipython().showtraceback = get_ipython()._showtraceback = lambda *a, **k: None",
    "a canary is made up": "print('CANARY')\nget_ipython().input_transformers_cleanup.append(lambda lines: [])",
}


def notebook(answer: str) -> Any:
    """One answer, and two test cells as an instructor has them."""
    cell = build.nbformat.v4.new_code_cell
    cells = [cell(answer)]
    for name in ("first", "second"):
        cells.append(cell(f"import math\nassert math.isclose(answer, 42)\n{canary.PROBE}"))
        cells[-1].metadata["nbgrader"] = {"grade_id": name, "grade": True, "solution": False}
    return build.nbformat.v4.new_notebook(cells=cells)


def points(submission: Any, *options: str) -> list[str]:
    """Test cells that get points: no error shows, as nbgrader looks at it, once canaries are heard."""
    tokens = canary.plant(submission, dict.fromkeys(canary.graded(submission), WRONG))
    client: Any = nbclient.NotebookClient(submission, timeout=60, kernel_name="python3", allow_errors=True)
    client.create_kernel_manager()
    if options:
        spec = client.km.kernel_spec
        spec.argv = [spec.argv[0], *options, *spec.argv[1:]]
    client.execute()
    silent = canary.silence(submission, tokens)
    cells = canary.graded(submission)
    failed = {n for n, c in cells.items() if any(o.output_type == "error" for o in c.outputs)}
    assert failed >= set(silent)
    return sorted(set(cells) - failed)


def test_right_answers_get_points_and_wrong_ones_none() -> None:
    assert points(notebook("answer = 42")) == ["first", "second"]
    assert points(notebook("answer = 41")) == []


@pytest.mark.parametrize("cheat", CHEATS.values(), ids=CHEATS)
def test_cheats_get_no_points(cheat: str) -> None:
    assert points(notebook(f"answer = 0\n{cheat}")) == []


def test_an_optimised_kernel_gives_no_points() -> None:
    assert points(notebook("answer = 0"), "-O") == []
    assert points(notebook("answer = 42"), "-O") == []


def test_a_cell_that_came_without_a_canary_gets_no_points() -> None:
    submission = notebook("answer = 42")
    for cell in canary.graded(submission).values():
        cell.source = "pass"
    assert points(submission) == []


def test_tokens_are_drawn_anew() -> None:
    first, second = (canary.plant(notebook(""), {}) for _ in range(2))
    assert len({*first.values(), *second.values()}) == 4


@pytest.mark.parametrize("unit", UNITS)
def test_every_test_cell_has_a_canary_that_students_do_not_see(unit: str) -> None:
    solved = build.solved(unit)
    tests = _roles(solved, "grade")
    assert tests
    assert tests == canary.graded(solved)
    assert all(cell.source.endswith(canary.PROBE) for cell in tests.values())
    assert canary.MARK not in str(build.handed_out(solved))


def test_it_is_this_python() -> None:
    assert sys.flags.optimize == 0  # or none of these tests says anything
