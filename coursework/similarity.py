"""Which answers of a class resemble each other more than those of the others do.

    python coursework/similarity.py my-course unit2 > unit2-pairs.csv

Reads submitted/NAME/unit2/unit2.ipynb, as nbgrader keeps them, and compares what people wrote themselves: the
cells to be filled in, code without comments and with names of variables made equal, text in words. Runs that many
share (the obvious solution, phrases of the question) weigh little. Each line is a pair of students: their mean
similarity (0 to 1), how far that is above the median of all pairs in units of their spread, and the cell that
they share most. A high number is a reason to read both answers side by side and to ask, never a proof: people
learn together.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import keyword
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

RUN = (4, 6)  # tokens of code, or words, that make a run
ROBUST = 1.4826  # standard deviations of a normal law in a median absolute deviation
IGNORED = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


class Pair(NamedTuple):
    """Two students, and what is alike in their answers."""

    first: str
    second: str
    similarity: float
    above: float
    cell: str


def tokens(cell: Any) -> list[str]:
    """What counts in an answer: words of a text; code without comments, layout and names of variables."""
    if cell.cell_type == "markdown":
        return str(cell.source).casefold().split()
    try:
        parts = list(tokenize.generate_tokens(io.StringIO(cell.source).readline))
    except (tokenize.TokenError, SyntaxError):
        return str(cell.source).split()
    return ["name" if _is_name(t) else t.string for t in parts if t.type not in IGNORED]


def _is_name(token: tokenize.TokenInfo) -> bool:
    return token.type == tokenize.NAME and not keyword.iskeyword(token.string)


def answers(notebook: Any) -> dict[str, list[str]]:
    """Tokens by grade id of the cells that were to be filled in."""
    roles = ((cell.metadata.get("nbgrader", {}), cell) for cell in notebook.cells)
    return {role["grade_id"]: tokens(cell) for role, cell in roles if role.get("solution")}


def pairs(given: dict[str, dict[str, list[str]]]) -> list[Pair]:
    """All pairs of students, the most alike first.

    Parameters
    ----------
    given : dict of str to dict
        `answers` by student; three students or more.
    """
    names, cells = sorted(given), sorted({cell for parts in given.values() for cell in parts})
    alike = np.stack([_alike([given[name].get(cell, []) for name in names]) for cell in cells])
    mean = alike.mean(axis=0)
    order = list(itertools.combinations(range(len(names)), 2))
    values = np.array([mean[i, j] for i, j in order])
    spread = ROBUST * np.median(np.abs(values - np.median(values))) or 1.0
    above = (values - np.median(values)) / spread
    found = [
        Pair(names[i], names[j], float(v), float(a), cells[int(alike[:, i, j].argmax())])
        for (i, j), v, a in zip(order, values, above, strict=True)
    ]
    return sorted(found, key=lambda pair: -pair.similarity)


def _alike(texts: list[list[str]]) -> np.ndarray:
    """Cosines of runs of tokens, rare ones weighing more; an empty answer is like nobody's."""
    if max(map(len, texts)) < RUN[0]:
        return np.zeros((len(texts), len(texts)))
    runs = TfidfVectorizer(analyzer=_runs, sublinear_tf=True).fit_transform(texts)
    return np.asarray((runs @ runs.T).todense())


def _runs(text: list[str]) -> Iterator[tuple[str, ...]]:
    for length in range(RUN[0], RUN[1] + 1):
        yield from zip(*(text[start:] for start in range(length)), strict=False)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("course", type=Path, help="folder with submitted/")
    parser.add_argument("unit", help="unit to compare")
    asked = parser.parse_args()
    files = sorted(asked.course.glob(f"submitted/*/{asked.unit}/{asked.unit}.ipynb"))
    if len(files) < 3:
        sys.exit(
            f"Error: {asked.course}/submitted has {len(files)} notebooks of {asked.unit}: three are the least"
        )
    found = pairs({file.parts[-3]: answers(nbformat.read(file, 4)) for file in files})
    table = csv.writer(sys.stdout)
    table.writerow(Pair._fields)
    table.writerows((a, b, f"{v:.3f}", f"{z:.1f}", cell) for a, b, v, z, cell in found)


if __name__ == "__main__":
    main()
