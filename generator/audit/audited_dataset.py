"""What gates look at: a dataset, its splits with their labels open, and every aggregate of every account."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from generator.audit.base import labelled_split
from generator.audit.base.labelled_split import LabelledSplit
from generator.audit.hunt.search import Hunt
from generator.audit.shortcuts import aggregates
from generator.audit.shortcuts.aggregates import Aggregates
from generator.dataset import Dataset


@dataclass(frozen=True)
class AuditedDataset:
    """One dataset under audit; what is costly is computed once, when a gate asks for it.

    Attributes
    ----------
    dataset : Dataset
        As it was loaded.
    """

    dataset: Dataset

    @cached_property
    def splits(self) -> list[LabelledSplit]:
        """Every split, in the dataset's order."""
        return labelled_split.labelled_splits(self.dataset)

    @cached_property
    def aggregates(self) -> list[Aggregates]:
        """A thousand simple aggregates of every account, by split."""
        return aggregates.aggregate(self.splits)

    @cached_property
    def hunt(self) -> Hunt:
        """Shortcuts that need a clock, a border or one shared value."""
        return Hunt(self.splits, self.aggregates)
