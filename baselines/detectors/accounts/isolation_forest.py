"""Unsupervised: accounts whose aggregates are easy to set apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from baselines.base import detector, search_space
from baselines.features import account_features, feature_table, supervision
from generator.arrays import F64
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
    _forest: Any = field(init=False, repr=False, default=None)
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
        self._forest = Forest(n_estimators=self.trees, random_state=self.seed).fit(x)
        return self

    def score(self, split: Split) -> pl.DataFrame:
        """Negated path length, normalised by scikit-learn."""
        frame = account_features.account_features(split, feature_table.FEATURES)
        x = supervision.matrix(frame)
        score = -self._forest.score_samples(np.where(np.isnan(x), self._middle, x))
        return frame.select("account_id", score=pl.Series(score))
