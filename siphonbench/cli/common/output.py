"""Progress bars on standard error and tables on standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator import files

if TYPE_CHECKING:
    from rich.table import Table

_UNBOUNDED = 10_000  # columns: wider than any table, so that the measure is the table's own


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error.

    Parameters
    ----------
    what : str
        What is going on, as a participle.

    Yields
    ------
    callable
        To be told (done, total).
    """
    from rich.console import Console
    from rich.progress import Progress

    # Time left is told from all steps so far: one may take minutes.
    with Progress(console=Console(stderr=True), transient=True, speed_estimate_period=3600) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def receipt(content: Mapping[str, Any], out: Path | None) -> None:
    """Write a receipt to a file, or show it on standard error as a line of JSON.

    Parameters
    ----------
    content : mapping
        Plain values.
    out : Path or None
        The file.
    """
    import typer

    if out is None:
        typer.echo(f"Receipt: {json.dumps(content)}", err=True)
    else:
        files.write_text(out, json.dumps(content) + "\n")


def show(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table.

    Parameters
    ----------
    columns : iterable of str
        Heads.
    rows : iterable of iterable of str
        Cells.
    """
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    print_table(table)


def print_table(table: Table) -> None:
    """Print a table of rich; where it would have to cut a word, each row becomes lines of head and cell.

    A file or pipe has no width to fit, so that nothing is cut there, unless COLUMNS names one.

    Parameters
    ----------
    table : Table
        With its rows.
    """
    from rich.console import Console

    fixed = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(width=None if fixed else 160)
    fits = console.measure(table, options=console.options.update(width=_UNBOUNDED)).minimum <= console.width
    console.print(table if fits else _records(table))


def _records(table: Table) -> Table:
    from rich.table import Table

    records = Table.grid(padding=(0, 2))
    records.title, records.caption = table.title, table.caption
    records.add_column(no_wrap=True)
    records.add_column(overflow="fold")
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        for column, cell in zip(table.columns, cells, strict=True):
            records.add_row(column.header, cell)
        records.add_row()
    return records
