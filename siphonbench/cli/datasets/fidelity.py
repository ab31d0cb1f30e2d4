"""Distance to real traces."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from generator import files
from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app

if TYPE_CHECKING:
    from generator.dataset import Dataset
    from generator.fidelity.content.measurement import ContentRow
    from generator.fidelity.report import Report, Verdict

CONTENT = "content"
Reference = Annotated[
    Path,
    typer.Option(
        "--reference",
        help="Folder of real traces (Parquet); with --kind content, geometry of real prompts (JSON).",
    ),
]
Peer = Annotated[Path | None, typer.Option(help="Folder of other real traces, the peers of the references.")]
Kind = Annotated[
    str | None,
    typer.Option(help="api, reasoning, conversation, code or agent; all of these if left out. Or content."),
]
AnySplit = Annotated[str, typer.Option("--split", help="train, validation or test.")]
Repeats = Annotated[int, typer.Option(min=1, help="Times to draw samples.")]
Quick = Annotated[bool, typer.Option("--quick", help="No classifiers: seconds instead of minutes.")]
File = Annotated[Path | None, typer.Option("--out", help="Write the whole report as JSON.")]
Failed = Annotated[bool, typer.Option("--failed", help="Keep requests that failed; traces hold answered ones.")]
Plots = Annotated[Path | None, typer.Option(help="Folder to write an SVG plot of each comparison to.")]


@app.command(
    "fidelity",
    epilog="Example: siphonbench fidelity siphonbench-data/small --reference traces --kind agent "
    "(or --reference geometry.json --kind content)",
)
def _fidelity(
    reference: Reference,
    data: options.Data = DATA,
    peer: Peer = None,
    kind: Kind = None,
    split: AnySplit = "train",
    seed: options.Seed = None,
    repeats: Repeats = 7,
    quick: Quick = False,
    failed: Failed = False,
    as_json: options.Json = False,
    out: File = None,
    plots: Plots = None,
) -> None:
    """Compare benign traffic with real traces, kind by kind; exit code 1 if a threshold is missed.

    Kind content: how alike sketches and embeddings of two prompts are, by their relation, beside the texts that
    they read like and beside real prompts.
    """
    from generator.fidelity import comparison

    if out:
        files.check_writable(out)
    if kind == CONTENT:
        _content(api.load_verified(data), reference, split, seed or 0, as_json, out)
    pairs = comparison.pairs(reference, peer, kind)
    world = api.load_verified(data).reveal(split)
    with output.progress("comparing") as tick:
        reports = comparison.compare(world, pairs, seed or 0, repeats, not quick, tick, plots, failed)
    text = json.dumps([report.as_dict() for report in reports], indent=1)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(out, text + "\n")
    if as_json:
        typer.echo(text)
    else:
        _show(reports)
    raise typer.Exit(0 if all(report.passed for report in reports) else 1)


def _content(
    dataset: Dataset, reference: Path, split: str, seed: int, as_json: bool, out: Path | None
) -> NoReturn:
    """Show the content's distances, and end."""
    from generator.fidelity.content import encoder, geometry, measurement

    with output.progress("comparing"):
        rows = measurement.measure(dataset, geometry.read_reference(reference), split, seed)
    text = json.dumps([asdict(row) for row in rows], indent=1)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(out, text + "\n")
    if as_json:
        typer.echo(text)
    else:
        columns = ("relation", "measure", "logged", "text", "real", "bound", "result")
        output.show(columns, [_cells(row) for row in rows])
        if not encoder.installed():
            typer.echo(f"embeddings were not compared: {encoder.MISSING}", err=True)
    raise typer.Exit(0 if all(row.holds for row in rows) else 1)


def _cells(row: ContentRow) -> list[str]:
    """A row of the table."""
    numbers = ("-" if x is None else f"{x:.2f}" for x in (row.logged, row.text, row.real, row.bound))
    return [row.relation, row.measure, *numbers, "passed" if row.holds else "FAILED"]


def _show(reports: list[Report]) -> None:
    """Print one row per comparison."""
    from rich.table import Column, Table

    names = [verdict.name for verdict in reports[0].verdicts()]
    table = Table(*(Column(name, overflow="fold") for name in ("kind", "reference", *names, "result", "note")))
    for r in reports:
        result = "passed" if r.passed else "FAILED"
        table.add_row(r.kind, r.reference, *(_cell(v) for v in r.verdicts()), result, r.note)
    output.print_table(table)


def _cell(verdict: Verdict) -> str:
    """What was measured and the bound; an exclamation mark where it is missed."""
    if verdict.value is None:
        return "-"
    return f"{verdict.value:.3f} {verdict.bound}{' !' if verdict.holds is False else ''}"
