"""The one kind of error that a user sees as a sentence instead of a traceback."""

from __future__ import annotations


class UserError(Exception):
    """Bad input: the message names the field, the numbers and the remedy. The command line exits with 2."""


class MaskedLabelsError(UserError):
    """Labels of a split that is masked were asked for without naming it."""
