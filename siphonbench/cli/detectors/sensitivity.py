"""Which assumption the order of detectors hangs on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app


@app.command(
    "sensitivity",
    epilog="Example: siphonbench sensitivity my-study --preset nano --seeds 11 --group links --group templates",
)
def _sensitivity(
    folder: Annotated[
        Path, typer.Argument(help="Of the study; a second process, or a second try, goes on in it.")
    ],
    preset: Annotated[str, typer.Option(help="nano, small, medium or full.")] = "nano",
    seeds: Annotated[list[int] | None, typer.Option(min=0, help="Base seed, 11 if left out; repeat it.")] = None,
    detector: Annotated[
        list[str] | None, typer.Option(help="Name, or module:Class; repeat it. Eight of them if left out.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Group of dials that is moved; repeat it. All if left out.")
    ] = None,
    joint: Annotated[
        int, typer.Option(min=0, help="Worlds a seed in which all groups are moved at once (a Latin hypercube).")
    ] = 0,
    table: Annotated[
        Path | None, typer.Option(help="TOML file of groups, in place of those that come along.")
    ] = None,
    workers: options.Workers = 1,
    as_json: options.Json = False,
) -> None:
    """Move groups of assumed dials low and high, and say which conclusions about detectors hold.

    Writes the design first, with a scenario file for each world, then a row for each world, and at the end
    sensitivity.md, .csv, .json and tornado.svg.
    """
    from siphonbench.workflows.sensitivity import design, groups, pages, summary
    from siphonbench.workflows.sensitivity import rows as world_rows

    chosen = groups.chosen(groups.read(table or groups.SHIPPED), group or [])
    study = design.plan(preset, seeds or [11], detector or design.DETECTORS, chosen, joint)
    design.keep(study, folder)
    with output.progress("making worlds") as tick:
        rows = world_rows.make(study, folder, workers, tick)
    found = summary.summarise(study, rows)
    written = pages.write(found, folder)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=1))
        return
    output.show(pages.head(found), pages.rows(found))
    typer.echo(summary.words(found))
    typer.echo(f"{folder}: {', '.join(file.name for file in written)}")
