"""All gates that a dataset answers by itself, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from generator.audit import addresses, overlap, structure
from generator.audit.artifacts import gate_family
from generator.audit.base import labelled_split
from generator.audit.base.gate import Gate
from generator.audit.shortcuts import aggregates, column_pairs, single_column
from generator.dataset import Dataset

Tick = Callable[[int, int], None]
STEPS = 9


def measure(dataset: Dataset, tick: Tick | None = None) -> list[Gate]:
    """Measure the gates that a dataset can answer; see `detectors` for those about predictions.

    Parameters
    ----------
    dataset : Dataset
        Any preset; the bounds are meant for small and above.
    tick : callable, optional
        Told (done, total) after each step.

    Returns
    -------
    list of Gate
    """
    worlds = labelled_split.worlds(dataset)
    found: list[Gate] = []
    described = aggregates.describe(worlds)
    steps: list[Callable[[], list[Gate]]] = [
        lambda: single_column.singles(described),
        lambda: [single_column.columns_by_row(worlds)],
        lambda: [column_pairs.gates(described)],
        lambda: [single_column.tree(described)],
        lambda: addresses.gates(worlds),
        lambda: gate_family.gates(dataset, worlds),
        lambda: [
            structure.company(worlds),
            structure.archetypes(dataset, worlds),
            structure.one_class_files(worlds),
        ],
        lambda: overlap.gates(dataset, described),
        lambda: [structure.permuted(dataset)],
    ]
    for done, step in enumerate(steps, 1):
        found += step()
        if tick:
            tick(done, len(steps))
    return found
