"""Release gates."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from siphonbench import DATA
from siphonbench_cli import root


@root.app.command("audit", epilog="Example: siphonbench audit siphonbench-data/nano --json")
def _audit(data: root.Data = DATA, seed: root.Seed = None, as_json: root.Json = False) -> None:
    """Measure the release gates, detectors trained; exit code 1 if one fails."""
    from generator import audit

    dataset = root.opened(data)
    gates = audit.audit(dataset, {r.name: r.predictions for r in root.results(dataset, None, "test", seed)})
    if as_json:
        typer.echo(json.dumps([asdict(gate) for gate in gates], indent=1))
    else:
        rows = [
            (g.name, f"{g.value:.4g}", g.bound, "passed" if g.passed else f"FAILED: {g.remedy}") for g in gates
        ]
        root.show(("gate", "value", "bound", "result"), rows)
    raise typer.Exit(0 if all(gate.passed for gate in gates) else 1)
