"""Datasets in the layouts of other benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options
from siphonbench.cli.common.app import app


@app.command(
    "export", epilog="Example: siphonbench export siphonbench-data/nano --layout relbench --out nano-relbench"
)
def _export(
    out: Annotated[Path, typer.Option(help="New folder.")],
    data: options.Data = DATA,
    layout: Annotated[str, typer.Option(help="relbench (version 3) or tgb (a stream of events).")] = "relbench",
    test_labels: Annotated[bool, typer.Option("--test-labels", help="Write the labels of test as well.")] = False,
) -> None:
    """Write a dataset in another benchmark's layout, for models that are written for that."""
    from siphonbench.workflows import exports

    typer.echo(exports.export(api.load(data), layout, out, test_labels))
