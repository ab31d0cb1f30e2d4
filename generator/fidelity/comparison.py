"""A world against a folder of traces: every kind, every reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from generator.fidelity import protocol
from generator.fidelity.references import Pair, pairs
from generator.fidelity.report import Report
from generator.fidelity.traces import from_dataset

if TYPE_CHECKING:
    from generator.dataset import Split

__all__ = ["compare", "pairs"]


def compare(
    world: Split,
    references: Sequence[Pair],
    seed: int = 0,
    repeats: int = protocol.REPEATS,
    classifiers: bool = True,
    tick: protocol.Tick | None = None,
    plots: Path | None = None,
    failed: bool = False,
) -> list[Report]:
    """One report for each reference, in their order.

    Parameters
    ----------
    world : Split
        Split with its labels open.
    references : sequence of Pair
        See `references.pairs`.
    seed : int
        Seed of all sampling.
    repeats : int
        Times to draw samples.
    classifiers : bool
        Whether to train trees.
    tick : callable, optional
        Called with (done, total).
    plots : Path, optional
        Folder to write an SVG plot of each comparison to.
    failed : bool
        Keep requests that were rejected or failed.

    Raises
    ------
    UserError
        If the world has fewer than 200 rows of a kind.
    """
    kinds = dict.fromkeys(pair.kind for pair in references)
    logs = {kind: from_dataset(world, kind, failed=failed) for kind in kinds}
    reports = []
    for at, pair in enumerate(references):

        def inner(done: int, total: int, before: int = at) -> None:
            if tick:
                tick(before * total + done, len(references) * total)

        synth = logs[pair.kind]
        report = protocol.measure(synth, pair.reference, pair.peer, seed, repeats, classifiers, inner)
        reports.append(replace(report, kind=pair.kind, note=pair.note))
        if plots:
            from generator.fidelity import plots as drawing

            drawing.draw(reports[-1], synth, pair, plots)
    return reports
