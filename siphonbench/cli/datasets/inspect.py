"""Pictures of a campaign, for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator import files
from generator.errors import UserError
from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app

if TYPE_CHECKING:
    from generator.dataset import Dataset


@app.command(
    "inspect", epilog="Example: siphonbench inspect siphonbench-data/nano --campaign campaign/0 --out look.html"
)
def _inspect(
    data: options.Data = DATA,
    campaign: Annotated[str | None, typer.Option(help="Campaign; the largest if left out.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test; its labels are opened.")] = "train",
    every: Annotated[bool, typer.Option("--all", help="One page per campaign and an index, in a folder.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="HTML file, or folder with --all; inspect.html or inspect if left out.")
    ] = None,
    seed: options.Seed = None,
) -> None:
    """Draw a campaign beside benign accounts, as one HTML page."""
    from polars.exceptions import ComputeError

    if every and campaign:
        raise UserError(f"--all and --campaign {campaign} exclude each other: give one of them")
    if out and not every:
        files.check_writable(out)
    dataset = api.load(data)
    try:
        page = _draw(dataset, split, campaign, every, out, seed or 0)
    except ComputeError as error:  # not every digest is recomputed first: on a large dataset that takes minutes
        raise UserError(f"{data} can't be read; see what is damaged with: siphonbench verify {data}") from error
    typer.echo(f"{page}  {page.stat().st_size / 1e6:.2f} MB, labels of {split} are open in it")


def _draw(dataset: Dataset, split: str, campaign: str | None, every: bool, out: Path | None, seed: int) -> Path:
    from generator.campaign_report import page, selection
    from leaderboard.site import templating

    style = templating.style()
    reported = selection.survey(dataset, split)
    if not every:
        return page.write(reported, out or Path("inspect.html"), campaign, seed, style)
    with output.progress("drawing") as tick:
        return page.write_all(reported, out or Path("inspect"), seed, tick, style)
