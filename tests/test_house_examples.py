"""Every example in a docstring runs, and gives what it says."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PLACES = ("generator", "baselines", "leaderboard", "siphonbench", "benchmarks")
PROMPT = re.compile(r"^ *>>> ", re.MULTILINE)
OPTIONAL = ("torch", "fastapi", "uvicorn", "psycopg", "dask", "distributed", "s3fs", "mlcroissant", "datasets")


class Finder(doctest.DocTestFinder):
    """Looks behind decorators, too."""

    def _from_module(self, module: Any, item: Any) -> bool:
        return bool(super()._from_module(module, inspect.unwrap(item)))  # type: ignore[misc]


def prompts(file: Path) -> int:
    return len(PROMPT.findall(file.read_text("utf-8")))


FILES = [f.relative_to(ROOT) for place in PLACES for f in sorted((ROOT / place).rglob("*.py")) if prompts(f)]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_examples_run(file: Path, here: Path) -> None:
    try:
        module = importlib.import_module(".".join(file.with_suffix("").parts).removesuffix(".__init__"))
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is missing")
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF)
    report: list[str] = []
    for test in Finder().find(module):
        runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)
    assert runner.tries == prompts(ROOT / file)  # none is overlooked
