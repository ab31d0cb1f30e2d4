"""What every command shares: the door that turns mendable errors into one sentence, options, tables, progress."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

import siphonbench
from generator.errors import UserError, printable
from siphonbench import BOARD

if TYPE_CHECKING:
    from rich.table import Table

    from baselines.answers import Result
    from generator.dataset import Dataset
    from leaderboard.card import Card

ENTRIES = BOARD / "entries"


class _Door(TyperGroup):
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
    cls=_Door,
    pretty_exceptions_enable=False,
    help="Synthetic LLM-API logs, and a leaderboard for detecting distillation-extraction campaigns.",
    **STYLE,
)

Data = Annotated[Path, typer.Argument(help="Dataset folder.")]
On = Annotated[Path, typer.Option("--data", help="Dataset folder.")]
Board = Annotated[Path, typer.Option("--board", help="Folder of the MLflow store and board.html.")]
AnyStore = Annotated[
    str,
    typer.Option(
        "--board",
        envvar="SIPHONBENCH_BOARD",
        help="Folder of the store, its postgresql:// address, or a tracking server's http:// address.",
    ),
]
Tables = Annotated[
    str,
    typer.Option(
        envvar="SIPHONBENCH_TABLES",
        help="Database of teams and queue, where it is not the store's; postgresql:// address.",
    ),
]
Entry = Annotated[Path, typer.Argument(help="Submission folder, or a predictions file.")]
Preset = Annotated[str | None, typer.Option(help="nano, small, medium or full; nano if left out.")]
Seed = Annotated[int | None, typer.Option(help="Base seed, 0 if left out; same seed, same bytes.")]
Out = Annotated[
    Path | None, typer.Option(help="New or empty folder, or an address; siphonbench-data/PRESET if left out.")
]
Workers = Annotated[int, typer.Option(min=1, help="Processes; any number gives the same bytes.")]
Config = Annotated[
    Path | None,
    typer.Option("--config", "--scenario", help="TOML file in place of a preset, or a scenario that comes along."),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from what a stopped run has left, to the same bytes.")
]
Engine = Annotated[str, typer.Option(help="serial, processes or dask; left out, as many processes as --workers.")]
Scheduler = Annotated[
    str, typer.Option(help="Address of Dask's scheduler; left out, --engine dask starts a cluster here.")
]
Split = Annotated[str, typer.Option(help="validation or test.")]
Task = Annotated[str, typer.Option(help="accounts, campaigns, requests or early.")]
Host = Annotated[str, typer.Option(help="Address to listen at.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CPUS = os.cpu_count() or 1


def opened(folder: Path) -> Dataset:
    """The dataset, once every file is what its manifest says."""
    if faults := siphonbench.verify(folder):
        some = "; ".join(faults[:3])
        files = "file" if len(faults) == 1 else "files"
        raise UserError(f"{folder} has {len(faults)} damaged {files}: {some}; generate or download it again")
    return siphonbench.load(folder)


def one_of(preset: str | None, config: Path | None) -> None:
    """A preset or a file, and not both."""
    if preset and config:
        raise UserError(f"--preset {preset} and --config {config} exclude each other: give one of them")


def results(data: Dataset, names: list[str] | None, split: str, seed: int | None) -> Iterator[Result]:
    """What detectors say about a split, with a progress bar; all that are built in or installed without names."""
    from baselines import DETECTORS, plugins, run

    chosen, target = names or [*DETECTORS, *plugins.installed()], data.reveal(split).without_labels()
    with progress("training and scoring") as tick:
        tick(0, len(chosen))
        for done, result in enumerate(run.run_all(chosen, data.reveal("train"), target, seed or 0), 1):
            yield result
            tick(done, len(chosen))


def write(result: Result, out: Path) -> Path:
    """Write what a detector said as a submission folder."""
    from leaderboard import submission

    return submission.write(out / result.name, result.predictions, card(result.name, result.fields))


def card(name: str, fields: Iterable[str]) -> Card:
    """Card of a detector's submission."""
    from baselines import DETECTORS
    from generator.schema import field_groups
    from leaderboard.card import Card

    team = "SiphonBench baselines" if name in DETECTORS else "not named"
    return Card(name=name, team=team, field_groups=field_groups(fields))


def replace(file: Path, text: str) -> None:
    """Write a file; it is whole whenever it is there."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.new")
    temporary.write_text(text, "utf-8")
    temporary.replace(file)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Progress bar on standard error; call the result with (done, total)."""
    from rich.console import Console
    from rich.progress import Progress

    # Time left is told from all steps so far: one may take minutes.
    with Progress(console=Console(stderr=True), transient=True, speed_estimate_period=3600) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table."""
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    print_table(table)


def print_table(table: Table) -> None:
    """Print a table, uncut where there is no terminal to fit."""
    from rich.console import Console

    # A file or pipe has no width to fit: nothing is cut there.
    Console(width=None if sys.stdout.isatty() else 160).print(table)
