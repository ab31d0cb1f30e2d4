"""What every command shares: the door that turns mendable errors into one sentence, options, tables, progress."""

from __future__ import annotations

import errno
import signal
import threading
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from generator import files
from generator.errors import UserError, printable


def _stop_once(*_: Any) -> None:
    """Handler of Ctrl-C: the first stops the command, the next ones don't stop its tidying up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


SECTIONS = {
    "Start": ("quickstart",),
    "Make data": ("generate", "scenario", "release", "verify", "export", "fidelity"),
    "Look": ("info", "columns", "inspect", "explain"),
    "Detect": ("baselines", "fit", "apply"),
    "Look into your own logs": ("ingest", "triage"),
    "Submit": ("check", "evaluate", "decide", "submit", "leaderboard"),
    "Run a board, a class or a season": ("serve", "team", "site", "ui", "class", "season"),
    "Develop": ("new-detector", "audit", "duel", "redteam", "reproduce", "sensitivity"),
}
_WHOLE = 1000  # characters: a summary is told whole, wrapped where the terminal ends


class _Commands(TyperGroup):
    """What a user can mend becomes one sentence; anything else is a bug and keeps its traceback."""

    def list_commands(self, ctx: Any) -> list[str]:
        ordered = [name for names in SECTIONS.values() for name in names if name in self.commands]
        return ordered + [name for name in self.commands if name not in ordered]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        named = {name for names in SECTIONS.values() for name in names}
        others = tuple(name for name in self.commands if name not in named)
        for title, names in [*SECTIONS.items(), ("Others", others)]:
            if rows := [(n, self.commands[n].get_short_help_str(_WHOLE)) for n in names if n in self.commands]:
                with formatter.section(title):
                    formatter.write_dl(rows)

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
    **(STYLE | {"add_completion": True}),
)


def _show_version(asked: bool) -> None:
    if asked:
        from siphonbench import __version__

        typer.echo(f"siphonbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
