"""Neighbours drawn at random, so that a batch needs no more of the graph than its own surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from generator.arrays import F64, I64


@dataclass(frozen=True)
class NeighbourSampler:
    """Draws neighbours over one kind of link; one that shares several values is as many times as likely.

    Each pair of an account and another with one of its values has a number; a draw is a number, and pairs are
    never listed. Build it with `of`.

    Attributes
    ----------
    held : scipy.sparse.csr_array, shape (accounts, values)
        1 where an account has the value.
    start : ndarray of int64, shape (entries + 1,)
        Number of the first pair of each entry of `held`, and of all.
    place : ndarray of int64, shape (entries,)
        Place of the account among those with the value.
    holders, first : ndarray of int64
        Accounts, value by value, and where each value's begin.
    """

    held: sparse.csr_array
    start: I64
    place: I64
    holders: I64
    first: I64

    @classmethod
    def of(cls, held: sparse.csr_array) -> Self:
        """Number the pairs.

        Parameters
        ----------
        held : scipy.sparse.csr_array, shape (accounts, values)
            1 where an account has the value.
        """
        held = held.copy()
        held.sort_indices()
        by_value = np.argsort(held.indices, kind="stable")
        count = np.bincount(held.indices, minlength=held.shape[1])
        first = np.r_[0, np.cumsum(count)]
        place = np.empty(held.nnz, np.int64)
        place[by_value] = np.arange(held.nnz) - np.repeat(first[:-1], count)
        account = np.repeat(np.arange(held.shape[0]), np.diff(held.indptr))
        return cls(held, np.r_[0, np.cumsum(count[held.indices] - 1)], place, account[by_value], first)

    def draw(self, rows: I64, size: int, rng: np.random.Generator) -> I64:
        """Draw neighbours with replacement.

        Parameters
        ----------
        rows : ndarray of int64, any shape
            Accounts; -1 for nobody.
        size : int
            Neighbours of each.
        rng : numpy.random.Generator
            Source of the draws.

        Returns
        -------
        ndarray of int64, shape (*rows.shape, size)
            -1 where an account has no neighbour.

        Examples
        --------
        The first two accounts share a value, the third has none:

        >>> sampler = NeighbourSampler.of(sparse.csr_array(np.array([[1.0], [1.0], [0.0]])))
        >>> sampler.draw(np.array([0, 1, 2, -1]), 2, np.random.default_rng(0)).tolist()
        [[1, 1], [0, 0], [-1, -1], [-1, -1]]
        """
        low, high = (self.start[self.held.indptr[rows + shift]] for shift in (0, 1))
        there = (rows >= 0) & (high > low)
        shares = rng.random((*rows.shape, size))
        if not there.any():
            return np.full(shares.shape, -1, np.int64)
        pair = (low[..., None] + (shares * (high - low)[..., None]).astype(np.int64))[there]
        entry = np.searchsorted(self.start, pair, "right") - 1
        nth = pair - self.start[entry]
        nth += nth >= self.place[entry]  # the account itself is passed over
        drawn = np.full(shares.shape, -1, np.int64)
        drawn[there] = self.holders[self.first[self.held.indices[entry]] + nth]
        return drawn


def beta_wavelets(x: F64, once: F64, twice: F64) -> tuple[F64, F64, F64]:
    """Beta wavelets of degree 2: what is smooth, in between, and what stands out.

    Parameters
    ----------
    x, once, twice : ndarray of float64, or Tensor, of one shape
        Values of nodes, the means of their neighbours, and the means of these.

    Returns
    -------
    tuple of ndarray of float64 or Tensor
        Powers of (1 + T)/2 and (1 - T)/2 on x, where T takes the neighbours' mean: 2 and 0, 1 and 1, 0 and 2.

    References
    ----------
    Tang, Li, Gao and Li, "Rethinking graph neural networks for anomaly detection", ICML 2022.
    """
    return (x + 2 * once + twice) / 4, (x - twice) / 4, (x - 2 * once + twice) / 4
