"""Unsupervised: accounts whose aggregates are easy to set apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.features import account_features, feature_table, forests, supervision
from generator.arrays import F64, I64
from generator.dataset import Split


@dataclass
class IsolationForest(detector.Detector):
    """Isolation forest on account aggregates; labels are not used.

    Parameters
    ----------
    trees : int
        Number of trees.
    """

    name: ClassVar[str] = "isolation-forest"
    description: ClassVar[str] = "isolation forest on account aggregates, no labels used"
    source: ClassVar[str] = "Liu, Ting and Zhou, Isolation forest, ICDM 2008"
    fields: ClassVar[tuple[str, ...]] = account_features.fields_of(feature_table.FEATURES)
    ranges: ClassVar[search_space.Ranges] = {"trees": search_space.SearchRange(50, 500, log=True)}

    trees: int = 200
    _forest: forests.Forest = field(init=False, repr=False, default_factory=dict)
    _middle: F64 = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    def fit(self, *worlds: Split) -> Self:
        """Grow the forest on all accounts."""
        from sklearn.ensemble import IsolationForest as Forest

        x = np.vstack(
            [supervision.matrix(account_features.account_features(w, feature_table.FEATURES)) for w in worlds]
        )
        self._middle = np.nan_to_num(np.nanmedian(x, axis=0))
        x = np.where(np.isnan(x), self._middle, x)
        x = x[np.lexsort(x.T)]  # trees draw rows by position: see supervision.boost
        self._forest = flattened(Forest(n_estimators=self.trees, random_state=self.seed).fit(x))
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Two to the power of the negated path length, over that of an unsuccessful search."""
        frame = account_features.account_features(split, feature_table.FEATURES)
        x = supervision.matrix(frame)
        path = forests.mean_value(self._forest, np.where(np.isnan(x), self._middle, x))
        return frame.select("account_id", score=pl.Series(2.0**-path))


def flattened(forest: Any) -> forests.Forest:
    """Keep of an isolation forest how deep each leaf lies, over what an unsuccessful search takes.

    Parameters
    ----------
    forest : sklearn.ensemble.IsolationForest
        Fitted.

    Returns
    -------
    dict of str to ndarray
        Where a tree stopped early, a leaf is as much deeper as its rows would have taken on average.
    """
    trees = [tree.tree_ for tree in forest.estimators_]
    depths = (t.compute_node_depths() - 1 + _path_length(t.n_node_samples) for t in trees)
    usual = _path_length(np.array([forest.max_samples_]))
    return forests.flatten(trees, (depth / usual for depth in depths))


def _path_length(n: I64) -> F64:
    """Mean length of an unsuccessful search in a binary tree of n rows: equation 1 of the source."""
    inside = np.maximum(n, 3)
    usual = 2 * (np.log(inside - 1) + np.euler_gamma) - 2 * (inside - 1) / inside
    return np.select([n > 2, n == 2], [usual, 1.0], 0.0)
