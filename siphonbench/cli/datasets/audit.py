"""Release gates."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator import files
from siphonbench import api
from siphonbench.api import DATA
from siphonbench.cli.common import options, output
from siphonbench.cli.common.app import app
from siphonbench.workflows.audit_detectors import detector_gates

if TYPE_CHECKING:
    from generator.audit.base.gate import Gate


@app.command("audit", epilog="Example: siphonbench audit siphonbench-data/nano --json")
def _audit(
    data: options.Data = DATA,
    seed: options.Seed = None,
    as_json: options.Json = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file as well.")] = None,
    detectors: Annotated[bool, typer.Option(help="Train the detectors that some gates are about.")] = True,
    physics: Annotated[
        bool, typer.Option("--physics", help="Only what must hold in every row; reads no labels, trains nothing.")
    ] = False,
) -> None:
    """Measure the release gates on all splits, truth open; exit code 1 if one fails."""
    from generator.audit import run
    from generator.audit.audited_dataset import AuditedDataset
    from generator.audit.physics import invariants

    if out:
        files.check_writable(out)
    dataset = api.load_verified(data)
    audited = AuditedDataset(dataset)
    with output.progress("measuring") as tick:
        gates = invariants.gates(dataset, tick) if physics else run.measure(audited, tick)
    if detectors and not physics:
        with output.progress("training and scoring") as tick:
            gates += detector_gates(audited, seed or 0, tick)
    text = json.dumps([asdict(gate) for gate in gates], indent=1)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(out, text)
    if as_json:
        typer.echo(text)
    else:
        output.show(("gate", "value", "bound", "result", "where"), [_row(gate) for gate in gates])
        if not physics:
            output.show(("the hunt", "reached", "with"), audited.hunt.table())
    raise typer.Exit(0 if all(gate.passed for gate in gates) else 1)


def _row(gate: Gate) -> tuple[str, ...]:
    verdict = "passed" if gate.passed else f"FAILED: {gate.remedy}"
    return gate.name, f"{gate.value:.4g}", gate.bound, verdict, gate.where
