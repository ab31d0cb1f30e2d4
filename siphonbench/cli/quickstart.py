"""From an empty folder to a ranked board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generator import files
from siphonbench import api
from siphonbench.api import BOARD, DATA
from siphonbench.cli.boards.leaderboard import show_board
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app
from siphonbench.cli.datasets.generate import make
from siphonbench.workflows import detector_submissions

WORLD = Path(api.__file__).parent / "workflows" / "quickstart.toml"
FIRST_LOOK = (
    "random",
    "constant",
    "volume",
    "rate-limit",
    "provider-rules",
    "xgboost-aggregates",
    "echo-graph",
    "catchsync",
    "seat",
    "xgb-graph",
    "xgboost-relational",
)
"""What is quick of each kind of evidence but text, quickest first: there soon is something to see."""


@app.command("quickstart", epilog="Example: siphonbench quickstart --preset nano --seed 7")
def _quickstart(
    preset: Annotated[
        str | None, typer.Option(help="nano, small, medium or full; left out, 3,000 accounts and 27 campaigns.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Base seed; if left out 11, with a preset 0. Same seed, same bytes.")
    ] = None,
    out: options.Out = None,
    workers: options.AnyWorkers = None,
    board: options.Board = BOARD,
    everything: Annotated[
        bool, typer.Option("--all", help="Every detector, built in or installed, in place of a choice of 11.")
    ] = False,
) -> None:
    """From an empty folder to a ranked board: 11 detectors, from chance to relations, in a minute or two."""
    from generator.config import dataset_config

    config = None if preset else WORLD
    plan = dataset_config.from_preset(preset, seed or 0) if preset else dataset_config.from_file(WORLD, seed)
    folder = out or DATA.parent / plan.name
    there = (folder / "manifest.json").exists()
    if there and api.load_verified(folder).manifest.get("config_digest") == plan.digest:
        typer.echo(f"{folder} is complete already")
    else:
        make(preset, seed, folder, workers, config)
    data = api.load(folder)
    files.private_folder(board)
    with output.progress("training and scoring") as tick:
        results = detector_submissions.answers(data, None if everything else [*FIRST_LOOK], "test", seed, tick)
        for name, card in detector_submissions.recorded(results, data, board):
            typer.echo(f"{name}: average precision {card.primary.value:.3f}", err=True)
    show_board(data, board)
    typer.echo(
        f"Next: copy {board / 'entries' / 'volume'}, put your own scores into it, and\n"
        f"  siphonbench submit FOLDER --data {folder} --board {board}\n"
        f"  siphonbench ui --board {board}            MLflow's own pages\n"
        "  siphonbench quickstart --preset small     a larger, harder world\n"
        "  siphonbench quickstart --all              every detector, on the same board"
    )
