"""Resampling of campaigns and cohorts: draws depend on the dataset alone, so entries are compared in pairs.

A resample gives each campaign and benign cohort a weight: how often it was drawn. Everything that is measured is
a function of such weights (see `ranking.Ranked`), so rows are never copied, however many resamples there are.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from generator.arrays import F64, Integers

LEVEL = (2.5, 97.5)
RESAMPLES = 1000
_CELLS = 5_000_000  # weights held at once by a thread, 8 bytes each
_THREADS = 2


@dataclass(frozen=True)
class Draws:
    """Resamples of groups with replacement, within strata.

    Parameters
    ----------
    stratum : ndarray of int, shape (groups,)
        Groups of the same stratum stand for each other: a campaign for one of its tier, a cohort for a benign one.
    digest : str
        Dataset; keys the draws.
    resamples : int
        How many.
    """

    stratum: Integers
    digest: str
    resamples: int = RESAMPLES

    def weights(self, start: int, stop: int) -> F64:
        """Weights of the groups in some resamples, shape (groups, stop - start).

        Parameters
        ----------
        start, stop : int
            First resample, and the one after the last.
        """
        key = int(hashlib.sha256(self.digest.encode()).hexdigest()[:16], 16)
        members = [np.flatnonzero(self.stratum == s) for s in np.unique(self.stratum)]
        result = np.empty((len(self.stratum), stop - start))
        for column, resample in enumerate(range(start, stop)):
            # Keyed by its number: resample 7 is the same one however many are asked for.
            rng = np.random.Generator(np.random.Philox(key=[key, resample]))
            for ids in members:
                drawn = rng.integers(0, len(ids), len(ids), dtype=np.int32)
                result[ids, column] = np.bincount(drawn, minlength=len(ids))
        return result

    def measure(self, function: Callable[[F64], Mapping[str, F64]], cells: int = 0) -> dict[str, F64]:
        """What a function of the weights returns, over all resamples.

        Parameters
        ----------
        function : callable
            Gets weights of shape (groups, some), returns vectors of shape (some,) by name. Called in threads.
        cells : int
            Numbers it needs for each resample; more of them, fewer resamples at once.
        """
        step = int(np.clip(_CELLS // max(len(self.stratum), cells, 1), 4, 128))
        starts = range(0, self.resamples, step)

        def chunk(start: int) -> Mapping[str, F64]:
            return function(self.weights(start, min(start + step, self.resamples)))

        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            parts = list(pool.map(chunk, starts))
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def interval(values: F64) -> tuple[float, float]:
    """95 % percentile interval of resampled values, of those in which there was something to measure.

    Parameters
    ----------
    values : ndarray of float, shape (resamples,)
        Not a number where there was nothing.

    Examples
    --------
    >>> interval(np.array([*range(101), np.nan]))
    (2.5, 97.5)
    """
    measured = values[np.isfinite(values)]
    low, high = np.percentile(measured, LEVEL) if len(measured) else (0.0, 1.0)
    return float(low), float(high)


def differs(a: F64, b: F64) -> bool:
    """Whether the paired 95 % interval of a - b leaves zero out.

    Parameters
    ----------
    a, b : ndarray of float, shape (resamples,)
        Values in each resample, paired by position; the longer one is cut.

    Examples
    --------
    >>> differs(np.array([0.5, 0.7]), np.array([0.4, 0.6])), differs(np.array([0.5, 0.7]), np.array([0.6, 0.6]))
    (True, False)
    """
    n = min(len(a), len(b))
    low, high = interval(a[:n].astype(np.float64) - b[:n])
    return low > 0 or high < 0
