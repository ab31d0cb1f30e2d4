"""Leaving out campaigns and cohorts in turn: the folds of a jackknife, within strata.

Campaigns of a tier stand for each other, and so do benign cohorts. They are dealt into folds by the dataset's
digest alone, so entries are compared in pairs. A replicate is the value without one fold, the others of its
stratum weighing as much more; `records.estimate` makes an interval of them. Everything measured is a function
of such weights (see `ranking.Ranked`), so rows are never copied.

A stratum of one campaign says nothing of other campaigns: it has no replicate, and intervals are about the rest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from generator.arrays import F64, I64, Integers

FOLDS = 48
"""Most folds of a stratum: a standard error from them is known to a tenth, and a board's tag holds four strata."""
_CELLS = 5_000_000  # weights held at once by a thread, 8 bytes each
_THREADS = 2


@dataclass(frozen=True)
class Folds:
    """Groups dealt into folds within strata, each to be left out in turn.

    Parameters
    ----------
    stratum : ndarray of int, shape (groups,)
        Groups of the same stratum stand for each other: a campaign for one of its tier, a cohort for a benign one.
    digest : str
        Dataset; keys who shares a fold.
    most : int
        Folds of a stratum, at most.
    """

    stratum: Integers
    digest: str
    most: int = FOLDS

    @cached_property
    def _dealt(self) -> tuple[I64, tuple[int, ...]]:
        """Fold of each group (-1: it is alone in its stratum), and the number of folds of each stratum."""
        key = int(hashlib.sha256(self.digest.encode()).hexdigest()[:16], 16)
        fold = np.full(len(self.stratum), -1)
        strata: list[int] = []
        for s in np.unique(self.stratum):
            members = np.flatnonzero(self.stratum == s)
            if len(members) > 1:
                folds = min(self.most, len(members))
                order = np.random.Generator(np.random.Philox(key=[key, int(s)])).permutation(members)
                fold[order] = np.arange(len(members)) % folds + sum(strata)
                strata.append(folds)
        return fold, tuple(strata)

    @property
    def strata(self) -> tuple[int, ...]:
        """How many folds each stratum has."""
        return self._dealt[1]

    @property
    def alike(self) -> tuple[I64, I64]:
        """Column of each group, and one group of each column: groups of a column always weigh the same."""
        _, first, column = np.unique(self._dealt[0], return_index=True, return_inverse=True)
        return column, first

    def weights(self, start: int, stop: int) -> F64:
        """Weights of the groups in some replicates, shape (groups, stop - start).

        Parameters
        ----------
        start, stop : int
            First fold that is left out, and the one after the last.
        """
        fold, strata = self._dealt
        of_fold = np.repeat(np.arange(len(strata)), strata)
        of_group = np.where(fold < 0, -1, of_fold[fold] if len(of_fold) else -1)
        groups = np.bincount(of_group[fold >= 0], minlength=len(strata))
        left_out = np.arange(start, stop)
        more = groups[of_fold] / (groups[of_fold] - np.bincount(fold[fold >= 0], minlength=len(of_fold)))
        result = np.where(of_group[:, None] == of_fold[left_out], more[left_out], 1.0)
        result[fold[:, None] == left_out] = 0
        return result

    def measure(self, function: Callable[[F64], Mapping[str, F64]], cells: int = 0) -> dict[str, F64]:
        """What a function of the weights returns, over all replicates.

        Parameters
        ----------
        function : callable
            Gets weights of shape (groups, some), returns vectors of shape (some,) by name. Called in threads.
        cells : int
            Numbers it needs for each replicate; more of them, fewer replicates at once.
        """
        step = int(np.clip(_CELLS // max(len(self.stratum), cells, 1), 4, 64))
        total = sum(self.strata)
        if not total:
            return {name: v[:0] for name, v in function(np.ones((len(self.stratum), 1))).items()}

        def chunk(start: int) -> Mapping[str, F64]:
            return function(self.weights(start, min(start + step, total)))

        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            parts = list(pool.map(chunk, range(0, total, step)))
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
