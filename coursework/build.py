"""Makes the notebooks of the course, for students and for instructors, from one source per unit.

    python coursework/build.py OUT [unit1 unit2 ... session]

OUT becomes a course folder as nbgrader expects it: `source/` holds the notebooks with solutions and all tests,
`rubrics/` what graders read, and `students/` what students get; `session` is the version of 75 minutes, with its
`slides.html`. nbgrader itself is not needed to make it; who has
it lets `nbgrader generate_assignment` make the same notebooks for students again, in `release/`, and keep record.

A source is a Python file in jupytext's percent format. A cell's role stands behind its `# %%`:

    # %% solution="limit"            code between BEGIN SOLUTION and END SOLUTION is taken out for students
    # %% test="limit" points=2       graded by running it; HIDDEN TESTS are taken out for students; a canary
                                     stands at the end of each (canary.py)
    # %% [markdown] essay="why" points=4    graded by a person, by the unit's RUBRIC.md
"""

from __future__ import annotations

import argparse
import json
import re
import runpy
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jupytext
import nbformat

HERE = Path(__file__).resolve().parent
UNITS = tuple(sorted(f.parent.name for f in HERE.glob("unit*/unit*.py")))
SESSION = "session"  # without a graded cell
NOTEBOOKS = (*UNITS, SESSION)
SHARED = ("course.py", "class.toml")  # every notebook needs them beside it
CODE_STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
TEXT_STUB = "YOUR ANSWER HERE"
# What nbgrader 0.9 says of a cell, by role (metadata schema 3).
ROLES: dict[str, dict[str, bool]] = {
    "solution": {"grade": False, "solution": True, "locked": False, "task": False},
    "test": {"grade": True, "solution": False, "locked": True, "task": False},
    "essay": {"grade": True, "solution": True, "locked": False, "task": False},
}
PROBE: str = runpy.run_path(str(HERE / "canary.py"))["PROBE"]
CONFIG = """\
# nbgrader reads this: run it in this folder.
import json
import sys
from pathlib import Path

from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute, NbGraderPreprocessor

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import canary

WRONG = json.loads((HERE / "wrong.json").read_text("utf-8"))


class PlantCanaries(NbGraderPreprocessor):
    def preprocess(self, nb, resources):
        resources["canaries"] = canary.plant(nb, WRONG)
        return nb, resources


class HearCanaries(NbGraderPreprocessor):
    def preprocess(self, nb, resources):
        if silent := canary.silence(nb, resources["canaries"]):
            self.log.warning("No points, for the canary is silent: %s", ", ".join(silent))
        return nb, resources


steps = Autograde.class_traits()["autograde_preprocessors"].default()
run = steps.index(Execute)
c = get_config()
c.Autograde.autograde_preprocessors = [*steps[:run], PlantCanaries, Execute, HearCanaries, *steps[run + 1 :]]
c.OverwriteCells.add_missing_cells = True  # a test that was dropped is run all the same
c.CourseDirectory.course_id = "siphonbench"
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\\nraise NotImplementedError()"}
c.ExecutePreprocessor.timeout = 300
"""


class SourceError(Exception):
    """What is wrong with a source or a target, in one sentence."""


def solved(unit: str) -> Any:
    """Notebook of a unit with its solutions, its tests and nbgrader's metadata.

    Parameters
    ----------
    unit : str
        Name of the folder: "unit1".

    Returns
    -------
    nbformat.NotebookNode
        With the same bytes for the same source.

    Raises
    ------
    SourceError
        If a cell has two roles, an id is used twice, or a graded cell has no points.
    """
    read = jupytext.read(HERE / unit / f"{unit}.py")
    cells = []
    for number, cell in enumerate(read.cells):
        kind = nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
        source = f"{cell.source}\n{PROBE}" if "test" in cell.metadata else cell.source
        made = kind(source, id=f"{unit}-{number}")
        if graded := _grading(unit, dict(cell.metadata), cell.cell_type):
            made.metadata["nbgrader"] = graded
        cells.append(made)
    ids = [c.metadata.nbgrader.grade_id for c in cells if "nbgrader" in c.metadata]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise SourceError(f"{unit}: ids stand twice: {', '.join(twice)}; give each graded cell a name of its own")
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}}
    )


