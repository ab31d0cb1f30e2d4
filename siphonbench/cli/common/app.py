"""What every command shares: the door that turns mendable errors into one sentence, options, tables, progress."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from generator.errors import UserError, printable


class _Commands(TyperGroup):
    """What a user can mend becomes one sentence; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            message, code = f"error: {error}", 2
        except KeyboardInterrupt:
            message, code = "stopped; nothing half-written is left", 130
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output left, as `head` does
                raise
            free = f"{shutil.disk_usage(Path.cwd()).free / 1e6:,.0f} MB are free here"
            full = f"{free}; free some, or write to another disk"
            remedy = full if error.errno == errno.ENOSPC else "check the path and its permissions"
            message, code = f"error: {error.filename or Path.cwd()}: {error.strerror or error}; {remedy}", 2
        typer.echo(printable(message), err=True)
        raise typer.Exit(code)


STYLE: Any = {"rich_markup_mode": None, "no_args_is_help": True, "add_completion": False}
app = typer.Typer(
    cls=_Commands,
    pretty_exceptions_enable=False,
    help="Synthetic LLM-API logs, and a leaderboard for detecting distillation-extraction campaigns.",
    **STYLE,
)
