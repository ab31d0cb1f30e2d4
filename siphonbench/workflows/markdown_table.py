"""Tables as Markdown has them."""

from __future__ import annotations

from collections.abc import Iterable


def text(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a Markdown table.

    Parameters
    ----------
    head : iterable of str
        Names of the columns.
    rows : iterable of iterable of str
        Cells.

    Examples
    --------
    >>> print(text(["detector", "AP"], [["volume", "0.023"]]), end="")
    | detector | AP |
    |---|---|
    | volume | 0.023 |
    """
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    rule = "|" + "---|" * (lines[0].count("|") - 1)
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"
