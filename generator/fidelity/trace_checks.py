"""What a reference trace must hold: columns that are there, times and tokens that are measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import UserError, printable

if TYPE_CHECKING:
    import polars as pl

TIMES = ("ts", "ts_s")
"""Columns that may hold the time: the first that is there."""
TOKENS = ("input_tokens", "output_tokens")
ROW = "row number"


def lacks(columns: Sequence[str]) -> list[str]:
    """What a file with these columns lacks to be a usage log.

    Parameters
    ----------
    columns : sequence of str
        Names of its columns.

    Examples
    --------
    >>> lacks(["ts_s", "output_tokens"])
    ['input_tokens']
    """
    needed = {"ts": TIMES, **{name: (name,) for name in TOKENS}}
    return [name for name, either in needed.items() if not set(either) & set(columns)]


def check_columns(path: Path, columns: Sequence[str]) -> bool:
    """Tell a trace of a workload kind from a file of other content.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str
        Names of its columns.

    Returns
    -------
    bool
        False if it holds no tokens at all, and so is no trace.

    Raises
    ------
    UserError
        If it holds tokens, but lacks another column of a trace.
    """
    if not set(TOKENS) & set(columns):
        return False
    missing = lacks(columns) + ([] if "kind" in columns else ["kind"])
    if missing:
        held = ", ".join(printable(c) for c in columns)
        raise UserError(
            f"{path} has no {' and no '.join(missing)}, only {held}, so it is no trace of a workload kind; "
            f"add what is missing, or move the file elsewhere"
        )
    return True


def check_rows(path: Path, rows: pl.LazyFrame) -> None:
    """Refuse a trace whose times or tokens are no measurements.

    Parameters
    ----------
    path : Path
        Its file.
    rows : polars.LazyFrame
        What is read of it, with a column `ROW`, its number in the file. Rows without a value are passed over.

    Raises
    ------
    UserError
        If a time is no number of seconds and no timestamp, or a number of tokens is none, zero or negative; names
        the columns, how many rows, and the first of them.
    """
    import polars as pl

    types = rows.collect_schema()
    time = next(name for name in TIMES if name in types)
    no_time = "neither seconds nor a timestamp"
    wrong = {
        time: (no_time, pl.lit(not types[time].is_numeric() and types[time] not in (pl.Datetime, pl.Date))),
        **{name: _wrong_tokens(name, types[name]) for name in TOKENS},
    }
    faults = []
    for name, (fault, condition) in wrong.items():
        faulty = rows.filter(pl.col(name).is_not_null() & condition).select(ROW, name).collect()
        if len(faulty):
            row, value = faulty.row(0)
            faults.append(
                f"{name} is {fault} in {len(faulty):,} rows (row {row:,}: {printable(str(value))[:40]!r})"
            )
    if faults:
        raise UserError(f"{path} is no usable trace: {'; '.join(faults)}; repair these rows or leave them out")


def _wrong_tokens(name: str, dtype: pl.DataType) -> tuple[str, pl.Expr]:
    """What is wrong with a number of tokens, and where."""
    import polars as pl

    return ("zero or negative", pl.col(name) <= 0) if dtype.is_numeric() else ("no number", pl.lit(value=True))
