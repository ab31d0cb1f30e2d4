"""Grades one submitted notebook without nbgrader: its tests are put back, planted with canaries and run.

    python autograde.py SOURCE.ipynb SUBMITTED.ipynb wrong.json RESULTS.json

SOURCE is the instructor's notebook, SUBMITTED what a student handed in. RESULTS is what Gradescope shows: a test
for each graded cell, with its points. What people wrote is graded by a person, by the rubric, and is not in it.
The submission runs in a kernel of its own, as nbgrader runs it: canary.py says what that stops and what it
doesn't.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbclient
import nbformat

import canary

SECONDS = 300  # that a cell may take
SHOWN = 2000  # characters of an error
NEEDED = ("course.py", "class.toml")  # by every notebook, beside it


def restored(submitted: Any, source: Any) -> Any:
    """The submission with the instructor's tests, each once: changed ones put right, dropped ones at the end."""
    tests, kept, seen = canary.graded(source), [], set()
    for cell in submitted.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in tests and name not in seen:
            kept.append(tests[name])
            seen.add(name)
        elif name not in tests:
            kept.append(cell)
    whole = nbformat.from_dict(source)
    whole.cells = [*kept, *(cell for name, cell in tests.items() if name not in seen)]
    return whole


def grade(submitted: Any, source: Any, wrong: dict[str, list[str]], folder: str = ".") -> dict[str, Any]:
    """Points of a submission, as Gradescope reads them."""
    notebook = restored(submitted, source)
    tokens = canary.plant(notebook, wrong)
    there = {"metadata": {"path": folder}}
    nbclient.NotebookClient(notebook, timeout=SECONDS, allow_errors=True, resources=there).execute()
    canary.silence(notebook, tokens)
    return {
        "visibility": "visible",
        "tests": [_told(name, cell) for name, cell in canary.graded(notebook).items()],
    }


def _told(name: str, cell: Any) -> dict[str, Any]:
    errors = [out for out in cell.outputs if out.output_type == "error"]
    points = cell.metadata.nbgrader.points
    told = {"name": name.removesuffix("-test"), "score": 0 if errors else points, "max_score": points}
    return told | ({"output": f"{errors[0].ename}: {errors[0].evalue}"[:SHOWN]} if errors else {})


def main() -> None:
    """Command line."""
    source, submitted = (nbformat.read(path, 4) for path in sys.argv[1:3])
    wrong = json.loads(Path(sys.argv[3]).read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:  # no solution lies beside what runs
        for name in NEEDED:
            shutil.copy(Path(sys.argv[1]).parent / name, folder)
        results = grade(submitted, source, wrong, folder)
    Path(sys.argv[4]).write_text(json.dumps(results, indent=1), "utf-8")


if __name__ == "__main__":
    main()
