"""Text that a spreadsheet would run: a sign that begins a formula, where a cell begins or is taken to begin."""

from __future__ import annotations

import re

# Spreadsheets of half of Europe end a cell at a semicolon, whatever the file is called; some at a tab.
_FORMULA = re.compile(r"(^|[;,\t\r\n\"])([\s'\"]*)(?=[=+\-@|%\uff1d\uff0b\uff0d\uff20])")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run a part of a cell.

    Parameters
    ----------
    text : str
        Of one cell.

    Examples
    --------
    >>> is_formula("=1+1"), is_formula("mine;=1+1"), is_formula("one-two; three")
    (True, True, False)
    """
    return bool(_FORMULA.search(text)) or text.startswith(("\t", "\r"))


def neutral(text: str) -> str:
    """The text with an apostrophe before every part that would be run.

    Parameters
    ----------
    text : str
        Of one cell.

    Examples
    --------
    >>> neutral("=1+1"), neutral("mine; @SUM(1)"), neutral("M+L")
    ("'=1+1", "mine;' @SUM(1)", 'M+L')
    """
    marked = _FORMULA.sub(r"\1'\2", text)
    return f"'{marked}" if marked.startswith(("\t", "\r")) else marked
