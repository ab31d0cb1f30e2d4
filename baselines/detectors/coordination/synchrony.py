"""Unsupervised: accounts that act at the same moments, again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector, search_space
from baselines.graph import links, shared_keys
from generator.arrays import F64, I64
from generator.dataset import Split

_BEYOND_CHANCE = 3.0  # standard deviations (a)
_MULTIPLIER = np.uint64(1_000_003)  # odd, so that no bit of a band's earlier values is lost


@dataclass
class Synchrony(detector.Detector):
    """How much more often an account begins sessions together with others than two strangers would.

    Moments are slots of ten minutes in which a session begins. Accounts whose sets of moments agree in a band of
    MinHash values are candidates, so that never all pairs are compared; their overlap is then counted exactly,
    less what chance gives two accounts that are as busy. `synchrotrap` is the paper's own: it asks for the same
    resource at the same time, takes the Jaccard index and clusters; here only beginnings of sessions count.

    Parameters
    ----------
    bands, rows : int
        MinHash bands and values per band; two sets of Jaccard similarity s meet with 1 - (1 - s^rows)^bands.
    most : int
        Accounts above which a bucket of a band is left out.
    """

    name: ClassVar[str] = "synchrony"
    description: ClassVar[str] = "session starts in common beyond chance, candidates by MinHash"
    source: ClassVar[str] = "Broder, 1997; the idea of synchrony from Cao et al., CCS 2014"
    fields: ClassVar[tuple[str, ...]] = shared_keys.fields_of(("start",))
    ranges: ClassVar[search_space.Ranges] = {
        "bands": search_space.SearchRange(8, 48, log=True),
        "rows": search_space.SearchRange(1, 4),
        "most": search_space.SearchRange(20, 200, log=True),
    }

    bands: int = 24
    rows: int = 2
    most: int = 60

    def fit(self, *worlds: Split) -> Self:
        """Nothing to learn."""
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Sum over partners of what two share beyond chance, in standard deviations, where above three."""
        keys = shared_keys.read_keys(split, ("start",))
        incidence = keys.incidences["start"]
        first, second = candidates(incidence, self.bands, self.rows, self.most, self.seed)
        z = excess(incidence, first, second, split.days * links.SLOTS_PER_DAY)
        z = np.where(z > _BEYOND_CHANCE, z, 0.0)
        both = np.bincount(np.r_[first, second], np.r_[z, z], incidence.shape[0])
        return shared_keys.score_frame(keys.ids, np.log1p(both))


def candidates(incidence: sparse.csr_array, bands: int, rows: int, most: int, seed: int) -> tuple[I64, I64]:
    """Pairs of rows of a sparse 0/1 matrix that agree in a band of MinHash values.

    Parameters
    ----------
    incidence : scipy.sparse.csr_array, shape (accounts, keys)
        1 where an account holds a key.
    bands, rows : int
        Number of bands, and of values per band.
    most : int
        Buckets with more accounts than this are left out.
    seed : int
        Seed of the permutations.

    Returns
    -------
    first, second : ndarray of int64, shape (pairs,)
        first < second; sorted.

    References
    ----------
    Broder, "On the resemblance and containment of documents", Compression and Complexity of Sequences 1997.
    """
    n = incidence.shape[0]
    nonempty = np.flatnonzero(np.diff(incidence.indptr))
    if not len(nonempty):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    rng = np.random.default_rng(seed)
    codes = []
    for _ in range(bands):
        key = np.zeros(len(nonempty), np.uint64)
        for _ in range(rows):
            value = rng.permutation(incidence.shape[1]).astype(np.uint64)[incidence.indices]
            key = key * _MULTIPLIER + np.minimum.reduceat(value, incidence.indptr[nonempty])
        bucket = np.unique(key, return_inverse=True)[1]
        size = np.bincount(bucket)
        kept = (size[bucket] > 1) & (size[bucket] <= most)
        member = sparse.csr_array((np.ones(kept.sum()), (nonempty[kept], bucket[kept])), shape=(n, len(size)))
        pairs = sparse.triu(member @ member.T, 1).tocoo()
        codes.append(pairs.row.astype(np.int64) * n + pairs.col)
    distinct = np.unique(np.concatenate(codes))
    return distinct // n, distinct % n


def excess(incidence: sparse.csr_array, first: I64, second: I64, slots: int) -> F64:
    """Keys in common less those expected of two independent sets.

    Parameters
    ----------
    incidence : scipy.sparse.csr_array, shape (accounts, keys)
        1 where an account holds a key.
    first, second : ndarray of int64, shape (pairs,)
        Pairs of accounts.
    slots : int
        Number of keys that there could be.

    Returns
    -------
    ndarray of float64, shape (pairs,)
        In standard deviations.

    Examples
    --------
    >>> keys = sparse.csr_array(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    >>> excess(keys, np.array([0, 0]), np.array([1, 2]), slots=4)
    array([ 0.70710678, -0.40824829])
    """
    common = np.asarray(incidence[first].multiply(incidence[second]).sum(axis=1), np.float64)
    size = np.diff(incidence.indptr).astype(np.float64)
    expected = size[first] * size[second] / slots
    return (common - expected) / np.sqrt(expected + 1)
