"""List and run detectors, built-in or installed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siphonbench import DATA
from siphonbench_cli import root

group = typer.Typer(help="List, run or check detectors.", **root.STYLE)
root.app.add_typer(group, name="baselines")


@group.command("list", epilog="Example: siphonbench baselines list")
def _list() -> None:
    """Show all detectors and the field groups that they use; upper bounds are told cohorts as well."""
    from baselines import UPPER_BOUNDS, plugins
    from generator.schema import field_groups

    rows = [
        (name, field_groups(d.fields) + " + cohorts" * d.upper_bound, d.description, d.source)
        for name, d in (plugins.everything() | UPPER_BOUNDS).items()
    ]
    root.show(("detector", "fields", "what it does", "source"), rows)


@group.command("run", epilog="Example: siphonbench baselines run volume rate-limit --split validation")
def _run(
    names: Annotated[list[str] | None, typer.Argument(help="Detectors; all if left out.")] = None,
    data: root.On = DATA,
    split: root.Split = "test",
    seed: root.Seed = None,
    out: Annotated[Path, typer.Option(help="Gets one submission folder per detector.")] = root.ENTRIES,
) -> None:
    """Train detectors on train, score a split, and root.write a submission folder for each."""
    for result in root.results(root.opened(data), names, split, seed):
        typer.echo(f"{root.write(result, out)}  {result.seconds:.1f} s")
