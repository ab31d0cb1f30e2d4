"""Make a dataset, and look at its folder."""

from __future__ import annotations

import json
from pathlib import Path

import typer

import siphonbench
from generator.errors import UserError
from siphonbench import DATA
from siphonbench_cli import root


@root.app.command(
    "generate", epilog="Example: siphonbench generate --preset small --seed 7 --out my-data --workers 2"
)
def _generate(
    preset: root.Preset = None,
    seed: root.Seed = None,
    out: root.Out = None,
    workers: root.Workers = root.CPUS,
    config: root.Config = None,
) -> None:
    """Make a dataset: three worlds of labelled traffic."""
    make(preset, seed, out, workers, config)


def make(preset: str | None, seed: int | None, out: Path | None, workers: int, config: Path | None = None) -> None:
    """Generate with a progress bar, and say what was made."""
    if preset and config:
        raise UserError(f"--preset {preset} and --config {config} exclude each other: give one of them")
    with root.progress("generating") as tick:
        made = siphonbench.generate(preset or "nano", seed, out, workers, config, tick)
    typer.echo(made)


@root.app.command("info", epilog="Example: siphonbench info siphonbench-data/nano")
def _info(data: root.Data = DATA) -> None:
    """Show a dataset's sizes, prevalence and config."""
    dataset = siphonbench.load(data)
    typer.echo(f"{dataset}\n{json.dumps(dataset.manifest['config'], indent=1)}")


@root.app.command("verify", epilog="Example: siphonbench verify siphonbench-data/nano")
def _verify(data: root.Data = DATA) -> None:
    """Recompute every digest of a dataset."""
    typer.echo(f"{root.opened(data).path}: every file is as the manifest says")
