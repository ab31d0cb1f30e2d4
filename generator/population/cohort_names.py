"""Runs of numbered cohorts, and their names without a string for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from generator.arrays import I64, U64


@dataclass(frozen=True)
class CohortRun:
    """Cohorts of one archetype and tier, numbered from 0.

    Attributes
    ----------
    name : str
        Their name, with {} where the number goes.
    archetype, tier : str
        What they are; the tier is "" for benign ones.
    key : ndarray of uint64
        Stream of each.
    sizes : ndarray of int64
        Members of each.
    """

    name: str
    archetype: str
    tier: str
    key: U64
    sizes: I64


class CohortNames(Sequence[str]):
    """Names of cohorts, formatted when asked for: a large world has half a million.

    Parameters
    ----------
    runs : sequence of Run
        The cohorts, in their order.
    """

    def __init__(self, runs: Sequence[CohortRun]) -> None:
        self._stems = [r.name for r in runs]
        self._ends = np.cumsum([0, *(len(r.sizes) for r in runs)])

    @overload
    def __getitem__(self, i: int) -> str: ...
    @overload
    def __getitem__(self, i: slice) -> list[str]: ...
    def __getitem__(self, i: int | slice) -> str | list[str]:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        at = range(len(self))[i]
        run = int(np.searchsorted(self._ends, at, side="right")) - 1
        return self._stems[run].format(at - int(self._ends[run]))

    def __len__(self) -> int:
        return int(self._ends[-1])
