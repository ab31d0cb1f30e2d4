"""Boosted trees on what a detector reads about each account in the texts of all of them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import polars as pl
from scipy import sparse

from baselines.base import detector
from baselines.features import supervision
from baselines.graph import shared_keys
from generator.arrays import F64, I64
from generator.dataset import Split

ROUNDS = 120  # trees; a handful of features need no more (a)


@dataclass
class DescribedAccounts(detector.Detector):
    """Trees on a description of each account; what to describe is for the subclass to say."""

    _model: Any = field(init=False, repr=False, default=None)

    @abstractmethod
    def describe(self, split: Split) -> tuple[pl.Series, F64]:
        """Describe every account of a split by its place among the others.

        Parameters
        ----------
        split : Split
            World without labels.

        Returns
        -------
        ids : polars.Series
            account_id (String).
        x : ndarray of float64, shape (accounts, features)
            NaN where undefined.
        """

    def fit(self, *worlds: Split) -> Self:
        """Extraction accounts that served against benign ones."""
        parts = []
        for world in worlds:
            ids, x = self.describe(world)
            known = supervision.training_labels(world, ids)
            parts.append((supervision.rounded(x)[known.rows], known.positive))
        x, positive = (np.concatenate(part) for part in zip(*parts, strict=True))
        self._model = supervision.boost(x, positive, self.seed, rounds=ROUNDS)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Log-odds of extraction."""
        ids, x = self.describe(split)
        return shared_keys.score_frame(ids, supervision.predict(self._model, supervision.rounded(x)))


def at_rank(graph: sparse.csr_array, rank: int) -> F64:
    """Weight of the edge of a rank, the heaviest of an account being the first.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (accounts, accounts)
        Weights.
    rank : int
        From 1.

    Returns
    -------
    ndarray of float64, shape (accounts,)
        0 where an account has fewer edges.

    Examples
    --------
    >>> at_rank(sparse.csr_array(np.array([[0, 0.2, 0.9], [0.2, 0, 0], [0.9, 0, 0]])), 2)
    array([0.2, 0. , 0. ])
    """
    result = np.zeros(graph.shape[0])
    row, ranks = edge_ranks(graph)
    result[row[ranks == rank]] = graph.data[ranks == rank]
    return result


def edge_ranks(graph: sparse.csr_array) -> tuple[I64, I64]:
    """Row of each edge, and its rank among those of the row: the heaviest is the first, ties stand as they are.

    Parameters
    ----------
    graph : scipy.sparse.csr_array, shape (accounts, accounts)
        Weights.

    Returns
    -------
    row, rank : ndarray of int64, shape (edges,)
        In the order of the graph's data; ranks from 1.
    """
    row = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    rank = np.empty(len(row), np.int64)
    rank[np.lexsort((-graph.data, row))] = 1 + np.arange(len(row)) - graph.indptr[row]
    return row, rank
