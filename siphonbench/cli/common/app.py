"""What every command shares: the door that turns mendable errors into one sentence, options, tables, progress."""

from __future__ import annotations

import errno
import signal
import threading
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from generator import files
from generator.errors import UserError, printable


def _stop_once(*_: Any) -> None:
    """Handler of Ctrl-C: the first stops the command, the next ones don't stop its tidying up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


class _Commands(TyperGroup):
    """What a user can mend becomes one sentence; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, _stop_once)
        try:
            return super().invoke(ctx)
        except UserError as error:
            message, code = f"error: {error}", 2
        except KeyboardInterrupt:
            message, code = "stopped; nothing half-written is left", 130
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output left, as `head` does
                raise
            path, remedy = error.filename or Path.cwd(), "check the path and its permissions"
            if error.errno in files.FULL:
                remedy = f"{files.no_space(Path(path))}; free some, or write to another disk"
            message, code = f"error: {path}: {error.strerror or error}; {remedy}", 2
        typer.echo(printable(message), err=True)
        raise typer.Exit(code)


STYLE: Any = {"rich_markup_mode": None, "no_args_is_help": True, "add_completion": False}
app = typer.Typer(
    cls=_Commands,
    pretty_exceptions_enable=False,
    help="Synthetic LLM-API logs, and a leaderboard for detecting distillation-extraction campaigns.",
    **STYLE,
)
