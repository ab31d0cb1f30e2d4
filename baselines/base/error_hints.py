"""What a detector's code ran into, told to its author: the fault, the author's own line, and a remedy if known."""

from __future__ import annotations

import re
import sys
import traceback
from pathlib import Path

import polars as pl

from baselines.base.detector import Detector
from generator import schema

_ABSENT = (pl.exceptions.ColumnNotFoundError, KeyError, AttributeError)  # as Polars, Arrow or pandas say it
_QUOTED = re.compile(r"""["'](\w+)["']""")


def describe_error(error: Exception, kind: type[Detector]) -> str:
    """Describe an error as one clause, with the last line of the author's own that led to it.

    Parameters
    ----------
    error : Exception
        As it was caught, with its traceback.
    kind : type of Detector
        Class whose code raised it.

    Returns
    -------
    str
        E.g. "ValueError in mine.py, line 12: no message".
    """
    frames = traceback.extract_tb(error.__traceback__)
    frame = ([f for f in frames if _own(f, kind)] or frames)[-1]
    message = str(error).strip().partition("\n")[0]
    if hint := undeclared_columns(error, kind):
        message = f"{message.partition('; valid columns')[0]}; {hint}"
    return f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}: {message or 'no message'}"


def undeclared_columns(error: Exception, kind: type[Detector]) -> str:
    """Name the columns that were missed, exist, and were not declared.

    Parameters
    ----------
    error : Exception
        As it was caught, with its traceback.
    kind : type of Detector
        Class whose code raised it.

    Returns
    -------
    str
        A clause; "" if the error is not about such columns.
    """
    # A KeyError of the author's own dictionary is none of ours.
    if not isinstance(error, _ABSENT) or _own(traceback.extract_tb(error.__traceback__)[-1], kind):
        return ""
    missed = set(_QUOTED.findall(str(error).partition("; valid columns")[0]))
    public = [f"{t}.{c.name}" for t in schema.PUBLIC for c in schema.TABLES[t] if c.group != "K"]
    some = [f for f in public if f.partition(".")[2] in missed and f not in kind.fields]
    one = len(some) == 1
    exist, are = ("exists", "is") if one else ("exist", "are")
    return f"{' and '.join(some)} {exist}, but {are} not in fields of {kind.__name__}" if some else ""


def _own(frame: traceback.FrameSummary, kind: type[Detector]) -> bool:
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return file is not None and Path(frame.filename).parent == Path(file).parent
