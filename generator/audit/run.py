"""All gates that a dataset answers by itself. A new gate is one function and one line of the table `GATES`."""

from __future__ import annotations

from collections.abc import Callable

from generator.audit import addresses, overlap, structure
from generator.audit.artifacts import gate_family
from generator.audit.audited_dataset import AuditedDataset
from generator.audit.base.gate import Gate
from generator.audit.physics import invariants
from generator.audit.shortcuts import column_pairs, single_column
from generator.audit.text import text_gates

Tick = Callable[[int, int], None]
GATES: dict[str, Callable[[AuditedDataset], list[Gate]]] = {
    "physics": lambda data: invariants.gates(data.dataset),
    "single aggregates": lambda data: single_column.single_aggregates(data.aggregates),
    "raw columns": lambda data: [single_column.raw_columns(data.splits)],
    "pairs of aggregates": lambda data: [column_pairs.aggregate_pairs(data.aggregates)],
    "tree on all aggregates": lambda data: [single_column.aggregate_tree(data.aggregates)],
    "hunt": lambda data: data.hunt.gates(),
    "places": lambda data: addresses.gates(data.splits),
    "artifacts": lambda data: gate_family.gates(data.dataset, data.splits),
    "text": lambda data: text_gates.gates(data.splits),
    "benign groups": lambda data: [structure.benign_groups(data.splits)],
    "campaigns of archetypes": lambda data: [structure.campaigns_of_archetypes(data.dataset, data.splits)],
    "campaigns of tiers": lambda data: [structure.campaigns_of_tiers(data.dataset, data.splits)],
    "one-class files": lambda data: [structure.one_class_files(data.splits)],
    "overlap of splits": lambda data: overlap.gates(data.dataset, data.aggregates),
    "permuted labels": lambda data: [structure.permuted_labels(data.dataset)],
}


def measure(data: AuditedDataset, tick: Tick | None = None) -> list[Gate]:
    """Measure the gates that a dataset can answer; see `detector_gates` for those about predictions.

    Parameters
    ----------
    data : AuditedDataset
        Of any preset; the bounds are meant for small and above.
    tick : callable, optional
        Called with (done, total) after each line of the table.

    Returns
    -------
    list of Gate
        In the order of the table.
    """
    measured: list[Gate] = []
    for done, gates in enumerate(GATES.values(), 1):
        measured += gates(data)
        if tick:
            tick(done, len(GATES))
    return measured
