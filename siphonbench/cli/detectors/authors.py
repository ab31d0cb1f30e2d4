"""For authors of detectors: try one against the contract, and start a package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from generator.errors import UserError
from siphonbench.cli.common import output
from siphonbench.cli.common.app import app
from siphonbench.cli.detectors import group

if TYPE_CHECKING:
    from baselines.contract.checks import CheckOutcome


@group.group.command("check", epilog="Example: siphonbench baselines check mymodule:MyDetector")
def _check(
    name: Annotated[str, typer.Argument(help="mymodule:MyDetector, or a detector's name.")],
) -> None:
    """Try a detector against every promise of the contract, on little worlds; exit code 1 if one is broken."""
    from baselines import plugins
    from baselines.contract import checks, promises

    kind = plugins.find(name)
    if kind.upper_bound:
        raise UserError(
            f"{kind.name} is an upper bound that is told part of the truth: the contract is for others"
        )
    done = []
    with output.progress(f"checking {name}") as tick:
        for outcome in checks.outcomes(kind):
            done.append(outcome)
            tick(len(done), len(promises.CONTRACT))
    output.show(
        ("check", "promise", "result", "seconds"),
        [(o.name, o.promise, _verdict(o), f"{o.seconds:.1f}") for o in done],
    )
    failed, idle = sum(not o.passed for o in done), sum(not o.tried for o in done)
    left = f"; {idle} were not tried" if idle else ""
    typer.echo(f"{kind.name} keeps {len(done) - failed} of {len(done)} promises{left}")
    raise typer.Exit(int(failed > 0))


def _verdict(outcome: CheckOutcome) -> str:
    if outcome.passed:
        return "passed"
    return escape(f"{'FAILED' if outcome.tried else 'not tried'}: {outcome.reason}")


@app.command("new-detector", epilog="Example: siphonbench new-detector my-idea")
def _new_detector(
    name: Annotated[str, typer.Argument(help="Small letters and digits, words joined by hyphens.")],
    out: Annotated[Path | None, typer.Option(help="New or empty folder; NAME if left out.")] = None,
) -> None:
    """Write a small, tested package for a detector of your own; installed, it stands beside the built-in ones."""
    from baselines import detector_template

    folder = detector_template.write(name, out)
    typer.echo(
        f"{folder} written; next: cd {folder}, then: siphonbench baselines check {detector_template.address(name)}"
    )
