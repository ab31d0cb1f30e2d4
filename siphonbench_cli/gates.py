"""Release gates."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generator.errors import UserError
from siphonbench import DATA
from siphonbench_cli import root

if TYPE_CHECKING:
    from baselines.answers import Result
    from generator.audit import Gate
    from generator.audit.detectors import Reached
    from generator.audit.truth import World
    from generator.dataset import Dataset


@root.app.command("audit", epilog="Example: siphonbench audit siphonbench-data/nano --json")
def _audit(
    data: root.Data = DATA,
    seed: root.Seed = None,
    as_json: root.Json = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file as well.")] = None,
    detectors: Annotated[bool, typer.Option(help="Train the detectors that some gates are about.")] = True,
) -> None:
    """Measure the release gates on all splits, truth open; exit code 1 if one fails."""
    from generator import audit

    dataset = root.opened(data)
    with root.progress("measuring") as tick:
        gates = audit.measure(dataset, tick)
    if detectors:
        with root.progress("training and scoring") as tick:
            gates += detector_gates(dataset, seed or 0, tick)
    text = json.dumps([asdict(gate) for gate in gates], indent=1)
    if out:
        root.replace(out, text)
    if as_json:
        typer.echo(text)
    else:
        root.show(("gate", "value", "bound", "result", "where"), [_row(gate) for gate in gates])
    raise typer.Exit(0 if all(gate.passed for gate in gates) else 1)


def _row(gate: Gate) -> tuple[str, ...]:
    verdict = "passed" if gate.passed else f"FAILED: {gate.remedy}"
    return gate.name, f"{gate.value:.4g}", gate.bound, verdict, gate.where


def detector_gates(dataset: Dataset, seed: int, tick: Callable[[int, int], None]) -> list[Gate]:
    """Train detectors on the first split, score the others, and measure the gates about what they reach.

    The oracle learns from all earlier splits.
    """
    from baselines import DETECTORS, answers, run
    from generator.audit import detectors, truth

    worlds = truth.worlds(dataset)
    splits = [w.split for w in worlds]
    if len(worlds) < 2:
        raise UserError(
            f"{dataset.path} has one split, but detectors learn from one and score another: give --no-detectors"
        )
    total = len(detectors.CHAIN) + len(worlds) - 1
    tick(0, total)
    reached = {}
    for done, name in enumerate(detectors.CHAIN, 1):
        scored = worlds[done > 1 :]  # the rate limit learns nothing: the first split is a fair test of it, too
        results = answers.run_each(DETECTORS[name](seed=seed), splits[0], [w.split for w in scored])
        reached[name] = _reached(dataset, scored, list(results))
        tick(done, total)
    oracle = []
    for i, split in enumerate(splits[1:], 1):
        oracle.append(run.cohort_oracle_on(splits[:i], split, seed))
        tick(len(detectors.CHAIN) + i, total)
    reached[detectors.ORACLE] = _reached(dataset, worlds[1:], oracle)
    return detectors.gates(reached, int(dataset.manifest["config"]["accounts"]))


def _reached(dataset: Dataset, worlds: list[World], results: list[Result]) -> Reached:
    """What a detector reached on each split, as plain numbers."""
    import numpy as np
    import polars as pl

    from generator.audit import detectors, measures
    from leaderboard import scoring
    from leaderboard.truth import Truth

    found = detectors.Reached()
    for world, result in zip(worlds, results, strict=True):
        labels = world.split.labels.polars().collect()
        card = scoring.score("accounts", result.predictions, Truth(labels), dataset.digest)
        found.ap[world.name] = card.primary.value
        found.overall[world.name] = card.tables["overall"]["ap"].value
        found.resampled[world.name] = np.array(card.resampled)
        scores = world.truth.join(result.predictions.cast({"account_id": pl.String}), on="account_id")["score"]
        judged = world.benign | world.hidden
        found.recall[world.name] = measures.recall(world.hidden[judged], scores.to_numpy()[judged], 1e-2)
    return found
