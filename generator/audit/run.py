"""All gates that a dataset answers by itself, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from generator.audit import aggregates, careless, overlap, pairs, places, shortcuts, structure, truth
from generator.audit.gate import Gate
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
    worlds = truth.worlds(dataset)
    found: list[Gate] = []
    described = aggregates.describe(worlds)
    steps: list[Callable[[], list[Gate]]] = [
        lambda: shortcuts.singles(described),
        lambda: [shortcuts.columns_by_row(worlds)],
        lambda: [pairs.gates(described)],
        lambda: [shortcuts.tree(described)],
        lambda: places.gates(worlds),
        lambda: careless.gates(dataset, worlds),
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
