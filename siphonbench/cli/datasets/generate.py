"""Make a dataset, and look at its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app

if TYPE_CHECKING:
    from generator.dataset import Split


@app.command("generate", epilog="Example: siphonbench generate --preset small --seed 7 --out my-data --workers 2")
def _generate(
    preset: options.Preset = None,
    seed: options.Seed = None,
    out: options.Out = None,
    workers: options.AnyWorkers = None,
    config: options.Config = None,
    resume: options.Resume = False,
    engine: options.Engine = "",
    scheduler: options.Scheduler = "",
    text: options.Text = None,
) -> None:
    """Make a dataset: three worlds of labelled traffic."""
    make(preset, seed, out, workers, config, resume=resume, engine=engine, scheduler=scheduler, text=text)


def make(
    preset: str | None,
    seed: int | None,
    out: Path | None,
    workers: int | None,
    config: Path | None = None,
    **settings: Any,
) -> None:
    """Generate with a progress bar, and describe the dataset.

    Parameters
    ----------
    preset, seed, out, workers, config
        As for `siphonbench.generate`.
    **settings
        resume, engine, scheduler and text, as there.
    """
    options.one_of(preset, config)
    with output.progress("generating") as tick:
        dataset = api.generate(preset or "nano", seed, out, workers, config, tick, **settings)
    typer.echo(dataset)


@app.command("info", epilog="Example: siphonbench info siphonbench-data/nano --campaigns")
def _info(
    data: options.Data = DATA,
    campaigns: Annotated[
        bool, typer.Option("--campaigns", help="Count what each campaign did, and whether it adds up.")
    ] = False,
    split: Annotated[
        str | None, typer.Option(help="Split to count; left out, all whose labels are not masked.")
    ] = None,
) -> None:
    """Show a dataset's sizes, prevalence and config; or its campaigns, exit code 1 if they do not add up."""
    dataset = api.load(data)
    if not campaigns:
        typer.echo(f"{dataset}\n{json.dumps(dataset.manifest['config'], indent=1)}")
        return
    names = [split] if split else [name for name, s in dataset.splits.items() if not s.masked]
    if faults := [fault for name in names for fault in _account(dataset.reveal(name))]:
        typer.echo(f"{len(faults)} do not add up: " + "; ".join(faults), err=True)
        raise typer.Exit(1)
    typer.echo("Everything adds up: planned = logged = answered + rejected, accounts, tokens, list price.")


def _account(split: Split) -> list[str]:
    """Show the ledger of one split's campaigns; what does not add up."""
    from generator.audit.conservation import ledger

    with output.progress(f"counting {split.name}") as tick:
        lines, faults = ledger(split, tick)
    head = ("campaign", "archetype", "tier", "accounts", "planned", "logged", "answered", "rejected", "exchanges")
    rows = [
        (
            line.campaign or f"all of {split.name}",
            line.archetype,
            line.tier,
            *(f"{n:,}" for n in (line.accounts, line.planned, line.logged, line.answered, line.rejected)),
            f"{line.useful:,}",
            *(f"{n / 1e6:,.2f}" for n in (line.input_tokens, line.output_tokens)),
            f"{line.price:,.2f}",
            f"{line.median:.1f}",
        )
        for line in lines
    ]
    output.show((*head, "M tokens in", "M tokens out", "list price USD", "a day, median"), rows)
    return faults
