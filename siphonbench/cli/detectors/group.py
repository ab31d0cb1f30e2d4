"""List detectors, built-in or installed."""

from __future__ import annotations

import typer
from rich.markup import escape

from siphonbench.cli.common import output
from siphonbench.cli.common.app import STYLE, app

group = typer.Typer(help="List, run or check detectors.", **STYLE)
app.add_typer(group, name="baselines")


@group.command("list", epilog="Example: siphonbench baselines list")
def _list() -> None:
    """Show all detectors and the field groups that they use, and what those need that can't be run here."""
    from baselines import plugins
    from baselines.registry import DETECTORS, SKIPPED, UPPER_BOUNDS
    from generator.schema import field_groups

    rows = [
        (name, field_groups(d.fields) + " + cohorts" * d.upper_bound, d.description, d.source)
        for name, d in (plugins.everything() | {**UPPER_BOUNDS}).items()
    ]
    rows += [(name, "-", escape(why), "-") for name, why in SKIPPED.items()]
    output.show(("detector", "fields", "what it does", "source"), rows)
    counts = (len(DETECTORS), len(plugins.installed()), len(UPPER_BOUNDS), len(SKIPPED))
    typer.echo(
        "{} built-in detectors, {} installed; {} upper bounds, which are told part of the truth and stand on no "
        "board; {} that can't be run here".format(*counts)
    )
