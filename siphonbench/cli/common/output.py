"""Progress bars on standard error and tables on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator import files

if TYPE_CHECKING:
    from rich.table import Table


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
    """Print a table of rich, uncut where there is no terminal to fit.

    Parameters
    ----------
    table : Table
        With its rows.
    """
    from rich.console import Console

    # A file or pipe has no width to fit: nothing is cut there.
    Console(width=None if sys.stdout.isatty() else 160).print(table)