def handed_out(notebook: Any) -> Any:
    """The same notebook as students get it: neither solutions nor hidden tests, nor model answers."""
    given = nbformat.from_dict(notebook)
    for cell in given.cells:
        role = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "markdown" and role.get("solution"):
            cell.source = TEXT_STUB
        cell.source = _cut(_cut(cell.source, "SOLUTION", CODE_STUB), "HIDDEN TESTS", ())
    return given


def build(out: Path, units: Iterable[str] = NOTEBOOKS) -> list[Path]:
    """Write the course folder; nothing stays half-written.

    Parameters
    ----------
    out : Path
        New or empty folder.
    units : iterable of str
        Units to make.

    Returns
    -------
    list of Path
        The notebooks.

    Raises
    ------
    SourceError
        If the folder is not free, there is no such unit, or a source is faulty.
    """
    wanted = list(units)
    if unknown := [u for u in wanted if u not in NOTEBOOKS]:
        raise SourceError(f"no unit {', '.join(unknown)}: choose from {', '.join(NOTEBOOKS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SourceError(f"{out} exists and is not an empty folder: choose another one, or empty it")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        made = Path(scratch) / "course"
        written = [file for unit in wanted for file in _unit(made, unit)]
        (made / "nbgrader_config.py").write_text(CONFIG, "utf-8")
        shutil.copy(HERE / "canary.py", made)
        shutil.copy(HERE / "VIVA.md", made / "rubrics" / "viva.md")
        if SESSION in wanted:
            slides = runpy.run_path(str(HERE / "slides.py"))["slides"]
            (made / "slides.html").write_text(slides((HERE / "slides.md").read_text("utf-8")), "utf-8")
        (made / "wrong.json").write_text(json.dumps(_wrong_answers(wanted), indent=1), "utf-8")
        if out.exists():
            out.rmdir()
        made.rename(out)
    return [out / file.relative_to(made) for file in written]


def _unit(root: Path, unit: str) -> list[Path]:
    notebook = solved(unit)
    files = []
    for part, content in (("source", notebook), ("students", handed_out(notebook))):
        folder = root / part / unit
        folder.mkdir(parents=True)
        files.append(folder / f"{unit}.ipynb")
        nbformat.write(content, files[-1])
        for name in SHARED:
            shutil.copy(HERE / name, folder)
    (root / "rubrics").mkdir(exist_ok=True)
    if unit != SESSION:
        shutil.copy(HERE / unit / "RUBRIC.md", root / "rubrics" / f"{unit}.md")
    return files


def _wrong_answers(units: Iterable[str]) -> dict[str, list[str]]:
    """Wrong answers by the id of the test cell that has to catch them."""
    graded = [unit for unit in units if unit != SESSION]
    files = {unit: tomllib.loads((HERE / unit / "wrong.toml").read_text("utf-8")) for unit in graded}
    return {
        f"{u}-{name}-test": list(answers.values()) for u, file in files.items() for name, answers in file.items()
    }


def _grading(unit: str, said: dict[str, Any], cell_type: str) -> dict[str, Any]:
    """nbgrader's metadata of a cell, from its role in the source."""
    roles = [role for role in ROLES if role in said]
    if not roles:
        return {}
    if len(roles) > 1:
        raise SourceError(f"{unit}: a cell is both {' and '.join(roles)}; give it one role")
    role = roles[0]
    name = f"{unit}-{said[role]}" + ("-test" if role == "test" else "")
    graded = {"grade_id": name, "schema_version": 3, "cell_type": cell_type, **ROLES[role]}
    if ROLES[role]["grade"]:
        if "points" not in said:
            raise SourceError(f"{unit}: {name} has no points; write points=2 behind its role")
        graded["points"] = float(said["points"])
    return graded


def _cut(source: str, region: str, stub: tuple[str, ...]) -> str:
    """Source with a marked region replaced by a stub, as far indented as the region was."""
    pattern = rf"^([ \t]*)### BEGIN {region}\n.*?^[ \t]*### END {region}(?:\n|\Z)"

    def replaced(found: re.Match[str]) -> str:
        return "".join(f"{found[1]}{line}\n" for line in stub)

    return re.sub(pattern, replaced, source, flags=re.DOTALL | re.MULTILINE).rstrip("\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="new or empty folder")
    parser.add_argument("units", nargs="*", default=NOTEBOOKS, help="all if left out")
    asked = parser.parse_args()
    try:
        written = build(asked.out, asked.units)
    except SourceError as error:
        sys.exit(f"Error: {error}")
    for file in written:
        print(file)


if __name__ == "__main__":
    main()
