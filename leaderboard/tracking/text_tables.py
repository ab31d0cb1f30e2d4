"""Tables as text for papers, pages and programs: Markdown, LaTeX, CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping

from leaderboard.records.spreadsheet_text import neutral

Cells = Iterable[str]
_SPECIAL = re.compile(r"[&%$#_{}~^\\]")
_ESCAPED = {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}


def as_markdown(head: Cells, rows: Iterable[Cells]) -> str:
    r"""Write a Markdown table.

    Parameters
    ----------
    head : iterable of str
        Names of the columns.
    rows : iterable of iterable of str
        Cells.

    Examples
    --------
    >>> print(as_markdown(["detector", "AP"], [["volume", "0.023"], ["a|b", "-"]]), end="")
    | detector | AP |
    |---|---|
    | volume | 0.023 |
    | a\|b | - |
    """
    lines = [[cell.replace("|", "\\|").replace("\n", " ") for cell in cells] for cells in (head, *rows)]
    written = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([written[0], "|" + "---|" * len(lines[0]), *written[1:]]) + "\n"


def as_latex(head: Cells, rows: Iterable[Cells]) -> str:
    r"""Write a LaTeX table, for the package booktabs; the first column is flush left, numbers are flush right.

    Parameters
    ----------
    head : iterable of str
        Names of the columns.
    rows : iterable of iterable of str
        Cells.

    Examples
    --------
    >>> print(as_latex(["detector", "95 %"], [["my_idea", "0.1-0.2"]]), end="")
    \begin{tabular}{lr}
    \toprule
    detector & 95 \% \\
    \midrule
    my\_idea & 0.1-0.2 \\
    \bottomrule
    \end{tabular}
    """
    lines = [[_SPECIAL.sub(_escaped, cell.replace("\n", " ")) for cell in cells] for cells in (head, *rows)]
    first, *others = (f"{' & '.join(line)} \\\\" for line in lines)
    begin = f"\\begin{{tabular}}{{l{'r' * (len(lines[0]) - 1)}}}"
    parts = [begin, r"\toprule", first, r"\midrule", *others, r"\bottomrule", r"\end{tabular}"]
    return "\n".join(parts) + "\n"


def as_csv(head: Cells, rows: Iterable[Cells]) -> str:
    """Write CSV; no cell of it is a formula to a spreadsheet, numbers below zero stay as they are.

    Parameters
    ----------
    head : iterable of str
        Names of the columns.
    rows : iterable of iterable of str
        Cells.

    Examples
    --------
    >>> print(as_csv(["entry", "difference"], [["=1+1", "-0.5"]]), end="")
    entry,difference
    '=1+1,-0.5
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([map(_cell, cells) for cells in (head, *rows)])
    return out.getvalue()


FORMATS: Mapping[str, Callable[[Cells, Iterable[Cells]], str]] = {
    "csv": as_csv,
    "md": as_markdown,
    "latex": as_latex,
}
"""How a table is written, by name of the format."""


def _escaped(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[0], "\\" + found[0])


def _cell(text: str) -> str:
    try:
        float(text)
    except ValueError:
        return neutral(text)
    return text
