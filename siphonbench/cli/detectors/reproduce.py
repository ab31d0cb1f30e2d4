"""Make the README's table again, and say which figures moved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generator.errors import UserError
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app
from siphonbench.workflows import reproduction


@app.command("reproduce", epilog="Example: siphonbench reproduce --preset nano --seeds 11")
def _reproduce(
    preset: Annotated[str, typer.Option(help="nano, small, medium or full.")] = "nano",
    seeds: Annotated[list[int] | None, typer.Option(min=0, help="Base seed, 11 if left out; repeat it.")] = None,
    detector: Annotated[list[str] | None, typer.Option(help="Only this detector; repeat it.")] = None,
    figures: Annotated[
        Path | None, typer.Option(help="JSON file of kept figures; those that come along if left out.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Keep what was made in place of comparing it; others stay.")
    ] = False,
    workers: options.Workers = 1,
) -> None:
    """Make the table of baselines again; exit code 1 if a figure moved beyond the tolerance."""
    from baselines import plugins
    from baselines.registry import WITHOUT_EXTRAS
    from generator.config import dataset_config

    if preset not in dataset_config.PRESETS:
        raise UserError(f"no preset {preset!r}: choose {', '.join(dataset_config.PRESETS)}")
    kinds = [plugins.find(n) for n in detector or WITHOUT_EXTRAS]
    names = list(dict.fromkeys(k.name for k in kinds if detector or "accounts" in k.tasks))
    seeds = list(dict.fromkeys(seeds or [11]))
    file = figures or reproduction.FOLDER / f"{preset}.json"
    if write and not file.parent.is_dir():
        raise UserError(f"{file.parent} is no folder: make it first, or choose another with --figures")
    old, tolerance = ({}, 0.0) if write and not file.exists() else reproduction.kept(file)
    keys = tuple(f"{seed}/{name}/" for seed in seeds for name in names)
    if not write and not any(key.startswith(keys) for key in old):
        raise UserError(f"{file} keeps no figures of these seeds and detectors: choose others, or use --write")
    with output.progress("training and scoring") as tick:
        new = reproduction.figures(preset, seeds, names, workers, tick)
    if write:
        others = {key: value for key, value in old.items() if not key.startswith(keys)}
        reproduction.write(file, others | new)
        typer.echo(f"{file}: {len(new)} figures kept")
        return
    if sentences := reproduction.moved(old, new, tolerance, names, seeds):
        typer.echo("\n".join([f"{len(sentences)} of {len(new)} figures moved:", *sentences]))
        raise typer.Exit(1)
    typer.echo(f"All {len(new)} figures are as kept in {file}, within {tolerance:g}")
