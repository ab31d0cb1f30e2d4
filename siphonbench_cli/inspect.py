"""Pictures of a campaign, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generator.errors import UserError
from siphonbench import DATA
from siphonbench_cli import root


@root.app.command(
    "inspect", epilog="Example: siphonbench inspect siphonbench-data/nano --campaign campaign/0 --out look.html"
)
def _inspect(
    data: root.Data = DATA,
    campaign: Annotated[str | None, typer.Option(help="Campaign; the largest if left out.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test; its labels are opened.")] = "train",
    every: Annotated[bool, typer.Option("--all", help="One page per campaign and an index, in a folder.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="HTML file, or folder with --all; inspect.html or inspect if left out.")
    ] = None,
    seed: root.Seed = None,
) -> None:
    """Draw a campaign beside benign accounts, as one HTML page."""
    from generator.portrait import gather, page

    if every and campaign:
        raise UserError(f"--all and --campaign {campaign} exclude each other: give one of them")
    world = gather.survey(root.opened(data), split)
    if every:
        with root.progress("drawing") as tick:
            made = page.write_all(world, out or Path("inspect"), seed or 0, tick)
    else:
        made = page.write(world, out or Path("inspect.html"), campaign, seed or 0)
    typer.echo(f"{made}  {made.stat().st_size / 1e6:.2f} MB, labels of {split} are open in it")
