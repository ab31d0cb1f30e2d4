"""Make a dataset, and look at its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import siphonbench
from siphonbench import DATA
from siphonbench_cli import root

if TYPE_CHECKING:
    from generator.dataset import Split


@root.app.command(
    "generate", epilog="Example: siphonbench generate --preset small --seed 7 --out my-data --workers 2"
)
def _generate(
    preset: root.Preset = None,
    seed: root.Seed = None,
    out: root.Out = None,
    workers: root.Workers = root.CPUS,
    config: root.Config = None,
    resume: root.Resume = False,
    engine: root.Engine = "",
    scheduler: root.Scheduler = "",
) -> None:
    """Make a dataset: three worlds of labelled traffic."""
    make(preset, seed, out, workers, config, resume=resume, engine=engine, scheduler=scheduler)


def make(
    preset: str | None,
    seed: int | None,
    out: Path | None,
    workers: int,
    config: Path | None = None,
    **options: Any,
) -> None:
    """Generate with a progress bar, and say what was made."""
    root.one_of(preset, config)
    with root.progress("generating") as tick:
        made = siphonbench.generate(preset or "nano", seed, out, workers, config, tick, **options)
    typer.echo(made)


@root.app.command("info", epilog="Example: siphonbench info siphonbench-data/nano --campaigns")
def _info(
    data: root.Data = DATA,
    campaigns: Annotated[
        bool, typer.Option("--campaigns", help="Count what each campaign did, and whether it adds up.")
    ] = False,
    split: Annotated[
        str | None, typer.Option(help="Split to count; left out, all whose labels are not masked.")
    ] = None,
) -> None:
    """Show a dataset's sizes, prevalence and config; or its campaigns, exit code 1 if they do not add up."""
    dataset = siphonbench.load(data)
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
    from generator.ledger import ledger

    with root.progress(f"counting {split.name}") as tick:
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
    root.show((*head, "M tokens in", "M tokens out", "list price USD", "a day, median"), rows)
    return faults
