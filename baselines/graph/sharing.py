"""What two accounts share over one link, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from generator.arrays import F64, I64

_AT_ONCE = 100_000  # pairs compared at once: bounds memory


@dataclass(frozen=True)
class Sharing:
    """What accounts hold over one link, with what is said of each pair of them.

    Attributes
    ----------
    held : scipy.sparse.csr_array, shape (accounts, keys)
        1 where an account holds a key.
    """

    held: sparse.csr_array

    @cached_property
    def _holders(self) -> npt.NDArray[np.int32]:
        return np.asarray(self.held.sum(axis=0)).astype(np.int32)

    @cached_property
    def _length(self) -> F64:
        return np.asarray(np.sqrt(self.held @ self._idf() ** 2), np.float64)

    def _idf(self) -> F64:
        return np.asarray(np.log(self.held.shape[0] / self._holders), np.float64)

    def describe(self, first: I64, second: I64) -> tuple[F64, ...]:
        """What two accounts share: keys, holders of the rarest, cosine; and how much each holds.

        Parameters
        ----------
        first, second : ndarray of int64, shape (pairs,)
            The two accounts.

        Returns
        -------
        tuple of ndarray of float64, shape (pairs,)
            Five numbers; NaN where undefined.
        """
        # A sum of high powers is ruled by the largest: the rarest key.
        powers_of = np.maximum(self._holders - 1.0, 1) ** -4.0
        weights = np.column_stack([np.ones(len(powers_of)), powers_of, self._idf() ** 2])
        count, powers, product = _dots(self.held, weights, first, second).T
        rarest = np.maximum(powers, 1e-30) ** -0.25
        both = self._length[first] * self._length[second]
        cosine = product / np.where(both > 0, both, 1)
        keys = np.diff(self.held.indptr).astype(np.float64)
        low, high = np.minimum(keys[first], keys[second]), np.maximum(keys[first], keys[second])
        return (count, np.where(count > 0, rarest, np.nan), np.where(both > 0, cosine, np.nan), low, high)


def _dots(a: sparse.csr_array, weights: F64, first: I64, second: I64) -> F64:
    """Sums of the weights of the keys that both accounts of a pair hold, shape (pairs, kinds of weight)."""
    sums = np.zeros((len(first), weights.shape[1]))
    for start in range(0, len(first), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        sums[part] = a[first[part]].multiply(a[second[part]]) @ weights
    return sums
