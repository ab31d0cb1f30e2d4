"""Every column of a dataset, from the schema that is written and checked by."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from generator.errors import UserError
from siphonbench.cli.common import output
from siphonbench.cli.common.app import app

HEAD = ("column", "type", "unit", "group", "what it is")
NOTE = "In Python, account_labels is split.labels; every other table has its own name, as in split.requests."


@app.command("columns", epilog="Example: siphonbench columns requests")
def _columns(table: Annotated[str | None, typer.Argument(help="Table; all if left out.")] = None) -> None:
    """Show every column: type, unit, field group, and what it is."""
    from generator.schema import GROUPS, TABLES

    if table is not None and table not in TABLES:
        raise UserError(f"no table {table!r}: choose {', '.join(TABLES)}")
    chosen = [table] if table else TABLES
    output.show(("table", *HEAD), [(name, *map(escape, row)) for name in chosen for row in rows(name)])
    typer.echo("\n".join(["Groups:", *(f"  {letter}  {what}" for letter, what in GROUPS.items()), NOTE]))


def rows(table: str) -> list[tuple[str, str, str, str, str]]:
    """Describe every column of a table.

    Parameters
    ----------
    table : str
        Its name.

    Returns
    -------
    list of tuple of str
        A row per column, with the cells that `HEAD` names.
    """
    from generator.schema import CATEGORY, TABLES

    return [
        (c.name, "category" if c.dtype == CATEGORY else str(c.dtype), c.unit, c.group, c.description)
        for c in TABLES[table]
    ]
