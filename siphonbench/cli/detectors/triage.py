"""Which groups of accounts to look at first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generator import files
from generator.errors import printable
from siphonbench import api
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app

_EXAMPLES = """Example: siphonbench triage mine --detector relational --out triage.html

Before: siphonbench fit xgboost-relational --data siphonbench-data/small --like mine --out relational"""


@app.command("triage", epilog=_EXAMPLES)
def _triage(
    data: options.Data,
    detector: Annotated[Path, typer.Option(help="Fitted detector, as fit writes it.")],
    code: Annotated[
        str, typer.Option("--class", help="mymodule:MyDetector, if the file is of no built-in detector.")
    ] = "",
    most: Annotated[int, typer.Option("--groups", min=1, help="How many groups are looked into.")] = 10,
    reference: Annotated[
        Path | None, typer.Option(help="Synthetic dataset that says which score one innocent in a thousand has.")
    ] = None,
    split: Annotated[str, typer.Option(help="World of the dataset; its labels are not read.")] = "test",
    out: Annotated[Path, typer.Option(help="File that ends in .html, .csv or .json.")] = Path("triage.html"),
) -> None:
    """Rank groups of accounts by a fitted detector, with what ties them and what may explain it."""
    from siphonbench.workflows import fitted_detectors, triage, triage_page

    triage_page.check_name(out)
    files.check_writable(out)
    fitted = fitted_detectors.load_detector(detector, code)
    known = api.load(reference) if reference else None
    with output.progress("gathering evidence") as tick:
        found = triage.triage(api.load_verified(data), fitted, most, known, split, tick)
    page = triage_page.write(found, out)
    content = triage_page.as_dict(found)
    rows = [
        (
            str(g["rank"]),
            f"{g['score']:.3f}" + " above" * bool(g["above_threshold"]),
            f"{len(g['accounts']):,}",
            g["evidence"][0]["what"] if g["evidence"] else "-",
        )
        for g in content["ranked"]
    ]
    output.show(("rank", "score", "accounts", "strongest tie"), rows)
    if found.threshold is not None:
        typer.echo(f"one benign account in a thousand of {reference} scores above {found.threshold:.3f}")
    if found.unprepared:
        typer.echo(
            f"{found.detector} learnt from {len(found.unprepared)} columns that {data} lacks, so the order may "
            f"mislead: fit it again with --like {data}",
            err=True,
        )
    typer.echo(printable(f"{page}  {page.stat().st_size / 1e6:.2f} MB. {triage_page.WARNING}"))
