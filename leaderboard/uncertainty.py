"""Resampling of campaigns and cohorts: draws depend on the dataset alone, so entries are compared in pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
LEVEL = (2.5, 97.5)
_CHUNK = 50


def weights(
    group: npt.NDArray[np.integer], stratum: npt.NDArray[np.integer], digest: str, resamples: int
) -> Iterator[F64]:
    """Weights of rows under resampling of their groups with replacement, within strata.

    Parameters
    ----------
    group : ndarray of int, shape (n,)
        Campaign or cohort of each row, numbered from 0.
    stratum : ndarray of int, shape (n,)
        Stratum of each row; all rows of a group are in the same one.
    digest : str
        Dataset; keys the draws.
    resamples : int
        How many.

    Yields
    ------
    ndarray of float64, shape (up to 50, n)
    """
    key = int(hashlib.sha256(digest.encode()).hexdigest()[:16], 16)
    groups, first = np.unique(group, return_index=True)
    members = [groups[stratum[first] == s] for s in np.unique(stratum)]
    for start in range(0, resamples, _CHUNK):
        counts = np.zeros((min(_CHUNK, resamples - start), int(group.max()) + 1))
        for resample, row in enumerate(counts, start):
            # Keyed by its number: resample 7 is the same one however many are asked for.
            rng = np.random.Generator(np.random.Philox(key=[key, resample]))
            for ids in members:
                row += np.bincount(ids[rng.integers(0, len(ids), len(ids))], minlength=len(row))
        yield counts[:, group]


def interval(values: F64) -> tuple[float, float]:
    """95 % percentile interval of resampled values."""
    low, high = np.percentile(values, LEVEL)
    return float(low), float(high)


def differs(a: F64, b: F64) -> bool:
    """Whether the paired 95 % interval of a - b leaves zero out; resamples are paired by position."""
    n = min(len(a), len(b))
    low, high = interval(a[:n].astype(np.float64) - b[:n])
    return low > 0 or high < 0
