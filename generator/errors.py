"""The one kind of error that a user sees as a sentence instead of a traceback, and how it may quote."""

from __future__ import annotations

import re


def without_password(text: str) -> str:
    """Text in which no address shows its password.

    Parameters
    ----------
    text : str
        May hold addresses.

    Examples
    --------
    >>> without_password("postgresql://me:secret@db/board and http://me:s/e@cret@h/x")
    'postgresql://me:***@db/board and http://me:***@h/x'
    """
    return re.sub(r"(://[^\s/:@]*:)\S*@", r"\1***@", text)


class UserError(Exception):
    """Bad input: the message names the field, the numbers and the remedy. The command line exits with 2.

    Parameters
    ----------
    message : str
        One sentence; a password in an address that it quotes is left out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_password(message))


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
