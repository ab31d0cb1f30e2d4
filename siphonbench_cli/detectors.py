"""List detectors, built-in or installed."""

from __future__ import annotations

import typer

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
