"""Fit a detector and keep it as a file; apply such a file to another dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generator.errors import printable
from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options
from siphonbench.cli.common.app import app
from siphonbench.cli.detectors.run import read_parameters
from siphonbench.workflows import detector_submissions, fitted_detectors

_FIT = """Example: siphonbench fit xgboost-relational --data siphonbench-data/nano --out relational

Several datasets: siphonbench fit volume --data siphonbench-data/one --data siphonbench-data/two --out volume

For your logs: siphonbench fit xgboost-relational --data siphonbench-data/small --like mine --out relational"""
_APPLY = """Example: siphonbench apply relational --data siphonbench-data/next --out entries/relational

Of a class of your own: siphonbench apply FOLDER --detector mymodule:MyDetector --data siphonbench-data/next"""


@app.command("fit", epilog=_FIT)
def _fit(
    name: Annotated[str, typer.Argument(metavar="DETECTOR", help="Its name, or mymodule:MyDetector.")],
    data: Annotated[
        list[Path] | None, typer.Option(help=f"Dataset folder; given again, fitted on all. {DATA} if left out.")
    ] = None,
    seed: options.Seed = None,
    params: Annotated[
        Path | None, typer.Option(help="TOML file with a table of parameters per detector, as tune writes it.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option(help="Dataset of your logs: it learns without the columns that they lack.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the file; siphonbench-board/fitted/DETECTOR if left out.")
    ] = None,
) -> None:
    """Fit a detector on the world train of one dataset or several, and keep it as a folder of plain data."""
    from baselines import plugins
    from baselines.fitted import folder as fitted_folder

    kind = plugins.find(name)
    folder = out or options.ENTRIES.parent / "fitted" / kind.name
    fitted_folder.check_replaceable(folder)
    parameters = read_parameters(params).get(kind.name, {}) if params else {}
    datasets = [api.load_verified(path) for path in data or [DATA]]
    fitted = fitted_detectors.fit(name, datasets, seed or 0, parameters, like)
    options.private_board(folder)
    fitted.save(folder)
    size = sum(file.stat().st_size for file in folder.iterdir())
    learnt = " and ".join(d.name for d in datasets)
    typer.echo(f"{folder}: {kind.name}, fitted on train of {learnt}, {size / 1e6:.2f} MB")
    typer.echo(f"next: siphonbench apply {folder} --data DATA --out ENTRY")


@app.command("apply", epilog=_APPLY)
def _apply(
    folder: Annotated[Path, typer.Argument(help="Fitted detector, as fit writes it.")],
    data: options.On = DATA,
    split: Annotated[str, typer.Option(help="train, validation or test; its labels are not read.")] = "test",
    task: options.Task = "accounts",
    detector: Annotated[
        str,
        typer.Option(help="mymodule:MyDetector, if it is of no built-in one; its code is run, the file never."),
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Submission folder; siphonbench-board/entries/DETECTOR if left out.")
    ] = None,
) -> None:
    """Let a fitted detector answer about a dataset of any preset, and write its answer as a submission."""
    from leaderboard.records import submission

    fitted = fitted_detectors.load_detector(folder, detector)
    dataset = api.load_verified(data)
    result = fitted.apply(dataset, split, task)
    entry = out or options.ENTRIES / detector_submissions.folder_name(result.name, task)
    options.private_board(entry)
    card = detector_submissions.author_card(entry, result.name, result.fields)
    submission.write(entry, result.predictions, card, task)
    learnt = " and ".join(f"{t.split} of {t.dataset} ({t.digest[:12]})" for t in fitted.training)
    typer.echo(printable(f"{result.name}, fitted on {learnt}"))
    if lost := fitted.unprepared(dataset.reveal(split)):
        typer.echo(
            f"it learnt from {len(lost)} columns that {data} lacks; mend that with: fit --like {data}", err=True
        )
    typer.echo(f"{entry}: {len(result.predictions):,} rows for the task {task}, in {result.seconds:.1f} s")
