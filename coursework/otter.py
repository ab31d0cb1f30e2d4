"""Turns units into what Otter Assign reads, for those who grade with Otter-Grader.

    python coursework/otter.py OUT unit1 unit2

Writes OUT/unit1/unit1.ipynb and the files beside it; `otter assign OUT/unit1/unit1.ipynb dist` then makes the
students' notebook and the autograder. Each graded cell is a question with its points; what people write is a
manual one. Otter runs tests without the canaries of canary.py, so a submission that changes how Python asserts is
not found.
"""

from __future__ import annotations

import re
import runpy
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

HERE = Path(__file__).resolve().parent
BUILD = runpy.run_path(str(HERE / "build.py"))
CONFIG = """\
# ASSIGNMENT CONFIG
name: {unit}
solutions_pdf: false
export_cell: false
files: [course.py, class.toml]
"""
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", re.DOTALL)


def converted(unit: str) -> Any:
    """Notebook of a unit in Otter Assign's format."""
    cells, waiting = [new_raw_cell(CONFIG.format(unit=unit))], None
    for cell in BUILD["solved"](unit).cells:
        role = cell.metadata.get("nbgrader", {})
        if role.get("solution") and role["grade"]:  # a text, graded by a person
            cells += _question(role, [_solution(new_markdown_cell(cell.source))], manual=True)
        elif role.get("solution"):
            waiting = cell
        elif role.get("grade"):
            cells += _question(role, [_solution(new_code_cell(_marked(waiting.source))), _tests(cell.source)])
        else:
            cells.append(nbformat.from_dict(dict(cell) | {"metadata": {}}))
    return new_notebook(cells=cells)


def _question(role: Any, parts: list[list[Any]], manual: bool = False) -> Iterator[Any]:
    name = role["grade_id"].removesuffix("-test").replace("-", "_")
    yield new_raw_cell(
        f"# BEGIN QUESTION\nname: {name}\npoints: {role['points']:g}\nmanual: {str(manual).lower()}"
    )
    for part in parts:
        yield from part
    yield new_raw_cell("# END QUESTION")


def _solution(cell: Any) -> list[Any]:
    return [new_raw_cell("# BEGIN SOLUTION"), cell, new_raw_cell("# END SOLUTION")]


def _tests(source: str) -> list[Any]:
    """A public test, and one that students don't see, which begins with the same names."""
    source = source.partition(BUILD["PROBE"])[0]
    public = HIDDEN.sub("", source).strip()
    cells = [new_code_cell(public)]
    if HIDDEN.search(source):
        cells.append(new_code_cell("# HIDDEN\n" + HIDDEN.sub(r"\1", source).strip()))
    return [new_raw_cell("# BEGIN TESTS"), *cells, new_raw_cell("# END TESTS")]


def _marked(source: str) -> str:
    return source.replace("### BEGIN SOLUTION", "# BEGIN SOLUTION").replace("### END SOLUTION", "# END SOLUTION")


def main() -> None:
    """Command line."""
    out, *units = sys.argv[1:]
    for unit in units:
        folder = Path(out) / unit
        folder.mkdir(parents=True)
        nbformat.write(converted(unit), folder / f"{unit}.ipynb")
        for name in BUILD["SHARED"]:
            shutil.copy(HERE / name, folder)


if __name__ == "__main__":
    main()
