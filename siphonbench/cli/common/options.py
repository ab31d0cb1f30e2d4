"""Arguments and options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from generator import files
from generator.errors import UserError
from siphonbench.api import BOARD

ENTRIES = BOARD / "entries"
Data = Annotated[Path, typer.Argument(help="Dataset folder.")]
On = Annotated[Path, typer.Option("--data", help="Dataset folder.")]
Series = Annotated[list[Path], typer.Option("--data", help="Dataset folder; given again, the seeds of a series.")]
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
Entries = Annotated[
    list[Path], typer.Argument(help="Submission folder, or a predictions file; of a series, one for each --data.")
]
Receipt = Annotated[Path | None, typer.Option("--receipt", help="File for the receipt; shown if left out.")]


Preset = Annotated[str | None, typer.Option(help="nano, small, medium or full; nano if left out.")]
Seed = Annotated[int | None, typer.Option(help="Base seed, 0 if left out; same seed, same bytes.")]
Out = Annotated[
    Path | None, typer.Option(help="New or empty folder, or an address; siphonbench-data/PRESET if left out.")
]
AnyWorkers = Annotated[
    int | None,
    typer.Option(min=1, help="Processes; left out, as many as save time. Any number gives the same bytes."),
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
Text = Annotated[
    str | None,
    typer.Option(
        help="Whose prompts are there to be read: none, sample or all; the preset's or file's if left out."
    ),
]
Split = Annotated[str, typer.Option(help="validation or test.")]
Task = Annotated[str, typer.Option(help="accounts, campaigns, requests or early.")]
Host = Annotated[str, typer.Option(help="Address to listen at.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Budget = Annotated[
    int | None,
    typer.Option(
        min=1, help="Core seconds that each detector may take, a search all its trials; no end if left out."
    ),
]
CPUS = os.cpu_count() or 1


def private_board(out: Path) -> None:
    """Make the usual board's folder for its owner alone, before a command puts something into it.

    Parameters
    ----------
    out : Path
        What the command writes to.
    """
    if BOARD in out.parents:
        files.private_folder(BOARD)


def one_of(preset: str | None, config: Path | None) -> None:
    """Refuse a preset and a file at once.

    Parameters
    ----------
    preset : str, optional
        What --preset says.
    config : Path, optional
        What --config says.

    Raises
    ------
    UserError
        If both are given.
    """
    if preset and config:
        raise UserError(f"--preset {preset} and --config {config} exclude each other: give one of them")
