"""The folder that is uploaded, and the check of any folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from generator.errors import UserError
from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app

_SHOWN = 20


@app.command("release", epilog="Example: siphonbench release --preset nano --seed 7 --out siphonbench-nano")
def _release(
    out: Annotated[Path, typer.Option(help="New or empty folder.")],
    preset: options.Preset = None,
    seed: options.Seed = None,
    workers: options.Workers = options.CPUS,
    config: options.Config = None,
    resume: options.Resume = False,
    engine: options.Engine = "",
    scheduler: options.Scheduler = "",
    text: options.Text = None,
    test_truth: Annotated[
        bool,
        typer.Option(
            "--with-test-truth/--without-test-truth",
            help="Put the test labels into test-truth/, or leave them out.",
        ),
    ] = False,
    owner: Annotated[
        str, typer.Option(help="Your account at the hosts, for the ids that they ask for.")
    ] = "siphonbench",
    date: Annotated[str, typer.Option(help="Of publication, e.g. 2026-11-25; today if left out.")] = "",
) -> None:
    """Write a dataset as it is uploaded: data, samples, checksums, and metadata for every host."""
    options.one_of(preset, config)
    how: dict[str, Any] = {"resume": resume, "engine": engine, "scheduler": scheduler, "text": text}
    how |= {"test_truth": test_truth, "published": date, "owner": owner}
    with output.progress("generating") as tick:
        dataset = api.release(out, preset or "nano", seed, workers, config, tick, **how)
    typer.echo(dataset)
    held = "in test-truth/" if test_truth else "left out (--with-test-truth puts them into a folder of their own)"
    typer.echo(f"Labels of test: {held}. Check it: siphonbench verify {out}")


@app.command("verify", epilog="Example: siphonbench verify siphonbench-data/nano --regenerate")
def _verify(
    data: options.Data = DATA,
    regenerate: Annotated[
        bool, typer.Option("--regenerate", help="Make the data again, and compare what the files hold.")
    ] = False,
    workers: options.Workers = options.CPUS,
) -> None:
    """Recompute every digest of a dataset or release, and name each file that is changed, missing or unknown."""
    with output.progress("checking") as tick:
        faults = api.verify(data, regenerate=regenerate, workers=workers, on_shard=tick)
    if faults:
        files = "file" if len(faults) == 1 else "files"
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        some = "; ".join(faults[:_SHOWN])
        raise UserError(f"{data} has {len(faults)} damaged {files}: {some}{more}; generate or download it again")
    typer.echo(f"{data}: every file is as it was written" + ", and as it is made again" * regenerate)
