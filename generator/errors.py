"""The one kind of error that a user sees as a sentence instead of a traceback, and how it may quote."""

from __future__ import annotations


class UserError(Exception):
    """Bad input: the message names the field, the numbers and the remedy. The command line exits with 2."""


def printable(text: str) -> str:
    """Text that may quote a stranger, on one line: no name in it moves a cursor or forges another line.

    Parameters
    ----------
    text : str
        What may hold control characters.

    Examples
    --------
    >>> printable("two\\nlines")
    'two?lines'
    """
    return "".join(c if c.isprintable() else "?" for c in text)


class MaskedLabelsError(UserError):
    """Labels of a split that is masked were asked for without naming it."""
